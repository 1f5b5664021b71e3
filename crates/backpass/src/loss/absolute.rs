//! `absolute`.

use super::{Attributes, AttributeError, Choice, Expr, LossFunction, mean_of_outputs};

/// Mean over the outputs of `|o - t|`; its minimum is the median.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Absolute;

impl LossFunction for Absolute {
    const CHOICE: Choice = Choice {
        name: "absolute",
        summary: "absolute error",
        formula: "|o - t|",
        source: "Laplace 1774",
    };

    fn rows<'b>(&self, output: Expr<'b>, target: Expr<'b>) -> Expr<'b> {
        mean_of_outputs((output - target).abs())
    }

    fn parse(_: &mut Attributes) -> Result<Self, AttributeError> {
        Ok(Absolute)
    }
}
