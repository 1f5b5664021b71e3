//! `backpass inspect`.

use std::path::PathBuf;

use backpass::graph::Graph;
use backpass::ops::Category;
use backpass::text::expression;
use backpass_tabular::{Coefficient, ColumnSchema, Kind, LinearMap, Manifest, Model};
use serde::Serialize;

use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::output::{self, Talk, row};
use crate::progress::EpochRecord;

/// Show what a model is made of: columns, layers, parameters, equations, training
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Inspect {
    /// A model written by train
    #[arg(value_name = "MODEL")]
    model: PathBuf,

    /// Print one JSON document
    #[arg(long, conflicts_with = "graph")]
    json: bool,

    /// Show the single linear map that layers without activation amount to, and check it
    #[arg(long, conflicts_with = "graph")]
    collapse: bool,

    /// Print the graphs as text: encoder, network and head
    #[arg(long)]
    graph: bool,
}

const EXAMPLES: &str = "\
Examples:
  backpass inspect moons.backpass
  backpass inspect moons.backpass --graph
  backpass inspect linear.backpass --collapse
  backpass inspect moons.backpass --json | jq .parameters";

/// What `--json` prints.
#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    task: &'static str,
    target: &'a str,
    classes: &'a [String],
    columns: Vec<Column<'a>>,
    features: &'a [String],
    layers: Vec<Layer>,
    parameters: usize,
    equations: Vec<Equation>,
    manifest: &'a Manifest,
    history: Vec<EpochRecord<'a>>,
    model_hash: String,
}

/// A column and what becomes of it.
#[derive(Serialize)]
struct Column<'a> {
    name: &'a str,
    kind: &'static str,
    encoding: String,
    features: usize,
}

/// A group of parameters: those of one scope of the network.
#[derive(Serialize)]
struct Layer {
    name: String,
    inputs: usize,
    outputs: usize,
    activation: &'static str,
    parameters: usize,
}

/// What a layer computes.
#[derive(Serialize)]
struct Equation {
    name: String,
    formula: String,
    shape: String,
}

impl Inspect {
    pub fn run(self, _: &Talk) -> Result<(), Failure> {
        let model = Model::load(&self.model)?;
        if self.graph {
            let parts = [("encoder", &model.encoder), ("network", &model.network.graph), ("head", &model.head)];
            return output::print(parts.map(|(name, graph)| format!("# {name}\n{graph}")).join("\n"));
        }
        let (layers, equations) = layers(&model);
        if self.collapse {
            let map = model.linear_map().map_err(|e| Failure::new(Exit::Demand, e.to_string()))?;
            return if self.json { output::json(&map) } else { output::print(linear_map_text(&map)) };
        }
        let document = Document {
            schema: "backpass.inspect/1",
            task: model.target.task.name(),
            target: &model.target.name,
            classes: model.target.task.classes(),
            columns: columns(&model),
            features: &model.inputs.features,
            layers,
            parameters: model.network.parameter_count(),
            equations,
            manifest: &model.manifest,
            history: model.history.iter().map(EpochRecord::from).collect(),
            model_hash: model.hash(),
        };
        if self.json { output::json(&document) } else { output::print(document.text(&self.model.to_string_lossy())?) }
    }
}

/// What becomes of each column; a derived input counts as one.
fn columns(model: &Model) -> Vec<Column<'_>> {
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
        _ if *name == model.target.name => "the target".to_string(),
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
fn shortened(names: &[&str]) -> String {
    match names {
        [first @ .., _, _] if first.len() > 8 => format!("{}, … ({} in all)", names[..8].join(", "), names.len()),
        _ => names.join(", "),
    }
}

/// The layers with the equations of the network and its head.
fn layers(model: &Model) -> (Vec<Layer>, Vec<Equation>) {
    let mut graph = model.network.graph.clone();
    let (mut layers, mut ends) = (Vec::new(), Vec::new());
    let mut scopes: Vec<_> = graph.parameters().map(|id| graph.node(id).scope).collect();
    scopes.dedup();
    for scope in scopes {
        let ids: Vec<_> = graph.ids().filter(|&id| graph.node(id).scope == scope).collect();
        let parameters = graph.parameters().filter(|id| ids.contains(id));
        let sizes: Vec<Vec<usize>> = parameters.map(|id| graph.shape(id).resolve(0)).collect();
        let Some(&end) = ids.last() else { continue };
        let info = graph.node(end).op.info();
        let name = match graph.scope_path(scope) {
            path if path.is_empty() => "network".to_string(),
            path => path,
        };
        layers.push(Layer {
            name: name.clone(),
            inputs: sizes.iter().find(|s| s.len() == 2).map_or(0, |s| s[0]),
            outputs: graph.shape(end).extent().fixed,
            activation: if info.category == Category::Activation { info.name } else { "identity" },
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
    equations.extend(graph.outputs().iter().map(|(name, id)| Equation {
        name: name.clone(),
        formula: graph.name(*id).to_string(),
        shape: graph.shape(*id).to_string(),
    }));
    equations.extend(model.head.outputs().iter().map(|(name, id)| equation(&model.head, name.clone(), *id)));
    (layers, equations)
}

/// The fitted numbers of a formula with their standard errors.
pub fn coefficients_table(list: &[Coefficient]) -> String {
    let mut rows = vec![row("parameter", ["value", "standard error"])];
    let of = |c: &Coefficient| {
        let error = c.standard_error.map_or("not defined".to_string(), output::number);
        row(&c.name, [output::significant(c.value, 10), error])
    };
    rows.extend(list.iter().map(of));
    output::columns(&rows, 1)
}

/// The map as a table with a row for each input.
fn linear_map_text(map: &LinearMap) -> String {
    let mut rows = vec![row("", &map.outputs)];
    let numbers = |values: &[f64]| values.iter().map(|v| output::number(*v)).collect::<Vec<_>>();
    rows.extend(map.inputs.iter().zip(&map.weights).map(|(name, weights)| row(name, numbers(weights))));
    rows.push(row("bias", numbers(&map.bias)));
    let layers = if map.layers == 1 { "1 layer is".to_string() } else { format!("{} layers are", map.layers) };
    format!(
        "{layers} one linear map, because no layer has an activation:\n\n{}\n\
         largest difference from the network on {} random rows: {} (largest output: {})\n",
        output::columns(&rows, 1),
        map.rows,
        output::number(map.largest_difference),
        output::number(map.largest_output),
    )
}

/// How deep formulas go.
const DEPTH: usize = 12;

/// Longer runs of columns that are treated alike are one line for people.
const MOST_ALIKE: usize = 8;

impl Document<'_> {
    fn text(&self, path: &str) -> Result<String, Failure> {
        let classes = match self.classes {
            [] => String::new(),
            classes => format!(" ({})", shortened(&classes.iter().map(String::as_str).collect::<Vec<_>>())),
        };
        let manifest = self.manifest;
        let mut sections = vec![
            format!("{path}: {} of `{}`{classes}\n", self.task, self.target),
            format!("Columns\n{}", self.columns_text()),
        ];
        match &manifest.options.formula {
            Some(formula) => sections.extend([
                format!("Formula\n{formula}\n"),
                format!("Parameters\n{}", coefficients_table(&manifest.coefficients)),
            ]),
            None => sections.push(format!("Layers\n{}", self.layers_text())),
        }
        sections.extend([
            format!("Equations\n{}", self.equations_text()),
            format!("Training\n{}", self.training_text()),
            format!("Options\n{}", Config { options: manifest.options.clone(), ..Config::default() }.to_toml()?),
            format!("Hash\n{}\n", self.model_hash),
        ]);
        let indented = |line: &str| match line {
            "" => String::new(),
            _ => format!("  {line}"),
        };
        let section = |text: &String| {
            let mut lines = text.lines();
            let title = lines.next().unwrap_or_default().to_string();
            std::iter::once(title).chain(lines.map(indented)).collect::<Vec<_>>().join("\n")
        };
        Ok(sections.iter().map(section).collect::<Vec<_>>().join("\n\n") + "\n")
    }

    fn columns_text(&self) -> String {
        let mut rows = vec![row("name", ["kind", "encoding", "inputs"])];
        for alike in self.columns.chunk_by(|a, b| (a.kind, &a.encoding) == (b.kind, &b.encoding)) {
            let of = |c: &Column| row(c.name, [c.kind, &c.encoding, &c.features.to_string()]);
            match alike {
                // Such as the pixels of images.
                [first, .., last] if alike.len() > MOST_ALIKE => {
                    let name = format!("{} … {} ({} columns)", first.name, last.name, alike.len());
                    let features: usize = alike.iter().map(|c| c.features).sum();
                    rows.push(row(&name, [first.kind, &first.encoding, &features.to_string()]));
                }
                _ => rows.extend(alike.iter().map(of)),
            }
        }
        output::columns(&rows, 3)
    }

    fn layers_text(&self) -> String {
        let mut rows = vec![row("name", ["shape", "activation", "parameters"])];
        let counts: Vec<String> = self.layers.iter().map(|l| l.parameters.to_string()).collect();
        for (layer, count) in self.layers.iter().zip(&counts) {
            let shape = format!("{} → {}", layer.inputs, layer.outputs);
            rows.push(row(&layer.name, [&shape, layer.activation, count]));
        }
        format!("{}\nParameters: {} = {}\n", output::columns(&rows, 3), counts.join(" + "), self.parameters)
    }

    fn equations_text(&self) -> String {
        let of = |e: &Equation| row(&format!("{} = {}", e.name, e.formula), [&e.shape]);
        output::columns(&self.equations.iter().map(of).collect::<Vec<_>>(), 2)
    }

    fn training_text(&self) -> String {
        let Manifest { version, data, rows, decisions, stop, best_epoch, .. } = self.manifest;
        let (train, validation) = rows;
        let mut lines = vec![
            format!("by backpass {version} on {data}, {train} rows; validated on {validation} rows"),
            format!("stopped: {stop}"),
            format!("kept: epoch {best_epoch} of {}", self.history.len()),
        ];
        if let Some(best) = self.history.get(best_epoch.wrapping_sub(1)) {
            lines.push(format!("      {}", best.describe()));
        }
        lines.extend(decisions.iter().map(|d| format!("decided: {d}")));
        lines.join("\n")
    }
}
