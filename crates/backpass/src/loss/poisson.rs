//! `poisson`.

use super::{Attributes, AttributeError, Choice, Expr, LossFunction, mean_of_outputs};

/// `e^o - t·o`: the output is the logarithm of the expected count.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Poisson;

impl LossFunction for Poisson {
    const CHOICE: Choice = Choice {
        name: "poisson",
        summary: "counts, from the logarithm of the rate",
        formula: "e^o - t·o",
        source: "negative log-likelihood of the Poisson distribution without ln t!",
    };

    fn rows<'b>(&self, output: Expr<'b>, target: Expr<'b>) -> Expr<'b> {
        mean_of_outputs(output.exp() - target * output)
    }

    fn parse(_: &mut Attributes) -> Result<Self, AttributeError> {
        Ok(Poisson)
    }
}
