//! Calibration of probabilities by temperature (Guo, Pleiss, Sun and Weinberger 2017).

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
    fn numbers_and_no_rows_have_none() {
        assert_eq!(temperature(&[5.0], &[3.0], 0), 1.0);
        assert_eq!(temperature(&[], &[], 2), 1.0);
    }
}
