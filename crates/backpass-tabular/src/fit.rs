//! Training on a table: read, decide, encode, split, train, judge.

use backpass::Graph;
use backpass::loss::Loss;
use backpass::nn::{Activation, Dense, Lookup, Mlp, Network, Weights};
use backpass::train::{Epoch, Observer, Predictor, StopReason, TrainOptions, TrainReport, train};
use backpass::view::fraction;
use backpass_kernels::Real;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::bag::Bag;
use crate::calibrate::{margins, temperature};
use crate::decisions::{
    counted, describe_columns, describe_interval, describe_margins, describe_network, describe_rare_levels,
    describe_target, obstacles,
};
use crate::encode::{Inputs, build, split_derived};
use crate::features::{number_column, pack};
use crate::fit_error::FitError;
use crate::formula::{Formula, coefficients};
use crate::head::{HeadShape, head};
use crate::held_out::{Parted, fold_rows, group_column, split};
use crate::infer::{InferOptions, KindName, MISSING};
use crate::metrics::Metrics;
use crate::model::{Head, Manifest, Model};
use crate::options::FitOptions;
use crate::preset::Preset;
use crate::rows::{Labels, Rows, class_weights_of, labels};
use crate::schema::{Kind, Schema};
use crate::table::Table;
use crate::task::{Target, TaskName, columns_named};
use crate::threshold::Threshold;
use crate::watch::watch;

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

/// What the columns of a table are, what is to be predicted, and the rows where that is known if it is not all of them.
pub(crate) fn subject(table: &Table, options: &FitOptions) -> Result<(Schema, Target, Option<Vec<u32>>), FitError> {
    options.preset.as_deref().map_or(Ok(()), Preset::check)?;
    let columns = columns_named(table, &options.target)?;
    let schema = Schema::infer(table, &infer_options(options, &columns)?)?;
    let wanted = task_name(options)?;
    if columns.len() > 1 {
        options.check_several(&columns, wanted)?;
    }
    let mut target = Target::infer_all(table, &schema, &columns, wanted)?;
    // A formula gives one number, so integers that might be classes are taken as quantities.
    let is_number = |name: &String| schema.column(name).is_ok_and(|c| matches!(c.kind, Kind::Number { .. }));
    let is_number = columns.iter().all(is_number);
    if options.formula.is_some() && options.task.is_none() && is_number && target.task.classes().len() > 2 {
        target = Target::infer_all(table, &schema, &columns, Some(TaskName::Regression))?;
        target.reason = "a formula gives a number".to_string();
    }
    options.positive.as_deref().map_or(Ok(()), |class| target.set_positive(class))?;
    target.interval = options.interval_share(&target.task)?;
    let present = target.present(table, &schema)?;
    let whole = present.len() == table.rows();
    Ok((schema, target, (!whole).then_some(present)))
}

/// Takes every decision about a table, splits and encodes it.
pub fn prepare(table: &Table, options: &FitOptions) -> Result<Prepared, FitError> {
    prepare_from(table.clone(), options)
}

/// As [`prepare`], of a table that is not needed any more: its cells are given back to memory while they are encoded,
/// unless there are copies of it.
pub fn prepare_from(whole: Table, options: &FitOptions) -> Result<Prepared, FitError> {
    let mut decisions = whole.notes.clone();
    let (all, fingerprint) = (whole.rows(), whole.fingerprint());
    let (schema, mut target, mut chosen) = subject(&whole, options)?;
    let table = whole.some_rows(chosen.as_deref());
    decisions.push(describe_target(&target));
    if table.rows() < all {
        let what = if target.columns.len() == 1 { "a target" } else { "all targets" };
        decisions.push(format!("left out: {} without {what}", counted(all - table.rows(), "row", "rows")));
    }
    let mut formula = Formula::read(options, &schema)?;
    let complete = formula.as_ref().map(|formula| complete_rows(&table, &schema, &formula.columns)).transpose()?;
    let complete = complete.filter(|complete| complete.len() < table.rows());
    if let Some(complete) = &complete {
        let count = counted(table.rows() - complete.len(), "row", "rows");
        decisions.push(format!("left out: {count} with a missing cell in a column of the formula"));
    }
    let table = match &complete {
        Some(complete) => table.select_rows(complete),
        None => table,
    };
    if let Some(complete) = complete {
        let known = |row: u32| chosen.as_ref().map_or(row, |chosen| chosen[row as usize]);
        chosen = Some(complete.into_iter().map(known).collect());
    }
    let early = options.resolve(&target.task, table.rows(), 0);
    let parts = early.bag.unwrap_or(1);
    if parts == 0 {
        return Err(FitError::choice("--bag", "0", "a number of networks from 1 on"));
    }
    let bagged = parts > 1 && formula.is_none();
    if let Some(text) = options.validation.as_deref().filter(|_| bagged) {
        return Err(FitError::choice(
            "--validation",
            text,
            "left out, as every network of a bag validates on a fold; or use --bag 1",
        ));
    }
    let parted = if bagged {
        Parted { train: table, validation: None, rows: None }
    } else {
        split(table, &schema, &target, &early)?
    };
    let (table, validation) = (&parted.train, &parted.validation);
    let schema = schema.learn(table)?;
    let apart = [options.weight.as_deref(), group_column(&early)].into_iter().flatten();
    let mut left_out: Vec<&str> = target.columns.iter().map(String::as_str).chain(apart).collect();
    if let Some(formula) = &formula {
        options.check_formula()?;
        left_out = schema.columns.iter().map(|c| c.name.as_str()).filter(|c| !formula.reads(c)).collect();
    } else {
        describe_columns(&schema, &left_out, &mut decisions);
    }
    let derived = split_derived(&options.inputs)?;
    let (inputs, encoder) = build(table, &schema, &left_out, &derived, early.scaling()?, early.levels()?)?;
    describe_rare_levels(&inputs.categories, &schema, &mut decisions);
    let resolved = options.resolve(&target.task, table.rows(), inputs.features.len());
    // The split is made, and fewer rows are left than it was decided on.
    let resolved = FitOptions { validation: early.validation.clone(), ..resolved };
    let training = resolved.training(&target.task)?;
    training.check()?;
    let classes = target.task.classes().len();
    let exponential = training.loss.log_link();
    let numbers: Vec<Vec<f64>> = match classes {
        0 => target.columns.iter().map(|name| schema.to_numbers(table, name)).collect::<Result<_, _>>()?,
        _ => Vec::new(),
    };
    let scales: Vec<(f64, f64)> = match &numbers[..] {
        numbers if classes == 0 && !exponential && formula.is_none() => {
            numbers.iter().map(|values| target_scale(values)).collect()
        }
        _ => vec![(0.0, 1.0); target.columns.len()],
    };
    let mut shape = match formula {
        Some(_) => None,
        None => Some(network_shape(&resolved, &inputs, target.outputs())?),
    };
    let range = |values: &Vec<f64>| {
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        (least, values.iter().copied().fold(f64::NEG_INFINITY, f64::max))
    };
    let clamps = resolved.clamp == Some(true) && classes == 0;
    let limits = clamps.then(|| numbers.iter().map(range).collect());
    if let Some(threshold) = resolved.threshold()? {
        let text = resolved.threshold.as_deref().unwrap_or_default();
        if classes != 2 {
            return Err(FitError::choice("--threshold", text, "possible unless there are two classes"));
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
    let head_shape = HeadShape {
        members,
        classes,
        levels: target.per_target(),
        exponential,
        scales: scales.clone(),
        limits,
        temperature: 1.0,
        margins: None,
    };
    let mut model = Model {
        schema,
        target,
        inputs,
        encoder,
        network: Network::from_graph(Graph::new(), Weights::new()),
        head: head(&head_shape)?,
        target_scales: scales,
        manifest: Manifest {
            version: env!("CARGO_PKG_VERSION").to_string(),
            data: table.name.clone(),
            fingerprint,
            options: resolved.clone(),
            ..Manifest::default()
        },
        history: Vec::new(),
    };
    let class_weights = options.class_weight.as_deref();
    let class_weights = class_weights.map(|how| class_weights_of(how, &model, table)).transpose()?;
    let folds = if bagged { fold_rows(table, &model.schema, &model.target, &early, parts)? } else { Vec::new() };
    let sizes = (table.rows(), validation.as_ref().map(Table::rows));
    let interval = describe_interval(&model.target, &resolved, if bagged { Some(table) } else { validation.as_ref() });
    let source = Source { whole, chosen, parted };
    let weights = class_weights.as_deref();
    let data = if training.double_precision {
        Data::Double(Split::new(&model, source, &resolved, weights, &training.loss)?)
    } else {
        Data::Single(Split::new(&model, source, &resolved, weights, &training.loss)?)
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
            if options.preset.is_none() && Preset::chosen(options) == "fast" {
                let kept = "--preset best keeps the rest of the recipe";
                decisions.push(format!("preset fast, because the network or its steps are given; {kept}"));
            }
            decisions.push(describe_network(&model, &resolved));
            decisions.extend(obstacles(&model.network));
        }
        (None, None) => {}
    }
    decisions.push(match sizes {
        (rows, _) if bagged => {
            format!("{rows} rows; {parts} networks, each validated on another {} of them", fraction(parts))
        }
        (rows, Some(validation)) => format!("{rows} rows to train on, {validation} to validate on"),
        (rows, None) => format!("{rows} rows to train on, none to validate on"),
    });
    decisions.extend(interval);
    let bag = shape.filter(|_| bagged).map(|shape| Bag { shape, folds });
    Ok(Prepared { resolved, decisions, model, head_shape, training, bag, data })
}

impl Prepared {
    /// What is predicted.
    pub fn target(&self) -> &Target {
        &self.model.target
    }

    /// The rows of an epoch of one network.
    pub fn rows(&self) -> usize {
        let rows = match &self.data {
            Data::Single(data) => data.sizes().0,
            Data::Double(data) => data.sizes().0,
        };
        self.bag.as_ref().map_or(rows, |bag| bag.folds.first().map_or(rows, |fold| fold.train.len()))
    }

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
        let Trained { mut model, report, train_metrics, validation_metrics, decisions: later } = trained;
        let Prepared { resolved, mut decisions, training, data, .. } = self;
        decisions.extend(later);
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
    /// What was decided after training.
    decisions: Vec<String>,
}

/// The rows that training sees, in the precision of the run.
enum Data {
    Single(Split<f32>),
    Double(Split<f64>),
}

/// What training and validation rows are taken from.
struct Source {
    whole: Table,
    /// The rows of the whole table that are used, if not all; those of `parted` are counted among them.
    chosen: Option<Vec<u32>>,
    parted: Parted,
}

/// Training and validation rows.
struct Split<D> {
    train: Rows<D>,
    validation: Option<Rows<D>>,
}

impl<D: Real> Split<D> {
    fn new(
        model: &Model,
        Source { whole, chosen, parted: Parted { train, validation, rows: both } }: Source,
        options: &FitOptions,
        class_weights: Option<&[f64]>,
        loss: &Loss,
    ) -> Result<Self, FitError> {
        let labels = |table: &Table| labels::<D>(model, table, options, class_weights, loss);
        let train_labels = labels(&train)?;
        let validation_labels = validation.as_ref().map(labels).transpose()?;
        let encoded =
            |table, chosen| pack::<D>(table, chosen, &model.schema, &model.inputs, &model.encoder).map(Arc::new);
        // The one copy of the cells that is left is released while it is encoded.
        drop(train);
        let split = match (both, validation_labels, validation) {
            (Some(both), Some(labels), validation) => {
                drop(validation);
                let packed = encoded(whole, chosen.as_deref())?;
                let part = |labels: Labels<D>, rows: Vec<u32>| labels.with(Arc::clone(&packed), Some(rows.into()));
                Split { train: part(train_labels, both.train), validation: Some(part(labels, both.validation)) }
            }
            (_, labels, validation) => {
                let train = train_labels.with(encoded(whole, chosen.as_deref())?, None);
                let validation = validation.map(|table| encoded(table, None)).transpose()?;
                Split { train, validation: labels.zip(validation).map(|(labels, packed)| labels.with(packed, None)) }
            }
        };
        // A wrong `watch` is an error now, not after the first epoch.
        watch(options, model, split.validation.as_ref())?;
        Ok(split)
    }

    /// The numbers of rows trained and validated on.
    fn sizes(&self) -> (usize, usize) {
        (self.train.encoded.rows(), self.validation.as_ref().map_or(0, |rows| rows.encoded.rows()))
    }

    fn fit(&self, prepared: &Prepared, watcher: Watcher<'_>) -> Result<Trained, FitError> {
        let (mut model, mut shape) = (prepared.model.clone(), prepared.head_shape.clone());
        let mut training = prepared.training.clone();
        training.interrupt.clone_from(&watcher.interrupt);
        training.profile = watcher.profile;
        let threads = watcher.threads;
        let mut decisions = Vec::new();
        // The outputs for rows that the network has not learnt from, with their targets.
        let (report, judged) = if let Some(bag) = &prepared.bag {
            let committee = bag.train(&model, &prepared.resolved, &self.train, &training, watcher)?;
            let (kept, all) = (committee.kept.len(), bag.folds.len());
            shape.members *= kept;
            if kept < all {
                decisions.push(format!("training was stopped: {kept} of {all} networks are kept"));
            }
            model.manifest.bag = committee.kept;
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
                let outputs = Predictor::<D>::new(&model.network, threads)?.predict_data(&rows.encoded);
                Ok((outputs.iter().map(|v| v.to_f64()).collect::<Vec<f64>>(), rows.targets.clone()))
            });
            (report, judged.transpose()?)
        };
        let mut validation_metrics = None;
        if let Some((outputs, targets)) = judged {
            let rows = targets.len() / model.target.columns.len();
            let values = |shape: &HeadShape| -> Result<Vec<f64>, FitError> {
                let one = head(&HeadShape { members: prepared.head_shape.members, ..shape.clone() })?;
                Head::new(&one, &model.target, rows)?.values(&outputs)
            };
            if prepared.resolved.calibrate == Some(true) {
                shape.temperature = temperature(&outputs, &targets, shape.classes);
                if let Some(share) = model.target.interval {
                    let found = margins(&values(&shape)?, &targets, model.target.columns.len(), share);
                    decisions.push(describe_margins(&model.target, &found));
                    shape.margins = Some(found);
                }
            }
            let values = values(&shape)?;
            if let Some(threshold) = prepared.resolved.threshold()? {
                model.target.threshold = Some(threshold.find(&values, &targets));
            }
            validation_metrics = Some(model.target.metrics(&values, &targets, None, |_| true)?);
        }
        model.head = head(&shape)?;
        let train_metrics = model.judge(&self.train.encoded, &self.train.targets, threads)?;
        Ok(Trained { model, report, train_metrics, validation_metrics, decisions })
    }
}

fn infer_options(options: &FitOptions, targets: &[String]) -> Result<InferOptions, FitError> {
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
    Ok(InferOptions { missing: markers.collect(), overrides, targets: targets.to_vec() })
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
