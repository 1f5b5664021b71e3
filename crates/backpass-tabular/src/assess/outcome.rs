//! Predictions with the truth, judged on all rows and on resampled ones.

use super::bootstrap::{Interval, bootstrap};
use super::{AssessOptions, Judged};
use crate::fit_error::FitError;
use crate::metrics::{self, Figure, Metrics};
use crate::outputs::column;
use crate::task::Target;

/// Resamples, and how many single rows and classes all of them may go through.
const RESAMPLES: (usize, usize) = (1000, 200_000_000);

/// Predictions with the truth, both row by row.
pub(crate) struct Outcome<'a> {
    pub target: &'a Target,
    pub values: Vec<f64>,
    pub targets: Vec<f64>,
    pub classes: Vec<u32>,
}

impl<'a> Outcome<'a> {
    pub fn new(target: &'a Target, values: Vec<f64>, targets: Vec<f64>) -> Self {
        let classes = if target.is_number() { Vec::new() } else { targets.iter().map(|&class| class as u32).collect() };
        Outcome { target, values, targets, classes }
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.targets.len() / self.target.columns.len().max(1)
    }

    /// The predicted values of a row, and what is true of it.
    pub fn row(&self, row: usize) -> (&[f64], &[f64]) {
        let (width, count) = (self.target.width(), self.target.columns.len());
        (&self.values[row * width..(row + 1) * width], &self.targets[row * count..(row + 1) * count])
    }

    /// The metrics of rows that count as often as their weights say.
    pub fn metrics(&self, weights: Option<&[f64]>) -> Result<Metrics, FitError> {
        Ok(if self.target.is_number() {
            metrics::numbers(self.target, &self.values, &self.targets, weights)?
        } else {
            let (width, threshold) = (self.target.width(), self.target.threshold);
            metrics::classification_of(&self.values, width, &self.classes, weights, threshold, |_| true)?
        })
    }

    /// The values of the metrics for every resample of the rows, in the order of [`Metrics::figures`].
    pub fn resampled(&self, options: &AssessOptions) -> Vec<Vec<f64>> {
        let ordered = self.ordered();
        let values = |metrics: Metrics| metrics.figures().map(|figure| figure.value).collect();
        bootstrap(self.rows(), self.resamples(), options.seed, options.threads, |drawn| {
            let drawn: Vec<f64> = ordered.1.iter().map(|&row| drawn[row]).collect();
            ordered.0.metrics(Some(&drawn)).map_or_else(|_| Vec::new(), values)
        })
    }

    /// How many resamples are affordable.
    fn resamples(&self) -> usize {
        let each = (self.rows() * self.target.width().max(1)).max(1);
        (RESAMPLES.1 / each).clamp(RESAMPLES.0 / 10, RESAMPLES.0)
    }

    /// The same rows by the probability of the second class, where sorting them again is a single pass; and where each
    /// comes from.
    fn ordered(&self) -> (Outcome<'a>, Vec<usize>) {
        let mut order: Vec<usize> = (0..self.rows()).collect();
        if !self.target.is_number() && self.target.width() == 2 {
            order.sort_by(|&a, &b| self.values[2 * b + 1].total_cmp(&self.values[2 * a + 1]));
        }
        let values = order.iter().flat_map(|&row| self.row(row).0.iter().copied()).collect();
        let targets = order.iter().flat_map(|&row| self.row(row).1.iter().copied()).collect();
        (Outcome::new(self.target, values, targets), order)
    }

    /// How wrong each row is, larger for worse, and the number that says so to people: the probability of the right class;
    /// prediction less target; of several targets the root mean square of these, each in standard deviations of its target.
    pub fn wrong(&self) -> Vec<(f64, f64)> {
        let (count, each) = (self.target.columns.len(), self.target.per_target());
        let deviation = |at: usize| {
            let truth = column(&self.targets, at, count);
            let mean = truth.iter().sum::<f64>() / truth.len() as f64;
            (truth.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / truth.len() as f64).sqrt()
        };
        let deviations: Vec<f64> = (0..count).map(deviation).collect();
        let of = |row: usize| {
            let (values, truth) = self.row(row);
            if !self.target.is_number() {
                let right = values[truth[0] as usize];
                return (-right, right);
            }
            let error = |at: usize| values[at * each] - truth[at];
            if count == 1 {
                return (error(0).abs(), error(0));
            }
            let relative = (0..count).filter(|&at| deviations[at] > 0.0).map(|at| (error(at) / deviations[at]).powi(2));
            let size = (relative.sum::<f64>() / count as f64).sqrt();
            (size, size)
        };
        (0..self.rows()).map(of).collect()
    }
}

/// The metrics of all rows with the intervals of those of resampled ones.
pub(crate) fn judged(metrics: &Metrics, resampled: &[Vec<f64>]) -> Vec<Judged> {
    let interval = |at: usize| Interval::of(resampled.iter().filter_map(|values| values.get(at)).copied());
    let of = |(at, figure): (usize, Figure<'_>)| Judged {
        name: figure.name,
        target: figure.target.map(str::to_string),
        value: figure.value,
        interval: interval(at),
    };
    metrics.figures().enumerate().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::Task;

    /// What makes resampling fast must not change whose weight is whose.
    #[test]
    fn rows_keep_their_weights_when_they_are_ordered() {
        let task = Task::Binary { classes: vec!["a".into(), "b".into()] };
        let columns = vec!["y".into()];
        let target = Target { columns, task, reason: String::new(), threshold: None, interval: None };
        let values = (0..50).flat_map(|row| [1.0 - f64::from(row * 37 % 50) / 50.0, f64::from(row * 37 % 50) / 50.0]);
        let outcome = Outcome::new(&target, values.collect(), (0..50).map(|row| f64::from(row * 13 % 7 % 2)).collect());
        let options = AssessOptions { threads: 1, seed: 4, by_strangers: true };
        let plain = bootstrap(50, 1000, 4, 1, |drawn| outcome.metrics(Some(drawn)).unwrap().values);
        for (found, expected) in outcome.resampled(&options).iter().zip(plain) {
            for (found, (name, expected)) in found.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-12, "{name}: {found}, not {expected}");
            }
        }
    }
}
