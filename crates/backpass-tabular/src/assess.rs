//! How good a model is on rows whose target is known, and what it looks at, as plain data for reports.

mod bootstrap;
mod classes;
mod compare;
mod numbers;
mod outcome;
mod probe;

use backpass_kernels::philox::Stream;
use serde::Serialize;

use crate::encode::Surprises;
use crate::error::Place;
use crate::features::raw;
use crate::fit_error::FitError;
use crate::metrics::title;
use crate::model::{Model, Predictions};
use crate::table::{Identified, Table};
use outcome::{Outcome, judged};
use probe::{Probe, predict};

pub use bootstrap::Interval;
pub use classes::{Bin, ClassCurves, Classes};
pub use compare::{Comparison, Contestant, Difference, compare};
pub use numbers::{Intervals, Numbers};
pub use probe::{Along, Dependence, Importance};

/// Key of the streams that choose rows to look at.
const SAMPLE: u64 = 0x5341_4d50;
/// Permutations of each column, fewer if there are many columns: from so many on a single one.
const PERMUTATIONS: usize = 5;
const MANY: usize = 100;
/// The predictions, and the products in them, that all permutations may take.
const MOST_PREDICTIONS: usize = 2_000_000;
const MOST_PRODUCTS: usize = 100_000_000_000;
/// Rows on which columns are changed: at least, and at most.
const PROBED: (usize, usize) = (100, 2000);
/// Rows whose mean a partial dependence is.
const AVERAGED: usize = 500;
/// The columns whose dependence is shown, and those whose cells are shown of the worst rows.
const SHOWN: usize = 6;
/// The rows that the model is most wrong about.
const WORST: usize = 10;

/// How a model is assessed.
#[derive(Clone, Copy, Debug)]
pub struct AssessOptions {
    /// Threads; they never change the result.
    pub threads: usize,
    /// Where random numbers come from: resamples, permutations, samples of rows.
    pub seed: u64,
    /// Whether each row of the table that a bag was trained on is judged by the network that has not learnt from it.
    pub by_strangers: bool,
}

/// Rows with a target, and where each is judged by one network of a bag, which one.
pub(crate) struct Jury {
    pub table: Table,
    pub members: Option<Vec<Option<u32>>>,
}

impl Jury {
    fn select(&self, rows: &[u32]) -> Jury {
        let members = self.members.as_ref().map(|members| rows.iter().map(|&row| members[row as usize]).collect());
        Jury { table: self.table.select_rows(rows), members }
    }
}

/// How good a model is on some rows, and what it looks at.
#[derive(Clone, Debug, Serialize)]
pub struct Assessment {
    /// The number of rows that have a target.
    pub rows: usize,
    /// The number of rows left out because they have none.
    pub left_out: usize,
    /// Cells that training did not know.
    pub surprises: Surprises,
    /// The metrics with their intervals.
    pub metrics: Vec<Judged>,
    /// What to know about the metrics.
    pub notes: Vec<String>,
    /// How many resamples of the rows the intervals come from.
    pub resamples: usize,
    /// What else is said of classes or numbers.
    pub details: Details,
    /// The error that importance is measured by: `log_loss`, `rmse` or, of several targets, `rrmse`.
    pub error: &'static str,
    /// The importance of each column, the most important first.
    pub importance: Vec<Importance>,
    /// How many rows, drawn by chance, were permuted, and how often.
    pub permuted: (usize, usize),
    /// How the predictions depend on the most important columns.
    pub dependence: Vec<Dependence>,
    /// Over how many rows, drawn by chance, the dependence is averaged.
    pub averaged: usize,
    /// The columns whose cells [`WorstRow::cells`] shows.
    pub shown: Vec<String>,
    /// The rows that the model is most wrong about, the worst first.
    pub worst: Vec<WorstRow>,
}

/// A metric with the interval of its resampled values.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Judged {
    /// Its name in [`crate::Metrics`].
    pub name: &'static str,
    /// The target, where there are several and it is of one of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Its value on the rows.
    pub value: f64,
    /// Where 95 % of the values of resampled rows lie; none where it is not defined.
    pub interval: Option<Interval>,
}

impl Judged {
    /// `rmse`, or `rmse of height`.
    pub fn title(&self) -> String {
        title(self.name, self.target.as_deref())
    }
}

/// What belongs to the task.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Details {
    /// Of a model that tells classes.
    Classes(Classes),
    /// Of a model that gives numbers, those of each target.
    Numbers(Vec<Numbers>),
}

/// A row that the model is wrong about.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WorstRow {
    /// Where it stands in its file.
    pub place: String,
    /// The target, or all of them.
    pub actual: String,
    /// The prediction: a class or a number, of several targets each with its name.
    pub predicted: String,
    /// How wrong it is: the probability given to the right class, or the prediction less the target; of several targets the
    /// root mean square of these, each in standard deviations of its target.
    pub wrong: f64,
    /// Its cells in the columns [`Assessment::shown`].
    pub cells: Vec<String>,
}

/// What resampling cannot say: the rule of three (Hanley and Lippman-Hand 1983).
fn no_mistake(rows: usize) -> String {
    let most = 100.0 * (3.0 / rows as f64).min(1.0);
    let bound = format!("up to {most:.1} % with 95 % confidence");
    format!("there is no mistake in {rows} rows, so resampling cannot say how many to expect: {bound}")
}

/// So many of the numbers below `rows`, drawn by chance, in ascending order; all of them if they are no more.
fn sample(rows: usize, most: usize, seed: u64) -> Vec<u32> {
    let mut chosen: Vec<u32> = (0..rows as u32).collect();
    if rows > most {
        Stream::new(seed ^ SAMPLE, most as u64).shuffle(&mut chosen);
        chosen.truncate(most);
        chosen.sort_unstable();
    }
    chosen
}

impl Model {
    /// Assesses the model on some rows of a table, named by their numbers; those without a target are left out.
    ///
    /// # Errors
    /// When the table lacks columns of the model, or no row has a target.
    pub fn assess(
        &self,
        table: &Identified<'_>,
        rows: &[u32],
        options: &AssessOptions,
    ) -> Result<Assessment, FitError> {
        let (rows, left_out) = self.with_target(table, rows)?;
        let jury = self.jury(table, &rows, options)?;
        let chosen = &jury.table;
        let classes = self.target.task.classes().len();
        let predictions = self.predict_by(chosen, jury.members.as_deref(), options.threads)?;
        let outcome = Outcome::new(&self.target, predictions.values.clone(), self.targets(chosen)?);
        let metrics = outcome.metrics(None)?;
        let resampled = outcome.resampled(options);
        let details = match metrics.confusion.clone() {
            Some(confusion) => Details::Classes(Classes::new(&outcome.values, classes, &outcome.targets, confusion)),
            None => Details::Numbers(Numbers::of(&outcome, options.seed)),
        };
        let error = if classes == 0 { self.target.number_metrics()[0] } else { "log_loss" };
        let (importance, permuted) = self.importance(&jury, &outcome.targets, error, options)?;
        let shown: Vec<String> = importance.iter().take(SHOWN).map(|column| column.column.clone()).collect();
        let averaged = sample(rows.len(), AVERAGED, options.seed);
        let mut probe = self.probe(&jury, &averaged, options.threads)?;
        let dependence =
            shown.iter().map(|name| probe.dependence(name, &self.target)).collect::<Result<Vec<_>, _>>()?;
        let unsure = metrics.get("accuracy").filter(|share| *share == 1.0).map(|_| no_mistake(rows.len()));
        Ok(Assessment {
            rows: rows.len(),
            left_out,
            metrics: judged(&metrics, &resampled),
            notes: metrics.notes.into_iter().chain(unsure).collect(),
            resamples: resampled.len(),
            details,
            error,
            importance,
            permuted,
            dependence: dependence.into_iter().flatten().collect(),
            averaged: averaged.len(),
            worst: self.worst(&outcome, &predictions, chosen, |row| table.place(rows[row] as usize), &shown)?,
            shown,
            surprises: predictions.surprises,
        })
    }

    /// Some rows of a table, and who judges them.
    pub(crate) fn jury(&self, table: &Identified<'_>, rows: &[u32], options: &AssessOptions) -> Result<Jury, FitError> {
        let strangers = if options.by_strangers { self.strangers(table)? } else { None };
        let members = strangers.map(|strangers| rows.iter().map(|&row| strangers[row as usize]).collect());
        Ok(Jury { table: table.select_rows(rows), members })
    }

    /// The importance of each column on as many rows as are affordable, with their number and that of the permutations.
    fn importance(
        &self,
        jury: &Jury,
        targets: &[f64],
        error: &str,
        options: &AssessOptions,
    ) -> Result<(Vec<Importance>, (usize, usize)), FitError> {
        let columns = (self.inputs.numbers.len() + self.inputs.categories.len()).max(1);
        let repeats = (MANY / columns).clamp(1, PERMUTATIONS);
        let affordable = MOST_PREDICTIONS.min(MOST_PRODUCTS / self.network.parameter_count().max(1));
        let most = (affordable / (columns * repeats)).clamp(PROBED.0, PROBED.1);
        let width = self.target.columns.len();
        let rows = sample(targets.len() / width, most, options.seed);
        let of = |&row: &u32| &targets[row as usize * width..(row as usize + 1) * width];
        let targets: Vec<f64> = rows.iter().flat_map(of).copied().collect();
        let judge = |predicted: &[f64]| -> Result<f64, FitError> {
            let metrics = self.target.metrics(predicted, &targets, None, |name| name == error)?;
            Ok(metrics.get(error).unwrap_or(f64::NAN))
        };
        let importance = self.probe(jury, &rows, options.threads)?.importance(repeats, options.seed, judge)?;
        Ok((importance, (rows.len(), repeats)))
    }

    /// Those of the rows that have a target, and the number of the others.
    fn with_target(&self, table: &Table, rows: &[u32]) -> Result<(Vec<u32>, usize), FitError> {
        let chosen = table.select_rows(rows);
        let present = self.target.present(&chosen, &self.schema)?;
        if present.is_empty() {
            return Err(FitError::TooFewRows { file: table.name.clone(), rows: 0 });
        }
        let left_out = rows.len() - present.len();
        Ok((present.into_iter().map(|row| rows[row as usize]).collect(), left_out))
    }

    /// The columns of some rows, ready to be changed.
    fn probe(&self, jury: &Jury, rows: &[u32], threads: usize) -> Result<Probe<'_>, FitError> {
        let Jury { table, members } = jury.select(rows);
        let raw = raw(&table, &self.schema, &self.inputs, &mut Surprises::default())?;
        let predict = match self.manifest.options.precision.as_deref() {
            Some("f64") => predict::<f64>(self, rows.len(), members, threads)?,
            _ => predict::<f32>(self, rows.len(), members, threads)?,
        };
        Ok(Probe { raw, rows: rows.len(), inputs: &self.inputs, predict })
    }

    /// The rows that predictions are most wrong about, the first of equals first.
    fn worst(
        &self,
        outcome: &Outcome<'_>,
        predictions: &Predictions,
        table: &Table,
        place: impl Fn(usize) -> Place,
        shown: &[String],
    ) -> Result<Vec<WorstRow>, FitError> {
        let wrong = outcome.wrong();
        let mut order: Vec<usize> = (0..wrong.len()).collect();
        order.sort_by(|&a, &b| wrong[b].0.total_cmp(&wrong[a].0));
        let classes = self.target.task.classes();
        let of = |&row: &usize| -> Result<WorstRow, FitError> {
            let (values, truth) = outcome.row(row);
            let (actual, predicted) = match classes {
                [] => (self.target.in_words(truth, 1), self.target.in_words(values, self.target.per_target())),
                _ => (classes[outcome.classes[row] as usize].clone(), classes[predictions.class(row)].clone()),
            };
            let cells = shown.iter().map(|name| Ok(table.column(name)?.cells.text(row).into_owned()));
            let cells = cells.collect::<Result<_, FitError>>()?;
            Ok(WorstRow { place: place(row).to_string(), actual, predicted, wrong: wrong[row].1, cells })
        };
        order.iter().take(WORST).map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_no_row_twice() {
        let rows = sample(1000, 100, 3);
        assert_eq!(rows.len(), 100);
        assert!(rows.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(sample(3, 100, 3), [0, 1, 2]);
    }
}
