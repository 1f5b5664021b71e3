//! `momentum`.

use super::{AttributeError, Attributes, Choice, Expr, Update, UpdateRule};

/// `v ← μv + g; θ ← θ - ηv`.
#[derive(Clone, Debug, PartialEq)]
pub struct Momentum {
    /// The share of the velocity that stays.
    pub momentum: f64,
}

impl Default for Momentum {
    fn default() -> Self {
        Momentum { momentum: 0.9 }
    }
}

impl UpdateRule for Momentum {
    const CHOICE: Choice = Choice {
        name: "momentum",
        summary: "gradient descent with momentum",
        formula: "v ← μv + g; θ ← θ - ηv",
        source: "Polyak 1964",
    };
    const LEARNING_RATE: f64 = 0.01;

    fn update<'b>(&self, u: &Update<'b>) -> Expr<'b> {
        let velocity = u.state("velocity");
        let next = u.keep(velocity, velocity * self.momentum + u.gradient);
        u.parameter - next * u.learning_rate
    }

    fn parse(attributes: &mut Attributes) -> Result<Self, AttributeError> {
        Ok(Momentum {
            momentum: attributes.number("momentum", 0.9)?,
        })
    }

    fn parameters(&self) -> Vec<(&'static str, f64)> {
        vec![("momentum", self.momentum)]
    }
}
