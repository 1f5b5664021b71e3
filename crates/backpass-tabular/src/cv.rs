//! Cross-validation: how good what the options train is on rows that it has not seen.

use std::collections::HashSet;

use serde::Serialize;

use crate::fit::{Watcher, prepare, subject};
use crate::fit_error::FitError;
use crate::held_out::fold_rows;
use crate::metrics::{Figure, Metrics};
use crate::options::FitOptions;
use crate::split::Split;
use crate::table::Table;
use crate::workers::in_parallel;

/// One training, and how good it is on the rows that were left out.
#[derive(Clone, Debug, Serialize)]
pub struct Fold {
    /// Which repetition, from 1.
    pub repeat: usize,
    /// Which part of the rows was left out, from 1.
    pub fold: usize,
    /// Rows that were trained and validated on.
    pub learnt: usize,
    /// Rows that were left out.
    pub judged: usize,
    /// Metrics on those.
    pub metrics: Metrics,
    /// Seconds of training.
    pub seconds: f64,
}

/// A metric over all folds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// Its name.
    pub metric: &'static str,
    /// The target, where there are several and it is of one of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The mean over the folds where it is defined.
    pub mean: f64,
    /// The standard deviation over the folds.
    pub deviation: f64,
    /// `deviation / √folds`. Folds share rows to learn from, so it is somewhat too small.
    pub standard_error: f64,
}

/// The result of a cross-validation.
#[derive(Clone, Debug, Serialize)]
pub struct CrossValidation {
    /// Every option with its value, given or chosen, for the rows of the first fold.
    pub options: FitOptions,
    /// Every training.
    pub folds: Vec<Fold>,
    /// Every metric over all folds.
    pub metrics: Vec<Spread>,
}

/// Trains on all parts of the rows but one and judges on that one, for each of `parts`; all that `repeats` times, split anew
/// each time. Rows are split as `options.split` says: classes in proportion, groups together, or in order. As many folds run
/// at a time as there are threads, and their number does not change the result. `observe` is told of each as it ends.
///
/// # Errors
/// What is wrong with the table or the options, a repetition with the same folds, or a fold that cannot be trained or judged.
pub fn cross_validate(
    table: &Table,
    options: &FitOptions,
    (parts, repeats): (usize, usize),
    threads: usize,
    observe: &mut dyn FnMut(&Fold),
) -> Result<CrossValidation, FitError> {
    let (schema, target, present) = subject(table, options)?;
    let table = table.some_rows(present.as_deref());
    let resolved = options.resolve(&target.task, table.rows(), 0);
    // What a number means is decided on all rows, not fold by fold.
    let task = if target.task.classes().is_empty() { "regression" } else { "classification" };
    let options = FitOptions { task: Some(task.to_string()), ..options.clone() };
    let mut splits: Vec<(usize, usize, Split)> = Vec::new();
    let mut known = HashSet::new();
    for repeat in 0..repeats {
        let seed = Some(options.seed.unwrap_or(0).wrapping_add(repeat as u64));
        let how = FitOptions { seed, ..resolved.clone() };
        let folds = fold_rows(&table, &schema, &target, &how, parts)?;
        let mut left_out: Vec<Vec<u32>> = folds.iter().map(|split| split.validation.clone()).collect();
        left_out.sort();
        // Trained again on the same rows, folds would only make the standard error look smaller.
        if !known.insert(left_out) {
            let same = match resolved.split.as_deref() {
                Some("ordered") => "possible: ordered folds are the same every time",
                Some(how) if how.starts_with("group=") => "possible: these groups make the same folds again",
                _ => "possible: so few rows make the same folds again",
            };
            return Err(FitError::choice("--repeats", &repeats.to_string(), same));
        }
        splits.extend(folds.into_iter().enumerate().map(|(fold, split)| (repeat, fold, split)));
    }
    let workers = threads.clamp(1, splits.len().max(1));
    let one = |index: usize, say: &mut dyn FnMut(Fold)| -> Result<(FitOptions, Fold), FitError> {
        let (repeat, fold, split) = &splits[index];
        let watcher = Watcher { threads: threads / workers, interrupt: None, profile: false, observe: &mut |_| {} };
        let fitted = prepare(&table.select_rows(&split.train), &options)?.train(watcher)?;
        let (metrics, judged, _) = fitted.model.evaluate(&table.select_rows(&split.validation), 1)?;
        let (repeat, fold, learnt) = (repeat + 1, fold + 1, split.train.len());
        let done = Fold { repeat, fold, learnt, judged, metrics, seconds: fitted.report.seconds };
        say(done.clone());
        Ok((fitted.resolved, done))
    };
    let done = in_parallel(splits.len(), workers, one, |fold| observe(&fold));
    let (options, folds): (Vec<FitOptions>, Vec<Fold>) =
        done.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
    let options = options.into_iter().next().unwrap_or(resolved);
    Ok(CrossValidation { options, metrics: spread(&folds), folds })
}

/// Every metric over all folds.
fn spread(folds: &[Fold]) -> Vec<Spread> {
    let figures = folds.iter().take(1).flat_map(|fold| fold.metrics.figures());
    let of = |figure: Figure<'_>| {
        let value = |fold: &Fold| fold.metrics.value_of(figure.name, figure.target);
        let values: Vec<f64> = folds.iter().filter_map(value).filter(|v| !v.is_nan()).collect();
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let deviation = (squares / (count - 1.0)).sqrt();
        let (metric, target) = (figure.name, figure.target.map(str::to_string));
        Spread { metric, target, mean, deviation, standard_error: deviation / count.sqrt() }
    };
    figures.map(of).collect()
}
