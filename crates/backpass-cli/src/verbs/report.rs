//! `backpass report`.

use std::path::PathBuf;

use backpass_tabular::{Model, check_writable};

use crate::exit::Failure;
use crate::output::Talk;
use crate::reading::Reading;
use crate::report::{self, Rows};
use crate::threads::Threads;

/// Write a report on a model as one page: how good, what it looks at, how it was made
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Report {
    /// A model written by train
    #[arg(value_name = "MODEL")]
    model: PathBuf,

    /// A CSV, Parquet or IDX file with the model's columns and its target, plain or gzipped; - for standard input
    #[arg(value_name = "DATA")]
    data: PathBuf,

    /// The page to write
    #[arg(short, long, value_name = "FILE", default_value = "report.html")]
    output: PathBuf,

    /// Replace the page if it is there already
    #[arg(long)]
    force: bool,

    /// Judge by all rows, even those that the model has learnt from; by default of its own table those held out
    #[arg(long)]
    all_rows: bool,

    #[command(flatten)]
    threads: Threads,

    #[command(flatten)]
    reading: Reading,
}

const EXAMPLES: &str = "\
Examples:
  backpass report moons.backpass test.csv
  backpass report moons.backpass moons.csv -o moons.html
  backpass train moons.csv --target class --report report.html";

impl Report {
    pub fn run(self, talk: &Talk) -> Result<(), Failure> {
        check_writable(&self.output, self.force)?;
        let model = Model::load(&self.model)?;
        let table = self.reading.table(&self.data)?;
        let table = table.identified();
        let rows = Rows::of([&model], &table, self.all_rows)?;
        talk.say(format!("{} {}", rows.numbers.len(), rows.are));
        let learnt = model.was_trained_on(&table).then_some(&*table);
        let threads = self.threads.count();
        let report = report::Report { model: &model, table: &table, rows: &rows, learnt, stages: None, threads };
        report.write(&self.output, self.force)?;
        talk.say(format!("report: {}", self.output.display()));
        Ok(())
    }
}
