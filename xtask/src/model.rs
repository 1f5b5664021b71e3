//! `cargo xtask model`: the thread pool on loom's model of threads and memory.

use std::process::Command;

use anyhow::Result;

use crate::shell::{self, target};

/// In a folder of its own, or every change of the flags would build everything anew.
pub fn run() -> Result<()> {
    let mut test = Command::new(env!("CARGO"));
    test.args(["test", "--release", "--quiet", "--package", "backpass-kernels", "--test", "model"]);
    shell::run(test.env("RUSTFLAGS", "--cfg loom").env("CARGO_TARGET_DIR", target().join("model")))
}
