//! From the probability of the positive class to a decision.

use crate::fit_error::FitError;

/// How the threshold is chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Threshold {
    /// Given, or following from what mistakes cost.
    At(f64),
    /// Where f1 is greatest on rows that the network has not learnt from.
    F1,
}

impl Threshold {
    /// Reads `0.3`, `f1` or `cost=10`. If a missed positive costs as much as C false alarms, deciding for positive costs less
    /// where its probability is greater than 1 / (1 + C) (Elkan 2001).
    pub fn parse(text: &str) -> Result<Self, FitError> {
        let wrong = || FitError::choice("--threshold", text, "a probability, f1, or cost=C with C greater than 0");
        if text == "f1" {
            return Ok(Threshold::F1);
        }
        let value = match text.strip_prefix("cost=") {
            Some(cost) => 1.0 / (1.0 + cost.parse::<f64>().ok().filter(|cost| *cost > 0.0).ok_or_else(wrong)?),
            None => text.parse().map_err(|_| wrong())?,
        };
        if (0.0..=1.0).contains(&value) { Ok(Threshold::At(value)) } else { Err(wrong()) }
    }

    /// The threshold for probabilities `[rows, 2]` and the right classes, 0 or 1.
    pub fn find(self, probabilities: &[f64], targets: &[f64]) -> f64 {
        match self {
            Threshold::At(value) => value,
            Threshold::F1 => best_f1(probabilities, targets),
        }
    }
}

/// The threshold with the greatest f1, halfway between two scores; of equally good ones the highest.
fn best_f1(probabilities: &[f64], targets: &[f64]) -> f64 {
    let scores = probabilities.iter().skip(1).step_by(2).copied();
    let mut rows: Vec<(f64, f64)> = scores.zip(targets.iter().copied()).collect();
    rows.sort_by(|a, b| b.0.total_cmp(&a.0));
    let positives: f64 = targets.iter().sum();
    let (mut found, mut threshold) = (0.0, 0.5);
    let (mut taken, mut right) = (0.0, 0.0);
    for (at, (score, target)) in rows.iter().enumerate() {
        taken += 1.0;
        right += target;
        let next = rows.get(at + 1).map_or(0.0, |row| row.0);
        let f1 = 2.0 * right / (taken + positives);
        if next < *score && f1 > found {
            (found, threshold) = (f1, 0.5 * (score + next));
        }
    }
    threshold
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_read() {
        assert_eq!(Threshold::parse("0.3").unwrap(), Threshold::At(0.3));
        assert_eq!(Threshold::parse("cost=9").unwrap(), Threshold::At(0.1));
        assert_eq!(Threshold::parse("f1").unwrap(), Threshold::F1);
        for wrong in ["1.5", "cost=-1", "cost=x", "f2", ""] {
            let error = Threshold::parse(wrong).unwrap_err().to_string();
            assert!(error.contains("--threshold"), "{error}");
        }
    }

    #[test]
    fn the_best_threshold_lies_between_two_scores() {
        let scores = [0.9, 0.6, 0.4, 0.4, 0.2, 0.1];
        let probabilities: Vec<f64> = scores.iter().flat_map(|p| [1.0 - p, *p]).collect();
        // Three of the first four are positive: 6/7 there, 4/5 after two.
        let threshold = Threshold::F1.find(&probabilities, &[1.0, 1.0, 0.0, 1.0, 0.0, 0.0]);
        assert!((threshold - 0.3).abs() < 1e-12);
        assert_eq!(Threshold::F1.find(&probabilities, &[0.0; 6]), 0.5);
    }
}
