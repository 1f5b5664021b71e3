//! The forward and the backward pass with every number: the value of each node, what flows back along each edge, the local
//! derivative by which it does, and what is remarkable about it in words.
//!
//! [`Explanation::new`] computes the numbers by the reference interpreter; [`Explanation::view`] makes a picture of them at
//! a level of detail, [`neurons`] one neuron by neuron, [`Explanation::microscope`] one of a single neuron.

mod arrays;
mod fold;
mod microscope;
mod names;
mod neurons;
mod notes;
mod recognise;
mod rules;
mod steps;
mod weighted;

pub use fold::{Folding, structure};
pub use microscope::MicroscopeError;
pub use names::Names;
pub use neurons::{Dense, NeuronOptions, NotDense, Source, dense_layers, neurons};
pub use recognise::recognise;

use std::collections::HashMap;

use crate::array::Array;
use crate::autodiff::{DifferentiateError, Flow, Flowing, backward};
use crate::builder::Builder;
use crate::graph::{Graph, NodeId};
use crate::interpret::{InterpretError, interpret};
use crate::ops::Op;
use crate::passes::dce;

/// One run of a graph, forward and backward, with every number kept.
#[derive(Clone, Debug)]
pub struct Explanation {
    graph: Graph,
    result: NodeId,
    values: Vec<Array>,
    gradients: Vec<Option<Array>>,
    flows: HashMap<NodeId, Vec<Flow<Array>>>,
    names: Names,
    first_bad: Option<NodeId>,
    /// What is differentiated, where that is not the result itself.
    of: Option<String>,
}

/// What an explanation is of.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// The node whose derivatives are taken.
    pub result: NodeId,
    /// The derivative of something that follows with respect to the result, in its sizes; by default ones, so that the
    /// derivatives are those of the sum of its elements.
    pub seed: Option<&'a Array>,
    /// The names of the inputs and parameters with respect to which it is differentiated; by default all.
    pub variables: Option<&'a [&'a str]>,
}

/// The input by which a derivative enters.
const SEED: &str = "cotangent of the result";

impl Explanation {
    /// Computes every value and every derivative at a point.
    pub fn new(
        graph: &Graph,
        question: &Question<'_>,
        point: &[(&str, &Array)],
    ) -> Result<Explanation, DifferentiateError> {
        let (graph, result) = needed(graph, question.result);
        let leaf = |id: NodeId| matches!(graph.node(id).op, Op::Input(_) | Op::Parameter(_));
        let leaves: Vec<NodeId> = graph.ids().filter(|&id| leaf(id)).collect();
        let is_variable = |id: &NodeId| question.variables.is_none_or(|names| names.contains(&graph.name(*id)));
        if let Some(name) =
            question.variables.into_iter().flatten().find(|n| !leaves.iter().any(|&id| graph.name(id) == **n))
        {
            let suggestion = crate::suggest::closest(name, leaves.iter().map(|&id| graph.name(id))).map(str::to_string);
            return Err(InterpretError::Unknown { name: (*name).to_string(), suggestion }.into());
        }
        let builder = Builder::from_graph(graph.clone());
        let variables: Vec<_> = leaves.iter().copied().filter(is_variable).map(|id| builder.expr(id)).collect();
        let end = builder.expr(result);
        let seed = match question.seed {
            Some(_) => builder.input(SEED, end.shape()),
            None => builder.constant(1.0).broadcast(end.shape()),
        };
        let backward = backward(end, seed, &variables)?;
        let gradients: HashMap<NodeId, NodeId> = backward.gradients.iter().map(|(id, e)| (*id, e.id())).collect();
        let symbolic: Vec<Flow<NodeId>> = backward.flows.iter().map(|flow| flow.map(|value| value.id())).collect();
        let mut values = point.to_vec();
        values.extend(question.seed.map(|seed| (SEED, seed)));
        let trace = interpret(&builder.finish()?, &values)?;
        let mut flows: HashMap<NodeId, Vec<Flow<Array>>> = HashMap::new();
        for flow in symbolic {
            flows.entry(flow.node).or_default().push(flow.map(|&id| trace.value(id).clone()));
        }
        let first_bad = trace.first_bad(&graph);
        let gradients = graph.ids().map(|id| gradients.get(&id).map(|&g| trace.value(g).clone())).collect();
        let values = graph.ids().map(|id| trace.value(id).clone()).collect();
        let asked = graph.ids().map(|id| leaf(id) && is_variable(&id)).collect();
        let names = Names::new(&graph, Some(result));
        let mut explanation = Explanation { graph, result, values, gradients, flows, names, first_bad, of: None };
        explanation.fill_in_zeros(asked);
        if question.seed.is_none() && explanation.value(result).len() != 1 {
            explanation.of = Some(format!("Σ{}", explanation.names.get(result)));
        }
        Ok(explanation)
    }

    /// Gives a gradient of zeros to what depends on a variable, and which no derivative reaches because it is zero on the
    /// way. Where there is none on the way, there is none here.
    fn fill_in_zeros(&mut self, mut depends: Vec<bool>) {
        for id in self.graph.ids() {
            depends[id.index()] |= self.graph.node(id).args.iter().any(|a| depends[a.index()]);
        }
        let mut blocked = vec![false; depends.len()];
        for id in self.graph.ids().rev() {
            let flows = self.flows.get(&id).map_or(&[][..], Vec::as_slice);
            let none = |operand| flows.iter().any(|f| f.operand == operand && matches!(f.value, Flowing::None(_)));
            for (operand, arg) in self.graph.node(id).args.iter().enumerate() {
                blocked[arg.index()] |= blocked[id.index()] || none(operand);
            }
            let gradient = &mut self.gradients[id.index()];
            if gradient.is_none() && depends[id.index()] && !blocked[id.index()] {
                *gradient = Some(Array::filled(self.values[id.index()].shape(), 0.0));
            }
        }
    }

    /// The part of the graph that the result needs.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The node whose derivatives are taken.
    pub fn result(&self) -> NodeId {
        self.result
    }

    /// What is differentiated: `L` in `∂L/∂x`.
    pub fn of(&self) -> &str {
        self.of.as_deref().unwrap_or_else(|| self.names.get(self.result))
    }

    /// The names of the nodes.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// The value of a node.
    pub fn value(&self, id: NodeId) -> &Array {
        &self.values[id.index()]
    }

    /// The derivative of the result with respect to a node, of the node's sizes; none where it was not asked for.
    pub fn gradient(&self, id: NodeId) -> Option<&Array> {
        self.gradients[id.index()].as_ref()
    }

    /// What flows back from a node to its operands.
    pub fn flows(&self, id: NodeId) -> &[Flow<Array>] {
        self.flows.get(&id).map_or(&[], Vec::as_slice)
    }

    /// The gradients of the inputs and parameters by name; none where there is no derivative or it was not asked for.
    pub fn gradients(&self) -> impl Iterator<Item = (&str, Option<&Array>)> {
        let leaves = self.graph.ids().filter(|&id| matches!(self.graph.node(id).op, Op::Input(_) | Op::Parameter(_)));
        leaves.map(|id| (self.graph.name(id), self.gradient(id)))
    }

    /// The first node whose value is NaN or infinite although its operands are finite.
    pub fn first_bad(&self) -> Option<NodeId> {
        self.first_bad
    }
}

impl<V> Flow<V> {
    fn map<W>(&self, f: impl FnOnce(&V) -> W) -> Flow<W> {
        let value = match &self.value {
            Flowing::Of(value) => Flowing::Of(f(value)),
            Flowing::Zero(reason) => Flowing::Zero(reason),
            Flowing::None(reason) => Flowing::None(reason),
        };
        Flow { node: self.node, operand: self.operand, value }
    }
}

/// The nodes that `result` needs, with all inputs and parameters, and its place among them.
fn needed(graph: &Graph, result: NodeId) -> (Graph, NodeId) {
    let mut graph = graph.clone();
    let name = graph.outputs().iter().find(|(_, id)| *id == result).map_or("result", |(name, _)| name).to_string();
    graph.set_updates(Vec::new());
    graph.set_outputs(vec![(name, result)]);
    let graph = dce(&graph);
    let result = graph.outputs()[0].1;
    (graph, result)
}
