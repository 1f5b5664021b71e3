//! `adamw`.

use super::{AttributeError, Attributes, Choice, Expr, Update, UpdateRule, Adam};

/// [`Adam`], to which training adds `θ ← θ - ηλθ` with λ = 0.01 unless told otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct AdamW {
    /// The share of the mean that stays.
    pub beta1: f64,
    /// The share of the mean square that stays.
    pub beta2: f64,
    /// Keeps the quotient finite.
    pub eps: f64,
}

impl Default for AdamW {
    fn default() -> Self {
        AdamW { beta1: 0.9, beta2: 0.999, eps: 1e-8 }
    }
}

impl UpdateRule for AdamW {
    const CHOICE: Choice = Choice {
        name: "adamw",
        summary: "Adam with decoupled weight decay",
        formula: "Adam; θ ← θ - ηλθ",
        source: "Loshchilov and Hutter 2019",
    };
    const LEARNING_RATE: f64 = 0.001;

    fn update<'b>(&self, u: &Update<'b>) -> Expr<'b> {
        let AdamW { beta1, beta2, eps } = *self;
        Adam { beta1, beta2, eps }.update(u)
    }

    fn parse(attributes: &mut Attributes) -> Result<Self, AttributeError> {
        Ok(AdamW {
            beta1: attributes.number("beta1", 0.9)?,
            beta2: attributes.number("beta2", 0.999)?,
            eps: attributes.number("eps", 1e-8)?,
        })
    }

    fn parameters(&self) -> Vec<(&'static str, f64)> {
        vec![("beta1", self.beta1), ("beta2", self.beta2), ("eps", self.eps)]
    }
}
