//! `squared`.

use super::{Choice, Expr, LossFunction, mean_of_outputs};
use crate::spec::parameters;

parameters! {
    /// Mean over the outputs of `(o - t)²`.
    Squared {}
}

impl LossFunction for Squared {
    fn choice(&self) -> &'static Choice {
        const CHOICE: Choice =
            Choice { name: "squared", summary: "squared error", formula: "(o - t)²", source: "Gauss 1809" };
        &CHOICE
    }

    fn rows<'b>(&self, output: Expr<'b>, target: Expr<'b>) -> Expr<'b> {
        let residual = output - target;
        mean_of_outputs(residual * residual)
    }
}
