//! What predicting a column means.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::error::{Result, TableError};
use crate::number::{Notation, parse};
use crate::schema::{Kind, Level, Schema};
use crate::table::Table;

/// Integers of more than this many values are quantities rather than classes.
const MOST_INTEGER_CLASSES: usize = 20;

/// Integers are classes only if there are this many rows of a class on average.
const ROWS_PER_CLASS: usize = 5;

/// What is predicted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "snake_case")]
pub enum Task {
    /// One of two classes; the second is the positive one.
    Binary {
        /// The classes, in numeric or else in text order.
        classes: Vec<String>,
    },
    /// One of at least three classes.
    Multiclass {
        /// The classes, in numeric or else in text order.
        classes: Vec<String>,
    },
    /// Numbers, at least one.
    Regression,
}

impl Task {
    /// The classes; none for regression.
    pub fn classes(&self) -> &[String] {
        match self {
            Task::Binary { classes } | Task::Multiclass { classes } => classes,
            Task::Regression => &[],
        }
    }
}

/// A task that a user asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskName {
    /// Predict one of several classes.
    Classification,
    /// Predict a number.
    Regression,
}

/// The column to predict, or several, and what predicting means.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// The names of the columns: one of classes, or at least one of numbers.
    #[serde(rename = "name", with = "crate::one_or_many")]
    pub columns: Vec<String>,
    /// What is predicted.
    #[serde(flatten)]
    pub task: Task,
    /// Why it is this task, in one line.
    pub reason: String,
    /// The probability from which the second of two classes is predicted; by default the more probable class is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// The share of the rows whose number is to lie between two bounds, which are predicted beside the median.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<f64>,
}

impl Target {
    /// Decides what predicting several columns means: each is a number. For a single one as [`Target::infer`].
    pub fn infer_all(table: &Table, schema: &Schema, names: &[String], wanted: Option<TaskName>) -> Result<Target> {
        if let [name] = names {
            return Target::infer(table, schema, name, wanted);
        }
        for name in names {
            match schema.column(name)?.kind {
                Kind::Number { .. } => _ = number_task(table, schema, name, Some(TaskName::Regression))?,
                Kind::Constant => return Err(constant(table, schema, name)),
                ref kind => {
                    return Err(TableError::TargetOfSeveral { column: name.clone(), kind: kind.describe() });
                }
            }
        }
        let reason = "several targets are predicted as numbers".to_string();
        Ok(Target { columns: names.to_vec(), task: Task::Regression, reason, threshold: None, interval: None })
    }

    /// Decides what predicting the column means. The schema is best inferred with
    /// [`InferOptions::targets`](crate::InferOptions::targets) set to the same column.
    pub fn infer(table: &Table, schema: &Schema, name: &str, wanted: Option<TaskName>) -> Result<Target> {
        table.column(name)?;
        let column = schema.column(name)?;
        let (task, reason) = match &column.kind {
            Kind::Category { .. } if wanted == Some(TaskName::Regression) => {
                schema.to_numbers(table, name)?;
                (Task::Regression, "as requested".to_owned())
            }
            Kind::Category { levels } => {
                let rows = table.rows() - column.missing;
                (classes(name, levels.clone(), rows)?, format!("{} distinct texts", levels.len()))
            }
            Kind::Number { .. } => number_task(table, schema, name, wanted)?,
            Kind::Constant => return Err(constant(table, schema, name)),
            kind => {
                return Err(TableError::TargetKind { column: name.into(), kind: kind.describe() });
            }
        };
        Ok(Target { columns: vec![name.into()], task, reason, threshold: None, interval: None })
    }

    /// Makes `class` the second of two classes, which thresholds, f1 and the like speak of.
    pub fn set_positive(&mut self, class: &str) -> Result<()> {
        let column = self.name();
        match &mut self.task {
            Task::Binary { classes } if classes.iter().any(|known| known == class) => {
                classes.sort_by_key(|known| known == class);
                Ok(())
            }
            task => {
                Err(TableError::NoSuchClass { column, class: class.to_string(), classes: task.classes().join(", ") })
            }
        }
    }

    /// The class of every row, `None` where the target is missing. Only for classification.
    pub fn to_classes(&self, table: &Table, schema: &Schema) -> Result<Vec<Option<u32>>> {
        let classes = self.task.classes();
        let name = self.name();
        let levels = schema.to_levels(table, &name, classes)?;
        let class = |(row, level): (usize, Level)| match level {
            Level::Known(class) => Ok(Some(class)),
            Level::Missing => Ok(None),
            Level::Unseen => Err(TableError::UnknownClass {
                file: table.name.clone(),
                place: table.place(row),
                column: name.clone(),
                value: table.column(&name)?.cells.text(row).into_owned(),
                classes: classes.len(),
            }),
        };
        levels.into_iter().enumerate().map(class).collect()
    }

    /// The rows that have every target; the others teach nothing and judge nothing.
    pub fn present(&self, table: &Table, schema: &Schema) -> Result<Vec<u32>> {
        let values = self.values(table, schema)?;
        let rows = (0..).zip(values.chunks(self.columns.len().max(1)));
        Ok(rows.filter(|(_, row)| !row.iter().any(|value| value.is_nan())).map(|(row, _)| row).collect())
    }
}

/// The columns of a table that a text names: one, or several separated by commas. A column whose name holds a comma is one.
pub(crate) fn columns_named(table: &Table, text: &str) -> Result<Vec<String>> {
    if !text.contains(',') || table.column(text).is_ok() {
        table.column(text)?;
        return Ok(vec![text.to_string()]);
    }
    let parts: Vec<&str> = text.split(',').collect();
    let (mut names, mut rest) = (Vec::new(), &parts[..]);
    while !rest.is_empty() {
        let joined = |count: usize| rest[..count].join(",").trim().to_string();
        let count = (1..=rest.len()).rev().find(|&count| table.column(&joined(count)).is_ok()).unwrap_or(1);
        let name = joined(count);
        table.column(&name)?;
        if names.contains(&name) {
            return Err(TableError::TargetTwice { column: name });
        }
        names.push(name);
        rest = &rest[count..];
    }
    Ok(names)
}

/// Decides for a column of numbers whether they are classes.
fn number_task(table: &Table, schema: &Schema, name: &str, wanted: Option<TaskName>) -> Result<(Task, String)> {
    let numbers = schema.to_numbers(table, name)?;
    let mut counts: HashMap<u64, usize> = HashMap::new();
    for number in numbers.iter().filter(|number| !number.is_nan()) {
        // Adding zero makes -0 the same as 0.
        *counts.entry((number + 0.0).to_bits()).or_default() += 1;
    }
    let values: Vec<f64> = counts.keys().map(|&bits| f64::from_bits(bits)).collect();
    let rows: usize = counts.values().sum();
    if values.len() < 2 {
        return Err(constant(table, schema, name));
    }
    let (wanted, reason) = match wanted {
        Some(wanted) => (wanted, "as requested".to_owned()),
        None if table.image.is_some() && name == crate::read::LABEL => {
            (TaskName::Classification, "labels of images".into())
        }
        None => guess(&values, rows, counts.values()),
    };
    let task = match wanted {
        TaskName::Regression => Task::Regression,
        TaskName::Classification => classes(name, values.iter().map(f64::to_string).collect(), rows)?,
    };
    Ok((task, reason))
}

fn guess<'a>(values: &[f64], rows: usize, counts: impl Iterator<Item = &'a usize> + Clone) -> (TaskName, String) {
    let distinct = values.len();
    let lowest = values.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if values.iter().any(|value| value.fract() != 0.0) {
        return (TaskName::Regression, format!("numbers from {lowest} to {highest}"));
    }
    if distinct == 2 {
        return (TaskName::Classification, format!("only the values {lowest} and {highest}"));
    }
    if distinct <= MOST_INTEGER_CLASSES && rows >= ROWS_PER_CLASS * distinct {
        if lowest == 0.0 && highest == (distinct - 1) as f64 {
            return (TaskName::Classification, format!("the integers 0 to {highest}"));
        }
        if counts.clone().max() <= counts.min().map(|least| 3 * least).as_ref() {
            let reason = format!("{distinct} integers, about equally frequent");
            return (TaskName::Classification, reason);
        }
    }
    let reason = format!("{distinct} different integers from {lowest} to {highest}");
    (TaskName::Regression, reason)
}

/// The task of predicting one of these classes.
fn classes(name: &str, mut classes: Vec<String>, rows: usize) -> Result<Task> {
    let distinct = classes.len();
    if distinct > MOST_INTEGER_CLASSES && distinct > rows / 2 {
        return Err(TableError::TooManyClasses { column: name.into(), distinct, rows });
    }
    let number = |class: &String| parse(class, Notation::Plain);
    if classes.iter().all(|class| number(class).is_some()) {
        classes.sort_by(|a, b| number(a).partial_cmp(&number(b)).unwrap_or(a.cmp(b)));
    } else {
        classes.sort();
    }
    match distinct {
        0 => Err(TableError::TargetMissing { column: name.into() }),
        1 => Err(TableError::SingleClass { column: name.into(), value: classes.remove(0) }),
        2 => Ok(Task::Binary { classes }),
        _ => Ok(Task::Multiclass { classes }),
    }
}

fn constant(table: &Table, schema: &Schema, name: &str) -> TableError {
    let present = table.column(name).ok().and_then(|column| {
        let texts = (0..table.rows()).map(|row| column.cells.text(row).into_owned());
        texts.into_iter().find(|text| !crate::infer::is_missing(text, &schema.missing))
    });
    match present {
        Some(value) => TableError::SingleClass { column: name.into(), value },
        None => TableError::TargetMissing { column: name.into() },
    }
}
