//! `sgd`.

use super::{Choice, Expr, Update, UpdateRule};
use crate::spec::parameters;

parameters! {
    /// `θ ← θ - ηg`.
    Sgd {}
}

impl UpdateRule for Sgd {
    fn choice(&self) -> &'static Choice {
        const CHOICE: Choice = Choice {
            name: "sgd",
            summary: "plain gradient descent",
            formula: "θ ← θ - ηg",
            source: "Cauchy 1847; Robbins and Monro 1951",
        };
        &CHOICE
    }

    fn learning_rate(&self) -> f64 {
        0.1
    }

    fn update<'b>(&self, u: &Update<'b>) -> Expr<'b> {
        u.parameter - u.gradient * u.learning_rate
    }
}
