//! The second way to draw a network: data stands in arrays, linked by operators.

use crate::view::{Role, View, ViewEdge, ViewNode};

/// Puts each array that an operator gives into a node of its own, and each array that is given into a box of its size.
pub(super) fn with_arrays(view: View) -> View {
    let mut result = View { groups: view.groups, title: view.title, of: view.of, notes: view.notes, ..View::default() };
    // Where a node of `view` takes its operands, and where its value stands.
    let (mut takes, mut gives) = (Vec::new(), Vec::new());
    for node in view.nodes {
        takes.push(result.nodes.len());
        let is_array = !node.shape.is_empty();
        match node.role {
            Role::Input if is_array => result.nodes.push(ViewNode { role: Role::Array, ..node }),
            Role::Operator(_) | Role::Folded(_) if is_array => {
                let operator = ViewNode {
                    shape: Vec::new(),
                    value: None,
                    gradient: None,
                    notes: Vec::new(),
                    unit: None,
                    name: node.label.clone(),
                    ..node.clone()
                };
                let id = format!("{}-array", node.id);
                let array =
                    ViewNode { id, label: node.name.clone(), role: Role::Array, formula: String::new(), ..node };
                let from = result.nodes.len();
                result.nodes.extend([operator, array]);
                result.edges.push(ViewEdge { from, to: from + 1, ..ViewEdge::default() });
            }
            _ => result.nodes.push(node),
        }
        gives.push(result.nodes.len() - 1);
    }
    let mut places = Vec::new();
    for edge in view.edges {
        places.push(result.edges.len());
        result.edges.push(ViewEdge { from: gives[edge.from], to: takes[edge.to], ..edge });
    }
    result.output = view.output.map(|node| gives[node]);
    result.steps = view.steps;
    for step in &mut result.steps {
        step.node = gives[step.node];
        step.edges.iter_mut().for_each(|edge| *edge = places[*edge]);
    }
    result
}
