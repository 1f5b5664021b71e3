//! The tables of `bench/quality/README.md`.

use std::fmt::Write as _;

use anyhow::Result;

use super::results::{Mean, Results};
use super::tables::{Plan, Table};

/// What is added to each error before the geometric mean, as Holzmüller, Grinsztajn and Steinwart 2024 do, so that one
/// table without errors does not decide alone.
const SHIFT: f64 = 0.01;

const INTRODUCTION: &str = include_str!("introduction.md");

/// Writes the page, and gives what is missed.
pub fn write(plan: &Plan, contestants: &[&str], results: &Results, choice: &Results) -> Result<Vec<String>> {
    let mut page = INTRODUCTION.to_string();
    let candidates: Vec<&str> = plan.candidates.iter().map(|c| c.name.as_str()).collect();
    let mut missed = Vec::new();
    page += "\n## What the defaults reach\n\n";
    demands(&mut page, plan, results, &mut missed)?;
    page += "\n## Beside others with their defaults\n\n";
    scores(&mut page, plan, contestants, results)?;
    summary(&mut page, plan, contestants, results)?;
    page += "\nMean seconds of reading and training on two cores:\n\n";
    seconds(&mut page, plan, contestants, results)?;
    if !choice.runs.is_empty() {
        page +=
            "\n## The candidates\n\nJudged on a fifth of the training rows of each split; no test row had a say.\n\n";
        scores(&mut page, plan, &candidates, choice)?;
        summary(&mut page, plan, &candidates, choice)?;
    }
    std::fs::write("bench/quality/README.md", page)?;
    Ok(missed)
}

fn head(page: &mut String, first: &str, names: &[&str]) -> Result<()> {
    writeln!(page, "| {first} | {} |", names.join(" | "))?;
    writeln!(page, "| --- |{}", " ---: |".repeat(names.len()))?;
    Ok(())
}

fn demands(page: &mut String, plan: &Plan, results: &Results, missed: &mut Vec<String>) -> Result<()> {
    head(page, "table", &["measure", "mean", "demanded", "seconds", "published"])?;
    for table in &plan.tables {
        let Some(mean) = score(results, table, "backpass") else { continue };
        let seconds = results.mean(&table.name, "backpass", |run| Some(run.seconds));
        let sign = if table.higher() { "≥" } else { "≤" };
        let demand = table.demand.map_or(String::new(), |demand| format!("{sign} {demand}"));
        if table.demand.is_some_and(|demand| !table.meets(mean.value, demand)) {
            missed.push(format!("{}: {} is {}, demanded {demand}", table.name, table.metric, mean.value));
        }
        let seconds = seconds.map_or(0.0, |s| s.value);
        if table.seconds.is_some_and(|most| seconds > most) {
            missed.push(format!("{}: it takes {seconds:.1} s", table.name));
        }
        let published: Vec<String> = table.published.iter().map(|(name, value)| format!("{value} ({name})")).collect();
        let (value, metric) = (number(mean), &table.metric);
        writeln!(page, "| {} | {metric} | {value} | {demand} | {seconds:.1} | {} |", table.name, published.join(", "))?;
    }
    Ok(())
}

fn scores(page: &mut String, plan: &Plan, contestants: &[&str], results: &Results) -> Result<()> {
    head(page, "table", &[&["measure"], contestants].concat())?;
    for table in plan.tables.iter().filter(|table| compared(table, contestants, results)) {
        let means: Vec<Option<Mean>> = contestants.iter().map(|name| score(results, table, name)).collect();
        let best = means.iter().flatten().map(|m| m.value).reduce(if table.higher() { f64::max } else { f64::min });
        let cell = |mean: &Option<Mean>| match mean {
            None => "–".to_string(),
            Some(mean) if Some(mean.value) == best => format!("**{}**", number(*mean)),
            Some(mean) => number(*mean),
        };
        let cells: Vec<String> = means.iter().map(cell).collect();
        writeln!(page, "| {} | {} | {} |", table.name, table.metric, cells.join(" | "))?;
    }
    Ok(())
}

/// Mean rank, geometric means of errors, over the tables that all contestants have been measured on.
fn summary(page: &mut String, plan: &Plan, contestants: &[&str], results: &Results) -> Result<()> {
    let tables: Vec<&Table> = plan.tables.iter().filter(|t| compared(t, contestants, results)).collect();
    if tables.is_empty() {
        return Ok(());
    }
    let probable: Vec<&&Table> = tables.iter().filter(|t| log_loss(results, t, contestants[0]).is_some()).collect();
    let errors = |table: &Table| -> Vec<f64> {
        contestants.iter().map(|name| error(results, table, name).unwrap_or(f64::NAN)).collect()
    };
    let mut ranks = vec![0.0; contestants.len()];
    let mut logarithms = vec![0.0; contestants.len()];
    for table in &tables {
        let errors = errors(table);
        for (at, mine) in errors.iter().enumerate() {
            let less = errors.iter().filter(|e| *e < mine).count() as f64;
            let equal = errors.iter().filter(|e| *e == mine).count() as f64;
            ranks[at] += (less + (equal + 1.0) / 2.0) / tables.len() as f64;
            logarithms[at] += (mine + SHIFT).ln() / tables.len() as f64;
        }
    }
    let of_losses = |name: &&str| -> f64 {
        let sum: f64 = probable.iter().filter_map(|t| log_loss(results, t, name)).map(|l| (l + SHIFT).ln()).sum();
        (sum / probable.len() as f64).exp()
    };
    let row = |values: Vec<f64>, digits: usize| -> String {
        values.iter().map(|value| format!(" {value:.digits$} |")).collect()
    };
    writeln!(page, "| **mean rank** | |{}", row(ranks, 2))?;
    writeln!(page, "| **geometric mean of errors** | |{}", row(logarithms.iter().map(|l| l.exp()).collect(), 4))?;
    writeln!(page, "| **geometric mean of log losses** | |{}", row(contestants.iter().map(of_losses).collect(), 4))?;
    Ok(())
}

fn seconds(page: &mut String, plan: &Plan, contestants: &[&str], results: &Results) -> Result<()> {
    head(page, "table", contestants)?;
    for table in plan.tables.iter().filter(|table| compared(table, contestants, results)) {
        let mean = |name: &&str| results.mean(&table.name, name, |run| Some(run.seconds));
        let cell = |name| mean(name).map_or("–".to_string(), |mean| format!("{:.1}", mean.value));
        let cells: Vec<String> = contestants.iter().map(cell).collect();
        writeln!(page, "| {} | {} |", table.name, cells.join(" | "))?;
    }
    Ok(())
}

fn compared(table: &Table, contestants: &[&str], results: &Results) -> bool {
    contestants.iter().all(|name| score(results, table, name).is_some())
}

fn score(results: &Results, table: &Table, contestant: &str) -> Option<Mean> {
    results.mean(&table.name, contestant, |run| run.scores.get(&table.metric).copied())
}

fn log_loss(results: &Results, table: &Table, contestant: &str) -> Option<f64> {
    results.mean(&table.name, contestant, |run| run.scores.get("log_loss").copied()).map(|mean| mean.value)
}

/// What is left of a perfect score, and of a regression the root of the part of the variance not explained.
fn error(results: &Results, table: &Table, contestant: &str) -> Option<f64> {
    let of = |run: &super::results::Run| {
        if table.higher() {
            run.scores.get(&table.metric).map(|score| 1.0 - score)
        } else {
            run.scores.get("r2").map(|r2| (1.0 - r2).max(0.0).sqrt())
        }
    };
    results.mean(&table.name, contestant, of).map(|mean| mean.value)
}

/// A mean with the standard error, in as many digits as say something.
fn number(mean: Mean) -> String {
    let digits = if mean.value.abs() >= 100.0 { 0 } else { 4 };
    let error = if mean.count > 1 { format!(" ± {:.digits$}", mean.error) } else { String::new() };
    format!("{:.digits$}{error}", mean.value)
}
