//! What nodes are called in tables and formulas.

use std::collections::{HashMap, HashSet};

use crate::graph::{Graph, NodeId};
use crate::ops::{Category, Op};
use crate::text::operation;
use crate::view::{array, number};

/// A short name for each node of a graph: its own, or the text of a short constant, `c1`, `c2`, … for longer ones, and for
/// all others `v1`, `v2`, … in order, as in tables of automatic differentiation (Griewank and Walther 2008). The result is
/// called as its output, or `L`, an array `Y`.
#[derive(Clone, Debug)]
pub struct Names {
    names: Vec<String>,
    /// For a node that only changes the shape of another: that other.
    roots: Vec<NodeId>,
    /// The other way round.
    aliases: HashMap<NodeId, Vec<NodeId>>,
    /// For a node whose value is only read under other sizes: the node with those sizes.
    faces: Vec<NodeId>,
    /// The nodes that are called `v1`, `v2`, ….
    numbered: HashSet<NodeId>,
}

/// Characters up to which the text of a constant array is its name.
const SHORT: usize = 16;

impl Names {
    /// Names the nodes of a graph.
    pub fn new(graph: &Graph, result: Option<NodeId>) -> Names {
        let uses = graph.uses();
        let mut roots: Vec<NodeId> = Vec::new();
        let mut aliases: HashMap<NodeId, Vec<NodeId>> = HashMap::new();
        let mut faces: Vec<NodeId> = graph.ids().collect();
        let mut given: Vec<Option<&str>> = graph.nodes().iter().map(|node| node.name.as_deref()).collect();
        let mut taken: HashSet<&str> = given.iter().copied().flatten().collect();
        let is_number = result.is_none_or(|id| graph.shape(id).rank() == 0);
        let letter = if is_number { "L" } else { "Y" };
        let output = graph.outputs().iter().find(|(_, id)| Some(*id) == result).map(|(name, _)| name.as_str());
        let fallback = if taken.contains(letter) { "result" } else { letter };
        let output = output.filter(|name| *name != "result").unwrap_or(fallback);
        taken.insert(output);
        if let Some(result) = result {
            given[result.index()] = given[result.index()].or(Some(output));
        }
        for id in graph.ids() {
            roots.push(id);
            if !only_changes_shape(graph, id) {
                continue;
            }
            let arg = graph.node(id).args[0];
            let root = roots[arg.index()];
            let sole = uses[arg.index()] == 1 && !graph.node(root).args.is_empty();
            // A name moves to what it is the name of, if that has none.
            let named = given[id.index()].is_some();
            if named && (!sole || given[root.index()].is_some()) {
                continue;
            }
            roots[id.index()] = root;
            aliases.entry(root).or_default().push(id);
            given[root.index()] = given[root.index()].or(given[id.index()]);
            if sole && graph.shape(id).rank() < graph.shape(root).rank() {
                faces[root.index()] = id;
            }
        }
        let mut constants = (1..).map(|n| format!("c{n}")).filter(|name| !taken.contains(name.as_str()));
        let mut fresh = (1..).map(|n| format!("v{n}")).filter(|name| !taken.contains(name.as_str()));
        let (mut names, mut numbered): (Vec<String>, HashSet<NodeId>) = Default::default();
        for id in graph.ids() {
            let root = roots[id.index()];
            names.push(match (given[id.index()], &graph.node(id).op) {
                _ if root != id => names[root.index()].clone(),
                (Some(name), _) => name.to_string(),
                (None, Op::Constant(c)) if c.value.shape().is_empty() => number(c.value.data()[0], 6),
                (None, Op::Constant(c)) => match array(&c.value, 6) {
                    text if text.chars().count() <= SHORT => text,
                    _ => constants.next().unwrap_or_default(),
                },
                _ => {
                    numbered.insert(id);
                    fresh.next().unwrap_or_default()
                }
            });
        }
        Names { names, roots, aliases, faces, numbered }
    }

    /// The name of a node.
    pub fn get(&self, id: NodeId) -> &str {
        &self.names[id.index()]
    }

    /// Calls a node otherwise, and every change of its shape with it.
    pub(super) fn set(&mut self, id: NodeId, name: &str) {
        for index in std::iter::once(id).chain(self.aliases.get(&id).into_iter().flatten().copied()) {
            self.names[index.index()] = name.to_string();
        }
    }

    /// Calls a node that only arranges values after its operator in place of its number: `concat`, `concat2`, ….
    pub(super) fn set_operator(&mut self, graph: &Graph, id: NodeId) {
        let info = graph.node(id).op.info();
        if info.category != Category::Movement || !self.numbered.contains(&id) {
            return;
        }
        let further = (2..).map(|n| format!("{}{n}", info.name));
        let free = |name: &String| !self.names.contains(name);
        if let Some(name) = std::iter::once(info.name.to_string()).chain(further).find(free) {
            self.set(id, &name);
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
