//! Finding neurons and layers in a formula that a user has typed.

use super::weighted::weight_of;
use crate::graph::{Graph, NodeId, ScopeId, ScopeKind};
use crate::ops::{Category, Op};

/// A copy of a graph in which each activation of a weighted sum, `g(w1*x1 + w2*x2 + b)` or `g(w @ x + b)`, is a scope: a
/// neuron where it is a single number, a layer where it is an array. Weights of a single number may be 1, as in
/// `step(x1 + x2 - 1.5)`. A result that is a weighted sum without activation is one too. Nodes that already stand in a scope
/// stay where they are.
pub fn recognise(graph: &Graph) -> Graph {
    let mut result = graph.clone();
    let uses = graph.uses();
    let mut found: Vec<(NodeId, Vec<NodeId>)> = Vec::new();
    let is_free = |id: NodeId| graph.node(id).scope == ScopeId::ROOT;
    let is_result = |id: NodeId| graph.outputs().iter().any(|(_, output)| *output == id);
    for id in graph.ids().filter(|&id| is_free(id)) {
        let node = graph.node(id);
        let sum = match (&node.op, &node.args[..]) {
            (op, &[arg]) if op.info().category == Category::Activation && uses[arg.index()] == 1 => arg,
            (Op::Add(_) | Op::Sub(_), _) if is_result(id) => id,
            _ => continue,
        };
        let mut members = vec![id];
        let mut open = vec![sum];
        let is_single = graph.shape(id).rank() == 0;
        let mut is_weighted = false;
        while let Some(id) = open.pop() {
            let node = graph.node(id);
            // A value that is used elsewhere too, or named, is not part of the sum but what it sums.
            let inside = is_free(id) && (id == sum || (uses[id.index()] == 1 && node.name.is_none()));
            match node.op {
                Op::Add(_) | Op::Sub(_) if inside => {
                    is_weighted |= is_single && sum != members[0];
                    open.extend(&node.args);
                }
                Op::Reshape(_) if inside => open.extend(&node.args),
                // One factor of a weighted value is the weight, which is given.
                Op::Mul(_) if inside && weight_of(graph, id).is_some() => is_weighted = true,
                Op::Matmul(_) if inside => {
                    is_weighted = true;
                    let reshaped = |a: &&NodeId| matches!(graph.node(**a).op, Op::Reshape(_)) && uses[a.index()] == 1;
                    members.extend(node.args.iter().filter(reshaped));
                }
                _ => continue,
            }
            if id != members[0] {
                members.push(id);
            }
        }
        if is_weighted {
            found.push((id, members));
        }
    }
    let (mut neurons, mut layers) = (0, 0);
    for (id, members) in found {
        let is_neuron = graph.shape(id).rank() == 0;
        let (kind, word, count) = match is_neuron {
            true => (ScopeKind::Neuron, "neuron", &mut neurons),
            false => (ScopeKind::Layer, "layer", &mut layers),
        };
        *count += 1;
        let name = graph.node(id).name.clone().unwrap_or_else(|| format!("{word}{count}"));
        let scope = result.scope(ScopeId::ROOT, &name, kind);
        members.into_iter().for_each(|member| result.set_scope(member, scope));
    }
    result
}
