//! Names what is wrong with a table or a training run, with the evidence in numbers.
//!
//! Every check is a pure function to findings: [`examine_table`] looks at the rows before training, [`examine_run`] and
//! [`examine_model`] also at what training did and at the trained network. Where a finding has a [`Change`], [`prove`] trains
//! again with it.

mod columns;
mod history;
mod network;
mod proof;
mod rows;
mod run;

use std::collections::BTreeMap;

use backpass::train::StopReason;
use serde::Serialize;

use crate::fit::{Fitted, subject};
use crate::fit_error::FitError;
use crate::held_out::{fold_rows, group_column, split};
use crate::model::Model;
use crate::options::FitOptions;
use crate::outputs::column;
use crate::preset::Preset;
use crate::schema::{ColumnSchema, Schema};
use crate::table::Table;
use crate::task::Target;

pub use proof::{Proof, prove};

/// Declares the faults: their names and what they are, in one line each.
macro_rules! faults {
    ($($Name:ident $name:literal $summary:literal,)*) => {
        /// What can be wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Fault {
            $(#[doc = $summary] $Name,)*
        }

        impl Fault {
            /// All faults: those of tables, then those of runs.
            pub const ALL: &[Fault] = &[$(Fault::$Name,)*];

            /// Its name.
            pub fn name(self) -> &'static str {
                match self {
                    $(Fault::$Name => $name,)*
                }
            }

            /// What it is, in one line.
            pub fn summary(self) -> &'static str {
                match self {
                    $(Fault::$Name => $summary,)*
                }
            }
        }
    };
}

faults! {
    Leak "leak" "one column alone gives the target away",
    IdColumn "id_column" "a column that names the rows",
    ConstantColumn "constant_column" "a column with one value",
    DuplicateRows "duplicate_rows" "validation rows that are among the training rows",
    ClassImbalance "class_imbalance" "a class with few rows beside the others",
    HeavyTail "heavy_tail" "a few rows hold most of the target's variance",
    TooFewRows "too_few_rows" "too few rows to learn from or to judge by",
    Diverged "diverged" "training left the finite numbers",
    UnscaledInputs "unscaled_inputs" "inputs of the network of very different or very large size",
    IdenticalUnits "identical_units" "neurons of a layer that compute the same",
    DeadUnits "dead_units" "neurons that give the same for every row",
    SaturatedUnits "saturated_units" "neurons on the flat ends of their activation",
    VanishingGradient "vanishing_gradient" "gradients that die away towards the first layer",
    ExplodingGradient "exploding_gradient" "gradients that grow towards the first layer",
    LargeStart "large_start" "weights that start too large",
    LearningRateTooHigh "learning_rate_too_high" "the training loss jumps up",
    LearningRateTooLow "learning_rate_too_low" "the training loss falls steadily and hardly at all",
    BestEpochAtEnd "best_epoch_at_end" "training stopped while it still gained",
    Overfitting "overfitting" "much better on rows it learnt from than on others",
    LearntNothing "learnt_nothing" "no better than predicting the same for every row",
}

impl Serialize for Fault {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It has been seen to already.
    Note,
    /// Results may be worse, or look better, than they are.
    Warning,
    /// Results are not what they seem, or training cannot work.
    Serious,
}

impl Severity {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Serious => "serious",
        }
    }
}

/// Other options, as a cure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// The options as the command line takes them.
    pub text: String,
    /// The options that are set go before those of the run.
    #[serde(skip)]
    pub options: FitOptions,
}

impl Change {
    /// A change of what a run with the options `of` does.
    fn new(of: &FitOptions, text: impl Into<String>, options: FitOptions) -> Self {
        // Options that shape the network or its steps choose another preset unless one is named.
        let chosen = Preset::chosen(&options);
        let kept = of.preset.as_deref().filter(|preset| chosen == "fast" && *preset != "fast");
        let text = text.into();
        Change { text: kept.map_or(text.clone(), |preset| format!("--preset {preset} {text}")), options }
    }

    fn learning_rate(of: &FitOptions, rate: f64) -> Self {
        let options = FitOptions { learning_rate: Some(rate), ..FitOptions::default() };
        Change::new(of, format!("--learning-rate {rate}"), options)
    }

    fn init(of: &FitOptions, how: &str) -> Self {
        Change::new(of, format!("--init {how}"), FitOptions { init: Some(how.into()), ..FitOptions::default() })
    }
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// What it is.
    pub fault: Fault,
    /// How much it matters.
    pub severity: Severity,
    /// The column or the layer; empty for the whole table or run.
    pub place: String,
    /// What was seen, in words.
    pub evidence: String,
    /// What was seen, in numbers.
    pub numbers: BTreeMap<&'static str, f64>,
    /// What to do.
    pub advice: String,
    /// The options that cure it, where options can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<Change>,
}

impl Finding {
    fn new(fault: Fault, severity: Severity, place: &str, evidence: String, advice: impl Into<String>) -> Self {
        let (place, numbers) = (place.to_string(), BTreeMap::new());
        Finding { fault, severity, place, evidence, numbers, advice: advice.into(), change: None }
    }

    fn numbers<const N: usize>(self, numbers: [(&'static str, f64); N]) -> Self {
        Finding { numbers: numbers.into(), ..self }
    }

    fn cured_by(self, change: Change) -> Self {
        Finding { change: Some(change), ..self }
    }
}

/// A table as training will see it.
struct Rows {
    schema: Schema,
    target: Target,
    /// Every option that does not depend on the encoded features.
    options: FitOptions,
    all: Table,
    train: Table,
    validation: Option<Table>,
    /// How many rows are judged by what has not learnt from them; of a bag, those of all folds.
    judged: Option<usize>,
}

impl Rows {
    /// Of a bag, the rows of its last member.
    fn of(table: &Table, options: &FitOptions) -> Result<Rows, FitError> {
        let (schema, target, present) = subject(table, options)?;
        let all = table.some_rows(present.as_deref());
        let options = options.resolve(&target.task, all.rows(), 0);
        let folds = match options.bag {
            Some(parts) if parts > 1 => fold_rows(&all, &schema, &target, &options, parts)?,
            _ => Vec::new(),
        };
        let (train, validation) = match folds.last() {
            Some(fold) => (all.select_rows(&fold.train), Some(all.select_rows(&fold.validation))),
            None => {
                let parted = split(all.clone(), &schema, &target, &options)?;
                (parted.train, parted.validation)
            }
        };
        let judged = if folds.is_empty() {
            validation.as_ref().map(Table::rows)
        } else {
            Some(folds.iter().map(|fold| fold.validation.len()).sum())
        };
        Ok(Rows { schema, target, options, all, train, validation, judged })
    }

    /// The columns apart from the target, the weights and the groups.
    fn columns(&self) -> impl Iterator<Item = &ColumnSchema> {
        let apart = [self.options.weight.as_deref(), group_column(&self.options)];
        let is_apart = move |name: &String| self.target.columns.contains(name) || apart.contains(&Some(name.as_str()));
        self.schema.columns.iter().filter(move |column| !is_apart(&column.name))
    }

    /// The columns that the network can learn from.
    fn inputs(&self) -> impl Iterator<Item = &ColumnSchema> {
        self.columns().filter(|column| column.kind.is_input())
    }

    /// Each target with its values in some rows that have one: class numbers, or numbers.
    fn targets(&self, table: &Table) -> Result<Vec<(&str, Vec<f64>)>, FitError> {
        let (columns, values) = (&self.target.columns, self.target.values(table, &self.schema)?);
        Ok(columns.iter().enumerate().map(|(at, name)| (name.as_str(), column(&values, at, columns.len()))).collect())
    }
}

/// What is wrong with a table before anything is trained on it, the most serious first. Nothing is said of the table of a
/// formula, which is to follow the columns that it names.
///
/// # Errors
/// As [`fit`](crate::fit()) before training: a table or options that cannot be used.
pub fn examine_table(table: &Table, options: &FitOptions) -> Result<Vec<Finding>, FitError> {
    if options.formula.is_some() {
        return Ok(Vec::new());
    }
    let rows = Rows::of(table, options)?;
    let mut findings = columns::check(&rows)?;
    let names_rows = |finding: &&Finding| finding.fault == Fault::IdColumn;
    let names: Vec<String> = findings.iter().filter(names_rows).map(|finding| finding.place.clone()).collect();
    findings.extend(rows::check(&rows, &names)?);
    Ok(sorted(findings))
}

/// What is wrong with a table and a training on it, the most serious first: where it diverged, or else as
/// [`examine_model`].
///
/// # Errors
/// If the table is not that of the run.
pub fn examine_run(table: &Table, fitted: &Fitted) -> Result<Vec<Finding>, FitError> {
    let StopReason::Diverged(divergence) = &fitted.report.stop else { return examine_model(table, &fitted.model) };
    let mut findings = examine_table(table, &fitted.model.manifest.options)?;
    findings.push(history::divergence(&fitted.model, divergence));
    Ok(sorted(findings))
}

/// What is wrong with a model, its training and the table of its training, the most serious first. Of a formula nothing is
/// said: it has no layers, and its standard errors tell more. Of networks side by side the last is looked at.
///
/// # Errors
/// If the table is not that of the training.
pub fn examine_model(table: &Table, model: &Model) -> Result<Vec<Finding>, FitError> {
    let options = &model.manifest.options;
    let mut findings = examine_table(table, options)?;
    if options.formula.is_none() && !model.history.is_empty() {
        let run = run::Run::of(table, model)?;
        let of_network = network::check(&run)?;
        findings.extend(history::check(&run, &of_network));
        findings.extend(of_network);
    }
    Ok(sorted(findings))
}

fn sorted(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings
}

/// A share as a percentage.
fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}
