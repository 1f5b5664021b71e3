//! The rows that training sees.

use std::sync::Arc;

use backpass_kernels::{Real, prefetch};

use crate::loss::Loss;
use crate::nn::Network;
use crate::train::Packed;

/// Rows of numbers: inputs, targets, weights. f32 is enough for networks; f64 is for fits that are judged to more digits.
#[derive(Clone, Debug, Default)]
pub struct Dataset<D = f32> {
    /// The number of inputs of a row.
    pub inputs: usize,
    /// The number of targets of a row: 1 class number, or one number per output, see [`Loss::target_width`].
    pub targets: usize,
    /// Inputs, row by row; none if they are packed.
    pub x: Vec<D>,
    /// Targets, row by row.
    pub y: Vec<D>,
    /// How much each row counts; all the same when absent.
    pub weights: Option<Vec<f32>>,
    /// Inputs in little memory, in place of `x`: [`Dataset::packed`].
    pub packed: Option<PackedRows<D>>,
}

/// Some rows of packed ones, or all.
#[derive(Clone, Debug)]
pub struct PackedRows<D = f32> {
    packed: Arc<Packed<D>>,
    rows: Option<Arc<[u32]>>,
}

impl<D> PackedRows<D> {
    fn row(&self, row: usize) -> usize {
        self.rows.as_ref().map_or(row, |rows| rows[row] as usize)
    }
}

/// Data that do not fit the network or the loss.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// No rows.
    #[error("there are no rows to learn from")]
    Empty,
    /// Rows of another width than the network.
    #[error("the rows have {found} {what}, the network has {expected}")]
    Width {
        /// `input(s)` or `target(s)`.
        what: &'static str,
        /// What the network has.
        expected: usize,
        /// What the rows have.
        found: usize,
    },
    /// Vectors whose lengths do not make whole rows.
    #[error("{found} {what} do not make {rows} rows of {width}")]
    Length {
        /// What kind of values.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// Rows.
        rows: usize,
        /// Values in a row.
        width: usize,
    },
    /// An input that is not a finite number.
    #[error("row {row}, input {column} is {value}\nhelp: fill in missing values before training")]
    NotFinite {
        /// The row, from 0.
        row: usize,
        /// The input, from 0.
        column: usize,
        /// Its value.
        value: f64,
    },
    /// A target that the loss cannot take.
    #[error("row {row}: the target is {value}, the loss `{loss}` needs {expected}")]
    Target {
        /// The row, from 0.
        row: usize,
        /// Its value.
        value: f64,
        /// The loss.
        loss: &'static str,
        /// What it takes.
        expected: &'static str,
    },
    /// A weight below zero or not finite, or all zero.
    #[error("row {row}: the weight is {value}; weights must be at least 0, and not all 0")]
    Weight {
        /// The row, from 0.
        row: usize,
        /// Its value.
        value: f32,
    },
}

/// How much each row of a data set counts, 1 on average.
#[derive(Clone, Copy)]
pub(crate) struct RowWeights<'a> {
    weights: Option<&'a [f32]>,
    scale: f64,
}

impl RowWeights<'_> {
    /// The weight of a row.
    pub fn at(&self, row: usize) -> f64 {
        self.weights.map_or(1.0, |weights| f64::from(weights[row]) * self.scale)
    }
}

impl<D: Real> Dataset<D> {
    /// Rows from inputs and targets, given row by row.
    pub fn new(inputs: usize, x: Vec<D>, targets: usize, y: Vec<D>) -> Self {
        Dataset { inputs, targets, x, y, weights: None, packed: None }
    }

    /// Packed inputs of the chosen rows, in that order, or of all; with their targets row by row. The inputs are shared.
    pub fn packed(packed: Arc<Packed<D>>, rows: Option<Arc<[u32]>>, targets: usize, y: Vec<D>) -> Self {
        let inputs = packed.layout().inputs();
        Dataset { inputs, targets, x: Vec::new(), y, weights: None, packed: Some(PackedRows { packed, rows }) }
    }

    /// A data set of some rows, in that order; packed inputs are shared.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn select(&self, rows: &[u32]) -> Self {
        let of = |values: &[D], width: usize| -> Vec<D> {
            rows.iter().flat_map(|&row| &values[row as usize * width..(row as usize + 1) * width]).copied().collect()
        };
        let packed = self.packed.as_ref().map(|all| PackedRows {
            packed: Arc::clone(&all.packed),
            rows: Some(rows.iter().map(|&row| all.row(row as usize) as u32).collect()),
        });
        Dataset {
            inputs: self.inputs,
            targets: self.targets,
            x: if packed.is_some() { Vec::new() } else { of(&self.x, self.inputs) },
            y: of(&self.y, self.targets),
            weights: self.weights.as_ref().map(|weights| rows.iter().map(|&row| weights[row as usize]).collect()),
            packed,
        }
    }

    /// Writes the inputs of rows, one row after the other.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn copy_rows<T: Real>(&self, rows: impl Iterator<Item = usize>, target: &mut [T]) {
        let mut rows = rows.peekable();
        for place in target.chunks_exact_mut(self.inputs) {
            let Some(row) = rows.next() else { return };
            // Shuffled rows lie anywhere: the next one is on its way while this one is copied.
            if let Some(&next) = rows.peek() {
                prefetch(self.stored(next));
            }
            match &self.packed {
                Some(chosen) => chosen.packed.unpack(chosen.row(row), place),
                None => place.iter_mut().zip(self.stored(row)).for_each(|(t, s)| *t = T::from_f64(s.to_f64())),
            }
        }
    }

    /// The numbers of a row, as they are stored.
    fn stored(&self, row: usize) -> &[D] {
        match &self.packed {
            Some(chosen) => chosen.packed.numbers(chosen.row(row)),
            None => &self.x[row * self.inputs..(row + 1) * self.inputs],
        }
    }

    /// One input of all rows.
    pub fn input(&self, input: usize) -> impl Iterator<Item = f64> {
        let rows = self.packed.as_ref().map_or(self.x.len() / self.inputs.max(1), |chosen| self.inputs_of(chosen));
        (0..rows).map(move |row| match &self.packed {
            Some(chosen) => chosen.packed.value(chosen.row(row), input),
            None => self.x[row * self.inputs + input].to_f64(),
        })
    }

    /// For how many rows there are inputs.
    fn inputs_of(&self, chosen: &PackedRows<D>) -> usize {
        chosen.rows.as_ref().map_or(chosen.packed.rows(), |rows| rows.len())
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.y.len().checked_div(self.targets).unwrap_or(0)
    }

    /// The weight of each row, scaled so that their mean is 1.
    pub(crate) fn row_weights(&self) -> RowWeights<'_> {
        let weights = self.weights.as_deref();
        let scale = |all: &[f32]| all.len() as f64 / all.iter().map(|&w| f64::from(w)).sum::<f64>();
        RowWeights { weights, scale: weights.map_or(1.0, scale) }
    }

    /// Checks sizes and values against a network and a loss.
    pub fn check(&self, network: &Network, loss: &Loss) -> Result<(), DataError> {
        let rows = self.rows();
        if rows == 0 {
            return Err(DataError::Empty);
        }
        let width = |what, expected, found| {
            if expected == found { Ok(()) } else { Err(DataError::Width { what, expected, found }) }
        };
        let outputs = network.outputs() / network.members;
        width("input(s)", network.inputs(), self.inputs)?;
        width("target(s)", loss.target_width(outputs), self.targets)?;
        let length = |what, found, width| {
            if found == rows * width { Ok(()) } else { Err(DataError::Length { what, found, rows, width }) }
        };
        match &self.packed {
            None => length("inputs", self.x.len(), self.inputs)?,
            Some(chosen) => {
                let there =
                    chosen.rows.iter().flat_map(|rows| rows.iter()).all(|&row| (row as usize) < chosen.packed.rows());
                length("inputs", if there { self.inputs_of(chosen) * self.inputs } else { 0 }, self.inputs)?;
                if let Some((row, column, value)) = chosen.packed.infinite() {
                    return Err(DataError::NotFinite { row, column, value });
                }
            }
        }
        length("targets", self.y.len(), self.targets)?;
        if let Some(i) = self.x.iter().position(|v| !v.to_f64().is_finite()) {
            let (row, column) = (i / self.inputs, i % self.inputs);
            return Err(DataError::NotFinite { row, column, value: self.x[i].to_f64() });
        }
        if let Some((i, expected)) = loss.refuses(&self.y, outputs) {
            let loss = loss.choice().name;
            return Err(DataError::Target { row: i / self.targets, value: self.y[i].to_f64(), loss, expected });
        }
        if let Some(weights) = &self.weights {
            length("weights", weights.len(), 1)?;
            let bad = weights.iter().position(|w| !(w.is_finite() && *w >= 0.0));
            if let Some(row) = bad.or_else(|| weights.iter().all(|w| *w == 0.0).then_some(0)) {
                return Err(DataError::Weight { row, value: weights[row] });
            }
        }
        Ok(())
    }
}
