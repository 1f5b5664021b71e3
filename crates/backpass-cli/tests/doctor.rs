//! The doctor as a user calls it; what it finds is tested in `backpass-tabular`.

mod common;

use common::{Folder, SMALL};
use serde_json::Value;

/// A folder with `leak.csv`, whose column `code` gives the class away, and `moons.csv`, of which nothing is to be said.
fn folder() -> Folder {
    let folder = Folder::new();
    folder.ok("generate moons --rows 200 -o moons.csv");
    let rows: String = (0..300)
        .map(|i| {
            let (x, class) = (f64::from(i * 37 % 101) / 10.0, if i % 3 == 0 { "no" } else { "yes" });
            format!("{x},{},{class}\n", if class == "yes" { "Q" } else { "P" })
        })
        .collect();
    folder.write("leak.csv", format!("x,code,answer\n{rows}"));
    folder
}

/// The names of the faults.
fn faults(document: &Value) -> Vec<&str> {
    let findings = document["findings"].as_array().unwrap();
    findings.iter().map(|finding| finding["fault"].as_str().unwrap()).collect()
}

#[test]
fn a_healthy_run_is_passed_over_in_silence() {
    let folder = folder();
    let run = folder.run("doctor moons.csv --target class --preset fast --strict");
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), ""), "{run:#?}");
    assert!(run.stderr.contains("moons.csv: nothing found"), "{}", run.stderr);
    let document = folder.json("doctor moons.csv --target class --preset fast --json");
    assert_eq!((&document["schema"], &document["target"]), (&"backpass.doctor/1".into(), &"class".into()));
    assert!(faults(&document).is_empty());
}

#[test]
fn a_fault_comes_with_what_was_seen_and_what_a_cure_does() {
    let folder = folder();
    let zeros = format!("doctor moons.csv --target class {SMALL} --init zeros");
    let text = folder.ok(&zeros);
    for part in ["serious: identical_units `hidden1", "seen: ", " of ", "do:   ", "tried: --init ", " -> "] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
    let document = folder.json(&format!("{zeros} --json"));
    assert_eq!(faults(&document), ["identical_units"]);
    let finding = &document["findings"][0];
    assert_eq!((&finding["severity"], &finding["numbers"]["share"]), (&"serious".into(), &1.0.into()));
    let proof = &finding["proof"];
    assert!(proof["after"].as_f64().unwrap() < 0.9 * proof["before"].as_f64().unwrap(), "{proof}");
    assert_eq!(document, folder.json(&format!("{zeros} --json --threads 2")), "threads change nothing");
    assert!(!folder.ok(&format!("{zeros} --no-proof")).contains("tried:"));
    // A finding is a result; only --strict makes it a failure.
    assert_eq!(folder.run(&format!("{zeros} --no-proof --strict")).code, Some(1));
}

#[test]
fn a_long_training_says_how_far_it_is() {
    let folder = Folder::new();
    folder.ok("generate moons --rows 2000 -o long.csv");
    let train = "--target class --hidden 64,64 --epochs 2000 --patience 0 --time-budget 4";
    let run = folder.run(&format!("doctor long.csv {train} --no-proof"));
    assert!(run.stderr.contains("/2000  training loss "), "{}", run.stderr);
    let quiet = folder.run(&format!("doctor long.csv {train} --no-proof -q"));
    assert_eq!(quiet.stderr, "");
}

#[test]
fn a_table_can_be_looked_at_alone() {
    let folder = folder();
    let run = folder.run("doctor leak.csv --target answer --table-only --strict");
    assert_eq!(run.code, Some(1), "{run:#?}");
    assert!(run.stdout.contains("serious: leak `code`") && run.stdout.contains("300 of 300 held-out rows"), "{run:#?}");
    assert!(!run.stdout.contains("tried:") && !run.stderr.contains("training"), "{run:#?}");
    let dropped = folder.run("doctor leak.csv --target answer --drop code --table-only --strict");
    assert_eq!((dropped.code, dropped.stdout.as_str()), (Some(0), ""), "{dropped:#?}");
    folder.write("run.toml", "target = \"answer\"\n");
    let text = folder.ok(&format!("doctor leak.csv --config run.toml {SMALL}"));
    assert!(text.contains("tried: --drop code: ") && text.contains("the rest was given away"), "{text}");
}

#[test]
fn a_model_is_looked_at_with_the_table_of_its_training() {
    let folder = folder();
    folder.ok(&format!("train moons.csv --target class {SMALL} --init zeros -o zeros.backpass"));
    let text = folder.ok("doctor zeros.backpass");
    assert!(text.contains("identical_units `hidden1") && text.contains("tried: --init "), "{text}");
    let document = folder.json("doctor zeros.backpass --json --no-proof");
    assert_eq!((faults(&document), &document["data"]), (vec!["identical_units"], &"moons.csv".into()));
    folder.fails("doctor zeros.backpass leak.csv", 3, &["leak.csv: the model was trained on another table, moons.csv"]);
    folder.fails("doctor zeros.backpass --hidden 3", 2, &["zeros.backpass is a model", "help:"]);
    std::fs::create_dir(folder.path("moved")).unwrap();
    std::fs::rename(folder.path("moons.csv"), folder.path("moved/moons.csv")).unwrap();
    folder.fails("doctor zeros.backpass", 6, &["moons.csv", "help: name the table", "zeros.backpass moons.csv"]);
    assert!(folder.ok("doctor zeros.backpass moved/moons.csv --no-proof").contains("identical_units"));
}

#[test]
fn a_run_that_diverges_is_a_finding_too() {
    let folder = folder();
    let text = folder.ok("doctor moons.csv --target class --hidden 8 --optimizer sgd --learning-rate 1e30 --epochs 5");
    assert!(text.contains("serious: diverged") && text.contains("tried: --learning-rate 0.1"), "{text}");
}

#[test]
fn what_cannot_be_trained_on_is_refused() {
    let folder = folder();
    folder.fails("doctor moons.csv", 2, &["which column is to be predicted?", "x1, x2, class"]);
    folder.fails("doctor moons.csv --target clas", 2, &["did you mean", "class"]);
    folder.fails("doctor none.csv --target class", 6, &["none.csv"]);
    folder.fails("doctor none.backpass", 6, &["none.backpass"]);
}

#[test]
fn reports_say_what_may_be_wrong() {
    let folder = folder();
    folder.ok(&format!("train leak.csv --target answer {SMALL} -o leak.backpass --report leak.html"));
    let page = |name: &str| std::fs::read_to_string(folder.path(name)).unwrap();
    for part in ["id=\"doctor\"", "To see to", "one column alone gives the target away (code)", "--drop code"] {
        assert!(page("leak.html").contains(part), "no {part:?}");
    }
    folder.ok("report leak.backpass leak.csv -o again.html");
    assert!(page("again.html").contains("gives the target away (code)"));
    let fewer: Vec<String> = page("leak.csv").lines().take(60).map(|line| format!("{line}\n")).collect();
    std::fs::write(folder.path("other.csv"), fewer.concat()).unwrap();
    folder.ok("report leak.backpass other.csv -o other.html");
    assert!(!page("other.html").contains("id=\"doctor\""), "nothing is known of the table of the training");
    folder.ok("train moons.csv --target class --preset fast --report moons.html");
    assert!(page("moons.html").contains("was found.") && !page("moons.html").contains("To see to"));
}
