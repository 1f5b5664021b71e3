//! `adam`.

use super::{AttributeError, Attributes, Choice, Expr, Update, UpdateRule};

/// `θ ← θ - η·m̂/(√v̂ + ε)` with bias-corrected running means m̂ of g and v̂ of g².
#[derive(Clone, Debug, PartialEq)]
pub struct Adam {
    /// The share of the mean that stays.
    pub beta1: f64,
    /// The share of the mean square that stays.
    pub beta2: f64,
    /// Keeps the quotient finite.
    pub eps: f64,
}

impl Default for Adam {
    fn default() -> Self {
        Adam { beta1: 0.9, beta2: 0.999, eps: 1e-8 }
    }
}

impl UpdateRule for Adam {
    const CHOICE: Choice = Choice {
        name: "adam",
        summary: "momentum and step sizes per parameter, bias corrected",
        formula: "m ← β₁m + (1 - β₁)g; v ← β₂v + (1 - β₂)g²; θ ← θ - η·m̂/(√v̂ + ε)",
        source: "Kingma and Ba 2015",
    };
    const LEARNING_RATE: f64 = 0.001;

    fn update<'b>(&self, u: &Update<'b>) -> Expr<'b> {
        let (mean, square) = (u.state("mean"), u.state("square"));
        let mean = u.keep(mean, mean * self.beta1 + u.gradient * (1.0 - self.beta1));
        let square = u.keep(square, square * self.beta2 + u.gradient * u.gradient * (1.0 - self.beta2));
        let power = |beta: f64| u.step.builder().constant(beta).pow(u.step);
        let rate = u.learning_rate / (1.0 - power(self.beta1));
        let correction = (1.0 - power(self.beta2)).sqrt();
        u.parameter - mean / (square.sqrt() / correction + self.eps) * rate
    }

    fn parse(attributes: &mut Attributes) -> Result<Self, AttributeError> {
        Ok(Adam {
            beta1: attributes.number("beta1", 0.9)?,
            beta2: attributes.number("beta2", 0.999)?,
            eps: attributes.number("eps", 1e-8)?,
        })
    }

    fn parameters(&self) -> Vec<(&'static str, f64)> {
        vec![("beta1", self.beta1), ("beta2", self.beta2), ("eps", self.eps)]
    }
}
