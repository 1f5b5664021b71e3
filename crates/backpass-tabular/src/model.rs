//! A trained model: everything needed to go from raw rows to predictions.

use backpass::graph::Graph;
use backpass::nn::Network;
use backpass::train::{Dataset, Epoch, Predictor};
use backpass_kernels::Real;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::encode::{CHUNK, Inputs, Surprises};
use crate::features::{features, visit_features};
use crate::fit_error::FitError;
use crate::formula::Coefficient;
use crate::metrics::{self, Metrics, decide};
use crate::options::FitOptions;
use crate::outputs::column;
use crate::runner::Runner;
use crate::schema::Schema;
use crate::table::Table;
use crate::task::{Target, Task};

/// A trained model.
#[derive(Clone, Debug)]
pub struct Model {
    /// What the columns are and how their cells are read.
    pub schema: Schema,
    /// What is predicted.
    pub target: Target,
    /// Which columns become which features.
    pub inputs: Inputs,
    /// From raw columns to features, see [`Inputs`].
    pub encoder: Graph,
    /// From features `x` to outputs `y`.
    pub network: Network,
    /// From `y` to `probabilities` or `prediction`.
    pub head: Graph,
    /// Centre and factor that bring the network's outputs to the units of each target.
    pub target_scales: Vec<(f64, f64)>,
    /// How it came about.
    pub manifest: Manifest,
    /// Its training, epoch by epoch, without times.
    pub history: Vec<Epoch>,
}

/// How a model came about.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the program.
    pub version: String,
    /// The name of the training data.
    pub data: String,
    /// The [`Table::fingerprint`] of the training data.
    #[serde(default)]
    pub fingerprint: String,
    /// Rows trained and validated on.
    pub rows: (usize, usize),
    /// Every option with its value.
    pub options: FitOptions,
    /// Every decision taken, in words.
    pub decisions: Vec<String>,
    /// The fitted numbers of a formula.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub coefficients: Vec<Coefficient>,
    /// Why training stopped, in one word.
    pub stop_reason: String,
    /// Why training stopped, with the evidence.
    pub stop: String,
    /// The epoch whose weights were kept.
    pub best_epoch: usize,
    /// Of a bag, the networks that were kept, in order: all, unless training was stopped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bag: Vec<Kept>,
}

/// A network of a bag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The fold of the rows on which it validated, counted from 0.
    pub fold: usize,
    /// The epoch whose weights were kept.
    pub best_epoch: usize,
}

/// Predictions for the rows of a table.
#[derive(Clone, Debug)]
pub struct Predictions {
    /// For classes: probabilities row by row, as many as there are classes. For numbers: row by row what
    /// [`Predictions::names`] says.
    pub values: Vec<f64>,
    /// The classes; none for numbers.
    pub classes: Vec<String>,
    /// What the values of a row are called: the classes, or each target, followed by its bounds where there are any.
    pub names: Vec<String>,
    /// The probability from which the second of two classes is predicted, if not the more probable one is.
    pub threshold: Option<f64>,
    /// Cells that training did not know.
    pub surprises: Surprises,
}

impl Predictions {
    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.values.len() / self.names.len().max(1)
    }

    /// The values of all rows under one of the names, given by its place.
    pub fn column(&self, at: usize) -> Vec<f64> {
        column(&self.values, at, self.names.len())
    }

    /// The class of a row: the most probable one, the first of equals, or what the threshold says.
    pub fn class(&self, row: usize) -> usize {
        let n = self.classes.len();
        decide(&self.values[row * n..(row + 1) * n], self.threshold)
    }
}

impl Task {
    /// `binary`, `multiclass` or `regression`.
    pub fn name(&self) -> &'static str {
        match self {
            Task::Binary { .. } => "binary",
            Task::Multiclass { .. } => "multiclass",
            Task::Regression => "regression",
        }
    }
}

impl Target {
    /// The names of the metrics that judge all its predictions together.
    pub fn metric_names(&self) -> Result<Vec<&'static str>, FitError> {
        let of_no_rows = self.metrics(&[], &[], None, |_| true)?;
        Ok(of_no_rows.values.into_iter().map(|(name, _)| name).collect())
    }

    /// Metrics of probabilities or predictions, at least those that are wanted, of rows that count as their weights say.
    pub(crate) fn metrics(
        &self,
        values: &[f64],
        targets: &[f64],
        weights: Option<&[f64]>,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Metrics, FitError> {
        Ok(if self.is_number() {
            metrics::numbers(self, values, targets, weights)?
        } else {
            let targets: Vec<u32> = targets.iter().map(|&class| class as u32).collect();
            metrics::classification_of(values, self.width(), &targets, weights, self.threshold, wanted)?
        })
    }
}

/// The head of a model, compiled.
pub(crate) struct Head {
    runner: Runner,
    width: usize,
    output: &'static str,
}

impl Head {
    /// Compiles `graph` for `rows` rows at a time.
    pub fn new(graph: &Graph, target: &Target, rows: usize) -> Result<Self, FitError> {
        let y = graph.inputs().next().map_or(1, |y| graph.shape(y).extent().fixed);
        Ok(Head { runner: Runner::new(graph, CHUNK.min(rows.max(1)))?, width: y, output: target.result() })
    }

    /// From network outputs to probabilities or predictions.
    pub fn values<D: Real>(&mut self, outputs: &[D]) -> Result<Vec<f64>, FitError> {
        let mut values = Vec::new();
        for chunk in outputs.chunks(self.runner.max_rows() * self.width) {
            let y: Vec<f64> = chunk.iter().map(|v| v.to_f64()).collect();
            values.extend_from_slice(self.runner.run(chunk.len() / self.width, &[("y", &y)], self.output)?);
        }
        Ok(values)
    }
}

impl Model {
    /// What the network sees of a table: the features of every row, row by row, named by [`Inputs::features`].
    pub fn features(&self, table: &Table) -> Result<(Vec<f32>, Surprises), FitError> {
        features(table, &self.schema, &self.inputs, &self.encoder)
    }

    /// Predicts every row of a table that has the model's input columns; others are passed over.
    pub fn predict(&self, table: &Table, threads: usize) -> Result<Predictions, FitError> {
        self.predict_by(table, None, threads)
    }

    /// Predicts each row by one network of a bag, given by its number, or by all.
    pub(crate) fn predict_by(
        &self,
        table: &Table,
        members: Option<&[Option<u32>]>,
        threads: usize,
    ) -> Result<Predictions, FitError> {
        // What was trained in f64 predicts in f64.
        match self.manifest.options.precision.as_deref() {
            Some("f64") => self.predict_in::<f64>(table, members, threads),
            _ => self.predict_in::<f32>(table, members, threads),
        }
    }

    fn predict_in<D: Real>(
        &self,
        table: &Table,
        members: Option<&[Option<u32>]>,
        threads: usize,
    ) -> Result<Predictions, FitError> {
        let mut network = Predictor::<D>::new(&self.network, threads)?;
        let mut head = self.head_runner(table.rows())?;
        let names = self.target.prediction_names();
        let mut values = Vec::with_capacity(table.rows() * names.len());
        let surprises = visit_features(table, &self.schema, &self.inputs, &self.encoder, |start, x: &[D]| {
            let mut outputs = network.predict(x);
            let rows = outputs.len() / self.network.outputs();
            self.keep_one(&mut outputs, members.map(|members| &members[start..start + rows]));
            values.extend(head.values(&outputs)?);
            Ok(())
        })?;
        let classes = self.target.task.classes().to_vec();
        Ok(Predictions { values, classes, names, threshold: self.target.threshold, surprises })
    }

    /// Metrics on the rows of a table that have a target, with the number of those rows and what was surprising.
    pub fn evaluate(&self, table: &Table, threads: usize) -> Result<(Metrics, usize, Surprises), FitError> {
        let present = self.target.present(table, &self.schema)?;
        let rows = if present.len() == table.rows() { table } else { &table.select_rows(&present) };
        if rows.rows() == 0 {
            return Err(FitError::TooFewRows { file: table.name.clone(), rows: 0 });
        }
        let predictions = self.predict(rows, threads)?;
        let metrics = self.target.metrics(&predictions.values, &self.targets(rows)?, None, |_| true)?;
        Ok((metrics, rows.rows(), predictions.surprises))
    }

    /// Puts the outputs of one network of a bag, given by its number for each row that has one, in the place of those of all.
    pub(crate) fn keep_one<D: Copy>(&self, outputs: &mut [D], members: Option<&[Option<u32>]>) {
        let Some(members) = members else { return };
        let width = self.network.outputs() / self.networks();
        for (row, member) in outputs.chunks_exact_mut(self.network.outputs()).zip(members) {
            let Some(member) = member else { continue };
            let own = *member as usize * width;
            for part in 0..self.networks() {
                row.copy_within(own..own + width, part * width);
            }
        }
    }

    /// The epochs whose weights were kept, counted from 1: of a bag one for each network.
    pub fn kept_epochs(&self) -> Vec<usize> {
        let Manifest { bag, best_epoch, .. } = &self.manifest;
        let one = Some(*best_epoch).filter(|epoch| bag.is_empty() && *epoch > 0);
        bag.iter().map(|kept| kept.best_epoch).chain(one).collect()
    }

    /// SHA-256 over everything that determines predictions: graphs, weights, columns, target.
    pub fn hash(&self) -> String {
        let mut digest = Digest::new();
        for graph in [&self.encoder, &self.network.graph, &self.head] {
            digest.part(graph.to_string().as_bytes());
        }
        for (name, value) in &self.network.weights {
            digest.part(name.as_bytes());
            let bytes: Vec<u8> = value.data().iter().flat_map(|v| v.to_le_bytes()).collect();
            digest.part(&bytes);
        }
        digest.part(serde_json::to_string(&(&self.inputs, &self.schema, &self.target)).unwrap_or_default().as_bytes());
        digest.finish()
    }

    /// The targets of a table, row by row: class numbers, or numbers.
    pub(crate) fn targets(&self, table: &Table) -> Result<Vec<f64>, FitError> {
        Ok(self.target.values(table, &self.schema)?)
    }

    /// What turns network outputs into probabilities or predictions, `rows` rows at a time.
    pub(crate) fn head_runner(&self, rows: usize) -> Result<Head, FitError> {
        Head::new(&self.head, &self.target, rows)
    }

    /// From network outputs to probabilities or predictions.
    fn head_values<D: Real>(&self, outputs: &[D]) -> Result<Vec<f64>, FitError> {
        self.head_runner(outputs.len() / self.network.outputs())?.values(outputs)
    }

    /// Metrics on encoded rows.
    pub(crate) fn judge<D: Real>(
        &self,
        rows: &Dataset<D>,
        targets: &[f64],
        threads: usize,
    ) -> Result<Metrics, FitError> {
        let outputs = Predictor::<D>::new(&self.network, threads)?.predict_data(rows);
        self.target.metrics(&self.head_values(&outputs)?, targets, None, |_| true)
    }
}
