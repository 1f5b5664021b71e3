//! `cargo xtask guard`: instructions of reference work, counted by valgrind, against those in `bench/guard.json`.
//!
//! Times vary from run to run and from machine to machine; counts hardly do, so that small losses are found.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::shell::{cargo, output, target};

/// The work of `crates/backpass/examples/guard.rs`, with what it is.
const WORK: &[(&str, &str)] = &[
    ("step A", "20 training steps 2-8-1, batch 10"),
    ("step B", "20 training steps 4-16-16-3, batch 32"),
    ("step C", "20 training steps 30-64-64-2, batch 32"),
    ("step E", "20 training steps 784-128-10, batch 32"),
    ("row C", "20 predictions of one row 30-64-64-2"),
    ("plan D", "compilation of a training step 54-256-256-256-7"),
];

/// The instruction set the counts are for: the best that valgrind knows.
const ISA: &str = "Avx2";
const FILE: &str = "bench/guard.json";
/// How much more, as a share, is no regression: the C library's `memcpy` differs a little between machines.
const TOLERANCE: f64 = 0.03;

pub fn run(update: bool) -> Result<()> {
    if !Command::new("valgrind").arg("--version").output().is_ok_and(|o| o.status.success()) {
        ensure!(!update, "valgrind is not installed\nhelp: apt-get install valgrind");
        eprintln!("SKIPPED: valgrind is not installed, so no instructions are counted");
        return Ok(());
    }
    cargo(&["build", "--profile", "guard", "--quiet", "--package", "backpass", "--example", "guard"])?;
    let program = target().join("guard/examples/guard");
    let isa = output(Command::new("valgrind").args(["--tool=none", "--quiet"]).arg(&program).arg("isa"))?;
    if isa.trim() != ISA {
        ensure!(!update, "the counts are for {ISA}, this machine has {}", isa.trim());
        eprintln!("SKIPPED: the counts are for {ISA}, this machine has {}", isa.trim());
        return Ok(());
    }
    let counts = WORK.iter().map(|(name, _)| Ok((*name, count(&program, name)?)));
    let counts: BTreeMap<&str, u64> = counts.collect::<Result<_>>()?;
    if update {
        std::fs::write(FILE, serde_json::to_string_pretty(&counts)? + "\n")?;
    }
    let stored: BTreeMap<String, u64> = serde_json::from_str(&std::fs::read_to_string(FILE).context(FILE)?)?;
    let mut worse = Vec::new();
    for (name, what) in WORK {
        let (now, before) = (counts[name], *stored.get(*name).with_context(|| format!("{FILE} has no `{name}`"))?);
        let change = now as f64 / before as f64 - 1.0;
        eprintln!("{name}  {now:>12}  {:+6.1} %  {what}", 100.0 * change);
        if change > TOLERANCE {
            worse.push(format!("{name} ({what}) takes {:.1} % more instructions", 100.0 * change));
        }
    }
    ensure!(
        worse.is_empty(),
        "{}\nhelp: where more instructions are faster all the same, or needed: cargo xtask guard --update",
        worse.join("\n")
    );
    Ok(())
}

/// The instructions that a program spends in its function `counted`.
fn count(program: &Path, name: &str) -> Result<u64> {
    let log = target().join("guard").join("callgrind.log");
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=guard::counted"]);
    output(command.arg(format!("--log-file={}", log.display())).arg(program).arg(name))?;
    let text = std::fs::read_to_string(&log)?;
    let line = text.lines().find_map(|line| line.split_once("Collected : "));
    match line.and_then(|(_, count)| count.trim().parse().ok()) {
        Some(count) if count > 0 => Ok(count),
        _ => bail!("callgrind counted nothing in `{name}`:\n{text}"),
    }
}
