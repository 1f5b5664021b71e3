//! `levenberg_marquardt`.

use super::{Choice, Expr, Sgd, Update, UpdateRule};
use crate::spec::parameters;

parameters! {
    /// It finds its own step lengths: learning rate, schedule, clipping and decoupled weight decay play no part.
    LevenbergMarquardt {
        /// How much damping the first step has.
        damping = 1e-3, Positive;
    }
}

impl UpdateRule for LevenbergMarquardt {
    fn choice(&self) -> &'static Choice {
        const CHOICE: Choice = Choice {
            name: "levenberg_marquardt",
            summary: "damped Gauss–Newton, for few parameters",
            formula: "θ ← θ - (JᵗHJ + λD)⁻¹g",
            source: "Levenberg 1944, Marquardt 1963, Nielsen 1999",
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
