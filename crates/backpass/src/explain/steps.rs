//! The two passes in words: one line for each node, forward and then backward.

use super::Explanation;
use crate::graph::NodeId;
use crate::text::operation;
use crate::view::{Pass, Role, Step, View, array, number};

/// The steps of a view; `origin` gives the node of the graph that a node of the view stands for, unless it is folded.
pub(super) fn steps(
    view: &View,
    digits: usize,
    origin: impl Fn(usize) -> Option<NodeId>,
    explanation: &Explanation,
) -> Vec<Step> {
    let (mut entering, leaving) = (view.entering(), view.leaving());
    let speaker = Speaker { view, digits, explanation };
    let is_given = |index: usize| origin(index).is_some_and(|id| explanation.graph().node(id).args.is_empty());
    let computed = (0..view.nodes.len()).filter(|&i| !is_given(i));
    let given = (0..view.nodes.len()).filter(|&i| is_given(i) && view.nodes[i].role != Role::Constant);
    let forward = given.chain(computed).map(|index| Step {
        pass: Pass::Forward,
        node: index,
        edges: std::mem::take(&mut entering[index]),
        text: speaker.forward(index, origin(index)),
    });
    let flows = |index: usize| view.nodes[index].gradient.is_some() && view.nodes[index].role != Role::Constant;
    let backward = (0..view.nodes.len()).rev().filter(|&i| flows(i)).map(|index| {
        let edges: Vec<usize> = leaving[index].iter().copied().filter(|&e| view.edges[e].gradient.is_some()).collect();
        Step { pass: Pass::Backward, node: index, text: speaker.backward(index, &edges), edges }
    });
    forward.chain(backward).collect()
}

struct Speaker<'a> {
    view: &'a View,
    digits: usize,
    explanation: &'a Explanation,
}

impl Speaker<'_> {
    fn forward(&self, index: usize, id: Option<NodeId>) -> String {
        let node = &self.view.nodes[index];
        let value = node.value.as_ref().map_or("several values".to_string(), |v| array(v, self.digits));
        let mut parts = vec![node.name.clone()];
        if !node.formula.is_empty() {
            parts.push(node.formula.clone());
        }
        let single = |&arg: &NodeId| self.explanation.value(arg).shape().is_empty();
        if let Some(id) = id.filter(|&id| !self.explanation.graph().node(id).args.is_empty()) {
            let node = self.explanation.graph().node(id);
            if node.args.iter().all(single) {
                parts.push(operation(node, |arg| array(self.explanation.value(arg), self.digits)));
            }
        }
        parts.push(value);
        parts.dedup();
        parts.join(" = ")
    }

    fn backward(&self, index: usize, edges: &[usize]) -> String {
        let node = &self.view.nodes[index];
        let Some(gradient) = &node.gradient else { return String::new() };
        let result = self.explanation.of();
        let of = |name: &str| format!("∂{result}/∂{name}");
        let mut parts = vec![of(&node.name)];
        let edges: Vec<_> = edges.iter().map(|&e| &self.view.edges[e]).collect();
        let scalar = |e: &&crate::view::ViewEdge| {
            e.local.is_some() && self.view.nodes[e.to].shape.is_empty() && node.shape.is_empty()
        };
        if !edges.is_empty() && edges.iter().all(scalar) {
            let (mut symbols, mut numbers) = (Vec::new(), Vec::new());
            for edge in &edges {
                let to = &self.view.nodes[edge.to];
                let local = edge.local.as_ref().and_then(|v| v.item()).unwrap_or(f64::NAN);
                let above = to.gradient.as_ref().and_then(|v| v.item()).unwrap_or(f64::NAN);
                symbols.push(format!("{}·∂{}/∂{}", of(&to.name), to.name, node.name));
                numbers.push(format!("{}·{}", bracketed(above, self.digits), bracketed(local, self.digits)));
            }
            parts.extend([symbols.join(" + "), numbers.join(" + ")]);
        } else if !edges.is_empty() {
            let through = |e: &&crate::view::ViewEdge| match &e.rule {
                rule if rule.is_empty() => format!("[through {}]", self.view.nodes[e.to].name),
                // The rule of a single number is a factor.
                rule if self.view.nodes[e.to].shape.is_empty() => format!("{}·{rule}", of(&self.view.nodes[e.to].name)),
                rule => rule.clone(),
            };
            parts.push(edges.iter().map(through).collect::<Vec<_>>().join(" + "));
        }
        parts.push(array(gradient, self.digits));
        parts.dedup();
        parts.join(" = ")
    }
}

/// A number as a factor or term: in brackets where it is negative.
pub(super) fn bracketed(value: f64, digits: usize) -> String {
    match number(value, digits) {
        text if text.starts_with('-') => format!("({text})"),
        text => text,
    }
}
