//! What the columns of a table are, and their cells as values of that kind.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::date::DateFormat;
use crate::error::{Result, TableError};
use crate::infer::{is_missing, missing_numbers};
use crate::number::{Notation, parse};
use crate::table::{Cells, Table};

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
        let (notation, odd) = match &self.column(name)?.kind {
            Kind::Number { notation, odd } => (*notation, &odd[..]),
            _ => (Notation::Plain, &[][..]),
        };
        let fail = |row: usize, value: &str| TableError::NotNumber {
            file: table.name.clone(),
            place: table.place(row),
            column: name.into(),
            value: value.into(),
        };
        match &table.column(name)?.cells {
            Cells::Byte(cells) => Ok(cells.iter().map(|&cell| cell.into()).collect()),
            Cells::Number(cells) => {
                let markers = missing_numbers(&self.missing);
                let number = |(row, &cell): (usize, &f64)| match cell {
                    _ if markers.contains(&cell) => Ok(f64::NAN),
                    f64::INFINITY | f64::NEG_INFINITY => {
                        let text = cell.to_string();
                        if odd.contains(&text) { Ok(f64::NAN) } else { Err(fail(row, &text)) }
                    }
                    _ => Ok(cell),
                };
                cells.iter().enumerate().map(number).collect()
            }
            Cells::Text(cells) => {
                let number = |(row, cell): (usize, &str)| {
                    if is_missing(cell, &self.missing) || odd.iter().any(|odd| odd == cell.trim()) {
                        return Ok(f64::NAN);
                    }
                    let number = parse(cell, notation).or_else(|| boolean(cell).map(f64::from));
                    number.ok_or_else(|| fail(row, cell))
                };
                cells.iter().enumerate().map(number).collect()
            }
        }
    }

    /// The cells of a column as indices into `levels`. Different spellings of a number or a
    /// boolean match: `1`, `1.0` and, if it is no level of its own, `true`.
    pub fn to_levels(&self, table: &Table, name: &str, levels: &[String]) -> Result<Vec<Level>> {
        let column = table.column(name)?;
        let exact = (0..).zip(levels).map(|(index, level)| (level.clone(), index));
        let mut indices: HashMap<String, u32> = exact.collect();
        for (index, level) in (0..).zip(levels) {
            if let Some(spelling) = canonical(level) {
                indices.entry(spelling).or_insert(index);
            }
        }
        let level = |row| {
            let text = column.cells.text(row);
            if is_missing(&text, &self.missing) {
                return Level::Missing;
            }
            let index = indices.get(text.trim()).or_else(|| indices.get(&canonical(&text)?));
            index.map_or(Level::Unseen, |&index| Level::Known(index))
        };
        Ok((0..column.cells.len()).map(level).collect())
    }

    /// The cells of a column as days since 1 January 1970 with the time of day as the fraction,
    /// NaN where missing.
    pub fn to_days(&self, table: &Table, name: &str) -> Result<Vec<f64>> {
        let format = match self.column(name)?.kind {
            Kind::Date { format } => format,
            _ => DateFormat::Iso,
        };
        let column = table.column(name)?;
        let day = |row: usize| {
            let text = column.cells.text(row);
            if is_missing(&text, &self.missing) {
                return Ok(f64::NAN);
            }
            // Parquet has a type for dates, so its cells are ISO dates in any case.
            let day = format.parse(&text).or_else(|| DateFormat::Iso.parse(&text));
            day.ok_or_else(|| TableError::NotDate {
                file: table.name.clone(),
                place: table.place(row),
                column: name.into(),
                value: text.into_owned(),
                example: format.example(),
            })
        };
        (0..column.cells.len()).map(day).collect()
    }
}

/// One spelling for all spellings of a number or a boolean; none for other texts.
fn canonical(text: &str) -> Option<String> {
    let number = boolean(text).map(f64::from).or_else(|| parse(text, Notation::Plain))?;
    // Adding zero makes -0 the same as 0.
    Some((number + 0.0).to_string())
}

fn boolean(text: &str) -> Option<bool> {
    let text = text.trim();
    let is = |word: &str| text.eq_ignore_ascii_case(word);
    (is("true") || is("false")).then(|| is("true"))
}
