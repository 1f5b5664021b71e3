//! `backpass bench` as a user runs it.

mod common;

use common::Folder;

#[test]
fn one_document_with_everything() {
    let document = Folder::new().json("bench --layers 4,6,3 --batch 8 --predict 1,20 --seconds 0.01 --json");
    assert_eq!(document["schema"], "backpass.bench/1");
    assert_eq!(document["parameters"], 4 * 6 + 6 + 6 * 3 + 3);
    let predictions = document["predictions"].as_array().unwrap();
    assert!(predictions.iter().map(|p| p["rows"].as_u64().unwrap()).eq([1, 20]));
    let step = &document["training_step"];
    let seconds = step["seconds"]["median"].as_f64().unwrap();
    assert!((step["rows_per_second"].as_f64().unwrap() * seconds - 8.0).abs() < 1e-6);
    assert!(step["instructions"].as_array().unwrap().len() > 10);
}

#[test]
fn a_table_for_people_and_a_model() {
    let folder = Folder::new();
    folder.ok("generate moons --rows 60 -o moons.csv");
    folder.ok("train moons.csv --target class --epochs 1 --hidden 5 -o m.backpass");
    let run = folder.run("bench m.backpass --seconds 0.01 --slowest 100");
    assert_eq!(run.code, Some(0), "{run:#?}");
    for words in ["training step, adam", "prediction", "of peak", "slowest instructions", "hidden1"] {
        assert!(run.stdout.contains(words), "{words} is not in\n{}", run.stdout);
    }
}

#[test]
fn what_is_refused() {
    for args in ["bench", "bench --layers 4", "bench --layers 4,0,1", "bench --layers 4,1 --seconds 0"] {
        let run = Folder::new().run(args);
        assert_eq!(run.code, Some(2), "{args}: {run:#?}");
    }
}
