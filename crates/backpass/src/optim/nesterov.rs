//! `nesterov`.

use super::{Choice, Expr, Update, UpdateRule};
use crate::spec::parameters;

parameters! {
    /// `v ← μv + g; θ ← θ - η(g + μv)`.
    Nesterov {
        /// The share of the velocity that stays.
        momentum = 0.9, Share;
    }
}

impl UpdateRule for Nesterov {
    fn choice(&self) -> &'static Choice {
        const CHOICE: Choice = Choice {
            name: "nesterov",
            summary: "gradient descent with Nesterov momentum",
            formula: "v ← μv + g; θ ← θ - η(g + μv)",
            source: "Nesterov 1983; Sutskever et al. 2013",
        };
        &CHOICE
    }

    fn learning_rate(&self) -> f64 {
        0.01
    }

    fn update<'b>(&self, u: &Update<'b>) -> Expr<'b> {
        let velocity = u.state("velocity");
        let next = u.keep(velocity, velocity * self.momentum + u.gradient);
        u.parameter - (u.gradient + next * self.momentum) * u.learning_rate
    }
}
