//! `backpass train --profile` as a user runs it.

mod common;

use common::{Folder, SMALL};
use serde_json::Value;

fn moons() -> Folder {
    let folder = Folder::new();
    folder.ok("generate moons --rows 200 -o moons.csv");
    folder
}

fn seconds(parts: &Value) -> f64 {
    parts.as_array().unwrap().iter().map(|part| part["seconds"].as_f64().unwrap()).sum()
}

#[test]
fn one_document_with_stages_and_instructions() {
    let folder = moons();
    let train = format!("train moons.csv --target class {SMALL} -o m.backpass --force --json");
    let plain = folder.json(&train);
    assert_eq!(plain.get("profile"), None);
    let profiled = folder.json(&format!("{train} --profile"));
    assert_eq!(profiled["model_hash"], plain["model_hash"]);
    let profile = &profiled["profile"];
    let stages: Vec<&str> =
        profile["stages"].as_array().unwrap().iter().map(|s| s["stage"].as_str().unwrap()).collect();
    let expected = ["read", "encode", "compile", "gather batches", "steps", "evaluation", "layers", "metrics", "write"];
    assert_eq!(stages, expected);
    assert!((seconds(&profile["stages"]) - profile["seconds"].as_f64().unwrap()).abs() < 1e-9);
    let steps = profile["stages"][4]["seconds"].as_f64().unwrap();
    let instructions = seconds(&profile["instructions"]);
    assert!(0.0 < instructions && instructions <= steps, "{instructions} of {steps} s");
    let nodes = profile["instructions"].as_array().unwrap().iter().map(|i| i["nodes"].as_str().unwrap());
    assert!(nodes.clone().any(|nodes| nodes.contains("hidden1")), "{:?}", nodes.collect::<Vec<_>>());
}

#[test]
fn networks_side_by_side_have_their_times_together() {
    let folder = moons();
    let profile =
        &folder.json("train moons.csv --target class --hidden 4 --epochs 3 --bag 3 --json --profile")["profile"];
    let names = |part: &str| -> Vec<String> {
        profile[part].as_array().unwrap().iter().map(|s| s["stage"].as_str().unwrap().to_string()).collect()
    };
    assert_eq!(names("stages"), ["read", "encode", "train"]);
    assert_eq!(names("networks"), ["compile", "gather batches", "steps", "evaluation", "layers"]);
}

#[test]
fn optimisers_that_search_are_profiled_too() {
    for optimizer in ["lbfgs", "levenberg_marquardt"] {
        let train = format!("train moons.csv --target class --hidden 3 --epochs 3 --optimizer {optimizer}");
        let profile = &moons().json(&format!("{train} --profile --json"))["profile"];
        assert!(seconds(&profile["instructions"]) > 0.0, "{optimizer}: {profile}");
    }
}

#[test]
fn a_table_for_people_beside_the_results() {
    let folder = moons();
    let train = format!("train moons.csv --target class {SMALL}");
    let (plain, profiled) = (folder.run(&train), folder.run(&format!("{train} --profile")));
    assert_eq!(profiled.stdout, plain.stdout);
    for words in ["gather batches", "evaluation", "slowest instructions of the steps", "hidden1"] {
        assert!(profiled.stderr.contains(words), "{words} is not in\n{}", profiled.stderr);
        assert!(!plain.stderr.contains(words), "{words} is in\n{}", plain.stderr);
    }
}
