//! `interval`.

use super::{Choice, Expr, LossFunction, mean_of_outputs};
use crate::spec::parameters;

parameters! {
    /// `max(τ(t - o), (τ - 1)(t - o))` with `τ` of `(1-s)/2`, `1/2` and `(1+s)/2`, mean over the three outputs of each
    /// target. The outputs `[batch, 3·T]` are the lower bounds of all targets, their medians, and their upper bounds.
    Interval {
        /// The share s of the targets that lies between the outer quantiles, between 0 and 1.
        share = 0.9, Inside;
    }
}

impl Interval {
    /// The levels of the quantiles, from the lower bound to the upper.
    pub fn levels(&self) -> [f64; 3] {
        [0.5 * (1.0 - self.share), 0.5, 0.5 * (1.0 + self.share)]
    }
}

impl LossFunction for Interval {
    fn choice(&self) -> &'static Choice {
        const CHOICE: Choice = Choice {
            name: "interval",
            summary: "pinball loss of the bounds of an interval and of the median, three outputs for each target",
            formula: "Σ_τ max(τ(t - o), (τ - 1)(t - o)) / 3, τ = (1-s)/2, 1/2, (1+s)/2",
            source: "Koenker and Bassett 1978",
        };
        &CHOICE
    }

    fn rows<'b>(&self, output: Expr<'b>, target: Expr<'b>) -> Expr<'b> {
        let targets = target.shape().extent().fixed;
        let losses = self.levels().into_iter().enumerate().map(|(at, level)| {
            let short = target - output.slice(1, at * targets, (at + 1) * targets);
            mean_of_outputs((short * level).maximum(short * (level - 1.0)))
        });
        losses.reduce(|sum, loss| sum + loss).map_or(output.mean(1), |sum| sum / 3.0)
    }

    fn per_target(&self) -> usize {
        self.levels().len()
    }
}
