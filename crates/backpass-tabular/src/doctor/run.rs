//! A training run with what its checks need.

use backpass::array::Array;
use backpass::autodiff::DifferentiateError;
use backpass::builder::Builder;
use backpass::interpret::interpret;
use backpass::loss::{Loss, Targets};
use backpass::nn::{Network, NetworkError};
use backpass::ops::Op;
use backpass::optim::Optimizer;
use backpass::passes::part;
use backpass::shape::Shape;
use backpass::train::{Dataset, evaluate};
use backpass_kernels::philox::Stream;

use crate::doctor::Rows;
use crate::encode::quantile;
use crate::fit_error::FitError;
use crate::model::Model;
use crate::options::FitOptions;
use crate::rows::{class_weights_of, rows as encode};
use crate::table::Table;

/// Training rows that go through the network node by node.
const SAMPLE: usize = 256;

/// Validation rows that predictions are dealt to at random, at least and at most, and how often. Of n rows the best possible
/// predictions are √(n − 1) standard deviations better than dealt ones.
const DEALT: (usize, usize) = (30, 2000);
const DEALS: usize = 200;

/// Rows that losses are computed over.
const MOST_ROWS: usize = 20_000;

/// A training run, its losses without smoothing and dropout, and what comes of predicting the same for every row.
pub(super) struct Run<'a> {
    pub model: &'a Model,
    /// The network; of several side by side the last.
    pub network: Network,
    /// What is chosen where only the preset and the sizes of the layers are given.
    pub usual: FitOptions,
    /// The learning rate that is chosen where none is given.
    pub usual_rate: Option<f64>,
    pub loss: Loss,
    /// Some training rows as the network sees them, `[rows, features]`, and their targets, `[rows, targets]`.
    pub x: Array,
    pub y: Array,
    /// Loss of the network on training rows, and on validation rows.
    pub losses: (f64, Option<f64>),
    /// Loss of the best constant on the same rows.
    pub constant: (f64, Option<f64>),
    /// None if there are too few validation rows.
    pub dealt: Option<Dealt>,
}

/// The loss on validation rows, and its mean and standard deviation if the predictions are dealt to them at random.
pub(super) struct Dealt {
    pub loss: f64,
    pub mean: f64,
    pub deviation: f64,
}

impl<'a> Run<'a> {
    pub fn of(table: &Table, model: &'a Model) -> Result<Self, FitError> {
        let options = &model.manifest.options;
        let rows = Rows::of(table, options)?;
        let network = last_of(&model.network, model.target.outputs())?;
        let loss = options.training(&model.target.task)?.loss.with_smoothing(0.0);
        let weights = options.class_weight.as_deref();
        let weights = weights.map(|how| class_weights_of(how, model, &rows.train)).transpose()?;
        let encoded = |table: &Table, most| -> Result<Dataset<f32>, FitError> {
            Ok(encode(model, &every(table, most), options, weights.as_deref(), &loss)?.encoded)
        };
        let judge = |data: &Dataset<f32>| evaluate(&network, data, &loss, 1);
        let data = encoded(&rows.train, MOST_ROWS)?;
        let best = constant(&loss, &data, network.outputs());
        let mut losses = (judge(&data)?.0, None);
        let mut constant = (constant_loss(&loss, &best, &data)?, None);
        let mut dealt = None;
        if let Some(rows) = &rows.validation {
            let data = encoded(rows, MOST_ROWS)?;
            losses.1 = Some(judge(&data)?.0);
            constant.1 = Some(constant_loss(&loss, &best, &data)?);
            if rows.rows() >= DEALT.0 {
                let data = encoded(rows, DEALT.1)?;
                dealt = Some(Dealt::of(&loss, judge(&data)?, &data)?);
            }
        }
        let sample = encoded(&rows.train, SAMPLE)?;
        let mut x = Array::from_fn(&[sample.rows(), sample.inputs], |_| 0.0);
        sample.copy_rows(0..sample.rows(), x.data_mut());
        let y = Array::from_fn(&[sample.rows(), sample.targets], |i| f64::from(sample.y[i]));
        let usual = usual(model);
        let usual_rate = usual_rate(model, &usual);
        Ok(Run { model, network, usual, usual_rate, loss, x, y, losses, constant, dealt })
    }

    /// Every option with its value.
    pub fn options(&self) -> &FitOptions {
        &self.model.manifest.options
    }
}

/// What is chosen where only the preset and the sizes of the layers are given.
pub(super) fn usual(model: &Model) -> FitOptions {
    let options = &model.manifest.options;
    let (preset, hidden) = (options.preset.clone(), options.hidden.clone());
    let given = FitOptions { preset, hidden, ..FitOptions::default() };
    given.resolve(&model.target.task, model.manifest.rows.0, model.inputs.features.len())
}

/// The learning rate that is chosen where none is given.
pub(super) fn usual_rate(model: &Model, usual: &FitOptions) -> Option<f64> {
    let optimizer = |options: &FitOptions| Optimizer::parse(options.optimizer.as_deref().unwrap_or_default()).ok();
    let (ours, theirs) = (optimizer(&model.manifest.options)?, optimizer(usual)?);
    if ours == theirs { usual.learning_rate } else { Some(ours.default_learning_rate()) }
}

/// The network of the last predictions, of so many outputs, with nothing that the others need.
fn last_of(network: &Network, outputs: usize) -> Result<Network, FitError> {
    if network.outputs() == outputs {
        return Ok(network.clone());
    }
    let mut graph = network.graph.clone();
    let mut last = graph.output("y").ok_or(NetworkError::Missing { what: "output `y`" })?;
    while let (Op::Concat(_), Some(&part)) = (&graph.node(last).op, graph.node(last).args.last()) {
        last = part;
    }
    graph.set_outputs(vec![("y".to_string(), last)]);
    let (graph, _) = part(&graph, last);
    let weight = |id| network.weights.get_key_value(graph.name(id)).map(|(name, value)| (name.clone(), value.clone()));
    let weights = graph.parameters().filter_map(weight).collect();
    Ok(Network::from_graph(graph, weights))
}

/// At most so many rows, evenly spread.
fn every(table: &Table, most: usize) -> Table {
    let step = table.rows().div_ceil(most).max(1);
    table.select_rows(&(0..table.rows() as u32).step_by(step).collect::<Vec<_>>())
}

/// The weight of each row.
fn weights(data: &Dataset<f32>) -> Vec<f64> {
    let given = data.weights.as_ref();
    given.map_or(vec![1.0; data.rows()], |weights| weights.iter().map(|weight| f64::from(*weight)).collect())
}

/// The mean of what the rows have, each as often as it weighs.
fn weighted_mean(data: &Dataset<f32>, of: impl Fn(usize) -> f64) -> f64 {
    let weights = weights(data);
    weights.iter().enumerate().map(|(row, weight)| weight * of(row)).sum::<f64>() / weights.iter().sum::<f64>()
}

/// The network's outputs that are best, or near it, if they are the same for every row.
fn constant(loss: &Loss, data: &Dataset<f32>, outputs: usize) -> Vec<f64> {
    let width = data.targets;
    let mean = |at: usize| weighted_mean(data, |row| f64::from(data.y[row * width + at]));
    match loss {
        Loss::Interval(interval) => {
            let sorted = |at: usize| {
                let mut values: Vec<f64> = data.y.iter().skip(at).step_by(width).map(|y| f64::from(*y)).collect();
                values.sort_unstable_by(f64::total_cmp);
                values
            };
            let sorted: Vec<Vec<f64>> = (0..width).map(sorted).collect();
            interval.levels().iter().flat_map(|level| sorted.iter().map(|values| quantile(values, *level))).collect()
        }
        _ => match loss.targets() {
            Targets::Probabilities => vec![(mean(0) / (1.0 - mean(0))).ln().clamp(-30.0, 30.0)],
            Targets::Classes => {
                let share = |class: usize| weighted_mean(data, |row| f64::from(data.y[row] == class as f32));
                (0..outputs).map(|class| share(class).ln().max(-30.0)).collect()
            }
            Targets::Numbers if loss.log_link() => (0..width).map(|at| mean(at).ln().max(-30.0)).collect(),
            Targets::Numbers => (0..width).map(mean).collect(),
        },
    }
}

fn constant_loss(loss: &Loss, constant: &[f64], data: &Dataset<f32>) -> Result<f64, FitError> {
    loss_of(loss, constant.len(), |i| constant[i % constant.len()], data)
}

impl Dealt {
    fn of(loss: &Loss, (own, outputs): (f64, Vec<f32>), data: &Dataset<f32>) -> Result<Self, FitError> {
        let width = outputs.len() / data.rows();
        let mut random = Stream::new(0, 2);
        let mut order: Vec<u32> = (0..data.rows() as u32).collect();
        let mut deal = || {
            random.shuffle(&mut order);
            loss_of(loss, width, |i| f64::from(outputs[order[i / width] as usize * width + i % width]), data)
        };
        let losses = (0..DEALS).map(|_| deal()).collect::<Result<Vec<f64>, _>>()?;
        let mean = losses.iter().sum::<f64>() / DEALS as f64;
        let variance = losses.iter().map(|loss| (loss - mean).powi(2)).sum::<f64>() / DEALS as f64;
        Ok(Dealt { loss: own, mean, deviation: variance.sqrt() })
    }
}

/// The mean loss of outputs, so many of each row, one after the other.
fn loss_of(loss: &Loss, width: usize, outputs: impl Fn(usize) -> f64, data: &Dataset<f32>) -> Result<f64, FitError> {
    let builder = Builder::new();
    let y = builder.input("y", Shape::batch(&[width]));
    let target = builder.input("target", Shape::batch(&[data.targets]));
    let of_rows = loss.rows(y, target).id();
    let y = Array::from_fn(&[data.rows(), width], outputs);
    let target = Array::from_fn(&[data.rows(), data.targets], |i| f64::from(data.y[i]));
    let trace = interpret(&builder.finish()?, &[("y", &y), ("target", &target)]).map_err(DifferentiateError::from)?;
    let losses = trace.value(of_rows).data();
    Ok(weighted_mean(data, |row| losses[row]))
}
