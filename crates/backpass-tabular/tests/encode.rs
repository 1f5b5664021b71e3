//! From the columns of a table to what a network sees.

mod common;

use backpass_tabular::{
    Cells, Column, FitError, FitErrorKind, FitOptions, Kind, Model, ReadOptions, Table, TextCells, fit, read,
};
use common::{csv, shared};

/// One pass without hidden layers: only the encoder matters here.
fn quick() -> FitOptions {
    FitOptions {
        validation: Some("none".into()),
        hidden: Some("none".into()),
        epochs: Some(1),
        scaling: Some("none".into()),
        ..FitOptions::new("y")
    }
}

fn model(table: &Table, options: &FitOptions) -> Model {
    fit(table, options).unwrap().model
}

/// The feature of that name in every row.
fn feature(model: &Model, table: &Table, name: &str) -> Vec<f32> {
    let names = &model.inputs.features;
    let at = names.iter().position(|n| n == name).unwrap_or_else(|| panic!("{name} is none of {names:?}"));
    model.features(table).unwrap().0.into_iter().skip(at).step_by(names.len()).collect()
}

fn inputs(texts: &[&str]) -> FitOptions {
    FitOptions { inputs: texts.iter().map(|t| t.to_string()).collect(), ..quick() }
}

fn error(table: &Table, options: &FitOptions) -> FitError {
    fit(table, options).unwrap_err()
}

#[test]
fn numbers_are_scaled_filled_and_marked() {
    // Quartiles 1, 2 and 4 of 0, 1, 2, 4, 11.
    let table = csv("x,y\n0,1.5\n1,2.5\n,3.5\n2,4.5\n4,5.5\n11,6.5\n").unwrap();
    let none = model(&table, &quick());
    assert_eq!(none.inputs.features, ["x", "x is missing"]);
    assert_eq!(feature(&none, &table, "x"), [0.0, 1.0, 2.0, 2.0, 4.0, 11.0]);
    assert_eq!(feature(&none, &table, "x is missing"), [0.0, 0.0, 1.0, 0.0, 0.0, 0.0]);

    let robust = model(&table, &FitOptions { scaling: Some("robust".into()), ..quick() });
    let limited = |x: f32| {
        let scaled = (x - 2.0) / 3.0;
        scaled / (1.0 + (scaled / 3.0).powi(2)).sqrt()
    };
    for (found, x) in feature(&robust, &table, "x").into_iter().zip([0.0, 1.0, 2.0, 2.0, 4.0, 11.0]) {
        assert!((found - limited(x)).abs() < 1e-6, "{x}: {found} instead of {}", limited(x));
    }

    // Mean and variance of what is there: 3.6 and 15.44.
    let standard = model(&table, &FitOptions { scaling: Some("standard".into()), ..quick() });
    for (found, x) in feature(&standard, &table, "x").into_iter().zip([0.0, 1.0, 2.0, 2.0, 4.0, 11.0]) {
        assert!((found - (x - 3.6) / 15.44f32.sqrt()).abs() < 1e-6, "{x}: {found}");
    }
}

#[test]
fn categories_become_one_column_a_level() {
    let cells = ["b", "a", "c", "a", "b", "a", "", "d"];
    let rows = |values: &[&str]| {
        let mut text = String::from("c,two,y\n");
        for (i, c) in values.iter().enumerate() {
            text += &format!("{c},{},{i}.5\n", ["no", "yes"][i % 2]);
        }
        csv(&text).unwrap()
    };
    let table = rows(&cells);
    let all = model(&table, &quick());
    let expected = ["c = a", "c = b", "c = c", "c = d", "c = missing", "two = yes against no"];
    assert_eq!(all.inputs.features, expected);
    let hot = |level: &str| cells.map(|c| f32::from(u8::from(c == level)));
    assert_eq!(feature(&all, &table, "c = a"), hot("a"));
    assert_eq!(feature(&all, &table, "c = missing"), hot(""));
    assert_eq!(feature(&all, &table, "two = yes against no"), [-1.0, 1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 1.0]);

    let few = model(&table, &FitOptions { max_levels: Some(2), ..quick() });
    assert_eq!(few.inputs.features[..4], ["c = a", "c = b", "c = other", "c = missing"]);
    assert_eq!(feature(&few, &table, "c = other"), [0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
    assert!(few.manifest.decisions.iter().any(|d| d.contains("the 2 most frequent of 4 levels")));

    // A level that is new: zeros, or the input of the rare ones.
    let new = csv("c,two\nnew,maybe\na,\n").unwrap();
    let (features, surprises) = all.features(&new).unwrap();
    assert_eq!(features, [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    assert_eq!(surprises.unseen, [("c".to_string(), 1), ("two".to_string(), 1)]);
    assert_eq!(surprises.missing, [("two".to_string(), 1)]);
    assert_eq!(feature(&few, &new, "c = other"), [1.0, 0.0]);
}

#[test]
fn dates_become_days_and_some_columns_are_set_aside() {
    let mut text = String::from("id,day,same,note,y\n");
    for i in 0..20 {
        text += &format!("{i},1970-01-{:02},1,\"a long note on row {i} of all\",{}.5\n", i + 2, (i * 7) % 20);
    }
    let table = csv(&text).unwrap();
    let fitted = fit(&table, &quick()).unwrap();
    assert_eq!(fitted.model.inputs.features, ["day"]);
    let days: Vec<f32> = (1..=20).map(|day| day as f32).collect();
    assert_eq!(feature(&fitted.model, &table, "day"), days);
    for name in ["id", "same", "note"] {
        assert!(fitted.decisions.iter().any(|d| d.starts_with(&format!("`{name}` is set aside: "))), "{name}");
    }
    // Rows that are drawn no longer count up one by one; what they are is decided before.
    let random = FitOptions { validation: Some("0.25".into()), split: Some("random".into()), ..quick() };
    assert_eq!(model(&table, &random).inputs.features, ["day"]);
}

#[test]
fn bytes_of_images_are_shares_of_255() {
    let column = |name: &str, cells: &[u8]| Column { name: name.into(), cells: Cells::Byte(cells.to_vec().into()) };
    let y = Column { name: "y".into(), cells: Cells::Number(vec![0.5, 1.5, 2.0, 4.0].into()) };
    let table = Table::new("bytes", vec![column("p", &[0, 51, 102, 255]), y]).unwrap();
    for scaling in ["robust", "standard", "none"] {
        let model = model(&table, &FitOptions { scaling: Some(scaling.into()), ..quick() });
        assert_eq!(feature(&model, &table, "p"), [0.0, 0.2, 0.4, 1.0]);
    }
}

#[test]
fn inputs_are_computed_from_columns_and_from_each_other() {
    let table = csv("x1,x 2,y\n3,4,1.5\n6,8,2.5\n1,0,0.5\n").unwrap();
    let model = model(&table, &inputs(&["r = sqrt(x1^2 + `x 2`^2)", "`r twice` = 2*r", "s = `r twice` + x1"]));
    assert_eq!(model.inputs.features, ["x1", "x 2", "r", "r twice", "s"]);
    assert_eq!(feature(&model, &table, "r"), [5.0, 10.0, 1.0]);
    assert_eq!(feature(&model, &table, "s"), [13.0, 26.0, 3.0]);
    // They are computed anew for other rows.
    assert_eq!(feature(&model, &csv("x 2,x1\n12,5\n").unwrap(), "s"), [31.0]);
}

#[test]
fn inputs_with_mistakes_are_refused() {
    let table = csv("x1,colour,y\n3,red,1.5\n-6,blue,2.5\n1,red,0.5\n4,blue,0.7\n").unwrap();
    let cases = [
        ("z", "--input: `z` is not of the form \"name = expression\""),
        ("z = x3 + 1", "--input z:\nline 1, column 1: unknown name `x3`\n  x3 + 1\n  ^^\nhelp: did you mean `x1`?"),
        ("z = 2*colour", "--input z:\nline 1, column 3: unknown name `colour`\n  2*colour\n    ^^^^^^"),
        ("z = y", "--input z:\nline 1, column 1: unknown name `y`\n  y\n  ^"),
        ("x1 = x1^2", "--input: `x1` is not a new name"),
    ];
    for (text, message) in cases {
        let found = error(&table, &inputs(&[text]));
        assert_eq!((found.to_string().as_str(), found.kind()), (message, FitErrorKind::Usage), "{text}");
    }
    for text in ["z = x1 - mean(x1)", "z = x1 / max(x1)", "z = sum(x1, axis=0)", "z = x1 + x1' @ x1"] {
        let found = error(&table, &inputs(&[text]));
        assert_eq!(found.kind(), FitErrorKind::Usage, "{text}: {found}");
        assert!(!matches!(found, FitError::Expression { .. }) || text.contains('@'), "{text}: {found}");
    }
    let found = error(&table, &inputs(&["z = log(x1)"]));
    let message = "t.csv, line 3: the input `z` is NaN\nhelp: change its expression so that it is finite for every row";
    assert_eq!((found.to_string().as_str(), found.kind()), (message, FitErrorKind::Data));
    // The same in rows that are predicted later.
    let positive = csv("x1,y\n3,1.5\n6,2.5\n1,0.5\n").unwrap();
    let model = model(&positive, &inputs(&["z = log(x1)"]));
    let found = model.predict(&csv("x1\n1\n0\n").unwrap(), 1).unwrap_err();
    assert!(found.to_string().starts_with("t.csv, line 3: the input `z` is -inf"), "{found}");
}

#[test]
fn no_usable_column_is_an_error_with_reasons() {
    let table = csv("same,empty,y\n1,,1.5\n1,,2.5\n1,,0.5\n").unwrap();
    let found = error(&table, &quick());
    let message = "no column of t.csv can serve as input: same: every cell is 1; empty: all 3 cells are missing";
    assert_eq!((found.to_string().as_str(), found.kind()), (message, FitErrorKind::Data));
}

#[test]
fn validation_rows_teach_nothing() {
    let mut text = String::from("x,c,y\n");
    for i in 0..8 {
        text += &format!("{i},{},{i}.5\n", ["a", "b"][i % 2]);
    }
    let ordered = FitOptions { validation: Some("0.2".into()), split: Some("ordered".into()), ..quick() };
    let scaled = FitOptions { scaling: Some("robust".into()), ..ordered };
    let tame = model(&csv(&format!("{text}3,a,3.5\n4,b,4.5\n")).unwrap(), &scaled);
    let wild = model(&csv(&format!("{text}1000,z,99.5\n,,1e6\n")).unwrap(), &scaled);
    assert_eq!(tame.encoder.to_string(), wild.encoder.to_string());
    assert_eq!(tame.inputs, wild.inputs);
    assert_eq!(tame.target_scales, wild.target_scales);
    let Kind::Category { levels } = &wild.schema.column("c").unwrap().kind else { panic!("no category") };
    assert_eq!(levels, &["a", "b"]);
}

/// A rare odd cell counts as missing wherever it is, even if only validation rows have it.
#[test]
fn kinds_are_decided_on_all_rows() {
    let mut text = String::from("x,y\n");
    for i in 0..100 {
        text += &format!("{},{}.5\n", if i == 99 { "odd".to_string() } else { (i * i).to_string() }, i % 9);
    }
    let ordered = FitOptions { validation: Some("0.2".into()), split: Some("ordered".into()), ..quick() };
    assert_eq!(fit(&csv(&text).unwrap(), &ordered).unwrap().rows, (80, 20));
}

#[test]
fn tables_to_predict_may_look_different() {
    let mut text = String::from("a,b,c,y\n");
    for i in 0..12 {
        text += &format!("{},{},{},{i}.5\n", (i * 5) % 12, (i * i) % 7, 1 + i % 3);
    }
    let table = csv(&text).unwrap();
    let model = model(&table, &FitOptions { types: vec!["c=category".into()], ..quick() });
    let expected = model.predict(&csv("a,b,c\n1,2,1\n3,4,2\n").unwrap(), 1).unwrap();
    let reordered = csv("c,more,b,a\n1.0,x,2.0,1\n2,,4,3.00\n").unwrap();
    let found = model.predict(&reordered, 1).unwrap();
    assert_eq!(found.values, expected.values);
    assert_eq!(found.surprises, Default::default());

    let missing = model.predict(&csv("a,b,c\n,2,1\n,4,\n").unwrap(), 1).unwrap().surprises;
    assert_eq!(missing.missing, [("a".to_string(), 2), ("c".to_string(), 1)]);
    let notes = missing.notes();
    assert!(notes[0].starts_with("`a`: 2 cells missing although none was in training"), "{notes:?}");

    let found = model.predict(&csv("a,c\n1,2\n").unwrap(), 1).unwrap_err();
    assert_eq!(found.to_string(), "t.csv: there is no column \"b\"\nhelp: there is a, c");
    assert_eq!(found.kind(), FitErrorKind::Usage);
}

#[test]
fn parquet_and_csv_give_the_same_predictions() {
    let (Some(a), Some(b)) = (shared("penguins.csv"), shared("parquet/penguins_snappy.parquet")) else { return };
    let options = FitOptions { epochs: Some(2), hidden: Some("4".into()), ..FitOptions::new("species") };
    let tables = [a, b].map(|path| read(path, &ReadOptions::default()).unwrap());
    let models = tables.each_ref().map(|table| model(table, &options));
    let predicted = [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(m, t)| models[m].predict(&tables[t], 1).unwrap().values);
    assert!(predicted.iter().all(|values| *values == predicted[0]));
}

#[test]
fn numbers_too_large_for_the_network_are_refused() {
    let table = csv("x,y\n1,1.5\n2,2.5\n3,0.5\n").unwrap();
    let found = model(&table, &quick()).predict(&csv("x\n1e200\n").unwrap(), 1).unwrap_err();
    assert!(found.to_string().starts_with("t.csv, line 2: the input `x` is 1"), "{found}");
}

/// Twenty columns of text by many rows, in chunks: what is kept is one table of features.
#[test]
fn rows_are_encoded_in_chunks() {
    let cells: TextCells = (0..20_000).map(|i| (i % 97).to_string()).collect();
    let x = Column { name: "x".into(), cells: Cells::Text(cells) };
    let y = Column {
        name: "y".into(),
        cells: Cells::Number((0..20_000).map(|i| f64::from(i % 89) + 0.5).collect::<Vec<_>>().into()),
    };
    let table = Table::new("many", vec![x, y]).unwrap();
    let model = model(&table, &FitOptions { batch_size: Some("full".into()), ..quick() });
    let expected: Vec<f32> = (0..20_000).map(|i| (i % 97) as f32).collect();
    assert_eq!(model.features(&table).unwrap().0, expected);
}
