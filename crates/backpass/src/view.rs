//! [`View`]: what a picture shows, as plain data. A drawing, a table, a page and a test read the same view.
//!
//! Forward, a value flows along each edge; backward, a gradient flows against it. On every edge stand both numbers, and
//! the local derivative by which one becomes the other.

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
}

/// One edge of a view: what `to` takes from `from`.
#[derive(Clone, Debug)]
pub struct ViewEdge {
    /// The node that gives, an index.
    pub from: usize,
    /// The node that takes, an index.
    pub to: usize,
    /// Which operand of `to` it is, counted from 0.
    pub operand: usize,
    /// The number on which the value is multiplied on its way, for edges between neurons.
    pub weight: Option<f64>,
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
    /// The node whose derivative is taken, an index; none where no gradient is shown.
    pub output: Option<usize>,
    /// The forward pass and then the backward pass, one node at a time; empty where there are no numbers.
    pub steps: Vec<Step>,
    /// What is remarkable about the whole, in whole sentences.
    pub notes: Vec<String>,
}

impl View {
    /// The edges that enter a node, as indices, in the order of the operands.
    pub fn operands(&self, node: usize) -> Vec<usize> {
        let mut edges: Vec<usize> = (0..self.edges.len()).filter(|&e| self.edges[e].to == node).collect();
        edges.sort_by_key(|&e| self.edges[e].operand);
        edges
    }
}

/// A number with so many significant digits, for people: `0.0001` to `1000000` plainly, others as `1.5e-7`.
pub fn number(value: f64, digits: usize) -> String {
    if value == 0.0 {
        return "0".to_string();
    }
    if !value.is_finite() {
        return if value.is_nan() {
            "NaN"
        } else if value > 0.0 {
            "inf"
        } else {
            "-inf"
        }
        .to_string();
    }
    let digits = digits.clamp(1, 17);
    let scientific = format!("{value:.*e}", digits - 1);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let short = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
        false => text.to_string(),
    };
    match exponent.parse::<i32>().unwrap_or(0) {
        plain @ -4..=6 => short(&format!("{value:.*}", (digits as i32 - 1 - plain).max(0) as usize)),
        _ => format!("{}e{exponent}", short(mantissa)),
    }
}

/// An array for people: up to nine numbers in full, of a longer one its sizes and its first numbers.
pub fn array(value: &Array, digits: usize) -> String {
    const FULL: usize = 9;
    const BEGINNING: usize = 4;
    fn write(text: &mut String, sizes: &[usize], data: &[f64], digits: usize) {
        let Some((&count, inner)) = sizes.split_first() else {
            text.push_str(&number(data[0], digits));
            return;
        };
        text.push('[');
        for (i, part) in data.chunks((data.len() / count.max(1)).max(1)).enumerate() {
            text.push_str(if i == 0 { "" } else { ", " });
            write(text, inner, part, digits);
        }
        text.push(']');
    }
    if value.len() > FULL {
        let first: Vec<String> = value.data()[..BEGINNING].iter().map(|&v| number(v, digits)).collect();
        let sizes: Vec<String> = value.shape().iter().map(usize::to_string).collect();
        return format!("[{}, … {} more] ({})", first.join(", "), value.len() - BEGINNING, sizes.join("×"));
    }
    let mut text = String::new();
    write(&mut text, value.shape(), value.data(), digits);
    text
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_are_short_and_have_the_digits_asked_for() {
        let of = |value| number(value, 4);
        assert_eq!(of(0.5), "0.5");
        assert_eq!(of(-0.0), "0");
        assert_eq!(of(0.475_020_8), "0.475");
        assert_eq!(of(-1.0 / 3.0), "-0.3333");
        assert_eq!(of(99_999.6), "100000");
        assert_eq!(of(1234.56), "1235");
        assert_eq!(of(1e-4), "0.0001");
        assert_eq!(of(1.234_56e-5), "1.235e-5");
        assert_eq!(of(1e300), "1e300");
        assert_eq!(of(f64::NAN), "NaN");
        assert_eq!(of(f64::NEG_INFINITY), "-inf");
        assert_eq!(number(std::f64::consts::PI, 17), "3.1415926535897931");
    }
}
