//! `absolute`.

use super::{Choice, Expr, LossFunction, mean_of_outputs};
use crate::spec::parameters;

parameters! {
    /// Mean over the outputs of `|o - t|`; its minimum is the median.
    Absolute {}
}

impl LossFunction for Absolute {
    fn choice(&self) -> &'static Choice {
        const CHOICE: Choice =
            Choice { name: "absolute", summary: "absolute error", formula: "|o - t|", source: "Laplace 1774" };
        &CHOICE
    }

    fn rows<'b>(&self, output: Expr<'b>, target: Expr<'b>) -> Expr<'b> {
        mean_of_outputs((output - target).abs())
    }
}
