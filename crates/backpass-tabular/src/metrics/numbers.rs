//! Metrics of predicted numbers and of the intervals around them.

use super::{Metrics, check};
use crate::error::Result;
use crate::outputs::column;
use crate::task::Target;

/// How much each row counts.
struct Weighing<'a> {
    rows: usize,
    weights: Option<&'a [f64]>,
}

impl<'a> Weighing<'a> {
    fn new(rows: usize, weights: Option<&'a [f64]>) -> Result<Self> {
        check("weights", weights.map_or(rows, <[f64]>::len), rows)?;
        Ok(Weighing { rows, weights })
    }

    fn of(&self, row: usize) -> f64 {
        self.weights.map_or(1.0, |weights| weights[row])
    }

    fn mean(&self, value: impl Fn(usize) -> f64) -> f64 {
        let sum: f64 = (0..self.rows).map(|row| self.of(row) * value(row)).sum();
        sum / (0..self.rows).map(|row| self.of(row)).sum::<f64>()
    }

    fn variance(&self, values: &[f64]) -> f64 {
        let centre = self.mean(|row| values[row]);
        self.mean(|row| (values[row] - centre).powi(2))
    }
}

/// Judges predicted numbers.
pub fn regression(predicted: &[f64], targets: &[f64], weights: Option<&[f64]>) -> Result<Metrics> {
    let rows = targets.len();
    check("predictions", predicted.len(), rows)?;
    let weigh = Weighing::new(rows, weights)?;
    let error = |row: usize| predicted[row] - targets[row];
    let squared = weigh.mean(|row| error(row).powi(2));
    let variance = weigh.variance(targets);
    let nonzero = (0..rows).filter(|&row| targets[row] != 0.0);
    let (share, total) = nonzero.clone().fold((0.0, 0.0), |(share, total), row| {
        (share + weigh.of(row) * (error(row) / targets[row]).abs(), total + weigh.of(row))
    });
    let zero = rows - nonzero.count();
    let notes = (zero > 0).then(|| format!("mape leaves out {zero} of {rows} rows, whose target is 0"));
    Ok(Metrics {
        values: vec![
            ("rmse", squared.sqrt()),
            ("mae", weigh.mean(|row| error(row).abs())),
            ("r2", if variance > 0.0 { 1.0 - squared / variance } else { f64::NAN }),
            ("mape", share / total),
        ],
        notes: notes.into_iter().collect(),
        ..Metrics::default()
    })
}

/// Judges intervals `(lower, upper bounds)` that are to hold a share of the targets: `coverage`, mean `width`, and
/// `interval_score`, the width plus 2/(1 - share) times how far the target lies outside (Gneiting and Raftery 2007, eq. 43).
pub fn interval(
    (low, high): (&[f64], &[f64]),
    targets: &[f64],
    weights: Option<&[f64]>,
    share: f64,
) -> Result<Metrics> {
    let rows = targets.len();
    check("lower bounds", low.len(), rows)?;
    check("upper bounds", high.len(), rows)?;
    let weigh = Weighing::new(rows, weights)?;
    let outside = |row: usize| (low[row] - targets[row]).max(targets[row] - high[row]).max(0.0);
    let width = |row: usize| high[row] - low[row];
    let holds = |row: usize| f64::from(u8::from(low[row] <= targets[row] && targets[row] <= high[row]));
    let values = vec![
        ("coverage", weigh.mean(holds)),
        ("width", weigh.mean(width)),
        ("interval_score", weigh.mean(|row| width(row) + 2.0 / (1.0 - share) * outside(row))),
    ];
    Ok(Metrics { values, ..Metrics::default() })
}

/// Judges predictions of all numbers of `target`, row by row. Of several targets what has a unit is told of each alone, and
/// what has none is the mean over them too.
pub(crate) fn numbers(target: &Target, values: &[f64], truth: &[f64], weights: Option<&[f64]>) -> Result<Metrics> {
    let (count, each, width) = (target.columns.len(), target.per_target(), target.width());
    let rows = truth.len() / count.max(1);
    check("predictions", values.len(), rows * width)?;
    check("targets", truth.len(), rows * count)?;
    let weigh = Weighing::new(rows, weights)?;
    let mut targets = Vec::with_capacity(count);
    let (mut notes, mut varying) = (Vec::new(), Vec::with_capacity(count));
    for (at, name) in target.columns.iter().enumerate() {
        let of = |part: usize| column(values, at * each + part, width);
        let truth = column(truth, at, count);
        let mut metrics = regression(&of(0), &truth, weights)?;
        if let Some(share) = target.interval {
            metrics.values.extend(interval((&of(1), &of(2)), &truth, weights, share)?.values);
        }
        if count == 1 {
            return Ok(metrics);
        }
        notes.extend(metrics.notes.iter().map(|note| format!("`{name}`: {note}")));
        let deviation = weigh.variance(&truth).sqrt();
        if deviation > 0.0 {
            let relative = ("rrmse", metrics.get("rmse").unwrap_or(f64::NAN) / deviation);
            varying.push(std::iter::once(relative).chain(metrics.values.iter().copied()).collect::<Vec<_>>());
        } else {
            notes.push(format!("`{name}` is the same in all rows: the means over the targets leave it out"));
        }
        targets.push((name.clone(), metrics.values));
    }
    let value = |values: &Vec<(&str, f64)>, name: &str| values.iter().find(|v| v.0 == name).map_or(f64::NAN, |v| v.1);
    let mean = |name| varying.iter().map(|values| value(values, name)).sum::<f64>() / varying.len() as f64;
    let names = ["rrmse", "r2", "mape"].into_iter().chain(target.interval.map(|_| "coverage"));
    let values = names.map(|name| (name, mean(name))).collect();
    Ok(Metrics { values, targets, notes, ..Metrics::default() })
}
