//! What stands in and beside each node and on each edge, and how large it is.

use backpass::Array;
use backpass::view::{Role, View, ViewEdge, ViewNode};

use super::Direction;
use crate::font;
use crate::number;
use crate::svg::SvgOptions;

/// How a text looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Style {
    /// The label inside a node.
    Name,
    /// A value, flowing forward.
    Forward,
    /// A gradient, flowing backward.
    Backward,
    /// A local derivative.
    Local,
    /// A name, a shape, a title.
    Quiet,
}

impl Style {
    /// Its name in style sheets.
    pub fn class(self) -> &'static str {
        match self {
            Style::Name => "name",
            Style::Forward => "forward",
            Style::Backward => "backward",
            Style::Local => "local",
            Style::Quiet => "quiet",
        }
    }

    /// The size of the font.
    pub fn size(self) -> f64 {
        match self {
            Style::Name => 14.0,
            Style::Forward | Style::Backward => 12.0,
            Style::Local | Style::Quiet => 10.0,
        }
    }
}

/// One line of text.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Text {
    pub text: String,
    pub style: Style,
}

impl Text {
    /// The text, shortened to `room`.
    pub fn new(text: &str, style: Style, room: f64) -> Self {
        Text { text: font::shortened(text, style.size(), room), style }
    }

    pub fn width(&self) -> f64 {
        font::width(&self.text, self.style.size()).ceil()
    }

    pub fn height(&self) -> f64 {
        self.style.size() + 3.0
    }
}

/// The shape of a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outline {
    Circle,
    /// A box with round ends.
    Pill,
    /// A box with slightly rounded corners.
    Box,
    /// A box with well rounded corners.
    Round,
    /// A box with a double border.
    Double,
    /// A dotted box.
    Dotted,
}

/// A node before it has a place.
#[derive(Clone, Debug)]
pub(crate) struct NodeSketch {
    pub outline: Outline,
    pub w: f64,
    pub h: f64,
    /// What stands inside; empty where nothing fits.
    pub inside: Text,
    /// What stands beside it.
    pub captions: Vec<Text>,
}

/// Longer labels of nodes are shortened.
const LABEL_ROOM: f64 = 150.0;
/// Longer results in words are shortened.
const RESULT_ROOM: f64 = 260.0;
/// Longer numbers on edges are shortened.
const NUMBER_ROOM: f64 = 270.0;
/// Longer arrays on edges are shortened.
const NUMBER_CHARS: usize = 18;
/// In a view with more edges neurons show no more than their value and gradient.
pub(crate) const MOST_DETAILED: usize = 80;
/// Characters up to which an array stands on an edge in full.
const MATRIX_CHARS: usize = 48;

/// The sketch of every node.
pub(crate) fn nodes(view: &View, options: &SvgOptions, columns: bool) -> Vec<NodeSketch> {
    let mut users = vec![0; view.nodes.len()];
    view.edges.iter().for_each(|edge| users[edge.from] += 1);
    let numbers = view.nodes.iter().any(|node| node.value.is_some());
    let detailed = view.edges.len() <= MOST_DETAILED;
    let entering = view.entering();
    let sketch = |(index, users): (usize, usize)| {
        let node = &view.nodes[index];
        match columns || node.unit.is_some() {
            true => neuron(node, options, numbers, detailed),
            false => {
                let operands = entering[index].iter().filter(|&&edge| view.edges[edge].ordered).count();
                operator(node, options, users, operands)
            }
        }
    };
    users.into_iter().enumerate().map(sketch).collect()
}

fn operator(node: &ViewNode, options: &SvgOptions, users: usize, operands: usize) -> NodeSketch {
    let inside = Text::new(&number::typeset_symbol(&node.label), Style::Name, LABEL_ROOM);
    let width = inside.width();
    let (outline, w, h) = match node.role {
        Role::Input => (Outline::Pill, (width + 22.0).max(34.0), 28.0),
        Role::Parameter | Role::Constant => (Outline::Box, (width + 16.0).max(32.0), 28.0),
        Role::Operator(_) if width <= 24.0 && operands <= 2 => (Outline::Circle, 34.0, 34.0),
        Role::Operator(_) => {
            let room = operands.saturating_sub(1) as f64 * mark_space(options.direction) + 14.0;
            match options.direction {
                Direction::Right => (Outline::Round, width + 20.0, room.max(30.0)),
                Direction::Down => (Outline::Round, room.max(width + 20.0), 30.0),
            }
        }
        Role::Neuron => (Outline::Circle, (width + 16.0).clamp(40.0, 80.0), (width + 16.0).clamp(40.0, 80.0)),
        Role::Array => (Outline::Box, (width + 16.0).max(30.0), tall(&node.shape)),
        Role::Folded(_) => (Outline::Double, width + 28.0, 40.0),
        Role::More => (Outline::Dotted, width + 16.0, 28.0),
    };
    let mut captions = Vec::new();
    if node.name != node.label && !matches!(node.role, Role::More) {
        captions.push(Text::new(&node.name, Style::Quiet, LABEL_ROOM));
    }
    if !node.shape.is_empty() {
        captions.push(Text::new(&number::shape(&node.shape), Style::Quiet, LABEL_ROOM));
    }
    // With one user the numbers stand on its edge.
    if users > 1
        && let Some(gradient) = &node.gradient
    {
        captions.push(backward(gradient, options));
    }
    let room = if outline == Outline::Circle { w - 6.0 } else { w };
    NodeSketch { outline, w, h, inside: Text::new(&inside.text, Style::Name, room), captions }
}

/// A neuron, or what stands between neurons: a circle with its value inside.
fn neuron(node: &ViewNode, options: &SvgOptions, numbers: bool, detailed: bool) -> NodeSketch {
    if node.role == Role::More {
        let inside = Text::new(&node.label, Style::Quiet, LABEL_ROOM);
        return NodeSketch { outline: Outline::Dotted, w: inside.width() + 12.0, h: 22.0, inside, captions: vec![] };
    }
    let side = if numbers { 60.0 } else { 32.0 };
    let room = side - 6.0;
    let is_named = matches!(node.role, Role::Folded(_) | Role::Neuron);
    let label = number::typeset_symbol(if is_named { &node.name } else { &node.label });
    let rounded = |value: f64, digits| {
        let text = number::typeset(&number::number(value, digits));
        Text { text, style: Style::Forward }
    };
    let item = node.value.as_ref().and_then(Array::item);
    let value =
        item.and_then(|item| (1..=options.digits.min(3)).rev().map(|d| rounded(item, d)).find(|t| t.width() <= room));
    let name = Text { text: label.clone(), style: Style::Quiet };
    let (inside, caption) = match value {
        Some(value) => (value, Some(Text::new(&label, Style::Quiet, LABEL_ROOM))),
        None if name.width() <= room => (name, None),
        None => (Text { text: String::new(), style: Style::Quiet }, Some(Text::new(&label, Style::Quiet, 90.0))),
    };
    let few = SvgOptions { digits: options.digits.min(3), ..options.clone() };
    let gradient = node.gradient.as_ref().map(|gradient| backward(gradient, &few));
    let details = if detailed { details(node, &few) } else { Vec::new() };
    let captions = caption.into_iter().chain(details).chain(gradient).collect();
    NodeSketch { outline: Outline::Circle, w: side, h: side, inside, captions }
}

/// The bias of a neuron and the slope of its activation; of what follows the last layer, what it says.
fn details(node: &ViewNode, options: &SvgOptions) -> Vec<Text> {
    let text = |text: &str, style| Text::new(&number::typeset(text), style, LABEL_ROOM);
    let Some(unit) = &node.unit else {
        let says = matches!(node.role, Role::Folded(_)) && node.label != node.name;
        return says.then(|| Text::new(&node.label, Style::Quiet, RESULT_ROOM)).into_iter().collect();
    };
    let bias = unit.bias.as_ref().map(|(name, bias)| match bias {
        Some(bias) => format!("bias {}", number::number(*bias, options.digits)),
        None if name == "bias" => name.clone(),
        None => format!("bias {name}"),
    });
    let slope = unit.slope_text(options.digits);
    let activation = unit.activation.filter(|_| slope.is_none()).map(str::to_owned);
    let quiet = activation.into_iter().chain(bias).map(|t| text(&t, Style::Quiet));
    quiet.chain(slope.map(|slope| text(&slope, Style::Local))).collect()
}

/// The mark of an operand where the order matters, beside the head of its arrow.
pub(crate) fn mark(edge: &ViewEdge) -> Option<Text> {
    let text = || Text { text: number::ordinal(edge.operand), style: Style::Quiet };
    edge.ordered.then(text)
}

/// How far apart arrows arrive between whose heads a mark has room.
pub(crate) fn mark_space(flow: Direction) -> f64 {
    match flow {
        Direction::Right => 18.0,
        Direction::Down => 26.0,
    }
}

/// The height of the box of an array: it grows with the logarithm of the number of elements in a column.
fn tall(shape: &[usize]) -> f64 {
    let elements = shape.last().copied().unwrap_or(1).max(1) as f64;
    (30.0 + 12.0 * elements.log2()).clamp(30.0, 150.0)
}

fn value(value: &Array, options: &SvgOptions) -> String {
    // A small matrix stands there in full, of a larger one the beginning.
    let text = match number::array(value, options.digits, MATRIX_CHARS) {
        text if text.contains('…') => number::array(value, options.digits, NUMBER_CHARS),
        text => text,
    };
    // Where even one item and the number of the others is too much, the item alone remains.
    let item = text.split_once(',').filter(|_| text.contains('…') && text.chars().count() > NUMBER_CHARS);
    number::typeset(&item.map_or(text.clone(), |(item, _)| format!("{item}, …]")))
}

fn backward(gradient: &Array, options: &SvgOptions) -> Text {
    let arrow = match options.direction {
        Direction::Right => '←',
        Direction::Down => '↑',
    };
    Text::new(&format!("{arrow} {}", value(gradient, options)), Style::Backward, NUMBER_ROOM)
}

/// What stands on an edge between operators: above the line and below it.
pub(crate) fn edge(edge: &ViewEdge, options: &SvgOptions) -> (Vec<Text>, Vec<Text>) {
    let forward = weight(edge, Wording::Product, options).into_iter().next().or_else(|| {
        let value = edge.value.as_ref().map(|v| value(v, options))?;
        Some(Text::new(&value, Style::Forward, NUMBER_ROOM))
    });
    let gradient = edge.gradient.as_ref().map(|g| backward(g, options));
    let local = match &edge.local {
        Some(local) if local.len() == 1 => Some(format!("∂ {}", value(local, options))),
        // Without numbers the rule itself is what there is to say.
        None if edge.value.is_none() && !edge.rule.is_empty() => Some(format!("∂ {}", edge.rule.replace('-', "−"))),
        _ => None,
    };
    let local = local.map(|text| Text::new(&text, Style::Local, NUMBER_ROOM));
    (forward.into_iter().collect(), gradient.into_iter().chain(local).collect())
}

/// What stands on the arrow that leaves a node without users.
pub(crate) fn result(node: &ViewNode, options: &SvgOptions) -> (Vec<Text>, Vec<Text>) {
    let forward = node.value.as_ref().map(|v| Text::new(&value(v, options), Style::Forward, NUMBER_ROOM));
    let gradient = node.gradient.as_ref().map(|g| backward(g, options));
    (forward.into_iter().collect(), gradient.into_iter().collect())
}

/// How much stands on the edges between neurons.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wording {
    /// The product, and what flows back.
    Both,
    /// The product.
    Product,
    /// The weight alone.
    Weight,
}

/// What stands on an edge between neurons, line by line.
pub(crate) fn weight(edge: &ViewEdge, wording: Wording, options: &SvgOptions) -> Vec<Text> {
    let few = SvgOptions { digits: options.digits.min(3), ..options.clone() };
    let number = |value: f64| number::number(value, few.digits);
    let weight = match edge.weight {
        Some(weight) => format!("× {}", number(weight)),
        None if !edge.weight_name.is_empty() => format!("× {}", edge.weight_name),
        None => return Vec::new(),
    };
    let product = edge.value.as_ref().and_then(Array::item).filter(|_| wording != Wording::Weight);
    let text = product.map_or(weight.clone(), |product| format!("{weight} = {}", number(product)));
    let forward = Text { text: number::typeset(&text), style: Style::Forward };
    let back = edge.gradient.as_ref().filter(|_| wording == Wording::Both).map(|gradient| backward(gradient, &few));
    [forward].into_iter().chain(back).collect()
}
