//! `poisson`.

use super::{Choice, Expr, LossFunction, mean_of_outputs};
use crate::spec::parameters;

parameters! {
    /// `e^o - t·o`: the output is the logarithm of the expected count.
    Poisson {}
}

impl LossFunction for Poisson {
    fn choice(&self) -> &'static Choice {
        const CHOICE: Choice = Choice {
            name: "poisson",
            summary: "counts, from the logarithm of the rate",
            formula: "e^o - t·o",
            source: "negative log-likelihood of the Poisson distribution without ln t!",
        };
        &CHOICE
    }

    fn rows<'b>(&self, output: Expr<'b>, target: Expr<'b>) -> Expr<'b> {
        mean_of_outputs(output.exp() - target * output)
    }

    fn log_link(&self) -> bool {
        true
    }

    fn accepts(&self, target: f32, _outputs: usize) -> Result<(), &'static str> {
        if target >= 0.0 && target.is_finite() { Ok(()) } else { Err("a count of at least 0") }
    }
}
