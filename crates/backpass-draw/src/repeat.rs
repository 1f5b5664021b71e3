//! Large graphs: a value that is used in many places is drawn at each of them.

use backpass::view::{Role, View, ViewNode};

/// Nodes up to which every value stands in one place.
const SMALL: usize = 60;
/// Uses up to which a value stands in one place in a large graph too.
const FEW: usize = 2;

/// A large view with what is given, and used more than twice, repeated at each use. Lines across the whole picture would
/// be hard to follow, and take long to lay out. Each copy has the part of the gradient that comes from its place; steps,
/// which speak of whole values, are left out.
pub fn repeat_given(view: &View) -> View {
    if view.nodes.len() <= SMALL {
        return view.clone();
    }
    let leaving = view.leaving();
    let mut result = View { steps: Vec::new(), nodes: Vec::new(), ..view.clone() };
    let mut first = Vec::new();
    for (node, uses) in view.nodes.iter().zip(&leaving) {
        first.push(result.nodes.len());
        let is_given = matches!(node.role, Role::Input | Role::Parameter | Role::Constant) && node.column.is_none();
        if !is_given || uses.len() <= FEW {
            result.nodes.push(node.clone());
            uses.iter().for_each(|&edge| result.edges[edge].from = result.nodes.len() - 1);
            continue;
        }
        for (number, &edge) in uses.iter().enumerate() {
            result.edges[edge].from = result.nodes.len();
            let gradient = view.edges[edge].gradient.clone();
            result.nodes.push(ViewNode { id: format!("{}-{}", node.id, number + 1), gradient, ..node.clone() });
        }
    }
    result.edges.iter_mut().for_each(|edge| edge.to = first[edge.to]);
    result.output = view.output.map(|node| first[node]);
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SvgOptions, samples, svg};

    #[test]
    fn what_is_shared_by_many_stands_at_each_of_them() {
        let mut view = samples::random(100, 3);
        let small = samples::random(20, 3);
        assert_eq!(repeat_given(&small).nodes.len(), small.nodes.len());
        let given = (0..100).find(|&i| view.entering()[i].is_empty()).unwrap();
        view.nodes[given].role = Role::Input;
        for edge in &mut view.edges {
            if edge.to > 40 && edge.operand == 0 {
                edge.from = given;
            }
        }
        let uses = view.leaving()[given].len();
        let repeated = repeat_given(&view);
        assert!(uses > 10 && repeated.nodes.len() >= 100 + uses - 1);
        assert_eq!(repeated.edges.len(), view.edges.len());
        for (edge, before) in repeated.edges.iter().zip(&view.edges) {
            assert!(edge.from < edge.to);
            let name = |view: &View, node: usize| view.nodes[node].name.clone();
            assert_eq!(name(&repeated, edge.from), name(&view, before.from));
            assert_eq!(name(&repeated, edge.to), name(&view, before.to));
        }
        assert!(svg(&repeated, &SvgOptions::default()).starts_with("<svg"));
    }
}
