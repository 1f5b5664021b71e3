//! Guesses the delimiter and the header of a text file from its first records.

use std::collections::HashMap;

use super::records::{Record, Records};
use crate::infer::{MISSING, is_missing};
use crate::number::{Notation, parse};

/// How many records the guesses look at.
const RECORDS: usize = 100;

/// In the order in which ties are decided: a tab or semicolon in every record is no accident,
/// while commas are also found in numbers.
const DELIMITERS: [u8; 4] = [b'\t', b';', b',', b'|'];

/// The first records of the sample, without one that the end of the sample may have cut.
fn records(sample: &[u8], complete: bool, delimiter: u8) -> Vec<Record> {
    let mut reader = Records::new("", sample, delimiter);
    let mut records = Vec::new();
    let mut record = Record::default();
    while records.len() <= RECORDS && reader.read(&mut record).unwrap_or(false) {
        records.push(record.clone());
    }
    if records.len() > RECORDS || (!complete && records.len() > 1) {
        records.pop();
    }
    records
}

/// The delimiter that gives the largest share of records the same number of cells.
pub(super) fn delimiter(sample: &[u8], complete: bool) -> u8 {
    let mut best = (0.0, b',');
    for delimiter in DELIMITERS {
        let records = records(sample, complete, delimiter);
        let mut counts: HashMap<usize, usize> = HashMap::new();
        for record in records.iter().filter(|record| record.len() > 1) {
            *counts.entry(record.len()).or_default() += 1;
        }
        let agreeing = counts.values().max().copied().unwrap_or(0);
        let share = agreeing as f64 / records.len().max(1) as f64;
        if share > best.0 {
            best = (share, delimiter);
        }
    }
    best.1
}

/// Whether the first record names the columns: no cell of it is a number,
/// or some cell of it is text above numbers only.
pub(super) fn header(sample: &[u8], complete: bool, delimiter: u8) -> bool {
    let records = records(sample, complete, delimiter);
    let Some((first, below)) = records.split_first() else {
        return false;
    };
    let text = |at: usize| !is_missing(&str(first.cell(at)), MISSING) && !number(first.cell(at));
    let above_numbers = |at: usize| {
        let mut cells = below.iter().filter(|record| at < record.len()).map(|record| record.cell(at));
        let mut numbers = 0;
        let consistent = cells.all(|cell| {
            let is_number = number(cell);
            numbers += usize::from(is_number);
            is_number || is_missing(&str(cell), MISSING)
        });
        consistent && numbers > 0
    };
    !first.cells().any(number) || (0..first.len()).any(|at| text(at) && above_numbers(at))
}

fn str(cell: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(cell)
}

fn number(cell: &[u8]) -> bool {
    let cell = str(cell);
    [Notation::Plain, Notation::Grouped, Notation::DecimalComma]
        .iter()
        .any(|&notation| parse(&cell, notation).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delimiters() {
        let cases: [(&str, u8); 8] = [
            ("a,b\n1,2\n", b','),
            ("a;b\n1,5;2,5\n", b';'),
            ("1,5;2,5\n3,5;4,5\n", b';'),
            ("a\tb\nx, y\tz\n", b'\t'),
            ("a|b\n1|2\n", b'|'),
            ("\"x;y\",b\n\"1;2\",3\n", b','),
            ("a\n1\n2\n", b','),
            ("", b','),
        ];
        for (text, expected) in cases {
            assert_eq!(delimiter(text.as_bytes(), true), expected, "{text:?}");
        }
    }

    #[test]
    fn headers() {
        let cases = [
            ("a,b\n1,2\n", true),
            ("1,2\n3,4\n", false),
            ("5.1,3.5,setosa\n4.9,3.0,setosa\n", false),
            ("3,?,alfa\n2,164,audi\n", false),
            ("name,2019\nx,1\ny,2\n", false),
            ("city,2019,rank\nx,1,1\ny,2,2\n", true),
            ("a,b\nx,y\n", true),
            ("", false),
        ];
        for (text, expected) in cases {
            assert_eq!(header(text.as_bytes(), true, b','), expected, "{text:?}");
        }
    }

    #[test]
    fn a_cut_record_does_not_count() {
        let sample = b"a;b;c\n1;2;3\n4,5,6,";
        assert_eq!(delimiter(sample, false), b';');
    }
}
