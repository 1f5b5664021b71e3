//! `quantile`.

use super::{Choice, Expr, LossFunction, mean_of_outputs};
use crate::spec::parameters;

parameters! {
    /// `max(τ(t - o), (τ - 1)(t - o))`, mean over the outputs.
    Quantile {
        /// The quantile τ that is estimated, between 0 and 1.
        level = 0.5, Inside;
    }
}

impl LossFunction for Quantile {
    fn choice(&self) -> &'static Choice {
        const CHOICE: Choice = Choice {
            name: "quantile",
            summary: "pinball loss, whose minimum is a quantile",
            formula: "max(τ(t - o), (τ - 1)(t - o))",
            source: "Koenker and Bassett 1978",
        };
        &CHOICE
    }

    fn rows<'b>(&self, output: Expr<'b>, target: Expr<'b>) -> Expr<'b> {
        let short = target - output;
        mean_of_outputs((short * self.level).maximum(short * (self.level - 1.0)))
    }
}
