//! Tables: named columns of equal length, kept as the file has them.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::ops::Deref;
use std::sync::Arc;

use crate::digest::Digest;
use crate::error::{Place, Result, TableError};
use crate::text_cells::{CHUNK_ROWS, Cell, Selection, TextCells, Values};

/// A table as it was read: nothing is typed or converted yet.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// The path of the file, or "standard input".
    pub name: String,
    /// The columns, all with the same number of rows (at most `u32::MAX`).
    pub columns: Vec<Column>,
    /// The line of every row in its text file; empty for other files.
    pub lines: Lines,
    /// Height and width, if every row is an image.
    pub image: Option<(usize, usize)>,
    /// The delimiter of a text file.
    pub delimiter: Option<u8>,
    /// What was decided while reading, one sentence each.
    pub notes: Vec<String>,
}

/// A table with its fingerprint, computed when it is first asked for. While this borrows the table, neither can change.
#[derive(Debug)]
pub struct Identified<'a> {
    table: &'a Table,
    fingerprint: OnceCell<String>,
}

impl Identified<'_> {
    /// What [`Table::fingerprint`] gives.
    pub fn fingerprint(&self) -> &str {
        self.fingerprint.get_or_init(|| self.table.fingerprint())
    }
}

impl Deref for Identified<'_> {
    type Target = Table;

    fn deref(&self) -> &Table {
        self.table
    }
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
    /// Text, from text files and from the text and date columns of Parquet files.
    Text(TextCells),
    /// Numbers, NaN where missing, from Parquet files.
    Number(Values<f64>),
    /// Bytes without missing values: pixels and labels of IDX files.
    Byte(Values<u8>),
}

/// The lines of rows in a text file, kept as stretches of rows on lines that follow each other.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    /// The first row and its line, from every stretch.
    starts: Arc<Vec<(u32, u32)>>,
    count: u32,
    rows: Option<Arc<[u32]>>,
}

impl Lines {
    /// The line of a row; none beyond the last one.
    pub fn get(&self, row: usize) -> Option<u32> {
        let row = match &self.rows {
            None => u32::try_from(row).ok()?,
            Some(rows) => *rows.get(row)?,
        };
        let after = self.starts.partition_point(|&(first, _)| first <= row);
        let (first, line) = *self.starts.get(after.checked_sub(1).filter(|_| row < self.count)?)?;
        Some(line.saturating_add(row - first))
    }
}

impl FromIterator<u32> for Lines {
    fn from_iter<I: IntoIterator<Item = u32>>(lines: I) -> Self {
        let mut all = Lines::default();
        lines.into_iter().for_each(|line| all.push(line));
        all
    }
}

impl Lines {
    /// Appends the line of the next row.
    pub(crate) fn push(&mut self, line: u32) {
        let starts = Arc::make_mut(&mut self.starts);
        if starts.last().is_none_or(|(first, start)| start.saturating_add(self.count - first) != line) {
            starts.push((self.count, line));
        }
        self.count += 1;
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
            Cells::Text(cells) => cells.get(row),
            Cells::Number(cells) => match cells.get(row) {
                Some(number) if !number.is_nan() => number.to_string().into(),
                _ => "".into(),
            },
            Cells::Byte(cells) => cells.get(row).map(|byte| byte.to_string()).unwrap_or_default().into(),
        }
    }

    /// A cell as it is kept; missing numbers and rows beyond the end are empty texts.
    fn cell(&self, row: usize) -> Cell<'_> {
        let number = |value: Option<f64>| value.filter(|v| !v.is_nan()).map_or(Cell::Text(""), Cell::Number);
        match self {
            Cells::Text(cells) => cells.cell(row),
            Cells::Number(cells) => number(cells.get(row)),
            Cells::Byte(cells) => number(cells.get(row).map(f64::from)),
        }
    }

    /// The cells of the given rows, in that order.
    fn select(&self, selection: &mut Selection<'_>) -> Cells {
        match self {
            Cells::Text(cells) => Cells::Text(cells.select(selection)),
            Cells::Number(cells) => Cells::Number(cells.select(selection)),
            Cells::Byte(cells) => Cells::Byte(cells.select(selection)),
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

    /// SHA-256 of the names of the columns and of all cells in hexadecimal, whatever the file is called and however it
    /// writes its numbers.
    pub fn fingerprint(&self) -> String {
        let mut digest = Digest::new();
        let mut bytes = Vec::new();
        for column in &self.columns {
            digest.part(column.name.as_bytes());
            for start in (0..self.rows()).step_by(CHUNK_ROWS) {
                bytes.clear();
                for row in start..self.rows().min(start + CHUNK_ROWS) {
                    match column.cells.cell(row) {
                        // Most numbers of most tables are small and whole: two bytes in place of nine.
                        Cell::Number(value) if f64::from(value as u8).to_bits() == value.to_bits() => {
                            bytes.extend([2, value as u8]);
                        }
                        Cell::Number(value) => {
                            bytes.push(0);
                            bytes.extend(value.to_le_bytes());
                        }
                        Cell::Known(_, text) | Cell::Text(text) => {
                            bytes.push(1);
                            bytes.extend((text.len() as u64).to_le_bytes());
                            bytes.extend(text.as_bytes());
                        }
                    }
                }
                digest.part(&bytes);
            }
        }
        digest.finish()
    }

    /// The table with its fingerprint, to recognise it more than once.
    pub fn identified(&self) -> Identified<'_> {
        Identified { table: self, fingerprint: OnceCell::new() }
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

    /// A table of the given rows, in that order; rows beyond the end have missing cells. The cells are shared, not copied.
    pub fn select_rows(&self, rows: &[u32]) -> Table {
        let mut selection = Selection::new(rows);
        let mut select =
            |column: &Column| Column { name: column.name.clone(), cells: column.cells.select(&mut selection) };
        Table {
            name: self.name.clone(),
            columns: self.columns.iter().map(&mut select).collect(),
            lines: Lines { rows: Some(selection.of(self.lines.rows.as_ref())), ..self.lines.clone() },
            notes: self.notes.clone(),
            ..*self
        }
    }

    /// A table of the given rows, or of all.
    pub(crate) fn some_rows(&self, rows: Option<&[u32]>) -> Table {
        rows.map_or_else(|| self.clone(), |rows| self.select_rows(rows))
    }

    /// A table of the first rows, at most `count`.
    pub fn head(&self, count: usize) -> Table {
        let rows: Vec<u32> = (0..).take(count.min(self.rows())).collect();
        self.select_rows(&rows)
    }

    /// Where a row comes from, to name it in a message.
    pub fn place(&self, row: usize) -> Place {
        self.lines.get(row).map_or(Place::Row(row + 1), Place::Line)
    }

    /// Frees the memory of texts in rows that are done with, as far as nobody else has copies of the table: of the
    /// chunk of [`CHUNK_ROWS`](crate::text_cells::CHUNK_ROWS) rows with that number.
    pub(crate) fn release(&mut self, chunk: usize) {
        for column in &mut self.columns {
            if let Cells::Text(cells) = &mut column.cells {
                cells.release(chunk);
            }
        }
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
        let number = Column { name: "n".into(), cells: Cells::Number(vec![1.0, f64::NAN, 2.5].into()) };
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
    fn lines_of_rows() {
        let lines: Lines = [3, 4, 6, 7, 9].into_iter().collect();
        assert_eq!(lines.starts.len(), 3);
        assert_eq!(
            (0..6).map(|row| lines.get(row)).collect::<Vec<_>>(),
            [Some(3), Some(4), Some(6), Some(7), Some(9), None]
        );
        let some = Table { lines, ..table() }.select_rows(&[2, 0]).select_rows(&[1, 0, 5]);
        assert_eq!([0, 1, 2].map(|row| some.place(row)), [Place::Line(3), Place::Line(6), Place::Row(3)]);
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
    fn a_fingerprint_is_computed_once() {
        let table = table();
        let identified = table.identified();
        assert_eq!(identified.fingerprint(), table.fingerprint());
        assert_eq!(identified.fingerprint().as_ptr(), identified.fingerprint().as_ptr());
        assert_ne!(identified.fingerprint(), identified.head(2).identified().fingerprint());
    }

    #[test]
    fn a_fingerprint_tells_numbers_apart_and_not_their_storage() {
        let of = |cells: Cells| Table::new("t", vec![Column { name: "a".into(), cells }]).unwrap().fingerprint();
        let numbers = [0.0, -0.0, 1.0, -1.0, 0.5, 255.0, 256.0, f64::NAN];
        let prints: std::collections::BTreeSet<String> =
            numbers.iter().map(|&number| of(Cells::Number(vec![number].into()))).collect();
        assert_eq!(prints.len(), numbers.len());
        assert_eq!(of(Cells::Byte(vec![7, 255].into())), of(Cells::Number(vec![7.0, 255.0].into())));
    }

    #[test]
    fn unequal_columns_are_refused() {
        let mut columns = table().columns;
        columns[1].cells = Cells::Byte(vec![1].into());
        assert!(matches!(Table::new("t", columns), Err(TableError::UnequalColumns { found: 1, expected: 3, .. })));
    }
}
