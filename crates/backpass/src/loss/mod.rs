//! Losses: one file each, from one list. Classification losses work on logits, so they never take the log of zero.

use backpass_kernels::Real;

use crate::builder::Expr;
use crate::graph::ScopeKind;
use crate::spec::{Choice, Parameters, choices};

/// What a loss takes as target, and so which tasks it serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Targets {
    /// Numbers.
    Numbers,
    /// Probabilities of yes, from one logit for each output.
    Probabilities,
    /// One class number, from a logit for each class.
    Classes,
}

/// What the project knows of one loss.
pub trait LossFunction: Parameters {
    /// Name, formula, source.
    fn choice(&self) -> &'static Choice;

    /// The loss of each row: `output` is `[batch, K]`, the result `[batch]`. `target` is `[batch, K]`, or `[batch, 1]` with a
    /// class number, see [`LossFunction::targets`], or `[batch, K/n]`, see [`LossFunction::per_target`].
    fn rows<'b>(&self, output: Expr<'b>, target: Expr<'b>) -> Expr<'b>;

    /// What it takes as target.
    fn targets(&self) -> Targets {
        Targets::Numbers
    }

    /// How many outputs there are for each number that is a target.
    fn per_target(&self) -> usize {
        1
    }

    /// Whether the output is the logarithm of what is predicted.
    fn log_link(&self) -> bool {
        false
    }

    /// Whether the loss can take a target; otherwise what it takes instead.
    fn accepts(&self, target: f32, _outputs: usize) -> Result<(), &'static str> {
        if target.is_finite() { Ok(()) } else { Err("a finite number") }
    }

    /// Sets the share of label smoothing, where the loss has it.
    fn set_smoothing(&mut self, _share: f64) {}
}

choices! {
    /// A loss, with its parameters.
    Loss, "loss", LossFunction, {
        squared: Squared,
        absolute: Absolute,
        huber: Huber,
        poisson: Poisson,
        quantile: Quantile,
        interval: Interval,
        binary_cross_entropy: BinaryCrossEntropy,
        softmax_cross_entropy: SoftmaxCrossEntropy,
    }
}

impl Loss {
    /// Adds the loss of each row to the graph, in a scope of its own: `[batch, K]` to `[batch]`.
    #[track_caller]
    pub fn rows<'b>(&self, output: Expr<'b>, target: Expr<'b>) -> Expr<'b> {
        output.builder().scope(self.choice().name, ScopeKind::Function, || self.chosen().rows(output, target))
    }

    /// Whether the target is one class number per row instead of as many numbers as there are outputs.
    pub fn wants_classes(&self) -> bool {
        self.targets() == Targets::Classes
    }

    /// The width of the targets of a row for so many outputs.
    pub fn target_width(&self, outputs: usize) -> usize {
        if self.wants_classes() { 1 } else { outputs / self.chosen().per_target() }
    }

    /// What it takes as target.
    pub fn targets(&self) -> Targets {
        self.chosen().targets()
    }

    /// Whether the output is the logarithm of what is predicted.
    pub fn log_link(&self) -> bool {
        self.chosen().log_link()
    }

    /// The same loss with so much label smoothing, where it has it; validation measures without.
    pub fn with_smoothing(&self, share: f64) -> Loss {
        let mut loss = self.clone();
        loss.chosen_mut().set_smoothing(share);
        loss
    }

    /// The first target the loss cannot take, with what it takes instead.
    pub fn refuses<D: Real>(&self, targets: &[D], outputs: usize) -> Option<(usize, &'static str)> {
        let refusal = |(i, &t): (usize, &D)| {
            self.chosen().accepts(t.to_f64() as f32, outputs).err().map(|expected| (i, expected))
        };
        targets.iter().enumerate().find_map(refusal)
    }
}

/// The mean over the outputs of each row: `[batch, K]` to `[batch]`.
#[track_caller]
fn mean_of_outputs(each: Expr<'_>) -> Expr<'_> {
    each.mean(1)
}
