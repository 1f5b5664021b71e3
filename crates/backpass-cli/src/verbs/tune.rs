//! `backpass tune`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;
use std::{fs, thread};

use backpass::train::{Epoch, StopReason};
use backpass_tabular::{
    FitOptions, Search, Space, Table, Trial, TuneOptions, Watcher, check_writable, prepare, tune, write_file,
};

use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::output::{self, Talk, number, row};
use crate::progress::Progress;
use crate::signals::Signals;
use crate::training::Training;

/// Search for better training options, by successive halving
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Tune {
    /// A CSV, Parquet or IDX file, plain or gzipped; - for standard input
    #[arg(value_name = "DATA", required_unless_present = "print_space")]
    data: Option<PathBuf>,

    /// A TOML file with the options to search and what each may be; by default what --print-space prints
    #[arg(long, value_name = "FILE")]
    space: Option<PathBuf>,

    /// Print the default space, and do not search
    #[arg(long)]
    print_space: bool,

    /// Stop searching after so long, such as 90s, 10m or 2h; by default 60s, or no limit where --trials is given
    #[arg(long, value_name = "TIME", value_parser = duration)]
    time: Option<Duration>,

    /// Stop after so many trials; then the result does not depend on the clock
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    trials: Option<u32>,

    /// How often the trials of a bracket are trained, each time fewer of them for more epochs
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=10))]
    rungs: u8,

    /// One of so many trials is trained again, for so many times the epochs
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(2..=10))]
    eta: u8,

    /// The metric on the validation rows that decides; by default log_loss or rmse
    #[arg(long, value_name = "METRIC")]
    metric: Option<String>,

    /// Keep what is found in this file; a search with the same journal goes on where the last one ended
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,

    /// The model to train with the best options and to write, after the search
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Write the best options as TOML, for `train --config`
    #[arg(long, value_name = "FILE")]
    write_config: Option<PathBuf>,

    /// Replace the model and the configuration if they are there already
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    training: Training,

    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Options that are given are not searched.

Examples:
  backpass tune energy.csv --target heating_load --time 5m -o energy.backpass
  backpass tune energy.csv --target heating_load --trials 27 --journal energy.jsonl
  backpass tune penguins.csv --target species --hidden 64,64 --metric accuracy
  backpass tune --print-space > space.toml
  backpass tune penguins.csv --target species --space space.toml --write-config best.toml";

/// How long a search takes where nothing is said.
const TIME: Duration = Duration::from_secs(60);

impl Tune {
    pub fn run(self, talk: &Talk) -> Result<(), Failure> {
        let Some(data) = self.data.as_deref().filter(|_| !self.print_space) else {
            return output::print(Space::DEFAULT);
        };
        let (threads, force) = (self.training.threads.count(), self.force);
        let how = TuneOptions {
            space: self.space()?,
            trials: self.trials.map(|trials| trials as usize),
            rungs: self.rungs.into(),
            eta: self.eta.into(),
            metric: self.metric.clone(),
            journal: self.journal.clone(),
            threads,
        };
        let time = self.time.or(self.trials.is_none().then_some(TIME));
        let config = self.training.resolve()?;
        let table = config.table(data)?;
        for path in [&self.output, &self.write_config].into_iter().flatten() {
            check_writable(path, force)?;
        }
        talk.say(format!("{}: {} rows, {} columns", table.name, table.rows(), table.columns.len()));
        let signals = Signals::default();
        if let Err(error) = signals.listen() {
            talk.note(format!("Ctrl-C will lose what is found: {error}"));
        }
        let mut tell = |trial: &Trial| talk.say(format!("  {}", said(trial)));
        let search = within(time, &signals.stop, || tune(&table, &config.options, &how, &signals.stop, &mut tell))?;
        // The time is over, but the work is not; a signal ends both.
        let interrupted = signals.exit();
        if interrupted.is_none() {
            signals.stop.store(false, Ordering::Relaxed);
        }
        let (Some(best), Some(best_options)) = (search.best(), search.best_options()) else {
            return Err(nothing(&search, interrupted));
        };
        if self.json {
            output::json(&Document { schema: "backpass.tune/1", best: &best_options, search: &search })?;
        } else {
            output::print(text(&search))?;
        }
        let last = search.rungs.last().copied().unwrap_or(best.epochs);
        if best.epochs < last {
            talk.note(format!(
                "no trial got to {last} epochs: the best is that of {}; more --time would tell more",
                best.epochs
            ));
        }
        talk.say(match best.arguments() {
            arguments if arguments.is_empty() => "best: the options as given".to_string(),
            // Without its preset's name, some of these options would choose another one.
            arguments => format!("best: --preset {} {arguments}", best_options.preset.as_deref().unwrap_or("best")),
        });
        if let Some(path) = &self.write_config {
            let config = Config { options: best_options.clone(), reading: config.reading };
            write_file(path, config.to_toml()?.as_bytes(), force)?;
            talk.say(format!("options: {}", path.display()));
        }
        if let Some(exit) = interrupted {
            if self.output.is_some() {
                talk.note("interrupted: no model is trained");
            }
            return Err(Failure::silent(exit));
        }
        match &self.output {
            Some(path) => Trainer { table: &table, options: &best_options, threads }.train(path, force, &signals, talk),
            None => Ok(()),
        }
    }

    fn space(&self) -> Result<Space, Failure> {
        let Some(path) = &self.space else { return Ok(Space::default()) };
        let name = path.display();
        let text = fs::read_to_string(path).map_err(|e| Failure::new(Exit::Io, format!("{name}: {e}")))?;
        Space::parse(&text).map_err(|error| Failure::usage(format!("{name}: {error}")))
    }
}

/// Does some work and asks it to stop when the time is over.
fn within<T>(time: Option<Duration>, stop: &Arc<AtomicBool>, work: impl FnOnce() -> T) -> T {
    let (done, waited) = mpsc::channel::<()>();
    thread::scope(|scope| {
        if let Some(time) = time {
            scope.spawn(move || {
                if waited.recv_timeout(time) == Err(RecvTimeoutError::Timeout) {
                    stop.store(true, Ordering::Relaxed);
                }
            });
        }
        let result = work();
        drop(done);
        result
    })
}

/// What `--json` prints.
#[derive(serde::Serialize)]
struct Document<'a> {
    schema: &'static str,
    best: &'a FitOptions,
    #[serde(flatten)]
    search: &'a Search,
}

/// A line for each trial, the best first.
fn text(search: &Search) -> String {
    let mut rows = vec![row("rank", ["options", search.metric, "epochs", "seconds"])];
    for (at, trial) in search.trials.iter().enumerate() {
        let numbers = [score(trial), trial.epochs.to_string(), format!("{:.1}", trial.seconds)];
        rows.push(row(&(at + 1).to_string(), std::iter::once(chosen(trial)).chain(numbers)));
    }
    output::columns(&rows, 2)
}

fn said(trial: &Trial) -> String {
    let said = format!("trial {}, {} epochs: {}  {}", trial.trial, trial.epochs, score(trial), chosen(trial));
    trial.refused.as_ref().map_or(said.clone(), |reason| format!("{said}\n    {}", reason.replace('\n', "\n    ")))
}

fn score(trial: &Trial) -> String {
    match trial.refused {
        Some(_) => "refused".to_string(),
        None => trial.score.map_or("not defined".to_string(), number),
    }
}

fn chosen(trial: &Trial) -> String {
    match trial.arguments() {
        arguments if arguments.is_empty() => "as given".to_string(),
        arguments => arguments,
    }
}

/// Why there is no best trial.
fn nothing(search: &Search, interrupted: Option<Exit>) -> Failure {
    match interrupted {
        Some(exit) => Failure::silent(exit),
        None if search.trials.is_empty() => {
            Failure::usage("no trial was trained to its end in time\nhelp: give more --time, or fewer --epochs")
        }
        None => Failure::new(
            Exit::Diverged,
            "every trial diverged or was refused\nhelp: search smaller values of learning_rate",
        ),
    }
}

/// The training with the best options.
struct Trainer<'a> {
    table: &'a Table,
    options: &'a FitOptions,
    threads: usize,
}

impl Trainer<'_> {
    fn train(&self, path: &Path, force: bool, signals: &Signals, talk: &Talk) -> Result<(), Failure> {
        let prepared = prepare(self.table, self.options)?;
        let mut progress = Progress::new(*talk, &prepared.resolved, prepared.rows());
        let mut observe = |epoch: &Epoch| progress.epoch(epoch);
        let interrupt = Some(Arc::clone(&signals.stop));
        let watcher = Watcher { threads: self.threads, interrupt, profile: false, observe: &mut observe };
        let fitted = prepared.train(watcher);
        progress.finish();
        let fitted = fitted?;
        if let StopReason::Diverged(divergence) = &fitted.report.stop {
            let message = format!("{}; no model is written\nhelp: {}", fitted.report.stop, divergence.help);
            return Err(Failure::new(Exit::Diverged, message));
        }
        fitted.model.save(path, force)?;
        let report = &fitted.report;
        let epochs = format!("epoch {} of {}, {:.1} s", report.best_epoch, report.history.len(), report.seconds);
        talk.say(format!("model: {}, from {epochs}", path.display()));
        signals.exit().map_or(Ok(()), |exit| Err(Failure::silent(exit)))
    }
}

/// A number of seconds, or of the unit behind it.
fn duration(text: &str) -> Result<Duration, String> {
    let units = [("s", 1.0), ("m", 60.0), ("h", 3600.0)];
    let unit = units.into_iter().find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, seconds)));
    let (count, seconds) = unit.unwrap_or((text, 1.0));
    let duration = count.parse().ok().and_then(|count: f64| Duration::try_from_secs_f64(count * seconds).ok());
    duration.filter(|duration| !duration.is_zero()).ok_or("a time such as 90s, 10m or 2h is expected".to_string())
}
