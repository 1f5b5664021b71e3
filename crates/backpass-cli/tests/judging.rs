//! Verdicts that the rows cannot bear are not given.

mod common;

use common::{Folder, SMALL};
use serde_json::Value;

#[test]
fn models_that_know_the_rows_are_named_and_not_judged() {
    let folder = Folder::new();
    folder.ok("generate moons --rows 200 -o moons.csv");
    folder.ok("train moons.csv --target class --hidden none --epochs 1 --bag 3 -o bag.backpass");
    folder.ok(&format!("train moons.csv --target class {SMALL} --validation none -o all.backpass"));
    let run = folder.run("compare bag.backpass all.backpass moons.csv");
    assert!(run.stdout.contains("no verdict") && !run.stdout.contains("better"), "{run:#?}");
    assert!(run.stderr.contains("note: No verdict: learnt from these rows: all; not: bag."), "{run:#?}");
    assert!(!run.stderr.contains("The model has learnt"), "{run:#?}");
    let document = folder.json("compare bag.backpass all.backpass moons.csv --json");
    let learnt = |model: usize| document["models"][model]["learnt"].as_bool().unwrap();
    assert_eq!((learnt(0), learnt(1), &document["caution"]), (false, true, &Value::Null));
    assert!(document["undecided"].as_str().unwrap().starts_with("No verdict"));
    assert!(document["differences"].as_array().unwrap().iter().all(|difference| difference["better"].is_null()));
    // All rows are known to both.
    let run = folder.run("compare bag.backpass all.backpass moons.csv --all-rows");
    assert!(run.stdout.contains("better") && run.stderr.contains("has learnt from these rows"), "{run:#?}");
}

#[test]
fn three_rows_decide_nothing() {
    let folder = Folder::with_model();
    folder.ok("train moons.csv --target class --hidden none --epochs 1 -o line.backpass");
    let moons = String::from_utf8(std::fs::read(folder.path("moons.csv")).unwrap()).unwrap();
    let few: Vec<&str> = moons.lines().take(4).collect();
    folder.write("few.csv", few.join("\n"));
    let run = folder.run("compare line.backpass moons.backpass few.csv");
    assert!(run.stdout.contains("no verdict") && run.stderr.contains("3 rows are too few"), "{run:#?}");
}

#[test]
fn ordered_folds_are_not_repeated() {
    let folder = Folder::new();
    folder.ok("generate moons --rows 60 -o moons.csv");
    let cv = format!("cv moons.csv --target class {SMALL} --folds 3 --split ordered");
    folder.fails(&format!("{cv} --repeats 2"), 2, &["--repeats", "ordered folds are the same every time"]);
    folder.ok(&cv);
}
