//! `backpass draw`.

use std::path::{Path, PathBuf};

use backpass::explain::{NeuronOptions, Source, neurons, recognise, structure};
use backpass::nn::Activation;
use backpass::view::{Level, View};
use backpass_draw::plot::{
    Chart, MOST_NEURONS, PlotError, Sheet, Training, activation, activations, boundary, init_ranges, learning_curves,
};
use backpass_draw::plot::{neurons as neuron_maps, profile};
use backpass_draw::text;
use backpass_learn::ranges::{Network, all_ranges};
use backpass_tabular::Model;

use super::explain::{Detail, title};
use crate::exit::Failure;
use crate::member::{Member, not_dense};
use crate::output::{self, Talk};
use crate::picture::{GRAPH, PLOT, Picture};
use crate::reading::Reading;
use crate::subject::{Formula, Subject};

/// Draw a formula, a model, an activation, a decision boundary, learning curves
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Draw {
    /// A formula, a file with definitions, or - for standard input, with the sizes of its names, such as X=2x3, or
    /// their values; or models written by train
    #[arg(value_name = "FORMULA|FILE|MODEL", required_unless_present_any = ["activation", "activations", "inits"])]
    subjects: Vec<String>,

    /// The definition that is the result; by default the last
    #[arg(long, value_name = "NAME")]
    of: Option<String>,

    #[command(flatten)]
    detail: Detail,

    #[command(flatten)]
    plot: Plot,

    #[command(flatten)]
    reading: Reading,

    #[command(flatten)]
    picture: Picture,
}

/// What is plotted in place of the graph.
#[derive(clap::Args)]
#[command(next_help_heading = "Plots")]
#[group(id = "plot", multiple = false)]
struct Plot {
    /// An activation with its derivative, such as tanh or leaky_relu(slope=0.1)
    #[arg(long, value_name = "NAME", conflicts_with = "subjects")]
    activation: Option<String>,

    /// All activations with their derivatives
    #[arg(long, conflicts_with = "subjects")]
    activations: bool,

    /// The ranges of values and gradients in each layer under each initialisation: widths from the inputs on, activation
    #[arg(long, value_name = "WIDTHS[:ACTIVATION]", conflicts_with = "subjects")]
    inits: Option<String>,

    /// Where the model predicts what, over this table: for one or two input columns
    #[arg(long, value_name = "DATA")]
    boundary: Option<PathBuf>,

    /// What each hidden neuron gives over the plane of this table
    #[arg(long, value_name = "DATA")]
    neurons: Option<PathBuf>,

    /// The training and validation loss of each epoch, of one model or several
    #[arg(long)]
    history: bool,
}

const EXAMPLES: &str = "\
Examples:
  backpass draw \"sigmoid(w1*x + w2*y + b)\" -o neuron.svg
  backpass draw \"sigmoid(w1*x + w2*y + b)\" --level neuron
  backpass draw moons.backpass -o network.svg
  backpass draw moons.backpass --level layer -o arrays.svg
  backpass draw moons.backpass --boundary moons.csv -o boundary.svg
  backpass draw --activation tanh -o tanh.svg
  backpass draw --inits 100,100,100,100,100:relu -o inits.svg";

/// The size of a plot, in pixels.
const SIZE: (u32, u32) = (720, 480);
/// Grid points along each side of a map.
const GRID: usize = 160;
/// Rows with which ranges are computed.
const ROWS: usize = 256;

impl Draw {
    pub fn run(self, talk: &Talk) -> Result<(), Failure> {
        self.picture.check(if self.plot.any() { PLOT } else { GRAPH })?;
        if self.plot.any() {
            return self.plots(talk);
        }
        let Some((subject, values)) = self.subjects.split_first() else {
            return Err(Failure::usage("there is nothing to draw\nhelp: give a formula, a file or a model"));
        };
        let view = match Subject::new(subject)? {
            Subject::Text(source) => self.formula(&source, values)?,
            Subject::Model(model) if values.is_empty() => self.model(&model, subject)?,
            Subject::Model(_) => {
                return Err(Failure::usage("one thing is drawn at a time; several models go with --history"));
            }
        };
        self.show(&view)
    }

    fn show(&self, view: &View) -> Result<(), Failure> {
        self.picture.draw(view, self.detail.digits())?;
        if self.picture.output.is_none() { output::print(text::outline(view)) } else { Ok(()) }
    }

    fn formula(&self, source: &str, values: &[String]) -> Result<View, Failure> {
        let level = self.detail.level_of_formula()?;
        let formula = Formula::new(source, values, self.of.as_deref())?;
        let graph = if level == Level::Operator { formula.graph } else { recognise(&formula.graph) };
        let mut view = structure(&graph, &self.detail.folding(level));
        view.title = title(source);
        Ok(view)
    }

    fn model(&self, model: &Model, path: &str) -> Result<View, Failure> {
        if self.of.is_some() {
            return Err(Failure::usage("--of belongs to formulas\nhelp: leave it out, a model is drawn as a whole"));
        }
        let graph = &model.network.graph;
        let member = self.detail.member.of(model)?;
        let level = self.detail.level_of_model(graph, member)?;
        if self.detail.focus.is_some() && level != Level::Neuron {
            return Err(Failure::usage("--focus goes with --level neuron; with numbers, see backpass explain"));
        }
        let mut view = if level == Level::Neuron {
            let (inputs, outputs) = (model.input_names(), model.output_names());
            let options = NeuronOptions {
                units: usize::from(self.detail.units),
                inputs: &inputs,
                outputs: &outputs,
                result: "",
                focus: self.detail.focus.as_deref(),
                digits: self.detail.digits(),
                within: &member.map_or(String::new(), Member::scope),
            };
            let drawn = neurons(Source::Graph(graph, Some(&model.network.weights)), &options);
            drawn.map_err(|error| not_dense(model, error))?
        } else {
            structure(&model.graph(None)?, &self.detail.of_model(level, member).folding(level))
        };
        view.title = match member.filter(|_| level != Level::Network) {
            Some(member) => format!("{path}: {}", member.words()),
            None => path.to_string(),
        };
        Ok(view)
    }

    fn plots(&self, talk: &Talk) -> Result<(), Failure> {
        let plot = &self.plot;
        if let Some(name) = &plot.activation {
            let found = Activation::parse(name).map_err(Failure::usage)?;
            return self.chart(&activation(&found).map_err(Failure::usage)?);
        }
        if plot.activations {
            return self.sheet(&activations().map_err(Failure::usage)?);
        }
        if let Some(text) = &plot.inits {
            let network = network(text)?;
            let ranges = all_ranges(&network).map_err(Failure::usage)?;
            let title = format!("{} layers of {}", network.widths.len() - 1, network.activation);
            return self.sheet(&init_ranges(title, &ranges));
        }
        let load = |path| -> Result<(&String, Model), Failure> { Ok((path, Model::load(Path::new(path))?)) };
        let models = self.subjects.iter().map(load).collect::<Result<Vec<_>, _>>()?;
        if plot.history {
            let name =
                |path: &str| Path::new(path).file_stem().map_or(String::new(), |s| s.to_string_lossy().into_owned());
            let names: Vec<String> =
                models.iter().map(|(path, _)| if models.len() == 1 { String::new() } else { name(path) }).collect();
            let parts: Vec<_> = models.iter().map(|(_, model)| model.only_in_training()).collect();
            let kept = if let [(_, model)] = &models[..] { model.kept_epochs() } else { Vec::new() };
            let trainings = names.iter().zip(&models).zip(&parts).map(|((name, (_, model)), only_in_training)| {
                Training { name, history: &model.history, kept: &kept, only_in_training }
            });
            let trainings: Vec<Training<'_>> = trainings.collect();
            return self.chart(&learning_curves(&trainings));
        }
        let [(_, model)] = &models[..] else { return Err(Failure::usage("one model is drawn at a time")) };
        let (data, maps) = match (&plot.boundary, &plot.neurons) {
            (Some(data), _) => (data, false),
            (None, Some(data)) => (data, true),
            (None, None) => return Ok(()),
        };
        let table = self.reading.table(data)?;
        if !maps && model.inputs.numbers.len() + model.inputs.categories.len() == 1 {
            return self.chart(&profile(&model.profile(&table, 4 * GRID).map_err(Failure::usage)?));
        }
        let landscape = model.landscape(&table, GRID, MOST_NEURONS).map_err(Failure::usage)?;
        if landscape.neurons.is_empty() && maps {
            talk.note("the model has no hidden neurons");
        }
        if maps { self.sheet(&neuron_maps(&landscape)) } else { self.chart(&boundary(&landscape, true)) }
    }

    fn chart(&self, chart: &Chart) -> Result<(), Failure> {
        self.plotted(|theme| chart.svg(SIZE, theme), || chart.describe())
    }

    fn sheet(&self, sheet: &Sheet) -> Result<(), Failure> {
        self.plotted(|theme| sheet.svg(sheet.size(PANEL), theme), || sheet.describe())
    }

    /// Writes a plot to the file, or prints what it shows in words.
    fn plotted(
        &self,
        svg: impl Fn(backpass_draw::Theme) -> Result<String, PlotError>,
        words: impl Fn() -> String,
    ) -> Result<(), Failure> {
        match &self.picture.output {
            Some(_) => self.picture.vector(&svg(self.picture.theme).map_err(Failure::usage)?),
            None => output::print(words() + "\n"),
        }
    }
}

/// The size of one panel of a sheet, in pixels.
const PANEL: (u32, u32) = (360, 260);

impl Plot {
    fn any(&self) -> bool {
        let Plot { activation, activations, inits, boundary, neurons, history } = self;
        activation.is_some() || *activations || inits.is_some() || boundary.is_some() || neurons.is_some() || *history
    }
}

/// Reads `100,100,100:relu`.
fn network(text: &str) -> Result<Network, Failure> {
    let (widths, activation) = text.split_once(':').unwrap_or((text, "tanh"));
    let help = "help: write widths and an activation, such as 100,100,100:relu";
    let wrong = || Failure::usage(format!("`{text}` is no network\n{help}"));
    let widths = widths.split(',').map(|w| w.trim().parse().map_err(|_| wrong())).collect::<Result<Vec<usize>, _>>()?;
    let activation = Activation::parse(activation).map_err(Failure::usage)?;
    Ok(Network { widths, activation, rows: ROWS, seed: 1 })
}
