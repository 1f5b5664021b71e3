//! `backpass cv`.

use std::path::PathBuf;

use backpass_tabular::{CrossValidation, Fold, Spread, cross_validate, metrics};

use crate::exit::Failure;
use crate::output::{self, Talk, number, row, significant};
use crate::training::Training;

/// Judge training options on every row of a table, each by a network that has not seen it
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Cv {
    /// A CSV, Parquet or IDX file, plain or gzipped; - for standard input
    #[arg(value_name = "DATA")]
    data: PathBuf,

    /// The parts of the rows, each of which is left out once; how they are split: --split
    #[arg(long, value_name = "K", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    folds: u16,

    /// How often to split the rows anew and do it all again
    #[arg(long, value_name = "R", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    repeats: u16,

    #[command(flatten)]
    training: Training,

    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  backpass cv penguins.csv --target species
  backpass cv energy.csv --target heating_load --folds 10 --repeats 3 --hidden 64,64
  backpass cv visits.csv --target result --split group=patient
  backpass cv prices.csv --target price --split ordered --json";

impl Cv {
    pub fn run(self, talk: &Talk) -> Result<(), Failure> {
        let threads = self.training.threads.count();
        let config = self.training.resolve()?;
        let table = config.table(&self.data)?;
        talk.say(format!("{}: {} rows, {} columns", table.name, table.rows(), table.columns.len()));
        let splits = (usize::from(self.folds), usize::from(self.repeats));
        let mut tell = |fold: &Fold| {
            let (name, value) = fold.metrics.values[0];
            talk.say(format!("  {}: {name} {}, {:.1} s", title(fold, self.repeats > 1), number(value), fold.seconds));
        };
        let result = cross_validate(&table, &config.options, splits, threads, &mut tell)?;
        if self.json {
            return output::json(&Document { schema: "backpass.cv/1", result: &result });
        }
        result.folds.iter().flat_map(|fold| &fold.metrics.notes).for_each(|note| talk.note(note));
        output::print(text(&result, self.repeats > 1))
    }
}

/// What `--json` prints.
#[derive(serde::Serialize)]
struct Document<'a> {
    schema: &'static str,
    #[serde(flatten)]
    result: &'a CrossValidation,
}

/// A line for each fold, then the mean with its standard error; of several targets, each metric's means after that.
fn text(result: &CrossValidation, repeated: bool) -> String {
    let (of_all, of_each): (Vec<&Spread>, Vec<&Spread>) = result.metrics.iter().partition(|s| s.target.is_none());
    let names = of_all.iter().map(|spread| spread.metric.to_string());
    let mut rows = vec![row("left out", std::iter::once("rows".to_string()).chain(names))];
    for fold in &result.folds {
        let values = of_all.iter().map(|spread| fold.metrics.get(spread.metric).map_or(String::new(), number));
        rows.push(row(&title(fold, repeated), std::iter::once(fold.judged.to_string()).chain(values)));
    }
    let error = |spread: &Spread| significant(spread.standard_error, 2);
    let summary = |name, value: &dyn Fn(&Spread) -> String| {
        row(name, std::iter::once(String::new()).chain(of_all.iter().map(|spread| value(spread))))
    };
    rows.push(summary("mean", &|spread| number(spread.mean)));
    rows.push(summary("standard error", &error));
    let mut text = output::columns(&rows, 1);
    if !of_each.is_empty() {
        let name = |spread: &Spread| metrics::title(spread.metric, spread.target.as_deref());
        let of = |spread: &&Spread| row(&name(spread), [number(spread.mean), error(spread)]);
        let rows: Vec<_> = std::iter::once(row("", ["mean", "standard error"])).chain(of_each.iter().map(of)).collect();
        text += &format!("\n{}", output::columns(&rows, 1));
    }
    text
}

fn title(fold: &Fold, repeated: bool) -> String {
    if repeated { format!("split {}, fold {}", fold.repeat, fold.fold) } else { format!("fold {}", fold.fold) }
}
