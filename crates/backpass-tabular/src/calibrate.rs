//! Calibration on rows that a network has not learnt from: of probabilities by temperature (Guo, Pleiss, Sun and Weinberger
//! 2017), of intervals by conformalised quantile regression (Romano, Patterson and Candès 2019).

use crate::outputs::column;

/// Bounds of the temperature, and how often the interval between them is cut.
const BOUNDS: (f64, f64) = (0.1, 100.0);
const CUTS: usize = 60;

/// The number by which to divide the outputs of a network so that the mean log-loss of `targets`, class numbers, is least;
/// one row is added that is of no class more than of another, so that rows without a mistake do not make certain, much as
/// Platt (1999) does.
/// `outputs` has one logit a row for two classes, else one for each class, and that for each of several members whose
/// probabilities are averaged. 1 for a number.
pub(crate) fn temperature(outputs: &[f64], targets: &[f64], classes: usize) -> f64 {
    if classes == 0 || targets.is_empty() {
        return 1.0;
    }
    let width = if classes == 2 { 1 } else { classes };
    let wrong = 1.0 / (classes as f64 * (targets.len() + 1) as f64);
    let right = 1.0 - wrong * (classes - 1) as f64;
    let loss = |ln_temperature: f64| {
        let inverse = (-ln_temperature).exp();
        // The logarithm of the probability that one member gives a class.
        let of_member = |outputs: &[f64], class: usize| match outputs {
            [logit] => {
                let margin = if class == 1 { -logit } else { *logit } * inverse;
                -(margin.max(0.0) + (-margin.abs()).exp().ln_1p())
            }
            _ => outputs[class] * inverse - log_sum_exp(outputs.iter().map(|o| o * inverse)),
        };
        let row = |(outputs, target): (&[f64], &f64)| -> f64 {
            let members = outputs.len() / width;
            let of_class = |class: usize| {
                let share = if class == *target as usize { right } else { wrong };
                share * ((members as f64).ln() - log_sum_exp(outputs.chunks_exact(width).map(|o| of_member(o, class))))
            };
            (0..classes).map(of_class).sum()
        };
        outputs.chunks_exact(outputs.len() / targets.len()).zip(targets).map(row).sum::<f64>()
    };
    // Golden section: the loss of one member has one valley in the inverse temperature, so it has one in its logarithm.
    let shrink = (5f64.sqrt() - 1.0) / 2.0;
    let (mut low, mut high) = (BOUNDS.0.ln(), BOUNDS.1.ln());
    for _ in 0..CUTS {
        let (a, b) = (high - shrink * (high - low), low + shrink * (high - low));
        if loss(a) <= loss(b) { high = b } else { low = a }
    }
    (0.5 * (low + high)).exp()
}

/// By how much the bounds of each target are to move outwards, or inwards where negative, so that another row lies between
/// them with a chance of at least `share`, if rows come in no order: the ⌈(n + 1)·share⌉th smallest of how far n rows lie
/// beyond their nearer bound. `predicted` has prediction, lower and upper bound of each target, row by row, `truth` the
/// targets. Of too few rows the largest is taken, see [`fewest`].
pub(crate) fn margins(predicted: &[f64], truth: &[f64], targets: usize, share: f64) -> Vec<f64> {
    let of = |target: usize| {
        let [low, high] = [1, 2].map(|bound| column(predicted, 3 * target + bound, 3 * targets));
        let truth = column(truth, target, targets);
        let bounds = low.iter().zip(&high).zip(&truth);
        let mut beyond: Vec<f64> = bounds.map(|((low, high), truth)| (low - truth).max(truth - high)).collect();
        beyond.sort_unstable_by(f64::total_cmp);
        let rank = ((beyond.len() + 1) as f64 * share - ROUNDING).ceil() as usize;
        let margin = beyond.get(rank.clamp(1, beyond.len().max(1)) - 1).copied();
        margin.filter(|margin| margin.is_finite()).unwrap_or(0.0)
    };
    (0..targets).map(of).collect()
}

/// The fewest rows that can promise a share.
pub(crate) fn fewest(share: f64) -> usize {
    (share / (1.0 - share) - ROUNDING).ceil() as usize
}

/// What a share of a whole number of rows may be off by.
const ROUNDING: f64 = 1e-9;

fn log_sum_exp(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let largest = values.clone().fold(f64::NEG_INFINITY, f64::max);
    largest + values.map(|value| (value - largest).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logits_that_are_too_large_by_a_factor_are_divided_by_it() {
        // Of 100 rows with the logit 3·ln 4, 80 are of class 1; with one more of no class the logit is to be about ln 4.
        let outputs = vec![3.0 * 4f64.ln(); 100];
        let targets: Vec<f64> = (0..100).map(|i| f64::from(u8::from(i % 5 != 0))).collect();
        let share = (80.0 * 201.0 + 20.0) / (100.0 * 202.0);
        let wanted = 3.0 * 4f64.ln() / f64::ln(share / (1.0 - share));
        assert!((temperature(&outputs, &targets, 2) - wanted).abs() < 1e-6);
    }

    #[test]
    fn rows_without_a_mistake_do_not_make_certain() {
        let outputs = [[40.0, 0.0, 0.0], [0.0, 40.0, 0.0], [0.0, 0.0, 40.0]].concat();
        let temperature = temperature(&outputs, &[0.0, 1.0, 2.0], 3);
        let certain = (40.0 / temperature).exp() / ((40.0 / temperature).exp() + 2.0);
        assert!((certain - 10.0 / 12.0).abs() < 1e-6, "{certain}");
    }

    #[test]
    fn bounds_move_by_the_ranked_distance_of_each_target() {
        // Of nine rows 0 to 8 beyond the upper bound 0, and of a second target 4 inside of both bounds, 0.8 of ten is the
        // eighth.
        let predicted: Vec<f64> = (0..9).flat_map(|_| [0.0, -9.0, 0.0, 5.0, 1.0, 9.0]).collect();
        let truth: Vec<f64> = (0..9).flat_map(|row| [f64::from(row), 5.0]).collect();
        assert_eq!(margins(&predicted, &truth, 2, 0.8), [7.0, -4.0]);
        assert_eq!(margins(&predicted, &truth, 2, 0.9), [8.0, -4.0]);
        assert_eq!(margins(&predicted, &truth, 2, 0.99), [8.0, -4.0]);
        assert_eq!(margins(&[], &[], 1, 0.9), [0.0]);
        assert_eq!([0.9, 0.8, 0.5, 0.99].map(fewest), [9, 4, 1, 99]);
    }

    #[test]
    fn numbers_and_no_rows_have_none() {
        assert_eq!(temperature(&[5.0], &[3.0], 0), 1.0);
        assert_eq!(temperature(&[], &[], 2), 1.0);
    }
}
