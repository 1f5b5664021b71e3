//! Splits delimited text into records.
//!
//! The `csv` crate does not tell which cells were quoted, accepts a quote that is never closed and
//! takes a space before a quote as data; all three decide here between a table and a wrong table.

use std::io::BufRead;

use crate::error::{Result, TableError};

/// The cells of one line, or of several if a quoted cell contains line breaks.
#[derive(Clone, Debug, Default)]
pub(super) struct Record {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// The 1-based line in which the record begins.
    pub line: u64,
}

impl Record {
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn cell(&self, at: usize) -> &[u8] {
        &self.bytes[at.checked_sub(1).map_or(0, |before| self.ends[before])..self.ends[at]]
    }

    pub fn cells(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|at| self.cell(at))
    }

    fn end_cell(&mut self, state: State) {
        if state == State::Plain {
            let start = self.ends.last().copied().unwrap_or(0);
            while self.bytes.len() > start && matches!(self.bytes.last(), Some(b' ' | b'\t')) {
                self.bytes.pop();
            }
        }
        self.ends.push(self.bytes.len());
    }
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    /// Before the first byte of a cell that is no space.
    Start,
    Plain,
    Quoted,
    /// Behind a quote that closed a quoted cell, unless another quote follows.
    Closed,
}

/// An iterator-like reader of records: RFC 4180, with any line ends and blank lines skipped.
pub(super) struct Records<'a, R> {
    file: &'a str,
    input: R,
    delimiter: u8,
    line: u64,
    after_return: bool,
}

impl<'a, R: BufRead> Records<'a, R> {
    pub fn new(file: &'a str, input: R, delimiter: u8) -> Self {
        Records { file, input, delimiter, line: 1, after_return: false }
    }

    /// Reads the next record into `record`; false at the end.
    pub fn read(&mut self, record: &mut Record) -> Result<bool> {
        record.bytes.clear();
        record.ends.clear();
        record.line = self.line;
        let mut state = State::Start;
        let mut opened = self.line;
        loop {
            let chunk = self.input.fill_buf();
            let chunk = chunk.map_err(|source| TableError::Io { file: self.file.into(), source })?;
            if chunk.is_empty() {
                if state == State::Quoted {
                    return Err(TableError::UnclosedQuote { file: self.file.into(), line: opened });
                }
                let any = state != State::Start || record.len() > 0;
                if any {
                    record.end_cell(state);
                }
                return Ok(any);
            }
            for (at, &byte) in chunk.iter().enumerate() {
                if std::mem::take(&mut self.after_return) && byte == b'\n' {
                    continue;
                }
                match (state, byte) {
                    (State::Quoted, b'"') => state = State::Closed,
                    (State::Quoted, _) => {
                        self.line += u64::from(byte == b'\n');
                        record.bytes.push(byte);
                    }
                    (State::Closed, b'"') => {
                        record.bytes.push(byte);
                        state = State::Quoted;
                    }
                    (State::Start, b'"') => {
                        opened = self.line;
                        state = State::Quoted;
                    }
                    (_, b'\n' | b'\r') => {
                        self.line += 1;
                        self.after_return = byte == b'\r';
                        if state == State::Start && record.len() == 0 {
                            record.line = self.line;
                            continue;
                        }
                        record.end_cell(state);
                        self.input.consume(at + 1);
                        return Ok(true);
                    }
                    _ if byte == self.delimiter => {
                        record.end_cell(state);
                        state = State::Start;
                    }
                    (State::Start | State::Closed, b' ' | b'\t') => {}
                    _ => {
                        record.bytes.push(byte);
                        state = State::Plain;
                    }
                }
            }
            let used = chunk.len();
            self.input.consume(used);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use proptest::prelude::*;

    use super::*;

    fn records(text: &[u8], delimiter: u8, buffer: usize) -> Result<Vec<(u64, Vec<String>)>> {
        let mut reader = Records::new("t", BufReader::with_capacity(buffer, text), delimiter);
        let mut record = Record::default();
        let mut all = Vec::new();
        while reader.read(&mut record)? {
            let cells = record.cells().map(|cell| String::from_utf8_lossy(cell).into_owned());
            all.push((record.line, cells.collect()));
        }
        Ok(all)
    }

    fn cells(text: &str) -> Vec<Vec<String>> {
        let all = records(text.as_bytes(), b',', 8).unwrap();
        all.into_iter().map(|(_, cells)| cells).collect()
    }

    #[test]
    fn spaces_quotes_and_empty_cells() {
        assert_eq!(cells("a , b,\tc d \n"), [["a", "b", "c d"]]);
        assert_eq!(cells("1, \"x, y\" ,\" z \""), [["1", "x, y", " z "]]);
        assert_eq!(cells("\"\",,\"a\"\"b\",5\"6"), [["", "", "a\"b", "5\"6"]]);
        assert_eq!(cells("a,\n,b\n"), [["a", ""], ["", "b"]]);
        assert_eq!(cells("\"\"\n"), [[""]]);
    }

    #[test]
    fn lines_are_counted_with_every_line_end() {
        for end in ["\n", "\r\n", "\r"] {
            let text = ["a,b", "", "1,2", "  ", "3,4"].join(end);
            let all = records(text.as_bytes(), b',', 3).unwrap();
            let lines: Vec<u64> = all.iter().map(|(line, _)| *line).collect();
            assert_eq!(lines, [1, 3, 5], "{end:?}");
        }
        let all = records(b"a,\"b\r\nc\"\r\nd,e", b',', 4).unwrap();
        assert_eq!(all[1].0, 3);
    }

    #[test]
    fn an_open_quote_is_reported_where_it_opens() {
        let error = records(b"a,b\n1,2\n3,\"4\n5,6\n", b',', 64).unwrap_err();
        assert!(matches!(error, TableError::UnclosedQuote { line: 3, .. }), "{error}");
    }

    proptest! {
        #[test]
        fn reads_back_what_the_csv_crate_writes(
            rows in prop::collection::vec(prop::collection::vec("[ -~\r\né\"]{0,6}", 3), 1..8),
            always in any::<bool>(),
            buffer in 1..40usize,
            delimiter in prop::sample::select(vec![b',', b';', b'\t', b'|']),
        ) {
            let style = if always { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary };
            let mut writer = csv::WriterBuilder::new()
                .quote_style(style)
                .delimiter(delimiter)
                .from_writer(Vec::new());
            for row in &rows {
                writer.write_record(row).unwrap();
            }
            let text = writer.into_inner().unwrap();
            let trimmed = |cell: &String| {
                let plain = !always && !cell.contains(['"', '\n', '\r', char::from(delimiter)]);
                if plain { cell.trim_matches(' ').to_owned() } else { cell.clone() }
            };
            let expected: Vec<Vec<String>> =
                rows.iter().map(|row| row.iter().map(trimmed).collect()).collect();
            let read = records(&text, delimiter, buffer).unwrap();
            let read: Vec<Vec<String>> = read.into_iter().map(|(_, cells)| cells).collect();
            prop_assert_eq!(read, expected);
        }

        #[test]
        fn never_panics(text in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = records(&text, b',', 7);
        }
    }
}
