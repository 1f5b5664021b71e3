//! `softmax_cross_entropy`.

use super::{Choice, Expr, LossFunction, Targets};
use crate::spec::parameters;

parameters! {
    /// `-ln softmax(o)_t` for class number t, computed as `ln Σ e^o - o_t`.
    SoftmaxCrossEntropy {
        /// The share of each target spread evenly over all classes.
        smoothing = 0.0, Share;
    }
}

impl LossFunction for SoftmaxCrossEntropy {
    fn choice(&self) -> &'static Choice {
        const CHOICE: Choice = Choice {
            name: "softmax_cross_entropy",
            summary: "one of K classes, from K logits",
            formula: "ln Σ e^o - o_t",
            source: "negative log-likelihood of the categorical distribution; smoothing: Szegedy et al. 2016",
        };
        &CHOICE
    }

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

    fn targets(&self) -> Targets {
        Targets::Classes
    }

    fn accepts(&self, target: f32, outputs: usize) -> Result<(), &'static str> {
        let ok = target.fract() == 0.0 && target >= 0.0 && (target as usize) < outputs;
        if ok { Ok(()) } else { Err("a class number below the number of outputs") }
    }

    fn set_smoothing(&mut self, share: f64) {
        self.smoothing = share;
    }
}
