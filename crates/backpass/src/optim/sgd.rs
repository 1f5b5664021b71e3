//! `sgd`.

use super::{AttributeError, Attributes, Choice, Expr, Update, UpdateRule};

/// `θ ← θ - ηg`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sgd;

impl UpdateRule for Sgd {
    const CHOICE: Choice = Choice {
        name: "sgd",
        summary: "plain gradient descent",
        formula: "θ ← θ - ηg",
        source: "Cauchy 1847; Robbins and Monro 1951",
    };
    const LEARNING_RATE: f64 = 0.1;

    fn update<'b>(&self, u: &Update<'b>) -> Expr<'b> {
        u.parameter - u.gradient * u.learning_rate
    }

    fn parse(_: &mut Attributes) -> Result<Self, AttributeError> {
        Ok(Sgd)
    }
}
