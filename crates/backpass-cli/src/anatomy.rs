//! What a model is made of: its columns, layers and equations.

use backpass::graph::Graph;
use backpass::ops::Category;
use backpass::text::expression;
use backpass_tabular::{ColumnSchema, Kind, Model};
use serde::Serialize;

use crate::member::Member;

/// How deep formulas go.
const DEPTH: usize = 12;

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
        // Behind the activation may come a learnt share of it.
        let activation = ids.iter().map(|&id| graph.node(id).op.info()).find(|op| op.category == Category::Activation);
        let name = match graph.scope_path(scope) {
            path if path.is_empty() => "network".to_string(),
            path => path,
        };
        layers.push(Layer {
            name: name.clone(),
            inputs: sizes.iter().find(|s| s.len() == 2).map_or(0, |s| s[0]),
            outputs: graph.shape(end).extent().fixed,
            activation: activation.map_or("identity", |op| op.name),
            parameters: sizes.iter().map(|s| s.iter().product::<usize>()).sum(),
        });
        ends.push((name, end));
    }
    // A name stands for the whole layer in the equation of the next one.
    for (name, end) in &ends {
        graph.set_name(*end, name);
    }
    let equation = |graph: &Graph, name: String, id| {
        let (formula, shape) = (expression(graph, id, DEPTH), graph.shape(id).to_string());
        Equation { name, formula, shape }
    };
    let mut equations: Vec<Equation> = ends.into_iter().map(|(name, end)| equation(&graph, name, end)).collect();
    let whole = |name: &str| model.network.graph.output(name).map(|id| model.network.graph.shape(id).to_string());
    equations.extend(graph.outputs().iter().map(|(name, id)| Equation {
        name: name.clone(),
        formula: match member {
            Some(member) => format!("concat({} of all {} networks, axis=1)", graph.name(*id), member.count),
            None => graph.name(*id).to_string(),
        },
        shape: whole(name).unwrap_or_default(),
    }));
    equations.extend(model.head.outputs().iter().map(|(name, id)| equation(&model.head, name.clone(), *id)));
    (layers, equations)
}
