//! A search for good training options: successive halving (Jamieson and Talwalkar 2016), bracket after bracket, over options
//! drawn by chance. Hyperband (Li et al. 2018) also varies how early brackets halve; these are all alike.

mod error;
mod journal;
mod space;

use std::cmp::Ordering;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use backpass::suggest::closest;
use backpass::train::StopReason;
use serde::{Deserialize, Serialize};

pub use error::TuneError;
pub use space::Space;

use crate::fit::{Watcher, prepare, subject};
use crate::fit_error::FitError;
use crate::metrics::{Better, METRICS, metric_named};
use crate::options::FitOptions;
use crate::table::Table;
use crate::task::{Target, Task};
use crate::workers::in_parallel;
use journal::{Header, Journal};

/// How to search.
#[derive(Clone, Debug)]
pub struct TuneOptions {
    /// Which options, and where.
    pub space: Space,
    /// The most trials, that with the options as given included; without a limit until the space is exhausted or somebody
    /// asks to stop.
    pub trials: Option<usize>,
    /// How often the trials of a bracket are trained, each time fewer of them for more epochs.
    pub rungs: usize,
    /// One of so many trials is trained again, for so many times the epochs; a bracket has `eta^(rungs - 1)` trials.
    pub eta: usize,
    /// The metric on the validation rows that decides; by default the log loss or the root of the mean squared error.
    pub metric: Option<String>,
    /// The file that keeps what was found, from which a later search goes on.
    pub journal: Option<PathBuf>,
    /// Threads; they never change the result.
    pub threads: usize,
}

/// A training with options of the space.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Its number; 0 has the options as given.
    pub trial: usize,
    /// The options that the space chose.
    pub options: FitOptions,
    /// The rung, from 1.
    pub rung: usize,
    /// The epochs of that rung.
    pub epochs: usize,
    /// The metric on the validation rows; nothing where training diverged or the metric is not defined.
    pub score: Option<f64>,
    /// Seconds of training.
    pub seconds: f64,
    /// Why training refused these options together; such a trial has no score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// What a search has found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Search {
    /// The metric that decided.
    pub metric: &'static str,
    /// Whether all that was asked for is done.
    pub finished: bool,
    /// The epochs of each rung.
    pub rungs: Vec<usize>,
    /// The options that all trials share.
    pub given: FitOptions,
    /// Every trial at its highest rung, the best first: those that got further, and among them those with the better score.
    pub trials: Vec<Trial>,
}

impl Trial {
    /// What the space chose, as arguments of `backpass train`.
    pub fn arguments(&self) -> String {
        arguments(&self.options)
    }
}

impl Search {
    /// The best trial.
    pub fn best(&self) -> Option<&Trial> {
        self.trials.first().filter(|trial| trial.score.is_some())
    }

    /// The options of the best trial, with what all share: those that [`crate::fit`] takes.
    pub fn best_options(&self) -> Option<FitOptions> {
        self.best().map(|trial| trial.options.clone().or(self.given.clone()))
    }
}

/// Trains with options of the space and finds the best. Each bracket begins with trials of few epochs; of those the best are
/// trained anew for more, with the schedules stretched, until one is left that has all of them. The options as given go on
/// whatever their score, so that what is found is not worse. The score of a trial at the last rung is what [`crate::fit`]
/// gives with its options. All are judged on the same validation rows; trials run side by side.
///
/// Once `stop` is set nothing is begun, and what is under way is dropped. What else there is does not depend on when that was,
/// nor on the number of threads, nor on whether it comes from the journal. `observe` is told of each training as it ends.
///
/// # Errors
/// What is wrong with the table, the options, the space or the journal. Options that can each be trained with but not together
/// are no error: that trial is recorded as refused, and the search goes on.
pub fn tune(
    table: &Table,
    given: &FitOptions,
    how: &TuneOptions,
    stop: &Arc<AtomicBool>,
    observe: &mut dyn FnMut(&Trial),
) -> Result<Search, TuneError> {
    if how.eta < 2 {
        return Err(TuneError::Number { option: "--eta", found: how.eta, expected: "at least 2" });
    }
    if given.time_budget.is_some() {
        let found = given.time_budget.unwrap_or_default().to_string();
        return Err(FitError::choice("--time-budget", &found, "possible in a search; use --time").into());
    }
    let space = how.space.without(given)?;
    let resolved = prepare(table, given)?.resolved;
    // What a trial sets does not choose its preset: it would choose other validation rows with it.
    let given = &FitOptions { preset: resolved.preset.clone(), ..given.clone() };
    let (_, target, _) = subject(table, given)?;
    let metric = metric(how.metric.as_deref(), &target)?;
    if matches!(resolved.validation.as_deref(), Some("none" | "0")) && resolved.bag.unwrap_or(1) < 2 {
        return Err(
            FitError::choice("--validation", "none", "possible in a search, which judges validation rows").into()
        );
    }
    for options in space.each()? {
        check(&options.clone().or(given.clone()), &target.task).map_err(|source| trial_error(&options, source))?;
    }
    let rungs = rungs(resolved.epochs.unwrap_or(1), how.rungs, how.eta);
    let header = Header {
        schema: Header::SCHEMA.to_string(),
        version: env!("CARGO_PKG_VERSION").to_string(),
        data: table.fingerprint(),
        options: given.clone(),
        space: space.table().clone(),
        rungs: rungs.clone(),
        eta: how.eta,
        metric: metric.to_string(),
    };
    let journal = Journal::open(how.journal.as_deref(), &header)?;
    let mut bracket = Bracket { table, given, metric, threads: how.threads, eta: how.eta, journal, stop, observe };
    let mut proposals = space.proposals(given.seed.unwrap_or(0)).enumerate().take(how.trials.unwrap_or(usize::MAX));
    let width = how.eta.pow(rungs.len() as u32 - 1);
    let mut search = Search { metric, finished: true, rungs, given: given.clone(), trials: Vec::new() };
    while search.finished {
        let begun = proposals.by_ref().take(width).map(|(trial, options)| Ok((trial, options?)));
        let begun: Vec<(usize, FitOptions)> = begun.collect::<Result<_, TuneError>>()?;
        if begun.is_empty() {
            break;
        }
        search.finished = bracket.run(begun, &search.rungs, &mut search.trials)?;
    }
    search.trials.sort_by(|a, b| b.rung.cmp(&a.rung).then(order(a, b, metric)));
    Ok(search)
}

/// The epochs of each rung: `eta` times fewer from the last to the first, and at least one.
fn rungs(epochs: usize, most: usize, eta: usize) -> Vec<usize> {
    let shrink = |epochs: &usize| (*epochs >= eta).then(|| (*epochs as f64 / eta as f64).round() as usize);
    let mut rungs: Vec<usize> = std::iter::successors(Some(epochs), shrink).take(most.max(1)).collect();
    rungs.reverse();
    rungs
}

/// Which of two trials at one rung comes first: the better; those without a score last, and equals as they were begun.
fn order(a: &Trial, b: &Trial, metric: &str) -> Ordering {
    let higher = metric_named(metric).is_some_and(|metric| metric.better == Better::Higher);
    let loss = |trial: &Trial| trial.score.map_or(f64::INFINITY, |score| if higher { -score } else { score });
    loss(a).total_cmp(&loss(b)).then(a.trial.cmp(&b.trial))
}

/// The metric to search by: log loss for classes; for numbers the main one, or of intervals the score of them, where it
/// is told of all targets.
fn metric(wanted: Option<&str>, target: &Target) -> Result<&'static str, TuneError> {
    let classes = METRICS.iter().map(|metric| metric.name).take_while(|name| *name != "rmse");
    let known: Vec<&str> = match target.is_number() {
        true => target.number_metrics().to_vec(),
        false => classes.filter(|name| *name != "average_precision" || target.width() == 2).collect(),
    };
    let Some(wanted) = wanted else {
        let first = known.first().copied().unwrap_or_default();
        let best = if target.is_number() { "interval_score" } else { "log_loss" };
        return Ok(known.into_iter().find(|name| *name == best).unwrap_or(first));
    };
    known.iter().copied().find(|name| *name == wanted).ok_or_else(|| {
        let help = match closest(wanted, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("use {}", known.join(", ")),
        };
        TuneError::Metric { metric: wanted.to_string(), help }
    })
}

/// Refuses what training would refuse, before anything is trained.
fn check(options: &FitOptions, task: &Task) -> Result<(), FitError> {
    let options = options.resolve(task, 1, 0);
    options.training(task)?;
    options.scaling()?;
    options.levels()?;
    options.init()?;
    options.embeddings()?;
    options.parametrisation()?;
    options.activations(options.hidden_sizes()?.len()).map(|_| ())
}

fn trial_error(options: &FitOptions, source: FitError) -> TuneError {
    match arguments(options) {
        options if options.is_empty() => source.into(),
        options => TuneError::Trial { options, source: Box::new(source) },
    }
}

/// Options as arguments, in the quotes that a shell needs.
fn arguments(options: &FitOptions) -> String {
    let argument = |(name, value): (&String, &toml::Value)| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_string);
        let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "_.,+-=".contains(c));
        let quote = if plain { "" } else { "'" };
        format!("--{} {quote}{text}{quote}", name.replace('_', "-"))
    };
    toml::Table::try_from(options).unwrap_or_default().iter().map(argument).collect::<Vec<_>>().join(" ")
}

/// Some trials, trained at rung after rung.
struct Bracket<'a> {
    table: &'a Table,
    given: &'a FitOptions,
    metric: &'static str,
    threads: usize,
    eta: usize,
    journal: Journal,
    stop: &'a Arc<AtomicBool>,
    observe: &'a mut dyn FnMut(&Trial),
}

impl Bracket<'_> {
    /// Trains the trials at all rungs; the last training of each joins `trials`. Says whether it got to the end.
    fn run(
        &mut self,
        begun: Vec<(usize, FitOptions)>,
        rungs: &[usize],
        trials: &mut Vec<Trial>,
    ) -> Result<bool, TuneError> {
        let mut left = begun;
        for (rung, &epochs) in rungs.iter().enumerate() {
            let count = left.len();
            let mut done = self.rung(&left, rung + 1, epochs)?;
            let whole = done.len() == count;
            done.sort_by(|a, b| order(a, b, self.metric));
            trials.retain(|old| done.iter().all(|new| new.trial != old.trial));
            trials.extend(done.iter().cloned());
            if !whole {
                return Ok(false);
            }
            let best = (count / self.eta).max(1);
            // What is refused stays so, and what diverges in few epochs is not worth more of them; the options as given are what the others must beat.
            let goes_on = |(at, trial): &(usize, Trial)| trial.score.is_some() && (*at < best || trial.trial == 0);
            let survivors = done.into_iter().enumerate().filter(goes_on).map(|(_, trial)| trial);
            left = survivors.map(|trial| (trial.trial, trial.options)).collect();
        }
        Ok(true)
    }

    /// Trains what the journal does not know, as many trials at a time as there are threads. One that was not trained to the
    /// end is missing.
    fn rung(&mut self, left: &[(usize, FitOptions)], rung: usize, epochs: usize) -> Result<Vec<Trial>, TuneError> {
        let known = |(trial, _): &&(usize, FitOptions)| self.journal.find(*trial, rung).cloned();
        let mut done: Vec<Trial> = left.iter().filter_map(|job| known(&job)).collect();
        let new: Vec<&(usize, FitOptions)> = left.iter().filter(|job| known(job).is_none()).collect();
        let workers = self.threads.clamp(1, new.len().max(1));
        let (table, given, metric, stop, threads) = (self.table, self.given, self.metric, self.stop, self.threads);
        let one = |index: usize, say: &mut dyn FnMut(Trial)| -> Result<Option<Trial>, TuneError> {
            let (trial, options) = new[index];
            let (trial, options) = (*trial, options.clone());
            if stop.load(Relaxed) {
                return Ok(None);
            }
            let all = FitOptions { epochs: Some(epochs), ..options.clone().or(given.clone()) };
            let interrupt = Some(Arc::clone(stop));
            let watcher = Watcher { threads: threads / workers, interrupt, profile: false, observe: &mut |_| {} };
            let done = match prepare(table, &all).and_then(|prepared| prepared.train(watcher)) {
                // The options as given are what all trials share.
                Err(source) if trial == 0 => return Err(source.into()),
                Err(source) => {
                    let refused = Some(source.to_string());
                    Trial { trial, options, rung, epochs, score: None, seconds: 0.0, refused }
                }
                Ok(fitted) => {
                    let metrics = match fitted.report.stop {
                        StopReason::Interrupted => return Ok(None),
                        StopReason::Diverged(_) => None,
                        _ => fitted.validation_metrics,
                    };
                    let score = metrics.and_then(|metrics| metrics.get(metric)).filter(|score| score.is_finite());
                    Trial { trial, options, rung, epochs, score, seconds: fitted.report.seconds, refused: None }
                }
            };
            say(done.clone());
            Ok(Some(done))
        };
        let mut kept = Ok(());
        let results = in_parallel(new.len(), workers, one, |trial| {
            if kept.is_ok() {
                kept = self.journal.keep(&trial);
            }
            (self.observe)(&trial);
        });
        kept?;
        for result in results {
            done.extend(result?);
        }
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(number: usize, score: Option<f64>) -> Trial {
        Trial { trial: number, options: FitOptions::default(), rung: 1, epochs: 1, score, seconds: 0.0, refused: None }
    }

    #[test]
    fn rungs_have_eta_times_the_epochs_of_the_rung_below() {
        assert_eq!(rungs(81, 3, 3), [9, 27, 81]);
        assert_eq!(rungs(64, 3, 3), [7, 21, 64]);
        assert_eq!(rungs(4, 5, 2), [1, 2, 4]);
        assert_eq!(rungs(1, 3, 3), [1]);
        assert_eq!(rungs(50, 0, 3), [50]);
    }

    #[test]
    fn the_better_score_comes_first_and_none_last() {
        let mut trials = [(0, None), (1, Some(0.5)), (2, Some(-1.0)), (3, Some(0.5)), (4, Some(f64::MAX))]
            .map(|(number, score)| trial(number, score));
        let numbers = |trials: &[Trial]| trials.iter().map(|trial| trial.trial).collect::<Vec<_>>();
        trials.sort_by(|a, b| order(a, b, "rmse"));
        assert_eq!(numbers(&trials), [2, 1, 3, 4, 0]);
        trials.sort_by(|a, b| order(a, b, "r2"));
        assert_eq!(numbers(&trials), [4, 1, 3, 2, 0]);
    }

    #[test]
    fn the_metric_suits_the_target() {
        let target = |columns: &[&str], interval| Target {
            columns: columns.iter().map(ToString::to_string).collect(),
            task: Task::Regression,
            reason: String::new(),
            threshold: None,
            interval,
        };
        let one = target(&["y"], None);
        assert_eq!(metric(None, &one).unwrap(), "rmse");
        assert_eq!(metric(None, &target(&["y"], Some(0.9))).unwrap(), "interval_score");
        assert_eq!(metric(None, &target(&["y", "z"], Some(0.9))).unwrap(), "rrmse");
        let classes = Target { task: Task::Binary { classes: vec!["a".into(), "b".into()] }, ..one.clone() };
        assert_eq!(metric(None, &classes).unwrap(), "log_loss");
        let error = metric(Some("accuracy"), &one).unwrap_err().to_string();
        assert!(error.contains("use rmse, mae, r2, mape"), "{error}");
        let error = metric(Some("rsme"), &one).unwrap_err().to_string();
        assert!(error.contains("did you mean `rmse`?"), "{error}");
    }
}
