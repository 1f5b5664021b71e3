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
    /// A number.
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

    /// The outputs of a network: a logit for each class, one for two classes, or one number.
    pub fn outputs(&self) -> usize {
        match self {
            Task::Multiclass { classes } => classes.len(),
            _ => 1,
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

/// The column to predict and what predicting it means.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// The name of the column.
    pub name: String,
    /// What is predicted.
    #[serde(flatten)]
    pub task: Task,
    /// Why it is this task, in one line.
    pub reason: String,
    /// The probability from which the second of two classes is predicted; by default the more probable class is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
}

impl Target {
    /// Decides what predicting the column means. The schema is best inferred with
    /// [`InferOptions::target`](crate::InferOptions::target) set to the same column.
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
        Ok(Target { name: name.into(), task, reason, threshold: None })
    }

    /// Makes `class` the second of two classes, which thresholds, f1 and the like speak of.
    pub fn set_positive(&mut self, class: &str) -> Result<()> {
        match &mut self.task {
            Task::Binary { classes } if classes.iter().any(|known| known == class) => {
                classes.sort_by_key(|known| known == class);
                Ok(())
            }
            task => Err(TableError::NoSuchClass {
                column: self.name.clone(),
                class: class.to_string(),
                classes: task.classes().join(", "),
            }),
        }
    }

    /// The class of every row, `None` where the target is missing. Only for classification.
    pub fn to_classes(&self, table: &Table, schema: &Schema) -> Result<Vec<Option<u32>>> {
        let classes = self.task.classes();
        let levels = schema.to_levels(table, &self.name, classes)?;
        let class = |(row, level): (usize, Level)| match level {
            Level::Known(class) => Ok(Some(class)),
            Level::Missing => Ok(None),
            Level::Unseen => Err(TableError::UnknownClass {
                file: table.name.clone(),
                place: table.place(row),
                column: self.name.clone(),
                value: table.column(&self.name)?.cells.text(row).into_owned(),
                classes: classes.len(),
            }),
        };
        levels.into_iter().enumerate().map(class).collect()
    }

    /// The rows that have a target; the others teach nothing and judge nothing.
    pub fn present(&self, table: &Table, schema: &Schema) -> Result<Vec<u32>> {
        let rows = 0..;
        Ok(match self.task {
            Task::Regression => {
                let numbers = schema.to_numbers(table, &self.name)?;
                rows.zip(numbers).filter(|(_, number)| !number.is_nan()).map(|(row, _)| row).collect()
            }
            _ => {
                let classes = self.to_classes(table, schema)?;
                rows.zip(classes).filter(|(_, class)| class.is_some()).map(|(row, _)| row).collect()
            }
        })
    }
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
