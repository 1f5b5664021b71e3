//! `backpass evaluate`.

use std::path::PathBuf;

use backpass_tabular::{Metrics, Model, Surprises};
use serde::Serialize;

use crate::demand::Demand;
use crate::exit::Failure;
use crate::judging::Judging;
use crate::output::{self, Talk, row};

/// Judge a model on rows whose target is known
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Evaluate {
    /// A model written by train
    #[arg(value_name = "MODEL")]
    model: PathBuf,

    /// A CSV, Parquet or IDX file with the model's columns, plain or gzipped; - for standard input
    #[arg(value_name = "DATA")]
    data: PathBuf,

    /// Exit with 1 if a metric is worse than this; may be given several times
    #[arg(long, value_name = "METRIC=VALUE")]
    require: Vec<Demand>,

    #[command(flatten)]
    judging: Judging,
}

const EXAMPLES: &str = "\
Examples:
  backpass evaluate moons.backpass test.csv
  backpass evaluate moons.backpass test.csv --require accuracy=0.9 --require log_loss=0.3
  backpass evaluate moons.backpass test.csv --json | jq .metrics.accuracy";

/// A confusion matrix of more classes than this is for programs.
const MOST_SHOWN_CLASSES: usize = 20;

/// What `--json` prints.
#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    task: &'static str,
    target: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    interval: Option<f64>,
    classes: &'a [String],
    rows: usize,
    metrics: &'a Metrics,
    surprises: &'a Surprises,
    notes: &'a [String],
}

impl Evaluate {
    pub fn run(self, talk: &Talk) -> Result<(), Failure> {
        let model = Model::load(&self.model)?;
        Demand::suit(&self.require, &model.target)?;
        let table = self.judging.reading.table(&self.data)?;
        let (metrics, rows, surprises) =
            model.evaluate(&table, self.judging.threads.count()).map_err(Failure::of_table)?;
        let mut notes = surprises.notes();
        if model.was_trained_on(&table.identified()) {
            let other = "`backpass report` judges by rows that it has not learnt from, where there are any";
            notes.push(format!("the model was trained on this very table; {other}"));
        }
        if rows < table.rows() {
            notes.push(format!("rows without a target that are left out: {}", table.rows() - rows));
        }
        notes.iter().chain(&metrics.notes).for_each(|note| talk.note(note));
        let classes = model.target.task.classes();
        if self.judging.json {
            output::json(&Document {
                schema: "backpass.evaluate/1",
                task: model.target.task.name(),
                target: model.target.name(),
                interval: model.target.interval,
                classes,
                rows,
                metrics: &metrics,
                surprises: &surprises,
                notes: &notes,
            })?;
        } else {
            let mut text = output::metrics_table(&[(&format!("{rows} rows"), &metrics)]);
            if let Some(counts) = metrics.confusion.as_ref().filter(|_| classes.len() <= MOST_SHOWN_CLASSES) {
                text += &format!("\n{}", confusion(classes, counts));
            }
            output::print(text)?;
        }
        Demand::check(&self.require, &metrics)
    }
}

/// Actual classes downwards, predicted ones to the right.
fn confusion(classes: &[String], counts: &[Vec<f64>]) -> String {
    let mut rows = vec![row("actual \\ predicted", classes)];
    rows.extend(classes.iter().zip(counts).map(|(class, counts)| row(class, counts)));
    output::columns(&rows, 1)
}
