//! Training on a table: read, decide, encode, split, train, judge.

use backpass::Graph;
use backpass::loss::Loss;
use backpass::nn::{Activation, Dense, Lookup, Mlp, Network, Weights};
use backpass::train::{
    Dataset, Epoch, Metric as WatchedMetric, Observer, Predictor, StopReason, TrainOptions, TrainReport, Validation,
    train,
};
use backpass_kernels::Real;
use serde::Serialize;
use std::borrow::Cow;
use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::bag::Bag;
use crate::calibrate::temperature;
use crate::decisions::{counted, describe_columns, describe_network, describe_rare_levels, describe_target, obstacles};
use crate::encode::{HeadShape, Inputs, build, features, head, number_column, split_derived};
use crate::fit_error::FitError;
use crate::formula::{Coefficient, Formula, coefficients};
use crate::held_out::{fold_rows, group_column, split};
use crate::infer::{InferOptions, KindName, MISSING};
use crate::metrics::{Better, Metrics, metric_named};
use crate::model::{Head, Manifest, Model};
use crate::options::FitOptions;
use crate::preset::Preset;
use crate::schema::{Kind, Schema};
use crate::table::Table;
use crate::task::{Target, Task, TaskName};
use crate::threshold::Threshold;

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
    /// Whether the run is profiled: [`TrainOptions::profile`].
    pub profile: bool,
    /// Told of every epoch.
    pub observe: &'a mut Observer<'a>,
}

/// A table with everything decided, encoded and ready to train.
pub struct Prepared {
    /// Every option with its value, given or chosen.
    pub resolved: FitOptions,
    /// Every decision taken, in words.
    pub decisions: Vec<String>,
    model: Model,
    head_shape: HeadShape,
    training: TrainOptions,
    bag: Option<Bag>,
    data: Data,
}

/// Trains a network on a table with one thread and no progress shown.
pub fn fit(table: &Table, options: &FitOptions) -> Result<Fitted, FitError> {
    prepare(table, options)?.train(Watcher { threads: 1, interrupt: None, profile: false, observe: &mut |_| {} })
}

/// The rows in which no column of a formula is missing.
fn complete_rows(table: &Table, schema: &Schema, columns: &[String]) -> Result<Vec<u32>, FitError> {
    let columns = columns.iter().map(|name| number_column(table, schema, name)).collect::<Result<Vec<_>, _>>()?;
    let complete = |row: &u32| columns.iter().all(|column| !column[*row as usize].is_nan());
    Ok((0..table.rows() as u32).filter(complete).collect())
}

/// What the columns of a table are, what is to be predicted, and the rows where that is known.
pub(crate) fn subject<'a>(
    table: &'a Table,
    options: &FitOptions,
) -> Result<(Schema, Target, Cow<'a, Table>), FitError> {
    options.preset.as_deref().map_or(Ok(()), Preset::check)?;
    let schema = Schema::infer(table, &infer_options(options)?)?;
    let mut target = Target::infer(table, &schema, &options.target, task_name(options)?)?;
    // A formula gives one number, so integers that might be classes are taken as quantities.
    let is_number = matches!(schema.column(&options.target)?.kind, Kind::Number { .. });
    if options.formula.is_some() && options.task.is_none() && is_number && target.task.classes().len() > 2 {
        target = Target::infer(table, &schema, &options.target, Some(TaskName::Regression))?;
        target.reason = "a formula gives a number".to_string();
    }
    options.positive.as_deref().map_or(Ok(()), |class| target.set_positive(class))?;
    let present = target.present(table, &schema)?;
    let whole = present.len() == table.rows();
    Ok((schema, target, if whole { Cow::Borrowed(table) } else { Cow::Owned(table.select_rows(&present)) }))
}

/// Takes every decision about a table, splits and encodes it.
pub fn prepare(table: &Table, options: &FitOptions) -> Result<Prepared, FitError> {
    let mut decisions = table.notes.clone();
    let all = table.rows();
    let (schema, mut target, table) = subject(table, options)?;
    decisions.push(describe_target(&target));
    if table.rows() < all {
        decisions.push(format!("left out: {} without a target", counted(all - table.rows(), "row", "rows")));
    }
    let mut formula = Formula::read(options, &schema)?;
    let complete = formula.as_ref().map(|formula| complete_rows(&table, &schema, &formula.columns)).transpose()?;
    let complete = complete.filter(|complete| complete.len() < table.rows());
    if let Some(complete) = &complete {
        let count = counted(table.rows() - complete.len(), "row", "rows");
        decisions.push(format!("left out: {count} with a missing cell in a column of the formula"));
    }
    let table = complete.map(|rows| table.select_rows(&rows)).map_or(table, Cow::Owned);
    let early = options.resolve(&target.task, table.rows(), 0);
    let parts = early.bag.unwrap_or(1);
    let bagged = parts > 1 && formula.is_none();
    if let Some(text) = early.validation.as_deref().filter(|text| bagged && text.parse::<f64>().is_err()) {
        return Err(FitError::choice(
            "--validation",
            text,
            "a share, as every network of a bag validates on a fold; use --bag 1",
        ));
    }
    let (table, validation) = if bagged { (table, None) } else { split(&table, &schema, &target, &early)? };
    let schema = schema.learn(&table)?;
    let mut left_out: Vec<&str> = [Some(options.target.as_str()), options.weight.as_deref(), group_column(&early)]
        .into_iter()
        .flatten()
        .collect();
    if let Some(formula) = &formula {
        options.check_formula()?;
        left_out = schema.columns.iter().map(|c| c.name.as_str()).filter(|c| !formula.reads(c)).collect();
    } else {
        describe_columns(&schema, &left_out, &mut decisions);
    }
    let derived = split_derived(&options.inputs)?;
    let (inputs, encoder) = build(&table, &schema, &left_out, &derived, early.scaling()?, early.levels()?)?;
    describe_rare_levels(&inputs.categories, &schema, &mut decisions);
    let resolved = options.resolve(&target.task, table.rows(), inputs.features.len());
    // The split is made, and fewer rows are left than it was decided on.
    let resolved = FitOptions { validation: early.validation.clone(), ..resolved };
    let training = resolved.training(&target.task)?;
    let classes = target.task.classes().len();
    let exponential = training.loss.log_link();
    let scales = classes == 0 && !exponential && formula.is_none();
    let (centre, factor) = if scales { target_scale(&schema.to_numbers(&table, &target.name)?) } else { (0.0, 1.0) };
    let mut shape = match formula {
        Some(_) => None,
        None => Some(network_shape(&resolved, &inputs, target.task.outputs())?),
    };
    let limits = if resolved.clamp == Some(true) && classes == 0 {
        let values = schema.to_numbers(&table, &target.name)?;
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        Some((least, values.into_iter().fold(f64::NEG_INFINITY, f64::max)))
    } else {
        None
    };
    if let Some(threshold) = resolved.threshold()? {
        let text = resolved.threshold.as_deref().unwrap_or_default();
        if classes != 2 {
            return Err(FitError::choice("--threshold", text, "left out: there are not two classes to choose from"));
        }
        match threshold {
            Threshold::At(value) => target.threshold = Some(value),
            Threshold::F1 if validation.is_none() && !bagged => {
                return Err(FitError::choice("--threshold", text, "a number where there are no validation rows"));
            }
            Threshold::F1 => {}
        }
    }
    let members = if formula.is_some() { 1 } else { resolved.ensemble.unwrap_or(1) };
    let head_shape = HeadShape { members, classes, exponential, scale: (centre, factor), limits, temperature: 1.0 };
    let mut model = Model {
        schema,
        target,
        inputs,
        encoder,
        network: Network::from_graph(Graph::new(), Weights::new()),
        head: head(&head_shape)?,
        target_scale: (centre, factor),
        manifest: Manifest {
            version: env!("CARGO_PKG_VERSION").to_string(),
            data: table.name.clone(),
            options: resolved.clone(),
            ..Manifest::default()
        },
        history: Vec::new(),
    };
    let class_weights = options.class_weight.as_deref();
    let class_weights = class_weights.map(|how| class_weights_of(how, &model, &table)).transpose()?;
    let folds = if bagged { fold_rows(&table, &model.schema, &model.target, &early, parts)? } else { Vec::new() };
    let tables = (&*table, validation.as_ref());
    let weights = class_weights.as_deref();
    let data = if training.double_precision {
        Data::Double(Split::new(&model, tables, &resolved, weights, &training.loss)?)
    } else {
        Data::Single(Split::new(&model, tables, &resolved, weights, &training.loss)?)
    };
    match (&mut formula, &mut shape) {
        (Some(formula), _) => {
            model.network = formula.network(&model.inputs.features, classes)?;
            decisions.append(&mut formula.decisions);
        }
        (None, Some(shape)) => {
            match &data {
                Data::Single(data) => shape.see(&data.train.encoded),
                Data::Double(data) => shape.see(&data.train.encoded),
            }
            model.network = shape.build(training.seed)?;
            decisions.push(describe_network(&model, &resolved));
            decisions.extend(obstacles(&model.network));
        }
        (None, None) => {}
    }
    decisions.push(match &validation {
        _ if bagged => format!("{} rows; {parts} networks, each validated on another {parts}th of them", table.rows()),
        Some(validation) => format!("{} rows to train on, {} to validate on", table.rows(), validation.rows()),
        None => format!("{} rows to train on, none to validate on", table.rows()),
    });
    let bag = shape.filter(|_| bagged).map(|shape| Bag { shape, folds });
    Ok(Prepared { resolved, decisions, model, head_shape, training, bag, data })
}

impl Prepared {
    /// Trains the network.
    pub fn train(self, watcher: Watcher<'_>) -> Result<Fitted, FitError> {
        let rows = match &self.data {
            Data::Single(data) => data.sizes(),
            Data::Double(data) => data.sizes(),
        };
        let trained = match &self.data {
            Data::Single(data) => data.fit(&self, watcher)?,
            Data::Double(data) => data.fit(&self, watcher)?,
        };
        let Trained { mut model, report, train_metrics, validation_metrics } = trained;
        let Prepared { resolved, decisions, training, data, .. } = self;
        if let Data::Double(data) = &data
            && resolved.formula.is_some()
            && !matches!(report.stop, StopReason::Diverged(_))
        {
            model.manifest.coefficients = coefficients(&model.network, &data.train.encoded, &training)?;
        }
        // Without times: equal trainings give equal files.
        model.history = report.history.iter().map(|e| Epoch { seconds: 0.0, ..e.clone() }).collect();
        model.manifest.rows = rows;
        model.manifest.decisions = decisions.clone();
        model.manifest.stop_reason = report.stop.name().to_string();
        model.manifest.stop = report.stop.to_string();
        model.manifest.best_epoch = report.best_epoch;
        Ok(Fitted { model, resolved, decisions, report, rows, train_metrics, validation_metrics })
    }
}

/// A model that has been trained and judged.
struct Trained {
    model: Model,
    report: TrainReport,
    train_metrics: Metrics,
    validation_metrics: Option<Metrics>,
}

/// The rows that training sees, in the precision of the run.
enum Data {
    Single(Split<f32>),
    Double(Split<f64>),
}

/// Training and validation rows.
struct Split<D> {
    train: Rows<D>,
    validation: Option<Rows<D>>,
}

impl<D: Real> Split<D> {
    fn new(
        model: &Model,
        (train, validation): (&Table, Option<&Table>),
        options: &FitOptions,
        class_weights: Option<&[f64]>,
        loss: &Loss,
    ) -> Result<Self, FitError> {
        let rows = |table| rows(model, table, options, class_weights, loss);
        let split = Split { train: rows(train)?, validation: validation.map(rows).transpose()? };
        // A wrong `watch` is an error now, not after the first epoch.
        watch(options, model, split.validation.as_ref())?;
        Ok(split)
    }

    /// The numbers of rows trained and validated on.
    fn sizes(&self) -> (usize, usize) {
        (self.train.targets.len(), self.validation.as_ref().map_or(0, |rows| rows.targets.len()))
    }

    fn fit(&self, prepared: &Prepared, watcher: Watcher<'_>) -> Result<Trained, FitError> {
        let (mut model, mut shape) = (prepared.model.clone(), prepared.head_shape);
        let mut training = prepared.training.clone();
        training.interrupt.clone_from(&watcher.interrupt);
        training.profile = watcher.profile;
        let threads = watcher.threads;
        // The outputs for rows that the network has not learnt from, with their targets.
        let (report, judged) = if let Some(bag) = &prepared.bag {
            let committee = bag.train(&model, &prepared.resolved, &self.train, &training, watcher)?;
            shape.members *= bag.folds.len();
            model.network = committee.network;
            (committee.report, Some((committee.outputs, committee.targets)))
        } else {
            training.threads = threads;
            if prepared.resolved.adapts() {
                model.network.adapt(&self.train.encoded, training.seed)?;
            }
            let watched = watch(&prepared.resolved, &model, self.validation.as_ref())?;
            let mut network = model.network.clone();
            let report = train(&mut network, &self.train.encoded, &watched, &training, watcher.observe)?;
            drop(watched);
            model.network = network;
            let judged = self.validation.as_ref().map(|rows| -> Result<_, FitError> {
                let outputs = Predictor::<D>::new(&model.network, threads)?.predict(&rows.encoded.x);
                Ok((outputs.iter().map(|v| v.to_f64()).collect::<Vec<f64>>(), rows.targets.clone()))
            });
            (report, judged.transpose()?)
        };
        let mut validation_metrics = None;
        if let Some((outputs, targets)) = judged {
            if prepared.resolved.calibrate == Some(true) {
                shape.temperature = temperature(&outputs, &targets, shape.classes);
            }
            let one = head(&HeadShape { members: prepared.head_shape.members, ..shape })?;
            let values = Head::new(&one, &model.target.task, targets.len())?.values(&outputs)?;
            if let Some(threshold) = prepared.resolved.threshold()? {
                model.target.threshold = Some(threshold.find(&values, &targets));
            }
            validation_metrics = Some(model.target.metrics(&values, &targets, |_| true)?);
        }
        model.head = head(&shape)?;
        let train_metrics = model.judge(&self.train.encoded.x, &self.train.targets, threads)?;
        Ok(Trained { model, report, train_metrics, validation_metrics })
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
    /// The fitted numbers of a formula.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub coefficients: &'a [Coefficient],
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
            coefficients: &self.model.manifest.coefficients,
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

/// Mean and standard deviation of the target, so that the network sees numbers around zero.
fn target_scale(values: &[f64]) -> (f64, f64) {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
    (mean, if variance > 0.0 { variance.sqrt() } else { 1.0 })
}

/// How many numbers stand for the level of a category that is looked up.
const LOOKED_UP: usize = 8;

fn network_shape(options: &FitOptions, inputs: &Inputs, outputs: usize) -> Result<Mlp, FitError> {
    let sizes = options.hidden_sizes()?;
    let lookups = inputs.categories.iter().filter(|category| category.embedded);
    let init = options.init()?;
    let dropout = options.dropout.unwrap_or(0.0);
    if !(0.0..1.0).contains(&dropout) {
        return Err(FitError::choice("--dropout", &dropout.to_string(), "at least 0 and less than 1"));
    }
    let hidden = sizes.iter().zip(options.activations(sizes.len())?);
    let parametric = options.parametric.unwrap_or(false);
    let mut layers: Vec<Dense> = hidden
        .map(|(&units, activation)| {
            let parametric = parametric && activation.op().is_some();
            Dense { units, activation, parametric, init, dropout }
        })
        .collect();
    layers.push(Dense { init, ..Dense::new(outputs, Activation::IDENTITY) });
    Ok(Mlp {
        inputs: inputs.features.len(),
        embedded: inputs.numbers.len() + inputs.derived.len(),
        embeddings: options.embeddings()?,
        lookups: lookups.map(|category| Lookup { rows: category.classes() + 1, outputs: LOOKED_UP }).collect(),
        front_scale: options.front_scale.unwrap_or(false),
        members: options.ensemble.unwrap_or(1),
        parametrisation: options.parametrisation()?,
        dropout_factor: dropout > 0.0 && options.dropout_schedule.as_deref().is_some_and(|name| name != "constant"),
        layers,
    })
}

/// The rows of a table as training sees them, with their targets as the table has them.
pub(crate) struct Rows<D> {
    pub encoded: Dataset<D>,
    pub targets: Vec<f64>,
}

/// The features, targets and weights of a table's rows, for a model whose encoder is built.
pub(crate) fn rows<D: Real>(
    model: &Model,
    table: &Table,
    options: &FitOptions,
    class_weights: Option<&[f64]>,
    loss: &Loss,
) -> Result<Rows<D>, FitError> {
    let (x, _) = features(table, &model.schema, &model.inputs, &model.encoder)?;
    let targets = model.targets(table)?;
    let (centre, factor) = model.target_scale;
    let y: Vec<D> = targets.iter().map(|v| D::from_f64((v - centre) / factor)).collect();
    if let Some((row, expected)) = loss.refuses(&y, model.target.task.outputs()) {
        let (file, place, name) = (table.name.clone(), table.place(row).to_string(), model.target.name.clone());
        let (value, loss) = (targets[row], loss.choice().name);
        return Err(FitError::TargetValue { file, place, name, value, loss, expected });
    }
    let mut encoded = Dataset::new(model.inputs.features.len(), x, 1, y);
    if options.weight.is_some() || class_weights.is_some() {
        let mut weights = vec![1.0; targets.len()];
        if let Some(column) = &options.weight {
            table.column(column)?;
            weights = model.schema.to_numbers(table, column)?;
            if let Some(row) = weights.iter().position(|w| !(w.is_finite() && *w >= 0.0)) {
                let (file, place) = (table.name.clone(), table.place(row).to_string());
                return Err(FitError::RowWeight { file, place, name: column.clone(), value: weights[row] });
            }
        }
        if let Some(of_class) = class_weights {
            weights.iter_mut().zip(&targets).for_each(|(w, class)| *w *= of_class[*class as usize]);
        }
        encoded.weights = Some(weights.into_iter().map(|w| w as f32).collect());
    }
    Ok(Rows { encoded, targets })
}

/// The weight of each class; a balanced one comes from the training rows and serves the validation rows too.
pub(crate) fn class_weights_of(how: &str, model: &Model, table: &Table) -> Result<Vec<f64>, FitError> {
    const EXPECTED: &str = "balanced, or a weight for each class such as A=2,B=1";
    let classes = model.target.task.classes();
    if classes.is_empty() {
        return Err(FitError::choice("--class-weight", how, "possible for a number"));
    }
    if how == "balanced" {
        let targets = model.targets(table)?;
        let count = |class: usize| targets.iter().filter(|v| **v as usize == class).count().max(1) as f64;
        return Ok((0..classes.len()).map(|c| targets.len() as f64 / (classes.len() as f64 * count(c))).collect());
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
pub(crate) fn watch<'a, D: Real>(
    options: &FitOptions,
    model: &Model,
    rows: Option<&'a Rows<D>>,
) -> Result<Validation<'a, D>, FitError> {
    const CLASSES: &[&str] = &["accuracy", "balanced_accuracy", "log_loss", "roc_auc", "f1", "average_precision"];
    const NUMBERS: &[&str] = &["rmse", "mae", "r2", "mape"];
    let watched = options.watch.as_deref().unwrap_or("loss");
    let (known, expected) = match model.target.task {
        Task::Binary { .. } => {
            (CLASSES, "loss, accuracy, balanced_accuracy, log_loss, roc_auc, f1 or average_precision")
        }
        Task::Multiclass { .. } => (&CLASSES[..5], "loss, accuracy, balanced_accuracy, log_loss, roc_auc or f1"),
        Task::Regression => (NUMBERS, "loss, rmse, mae, r2 or mape"),
    };
    let position = known.iter().position(|name| *name == watched);
    if position.is_none() && watched != "loss" {
        return Err(FitError::choice("--watch", watched, expected));
    }
    let Some(rows) = rows else {
        let expected = "possible without validation rows";
        return if position.is_some() {
            Err(FitError::choice("--watch", watched, expected))
        } else {
            Ok(Validation::default())
        };
    };
    let mut names = vec![known[0]];
    names.extend(position.filter(|at| *at > 0).map(|at| known[at]));
    let metric = |name: &'static str| -> Result<WatchedMetric<'a>, FitError> {
        let (head, target) = (RefCell::new(model.head_runner(rows.targets.len())?), model.target.clone());
        let higher = metric_named(name).is_some_and(|m| m.better == Better::Higher);
        let compute = move |outputs: &[f32]| {
            let values = head.borrow_mut().values(outputs);
            let metrics = values.and_then(|values| target.metrics(&values, &rows.targets, |wanted| wanted == name));
            metrics.ok().and_then(|m| m.get(name)).unwrap_or(f64::NAN)
        };
        Ok(WatchedMetric { name: name.to_string(), higher_is_better: higher, compute: Box::new(compute) })
    };
    let watch = names.iter().position(|name| *name == watched);
    let metrics = names.into_iter().map(metric).collect::<Result<_, _>>()?;
    Ok(Validation { data: Some(&rows.encoded), metrics, watch })
}
