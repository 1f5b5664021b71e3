//! `backpass tune` as a user runs it.

mod common;

use std::time::{Duration, Instant};

use common::{Folder, SMALL};
use serde_json::Value;

const SEARCH: &str = "tune moons.csv --target class --preset fast --hidden 8 --epochs 9 --space space.toml";

fn folder() -> Folder {
    let folder = Folder::new();
    folder.ok("generate moons --rows 200 -o moons.csv");
    folder.write(
        "space.toml",
        "learning_rate = { log = [1e-5, 0.1] }\nactivation = [\"tanh\", \"leaky_relu(slope=0.1)\"]",
    );
    folder
}

/// What `--json` says, without times.
fn document(folder: &Folder, more: &str) -> Value {
    let mut document = folder.json(&format!("{SEARCH} --json -q {more}"));
    for trial in document["trials"].as_array_mut().unwrap() {
        trial.as_object_mut().unwrap().remove("seconds").unwrap();
    }
    document
}

#[test]
fn a_search_shows_what_it_tried_and_trains_the_best() {
    let folder = folder();
    let run = folder.run(&format!("{SEARCH} --trials 9 -o best.backpass --write-config best.toml"));
    assert_eq!(run.code, Some(0), "{run:#?}");
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(lines.len(), 10, "{run:#?}");
    assert_eq!(lines[0].split_whitespace().collect::<Vec<_>>(), ["rank", "options", "log_loss", "epochs", "seconds"]);
    assert!(lines[1].starts_with("1 ") && run.stdout.contains("as given"), "{}", run.stdout);
    for part in ["--learning-rate ", "--activation 'leaky_relu(slope=0.1)'"] {
        assert!(run.stdout.contains(part), "no {part:?} in\n{}", run.stdout);
    }
    assert!(run.stderr.contains("best: --") && run.stderr.contains("model: best.backpass"), "{}", run.stderr);
    // The same options give the same model.
    let found = folder.json("inspect best.backpass --json")["model_hash"].clone();
    assert_eq!(folder.json("train moons.csv --config best.toml --json -q")["model_hash"], found);
    folder.fails(&format!("{SEARCH} --trials 1 -o best.backpass"), 2, &["exists already", "--force"]);
}

#[test]
fn the_same_is_found_with_any_number_of_threads_and_in_two_parts() {
    let folder = folder();
    let whole = document(&folder, "--trials 10 --threads 1");
    assert_eq!((&whole["schema"], &whole["finished"]), (&"backpass.tune/1".into(), &true.into()));
    assert_eq!(whole["best"]["target"], "class");
    assert_eq!(document(&folder, "--trials 10 --threads 3"), whole);
    document(&folder, "--trials 9 --journal journal.jsonl");
    assert_eq!(document(&folder, "--trials 10 --journal journal.jsonl"), whole);
    folder.fails(&format!("{SEARCH} --trials 9 --journal journal.jsonl --seed 1"), 2, &["another search", "help:"]);
}

#[test]
fn the_default_space_is_printed_and_a_wrong_one_is_refused() {
    let folder = folder();
    let space = folder.ok("tune --print-space");
    assert!(space.contains("learning_rate = { log ="), "{space}");
    folder.write("space.toml", space);
    let search = SEARCH.replace("--hidden 8", "--hidden 4 --learning-rate 0.03 --embedding none");
    folder.ok(&format!("{search} --trials 2 -q"));
    for (text, part) in [
        ("learning_rat = [0.1]", "did you mean `learning_rate`?"),
        ("hidden = { linear = [1, 2] }", "texts in quotes"),
        ("activation = [\"reluu\"]", "--activation reluu"),
        ("hidden = [\"4\"]", "no option is left"),
    ] {
        folder.write("space.toml", text);
        folder.fails(&format!("{SEARCH} --trials 2"), 2, &[part]);
    }
    folder.fails("tune moons.csv --target class --space nowhere.toml", 6, &["nowhere.toml"]);
    folder.fails("tune moons.csv --target class --time 0s", 2, &["90s, 10m or 2h"]);
    folder.fails("tune moons.csv --target class --metric acuracy", 2, &["did you mean `accuracy`?"]);
    folder.fails("tune", 2, &["<DATA>"]);
}

#[test]
fn the_time_is_kept_whatever_is_under_way() {
    let folder = folder();
    let start = Instant::now();
    let endless = "tune moons.csv --target class --hidden 8 --epochs 100000000 --patience 0 --rungs 1 --time 0.5s";
    folder.fails(endless, 2, &["no trial was trained to its end", "--time"]);
    // The model is trained after the time is over, and as long as it takes.
    folder.ok(&format!("tune moons.csv --target class --preset fast {SMALL} --time 2s -o best.backpass"));
    assert_eq!(folder.json("inspect best.backpass --json")["schema"].as_str().map(str::is_empty), Some(false));
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
}

#[cfg(unix)]
#[test]
fn a_signal_ends_the_search_with_what_was_found() {
    let folder = folder();
    let child = folder.spawn(&format!("{SEARCH} --time 1h --journal journal.jsonl -o best.backpass"));
    let found = || std::fs::read_to_string(folder.path("journal.jsonl")).is_ok_and(|text| text.lines().count() > 3);
    while !found() {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let (table, said) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(table.lines().count() > 2 && said.contains("best: ") && said.contains("no model is trained"), "{said}");
    assert!(!folder.path("best.backpass").exists());
}
