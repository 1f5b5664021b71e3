//! `cargo xtask quality`: how accurate the defaults are on real tables, beside others.

mod report;
mod results;
mod tables;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::available_parallelism;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::shell::{binary, output, python, target};
use results::{Results, Run};
use tables::{Candidate, FOLDER, Plan, Split, Table};

const SELF: &str = "backpass";
const PEERS: [&str; 5] = ["mlp", "random_forest", "hist_gradient_boosting", "xgboost", "lightgbm"];

/// What a command line asks for.
#[derive(Default)]
struct Request<'a> {
    quick: bool,
    choose: bool,
    tables_only: bool,
    missing: bool,
    only: Vec<&'a str>,
    names: Vec<&'a str>,
}

pub fn run(args: &[&str]) -> Result<()> {
    let mut request = Request::default();
    let mut args = args.iter().copied();
    while let Some(arg) = args.next() {
        match arg {
            "--quick" => request.quick = true,
            "--choose" => request.choose = true,
            "--tables" => request.tables_only = true,
            "--missing" => request.missing = true,
            "--only" => request.only.push(args.next().context("--only needs the name of a contestant")?),
            _ if arg.starts_with("--") => bail!("there is no option `{arg}`"),
            name => request.names.push(name),
        }
    }
    if !Path::new(FOLDER).is_dir() && !request.tables_only {
        eprintln!("SKIPPED: the development tables are not there, so nothing is measured");
        return Ok(());
    }
    let plan = Plan::read()?;
    if let Some(name) = request.names.iter().find(|name| plan.tables.iter().all(|table| table.name != **name)) {
        bail!("there is no table `{name}` in bench/quality/quality.toml");
    }
    if request.quick { quick(&plan) } else { measure(&plan, &request) }
}

/// One split of some tables, judged by the command line itself.
fn quick(plan: &Plan) -> Result<()> {
    let bench = Bench::new(false)?;
    let mut missed = Vec::new();
    for table in &plan.tables {
        let Some(demand) = table.quick else { continue };
        let split = table.split(0, &bench.folder)?;
        let (model, seconds) = bench.train(table, &split, "")?;
        let value = bench.evaluate(&model, &split)?[&table.metric].as_f64().unwrap_or(f64::NAN);
        let sign = if table.higher() { "≥" } else { "≤" };
        eprintln!("{}: {} {value:.4} ({sign} {demand}), {seconds:.1} s", table.name, table.metric);
        if !table.meets(value, demand) {
            missed.push(format!("{}: {} is {value}, demanded {sign} {demand}", table.name, table.metric));
        }
    }
    ensure!(missed.is_empty(), "{}", missed.join("\n"));
    Ok(())
}

fn measure(plan: &Plan, request: &Request<'_>) -> Result<()> {
    let mut results = Results::read("bench/quality/results.json")?;
    let mut choice = Results::read("bench/quality/choice.json")?;
    if !request.tables_only {
        let bench = Bench::new(true)?;
        let wanted = |name: &str, of: &[&str]| of.is_empty() || of.contains(&name);
        for table in plan.tables.iter().filter(|table| wanted(&table.name, &request.names)) {
            if request.choose {
                let candidates = plan.candidates.iter().filter(|c| wanted(&c.name, &request.only));
                bench.choose(table, candidates, &mut choice)?;
            } else {
                let peers = if table.peers { &PEERS[..] } else { &[] };
                let names = [&[SELF], peers].concat().into_iter().filter(|name| wanted(name, &request.only));
                bench.compare(table, names, request.missing, &mut results)?;
            }
        }
    }
    let missed = report::write(plan, &[&[SELF], &PEERS[..]].concat(), &results, &choice)?;
    ensure!(missed.is_empty(), "{}", missed.join("\n"));
    Ok(())
}

/// The programs that are run, and where their files go.
struct Bench {
    program: PathBuf,
    python: PathBuf,
    folder: PathBuf,
}

impl Bench {
    fn new(peers: bool) -> Result<Bench> {
        let folder = target().join("quality");
        std::fs::create_dir_all(&folder)?;
        let python =
            if peers { python(&folder.join("venv"), "bench/quality/requirements.txt")? } else { PathBuf::new() };
        Ok(Bench { program: binary()?, python, folder })
    }

    /// Contestants on all splits of a table, or on those without a result.
    fn compare<'a>(
        &self,
        table: &Table,
        names: impl Iterator<Item = &'a str>,
        missing: bool,
        results: &mut Results,
    ) -> Result<()> {
        let names: Vec<&str> = names.collect();
        for index in 0..table.splits()? {
            let split = table.split(index, &self.folder)?;
            for name in &names {
                if missing && results.has(&table.name, name, index) {
                    continue;
                }
                let run = if *name == SELF {
                    self.backpass(table, &split, index, SELF, "")
                } else {
                    self.peer(table, &split, index, name)
                };
                show(table, results, run.with_context(|| format!("{name} on {}, split {index}", table.name))?)?;
            }
        }
        Ok(())
    }

    /// Candidates on parts of the training rows of a table; three splits tell them apart.
    fn choose<'a>(
        &self,
        table: &Table,
        candidates: impl Iterator<Item = &'a Candidate>,
        results: &mut Results,
    ) -> Result<()> {
        let candidates: Vec<&Candidate> = candidates.collect();
        for index in 0..table.splits()?.min(3) {
            let split = table.split_again(index, &self.folder)?;
            for candidate in &candidates {
                let run = self.backpass(table, &split, index, &candidate.name, &candidate.options)?;
                show(table, results, run)?;
            }
        }
        Ok(())
    }

    fn backpass(&self, table: &Table, split: &Split, index: usize, name: &str, options: &str) -> Result<Run> {
        let (model, seconds) = self.train(table, split, options)?;
        let predictions = self.folder.join("predictions.csv");
        let mut command = Command::new(&self.program);
        command.arg("predict").arg(&model).arg(&split.test).args(["--probabilities", "--quiet", "--force", "-o"]);
        output(command.arg(&predictions))?;
        let run = self.score(table, split, index, name, seconds, &predictions)?;
        let own = self.evaluate(&model, split)?;
        for (metric, judged) in [("accuracy", "accuracy"), ("log_loss", "exact_log_loss"), ("rmse", "rmse")] {
            let (Some(own), Some(score)) = (own[metric].as_f64(), run.scores.get(judged)) else { continue };
            let near = (own - score).abs() <= 1e-4 * score.abs().max(1e-3);
            ensure!(near, "{}: `evaluate` says {metric} is {own}, scikit-learn {score}", table.name);
        }
        Ok(run)
    }

    /// Trains with a seed and some options; the model, and the seconds it took.
    fn train(&self, table: &Table, split: &Split, options: &str) -> Result<(PathBuf, f64)> {
        let model = self.folder.join("model.backpass");
        let mut command = Command::new(&self.program);
        command.arg("train").arg(&split.train).args(["--target", &table.target, "--seed", "1", "--quiet", "--force"]);
        let start = std::time::Instant::now();
        output(command.args(options.split_whitespace()).arg("-o").arg(&model))?;
        Ok((model, start.elapsed().as_secs_f64()))
    }

    /// The metrics that the command line itself finds.
    fn evaluate(&self, model: &Path, split: &Split) -> Result<Value> {
        let text = output(Command::new(&self.program).arg("evaluate").arg(model).arg(&split.test).arg("--json"))?;
        Ok(serde_json::from_str::<Value>(&text)?["metrics"].take())
    }

    fn peer(&self, table: &Table, split: &Split, index: usize, name: &str) -> Result<Run> {
        let predictions = self.folder.join("predictions.csv");
        let threads = available_parallelism()?.to_string();
        let mut command = Command::new(&self.python);
        command.arg("bench/quality/peer.py").arg(name).arg(&split.train).arg(&split.test);
        command.args([&table.target, kind(table), "1", &threads]).arg(&predictions);
        let said: Value = serde_json::from_str(&output(&mut command)?)?;
        let seconds = said["seconds"].as_f64().unwrap_or(f64::NAN);
        self.score(table, split, index, name, seconds, &predictions)
    }

    /// Everybody's predictions are judged by the same code.
    fn score(
        &self,
        table: &Table,
        split: &Split,
        index: usize,
        name: &str,
        seconds: f64,
        predictions: &Path,
    ) -> Result<Run> {
        let mut command = Command::new(&self.python);
        command.arg("bench/quality/score.py").arg(predictions).arg(&split.test).args([&table.target, kind(table)]);
        let scores = serde_json::from_str(&output(command.args(&table.positive))?)?;
        Ok(Run { table: table.name.clone(), contestant: name.to_string(), split: index, seconds, scores })
    }
}

/// What the scripts are told of the task.
fn kind(table: &Table) -> &'static str {
    if table.higher() { "classification" } else { "regression" }
}

fn show(table: &Table, results: &mut Results, run: Run) -> Result<()> {
    let value = run.scores.get(&table.metric).copied().unwrap_or(f64::NAN);
    eprintln!("{} {} {}: {} {value:.4}, {:.1} s", table.name, run.split, run.contestant, table.metric, run.seconds);
    results.keep(run)
}
