//! What regression needs beside its metrics: predictions beside the truth, and how errors are spread.

use serde::Serialize;

use super::outcome::Outcome;
use super::sample;
use crate::encode::quantile;
use crate::outputs::column;

/// Rows drawn as points.
const MOST_POINTS: usize = 1000;
/// Rows drawn with their intervals.
const MOST_INTERVALS: usize = 150;
/// The bars of the histogram, and the share of the rows beyond its ends on either side.
const BARS: usize = 30;
const TAIL: f64 = 0.005;

/// Everything about the predicted numbers of one target.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Numbers {
    /// The target.
    pub target: String,
    /// Rows as (target, prediction): all of them, or a sample drawn by chance.
    pub points: Vec<(f64, f64)>,
    /// The mean of prediction less target.
    pub bias: f64,
    /// Quantiles of the absolute error: half of the rows, 90 % and 99 % of them are no further off.
    pub absolute: [f64; 3],
    /// The histogram of prediction less target: (from, to, rows).
    pub histogram: Vec<(f64, f64, usize)>,
    /// The number of rows beyond its ends.
    pub beyond: usize,
    /// The intervals around the predictions, where there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intervals: Option<Intervals>,
}

/// The intervals around predicted numbers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Intervals {
    /// The share of the rows that they are to hold.
    pub share: f64,
    /// The number of rows whose target lies below the interval, and above.
    pub outside: (usize, usize),
    /// Rows as (prediction, lower bound, upper bound, target) in ascending order of the prediction: all of them, or a sample
    /// drawn by chance.
    pub rows: Vec<[f64; 4]>,
}

impl Intervals {
    fn new(share: f64, [predicted, low, high]: &[Vec<f64>; 3], targets: &[f64], seed: u64) -> Intervals {
        let below = targets.iter().zip(low).filter(|(target, low)| target < low).count();
        let above = targets.iter().zip(high).filter(|(target, high)| target > high).count();
        let of = |row: u32| [predicted, low, high].map(|values| values[row as usize]);
        let rows = sample(targets.len(), MOST_INTERVALS, seed).into_iter().map(|row| {
            let [predicted, low, high] = of(row);
            [predicted, low, high, targets[row as usize]]
        });
        let mut rows: Vec<[f64; 4]> = rows.collect();
        rows.sort_by(|a, b| a[0].total_cmp(&b[0]));
        Intervals { share, outside: (below, above), rows }
    }
}

impl Numbers {
    /// Those of every target.
    pub(super) fn of(outcome: &Outcome<'_>, seed: u64) -> Vec<Numbers> {
        let Outcome { target, values, targets, .. } = outcome;
        let of = |(at, name): (usize, &String)| {
            let part = |part: usize| column(values, at * target.per_target() + part, target.width());
            let (predicted, truth) = (part(0), column(targets, at, target.columns.len()));
            let mut numbers = Numbers::new(&predicted, &truth, seed);
            numbers.target.clone_from(name);
            let bounded = |share| Intervals::new(share, &[predicted, part(1), part(2)], &truth, seed);
            numbers.intervals = target.interval.map(bounded);
            numbers
        };
        target.columns.iter().enumerate().map(of).collect()
    }

    fn new(predicted: &[f64], targets: &[f64], seed: u64) -> Numbers {
        let mut errors: Vec<f64> = predicted.iter().zip(targets).map(|(p, t)| p - t).collect();
        let points = sample(targets.len(), MOST_POINTS, seed);
        let points = points.into_iter().map(|row| (targets[row as usize], predicted[row as usize])).collect();
        let bias = errors.iter().sum::<f64>() / errors.len() as f64;
        errors.sort_unstable_by(f64::total_cmp);
        let mut absolute: Vec<f64> = errors.iter().map(|e| e.abs()).collect();
        absolute.sort_unstable_by(f64::total_cmp);
        let histogram = histogram(&errors);
        let beyond = errors.len() - histogram.iter().map(|bar| bar.2).sum::<usize>();
        let absolute = [0.5, 0.9, 0.99].map(|share| quantile(&absolute, share));
        Numbers { target: String::new(), points, bias, absolute, histogram, beyond, intervals: None }
    }
}

/// Bars of equal width between the tails of sorted numbers; none where all are the same.
fn histogram(sorted: &[f64]) -> Vec<(f64, f64, usize)> {
    let (low, high) = (quantile(sorted, TAIL), quantile(sorted, 1.0 - TAIL));
    let width = (high - low) / BARS as f64;
    if !(width > 0.0 && width.is_finite()) {
        return Vec::new();
    }
    let mut counts = [0; BARS];
    for value in sorted.iter().filter(|value| (low..=high).contains(*value)) {
        counts[(((value - low) / width) as usize).min(BARS - 1)] += 1;
    }
    let bar = |(at, rows): (usize, usize)| (low + width * at as f64, low + width * (at + 1) as f64, rows);
    counts.into_iter().enumerate().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_counted() {
        let targets = vec![10.0; 5];
        let numbers = Numbers::new(&[9.0, 10.0, 11.0, 12.0, 13.0], &targets, 0);
        assert_eq!(numbers.bias, 1.0);
        assert_eq!(numbers.absolute[0], 1.0);
        assert_eq!(numbers.points[0], (10.0, 9.0));
        assert_eq!(numbers.histogram.len(), BARS);
        // The tails hold the smallest and the largest error.
        assert_eq!((numbers.histogram.iter().map(|bar| bar.2).sum::<usize>(), numbers.beyond), (3, 2));
        assert!(Numbers::new(&[1.0, 2.0], &[1.0, 2.0], 0).histogram.is_empty());
    }

    #[test]
    fn of_many_rows_a_sample_is_drawn_that_the_seed_decides() {
        let targets: Vec<f64> = (0..5000).map(f64::from).collect();
        let of = |seed| Numbers::new(&targets, &targets, seed).points;
        assert_eq!(of(1).len(), MOST_POINTS);
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
    }
}
