//! `backpass doctor`.

use std::path::PathBuf;

use backpass_tabular::doctor::{Fault, Finding, Proof, Severity, examine_run, examine_table, prove};
use backpass_tabular::{FitOptions, Table, Watcher, prepare};
use serde::Serialize;

use crate::exit::{Exit, Failure};
use crate::output::{self, Talk, number};
use crate::reading::Reading;
use crate::threads::Threads;

/// Say what is wrong with a table or with how a network is trained on it
#[derive(clap::Args)]
#[command(after_help = format!("{}\n{EXAMPLES}", faults()))]
pub struct Doctor {
    /// A CSV, Parquet or IDX file, plain or gzipped; - for standard input
    #[arg(value_name = "DATA")]
    data: PathBuf,

    #[command(flatten)]
    options: FitOptions,

    /// Look at the table only, and do not train
    #[arg(long)]
    table_only: bool,

    /// Do not train again to prove cures
    #[arg(long)]
    no_proof: bool,

    /// Exit with 1 if anything is found that has not been seen to already
    #[arg(long)]
    strict: bool,

    /// Print one JSON document
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    threads: Threads,

    #[command(flatten)]
    reading: Reading,
}

const EXAMPLES: &str = "\
Examples:
  backpass doctor penguins.csv --target species
  backpass doctor penguins.csv --target species --init zeros --json
  backpass doctor new.csv --target price --table-only --strict";

/// The faults that have names.
fn faults() -> String {
    let rows: Vec<Vec<String>> =
        Fault::ALL.iter().map(|f| vec![format!("  {}", f.name()), f.summary().into()]).collect();
    format!("Faults:\n{}", output::columns(&rows, 2))
}

/// What `--json` prints.
#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    data: &'a str,
    target: &'a str,
    findings: &'a [Diagnosis],
}

/// A finding, and what its cure did.
#[derive(Serialize)]
struct Diagnosis {
    #[serde(flatten)]
    finding: Finding,
    #[serde(skip_serializing_if = "Option::is_none")]
    proof: Option<Proof>,
}

impl Doctor {
    pub fn run(self, talk: &Talk) -> Result<(), Failure> {
        let table = self.reading.table(&self.data)?;
        if self.options.target.is_empty() {
            return Err(super::train::no_target(&table));
        }
        let diagnoses = self.diagnose(&table, talk)?;
        if self.json {
            let target = &self.options.target;
            let schema = "backpass.doctor/1";
            output::json(&Document { schema, data: &table.name, target, findings: &diagnoses })?;
        } else if diagnoses.is_empty() {
            talk.say(format!("{}: nothing found", table.name));
        } else {
            output::print(diagnoses.iter().map(describe).collect::<Vec<_>>().join("\n"))?;
        }
        let open = diagnoses.iter().any(|diagnosis| diagnosis.finding.severity > Severity::Note);
        if self.strict && open { Err(Failure::silent(Exit::Demand)) } else { Ok(()) }
    }

    fn diagnose(&self, table: &Table, talk: &Talk) -> Result<Vec<Diagnosis>, Failure> {
        let without = |finding| Diagnosis { finding, proof: None };
        let mut diagnoses: Vec<Diagnosis> = examine_table(table, &self.options)?.into_iter().map(without).collect();
        if self.table_only {
            return Ok(diagnoses);
        }
        let threads = self.threads.count();
        talk.say(format!("{}: {} rows; training once to look at the run", table.name, table.rows()));
        let watcher = Watcher { threads, interrupt: None, profile: false, observe: &mut |_| {} };
        let fitted = prepare(table, &self.options)?.train(watcher)?;
        let mut proofs: Vec<(String, Proof)> = Vec::new();
        for finding in examine_run(table, &self.options, &fitted)? {
            let change = finding.change.as_ref().filter(|_| !self.no_proof);
            let proof = match change.map(|change| (change, proofs.iter().find(|(text, _)| *text == change.text))) {
                None => None,
                Some((_, Some((_, proof)))) => Some(proof.clone()),
                Some((change, None)) => {
                    talk.say(format!("training again with {}", change.text));
                    let proof = prove(table, &self.options, &fitted, change, threads)?;
                    proofs.push((change.text.clone(), proof.clone()));
                    Some(proof)
                }
            };
            diagnoses.push(Diagnosis { finding, proof });
        }
        Ok(diagnoses)
    }
}

/// A finding for people.
fn describe(diagnosis: &Diagnosis) -> String {
    let Finding { fault, severity, place, evidence, advice, .. } = &diagnosis.finding;
    let severity = match severity {
        Severity::Note => "note",
        Severity::Warning => "warning",
        Severity::Serious => "serious",
    };
    let place = if place.is_empty() { String::new() } else { format!(" `{place}`") };
    let mut text =
        format!("{severity}: {}{place}: {}\n  seen: {evidence}\n  do:   {advice}\n", fault.name(), fault.summary());
    if let (Some(proof), Some(change)) = (&diagnosis.proof, &diagnosis.finding.change) {
        let value = |loss: Option<f64>| loss.map_or("none".to_string(), number);
        let verdict = if proof.helped() { "" } else { ", which does not help here" };
        text += &format!(
            "  tried: {}: {} within {} epochs {} -> {}{verdict}\n",
            change.text,
            proof.measure,
            proof.epochs,
            value(proof.before),
            value(proof.after)
        );
    }
    text
}
