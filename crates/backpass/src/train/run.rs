//! The training loop: batches, learning rate, divergence.

use std::sync::Arc;

use backpass_kernels::philox::Stream;
use backpass_kernels::{Pool, Real};

use crate::compile::{CompileOptions, Slot, SlotKind, compile};
use crate::nn::{DROPOUT, Network};
use crate::optim::schedule::Schedule;
use crate::session::Session;
use crate::train::data::RowWeights;
use crate::train::diagnose::diagnose;
use crate::train::evaluate::{set_parameters, set_weights, weight_slots};
use crate::train::monitor::Monitor;
use crate::train::objective::{DECAY, RATE, STEP, TARGET, WEIGHT, step_graph};
use crate::train::timer::Timer;
use crate::train::{Around, BatchSize, Dataset, Stage, StopReason, TrainError, TrainOptions, TrainReport, Validation};

/// Key of the streams that shuffle rows, apart from the keys of weights and dropout.
const SHUFFLE: u64 = 0x5348_5546_464c_4521;

/// Everything a step needs, compiled once.
pub(super) struct Stepper<'a, T: Real, D = f32> {
    pub session: Session<T>,
    data: &'a Dataset<D>,
    row_weights: RowWeights<'a>,
    x: Slot,
    target: Slot,
    weight: Slot,
    rate: Slot,
    step: Slot,
    /// The factors on decay and dropout, where they follow schedules.
    factors: [Option<Slot>; 2],
    loss: Slot,
    penalty: Option<Slot>,
    pub batch: usize,
    /// The weights in the order of their names, then what the optimiser keeps.
    kept: Vec<Slot>,
    seed: u64,
    shuffle: bool,
    timer: Timer,
}

impl<'a, T: Real, D: Real> Stepper<'a, T, D> {
    fn new(
        network: &Network,
        data: &'a Dataset<D>,
        options: &TrainOptions,
        pool: Arc<Pool>,
    ) -> Result<Self, TrainError> {
        let batch = match options.batch_size {
            BatchSize::Full => data.rows(),
            BatchSize::Rows(n) => n.min(data.rows()),
        };
        let plan = compile(&step_graph(network, data.targets, options)?, &CompileOptions::rows(batch))?;
        let mut session = Session::new(Arc::new(plan), pool)?;
        set_weights(&mut session, &network.weights)?;
        let input = |name| session.slot(SlotKind::Input, name);
        let (x, target, weight) = (input("x")?, input(TARGET)?, input(WEIGHT)?);
        let (rate, step) = (input(RATE)?, input(STEP)?);
        let factors = [DECAY, DROPOUT].map(|name| input(name).ok());
        let loss = session.slot(SlotKind::Output, "loss")?;
        let penalty = session.slot(SlotKind::Output, "penalty").ok();
        let mut kept = weight_slots(&session, &network.weights)?;
        let slots = session.plan().slots().iter().filter(|s| s.kind == SlotKind::Parameter);
        kept.extend(slots.filter(|s| !network.weights.contains_key(&s.name)).cloned());
        let timer = Timer::new(session.plan(), options.profile);
        let (row_weights, seed, shuffle) = (data.row_weights(), options.seed, options.shuffle);
        Ok(Stepper {
            session,
            data,
            row_weights,
            x,
            target,
            weight,
            rate,
            step,
            factors,
            loss,
            penalty,
            batch,
            kept,
            seed,
            shuffle,
            timer,
        })
    }

    fn steps_per_epoch(&self) -> usize {
        self.data.rows().div_ceil(self.batch)
    }

    /// The number of a step of the whole run, from 1; epoch and index count from 0.
    pub fn number(&self, epoch: usize, index: usize) -> u64 {
        (epoch * self.steps_per_epoch() + index + 1) as u64
    }

    /// The order of the rows in an epoch, from 0.
    fn order(&self, epoch: usize, order: &mut Vec<u32>) {
        order.clear();
        order.extend(0..self.data.rows() as u32);
        // The full batch needs no order, and keeping it makes its sums the same in every epoch.
        if self.shuffle && self.batch < self.data.rows() {
            Stream::new(self.seed ^ SHUFFLE, epoch as u64).shuffle(order);
        }
    }

    /// Brings together what a step on the rows `batch` reads; `number` counts from 1.
    pub fn gather(&mut self, batch: &[u32], moment: Moment, number: u64) {
        let (n, data) = (batch.len(), self.data);
        self.session.write_rows(&self.x, n, &|rows, x| {
            data.copy_rows(batch[rows].iter().map(|&row| row as usize), x);
        });
        gather(self.session.write(&self.target, n), &data.y, data.targets, batch);
        let weight = self.session.write(&self.weight, n);
        weight.iter_mut().zip(batch).for_each(|(w, &row)| *w = T::from_f64(self.row_weights.at(row as usize)));
        self.session.write(&self.rate, 0)[0] = T::from_f64(moment.rate);
        self.session.write(&self.step, 0)[0] = T::from_f64(number as f64);
        for (slot, factor) in self.factors.iter().zip([moment.decay, moment.dropout]) {
            slot.iter().for_each(|slot| self.session.write(slot, 0)[0] = T::from_f64(factor));
        }
    }

    /// Runs one step on the `rows` rows gathered, and gives their mean loss.
    pub fn step(&mut self, rows: usize) -> f64 {
        self.timer.run(&mut self.session, rows);
        self.session.read(&self.loss, 0)[0].to_f64()
    }

    fn penalty(&self) -> f64 {
        self.penalty.as_ref().map_or(0.0, |slot| self.session.read(slot, 0)[0].to_f64())
    }

    /// Whether the weights and what the optimiser keeps are all finite.
    pub fn is_finite(&self) -> bool {
        // Without an early end the loop runs on vectors.
        let finite = |slot: &Slot| self.session.read(slot, 0).iter().fold(true, |ok, v| ok & v.to_f64().is_finite());
        self.kept.iter().all(finite)
    }

    /// Copies the weights and what the optimiser keeps, to go back to.
    pub fn save(&self, state: &mut Vec<T>) {
        state.clear();
        self.kept.iter().for_each(|slot| state.extend_from_slice(self.session.read(slot, 0)));
    }

    pub fn restore(&mut self, state: &[T]) {
        set_parameters(&mut self.session, &self.kept, state);
    }
}

/// Copies the rows numbered by `batch` one after the other.
pub(super) fn gather<T: Real, D: Real>(target: &mut [T], source: &[D], width: usize, batch: &[u32]) {
    for (to, &row) in target.chunks_exact_mut(width).zip(batch) {
        let from = &source[row as usize * width..(row as usize + 1) * width];
        to.iter_mut().zip(from).for_each(|(t, s)| *t = T::from_f64(s.to_f64()));
    }
}

pub(super) fn train<'a, T: Real, D: Real>(
    network: &mut Network,
    data: &Dataset<D>,
    validation: &'a Validation<'_, D>,
    options: &'a TrainOptions,
    around: Around<'a>,
) -> Result<TrainReport, TrainError> {
    let mut stepper = Stepper::<T, D>::new(network, data, options, Arc::clone(&around.pool))?;
    let mut monitor = Monitor::<T, D>::new(network, data, validation, options, around)?;
    let mut plateau = Plateau::new(options.schedule);
    let steps = stepper.steps_per_epoch();
    let (mut order, mut rows, mut stop) = (Vec::new(), 0, None);
    // The state in which the last good epoch ended; the weights come first.
    let (mut state, weights) = (Vec::new(), network.parameter_count());
    stepper.save(&mut state);
    for epoch in 0..options.epochs {
        monitor.enter(Stage::Gather);
        stepper.order(epoch, &mut order);
        let at = |index: usize| Moment::new(options, plateau.drops, epoch, index, steps);
        let (mut sum, mut seen, mut last_rate) = (0.0, 0, 0.0);
        for (index, batch) in order.chunks(stepper.batch).enumerate() {
            last_rate = at(index).rate;
            monitor.enter(Stage::Gather);
            stepper.gather(batch, at(index), stepper.number(epoch, index));
            monitor.enter(Stage::Step);
            sum += stepper.step(batch.len()) * batch.len() as f64;
            seen += batch.len();
            stop = monitor.halted();
            if !sum.is_finite() || stop.is_some() {
                break;
            }
        }
        rows += seen as u64;
        monitor.enter(Stage::Evaluate);
        if !sum.is_finite() || !stepper.is_finite() {
            stop = Some(StopReason::Diverged(diagnose(&mut stepper, &state, epoch, &order, &at)?));
            break;
        }
        stepper.save(&mut state);
        let decision = monitor.epoch(&state[..weights], sum / seen as f64, stepper.penalty(), last_rate);
        plateau.note(monitor.improved());
        stop = stop.or(decision);
        if stop.is_some() {
            break;
        }
    }
    let instructions = stepper.timer.instructions(stepper.session.plan());
    Ok(monitor.report(network, &state[..weights], stop, rows, instructions))
}

/// What the schedules say of one step.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    /// The learning rate.
    rate: f64,
    /// The factors on the weight decay and on dropout.
    decay: f64,
    dropout: f64,
}

impl Moment {
    /// Step `index` of an epoch, both from 0.
    fn new(options: &TrainOptions, drops: u32, epoch: usize, index: usize, steps: usize) -> Self {
        let base = options.learning_rate.unwrap_or(options.optimizer.default_learning_rate());
        let done = epoch as f64 + index as f64 / steps as f64;
        let since = (done - options.warm_up).max(0.0);
        let factor = |schedule: Schedule| schedule.factor(options.progress(done), since as usize, drops);
        let rate = if done < options.warm_up {
            ((epoch * steps + index + 1) as f64 / (options.warm_up * steps as f64)).min(1.0)
        } else {
            factor(options.schedule)
        };
        Moment { rate: base * rate, decay: factor(options.decay_schedule), dropout: factor(options.dropout_schedule) }
    }
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
        if self.patience.is_some_and(|p| self.waited >= p) {
            self.drops += 1;
            self.waited = 0;
        }
    }
}
