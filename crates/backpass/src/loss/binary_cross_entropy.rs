//! `binary_cross_entropy`.

use super::{Attributes, AttributeError, Choice, Expr, LossFunction, mean_of_outputs};

/// `-t·ln σ(o) - (1 - t)·ln(1 - σ(o))`, computed as `ln(1 + e^o) - t·o`.
#[derive(Clone, Debug, PartialEq)]
pub struct BinaryCrossEntropy {
    /// How far targets are moved from 0 and 1 towards 1/2.
    pub smoothing: f64,
}

impl Default for BinaryCrossEntropy {
    fn default() -> Self {
        BinaryCrossEntropy { smoothing: 0.0 }
    }
}

impl LossFunction for BinaryCrossEntropy {
    const CHOICE: Choice = Choice {
        name: "binary_cross_entropy",
        summary: "yes or no, from a logit",
        formula: "ln(1 + e^o) - t·o",
        source: "negative log-likelihood of the Bernoulli distribution",
    };

    fn rows<'b>(&self, output: Expr<'b>, target: Expr<'b>) -> Expr<'b> {
        let target = if self.smoothing == 0.0 { target } else { target * (1.0 - self.smoothing) + 0.5 * self.smoothing };
        mean_of_outputs(output.softplus() - target * output)
    }

    fn parse(attributes: &mut Attributes) -> Result<Self, AttributeError> {
        Ok(BinaryCrossEntropy { smoothing: attributes.number("smoothing", 0.0)? })
    }

    fn parameters(&self) -> Vec<(&'static str, f64)> {
        vec![("smoothing", self.smoothing)]
    }
}
