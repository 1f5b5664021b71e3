//! Training: options, data, history, and the reason for stopping.

mod data;
mod diagnose;
mod evaluate;
mod layers;
mod lbfgs;
mod levenberg_marquardt;
mod monitor;
mod objective;
mod packed;
mod run;
mod timer;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use backpass_kernels::{Pool, Real};

use crate::autodiff::DifferentiateError;
use crate::builder::BuildErrors;
use crate::compile::{CompileError, Timed};
use crate::loss::Loss;
use crate::nn::{Network, NetworkError, input};
use crate::optim::Optimizer;
use crate::optim::schedule::Schedule;
use crate::session::SessionError;
use crate::spec::SpecError;

use timer::Clock;

pub use data::{DataError, Dataset, PackedRows};
pub(crate) use evaluate::TILE;
pub(crate) use evaluate::set_weights;
pub use evaluate::{Predictor, evaluate};
pub use layers::LayerState;
pub use levenberg_marquardt::covariance;
pub use objective::{Penalty, step_graph};
pub use packed::{Layout, LevelInputs, Packed};

/// How many rows a step sees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum BatchSize {
    /// All rows: exact gradient descent.
    Full,
    /// So many rows; 1 is stochastic gradient descent in its first sense.
    Rows(usize),
}

/// How to train.
#[derive(Clone, Debug)]
pub struct TrainOptions {
    /// What is minimised.
    pub loss: Loss,
    /// The update rule.
    pub optimizer: Optimizer,
    /// The largest learning rate; by default the optimiser's own.
    pub learning_rate: Option<f64>,
    /// How the learning rate changes.
    pub schedule: Schedule,
    /// How the weight decay changes, beside the learning rate that it goes with.
    pub decay_schedule: Schedule,
    /// How dropout changes, in a network with an input for that ([`crate::nn::Mlp::dropout_factor`]).
    pub dropout_schedule: Schedule,
    /// Epochs during which the learning rate rises from 0, before the schedule.
    pub warm_up: f64,
    /// Rows per step.
    pub batch_size: BatchSize,
    /// The most epochs.
    pub epochs: usize,
    /// Stop when the watched value has not improved for so many epochs.
    pub patience: Option<usize>,
    /// The least change that counts as an improvement.
    pub min_improvement: f64,
    /// Whether the weights of the best epoch are restored at the end; needs validation rows.
    pub restore_best: bool,
    /// Stop after so much time.
    pub time_budget: Option<Duration>,
    /// Stop when the watched value is at least as good as this.
    pub target: Option<f64>,
    /// Penalties on weights, and decoupled weight decay.
    pub penalty: Penalty,
    /// Scale gradients to at most this joint norm.
    pub clip_norm: Option<f64>,
    /// Limit every gradient element to this size.
    pub clip_value: Option<f64>,
    /// Whether each epoch takes the rows in a new order.
    pub shuffle: bool,
    /// Where the orders of the rows come from; initial weights and dropout come from the network's own seed.
    pub seed: u64,
    /// Threads; they never change the result.
    pub threads: usize,
    /// Compute in f64 instead of f32.
    pub double_precision: bool,
    /// When another thread sets this, training stops after the step at hand.
    pub interrupt: Option<Arc<AtomicBool>>,
    /// Whether the instructions of the steps are timed.
    pub profile: bool,
    /// Whether the layers are looked at after some of the epochs ([`Epoch::layers`]): the more rows and epochs, the more
    /// often, for at most a few percent of the time. It changes no weight.
    pub watch_layers: bool,
}

impl Default for TrainOptions {
    fn default() -> Self {
        TrainOptions {
            loss: Loss::Squared(crate::loss::Squared),
            optimizer: Optimizer::Adam(crate::optim::Adam::default()),
            learning_rate: None,
            schedule: Schedule::Constant,
            decay_schedule: Schedule::Constant,
            dropout_schedule: Schedule::Constant,
            warm_up: 0.0,
            batch_size: BatchSize::Rows(32),
            epochs: 100,
            patience: None,
            min_improvement: 0.0,
            restore_best: true,
            time_budget: None,
            target: None,
            penalty: Penalty::default(),
            clip_norm: None,
            clip_value: None,
            shuffle: true,
            seed: 0,
            threads: 1,
            double_precision: false,
            interrupt: None,
            profile: false,
            watch_layers: false,
        }
    }
}

/// Why training could not start.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// An option outside its range.
    #[error("{option} is {found}, it must be {expected}")]
    Option {
        /// Which option.
        option: &'static str,
        /// Its value.
        found: f64,
        /// The allowed values in words.
        expected: &'static str,
    },
    /// A graph that rows cannot go through.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// Data that do not fit the network.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Validation data that do not fit the network.
    #[error("in the validation data: {0}")]
    Validation(DataError),
    /// L-BFGS or Levenberg–Marquardt with dropout.
    #[error(
        "`{optimizer}` needs the same loss at every step, dropout changes it\nhelp: leave out dropout, or choose `adam`"
    )]
    Dropout {
        /// The name of the optimiser.
        optimizer: &'static str,
    },
    /// A problem whose curvature takes too much memory.
    #[error(
        "`levenberg_marquardt` takes at most {most} {what}, found {found}\nhelp: choose `lbfgs`, which keeps neither"
    )]
    Curvature {
        /// What is counted.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// The limit.
        most: usize,
    },
    /// A parameter of the loss, optimiser or schedule outside its range.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// The step graph could not be built.
    #[error(transparent)]
    Build(#[from] BuildErrors),
    /// The network cannot be differentiated.
    #[error(transparent)]
    Differentiate(#[from] DifferentiateError),
    /// The step could not be compiled.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// The step could not be run.
    #[error(transparent)]
    Session(#[from] SessionError),
}

impl TrainOptions {
    /// Checks every number.
    pub fn check(&self) -> Result<(), TrainError> {
        let positive = |option, value: Option<f64>| match value {
            Some(found) if !(found > 0.0 && found.is_finite()) => {
                Err(TrainError::Option { option, found, expected: "a number greater than 0" })
            }
            _ => Ok(()),
        };
        let not_negative = |option, found: f64| {
            let ok = found >= 0.0 && found.is_finite();
            if ok { Ok(()) } else { Err(TrainError::Option { option, found, expected: "a number of at least 0" }) }
        };
        let rows = if let BatchSize::Rows(n) = self.batch_size { n as f64 } else { 1.0 };
        positive("the batch size", Some(rows))?;
        positive("the number of epochs", Some(self.epochs as f64))?;
        positive("the learning rate", self.learning_rate)?;
        positive("the clipping norm", self.clip_norm)?;
        positive("the clipping value", self.clip_value)?;
        check_threads(self.threads)?;
        positive("the patience", self.patience.map(|p| p as f64))?;
        not_negative("the warm-up", self.warm_up)?;
        not_negative("the minimum improvement", self.min_improvement)?;
        not_negative("the L1 penalty", self.penalty.l1)?;
        not_negative("the L2 penalty", self.penalty.l2)?;
        not_negative("the weight decay", self.penalty.decay.unwrap_or(0.0))?;
        self.loss.check()?;
        self.optimizer.check()?;
        [self.schedule, self.decay_schedule, self.dropout_schedule].into_iter().try_for_each(Schedule::check)?;
        Ok(())
    }

    /// The share of the epochs after the warm-up that is done after `done` epochs.
    fn progress(&self, done: f64) -> f64 {
        (done - self.warm_up).max(0.0) / (self.epochs as f64 - self.warm_up)
    }
}

const MAX_THREADS: usize = 1024;

fn check_threads(threads: usize) -> Result<(), TrainError> {
    let (option, found) = ("the number of threads", threads as f64);
    let ok = (1..=MAX_THREADS).contains(&threads);
    if ok { Ok(()) } else { Err(TrainError::Option { option, found, expected: "from 1 to 1024" }) }
}

pub(crate) fn pool(threads: usize) -> Result<Arc<Pool>, TrainError> {
    check_threads(threads)?;
    Ok(Arc::new(Pool::new(threads)))
}

/// One epoch of a training run.
#[derive(Clone, Debug, PartialEq)]
pub struct Epoch {
    /// The number of the epoch, from 1.
    pub epoch: usize,
    /// Mean loss over the training rows as they were seen during the epoch: with dropout and label smoothing, without
    /// penalty.
    pub train_loss: f64,
    /// The penalty on the weights before the last step; what is minimised is the sum of the two.
    pub penalty: f64,
    /// Mean loss over the validation rows after the epoch, without smoothing, dropout and penalty.
    pub validation_loss: Option<f64>,
    /// What else was measured on the validation rows.
    pub metrics: Vec<(String, f64)>,
    /// The learning rate of the last step; for L-BFGS the length of the step in units of its direction.
    pub learning_rate: f64,
    /// Seconds since training began.
    pub seconds: f64,
    /// The layers, in the order in which they compute, after the epochs in which they were looked at; else none.
    pub layers: Vec<LayerState>,
}

/// What training is busy with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The data are checked, the step and the evaluation are compiled.
    Compile,
    /// The rows are put in order, and those of a batch are brought together.
    Gather,
    /// Forward and backward pass and updates, or the search for a step.
    Step,
    /// Everything that follows an epoch: loss and metrics on the validation rows, history, best weights, stopping.
    Evaluate,
    /// Some training rows go forward and backward, for what is told of the layers.
    Layers,
}

impl Stage {
    /// All stages.
    pub const ALL: [Stage; 5] = [Stage::Compile, Stage::Gather, Stage::Step, Stage::Evaluate, Stage::Layers];
}

/// Who follows a training run: it is told of every epoch as it ends.
pub type Observer<'a> = dyn FnMut(&Epoch) + 'a;

/// Why training stopped, with the evidence.
#[derive(Clone, Debug, PartialEq)]
pub enum StopReason {
    /// All epochs are done.
    Epochs {
        /// How many.
        epochs: usize,
    },
    /// The watched value has not improved for a while.
    Patience {
        /// What was watched.
        watched: String,
        /// The best value.
        best: f64,
        /// Its epoch.
        best_epoch: usize,
        /// Epochs since.
        patience: usize,
    },
    /// The time is over.
    TimeBudget {
        /// The budget in seconds.
        seconds: f64,
    },
    /// The target has been reached.
    Target {
        /// What was watched.
        watched: String,
        /// Its value.
        value: f64,
        /// The target.
        target: f64,
    },
    /// The gradient is zero for all practical purposes (L-BFGS, Levenberg–Marquardt).
    Converged {
        /// Largest absolute gradient element.
        gradient: f64,
    },
    /// No step lowers the loss any more (L-BFGS, Levenberg–Marquardt).
    LineSearch {
        /// Largest absolute gradient element.
        gradient: f64,
    },
    /// A value became NaN or infinite.
    Diverged(Divergence),
    /// Somebody asked to stop.
    Interrupted,
}

/// Where a training run first left the finite numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Divergence {
    /// The epoch, from 1.
    pub epoch: usize,
    /// The step of the whole run, from 1.
    pub step: u64,
    /// The first bad node in words, with its scope; empty when the step could not be replayed.
    pub node: String,
    /// Its first bad value.
    pub value: f64,
    /// What would help.
    pub help: &'static str,
}

impl StopReason {
    /// A short name for programs.
    pub fn name(&self) -> &'static str {
        match self {
            StopReason::Epochs { .. } => "epochs",
            StopReason::Patience { .. } => "patience",
            StopReason::TimeBudget { .. } => "time_budget",
            StopReason::Target { .. } => "target",
            StopReason::Converged { .. } => "converged",
            StopReason::LineSearch { .. } => "line_search",
            StopReason::Diverged(_) => "diverged",
            StopReason::Interrupted => "interrupted",
        }
    }
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StopReason::Epochs { epochs } => write!(f, "all {epochs} epochs are done"),
            StopReason::Patience { watched, best, best_epoch, patience } => {
                write!(f, "{watched} has not improved for {patience} epochs (best {best:.5} at epoch {best_epoch})")
            }
            StopReason::TimeBudget { seconds } => write!(f, "the time budget of {seconds} s is used up"),
            StopReason::Target { watched, value, target } => {
                write!(f, "{watched} is {value:.5}, the target was {target}")
            }
            StopReason::Converged { gradient } => {
                write!(f, "converged: the largest gradient element is {gradient:.1e}")
            }
            StopReason::LineSearch { gradient } => {
                write!(f, "no step lowers the loss any more (largest gradient element {gradient:.1e})")
            }
            StopReason::Diverged(d) if d.node.is_empty() => {
                write!(f, "diverged in epoch {}, step {}: the loss is {}", d.epoch, d.step, d.value)
            }
            StopReason::Diverged(d) => {
                write!(f, "diverged in epoch {}, step {}: {} first became {}", d.epoch, d.step, d.node, d.value)
            }
            StopReason::Interrupted => f.write_str("interrupted"),
        }
    }
}

/// What a training run did.
#[derive(Clone, Debug)]
pub struct TrainReport {
    /// Every epoch.
    pub history: Vec<Epoch>,
    /// The epoch whose weights were kept; 0 when none was finished.
    pub best_epoch: usize,
    /// What was watched, with its best value.
    pub watched: (String, f64),
    /// Why it ended.
    pub stop: StopReason,
    /// Seconds from start to end.
    pub seconds: f64,
    /// Rows seen by all steps together.
    pub rows: u64,
    /// The seconds of each stage that took any.
    pub stages: Vec<(Stage, f64)>,
    /// The instructions of a step, each with its time in all steps together; only with [`TrainOptions::profile`].
    pub instructions: Vec<Timed>,
}

/// A number computed from the outputs for all rows, one row after the other.
pub type Measure<'a> = Box<dyn Fn(&[f32]) -> f64 + 'a>;

/// A measure of outputs on the validation rows.
pub struct Metric<'a> {
    /// Its name.
    pub name: String,
    /// Whether larger is better.
    pub higher_is_better: bool,
    /// Computes it from the outputs, row by row.
    pub compute: Measure<'a>,
}

/// The rows that training is watched on.
pub struct Validation<'a, D = f32> {
    /// The rows; without them the training loss is watched.
    pub data: Option<&'a Dataset<D>>,
    /// What else to measure on them each epoch.
    pub metrics: Vec<Metric<'a>>,
    /// Which metric decides about patience and best weights, instead of the loss.
    pub watch: Option<usize>,
}

impl<D> Default for Validation<'_, D> {
    fn default() -> Self {
        Validation { data: None, metrics: Vec::new(), watch: None }
    }
}

/// What a run needs beside network, data and options.
struct Around<'a> {
    pool: Arc<Pool>,
    observe: &'a mut Observer<'a>,
    clock: Clock,
}

/// Trains `network` in place and says what happened; `observe` is told of every epoch.
///
/// Divergence is a result, not an error: the best weights seen before it are kept.
pub fn train<D: Real>(
    network: &mut Network,
    data: &Dataset<D>,
    validation: &Validation<'_, D>,
    options: &TrainOptions,
    observe: &mut Observer<'_>,
) -> Result<TrainReport, TrainError> {
    let clock = Clock::start(Stage::Compile);
    network.check()?;
    options.check()?;
    data.check(network, &options.loss)?;
    if let Some(rows) = validation.data {
        rows.check(network, &options.loss).map_err(TrainError::Validation)?;
    }
    if let Some(found) = validation.watch.filter(|&i| i >= validation.metrics.len()) {
        let (option, found) = ("the number of the watched metric", found as f64);
        return Err(TrainError::Option { option, found, expected: "below the number of metrics" });
    }
    let around = Around { pool: pool(options.threads)?, observe, clock };
    match &options.optimizer {
        o @ (Optimizer::Lbfgs(_) | Optimizer::LevenbergMarquardt(_))
            if input(&network.training, objective::STEP).is_some() =>
        {
            Err(TrainError::Dropout { optimizer: o.choice().name })
        }
        Optimizer::LevenbergMarquardt(o) => {
            levenberg_marquardt::train(network, data, validation, options, o.damping, around)
        }
        Optimizer::Lbfgs(o) => lbfgs::train(network, data, validation, options, o.memory as usize, around),
        _ if options.double_precision => run::train::<f64, D>(network, data, validation, options, around),
        _ => run::train::<f32, D>(network, data, validation, options, around),
    }
}
