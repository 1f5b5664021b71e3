//! A network drawn neuron by neuron: circles in columns, linked by weights, with the numbers of one row on them.
//!
//! Large layers show their strongest neurons; one more node stands for all others together. What it gives and takes is
//! the exact sum of what they do, so that the numbers at a shown neuron add up as if all were shown.

use super::Explanation;
use super::notes::unit_note;
use super::steps::{WEIGHTED_SUM, steps};
use super::weighted::added;
use crate::array::Array;
use crate::graph::{Graph, NodeId, ScopeId, ScopeKind};
use crate::nn::Weights;
use crate::ops::{Category, Op};
use crate::view::{Role, Unit, View, ViewEdge, ViewNode};

/// A fully connected layer found in a graph: `output = activation(input @ weights + bias)`.
#[derive(Clone, Debug)]
pub struct Dense {
    /// The name of its scope.
    pub name: String,
    /// What it takes, `[batch, in]`.
    pub input: NodeId,
    /// The weights, a parameter `[in, out]`.
    pub weights: NodeId,
    /// The bias, a parameter `[out]`.
    pub bias: Option<NodeId>,
    /// The sums before the activation, `[batch, out]`.
    pub sum: NodeId,
    /// What it gives, `[batch, out]`.
    pub output: NodeId,
}

/// Why a graph cannot be drawn neuron by neuron.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotDense {
    /// No layers at all.
    #[error("there are no fully connected layers here\nhelp: use --level layer or --level operator")]
    NoLayers,
    /// A layer that is more than an activation of a weighted sum.
    #[error(
        "`{layer}` is not a fully connected layer, an activation of a weighted sum\nhelp: use --level layer or --level operator"
    )]
    Layer {
        /// Its name.
        layer: String,
    },
    /// Layers between which something else happens.
    #[error("`{layer}` does not take what the layer before it gives\nhelp: use --level layer or --level operator")]
    Chain {
        /// Its name.
        layer: String,
    },
    /// A run without rows.
    #[error("there is no row whose numbers could be shown")]
    NoRow,
    /// A neuron that is not there.
    #[error("there is no neuron `{wanted}`\nhelp: {help}")]
    Neuron {
        /// What was asked for.
        wanted: String,
        /// What there is.
        help: String,
    },
}

/// What is shown of a network.
#[derive(Clone, Debug)]
pub struct NeuronOptions<'a> {
    /// The most neurons shown of a layer, at least 1.
    pub units: usize,
    /// The names of the inputs; by default `x[0]`, `x[1]`, ….
    pub inputs: &'a [String],
    /// The names of the outputs; by default `output[0]`, ….
    pub outputs: &'a [String],
    /// What comes out in the end, in words.
    pub result: &'a str,
    /// Show this neuron alone, with what it takes and gives.
    pub focus: Option<&'a str>,
    /// Significant digits of the numbers in steps.
    pub digits: usize,
    /// The scope that holds the network, where there are several side by side; empty where there is one.
    pub within: &'a str,
}

impl Default for NeuronOptions<'_> {
    fn default() -> Self {
        NeuronOptions { units: 12, inputs: &[], outputs: &[], result: "", focus: None, digits: 4, within: "" }
    }
}

/// Where numbers come from.
#[derive(Clone, Copy)]
pub enum Source<'a> {
    /// A graph with its weights, or none.
    Graph(&'a Graph, Option<&'a Weights>),
    /// A run.
    Run(&'a Explanation),
}

/// The fully connected layers of a graph, from inputs to outputs; of several networks side by side those in the scope
/// `within`, which is empty where there is one.
pub fn dense_layers(graph: &Graph, within: &str) -> Result<Vec<Dense>, NotDense> {
    let mut layers: Vec<Dense> = Vec::new();
    let mut members: Vec<Vec<NodeId>> = vec![Vec::new(); graph.scopes().len()];
    graph.ids().for_each(|id| members[graph.node(id).scope.index()].push(id));
    let scopes = graph.scopes().iter().zip(members).enumerate();
    for (index, (scope, inside)) in scopes.filter(|(_, (scope, _))| scope.kind == ScopeKind::Layer) {
        let path = graph.scope_path(ScopeId(index as u32));
        let is_within = within.is_empty() || path.split('/').any(|name| name == within);
        if inside.is_empty() || !is_within {
            continue;
        }
        let wrong = || NotDense::Layer { layer: scope.name.clone() };
        let layer = dense(graph, &scope.name, &inside).ok_or_else(wrong)?;
        if layers.last().is_some_and(|before| before.output != layer.input) {
            return Err(NotDense::Chain { layer: layer.name });
        }
        layers.push(layer);
    }
    if layers.is_empty() { Err(NotDense::NoLayers) } else { Ok(layers) }
}

/// Reads the nodes of one scope as a weighted sum followed by functions of one number.
fn dense(graph: &Graph, name: &str, inside: &[NodeId]) -> Option<Dense> {
    let is_parameter = |id: NodeId| matches!(graph.node(id).op, Op::Parameter(_));
    let mut found: Option<Dense> = None;
    for &id in inside.iter().filter(|&&id| !graph.node(id).args.is_empty()) {
        let node = graph.node(id);
        found = Some(match (&node.op, &node.args[..], found) {
            (Op::Matmul(product), &[input, weights], None)
                if is_parameter(weights) && *product == Default::default() =>
            {
                Dense { name: name.to_string(), input, weights, bias: None, sum: id, output: id }
            }
            (Op::Add(_), &[sum, bias], Some(d)) if sum == d.output && d.bias.is_none() && is_parameter(bias) => {
                Dense { bias: Some(bias), sum: id, output: id, ..d }
            }
            (op, &[arg], Some(d)) if arg == d.output => match op.info().category {
                Category::Activation | Category::Function => Dense { output: id, ..d },
                _ => return None,
            },
            _ => return None,
        });
    }
    found
}

/// The view of a network neuron by neuron, with the numbers of the first row.
pub fn neurons(source: Source<'_>, options: &NeuronOptions<'_>) -> Result<View, NotDense> {
    let (graph, run) = match source {
        Source::Graph(graph, _) => (graph, None),
        Source::Run(run) => (run.graph(), Some(run)),
    };
    let layers = dense_layers(graph, options.within)?;
    let weights = |id: NodeId| match source {
        Source::Graph(graph, weights) => weights.and_then(|w| w.get(graph.name(id))).cloned(),
        Source::Run(run) => Some(run.value(id).clone()),
    };
    let sizes = |id: NodeId| graph.shape(id).extent().fixed;
    for layer in &layers {
        if run.is_some_and(|run| run.value(layer.output).is_empty() || run.value(layer.input).is_empty()) {
            return Err(NotDense::NoRow);
        }
        let fits = |id: NodeId| weights(id).is_none_or(|w| w.shape() == graph.shape(id).resolve(1));
        if !fits(layer.weights) || !layer.bias.is_none_or(fits) {
            return Err(NotDense::Layer { layer: layer.name.clone() });
        }
    }
    let mut columns = vec![Column::new(run, layers[0].input, layers[0].input, sizes(layers[0].input))];
    columns.extend(layers.iter().map(|l| Column::new(run, l.output, l.sum, sizes(l.output))));
    let matrices: Vec<Option<Array>> = layers.iter().map(|l| weights(l.weights)).collect();
    let biases: Vec<Option<Array>> = layers.iter().map(|l| l.bias.and_then(&weights)).collect();
    let mut sheet = Sheet { graph, run, layers, columns, matrices, biases, options, view: View::default() };
    sheet.view.of = run.map_or(String::new(), |run| run.of().to_string());
    sheet.choose()?;
    Ok(sheet.draw())
}

/// The numbers of one layer of neurons and which of them are shown.
struct Column {
    units: usize,
    values: Option<Vec<f64>>,
    sums: Option<Vec<f64>>,
    gradients: Option<Vec<f64>>,
    /// The derivatives with respect to the sums.
    deltas: Option<Vec<f64>>,
    /// The derivatives of the values with respect to the sums.
    slopes: Option<Vec<f64>>,
    shown: Vec<usize>,
    /// Whether a node stands for the neurons that are not shown.
    more: bool,
}

impl Column {
    fn new(run: Option<&Explanation>, output: NodeId, sum: NodeId, units: usize) -> Column {
        let first_row = |array: &Array| array.data()[..units.min(array.len())].to_vec();
        Column {
            units,
            values: run.map(|run| first_row(run.value(output))),
            sums: run.map(|run| first_row(run.value(sum))),
            gradients: run.and_then(|run| run.gradient(output)).map(first_row),
            deltas: run.and_then(|run| run.gradient(sum)).map(first_row),
            slopes: run.map(|run| run.slopes(output, sum, units)),
            shown: Vec::new(),
            more: false,
        }
    }

    /// Shows the strongest neurons, in their order.
    fn show(&mut self, most: usize, strength: impl Fn(usize) -> f64) {
        let mut all: Vec<usize> = (0..self.units).collect();
        if self.units > most {
            all.sort_by(|&a, &b| strength(b).total_cmp(&strength(a)));
            all.truncate(most);
            all.sort_unstable();
        }
        self.more = self.units > all.len();
        self.shown = all;
    }

    fn hidden(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.units).filter(|unit| !self.shown.contains(unit))
    }
}

impl Explanation {
    /// The derivatives of the values of a layer with respect to its sums, on the first row.
    fn slopes(&self, output: NodeId, sum: NodeId, units: usize) -> Vec<f64> {
        let (mut slopes, mut at) = (vec![1.0; units], output);
        while at != sum {
            match self.rule(self.names(), at, 0).local {
                Some(local) => slopes.iter_mut().zip(local.data()).for_each(|(slope, local)| *slope *= local),
                // A rule that says zero has no formula.
                None => slopes.fill(0.0),
            }
            at = self.graph().node(at).args[0];
        }
        slopes
    }
}

struct Sheet<'a> {
    graph: &'a Graph,
    run: Option<&'a Explanation>,
    layers: Vec<Dense>,
    /// The inputs, then one for each layer.
    columns: Vec<Column>,
    matrices: Vec<Option<Array>>,
    biases: Vec<Option<Array>>,
    options: &'a NeuronOptions<'a>,
    view: View,
}

/// One end of an edge: a neuron, or all that are not shown.
#[derive(Clone, Copy)]
enum End {
    Unit(usize),
    More,
}

impl Sheet<'_> {
    /// Chooses the neurons that are shown: the strongest are those whose value times gradient is largest, that is, on which
    /// the result depends most in proportion.
    fn choose(&mut self) -> Result<(), NotDense> {
        let most = self.options.units.max(1);
        let Some((column, unit)) = self.options.focus.map(|focus| self.find(focus)).transpose()? else {
            for column in &mut self.columns {
                let (values, gradients) = (column.values.clone(), column.gradients.clone());
                column.show(most, |i| {
                    let value = values.as_ref().map_or(0.0, |v| v[i].abs());
                    value * gradients.as_ref().map_or(1.0, |g| g[i].abs())
                });
            }
            return Ok(());
        };
        self.columns[column].shown = vec![unit];
        if let Some(before) = column.checked_sub(1) {
            let weights = self.matrices[before].clone();
            let values = self.columns[before].values.clone();
            let width = self.columns[column].units;
            self.columns[before].show(most, |i| {
                let weight = weights.as_ref().map_or(0.0, |w| w.data()[i * width + unit].abs());
                weight * values.as_ref().map_or(1.0, |v| v[i].abs())
            });
        }
        if column + 1 < self.columns.len() {
            let weights = self.matrices[column].clone();
            let deltas = self.columns[column + 1].deltas.clone();
            let width = self.columns[column + 1].units;
            self.columns[column + 1].show(most, |j| {
                let weight = weights.as_ref().map_or(0.0, |w| w.data()[unit * width + j].abs());
                weight * deltas.as_ref().map_or(1.0, |d| d[j].abs())
            });
        }
        Ok(())
    }

    /// The column and number of a neuron called `hidden1[3]`, or by the name of an input or output.
    fn find(&self, wanted: &str) -> Result<(usize, usize), NotDense> {
        let position = |names: &[String]| names.iter().position(|name| name == wanted);
        let last = self.columns.len() - 1;
        if let Some(unit) = position(self.options.inputs) {
            return Ok((0, unit));
        }
        if let Some(unit) = position(self.options.outputs) {
            return Ok((last, unit));
        }
        let parts = wanted.strip_suffix(']').and_then(|rest| rest.split_once('['));
        let found = parts.and_then(|(name, unit)| {
            let column = if name == "x" { 0 } else { 1 + self.layers.iter().position(|l| l.name == name)? };
            Some((column, unit.parse().ok()?)).filter(|(column, unit)| *unit < self.columns[*column].units)
        });
        let range = |(layer, column): (&Dense, &Column)| format!("{0}[0] to {0}[{1}]", layer.name, column.units - 1);
        let help = || self.layers.iter().zip(&self.columns[1..]).map(range).collect::<Vec<_>>().join(", ");
        found.ok_or_else(|| NotDense::Neuron { wanted: wanted.to_string(), help: help() })
    }

    fn name(&self, column: usize, unit: usize) -> String {
        let is_last = column + 1 == self.columns.len();
        match (column, self.options.inputs.get(unit), self.options.outputs.get(unit)) {
            (0, Some(name), _) => name.clone(),
            (0, None, _) => format!("x[{unit}]"),
            (_, _, Some(name)) if is_last => name.clone(),
            _ => format!("{}[{unit}]", self.layers[column - 1].name),
        }
    }

    fn draw(mut self) -> View {
        let mut ends: Vec<Vec<(End, usize)>> = Vec::new();
        for column in 0..self.columns.len() {
            let mut places = Vec::new();
            for unit in self.columns[column].shown.clone() {
                places.push((End::Unit(unit), self.view.nodes.len()));
                let node = self.neuron(column, unit);
                self.view.nodes.push(node);
            }
            if self.columns[column].more {
                places.push((End::More, self.view.nodes.len()));
                let node = self.more(column);
                self.view.nodes.push(node);
            }
            ends.push(places);
        }
        for column in 1..self.columns.len() {
            for &(from, from_node) in &ends[column - 1] {
                for &(to, to_node) in &ends[column] {
                    if !matches!((from, to), (End::More, End::More)) {
                        let edge = self.edge(column, (from, from_node), (to, to_node));
                        self.view.edges.push(edge);
                    }
                }
            }
        }
        if let Some(last) = ends.last() {
            self.result(last);
        }
        if let Some(run) = self.run {
            self.view.steps = steps(&self.view, self.options.digits, |_| None, run);
        }
        self.view
    }

    fn neuron(&self, column: usize, unit: usize) -> ViewNode {
        let of = &self.columns[column];
        let at = |values: &Option<Vec<f64>>| values.as_ref().map(|v| v[unit]);
        let name = self.name(column, unit);
        let mut node = ViewNode {
            id: format!("u{column}-{unit}"),
            label: name.clone(),
            name,
            role: if column == 0 { Role::Input } else { Role::Neuron },
            formula: String::new(),
            shape: Vec::new(),
            value: at(&of.values).map(Array::scalar),
            gradient: at(&of.gradients).map(Array::scalar),
            notes: Vec::new(),
            column: Some(column),
            group: None,
            unit: None,
        };
        if column > 0 {
            let layer = &self.layers[column - 1];
            let activation = self.graph.node(layer.output).op.info();
            let bias = self.biases[column - 1].as_ref().map(|b| b.data()[unit]);
            let is_linear = layer.sum == layer.output;
            node.unit = Some(Unit {
                activation: (!is_linear).then_some(activation.name),
                bias: layer.bias.map(|_| ("bias".to_string(), bias)),
                sum: at(&of.sums),
                slope: at(&of.slopes),
            });
            let bias = match bias {
                Some(bias) => added(bias, self.options.digits),
                None if layer.bias.is_some() => " + bias".to_string(),
                None => String::new(),
            };
            let sum = format!("{WEIGHTED_SUM}{bias}");
            node.formula = if is_linear { sum } else { format!("{}({sum})", activation.name) };
            if let (Some(sum), Some(run), false) = (at(&of.sums), self.run, is_linear) {
                node.notes.extend(unit_note(run, layer.output, unit, sum, self.options.digits));
            }
        }
        node
    }

    fn more(&self, column: usize) -> ViewNode {
        let label = format!("…and {} more", self.columns[column].units - self.columns[column].shown.len());
        ViewNode {
            id: format!("u{column}-more"),
            name: label.clone(),
            label,
            role: Role::More,
            formula: String::new(),
            shape: Vec::new(),
            value: None,
            gradient: None,
            notes: Vec::new(),
            column: Some(column),
            group: None,
            unit: None,
        }
    }

    /// The edge into `column`: between neurons its weight and product; from or to the others the sum of all theirs.
    fn edge(&self, column: usize, (from, from_node): (End, usize), (to, to_node): (End, usize)) -> ViewEdge {
        let (before, after) = (&self.columns[column - 1], &self.columns[column]);
        let weight = |i: usize, j: usize| self.matrices[column - 1].as_ref().map(|w| w.data()[i * after.units + j]);
        let froms: Vec<usize> = if let End::Unit(i) = from { vec![i] } else { before.hidden().collect() };
        let tos: Vec<usize> = if let End::Unit(j) = to { vec![j] } else { after.hidden().collect() };
        let pairs = || froms.iter().flat_map(|&i| tos.iter().map(move |&j| (i, j)));
        let value = before.values.as_ref().map(|x| pairs().map(|(i, j)| x[i] * weight(i, j).unwrap_or(0.0)).sum());
        let gradient = after.deltas.as_ref().map(|d| pairs().map(|(i, j)| d[j] * weight(i, j).unwrap_or(0.0)).sum());
        let single = matches!((from, to), (End::Unit(_), End::Unit(_)));
        let slope = |j: usize| after.slopes.as_ref().map_or(1.0, |s| s[j]);
        // What the hidden neurons of a layer give each other is not a number of one neuron.
        let value = value.filter(|_| matches!(to, End::Unit(_)));
        let gradient = gradient.filter(|_| matches!(from, End::Unit(_)));
        ViewEdge {
            from: from_node,
            to: to_node,
            operand: if let End::Unit(i) = from { i } else { before.units },
            ordered: false,
            weight: weight(froms[0], tos[0]).filter(|_| single),
            weight_name: if single { format!("w[{}]", self.name(column - 1, froms[0])) } else { String::new() },
            value: value.map(Array::scalar),
            rule: String::new(),
            local: weight(froms[0], tos[0])
                .filter(|_| single && self.run.is_some())
                .map(|w| Array::scalar(w * slope(tos[0]))),
            gradient: gradient.map(Array::scalar),
        }
    }

    /// What follows the last layer, as one node.
    fn result(&mut self, last: &[(End, usize)]) {
        let Some(run) = self.run else { return };
        let Some(layer) = self.layers.last() else { return };
        if layer.output == run.result() {
            return;
        }
        let node = self.view.nodes.len();
        let name = run.names().get(run.result()).to_string();
        let units = &self.columns[self.columns.len() - 1];
        for &(end, from) in last {
            let End::Unit(unit) = end else { continue };
            let at = |values: &Option<Vec<f64>>| values.as_ref().map(|v| Array::scalar(v[unit]));
            let (value, gradient) = (at(&units.values), at(&units.gradients));
            let edge = ViewEdge {
                from,
                to: node,
                operand: unit,
                ordered: false,
                weight: None,
                weight_name: String::new(),
                value,
                rule: String::new(),
                local: None,
                gradient,
            };
            self.view.edges.push(edge);
        }
        self.view.output = Some(node);
        self.view.nodes.push(ViewNode {
            id: "result".to_string(),
            label: if self.options.result.is_empty() { name.clone() } else { self.options.result.to_string() },
            name,
            role: Role::Folded(ScopeKind::Function),
            formula: String::new(),
            shape: run.value(run.result()).shape().to_vec(),
            value: Some(run.value(run.result()).clone()),
            gradient: run.gradient(run.result()).cloned(),
            notes: Vec::new(),
            column: Some(self.columns.len()),
            group: None,
            unit: None,
        });
    }
}
