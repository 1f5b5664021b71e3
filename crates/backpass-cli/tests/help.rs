//! Help, completions and manual pages.

mod common;

use std::time::Instant;

use common::Folder;

const VERBS: [&str; 17] = [
    "train",
    "cv",
    "doctor",
    "tune",
    "evaluate",
    "predict",
    "inspect",
    "report",
    "compare",
    "explain",
    "draw",
    "check",
    "exercise",
    "approximate",
    "generate",
    "completions",
    "man",
];

#[test]
fn every_verb_has_help_with_examples() {
    let folder = Folder::new();
    let main = folder.ok("--help");
    assert!(main.contains("Exit codes:"), "{main}");
    for verb in VERBS {
        let help = folder.ok(&format!("{verb} --help"));
        assert!(main.contains(verb) && help.contains("Examples:"), "{help}");
        assert!(help.contains(&format!("backpass {verb}")), "{help}");
    }
    let train = folder.ok("train --help");
    for part in ["Columns:", "Validation:", "Network:", "Training:", "Reading:", "leaky_relu", "one_cycle", "adamw"] {
        assert!(train.contains(part), "no {part:?} in\n{train}");
    }
    assert!(folder.ok("--version").starts_with("backpass "));
}

#[cfg(unix)]
#[test]
fn usage_names_the_program_whatever_its_file_is_called() {
    let folder = Folder::new();
    std::os::unix::fs::symlink(assert_cmd::cargo::cargo_bin!("backpass"), folder.path("bp")).unwrap();
    for verb in VERBS {
        let help = std::process::Command::new(folder.path("bp")).args([verb, "--help"]).output().unwrap();
        let help = String::from_utf8(help.stdout).unwrap();
        assert!(help.contains(&format!("Usage: backpass {verb}")), "{help}");
    }
}

#[test]
fn help_comes_at_once() {
    let folder = Folder::new();
    let time = |_| {
        let start = Instant::now();
        folder.ok("--help");
        start.elapsed().as_millis()
    };
    let least = (0..10).map(time).min().unwrap();
    assert!(least < 200, "{least} ms");
}

#[test]
fn completions_know_all_verbs() {
    let folder = Folder::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = folder.ok(&format!("completions {shell}"));
        assert!(VERBS.iter().all(|verb| script.contains(verb)) && script.contains("learning-rate"), "{shell}");
    }
    folder.fails("completions tcsh", 2, &["tcsh"]);
}

#[test]
fn every_verb_has_a_manual_page() {
    let folder = Folder::new();
    assert!(folder.ok("man").contains(".TH backpass 1"));
    std::fs::create_dir(folder.path("man1")).unwrap();
    folder.ok("man man1");
    for verb in VERBS {
        let page = std::fs::read_to_string(folder.path(&format!("man1/backpass-{verb}.1"))).unwrap();
        assert!(page.contains(&format!(".TH backpass-{verb} 1")) && page.contains("Examples:"), "{page}");
    }
    folder.fails("man man1", 2, &["exists already"]);
    folder.ok("man man1 --force");
    folder.fails("man nowhere", 6, &["nowhere"]);
}

#[test]
fn colours_only_where_they_are_wanted() {
    let folder = Folder::new();
    let run = folder.run("inspect nowhere");
    assert!(!run.stderr.contains('\x1b'), "{run:?}");
    let forced = folder.command("inspect nowhere").env("CLICOLOR_FORCE", "1").output().unwrap();
    assert!(String::from_utf8(forced.stderr).unwrap().contains("\x1b["));
    let none = folder.command("inspect nowhere").env("NO_COLOR", "1").env("CLICOLOR_FORCE", "1").output().unwrap();
    assert!(!String::from_utf8(none.stderr).unwrap().contains('\x1b'));
}
