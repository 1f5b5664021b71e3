//! What classification needs beside its metrics: curves over all thresholds, calibration, each class on its own.

use serde::Serialize;

use crate::metrics::{Ranking, Step};

/// A curve is drawn through at most so many points.
const MOST_POINTS: usize = 300;
/// The intervals of equal width into which predicted probabilities fall.
const BINS: usize = 10;
/// The normal quantile of a two-sided 95 % interval.
const Z: f64 = 1.959_963_984_540_054;

/// Everything about classes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Classes {
    /// The numbers of rows of every actual class (outer) predicted as every class (inner).
    pub confusion: Vec<Vec<f64>>,
    /// Every class against the others; of two classes the second alone.
    pub curves: Vec<ClassCurves>,
    /// Predicted probabilities beside what happened: those of the second of two classes, else of the predicted class.
    pub calibration: Vec<Bin>,
}

/// How well the probability of one class tells its rows from the others.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassCurves {
    /// The index of the class.
    pub class: usize,
    /// The area under the ROC curve; NaN where the rows are of one kind.
    pub area: f64,
    /// (False positive rate, true positive rate) as the threshold falls.
    pub roc: Vec<(f64, f64)>,
    /// (Recall, precision) as the threshold falls.
    pub precision_recall: Vec<(f64, f64)>,
}

/// Rows whose predicted probabilities lie close together.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bin {
    /// The mean of the predicted probabilities.
    pub predicted: f64,
    /// The share of the rows in which it happened.
    pub observed: f64,
    /// Bounds of that share: the 95 % score interval (Wilson 1927).
    pub bounds: (f64, f64),
    /// The number of rows.
    pub rows: usize,
}

impl Classes {
    /// From the probabilities of `classes` classes row by row, and the class of every row.
    pub(crate) fn new(values: &[f64], classes: usize, targets: &[f64], confusion: Vec<Vec<f64>>) -> Classes {
        let rows = || values.chunks_exact(classes).zip(targets.iter().map(|&target| target as usize));
        let first = if classes == 2 { 1 } else { 0 };
        let curves = |class: usize| {
            let scores = rows().map(|(given, target)| (given[class], target == class));
            ClassCurves::new(class, &Ranking::new(scores, |_| 1.0))
        };
        let best =
            |given: &[f64]| (1..classes).fold(0, |best, next| if given[next] > given[best] { next } else { best });
        let judged = rows().map(|(given, target)| {
            let class = if classes == 2 { 1 } else { best(given) };
            (given[class], target == class)
        });
        let calibration = bins(judged);
        Classes { confusion, curves: (first..classes).map(curves).collect(), calibration }
    }

    /// Precision and recall of a class, and how many rows are of it; NaN where not defined.
    pub fn precision_recall(&self, class: usize) -> (f64, f64, f64) {
        let right = self.confusion[class][class];
        let actual: f64 = self.confusion[class].iter().sum();
        let predicted: f64 = self.confusion.iter().map(|row| row[class]).sum();
        (right / predicted, right / actual, actual)
    }

    /// The share of the rows of other classes that is predicted as this one.
    pub fn false_positive_rate(&self, class: usize) -> f64 {
        let others = || self.confusion.iter().enumerate().filter(|(actual, _)| *actual != class).map(|(_, row)| row);
        others().map(|row| row[class]).sum::<f64>() / others().flatten().sum::<f64>()
    }
}

impl ClassCurves {
    fn new(class: usize, ranking: &Ranking) -> ClassCurves {
        let total = |of: fn(&Step) -> f64| ranking.0.iter().map(of).sum::<f64>();
        let (positives, negatives) = (total(|s| s.positive), total(|s| s.negative));
        let (mut found, mut wrong) = (0.0, 0.0);
        let (mut roc, mut precision_recall) = (vec![(0.0, 0.0)], Vec::new());
        for Step { positive, negative } in &ranking.0 {
            found += positive;
            wrong += negative;
            roc.push((wrong / negatives, found / positives));
            precision_recall.push((found / positives, found / (found + wrong)));
        }
        ClassCurves { class, area: ranking.area(), roc: thinned(roc), precision_recall: thinned(precision_recall) }
    }
}

/// At most about [`MOST_POINTS`] of the points, evenly spaced in their order, with both ends.
fn thinned(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    let (last, every) = (points.len().saturating_sub(1), points.len().div_ceil(MOST_POINTS).max(1));
    points.into_iter().enumerate().filter(|(at, _)| at % every == 0 || *at == last).map(|(_, point)| point).collect()
}

/// Predicted probabilities with whether it happened, in bins of equal width; empty ones are left out.
fn bins(rows: impl Iterator<Item = (f64, bool)>) -> Vec<Bin> {
    let mut sums = [(0.0, 0.0, 0usize); BINS];
    for (probability, happened) in rows.filter(|(probability, _)| probability.is_finite()) {
        let bin = &mut sums[((probability * BINS as f64) as usize).min(BINS - 1)];
        *bin = (bin.0 + probability, bin.1 + f64::from(u8::from(happened)), bin.2 + 1);
    }
    let of = |(predicted, happened, rows): (f64, f64, usize)| {
        let n = rows as f64;
        Bin { predicted: predicted / n, observed: happened / n, bounds: wilson(happened / n, n), rows }
    };
    sums.into_iter().filter(|(.., rows)| *rows > 0).map(of).collect()
}

fn wilson(share: f64, n: f64) -> (f64, f64) {
    let z2 = Z * Z;
    let centre = (share + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = Z / (1.0 + z2 / n) * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    ((centre - half).max(0.0), (centre + half).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scores of class 1 from above: 0.9 right, 0.8 wrong, 0.8 right, 0.3 wrong, 0.1 right.
    fn five() -> Classes {
        let second = [0.9, 0.8, 0.8, 0.3, 0.1];
        let values: Vec<f64> = second.iter().flat_map(|p| [1.0 - p, *p]).collect();
        Classes::new(&values, 2, &[1.0, 0.0, 1.0, 0.0, 1.0], vec![vec![1.0, 1.0], vec![1.0, 2.0]])
    }

    #[test]
    fn curves_by_hand() {
        let classes = five();
        let [curves] = &classes.curves[..] else { panic!("one curve for two classes") };
        let third = 1.0 / 3.0;
        assert_eq!(curves.roc, [(0.0, 0.0), (0.0, third), (0.5, 2.0 * third), (1.0, 2.0 * third), (1.0, 1.0)]);
        assert_eq!(curves.precision_recall, [(third, 1.0), (2.0 * third, 2.0 * third), (2.0 * third, 0.5), (1.0, 0.6)]);
        // Of six pairs the positives win: 0.9 two, 0.8 one and a tie, 0.1 none.
        assert!((curves.area - 3.5 / 6.0).abs() < 1e-15);
        let (precision, recall, actual) = classes.precision_recall(1);
        assert_eq!((precision, recall, actual), (2.0 / 3.0, 2.0 / 3.0, 3.0));
        assert_eq!(classes.false_positive_rate(1), 0.5);
    }

    #[test]
    fn bins_hold_the_rows_of_their_tenth() {
        let found: Vec<(f64, f64, usize)> =
            five().calibration.iter().map(|bin| (bin.predicted, bin.observed, bin.rows)).collect();
        assert_eq!(found, [(0.1, 1.0, 1), (0.3, 0.0, 1), (0.8, 0.5, 2), (0.9, 1.0, 1)]);
        let sure = bins([(1.0, true), (f64::NAN, true)].into_iter());
        assert_eq!((sure.len(), sure[0].rows), (1, 1));
    }

    #[test]
    fn score_intervals_are_those_of_wilson() {
        let (low, high) = wilson(0.1, 10.0);
        assert!((low - 0.017_876).abs() < 1e-5 && (high - 0.404_150).abs() < 1e-5, "{low} to {high}");
        assert_eq!(wilson(0.0, 5.0).0, 0.0);
    }

    #[test]
    fn each_of_three_classes_stands_against_the_others() {
        let values = [0.6, 0.3, 0.1, 0.2, 0.5, 0.3, 0.1, 0.2, 0.7, 0.5, 0.4, 0.1];
        let classes = Classes::new(&values, 3, &[0.0, 1.0, 2.0, 1.0], Vec::new());
        assert_eq!(classes.curves.iter().map(|c| c.class).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(classes.curves.iter().map(|c| c.area).collect::<Vec<_>>(), [1.0, 1.0, 1.0]);
        // The last row is predicted as class 0 with 0.5, and is not.
        assert_eq!(classes.calibration[0].rows, 2);
        assert_eq!(classes.calibration[0].observed, 0.5);
    }

    #[test]
    fn long_curves_keep_their_ends() {
        let points: Vec<(f64, f64)> = (0..10_001).map(|i| (f64::from(i), 0.0)).collect();
        let few = thinned(points);
        assert!(few.len() <= MOST_POINTS + 1, "{}", few.len());
        assert_eq!((few[0].0, few[few.len() - 1].0), (0.0, 10_000.0));
        assert!(thinned(Vec::new()).is_empty());
    }
}
