//! `backpass doctor`.

use std::path::{Path, PathBuf};

use backpass::train::Epoch;
use backpass_tabular::doctor::{Fault, Finding, Proof, Severity, examine_model, examine_run, examine_table, prove};
use backpass_tabular::{FitOptions, Model, Table, Watcher, prepare};
use serde::Serialize;

use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::output::{self, Talk, number};
use crate::progress::Progress;
use crate::training::Training;

/// Say what is wrong with a table, a training or a model, and try what cures it
#[derive(clap::Args)]
#[command(after_help = format!("{}\n{EXAMPLES}", faults()))]
pub struct Doctor {
    /// A CSV, Parquet or IDX file, plain or gzipped, - for standard input; or a model, by the ending .backpass
    #[arg(value_name = "DATA|MODEL")]
    subject: PathBuf,

    /// The table of a model's training, if it is no longer where it was
    #[arg(value_name = "DATA")]
    data: Option<PathBuf>,

    #[command(flatten)]
    training: Training,

    /// Look at the table only, and do not train
    #[arg(long)]
    table_only: bool,

    /// Do not train again to try what cures a fault
    #[arg(long)]
    no_proof: bool,

    /// Exit with 1 if anything is found that has not been seen to already
    #[arg(long)]
    strict: bool,

    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  backpass doctor penguins.csv --target species
  backpass doctor penguins.csv --target species --init zeros --json
  backpass doctor new.csv --target price --table-only --strict
  backpass doctor penguins.backpass
  backpass doctor penguins.backpass moved/penguins.csv";

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
    pub fn run(mut self, talk: &Talk) -> Result<(), Failure> {
        let threads = self.training.threads.count();
        let given = std::mem::take(&mut self.training);
        let is_model = self.data.is_some() || self.subject.extension().is_some_and(|ending| ending == "backpass");
        let (table, target, findings, model) =
            if is_model { self.of_model(given)? } else { self.of_table(given.resolve()?, threads, talk)? };
        let diagnoses = self.prove(&table, findings, model.as_ref(), threads, talk)?;
        if self.json {
            let schema = "backpass.doctor/1";
            output::json(&Document { schema, data: &table.name, target: &target, findings: &diagnoses })?;
        } else if diagnoses.is_empty() {
            talk.say(format!("{}: nothing found", table.name));
        } else {
            output::print(diagnoses.iter().map(describe).collect::<Vec<_>>().join("\n"))?;
        }
        let open = diagnoses.iter().any(|diagnosis| diagnosis.finding.severity > Severity::Note);
        if self.strict && open { Err(Failure::silent(Exit::Demand)) } else { Ok(()) }
    }

    /// What is found in a table and, unless only that is wanted, in a training on it.
    fn of_table(&self, config: Config, threads: usize, talk: &Talk) -> Result<Examined, Failure> {
        let (table, options) = (config.table(&self.subject)?, config.options);
        if self.table_only {
            let findings = examine_table(&table, &options)?;
            return Ok((table, options.target, findings, None));
        }
        talk.say(format!("{}: {} rows; training once to look at the run", table.name, table.rows()));
        let prepared = prepare(&table, &options)?;
        let mut progress = Progress::new(*talk, &prepared.resolved, prepared.rows());
        let mut observe = |epoch: &Epoch| progress.epoch(epoch);
        let fitted = prepared.train(Watcher { threads, interrupt: None, profile: false, observe: &mut observe });
        progress.finish();
        let fitted = fitted?;
        let findings = examine_run(&table, &fitted)?;
        Ok((table, options.target, findings, Some(fitted.model)))
    }

    /// What is found in a model and in the table of its training.
    fn of_model(&self, given: Training) -> Result<Examined, Failure> {
        if given.options != FitOptions::default() || given.config.is_some() || self.table_only {
            let message = format!("{} is a model, whose options are its own", self.subject.display());
            let help = "help: leave out all options of training, or give a table alone";
            return Err(Failure::usage(format!("{message}\n{help}")));
        }
        let model = Model::load(&self.subject)?;
        let trained_on = Path::new(&model.manifest.data);
        let path = self.data.as_deref().unwrap_or(trained_on);
        let help = format!(
            "help: name the table of its training: backpass doctor {} {}",
            self.subject.display(),
            trained_on.file_name().map_or("DATA".into(), |name| name.to_string_lossy())
        );
        let table = given.reading.table(path).map_err(|error| Failure::from(error).with_help(&help))?;
        if !model.was_trained_on(&table.identified()) {
            let message = format!("{}: the model was trained on another table, {}", table.name, model.manifest.data);
            return Err(Failure::new(Exit::Data, format!("{message}\n{help}")));
        }
        let findings = examine_model(&table, &model).map_err(Failure::of_table)?;
        Ok((table, model.target.name(), findings, Some(model)))
    }

    /// Tries the cures, each once.
    fn prove(
        &self,
        table: &Table,
        findings: Vec<Finding>,
        model: Option<&Model>,
        threads: usize,
        talk: &Talk,
    ) -> Result<Vec<Diagnosis>, Failure> {
        let mut tried: Vec<(String, Proof)> = Vec::new();
        let mut diagnoses = Vec::new();
        for finding in findings {
            let cure = finding.change.as_ref().zip(model).filter(|_| !self.no_proof);
            let known = |text: &str| tried.iter().find(|(known, _)| known == text).map(|(_, proof)| proof.clone());
            let proof = match cure {
                None => None,
                Some((change, model)) => Some(match known(&change.text) {
                    Some(proof) => proof,
                    None => {
                        talk.say(format!("training again with {}", change.text));
                        let mut progress = Progress::new(
                            *talk,
                            &change.options.clone().or(model.manifest.options.clone()),
                            model.manifest.rows.0,
                        );
                        let proof = prove(table, model, change, threads, &mut |epoch| progress.epoch(epoch));
                        progress.finish();
                        let proof = proof?;
                        tried.push((change.text.clone(), proof.clone()));
                        proof
                    }
                }),
            };
            let finding = match &proof {
                Some(proof) => finding.tried(proof),
                None => finding,
            };
            diagnoses.push(Diagnosis { finding, proof });
        }
        diagnoses.sort_by_key(|diagnosis| std::cmp::Reverse(diagnosis.finding.severity));
        Ok(diagnoses)
    }
}

/// A table, its target, what is wrong with it, and the model that was trained on it.
type Examined = (Table, String, Vec<Finding>, Option<Model>);

/// A finding for people.
fn describe(diagnosis: &Diagnosis) -> String {
    let Finding { fault, severity, place, evidence, advice, .. } = &diagnosis.finding;
    let place = if place.is_empty() { String::new() } else { format!(" `{place}`") };
    let (severity, name, summary) = (severity.name(), fault.name(), fault.summary());
    let mut text = format!("{severity}: {name}{place}: {summary}\n  seen: {evidence}\n  do:   {advice}\n");
    if let (Some(proof), Some(change)) = (&diagnosis.proof, &diagnosis.finding.change) {
        let value = |loss: Option<f64>| loss.map_or("none".to_string(), number);
        let verdict = match fault {
            Fault::Leak => "; the rest was given away",
            _ if proof.helped() => "",
            _ => ", which does not help here",
        };
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
