//! Cells as values of their column's kind, any rows at a time. What is worked out of a text that a column keeps once is
//! remembered.

use std::collections::HashMap;

use crate::date::DateFormat;
use crate::error::{Result, TableError};
use crate::infer::{is_missing, missing_numbers};
use crate::number::{Notation, parse};
use crate::schema::{Kind, Level, Schema};
use crate::table::{Cells, Table};
use crate::text_cells::{Cell, TextCells};

/// What is known of the texts that a column keeps once, by their numbers.
pub(crate) struct Memo<T>(Vec<Option<T>>);

impl<T: Copy> Memo<T> {
    pub fn new() -> Self {
        Memo(Vec::new())
    }

    /// What is known of a text of `cells`, or is worked out now.
    pub fn get(&mut self, cells: &TextCells, code: u32, work_out: impl FnOnce() -> Result<T>) -> Result<T> {
        self.0.resize(cells.known_texts(), None);
        if let Some(known) = self.0[code as usize] {
            return Ok(known);
        }
        let found = work_out()?;
        self.0[code as usize] = Some(found);
        Ok(found)
    }
}

/// Which numbers in plain notation say the same in the notation of a column, and are present.
pub(crate) struct PlainNumbers {
    same: bool,
    missing: Vec<f64>,
}

impl PlainNumbers {
    pub fn new(notation: Notation, missing: &[String]) -> Self {
        PlainNumbers { same: notation != Notation::DecimalComma, missing: missing_numbers(missing) }
    }

    pub fn says(&self, value: f64) -> bool {
        self.same && !self.missing.contains(&value)
    }
}

/// Reads a column of numbers, or of dates as days since 1 January 1970; NaN where missing.
pub(crate) struct NumberReader<'a> {
    schema: &'a Schema,
    name: &'a str,
    form: Form<'a>,
    known: Memo<f64>,
}

enum Form<'a> {
    Number { notation: Notation, odd: &'a [String], plain: PlainNumbers },
    Date(DateFormat),
}

impl<'a> NumberReader<'a> {
    /// Of a column by its kind; other kinds than dates are read as numbers.
    pub fn new(schema: &'a Schema, name: &'a str) -> Result<Self> {
        match schema.column(name)?.kind {
            Kind::Date { .. } => Self::days(schema, name),
            _ => Self::numbers(schema, name),
        }
    }

    pub fn numbers(schema: &'a Schema, name: &'a str) -> Result<Self> {
        let (notation, odd) = match &schema.column(name)?.kind {
            Kind::Number { notation, odd } => (*notation, &odd[..]),
            _ => (Notation::Plain, &[][..]),
        };
        let plain = PlainNumbers::new(notation, &schema.missing);
        Ok(NumberReader { schema, name, form: Form::Number { notation, odd, plain }, known: Memo::new() })
    }

    pub fn days(schema: &'a Schema, name: &'a str) -> Result<Self> {
        let format = match schema.column(name)?.kind {
            Kind::Date { format } => format,
            _ => DateFormat::Iso,
        };
        Ok(NumberReader { schema, name, form: Form::Date(format), known: Memo::new() })
    }

    /// The column in these rows of a table; always the same table.
    pub fn read(&mut self, table: &Table, rows: impl Iterator<Item = usize>) -> Result<Vec<f64>> {
        let NumberReader { schema, name, form, known } = self;
        let cells = &table.column(name)?.cells;
        let from_text = |row: usize, text: &str| {
            form.value(&schema.missing, text).ok_or_else(|| form.refuse(table, name, row, text))
        };
        match (cells, &*form) {
            (Cells::Byte(cells), Form::Number { .. }) => {
                Ok(rows.map(|row| cells.get(row).map_or(f64::NAN, f64::from)).collect())
            }
            (Cells::Number(cells), Form::Number { odd, plain, .. }) => {
                let number = |row| match cells.get(row).unwrap_or(f64::NAN) {
                    cell if plain.missing.contains(&cell) => Ok(f64::NAN),
                    cell if cell.is_infinite() => {
                        let text = cell.to_string();
                        if odd.contains(&text) { Ok(f64::NAN) } else { Err(form.refuse(table, name, row, &text)) }
                    }
                    cell => Ok(cell),
                };
                rows.map(number).collect()
            }
            (Cells::Text(cells), form) => {
                let number = |row| match (cells.cell(row), form) {
                    (Cell::Number(value), Form::Number { plain, .. }) if plain.says(value) => Ok(value),
                    (Cell::Number(_), _) => from_text(row, &cells.get(row)),
                    (Cell::Known(code, text), _) => known.get(cells, code, || from_text(row, text)),
                    (Cell::Text(text), _) => from_text(row, text),
                };
                rows.map(number).collect()
            }
            (cells, Form::Date(_)) => rows.map(|row| from_text(row, &cells.text(row))).collect(),
        }
    }
}

impl Form<'_> {
    fn value(&self, missing: &[String], text: &str) -> Option<f64> {
        if is_missing(text, missing) {
            return Some(f64::NAN);
        }
        match self {
            Form::Number { odd, .. } if odd.iter().any(|odd| odd == text.trim()) => Some(f64::NAN),
            Form::Number { notation, .. } => parse(text, *notation).or_else(|| boolean(text).map(f64::from)),
            // Parquet has a type for dates, so its cells are ISO dates in any case.
            Form::Date(format) => format.parse(text).or_else(|| DateFormat::Iso.parse(text)),
        }
    }

    fn refuse(&self, table: &Table, name: &str, row: usize, text: &str) -> TableError {
        let (file, place, column, value) = (table.name.clone(), table.place(row), name.into(), text.into());
        match self {
            Form::Number { .. } => TableError::NotNumber { file, place, column, value },
            Form::Date(format) => TableError::NotDate { file, place, column, value, example: format.example() },
        }
    }
}

/// Reads a column of levels. Different spellings of a number or a boolean match: `1`, `1.0` and, if it is no level of its
/// own, `true`.
pub(crate) struct LevelReader<'a> {
    missing: &'a [String],
    name: &'a str,
    indices: HashMap<String, u32>,
    known: Memo<Level>,
}

impl<'a> LevelReader<'a> {
    pub fn new(schema: &'a Schema, name: &'a str, levels: &[String]) -> Self {
        let exact = (0..).zip(levels).map(|(index, level)| (level.clone(), index));
        let mut indices: HashMap<String, u32> = exact.collect();
        for (index, level) in (0..).zip(levels) {
            if let Some(spelling) = canonical(level) {
                indices.entry(spelling).or_insert(index);
            }
        }
        LevelReader { missing: &schema.missing, name, indices, known: Memo::new() }
    }

    /// The column in these rows of a table; always the same table.
    pub fn read(&mut self, table: &Table, rows: impl Iterator<Item = usize>) -> Result<Vec<Level>> {
        let LevelReader { missing, name, indices, known } = self;
        let level = |text: &str| {
            if is_missing(text, missing) {
                return Level::Missing;
            }
            let index = indices.get(text.trim()).or_else(|| indices.get(&canonical(text)?));
            index.map_or(Level::Unseen, |&index| Level::Known(index))
        };
        match &table.column(name)?.cells {
            Cells::Text(cells) => {
                let of = |row| match cells.cell(row) {
                    Cell::Known(code, text) => known.get(cells, code, || Ok(level(text))),
                    Cell::Text(text) => Ok(level(text)),
                    Cell::Number(_) => Ok(level(&cells.get(row))),
                };
                rows.map(of).collect()
            }
            cells => Ok(rows.map(|row| level(&cells.text(row))).collect()),
        }
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
