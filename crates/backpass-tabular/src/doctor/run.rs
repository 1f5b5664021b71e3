//! A training run with what its checks need.

use backpass::array::Array;
use backpass::autodiff::DifferentiateError;
use backpass::builder::Builder;
use backpass::interpret::interpret;
use backpass::loss::{Loss, Targets};
use backpass::shape::Shape;
use backpass::train::{Dataset, evaluate};

use crate::doctor::Rows;
use crate::fit::Fitted;
use crate::fit_error::FitError;
use crate::options::FitOptions;
use crate::table::Table;

/// Training rows that go through the network node by node.
const SAMPLE: usize = 256;

/// Training rows that losses are computed over.
const MOST_ROWS: usize = 20_000;

/// A training run, its losses without smoothing and dropout, and what comes of predicting the same for every row.
pub(super) struct Run<'a> {
    pub options: &'a FitOptions,
    pub fitted: &'a Fitted,
    pub loss: Loss,
    /// Some training rows as the network sees them, `[rows, features]`, and their targets, `[rows, 1]`.
    pub x: Array,
    pub y: Array,
    /// Loss of the kept network on training rows.
    pub train_loss: f64,
    /// Loss of the best constant on training rows, and on validation rows.
    pub constant_loss: (f64, Option<f64>),
}

impl<'a> Run<'a> {
    pub fn of(table: &Table, options: &'a FitOptions, fitted: &'a Fitted) -> Result<Self, FitError> {
        let (model, rows) = (&fitted.model, Rows::of(table, options)?);
        let loss = fitted.resolved.training(&model.target.task)?.loss.with_smoothing(0.0);
        let (centre, factor) = model.target_scale;
        let scaled = |table: &Table| -> Result<Vec<f64>, FitError> {
            Ok(model.targets(table)?.iter().map(|y| (y - centre) / factor).collect())
        };
        let train = every(&rows.train, MOST_ROWS);
        let y = scaled(&train)?;
        let constant = constant(&loss, &y, model.network.outputs());
        let validation = rows.validation.as_ref().map(|rows| scaled(&every(rows, MOST_ROWS))).transpose()?;
        let constant_loss = (
            constant_loss(&loss, &constant, &y)?,
            validation.map(|y| constant_loss(&loss, &constant, &y)).transpose()?,
        );
        let features = model.inputs.features.len();
        let y32 = y.iter().map(|y| *y as f32).collect();
        let data = Dataset::new(features, model.features(&train)?.0, 1, y32);
        let (train_loss, _) = evaluate(&model.network, &data, &loss, 1)?;
        let sample = every(&rows.train, SAMPLE);
        let (seen, targets) = (model.features(&sample)?.0, scaled(&sample)?);
        let x = Array::from_fn(&[sample.rows(), features], |i| f64::from(seen[i]));
        let y = Array::from_fn(&[sample.rows(), 1], |i| targets[i]);
        Ok(Run { options, fitted, loss, x, y, train_loss, constant_loss })
    }

    /// Loss of the kept network on validation rows.
    pub fn validation_loss(&self) -> Option<f64> {
        let report = &self.fitted.report;
        report.history.get(report.best_epoch.checked_sub(1)?)?.validation_loss
    }
}

/// At most so many rows, evenly spread.
fn every(table: &Table, most: usize) -> Table {
    let step = table.rows().div_ceil(most).max(1);
    table.select_rows(&(0..table.rows() as u32).step_by(step).collect::<Vec<_>>())
}

/// The network's outputs that are best, or near it, if they are the same for every row.
fn constant(loss: &Loss, y: &[f64], outputs: usize) -> Vec<f64> {
    let n = y.len() as f64;
    let mean = y.iter().sum::<f64>() / n;
    match loss.targets() {
        Targets::Probabilities => vec![(mean / (1.0 - mean)).ln().clamp(-30.0, 30.0)],
        Targets::Classes => {
            let share = |class: usize| y.iter().filter(|y| **y == class as f64).count() as f64 / n;
            (0..outputs).map(|class| share(class).ln().max(-30.0)).collect()
        }
        Targets::Numbers if loss.log_link() => vec![mean.ln().max(-30.0)],
        Targets::Numbers => vec![mean],
    }
}

fn constant_loss(loss: &Loss, constant: &[f64], targets: &[f64]) -> Result<f64, FitError> {
    let (builder, width) = (Builder::new(), constant.len());
    let y = builder.input("y", Shape::batch(&[width]));
    let target = builder.input("target", Shape::batch(&[1]));
    let mean = loss.rows(y, target).mean(0).id();
    let y = Array::from_fn(&[targets.len(), width], |i| constant[i % width]);
    let target = Array::from_fn(&[targets.len(), 1], |i| targets[i]);
    let trace = interpret(&builder.finish()?, &[("y", &y), ("target", &target)]).map_err(DifferentiateError::from)?;
    Ok(trace.value(mean).item().unwrap_or(f64::NAN))
}
