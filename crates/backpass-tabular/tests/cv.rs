//! Cross-validation on folds that are worth repeating.

mod common;

use backpass_tabular::{FitOptions, Table, cross_validate};
use common::csv;

/// So many rows, in groups `a`, `b`, … of the sizes given in turn.
fn table(groups: &[usize]) -> Table {
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let groups: Vec<&str> = names.iter().zip(groups).flat_map(|(name, size)| vec![*name; *size]).collect();
    let row = |(at, group): (usize, &&str)| format!("{},{group},{}", at * 37 % 101, (at * 37 % 101) as f64 / 7.0);
    let rows: Vec<String> = groups.iter().enumerate().map(row).collect();
    csv(&format!("x,group,y\n{}\n", rows.join("\n"))).unwrap()
}

fn repeated(table: &Table, split: &str, splits: (usize, usize)) -> Result<usize, String> {
    let hidden = Some("2".to_string());
    let options = FitOptions { hidden, epochs: Some(2), split: Some(split.into()), ..FitOptions::new("y") };
    let result = cross_validate(table, &options, splits, 1, &mut |_| {});
    result.map(|result| result.folds.len()).map_err(|error| error.to_string())
}

#[test]
fn folds_that_come_again_are_no_repetition() {
    let even = table(&[10; 8]);
    let refused = |table: &Table, split: &str, splits, part: &str| {
        let error = repeated(table, split, splits).unwrap_err();
        assert!(error.contains("--repeats: `2` is not possible") && error.contains(part), "{error}");
    };
    refused(&even, "ordered", (3, 2), "ordered folds are the same every time");
    assert_eq!(repeated(&even, "ordered", (3, 1)), Ok(3));
    assert_eq!(repeated(&even, "random", (3, 2)), Ok(6));
    // Groups of one size are dealt out by chance; each its own fold, or of sizes that decide all, they are not.
    assert_eq!(repeated(&even, "group=group", (3, 2)), Ok(6));
    refused(&even, "group=group", (8, 2), "these groups make the same folds again");
    refused(&table(&[20, 18, 15, 11, 8, 6, 5]), "group=group", (3, 2), "these groups make the same folds again");
    refused(&table(&[8]), "random", (8, 2), "so few rows make the same folds again");
}
