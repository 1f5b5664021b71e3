//! `quantile`.

use super::{Attributes, AttributeError, Choice, Expr, LossFunction, mean_of_outputs};

/// `max(τ(t - o), (τ - 1)(t - o))`, mean over the outputs.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantile {
    /// The quantile τ that is estimated, between 0 and 1.
    pub level: f64,
}

impl Default for Quantile {
    fn default() -> Self {
        Quantile { level: 0.5 }
    }
}

impl LossFunction for Quantile {
    const CHOICE: Choice = Choice {
        name: "quantile",
        summary: "pinball loss, whose minimum is a quantile",
        formula: "max(τ(t - o), (τ - 1)(t - o))",
        source: "Koenker and Bassett 1978",
    };

    fn rows<'b>(&self, output: Expr<'b>, target: Expr<'b>) -> Expr<'b> {
        let short = target - output;
        mean_of_outputs((short * self.level).maximum(short * (self.level - 1.0)))
    }

    fn parse(attributes: &mut Attributes) -> Result<Self, AttributeError> {
        Ok(Quantile { level: attributes.number("level", 0.5)? })
    }

    fn parameters(&self) -> Vec<(&'static str, f64)> {
        vec![("level", self.level)]
    }
}
