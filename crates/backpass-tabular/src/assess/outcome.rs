//! Predictions with the truth, judged on all rows and on resampled ones.

use super::bootstrap::{Interval, bootstrap};
use super::{AssessOptions, Judged};
use crate::fit_error::FitError;
use crate::metrics::{self, Metrics};
use crate::task::Target;

/// Resamples, and how many single rows and classes all of them may go through.
const RESAMPLES: (usize, usize) = (1000, 200_000_000);

/// Predictions with the truth.
pub(crate) struct Outcome<'a> {
    pub target: &'a Target,
    pub values: Vec<f64>,
    pub targets: Vec<f64>,
    pub classes: Vec<u32>,
}

impl<'a> Outcome<'a> {
    pub fn new(target: &'a Target, values: Vec<f64>, targets: Vec<f64>) -> Self {
        let classes = targets.iter().map(|&target| target as u32).collect();
        Outcome { target, values, targets, classes }
    }

    /// The number of classes, 0 for a number.
    fn width(&self) -> usize {
        self.target.task.classes().len()
    }

    /// The metrics of rows that count as often as their weights say.
    pub fn metrics(&self, weights: Option<&[f64]>) -> Result<Metrics, FitError> {
        Ok(match self.width() {
            0 => metrics::regression(&self.values, &self.targets, weights)?,
            classes => {
                let threshold = self.target.threshold;
                metrics::classification_of(&self.values, classes, &self.classes, weights, threshold, |_| true)?
            }
        })
    }

    /// The values of the metrics for every resample of the rows.
    pub fn resampled(&self, options: &AssessOptions) -> Vec<Vec<f64>> {
        let ordered = self.ordered();
        let values = |metrics: Metrics| metrics.values.into_iter().map(|(_, value)| value).collect();
        bootstrap(self.targets.len(), self.resamples(), options.seed, options.threads, |drawn| {
            let drawn: Vec<f64> = ordered.1.iter().map(|&row| drawn[row]).collect();
            ordered.0.metrics(Some(&drawn)).map_or_else(|_| Vec::new(), values)
        })
    }

    /// How many resamples are affordable.
    fn resamples(&self) -> usize {
        let each = (self.targets.len() * self.width().max(1)).max(1);
        (RESAMPLES.1 / each).clamp(RESAMPLES.0 / 10, RESAMPLES.0)
    }

    /// The same rows by the probability of the second class, where sorting them again is a single pass; and where each
    /// comes from.
    fn ordered(&self) -> (Outcome<'a>, Vec<usize>) {
        let width = self.width().max(1);
        let mut order: Vec<usize> = (0..self.targets.len()).collect();
        if width == 2 {
            order.sort_by(|&a, &b| self.values[2 * b + 1].total_cmp(&self.values[2 * a + 1]));
        }
        let values =
            order.iter().flat_map(|&row| self.values[row * width..(row + 1) * width].iter().copied()).collect();
        let targets = order.iter().map(|&row| self.targets[row]).collect();
        (Outcome::new(self.target, values, targets), order)
    }

    /// How wrong each row is, larger for worse, and the number that says so to people.
    pub fn wrong(&self) -> Vec<(f64, f64)> {
        let width = self.width();
        let of = |(row, target): (usize, &f64)| match width {
            0 => ((self.values[row] - target).abs(), self.values[row] - target),
            _ => {
                let right = self.values[row * width + *target as usize];
                (-right, right)
            }
        };
        self.targets.iter().enumerate().map(of).collect()
    }
}

/// The metrics of all rows with the intervals of those of resampled ones.
pub(crate) fn judged(metrics: &Metrics, resampled: &[Vec<f64>]) -> Vec<Judged> {
    let interval = |at: usize| Interval::of(resampled.iter().filter_map(|values| values.get(at)).copied());
    let of = |(at, &(name, value)): (usize, &(&'static str, f64))| Judged { name, value, interval: interval(at) };
    metrics.values.iter().enumerate().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::Task;

    /// What makes resampling fast must not change whose weight is whose.
    #[test]
    fn rows_keep_their_weights_when_they_are_ordered() {
        let task = Task::Binary { classes: vec!["a".into(), "b".into()] };
        let target = Target { name: "y".into(), task, reason: String::new(), threshold: None };
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
