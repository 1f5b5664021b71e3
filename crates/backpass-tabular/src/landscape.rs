//! What a model of one or two numbers does over the line or plane of its inputs, as plain data for plots.

use std::sync::Arc;

use backpass::compile::{CompileOptions, SlotKind, compile};
use backpass::nn::{LayerNodes, layers};
use backpass::view::{Grid, Landscape, NeuronMap, Profile};
use backpass::{Array, Session};
use backpass_kernels::Pool;

use crate::fit_error::FitError;
use crate::model::Model;
use crate::schema::Kind;
use crate::table::{Cells, Column, Table};

/// What is shown beyond the data, as a share of its range on either side.
const MARGIN: f64 = 0.08;
/// A plot with units of equal length is filled up to this many times as wide as tall.
const WIDEST: f64 = 2.0;
/// Rows that go through the network at a time.
const CHUNK: usize = 2048;

/// Why there is no map of a model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LandscapeError {
    /// A model with other inputs than a plot has axes.
    #[error(
        "the model reads {found}; {what} needs {wanted} that holds numbers\n\
         help: train a model on such columns only, for instance with --drop for the others"
    )]
    Inputs {
        /// What was to be made.
        what: &'static str,
        /// The columns that are needed.
        wanted: &'static str,
        /// The columns that the model reads.
        found: String,
    },
    /// A model that gives several numbers for a row.
    #[error(
        "the model predicts {numbers}; {what} shows one number\n\
         help: train a model of one target without --interval"
    )]
    Numbers {
        /// What was to be made.
        what: &'static str,
        /// What the model predicts.
        numbers: String,
    },
    /// A table without a single point.
    #[error("{file}: no row has a value for `{column}`\nhelp: give a table with values")]
    NoPoints {
        /// The table.
        file: String,
        /// The column.
        column: String,
    },
    /// The table or the model cannot be used.
    #[error(transparent)]
    Fit(#[from] FitError),
}

impl Model {
    /// What the model predicts over the plane of its two inputs, around the rows of `table`, on a grid with `size` points
    /// (at least 2) along each side of what is to be shown; and what its hidden neurons do there, the `most_neurons`
    /// strongest of them.
    ///
    /// # Errors
    /// When the model does not read exactly two columns of numbers, or the table lacks them or has no row for them.
    pub fn landscape(&self, table: &Table, size: usize, most_neurons: usize) -> Result<Landscape, LandscapeError> {
        self.single_number("a map")?;
        let [x, y] = self.number_inputs("a map", "two columns, each of them one")?;
        let (across, up) = (self.axis(table, x)?, self.axis(table, y)?);
        let shown = [across.range, up.range];
        let [(x_range, columns), (y_range, rows)] = filling(shown, size.max(2));
        let grid = Grid::from_fn(x_range, y_range, columns, rows, |_, _| f64::NAN);
        let places: Vec<(f64, f64)> = (0..grid.rows)
            .flat_map(|row| (0..grid.columns).map(move |column| (column, row)))
            .map(|(c, r)| grid.point(c, r))
            .collect();
        let plane =
            numbers(vec![(x, places.iter().map(|p| p.0).collect()), (y, places.iter().map(|p| p.1).collect())])?;
        let filled = |values: Vec<f64>| Grid { values, ..grid.clone() };
        let (neurons, hidden) = self.neurons(table, &plane, most_neurons)?;
        let map = |neuron: Neuron| NeuronMap {
            name: neuron.name,
            layer: neuron.layer,
            output: filled(neuron.output),
            sum: filled(neuron.sum),
            strength: neuron.strength,
        };
        let points = across.values.iter().zip(&up.values).zip(self.known_targets(table)?);
        Ok(Landscape {
            inputs: [x.into(), y.into()],
            shown,
            target: self.target.name(),
            classes: self.target.task.classes().to_vec(),
            predictions: self.columns_predicted(&plane)?.into_iter().map(filled).collect(),
            points: points.map(|((&x, &y), target)| (x, y, target)).collect(),
            neurons: neurons.into_iter().map(map).collect(),
            hidden,
            bent: self.bent(),
        })
    }

    /// What the model predicts along the line of its one input, around the rows of `table`, at `size` points (at least 2).
    ///
    /// # Errors
    /// When the model does not read exactly one column of numbers, or the table lacks it or has no row for it.
    pub fn profile(&self, table: &Table, size: usize) -> Result<Profile, LandscapeError> {
        self.single_number("a curve")?;
        let [name] = self.number_inputs("a curve", "one column")?;
        let axis = self.axis(table, name)?;
        let line = Grid::from_fn(axis.range, (0.0, 1.0), size.max(2), 2, |_, _| f64::NAN);
        let x: Vec<f64> = (0..line.columns).map(|column| line.point(column, 0).0).collect();
        let predicted = self.columns_predicted(&numbers(vec![(name, x.clone())])?)?;
        Ok(Profile {
            input: name.into(),
            target: self.target.name(),
            classes: self.target.task.classes().to_vec(),
            predictions: predicted.into_iter().map(|y| x.iter().copied().zip(y).collect()).collect(),
            points: axis.values.into_iter().zip(self.known_targets(table)?).collect(),
        })
    }

    /// Refuses a model that gives several numbers for a row.
    fn single_number(&self, what: &'static str) -> Result<(), LandscapeError> {
        let names = self.target.prediction_names();
        let several = self.target.is_number() && names.len() > 1;
        if several { Err(LandscapeError::Numbers { what, numbers: names.join(", ") }) } else { Ok(()) }
    }

    /// The names of the input columns, if they are `N` columns of numbers and nothing else.
    fn number_inputs<const N: usize>(
        &self,
        what: &'static str,
        wanted: &'static str,
    ) -> Result<[&str; N], LandscapeError> {
        let names = || self.inputs.numbers.iter().map(String::as_str);
        let is_number = |name: &str| matches!(self.schema.column(name).map(|c| &c.kind), Ok(Kind::Number { .. }));
        let found: Option<[&str; N]> = names().collect::<Vec<_>>().try_into().ok();
        found.filter(|found| self.inputs.categories.is_empty() && found.iter().all(|name| is_number(name))).ok_or_else(
            || {
                let categories = self.inputs.categories.iter().map(|c| format!("`{}` (a category)", c.name));
                let numbers = names().map(|name| format!("`{name}`{}", if is_number(name) { "" } else { " (a date)" }));
                let found = numbers.chain(categories).collect::<Vec<_>>().join(", ");
                LandscapeError::Inputs { what, wanted, found }
            },
        )
    }

    /// The values of a column and the range to be shown.
    fn axis(&self, table: &Table, name: &str) -> Result<AxisData, LandscapeError> {
        let values = self.schema.to_numbers(table, name).map_err(FitError::from)?;
        let finite = values.iter().copied().filter(|v| v.is_finite());
        let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        if low > high {
            return Err(LandscapeError::NoPoints { file: table.name.clone(), column: name.into() });
        }
        let room = if high > low { MARGIN * (high - low) } else { 0.5 * high.abs().max(1.0) };
        Ok(AxisData { values, range: (low - room, high + room) })
    }

    /// The index of each row's class, or its number; NaN where the table does not say.
    fn known_targets(&self, table: &Table) -> Result<Vec<f64>, LandscapeError> {
        if self.target.columns.iter().any(|name| table.column(name).is_err()) {
            return Ok(vec![f64::NAN; table.rows()]);
        }
        Ok(self.targets(table)?)
    }

    /// What is predicted, a column for each class or one.
    fn columns_predicted(&self, table: &Table) -> Result<Vec<Vec<f64>>, FitError> {
        let predictions = self.predict(table, 1)?;
        Ok((0..predictions.names.len()).map(|at| predictions.column(at)).collect())
    }

    /// The strongest hidden neurons on the points of a plane, judged by the rows of a table, and the sizes of the layers.
    fn neurons(&self, table: &Table, plane: &Table, most: usize) -> Result<(Vec<Neuron>, Vec<usize>), FitError> {
        let mut hidden = Hidden::of(self)?;
        let mut moments: Vec<Vec<(f64, f64)>> = hidden.widths.iter().map(|&width| vec![(0.0, 0.0); width]).collect();
        let rows = hidden.run(&self.features(table)?.0, |layer, outputs, _| {
            for row in outputs.chunks(moments[layer].len()) {
                moments[layer].iter_mut().zip(row).for_each(|((sum, squares), v)| {
                    *sum += v;
                    *squares += v * v;
                });
            }
        })?;
        let mut neurons = Vec::new();
        for (layer, moments) in moments.iter().enumerate() {
            for (unit, (sum, squares)) in moments.iter().enumerate() {
                let mean = sum / rows as f64;
                let spread = (squares / rows as f64 - mean * mean).max(0.0).sqrt();
                let name = format!("{}[{unit}]", hidden.layers[layer].name);
                let strength = spread * self.outgoing(&hidden.layers[layer + 1], unit);
                neurons.push(Neuron { name, layer, unit, strength, output: vec![], sum: vec![] });
            }
        }
        // Of equally strong ones the first stay.
        neurons.sort_by(|a, b| b.strength.total_cmp(&a.strength));
        neurons.truncate(most);
        neurons.sort_by_key(|neuron| (neuron.layer, neuron.unit));
        hidden.run(&self.features(plane)?.0, |layer, outputs, sums| {
            for neuron in neurons.iter_mut().filter(|neuron| neuron.layer == layer) {
                let width = moments[layer].len();
                neuron.output.extend(outputs.iter().skip(neuron.unit).step_by(width));
                neuron.sum.extend(sums.iter().skip(neuron.unit).step_by(width));
            }
        })?;
        Ok((neurons, hidden.widths))
    }

    /// The size of the weights by which a layer takes what a unit of the layer before gives on.
    fn outgoing(&self, next: &LayerNodes, unit: usize) -> f64 {
        let weights = self.network.weights.get(&format!("{}.W", next.name)).filter(|w| w.shape().len() == 2);
        let row = weights.map(|w| &w.data()[unit * w.shape()[1]..(unit + 1) * w.shape()[1]]);
        row.map_or(1.0, |row| row.iter().map(|w| w * w).sum::<f64>().sqrt())
    }

    /// Why the lines on which weighted sums are 0 are not straight over the plane of the columns.
    fn bent(&self) -> String {
        if !self.inputs.derived.is_empty() {
            return "Neurons' lines are straight in the inputs of the network, of which some are derived ones.".into();
        }
        match self.manifest.options.scaling.as_deref() {
            Some("robust") => {
                "Robust scaling limits large values, which bends neurons' lines; with --scaling standard they \
                               are straight."
                    .into()
            }
            _ => String::new(),
        }
    }
}

/// The hidden layers of a network, ready to be run.
struct Hidden {
    /// The layers, the output layer last.
    layers: Vec<LayerNodes>,
    /// The sizes of the hidden ones.
    widths: Vec<usize>,
    inputs: usize,
    session: Session<f64>,
}

impl Hidden {
    fn of(model: &Model) -> Result<Self, FitError> {
        let mut graph = model.network.graph.clone();
        let layers = layers(&graph);
        let hidden: Vec<&LayerNodes> = layers.iter().filter(|l| Some(l.output) != graph.output("y")).collect();
        let widths = hidden.iter().map(|layer| graph.shape(layer.output).extent().fixed).collect();
        let outputs: Vec<_> = hidden.iter().map(|layer| (layer.name.clone(), layer.output, layer.sum)).collect();
        for (name, output, sum) in outputs {
            graph.add_output(format!("{name} output"), output);
            graph.add_output(format!("{name} sum"), sum);
        }
        let plan = compile(&graph, &CompileOptions::rows(CHUNK))?;
        let mut session = Session::<f64>::new(Arc::new(plan), Arc::new(Pool::new(1)))?;
        for (name, value) in &model.network.weights {
            session.set(SlotKind::Parameter, name, value)?;
        }
        Ok(Hidden { layers, widths, inputs: model.network.inputs().max(1), session })
    }

    /// Runs rows of features and hands over, chunk by chunk, what each layer gives on and its weighted sums; returns the
    /// number of rows.
    fn run(&mut self, x: &[f32], mut each: impl FnMut(usize, &[f64], &[f64])) -> Result<usize, FitError> {
        for chunk in x.chunks(CHUNK * self.inputs) {
            let rows = chunk.len() / self.inputs;
            let features = Array::from_fn(&[rows, self.inputs], |i| f64::from(chunk[i]));
            self.session.set(SlotKind::Input, "x", &features)?;
            self.session.run(rows);
            for (index, layer) in self.layers.iter().take(self.widths.len()).enumerate() {
                let slot = |part| self.session.slot(SlotKind::Output, &format!("{} {part}", layer.name));
                let (output, sum) = (slot("output")?, slot("sum")?);
                each(index, self.session.read(&output, rows), self.session.read(&sum, rows));
            }
        }
        Ok(x.len() / self.inputs)
    }
}

/// A column of the data, and the range around it.
struct AxisData {
    values: Vec<f64>,
    range: (f64, f64),
}

/// One hidden neuron row by row.
struct Neuron {
    name: String,
    layer: usize,
    unit: usize,
    strength: f64,
    output: Vec<f64>,
    sum: Vec<f64>,
}

/// The ranges of a grid and its points along them, `size` of them on each range that is shown: as large as a plot needs
/// that is from 1 to [`WIDEST`] times as wide as tall, where units are of equal length.
fn filling(shown: [(f64, f64); 2], size: usize) -> [((f64, f64), usize); 2] {
    let lengths = shown.map(|(low, high)| high - low);
    let [x, y] = if Landscape::alike(shown[0], shown[1]) {
        [lengths[0].max(WIDEST * lengths[1]), lengths[1].max(lengths[0])]
    } else {
        lengths
    };
    let side = |(low, high): (f64, f64), length: f64| {
        let (middle, times) = (0.5 * (low + high), length / (high - low));
        let points = (times * (size - 1) as f64).round() as usize + 1;
        if times == 1.0 { ((low, high), points) } else { ((middle - 0.5 * length, middle + 0.5 * length), points) }
    };
    [side(shown[0], x), side(shown[1], y)]
}

/// A table of columns of numbers.
fn numbers(columns: Vec<(&str, Vec<f64>)>) -> Result<Table, FitError> {
    let column = |(name, values): (&str, Vec<f64>)| Column { name: name.into(), cells: Cells::Number(values.into()) };
    Ok(Table::new("the plane", columns.into_iter().map(column).collect())?)
}
