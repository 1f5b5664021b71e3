//! Levenberg–Marquardt on the full batch in f64: Gauss–Newton steps, damped until they lower the objective.
//!
//! The curvature is the generalised Gauss–Newton matrix, the mean over the rows of `JᵗHJ` (Schraudolph 2002), with the
//! Jacobian J of a row's outputs and the Hessian H of its loss; for the squared error it is the classical `2JᵗJ`.
//! Parameters are scaled by the largest curvature seen (Moré 1978), the damping follows Nielsen (1999). One epoch is one
//! accepted step.

use std::sync::Arc;

use backpass_kernels::{Pool, Real};

use crate::array::Array;
use crate::compile::{Slot, SlotKind};
use crate::loss::Loss;
use crate::nn::Network;
use crate::session::{Session, SessionError};
use crate::train::evaluate::{Evaluator, flatten, full_batch, set_parameters};
use crate::train::lbfgs::{Objective, Point, dot};
use crate::train::monitor::Monitor;
use crate::train::objective::{curvature_graph, tangent};
use crate::train::{Around, Dataset, Stage, StopReason, TrainError, TrainOptions, TrainReport, Validation, pool};

/// The matrix has a row and a column for each parameter.
const MOST_PARAMETERS: usize = 4000;
/// Numbers of the Jacobian, which is kept while the matrix is built: 1 GiB.
const MOST_DERIVATIVES: usize = 1 << 27;
/// Less damping than this is none, and could not grow again.
const LEAST_DAMPING: f64 = 1e-15;
/// Under more damping than this no step is left.
const MOST_DAMPING: f64 = 1e20;
/// A step that promises less than this share of the objective is beyond what its value can show.
const NOISE: f64 = 1e-12;
/// A step that changes every parameter by less than this share is the last.
const SMALLEST_STEP: f64 = 1e-12;

/// Fails where the matrix or the Jacobian is too large to be kept.
fn room<D: Real>(network: &Network, data: &Dataset<D>) -> Result<(), TrainError> {
    let parameters = network.parameter_count();
    let derivatives = parameters.saturating_mul(data.rows()).saturating_mul(network.outputs());
    let limits = [
        ("parameters", parameters, MOST_PARAMETERS),
        ("derivatives (parameters times rows times outputs)", derivatives, MOST_DERIVATIVES),
    ];
    match limits.into_iter().find(|(_, found, most)| found > most) {
        Some((what, found, most)) => Err(TrainError::Curvature { what, found, most }),
        None => Ok(()),
    }
}

/// The curvature as a function of the parameters.
struct Curvature {
    session: Session<f64>,
    /// Each parameter with its direction.
    parameters: Vec<(Slot, Slot)>,
    output_change: Slot,
    slope_change: Slot,
    rows: usize,
    l2: f64,
}

impl Curvature {
    fn new<D: Real>(
        network: &Network,
        data: &Dataset<D>,
        options: &TrainOptions,
        pool: Arc<Pool>,
    ) -> Result<Self, TrainError> {
        let rows = data.rows();
        let session = full_batch(&curvature_graph(network, data.targets, &options.loss)?, network, data, pool)?;
        let pair = |name: &String| {
            Ok((session.slot(SlotKind::Parameter, name)?, session.slot(SlotKind::Input, &tangent(name))?))
        };
        let parameters = network.weights.keys().map(pair).collect::<Result<_, SessionError>>()?;
        let output = |name| session.slot(SlotKind::Output, name);
        let (output_change, slope_change) = (output("output change")?, output("slope change")?);
        Ok(Curvature { session, parameters, output_change, slope_change, rows, l2: options.penalty.l2 })
    }

    /// The matrix at a point, row-major. `None` where it is halted before it is complete.
    fn at(&mut self, x: &[f64], halted: impl Fn() -> bool) -> Option<Vec<f64>> {
        set_parameters(&mut self.session, self.parameters.iter().map(|(p, _)| p), x);
        let (n, rows) = (x.len(), self.rows);
        let (mut matrix, mut changes) = (vec![0.0; n * n], Vec::with_capacity(n));
        for (_, direction) in &self.parameters {
            self.session.write(direction, 0).fill(0.0);
        }
        for (parameter, direction) in &self.parameters {
            for element in 0..self.session.read(direction, 0).len() {
                if halted() {
                    return None;
                }
                self.session.write(direction, 0)[element] = 1.0;
                self.session.run(rows);
                self.session.write(direction, 0)[element] = 0.0;
                let k = changes.len();
                changes.push(self.session.read(&self.output_change, rows).to_vec());
                let slope = self.session.read(&self.slope_change, rows);
                for (l, change) in changes.iter().enumerate() {
                    let mean = dot(change, slope) / rows as f64;
                    (matrix[k * n + l], matrix[l * n + k]) = (mean, mean);
                }
                // The penalty counts weights alone, not biases.
                if parameter.shape.rank() >= 2 {
                    matrix[k * n + k] += self.l2;
                }
            }
        }
        Some(matrix)
    }
}

/// The estimated covariance of fitted parameters, in the order of their names: the inverse of the summed curvature, for the
/// squared error with the variance of the residuals, else that of a maximum likelihood estimate. `None` where the rows do
/// not determine every parameter, with a penalty, for a loss that is no likelihood, and where `levenberg_marquardt` would
/// refuse the problem as too large.
pub fn covariance<D: Real>(
    network: &Network,
    data: &Dataset<D>,
    options: &TrainOptions,
) -> Result<Option<Array>, TrainError> {
    network.check()?;
    data.check(network, &options.loss)?;
    let (rows, n, numbers) = (data.rows() as f64, network.parameter_count() as f64, data.y.len() as f64);
    let variance = match options.loss {
        _ if options.penalty.l1 > 0.0 || options.penalty.l2 > 0.0 || room(network, data).is_err() => None,
        Loss::Squared(_) if numbers > n => {
            let pool = pool(options.threads)?;
            let mut evaluator = Evaluator::<f64, D>::new(network, data, &options.loss, pool)?;
            let loss = evaluator.run(&flatten(&network.weights), &mut Vec::new());
            Some(2.0 * rows * loss / (numbers - n))
        }
        Loss::BinaryCrossEntropy(_) | Loss::SoftmaxCrossEntropy(_) | Loss::Poisson(_) => Some(1.0),
        _ => None,
    };
    let Some(variance) = variance else { return Ok(None) };
    let x: Vec<f64> = network.weights.values().flat_map(|w| w.data().to_vec()).collect();
    let n = x.len();
    let mut curvature = Curvature::new(network, data, options, pool(options.threads)?)?;
    let Some(matrix) = curvature.at(&x, || false) else { return Ok(None) };
    let Some((factor, scale)) = scaled_cholesky(&matrix, &diagonal(&matrix, n), 0.0) else { return Ok(None) };
    let mut inverse = vec![0.0; n * n];
    for column in 0..n {
        let mut unit = vec![0.0; n];
        unit[column] = scale[column];
        let solved = solve(&factor, unit);
        (0..n).for_each(|row| inverse[row * n + column] = scale[row] * solved[row] * variance / rows);
    }
    Ok(Array::new(&[n, n], inverse))
}

fn diagonal(matrix: &[f64], n: usize) -> Vec<f64> {
    (0..n).map(|i| matrix[i * n + i]).collect()
}

/// The Cholesky factor of `SAS + λ` with `S = 1/√d`, and S. `None` if it is not positive definite.
fn scaled_cholesky(matrix: &[f64], d: &[f64], damping: f64) -> Option<(Vec<f64>, Vec<f64>)> {
    let n = d.len();
    let scale: Vec<f64> = d.iter().map(|d| if *d > 0.0 { 1.0 / d.sqrt() } else { 1.0 }).collect();
    let mut l = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..=i {
            let damped = if i == j { damping } else { 0.0 };
            let rest =
                matrix[i * n + j] * scale[i] * scale[j] + damped - dot(&l[i * n..i * n + j], &l[j * n..j * n + j]);
            if i > j {
                l[i * n + j] = rest / l[j * n + j];
            } else if rest > f64::EPSILON {
                l[i * n + i] = rest.sqrt();
            } else {
                return None;
            }
        }
    }
    Some((l, scale))
}

/// Solves `LLᵗx = b`.
fn solve(l: &[f64], mut b: Vec<f64>) -> Vec<f64> {
    let n = b.len();
    for i in 0..n {
        b[i] = (b[i] - dot(&l[i * n..i * n + i], &b[..i])) / l[i * n + i];
    }
    for i in (0..n).rev() {
        let below: f64 = (i + 1..n).map(|j| l[j * n + i] * b[j]).sum();
        b[i] = (b[i] - below) / l[i * n + i];
    }
    b
}

/// A step, and by how much the quadratic model promises to lower the objective.
fn step(point: &Point, matrix: &[f64], d: &[f64], damping: f64) -> Option<(Vec<f64>, f64)> {
    let (factor, scale) = scaled_cholesky(matrix, d, damping)?;
    let slope: Vec<f64> = point.gradient.iter().zip(&scale).map(|(g, s)| -g * s).collect();
    let scaled = solve(&factor, slope.clone());
    // -gᵗδ - δᵗAδ/2, with (A + λD)δ = -g.
    let promise = 0.5 * (dot(&slope, &scaled) + damping * dot(&scaled, &scaled));
    Some((scaled.iter().zip(&scale).map(|(v, s)| v * s).collect(), promise))
}

/// The length of the gradient when every parameter has unit curvature.
fn scaled_gradient(point: &Point, d: &[f64]) -> f64 {
    point.gradient.iter().zip(d).filter(|(_, d)| **d > 0.0).map(|(g, d)| g * g / d).sum::<f64>().sqrt()
}

pub(super) fn train<'a, D: Real>(
    network: &mut Network,
    data: &Dataset<D>,
    validation: &'a Validation<'_, D>,
    options: &'a TrainOptions,
    mut damping: f64,
    around: Around<'a>,
) -> Result<TrainReport, TrainError> {
    room(network, data)?;
    let mut objective = Objective::new(network, data, options, Arc::clone(&around.pool))?;
    let mut curvature = Curvature::new(network, data, options, Arc::clone(&around.pool))?;
    let mut monitor = Monitor::<f64, D>::new(network, data, validation, options, around)?;
    monitor.enter(Stage::Step);
    let mut point = objective.at(objective.start(), 0.0);
    if !point.is_finite() {
        let stop = objective.diverged(&point)?;
        return Ok(monitor.report(network, &point.x, Some(stop), objective.seen, objective.instructions()));
    }
    let mut d = vec![0.0; point.x.len()];
    let mut stop = None;
    'epochs: for _ in 0..options.epochs {
        monitor.enter(Stage::Step);
        let Some(matrix) = curvature.at(&point.x, || monitor.halted().is_some()) else {
            stop = monitor.halted();
            break;
        };
        d.iter_mut().zip(diagonal(&matrix, point.x.len())).for_each(|(d, now)| *d = now.max(*d));
        let (mut growth, noise) = (2.0, NOISE * point.value().abs());
        let next = loop {
            if let Some((change, promise)) = step(&point, &matrix, &d, damping) {
                let next = objective.at(point.x.iter().zip(&change).map(|(x, c)| x + c).collect(), 1.0);
                let gain = point.value() - next.value();
                let small = change.iter().zip(&next.x).all(|(c, x)| c.abs() <= SMALLEST_STEP * x.abs());
                // Where the value is noise, the gradient still tells.
                let better =
                    if promise > noise { gain > 0.0 } else { scaled_gradient(&next, &d) < scaled_gradient(&point, &d) };
                if better && next.is_finite() {
                    let change = (1.0 - (2.0 * gain / promise - 1.0).powi(3)).clamp(1.0 / 3.0, 2.0);
                    damping = (damping * change).max(LEAST_DAMPING);
                    if small {
                        stop = Some(StopReason::Converged { gradient: next.flatness() });
                    }
                    break next;
                }
                if small || promise <= noise {
                    stop = Some(StopReason::Converged { gradient: point.flatness() });
                    break 'epochs;
                }
            }
            (damping, growth) = (damping * growth, growth * 2.0);
            if damping > MOST_DAMPING || monitor.halted().is_some() {
                stop = monitor.halted().or(Some(StopReason::LineSearch { gradient: point.flatness() }));
                break 'epochs;
            }
        };
        point = next;
        stop = stop.or(monitor.epoch(&point.x, point.loss, point.penalty, point.step));
        if stop.is_some() {
            break;
        }
    }
    Ok(monitor.report(network, &point.x, stop, objective.seen, objective.instructions()))
}
