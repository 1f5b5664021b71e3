//! Delimited text.

use std::collections::HashSet;
use std::io::{BufReader, Cursor, Read};

use super::records::{Record, Records};
use super::{ReadOptions, Source, sniff};
use crate::error::{Result, TableError};
use crate::table::{Cells, Column, Lines, Table};
use crate::text_cells::Builder;

pub(super) fn read(mut source: Source<'_>, options: &ReadOptions) -> Result<Table> {
    let mut notes = Vec::new();
    if source.head.starts_with(&[0xef, 0xbb, 0xbf]) {
        source.head.drain(..3);
        notes.push("a UTF-8 byte order mark was skipped".to_owned());
        if source.head.is_empty() {
            return Err(TableError::Empty { file: source.name });
        }
    } else if source.head.starts_with(&[0xff, 0xfe]) || source.head.starts_with(&[0xfe, 0xff]) {
        decode_utf16(&mut source)?;
        notes.push("the text was converted from UTF-16".to_owned());
    }

    let complete = source.is_complete();
    let delimiter = options.delimiter.unwrap_or_else(|| sniff::delimiter(&source.head, complete));
    let header = options.header.unwrap_or_else(|| sniff::header(&source.head, complete, delimiter));
    notes.push(format!("the delimiter is {:?}", char::from(delimiter)));
    notes.push(if header { "the first line is the header" } else { "there is no header" }.into());

    let file = source.name;
    let input = BufReader::with_capacity(1 << 16, Cursor::new(source.head).chain(source.rest));
    let mut records = Records::new(&file, input, delimiter);
    let mut record = Record::default();
    if !records.read(&mut record)? {
        return Err(TableError::Empty { file });
    }
    let names = if header {
        let names: Result<Vec<&str>> =
            (0..record.len()).map(|at| text(&file, &record, at, &format!("number {}", at + 1))).collect();
        unique(&names?, &mut notes)
    } else {
        (1..=record.len()).map(|number| format!("column{number}")).collect()
    };
    let mut cells: Vec<Builder> = names.iter().map(|_| Builder::default()).collect();
    let mut lines = Lines::default();
    let mut more = !header || records.read(&mut record)?;
    while more {
        if record.len() != names.len() {
            return Err(TableError::Ragged {
                line: record.line,
                found: record.len(),
                expected: names.len(),
                delimiter: delimiter.into(),
                file,
            });
        }
        for (at, (cells, name)) in cells.iter_mut().zip(&names).enumerate() {
            if !cells.push(text(&file, &record, at, name)?) {
                return Err(TableError::TooLarge { column: name.clone(), file });
            }
        }
        lines.push(u32::try_from(record.line).unwrap_or(u32::MAX));
        more = records.read(&mut record)?;
    }
    if lines.get(0).is_none() {
        return Err(TableError::HeaderOnly { file });
    }
    let columns = names.into_iter().zip(cells);
    Ok(Table {
        columns: columns.map(|(name, cells)| Column { name, cells: Cells::Text(cells.finish()) }).collect(),
        name: file,
        lines,
        delimiter: Some(delimiter),
        notes,
        image: None,
    })
}

/// A cell as text, unless the file is binary or in another encoding.
fn text<'a>(file: &str, record: &'a Record, at: usize, column: &str) -> Result<&'a str> {
    let cell = record.cell(at);
    if cell.contains(&0) {
        return Err(TableError::Binary { file: file.into(), line: record.line });
    }
    std::str::from_utf8(cell).map_err(|_| TableError::NotUtf8 {
        file: file.into(),
        line: record.line,
        column: column.into(),
        latin1: cell.iter().take(60).map(|&byte| char::from(byte)).collect(),
    })
}

/// Makes names unique, names the nameless, and notes every change.
fn unique(names: &[&str], notes: &mut Vec<String>) -> Vec<String> {
    let mut taken: HashSet<String> = names.iter().map(|name| name.to_string()).collect();
    let mut seen = HashSet::new();
    let mut unique: Vec<String> = Vec::new();
    for (number, &name) in (1..).zip(names) {
        if !name.is_empty() && seen.insert(name) {
            unique.push(name.to_owned());
            continue;
        }
        let base = if name.is_empty() { format!("column{number}") } else { name.to_owned() };
        let mut fresh = base.clone();
        for suffix in 2.. {
            if taken.insert(fresh.clone()) {
                break;
            }
            fresh = format!("{base}_{suffix}");
        }
        notes.push(if name.is_empty() {
            format!("column {number} has no name and is called {fresh:?}")
        } else {
            format!("column {number} has the name {name:?} again and is called {fresh:?}")
        });
        unique.push(fresh);
    }
    unique
}

/// Replaces UTF-16 data, which begins with its byte order mark, by UTF-8.
fn decode_utf16(source: &mut Source<'_>) -> Result<()> {
    let mut bytes = std::mem::take(&mut source.head);
    source.rest.read_to_end(&mut bytes).map_err(|error| source.failed(error))?;
    let unit = if bytes[0] == 0xff { u16::from_le_bytes } else { u16::from_be_bytes };
    let (units, odd) = bytes[2..].as_chunks::<2>();
    let decoded: Result<String, _> = char::decode_utf16(units.iter().map(|&pair| unit(pair))).collect();
    match decoded {
        Ok(text) if odd.is_empty() => source.head = text.into_bytes(),
        _ => return Err(TableError::NotUtf16 { file: source.name.clone() }),
    }
    source.rest = Box::new(std::io::empty());
    Ok(())
}
