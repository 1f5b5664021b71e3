//! What a model is made of: its columns, layers and equations.

use std::collections::BTreeSet;

use backpass::graph::{Graph, NodeId, ScopeId, ScopeKind};
use backpass::ops::{Category, Op};
use backpass::text::expression;
use backpass::view::fraction;
use backpass_tabular::{ColumnSchema, Kind, Manifest, Model};
use serde::Serialize;

use crate::member::Member;

/// How deep formulas go.
const DEPTH: usize = 12;
/// Parts of a wider formula get lines of their own.
const WIDEST: usize = 100;
/// Parts of fewer characters stay where they are.
const NARROWEST: usize = 24;

/// A column and what becomes of it.
#[derive(Serialize)]
pub struct Column<'a> {
    pub name: &'a str,
    pub kind: &'static str,
    pub encoding: String,
    pub features: usize,
}

/// A group of parameters: those of one scope of the network.
#[derive(Serialize)]
pub struct Layer {
    pub name: String,
    pub inputs: usize,
    pub outputs: usize,
    pub activation: &'static str,
    pub parameters: usize,
}

/// What a layer computes.
#[derive(Serialize)]
pub struct Equation {
    pub name: String,
    pub formula: String,
    pub shape: String,
}

/// What becomes of each column; a derived input counts as one.
pub fn columns(model: &Model) -> Vec<Column<'_>> {
    let of_schema = model.schema.columns.iter().map(|column| {
        let (encoding, features) = encoding(model, column);
        Column { name: &column.name, kind: kind(&column.kind), encoding, features }
    });
    let derived = model.inputs.derived.iter().map(|(name, expression)| Column {
        name,
        kind: "derived",
        encoding: format!("{expression}, scaled"),
        features: 1,
    });
    of_schema.chain(derived).collect()
}

/// What becomes of a column in words, and of how many inputs of the network.
fn encoding(model: &Model, column: &ColumnSchema) -> (String, usize) {
    let (name, inputs, options) = (&column.name, &model.inputs, &model.manifest.options);
    if inputs.numbers.contains(name) {
        return match inputs.features.contains(&format!("{name} is missing")) {
            true => ("missing cells filled with the median and marked, scaled".to_string(), 2),
            false if options.scaling.as_deref() == Some("none") => ("as it is".to_string(), 1),
            false => ("scaled".to_string(), 1),
        };
    }
    if let Some(category) = inputs.categories.iter().find(|c| c.name == *name) {
        let special = [(category.other, "all others"), (category.missing, "missing")];
        let special = special.into_iter().filter(|(there, _)| *there).map(|(_, name)| name);
        let levels: Vec<&str> = category.levels.iter().map(String::as_str).chain(special).collect();
        return match levels[..] {
            [first, second] => (format!("-1 for {first}, +1 for {second}"), 1),
            _ => (format!("one input each for {}", shortened(&levels)), levels.len()),
        };
    }
    let is_group = options.split.as_deref().and_then(|how| how.strip_prefix("group=")) == Some(name);
    let use_of = match name {
        _ if model.target.columns == [name.as_str()] => "the target".to_string(),
        _ if model.target.columns.contains(name) => "one of the targets".to_string(),
        _ if options.weight.as_ref() == Some(name) => "how much each row counts".to_string(),
        _ if is_group => "the groups of the split".to_string(),
        _ => format!("set aside: {}", column.reason),
    };
    (use_of, 0)
}

fn kind(kind: &Kind) -> &'static str {
    let words = kind.describe();
    words.strip_prefix("a ").or(words.strip_prefix("an ")).unwrap_or(words)
}

/// A list that ends early if it is long.
pub fn shortened(names: &[&str]) -> String {
    match names {
        [first @ .., _, _] if first.len() > 8 => format!("{}, … ({} in all)", names[..8].join(", "), names.len()),
        _ => names.join(", "),
    }
}

/// How many rows were trained and validated on, in words.
pub fn rows(manifest: &Manifest) -> String {
    let (networks, parts) = (manifest.bag.len(), manifest.options.bag.unwrap_or(1));
    match manifest.rows {
        (all, 0) if networks > 0 => {
            let networks = if networks == 1 { "1 network".to_string() } else { format!("{networks} networks") };
            format!("{networks}, each validated on another {} of the {all} rows", fraction(parts))
        }
        (train, 0) => format!("{train} rows; validated on none"),
        (train, validation) => format!("{train} rows; validated on {validation} rows"),
    }
}

/// The layers with the equations of the network, or of one of several, and of its head.
pub fn layers(model: &Model, member: Option<Member>) -> (Vec<Layer>, Vec<Equation>) {
    let alone = member.and_then(|member| model.network.member(member.number - 1));
    let mut graph = alone.map_or_else(|| model.network.graph.clone(), |network| network.graph);
    let (mut layers, mut ends) = (Vec::new(), Vec::new());
    let mut scopes: Vec<_> = graph.parameters().map(|id| graph.node(id).scope).collect();
    scopes.dedup();
    for scope in scopes {
        let ids: Vec<_> = graph.ids().filter(|&id| graph.node(id).scope == scope).collect();
        let parameters = graph.parameters().filter(|id| ids.contains(id));
        let sizes: Vec<Vec<usize>> = parameters.map(|id| graph.shape(id).resolve(0)).collect();
        let Some(&end) = ids.last() else { continue };
        let name = match graph.scope_path(scope) {
            path if path.is_empty() => "network".to_string(),
            path => path,
        };
        layers.push(Layer {
            name: name.clone(),
            inputs: match graph.scopes()[scope.index()].kind {
                ScopeKind::Layer => sizes.iter().find(|s| s.len() == 2).map_or(0, |s| s[0]),
                _ => entering(&graph, scope),
            },
            outputs: graph.shape(end).extent().fixed,
            // Behind the activation may come a learnt share of it.
            activation: ids.iter().find_map(|&id| activation(&graph.node(id).op)).unwrap_or("identity"),
            parameters: sizes.iter().map(|s| s.iter().product::<usize>()).sum(),
        });
        ends.push((name, end));
    }
    // A name stands for the whole layer in the equation of the next one.
    for (name, end) in &ends {
        graph.set_name(*end, name);
    }
    let mut lines = Vec::new();
    for (name, end) in ends {
        let prefix = format!("{name}.");
        lines.extend(equations(&mut graph, &prefix, &[(name, end)]));
    }
    for (name, id) in graph.outputs().to_vec() {
        let own = match graph.node(id).name.clone() {
            Some(own) => own,
            None => {
                lines.extend(equations(&mut graph, &format!("{name}."), &[(name.clone(), id)]));
                name.clone()
            }
        };
        let whole = model.network.graph.output(&name).map(|id| model.network.graph.shape(id).to_string());
        let formula = match member {
            Some(member) => format!("concat({own} of all {} networks, axis=1)", member.count),
            None if own == name => continue,
            None => own,
        };
        lines.push(Equation { name, formula, shape: whole.unwrap_or_default() });
    }
    let mut head = model.head.clone();
    let results = head.outputs().to_vec();
    for (name, id) in results.iter().filter(|(_, id)| model.head.node(*id).name.is_none()) {
        head.set_name(*id, name);
    }
    lines.extend(equations(&mut head, "", &results));
    (layers, lines)
}

/// The nonlinear function of a layer, if the operator is one.
fn activation(op: &Op) -> Option<&'static str> {
    let info = op.info();
    match op {
        Op::Maximum(_) | Op::Minimum(_) => Some("clamp"),
        _ => matches!(info.category, Category::Activation | Category::Function).then_some(info.name),
    }
}

/// How many numbers of a row a scope takes; of values that it takes slices of, those in the slices.
fn entering(graph: &Graph, scope: ScopeId) -> usize {
    let mut taken = BTreeSet::new();
    for id in graph.ids().filter(|&id| graph.node(id).scope == scope) {
        let node = graph.node(id);
        let outside = node.args.iter().filter(|&&arg| graph.node(arg).scope != scope && graph.shape(arg).is_batched());
        taken.extend(outside.map(|&arg| if matches!(node.op, Op::Slice(_)) { id } else { arg }));
    }
    taken.into_iter().map(|id| graph.shape(id).extent().fixed).sum()
}

/// The equations of some results, which have names. What is used several times, and what would make a line too wide, gets
/// a name and a line of its own.
fn equations(graph: &mut Graph, prefix: &str, results: &[(String, NodeId)]) -> Vec<Equation> {
    let mut uses = vec![0; graph.nodes().len()];
    graph.nodes().iter().flat_map(|node| &node.args).for_each(|&arg| uses[unshaped(graph, arg).index()] += 1);
    let known: BTreeSet<String> = graph.nodes().iter().filter_map(|node| node.name.clone()).collect();
    let mut parts = BTreeSet::new();
    for &(_, result) in results {
        for id in inside(graph, result) {
            while expression(graph, id, DEPTH).chars().count() > WIDEST
                && let Some(part) = widest(graph, id)
            {
                graph.set_name(part, "z");
                parts.insert(part);
            }
            if id != result && uses[id.index()] > 1 && graph.node(id).name.is_none() {
                graph.set_name(id, "z");
                parts.insert(id);
            }
        }
    }
    let single = Some(format!("{prefix}z")).filter(|_| parts.len() == 1);
    let numbered = (1..).map(|number| format!("{prefix}z{number}"));
    let names = single.into_iter().chain(numbered).filter(|name| !known.contains(name));
    let mut lines: Vec<(String, NodeId)> = names.zip(parts).collect();
    for (name, part) in &lines {
        graph.set_name(*part, name);
    }
    lines.extend_from_slice(results);
    lines.sort_by_key(|(_, id)| *id);
    let equation = |(name, id): (String, NodeId)| {
        let (formula, shape) = (expression(graph, id, DEPTH), graph.shape(id).to_string());
        Equation { name, formula, shape }
    };
    lines.into_iter().map(equation).collect()
}

/// What formulas show of a node: they leave out changes of shape.
fn unshaped(graph: &Graph, mut id: NodeId) -> NodeId {
    while let (Op::Broadcast(_) | Op::Reshape(_), None) = (&graph.node(id).op, &graph.node(id).name) {
        id = graph.node(id).args[0];
    }
    id
}

/// What is computed in the formula of a node, operands first and itself last.
fn inside(graph: &Graph, result: NodeId) -> BTreeSet<NodeId> {
    let (mut found, mut open) = (BTreeSet::from([result]), vec![result]);
    while let Some(id) = open.pop() {
        open.extend(operands(graph, id).filter(|&operand| found.insert(operand)));
    }
    found
}

/// The operands of a node that its formula writes out.
fn operands(graph: &Graph, id: NodeId) -> impl Iterator<Item = NodeId> {
    let operands = graph.node(id).args.iter().map(|&arg| unshaped(graph, arg));
    operands.filter(|&id| graph.node(id).name.is_none() && !graph.node(id).args.is_empty())
}

/// The operand that takes the most room in the formula of a node, if any takes much.
fn widest(graph: &Graph, id: NodeId) -> Option<NodeId> {
    let width = |&id: &NodeId| expression(graph, id, DEPTH).chars().count();
    operands(graph, id).filter(|operand| width(operand) >= NARROWEST).max_by_key(width)
}
