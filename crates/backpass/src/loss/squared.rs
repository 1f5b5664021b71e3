//! `squared`.

use super::{Attributes, AttributeError, Choice, Expr, LossFunction, mean_of_outputs};

/// Mean over the outputs of `(o - t)²`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Squared;

impl LossFunction for Squared {
    const CHOICE: Choice = Choice {
        name: "squared",
        summary: "squared error",
        formula: "(o - t)²",
        source: "Gauss 1809",
    };

    fn rows<'b>(&self, output: Expr<'b>, target: Expr<'b>) -> Expr<'b> {
        let residual = output - target;
        mean_of_outputs(residual * residual)
    }

    fn parse(_: &mut Attributes) -> Result<Self, AttributeError> {
        Ok(Squared)
    }
}
