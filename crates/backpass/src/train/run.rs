//! The training loop: batches, learning rate, best weights, stopping.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use backpass_kernels::philox::Stream;
use backpass_kernels::{Pool, Real};

use crate::compile::{CompileOptions, Slot, SlotKind, compile};
use crate::nn::{Network, Weights};
use crate::optim::schedule::Schedule;
use crate::session::{Session, SessionError};
use crate::train::diagnose::diagnose;
use crate::train::evaluate::{Evaluator, set_weights};
use crate::train::objective::{Objective, RATE, STEP, TARGET, WEIGHT, step_graph};
use crate::train::{BatchSize, Dataset, Epoch, StopReason, TrainError, TrainOptions, TrainReport, Validation};
use crate::train::{Divergence, read_weights};

/// Key of the streams that shuffle rows, apart from the keys of weights and dropout.
const SHUFFLE: u64 = 0x5348_5546_464c_4521;

/// Everything a step needs, compiled once.
pub(super) struct Stepper<'a, T: Real> {
    pub session: Session<T>,
    pub objective: Objective,
    data: &'a Dataset,
    x: Slot,
    target: Slot,
    weight: Slot,
    rate: Slot,
    step: Slot,
    loss: Slot,
    penalty: Option<Slot>,
    pub batch: usize,
    seed: u64,
    shuffle: bool,
}

impl<'a, T: Real> Stepper<'a, T> {
    fn new(network: &Network, data: &'a Dataset, options: &TrainOptions, pool: Arc<Pool>) -> Result<Self, TrainError> {
        let objective = step_graph(network, data.targets, options)?;
        let batch = match options.batch_size {
            BatchSize::Full => data.rows(),
            BatchSize::Rows(n) => n.min(data.rows()),
        };
        let plan = compile(&objective.graph, &CompileOptions::rows(batch))?;
        let mut session = Session::new(Arc::new(plan), pool)?;
        set_weights(&mut session, &network.weights)?;
        let input = |name| session.slot(SlotKind::Input, name);
        let (x, target, weight) = (input("x")?, input(TARGET)?, input(WEIGHT)?);
        let (rate, step) = (input(RATE)?, input(STEP)?);
        let loss = session.slot(SlotKind::Output, "loss")?;
        let penalty = session.slot(SlotKind::Output, "penalty").ok();
        let (seed, shuffle) = (options.seed, options.shuffle);
        Ok(Stepper { session, objective, data, x, target, weight, rate, step, loss, penalty, batch, seed, shuffle })
    }

    pub fn steps_per_epoch(&self) -> usize {
        self.data.rows().div_ceil(self.batch)
    }

    /// The order of the rows in an epoch, from 0.
    pub fn order(&self, epoch: usize, order: &mut Vec<u32>) {
        order.clear();
        order.extend(0..self.data.rows() as u32);
        // The full batch needs no order, and keeping it makes its sums the same in every epoch.
        if self.shuffle && self.batch < self.data.rows() {
            Stream::new(self.seed ^ SHUFFLE, epoch as u64).shuffle(order);
        }
    }

    /// Runs one step on the rows `batch`; `number` counts from 1. Returns the mean loss over the rows.
    pub fn step(&mut self, batch: &[u32], learning_rate: f64, number: u64) -> f64 {
        let (n, data) = (batch.len(), self.data);
        gather(self.session.write(&self.x, n), &data.x, data.inputs, batch);
        gather(self.session.write(&self.target, n), &data.y, data.targets, batch);
        let weight = self.session.write(&self.weight, n);
        match &data.weights {
            None => weight.fill(T::ONE),
            Some(weights) => {
                let scale = data.weight_scale();
                for (w, &row) in weight.iter_mut().zip(batch) {
                    *w = T::from_f64(f64::from(weights[row as usize]) * scale);
                }
            }
        }
        self.session.write(&self.rate, 0)[0] = T::from_f64(learning_rate);
        self.session.write(&self.step, 0)[0] = T::from_f64(number as f64);
        self.session.run(n);
        self.session.read(&self.loss, 0)[0].to_f64()
    }

    fn penalty(&self) -> f64 {
        self.penalty.as_ref().map_or(0.0, |slot| self.session.read(slot, 0)[0].to_f64())
    }
}

/// Copies the rows numbered by `batch` one after the other.
fn gather<T: Real>(target: &mut [T], source: &[f32], width: usize, batch: &[u32]) {
    for (to, &row) in target.chunks_exact_mut(width).zip(batch) {
        let from = &source[row as usize * width..(row as usize + 1) * width];
        to.iter_mut().zip(from).for_each(|(t, s)| *t = T::from_f64(f64::from(*s)));
    }
}

/// What is watched for patience, target and best weights.
pub(super) struct Watch {
    pub name: String,
    higher: bool,
    min_improvement: f64,
    pub best: f64,
    pub best_epoch: usize,
    pub best_weights: Option<Weights>,
}

impl Watch {
    pub fn new(validation: &Validation<'_>, options: &TrainOptions) -> Self {
        let metric = validation.watch.and_then(|i| validation.metrics.get(i));
        let (name, higher) = match (metric, validation.data) {
            (Some(m), Some(_)) => (format!("validation {}", m.name), m.higher_is_better),
            (_, Some(_)) => ("validation loss".to_string(), false),
            (_, None) => ("training loss".to_string(), false),
        };
        let best = if higher { f64::NEG_INFINITY } else { f64::INFINITY };
        Watch { name, higher, min_improvement: options.min_improvement, best, best_epoch: 0, best_weights: None }
    }

    pub fn value(&self, epoch: &Epoch, validation: &Validation<'_>) -> f64 {
        let metric = validation.watch.and_then(|i| epoch.metrics.get(i)).map(|(_, v)| *v);
        metric.or(epoch.validation_loss).unwrap_or(epoch.train_loss + epoch.penalty)
    }

    fn at_least(&self, value: f64, other: f64) -> bool {
        if self.higher { value >= other } else { value <= other }
    }

    /// Notes a new value; returns whether it counts as an improvement. Of equal values the last one is kept.
    pub fn note(&mut self, value: f64, epoch: usize) -> bool {
        if value.is_nan() || !self.at_least(value, self.best) {
            return false;
        }
        let improved = self.best_epoch == 0 || (value - self.best).abs() > self.min_improvement;
        self.best = value;
        if improved || self.min_improvement == 0.0 {
            self.best_epoch = epoch;
        }
        improved
    }
}

/// Stopping rules that do not depend on the kind of step.
pub(super) struct Stopper<'a> {
    options: &'a TrainOptions,
    start: Instant,
    last_improvement: usize,
}

impl<'a> Stopper<'a> {
    pub fn new(options: &'a TrainOptions) -> Self {
        Stopper { options, start: Instant::now(), last_improvement: 0 }
    }

    pub fn seconds(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    pub fn interrupted(&self) -> bool {
        self.options.interrupt.as_ref().is_some_and(|flag| flag.load(Ordering::Relaxed))
    }

    pub fn out_of_time(&self) -> Option<StopReason> {
        let budget = self.options.time_budget.filter(|b| self.start.elapsed() >= *b)?;
        Some(StopReason::TimeBudget { seconds: budget.as_secs_f64() })
    }

    /// Decides after an epoch whose watched value is `value`.
    pub fn after_epoch(&mut self, watch: &Watch, epoch: usize, value: f64, improved: bool) -> Option<StopReason> {
        if improved {
            self.last_improvement = epoch;
        }
        if let Some(target) = self.options.target
            && watch.at_least(value, target)
        {
            return Some(StopReason::Target { watched: watch.name.clone(), value, target });
        }
        let patience = self.options.patience.filter(|p| epoch >= self.last_improvement + p);
        if let Some(patience) = patience {
            let (watched, best, best_epoch) = (watch.name.clone(), watch.best, watch.best_epoch);
            return Some(StopReason::Patience { watched, best, best_epoch, patience });
        }
        self.out_of_time()
    }
}

pub(super) fn train<T: Real>(
    network: &mut Network,
    data: &Dataset,
    validation: &Validation<'_>,
    options: &TrainOptions,
    observe: &mut dyn FnMut(&Epoch),
) -> Result<TrainReport, TrainError> {
    let pool = Arc::new(Pool::new(options.threads));
    let mut stepper = Stepper::<T>::new(network, data, options, Arc::clone(&pool))?;
    let evaluator = validation.data.map(|rows| Evaluator::<T>::new(network, rows, &options.loss, pool));
    let mut evaluator = evaluator.transpose()?;
    let mut watch = Watch::new(validation, options);
    let mut stopper = Stopper::new(options);
    let mut plateau = Plateau::new(options.schedule);
    let (steps, mut order, mut outputs) = (stepper.steps_per_epoch(), Vec::new(), Vec::new());
    let mut history: Vec<Epoch> = Vec::new();
    let mut seen = 0;
    let mut stop = None;
    for epoch in 0..options.epochs {
        let before = snapshot(&stepper, network)?;
        stepper.order(epoch, &mut order);
        let rate = |index: usize| learning_rate(options, plateau.drops, epoch, index, steps);
        let mut sum = 0.0;
        for (index, batch) in order.chunks(stepper.batch).enumerate() {
            let number = (epoch * steps + index + 1) as u64;
            let loss = stepper.step(batch, rate(index), number);
            sum += loss * batch.len() as f64;
            seen += batch.len() as u64;
            if !loss.is_finite() {
                stop = Some(diverged(&mut stepper, &before, epoch, &order, &rate, number)?);
                break;
            }
            if stopper.interrupted() {
                stop = Some(StopReason::Interrupted);
                break;
            }
            if let Some(reason) = stopper.out_of_time() {
                stop = Some(reason);
                break;
            }
        }
        if let Some(StopReason::Diverged(_)) = stop {
            break;
        }
        let weights = read_weights(&stepper.session, &network.weights)?;
        let validation_loss = evaluator.as_mut().map(|e| e.run(&weights, &mut outputs)).transpose()?;
        let metrics = validation.metrics.iter().map(|m| (m.name.clone(), (m.compute)(&outputs)));
        let record = Epoch {
            epoch: epoch + 1,
            train_loss: sum / order.len() as f64,
            penalty: stepper.penalty(),
            validation_loss,
            metrics: if validation.data.is_some() { metrics.collect() } else { Vec::new() },
            learning_rate: rate(steps - 1),
            seconds: stopper.seconds(),
        };
        let value = watch.value(&record, validation);
        let improved = watch.note(value, epoch + 1);
        if watch.best_epoch == epoch + 1 && options.restore_best && validation.data.is_some() {
            watch.best_weights = Some(weights.clone());
        }
        plateau.note(improved);
        observe(&record);
        history.push(record);
        network.weights = weights;
        stop = stop.or_else(|| stopper.after_epoch(&watch, epoch + 1, value, improved));
        if stop.is_some() {
            break;
        }
    }
    let restored = watch.best_weights.take();
    let best_epoch = if restored.is_some() { watch.best_epoch } else { history.len() };
    if let Some(weights) = restored {
        network.weights = weights;
    }
    let stop = stop.unwrap_or(StopReason::Epochs { epochs: options.epochs });
    let (watched, seconds) = ((watch.name, watch.best), stopper.seconds());
    Ok(TrainReport { history, best_epoch, watched, stop, seconds, rows: seen })
}

/// The learning rate of step `index` of an epoch, both from 0.
fn learning_rate(options: &TrainOptions, drops: u32, epoch: usize, index: usize, steps: usize) -> f64 {
    let base = options.learning_rate.unwrap_or(options.optimizer.default_learning_rate());
    let done = epoch as f64 + index as f64 / steps as f64;
    if done < options.warm_up {
        return base * (epoch * steps + index + 1) as f64 / (options.warm_up * steps as f64).max(1.0);
    }
    let planned = (options.epochs as f64 - options.warm_up).max(1e-9);
    base * options.schedule.factor(((done - options.warm_up) / planned).clamp(0.0, 1.0), epoch, drops)
}

/// Counts epochs without improvement for the plateau schedule.
struct Plateau {
    patience: Option<usize>,
    waited: usize,
    drops: u32,
}

impl Plateau {
    fn new(schedule: Schedule) -> Self {
        let patience = if let Schedule::Plateau { patience, .. } = schedule { Some(patience as usize) } else { None };
        Plateau { patience, waited: 0, drops: 0 }
    }

    fn note(&mut self, improved: bool) {
        self.waited = if improved { 0 } else { self.waited + 1 };
        if self.patience.is_some_and(|p| self.waited >= p.max(1)) {
            self.drops += 1;
            self.waited = 0;
        }
    }
}

/// Parameters and optimiser states, to go back to.
pub(super) type Snapshot = Vec<(String, crate::Array)>;

fn snapshot<T: Real>(stepper: &Stepper<'_, T>, network: &Network) -> Result<Snapshot, SessionError> {
    let names = network.weights.keys().chain(&stepper.objective.states);
    names.map(|name| Ok((name.clone(), stepper.session.get(SlotKind::Parameter, name, 0)?))).collect()
}

/// Repeats the epoch from its start, which gives the same bits, and looks for the first bad node.
fn diverged<T: Real>(
    stepper: &mut Stepper<'_, T>,
    before: &Snapshot,
    epoch: usize,
    order: &[u32],
    rate: &dyn Fn(usize) -> f64,
    number: u64,
) -> Result<StopReason, TrainError> {
    let help = "lower the learning rate, clip the gradient, or scale the inputs";
    let found = diagnose(stepper, before, epoch, order, rate)?;
    let (step, node, value) = found.unwrap_or((number, String::new(), f64::NAN));
    Ok(StopReason::Diverged(Divergence { epoch: epoch + 1, step, node, value, help }))
}
