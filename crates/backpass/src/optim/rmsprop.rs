//! `rmsprop`.

use super::{Choice, Expr, Update, UpdateRule};
use crate::spec::parameters;

parameters! {
    /// `s ← ρs + (1 - ρ)g²; θ ← θ - ηg/(√s + ε)`.
    RmsProp {
        /// The share ρ of the mean square that stays.
        decay = 0.9, Share;
        /// Keeps the quotient finite.
        eps = 1e-8, Positive;
    }
}

impl UpdateRule for RmsProp {
    fn choice(&self) -> &'static Choice {
        const CHOICE: Choice = Choice {
            name: "rmsprop",
            summary: "steps divided by the recent size of the gradient",
            formula: "s ← ρs + (1 - ρ)g²; θ ← θ - ηg/(√s + ε)",
            source: "Tieleman and Hinton 2012",
        };
        &CHOICE
    }

    fn learning_rate(&self) -> f64 {
        0.001
    }

    fn update<'b>(&self, u: &Update<'b>) -> Expr<'b> {
        let square = u.state("square");
        let next = u.keep(square, square * self.decay + u.gradient * u.gradient * (1.0 - self.decay));
        u.parameter - u.gradient / (next.sqrt() + self.eps) * u.learning_rate
    }
}
