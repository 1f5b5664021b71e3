//! `backpass train`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use backpass::init::Init;
use backpass::loss::Loss;
use backpass::nn::Activation;
use backpass::optim::Optimizer;
use backpass::optim::schedule::Schedule;
use backpass::spec::Choice;
use backpass::train::{Epoch, StopReason};
use backpass_tabular::metrics::METRICS;
use backpass_tabular::{
    FitOptions, Fitted, LayerRecord, Metrics, Model, Summary, Table, Watcher, check_writable, prepare, prepare_from,
};

use crate::config::Config;
use crate::demand::Demand;
use crate::exit::{Exit, Failure};
use crate::output::{self, Talk};
use crate::profile::{Profile, ProfileRecord};
use crate::progress::{Events, Progress};
use crate::reading::Reading;
use crate::report::{Report, Rows};
use crate::signals::Signals;
use crate::training::Training;
use crate::verbs::inspect::coefficients_table;

/// Train a network on a table
#[derive(clap::Args)]
#[command(after_help = format!("{}\n{EXAMPLES}", names()))]
pub struct Train {
    /// A CSV, Parquet or IDX file, plain or gzipped; - for standard input
    #[arg(value_name = "DATA")]
    data: PathBuf,

    #[command(flatten)]
    training: Training,

    /// The model to write; without it the model is not kept
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Replace the model if it is there already
    #[arg(long)]
    force: bool,

    /// Write a report as one page: how good, what it looks at, how it was made; --force replaces it, too
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,

    /// Print every option with its value as TOML, and do not train
    #[arg(long)]
    print_config: bool,

    /// Exit with 1 if a metric on the validation rows is worse than this; may be given several times
    #[arg(long, value_name = "METRIC=VALUE")]
    require: Vec<Demand>,

    /// Print one JSON document at the end
    #[arg(long, conflicts_with = "events")]
    json: bool,

    /// Print one JSON object a line: the epochs, then the document of --json
    #[arg(long)]
    events: bool,

    /// Say where the time went: stage by stage, and by instruction of the steps, which are timed one by one
    #[arg(long)]
    profile: bool,
}

const EXAMPLES: &str = "\
Examples:
  backpass train penguins.csv --target species -o penguins.backpass
  backpass train penguins.csv --target species -o penguins.backpass --report report.html
  backpass train houses.parquet --target price --hidden 64,64 --epochs 200 -o houses.backpass
  backpass train penguins.csv --target body_mass_g,flipper_length_mm --interval 0.9 -o sizes.backpass
  backpass train data.csv --target y --type zip=category --drop id --validation test.csv
  backpass train decay.csv --target y --formula 'a*exp(-b*t) + c' --start b=0.1
  backpass train data.csv --target y --print-config > run.toml
  backpass train data.csv --config run.toml --seed 7 --json";

/// What can stand for NAME and METRIC.
fn names() -> String {
    fn of<'a>(choices: impl IntoIterator<Item = &'a Choice>) -> Vec<&'static str> {
        choices.into_iter().map(|choice| choice.name).collect()
    }
    let lists: [(&str, Vec<&str>); 6] = [
        ("--activation", Activation::names()),
        ("--init", of(Init::ALL)),
        ("--loss", of(Loss::all())),
        ("--optimizer", of(Optimizer::all())),
        ("--schedule", of(Schedule::ALL)),
        ("METRIC", METRICS.iter().map(|metric| metric.name).collect()),
    ];
    let mut text = "Names, some of which take numbers, as in leaky_relu(slope=0.1):\n".to_string();
    for (option, names) in lists {
        let mut line = format!("  {option:<14}");
        for name in names {
            if line.len() + name.len() > WIDTH {
                text += &format!("{}\n", line.trim_end());
                line = " ".repeat(16);
            }
            line += &format!("{name}  ");
        }
        text += &format!("{}\n", line.trim_end());
    }
    text
}

/// The width of the list of names.
const WIDTH: usize = 90;

impl Train {
    pub fn run(mut self, talk: &Talk) -> Result<(), Failure> {
        let config = self.config()?;
        let mut profile = Profile::start("read");
        let table = config.table(&self.data)?;
        if self.print_config {
            return print_config(&table, config);
        }
        match &self.output {
            Some(path) => check_writable(path, self.force)?,
            None => talk.note("the model will not be kept: name a file with -o to keep it"),
        }
        self.report.as_deref().map_or(Ok(()), |path| check_writable(path, self.force))?;
        talk.say(format!("{}: {} rows, {} columns", table.name, table.rows(), table.columns.len()));
        let signals = Signals::default();
        // A table that nobody needs afterwards goes back to memory while it is encoded.
        let kept = self.report.is_some().then(|| table.clone());
        let (fitted, events) = self.fit(table, &config.options, &signals, &mut profile, talk)?;
        if let StopReason::Diverged(divergence) = &fitted.report.stop {
            let message = format!("{}; no model is written\nhelp: {}", fitted.report.stop, divergence.help);
            return Err(Failure::new(Exit::Diverged, message));
        }
        if let Some(path) = &self.output {
            profile.enter("write");
            fitted.model.save(path, self.force)?;
        }
        profile.end();
        self.tell(&fitted, events, &profile, talk)?;
        if let (Some(path), Some(table)) = (&self.report, &kept) {
            self.report(path, &fitted.model, table, &config.reading, &profile)?;
            talk.say(format!("report: {}", path.display()));
        }
        match (&fitted.report.stop, signals.exit()) {
            (StopReason::Interrupted, Some(exit)) => Err(Failure::silent(exit)),
            _ => Demand::check(&self.require, judged(&fitted)),
        }
    }

    /// The options of the command line, then those of the file.
    fn config(&mut self) -> Result<Config, Failure> {
        let given = Training { threads: self.training.threads, ..Training::default() };
        let config = std::mem::replace(&mut self.training, given).resolve()?;
        if !self.require.is_empty() && matches!(config.options.validation.as_deref(), Some("none" | "0")) {
            let message = "--require judges the validation rows, and there are none\nhelp: leave out --validation none";
            return Err(Failure::usage(message));
        }
        Ok(config)
    }

    fn fit(
        &self,
        table: Table,
        options: &FitOptions,
        signals: &Signals,
        profile: &mut Profile,
        talk: &Talk,
    ) -> Result<(Fitted, Option<Events>), Failure> {
        profile.enter("encode");
        let prepared = prepare_from(table, options)?;
        Demand::suit(&self.require, prepared.target())?;
        prepared.decisions.iter().for_each(|decision| talk.say(format!("  {decision}")));
        let config = Config { options: prepared.resolved.clone(), ..Config::default() };
        config.to_toml()?.lines().for_each(|line| talk.detail(format!("  {line}")));
        // Until here there is nothing to save, and a signal ends the program.
        if let Err(error) = signals.listen() {
            talk.note(format!("Ctrl-C will not save the model: {error}"));
        }
        let mut progress = Progress::new(*talk, &prepared.resolved, prepared.rows());
        let mut events = self.events.then(Events::new);
        profile.train();
        let mut observe = |epoch: &Epoch| {
            events.iter_mut().for_each(|events| events.epoch(epoch));
            progress.epoch(epoch);
        };
        let told = prepared.decisions.len();
        let (threads, interrupt) = (self.training.threads.count(), Some(Arc::clone(&signals.stop)));
        let watcher = Watcher { threads, interrupt, profile: self.profile, observe: &mut observe };
        let fitted = prepared.train(watcher);
        progress.finish();
        let fitted = fitted?;
        fitted.decisions[told..].iter().for_each(|decision| talk.say(format!("  {decision}")));
        profile.trained(&fitted.report, fitted.resolved.bag.unwrap_or(1));
        Ok((fitted, events))
    }

    /// Writes the report on the rows that training held out, or else on what there is.
    fn report(
        &self,
        path: &Path,
        model: &Model,
        table: &Table,
        reading: &Reading,
        profile: &Profile,
    ) -> Result<(), Failure> {
        let apart = model.manifest.options.validation.as_deref();
        // Neither a share nor none is the name of a table.
        let apart = apart.filter(|text| *text != "none" && text.parse::<f64>().is_err());
        let apart = apart.map(|file| reading.table(Path::new(file))).transpose()?;
        let judged = apart.as_ref().unwrap_or(table).identified();
        let rows = if apart.is_some() { Rows::validated(&judged) } else { Rows::of([model], &judged, false)? };
        let (learnt, threads) = (Some(table), self.training.threads.count());
        let report = Report { model, table: &judged, rows: &rows, learnt, stages: Some(profile), threads };
        report.write(path, self.force)
    }

    /// Results to standard output, the rest beside it.
    fn tell(&self, fitted: &Fitted, events: Option<Events>, profile: &Profile, talk: &Talk) -> Result<(), Failure> {
        let report = &fitted.report;
        talk.say(format!("stopped: {}", report.stop));
        let mut of: Vec<(&str, &Metrics)> = vec![("training", &fitted.train_metrics)];
        match &fitted.validation_metrics {
            Some(metrics) => of.push(("validation", metrics)),
            // Few parameters cannot learn many rows by heart, and their errors are known.
            None if fitted.resolved.formula.is_some() => {}
            None => talk.note("there are no validation rows: how good the model is on new rows is not known"),
        }
        judged(fitted).notes.iter().for_each(|note| talk.note(note));
        let mut table = output::metrics_table(&of);
        let coefficients = &fitted.model.manifest.coefficients;
        if !coefficients.is_empty() {
            table = format!("{}\n{table}", coefficients_table(coefficients));
        }
        if self.json || self.events {
            talk.say(table);
        } else {
            output::print(table)?;
        }
        let (kept, last) = (fitted.model.kept_epochs(), report.history.len());
        let from = match (kept.iter().min(), kept.iter().max()) {
            (Some(first), Some(latest)) if kept.len() > 1 => {
                format!("{} networks, from epochs {first} to {latest} of {last}", kept.len())
            }
            _ => format!("from epoch {} of {last}", report.best_epoch),
        };
        let from = format!("{from}, {:.1} s", report.seconds);
        talk.say(match &self.output {
            Some(path) => format!("model: {}, {from}", path.display()),
            None => format!("model: not kept, {from}"),
        });
        let looked_at = report.history.iter().filter(|epoch| !epoch.layers.is_empty());
        let document = || Document {
            summary: fitted.summary(),
            layers: looked_at.clone().map(LayersRecord::from).collect(),
            profile: self.profile.then(|| profile.record(&report.instructions)),
        };
        match events {
            Some(events) => Ok(events.finish(&document())?),
            None if self.json => output::json(&document()),
            None => {
                if self.profile {
                    talk.say(format!("\n{}", profile.describe(&report.instructions)));
                }
                Ok(())
            }
        }
    }
}

/// The document of `--json`.
#[derive(serde::Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    summary: Summary<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    layers: Vec<LayersRecord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<ProfileRecord<'a>>,
}

/// The layers after an epoch.
#[derive(serde::Serialize)]
struct LayersRecord {
    epoch: usize,
    layers: Vec<LayerRecord>,
}

impl From<&Epoch> for LayersRecord {
    fn from(epoch: &Epoch) -> Self {
        LayersRecord { epoch: epoch.epoch, layers: epoch.layers.iter().map(LayerRecord::from).collect() }
    }
}

/// The metrics that say most about new rows.
fn judged(fitted: &Fitted) -> &Metrics {
    fitted.validation_metrics.as_ref().unwrap_or(&fitted.train_metrics)
}

fn print_config(table: &Table, config: Config) -> Result<(), Failure> {
    let options = prepare(table, &config.options)?.resolved;
    output::print(Config { options, ..config }.to_toml()?)
}
