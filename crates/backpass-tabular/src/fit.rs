//! Training on a table: read, decide, encode, split, train, judge.

use backpass::nn::Activation;
use backpass::nn::{Dense, Mlp, Network};
use backpass::train::{Dataset, Epoch, Metric as WatchedMetric, StopReason, TrainReport, Validation, train};
use backpass_kernels::philox::Stream;
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::encode::{build, features, head, split_derived};
use crate::fit_error::FitError;
use crate::infer::{InferOptions, KindName, MISSING};
use crate::metrics::{Better, Metrics, metric_named};
use crate::model::{Manifest, Model, judge};
use crate::options::FitOptions;
use crate::read::{ReadOptions, read};
use crate::schema::{Kind, Schema};
use crate::split::{Strategy, holdout};
use crate::table::Table;
use crate::task::{Target, Task, TaskName};

/// Key of the stream that draws validation rows, apart from those of weights, shuffling and dropout.
const SPLIT: u64 = 0x5350_4c49;

/// What a training run on a table gave.
#[derive(Clone, Debug)]
pub struct Fitted {
    /// The trained model.
    pub model: Model,
    /// Every option with its value, given or chosen.
    pub resolved: FitOptions,
    /// Every decision taken, in words.
    pub decisions: Vec<String>,
    /// What training did.
    pub report: TrainReport,
    /// The numbers of rows trained and validated on.
    pub rows: (usize, usize),
    /// Metrics on the training rows.
    pub train_metrics: Metrics,
    /// Metrics on the validation rows, if there are any.
    pub validation_metrics: Option<Metrics>,
}

/// What happens outside while training runs.
pub struct Watcher<'a> {
    /// Threads; they never change the result.
    pub threads: usize,
    /// When another thread sets this, training stops after the step at hand.
    pub interrupt: Option<Arc<AtomicBool>>,
    /// Called once, before training, with every decision.
    pub decided: &'a mut dyn FnMut(&[String], &FitOptions),
    /// Called after every epoch.
    pub epoch: &'a mut dyn FnMut(&Epoch),
}

/// Trains a network on a table with one thread and no progress shown.
pub fn fit(table: &Table, options: &FitOptions) -> Result<Fitted, FitError> {
    let (mut decided, mut epoch) = (|_: &[String], _: &FitOptions| {}, |_: &Epoch| {});
    fit_with(table, options, Watcher { threads: 1, interrupt: None, decided: &mut decided, epoch: &mut epoch })
}

/// Where the validation rows come from.
enum ValidationRows {
    None,
    Share(f64),
    Table(Box<Table>),
}

/// Trains a network on a table.
pub fn fit_with(table: &Table, options: &FitOptions, watcher: Watcher<'_>) -> Result<Fitted, FitError> {
    let mut decisions = table.notes.clone();
    let schema = Schema::infer(table, &infer_options(options)?)?;
    let target = Target::infer(table, &schema, &options.target, task_name(options)?)?;
    decisions.push(describe_target(&target));
    let present = target.present(table, &schema)?;
    if present.len() < table.rows() {
        decisions.push(format!("{} row(s) without a target are left out", table.rows() - present.len()));
    }
    let table = if present.len() < table.rows() { &table.select_rows(&present) } else { table };
    let early = options.resolve(&target.task, table.rows(), 0);
    let (table, validation, group) = split(table, &schema, &target, &early)?;
    // What is learnt about columns is learnt from the training rows alone.
    let schema = Schema::infer(&table, &infer_options(&early)?)?;
    let left_out: Vec<&str> =
        [Some(options.target.as_str()), options.weight.as_deref(), group.as_deref()].into_iter().flatten().collect();
    describe_columns(&schema, &left_out, &mut decisions);
    let derived = split_derived(&options.inputs)?;
    let max_levels = early.max_levels.unwrap_or(64);
    let (inputs, encoder) = build(&table, &schema, &left_out, &derived, early.scaling()?, max_levels)?;
    let resolved = options.resolve(&target.task, table.rows(), inputs.features.len());
    let mut training = resolved.training(&target.task, watcher.threads)?;
    training.interrupt = watcher.interrupt;

    let classes = target.task.classes().len();
    let exponential = matches!(training.loss, backpass::loss::Loss::Poisson(_));
    let (centre, factor) =
        if classes == 0 && !exponential { target_scale(&schema.to_numbers(&table, &target.name)?) } else { (0.0, 1.0) };
    let mlp = network_shape(&resolved, inputs.features.len(), classes)?;
    let mut model = Model {
        schema,
        target,
        inputs,
        encoder,
        network: mlp.build(training.seed)?,
        head: head(classes, exponential, centre, factor)?,
        target_scale: (centre, factor),
        manifest: Manifest::default(),
        history: Vec::new(),
    };
    decisions.push(format!(
        "network {} with {} parameters, {} features from {} column(s)",
        shape_text(&model.network, &resolved),
        model.network.parameter_count(),
        model.inputs.features.len(),
        model.inputs.numbers.len() + model.inputs.categories.len() + model.inputs.derived.len(),
    ));
    let data = dataset(&model, &table, options)?;
    let validation = validation.map(|rows| dataset(&model, &rows, options).map(|d| (rows, d))).transpose()?;
    match &validation {
        Some((rows, _)) => decisions.push(format!("{} rows to train on, {} to validate on", table.rows(), rows.rows())),
        None => decisions.push(format!("{} rows to train on, none to validate on", table.rows())),
    }
    (watcher.decided)(&decisions, &resolved);

    let watched = watch(&resolved, &model, validation.as_ref().map(|(_, d)| d))?;
    let report = train(&mut model.network, &data, &watched, &training, watcher.epoch)?;
    drop(watched);
    let train_metrics = judge(&model, &data, watcher.threads)?;
    let validation_metrics = validation.as_ref().map(|(_, d)| judge(&model, d, watcher.threads)).transpose()?;
    model.history = report.history.clone();
    model.manifest = Manifest {
        version: env!("CARGO_PKG_VERSION").to_string(),
        data: table.name.clone(),
        rows: (data.rows(), validation.as_ref().map_or(0, |(_, d)| d.rows())),
        options: resolved.clone(),
        decisions: decisions.clone(),
        stop_reason: report.stop.name().to_string(),
        stop: report.stop.to_string(),
        best_epoch: report.best_epoch,
    };
    let rows = model.manifest.rows;
    Ok(Fitted { model, resolved, decisions, report, rows, train_metrics, validation_metrics })
}

impl Fitted {
    /// Whether training left the finite numbers.
    pub fn diverged(&self) -> bool {
        matches!(self.report.stop, StopReason::Diverged(_))
    }
}

/// The summary that programs read: the one document of `train --json`.
#[derive(Serialize)]
pub struct Summary<'a> {
    /// The version of this form.
    pub schema: &'static str,
    /// `binary`, `multiclass` or `regression`.
    pub task: &'static str,
    /// The number of parameters of the network.
    pub parameters: usize,
    /// Epochs done.
    pub epochs: usize,
    /// The epoch whose weights were kept.
    pub best_epoch: usize,
    /// Why training stopped, in one word.
    pub stop_reason: &'static str,
    /// Why training stopped, with the evidence.
    pub stop: String,
    /// Rows trained and validated on.
    pub rows: SummaryRows,
    /// Metrics on both.
    pub metrics: SummaryMetrics<'a>,
    /// Seconds of training.
    pub seconds: f64,
    /// SHA-256 over everything that determines predictions.
    pub model_hash: String,
}

/// Rows trained and validated on.
#[derive(Serialize)]
#[allow(missing_docs)]
pub struct SummaryRows {
    pub train: usize,
    pub validation: usize,
}

/// Metrics on the training and the validation rows.
#[derive(Serialize)]
#[allow(missing_docs)]
pub struct SummaryMetrics<'a> {
    pub train: &'a Metrics,
    pub validation: Option<&'a Metrics>,
}

impl Fitted {
    /// The summary that programs read.
    pub fn summary(&self) -> Summary<'_> {
        Summary {
            schema: "backpass.train/1",
            task: self.model.target.task.name(),
            parameters: self.model.network.parameter_count(),
            epochs: self.report.history.len(),
            best_epoch: self.report.best_epoch,
            stop_reason: self.report.stop.name(),
            stop: self.report.stop.to_string(),
            rows: SummaryRows { train: self.rows.0, validation: self.rows.1 },
            metrics: SummaryMetrics { train: &self.train_metrics, validation: self.validation_metrics.as_ref() },
            seconds: self.report.seconds,
            model_hash: self.model.hash(),
        }
    }
}

fn infer_options(options: &FitOptions) -> Result<InferOptions, FitError> {
    let mut overrides = Vec::new();
    for text in &options.types {
        let wrong = || FitError::choice("--type", text, "COL=KIND with number, category, date, text or ignore");
        let (column, kind) = text.rsplit_once('=').ok_or_else(wrong)?;
        let kind = match kind.trim() {
            "number" => KindName::Number,
            "category" => KindName::Category,
            "date" => KindName::Date,
            "text" => KindName::Text,
            "ignore" => KindName::Ignore,
            _ => return Err(wrong()),
        };
        overrides.push((column.trim().to_string(), kind));
    }
    overrides.extend(options.drop.iter().map(|column| (column.clone(), KindName::Ignore)));
    let markers = MISSING.iter().map(ToString::to_string).chain(options.missing.iter().cloned());
    Ok(InferOptions { missing: markers.collect(), overrides, target: Some(options.target.clone()) })
}

fn task_name(options: &FitOptions) -> Result<Option<TaskName>, FitError> {
    match options.task.as_deref() {
        None => Ok(None),
        Some("classification") => Ok(Some(TaskName::Classification)),
        Some("regression") => Ok(Some(TaskName::Regression)),
        Some(found) => Err(FitError::choice("--task", found, "classification or regression")),
    }
}

fn describe_target(target: &Target) -> String {
    let what = match &target.task {
        Task::Binary { classes } | Task::Multiclass { classes } => {
            let shown: Vec<&str> = classes.iter().take(10).map(String::as_str).collect();
            let more = if classes.len() > 10 { ", …" } else { "" };
            format!("classification into {} classes ({}{more})", classes.len(), shown.join(", "))
        }
        Task::Regression => "regression".to_string(),
    };
    format!("target `{}`: {what}, because: {}", target.name, target.reason)
}

/// One line for each column that is not used as it looks, and one for the rest.
fn describe_columns(schema: &Schema, left_out: &[&str], decisions: &mut Vec<String>) {
    let columns: Vec<_> = schema.columns.iter().filter(|c| !left_out.contains(&c.name.as_str())).collect();
    let count = |test: fn(&Kind) -> bool| columns.iter().filter(|c| test(&c.kind)).count();
    decisions.push(format!(
        "inputs: {} number(s), {} categor(y/ies), {} date(s)",
        count(|k| matches!(k, Kind::Number { .. })),
        count(|k| matches!(k, Kind::Category { .. })),
        count(|k| matches!(k, Kind::Date { .. })),
    ));
    let constant = columns.iter().filter(|c| matches!(c.kind, Kind::Constant)).count();
    let many = constant > 8;
    for column in &columns {
        match column.kind {
            Kind::Constant if many => {}
            _ if !column.kind.is_input() => {
                decisions.push(format!("`{}` is set aside: {}", column.name, column.reason));
            }
            _ if column.missing > 0 => {
                decisions
                    .push(format!("`{}`: {} missing cell(s) are filled in and marked", column.name, column.missing));
            }
            _ => {}
        }
        if let Some(warning) = &column.warning {
            decisions.push(format!("`{}`: {warning}", column.name));
        }
    }
    if many {
        decisions.push(format!("{constant} constant columns are set aside"));
    }
}

/// Splits off the validation rows; the third value is the grouping column, if any.
fn split(
    table: &Table,
    schema: &Schema,
    target: &Target,
    options: &FitOptions,
) -> Result<(Table, Option<Table>, Option<String>), FitError> {
    let how = options.split.as_deref().unwrap_or("random");
    let group = how.strip_prefix("group=").map(str::to_string);
    let share = match validation_rows(options, table)? {
        ValidationRows::None => return Ok((table.clone(), None, group)),
        ValidationRows::Table(rows) => {
            let present = target.present(&rows, schema)?;
            return Ok((table.clone(), Some(rows.select_rows(&present)), group));
        }
        ValidationRows::Share(share) => share,
    };
    if table.rows() < 5 {
        return Err(FitError::TooFewRows { file: table.name.clone(), rows: table.rows() });
    }
    let mut random = Stream::new(options.seed.unwrap_or(0) ^ SPLIT, 0);
    let classes: Vec<u32>;
    let groups: Vec<u32>;
    let strategy = match how {
        "random" => Strategy::Random,
        "ordered" => Strategy::Ordered,
        "stratified" => {
            if matches!(target.task, Task::Regression) {
                return Err(FitError::choice(
                    "--split",
                    how,
                    "possible for a number; use random, ordered or group=COL",
                ));
            }
            classes = target.to_classes(table, schema)?.into_iter().map(|c| c.unwrap_or(0)).collect();
            Strategy::Stratified(&classes)
        }
        _ => match &group {
            Some(column) => {
                groups = group_numbers(table, column)?;
                Strategy::Grouped(&groups)
            }
            None => return Err(FitError::choice("--split", how, "random, stratified, ordered or group=COL")),
        },
    };
    let split = holdout(table.rows() as u32, share, strategy, &mut |n| random.below(n))?;
    Ok((table.select_rows(&split.train), Some(table.select_rows(&split.validation)), group))
}

fn group_numbers(table: &Table, column: &str) -> Result<Vec<u32>, FitError> {
    let cells = &table.column(column)?.cells;
    let mut known = std::collections::HashMap::new();
    let number = |row| {
        let next = known.len() as u32;
        *known.entry(cells.text(row).into_owned()).or_insert(next)
    };
    Ok((0..table.rows()).map(number).collect())
}

fn validation_rows(options: &FitOptions, table: &Table) -> Result<ValidationRows, FitError> {
    let text = options.validation.as_deref().unwrap_or("0.2");
    if text == "none" || text == "0" {
        return Ok(ValidationRows::None);
    }
    if let Ok(share) = text.parse::<f64>() {
        if !(share > 0.0 && share < 1.0) {
            return Err(FitError::choice("--validation", text, "a share between 0 and 1, a file, or none"));
        }
        return Ok(ValidationRows::Share(share));
    }
    let options = ReadOptions { delimiter: table.delimiter, ..ReadOptions::default() };
    Ok(ValidationRows::Table(Box::new(read(text, &options)?)))
}

/// Mean and standard deviation of the target, so that the network sees numbers around zero.
fn target_scale(values: &[f64]) -> (f64, f64) {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
    (mean, if variance > 0.0 { variance.sqrt() } else { 1.0 })
}

fn network_shape(options: &FitOptions, features: usize, classes: usize) -> Result<Mlp, FitError> {
    let sizes = options.hidden_sizes()?;
    let init = options.init()?;
    let dropout = options.dropout.unwrap_or(0.0);
    if !(0.0..1.0).contains(&dropout) {
        return Err(FitError::choice("--dropout", &dropout.to_string(), "at least 0 and less than 1"));
    }
    let hidden = sizes.iter().zip(options.activations(sizes.len())?);
    let mut layers: Vec<Dense> =
        hidden.map(|(&units, activation)| Dense { units, activation, init, dropout }).collect();
    let outputs = if classes > 2 { classes } else { 1 };
    layers.push(Dense { init, ..Dense::new(outputs, Activation::IDENTITY) });
    Ok(Mlp { inputs: features, layers })
}

/// `13-64-64-3`.
fn shape_text(network: &Network, options: &FitOptions) -> String {
    let hidden = options.hidden_sizes().unwrap_or_default();
    let sizes = std::iter::once(network.inputs()).chain(hidden).chain([network.outputs()]);
    sizes.map(|n| n.to_string()).collect::<Vec<_>>().join("-")
}

/// The features, targets and weights of a table's rows, for a model whose encoder is built.
fn dataset(model: &Model, table: &Table, options: &FitOptions) -> Result<Dataset, FitError> {
    let (x, _) = features(table, &model.schema, &model.inputs, &model.encoder)?;
    let mut data = Dataset::new(model.inputs.features.len(), x, 1, model.scaled_targets(table)?);
    let mut weights = vec![1.0f64; data.rows()];
    if let Some(column) = &options.weight {
        weights = model.schema.to_numbers(table, column)?;
        if let Some(row) = weights.iter().position(|w| !(w.is_finite() && *w >= 0.0)) {
            let (file, place) = (table.name.clone(), table.place(row).to_string());
            return Err(FitError::DerivedValue { file, place, name: column.clone(), value: weights[row] });
        }
    }
    if let Some(how) = &options.class_weight {
        let of_class = class_weights(how, model, &data.y)?;
        weights.iter_mut().zip(&data.y).for_each(|(w, class)| *w *= of_class[*class as usize]);
    }
    if options.weight.is_some() || options.class_weight.is_some() {
        data.weights = Some(weights.into_iter().map(|w| w as f32).collect());
    }
    Ok(data)
}

fn class_weights(how: &str, model: &Model, y: &[f32]) -> Result<Vec<f64>, FitError> {
    const EXPECTED: &str = "balanced, or a weight for each class such as A=2,B=1";
    let classes = model.target.task.classes();
    if classes.is_empty() {
        return Err(FitError::choice("--class-weight", how, "possible for a number"));
    }
    if how == "balanced" {
        let count = |class: usize| y.iter().filter(|v| **v as usize == class).count().max(1) as f64;
        return Ok((0..classes.len()).map(|c| y.len() as f64 / (classes.len() as f64 * count(c))).collect());
    }
    let mut weights = vec![1.0; classes.len()];
    for part in how.split(',') {
        let wrong = || FitError::choice("--class-weight", part, EXPECTED);
        let (name, value) = part.rsplit_once('=').ok_or_else(wrong)?;
        let class = classes.iter().position(|c| c == name.trim()).ok_or_else(wrong)?;
        weights[class] = value.trim().parse().ok().filter(|w: &f64| w.is_finite() && *w >= 0.0).ok_or_else(wrong)?;
    }
    Ok(weights)
}

/// The metrics to follow on the validation rows: the main one of the task, and the one that decides.
fn watch<'a>(options: &FitOptions, model: &Model, data: Option<&'a Dataset>) -> Result<Validation<'a>, FitError> {
    let main = if model.target.task.classes().is_empty() { "rmse" } else { "accuracy" };
    let watched = options.watch.as_deref().unwrap_or("loss");
    let mut names = vec![main];
    if watched != "loss" {
        let metric = metric_named(watched).ok_or_else(|| {
            FitError::choice(
                "--watch",
                watched,
                "loss, accuracy, balanced_accuracy, log_loss, roc_auc, average_precision, f1, rmse, mae, r2 or mape",
            )
        })?;
        if metric.name != main {
            names.push(metric.name);
        }
    }
    let Some(data) = data else { return Ok(Validation::default()) };
    let metric = |name: &'static str| {
        let frozen = model.clone();
        let higher = metric_named(name).is_some_and(|m| m.better == Better::Higher);
        let compute =
            move |outputs: &[f32]| frozen.metrics_of(outputs, data).ok().and_then(|m| m.get(name)).unwrap_or(f64::NAN);
        WatchedMetric { name: name.to_string(), higher_is_better: higher, compute: Box::new(compute) }
    };
    let position = names.iter().position(|n| *n == watched);
    Ok(Validation { data: Some(data), metrics: names.into_iter().map(metric).collect(), watch: position })
}
