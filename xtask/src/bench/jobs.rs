//! Whole processes: time from start to end, and peak memory.

use std::io::Read;
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use wait4::Wait4;

use super::Effort;
use super::contestants::Places;
use super::results::Row;
use super::section::{Case, Job};
use crate::shell::{output, run as run_command};

/// Runs the jobs of a case in turn.
pub fn run(case: &Case, places: &Places, effort: &Effort) -> Result<Vec<Row>> {
    if let Some(path) = case.needs.as_ref().map(|word| places.fill(word)).filter(|path| !Path::new(path).exists()) {
        eprintln!("  {}: left out, because {path} is not there", case.name);
        return Ok(Vec::new());
    }
    if case.slow && effort.quick {
        eprintln!("  {}: left out of a quick run", case.name);
        return Ok(Vec::new());
    }
    if let Some(command) = &case.prepare {
        run_command(&mut places.command(command))?;
    }
    let mut rows: Vec<(Row, &Job)> = case.jobs.iter().map(|(name, job)| (Row::new(name, 0), job)).collect();
    for _ in 0..case.rounds.unwrap_or(effort.rounds).min(effort.rounds) {
        for (row, job) in &mut rows {
            time(row, job, places)?;
        }
    }
    Ok(rows.into_iter().map(|(row, _)| row).collect())
}

fn time(row: &mut Row, job: &Job, places: &Places) -> Result<()> {
    let mut command = places.command(&job.run);
    let start = Instant::now();
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot start {command:?}"))?;
    let mut printed = String::new();
    child.stdout.take().context("no standard output")?.read_to_string(&mut printed)?;
    let end = child.wait4()?;
    row.samples.push(start.elapsed().as_secs_f64());
    row.peaks.push(end.rusage.maxrss);
    ensure!(end.status.success(), "{command:?} failed ({})", end.status);
    let document = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    let report = document(&printed);
    row.training.extend(report["seconds"].as_f64());
    let judged = job.judge.as_ref().map(|judge| output(&mut places.command(judge))).transpose()?;
    let metrics = judged.map_or_else(|| report["metrics"].clone(), |text| document(&text)["metrics"].clone());
    let accuracy = [&metrics["accuracy"], &metrics["train"]["accuracy"]].into_iter().find_map(Value::as_f64);
    row.accuracy = accuracy.or(row.accuracy);
    Ok(())
}
