//! Every choice a user can make about training on a table, and what is chosen where nothing is said.

use backpass::init::Init;
use backpass::loss::{Loss, Targets};
use backpass::nn::{Activation, Embedding, Parametrisation};
use backpass::optim::Optimizer;
use backpass::optim::schedule::Schedule;
use backpass::train::{BatchSize, Penalty, TrainOptions};
use serde::{Deserialize, Serialize};

use crate::encode::Levels;
use crate::fit_error::FitError;
use crate::task::{Task, TaskName};
use crate::threshold::Threshold;

/// How to train on a table. Whatever is `None` or empty is chosen from the data; [`crate::Fitted::resolved`] tells how.
///
/// The same structure is the command line, the configuration file and the record in the model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "clap", derive(clap::Args))]
pub struct FitOptions {
    /// The column to predict, or several columns of numbers, separated by commas
    #[cfg_attr(feature = "clap", arg(long, value_name = "COL", default_value = "", hide_default_value = true))]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub target: String,

    /// What is chosen where nothing is said: best, fast (a plain small network; the default where the network or its
    /// steps are given) or lecture (plain gradient descent)
    #[cfg_attr(feature = "clap", arg(long, value_name = "NAME"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,

    /// classification or regression; by default what the target looks like
    #[cfg_attr(feature = "clap", arg(long, value_name = "TASK", help_heading = "Columns"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,

    /// The class that f1, average precision and --threshold speak of, of two; by default the last in order
    #[cfg_attr(feature = "clap", arg(long, value_name = "CLASS", help_heading = "Columns"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub positive: Option<String>,

    /// The kind of a column: number, category, date, text or ignore
    #[cfg_attr(feature = "clap", arg(long = "type", value_name = "COL=KIND", help_heading = "Columns"))]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<String>,

    /// A column to leave out
    #[cfg_attr(feature = "clap", arg(long, value_name = "COL", help_heading = "Columns"))]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub drop: Vec<String>,

    /// A further input computed from number columns, such as "r = sqrt(x1^2 + x2^2)"
    #[cfg_attr(feature = "clap", arg(long = "input", value_name = "NAME = EXPR", help_heading = "Columns"))]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<String>,

    /// A further text that stands for a missing value
    #[cfg_attr(feature = "clap", arg(long = "missing", value_name = "TEXT", help_heading = "Columns"))]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,

    /// How numbers are scaled: robust, standard or none
    #[cfg_attr(feature = "clap", arg(long, value_name = "HOW", help_heading = "Columns"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scaling: Option<String>,

    /// The most levels of a category that get an input of their own
    #[cfg_attr(feature = "clap", arg(long, value_name = "N", help_heading = "Columns"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_levels: Option<usize>,

    /// Whether a category with more levels than that is looked up in a table that is learnt, in place of an input for each
    /// level: true or false
    #[cfg_attr(feature = "clap", arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", help_heading = "Columns"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embed_categories: Option<bool>,

    /// Rows to validate on: a share such as 0.2, a file, or none
    #[cfg_attr(feature = "clap", arg(long, value_name = "SHARE|FILE", help_heading = "Validation"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation: Option<String>,

    /// How the share is taken: random, stratified, ordered (the last rows) or group=COL
    #[cfg_attr(feature = "clap", arg(long, value_name = "HOW", help_heading = "Validation"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split: Option<String>,

    /// What decides about stopping and the best epoch: loss, or a metric such as accuracy or rmse
    #[cfg_attr(feature = "clap", arg(long, value_name = "METRIC", help_heading = "Validation"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watch: Option<String>,

    /// A formula to fit in place of a network, such as "a*exp(-b*x) + c": columns are its inputs, other names are trained
    #[cfg_attr(feature = "clap", arg(long, value_name = "EXPR", help_heading = "Network"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub formula: Option<String>,

    /// Where a parameter of the formula starts, if not at 1
    #[cfg_attr(
        feature = "clap",
        arg(long = "start", value_name = "NAME=VALUE", allow_hyphen_values = true, help_heading = "Network")
    )]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub start: Vec<String>,

    /// Neurons of the hidden layers, such as 64,64; none for a single layer
    #[cfg_attr(feature = "clap", arg(long, value_name = "N,N,…|none", help_heading = "Network"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden: Option<String>,

    /// The activation of hidden layers, one for all or one for each, separated by commas
    #[cfg_attr(feature = "clap", arg(long, value_name = "NAME", help_heading = "Network"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activation: Option<String>,

    /// Whether each neuron learns how much of its activation it takes: true or false
    #[cfg_attr(feature = "clap", arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", help_heading = "Network"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parametric: Option<bool>,

    /// Networks that share the weights of their hidden layers and are trained as one; their predictions are averaged
    #[cfg_attr(feature = "clap", arg(long, value_name = "N", help_heading = "Network"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ensemble: Option<usize>,

    /// What numbers become beside themselves before the first layer: periodic (learnt waves), piecewise (learnt piecewise linear functions), both as in periodic+piecewise, or none
    #[cfg_attr(feature = "clap", arg(long, value_name = "HOW", help_heading = "Network"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embedding: Option<String>,

    /// Whether each input of the first layer has a factor that is learnt: true or false
    #[cfg_attr(feature = "clap", arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", help_heading = "Network"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub front_scale: Option<bool>,

    /// How fast parameters learn relative to each other: standard (all alike) or ntp (weights by 1/√fan_in, the others by factors as in ntp(bias=0.1,activation=0.1,embedding=0.1,front_scale=6))
    #[cfg_attr(feature = "clap", arg(long, value_name = "NAME", help_heading = "Network"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parametrisation: Option<String>,

    /// Networks trained on different folds of the rows, whose predictions are averaged; 1 trains a single one
    #[cfg_attr(feature = "clap", arg(long, value_name = "N", help_heading = "Network"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bag: Option<usize>,

    /// Whether predicted numbers stay within those seen in training: true or false
    #[cfg_attr(feature = "clap", arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", help_heading = "Network"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clamp: Option<bool>,

    /// Whether probabilities and intervals are calibrated on the validation rows: true or false
    #[cfg_attr(feature = "clap", arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", help_heading = "Validation"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calibrate: Option<bool>,

    /// The probability from which the positive class is predicted: a number, f1 (where that is best on the validation rows)
    /// or cost=C (a positive row that is missed costs as much as C false alarms)
    #[cfg_attr(feature = "clap", arg(long, value_name = "P|f1|cost=C", help_heading = "Validation"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<String>,

    /// How weights start; by default what suits the activation; `data` fits them to the rows
    #[cfg_attr(feature = "clap", arg(long, value_name = "NAME", help_heading = "Network"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init: Option<String>,

    /// The share of hidden values dropped in training
    #[cfg_attr(feature = "clap", arg(long, value_name = "SHARE", help_heading = "Network"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropout: Option<f64>,

    /// How the dropout changes: a schedule as for the learning rate
    #[cfg_attr(feature = "clap", arg(long, value_name = "NAME", help_heading = "Network"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropout_schedule: Option<String>,

    /// The share of the rows whose target is to lie between two bounds, such as 0.9, which are predicted beside the number
    #[cfg_attr(feature = "clap", arg(long, value_name = "SHARE", help_heading = "Training"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<f64>,

    /// What is minimised
    #[cfg_attr(feature = "clap", arg(long, value_name = "NAME", help_heading = "Training"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss: Option<String>,

    /// The update rule
    #[cfg_attr(
        feature = "clap",
        arg(long, visible_alias = "optimiser", value_name = "NAME", help_heading = "Training")
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub optimizer: Option<String>,

    /// The largest learning rate
    #[cfg_attr(feature = "clap", arg(long, value_name = "RATE", help_heading = "Training"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,

    /// How the learning rate changes: constant, step, cosine, flat_cosine, coslog, one_cycle, plateau
    #[cfg_attr(feature = "clap", arg(long, value_name = "NAME", help_heading = "Training"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,

    /// Epochs during which the learning rate rises from zero
    #[cfg_attr(feature = "clap", arg(long, value_name = "EPOCHS", help_heading = "Training"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warm_up: Option<f64>,

    /// Rows per step: a number, or full for exact gradient descent
    #[cfg_attr(feature = "clap", arg(long, value_name = "N|full", help_heading = "Training"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_size: Option<String>,

    /// The most passes over the rows
    #[cfg_attr(feature = "clap", arg(long, value_name = "N", help_heading = "Training"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epochs: Option<usize>,

    /// Stop after so many epochs without improvement; 0 never stops early
    #[cfg_attr(feature = "clap", arg(long, value_name = "EPOCHS", help_heading = "Training"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patience: Option<usize>,

    /// The least change that counts as an improvement
    #[cfg_attr(feature = "clap", arg(long, value_name = "CHANGE", help_heading = "Training"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_improvement: Option<f64>,

    /// Stop after so many seconds
    #[cfg_attr(feature = "clap", arg(long, value_name = "SECONDS", help_heading = "Training"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_budget: Option<f64>,

    /// Stop when the watched value is at least as good as this
    #[cfg_attr(feature = "clap", arg(long, value_name = "VALUE", help_heading = "Training"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_at: Option<f64>,

    /// Add so much times the sum of absolute weights to the loss
    #[cfg_attr(feature = "clap", arg(long, value_name = "FACTOR", help_heading = "Training"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub l1: Option<f64>,

    /// Add half of so much times the sum of squared weights to the loss
    #[cfg_attr(feature = "clap", arg(long, value_name = "FACTOR", help_heading = "Training"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub l2: Option<f64>,

    /// Decoupled weight decay: each step shrinks weights by the learning rate times this
    #[cfg_attr(feature = "clap", arg(long, value_name = "FACTOR", help_heading = "Training"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight_decay: Option<f64>,

    /// How the weight decay changes: a schedule as for the learning rate
    #[cfg_attr(feature = "clap", arg(long, value_name = "NAME", help_heading = "Training"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decay_schedule: Option<String>,

    /// Scale the gradient to at most this norm
    #[cfg_attr(feature = "clap", arg(long, value_name = "NORM", help_heading = "Training"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<f64>,

    /// Limit every element of the gradient to this size
    #[cfg_attr(feature = "clap", arg(long, value_name = "SIZE", help_heading = "Training"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_value: Option<f64>,

    /// The share of each class label spread evenly over all classes
    #[cfg_attr(feature = "clap", arg(long, value_name = "SHARE", help_heading = "Training"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_smoothing: Option<f64>,

    /// Weights of classes: balanced, or A=2,B=1
    #[cfg_attr(feature = "clap", arg(long, value_name = "HOW", help_heading = "Training"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_weight: Option<String>,

    /// A column that says how much each row counts
    #[cfg_attr(feature = "clap", arg(long, value_name = "COL", help_heading = "Training"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<String>,

    /// Where all random numbers come from
    #[cfg_attr(feature = "clap", arg(long, value_name = "N", help_heading = "Training"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,

    /// Compute in f32 or f64
    #[cfg_attr(feature = "clap", arg(long, value_name = "TYPE", help_heading = "Training"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub precision: Option<String>,
}

/// The start that follows from the rows, see [`backpass::nn::Network::adapt`].
const DATA: &str = "data";

/// Whether an optimiser takes the full batch and searches the lengths of its steps.
pub(crate) fn searches(optimizer: &Optimizer) -> bool {
    matches!(optimizer, Optimizer::Lbfgs(_) | Optimizer::LevenbergMarquardt(_))
}

/// How numbers are brought to one scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scaling {
    /// Median and quartiles, then a smooth limit at ±3 (Holzmüller, Grinsztajn and Steinwart 2024).
    Robust,
    /// Mean 0, standard deviation 1.
    Standard,
    /// As they are.
    None,
}

impl FitOptions {
    /// The defaults for predicting `target`.
    pub fn new(target: impl Into<String>) -> Self {
        FitOptions { target: target.into(), ..FitOptions::default() }
    }

    /// Takes from `other` whatever is not set here.
    pub fn or(mut self, other: FitOptions) -> Self {
        macro_rules! take {
            ($($field:ident),* ; $($list:ident),*) => {
                $(self.$field = self.$field.or(other.$field);)*
                $(if self.$list.is_empty() { self.$list = other.$list; })*
            };
        }
        take!(
            task, positive, threshold, scaling, max_levels, embed_categories, validation, split, watch, hidden, activation, init, dropout, loss, optimizer,
            learning_rate, schedule, warm_up, batch_size, epochs, patience, min_improvement, time_budget, stop_at, l1,
            l2, weight_decay, clip_norm, clip_value, label_smoothing, class_weight, weight, seed, precision, formula,
            preset, parametric, ensemble, embedding, front_scale, parametrisation, bag, clamp, calibrate, interval, dropout_schedule, decay_schedule;
            target, types, drop, inputs, missing, start
        );
        self
    }

    /// The first option given that only means something for steps of a given length.
    fn meant_for_steps(&self) -> Option<(&'static str, String)> {
        let number = |option, value: Option<f64>| value.map(|v| (option, v.to_string()));
        let batch = self.batch_size.clone().filter(|b| b != "full");
        number("--learning-rate", self.learning_rate)
            .or(self.schedule.clone().map(|s| ("--schedule", s)))
            .or(number("--warm-up", self.warm_up))
            .or(batch.map(|b| ("--batch-size", b)))
            .or(number("--weight-decay", self.weight_decay))
            .or(number("--clip-norm", self.clip_norm))
            .or(number("--clip-value", self.clip_value))
    }

    pub(crate) fn scaling(&self) -> Result<Scaling, FitError> {
        match self.scaling.as_deref() {
            None | Some("robust") => Ok(Scaling::Robust),
            Some("standard") => Ok(Scaling::Standard),
            Some("none") => Ok(Scaling::None),
            Some(found) => Err(FitError::choice("--scaling", found, "robust, standard or none")),
        }
    }

    pub(crate) fn levels(&self) -> Result<Levels, FitError> {
        match self.max_levels.unwrap_or(64) {
            0 => Err(FitError::choice("--max-levels", "0", "at least 1")),
            most => Ok(Levels { most, embed: self.embed_categories.unwrap_or(false) }),
        }
    }

    /// The sizes of the hidden layers.
    pub(crate) fn hidden_sizes(&self) -> Result<Vec<usize>, FitError> {
        let text = self.hidden.as_deref().unwrap_or("none").trim();
        if text == "none" || text == "0" {
            return Ok(Vec::new());
        }
        let wrong = || FitError::choice("--hidden", text, "sizes such as 64,64, or none");
        let size = |part: &str| part.trim().parse().ok().filter(|n| (1..=1 << 20).contains(n)).ok_or_else(wrong);
        text.split(',').map(size).collect()
    }

    /// The activation of each hidden layer.
    pub(crate) fn activations(&self, layers: usize) -> Result<Vec<Activation>, FitError> {
        let text = self.activation.as_deref().unwrap_or("relu");
        let mut parts: Vec<String> = vec![String::new()];
        let mut depth = 0;
        for c in text.chars() {
            match c {
                ',' if depth == 0 => {
                    parts.push(String::new());
                    continue;
                }
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => {}
            }
            if let Some(part) = parts.last_mut() {
                part.push(c);
            }
        }
        let all: Vec<Activation> = parts.iter().map(|p| Activation::parse(p)).collect::<Result<_, _>>()?;
        match all.len() {
            1 => Ok(vec![all[0].clone(); layers]),
            n if n == layers => Ok(all),
            _ => Err(FitError::choice("--activation", text, "one activation, or one for each hidden layer")),
        }
    }

    /// How weights start, if that is said.
    pub(crate) fn init(&self) -> Result<Option<Init>, FitError> {
        Ok(match self.init.as_deref() {
            Some(DATA) => Some(Init::Lecun),
            init => init.map(Init::parse).transpose()?,
        })
    }

    /// Whether the start is fitted to the rows.
    pub(crate) fn adapts(&self) -> bool {
        self.init.as_deref() == Some(DATA)
    }

    pub(crate) fn embeddings(&self) -> Result<Vec<Embedding>, FitError> {
        Ok(self.embedding.as_deref().map(Embedding::parse).transpose()?.unwrap_or_default())
    }

    pub(crate) fn threshold(&self) -> Result<Option<Threshold>, FitError> {
        self.threshold.as_deref().map(Threshold::parse).transpose()
    }

    pub(crate) fn parametrisation(&self) -> Result<Parametrisation, FitError> {
        Ok(self.parametrisation.as_deref().map(Parametrisation::parse).transpose()?.unwrap_or_default())
    }

    /// The schedule that an option names.
    pub(crate) fn schedule_of(text: Option<&str>) -> Result<Schedule, FitError> {
        Ok(Schedule::parse(text.unwrap_or("constant"))?)
    }

    /// Refuses what means a single target where several columns are given.
    pub(crate) fn check_several(&self, columns: &[String], wanted: Option<TaskName>) -> Result<(), FitError> {
        if wanted == Some(TaskName::Classification) {
            return Err(FitError::choice(
                "--task",
                "classification",
                "possible for several targets, which are numbers",
            ));
        }
        if let Some(formula) = &self.formula {
            return Err(FitError::choice("--formula", formula, "possible for several targets, as it gives one number"));
        }
        // The bounds of one target must not bear the name of another.
        let twin =
            |bound: &str| columns.iter().map(|name| format!("{name}{bound}")).find(|name| columns.contains(name));
        match twin("_low").or(twin("_high")).filter(|_| self.interval.is_some()) {
            Some(name) => Err(FitError::choice("--target", &name, "possible: a bound is to be called so")),
            None => Ok(()),
        }
    }

    /// The share that intervals are to hold, if there are to be any.
    pub(crate) fn interval_share(&self, task: &Task) -> Result<Option<f64>, FitError> {
        let Some(share) = self.interval else { return Ok(None) };
        let wrong = |expected| Err(FitError::choice("--interval", &share.to_string(), expected));
        match task {
            _ if !(share > 0.0 && share < 1.0) => wrong("a share between 0 and 1, such as 0.9"),
            Task::Regression if self.formula.is_some() => wrong("possible with --formula, which gives one number"),
            Task::Regression => Ok(Some(share)),
            _ => wrong("possible for classes, whose probabilities say how sure the model is"),
        }
    }

    /// Refuses what shapes a network where a formula stands in its place.
    pub(crate) fn check_formula(&self) -> Result<(), FitError> {
        let number = |value: Option<f64>| value.map(|v| v.to_string());
        let given = [
            ("--hidden", self.hidden.clone()),
            ("--activation", self.activation.clone()),
            ("--init", self.init.clone()),
            ("--dropout", number(self.dropout)),
            ("--input", self.inputs.first().cloned()),
            ("--scaling", self.scaling.clone().filter(|how| how != "none")),
            ("--precision", self.precision.clone().filter(|how| how != "f64")),
        ];
        match given.into_iter().find_map(|(option, value)| value.map(|value| (option, value))) {
            Some((option, found)) => Err(FitError::choice(option, &found, "possible with --formula")),
            None => Ok(()),
        }
    }

    /// The options of training; every field has been resolved.
    pub(crate) fn training(&self, task: &Task) -> Result<TrainOptions, FitError> {
        let share = self.interval_share(task)?;
        let mut loss = Loss::parse(self.loss.as_deref().unwrap_or_default())?;
        let (wanted, expected) = match task {
            Task::Binary { .. } => {
                (Targets::Probabilities, "possible for a target with two classes; use binary_cross_entropy")
            }
            Task::Multiclass { .. } => {
                (Targets::Classes, "possible for a target with several classes; use softmax_cross_entropy")
            }
            Task::Regression => {
                (Targets::Numbers, "possible for a number; use squared, absolute, huber, poisson or quantile")
            }
        };
        if loss.targets() != wanted {
            return Err(FitError::choice("--loss", loss.choice().name, expected));
        }
        let of_interval = if let Loss::Interval(interval) = &loss { Some(interval.share) } else { None };
        if of_interval != share {
            let expected = match share {
                Some(_) => "possible with --interval, which has a loss of its own; leave it out",
                None => "possible without --interval; give the share there, as in --interval 0.9",
            };
            return Err(FitError::choice("--loss", self.loss.as_deref().unwrap_or_default(), expected));
        }
        if let Some(share) = self.label_smoothing {
            if matches!(task, Task::Regression) && share != 0.0 {
                return Err(FitError::choice("--label-smoothing", &share.to_string(), "possible for a number"));
            }
            loss = loss.with_smoothing(share);
        }
        if self.stop_at.is_some_and(f64::is_nan) {
            return Err(FitError::choice("--stop-at", "NaN", "a number"));
        }
        let batch_size = match self.batch_size.as_deref() {
            Some("full") => BatchSize::Full,
            Some(text) => match text.parse() {
                Ok(n) if n > 0 => BatchSize::Rows(n),
                _ => return Err(FitError::choice("--batch-size", text, "a number of rows, or full")),
            },
            None => BatchSize::Rows(32),
        };
        let double_precision = match self.precision.as_deref() {
            None | Some("f32") => false,
            Some("f64") => true,
            Some(text) => return Err(FitError::choice("--precision", text, "f32 or f64")),
        };
        let optimizer = Optimizer::parse(self.optimizer.as_deref().unwrap_or_default())?;
        if searches(&optimizer)
            && let Some((option, found)) = self.meant_for_steps()
        {
            let expected = match optimizer {
                Optimizer::Lbfgs(_) => {
                    "possible with lbfgs, whose steps are of the full batch and of a length that it searches"
                }
                _ => {
                    "possible with levenberg_marquardt, whose steps are of the full batch and of a length that it searches"
                }
            };
            return Err(FitError::choice(option, &found, expected));
        }
        let defaults = TrainOptions::default();
        let time_budget = self.time_budget.map(|s| {
            std::time::Duration::try_from_secs_f64(s)
                .map_err(|_| FitError::choice("--time-budget", &s.to_string(), "a number of seconds"))
        });
        Ok(TrainOptions {
            loss,
            optimizer,
            learning_rate: self.learning_rate,
            schedule: Self::schedule_of(self.schedule.as_deref())?,
            decay_schedule: Self::schedule_of(self.decay_schedule.as_deref())?,
            dropout_schedule: Self::schedule_of(self.dropout_schedule.as_deref())?,
            warm_up: self.warm_up.unwrap_or(0.0),
            batch_size,
            epochs: self.epochs.unwrap_or(defaults.epochs),
            patience: self.patience.filter(|&p| p > 0),
            min_improvement: self.min_improvement.unwrap_or(0.0),
            time_budget: time_budget.transpose()?,
            target: self.stop_at,
            penalty: Penalty { l1: self.l1.unwrap_or(0.0), l2: self.l2.unwrap_or(0.0), decay: self.weight_decay },
            clip_norm: self.clip_norm,
            clip_value: self.clip_value,
            seed: self.seed.unwrap_or(0),
            double_precision,
            watch_layers: true,
            ..defaults
        })
    }
}
