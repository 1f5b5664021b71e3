//! Folded neurons: their weights on their edges, their bias and activation in them, and their places in columns.

use std::collections::HashMap;

use super::{Maker, Part};
use crate::array::Array;
use crate::explain::weighted::{Term, Weighted, as_factor, signed};
use crate::graph::{Graph, NodeId, ScopeKind};
use crate::ops::Op;
use crate::view::{Role, Unit, View, ViewNode};

/// The weight of one edge: the sum of the weights of all terms that take its value.
#[derive(Default)]
struct Weight {
    names: Vec<(String, bool)>,
    value: Option<f64>,
    is_fixed: bool,
}

impl Maker<'_> {
    /// Writes the weights of a neuron on its edges, and its bias, sum and slope into it.
    pub(super) fn look_into_neuron(
        &mut self,
        part: Part,
        end: NodeId,
        node: usize,
        place: &HashMap<Part, usize>,
        view: &mut View,
    ) {
        let is_inside = |id: NodeId| self.parts[id.index()] == part;
        let is_given = |id: NodeId| self.graph.node(id).args.is_empty();
        let read = Weighted::new(self.graph, end, |id| is_inside(id) && !is_given(id));
        let slope = self.numbers.map(|run| match read.activation {
            // A rule that says zero has no formula.
            Some(_) => run.rule(&self.names, end, 0).local.and_then(|local| local.item()).unwrap_or(0.0),
            None => 1.0,
        });
        let mut biases: Vec<(String, bool)> = Vec::new();
        let mut bias = self.numbers.map(|_| 0.0);
        let mut weights: HashMap<usize, Weight> = HashMap::new();
        for term in &read.terms {
            let factor = self.factor(term);
            let weight_name = term.weight.map(|weight| self.names.get(weight));
            if is_inside(term.value) {
                // What is computed inside is a product of vectors, whose operands have no single weight.
                if is_given(term.value) {
                    let name =
                        weight_name.into_iter().chain([self.names.get(term.value)]).collect::<Vec<_>>().join("*");
                    biases.push((name, term.negative));
                    let value = self.single(term.value);
                    bias = bias.and_then(|bias| Some(bias + factor? * value?));
                }
                continue;
            }
            let from = place[&self.parts[self.names.root(term.value).index()]];
            let Some(edge) = view.edges.iter().position(|edge| (edge.from, edge.to) == (from, node)) else { continue };
            let weight =
                weights.entry(edge).or_insert(Weight { value: Some(0.0), is_fixed: true, ..Weight::default() });
            weight.is_fixed &= term.weight.is_none_or(|id| matches!(self.graph.node(id).op, Op::Constant(_)));
            weight.names.push((weight_name.unwrap_or("1").to_string(), term.negative));
            weight.value = weight.value.and_then(|sum| Some(sum + factor?));
        }
        for (index, weight) in weights {
            let edge = &mut view.edges[index];
            let name = signed(weight.names.into_iter());
            edge.weight = weight.value;
            if let (Some(value), Some(slope)) = (weight.value, slope) {
                let factors = read.activation.map(|activation| format!("{activation}′")).into_iter();
                let factors: Vec<String> =
                    factors.chain(Some(&name).filter(|name| *name != "1").map(|name| as_factor(name))).collect();
                edge.rule = if factors.is_empty() { "1".to_string() } else { factors.join("·") };
                edge.value = edge.value.take().map(|taken| taken.map(|v| v * value));
                edge.local = Some(Array::scalar(slope * value));
            }
            edge.weight_name = if weight.is_fixed { String::new() } else { name };
        }
        let name = signed(biases.into_iter());
        view.nodes[node].unit = Some(Unit {
            activation: read.activation,
            bias: (!name.is_empty()).then_some((name, bias)),
            sum: self.single(read.sum),
            slope,
        });
        if read.sum != end && self.graph.node(read.sum).name.is_none() {
            self.names.set(read.sum, "its sum");
        }
    }

    /// By what a term multiplies its value, with its sign; unknown where the weight has no number.
    fn factor(&self, term: &Term) -> Option<f64> {
        let weight = term.weight.map_or(Some(1.0), |weight| match &self.graph.node(weight).op {
            Op::Constant(constant) => constant.value.item(),
            _ => self.single(weight),
        })?;
        Some(if term.negative { -weight } else { weight })
    }

    fn single(&self, id: NodeId) -> Option<f64> {
        self.numbers.and_then(|run| run.value(id).item())
    }
}

/// What is said where nothing is shown as a neuron.
pub(super) fn what_is_missing(graph: &Graph, view: &View) -> Option<String> {
    if view.nodes.iter().any(|node| node.role == Role::Neuron) {
        return None;
    }
    let has_layers = graph.scopes().iter().any(|scope| scope.kind == ScopeKind::Layer);
    Some(match has_layers {
        true => "Layers that are written with arrays are not divided into neurons: each array stays whole.".to_string(),
        false => "No neuron is recognised here: a neuron is an activation of a sum, such as tanh(w1*x + w2*y + b)."
            .to_string(),
    })
}

/// Puts neurons and what they take into columns, where every edge leads from one column to the next.
pub(super) fn stand_in_columns(view: &mut View) {
    let is_single = |node: &ViewNode| node.shape.is_empty() && node.group.is_none();
    let is_plain = |node: &ViewNode| !matches!(node.role, Role::Operator(_) | Role::Folded(_) | Role::Array);
    let is_weighted = view.edges.iter().all(|edge| edge.weight.is_some() || !edge.weight_name.is_empty());
    if !is_weighted || view.edges.is_empty() || !view.nodes.iter().all(|node| is_single(node) && is_plain(node)) {
        return;
    }
    let mut columns = vec![0usize; view.nodes.len()];
    for (index, edges) in view.entering().iter().enumerate() {
        columns[index] = edges.iter().map(|&e| columns[view.edges[e].from] + 1).max().unwrap_or(0);
    }
    for (index, edges) in view.leaving().iter().enumerate() {
        if view.nodes[index].role != Role::Neuron {
            columns[index] = edges.iter().map(|&e| columns[view.edges[e].to]).min().unwrap_or(1).saturating_sub(1);
        }
    }
    if view.edges.iter().all(|edge| columns[edge.to] == columns[edge.from] + 1) {
        view.nodes.iter_mut().zip(columns).for_each(|(node, column)| node.column = Some(column));
    }
}
