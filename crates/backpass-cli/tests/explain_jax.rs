//! `backpass explain --json` against JAX: values and gradients of random expressions over every operator.

mod common;

use std::process::Command;

use backpass::composites;
use backpass::ops::{self, Category};
use common::Folder;
use serde_json::Value;

/// Relative, with a floor for numbers that are nothing but rounding.
fn agree(ours: f64, theirs: f64) -> bool {
    (ours - theirs).abs() <= 1e-9 * theirs.abs() + 1e-12
}

/// Whether two nested arrays have the same shape and agreeing numbers.
fn same(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Number(a), Value::Number(b)) => a.as_f64().zip(b.as_f64()).is_some_and(|(a, b)| agree(a, b)),
        _ => false,
    }
}

fn fixtures() -> Vec<Value> {
    let lines = include_str!("jax/expressions.jsonl").lines();
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What differs between a fixture and what the program prints for it.
fn difference(mut command: Command, fixture: &Value) -> Option<String> {
    command.arg(fixture["expression"].as_str()?);
    command.args(fixture["values"].as_object()?.iter().map(|(name, value)| format!("{name}={value}")));
    let output = command.output().unwrap();
    let Ok(ours) = serde_json::from_slice::<Value>(&output.stdout) else {
        return Some(format!("{}\n{}", output.status, String::from_utf8_lossy(&output.stderr)));
    };
    let (gradients, expected) = (&ours["gradients"], fixture["gradients"].as_object()?);
    if !same(&ours["value"], &fixture["value"]) {
        return Some(format!("value {}\nJAX   {}", ours["value"], fixture["value"]));
    }
    if gradients.as_object().map(|g| g.len()) != Some(expected.len()) {
        return Some(format!("gradients {gradients}\nJAX       {}", fixture["gradients"]));
    }
    let (name, theirs) = expected.iter().find(|(name, theirs)| !same(&gradients[name], theirs))?;
    Some(format!("gradient of {name} {}\nJAX {theirs}", gradients[name]))
}

#[test]
fn values_and_gradients_agree() {
    let folder = Folder::new();
    let fixtures = fixtures();
    assert!(fixtures.len() >= 500);
    let wrong = |fixture: &Value| {
        // The two dashes: a formula may begin with a minus.
        let difference = difference(folder.command("explain --json --"), fixture)?;
        Some(format!("{}\nwith {}\n{difference}", fixture["expression"].as_str()?, fixture["values"]))
    };
    let wrong: Vec<String> = fixtures.iter().filter_map(wrong).collect();
    let shown = wrong.iter().take(10).cloned().collect::<Vec<_>>().join("\n\n");
    assert!(wrong.is_empty(), "{} of {} disagree:\n\n{shown}", wrong.len(), fixtures.len());
}

#[test]
fn every_operator_is_among_the_expressions() {
    let fixtures = fixtures();
    let uses =
        |name: &str| fixtures.iter().filter(|f| f["operators"].as_array().unwrap().contains(&name.into())).count();
    let deterministic = |category| !matches!(category, Category::Leaf | Category::Random);
    let operators = ops::table().iter().filter(|entry| deterministic(entry.info.category)).map(|entry| entry.info.name);
    let composites = composites::TABLE.iter().map(|c| c.name).filter(|name| *name != "dropout");
    let rare: Vec<&str> = operators.chain(composites).filter(|name| uses(name) < 8).collect();
    assert!(
        rare.is_empty(),
        "fewer than 8 expressions have {rare:?}; give each its meaning in tests/jax/make.py and run it as described there"
    );
}
