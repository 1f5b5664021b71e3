//! `softmax_cross_entropy`.

use super::{Attributes, AttributeError, Choice, Expr, LossFunction};

/// `-ln softmax(o)_t` for class number t, computed as `ln Σ e^o - o_t`.
#[derive(Clone, Debug, PartialEq)]
pub struct SoftmaxCrossEntropy {
    /// The share of each target spread evenly over all classes.
    pub smoothing: f64,
}

impl Default for SoftmaxCrossEntropy {
    fn default() -> Self {
        SoftmaxCrossEntropy { smoothing: 0.0 }
    }
}

impl LossFunction for SoftmaxCrossEntropy {
    const CHOICE: Choice = Choice {
        name: "softmax_cross_entropy",
        summary: "one of K classes, from K logits",
        formula: "ln Σ e^o - o_t",
        source: "negative log-likelihood of the categorical distribution; smoothing: Szegedy et al. 2016",
    };

    fn rows<'b>(&self, output: Expr<'b>, target: Expr<'b>) -> Expr<'b> {
        let dims = output.shape().resolve(1);
        let classes = dims.last().copied().unwrap_or(1);
        let flat = target.reshape(crate::shape::Shape::batch(&[]));
        let truth = flat.one_hot(classes);
        let truth = if self.smoothing == 0.0 {
            truth
        } else {
            truth * (1.0 - self.smoothing) + self.smoothing / classes as f64
        };
        // The weights of `truth` sum to 1, so Σ truth·(lse - o) is lse - Σ truth·o.
        output.log_sum_exp(1) - (truth * output).sum(1)
    }

    fn parse(attributes: &mut Attributes) -> Result<Self, AttributeError> {
        Ok(SoftmaxCrossEntropy { smoothing: attributes.number("smoothing", 0.0)? })
    }

    fn parameters(&self) -> Vec<(&'static str, f64)> {
        vec![("smoothing", self.smoothing)]
    }
}
