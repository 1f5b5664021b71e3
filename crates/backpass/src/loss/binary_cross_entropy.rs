//! `binary_cross_entropy`.

use super::{Choice, Expr, LossFunction, Targets, mean_of_outputs};
use crate::spec::parameters;

parameters! {
    /// `-t·ln σ(o) - (1 - t)·ln(1 - σ(o))`, computed as `ln(1 + e^o) - t·o`.
    BinaryCrossEntropy {
        /// How far targets are moved from 0 and 1 towards 1/2.
        smoothing = 0.0, Share;
    }
}

impl LossFunction for BinaryCrossEntropy {
    fn choice(&self) -> &'static Choice {
        const CHOICE: Choice = Choice {
            name: "binary_cross_entropy",
            summary: "yes or no, from a logit",
            formula: "ln(1 + e^o) - t·o",
            source: "negative log-likelihood of the Bernoulli distribution",
        };
        &CHOICE
    }

    fn rows<'b>(&self, output: Expr<'b>, target: Expr<'b>) -> Expr<'b> {
        let target =
            if self.smoothing == 0.0 { target } else { target * (1.0 - self.smoothing) + 0.5 * self.smoothing };
        mean_of_outputs(output.softplus() - target * output)
    }

    fn targets(&self) -> Targets {
        Targets::Probabilities
    }

    fn accepts(&self, target: f32, _outputs: usize) -> Result<(), &'static str> {
        if (0.0..=1.0).contains(&target) { Ok(()) } else { Err("a probability from 0 to 1") }
    }

    fn set_smoothing(&mut self, share: f64) {
        self.smoothing = share;
    }
}
