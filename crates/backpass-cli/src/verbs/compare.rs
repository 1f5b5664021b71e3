//! `backpass compare`.

use std::path::{Path, PathBuf};

use backpass_tabular::metrics::title;
use backpass_tabular::{Comparison, Contestant, Difference, Interval, Model, compare};
use serde::Serialize;

use crate::exit::Failure;
use crate::judging::Judging;
use crate::output::{self, Talk, number, row};
use crate::report::{Rows, options};

/// Judge models beside each other on the same rows
#[derive(clap::Args)]
#[command(after_help = EXAMPLES, override_usage = "backpass compare [OPTIONS] <MODEL> <MODEL>... <DATA>")]
pub struct Compare {
    /// Two or more models written by train, of which the others are compared with the first; then the data
    #[arg(value_name = "FILE", required = true, num_args = 3..)]
    files: Vec<PathBuf>,

    /// Judge by all rows, even those that a model has learnt from; by default of its own table those held out
    #[arg(long)]
    all_rows: bool,

    #[command(flatten)]
    judging: Judging,
}

const EXAMPLES: &str = "\
Examples:
  backpass compare linear.backpass small.backpass large.backpass test.csv
  backpass compare old.backpass new.backpass test.csv --json | jq '.differences[] | select(.better)'";

/// What `--json` prints.
#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    task: &'static str,
    target: String,
    judged_by: &'a str,
    caution: Option<&'a str>,
    #[serde(flatten)]
    comparison: &'a Comparison,
}

impl Compare {
    pub fn run(self, talk: &Talk) -> Result<(), Failure> {
        let Some((data, files)) = self.files.split_last() else {
            return Err(Failure::usage("there is nothing to compare"));
        };
        let load = |path: &PathBuf| Ok((name(path, files), Model::load(path)?));
        let models: Vec<(String, Model)> = files.iter().map(load).collect::<Result<_, Failure>>()?;
        let table = self.judging.reading.table(data)?;
        let table = table.identified();
        let rows = Rows::of(models.iter().map(|(_, model)| model), &table, self.all_rows)?;
        let first = &models[0].1;
        let options = options(first, self.judging.threads.count(), rows.unseen);
        let comparison = compare(&models, &table, &rows.numbers, &options).map_err(Failure::of_table)?;
        // That the models have learnt from the rows is said of all of them or, in why there is no verdict, by name.
        let all_alike = comparison.models.windows(2).all(|pair| pair[0].learnt == pair[1].learnt);
        let caution = rows.caution.filter(|_| all_alike);
        if self.judging.json {
            let (task, target) = (first.target.task.name(), first.target.name());
            let judged_by = rows.are.as_str();
            let schema = "backpass.compare/1";
            return output::json(&Document { schema, task, target, judged_by, caution, comparison: &comparison });
        }
        talk.say(format!("{} {}", comparison.rows, rows.are));
        caution.into_iter().chain(comparison.undecided.as_deref()).for_each(|note| talk.note(note));
        output::print(text(&comparison))
    }
}

/// The name of the file, or its whole path where two models have the same name.
fn name(path: &Path, all: &[PathBuf]) -> String {
    let twins = all.iter().filter(|other| other.file_stem() == path.file_stem()).count();
    let short = path.file_stem().filter(|_| twins == 1);
    short.map_or_else(|| path.display().to_string(), |stem| stem.to_string_lossy().into_owned())
}

/// The metrics of every model, then what differs.
fn text(comparison: &Comparison) -> String {
    let Comparison { models, differences, resamples, .. } = comparison;
    let metric = |at: usize| {
        let of = |model: &Contestant| number(model.metrics[at].value);
        row(&models[0].metrics[at].title(), models.iter().map(of))
    };
    let mut table = vec![row("", models.iter().map(|model| &model.name))];
    table.extend((0..models[0].metrics.len()).map(metric));
    table.push(row("parameters", models.iter().map(|model| model.parameters)));
    let mut text = output::columns(&table, 1);
    let base = &models[0].name;
    for differing in differences.chunk_by(|a, b| a.model == b.model) {
        text += &format!("\n{} less {base}, with 95 % intervals from {resamples} resamples\n", differing[0].model);
        let mut table = vec![row("", ["difference", "from", "to", ""])];
        table.extend(differing.iter().map(|differing| difference(differing, comparison.undecided.is_some())));
        text += &output::columns(&table, 1);
    }
    text
}

fn difference(of: &Difference, undecided: bool) -> Vec<String> {
    let bound =
        |bound: fn(&Interval) -> f64| of.interval.as_ref().map_or("not defined".to_string(), |i| number(bound(i)));
    let verdict = match of.better {
        Some(true) => "better",
        Some(false) => "worse",
        None if undecided => "no verdict",
        None => "not clear",
    };
    row(
        &title(of.metric, of.target.as_deref()),
        [number(of.value), bound(|i| i.low), bound(|i| i.high), verdict.to_string()],
    )
}
