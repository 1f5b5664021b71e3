//! `cargo xtask test`: everything that must hold before a change lands.

use std::process::Command;

use anyhow::{Result, ensure};

use crate::shell::{self, binary, cargo, output, step};
use crate::{guard, guide, model, quality, reference, tidy};

/// Whether the faster test runner is there.
fn has_nextest() -> bool {
    Command::new(env!("CARGO")).args(["nextest", "--version"]).output().is_ok_and(|o| o.status.success())
}

pub fn run() -> Result<()> {
    step("format", || {
        // Modules that a macro declares are not found by `cargo fmt`.
        let mut check = Command::new("rustfmt");
        shell::run(check.args(["--check", "--edition", "2024"]).args(tidy::sources()?))
    })?;
    step("tidy", tidy::run)?;
    step("clippy", || {
        cargo(&["clippy", "--workspace", "--all-targets", "--all-features", "--quiet", "--", "-D", "warnings"])
    })?;
    step("tests", || {
        if has_nextest() {
            cargo(&["nextest", "run", "--workspace", "--all-features", "--no-fail-fast"])
        } else {
            cargo(&["test", "--workspace", "--all-features", "--no-fail-fast", "--lib", "--bins", "--tests"])
        }
    })?;
    step("documentation tests", || cargo(&["test", "--workspace", "--all-features", "--doc", "--quiet"]))?;
    step("documentation", || {
        let mut doc = Command::new(env!("CARGO"));
        doc.args(["doc", "--workspace", "--all-features", "--no-deps", "--quiet"]).env("RUSTDOCFLAGS", "-D warnings");
        shell::run(&mut doc)
    })?;
    step("the thread pool in every order of events", model::run)?;
    step("instruction counts", || guard::run(false))?;
    step("generated files", reference::check)?;
    step("the README's first command", readme)?;
    step("the user guide", || guide::run(false))?;
    step("quality, the short part", || quality::run(&["--quick"]))?;
    eprintln!("everything holds");
    Ok(())
}

/// Runs what the README shows: its first command, and its Rust program, which is an example word for word.
fn readme() -> Result<()> {
    let text = std::fs::read_to_string("README.md")?;
    let block = text.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap_or_default();
    let command = block.lines().find(|l| l.starts_with("cargo run")).unwrap_or_default();
    ensure!(!command.is_empty(), "README.md has no command that starts with `cargo run`");
    let model = command.split_whitespace().skip_while(|w| *w != "-o").nth(1).unwrap_or_default();
    ensure!(!model.is_empty(), "the README's first command writes no model");
    // Somebody who followed the README keeps the model that stands there.
    let scratch = shell::target().join("readme.backpass").display().to_string();
    let quoted = format!("'{scratch}'");
    shell::run(Command::new("sh").args(["-c", &format!("{} --force", command.replace(model, &quoted))]))?;
    let model = scratch.as_str();
    let json = output(Command::new(binary()?).args(["evaluate", model, "data/penguins.csv", "--json"]))?;
    let document: serde_json::Value = serde_json::from_str(&json)?;
    let accuracy = document["metrics"]["accuracy"].as_f64().unwrap_or(0.0);
    ensure!(accuracy > 0.95, "the README's model has an accuracy of {accuracy}");
    let program = text.split("```rust\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap_or_default();
    let example = std::fs::read_to_string("crates/backpass-tabular/examples/ten_lines.rs")?;
    ensure!(example.contains(program) && !program.is_empty(), "the README's program is not examples/ten_lines.rs");
    let printed = output(Command::new(env!("CARGO")).args([
        "run",
        "--quiet",
        "-p",
        "backpass-tabular",
        "--example",
        "ten_lines",
    ]))?;
    ensure!(printed.contains("accuracy"), "the README's program prints {printed:?}");
    Ok(())
}
