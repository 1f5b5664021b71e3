//! Limited-memory BFGS on the full batch in f64 (Liu and Nocedal 1989), with a line search for the strong Wolfe
//! conditions (Nocedal and Wright 2006, algorithms 3.5 and 3.6). One epoch is one iteration.

use std::collections::VecDeque;
use std::sync::Arc;

use backpass_kernels::Pool;

use crate::array::Array;
use crate::compile::{CompileOptions, SlotKind, compile};
use crate::nn::{Network, Weights};
use crate::session::Session;
use crate::train::evaluate::{Evaluator, copy};
use crate::train::objective::{STEP, TARGET, WEIGHT, gradient_graph};
use crate::train::run::{Stopper, Watch};
use crate::train::{Dataset, Divergence, Epoch, StopReason, TrainError, TrainOptions, TrainReport, Validation};

/// A gradient whose largest element is below this counts as zero.
const FLAT: f64 = 1e-10;
const SUFFICIENT_DECREASE: f64 = 1e-4;
const CURVATURE: f64 = 0.9;
const SEARCH_STEPS: usize = 30;

/// Value and slope at a point.
#[derive(Clone)]
struct Point {
    x: Vec<f64>,
    loss: f64,
    penalty: f64,
    gradient: Vec<f64>,
}

impl Point {
    fn value(&self) -> f64 {
        self.loss + self.penalty
    }

    fn flatness(&self) -> f64 {
        self.gradient.iter().fold(0.0, |m, g| g.abs().max(m))
    }
}

/// The objective as a function of one long vector.
struct Objective {
    session: Session<f64>,
    names: Vec<(String, usize)>,
    rows: usize,
}

impl Objective {
    fn new(network: &Network, data: &Dataset, options: &TrainOptions) -> Result<Self, TrainError> {
        let graph = gradient_graph(network, data.targets, options)?;
        let plan = compile(&graph, &CompileOptions::rows(data.rows()))?;
        let mut session = Session::new(Arc::new(plan), Arc::new(Pool::new(options.threads)))?;
        let rows = data.rows();
        let input = |session: &Session<f64>, name| session.slot(SlotKind::Input, name);
        let (x, y, w) = (input(&session, "x")?, input(&session, TARGET)?, input(&session, WEIGHT)?);
        copy(session.write(&x, rows), &data.x);
        copy(session.write(&y, rows), &data.y);
        let scale = data.weight_scale();
        let weights = session.write(&w, rows);
        match &data.weights {
            Some(given) => weights.iter_mut().zip(given).for_each(|(w, g)| *w = f64::from(*g) * scale),
            None => weights.fill(1.0),
        }
        if session.plan().slot(SlotKind::Input, STEP).is_some() {
            session.set(SlotKind::Input, STEP, &Array::scalar(0.0))?;
        }
        let names = network.weights.iter().map(|(n, v)| (n.clone(), v.len())).collect();
        Ok(Objective { session, names, rows })
    }

    fn at(&mut self, x: Vec<f64>) -> Result<Point, TrainError> {
        let mut start = 0;
        for (name, len) in &self.names {
            let slot = self.session.slot(SlotKind::Parameter, name)?;
            self.session.write(&slot, 0).copy_from_slice(&x[start..start + len]);
            start += len;
        }
        self.session.run(self.rows);
        let scalar = |name: &str| self.session.slot(SlotKind::Output, name).map(|s| self.session.read(&s, 0)[0]);
        let (loss, penalty) = (scalar("loss")?, scalar("penalty").unwrap_or(0.0));
        let mut gradient = Vec::with_capacity(x.len());
        for (name, _) in &self.names {
            let slot = self.session.slot(SlotKind::Output, &format!("gradient of {name}"))?;
            gradient.extend_from_slice(self.session.read(&slot, 0));
        }
        Ok(Point { x, loss, penalty, gradient })
    }

    fn weights(&self, x: &[f64], like: &Weights) -> Weights {
        let mut start = 0;
        let part = |(name, value): (&String, &Array)| {
            let piece = Array::from_fn(value.shape(), |i| x[start + i]);
            start += value.len();
            (name.clone(), piece)
        };
        like.iter().map(part).collect()
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// The two-loop recursion: minus the estimated inverse Hessian times the gradient.
fn direction(gradient: &[f64], pairs: &VecDeque<(Vec<f64>, Vec<f64>)>) -> Vec<f64> {
    let mut q: Vec<f64> = gradient.iter().map(|g| -g).collect();
    let mut alphas = Vec::with_capacity(pairs.len());
    for (s, y) in pairs.iter().rev() {
        let alpha = dot(s, &q) / dot(s, y);
        q.iter_mut().zip(y).for_each(|(q, y)| *q -= alpha * y);
        alphas.push(alpha);
    }
    if let Some((s, y)) = pairs.back() {
        let scale = dot(s, y) / dot(y, y);
        q.iter_mut().for_each(|q| *q *= scale);
    }
    for ((s, y), alpha) in pairs.iter().zip(alphas.into_iter().rev()) {
        let beta = dot(y, &q) / dot(s, y);
        q.iter_mut().zip(s).for_each(|(q, s)| *q += (alpha - beta) * s);
    }
    q
}

/// A point along `direction` that satisfies the strong Wolfe conditions, or at least lowers the value.
fn search(objective: &mut Objective, from: &Point, direction: &[f64], first: f64) -> Result<Option<Point>, TrainError> {
    let slope = dot(&from.gradient, direction);
    let step = |t: f64| from.x.iter().zip(direction).map(|(x, d)| x + t * d).collect::<Vec<f64>>();
    let (mut low, mut low_value, mut high) = (0.0, from.value(), f64::INFINITY);
    let (mut t, mut best): (f64, Option<Point>) = (first, None);
    for _ in 0..SEARCH_STEPS {
        let point = objective.at(step(t))?;
        let value = point.value();
        let slope_here = dot(&point.gradient, direction);
        let lower = best.as_ref().map_or(from.value(), Point::value);
        if value.is_finite() && value < lower {
            best = Some(point.clone());
        }
        if !value.is_finite()
            || value > from.value() + SUFFICIENT_DECREASE * t * slope
            || value >= low_value && low > 0.0
        {
            high = t;
        } else if slope_here.abs() <= -CURVATURE * slope {
            return Ok(Some(point));
        } else if slope_here > 0.0 {
            high = t;
        } else {
            (low, low_value) = (t, value);
        }
        t = if high.is_finite() { 0.5 * (low + high) } else { 2.0 * t };
    }
    Ok(best)
}

pub(super) fn train(
    network: &mut Network,
    data: &Dataset,
    validation: &Validation<'_>,
    options: &TrainOptions,
    memory: usize,
    observe: &mut dyn FnMut(&Epoch),
) -> Result<TrainReport, TrainError> {
    let mut objective = Objective::new(network, data, options)?;
    let pool = Arc::new(Pool::new(options.threads));
    let evaluator = validation.data.map(|rows| Evaluator::<f64>::new(network, rows, &options.loss, pool));
    let mut evaluator = evaluator.transpose()?;
    let mut watch = Watch::new(validation, options);
    let mut stopper = Stopper::new(options);
    let mut outputs = Vec::new();
    let mut history = Vec::new();
    let mut pairs: VecDeque<(Vec<f64>, Vec<f64>)> = VecDeque::new();
    let start: Vec<f64> = network.weights.values().flat_map(|v| v.data().iter().copied()).collect();
    let mut point = objective.at(start)?;
    let mut stop = None;
    if !point.value().is_finite() {
        let help = "check the inputs and the initial weights";
        let divergence = Divergence { epoch: 1, step: 1, node: String::new(), value: point.value(), help };
        stop = Some(StopReason::Diverged(divergence));
    }
    for epoch in 1..=options.epochs {
        if stop.is_some() {
            break;
        }
        let mut towards = direction(&point.gradient, &pairs);
        if dot(&towards, &point.gradient) >= 0.0 {
            pairs.clear();
            towards = direction(&point.gradient, &pairs);
        }
        let first = if pairs.is_empty() { (1.0 / dot(&towards, &towards).sqrt()).min(1.0) } else { 1.0 };
        match search(&mut objective, &point, &towards, first)? {
            None => {
                let gradient = point.flatness();
                let reason = if gradient < 1e-6 {
                    StopReason::Converged { gradient }
                } else {
                    StopReason::LineSearch { gradient }
                };
                stop = Some(reason);
                break;
            }
            Some(next) => {
                let difference = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<f64>>();
                let pair = (difference(&next.x, &point.x), difference(&next.gradient, &point.gradient));
                if dot(&pair.0, &pair.1) > 1e-14 * dot(&pair.1, &pair.1) {
                    pairs.push_back(pair);
                    if pairs.len() > memory.max(1) {
                        pairs.pop_front();
                    }
                }
                point = next;
            }
        }
        network.weights = objective.weights(&point.x, &network.weights);
        let validation_loss = evaluator.as_mut().map(|e| e.run(&network.weights, &mut outputs)).transpose()?;
        let metrics = validation.metrics.iter().map(|m| (m.name.clone(), (m.compute)(&outputs)));
        let record = Epoch {
            epoch,
            train_loss: point.loss,
            penalty: point.penalty,
            validation_loss,
            metrics: if validation.data.is_some() { metrics.collect() } else { Vec::new() },
            learning_rate: 1.0,
            seconds: stopper.seconds(),
        };
        let value = watch.value(&record, validation);
        let improved = watch.note(value, epoch);
        if watch.best_epoch == epoch && options.restore_best && validation.data.is_some() {
            watch.best_weights = Some(network.weights.clone());
        }
        observe(&record);
        history.push(record);
        stop = stopper.after_epoch(&watch, epoch, value, improved);
        if stopper.interrupted() {
            stop = Some(StopReason::Interrupted);
        } else if point.flatness() < FLAT {
            stop = Some(StopReason::Converged { gradient: point.flatness() });
        }
    }
    let restored = watch.best_weights.take();
    let best_epoch = if restored.is_some() { watch.best_epoch } else { history.len() };
    if let Some(weights) = restored {
        network.weights = weights;
    }
    let stop = stop.unwrap_or(StopReason::Epochs { epochs: options.epochs });
    let rows = (history.len() * data.rows()) as u64;
    Ok(TrainReport { history, best_epoch, watched: (watch.name, watch.best), stop, seconds: stopper.seconds(), rows })
}
