//! `cargo xtask bench`: runs backpass and its peers in turn on this machine, and writes what was measured.
//!
//! Sections, cases and targets are the files `bench/*.toml`; contestants are processes that answer cases with times.

mod contestants;
mod environment;
mod jobs;
mod report;
mod results;
mod section;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use contestants::{Contestant, Places};
use environment::Environment;
use results::{Measured, Results, Row};
use section::{Case, Section};

/// The sections in the order of the report; each is a file of this name in `bench/`.
const SECTIONS: &[&str] = &["training", "inference", "jobs", "scalar", "growth"];

/// Where MNIST lies when nothing else is said; it is not part of the project.
const MNIST: &str = "../shared/data/images/mnist";

/// How much is measured.
struct Effort {
    /// Times that every contestant runs every case.
    rounds: usize,
    /// About how long one sample takes.
    seconds: f64,
    quick: bool,
}

pub fn run(args: &[&str]) -> Result<()> {
    let (mut only, mut mnist, mut quick, mut tables) = (Vec::new(), PathBuf::from(MNIST), false, false);
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match (*arg, args.as_slice().first()) {
            ("--quick", _) => quick = true,
            ("--tables", _) => tables = true,
            ("--only", Some(name)) if SECTIONS.contains(name) => only.push(*args.next().unwrap_or(name)),
            ("--mnist", Some(folder)) => mnist = PathBuf::from(args.next().unwrap_or(folder)),
            _ => bail!("bench does not understand `{arg}`\nhelp: --only {}", SECTIONS.join("|")),
        }
    }
    if tables {
        return report::write(&Results::read(Path::new("bench"))?, Path::new("bench"));
    }
    let places = Places::prepare(mnist)?;
    let (folder, effort) = if quick {
        (places.folder.clone(), Effort { rounds: 2, seconds: 0.05, quick })
    } else {
        (PathBuf::from("bench"), Effort { rounds: 5, seconds: 0.2, quick })
    };
    let environment = Environment::read(&places)?;
    for name in SECTIONS.iter().filter(|name| only.is_empty() || only.contains(name)) {
        let section = Section::read(name)?;
        eprintln!("== {}", section.title);
        let measured = measure(&section, &environment, &places, &effort)?;
        // Written after every section: a run that is stopped has not measured in vain.
        let mut results = Results::read(&folder)?;
        results.0.insert((*name).to_string(), measured);
        results.write(&folder)?;
        report::write(&results, &folder)?;
    }
    eprintln!("written to {}", folder.display());
    Ok(())
}

fn measure(section: &Section, environment: &Environment, places: &Places, effort: &Effort) -> Result<Measured> {
    let mut cases = BTreeMap::new();
    let mut running = BTreeMap::new();
    contestants::write_models(section, places)?;
    for case in &section.case {
        let rows = if !case.jobs.is_empty() {
            jobs::run(case, places, effort)?
        } else {
            in_turn(section, case, environment, places, effort, &mut running)?
        };
        for verdict in
            report::verdicts(section, case, &BTreeMap::from([(case.name.clone(), rows.clone())]), environment)
        {
            eprintln!("  {}: {verdict}", case.name);
        }
        cases.insert(case.name.clone(), rows);
    }
    Ok(Measured { environment: environment.clone(), rounds: effort.rounds, seconds: effort.seconds, cases })
}

/// One case by every contestant with every number of threads, round after round.
fn in_turn(
    section: &Section,
    case: &Case,
    environment: &Environment,
    places: &Places,
    effort: &Effort,
    running: &mut BTreeMap<(String, usize), Contestant>,
) -> Result<Vec<Row>> {
    let threads = if section.threads.is_empty() { environment.thread_counts() } else { section.threads.clone() };
    let names = case.contestants.as_ref().unwrap_or(&section.contestants).iter().chain(&case.also);
    let mut rows: Vec<Row> = names.flat_map(|name| threads.iter().map(|&threads| Row::new(name, threads))).collect();
    for _ in 0..effort.rounds {
        for row in rows.iter_mut().filter(|row| row.error.is_none()) {
            let key = (row.contestant.clone(), row.threads);
            if !running.contains_key(&key) {
                running.insert(key.clone(), Contestant::start(&row.contestant, row.threads, places)?);
            }
            let answer = running.get_mut(&key).map(|c| c.ask(&case.request, effort.seconds));
            match answer {
                Some(Ok(seconds)) => row.samples.push(seconds),
                Some(Err(error)) => {
                    eprintln!("  {}: {} failed: {error}", case.name, row.contestant);
                    row.error = Some(error.to_string());
                    running.remove(&key);
                }
                None => {}
            }
        }
    }
    Ok(rows)
}
