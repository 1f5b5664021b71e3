//! Running a network on many rows: outputs and mean loss.

use std::sync::Arc;

use backpass_kernels::{Lent, Pool, Real};

use crate::array::Array;
use crate::compile::{CompileOptions, Slot, SlotKind, compile};
use crate::graph::Graph;
use crate::loss::Loss;
use crate::nn::{Network, Weights};
use crate::session::{Session, SessionError};
use crate::train::data::RowWeights;
use crate::train::objective::{TARGET, WEIGHT, evaluation_graph};
use crate::train::{Dataset, TrainError, pool};

/// Rows per tile: enough to keep the kernels busy, few enough to stay in cache.
pub(crate) const TILE: usize = 512;

/// A network ready to predict.
pub struct Predictor<T: Real = f32> {
    session: Session<T>,
    x: Slot,
    y: Slot,
}

impl<T: Real> Predictor<T> {
    /// Compiles `network` for prediction.
    pub fn new(network: &Network, threads: usize) -> Result<Self, TrainError> {
        network.check()?;
        let plan = compile(&network.graph, &CompileOptions::rows(TILE))?;
        let mut session = Session::new(Arc::new(plan), pool(threads)?)?;
        set_weights(&mut session, &network.weights)?;
        let x = session.slot(SlotKind::Input, "x")?;
        let y = session.slot(SlotKind::Output, "y")?;
        Ok(Predictor { session, x, y })
    }

    /// Writes the outputs for rows given one after the other to `outputs`, without an allocation and without a copy of the
    /// rows.
    ///
    /// # Panics
    /// When the number of values is not a multiple of the number of inputs, or `outputs` has another number of rows.
    pub fn predict_into(&mut self, rows: &[T], outputs: &mut [T]) {
        let (inputs, width) = (self.x.shape.extent().fixed, self.y.shape.extent().fixed);
        assert_eq!(rows.len() % inputs, 0, "{} values do not make rows of {inputs}", rows.len());
        assert_eq!(outputs.len(), rows.len() / inputs * width, "rows and outputs do not match");
        for (tile, outputs) in rows.chunks(TILE * inputs).zip(outputs.chunks_mut(TILE * width)) {
            let n = tile.len() / inputs;
            self.session.run_on(n, &[self.x.lend(tile)]);
            outputs.copy_from_slice(self.session.read(&self.y, n));
        }
    }

    /// The outputs for rows given one after the other.
    ///
    /// # Panics
    /// When the number of values is not a multiple of the number of inputs.
    pub fn predict<D: Real>(&mut self, rows: &[D]) -> Vec<D> {
        let width = self.x.shape.extent().fixed;
        assert_eq!(rows.len() % width, 0, "{} values do not make rows of {width}", rows.len());
        let mut outputs = Vec::with_capacity(rows.len() / width * self.y.shape.extent().fixed);
        for tile in rows.chunks(TILE * width) {
            copy(self.session.write(&self.x, tile.len() / width), tile);
            self.outputs(tile.len() / width, &mut outputs);
        }
        outputs
    }

    /// The outputs for the rows of a data set.
    ///
    /// # Panics
    /// When the rows have another number of inputs than the network.
    pub fn predict_data<D: Real>(&mut self, data: &Dataset<D>) -> Vec<D> {
        assert_eq!(data.inputs, self.x.shape.extent().fixed, "inputs of the rows and of the network");
        let mut outputs = Vec::with_capacity(data.rows() * self.y.shape.extent().fixed);
        for start in (0..data.rows()).step_by(TILE) {
            let n = TILE.min(data.rows() - start);
            self.session.write_rows(&self.x, n, &|rows, x| data.copy_rows(rows.map(|row| start + row), x));
            self.outputs(n, &mut outputs);
        }
        outputs
    }

    /// Runs the `n` rows that are written, and appends their outputs.
    fn outputs<D: Real>(&mut self, n: usize, outputs: &mut Vec<D>) {
        self.session.run(n);
        outputs.extend(self.session.read(&self.y, n).iter().map(|v| D::from_f64(v.to_f64())));
    }
}

/// Writes numbers into a session.
pub(super) fn copy<T: Real, D: Real>(target: &mut [T], source: &[D]) {
    target.iter_mut().zip(source).for_each(|(t, s)| *t = T::from_f64(s.to_f64()));
}

/// Writes all rows of a data set into a session.
pub(super) fn set_rows<D: Real>(session: &mut Session<f64>, data: &Dataset<D>) -> Result<(), SessionError> {
    let (x, target) = (session.slot(SlotKind::Input, "x")?, session.slot(SlotKind::Input, TARGET)?);
    data.copy_rows(0..data.rows(), session.write(&x, data.rows()));
    copy(session.write(&target, data.rows()), &data.y);
    let (slot, weights) = (session.slot(SlotKind::Input, WEIGHT)?, data.row_weights());
    session.write(&slot, data.rows()).iter_mut().enumerate().for_each(|(row, t)| *t = weights.at(row));
    Ok(())
}

/// A session in f64 for a graph over all rows at once, which it holds together with the network's weights.
pub(super) fn full_batch<D: Real>(
    graph: &Graph,
    network: &Network,
    data: &Dataset<D>,
    pool: Arc<Pool>,
) -> Result<Session<f64>, TrainError> {
    let plan = compile(graph, &CompileOptions::rows(data.rows()))?;
    let mut session = Session::new(Arc::new(plan), pool)?;
    set_weights(&mut session, &network.weights)?;
    set_rows(&mut session, data)?;
    Ok(session)
}

/// Writes one long vector into parameters of a session.
pub(super) fn set_parameters<'s, T: Real>(
    session: &mut Session<T>,
    slots: impl IntoIterator<Item = &'s Slot>,
    x: &[T],
) {
    let mut rest = x;
    for slot in slots {
        let target = session.write(slot, 0);
        let (values, after) = rest.split_at(target.len());
        target.copy_from_slice(values);
        rest = after;
    }
}

/// The weights of a network as one long vector, in the order of their names.
pub(super) fn flatten<T: Real>(weights: &Weights) -> Vec<T> {
    weights.values().flat_map(Array::data).map(|&v| T::from_f64(v)).collect()
}

/// Where a session has the weights of a network, in the order of their names.
pub(super) fn weight_slots<T: Real>(session: &Session<T>, weights: &Weights) -> Result<Vec<Slot>, SessionError> {
    weights.keys().map(|name| session.slot(SlotKind::Parameter, name)).collect()
}

pub(crate) fn set_weights<T: Real>(session: &mut Session<T>, weights: &Weights) -> Result<(), SessionError> {
    weights.iter().try_for_each(|(name, value)| session.set(SlotKind::Parameter, name, value))
}

/// The loss of a network on fixed rows, compiled once.
pub(super) struct Evaluator<'a, T: Real, D> {
    session: Session<T>,
    data: &'a Dataset<D>,
    row_weights: RowWeights<'a>,
    parameters: Vec<Slot>,
    slots: [Slot; 3],
    y: Slot,
    sum: Slot,
}

impl<'a, T: Real, D: Real> Evaluator<'a, T, D> {
    pub fn new(network: &Network, data: &'a Dataset<D>, loss: &Loss, pool: Arc<Pool>) -> Result<Self, TrainError> {
        let graph = evaluation_graph(network, data.targets, &loss.with_smoothing(0.0))?;
        let plan = compile(&graph, &CompileOptions::rows(TILE.min(data.rows())))?;
        let session = Session::new(Arc::new(plan), pool)?;
        let input = |name| session.slot(SlotKind::Input, name);
        let slots = [input("x")?, input(TARGET)?, input(WEIGHT)?];
        let y = session.slot(SlotKind::Output, "y")?;
        let sum = session.slot(SlotKind::Output, "sum")?;
        let (row_weights, parameters) = (data.row_weights(), weight_slots(&session, &network.weights)?);
        Ok(Evaluator { session, data, row_weights, parameters, slots, y, sum })
    }

    /// Mean loss with these weights, in the order of their names; the outputs go to `outputs`.
    pub fn run(&mut self, weights: &[T], outputs: &mut Vec<f32>) -> f64 {
        let mut rest = weights;
        let lend = |slot: &Slot| {
            let (data, after) = rest.split_at(slot.shape.extent().fixed);
            rest = after;
            Lent { buffer: slot.buffer, data }
        };
        let lent: Vec<Lent<'_, T>> = self.parameters.iter().map(lend).collect();
        outputs.clear();
        let data = self.data;
        let tile = self.session.plan().max_rows();
        let mut total = 0.0;
        for start in (0..data.rows()).step_by(tile) {
            let n = tile.min(data.rows() - start);
            self.session.write_rows(&self.slots[0], n, &|rows, x| data.copy_rows(rows.map(|row| start + row), x));
            copy(self.session.write(&self.slots[1], n), &data.y[start * data.targets..(start + n) * data.targets]);
            let weights = self.session.write(&self.slots[2], n).iter_mut().zip(start..);
            weights.for_each(|(t, row)| *t = T::from_f64(self.row_weights.at(row)));
            self.session.run_on(n, &lent);
            total += self.session.read(&self.sum, n)[0].to_f64();
            outputs.extend(self.session.read(&self.y, n).iter().map(|v| v.to_f64() as f32));
        }
        total / data.rows() as f64
    }
}

/// The mean loss of a network on rows, without smoothing, dropout and penalty, and its outputs.
pub fn evaluate<D: Real>(
    network: &Network,
    data: &Dataset<D>,
    loss: &Loss,
    threads: usize,
) -> Result<(f64, Vec<f32>), TrainError> {
    network.check()?;
    loss.check()?;
    data.check(network, loss)?;
    let mut evaluator = Evaluator::<f32, D>::new(network, data, loss, pool(threads)?)?;
    let mut outputs = Vec::new();
    let mean = evaluator.run(&flatten(&network.weights), &mut outputs);
    Ok((mean, outputs))
}
