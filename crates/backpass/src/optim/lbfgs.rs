//! `lbfgs`.

use super::{AttributeError, Attributes, Choice, Expr, Update, UpdateRule};

/// Limited-memory BFGS on the full batch in f64; one epoch is one iteration.
///
/// It finds its own step lengths: learning rate, schedule, clipping and decoupled weight decay play no part.
#[derive(Clone, Debug, PartialEq)]
pub struct Lbfgs {
    /// How many past steps shape the curvature estimate.
    pub memory: f64,
}

impl Default for Lbfgs {
    fn default() -> Self {
        Lbfgs { memory: 10.0 }
    }
}

impl UpdateRule for Lbfgs {
    const CHOICE: Choice = Choice {
        name: "lbfgs",
        summary: "quasi-Newton with line search, for small data",
        formula: "θ ← θ - αHg",
        source: "Liu and Nocedal 1989",
    };
    const LEARNING_RATE: f64 = 1.0;

    fn update<'b>(&self, u: &Update<'b>) -> Expr<'b> {
        // Training runs its own loop for this rule; as a single step it is steepest descent.
        u.parameter - u.gradient * u.learning_rate
    }

    fn parse(attributes: &mut Attributes) -> Result<Self, AttributeError> {
        Ok(Lbfgs {
            memory: attributes.number("memory", 10.0)?,
        })
    }

    fn parameters(&self) -> Vec<(&'static str, f64)> {
        vec![("memory", self.memory)]
    }
}
