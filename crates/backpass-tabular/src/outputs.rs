//! What a model says of one row. The width of its network, its predictions, their names and the targets they are judged by
//! all follow from here.
//!
//! Of classes it says probabilities. Of numbers it says, target after target, the prediction and, where an interval is asked
//! for, the lower and the upper bound. The network has these the other way round: for all targets the lower bound, then the
//! median, then the upper bound, as the loss takes them.

use backpass::loss::Interval;

use crate::error::Result;
use crate::schema::Schema;
use crate::table::Table;
use crate::task::{Target, Task};

impl Target {
    /// The name of the column, or of all columns.
    pub fn name(&self) -> String {
        self.columns.join(", ")
    }

    /// Whether numbers are predicted.
    pub fn is_number(&self) -> bool {
        self.task == Task::Regression
    }

    /// The levels of the quantiles that the network gives of each target; none where it gives one number.
    pub fn levels(&self) -> Vec<f64> {
        self.interval.map_or(Vec::new(), |share| Interval { share }.levels().to_vec())
    }

    /// The numbers for each target: the prediction, and perhaps its bounds.
    pub fn per_target(&self) -> usize {
        self.levels().len().max(1)
    }

    /// The outputs of a network: a logit for each class, one for two classes, or the numbers of all targets.
    pub fn outputs(&self) -> usize {
        match &self.task {
            Task::Binary { .. } => 1,
            Task::Multiclass { classes } => classes.len(),
            Task::Regression => self.columns.len() * self.per_target(),
        }
    }

    /// The numbers that a prediction consists of: a probability for each class, or the numbers of all targets.
    pub fn width(&self) -> usize {
        if self.is_number() { self.outputs() } else { self.task.classes().len() }
    }

    /// The output of a model's head: `prediction` or `probabilities`.
    pub(crate) fn result(&self) -> &'static str {
        if self.is_number() { "prediction" } else { "probabilities" }
    }

    /// What the numbers of a prediction are called: the classes, or each target, followed by its bounds `NAME_low` and
    /// `NAME_high`.
    pub fn prediction_names(&self) -> Vec<String> {
        if !self.is_number() {
            return self.task.classes().to_vec();
        }
        let bounds: &[&str] = if self.interval.is_some() { &["", "_low", "_high"] } else { &[""] };
        let of = |name: &String| bounds.iter().map(|bound| format!("{name}{bound}")).collect::<Vec<_>>();
        self.columns.iter().flat_map(of).collect()
    }

    /// What the outputs of a network are: logits of the classes, of the second of two, or quantiles or means of what
    /// `numbers` calls the targets.
    pub(crate) fn output_names(&self, numbers: impl Fn(usize) -> String) -> Vec<String> {
        let logit = |class: &String| format!("logit of {class}");
        match self.task.classes() {
            [] => {
                let all = |prefix: &str| -> Vec<String> {
                    (0..self.columns.len()).map(|at| format!("{prefix}{}", numbers(at))).collect()
                };
                match &self.levels()[..] {
                    [] => all(""),
                    levels => levels.iter().flat_map(|&l| all(&format!("quantile {} of ", level(l)))).collect(),
                }
            }
            [_, second] => vec![logit(second)],
            classes => classes.iter().map(logit).collect(),
        }
    }

    /// The numbers of one row, `each` for every target: `5.5`, `5.5 (from 4 to 6)`, `height 5.5, weight 80`.
    pub(crate) fn in_words(&self, numbers: &[f64], each: usize) -> String {
        let of = |(name, numbers): (&String, &[f64])| {
            let name = if self.columns.len() == 1 { String::new() } else { format!("{name} ") };
            match numbers {
                [number, low, high] => format!("{name}{} (from {} to {})", short(*number), short(*low), short(*high)),
                [number] if self.columns.len() == 1 => number.to_string(),
                numbers => format!("{name}{}", numbers.first().map_or(f64::NAN, |number| short(*number))),
            }
        };
        self.columns.iter().zip(numbers.chunks(each.max(1))).map(of).collect::<Vec<_>>().join(", ")
    }

    /// The metrics that judge predicted numbers, the main one first.
    pub(crate) fn number_metrics(&self) -> &'static [&'static str] {
        match (&self.columns[..], self.interval) {
            ([_], None) => &["rmse", "mae", "r2", "mape"],
            ([_], Some(_)) => &["rmse", "mae", "r2", "mape", "interval_score"],
            _ => &["rrmse", "r2", "mape"],
        }
    }

    /// What a model is to say of each row of a table: class numbers, or the numbers of all targets, row by row, NaN where
    /// missing.
    pub(crate) fn values(&self, table: &Table, schema: &Schema) -> Result<Vec<f64>> {
        if !self.is_number() {
            let classes = self.to_classes(table, schema)?;
            return Ok(classes.into_iter().map(|class| class.map_or(f64::NAN, f64::from)).collect());
        }
        let columns = self.columns.iter().map(|name| schema.to_numbers(table, name)).collect::<Result<Vec<_>>>()?;
        Ok((0..table.rows()).flat_map(|row| columns.iter().map(move |column| column[row])).collect())
    }
}

/// A number of six digits, for people who look at several.
pub(crate) fn short(number: f64) -> f64 {
    format!("{number:.5e}").parse().unwrap_or(number)
}

/// A level as people write it.
pub(crate) fn level(level: f64) -> f64 {
    (level * 1e9).round() / 1e9
}

/// One of several numbers of each row.
pub(crate) fn column(values: &[f64], at: usize, width: usize) -> Vec<f64> {
    values.iter().skip(at).step_by(width.max(1)).copied().collect()
}
