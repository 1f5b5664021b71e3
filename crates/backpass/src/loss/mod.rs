//! Losses: one file each, from one list. Classification losses work on logits, so they never take the log of zero.

use crate::builder::Expr;
use crate::graph::ScopeKind;
use crate::ops::{AttributeError, Attributes};
use crate::spec::{Choice, SpecError, choices, range};

/// What the project knows of one loss.
pub trait LossFunction: Clone {
    /// Name, formula, source.
    const CHOICE: Choice;

    /// The loss of each row: `output` is [batch, K], the result [batch]. `target` is [batch, K], or [batch, 1] with a
    /// class number where [`Loss::wants_classes`] says so.
    fn rows<'b>(&self, output: Expr<'b>, target: Expr<'b>) -> Expr<'b>;

    /// The loss from the attributes of its text form.
    fn parse(attributes: &mut Attributes) -> Result<Self, AttributeError>;

    /// The parameters, for printing the loss back.
    fn parameters(&self) -> Vec<(&'static str, f64)> {
        Vec::new()
    }
}

choices! {
    /// A loss, with its parameters.
    Loss, "loss", LossFunction, {
        squared: Squared,
        absolute: Absolute,
        huber: Huber,
        poisson: Poisson,
        quantile: Quantile,
        binary_cross_entropy: BinaryCrossEntropy,
        softmax_cross_entropy: SoftmaxCrossEntropy,
    }
}

impl Loss {
    /// Adds the loss of each row to the graph, in a scope of its own: [batch, K] to [batch].
    #[track_caller]
    pub fn rows<'b>(&self, output: Expr<'b>, target: Expr<'b>) -> Expr<'b> {
        output.builder().scope(self.choice().name, ScopeKind::Function, || match self {
            Loss::Squared(l) => l.rows(output, target),
            Loss::Absolute(l) => l.rows(output, target),
            Loss::Huber(l) => l.rows(output, target),
            Loss::Poisson(l) => l.rows(output, target),
            Loss::Quantile(l) => l.rows(output, target),
            Loss::BinaryCrossEntropy(l) => l.rows(output, target),
            Loss::SoftmaxCrossEntropy(l) => l.rows(output, target),
        })
    }

    /// Whether the target is one class number per row instead of as many numbers as there are outputs.
    pub fn wants_classes(&self) -> bool {
        matches!(self, Loss::SoftmaxCrossEntropy(_))
    }

    /// The same loss without label smoothing: what validation measures.
    pub fn plain(&self) -> Loss {
        match self {
            Loss::BinaryCrossEntropy(_) => Loss::BinaryCrossEntropy(BinaryCrossEntropy::default()),
            Loss::SoftmaxCrossEntropy(_) => Loss::SoftmaxCrossEntropy(SoftmaxCrossEntropy::default()),
            other => other.clone(),
        }
    }

    /// Checks the loss's own parameters.
    pub fn check(&self) -> Result<(), SpecError> {
        let name = self.choice().name;
        let range = |parameter, value, ok, words| range("loss", name, parameter, value, ok, words);
        match self {
            Loss::Huber(l) => range("delta", l.delta, l.delta > 0.0, "greater than 0"),
            Loss::Quantile(l) => range("level", l.level, l.level > 0.0 && l.level < 1.0, "between 0 and 1"),
            Loss::BinaryCrossEntropy(BinaryCrossEntropy { smoothing: s })
            | Loss::SoftmaxCrossEntropy(SoftmaxCrossEntropy { smoothing: s }) => {
                range("smoothing", *s, (0.0..1.0).contains(s), "at least 0 and less than 1")
            }
            _ => Ok(()),
        }
    }

    /// The first target the loss cannot take, with what it takes instead.
    pub fn refuses(&self, targets: &[f32], outputs: usize) -> Option<(usize, &'static str)> {
        let find = |ok: &dyn Fn(f32) -> bool, range| targets.iter().position(|&t| !ok(t)).map(|i| (i, range));
        match self {
            Loss::BinaryCrossEntropy(_) => find(&|t| (0.0..=1.0).contains(&t), "a probability from 0 to 1"),
            Loss::SoftmaxCrossEntropy(_) => find(
                &|t| t.fract() == 0.0 && t >= 0.0 && (t as usize) < outputs,
                "a class number below the number of outputs",
            ),
            Loss::Poisson(_) => find(&|t| t >= 0.0 && t.is_finite(), "a count of at least 0"),
            _ => find(&|t| t.is_finite(), "a finite number"),
        }
    }
}

/// The mean over the outputs of each row: [batch, K] to [batch].
#[track_caller]
fn mean_of_outputs(each: Expr<'_>) -> Expr<'_> {
    each.mean(1)
}
