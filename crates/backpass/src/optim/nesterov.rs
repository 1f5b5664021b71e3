//! `nesterov`.

use super::{AttributeError, Attributes, Choice, Expr, Update, UpdateRule};

/// `v ← μv + g; θ ← θ - η(g + μv)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Nesterov {
    /// The share of the velocity that stays.
    pub momentum: f64,
}

impl Default for Nesterov {
    fn default() -> Self {
        Nesterov { momentum: 0.9 }
    }
}

impl UpdateRule for Nesterov {
    const CHOICE: Choice = Choice {
        name: "nesterov",
        summary: "gradient descent with Nesterov momentum",
        formula: "v ← μv + g; θ ← θ - η(g + μv)",
        source: "Nesterov 1983; Sutskever et al. 2013",
    };
    const LEARNING_RATE: f64 = 0.01;

    fn update<'b>(&self, u: &Update<'b>) -> Expr<'b> {
        let velocity = u.state("velocity");
        let next = u.keep(velocity, velocity * self.momentum + u.gradient);
        u.parameter - (u.gradient + next * self.momentum) * u.learning_rate
    }

    fn parse(attributes: &mut Attributes) -> Result<Self, AttributeError> {
        Ok(Nesterov {
            momentum: attributes.number("momentum", 0.9)?,
        })
    }

    fn parameters(&self) -> Vec<(&'static str, f64)> {
        vec![("momentum", self.momentum)]
    }
}
