//! Optimisers: one file each, from one list. A rule adds graph nodes for the new value of a parameter, so a whole
//! training step is one graph and one plan.

pub mod schedule;

use crate::builder::{Builder, Expr};
use crate::ops::{AttributeError, Attributes};
use crate::spec::{Choice, SpecError, choices, range};

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
pub trait UpdateRule: Clone {
    /// Name, formula, source.
    const CHOICE: Choice;

    /// The learning rate to use when none is given.
    const LEARNING_RATE: f64;

    /// Adds nodes for the new value of the parameter.
    fn update<'b>(&self, u: &Update<'b>) -> Expr<'b>;

    /// The rule from the attributes of its text form.
    fn parse(attributes: &mut Attributes) -> Result<Self, AttributeError>;

    /// The parameters, for printing the rule back.
    fn parameters(&self) -> Vec<(&'static str, f64)> {
        Vec::new()
    }
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
    }
}

impl Optimizer {
    /// Adds nodes for the new value of one parameter.
    pub fn update<'b>(&self, u: &Update<'b>) -> Expr<'b> {
        match self {
            Optimizer::Sgd(o) => o.update(u),
            Optimizer::Momentum(o) => o.update(u),
            Optimizer::Nesterov(o) => o.update(u),
            Optimizer::RmsProp(o) => o.update(u),
            Optimizer::Adam(o) => o.update(u),
            Optimizer::AdamW(o) => o.update(u),
            Optimizer::Lbfgs(o) => o.update(u),
        }
    }

    /// The learning rate to use when none is given.
    pub fn default_learning_rate(&self) -> f64 {
        match self {
            Optimizer::Sgd(_) => Sgd::LEARNING_RATE,
            Optimizer::Momentum(_) => Momentum::LEARNING_RATE,
            Optimizer::Nesterov(_) => Nesterov::LEARNING_RATE,
            Optimizer::RmsProp(_) => RmsProp::LEARNING_RATE,
            Optimizer::Adam(_) => Adam::LEARNING_RATE,
            Optimizer::AdamW(_) => AdamW::LEARNING_RATE,
            Optimizer::Lbfgs(_) => Lbfgs::LEARNING_RATE,
        }
    }

    /// Checks the rule's own parameters.
    pub fn check(&self) -> Result<(), SpecError> {
        let name = self.choice().name;
        let share = |parameter, value: f64| {
            let ok = (0.0..1.0).contains(&value);
            range("optimiser", name, parameter, value, ok, "at least 0 and less than 1")
        };
        let positive = |parameter, value: f64| {
            range("optimiser", name, parameter, value, value > 0.0 && value.is_finite(), "greater than 0")
        };
        match self {
            Optimizer::Sgd(_) => Ok(()),
            Optimizer::Momentum(Momentum { momentum }) | Optimizer::Nesterov(Nesterov { momentum }) => {
                share("momentum", *momentum)
            }
            Optimizer::RmsProp(RmsProp { decay, eps }) => share("decay", *decay).and(positive("eps", *eps)),
            Optimizer::Adam(Adam { beta1, beta2, eps }) | Optimizer::AdamW(AdamW { beta1, beta2, eps }) => {
                share("beta1", *beta1).and(share("beta2", *beta2)).and(positive("eps", *eps))
            }
            Optimizer::Lbfgs(Lbfgs { memory }) => {
                range("optimiser", name, "memory", *memory, *memory >= 1.0 && memory.is_finite(), "at least 1")
            }
        }
    }

    /// The decoupled weight decay to use when none is given.
    pub fn default_weight_decay(&self) -> f64 {
        if let Optimizer::AdamW(_) = self { 0.01 } else { 0.0 }
    }
}

/// Scales gradients so that their joint Euclidean norm is at most `limit` (Pascanu, Mikolov and Bengio 2013).
pub fn clip_norm<'b>(gradients: &[Expr<'b>], limit: f64) -> Vec<Expr<'b>> {
    let squares = gradients.iter().map(|g| (*g * *g).sum_all()).reduce(|a, b| a + b);
    let Some(squares) = squares else { return Vec::new() };
    // At norm 0 the quotient is infinite and the minimum is 1.
    let scale = (limit / squares.sqrt()).minimum(1.0);
    gradients.iter().map(|g| *g * scale).collect()
}

/// Limits every element of the gradients to ±`limit`.
pub fn clip_value<'b>(gradients: &[Expr<'b>], limit: f64) -> Vec<Expr<'b>> {
    gradients.iter().map(|g| g.minimum(limit).maximum(-limit)).collect()
}
