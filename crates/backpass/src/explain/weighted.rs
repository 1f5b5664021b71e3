//! A neuron that a user has typed: which values it weights, by what, and what it adds to them.

use crate::graph::{Graph, NodeId};
use crate::ops::{Category, Op};
use crate::view::number;

/// One term of a weighted sum.
pub(super) struct Term {
    /// The value that is weighted.
    pub value: NodeId,
    /// Its weight; none where the value itself is added.
    pub weight: Option<NodeId>,
    /// Whether it is subtracted.
    pub negative: bool,
}

/// A neuron, read from its last node: `g(w1*x + w2*y + b)`.
pub(super) struct Weighted {
    /// The activation's name.
    pub activation: Option<&'static str>,
    /// The node of the sum.
    pub sum: NodeId,
    /// The terms in their order, biases among them.
    pub terms: Vec<Term>,
}

impl Weighted {
    /// Reads the nodes that are `inside` the neuron, back from `end`.
    pub fn new(graph: &Graph, end: NodeId, inside: impl Fn(NodeId) -> bool) -> Weighted {
        let node = graph.node(end);
        let (activation, sum) = match (&node.op, &node.args[..]) {
            (op, &[arg]) if op.info().category == Category::Activation => (Some(op.info().name), arg),
            _ => (None, end),
        };
        let mut terms = Vec::new();
        let mut open = vec![(sum, false)];
        while let Some((id, negative)) = open.pop() {
            let node = graph.node(id);
            match (&node.op, &node.args[..]) {
                (Op::Add(_), &[a, b]) if inside(id) => open.extend([(b, negative), (a, negative)]),
                (Op::Sub(_), &[a, b]) if inside(id) => open.extend([(b, !negative), (a, negative)]),
                (Op::Reshape(_), &[a]) if inside(id) => open.push((a, negative)),
                (Op::Mul(_), args) if inside(id) => {
                    let position = weight_of(graph, id).unwrap_or(0);
                    terms.push(Term { value: args[1 - position], weight: Some(args[position]), negative });
                }
                _ => terms.push(Term { value: id, weight: None, negative }),
            }
        }
        Weighted { activation, sum, terms }
    }
}

/// Which operand of a product is the weight: the one that is given; of two, the one that is called so or is a number,
/// otherwise the first. None where both are computed.
pub(super) fn weight_of(graph: &Graph, product: NodeId) -> Option<usize> {
    let &[a, b] = &graph.node(product).args[..] else { return None };
    let is_given = |id: NodeId| graph.node(id).args.is_empty();
    let is_called_so = |id: NodeId| match graph.node(id).op {
        Op::Constant(_) | Op::Parameter(_) => true,
        _ => graph.node(id).name.as_deref().is_some_and(is_weight),
    };
    match (is_given(a), is_given(b)) {
        (true, true) => Some(usize::from(is_called_so(b) && !is_called_so(a))),
        (true, false) => Some(0),
        (false, true) => Some(1),
        (false, false) => None,
    }
}

/// Whether a name is that of a weight or bias: `w`, `w1`, `w_in`, `b2`, `bias`, `weight3`.
pub(super) fn is_weight(name: &str) -> bool {
    let rest = ["weight", "bias", "w", "W", "b", "B"].iter().find_map(|start| name.strip_prefix(start));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(|c: char| c.is_ascii_digit() || c == '_'))
}

/// Terms with their signs: `w1 - w2`.
pub(super) fn signed(terms: impl Iterator<Item = (String, bool)>) -> String {
    let mut text = String::new();
    for (term, negative) in terms {
        text += match (text.is_empty(), negative) {
            (true, false) => "",
            (true, true) => "-",
            (false, false) => " + ",
            (false, true) => " - ",
        };
        text += &term;
    }
    text
}

/// Whether a name of a weight, as [`signed`] writes it, is a sum of several.
pub(super) fn is_sum(name: &str) -> bool {
    !name.ends_with(']') && (name.contains(" + ") || name.contains(" - "))
}

/// The name of a weight as a factor: a sum or difference in brackets.
pub(super) fn as_factor(name: &str) -> String {
    if name.starts_with('-') || is_sum(name) { format!("({name})") } else { name.to_string() }
}

/// A number behind others in a sum: ` + 0.5`, ` - 2`.
pub(super) fn added(value: f64, digits: usize) -> String {
    if value < 0.0 { format!(" - {}", number(-value, digits)) } else { format!(" + {}", number(value, digits)) }
}
