//! Rewrites of a graph that keep its meaning: each is a plain function from graph to graph.

mod collapse;

pub use collapse::{Affine, affine, collapse};

use std::collections::HashMap;
use std::mem::{Discriminant, discriminant};

use crate::array::Array;
use crate::graph::{Graph, Node, NodeId, Origin};
use crate::ops::{self, Lowering, Max, Mean, Op, Reshape, Sum, layout};
use crate::shape::{Dim, Shape};

/// A named pass.
pub struct Pass {
    /// Its name in listings and origins.
    pub name: &'static str,
    /// The rewrite.
    pub run: fn(&Graph) -> Graph,
}

/// The passes that `compile` runs, in order.
pub const PASSES: &[Pass] = &[
    Pass { name: "fold", run: fold },
    Pass { name: "simplify", run: simplify },
    Pass { name: "cse", run: cse },
    Pass { name: "reuse", run: reuse },
    Pass { name: "dce", run: dce },
];

/// Copies `graph` node by node; `replace` may give another node of the new graph in place of one, whose operands have
/// already been translated.
fn rewrite(graph: &Graph, mut replace: impl FnMut(&mut Graph, &Node, NodeId) -> Option<NodeId>) -> Graph {
    let mut result = empty_like(graph);
    let mut map: Vec<NodeId> = Vec::with_capacity(graph.nodes().len());
    for id in graph.ids() {
        let mut node = graph.node(id).clone();
        node.args.iter_mut().for_each(|a| *a = map[a.index()]);
        if let Origin::Derivative(of) = &mut node.origin {
            *of = map[of.index()];
        }
        let new = match replace(&mut result, &node, id) {
            Some(new) => {
                if let (Some(name), None) = (node.name, &result.node(new).name) {
                    result.set_name(new, name);
                }
                new
            }
            None => result.append(node.op, node.args, node.shape, node.scope, node.origin, node.name),
        };
        map.push(new);
    }
    translate_results(graph, &mut result, |id| map[id.index()]);
    result
}

fn empty_like(graph: &Graph) -> Graph {
    let mut result = Graph::new();
    for scope in graph.scopes().iter().skip(1) {
        result.scope(scope.parent, &scope.name, scope.kind);
    }
    result
}

fn translate_results(graph: &Graph, result: &mut Graph, map: impl Fn(NodeId) -> NodeId) {
    graph.outputs().iter().for_each(|(name, id)| result.add_output(name.clone(), map(*id)));
    graph.updates().iter().for_each(|(p, v)| result.add_update(map(*p), map(*v)));
}

fn is_leaf(node: &Node) -> bool {
    matches!(node.op, Op::Input(_) | Op::Parameter(_))
}

/// Removes nodes that no output and no update needs; inputs and parameters stay.
pub fn dce(graph: &Graph) -> Graph {
    keep(graph, graph.nodes().iter().map(is_leaf).collect())
}

/// The part of a graph that computes `result`, without the inputs and parameters that it does not need, and its place
/// there. Its name is that of the output or node, or `result`.
pub fn part(graph: &Graph, result: NodeId) -> (Graph, NodeId) {
    let output = graph.outputs().iter().find(|(_, id)| *id == result).map(|(name, _)| name.as_str());
    let name = output.or(graph.node(result).name.as_deref()).unwrap_or("result").to_string();
    let mut graph = graph.clone();
    graph.set_updates(Vec::new());
    graph.set_outputs(vec![(name, result)]);
    let part = keep(&graph, vec![false; graph.nodes().len()]);
    let result = part.outputs()[0].1;
    (part, result)
}

/// Removes nodes that neither an output, an update nor one of the nodes marked needs.
fn keep(graph: &Graph, mut needed: Vec<bool>) -> Graph {
    graph.outputs().iter().for_each(|(_, id)| needed[id.index()] = true);
    graph.updates().iter().for_each(|(_, v)| needed[v.index()] = true);
    for id in graph.ids().rev() {
        if needed[id.index()] {
            graph.node(id).args.iter().for_each(|a| needed[a.index()] = true);
        }
    }
    let mut result = empty_like(graph);
    let mut map: HashMap<NodeId, NodeId> = HashMap::new();
    for id in graph.ids().filter(|id| needed[id.index()]) {
        let mut node = graph.node(id).clone();
        if let Origin::Derivative(of) = node.origin {
            node.origin = map.get(&of).map_or(Origin::Rewrite { rule: "dce", of }, |&of| Origin::Derivative(of));
        }
        let args = node.args.iter().map(|a| map[a]).collect();
        map.insert(id, result.append(node.op, args, node.shape, node.scope, node.origin, node.name));
    }
    translate_results(graph, &mut result, |id| map[&id]);
    result
}

/// Merges nodes that apply the same operator to the same operands.
pub fn cse(graph: &Graph) -> Graph {
    let mut seen: HashMap<(Discriminant<Op>, Vec<NodeId>), Vec<NodeId>> = HashMap::new();
    rewrite(graph, |result, node, _| {
        if is_leaf(node) {
            return None;
        }
        let same = seen.entry((discriminant(&node.op), node.args.clone())).or_default();
        if let Some(&earlier) = same.iter().find(|&&e| result.node(e).op == node.op) {
            return Some(earlier);
        }
        same.push(NodeId(result.nodes().len() as u32));
        None
    })
}

/// Computes what depends on constants alone, where that does not make the graph larger.
pub fn fold(graph: &Graph) -> Graph {
    rewrite(graph, |result, node, id| {
        if node.args.is_empty() || node.shape.is_batched() {
            return None;
        }
        let constant = |a: &NodeId| match &result.node(*a).op {
            Op::Constant(c) => Some(&c.value),
            _ => None,
        };
        let args: Vec<&Array> = node.args.iter().map(constant).collect::<Option<_>>()?;
        let largest = args.iter().map(|a| a.len()).max().unwrap_or(0);
        let sizes = node.shape.resolve(1);
        if sizes.iter().product::<usize>() > largest {
            return None;
        }
        let value = node.op.eval(&args, &sizes);
        let origin = Origin::Rewrite { rule: "fold", of: id };
        Some(result.append(ops::Constant { value }.into(), Vec::new(), node.shape.clone(), node.scope, origin, None))
    })
}

/// Lets the slope of a rectifier read the rectifier's value, which a layer keeps anyway, in place of its operand:
/// `step(x)` becomes `step(relu(x))`, which is the same number.
pub fn reuse(graph: &Graph) -> Graph {
    let mut rectified: HashMap<NodeId, NodeId> = HashMap::new();
    rewrite(graph, |result, node, _| {
        let next = NodeId(result.nodes().len() as u32);
        match (&node.op, &node.args[..]) {
            (Op::Relu(_), &[x]) => {
                rectified.insert(x, next);
                None
            }
            (Op::Step(_), &[x]) => {
                let y = *rectified.get(&x)?;
                let (op, shape, origin) = (node.op.clone(), node.shape.clone(), node.origin);
                Some(result.append(op, vec![y], shape, node.scope, origin, None))
            }
            _ => None,
        }
    })
}

/// Algebra that is exact in floating point, except that `x + 0` turns -0 into 0 and here does not, and that the derivative
/// of the sigmoid, `σ(x)·σ(-x)`, becomes `σ(x)·(1 - σ(x))`: that is the form people know and saves an exponential, but has
/// fewer digits where `x` is large.
pub fn simplify(graph: &Graph) -> Graph {
    rewrite(graph, |result, node, id| {
        let number = |a: NodeId| match &result.node(before_broadcast(result, a)).op {
            Op::Constant(c) => c.value.item(),
            _ => None,
        };
        let same_shape = |a: NodeId| result.shape(a) == &node.shape;
        let keep = |a: NodeId| same_shape(a).then_some(a);
        let size = |a: NodeId, axis: usize| match result.shape(a).dims()[axis] {
            Dim::Fixed(size) => Some(size),
            Dim::Batch => None,
        };
        let rebuilt = |result: &mut Graph, op: Op, args: &[NodeId]| {
            let origin = Origin::Rewrite { rule: "simplify", of: id };
            result.push(op, args, node.scope, origin, None).ok()
        };
        match (&node.op, &node.args[..]) {
            (Op::Add(_), &[a, b]) if number(b) == Some(0.0) => keep(a),
            (Op::Add(_), &[a, b]) if number(a) == Some(0.0) => keep(b),
            (Op::Sub(_), &[a, b]) if number(b) == Some(0.0) => keep(a),
            (Op::Mul(_), &[a, b]) if number(b) == Some(1.0) => keep(a),
            (Op::Mul(_), &[a, b]) if number(a) == Some(1.0) => keep(b),
            (Op::Mul(_), &[a, b]) if are_sigmoids_of_opposites(result, a, b) => {
                let one = ops::Constant { value: Array::scalar(1.0) };
                let one = rebuilt(result, one.into(), &[])?;
                let rest = rebuilt(result, ops::Sub.into(), &[one, a])?;
                rebuilt(result, ops::Mul.into(), &[a, rest])
            }
            (Op::Div(_), &[a, b]) if number(b) == Some(1.0) => keep(a),
            (Op::Pow(_), &[a, b]) if number(b) == Some(1.0) => keep(a),
            (Op::Neg(_), &[a]) if matches!(result.node(a).op, Op::Neg(_)) => Some(result.node(a).args[0]),
            (Op::Sum(Sum { axis }) | Op::Mean(Mean { axis }) | Op::Max(Max { axis }), &[a])
                if size(a, *axis) == Some(1) =>
            {
                rebuilt(result, Reshape { shape: node.shape.clone() }.into(), &[a])
            }
            (Op::Size(op), &[a]) => {
                let value = Array::scalar(size(a, op.axis)? as f64);
                rebuilt(result, ops::Constant { value }.into(), &[])
            }
            (Op::Reshape(_) | Op::Broadcast(_) | Op::Slice(_) | Op::Concat(_), &[a]) if same_shape(a) => Some(a),
            (Op::Reshape(_) | Op::Broadcast(_), &[a]) if repeats_a_number(result, a) => {
                let op = ops::Broadcast { shape: node.shape.clone() };
                rebuilt(result, op.into(), &[result.node(a).args[0]])
            }
            (Op::Reshape(op), &[a]) if matches!(result.node(a).op, Op::Reshape(_)) => {
                let inner = result.node(a).args[0];
                if same_shape(inner) { Some(inner) } else { rebuilt(result, op.clone().into(), &[inner]) }
            }
            (Op::Transpose(outer), &[a]) => match &result.node(a).op {
                Op::Transpose(inner) => {
                    let axes: Vec<usize> = outer.axes.iter().map(|&axis| inner.axes[axis]).collect();
                    let source = result.node(a).args[0];
                    if axes.iter().copied().eq(0..axes.len()) {
                        return Some(source);
                    }
                    rebuilt(result, ops::Transpose { axes }.into(), &[source])
                }
                _ => None,
            },
            (_, args) if is_map(result, node) && args.len() > 1 => {
                let sources: Vec<NodeId> = args.iter().map(|&a| before_broadcast(result, a)).collect();
                if sources == args {
                    return None;
                }
                let shapes: Vec<&Shape> = sources.iter().map(|&a| result.shape(a)).collect();
                let fits = node.op.shape(&shapes).is_ok_and(|s| s == node.shape)
                    && shapes.iter().all(|s| layout(s, &node.shape).is_some());
                if fits { rebuilt(result, node.op.clone(), &sources) } else { None }
            }
            _ => None,
        }
    })
}

/// Whether a node is a number, repeated.
fn repeats_a_number(graph: &Graph, id: NodeId) -> bool {
    let node = graph.node(id);
    let is_number = |a: &NodeId| matches!(&graph.node(*a).op, Op::Constant(c) if c.value.len() == 1);
    matches!(node.op, Op::Broadcast(_)) && node.args.iter().all(is_number)
}

/// Whether two nodes are σ(x) and σ(-x).
fn are_sigmoids_of_opposites(graph: &Graph, a: NodeId, b: NodeId) -> bool {
    let operand = |id: NodeId| matches!(graph.node(id).op, Op::Sigmoid(_)).then(|| graph.node(id).args[0]);
    let is_minus = |x: NodeId, y: NodeId| matches!(graph.node(x).op, Op::Neg(_)) && graph.node(x).args[0] == y;
    operand(a).zip(operand(b)).is_some_and(|(x, y)| is_minus(x, y) || is_minus(y, x))
}

fn before_broadcast(graph: &Graph, id: NodeId) -> NodeId {
    let node = graph.node(id);
    if matches!(node.op, Op::Broadcast(_)) { node.args[0] } else { id }
}

pub(crate) fn is_map(graph: &Graph, node: &Node) -> bool {
    let shapes: Vec<&Shape> = node.args.iter().map(|&a| graph.shape(a)).collect();
    node.op.lower(&shapes, &node.shape) == Lowering::Map
}

/// A graph for people to read as a formula: constants computed, algebra simplified, dead nodes gone, as long as that makes
/// it smaller.
pub fn for_people(graph: &Graph) -> Graph {
    let simpler = |graph: &Graph| dce(&simplify(&fold(graph)));
    let (mut before, mut after) = (simpler(graph), simpler(&simpler(graph)));
    while after.nodes().len() < before.nodes().len() {
        (before, after) = (after.clone(), simpler(&after));
    }
    after
}

/// Puts an explicit broadcast where an elementwise operand repeats in a way that kernels do not read, and a copy where a
/// result would alias a parameter that the step overwrites. Compilation needs it; it is not an optimisation.
pub(crate) fn legalise(graph: &Graph) -> Graph {
    let mut result = rewrite(graph, |result, node, id| {
        if !is_map(result, node) {
            return None;
        }
        let mut args = node.args.clone();
        for arg in &mut args {
            if layout(result.shape(*arg), &node.shape).is_none() {
                let op = ops::Broadcast { shape: node.shape.clone() };
                let origin = Origin::Rewrite { rule: "legalise", of: id };
                *arg = result.append(op.into(), vec![*arg], node.shape.clone(), node.scope, origin, None);
            }
        }
        if args == node.args {
            return None;
        }
        Some(result.append(node.op.clone(), args, node.shape.clone(), node.scope, node.origin, None))
    });
    let root = |graph: &Graph, mut id: NodeId| {
        while matches!(graph.node(id).op, Op::Reshape(_)) {
            id = graph.node(id).args[0];
        }
        id
    };
    let copy = |result: &mut Graph, id: NodeId| {
        let (shape, scope) = (result.shape(id).clone(), result.node(id).scope);
        let op = ops::Broadcast { shape: shape.clone() };
        result.append(op.into(), vec![id], shape, scope, Origin::Rewrite { rule: "legalise", of: id }, None)
    };
    let updated: Vec<NodeId> = result.updates().iter().map(|(p, _)| *p).collect();
    let mut outputs = result.outputs().to_vec();
    for (_, id) in &mut outputs {
        if updated.contains(&root(&result, *id)) {
            *id = copy(&mut result, *id);
        }
    }
    let mut updates = result.updates().to_vec();
    for (_, value) in &mut updates {
        let source = root(&result, *value);
        if source != *value || result.node(source).args.is_empty() {
            *value = copy(&mut result, *value);
        }
    }
    result.set_outputs(outputs);
    result.set_updates(updates);
    result
}
