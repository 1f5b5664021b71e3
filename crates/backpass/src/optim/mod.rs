//! Optimisers: one file each, from one list. A rule adds graph nodes for the new value of a parameter, so a whole
//! training step is one graph and one plan.

pub mod schedule;

use crate::builder::{Builder, Expr};
use crate::spec::{Choice, Parameters, choices};

/// What an update rule sees of one parameter.
pub struct Update<'b> {
    /// The parameter.
    pub parameter: Expr<'b>,
    /// ∂loss/∂parameter, clipped.
    pub gradient: Expr<'b>,
    /// The learning rate of this step, a scalar.
    pub learning_rate: Expr<'b>,
    /// The number of this step, counted from 1, a scalar.
    pub step: Expr<'b>,
}

impl<'b> Update<'b> {
    /// A value of the parameter's shape that the optimiser keeps between steps; it starts at zero.
    pub fn state(&self, name: &str) -> Expr<'b> {
        let full = self.builder().with_graph(|g| format!("{}:{name}", g.name(self.parameter.id())));
        self.builder().parameter(&full, self.parameter.shape())
    }

    /// Declares the next value of a state.
    pub fn keep(&self, state: Expr<'b>, value: Expr<'b>) -> Expr<'b> {
        self.builder().update(state, value);
        value
    }

    fn builder(&self) -> &'b Builder {
        self.parameter.builder()
    }
}

/// What the project knows of one optimiser.
pub trait UpdateRule: Parameters {
    /// Name, formula, source.
    fn choice(&self) -> &'static Choice;

    /// The learning rate to use when none is given.
    fn learning_rate(&self) -> f64;

    /// The decoupled weight decay to use when none is given.
    fn weight_decay(&self) -> f64 {
        0.0
    }

    /// Adds nodes for the new value of the parameter.
    fn update<'b>(&self, u: &Update<'b>) -> Expr<'b>;
}

choices! {
    /// An optimiser, with its parameters.
    Optimizer, "optimiser", UpdateRule, {
        sgd: Sgd,
        momentum: Momentum,
        nesterov: Nesterov,
        rmsprop: RmsProp,
        adam: Adam,
        adamw: AdamW,
        lbfgs: Lbfgs,
        levenberg_marquardt: LevenbergMarquardt,
    }
}

impl Optimizer {
    /// Adds nodes for the new value of one parameter.
    pub fn update<'b>(&self, u: &Update<'b>) -> Expr<'b> {
        self.chosen().update(u)
    }

    /// The learning rate to use when none is given.
    pub fn default_learning_rate(&self) -> f64 {
        self.chosen().learning_rate()
    }

    /// The decoupled weight decay to use when none is given.
    pub fn default_weight_decay(&self) -> f64 {
        self.chosen().weight_decay()
    }
}

/// Scales gradients so that their joint Euclidean norm is at most `limit` (Pascanu, Mikolov and Bengio 2013).
pub fn clip_norm<'b>(gradients: &[Expr<'b>], limit: f64) -> Vec<Expr<'b>> {
    let squares = gradients.iter().map(|g| (*g * *g).sum_all()).reduce(|a, b| a + b);
    let Some(squares) = squares else { return Vec::new() };
    let scale = limit / squares.sqrt().maximum(limit);
    gradients.iter().map(|g| *g * scale).collect()
}

/// Limits every element of the gradients to ±`limit`.
pub fn clip_value<'b>(gradients: &[Expr<'b>], limit: f64) -> Vec<Expr<'b>> {
    gradients.iter().map(|g| g.minimum(limit).maximum(-limit)).collect()
}
