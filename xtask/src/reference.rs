//! `REFERENCE.md`: what there is to choose from, written from the lists themselves.

use std::process::Command;

use anyhow::{Result, ensure};

use crate::shell::output;

const FILE: &str = "REFERENCE.md";

fn text() -> Result<String> {
    let mut command = Command::new(env!("CARGO"));
    output(command.args(["run", "--quiet", "--package", "backpass", "--example", "reference"]))
}

pub fn write() -> Result<()> {
    std::fs::write(FILE, text()?)?;
    eprintln!("{FILE} is written");
    Ok(())
}

pub fn check() -> Result<()> {
    let there = std::fs::read_to_string(FILE).unwrap_or_default();
    ensure!(there == text()?, "{FILE} is not what the lists say; run `cargo xtask reference`");
    Ok(())
}
