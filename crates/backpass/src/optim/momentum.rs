//! `momentum`.

use super::{Choice, Expr, Update, UpdateRule};
use crate::spec::parameters;

parameters! {
    /// `v ← μv + g; θ ← θ - ηv`.
    Momentum {
        /// The share of the velocity that stays.
        momentum = 0.9, Share;
    }
}

impl UpdateRule for Momentum {
    fn choice(&self) -> &'static Choice {
        const CHOICE: Choice = Choice {
            name: "momentum",
            summary: "gradient descent with momentum",
            formula: "v ← μv + g; θ ← θ - ηv",
            source: "Polyak 1964",
        };
        &CHOICE
    }

    fn learning_rate(&self) -> f64 {
        0.01
    }

    fn update<'b>(&self, u: &Update<'b>) -> Expr<'b> {
        let velocity = u.state("velocity");
        let next = u.keep(velocity, velocity * self.momentum + u.gradient);
        u.parameter - next * u.learning_rate
    }
}
