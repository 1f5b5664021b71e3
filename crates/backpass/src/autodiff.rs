//! Reverse-mode differentiation from graph to graph.
//!
//! One driver does the work that all rules share: it keeps to the nodes that lie between the results and the variables,
//! sums broadcast dimensions back, accumulates without starting from zeros, and stamps scope and origin. What it adds is
//! ordinary nodes, so differentiating twice just works.

use std::collections::HashMap;

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
    /// A Jacobian over the batch dimension.
    #[error("{what} has shape {found}; Jacobian and Hessian need fixed sizes, without batch")]
    Batched {
        /// Result or variable.
        what: &'static str,
        /// Its shape.
        found: Shape,
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
    let last = seeds.iter().map(|(result, _)| result.id().index()).max().unwrap_or(0);
    let (on_path, nodes) = builder.with_graph(|g| (on_path(g, seeds, variables, last), g.nodes()[..=last].to_vec()));
    let mut cotangents: HashMap<NodeId, Expr<'b>> = HashMap::new();
    for (result, seed) in seeds {
        accumulate(&mut cotangents, *result, *seed);
    }
    for index in (0..=last).rev().filter(|&i| on_path[i]) {
        let (id, node) = (NodeId(index as u32), &nodes[index]);
        if node.args.is_empty() || variables.iter().any(|v| v.id() == id) {
            continue;
        }
        let Some(&cotangent) = cotangents.get(&id) else { continue };
        builder.stamped(node.scope, Origin::Derivative(id), || {
            let args: Vec<Expr<'b>> = node.args.iter().map(|&a| builder.expr(a)).collect();
            let rules = node.op.vjp(&Vjp { args: &args, output: builder.expr(id), cotangent });
            for (position, (arg, rule)) in args.iter().zip(rules).enumerate() {
                if !on_path[arg.id().index()] {
                    continue;
                }
                match rule {
                    Cotangent::Of(value) => accumulate(&mut cotangents, *arg, sum_to(value, &arg.shape())),
                    Cotangent::Zero(_) => {}
                    Cotangent::None(reason) => {
                        let node = builder.with_graph(|g| g.describe(id));
                        return Err(DifferentiateError::NotDifferentiable { node, operand: position + 1, reason });
                    }
                }
            }
            Ok(())
        })?;
    }
    let zero = |v: &Expr<'b>| builder.constant(0.0).broadcast(v.shape());
    Ok(variables.iter().map(|v| cotangents.get(&v.id()).copied().unwrap_or_else(|| zero(v))).collect())
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

/// The value of ∂result/∂variable at a point: sizes of the result followed by sizes of the variable.
pub fn jacobian(
    graph: &Graph,
    result: NodeId,
    variable: NodeId,
    point: &[(&str, &Array)],
) -> Result<Array, DifferentiateError> {
    let (rows, columns) = (fixed("the result", graph.shape(result))?, fixed("the variable", graph.shape(variable))?);
    let builder = Builder::from_graph(graph.clone());
    let seed = builder.input("cotangent of the result", Shape::fixed(&rows));
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
    let builder = Builder::from_graph(graph.clone());
    let slope = gradient(builder.expr(loss), &[builder.expr(variable)])?[0].id();
    jacobian(&builder.finish()?, slope, variable, point)
}

fn fixed(what: &'static str, shape: &Shape) -> Result<Vec<usize>, DifferentiateError> {
    if shape.is_batched() {
        return Err(DifferentiateError::Batched { what, found: shape.clone() });
    }
    Ok(shape.resolve(0))
}
