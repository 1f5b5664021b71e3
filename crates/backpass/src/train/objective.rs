//! The graph of a training step: forward pass, loss, penalty, gradient, clipping, updates.

use crate::autodiff::gradient;
use crate::builder::{Builder, Expr};
use crate::graph::{Graph, NodeId, ScopeKind};
use crate::loss::Loss;
use crate::nn::{Network, NetworkError, input};
use crate::optim::{Update, clip_norm, clip_value};
use crate::shape::Shape;
use crate::train::{TrainError, TrainOptions};

/// Penalties on weights; biases (parameters of rank below 2) are left alone.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Penalty {
    /// `l1 · Σ|w|` is added to the loss.
    pub l1: f64,
    /// `l2/2 · Σ w²` is added to the loss.
    pub l2: f64,
    /// Each step takes `learning_rate · decay · w` off, beside the gradient; by default what the optimiser wants.
    pub decay: Option<f64>,
}

/// The inputs that a step has beside the network's: targets, row weights, learning rate, step number.
pub(super) const TARGET: &str = "target";
pub(super) const WEIGHT: &str = "weight";
pub(super) const RATE: &str = "learning_rate";
pub(super) const STEP: &str = "step";

/// Builds the graph of one training step: forward and backward pass, clipping, and the update of every parameter.
///
/// It takes the inputs `x`, `target` of shape [batch, targets], `weight` of shape [batch], `learning_rate` and `step`
/// (from 1), and gives the outputs `y`, `loss` (the weighted mean over the rows) and, if there is one, `penalty`.
pub fn step_graph(network: &Network, targets: usize, options: &TrainOptions) -> Result<Graph, TrainError> {
    network.check()?;
    options.check()?;
    let (builder, loss, penalty, parameters) = objective(&network.training, targets, &options.loss, options.penalty)?;
    let b = &builder;
    let total = total(b, loss, penalty);
    let parameters: Vec<Expr<'_>> = parameters.iter().map(|&p| b.expr(p)).collect();
    let mut slopes = gradient(total, &parameters)?;
    b.scope("update", ScopeKind::Function, || {
        let learning_rate = b.input(RATE, Shape::scalar());
        let step = b.with_graph(|g| input(g, STEP)).map_or_else(|| b.input(STEP, Shape::scalar()), |id| b.expr(id));
        if let Some(limit) = options.clip_value {
            slopes = clip_value(&slopes, limit);
        }
        if let Some(limit) = options.clip_norm {
            slopes = clip_norm(&slopes, limit);
        }
        let decay = options.penalty.decay.unwrap_or(options.optimizer.default_weight_decay());
        for (&parameter, &gradient) in parameters.iter().zip(&slopes) {
            let mut value = options.optimizer.update(&Update { parameter, gradient, learning_rate, step });
            if decay > 0.0 && parameter.shape().rank() >= 2 {
                value = value - parameter * (learning_rate * decay);
            }
            b.update(parameter, value);
        }
    });
    Ok(builder.finish()?)
}

/// Builds the loss with its gradients as outputs, named after the parameters.
pub(super) fn gradient_graph(network: &Network, targets: usize, options: &TrainOptions) -> Result<Graph, TrainError> {
    let (builder, loss, penalty, ids) = objective(&network.training, targets, &options.loss, options.penalty)?;
    let b = &builder;
    let parameters: Vec<Expr<'_>> = ids.iter().map(|&p| b.expr(p)).collect();
    let slopes = gradient(total(b, loss, penalty), &parameters)?;
    for (parameter, slope) in parameters.iter().zip(slopes) {
        let name = b.with_graph(|g| g.name(parameter.id()).to_string());
        b.output(&format!("gradient of {name}"), slope);
    }
    Ok(builder.finish()?)
}

/// Builds the network with the sum of weighted row losses, for evaluation.
pub(super) fn evaluation_graph(network: &Network, targets: usize, loss: &Loss) -> Result<Graph, TrainError> {
    let builder = Builder::from_graph(network.graph.clone());
    builder.output("sum", row_losses(&builder, targets, loss)?.sum(0));
    Ok(builder.finish()?)
}

fn total<'b>(builder: &'b Builder, loss: NodeId, penalty: Option<NodeId>) -> Expr<'b> {
    let loss = builder.expr(loss);
    penalty.map_or(loss, |p| loss + builder.expr(p))
}

/// The weighted loss of each row.
fn row_losses<'b>(builder: &'b Builder, targets: usize, loss: &Loss) -> Result<Expr<'b>, NetworkError> {
    let y = builder.with_graph(|g| g.output("y")).ok_or(NetworkError::Missing { what: "output `y`" })?;
    let target = builder.input(TARGET, Shape::batch(&[targets]));
    let weight = builder.input(WEIGHT, Shape::batch(&[]));
    Ok(loss.rows(builder.expr(y), target) * weight)
}

type Parts = (Builder, NodeId, Option<NodeId>, Vec<NodeId>);

/// The mean of the weighted row losses, and the penalty; both outputs.
fn objective(graph: &Graph, targets: usize, loss: &Loss, penalty: Penalty) -> Result<Parts, TrainError> {
    let builder = Builder::from_graph(graph.clone());
    let b = &builder;
    let parameters: Vec<NodeId> = b.with_graph(|g| g.parameters().collect());
    let mean = row_losses(b, targets, loss)?.mean(0);
    b.output("loss", mean);
    let weights = parameters.iter().map(|&p| b.expr(p)).filter(|p| p.shape().rank() >= 2);
    let terms = b.scope("penalty", ScopeKind::Function, || {
        let mut terms = Vec::new();
        for w in weights {
            if penalty.l1 > 0.0 {
                terms.push(w.abs().sum_all() * penalty.l1);
            }
            if penalty.l2 > 0.0 {
                terms.push((w * w).sum_all() * (0.5 * penalty.l2));
            }
        }
        terms.into_iter().reduce(|a, c| a + c)
    });
    if let Some(sum) = terms {
        b.output("penalty", sum);
    }
    let (mean, terms) = (mean.id(), terms.map(Expr::id));
    Ok((builder, mean, terms, parameters))
}
