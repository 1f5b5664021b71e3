//! `backpass generate`.

use std::path::PathBuf;

use backpass_tabular::{DATA_SETS, DataSet, write_csv};
use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::exit::Failure;
use crate::output::{self, Talk, columns, row};

/// Draw a data set in the plane: CSV with the columns x1, x2 and class
#[derive(clap::Args)]
#[command(after_help = format!("{}\n\n{EXAMPLES}", data_sets()))]
pub struct Generate {
    /// Which data set, see below
    #[arg(value_name = "DATASET", hide_possible_values = true, value_parser = data_set())]
    set: DataSet,

    /// The number of rows
    #[arg(long, value_name = "N", default_value_t = 400, value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    rows: u32,

    /// The number of classes
    #[arg(long, value_name = "N", default_value_t = 2)]
    classes: usize,

    /// The standard deviation of what is added to x1 and x2; by default what suits the data set
    #[arg(long, value_name = "SIZE")]
    noise: Option<f64>,

    /// Where all random numbers come from
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// The file to write; by default standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Replace the file if it is there already
    #[arg(long)]
    force: bool,
}

const EXAMPLES: &str = "\
Examples:
  backpass generate moons -o moons.csv
  backpass generate clouds --rows 1000 --classes 3 --seed 7 > clouds.csv
  backpass generate circles | backpass train - --target class --hidden 8";

fn data_sets() -> String {
    let row = |set: &DataSet| row(&format!("  {}", set.name), [set.summary]);
    format!("Data sets:\n{}", columns(&DATA_SETS.iter().map(row).collect::<Vec<_>>(), 2).trim_end())
}

fn data_set() -> impl TypedValueParser<Value = DataSet> {
    let names = DATA_SETS.iter().map(|set| set.name);
    PossibleValuesParser::new(names).try_map(|name| DataSet::named(&name).copied().ok_or("unknown"))
}

impl Generate {
    pub fn run(self, _: &Talk) -> Result<(), Failure> {
        let noise = self.noise.unwrap_or(self.set.noise);
        let table = self.set.generate(self.rows as usize, self.classes, noise, self.seed)?;
        let mut csv = Vec::new();
        write_csv(&table, &mut csv)?;
        output::print_to(self.output.as_deref(), &csv, self.force)
    }
}
