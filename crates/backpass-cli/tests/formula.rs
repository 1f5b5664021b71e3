//! Formulas and the collapse of linear layers, as a user sees them.

mod common;

use common::Folder;

fn decay() -> Folder {
    let folder = Folder::new();
    let rows: String = (0..20).map(|i| format!("{i},{}\n", 8.0 * (-0.4 * f64::from(i)).exp() + 2.0)).collect();
    folder.write("decay.csv", format!("time,level\n{rows}"));
    folder
}

/// Expressions without spaces, because arguments are split at them.
const TRAIN: &str = "train decay.csv --target level --formula a*exp(-b*time)+c --start b=0.5";

#[test]
fn a_formula_is_trained_shown_and_used() {
    let folder = decay();
    let run = folder.run(&format!("{TRAIN} -o m.backpass"));
    assert_eq!(run.code, Some(0), "{run:#?}");
    assert!(run.stderr.contains("formula a*exp(-b*time)+c with the input: time, and the parameters: a, b, c"));
    assert!(!run.stderr.contains("validation rows"), "{}", run.stderr);
    let words: Vec<&str> = run.stdout.split_whitespace().collect();
    assert_eq!(words[..5], ["parameter", "value", "standard", "error", "a"]);
    assert!(run.stdout.contains("8.000000000") && run.stdout.contains("0.4000000000"), "{}", run.stdout);
    let shown = folder.ok("inspect m.backpass");
    assert!(shown.contains("Formula\n  a*exp(-b*time)+c") && shown.contains("as it is"), "{shown}");
    assert!(!shown.contains("Layers"), "{shown}");
    folder.write("new.csv", "time\n0\n");
    let predicted = folder.ok("predict m.backpass new.csv");
    let number: f64 = predicted.lines().nth(1).unwrap().parse().unwrap();
    assert!((number - 10.0).abs() < 1e-9, "{predicted}");
    folder.ok("evaluate m.backpass decay.csv --require rmse=1e-9");
}

#[test]
fn programs_get_the_coefficients_and_a_configuration_gives_them_again() {
    let folder = decay();
    let first = folder.json(&format!("{TRAIN} --json"));
    assert_eq!(first["coefficients"][1]["name"], "b");
    assert!((first["coefficients"][1]["value"].as_f64().unwrap() - 0.4).abs() < 1e-10);
    folder.write("run.toml", folder.ok(&format!("{TRAIN} --print-config")));
    assert_eq!(folder.json("train decay.csv --config run.toml --json")["model_hash"], first["model_hash"]);
}

#[test]
fn linear_layers_collapse_and_others_say_why_not() {
    let folder = Folder::new();
    folder.ok("generate clouds --classes 3 --rows 100 -o data.csv");
    let train = |more: &str| folder.ok(&format!("train data.csv --target class --epochs 2 --force {more}"));
    train("--hidden 5,4 --activation identity -o linear.backpass");
    let text = folder.ok("inspect linear.backpass --collapse");
    assert!(text.starts_with("3 layers are one linear map") && text.contains("logit of c"), "{text}");
    let map = folder.json("inspect linear.backpass --collapse --json");
    assert_eq!((map["inputs"].as_array().unwrap().len(), map["bias"].as_array().unwrap().len()), (2, 3));
    assert!(map["largest_difference"].as_f64().unwrap() < 1e-12 * map["largest_output"].as_f64().unwrap().max(1.0));
    train("--hidden 5,4 --activation identity,relu -o relu.backpass");
    folder.fails("inspect relu.backpass --collapse", 1, &["hidden2 applies relu", "help: "]);
}
