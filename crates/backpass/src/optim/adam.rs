//! `adam`.

use super::{Choice, Expr, Update, UpdateRule};
use crate::spec::parameters;

parameters! {
    /// `θ ← θ - η·m̂/(√v̂ + ε)` with bias-corrected running means m̂ of g and v̂ of g².
    Adam {
        /// The share of the mean that stays.
        beta1 = 0.9, Share;
        /// The share of the mean square that stays.
        beta2 = 0.999, Share;
        /// Keeps the quotient finite.
        eps = 1e-8, Positive;
    }
}

impl UpdateRule for Adam {
    fn choice(&self) -> &'static Choice {
        const CHOICE: Choice = Choice {
            name: "adam",
            summary: "momentum and step sizes per parameter, bias corrected",
            formula: "m ← β₁m + (1 - β₁)g; v ← β₂v + (1 - β₂)g²; θ ← θ - η·m̂/(√v̂ + ε)",
            source: "Kingma and Ba 2015",
        };
        &CHOICE
    }

    fn learning_rate(&self) -> f64 {
        0.001
    }

    fn update<'b>(&self, u: &Update<'b>) -> Expr<'b> {
        let (mean, square) = (u.state("mean"), u.state("square"));
        let mean = u.keep(mean, mean * self.beta1 + u.gradient * (1.0 - self.beta1));
        let square = u.keep(square, square * self.beta2 + u.gradient * u.gradient * (1.0 - self.beta2));
        // The corrections of both means move to the rate and to ε, which are single numbers.
        let power = |beta: f64| (u.step * beta.ln()).exp();
        let correction = (1.0 - power(self.beta2)).sqrt();
        let rate = u.learning_rate * correction / (1.0 - power(self.beta1));
        u.parameter - mean / (square.sqrt() + correction * self.eps) * rate
    }
}
