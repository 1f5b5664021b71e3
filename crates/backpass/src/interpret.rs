//! The reference interpreter: slow, obvious, f64, and it keeps every value. It defines what a graph means.

use std::collections::{HashMap, HashSet};

use backpass_kernels::Real;

use crate::array::Array;
use crate::builder::Builder;
use crate::graph::{Graph, NodeId};
use crate::ops::Op;
use crate::shape::{Dim, Shape};
use crate::suggest::closest;
use crate::text::{ParseErrors, add_expression, refusal};

/// Why a graph could not be interpreted.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InterpretError {
    /// An input or parameter without a value.
    #[error("`{name}` has no value\nhelp: give it one of shape {shape}")]
    Missing {
        /// Its name.
        name: String,
        /// Its shape.
        shape: Shape,
    },
    /// A value of the wrong shape.
    #[error("`{name}` has shape {expected}, the value given has shape {found:?}")]
    Shape {
        /// Its name.
        name: String,
        /// The declared shape.
        expected: Shape,
        /// The sizes given.
        found: Vec<usize>,
    },
    /// A value for something that is not in the graph.
    #[error("there is no input or parameter `{name}`{}", hint(.suggestion))]
    Unknown {
        /// The name given.
        name: String,
        /// A name that is there and looks alike.
        suggestion: Option<String>,
    },
    /// More elements than memory holds.
    #[error("all values together have more than 2^28 elements, {node} alone has {elements}\nhelp: take smaller arrays")]
    TooLarge {
        /// The node that is too much.
        node: String,
        /// Its elements.
        elements: usize,
    },
    /// Two inputs whose numbers of rows differ.
    #[error("`{name}` has {found} row(s), other inputs have {expected}")]
    Rows {
        /// The input.
        name: String,
        /// Rows of the inputs before it.
        expected: usize,
        /// Its rows.
        found: usize,
    },
}

/// The most elements of all values together: 2 GiB of f64.
const MOST_ELEMENTS: usize = 1 << 28;

fn hint(suggestion: &Option<String>) -> String {
    suggestion.as_ref().map_or(String::new(), |s| format!("\nhelp: did you mean `{s}`?"))
}

/// Every value of one run of a graph.
#[derive(Clone, Debug)]
pub struct Trace {
    values: Vec<Array>,
    rows: usize,
}

impl Trace {
    /// The value of a node.
    pub fn value(&self, id: NodeId) -> &Array {
        &self.values[id.index()]
    }

    /// The number of rows of the batch; 1 when nothing is batched.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The first node, in order, whose value is NaN or infinite although its operands are finite.
    pub fn first_bad(&self, graph: &Graph) -> Option<NodeId> {
        let finite = |id: NodeId| self.value(id).data().iter().all(|v| v.is_finite());
        let constant = |id: NodeId| matches!(graph.node(id).op, Op::Constant(_));
        let finite = |id: NodeId| finite(id) || constant(id);
        graph.ids().find(|&id| !finite(id) && graph.node(id).args.iter().all(|&a| finite(a)))
    }
}

/// Computes every node of `graph` from named values for its inputs and parameters.
pub fn interpret(graph: &Graph, values: &[(&str, &Array)]) -> Result<Trace, InterpretError> {
    interpret_with(graph, values, |v| v)
}

/// Reads a constant, an expression without names: `pi/4`, `[[1, 2], [3, 4]]`.
pub fn constant(source: &str) -> Result<Array, ParseErrors> {
    let builder = Builder::new();
    let id = add_expression(&builder, source, &[])?.id();
    let graph = builder.finish().map_err(|errors| refusal(source, errors))?;
    let trace = interpret(&graph, &[]).map_err(|error| refusal(source, error))?;
    Ok(trace.value(id).clone())
}

/// As [`interpret`], rounding every element to `T` after each node: overflow happens where it does in `T`.
pub fn interpret_as<T: Real>(graph: &Graph, values: &[(&str, &Array)]) -> Result<Trace, InterpretError> {
    interpret_with(graph, values, |v| T::from_f64(v).to_f64())
}

fn interpret_with(
    graph: &Graph,
    values: &[(&str, &Array)],
    round: impl Fn(f64) -> f64,
) -> Result<Trace, InterpretError> {
    let leaf = |id: NodeId| matches!(graph.node(id).op, Op::Input(_) | Op::Parameter(_));
    let leaves: Vec<NodeId> = graph.ids().filter(|&id| leaf(id)).collect();
    let names: HashSet<&str> = leaves.iter().map(|&id| graph.name(id)).collect();
    for (name, _) in values {
        if !names.contains(name) {
            let suggestion = closest(name, leaves.iter().map(|&id| graph.name(id))).map(str::to_string);
            return Err(InterpretError::Unknown { name: (*name).to_string(), suggestion });
        }
    }
    let values: HashMap<&str, &Array> = values.iter().rev().copied().collect();
    let mut rows = None;
    let mut given = vec![None; graph.nodes().len()];
    for id in leaves {
        let (name, shape) = (graph.name(id), graph.shape(id));
        let Some(&value) = values.get(name) else {
            return Err(InterpretError::Missing { name: name.to_string(), shape: shape.clone() });
        };
        let fits = |(dim, &size): (&Dim, &usize)| matches!(dim, Dim::Batch) || *dim == Dim::Fixed(size);
        if value.shape().len() != shape.rank() || !shape.dims().iter().zip(value.shape()).all(fits) {
            let found = value.shape().to_vec();
            return Err(InterpretError::Shape { name: name.to_string(), expected: shape.clone(), found });
        }
        if shape.is_batched() {
            let found = value.shape()[0];
            let expected = *rows.get_or_insert(found);
            if expected != found {
                return Err(InterpretError::Rows { name: name.to_string(), expected, found });
            }
        }
        given[id.index()] = Some(value);
    }
    let rows = rows.unwrap_or(1);
    let mut total = 0usize;
    for id in graph.ids() {
        let elements = graph.shape(id).extent().at(rows);
        total = total.saturating_add(elements);
        if total > MOST_ELEMENTS {
            return Err(InterpretError::TooLarge { node: graph.describe(id), elements });
        }
    }
    let mut trace: Vec<Array> = Vec::with_capacity(graph.nodes().len());
    for (node, given) in graph.nodes().iter().zip(given) {
        let value = match given {
            Some(value) => value.map(&round),
            None => {
                let args: Vec<&Array> = node.args.iter().map(|a| &trace[a.index()]).collect();
                node.op.eval(&args, &node.shape.resolve(rows)).map(&round)
            }
        };
        trace.push(value);
    }
    Ok(Trace { values: trace, rows })
}
