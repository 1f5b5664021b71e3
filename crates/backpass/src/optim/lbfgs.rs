//! `lbfgs`.

use super::{Choice, Expr, Sgd, Update, UpdateRule};
use crate::spec::parameters;

parameters! {
    /// It finds its own step lengths: learning rate, schedule, clipping and decoupled weight decay play no part.
    Lbfgs {
        /// How many past steps shape the curvature estimate.
        memory = 10.0, Count;
    }
}

impl UpdateRule for Lbfgs {
    fn choice(&self) -> &'static Choice {
        const CHOICE: Choice = Choice {
            name: "lbfgs",
            summary: "quasi-Newton with line search, for small data",
            formula: "θ ← θ - αHg",
            source: "Liu and Nocedal 1989",
        };
        &CHOICE
    }

    fn learning_rate(&self) -> f64 {
        1.0
    }

    fn update<'b>(&self, u: &Update<'b>) -> Expr<'b> {
        // Training runs its own loop for this rule; as a single step it is steepest descent.
        Sgd.update(u)
    }
}
