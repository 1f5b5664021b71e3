//! Rules on the sources themselves: layering, size, `unsafe`, wording.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

/// Longest file; a longer one is two things.
const LONGEST: usize = 600;

/// In these folders of the engine, the modules that must not be named: upper uses lower, never the reverse.
const LAYERS: &[(&str, &[&str])] = &[
    ("shape.rs", &["array", "graph", "builder", "ops", "autodiff", "compile", "train", "nn", "explain", "view"]),
    ("array.rs", &["graph", "builder", "ops", "autodiff", "compile", "train", "nn", "explain", "view"]),
    (
        "ops/",
        &[
            "autodiff",
            "interpret",
            "passes",
            "compile",
            "session",
            "loss",
            "optim",
            "nn",
            "train",
            "text",
            "explain",
            "view",
        ],
    ),
    (
        "graph.rs",
        &["autodiff", "interpret", "passes", "compile", "session", "loss", "optim", "nn", "train", "explain", "view"],
    ),
    (
        "builder.rs",
        &["autodiff", "interpret", "passes", "compile", "session", "loss", "optim", "nn", "train", "explain", "view"],
    ),
    ("autodiff.rs", &["passes", "compile", "session", "loss", "optim", "nn", "train", "explain", "view"]),
    ("passes", &["compile", "session", "loss", "optim", "nn", "train", "explain", "view"]),
    ("compile/", &["session", "loss", "optim", "nn", "train", "explain", "view"]),
    ("session.rs", &["loss", "optim", "nn", "train", "explain", "view"]),
    ("loss/", &["compile", "session", "optim", "nn", "train", "explain", "view"]),
    ("optim/", &["compile", "session", "loss", "nn", "train", "explain", "view"]),
    ("interpret.rs", &["passes", "compile", "session", "loss", "optim", "nn", "train", "explain", "view"]),
    ("gradcheck.rs", &["passes", "compile", "session", "loss", "optim", "nn", "train", "explain", "view"]),
    (
        "text/",
        &["autodiff", "interpret", "passes", "compile", "session", "loss", "optim", "nn", "train", "explain", "view"],
    ),
    (
        "composites.rs",
        &["autodiff", "interpret", "passes", "compile", "session", "loss", "optim", "nn", "train", "explain", "view"],
    ),
    (
        "spec.rs",
        &["autodiff", "interpret", "passes", "compile", "session", "loss", "optim", "nn", "train", "explain", "view"],
    ),
    (
        "init.rs",
        &["autodiff", "interpret", "passes", "compile", "session", "loss", "optim", "nn", "train", "explain", "view"],
    ),
    ("nn.rs", &["compile", "session", "loss", "optim", "train", "explain"]),
    ("view", &["autodiff", "interpret", "passes", "compile", "session", "loss", "optim", "nn", "train", "explain"]),
    ("train/", &["explain", "view"]),
    ("explain/", &["compile", "session", "loss", "optim", "train"]),
];

/// The crates each crate may know.
const CRATES: &[(&str, &[&str])] = &[
    ("backpass-kernels", &[]),
    ("backpass", &["backpass-kernels"]),
    ("backpass-tabular", &["backpass-kernels", "backpass"]),
    ("backpass-draw", &["backpass"]),
    ("backpass-learn", &["backpass-kernels", "backpass"]),
    ("backpass-cli", &["backpass-kernels", "backpass", "backpass-tabular", "backpass-draw", "backpass-learn"]),
];

/// All sources.
pub fn sources() -> Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for folder in ["bench", "crates", "xtask"] {
        all.extend(files(Path::new(folder))?.into_iter().filter(|file| file.extension().is_some_and(|e| e == "rs")));
    }
    Ok(all)
}

pub fn run() -> Result<()> {
    let mut problems = Vec::new();
    for file in sources()? {
        check_source(&file, &std::fs::read_to_string(&file)?, &mut problems);
    }
    for (name, allowed) in CRATES {
        let manifest = std::fs::read_to_string(format!("crates/{name}/Cargo.toml"))?;
        let dependencies = manifest.split("[dev-dependencies]").next().unwrap_or_default();
        for (other, _) in CRATES {
            let named = dependencies
                .lines()
                .any(|l| l.starts_with(&format!("{other}.")) || l.starts_with(&format!("{other} ")));
            if named && !allowed.contains(other) {
                problems.push(format!("crates/{name} must not depend on {other}"));
            }
        }
    }
    if problems.is_empty() {
        return Ok(());
    }
    bail!("{}", problems.join("\n"));
}

fn check_source(file: &Path, text: &str, problems: &mut Vec<String>) {
    let path = file.display().to_string();
    let lines = text.lines().count();
    if lines > LONGEST {
        problems.push(format!("{path} has {lines} lines; at most {LONGEST}"));
    }
    if !path.starts_with("crates/backpass-kernels/") {
        // The word is put together here so that this file does not break its own rule.
        let word = ["un", "safe "].concat();
        if text.lines().any(|l| l.contains(&word) && !l.trim_start().starts_with("//")) {
            problems.push(format!("{path}: {word}code belongs into backpass-kernels"));
        }
    }
    for mark in ["todo!(", "unimplemented!(", "dbg!("] {
        if text.contains(mark) && !path.starts_with("xtask/") {
            problems.push(format!("{path} contains {mark}…)"));
        }
    }
    if let Some(inside) = path.strip_prefix("crates/backpass/src/") {
        for (place, forbidden) in LAYERS.iter().filter(|(place, _)| inside.starts_with(place)) {
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            let uses =
                |module: &&&str| code.lines().any(|l| l.contains(&format!("crate::{module}::")) && !l.contains("//"));
            for module in forbidden.iter().filter(uses) {
                problems.push(format!("{path}: {place} must not use `{module}`, which lies above it"));
            }
        }
    }
}

/// All files below a folder.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
