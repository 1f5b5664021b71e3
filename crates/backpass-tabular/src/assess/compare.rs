//! Models beside each other on the same rows.

use serde::Serialize;

use super::outcome::{Outcome, judged};
use super::{AssessOptions, Interval, Judged};
use crate::fit_error::FitError;
use crate::metrics::{Better, Metric, metric_named};
use crate::model::Model;
use crate::table::Identified;
use crate::task::Target;

/// With fewer rows, resamples are too much alike for their intervals to hold.
const FEWEST: usize = 20;

/// Several models on the same rows.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// The number of rows that have a target.
    pub rows: usize,
    /// How many resamples of the rows the intervals come from.
    pub resamples: usize,
    /// Why no model can be called better than the first, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undecided: Option<String>,
    /// The models in the order given.
    pub models: Vec<Contestant>,
    /// What each model has more or less than the first one, metric by metric.
    pub differences: Vec<Difference>,
}

/// One of the models.
#[derive(Clone, Debug, Serialize)]
pub struct Contestant {
    /// What it is called.
    pub name: String,
    /// The number of its parameters.
    pub parameters: usize,
    /// Whether it has learnt from any of the rows.
    pub learnt: bool,
    /// Its metrics with their intervals.
    pub metrics: Vec<Judged>,
}

/// A metric of a model less that of the first model. The interval is that of differences on the same resampled rows, so
/// what makes rows hard for both models does not widen it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// The model.
    pub model: String,
    /// The metric.
    pub metric: &'static str,
    /// The target, where there are several and it is of one of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The difference on all rows.
    pub value: f64,
    /// Where 95 % of the differences on resampled rows lie; none where they are not defined.
    pub interval: Option<Interval>,
    /// Whether the model is better than the first: none if the interval holds 0, the metric does not decide alone, or
    /// the comparison is undecided.
    pub better: Option<bool>,
}

/// Judges models on some rows of a table, named by their numbers; those without a target are left out.
///
/// # Errors
/// When the models do not predict the same, the table lacks columns of one, or no row has a target.
pub fn compare(
    models: &[(String, Model)],
    table: &Identified<'_>,
    rows: &[u32],
    options: &AssessOptions,
) -> Result<Comparison, FitError> {
    let Some(((first_name, first), others)) = models.split_first() else {
        return Err(FitError::Compare { a: "nothing".into(), b: "nothing".into(), reason: "there is no model".into() });
    };
    for (name, model) in others {
        let (a, b) = (&first.target, &model.target);
        let reason = match () {
            () if a.columns != b.columns => format!("they predict `{}` and `{}`", a.name(), b.name()),
            () if a.task != b.task => format!("their tasks are {} and {}", a.task.name(), b.task.name()),
            () => continue,
        };
        return Err(FitError::Compare { a: first_name.clone(), b: name.clone(), reason });
    }
    let (rows, _) = first.with_target(table, rows)?;
    let learnt = models.iter().map(|(_, model)| model.has_learnt_from(table, &rows, options));
    let learnt = learnt.collect::<Result<Vec<bool>, _>>()?;
    let undecided = undecided(rows.len(), models.iter().map(|(name, _)| name.as_str()).zip(learnt.iter().copied()));
    let mut judges = Vec::with_capacity(models.len());
    // Intervals are beside each other only where all models give those of one share.
    let interval =
        first.target.interval.filter(|_| others.iter().all(|(_, m)| m.target.interval == first.target.interval));
    for (_, model) in models {
        let jury = model.jury(table, &rows, options)?;
        let predictions = model.predict_by(&jury.table, jury.members.as_deref(), options.threads)?;
        let target = Target { interval, ..model.target.clone() };
        let each = if interval.is_none() { model.target.per_target() } else { 1 };
        let values = predictions.values.into_iter().step_by(each).collect();
        let outcome = Outcome::new(&target, values, model.targets(&jury.table)?);
        // The same seed draws the same rows for every model.
        let (metrics, resampled) = (outcome.metrics(None)?, outcome.resampled(options));
        judges.push((metrics, resampled));
    }
    let mut contestants = Vec::with_capacity(models.len());
    for (((name, model), learnt), (metrics, resampled)) in models.iter().zip(learnt).zip(&judges) {
        let (name, parameters) = (name.clone(), model.network.parameter_count());
        contestants.push(Contestant { name, parameters, learnt, metrics: judged(metrics, resampled) });
    }
    let (base, base_resampled) = &judges[0];
    let mut differences = Vec::new();
    for ((name, _), (metrics, resampled)) in models.iter().zip(&judges).skip(1) {
        for (at, (figure, base)) in metrics.figures().zip(base.figures()).enumerate() {
            let paired = resampled.iter().zip(base_resampled);
            let interval = Interval::of(paired.filter_map(|(a, b)| Some(a.get(at)? - b.get(at)?)));
            let metric = metric_named(figure.name);
            let higher = metric.is_some_and(|m| m.better == Better::Higher);
            let decides = undecided.is_none() && metric.is_some_and(Metric::decides);
            let clear = interval.filter(|i| decides && (i.low > 0.0 || i.high < 0.0));
            differences.push(Difference {
                model: name.clone(),
                metric: figure.name,
                target: figure.target.map(str::to_string),
                value: figure.value - base.value,
                interval,
                better: clear.map(|i| (i.low > 0.0) == higher),
            });
        }
    }
    let (rows, resamples) = (rows.len(), base_resampled.len());
    Ok(Comparison { rows, resamples, undecided, models: contestants, differences })
}

impl Model {
    /// Whether what judges some rows of a table has learnt from any of them.
    fn has_learnt_from(&self, table: &Identified<'_>, rows: &[u32], options: &AssessOptions) -> Result<bool, FitError> {
        if !self.was_trained_on(table) {
            return Ok(false);
        }
        let held_out = if self.is_bag() && !options.by_strangers { None } else { self.held_out(table)? };
        Ok(held_out.is_none_or(|held_out| rows.iter().any(|row| held_out.binary_search(row).is_err())))
    }
}

/// Why models of which some have learnt from the rows, or so few rows, decide nothing.
fn undecided<'a>(rows: usize, models: impl Iterator<Item = (&'a str, bool)> + Clone) -> Option<String> {
    let names = |which: bool| {
        let names = models.clone().filter(|(_, learnt)| *learnt == which).map(|(name, _)| name);
        names.collect::<Vec<_>>().join(", ")
    };
    let (learnt, others) = (names(true), names(false));
    if !learnt.is_empty() && !others.is_empty() {
        return Some(format!("No verdict: learnt from these rows: {learnt}; not: {others}."));
    }
    let too_few = || format!("No verdict: {rows} rows are too few to tell models apart; at least {FEWEST} are needed.");
    (rows < FEWEST).then(too_few)
}
