//! `backpass predict`.

use std::path::PathBuf;

use backpass_tabular::{Cells, Column, Model, Predictions, Table, TableError, check_writable, write_csv};

use crate::exit::Failure;
use crate::output::{self, Talk};
use crate::reading::Reading;
use crate::threads::Threads;

/// Predict the target of new rows, or several with their intervals, as CSV in the order of the rows
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Predict {
    /// A model written by train
    #[arg(value_name = "MODEL")]
    model: PathBuf,

    /// A CSV, Parquet or IDX file with the model's input columns, plain or gzipped; - for standard input
    #[arg(value_name = "DATA")]
    data: PathBuf,

    /// The file to write; by default standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Add the probability of each class
    #[arg(long)]
    probabilities: bool,

    /// Replace the file if it is there already
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    threads: Threads,

    #[command(flatten)]
    reading: Reading,
}

const EXAMPLES: &str = "\
Examples:
  backpass predict moons.backpass new.csv > predictions.csv
  backpass predict moons.backpass new.csv --probabilities -o predictions.csv
  zcat new.csv.gz | backpass predict moons.backpass -";

impl Predict {
    pub fn run(self, talk: &Talk) -> Result<(), Failure> {
        if let Some(path) = &self.output {
            check_writable(path, self.force)?;
        }
        let model = Model::load(&self.model)?;
        let table = self.reading.table(&self.data)?;
        let predictions = model.predict(&table, self.threads.count()).map_err(Failure::of_table)?;
        predictions.surprises.notes().iter().for_each(|note| talk.note(note));
        let mut csv = Vec::new();
        write_csv(&self.columns(&predictions)?, &mut csv)?;
        output::print_to(self.output.as_deref(), &csv, self.force)
    }

    fn columns(&self, predictions: &Predictions) -> Result<Table, TableError> {
        let Predictions { classes, names, .. } = predictions;
        let column = |name: String, cells| Column { name, cells };
        let number = |(at, name): (usize, &String)| column(name.clone(), Cells::Number(predictions.column(at).into()));
        if classes.is_empty() {
            // Several numbers are told apart by their names.
            let names = if names.len() == 1 { &["prediction".to_string()][..] } else { names };
            return Table::new("predictions", names.iter().enumerate().map(number).collect());
        }
        let names = (0..predictions.rows()).map(|row| &classes[predictions.class(row)]);
        let mut columns = vec![column("prediction".into(), Cells::Text(names.collect()))];
        for (index, class) in classes.iter().enumerate().filter(|_| self.probabilities) {
            columns.push(number((index, &format!("p({class})"))));
        }
        Table::new("predictions", columns)
    }
}
