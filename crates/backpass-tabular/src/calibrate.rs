//! Calibration of probabilities by temperature (Guo, Pleiss, Sun and Weinberger 2017).

/// Bounds of the temperature, and how often the interval between them is cut.
const BOUNDS: (f64, f64) = (0.1, 10.0);
const CUTS: usize = 60;

/// The number by which to divide the outputs of a network so that the mean log-loss of `targets`, class numbers, is least;
/// `outputs` has one logit a row for two classes, else one for each class. 1 for a number.
pub(crate) fn temperature(outputs: &[f64], targets: &[f64], classes: usize) -> f64 {
    if classes == 0 || targets.is_empty() {
        return 1.0;
    }
    let loss = |ln_temperature: f64| {
        let inverse = (-ln_temperature).exp();
        let row = |(outputs, target): (&[f64], &f64)| match outputs {
            [logit] => {
                let margin = if *target == 1.0 { -logit } else { *logit } * inverse;
                margin.max(0.0) + (-margin.abs()).exp().ln_1p()
            }
            _ => {
                let largest = outputs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let sum: f64 = outputs.iter().map(|o| ((o - largest) * inverse).exp()).sum();
                sum.ln() - (outputs[*target as usize] - largest) * inverse
            }
        };
        outputs.chunks_exact(outputs.len() / targets.len()).zip(targets).map(row).sum::<f64>()
    };
    // Golden section: the loss has one valley in the inverse temperature, so it has one in its logarithm.
    let shrink = (5f64.sqrt() - 1.0) / 2.0;
    let (mut low, mut high) = (BOUNDS.0.ln(), BOUNDS.1.ln());
    for _ in 0..CUTS {
        let (a, b) = (high - shrink * (high - low), low + shrink * (high - low));
        if loss(a) <= loss(b) { high = b } else { low = a }
    }
    (0.5 * (low + high)).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logits_that_are_too_large_by_a_factor_are_divided_by_it() {
        // Of 100 rows with the logit 3·ln 4, 80 are of class 1: the logit should be ln 4.
        let outputs = vec![3.0 * 4f64.ln(); 100];
        let targets: Vec<f64> = (0..100).map(|i| f64::from(u8::from(i % 5 != 0))).collect();
        assert!((temperature(&outputs, &targets, 2) - 3.0).abs() < 1e-6);
        let two: Vec<f64> = outputs.iter().flat_map(|&logit| [0.0, logit, -1e3]).collect();
        assert!((temperature(&two, &targets, 3) - 3.0).abs() < 1e-6);
    }

    #[test]
    fn numbers_and_no_rows_have_none() {
        assert_eq!(temperature(&[5.0], &[3.0], 0), 1.0);
        assert_eq!(temperature(&[], &[], 2), 1.0);
    }
}
