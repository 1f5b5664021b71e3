//! `cargo xtask sanitize`: kernels and plans under AddressSanitizer, on every instruction set.

use std::process::Command;

use anyhow::{Context, Result};

use crate::shell::{self, target};

/// It needs a nightly compiler, so it is no part of `cargo xtask test`.
pub fn run() -> Result<()> {
    let version = Command::new("rustc").arg("-vV").output()?;
    let version = String::from_utf8(version.stdout)?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc does not name its host")?;
    let mut test = Command::new("rustup");
    test.args(["run", "nightly", "cargo", "test", "--target", host, "--tests"]);
    test.args(["--package", "backpass-kernels", "--package", "backpass"]);
    shell::run(test.env("RUSTFLAGS", "-Zsanitizer=address").env("CARGO_TARGET_DIR", target().join("sanitize")))
}
