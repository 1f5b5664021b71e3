//! Where the tests find real tables, and short ways to make small ones.
#![allow(dead_code, reason = "not every test uses all of it")]

use std::path::{Path, PathBuf};

use backpass_tabular::{InferOptions, ReadOptions, Result, Schema, Table, read, read_from};

/// A path in the folder of shared data beside the workspace, if it is there.
pub fn shared(path: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(path);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: there is no {}", path.display());
    None
}

/// A table of the shared data, if it is there.
pub fn shared_table(path: &str) -> Option<Table> {
    Some(read(shared(path)?, &ReadOptions::default()).unwrap())
}

pub fn csv(text: &str) -> Result<Table> {
    csv_with(text, &ReadOptions::default())
}

pub fn csv_with(text: &str, options: &ReadOptions) -> Result<Table> {
    read_from("t.csv", text.as_bytes(), options)
}

pub fn infer(table: &Table) -> Schema {
    Schema::infer(table, &InferOptions::default()).unwrap()
}

/// The cells of a table, row by row, below the names.
pub fn cells(table: &Table) -> Vec<Vec<String>> {
    let names = table.names().map(String::from).collect();
    let row = |row: usize| {
        let cells = table.columns.iter();
        cells.map(|column| column.cells.text(row).into_owned()).collect()
    };
    std::iter::once(names).chain((0..table.rows()).map(row)).collect()
}
