//! `backpass explain`.

use std::path::PathBuf;

use backpass::autodiff::gradient;
use backpass::builder::Builder;
use backpass::explain::{
    Explanation, Folding, MicroscopeError, NeuronOptions, Question, Source, dense_layers, neurons, recognise,
};
use backpass::graph::{Graph, NodeId};
use backpass::passes::for_people;
use backpass::text::expression;
use backpass::view::{Level, Role, View, ViewNode, shape};
use backpass_draw::text;
use backpass_tabular::Model;
use serde_json::{Value, json};

use crate::choice::choice;
use crate::derivatives::{Block, blocks_json, hessian_text, hessians, jacobian_text, jacobians};
use crate::derivatives::{sensitivity_json, sensitivity_text};
use crate::exit::Failure;
use crate::member::{Chosen, Member, not_dense};
use crate::output::{self, Talk, nested};
use crate::picture::{GRAPH, Picture, text_width};
use crate::reading::Reading;
use crate::subject::{Formula, Subject};
use crate::values::VALUES_HELP;

/// Show the forward and the backward pass of a formula or of a model's row, with every number
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Explain {
    /// A formula, a file with definitions, - for standard input, or a model written by train
    #[arg(value_name = "FORMULA|FILE|MODEL", allow_hyphen_values = true)]
    subject: String,

    #[arg(value_name = "NAME=VALUE", help = VALUES_HELP)]
    values: Vec<String>,

    /// The definition that is the result; by default the last
    #[arg(long, value_name = "NAME")]
    of: Option<String>,

    /// Differentiate with respect to these names alone
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    wrt: Option<Vec<String>>,

    #[command(flatten)]
    detail: Detail,

    /// Print the passes one operator at a time, with the chain rule written out
    #[arg(long, conflicts_with_all = ["json", "jacobian", "hessian", "formulas"])]
    steps: bool,

    /// Print the derivatives as formulas; values are not needed, sizes of arrays are: X=2x3
    #[arg(long, conflicts_with_all = ["json", "jacobian", "hessian", "output"])]
    formulas: bool,

    /// Print the Jacobian of the result with respect to each name; of a model's prediction, to each input of its network
    #[arg(long)]
    jacobian: bool,

    /// Print the second derivatives of a single number
    #[arg(long)]
    hessian: bool,

    /// Print one JSON document
    #[arg(long)]
    json: bool,

    /// The table with the row of a model to explain
    #[arg(long, value_name = "FILE", help_heading = "Model")]
    data: Option<PathBuf>,

    /// Which row, counted from 1
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Model", value_parser = clap::value_parser!(u64).range(1..))]
    row: u64,

    #[command(flatten)]
    reading: Reading,

    #[command(flatten)]
    picture: Picture,
}

/// How much is shown.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Detail")]
pub struct Detail {
    /// What stands as one node; by default operators for a formula, neurons for a model
    #[arg(long, value_name = "operator|neuron|layer|network", hide_possible_values = true, value_parser = choice(&Level::NAMES))]
    pub level: Option<Level>,

    /// Scopes to show as one node all the same
    #[arg(long, value_name = "SCOPES", value_delimiter = ',')]
    pub fold: Vec<String>,

    /// Scopes to show open all the same, such as the encoder of a model
    #[arg(long, value_name = "SCOPES", value_delimiter = ',')]
    pub open: Vec<String>,

    #[arg(long, value_name = "NEURON", help = FOCUS_HELP)]
    pub focus: Option<String>,

    #[command(flatten)]
    pub member: Chosen,

    /// The most neurons shown of a layer, or products of a neuron
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u16).range(1..=512))]
    pub units: u16,

    /// Significant digits
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=17))]
    pub digits: u8,
}

const FOCUS_HELP: &str =
    "One neuron, such as \"hidden1[3]\", with what it takes and gives; at --level operator every multiplication in it";

impl Detail {
    /// The level at which a formula is shown, by default every operator.
    pub fn level_of_formula(&self) -> Result<Level, Failure> {
        if self.member.is_given() {
            return Err(Failure::usage("--member belongs to a model\nhelp: leave it out, a formula has no networks"));
        }
        if self.focus.is_some() {
            return Err(Failure::usage(
                "--focus belongs to a model\nhelp: --of NAME shows one definition of a formula",
            ));
        }
        Ok(self.level.unwrap_or(Level::Operator))
    }

    /// The level at which a model is shown, by default neurons, and layers where its network is a formula.
    pub fn level_of_model(&self, network: &Graph, member: Option<Member>) -> Result<Level, Failure> {
        let within = member.map_or(String::new(), Member::scope);
        let has_neurons = || self.focus.is_some() || dense_layers(network, &within).is_ok();
        let level = self.level.unwrap_or_else(|| if has_neurons() { Level::Neuron } else { Level::Layer });
        let folds = !(self.fold.is_empty() && self.open.is_empty());
        if folds && (level == Level::Neuron || self.focus.is_some()) {
            let message = "--fold and --open do nothing where single neurons are shown";
            return Err(Failure::usage(format!(
                "{message}\nhelp: add --level layer or --level operator, without --focus"
            )));
        }
        Ok(level)
    }

    /// The detail of a whole model: operator by operator its encoder stays folded, unless scopes are named; beside one
    /// network of several the others stay folded, too.
    pub fn of_model(&self, level: Level, member: Option<Member>) -> Detail {
        let mut detail = self.clone();
        if level == Level::Operator && self.fold.is_empty() && self.open.is_empty() {
            detail.fold.push("encoder".to_string());
        }
        let others = member.into_iter().flat_map(Member::others);
        detail.fold.extend(others.filter(|other| !self.open.contains(other)));
        detail
    }

    /// What the graph view folds at a level.
    pub fn folding(&self, level: Level) -> Folding<'_> {
        Folding { level, fold: &self.fold, open: &self.open }
    }

    /// The digits as a count.
    pub fn digits(&self) -> usize {
        usize::from(self.digits)
    }
}

const EXAMPLES: &str = "\
Examples:
  backpass explain \"sigmoid(w1*x + w2*y + b)\" x=1 y=-2 w1=0.5 w2=0.25 b=0.1
  backpass explain \"sum(relu(X @ W))\" \"X=[[1,-2]]\" \"W=[[1,2],[3,4]]\" -o graph.svg
  backpass explain \"x^2 * y\" --formulas
  backpass explain \"sum(tanh(X @ W))\" X=5x3 W=3x2 --formulas
  backpass explain \"tanh(X)\" \"X=[[1,2],[3,4]]\" --jacobian
  backpass explain moons.backpass --data moons.csv --row 17
  backpass explain moons.backpass --data moons.csv --row 17 --jacobian
  backpass explain moons.backpass --data moons.csv --level operator --focus \"hidden1[3]\"";

impl Explain {
    pub fn run(self, talk: &Talk) -> Result<(), Failure> {
        self.picture.check(GRAPH)?;
        match Subject::new(&self.subject)? {
            Subject::Text(source) => self.formula(&source, talk),
            Subject::Model(model) => self.model(&model, talk),
        }
    }

    fn wrt(&self) -> Option<Vec<&str>> {
        self.wrt.as_ref().map(|names| names.iter().map(String::as_str).collect())
    }

    fn formula(&self, source: &str, talk: &Talk) -> Result<(), Failure> {
        if self.data.is_some() || self.row != 1 || self.reading != Reading::default() {
            let message = "--data, --row and how a table is read belong to a model";
            return Err(Failure::usage(format!("{message}\nhelp: a formula takes its values as name=value")));
        }
        let level = self.detail.level_of_formula()?;
        let formula = Formula::new(source, &self.values, self.of.as_deref())?;
        if self.formulas {
            return self.symbolic(&formula);
        }
        let wrt = self.wrt();
        let question = Question { result: formula.result, seed: None, variables: wrt.as_deref() };
        let graph = if level == Level::Operator { formula.graph.clone() } else { recognise(&formula.graph) };
        let explanation = Explanation::new(&graph, &question, &formula.point()?).map_err(Failure::usage)?;
        let value = explanation.value(explanation.result());
        if value.len() != 1 && !self.jacobian && !self.hessian {
            let sizes = shape(value.shape());
            talk.note(format!("the result is an array of {sizes}: derivatives are those of the sum of its elements"));
        }
        let mut blocks: [Option<Vec<Block>>; 2] = [None, None];
        if self.jacobian {
            let name = explanation.names().get(explanation.result());
            blocks[0] = Some(jacobians(&formula, name, wrt.as_deref())?);
        }
        if self.hessian {
            blocks[1] = Some(hessians(&formula, wrt.as_deref())?);
        }
        let mut view = explanation.view(&self.detail.folding(level), self.detail.digits());
        view.title = title(source);
        if self.json {
            self.picture.draw(&view, self.detail.digits())?;
            let [jacobian, hessian] = &blocks;
            let jacobian = jacobian.as_ref().map(|blocks| ("jacobian", blocks_json(blocks, false)));
            let hessian = hessian.as_ref().map(|blocks| ("hessian", blocks_json(blocks, true)));
            return self.document(&explanation, &view, jacobian.into_iter().chain(hessian));
        }
        let digits = self.detail.digits();
        let texts = [
            blocks[0].as_ref().map(|blocks| jacobian_text(blocks, digits)),
            blocks[1].as_ref().map(|blocks| hessian_text(blocks, digits)),
        ];
        match texts.into_iter().flatten().collect::<Vec<_>>() {
            texts if texts.is_empty() => self.show(&view),
            texts => {
                self.picture.draw(&view, digits)?;
                output::print(texts.join("\n"))
            }
        }
    }

    /// Prints the view and draws it.
    fn show(&self, view: &View) -> Result<(), Failure> {
        self.picture.draw(view, self.detail.digits())?;
        let options = text::Options { digits: self.detail.digits(), formulas: true, width: text_width() };
        output::print(if self.steps { text::steps(view, &options) } else { text::table(view, &options) })
    }

    /// The derivative with respect to each name as one formula.
    fn symbolic(&self, formula: &Formula) -> Result<(), Failure> {
        let builder = Builder::from_graph(formula.graph.clone());
        let wrt = self.wrt();
        let (ids, names) = (formula.variables(), formula.names());
        if let Some(name) = wrt.iter().flatten().find(|name| !names.contains(name)) {
            return Err(Failure::usage(format!("there is no name `{name}` in the formula")));
        }
        let asked = |(_, name): &(NodeId, &str)| wrt.as_ref().is_none_or(|wrt| wrt.contains(name));
        let (ids, names): (Vec<NodeId>, Vec<&str>) = ids.zip(names).filter(asked).unzip();
        let variables: Vec<_> = ids.into_iter().map(|id| builder.expr(id)).collect();
        let slopes = gradient(builder.expr(formula.result).sum_all(), &variables).map_err(Failure::usage)?;
        for (name, slope) in names.iter().zip(slopes) {
            builder.output(&format!("∂/∂{name}"), slope);
        }
        let graph = builder.finish().map_err(Failure::usage)?;
        let graph = for_people(&graph);
        let lines = names.iter().filter_map(|name| {
            let slope = graph.output(&format!("∂/∂{name}"))?;
            Some(format!("∂/∂{name} = {}\n", expression(&graph, slope, FORMULA_DEPTH)))
        });
        output::print(lines.collect::<String>())
    }

    fn model(&self, model: &Model, talk: &Talk) -> Result<(), Failure> {
        if !self.values.is_empty() || self.of.is_some() || self.wrt.is_some() {
            let message = "values, --of and --wrt belong to formulas";
            return Err(Failure::usage(format!("{message}\nhelp: a model takes --data and --row")));
        }
        if self.hessian || self.formulas {
            let message = "the second derivatives and formulas of a whole model would be too many and too long to read";
            let help = "--jacobian shows how the prediction answers to each input; backpass inspect the equations";
            return Err(Failure::usage(format!("{message}\nhelp: {help}")));
        }
        let member = self.detail.member.of(model)?;
        let level = self.detail.level_of_model(&model.network.graph, member)?;
        let Some(data) = &self.data else {
            let help = "help: --data FILE --row N; without numbers, see backpass draw";
            return Err(Failure::usage(format!("a row is needed to explain what the model does with it\n{help}")));
        };
        let table = self.reading.table(data)?;
        let explained = model.explain(&table, self.row as usize - 1)?;
        explained.surprises.notes().iter().for_each(|note| talk.note(note));
        let sensitivity = if self.jacobian { Some(model.sensitivity(&table, self.row as usize - 1)?) } else { None };
        if sensitivity.is_some() {
            talk.say(format!("row {}: predicted {}", self.row, explained.prediction));
        }
        let explanation = &explained.explanation;
        let inputs = model.input_names();
        let within = member.map_or(String::new(), Member::scope);
        let digits = self.detail.digits();
        let microscope;
        let mut shown = explanation;
        let mut view = match (level, &self.detail.focus) {
            (Level::Neuron, focus) => {
                let options = NeuronOptions {
                    units: usize::from(self.detail.units),
                    inputs: &inputs,
                    outputs: &explained.outputs,
                    result: &format!("predicts {}", explained.prediction),
                    focus: focus.as_deref(),
                    digits,
                    within: &within,
                };
                neurons(Source::Run(explanation), &options).map_err(|error| not_dense(model, error))?
            }
            (Level::Operator, Some(focus)) => {
                let (layer, unit) = neuron(focus)?;
                let terms = usize::from(self.detail.units);
                let found = explanation.microscope(layer, unit, terms, &inputs, &within);
                microscope = found.map_err(|error| match error {
                    MicroscopeError::NotDense(error) => not_dense(model, error),
                    error => Failure::usage(error),
                })?;
                shown = &microscope;
                let mut view = shown.view(&Folding::at(Level::Operator), digits);
                view.notes
                    .push(format!("The gradients of what it takes are the parts that flow through {focus} alone."));
                view
            }
            (_, Some(_)) => return Err(Failure::usage("--focus goes with --level neuron or --level operator")),
            (level, None) => explanation.view(&self.detail.of_model(level, member).folding(level), digits),
        };
        view.title = format!("{}, row {} of {}", self.subject, self.row, data.display());
        if let Some(member) = member.filter(|_| level != Level::Network) {
            view.notes.push(format!("This is {}: {}.", member.words(), explained.prediction));
        }
        view.notes
            .push(format!("The model predicts {}; derivatives are those of {}.", explained.prediction, explained.of));
        if self.json {
            self.picture.draw(&view, digits)?;
            return self.document(shown, &view, sensitivity.iter().map(|s| ("jacobian", sensitivity_json(s))));
        }
        match &sensitivity {
            None => self.show(&view),
            Some(sensitivity) => {
                self.picture.draw(&view, digits)?;
                output::print(sensitivity_text(sensitivity, digits)?)
            }
        }
    }

    /// Prints everything as one JSON document, with what else was asked for.
    fn document(
        &self,
        explanation: &Explanation,
        view: &View,
        more: impl Iterator<Item = (&'static str, Value)>,
    ) -> Result<(), Failure> {
        let wrt = self.wrt();
        let asked = |name: &str| wrt.as_ref().is_none_or(|names| names.contains(&name));
        let gradients = explanation.gradients().filter(|(name, _)| asked(name));
        let gradients: serde_json::Map<String, Value> =
            gradients.map(|(name, g)| (name.to_string(), g.map_or(Value::Null, nested))).collect();
        let optional = |array: &Option<_>| array.as_ref().map_or(Value::Null, nested);
        let entering = view.entering();
        let node = |(index, node): (usize, &ViewNode)| {
            let edges: Vec<_> = entering[index].iter().map(|&e| &view.edges[e]).collect();
            json!({
                "id": node.id,
                "op": operator(explanation, node),
                "name": node.name,
                "args": edges.iter().map(|e| &view.nodes[e.from].id).collect::<Vec<_>>(),
                "formula": node.formula,
                "shape": node.shape,
                "value": optional(&node.value),
                "local": edges.iter().map(|e| optional(&e.local)).collect::<Vec<_>>(),
                "taken": edges.iter().map(|e| optional(&e.value)).collect::<Vec<_>>(),
                "flow": edges.iter().map(|e| optional(&e.gradient)).collect::<Vec<_>>(),
                "grad": optional(&node.gradient),
                "notes": node.notes,
            })
        };
        let mut document = json!({
            "schema": "backpass.explain/1",
            "result": explanation.names().get(explanation.result()),
            "value": nested(explanation.value(explanation.result())),
            "gradients": gradients,
            "nodes": view.nodes.iter().enumerate().map(node).collect::<Vec<_>>(),
            "notes": view.notes,
        });
        more.for_each(|(name, value)| document[name] = value);
        output::json(&document)
    }
}

/// What a node of the picture does, as programs know it: the name of its operator, or what it is where it is no operator.
fn operator<'a>(explanation: &'a Explanation, node: &'a ViewNode) -> &'a str {
    let index = || node.id.strip_prefix('n')?.parse::<usize>().ok();
    match node.role {
        Role::Input => "input",
        Role::Parameter => "parameter",
        Role::Constant => "constant",
        Role::Operator(_) => index()
            .and_then(|index| explanation.graph().nodes().get(index))
            .map_or(&node.label, |node| node.op.info().name),
        _ => &node.label,
    }
}

/// How many operators deep the formula of a derivative is written.
const FORMULA_DEPTH: usize = 60;

/// A title that fits above a picture.
pub fn title(source: &str) -> String {
    const LONGEST: usize = 80;
    let line = source.split(['\n', ';']).map(str::trim).filter(|l| !l.is_empty()).collect::<Vec<_>>().join("; ");
    match line.chars().count() {
        0..=LONGEST => line,
        _ => line.chars().take(LONGEST - 1).chain(['…']).collect(),
    }
}

/// Reads `hidden1[3]`.
fn neuron(text: &str) -> Result<(&str, usize), Failure> {
    let parts = text.strip_suffix(']').and_then(|rest| rest.split_once('['));
    let read = parts.and_then(|(layer, unit)| Some((layer, unit.parse().ok()?)));
    read.ok_or_else(|| {
        Failure::usage(format!("`{text}` is not a neuron\nhelp: write its layer and number, such as \"hidden1[3]\""))
    })
}
