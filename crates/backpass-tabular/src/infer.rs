//! Decides what every column of a table is, from all of its cells.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::date::DateFormat;
use crate::error::{Result, TableError};
use crate::number::{Notation, parse};
use crate::readers::PlainNumbers;
use crate::schema::{ColumnSchema, Kind, Schema};
use crate::table::{Cells, Column, Table};
use crate::text_cells::Cell;

/// The texts that stand for a missing value unless others are given.
pub const MISSING: &[&str] = &["", "NA", "N/A", "NaN", "null", "None", "?", "-", "#N/A"];

/// A category may have this many levels in however few rows, unless every row has its own.
const FEW_LEVELS: usize = 10;

/// Texts of this mean length are sentences or names rather than codes.
const LONG_TEXT: usize = 16;

/// A kind that a user asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KindName {
    /// [`Kind::Number`].
    Number,
    /// [`Kind::Category`].
    Category,
    /// [`Kind::Date`].
    Date,
    /// [`Kind::Text`].
    Text,
    /// [`Kind::Ignored`].
    Ignore,
}

/// What is known about a table beforehand.
#[derive(Clone, Debug)]
pub struct InferOptions {
    /// The texts that stand for a missing value, whatever their case.
    pub missing: Vec<String>,
    /// Columns whose kind is given.
    pub overrides: Vec<(String, KindName)>,
    /// The columns to predict: they are numbers or categories even if they look like identifiers.
    pub targets: Vec<String>,
}

impl Default for InferOptions {
    fn default() -> Self {
        InferOptions {
            missing: MISSING.iter().map(|marker| marker.to_string()).collect(),
            overrides: Vec::new(),
            targets: Vec::new(),
        }
    }
}

/// Whether a cell stands for a missing value.
pub(crate) fn is_missing(cell: &str, markers: &[impl AsRef<str>]) -> bool {
    let cell = cell.trim();
    cell.is_empty() || markers.iter().any(|marker| cell.eq_ignore_ascii_case(marker.as_ref()))
}

/// The missing markers that are numbers, to find them among cells that are numbers.
pub(crate) fn missing_numbers(markers: &[String]) -> Vec<f64> {
    markers.iter().filter_map(|marker| parse(marker, Notation::Plain)).collect()
}

impl Schema {
    /// Decides what the columns of a table are, looking at every cell.
    pub fn infer(table: &Table, options: &InferOptions) -> Result<Schema> {
        let named = options.overrides.iter().map(|(name, _)| name).chain(&options.targets);
        for name in named {
            table.column(name)?;
        }
        let infer = |column: &Column| {
            let request = options.overrides.iter().rev().find(|(name, _)| *name == column.name);
            let is_target = options.targets.contains(&column.name);
            let look = Look { table, column, missing: &options.missing, keep: is_target };
            look.schema(request.map(|(_, kind)| *kind))
        };
        let mut columns = table.columns.iter().map(infer).collect::<Result<Vec<_>>>()?;
        keep_some_input(table, options, &mut columns);
        Ok(Schema { missing: options.missing.clone(), columns })
    }
}

impl Schema {
    /// The same kinds, with the levels and the numbers of missing cells of these rows alone.
    pub(crate) fn learn(&self, table: &Table) -> Result<Schema> {
        let learn = |known: &ColumnSchema| {
            let mut learnt = known.clone();
            let nan = |cells: Vec<f64>| cells.iter().filter(|cell| cell.is_nan()).count();
            match &mut learnt.kind {
                Kind::Number { .. } => learnt.missing = nan(self.to_numbers(table, &known.name)?),
                Kind::Date { .. } => learnt.missing = nan(self.to_days(table, &known.name)?),
                Kind::Category { levels: learnt_levels } => {
                    let column = table.column(&known.name)?;
                    let (missing, counts) = Look { table, column, missing: &self.missing, keep: false }.counts();
                    (learnt.missing, learnt.distinct) = (missing, counts.len());
                    *learnt_levels = levels(counts);
                }
                _ => {}
            }
            Ok(learnt)
        };
        let columns = self.columns.iter().map(learn).collect::<Result<_>>()?;
        Ok(Schema { missing: self.missing.clone(), columns })
    }
}

/// A lone input that counts up, such as the time of a series, is no identifier.
fn keep_some_input(table: &Table, options: &InferOptions, columns: &mut [ColumnSchema]) {
    let is_target = |column: &ColumnSchema| options.targets.contains(&column.name);
    if columns.iter().any(|column| column.kind.is_input() && !is_target(column)) {
        return;
    }
    for (found, column) in columns.iter_mut().zip(&table.columns) {
        if found.kind == Kind::Identifier {
            let look = Look { table, column, missing: &options.missing, keep: true };
            if let Ok(kept @ ColumnSchema { kind: Kind::Number { .. }, .. }) = look.schema(None) {
                let reason = format!("{}; kept though it counts up, for there is no other input", kept.reason);
                *found = ColumnSchema { reason, ..kept };
            }
        }
    }
}

/// A look at one column.
struct Look<'a> {
    table: &'a Table,
    column: &'a Column,
    missing: &'a [String],
    /// Whether the column is needed even if it looks like an identifier.
    keep: bool,
}

/// All cells of a column read as numbers in one notation.
struct Numbers {
    notation: Notation,
    values: Vec<f64>,
    missing: usize,
    /// The rows whose cells are neither numbers nor missing.
    odd: Vec<u32>,
}

/// What a cell is where numbers are looked for.
#[derive(Clone, Copy)]
enum Found {
    Number(f64),
    Missing,
    Odd,
}

impl Look<'_> {
    fn schema(&self, request: Option<KindName>) -> Result<ColumnSchema> {
        let requested = |kind| {
            let (missing, counts) = self.counts();
            self.found(kind, missing, counts.len(), "as requested".into())
        };
        match request {
            None => Ok(self.decide()),
            Some(KindName::Text) => Ok(requested(Kind::Text)),
            Some(KindName::Ignore) => Ok(requested(Kind::Ignored)),
            Some(KindName::Category) => Ok(requested(Kind::Category { levels: levels(self.counts().1) })),
            Some(KindName::Number) => {
                let Numbers { notation, odd, .. } = self.numbers();
                match odd.first() {
                    None => Ok(requested(Kind::Number { notation, odd: Vec::new() })),
                    Some(&row) => Err(TableError::NotNumber {
                        file: self.table.name.clone(),
                        place: self.table.place(row as usize),
                        column: self.column.name.clone(),
                        value: self.text(row as usize).into_owned(),
                    }),
                }
            }
            Some(KindName::Date) => match self.date_formats()[..] {
                [format, ..] => Ok(requested(Kind::Date { format })),
                [] => Err(self.not_a_date()),
            },
        }
    }

    fn decide(&self) -> ColumnSchema {
        let numbers = self.numbers();
        let present = numbers.values.len() + numbers.odd.len();
        if present == 0 {
            let reason = format!("all {} cells are missing", numbers.missing);
            return self.found(Kind::Constant, numbers.missing, 0, reason);
        }
        let tolerated = if present < 20 { 0 } else { (present / 100).max(1) };
        let is_text = matches!(self.column.cells, Cells::Text(_));
        let codes = is_text && self.codes();
        if !is_text || (numbers.odd.len() <= tolerated && !codes) {
            return self.number(numbers);
        }
        let mut found = self.date().unwrap_or_else(|| self.text_or_category());
        if codes {
            found.reason += "; digits of equal length, some with leading zeros";
        } else if numbers.values.len() > numbers.odd.len() {
            found.warning = Some(format!(
                "{} of {present} cells are numbers; the first that is not is {}",
                numbers.values.len(),
                self.cell(numbers.odd[0] as usize),
            ));
        }
        found
    }

    fn number(&self, numbers: Numbers) -> ColumnSchema {
        let Numbers { notation, values, missing, odd } = numbers;
        let whole = missing == 0 && odd.is_empty();
        let counts_up =
            values.windows(2).all(|pair| pair[1] == pair[0] + 1.0) && values.iter().all(|value| value.fract() == 0.0);
        let (present, first) = (values.len(), values.first().copied());
        let distinct = self.distinct(values);
        if let Some(first) = first.filter(|_| distinct == 1 && whole) {
            let reason = format!("every cell is {first}");
            return self.found(Kind::Constant, missing, distinct, reason);
        }
        if counts_up && whole && present >= 10 && notation == Notation::Plain && !self.keep {
            let reason = "every value is different and increases by 1: an identifier".into();
            return self.found(Kind::Identifier, missing, distinct, reason);
        }
        let written = match notation {
            Notation::Plain => "",
            Notation::Grouped => " with commas between thousands",
            Notation::DecimalComma => " with a decimal comma",
        };
        let reason = match missing + odd.len() {
            0 => format!("all {present} cells are numbers{written}"),
            lost => format!("all cells but {lost} missing ones are numbers{written}"),
        };
        let warning = odd.first().map(|&row| {
            format!(
                "{} of {} cells are not numbers and count as missing; the first is {}",
                odd.len(),
                self.column.cells.len(),
                self.cell(row as usize),
            )
        });
        let mut texts: Vec<String> = odd.iter().map(|&row| self.text(row as usize).into_owned()).collect();
        texts.sort();
        texts.dedup();
        let kind = Kind::Number { notation, odd: texts };
        ColumnSchema { warning, ..self.found(kind, missing + odd.len(), distinct, reason) }
    }

    fn date(&self) -> Option<ColumnSchema> {
        let formats = self.date_formats();
        let first = *formats.first()?;
        let (missing, counts) = self.counts();
        let day_or_month = [DateFormat::DayFirst, DateFormat::MonthFirst];
        let ambiguous = formats == day_or_month;
        // Points are the German way and never the American one.
        let pointed = counts.keys().all(|text| text.contains('.'));
        let format = if ambiguous && !pointed { DateFormat::MonthFirst } else { first };
        let present = self.column.cells.len() - missing;
        let reason = format!("all {present} cells are dates like {}", format.example());
        let warning = (ambiguous && !pointed)
            .then(|| "no day is above 12: the month is taken to come first, which may be wrong".to_owned());
        let found = self.found(Kind::Date { format }, missing, counts.len(), reason);
        Some(ColumnSchema { warning, ..found })
    }

    fn text_or_category(&self) -> ColumnSchema {
        let (missing, counts) = self.counts();
        let (distinct, rows) = (counts.len(), self.column.cells.len());
        let present = rows - missing;
        let letters: usize = self.present().map(|(_, text)| text.chars().count()).sum();
        let spaced = self.present().filter(|(_, text)| text.contains(' ')).count();
        let often = distinct <= present / 2 || (distinct <= FEW_LEVELS && distinct < present);
        let (kind, reason) = if distinct == 1 && missing == 0 {
            (Kind::Constant, format!("every cell is {:?}", self.text(0)))
        } else if often || distinct == 1 || self.keep {
            (Kind::Category { levels: levels(counts) }, format!("{distinct} distinct texts in {present} cells"))
        } else if letters >= LONG_TEXT * present && spaced * 2 > present {
            let mean = letters / present;
            (Kind::Text, format!("{distinct} distinct texts of {mean} letters on average in {present} cells"))
        } else {
            (Kind::Identifier, format!("{distinct} distinct short texts in {present} cells: codes"))
        };
        self.found(kind, missing, distinct, reason)
    }

    fn found(&self, kind: Kind, missing: usize, distinct: usize, reason: String) -> ColumnSchema {
        let name = self.column.name.clone();
        ColumnSchema { name, kind, missing, distinct, reason, warning: None }
    }
}

impl<'a> Look<'a> {
    fn text(&self, row: usize) -> Cow<'a, str> {
        match self.column.cells.text(row) {
            Cow::Borrowed(text) => text.trim().into(),
            number => number,
        }
    }

    /// A cell and where it stands.
    fn cell(&self, row: usize) -> String {
        format!("{:?} in {}", self.text(row), self.table.place(row))
    }

    /// The cells that are not missing.
    fn present(&self) -> impl Iterator<Item = (usize, Cow<'a, str>)> {
        let cells = (0..self.column.cells.len()).map(|row| (row, self.text(row)));
        cells.filter(|(_, text)| !is_missing(text, self.missing))
    }

    /// The number of missing cells, and how often every other text occurs.
    fn counts(&self) -> (usize, HashMap<Cow<'a, str>, usize>) {
        let mut missing = 0;
        let mut counts: HashMap<Cow<'a, str>, usize> = HashMap::new();
        let mut add = |text: Cow<'a, str>, count: usize| match is_missing(&text, self.missing) {
            true => missing += count,
            false => *counts.entry(text).or_default() += count,
        };
        match &self.column.cells {
            Cells::Text(cells) => {
                // Texts that the column keeps once are counted by their numbers.
                let mut known = vec![0; cells.known_texts()];
                for row in 0..cells.len() {
                    match cells.cell(row) {
                        Cell::Known(code, _) => known[code as usize] += 1,
                        _ => add(self.text(row), 1),
                    }
                }
                let used = (0..).zip(known).filter(|(_, count)| *count > 0);
                used.for_each(|(code, count)| add(cells.known_text(code).trim().into(), count));
            }
            cells => (0..cells.len()).for_each(|row| add(self.text(row), 1)),
        }
        (missing, counts)
    }

    /// Whether the cells are codes such as postcodes: digits of equal length with leading zeros.
    fn codes(&self) -> bool {
        // Plain numbers have no leading zeros, and a single 0 is not long enough for a code.
        if let Cells::Text(cells) = &self.column.cells
            && !cells.may_have(|text| text.trim_start().starts_with('0'))
        {
            return false;
        }
        let mut cells = self.present().map(|(_, text)| text);
        let Some(first) = cells.next() else {
            return false;
        };
        let mut padded = first.starts_with('0');
        let alike = |text: &str| text.len() == first.len() && text.bytes().all(|byte| byte.is_ascii_digit());
        let all = alike(&first)
            && cells.all(|text| {
                padded |= text.starts_with('0');
                alike(&text)
            });
        all && padded && first.len() > 1
    }

    /// How many different numbers there are among those of the column.
    fn distinct(&self, values: Vec<f64>) -> usize {
        if let Cells::Byte(cells) = &self.column.cells {
            let mut seen = [false; 256];
            cells.iter().for_each(|cell| seen[usize::from(cell)] = true);
            return seen.iter().filter(|seen| **seen).count();
        }
        // Zero and negative zero are the same number. The list of bits takes the memory of the values.
        let mut bits: Vec<u64> = values.into_iter().map(|value| (value + 0.0).to_bits()).collect();
        bits.sort_unstable();
        bits.dedup();
        bits.len()
    }

    /// The cells as numbers in the notation in which most of them are numbers.
    fn numbers(&self) -> Numbers {
        let plain = self.numbers_in(Notation::Plain);
        if plain.odd.is_empty() {
            return plain;
        }
        let mut others = [Notation::Grouped, Notation::DecimalComma];
        if self.table.delimiter == Some(b';') {
            others.reverse();
        }
        let others = others.into_iter().map(|notation| self.numbers_in(notation));
        // Of equal notations the first.
        others.fold(plain, |best, next| if next.odd.len() < best.odd.len() { next } else { best })
    }

    fn numbers_in(&self, notation: Notation) -> Numbers {
        let rows = self.column.cells.len();
        let mut numbers = Numbers { notation, values: Vec::with_capacity(rows), missing: 0, odd: Vec::new() };
        match &self.column.cells {
            Cells::Byte(cells) => numbers.values.extend(cells.iter().map(f64::from)),
            Cells::Number(cells) => {
                let markers = missing_numbers(self.missing);
                let is_number = |cell: &f64| cell.is_finite() && !markers.contains(cell);
                numbers.values.extend(cells.iter().filter(is_number));
                let is_infinite = |row: &u32| cells.get(*row as usize).is_some_and(f64::is_infinite);
                numbers.odd = (0..rows as u32).filter(is_infinite).collect();
                numbers.missing = rows - numbers.values.len() - numbers.odd.len();
            }
            Cells::Text(cells) => {
                let read = |text: &str| match is_missing(text, self.missing) {
                    true => Found::Missing,
                    false => parse(text, notation).map_or(Found::Odd, Found::Number),
                };
                let plain = PlainNumbers::new(notation, self.missing);
                let mut known: Vec<Option<Found>> = vec![None; cells.known_texts()];
                for row in 0..rows {
                    let found = match cells.cell(row) {
                        Cell::Number(value) if plain.says(value) => Found::Number(value),
                        Cell::Number(_) => read(&cells.get(row)),
                        Cell::Known(code, text) => *known[code as usize].get_or_insert_with(|| read(text)),
                        Cell::Text(text) => read(text),
                    };
                    match found {
                        Found::Number(value) => numbers.values.push(value),
                        Found::Odd => numbers.odd.push(row as u32),
                        Found::Missing => numbers.missing += 1,
                    }
                }
            }
        }
        numbers
    }

    /// The formats in which all cells are dates.
    fn date_formats(&self) -> Vec<DateFormat> {
        let all = |format: &DateFormat| self.present().all(|(_, text)| format.parse(&text).is_some());
        DateFormat::ALL.into_iter().filter(all).collect()
    }

    fn not_a_date(&self) -> TableError {
        let format = DateFormat::Iso;
        let odd = self.present().find(|(_, text)| format.parse(text).is_none());
        let (row, value) = odd.unwrap_or_default();
        TableError::NotDate {
            file: self.table.name.clone(),
            place: self.table.place(row),
            column: self.column.name.clone(),
            value: value.into_owned(),
            example: format.example(),
        }
    }
}

/// The most frequent text first, equally frequent ones in text order.
fn levels(counts: HashMap<Cow<'_, str>, usize>) -> Vec<String> {
    let mut levels: Vec<_> = counts.into_iter().collect();
    levels.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    levels.into_iter().map(|(level, _)| level.into_owned()).collect()
}
