//! The graph of a training step: forward pass, loss, penalty, gradient, clipping, updates.

use crate::autodiff::{gradient, jvp};
use crate::builder::{Builder, Expr};
use crate::graph::{Graph, NodeId, ScopeKind};
use crate::loss::Loss;
use crate::nn::{DROPOUT, Network, NetworkError, input};
use crate::optim::schedule::Schedule;
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
/// The factor on the weight decay, where it follows a schedule.
pub(super) const DECAY: &str = "decay";

/// Builds the graph of one training step: forward and backward pass, clipping, and the update of every parameter.
///
/// It takes the inputs `x`, `target` of shape `[batch, targets]`, `weight` of shape `[batch]`, `learning_rate` and `step`
/// (from 1), and gives the outputs `loss` (the weighted mean over the rows) and, if there is one, `penalty`.
pub fn step_graph(network: &Network, targets: usize, options: &TrainOptions) -> Result<Graph, TrainError> {
    network.check()?;
    options.check()?;
    let (builder, y) = bare(&network.training)?;
    let b = &builder;
    let parameters = parameters(b);
    let mut slopes = gradient(objective((b.expr(y), network.members), &parameters, targets, options), &parameters)?;
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
        let scheduled = decay > 0.0 && options.decay_schedule != Schedule::Constant;
        let decay_factor = scheduled.then(|| b.input(DECAY, Shape::scalar()));
        for (&parameter, &gradient) in parameters.iter().zip(&slopes) {
            let pace = b.with_graph(|g| network.pace(g.name(parameter.id()), parameter.shape().rank()));
            let rate = if pace.rate == 1.0 { learning_rate } else { learning_rate * pace.rate };
            let mut value = options.optimizer.update(&Update { parameter, gradient, learning_rate: rate, step });
            if decay * pace.decay > 0.0 {
                let share = rate * (decay * pace.decay);
                value = value - parameter * decay_factor.map_or(share, |factor| share * factor);
            }
            b.update(parameter, value);
        }
    });
    Ok(builder.finish()?)
}

/// Builds the loss with its gradients as outputs, named after the parameters.
pub(super) fn gradient_graph(network: &Network, targets: usize, options: &TrainOptions) -> Result<Graph, TrainError> {
    let (builder, y) = bare(&network.training)?;
    let b = &builder;
    let parameters = parameters(b);
    let slopes = gradient(objective((b.expr(y), network.members), &parameters, targets, options), &parameters)?;
    for (parameter, slope) in parameters.iter().zip(slopes) {
        let name = b.with_graph(|g| format!("gradient of {}", g.name(parameter.id())));
        b.output(&name, slope);
    }
    Ok(builder.finish()?)
}

/// The input that holds the direction of a parameter in [`curvature_graph`].
pub(super) fn tangent(parameter: &str) -> String {
    format!("direction of {parameter}")
}

/// Builds what a direction of the parameters does to each row: `output change`, the change of the outputs, and
/// `slope change`, the change of the weighted loss's slope that this brings, the network taken as linear.
pub(super) fn curvature_graph(network: &Network, targets: usize, loss: &Loss) -> Result<Graph, TrainError> {
    let (builder, y) = bare(&network.graph)?;
    let (b, y) = (&builder, builder.expr(y));
    let parameters = parameters(b);
    let direction = |p: &Expr<'_>| b.with_graph(|g| tangent(g.name(p.id())));
    let tangents: Vec<Expr<'_>> = parameters.iter().map(|p| b.input(&direction(p), p.shape())).collect();
    let change = jvp(y, &parameters, &tangents)?;
    let slope = gradient(row_losses(y, network.members, targets, loss).sum(0), &[y])?[0];
    b.output("output change", change);
    b.output("slope change", jvp(slope, &[y], &[change])?);
    Ok(builder.finish()?)
}

/// Builds the network with the sum of weighted row losses, for evaluation; outputs `y` and `sum`.
pub(super) fn evaluation_graph(network: &Network, targets: usize, loss: &Loss) -> Result<Graph, TrainError> {
    let (builder, y) = bare(&network.graph)?;
    let y = builder.expr(y);
    builder.output("y", y);
    builder.output("sum", row_losses(y, network.members, targets, loss).sum(0));
    Ok(builder.finish()?)
}

/// Builds the network as it predicts, with the mean loss that is minimised, without penalty; gives the node of that loss.
pub(super) fn observed(network: &Network, targets: usize, loss: &Loss) -> Result<(Builder, NodeId), TrainError> {
    let (builder, y) = bare(&network.graph)?;
    let loss = row_losses(builder.expr(y), network.members, targets, loss).mean(0).id();
    Ok((builder, loss))
}

/// A copy of a graph without its outputs, and the node of its output `y`.
fn bare(graph: &Graph) -> Result<(Builder, NodeId), NetworkError> {
    let y = graph.output("y").ok_or(NetworkError::Missing { what: "output `y`" })?;
    let reserved = |name: &&str| [TARGET, WEIGHT, RATE, STEP, DECAY, DROPOUT].contains(name);
    if let Some(name) = graph.parameters().map(|id| graph.name(id)).find(reserved) {
        return Err(NetworkError::Reserved { name: name.to_string() });
    }
    let mut graph = graph.clone();
    graph.set_outputs(Vec::new());
    Ok((Builder::from_graph(graph), y))
}

fn parameters(builder: &Builder) -> Vec<Expr<'_>> {
    let ids: Vec<NodeId> = builder.with_graph(|g| g.parameters().collect());
    ids.into_iter().map(|id| builder.expr(id)).collect()
}

/// The weighted loss of each row, the mean over its predictions.
fn row_losses<'b>(y: Expr<'b>, members: usize, targets: usize, loss: &Loss) -> Expr<'b> {
    let target = y.builder().input(TARGET, Shape::batch(&[targets]));
    let weight = y.builder().input(WEIGHT, Shape::batch(&[]));
    let width = y.shape().extent().fixed / members;
    let of = |member: usize| loss.rows(y.slice(1, member * width, (member + 1) * width), target);
    let rows = if members == 1 {
        loss.rows(y, target)
    } else {
        (1..members).fold(of(0), |sum, i| sum + of(i)) / members as f64
    };
    rows * weight
}

/// What is minimised: the mean of the weighted row losses, and the penalty; each is an output too.
fn objective<'b>(
    (y, members): (Expr<'b>, usize),
    parameters: &[Expr<'b>],
    targets: usize,
    options: &TrainOptions,
) -> Expr<'b> {
    let b = y.builder();
    let loss = row_losses(y, members, targets, &options.loss).mean(0);
    b.output("loss", loss);
    let Penalty { l1, l2, .. } = options.penalty;
    let penalty = b.scope("penalty", ScopeKind::Function, || {
        let mut terms = Vec::new();
        for &w in parameters.iter().filter(|p| p.shape().rank() >= 2) {
            if l1 > 0.0 {
                terms.push(w.abs().sum_all() * l1);
            }
            if l2 > 0.0 {
                terms.push((w * w).sum_all() * (0.5 * l2));
            }
        }
        terms.into_iter().reduce(|a, b| a + b)
    });
    let Some(penalty) = penalty else { return loss };
    b.output("penalty", penalty);
    loss + penalty
}
