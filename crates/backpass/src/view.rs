//! [`View`]: what a picture shows, as plain data. A drawing, a table, a page and a test read the same view.
//!
//! Forward, a value flows along each edge; backward, a gradient flows against it. On every edge stand both numbers, and
//! the local derivative by which one becomes the other.

mod number;
mod plots;

pub use number::{GAP, array, array_within, fraction, number, ordinal, shape};
pub use plots::{Grid, InitRanges, Landscape, LayerRange, NeuronMap, Profile};

use crate::array::Array;
use crate::graph::ScopeKind;
use crate::ops::Category;

/// How much one node of a view stands for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Level {
    /// The whole network is one node.
    Network,
    /// Arrays, linked by layers.
    Layer,
    /// Neurons, linked by weights.
    Neuron,
    /// Every operator.
    Operator,
}

impl Level {
    /// All levels with their names, from coarse to fine.
    pub const NAMES: [(&'static str, Level); 4] = [
        ("network", Level::Network),
        ("layer", Level::Layer),
        ("neuron", Level::Neuron),
        ("operator", Level::Operator),
    ];

    /// The name.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, level)| *level == self).map_or("", |(name, _)| name)
    }
}

/// What a node of a view stands for; it decides its shape and colour.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Role {
    /// A value that is given anew at each run.
    Input,
    /// A value that training changes.
    Parameter,
    /// A fixed value.
    Constant,
    /// One operator.
    Operator(Category),
    /// One neuron: a circle.
    Neuron,
    /// An array between two layers: a box as tall as it has elements.
    Array,
    /// A scope that is folded into one node.
    Folded(ScopeKind),
    /// What is left out: "…and 780 more".
    More,
}

/// One node of a view.
#[derive(Clone, Debug)]
pub struct ViewNode {
    /// An identifier that stays the same for the same node: letters, digits, `_`, `.`, `-`; unique in its view.
    pub id: String,
    /// What stands inside the shape: `x`, `×`, `tanh`, `hidden1`.
    pub label: String,
    /// What stands for its value in formulas: `x`, `v3`, `hidden1[3]`; may equal the label.
    pub name: String,
    /// What it stands for.
    pub role: Role,
    /// What it computes, from the names of its operands: `w1*x`; empty for what is given.
    pub formula: String,
    /// The sizes of its value; none for a single number.
    pub shape: Vec<usize>,
    /// Its value.
    pub value: Option<Array>,
    /// The derivative of the output with respect to it, of the value's sizes.
    pub gradient: Option<Array>,
    /// What is remarkable here, in whole sentences: a kink, a zero derivative, NaN.
    pub notes: Vec<String>,
    /// The column in which it stands, counted from 0, where columns are given, as in a network drawn neuron by neuron.
    pub column: Option<usize>,
    /// The innermost [`Group`] around it.
    pub group: Option<usize>,
    /// What happens inside it, where it is a neuron.
    pub unit: Option<Unit>,
}

/// The inside of a neuron: an activation of a weighted sum.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Unit {
    /// The activation; none where the value is the sum itself.
    pub activation: Option<&'static str>,
    /// What is added to the weighted values: its name, and its value where it is known; none without a bias.
    pub bias: Option<(String, Option<f64>)>,
    /// The weighted sum with the bias.
    pub sum: Option<f64>,
    /// The derivative of the value with respect to the sum.
    pub slope: Option<f64>,
}

impl Unit {
    /// The derivative of the activation at the sum as a formula with its value, `tanh′(0.5) = 0.786`.
    pub fn slope_text(&self, digits: usize) -> Option<String> {
        let (activation, sum, slope) = (self.activation?, self.sum?, self.slope?);
        Some(format!("{activation}′({}) = {}", number(sum, digits), number(slope, digits)))
    }
}

/// One edge of a view: what `to` takes from `from`.
#[derive(Clone, Debug, Default)]
pub struct ViewEdge {
    /// The node that gives, an index.
    pub from: usize,
    /// The node that takes, an index.
    pub to: usize,
    /// Which operand of `to` it is, counted from 0.
    pub operand: usize,
    /// Whether `to` would be another value with its operands in another order.
    pub ordered: bool,
    /// The number by which the value is multiplied on its way into a neuron.
    pub weight: Option<f64>,
    /// What a weight that has a derivative is called: `w1`; empty for fixed ones.
    pub weight_name: String,
    /// What flows forward: the value of `from`, or its product with the weight.
    pub value: Option<Array>,
    /// ∂to/∂from as a formula; for arrays the rule that leads from ∂/∂to to ∂/∂from. Empty when there is none.
    pub rule: String,
    /// ∂to/∂from, where it is one number for each element of `to` or `from`.
    pub local: Option<Array>,
    /// What flows backward: the part of the gradient of `from` that comes through `to`. These parts add up to it.
    pub gradient: Option<Array>,
}

/// A scope that is drawn open: a frame around its nodes.
#[derive(Clone, Debug)]
pub struct Group {
    /// An identifier, unique among groups.
    pub id: String,
    /// Its name.
    pub label: String,
    /// What it stands for.
    pub kind: ScopeKind,
    /// The frame around it, an index.
    pub parent: Option<usize>,
}

/// The direction of a step.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Pass {
    /// A value is computed.
    Forward,
    /// A gradient is computed.
    Backward,
}

/// One step of a forward or backward pass.
#[derive(Clone, Debug)]
pub struct Step {
    /// Which of the two.
    pub pass: Pass,
    /// The node whose value or gradient it gives, an index.
    pub node: usize,
    /// The edges it goes along, indices.
    pub edges: Vec<usize>,
    /// The computation in one line: `v3 = w1*x = 0.5 · 1 = 0.5`.
    pub text: String,
}

/// What the reader of a picture is asked, as on a worksheet.
#[derive(Clone, PartialEq, Debug)]
pub struct Task {
    /// The question, in whole sentences.
    pub question: String,
    /// The answers to choose from, called A, B, C and so on; none where the reader finds one alone.
    pub options: Vec<String>,
    /// The right answer, where it is told.
    pub answer: Option<String>,
}

impl Task {
    /// The answers to choose from with their letters: `A/  -2.25`.
    pub fn lettered(&self) -> Vec<String> {
        ('A'..).zip(&self.options).map(|(letter, option)| format!("{letter}/  {option}")).collect()
    }
}

/// What a picture shows.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// What it is a picture of.
    pub title: String,
    /// Nodes; every edge leads from an earlier to a later one.
    pub nodes: Vec<ViewNode>,
    /// Edges.
    pub edges: Vec<ViewEdge>,
    /// Frames; a parent comes before its children.
    pub groups: Vec<Group>,
    /// The result, an index.
    pub output: Option<usize>,
    /// What is differentiated: `L` in ∂L/∂x. It may be something that follows the result. Empty where no gradient is shown.
    pub of: String,
    /// The forward pass and then the backward pass, one node at a time; empty where there are no numbers.
    pub steps: Vec<Step>,
    /// What is remarkable about the whole, in whole sentences.
    pub notes: Vec<String>,
    /// What the reader is asked.
    pub task: Option<Task>,
}

impl View {
    /// For each node the edges that enter it, as indices, in the order of the operands.
    pub fn entering(&self) -> Vec<Vec<usize>> {
        let mut entering = vec![Vec::new(); self.nodes.len()];
        self.edges.iter().enumerate().for_each(|(index, edge)| entering[edge.to].push(index));
        entering.iter_mut().for_each(|edges| edges.sort_by_key(|&e| self.edges[e].operand));
        entering
    }

    /// For each node the edges that leave it, as indices.
    pub fn leaving(&self) -> Vec<Vec<usize>> {
        let mut leaving = vec![Vec::new(); self.nodes.len()];
        self.edges.iter().enumerate().for_each(|(index, edge)| leaving[edge.from].push(index));
        leaving
    }
}
