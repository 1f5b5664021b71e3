//! The two passes in words: one line for each node, forward and then backward, and for a neuron one for its weights.

use super::Explanation;
use super::weighted::{added, as_factor, is_sum};
use crate::array::Array;
use crate::graph::NodeId;
use crate::text::operation;
use crate::view::{Pass, Role, Step, Unit, View, ViewEdge, ViewNode, array, number};

/// Terms of a sum that a line shows.
const TERMS: usize = 6;

/// The steps of a view; `origin` gives the node of the graph that a node of the view stands for, unless it is folded.
pub(super) fn steps(
    view: &View,
    digits: usize,
    origin: impl Fn(usize) -> Option<NodeId>,
    explanation: &Explanation,
) -> Vec<Step> {
    let (entering, leaving) = (view.entering(), view.leaving());
    let speaker = Speaker { view, digits, explanation };
    let is_given = |index: usize| matches!(view.nodes[index].role, Role::Input | Role::Parameter | Role::Constant);
    let shown = || (0..view.nodes.len()).filter(|&i| view.nodes[i].role != Role::More);
    let given = shown().filter(|&i| is_given(i) && view.nodes[i].role != Role::Constant);
    let forward = given.chain(shown().filter(|&i| !is_given(i))).map(|node| Step {
        pass: Pass::Forward,
        node,
        edges: entering[node].clone(),
        text: speaker.forward(node, &entering[node], origin(node)),
    });
    let flows = |node: &usize| view.nodes[*node].gradient.is_some() && view.nodes[*node].role != Role::Constant;
    let backward = shown().rev().filter(flows).flat_map(|node| {
        let edges: Vec<usize> = leaving[node].iter().copied().filter(|&e| view.edges[e].gradient.is_some()).collect();
        let text = speaker.backward(node, &edges);
        let weights = speaker.weights(node, &entering[node]).map(|text| (text, Vec::new()));
        let step = move |(text, edges)| Step { pass: Pass::Backward, node, edges, text };
        [(text, edges)].into_iter().chain(weights).map(step)
    });
    forward.chain(backward).collect()
}

struct Speaker<'a> {
    view: &'a View,
    digits: usize,
    explanation: &'a Explanation,
}

impl Speaker<'_> {
    fn forward(&self, index: usize, edges: &[usize], id: Option<NodeId>) -> String {
        let node = &self.view.nodes[index];
        let value = node.value.as_ref().map_or("several values".to_string(), |v| array(v, self.digits));
        let mut parts = vec![node.name.clone()];
        match (&node.unit, id) {
            (Some(unit), _) => parts.extend(self.weighted_sum(node, unit, edges)),
            (None, id) => {
                parts.extend(Some(node.formula.clone()).filter(|formula| !formula.is_empty()));
                parts.extend(id.and_then(|id| self.operation(id)));
            }
        }
        parts.push(value);
        parts.dedup();
        parts.join(" = ")
    }

    /// An operator of single numbers with their values.
    fn operation(&self, id: NodeId) -> Option<String> {
        let node = self.explanation.graph().node(id);
        let single = |&arg: &NodeId| self.explanation.value(arg).shape().is_empty();
        let is_plain = !node.args.is_empty() && node.args.iter().all(single);
        is_plain.then(|| operation(node, |arg| array(self.explanation.value(arg), self.digits)))
    }

    /// What a neuron computes: as a formula where its weights have names of their own, with its products, with their sum.
    fn weighted_sum(&self, node: &ViewNode, unit: &Unit, edges: &[usize]) -> Vec<String> {
        let activated = |sum: String| unit.activation.map_or(sum.clone(), |activation| format!("{activation}({sum})"));
        let products = edges.iter().map(|&e| &self.view.edges[e]).filter_map(|edge| {
            let from = item(&self.view.nodes[edge.from].value);
            Some(match edge.weight {
                Some(1.0) => self.factor(from?),
                Some(weight) => format!("{}·{}", self.factor(weight), self.factor(from?)),
                None => self.factor(item(&edge.value)?),
            })
        });
        let products: Vec<String> = products.collect();
        let mut parts = Vec::new();
        parts.extend(Some(node.formula.clone()).filter(|formula| !formula.contains(WEIGHTED_SUM)));
        if !products.is_empty() {
            let bias = unit.bias.as_ref().and_then(|(_, bias)| *bias).map_or(String::new(), |b| added(b, self.digits));
            parts.push(activated(sum_of(products) + &bias));
        }
        parts.extend(unit.activation.and(unit.sum).map(|sum| activated(number(sum, self.digits))));
        parts
    }

    fn backward(&self, index: usize, edges: &[usize]) -> String {
        let node = &self.view.nodes[index];
        let Some(gradient) = &node.gradient else { return String::new() };
        let mut parts = vec![self.derivative(&node.name)];
        let edges: Vec<_> = edges.iter().map(|&e| &self.view.edges[e]).collect();
        let scalar = |e: &&ViewEdge| {
            let is_factor = e.local.is_some() || self.view.nodes[e.to].role == Role::More;
            is_factor && self.view.nodes[e.to].shape.is_empty() && node.shape.is_empty()
        };
        if !edges.is_empty() && edges.iter().all(scalar) {
            let (symbols, numbers) = edges.iter().map(|edge| self.chain_rule(node, edge)).unzip();
            parts.extend([sum_of(symbols), sum_of(numbers)]);
        } else {
            let through = |e: &&ViewEdge| match &e.rule {
                rule if rule.is_empty() => format!("[through {}]", self.view.nodes[e.to].name),
                // The rule of a single number is a factor.
                rule if self.view.nodes[e.to].shape.is_empty() => {
                    format!("{}·{rule}", self.derivative(&self.view.nodes[e.to].name))
                }
                rule => rule.clone(),
            };
            parts.extend(Some(sum_of(edges.iter().map(through).collect())).filter(|sum| !sum.is_empty()));
        }
        parts.push(array(gradient, self.digits));
        parts.dedup();
        parts.join(" = ")
    }

    /// What comes back along one edge between single numbers, as a product of names and of numbers.
    fn chain_rule(&self, node: &ViewNode, edge: &ViewEdge) -> (String, String) {
        let to = &self.view.nodes[edge.to];
        if to.role == Role::More {
            return (to.name.clone(), item(&edge.gradient).map_or("?".to_string(), |back| self.factor(back)));
        }
        let above = self.factor(item(&to.gradient).unwrap_or(f64::NAN));
        let (mut symbols, mut numbers) = (vec![self.derivative(&to.name)], vec![above]);
        if let (Some(unit), Some(weight)) = (&to.unit, edge.weight) {
            if let (Some(activation), Some(slope)) = (unit.activation, unit.slope) {
                symbols.push(format!("{activation}′"));
                numbers.push(self.factor(slope));
            }
            if !(weight == 1.0 && edge.weight_name.is_empty()) {
                let name = &edge.weight_name;
                symbols.push(if name.is_empty() { self.factor(weight) } else { as_factor(name) });
                numbers.push(self.factor(weight));
            }
        } else {
            symbols.push(format!("∂{}/∂{}", to.name, node.name));
            numbers.push(self.factor(item(&edge.local).unwrap_or(f64::NAN)));
        }
        (symbols.join("·"), numbers.join("·"))
    }

    /// The derivatives with respect to the weights and the bias of a neuron, from that with respect to its sum.
    fn weights(&self, index: usize, edges: &[usize]) -> Option<String> {
        let node = &self.view.nodes[index];
        let unit = node.unit.as_ref()?;
        let (gradient, slope) = (item(&node.gradient)?, unit.slope?);
        let delta = gradient * slope;
        let mut symbols = self.derivative(&node.name);
        let mut numbers = vec![number(delta, self.digits)];
        if let (Some(activation), Some(sum)) = (unit.activation, unit.sum) {
            symbols += &format!("·{activation}′({})", number(sum, self.digits));
            numbers.insert(0, format!("{}·{}", self.factor(gradient), self.factor(slope)));
        }
        let mut lines = Vec::new();
        for edge in edges.iter().map(|&e| &self.view.edges[e]) {
            let from = &self.view.nodes[edge.from];
            let name = Some(&edge.weight_name[..]).filter(|name| !name.is_empty() && !is_sum(name));
            let (Some(name), Some(value)) = (name, item(&from.value)) else { continue };
            // A product that is subtracted.
            let (name, minus, sign) = name.strip_prefix('-').map_or((name, "", 1.0), |name| (name, "-", -1.0));
            lines.push(format!(
                "{} = {minus}δ·{} = {}·{} = {}",
                self.derivative(name),
                from.name,
                self.factor(sign * delta),
                self.factor(value),
                number(sign * delta * value, self.digits)
            ));
        }
        if lines.len() > TERMS {
            lines.truncate(TERMS);
            lines.push("…".to_string());
        }
        let is_name = |name: &&String| name.starts_with(char::is_alphabetic) && name.chars().all(|c| c != ' ');
        let bias = unit.bias.as_ref().map(|(name, _)| name).filter(is_name);
        lines.extend(bias.map(|name| format!("{} = δ", self.derivative(name))));
        let delta = format!("δ = {symbols} = {}", numbers.join(" = "));
        (!lines.is_empty()).then(|| [delta].into_iter().chain(lines).collect::<Vec<_>>().join("; "))
    }

    fn derivative(&self, name: &str) -> String {
        format!("∂{}/∂{name}", self.explanation.of())
    }

    /// A number as a factor or term: in brackets where it is negative.
    fn factor(&self, value: f64) -> String {
        match number(value, self.digits) {
            text if text.starts_with('-') => format!("({text})"),
            text => text,
        }
    }
}

/// How the sum in a neuron is called where its terms have no names.
pub(super) const WEIGHTED_SUM: &str = "weighted sum";

fn item(array: &Option<Array>) -> Option<f64> {
    array.as_ref().and_then(Array::item)
}

/// The first terms of a sum.
fn sum_of(mut terms: Vec<String>) -> String {
    if terms.len() > TERMS {
        terms.truncate(TERMS);
        terms.push("…".to_string());
    }
    terms.join(" + ")
}
