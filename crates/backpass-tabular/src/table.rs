//! Tables: named columns of equal length, kept as the file has them.

use std::borrow::Cow;

use crate::error::{Place, Result, TableError};

/// A table as it was read: nothing is typed or converted yet.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// The path of the file, or "standard input".
    pub name: String,
    /// The columns, all with the same number of rows (at most `u32::MAX`).
    pub columns: Vec<Column>,
    /// The line of every row in its text file; empty for other files.
    pub lines: Vec<u32>,
    /// Height and width, if every row is an image.
    pub image: Option<(usize, usize)>,
    /// The delimiter of a text file.
    pub delimiter: Option<u8>,
    /// What was decided while reading, one sentence each.
    pub notes: Vec<String>,
}

/// A named column.
#[derive(Clone, Debug)]
pub struct Column {
    /// The name, unique in the table.
    pub name: String,
    /// The cells, one a row.
    pub cells: Cells,
}

/// The cells of a column in a compact form.
#[derive(Clone, Debug)]
pub enum Cells {
    /// Raw text, from text files and from the text and date columns of Parquet files.
    Text(TextCells),
    /// Numbers, NaN where missing, from Parquet files.
    Number(Vec<f64>),
    /// Bytes without missing values: pixels and labels of IDX files.
    Byte(Vec<u8>),
}

/// Many short texts in one buffer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextCells {
    text: String,
    ends: Vec<u32>,
}

impl TextCells {
    /// Appends a cell. False, with nothing appended, if the column would exceed 4 GiB.
    #[must_use]
    pub fn push(&mut self, cell: &str) -> bool {
        let Ok(end) = u32::try_from(self.text.len() + cell.len()) else {
            return false;
        };
        self.text.push_str(cell);
        self.ends.push(end);
        true
    }

    /// The number of cells.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no cell.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The text of a cell; empty beyond the last one.
    pub fn get(&self, row: usize) -> &str {
        let start = row.checked_sub(1).and_then(|before| self.ends.get(before));
        let start = start.map_or(0, |&end| end as usize);
        self.ends.get(row).map_or("", |&end| &self.text[start..end as usize])
    }

    /// All cells in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|row| self.get(row))
    }
}

impl<S: AsRef<str>> FromIterator<S> for TextCells {
    /// Collects cells; those beyond 4 GiB of text become empty.
    fn from_iter<I: IntoIterator<Item = S>>(cells: I) -> Self {
        let mut collected = TextCells::default();
        for cell in cells {
            let _ = collected.push(cell.as_ref()) || collected.push("");
        }
        collected
    }
}

impl Cells {
    /// The number of rows.
    pub fn len(&self) -> usize {
        match self {
            Cells::Text(cells) => cells.len(),
            Cells::Number(cells) => cells.len(),
            Cells::Byte(cells) => cells.len(),
        }
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A cell as text: numbers in their shortest form, missing numbers and rows beyond the end empty.
    pub fn text(&self, row: usize) -> Cow<'_, str> {
        match self {
            Cells::Text(cells) => cells.get(row).into(),
            Cells::Number(cells) => match cells.get(row) {
                Some(number) if !number.is_nan() => number.to_string().into(),
                _ => "".into(),
            },
            Cells::Byte(cells) => cells.get(row).map(u8::to_string).unwrap_or_default().into(),
        }
    }

    /// The cells of the given rows, in that order.
    fn select(&self, rows: &[u32]) -> Cells {
        let rows = rows.iter().map(|&row| row as usize);
        match self {
            Cells::Text(cells) => Cells::Text(rows.map(|row| cells.get(row)).collect()),
            Cells::Number(cells) => {
                Cells::Number(rows.map(|row| cells.get(row).copied().unwrap_or(f64::NAN)).collect())
            }
            Cells::Byte(cells) => Cells::Byte(rows.map(|row| cells.get(row).copied().unwrap_or(0)).collect()),
        }
    }
}

impl Table {
    /// A table from columns of equal length.
    pub fn new(name: impl Into<String>, columns: Vec<Column>) -> Result<Table> {
        let expected = columns.first().map_or(0, |column| column.cells.len());
        if let Some(odd) = columns.iter().find(|column| column.cells.len() != expected) {
            return Err(TableError::UnequalColumns { column: odd.name.clone(), found: odd.cells.len(), expected });
        }
        Ok(Table { name: name.into(), columns, ..Table::default() })
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, |column| column.cells.len())
    }

    /// The names of the columns in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }

    /// The column of that name.
    pub fn column(&self, name: &str) -> Result<&Column> {
        let found = self.columns.iter().find(|column| column.name == name);
        found.ok_or_else(|| self.unknown(name))
    }

    /// Takes the column of that name out of the table.
    pub fn drop_column(&mut self, name: &str) -> Result<Column> {
        let at = self.names().position(|known| known == name);
        match at {
            Some(at) => Ok(self.columns.remove(at)),
            None => Err(self.unknown(name)),
        }
    }

    /// A table of the given rows, in that order; rows beyond the end have missing cells.
    pub fn select_rows(&self, rows: &[u32]) -> Table {
        let columns =
            self.columns.iter().map(|column| Column { name: column.name.clone(), cells: column.cells.select(rows) });
        let line = |&row: &u32| self.lines.get(row as usize).copied();
        Table {
            name: self.name.clone(),
            columns: columns.collect(),
            lines: rows.iter().filter_map(line).collect(),
            notes: self.notes.clone(),
            ..*self
        }
    }

    /// A table of the first rows, at most `count`.
    pub fn head(&self, count: usize) -> Table {
        let rows: Vec<u32> = (0..).take(count.min(self.rows())).collect();
        self.select_rows(&rows)
    }

    /// Where a row comes from, to name it in a message.
    pub fn place(&self, row: usize) -> Place {
        self.lines.get(row).map_or(Place::Row(row + 1), |&line| Place::Line(line))
    }

    fn unknown(&self, name: &str) -> TableError {
        TableError::UnknownColumn {
            file: self.name.clone(),
            name: name.into(),
            columns: self.names().map(String::from).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let text =
            |name: &str, cells: &[&str]| Column { name: name.into(), cells: Cells::Text(cells.iter().collect()) };
        let number = Column { name: "n".into(), cells: Cells::Number(vec![1.0, f64::NAN, 2.5]) };
        Table::new("t", vec![text("a", &["x", "", "zé"]), number]).unwrap()
    }

    #[test]
    fn selects_rows_and_shows_cells() {
        let some = table().select_rows(&[2, 0]);
        assert_eq!(some.columns[0].cells.text(0), "zé");
        assert_eq!(some.columns[1].cells.text(0), "2.5");
        assert_eq!(table().columns[1].cells.text(1), "");
        assert_eq!(table().head(1).rows(), 1);
        assert_eq!(table().head(9).rows(), 3);
        assert_eq!(some.place(0), Place::Row(1));
    }

    #[test]
    fn names_are_checked() {
        let mut table = table();
        let error = table.column("N").unwrap_err().to_string();
        assert_eq!(error, "t: there is no column \"N\"\nhelp: did you mean \"n\"?");
        assert!(table.drop_column("a").is_ok());
        assert!(table.drop_column("a").is_err());
        assert_eq!(table.names().collect::<Vec<_>>(), ["n"]);
    }

    #[test]
    fn unequal_columns_are_refused() {
        let mut columns = table().columns;
        columns[1].cells = Cells::Byte(vec![1]);
        assert!(matches!(Table::new("t", columns), Err(TableError::UnequalColumns { found: 1, expected: 3, .. })));
    }
}
