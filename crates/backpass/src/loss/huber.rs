//! `huber`.

use super::{Choice, Expr, LossFunction, mean_of_outputs};
use crate::spec::parameters;

parameters! {
    /// `r²/2` for `|r| ≤ δ`, else `δ(|r| - δ/2)`, mean over the outputs.
    Huber {
        /// Where it turns from squared to absolute.
        delta = 1.0, Positive;
    }
}

impl LossFunction for Huber {
    fn choice(&self) -> &'static Choice {
        const CHOICE: Choice = Choice {
            name: "huber",
            summary: "squared near zero, absolute far away",
            formula: "|r| ≤ δ ? r²/2 : δ(|r| - δ/2)",
            source: "Huber 1964",
        };
        &CHOICE
    }

    fn rows<'b>(&self, output: Expr<'b>, target: Expr<'b>) -> Expr<'b> {
        let distance = (output - target).abs();
        let inside = distance.minimum(self.delta);
        mean_of_outputs(inside * (distance - inside * 0.5))
    }
}
