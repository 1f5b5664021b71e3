//! From a graph to its text.
//!
//! Each node that has a name, more than one use, or a user in another block is defined in a line of its own; the others
//! stand inside the formula of their user. No operands change places, so reading the text gives the same graph again, and
//! printing that gives the same text.

use std::collections::{HashMap, HashSet};
use std::fmt;

use super::lexer::{number, quote};
use crate::array::Array;
use crate::graph::{Graph, Node, NodeId, ScopeId};
use crate::ops::{Attribute, Matmul, Op};

/// Columns of a formula before parts of it get lines of their own.
const COLUMNS: usize = 100;
/// Levels of a formula before the rest gets a line of its own.
const LEVELS: usize = 8;
/// What stands for a label while it is not known which nodes need one.
const LABEL: &str = "_000";
/// Operators that a formula for people shows.
const SHOWN: usize = 200;
/// Elements up to which a formula for people shows an array.
const SHOWN_ELEMENTS: usize = 9;

/// How strongly the outermost operator of a formula binds.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Strength {
    Comparison,
    Sum,
    /// Read as strong as [`Strength::Product`], written in brackets inside one: `(a @ b)*c`.
    Matrix,
    Product,
    Minus,
    Power,
    Operand,
    /// A number without sign, which a minus before it would join.
    Number,
}

#[derive(Clone)]
struct Formula {
    text: String,
    strength: Strength,
}

impl Formula {
    fn operand(text: impl Into<String>) -> Self {
        Formula { text: text.into(), strength: Strength::Operand }
    }

    /// The text where something at least as strong as `weakest` is needed.
    fn within(self, weakest: Strength) -> String {
        if self.strength < weakest { format!("({})", self.text) } else { self.text }
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }
}

/// The formula of a node from those of its operands.
fn formula(node: &Node, operand: impl Fn(NodeId) -> Formula) -> Formula {
    use Strength::*;
    let infix = |symbol: &str, strength: Strength, left: Strength, right: Strength| {
        let text = [operand(node.args[0]).within(left), operand(node.args[1]).within(right)].join(symbol);
        Formula { text, strength }
    };
    match &node.op {
        Op::Constant(constant) => literal(&constant.value),
        Op::Add(_) => infix(" + ", Sum, Sum, Matrix),
        Op::Sub(_) => infix(" - ", Sum, Sum, Matrix),
        Op::Mul(_) => infix("*", Product, Product, Minus),
        Op::Div(_) => infix("/", Product, Product, Minus),
        Op::Matmul(matmul) if *matmul == Matmul::default() => infix(" @ ", Matrix, Matrix, Minus),
        Op::Compare(compare) => infix(&format!(" {} ", compare.relation.symbol()), Comparison, Sum, Sum),
        Op::Pow(_) => infix("^", Power, Operand, Minus),
        Op::Neg(_) => {
            let operand = operand(node.args[0]);
            let joins = operand.strength == Number;
            let text = if joins { format!("-({})", operand.text) } else { format!("-{}", operand.within(Power)) };
            Formula { text, strength: Minus }
        }
        Op::Transpose(transpose) if transpose.axes == [1, 0] => {
            Formula::operand(format!("{}'", operand(node.args[0]).within(Operand)))
        }
        op => {
            let operands = node.args.iter().map(|&arg| operand(arg).text);
            let attributes = op.attributes().into_iter().map(|(name, value)| format!("{name}={}", attribute(&value)));
            let list: Vec<String> = operands.chain(attributes).collect();
            Formula::operand(format!("{}({})", op.info().name, list.join(", ")))
        }
    }
}

fn attribute(attribute: &Attribute) -> String {
    match attribute {
        Attribute::Number(value) => number(*value),
        Attribute::Array(value) => literal(value).text,
        other => other.to_string(),
    }
}

fn literal(array: &Array) -> Formula {
    if let ([], [value]) = (array.shape(), array.data()) {
        let strength = if value.is_sign_negative() { Strength::Minus } else { Strength::Number };
        return Formula { text: number(*value), strength };
    }
    if array.is_empty() && array.shape().len() > 1 {
        // Nested brackets cannot tell 0 rows of 3 from 0 rows of 4.
        return Formula::operand(format!("reshape([], shape={:?})", array.shape()));
    }
    fn write(text: &mut String, sizes: &[usize], data: &[f64]) {
        let Some((&count, inner)) = sizes.split_first() else {
            text.push_str(&number(data[0]));
            return;
        };
        text.push('[');
        for (i, row) in data.chunks((data.len() / count.max(1)).max(1)).enumerate() {
            text.push_str(if i == 0 { "" } else { ", " });
            write(text, inner, row);
        }
        text.push(']');
    }
    let mut text = String::new();
    write(&mut text, array.shape(), array.data());
    Formula::operand(text)
}

/// What one node computes, with the names or numbers that `operand` gives for its operands.
pub fn operation(node: &Node, operand: impl Fn(NodeId) -> String) -> String {
    let operand = |id| {
        let text = operand(id);
        let strength = if text.starts_with('-') { Strength::Comparison } else { Strength::Operand };
        Formula { text, strength }
    };
    for_people(node, operand).text
}

/// As [`formula`], without what only a computer needs: a product with a transposed operand is written so, and changes of
/// shape are not written.
fn for_people(node: &Node, operand: impl Fn(NodeId) -> Formula) -> Formula {
    match &node.op {
        Op::Broadcast(_) | Op::Reshape(_) => operand(node.args[0]),
        Op::Matmul(Matmul { transpose_left, transpose_right }) => {
            let side = |position: usize, transposed: bool, weakest: Strength| match transposed {
                true => format!("{}'", operand(node.args[position]).within(Strength::Operand)),
                false => operand(node.args[position]).within(weakest),
            };
            let left = side(0, *transpose_left, Strength::Matrix);
            let text = format!("{left} @ {}", side(1, *transpose_right, Strength::Minus));
            Formula { text, strength: Strength::Matrix }
        }
        _ => formula(node, operand),
    }
}

/// The formula of a node for people: it goes `max_depth` operators deep, stops at named nodes, and has `…` for the rest.
pub fn expression(graph: &Graph, node: NodeId, max_depth: usize) -> String {
    let left = std::cell::Cell::new(SHOWN);
    shown(graph, node, max_depth.max(1), &left, true).text
}

fn shown(graph: &Graph, id: NodeId, depth: usize, left: &std::cell::Cell<usize>, outermost: bool) -> Formula {
    let node = graph.node(id);
    match (&node.name, &node.op) {
        (Some(name), op) if !outermost || matches!(op, Op::Input(_) | Op::Parameter(_)) => {
            Formula::operand(quote(name))
        }
        (_, Op::Constant(constant)) if constant.value.len() <= SHOWN_ELEMENTS => literal(&constant.value),
        (_, Op::Constant(_)) => Formula::operand("[…]"),
        _ if depth == 0 || left.get() == 0 => Formula::operand("…"),
        _ => {
            left.set(left.get() - 1);
            for_people(node, |arg| shown(graph, arg, depth - 1, left, false))
        }
    }
}

impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names = names(self);
        let inline = inline(self, &names);
        label(self, &inline, &mut names);
        let name = |id: NodeId| names[id.index()].as_deref().unwrap_or("");
        let mut formulas: Vec<Option<Formula>> = vec![None; self.nodes().len()];
        let mut blocks = Blocks { graph: self, open: Vec::new() };
        for (id, node) in self.ids().zip(self.nodes()) {
            let operand = |id: NodeId| formulas[id.index()].clone().unwrap_or_else(|| Formula::operand(name(id)));
            let line = match &node.op {
                Op::Input(_) | Op::Parameter(_) => format!("{} {}: {}", node.op.info().name, name(id), node.shape),
                _ => {
                    let formula = formula(node, operand);
                    if inline[id.index()] {
                        formulas[id.index()] = Some(formula);
                        continue;
                    }
                    format!("{} = {}", name(id), formula.text)
                }
            };
            blocks.enter(f, node.scope)?;
            writeln!(f, "{}{line}", blocks.indent())?;
        }
        blocks.enter(f, ScopeId::ROOT)?;
        let text = |id: NodeId| formulas[id.index()].as_ref().map_or(name(id), |formula| &formula.text);
        for (output, id) in self.outputs() {
            match (quote(output), text(*id)) {
                (output, value) if output == value => writeln!(f, "output {output}")?,
                (output, value) => writeln!(f, "output {output} = {value}")?,
            }
        }
        for (parameter, value) in self.updates() {
            writeln!(f, "update {} = {}", name(*parameter), text(*value))?;
        }
        Ok(())
    }
}

/// The names of named nodes as they are written. Where several nodes share one, the later get a number; inputs and
/// parameters, which are known by their names, never do.
fn names(graph: &Graph) -> Vec<Option<String>> {
    let known: HashSet<&str> = graph.nodes().iter().filter_map(|n| n.name.as_deref()).collect();
    let mut used: HashMap<String, usize> = HashMap::new();
    let mut names = vec![None; graph.nodes().len()];
    let is_leaf = |id: &NodeId| matches!(graph.node(*id).op, Op::Input(_) | Op::Parameter(_));
    let (leaves, others): (Vec<NodeId>, Vec<NodeId>) = graph.ids().partition(is_leaf);
    for id in leaves.into_iter().chain(others) {
        let Some(name) = &graph.node(id).name else { continue };
        let count = used.entry(name.clone()).or_insert(0);
        let mut unique = name.clone();
        while *count > 0 && (unique == *name || known.contains(unique.as_str())) {
            *count += 1;
            unique = format!("{name}_{count}");
        }
        *count = (*count).max(1);
        names[id.index()] = Some(quote(&unique));
    }
    names
}

/// Gives `_1`, `_2`, … to the nodes that need a line and have no name.
fn label(graph: &Graph, inline: &[bool], names: &mut [Option<String>]) {
    let known: HashSet<&str> = graph.nodes().iter().filter_map(|n| n.name.as_deref()).collect();
    let mut labels = (1..).map(|n| format!("_{n}")).filter(|label| !known.contains(label.as_str()));
    for (name, inline) in names.iter_mut().zip(inline) {
        if name.is_none() && !inline {
            *name = labels.next();
        }
    }
}

/// Whether each node stands inside the formula of its user.
fn inline(graph: &Graph, names: &[Option<String>]) -> Vec<bool> {
    let uses = graph.uses();
    let mut user_scope = vec![ScopeId::ROOT; graph.nodes().len()];
    for node in graph.nodes() {
        node.args.iter().for_each(|arg| user_scope[arg.index()] = node.scope);
    }
    let mut drafts: Vec<Option<(Formula, usize)>> = vec![None; graph.nodes().len()];
    for (index, node) in graph.nodes().iter().enumerate() {
        let name = |id: NodeId| names[id.index()].as_deref().unwrap_or(LABEL);
        let draft = |drafts: &[Option<(Formula, usize)>]| {
            formula(node, |id| drafts[id.index()].as_ref().map_or_else(|| Formula::operand(name(id)), |d| d.0.clone()))
        };
        let mut whole = draft(&drafts);
        let mut excess = whole.width().saturating_sub(COLUMNS);
        if excess > 0 {
            let width = |id: &NodeId| drafts[id.index()].as_ref().map(|(formula, _)| formula.width());
            let parts = node.args.iter().enumerate().filter_map(|(at, id)| Some((width(id)?, at, id.index())));
            let mut parts: Vec<(usize, usize, usize)> = parts.collect();
            parts.sort();
            while let Some((width, _, index)) = parts.pop().filter(|_| excess > 0) {
                excess = excess.saturating_sub(width.saturating_sub(LABEL.len()));
                drafts[index] = None;
            }
            whole = draft(&drafts);
        }
        let depth = node.args.iter().filter_map(|id| Some(drafts[id.index()].as_ref()?.1)).max().unwrap_or(0) + 1;
        let leaf = matches!(node.op, Op::Input(_) | Op::Parameter(_));
        let within_user = node.name.is_none() && uses[index] == 1 && user_scope[index] == node.scope && !leaf;
        drafts[index] = (within_user && depth <= LEVELS && whole.width() <= COLUMNS).then_some((whole, depth));
    }
    drafts.iter().map(Option::is_some).collect()
}

/// The blocks around the lines of a text.
struct Blocks<'g> {
    graph: &'g Graph,
    open: Vec<ScopeId>,
}

impl Blocks<'_> {
    fn indent(&self) -> String {
        "  ".repeat(self.open.len())
    }

    /// Closes and opens what lies between the last line and one in `scope`.
    fn enter(&mut self, f: &mut fmt::Formatter<'_>, mut scope: ScopeId) -> fmt::Result {
        let mut path = Vec::new();
        while scope != ScopeId::ROOT {
            path.push(scope);
            scope = self.graph.scopes()[scope.index()].parent;
        }
        path.reverse();
        let common = path.iter().zip(&self.open).take_while(|(a, b)| a == b).count();
        while self.open.len() > common {
            self.open.pop();
            writeln!(f, "{}}}", self.indent())?;
        }
        for &id in &path[common..] {
            let scope = &self.graph.scopes()[id.index()];
            writeln!(f, "{}{} {} {{", self.indent(), scope.kind.name(), quote(&scope.name))?;
            self.open.push(id);
        }
        Ok(())
    }
}
