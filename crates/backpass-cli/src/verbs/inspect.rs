//! `backpass inspect`.

use std::path::PathBuf;

use backpass_tabular::{Coefficient, LinearMap, Manifest, Model};
use serde::Serialize;
use unicode_width::UnicodeWidthStr;

use crate::anatomy::{self, Column, Equation, Layer, columns, layers, shortened};
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::member::{Chosen, Member};
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

    #[command(flatten)]
    member: Chosen,
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
    target: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    interval: Option<f64>,
    classes: &'a [String],
    columns: Vec<Column<'a>>,
    features: &'a [String],
    networks: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<usize>,
    layers: Vec<Layer>,
    parameters: usize,
    equations: Vec<Equation>,
    manifest: &'a Manifest,
    history: Vec<EpochRecord<'a>>,
    model_hash: String,
}

impl Inspect {
    pub fn run(self, _: &Talk) -> Result<(), Failure> {
        let model = Model::load(&self.model)?;
        if self.graph {
            let parts = [("encoder", &model.encoder), ("network", &model.network.graph), ("head", &model.head)];
            return output::print(parts.map(|(name, graph)| format!("# {name}\n{graph}")).join("\n"));
        }
        let member = self.member.of(&model)?;
        let (layers, equations) = layers(&model, member);
        if self.collapse {
            let map = model.linear_map().map_err(|e| Failure::new(Exit::Demand, e.to_string()))?;
            return if self.json { output::json(&map) } else { output::print(linear_map_text(&map)) };
        }
        let document = Document {
            schema: "backpass.inspect/1",
            task: model.target.task.name(),
            target: model.target.name(),
            interval: model.target.interval,
            classes: model.target.task.classes(),
            columns: columns(&model),
            features: &model.inputs.features,
            networks: model.networks(),
            network: member.map(|member| member.number),
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

/// The shapes of equations up to this wide stand below each other.
const ALIGNED: usize = 64;
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
        let own: usize = self.layers.iter().map(|layer| layer.parameters).sum();
        let text = format!("{}\nParameters: {} = {own}", output::columns(&rows, 3), counts.join(" + "));
        match self.network.map(|number| Member { number, count: self.networks }) {
            Some(member) => {
                format!("{}\n\n{text}\nof all {} networks: {}\n", member.words(), member.count, self.parameters)
            }
            None => format!("{text}\n"),
        }
    }

    fn equations_text(&self) -> String {
        let lines: Vec<String> = self.equations.iter().map(|e| format!("{} = {}", e.name, e.formula)).collect();
        let width = lines.iter().map(|line| line.width()).filter(|width| *width <= ALIGNED).max().unwrap_or(0);
        let of = |(line, e): (&String, &Equation)| {
            let space = " ".repeat(width.saturating_sub(line.width()));
            format!("{line}{space}  {}\n", e.shape)
        };
        lines.iter().zip(&self.equations).map(of).collect()
    }

    fn training_text(&self) -> String {
        let Manifest { version, data, decisions, stop, best_epoch, bag, .. } = self.manifest;
        let (rows, epochs) = (anatomy::rows(self.manifest), self.history.len());
        let each: Vec<String> = bag.iter().map(|kept| kept.best_epoch.to_string()).collect();
        let kept = match each.join(", ") {
            each if each.is_empty() => format!("kept: epoch {best_epoch} of {epochs}"),
            each => format!("kept: epochs {each} of {epochs}; in the mean, epoch {best_epoch}:"),
        };
        let mut lines = vec![format!("by backpass {version} on {data}, {rows}"), format!("stopped: {stop}"), kept];
        if let Some(best) = self.history.get(best_epoch.wrapping_sub(1)) {
            lines.push(format!("      {}", best.describe()));
        }
        lines.extend(decisions.iter().map(|d| format!("decided: {d}")));
        lines.join("\n")
    }
}
