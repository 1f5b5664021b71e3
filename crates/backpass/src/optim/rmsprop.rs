//! `rmsprop`.

use super::{AttributeError, Attributes, Choice, Expr, Update, UpdateRule};

/// `s ← ρs + (1 - ρ)g²; θ ← θ - ηg/(√s + ε)`.
#[derive(Clone, Debug, PartialEq)]
pub struct RmsProp {
    /// The share ρ of the mean square that stays.
    pub decay: f64,
    /// Keeps the quotient finite.
    pub eps: f64,
}

impl Default for RmsProp {
    fn default() -> Self {
        RmsProp { decay: 0.9, eps: 1e-8 }
    }
}

impl UpdateRule for RmsProp {
    const CHOICE: Choice = Choice {
        name: "rmsprop",
        summary: "steps divided by the recent size of the gradient",
        formula: "s ← ρs + (1 - ρ)g²; θ ← θ - ηg/(√s + ε)",
        source: "Tieleman and Hinton 2012",
    };
    const LEARNING_RATE: f64 = 0.001;

    fn update<'b>(&self, u: &Update<'b>) -> Expr<'b> {
        let square = u.state("square");
        let next = u.keep(square, square * self.decay + u.gradient * u.gradient * (1.0 - self.decay));
        u.parameter - u.gradient / (next.sqrt() + self.eps) * u.learning_rate
    }

    fn parse(attributes: &mut Attributes) -> Result<Self, AttributeError> {
        Ok(RmsProp {
            decay: attributes.number("decay", 0.9)?,
            eps: attributes.number("eps", 1e-8)?,
        })
    }

    fn parameters(&self) -> Vec<(&'static str, f64)> {
        vec![("decay", self.decay), ("eps", self.eps)]
    }
}
