//! Limited-memory BFGS on the full batch in f64 (Liu and Nocedal 1989). The line search brackets a point that satisfies
//! the strong Wolfe conditions (Nocedal and Wright 2006, section 3.5) and halves the bracket. One epoch is one iteration.

use std::collections::VecDeque;
use std::sync::Arc;

use backpass_kernels::{Pool, Real};

use crate::compile::{Slot, SlotKind, Timed};
use crate::nn::Network;
use crate::session::{Session, SessionError};
use crate::train::diagnose::first_bad;
use crate::train::evaluate::{full_batch, set_parameters};
use crate::train::monitor::Monitor;
use crate::train::objective::gradient_graph;
use crate::train::timer::Timer;
use crate::train::{Around, Dataset, Divergence, Stage, StopReason, TrainError, TrainOptions, TrainReport, Validation};

/// A gradient whose largest element is below this counts as zero.
const FLAT: f64 = 1e-10;
const SUFFICIENT_DECREASE: f64 = 1e-4;
const CURVATURE: f64 = 0.9;
const SEARCH_STEPS: usize = 30;

/// Value and slope at a point.
#[derive(Clone)]
pub(super) struct Point {
    pub x: Vec<f64>,
    pub loss: f64,
    pub penalty: f64,
    pub gradient: Vec<f64>,
    /// How far along the search direction it was found.
    pub step: f64,
}

impl Point {
    pub fn value(&self) -> f64 {
        self.loss + self.penalty
    }

    /// Whether value and gradient are numbers.
    pub fn is_finite(&self) -> bool {
        self.value().is_finite() && self.gradient.iter().all(|g| g.is_finite())
    }

    /// The largest absolute element of the gradient.
    pub fn flatness(&self) -> f64 {
        self.gradient.iter().fold(0.0, |m, g| g.abs().max(m))
    }
}

/// The objective as a function of one long vector.
pub(super) struct Objective {
    session: Session<f64>,
    /// Each parameter with its gradient.
    parameters: Vec<(Slot, Slot)>,
    loss: Slot,
    penalty: Option<Slot>,
    rows: usize,
    timer: Timer,
    /// Rows seen by all evaluations together.
    pub seen: u64,
}

impl Objective {
    pub fn new<D: Real>(
        network: &Network,
        data: &Dataset<D>,
        options: &TrainOptions,
        pool: Arc<Pool>,
    ) -> Result<Self, TrainError> {
        let rows = data.rows();
        let session = full_batch(&gradient_graph(network, data.targets, options)?, network, data, pool)?;
        let output = |name: &str| session.slot(SlotKind::Output, name);
        let pair =
            |name: &String| Ok((session.slot(SlotKind::Parameter, name)?, output(&format!("gradient of {name}"))?));
        let parameters = network.weights.keys().map(pair).collect::<Result<_, SessionError>>()?;
        let (loss, penalty) = (output("loss")?, output("penalty").ok());
        let timer = Timer::new(session.plan(), options.profile);
        Ok(Objective { session, parameters, loss, penalty, rows, timer, seen: 0 })
    }

    pub fn start(&self) -> Vec<f64> {
        self.parameters.iter().flat_map(|(p, _)| self.session.read(p, 0)).copied().collect()
    }

    fn set(&mut self, x: &[f64]) {
        set_parameters(&mut self.session, self.parameters.iter().map(|(p, _)| p), x);
    }

    pub fn at(&mut self, x: Vec<f64>, step: f64) -> Point {
        self.set(&x);
        self.timer.run(&mut self.session, self.rows);
        self.seen += self.rows as u64;
        let number = |slot: &Slot| self.session.read(slot, 0)[0];
        let (loss, penalty) = (number(&self.loss), self.penalty.as_ref().map_or(0.0, number));
        let gradient = self.parameters.iter().flat_map(|(_, g)| self.session.read(g, 0)).copied().collect();
        Point { x, loss, penalty, gradient, step }
    }

    /// The instructions of the objective with their times, if they were to be measured.
    pub fn instructions(&self) -> Vec<Timed> {
        self.timer.instructions(self.session.plan())
    }

    /// Why a start that is not finite is the end.
    pub fn diverged(&self, point: &Point) -> Result<StopReason, SessionError> {
        let (node, value) = first_bad(&self.session, self.rows)?.unwrap_or((String::new(), point.value()));
        let help = "check the inputs and where the parameters start";
        Ok(StopReason::Diverged(Divergence { epoch: 1, step: 1, node, value, help }))
    }

    /// A point downhill that satisfies the strong Wolfe conditions, or at least lowers the value.
    fn search(&mut self, from: &Point, pairs: &Pairs) -> Option<Point> {
        let direction = direction(&from.gradient, pairs);
        let slope = dot(&from.gradient, &direction);
        if slope > 0.0 {
            return None;
        }
        let first = if pairs.is_empty() { (1.0 / dot(&direction, &direction).sqrt()).min(1.0) } else { 1.0 };
        let (mut low, mut low_value, mut high) = (0.0, from.value(), f64::INFINITY);
        let (mut t, mut best): (f64, Option<Point>) = (first, None);
        for _ in 0..SEARCH_STEPS {
            let point = self.at(from.x.iter().zip(&direction).map(|(x, d)| x + t * d).collect(), t);
            let (value, slope_here) = (point.value(), dot(&point.gradient, &direction));
            let enough = value <= from.value() + SUFFICIENT_DECREASE * t * slope && (low == 0.0 || value < low_value);
            if enough && slope_here.abs() <= -CURVATURE * slope {
                return Some(point);
            }
            if !enough || slope_here > 0.0 {
                high = t;
            } else {
                (low, low_value) = (t, value);
            }
            if value < best.as_ref().map_or(from.value(), Point::value) {
                best = Some(point);
            }
            t = if high.is_finite() { 0.5 * (low + high) } else { 2.0 * t };
        }
        best
    }
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn difference(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

/// The last steps, each with the change of the gradient.
type Pairs = VecDeque<(Vec<f64>, Vec<f64>)>;

/// The two-loop recursion: minus the estimated inverse Hessian times the gradient.
fn direction(gradient: &[f64], pairs: &Pairs) -> Vec<f64> {
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

pub(super) fn train<'a, D: Real>(
    network: &mut Network,
    data: &Dataset<D>,
    validation: &'a Validation<'_, D>,
    options: &'a TrainOptions,
    memory: usize,
    around: Around<'a>,
) -> Result<TrainReport, TrainError> {
    let mut objective = Objective::new(network, data, options, Arc::clone(&around.pool))?;
    let mut monitor = Monitor::<f64, D>::new(network, data, validation, options, around)?;
    let mut pairs = Pairs::new();
    monitor.enter(Stage::Step);
    let mut point = objective.at(objective.start(), 0.0);
    if !point.value().is_finite() {
        let stop = objective.diverged(&point)?;
        return Ok(monitor.report(network, &point.x, Some(stop), objective.seen, objective.instructions()));
    }
    let mut stop = None;
    for _ in 0..options.epochs {
        monitor.enter(Stage::Step);
        let mut found = objective.search(&point, &pairs);
        if found.is_none() && !pairs.is_empty() {
            // The estimated curvature points nowhere: forget it.
            pairs.clear();
            found = objective.search(&point, &pairs);
        }
        let Some(next) = found else {
            let gradient = point.flatness();
            let flat = gradient < 1e-6;
            stop = Some(if flat { StopReason::Converged { gradient } } else { StopReason::LineSearch { gradient } });
            break;
        };
        let (s, y) = (difference(&next.x, &point.x), difference(&next.gradient, &point.gradient));
        if dot(&s, &y) > 1e-14 * dot(&y, &y) {
            pairs.push_back((s, y));
            if pairs.len() > memory {
                pairs.pop_front();
            }
        }
        point = next;
        stop = monitor.epoch(&point.x, point.loss, point.penalty, point.step);
        let gradient = point.flatness();
        if gradient < FLAT {
            stop = stop.or(Some(StopReason::Converged { gradient }));
        }
        if stop.is_some() {
            break;
        }
    }
    Ok(monitor.report(network, &point.x, stop, objective.seen, objective.instructions()))
}
