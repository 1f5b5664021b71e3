//! Running commands.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

/// The root of the workspace.
pub fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().map_or(here.clone(), PathBuf::from)
}

/// Where cargo builds.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// The release binary of the command line.
pub fn binary() -> Result<PathBuf> {
    cargo(&["build", "--release", "--quiet", "--package", "backpass-cli"])?;
    Ok(target().join("release").join("backpass"))
}

/// Runs cargo and fails when it fails.
pub fn cargo(args: &[&str]) -> Result<()> {
    run(Command::new(env!("CARGO")).args(args))
}

/// Runs a command with its output shown, and fails when it fails.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start {command:?}"))?;
    if !status.success() {
        bail!("{command:?} failed ({status})");
    }
    Ok(())
}

/// Runs a command and gives what it printed on standard output.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command.stderr(Stdio::inherit()).output().with_context(|| format!("cannot start {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?} failed ({})", output.status);
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// The Python of a virtual environment, made unless it holds what is asked for already.
pub fn python(environment: &Path, requirements: &str) -> Result<PathBuf> {
    let python = environment.join("bin").join("python");
    let wanted = std::fs::read_to_string(requirements)?;
    let installed = environment.join("requirements.txt");
    if std::fs::read_to_string(&installed).is_ok_and(|text| text == wanted) {
        return Ok(python);
    }
    eprintln!("installing {requirements}");
    run(Command::new("python3").args(["-m", "venv"]).arg(environment))?;
    run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "-r", requirements]))?;
    std::fs::write(installed, wanted)?;
    Ok(python)
}

/// Runs one step of a longer command, saying its name and how long it took.
pub fn step(name: &str, body: impl FnOnce() -> Result<()>) -> Result<()> {
    eprintln!("== {name}");
    let start = Instant::now();
    body().with_context(|| format!("step `{name}` failed"))?;
    eprintln!("== {name}: ok in {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}
