//! What the columns of a table are, and their cells as values of that kind.

use serde::{Deserialize, Serialize};

use crate::date::DateFormat;
use crate::error::{Result, TableError};
use crate::number::Notation;
use crate::readers::{LevelReader, NumberReader};
use crate::table::Table;

/// The kinds of all columns of a table. Stored with a model, it reads new tables the same way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schema {
    /// The texts that stand for a missing value, whatever their case; the empty text always does.
    pub missing: Vec<String>,
    /// The columns in the order of the table.
    pub columns: Vec<ColumnSchema>,
}

/// What a column is, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnSchema {
    /// The name of the column.
    pub name: String,
    /// What its cells are.
    #[serde(flatten)]
    pub kind: Kind,
    /// The number of missing cells.
    pub missing: usize,
    /// The number of distinct values, not counting the missing ones.
    pub distinct: usize,
    /// Why it is of this kind, in one line.
    pub reason: String,
    /// What somebody should look at, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}

/// The kind of a column. The first three can be learnt from; the others are set aside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Kind {
    /// Numbers.
    Number {
        /// How they are written.
        notation: Notation,
        /// Further texts that stand for a missing value in this column: the rare odd cells.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        odd: Vec<String>,
    },
    /// One of several texts.
    Category {
        /// The texts, the most frequent first, equally frequent ones in text order.
        levels: Vec<String>,
    },
    /// Dates, perhaps with a time of day.
    Date {
        /// How they are written.
        format: DateFormat,
    },
    /// Free text.
    Text,
    /// A number or code that names the row.
    Identifier,
    /// The same in every row.
    Constant,
    /// Left out on request.
    Ignored,
}

impl Kind {
    /// Whether a network can take the column as input.
    pub fn is_input(&self) -> bool {
        matches!(self, Kind::Number { .. } | Kind::Category { .. } | Kind::Date { .. })
    }

    /// The kind in words, with an article where it needs one.
    pub fn describe(&self) -> &'static str {
        match self {
            Kind::Number { .. } => "a number",
            Kind::Category { .. } => "a category",
            Kind::Date { .. } => "a date",
            Kind::Text => "free text",
            Kind::Identifier => "an identifier",
            Kind::Constant => "constant",
            Kind::Ignored => "ignored",
        }
    }
}

/// A cell of a category.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The index of the level.
    Known(u32),
    /// No value.
    Missing,
    /// A value that is none of the levels.
    Unseen,
}

impl Schema {
    /// The column of that name.
    pub fn column(&self, name: &str) -> Result<&ColumnSchema> {
        let found = self.columns.iter().find(|column| column.name == name);
        found.ok_or_else(|| TableError::UnknownColumn {
            file: "the schema".into(),
            name: name.into(),
            columns: self.columns.iter().map(|column| column.name.clone()).collect(),
        })
    }

    /// The cells of a column as numbers, NaN where missing. Booleans count as 1 and 0.
    pub fn to_numbers(&self, table: &Table, name: &str) -> Result<Vec<f64>> {
        NumberReader::numbers(self, name)?.read(table, 0..table.rows())
    }

    /// The cells of a column as indices into `levels`. Different spellings of a number or a
    /// boolean match: `1`, `1.0` and, if it is no level of its own, `true`.
    pub fn to_levels(&self, table: &Table, name: &str, levels: &[String]) -> Result<Vec<Level>> {
        LevelReader::new(self, name, levels).read(table, 0..table.rows())
    }

    /// The cells of a column as days since 1 January 1970 with the time of day as the fraction,
    /// NaN where missing.
    pub fn to_days(&self, table: &Table, name: &str) -> Result<Vec<f64>> {
        NumberReader::days(self, name)?.read(table, 0..table.rows())
    }
}
