//! `adamw`.

use super::{Adam, Choice, Expr, Update, UpdateRule};
use crate::spec::parameters;

parameters! {
    /// [`Adam`], to which training adds `θ ← θ - ηλθ` with λ = 0.01 unless told otherwise.
    AdamW {
        /// The share of the mean that stays.
        beta1 = 0.9, Share;
        /// The share of the mean square that stays.
        beta2 = 0.999, Share;
        /// Keeps the quotient finite.
        eps = 1e-8, Positive;
    }
}

impl UpdateRule for AdamW {
    fn choice(&self) -> &'static Choice {
        const CHOICE: Choice = Choice {
            name: "adamw",
            summary: "Adam with decoupled weight decay",
            formula: "Adam; θ ← θ - ηλθ",
            source: "Loshchilov and Hutter 2019",
        };
        &CHOICE
    }

    fn learning_rate(&self) -> f64 {
        0.001
    }

    fn update<'b>(&self, u: &Update<'b>) -> Expr<'b> {
        let AdamW { beta1, beta2, eps } = *self;
        Adam { beta1, beta2, eps }.update(u)
    }

    fn weight_decay(&self) -> f64 {
        0.01
    }
}
