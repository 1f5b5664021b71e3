//! Reading delimited text.

mod common;

use std::collections::BTreeMap;
use std::io::Write;

use backpass_tabular::{ErrorKind, Place, ReadOptions, Table, TableError, read, read_from, write_csv};
use common::{cells, csv, csv_with, shared, shared_table};

fn error(text: &[u8]) -> TableError {
    read_from("t.csv", text, &ReadOptions::default()).unwrap_err()
}

#[test]
fn csv_spectrum() {
    let Some(folder) = shared("csv-acid") else {
        return;
    };
    let mut agreed = 0;
    for entry in std::fs::read_dir(folder.join("csvs")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        if name == "location_coordinates" {
            continue;
        }
        let json = std::fs::read(folder.join("json").join(format!("{name}.json"))).unwrap();
        let expected: Vec<BTreeMap<String, String>> = serde_json::from_slice(&json).unwrap();
        let rows = cells(&read(&path, &ReadOptions::default()).unwrap());
        let found: Vec<BTreeMap<String, String>> =
            rows[1..].iter().map(|row| rows[0].iter().cloned().zip(row.iter().cloned()).collect()).collect();
        assert_eq!(found, expected, "{name}");
        agreed += 1;
    }
    assert_eq!(agreed, 11);
}

/// The JSON beside this file says another phone number, so the CSV itself is the measure.
#[test]
fn csv_spectrum_location_coordinates() {
    if let Some(table) = shared_table("csv-acid/csvs/location_coordinates.csv") {
        let row = ["2095257564", "37\u{fffd}36'37.8\"N 121\u{fffd}2'17.9\"W", "Modesto", "Stanislaus"];
        assert_eq!(cells(&table)[1], row);
    }
}

#[test]
fn delimiter_and_header_are_found_or_given() {
    let table = csv("a;b\n1,5;2,5\n").unwrap();
    assert_eq!(cells(&table), [["a", "b"], ["1,5", "2,5"]]);
    assert_eq!(table.notes, ["the delimiter is ';'", "the first line is the header"]);

    let table = csv("1,2\n3,4\n").unwrap();
    assert_eq!(cells(&table), [["column1", "column2"], ["1", "2"], ["3", "4"]]);
    assert_eq!(table.notes, ["the delimiter is ','", "there is no header"]);

    let options = ReadOptions { delimiter: Some(b'|'), header: Some(true), ..ReadOptions::default() };
    let table = csv_with("1|2,\n3|4,\n", &options).unwrap();
    assert_eq!(cells(&table), [["1", "2,"], ["3", "4,"]]);
}

#[test]
fn names_are_made_unique() {
    let table = csv("x,,x,x_2,\n1,2,3,4,5\n").unwrap();
    let names: Vec<&str> = table.names().collect();
    assert_eq!(names, ["x", "column2", "x_3", "x_2", "column5"]);
    assert_eq!(table.notes.len(), 5);
}

#[test]
fn encodings() {
    let marked = read_from("t", &b"\xef\xbb\xbfa,b\n1,2\n"[..], &ReadOptions::default()).unwrap();
    assert_eq!(cells(&marked)[0], ["a", "b"]);
    for big in [false, true] {
        let text = "\u{feff}größe\tb\r\n1\t2\r\n";
        let bytes: Vec<u8> =
            text.encode_utf16().flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect();
        let table = read_from("t", &bytes[..], &ReadOptions::default()).unwrap();
        assert_eq!(cells(&table), [["größe", "b"], ["1", "2"]]);
        assert!(matches!(error(&bytes[..bytes.len() - 1]), TableError::NotUtf16 { .. }));
    }
    let latin1 = error(b"a,b\n1,caf\xe9\n");
    assert!(matches!(latin1, TableError::NotUtf8 { line: 2, .. }));
    assert!(latin1.to_string().contains("café"));
}

#[test]
fn bad_files_are_refused_with_their_line() {
    assert!(matches!(error(b""), TableError::Empty { .. }));
    assert!(matches!(error(b"\n \n"), TableError::Empty { .. }));
    assert!(matches!(error(b"\xef\xbb\xbf"), TableError::Empty { .. }));
    assert!(matches!(error(b"a,b\n"), TableError::HeaderOnly { .. }));
    assert!(matches!(error(b"a,b\n1,2\n\x00,3\n"), TableError::Binary { line: 3, .. }));
    assert!(matches!(error(b"a,b\n1,\"2\n3,4\n"), TableError::UnclosedQuote { line: 2, .. }));
    let ragged = error(b"a,b\n\"x\ny\",2\n\n3,4,5\n");
    assert_eq!(
        ragged.to_string(),
        "t.csv, line 5: 3 cells where 2 are expected\n\
         help: a cell that contains the delimiter ',' must stand in double quotes; \
         if cells are separated by another character, name that delimiter"
    );
    assert_eq!(ragged.kind(), ErrorKind::Data);
    let absent = read("no/such/file.csv", &ReadOptions::default()).unwrap_err();
    assert_eq!(absent.kind(), ErrorKind::Io);
    assert!(absent.to_string().starts_with("no/such/file.csv: "));
}

#[test]
fn rows_know_their_line() {
    let table = csv("a,b\n\n1,2\n\"x\r\ny\",3\r\n4,5").unwrap();
    assert_eq!([0, 1, 2, 3].map(|row| table.lines.get(row)), [Some(3), Some(4), Some(6), None]);
    assert_eq!(table.select_rows(&[2]).place(0), Place::Line(6));
}

#[test]
fn gzip_is_unpacked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv.gz");
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(b"a,b\n1,2\n").unwrap();
    let packed = packer.finish().unwrap();
    std::fs::write(&path, &packed).unwrap();
    let table = read(&path, &ReadOptions::default()).unwrap();
    assert_eq!(cells(&table)[1], ["1", "2"]);
    assert_eq!(error(&packed[..packed.len() - 9]).kind(), ErrorKind::Data);
}

#[test]
fn a_table_larger_than_the_sample() {
    let mut text = String::from("number;word\n");
    for row in 0..60_000 {
        text += &format!("{row};w\"{row}\n");
    }
    let table = csv(&text).unwrap();
    assert_eq!(table.rows(), 60_000);
    assert_eq!(table.columns[1].cells.text(59_999), "w\"59999");
}

#[test]
fn what_is_written_is_read_back() {
    for file in ["titanic.csv", "penguins.csv"] {
        let Some(table) = shared_table(file) else {
            return;
        };
        let mut out = Vec::new();
        write_csv(&table, &mut out).unwrap();
        let again: Table = read_from("again", &out[..], &ReadOptions::default()).unwrap();
        assert_eq!(cells(&again), cells(&table));
    }
}
