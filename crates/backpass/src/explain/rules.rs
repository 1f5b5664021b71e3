//! The local derivative of one operator: as a formula and as numbers, both from the operator's own derivative rule.

use super::{Explanation, Names};
use crate::array::Array;
use crate::builder::{Builder, Expr};
use crate::graph::{Graph, NodeId};
use crate::interpret::interpret;
use crate::ops::{Cotangent, Op, Vjp};
use crate::passes::{for_people, is_map};
use crate::shape::Shape;
use crate::text::expression;
use crate::view::{number, shape};

/// The derivative of a node with respect to one operand.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Rule {
    /// For a single number ∂node/∂operand; for an array what flows back to the operand, from the gradient of the node.
    pub formula: String,
    /// ∂node/∂operand in numbers: one for each element of the node, or of the operand where the node is a single number.
    pub local: Option<Array>,
}

/// How many operators deep a formula is written.
const DEPTH: usize = 12;

impl Explanation {
    /// The derivative rule of `id` with respect to its operand number `operand`.
    pub(super) fn rule(&self, names: &Names, id: NodeId, operand: usize) -> Rule {
        let node = self.graph.node(id);
        if let (Op::Matmul(_), Some(_)) = (&node.op, self.value(id).item()) {
            // A product of two vectors is linear in each: its derivative is the other one.
            let other = names.root(node.args[1 - operand]);
            let sizes = self.value(names.root(node.args[operand])).shape();
            return Rule { formula: names.get(other).to_string(), local: self.value(other).reshaped(sizes) };
        }
        let elementwise = is_map(&self.graph, node);
        let is_local = elementwise || self.value(id).shape().is_empty();
        let (builder, small) = (Builder::new(), Small { explanation: self, names, id });
        let args: Vec<Expr<'_>> = (0..node.args.len()).map(|i| small.argument(&builder, i)).collect();
        let output = match args[..] {
            // Of a function of one number the rule can be simplified by what the function is.
            [x] if elementwise => x.apply(node.op.clone()).named(OUTPUT),
            _ => small.input(&builder, OUTPUT, id),
        };
        let cotangent = if is_local { builder.constant(1.0) } else { small.input(&builder, COTANGENT, id) };
        let rules = node.op.vjp(&Vjp { args: &args, output, cotangent });
        let Some(Cotangent::Of(value)) = rules.into_iter().nth(operand) else { return Rule::default() };
        builder.output("rule", value);
        let Ok(graph) = builder.finish() else { return Rule::default() };
        let local = || {
            let value = small.value(&graph)?;
            let sizes = if elementwise { self.value(id).shape() } else { self.value(node.args[operand]).shape() };
            let fits =
                Shape::fixed(value.shape()).broadcast(&Shape::fixed(sizes)).is_ok_and(|s| s == Shape::fixed(sizes));
            fits.then(|| value.broadcast_to(sizes))
        };
        let mut formula = small.text(&graph);
        if elementwise && !self.value(id).shape().is_empty() {
            let simple = is_operand(&formula);
            formula = match formula.as_str() {
                "1" => small.gradient(),
                _ if simple => format!("{} ⊙ {formula}", small.gradient()),
                _ => format!("{} ⊙ ({formula})", small.gradient()),
            };
            let (arg, all) = (self.value(names.root(node.args[operand])), self.value(id));
            if arg.len() < all.len() {
                // What was repeated forward is summed backward.
                let sizes = if arg.shape().is_empty() { "one number".to_string() } else { shape(arg.shape()) };
                formula = format!("{formula}, summed to {sizes}");
            }
        }
        Rule { formula, local: is_local.then(local).flatten() }
    }
}

/// Names of placeholders, which no formula contains otherwise.
const OUTPUT: &str = "⟦y⟧";
const COTANGENT: &str = "⟦d⟧";

/// A graph with one operator, whose operands are inputs.
struct Small<'e> {
    explanation: &'e Explanation,
    names: &'e Names,
    id: NodeId,
}

impl Small<'_> {
    fn args(&self) -> &[NodeId] {
        &self.explanation.graph.node(self.id).args
    }

    fn input<'b>(&self, builder: &'b Builder, name: &str, like: NodeId) -> Expr<'b> {
        builder.input(name, Shape::fixed(self.explanation.value(like).shape()))
    }

    fn argument<'b>(&self, builder: &'b Builder, operand: usize) -> Expr<'b> {
        let id = self.args()[operand];
        match &self.explanation.graph.node(id).op {
            Op::Constant(c) if c.value.shape().is_empty() => builder.constant(c.value.clone()),
            _ => self.input(builder, &placeholder(operand), id),
        }
    }

    fn value(&self, graph: &Graph) -> Option<Array> {
        let names: Vec<String> = (0..self.args().len()).map(placeholder).collect();
        let mut values: Vec<(&str, &Array)> = vec![(OUTPUT, self.explanation.value(self.id))];
        values.extend(names.iter().map(String::as_str).zip(self.args().iter().map(|&a| self.explanation.value(a))));
        values.retain(|(name, _)| graph.inputs().any(|id| graph.name(id) == *name));
        let trace = interpret(graph, &values).ok()?;
        Some(trace.value(graph.output("rule")?).clone())
    }

    fn gradient(&self) -> String {
        format!("∂{}/∂{}", self.explanation.of(), self.names.get(self.id))
    }

    fn text(&self, graph: &Graph) -> String {
        let graph = for_people(graph);
        let Some(rule) = graph.output("rule") else { return String::new() };
        let names = self.names;
        if graph.node(rule).name.as_deref() == Some(OUTPUT) {
            return names.get(self.id).to_string();
        }
        // Repeated or not, one number is one number.
        let mut plain = rule;
        while matches!(graph.node(plain).op, Op::Broadcast(_) | Op::Reshape(_)) {
            plain = graph.node(plain).args[0];
        }
        if let Op::Constant(c) = &graph.node(plain).op
            && let [first, rest @ ..] = c.value.data()
            && rest.iter().all(|v| v == first)
        {
            return number(*first, 17);
        }
        let mut text = expression(&graph, rule, DEPTH);
        let mut replace = |from: &str, to: &str| text = text.replace(&format!("`{from}`"), to);
        replace(OUTPUT, names.get(self.id));
        replace(COTANGENT, &self.gradient());
        for (operand, &arg) in self.args().iter().enumerate() {
            replace(&placeholder(operand), names.get(arg));
        }
        text
    }
}

fn placeholder(operand: usize) -> String {
    format!("⟦{operand}⟧")
}

/// Whether a formula needs no brackets as an operand: a name, a number, an array or a call.
fn is_operand(formula: &str) -> bool {
    let mut depth = 0usize;
    formula.chars().all(|c| {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            _ => return depth > 0 || c.is_alphanumeric() || matches!(c, '_' | '.' | '\''),
        }
        true
    })
}
