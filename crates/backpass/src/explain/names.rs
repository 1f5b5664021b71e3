//! What nodes are called in tables and formulas.

use std::collections::HashSet;

use crate::graph::{Graph, NodeId};
use crate::ops::Op;
use crate::text::operation;
use crate::view::number;

/// A short name for each node of a graph: its own, or the text of a constant, or `v1`, `v2`, … in order, as in tables of
/// automatic differentiation (Griewank and Walther 2008). The result is called as its output, or `L`.
#[derive(Clone, Debug)]
pub struct Names {
    names: Vec<String>,
    /// For a node that only changes the shape of another: that other.
    roots: Vec<NodeId>,
    /// For a node whose value is only read under other sizes: the node with those sizes.
    faces: Vec<NodeId>,
}

/// Elements up to which the text of a constant array is its name.
const FEW: usize = 4;

impl Names {
    /// Names the nodes of a graph.
    pub fn new(graph: &Graph, result: Option<NodeId>) -> Names {
        let mut taken: HashSet<&str> = graph.nodes().iter().filter_map(|node| node.name.as_deref()).collect();
        let output = graph.outputs().iter().find(|(_, id)| Some(*id) == result).map(|(name, _)| name.as_str());
        let output =
            output.filter(|name| *name != "result").unwrap_or(if taken.contains("L") { "result" } else { "L" });
        taken.insert(output);
        let mut fresh = (1..).map(|n| format!("v{n}")).filter(|name| !taken.contains(name.as_str()));
        let mut names: Vec<String> = Vec::new();
        let mut roots: Vec<NodeId> = Vec::new();
        for id in graph.ids() {
            let node = graph.node(id);
            let alias = Some(id) != result && node.name.is_none() && only_changes_shape(graph, id);
            let root = if alias { roots[node.args[0].index()] } else { id };
            roots.push(root);
            names.push(match (&node.name, &node.op) {
                _ if root != id => names[root.index()].clone(),
                (Some(name), _) => name.clone(),
                (None, Op::Constant(c)) => match c.value.item() {
                    Some(value) if c.value.shape().is_empty() => number(value, 6),
                    _ if c.value.len() <= FEW => c.value.to_string(),
                    _ => fresh.next().unwrap_or_default(),
                },
                _ if Some(id) == result => output.to_string(),
                _ => fresh.next().unwrap_or_default(),
            });
        }
        let mut faces: Vec<NodeId> = graph.ids().collect();
        let uses = graph.uses();
        for id in graph.ids().filter(|id| roots[id.index()] != *id) {
            let arg = graph.node(id).args[0];
            if uses[arg.index()] == 1 && !graph.node(roots[id.index()]).args.is_empty() {
                faces[roots[id.index()].index()] = id;
            }
        }
        Names { names, roots, faces }
    }

    /// The name of a node.
    pub fn get(&self, id: NodeId) -> &str {
        &self.names[id.index()]
    }

    /// Calls a node otherwise, and every change of its shape with it.
    pub(super) fn set(&mut self, id: NodeId, name: &str) {
        for (index, root) in self.roots.iter().enumerate() {
            if *root == id {
                self.names[index] = name.to_string();
            }
        }
    }

    /// The node that a reader sees in place of `id`: a mere change of shape is not shown.
    pub fn root(&self, id: NodeId) -> NodeId {
        self.roots[id.index()]
    }

    /// The node that has the value of `id` in the sizes that a reader expects, as those of a product of two vectors.
    pub fn face(&self, id: NodeId) -> NodeId {
        self.faces[id.index()]
    }

    /// `∂L/∂x`.
    pub fn gradient(&self, of: NodeId, to: NodeId) -> String {
        format!("∂{}/∂{}", self.get(of), self.get(to))
    }

    /// What a node computes, from the names of its operands; empty for what is given.
    pub fn formula(&self, graph: &Graph, id: NodeId) -> String {
        let node = graph.node(id);
        if node.args.is_empty() { String::new() } else { operation(node, |arg| self.get(arg).to_string()) }
    }
}

/// Whether a node reads its operand under sizes that differ by ones alone, as around a matrix product of vectors.
fn only_changes_shape(graph: &Graph, id: NodeId) -> bool {
    let node = graph.node(id);
    let sizes = |id: NodeId| {
        graph.shape(id).dims().iter().filter(|d| **d != crate::shape::Dim::Fixed(1)).copied().collect::<Vec<_>>()
    };
    matches!(node.op, Op::Reshape(_)) && sizes(id) == sizes(node.args[0])
}
