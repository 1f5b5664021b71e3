//! Reverse-mode differentiation from graph to graph.
//!
//! One driver does the work that all rules share: it keeps to the nodes that lie between the results and the variables,
//! sums broadcast dimensions back, accumulates without starting from zeros, and stamps scope and origin. What it adds is
//! ordinary nodes, so differentiating twice just works.

use std::collections::{HashMap, HashSet};

use crate::array::Array;
use crate::builder::{BuildErrors, Builder, Expr};
use crate::graph::{Graph, NodeId, Origin};
use crate::interpret::{InterpretError, interpret};
use crate::ops::{Cotangent, Vjp};
use crate::shape::{Dim, Shape};

/// Why a derivative cannot be built.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DifferentiateError {
    /// A gradient of something that is not a single number.
    #[error(
        "a gradient needs a scalar result, found shape {found}\nhelp: take the sum or the mean, or ask for the Jacobian"
    )]
    NotScalar {
        /// The shape of the result.
        found: Shape,
    },
    /// A path leads through an operand that has no derivative.
    #[error("{node} has no derivative with respect to operand {operand}: {reason}")]
    NotDifferentiable {
        /// The node.
        node: String,
        /// Which operand, counted from 1.
        operand: usize,
        /// Why.
        reason: &'static str,
    },
    /// A cotangent of another shape than its result, or a tangent of another shape than its variable.
    #[error("{what} has shape {expected}, the direction given for it has shape {found}")]
    Direction {
        /// Result or variable.
        what: &'static str,
        /// Its shape.
        expected: Shape,
        /// The shape of the direction.
        found: Shape,
    },
    /// Another number of tangents than of variables.
    #[error("{variables} variable(s) need as many tangents, found {tangents}")]
    Tangents {
        /// How many variables.
        variables: usize,
        /// How many tangents.
        tangents: usize,
    },
    /// A variable that cannot be moved.
    #[error("{node} is computed from other nodes; only inputs and parameters can be varied")]
    NotVariable {
        /// The node in words.
        node: String,
    },
    /// The derivative rules did not fit together.
    #[error(transparent)]
    Build(#[from] BuildErrors),
    /// The values could not be computed.
    #[error(transparent)]
    Interpret(#[from] InterpretError),
}

/// What flows back along one edge of the graph.
#[derive(Clone, Copy, Debug)]
pub struct Flow<V> {
    /// The node that takes the operand.
    pub node: NodeId,
    /// Which of its operands, counted from 0.
    pub operand: usize,
    /// What the node adds to the operand's gradient.
    pub value: Flowing<V>,
}

/// See [`Flow`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Flowing<V> {
    /// This, of the operand's shape.
    Of(V),
    /// Zero, for the reason given.
    Zero(&'static str),
    /// There is no derivative, for the reason given.
    None(&'static str),
}

/// The gradients of all nodes and what flows along all edges, see [`backward`].
pub struct Backward<'b> {
    /// For every node to which a gradient flows: the sum of what flows to it.
    pub gradients: HashMap<NodeId, Expr<'b>>,
    /// Every edge along which something flows, from the result to the variables.
    pub flows: Vec<Flow<Expr<'b>>>,
}

/// Adds nodes for `Σ cotangentᵢ · ∂resultᵢ/∂variable` for each variable, where `seeds` holds pairs (result, cotangent).
///
/// The nodes' shapes are the variables' shapes; a variable that no result depends on gets zeros.
pub fn vjp<'b>(
    builder: &'b Builder,
    seeds: &[(Expr<'b>, Expr<'b>)],
    variables: &[Expr<'b>],
) -> Result<Vec<Expr<'b>>, DifferentiateError> {
    for (result, seed) in seeds {
        same_shape("the result", *result, *seed)?;
    }
    let ends: HashSet<NodeId> = variables.iter().map(|v| v.id()).collect();
    let stop = |id| ends.contains(&id);
    let pulled = pull(builder, seeds, variables, stop)?;
    if let Some((flow, reason)) = pulled.flows.iter().find_map(|f| match f.value {
        Flowing::None(reason) => Some((f, reason)),
        _ => None,
    }) {
        let node = builder.with_graph(|g| g.describe(flow.node));
        return Err(DifferentiateError::NotDifferentiable { node, operand: flow.operand + 1, reason });
    }
    let zero = |v: &Expr<'b>| builder.constant(0.0).broadcast(v.shape());
    Ok(variables.iter().map(|v| pulled.gradients.get(&v.id()).copied().unwrap_or_else(|| zero(v))).collect())
}

/// Adds nodes for the gradient of every node between `result` and `variables`, and for what flows along every edge, as
/// [`vjp`] does for the variables alone; an operand without derivative stops the flow.
pub fn backward<'b>(
    result: Expr<'b>,
    seed: Expr<'b>,
    variables: &[Expr<'b>],
) -> Result<Backward<'b>, DifferentiateError> {
    same_shape("the result", result, seed)?;
    pull(result.builder(), &[(result, seed)], variables, |_| false)
}

/// The driver. Nothing flows on from the nodes where it has to `stop`.
fn pull<'b>(
    builder: &'b Builder,
    seeds: &[(Expr<'b>, Expr<'b>)],
    variables: &[Expr<'b>],
    stop: impl Fn(NodeId) -> bool,
) -> Result<Backward<'b>, DifferentiateError> {
    let last = seeds.iter().map(|(result, _)| result.id().index()).max().unwrap_or(0);
    let (on_path, nodes) = builder.with_graph(|g| (on_path(g, seeds, variables, last), g.nodes()[..=last].to_vec()));
    let (mut gradients, mut flows) = (HashMap::new(), Vec::new());
    for (result, seed) in seeds {
        accumulate(&mut gradients, *result, *seed);
    }
    for index in (0..=last).rev().filter(|&i| on_path[i]) {
        let (id, node) = (NodeId(index as u32), &nodes[index]);
        if node.args.is_empty() || stop(id) {
            continue;
        }
        let Some(&cotangent) = gradients.get(&id) else { continue };
        builder.stamped(node.scope, Origin::Derivative(id), || {
            let args: Vec<Expr<'b>> = node.args.iter().map(|&a| builder.expr(a)).collect();
            let rules = node.op.vjp(&Vjp { args: &args, output: builder.expr(id), cotangent });
            for (operand, (arg, rule)) in args.iter().zip(rules).enumerate() {
                if !on_path[arg.id().index()] {
                    continue;
                }
                let value = match rule {
                    Cotangent::Of(value) => {
                        let value = sum_to(value, &arg.shape());
                        accumulate(&mut gradients, *arg, value);
                        Flowing::Of(value)
                    }
                    Cotangent::Zero(reason) => Flowing::Zero(reason),
                    Cotangent::None(reason) => Flowing::None(reason),
                };
                flows.push(Flow { node: id, operand, value });
            }
        });
    }
    Ok(Backward { gradients, flows })
}

/// Adds nodes for the derivative of a scalar with respect to each variable, in the variables' shapes.
pub fn gradient<'b>(loss: Expr<'b>, variables: &[Expr<'b>]) -> Result<Vec<Expr<'b>>, DifferentiateError> {
    let found = loss.shape();
    if found.rank() != 0 {
        return Err(DifferentiateError::NotScalar { found });
    }
    let builder = loss.builder();
    vjp(builder, &[(loss, builder.constant(1.0))], variables)
}

/// Adds nodes for the directional derivative `Σ ∂result/∂variableᵢ · tangentᵢ`, of the result's shape.
///
/// The reverse derivative is linear in its cotangent u, and differentiating it with respect to u gives the forward one;
/// so no operator needs a second rule, and what is not needed is removed as dead code.
pub fn jvp<'b>(
    result: Expr<'b>,
    variables: &[Expr<'b>],
    tangents: &[Expr<'b>],
) -> Result<Expr<'b>, DifferentiateError> {
    if variables.len() != tangents.len() {
        return Err(DifferentiateError::Tangents { variables: variables.len(), tangents: tangents.len() });
    }
    for (variable, tangent) in variables.iter().zip(tangents) {
        same_shape("the variable", *variable, *tangent)?;
    }
    let builder = result.builder();
    let u = builder.constant(0.0).broadcast(result.shape());
    // A broadcast of a constant is a node of its own, on which both passes meet.
    let pulled = vjp(builder, &[(result, u)], variables)?;
    let seeds: Vec<_> = pulled.into_iter().zip(tangents.iter().copied()).collect();
    Ok(vjp(builder, &seeds, &[u])?[0])
}

fn same_shape(what: &'static str, value: Expr<'_>, direction: Expr<'_>) -> Result<(), DifferentiateError> {
    let (expected, found) = (value.shape(), direction.shape());
    if expected == found { Ok(()) } else { Err(DifferentiateError::Direction { what, expected, found }) }
}

/// Adds up what flows back to one node.
fn accumulate<'b>(cotangents: &mut HashMap<NodeId, Expr<'b>>, node: Expr<'b>, value: Expr<'b>) {
    cotangents.entry(node.id()).and_modify(|sum| *sum = *sum + value).or_insert(value);
}

/// Sums the dimensions that broadcasting repeated.
fn sum_to<'b>(mut value: Expr<'b>, shape: &Shape) -> Expr<'b> {
    let full = value.shape();
    if &full == shape {
        return value;
    }
    // A rule may also return something smaller, such as a constant: it stands for every element.
    let Ok(full) = full.broadcast(shape) else { return value };
    if &full == shape {
        return value.broadcast(full);
    }
    let extra = full.rank() - shape.rank();
    for axis in (0..full.rank()).rev() {
        let repeated =
            axis < extra || (shape.dims()[axis - extra] == Dim::Fixed(1) && full.dims()[axis] != Dim::Fixed(1));
        if repeated {
            value = value.sum(axis);
        }
    }
    value.reshape(shape.clone())
}

/// The nodes that depend on a variable and on which a seed depends.
fn on_path(graph: &Graph, seeds: &[(Expr<'_>, Expr<'_>)], variables: &[Expr<'_>], last: usize) -> Vec<bool> {
    let mut depends = vec![false; graph.nodes().len()];
    for variable in variables {
        depends[variable.id().index()] = true;
    }
    for (index, node) in graph.nodes().iter().enumerate().take(last + 1) {
        depends[index] |= node.args.iter().any(|a| depends[a.index()]);
    }
    let mut needed = vec![false; graph.nodes().len()];
    for (result, _) in seeds {
        needed[result.id().index()] = true;
    }
    for index in (0..=last).rev() {
        if needed[index] {
            graph.nodes()[index].args.iter().for_each(|a| needed[a.index()] = true);
        }
    }
    depends.iter().zip(needed).map(|(d, n)| *d && n).collect()
}

/// The value of ∂result/∂variable at a point: sizes of the result followed by sizes of the variable, which may be any
/// node. A batch has as many rows as the point has values for.
pub fn jacobian(
    graph: &Graph,
    result: NodeId,
    variable: NodeId,
    point: &[(&str, &Array)],
) -> Result<Array, DifferentiateError> {
    let given = |id: NodeId| point.iter().find(|(name, _)| *name == graph.name(id)).map(|(_, value)| value.shape());
    let batched = graph.inputs().filter(|&id| graph.shape(id).is_batched()).find_map(given);
    let batch = batched.and_then(|sizes| sizes.first().copied()).unwrap_or(1);
    let [rows, columns] = [result, variable].map(|id| graph.shape(id).resolve(batch));
    let builder = Builder::from_graph(graph.clone());
    let seed = builder.input("cotangent of the result", graph.shape(result).clone());
    let row = vjp(&builder, &[(builder.expr(result), seed)], &[builder.expr(variable)])?[0].id();
    let graph = builder.finish()?;
    let mut data = Vec::new();
    for i in 0..rows.iter().product() {
        let basis = Array::from_fn(&rows, |k| f64::from(u8::from(k == i)));
        let mut values = point.to_vec();
        values.push(("cotangent of the result", &basis));
        data.extend_from_slice(interpret(&graph, &values)?.value(row).data());
    }
    let sizes = [rows, columns].concat();
    Ok(Array::new(&sizes, data).unwrap_or_else(|| Array::filled(&sizes, f64::NAN)))
}

/// The value of the second derivative of a scalar at a point: sizes of the variable, twice.
pub fn hessian(
    graph: &Graph,
    loss: NodeId,
    variable: NodeId,
    point: &[(&str, &Array)],
) -> Result<Array, DifferentiateError> {
    mixed_hessian(graph, loss, (variable, variable), point)
}

/// The value of the second derivative of a scalar with respect to two variables: sizes of the first, then of the second.
pub fn mixed_hessian(
    graph: &Graph,
    loss: NodeId,
    (first, second): (NodeId, NodeId),
    point: &[(&str, &Array)],
) -> Result<Array, DifferentiateError> {
    let builder = Builder::from_graph(graph.clone());
    let slope = gradient(builder.expr(loss), &[builder.expr(first)])?[0].id();
    jacobian(&builder.finish()?, slope, second, point)
}
