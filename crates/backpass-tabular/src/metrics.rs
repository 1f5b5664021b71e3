//! How good predictions are.

mod numbers;

use std::cell::LazyCell;

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::error::{Result, TableError};

pub(crate) use numbers::numbers;
pub use numbers::{interval, regression};

/// The least probability that the log loss takes, so that one sure mistake is not infinitely bad.
const LEAST_PROBABILITY: f64 = 1e-15;

/// Which direction of a metric is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// More is better.
    Higher,
    /// Less is better.
    Lower,
}

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name in [`Metrics`].
    pub name: &'static str,
    /// Which direction is better.
    pub better: Better,
    /// What it says, in one line.
    pub summary: &'static str,
}

const fn metric(name: &'static str, better: Better, summary: &'static str) -> Metric {
    Metric { name, better, summary }
}

/// All metrics: those of classification, then those of regression.
pub const METRICS: &[Metric] = &[
    metric("accuracy", Better::Higher, "share of rows whose most probable class is the right one"),
    metric("balanced_accuracy", Better::Higher, "mean over the classes of the share of their rows that is found"),
    metric("log_loss", Better::Lower, "mean of -ln of the right class's probability, taken as at least 1e-15"),
    metric(
        "roc_auc",
        Better::Higher,
        "chance that a row of the class gets more than one of the others; mean over more than two classes",
    ),
    metric("average_precision", Better::Higher, "area under precision against recall of the second of two classes"),
    metric(
        "f1",
        Better::Higher,
        "harmonic mean of precision and recall of the second class; mean over more than two classes",
    ),
    metric("rmse", Better::Lower, "root of the mean squared error, in units of the target"),
    metric("mae", Better::Lower, "mean absolute error, in units of the target"),
    metric("r2", Better::Higher, "share of the target's variance that is explained"),
    metric("mape", Better::Lower, "mean absolute error as a share of the target, rows with target 0 left out"),
    metric("coverage", Better::Higher, "share of the targets that lie within their interval"),
    metric("width", Better::Lower, "mean width of the intervals, in units of the target"),
    metric(
        "interval_score",
        Better::Lower,
        "width, and a fine for targets outside that grows with their distance; in units of the target",
    ),
    metric(
        "rrmse",
        Better::Lower,
        "rmse as a share of what predicting the mean of these rows has; mean over several targets",
    ),
];

impl Metric {
    /// Whether it says by itself which of two models is better. Coverage is bought with width, and the other way round.
    pub fn decides(&self) -> bool {
        !["coverage", "width"].contains(&self.name)
    }
}

/// What is known of the metric of that name.
pub fn metric_named(name: &str) -> Option<&'static Metric> {
    METRICS.iter().find(|metric| metric.name == name)
}

/// Metrics; NaN where one is not defined.
///
/// Serialised as an object of numbers, null where not defined, with `targets`, `confusion` and `notes` if any.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metrics {
    /// Names and values.
    pub values: Vec<(&'static str, f64)>,
    /// Of several targets, the metrics of each.
    pub targets: Vec<(String, Vec<(&'static str, f64)>)>,
    /// The weight of the rows of every actual class (outer) predicted as every class (inner).
    pub confusion: Option<Vec<Vec<f64>>>,
    /// What to know about the values.
    pub notes: Vec<String>,
}

/// One number of [`Metrics`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figure<'a> {
    /// The target, where there are several and this is of one of them.
    pub target: Option<&'a str>,
    /// The metric.
    pub name: &'static str,
    /// Its value.
    pub value: f64,
}

impl Figure<'_> {
    /// `rmse`, or `rmse of height`.
    pub fn title(&self) -> String {
        title(self.name, self.target)
    }
}

/// What a metric is called, perhaps of one of several targets.
pub fn title(name: &str, target: Option<&str>) -> String {
    target.map_or(name.to_string(), |target| format!("{name} of {target}"))
}

impl Metrics {
    /// The value of a metric, of several targets the one for all of them.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.values.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    /// The value of a metric, perhaps of one of several targets.
    pub fn value_of(&self, name: &str, target: Option<&str>) -> Option<f64> {
        self.figures().find(|figure| figure.name == name && figure.target == target).map(|figure| figure.value)
    }

    /// All numbers, those of each target after those for all of them.
    pub fn figures(&self) -> impl Iterator<Item = Figure<'_>> {
        fn of<'a>(target: Option<&'a str>, values: &[(&'static str, f64)]) -> impl Iterator<Item = Figure<'a>> {
            values.iter().map(move |&(name, value)| Figure { target, name, value })
        }
        let targets = self.targets.iter().flat_map(|(target, values)| of(Some(target), values));
        of(None, &self.values).chain(targets)
    }
}

impl Serialize for Metrics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in &self.values {
            map.serialize_entry(name, &value.is_finite().then_some(value))?;
        }
        if !self.targets.is_empty() {
            map.serialize_entry("targets", &Targets(&self.targets))?;
        }
        if let Some(confusion) = &self.confusion {
            map.serialize_entry("confusion", confusion)?;
        }
        if !self.notes.is_empty() {
            map.serialize_entry("notes", &self.notes)?;
        }
        map.end()
    }
}

/// An object with the metrics of each target.
struct Targets<'a>(&'a [(String, Vec<(&'static str, f64)>)]);

impl Serialize for Targets<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(
            self.0.iter().map(|(target, values)| (target, Metrics { values: values.clone(), ..Metrics::default() })),
        )
    }
}

/// Judges class probabilities, `classes` of them for every target, row after row.
pub fn classification(
    probabilities: &[f64],
    classes: usize,
    targets: &[u32],
    weights: Option<&[f64]>,
) -> Result<Metrics> {
    classification_of(probabilities, classes, targets, weights, None, |_| true)
}

/// The class that probabilities stand for: the most probable one, the first of equals, or, for two classes with a
/// threshold, the second one where its probability is greater than that.
pub(crate) fn decide(probabilities: &[f64], threshold: Option<f64>) -> usize {
    match (probabilities, threshold) {
        ([_, second], Some(threshold)) => usize::from(*second > threshold),
        _ => (1..probabilities.len())
            .fold(0, |best, next| if probabilities[next] > probabilities[best] { next } else { best }),
    }
}

/// Judges class probabilities by those metrics alone whose names are wanted, with a threshold for [`decide`].
pub(crate) fn classification_of(
    probabilities: &[f64],
    classes: usize,
    targets: &[u32],
    weights: Option<&[f64]>,
    threshold: Option<f64>,
    wanted: impl Fn(&str) -> bool,
) -> Result<Metrics> {
    let rows = targets.len();
    check("probabilities", probabilities.len(), rows * classes)?;
    check("weights", weights.map_or(rows, <[f64]>::len), rows)?;
    if let Some(row) = targets.iter().position(|&target| target as usize >= classes) {
        return Err(TableError::ClassIndex { row, value: targets[row], classes });
    }
    let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
    let total: f64 = (0..rows).map(weight).sum();

    let mut confusion = vec![vec![0.0; classes]; classes];
    let mut loss = 0.0;
    for (row, (&target, given)) in targets.iter().zip(probabilities.chunks(classes.max(1))).enumerate() {
        let target = target as usize;
        confusion[target][decide(given, threshold)] += weight(row);
        loss -= weight(row) * given[target].clamp(LEAST_PROBABILITY, 1.0).ln();
    }

    let right: f64 = (0..classes).map(|class| confusion[class][class]).sum();
    let actual = |class: usize| confusion[class].iter().sum::<f64>();
    let predicted = |class: usize| confusion.iter().map(|row| row[class]).sum::<f64>();
    let recall = |class: usize| confusion[class][class] / actual(class);
    let f1 = |class: usize| 2.0 * confusion[class][class] / (actual(class) + predicted(class));
    let ranking = |class: usize| {
        let scores = probabilities.iter().skip(class).step_by(classes.max(1)).copied();
        Ranking::new(scores.zip(targets.iter().map(|&target| target as usize == class)), weight)
    };
    let mut values = Vec::new();
    let mut add = |name, value: &dyn Fn() -> f64| {
        if wanted(name) {
            values.push((name, value()));
        }
    };
    add("accuracy", &|| right / total);
    add("balanced_accuracy", &|| mean((0..classes).map(recall)));
    add("log_loss", &|| loss / total);
    if classes == 2 {
        let ranking = LazyCell::new(|| ranking(1));
        add("roc_auc", &|| ranking.area());
        add("average_precision", &|| ranking.average_precision());
        add("f1", &|| f1(1));
    } else {
        add("roc_auc", &|| mean((0..classes).map(|class| ranking(class).area())));
        add("f1", &|| mean((0..classes).map(f1)));
    }
    let mut notes = Vec::new();
    if !probabilities.iter().all(|probability| probability.is_finite()) {
        values.iter_mut().for_each(|(_, value)| *value = f64::NAN);
        notes.push("some predictions are not finite numbers, so nothing is judged".into());
    }
    Ok(Metrics { values, confusion: Some(confusion), notes, ..Metrics::default() })
}

fn check(what: &'static str, found: usize, expected: usize) -> Result<()> {
    if found == expected { Ok(()) } else { Err(TableError::Length { what, found, expected }) }
}

/// The mean of those values that are defined.
fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) =
        values.filter(|value| !value.is_nan()).fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    sum / count
}

/// The weights of positive and negative rows at one score.
pub(crate) struct Step {
    pub positive: f64,
    pub negative: f64,
}

/// The steps at all distinct scores, from the highest down.
pub(crate) struct Ranking(pub Vec<Step>);

impl Ranking {
    pub fn new(rows: impl Iterator<Item = (f64, bool)>, weight: impl Fn(usize) -> f64) -> Ranking {
        let mut rows: Vec<(f64, bool, f64)> =
            rows.enumerate().map(|(row, (score, positive))| (score, positive, weight(row))).collect();
        rows.sort_by(|a, b| b.0.total_cmp(&a.0));
        let ties = rows.chunk_by(|a, b| a.0 == b.0);
        let sum = |tie: &[(f64, bool, f64)], positive| {
            tie.iter().filter(|row| row.1 == positive).map(|row| row.2).sum::<f64>()
        };
        Ranking(ties.map(|tie| Step { positive: sum(tie, true), negative: sum(tie, false) }).collect())
    }

    /// The area under the ROC curve: positives above negatives, ties counting half.
    pub fn area(&self) -> f64 {
        let (mut above, mut negatives, mut pairs) = (0.0, 0.0, 0.0);
        for Step { positive, negative } in &self.0 {
            pairs += negative * (above + positive / 2.0);
            above += positive;
            negatives += negative;
        }
        pairs / (above * negatives)
    }

    /// The sum of the precision at every score times the recall gained there.
    fn average_precision(&self) -> f64 {
        let (mut positives, mut all, mut sum) = (0.0, 0.0, 0.0);
        for Step { positive, negative } in &self.0 {
            positives += positive;
            all += positive + negative;
            if *positive > 0.0 {
                sum += positive * positives / all;
            }
        }
        sum / positives
    }
}
