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
use crate::task::Task;

/// What is shown beyond the data, as a share of its range on either side.
const MARGIN: f64 = 0.08;
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
    /// What the model predicts over the plane of its two inputs, around the rows of `table`, on a grid of `size` by `size`
    /// points (at least 2); and what its hidden neurons do there, at most `most_neurons` of them, layer by layer.
    ///
    /// # Errors
    /// When the model does not read exactly two columns of numbers, or the table lacks them or has no row for them.
    pub fn landscape(&self, table: &Table, size: usize, most_neurons: usize) -> Result<Landscape, LandscapeError> {
        let [x, y] = self.number_inputs("a map", "two columns, each of them one")?;
        let (across, up) = (self.axis(table, x)?, self.axis(table, y)?);
        let grid = Grid::from_fn(across.range, up.range, size.max(2), size.max(2), |_, _| f64::NAN);
        let places: Vec<(f64, f64)> = (0..grid.rows)
            .flat_map(|row| (0..grid.columns).map(move |column| (column, row)))
            .map(|(c, r)| grid.point(c, r))
            .collect();
        let plane =
            numbers(vec![(x, places.iter().map(|p| p.0).collect()), (y, places.iter().map(|p| p.1).collect())])?;
        let filled = |values: Vec<f64>| Grid { values, ..grid.clone() };
        let (neurons, neuron_count) = self.neurons(&plane, most_neurons)?;
        let map = |neuron: Neuron| NeuronMap {
            name: neuron.name,
            layer: neuron.layer,
            output: filled(neuron.output),
            sum: filled(neuron.sum),
        };
        let points = across.values.iter().zip(&up.values).zip(self.known_targets(table)?);
        Ok(Landscape {
            inputs: [x.into(), y.into()],
            target: self.target.name.clone(),
            classes: self.target.task.classes().to_vec(),
            predictions: self.columns_predicted(&plane)?.into_iter().map(filled).collect(),
            points: points.map(|((&x, &y), target)| (x, y, target)).collect(),
            neurons: neurons.into_iter().map(map).collect(),
            neuron_count,
        })
    }

    /// What the model predicts along the line of its one input, around the rows of `table`, at `size` points (at least 2).
    ///
    /// # Errors
    /// When the model does not read exactly one column of numbers, or the table lacks it or has no row for it.
    pub fn profile(&self, table: &Table, size: usize) -> Result<Profile, LandscapeError> {
        let [name] = self.number_inputs("a curve", "one column")?;
        let axis = self.axis(table, name)?;
        let line = Grid::from_fn(axis.range, (0.0, 1.0), size.max(2), 2, |_, _| f64::NAN);
        let x: Vec<f64> = (0..line.columns).map(|column| line.point(column, 0).0).collect();
        let predicted = self.columns_predicted(&numbers(vec![(name, x.clone())])?)?;
        Ok(Profile {
            input: name.into(),
            target: self.target.name.clone(),
            classes: self.target.task.classes().to_vec(),
            predictions: predicted.into_iter().map(|y| x.iter().copied().zip(y).collect()).collect(),
            points: axis.values.into_iter().zip(self.known_targets(table)?).collect(),
        })
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
        if table.column(&self.target.name).is_err() {
            return Ok(vec![f64::NAN; table.rows()]);
        }
        Ok(match self.target.task {
            Task::Regression => self.schema.to_numbers(table, &self.target.name).map_err(FitError::from)?,
            _ => {
                let classes = self.target.to_classes(table, &self.schema).map_err(FitError::from)?;
                classes.into_iter().map(|class| class.map_or(f64::NAN, f64::from)).collect()
            }
        })
    }

    /// What is predicted, a column for each class or one.
    fn columns_predicted(&self, table: &Table) -> Result<Vec<Vec<f64>>, FitError> {
        let predictions = self.predict(table, 1)?;
        let width = predictions.classes.len().max(1);
        Ok((0..width).map(|k| predictions.values.iter().skip(k).step_by(width).copied().collect()).collect())
    }

    /// The first hidden neurons on the rows of a table, and how many there are in all.
    fn neurons(&self, table: &Table, most: usize) -> Result<(Vec<Neuron>, usize), FitError> {
        let mut graph = self.network.graph.clone();
        let mut layers = layers(&graph);
        layers.retain(|layer| Some(layer.output) != graph.output("y"));
        let units = |layer: &LayerNodes| graph.shape(layer.output).extent().fixed;
        let widths: Vec<usize> = layers.iter().map(units).collect();
        let total = widths.iter().sum();
        let mut neurons = Vec::new();
        for (index, (layer, &width)) in layers.iter().zip(&widths).enumerate() {
            let empty = |unit| Neuron {
                name: format!("{}[{unit}]", layer.name),
                layer: index,
                unit,
                output: vec![],
                sum: vec![],
            };
            neurons.extend((0..width).take(most - neurons.len()).map(empty));
            graph.add_output(format!("{} output", layer.name), layer.output);
            graph.add_output(format!("{} sum", layer.name), layer.sum);
        }
        let (x, _) = self.features(table)?;
        let width = self.network.inputs().max(1);
        let plan = compile(&graph, &CompileOptions::rows(CHUNK))?;
        let mut session = Session::<f64>::new(Arc::new(plan), Arc::new(Pool::new(1)))?;
        for (name, value) in &self.network.weights {
            session.set(SlotKind::Parameter, name, value)?;
        }
        for chunk in x.chunks(CHUNK * width) {
            let rows = chunk.len() / width;
            session.set(SlotKind::Input, "x", &Array::from_fn(&[rows, width], |i| f64::from(chunk[i])))?;
            session.run(rows);
            for neuron in &mut neurons {
                let (name, width) = (&layers[neuron.layer].name, widths[neuron.layer]);
                for (part, values) in [("output", &mut neuron.output), ("sum", &mut neuron.sum)] {
                    let slot = session.slot(SlotKind::Output, &format!("{name} {part}"))?;
                    values.extend(session.read(&slot, rows).iter().skip(neuron.unit).step_by(width));
                }
            }
        }
        Ok((neurons, total))
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
    output: Vec<f64>,
    sum: Vec<f64>,
}

/// A table of columns of numbers.
fn numbers(columns: Vec<(&str, Vec<f64>)>) -> Result<Table, FitError> {
    let column = |(name, values): (&str, Vec<f64>)| Column { name: name.into(), cells: Cells::Number(values) };
    Ok(Table::new("the plane", columns.into_iter().map(column).collect())?)
}
