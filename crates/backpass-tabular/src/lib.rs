//! Tables for neural networks: from a file to typed columns, splits and metrics.
//!
//! The way of a table through this crate:
//!
//! 1. [`read()`] takes CSV, Parquet or IDX, plain or gzipped, and gives a [`Table`] of raw cells.
//! 2. [`Schema::infer`] decides over the whole table what each column is and says why.
//! 3. [`Target::infer`] decides what predicting a column means: classes or numbers.
//! 4. [`Schema::to_numbers`], [`Schema::to_levels`] and [`Schema::to_days`] turn cells into
//!    values, at training time and later on new tables.
//! 5. [`holdout`] and [`folds`] split rows, [`metrics`] judge predictions, [`write_csv`] writes them.
//!
//! Every decision is recorded in words: [`Table::notes`], [`ColumnSchema::reason`],
//! [`ColumnSchema::warning`], [`Target::reason`].
//!
//! ```
//! use backpass_tabular::{InferOptions, Kind, ReadOptions, Schema, read_from};
//!
//! let csv = "size;colour\n1,5;red\n2,25;blue\n3,5;red\n";
//! let table = read_from("example", csv.as_bytes(), &ReadOptions::default())?;
//! let schema = Schema::infer(&table, &InferOptions::default())?;
//! assert!(matches!(schema.column("colour")?.kind, Kind::Category { .. }));
//! assert_eq!(schema.to_numbers(&table, "size")?, [1.5, 2.25, 3.5]);
//! # Ok::<(), backpass_tabular::TableError>(())
//! ```

mod assess;
mod bag;
mod calibrate;
mod cv;
mod date;
mod decimal;
mod decisions;
mod digest;
pub mod doctor;
mod encode;
mod error;
mod explain;
mod features;
mod file;
mod fit;
mod fit_error;
mod formula;
mod generate;
mod head;
mod held_out;
mod infer;
mod landscape;
mod linear_map;
pub mod metrics;
mod model;
mod number;
mod one_or_many;
mod options;
mod outputs;
mod preset;
mod read;
mod readers;
mod resolve;
mod rows;
mod runner;
mod schema;
mod split;
mod suggest;
mod summary;
mod table;
mod task;
mod text_cells;
mod threshold;
mod tune;
mod watch;
mod workers;
mod write;

pub use assess::{
    Along, AssessOptions, Assessment, Bin, ClassCurves, Classes, Comparison, Contestant, Dependence, Details,
    Difference, Importance, Interval, Intervals, Judged, Numbers, WorstRow, compare,
};
pub use cv::{CrossValidation, Fold, Spread, cross_validate};
pub use date::DateFormat;
pub use encode::{CategoryInput, Inputs, Surprises};
pub use error::{ErrorKind, Place, Result, TableError};
pub use explain::{Explained, Sensitivity};
pub use file::{LayerRecord, check_writable, write_file};
pub use fit::{Fitted, Prepared, Watcher, fit, prepare, prepare_from};
pub use fit_error::{FitError, FitErrorKind, ModelProblem};
pub use formula::Coefficient;
pub use generate::{DATA_SETS, DataSet};
pub use infer::{InferOptions, KindName, MISSING};
pub use landscape::LandscapeError;
pub use linear_map::LinearMap;
pub use metrics::Metrics;
pub use model::{Kept, Manifest, Model, Predictions};
pub use number::Notation;
pub use options::FitOptions;
pub use read::{Format, ReadOptions, STANDARD_INPUT, read, read_from};
pub use schema::{ColumnSchema, Kind, Level, Schema};
pub use split::{Split, Strategy, folds, holdout};
pub use summary::{Summary, SummaryMetrics, SummaryRows};
pub use table::{Cells, Column, Identified, Lines, Table};
pub use task::{Target, Task, TaskName};
pub use text_cells::{TextCells, Values};
pub use tune::{Search, Space, Trial, TuneError, TuneOptions, tune};
pub use write::write_csv;
