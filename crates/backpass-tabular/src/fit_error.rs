//! What can go wrong between a table and a model.

use std::path::PathBuf;

use backpass::autodiff::DifferentiateError;
use backpass::builder::BuildErrors;
use backpass::compile::CompileError;
use backpass::nn::NetworkError;
use backpass::session::SessionError;
use backpass::spec::SpecError;
use backpass::text::ParseErrors;
use backpass::train::TrainError;

use crate::error::{ErrorKind, TableError};

/// Everything that can go wrong in training, saving, loading and using a model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FitError {
    /// A table that cannot be used.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A value that is not among the choices.
    #[error("{option}: `{found}` is not {expected}")]
    Choice {
        /// The option.
        option: &'static str,
        /// What was given.
        found: String,
        /// What it may be.
        expected: &'static str,
    },
    /// A class that the target does not have.
    #[error("--class-weight: there is no class `{class}`\nhelp: the classes are {classes}")]
    NoSuchClass {
        /// What was given.
        class: String,
        /// Those that there are.
        classes: String,
    },
    /// A row that is not there.
    #[error("{file} has {rows} row(s), there is no row {}\nhelp: rows are counted from 1, without the header", .row + 1)]
    NoSuchRow {
        /// The table.
        file: String,
        /// The row asked for, counted from 0.
        row: usize,
        /// The number of rows.
        rows: usize,
    },
    /// Models that cannot be compared.
    #[error("{a} and {b} cannot be compared: {reason}\nhelp: give models of the same target")]
    Compare {
        /// The one.
        a: String,
        /// The other.
        b: String,
        /// Why not.
        reason: String,
    },
    /// A derivative that cannot be taken.
    #[error(transparent)]
    Differentiate(#[from] DifferentiateError),
    /// A wrong choice of activation, loss, optimiser, schedule or initialisation.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// A derived input that cannot be read.
    #[error("--input {name}:\n{source}")]
    Expression {
        /// The name of the input.
        name: String,
        /// What is wrong with it.
        source: ParseErrors,
    },
    /// A formula that cannot be read.
    #[error("--formula:\n{source}")]
    FormulaText {
        /// What is wrong with it.
        source: ParseErrors,
    },
    /// A formula that cannot be fitted.
    #[error("--formula: {problem}")]
    Formula {
        /// What is wrong with it.
        problem: String,
    },
    /// A derived input whose value is not a number in some row.
    #[error(
        "{file}, {place}: the input `{name}` is {value}\nhelp: change its expression so that it is finite for every row"
    )]
    DerivedValue {
        /// The table.
        file: String,
        /// The row.
        place: String,
        /// The name of the input.
        name: String,
        /// Its value.
        value: f64,
    },
    /// A weight that a row cannot have.
    #[error("{file}, {place}: the weight `{name}` is {value}\nhelp: weights are numbers of at least 0")]
    RowWeight {
        /// The table.
        file: String,
        /// The row.
        place: String,
        /// The column of weights.
        name: String,
        /// The weight.
        value: f64,
    },
    /// A target that the loss cannot take.
    #[error("{file}, {place}: the target `{name}` is {value}, the loss `{loss}` needs {expected}")]
    TargetValue {
        /// The table.
        file: String,
        /// The row.
        place: String,
        /// The target.
        name: String,
        /// Its value.
        value: f64,
        /// The loss.
        loss: &'static str,
        /// What the loss takes.
        expected: &'static str,
    },
    /// A derived input that looks at more than its own row.
    #[error(
        "--input {name}: the value of a row may depend on that row alone and not on chance\n\
         help: leave out what sums over the rows, such as `mean` without an axis, and random numbers"
    )]
    MixesRows {
        /// The name of the input.
        name: String,
    },
    /// Nothing to learn from.
    #[error("no column of {file} can serve as input: {reasons}")]
    NoInputs {
        /// The table.
        file: String,
        /// Why each column is set aside.
        reasons: String,
    },
    /// A network that is no single linear map.
    #[error(
        "the network does not collapse: {obstacle}\nhelp: `backpass train DATA --activation identity` makes one that does"
    )]
    NotLinear {
        /// What keeps its layers apart.
        obstacle: String,
    },
    /// Too few rows for a split.
    #[error(
        "{file}: {rows} row(s) with a target are too few to train and validate on\nhelp: give more rows, or `--validation none`"
    )]
    TooFewRows {
        /// The table.
        file: String,
        /// The rows.
        rows: usize,
    },
    /// Training could not start.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// A network that cannot be.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// A graph could not be built.
    #[error(transparent)]
    Build(#[from] BuildErrors),
    /// A graph could not be compiled.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// A plan could not be run.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// A file that is not a model, or a damaged one.
    #[error("{path}: {problem}\nhelp: give a file written by `backpass train -o`")]
    Model {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: ModelProblem,
    },
    /// A file that could not be written.
    #[error("{path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file that is already there.
    #[error("{path} exists already\nhelp: choose another name, or say --force to replace it")]
    Exists {
        /// The file.
        path: PathBuf,
    },
}

/// What is wrong with a model file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelProblem {
    /// The file does not have the container's form.
    #[error("not a backpass model, or damaged ({0})")]
    Container(String),
    /// A safetensors file of another program.
    #[error("a safetensors file, but not a backpass model")]
    Foreign,
    /// A newer format.
    #[error("model format {found}; this program reads format {known}")]
    Version {
        /// The file's format.
        found: u32,
        /// The newest format known here.
        known: u32,
    },
    /// A part that cannot be read.
    #[error("damaged: its {part} cannot be read ({reason})")]
    Part {
        /// Which part.
        part: &'static str,
        /// Why.
        reason: String,
    },
    /// The file is too large to be a model.
    #[error("{bytes} bytes are too many for a model")]
    TooLarge {
        /// Its size.
        bytes: u64,
    },
}

/// The families of errors that a program tells apart, for instance by its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FitErrorKind {
    /// The request makes no sense.
    Usage,
    /// The data is bad.
    Data,
    /// The model file is bad.
    Model,
    /// The operating system refused.
    Io,
}

impl FitError {
    pub(crate) fn choice(option: &'static str, found: &str, expected: &'static str) -> Self {
        FitError::Choice { option, found: found.to_string(), expected }
    }

    /// The family of the error.
    pub fn kind(&self) -> FitErrorKind {
        match self {
            FitError::Table(e) => match e.kind() {
                ErrorKind::Usage => FitErrorKind::Usage,
                ErrorKind::Data => FitErrorKind::Data,
                ErrorKind::Io => FitErrorKind::Io,
            },
            FitError::NoSuchRow { .. } | FitError::Compare { .. } | FitError::Differentiate(_) => FitErrorKind::Usage,
            FitError::Choice { .. }
            | FitError::NoSuchClass { .. }
            | FitError::Spec(_)
            | FitError::Network(_)
            | FitError::Expression { .. }
            | FitError::FormulaText { .. }
            | FitError::NotLinear { .. }
            | FitError::Formula { .. } => FitErrorKind::Usage,
            FitError::Train(
                TrainError::Option { .. } | TrainError::Curvature { .. } | TrainError::Spec(_) | TrainError::Network(_),
            ) => FitErrorKind::Usage,
            FitError::Exists { .. } => FitErrorKind::Usage,
            FitError::MixesRows { .. } => FitErrorKind::Usage,
            FitError::DerivedValue { .. }
            | FitError::RowWeight { .. }
            | FitError::TargetValue { .. }
            | FitError::NoInputs { .. }
            | FitError::TooFewRows { .. }
            | FitError::Train(_) => FitErrorKind::Data,
            FitError::Model { .. } => FitErrorKind::Model,
            FitError::Build(_) | FitError::Compile(_) | FitError::Session(_) => FitErrorKind::Usage,
            FitError::Write { .. } => FitErrorKind::Io,
        }
    }
}
