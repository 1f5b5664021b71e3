//! What follows every epoch, whatever the optimiser: measure, remember the best, decide whether to stop.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use backpass_kernels::Real;

use crate::array::Array;
use crate::compile::Timed;
use crate::nn::Network;
use crate::train::evaluate::Evaluator;
use crate::train::layers::Inspector;
use crate::train::timer::Clock;
use crate::train::{
    Around, Dataset, Epoch, Metric, Observer, Stage, StopReason, TrainError, TrainOptions, TrainReport, Validation,
};

pub(super) struct Monitor<'a, T: Real, D = f32> {
    options: &'a TrainOptions,
    metrics: &'a [Metric<'a>],
    watch: Option<usize>,
    evaluator: Option<Evaluator<'a, T, D>>,
    inspector: Option<Inspector<T>>,
    observe: &'a mut Observer<'a>,
    clock: Clock,
    start: Instant,
    outputs: Vec<f32>,
    history: Vec<Epoch>,
    watched: String,
    higher_is_better: bool,
    best: f64,
    best_epoch: usize,
    best_weights: Option<Vec<T>>,
    /// The last value that counted as an improvement, and its epoch.
    improved_to: f64,
    improved_in: usize,
}

impl<'a, T: Real, D: Real> Monitor<'a, T, D> {
    pub fn new(
        network: &Network,
        data: &Dataset<D>,
        validation: &'a Validation<'_, D>,
        options: &'a TrainOptions,
        around: Around<'a>,
    ) -> Result<Self, TrainError> {
        let Around { pool, observe, clock } = around;
        let inspector = Inspector::new(network, data, options, Arc::clone(&pool))?;
        let evaluator = validation.data.map(|rows| Evaluator::new(network, rows, &options.loss, pool)).transpose()?;
        let metrics: &[Metric<'_>] = if evaluator.is_some() { &validation.metrics } else { &[] };
        let watch = validation.watch.filter(|_| evaluator.is_some());
        let metric = watch.and_then(|i| metrics.get(i));
        let watched = match (metric, &evaluator) {
            (Some(m), _) => format!("validation {}", m.name),
            (None, Some(_)) => "validation loss".to_string(),
            (None, None) => "training loss".to_string(),
        };
        let higher_is_better = metric.is_some_and(|m| m.higher_is_better);
        let worst = if higher_is_better { f64::NEG_INFINITY } else { f64::INFINITY };
        Ok(Monitor {
            options,
            metrics,
            watch,
            evaluator,
            inspector,
            observe,
            clock,
            start: Instant::now(),
            outputs: Vec::new(),
            history: Vec::new(),
            watched,
            higher_is_better,
            best: worst,
            best_epoch: 0,
            best_weights: None,
            improved_to: worst,
            improved_in: 0,
        })
    }

    /// Whether somebody or the clock asks to stop at once.
    pub fn halted(&self) -> Option<StopReason> {
        if self.options.interrupt.as_ref().is_some_and(|flag| flag.load(Ordering::Relaxed)) {
            return Some(StopReason::Interrupted);
        }
        let budget = self.options.time_budget.filter(|b| self.start.elapsed() >= *b)?;
        Some(StopReason::TimeBudget { seconds: budget.as_secs_f64() })
    }

    /// Whether the last epoch was an improvement.
    pub fn improved(&self) -> bool {
        self.improved_in == self.history.len()
    }

    /// Tells what training goes on with.
    pub fn enter(&mut self, stage: Stage) {
        self.clock.enter(stage);
    }

    /// Records an epoch that ended with `weights`, in the order of their names, and decides whether to go on.
    pub fn epoch(&mut self, weights: &[T], train_loss: f64, penalty: f64, learning_rate: f64) -> Option<StopReason> {
        let (epoch, mut layers) = (self.history.len() + 1, Vec::new());
        if let Some(inspector) = self.inspector.as_mut().filter(|inspector| inspector.is_due(epoch)) {
            self.clock.enter(Stage::Layers);
            layers = inspector.look(weights);
        }
        self.enter(Stage::Evaluate);
        let validation_loss = self.evaluator.as_mut().map(|e| e.run(weights, &mut self.outputs));
        let metrics: Vec<_> = self.metrics.iter().map(|m| (m.name.clone(), (m.compute)(&self.outputs))).collect();
        let metric = self.watch.map(|i| metrics[i].1);
        let value = metric.or(validation_loss).unwrap_or(train_loss + penalty);
        let seconds = self.start.elapsed().as_secs_f64();
        let record = Epoch { epoch, train_loss, penalty, validation_loss, metrics, learning_rate, seconds, layers };
        (self.observe)(&record);
        self.history.push(record);
        // Of equal values the last one is kept.
        if self.at_least(value, self.best) {
            (self.best, self.best_epoch) = (value, epoch);
            if self.options.restore_best && self.evaluator.is_some() {
                let best = self.best_weights.get_or_insert_default();
                best.clear();
                best.extend_from_slice(weights);
            }
        }
        let gain = if self.higher_is_better { value - self.improved_to } else { self.improved_to - value };
        if gain > self.options.min_improvement {
            (self.improved_to, self.improved_in) = (value, epoch);
        }
        self.decide(value)
    }

    fn decide(&self, value: f64) -> Option<StopReason> {
        let watched = self.watched.clone();
        if let Some(target) = self.options.target.filter(|&t| self.at_least(value, t)) {
            return Some(StopReason::Target { watched, value, target });
        }
        let waited = self.history.len() - self.improved_in;
        if self.options.patience.is_some_and(|patience| waited >= patience) || self.cycles_were_in_vain() {
            let (best, best_epoch) = (self.best, self.best_epoch);
            return Some(StopReason::Patience { watched, best, best_epoch, patience: waited });
        }
        self.halted()
    }

    /// Whether a cycle of the schedule, not the last one, ends after as many without improvement as it has patience for.
    fn cycles_were_in_vain(&self) -> bool {
        // Epochs count from 1; a cycle has those that begin in it.
        let cycle = |epoch: usize| self.options.schedule.patient_cycle(self.options.progress(epoch as f64 - 1.0));
        let epoch = self.history.len();
        match (cycle(self.improved_in.max(1)), cycle(epoch), cycle(epoch + 1)) {
            (Some((improved, patience)), Some((now, _)), Some((next, _))) => {
                epoch < self.options.epochs && next > now && now - improved >= patience
            }
            _ => false,
        }
    }

    fn at_least(&self, value: f64, other: f64) -> bool {
        if self.higher_is_better { value >= other } else { value <= other }
    }

    /// Ends the run: the network gets the best weights if they were to be restored, else the last ones.
    pub fn report(
        self,
        network: &mut Network,
        last: &[T],
        stop: Option<StopReason>,
        rows: u64,
        instructions: Vec<Timed>,
    ) -> TrainReport {
        let (weights, best_epoch) = match &self.best_weights {
            Some(best) => (&best[..], self.best_epoch),
            None => (last, self.history.len()),
        };
        // Before the first epoch has ended nothing has changed, not even by rounding.
        if best_epoch > 0 {
            let targets = network.weights.values_mut().flat_map(Array::data_mut);
            targets.zip(weights).for_each(|(t, v)| *t = v.to_f64());
        }
        TrainReport {
            history: self.history,
            best_epoch,
            watched: (self.watched, self.best),
            stop: stop.unwrap_or(StopReason::Epochs { epochs: self.options.epochs }),
            seconds: self.start.elapsed().as_secs_f64(),
            rows,
            stages: self.clock.stop(),
            instructions,
        }
    }
}
