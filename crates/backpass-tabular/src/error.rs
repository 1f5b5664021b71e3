//! What can go wrong with a table, in words that say what, where and what to do next.

use std::{fmt, io};

use crate::suggest::hint;

/// The result of everything in this crate that can fail.
pub type Result<T, E = TableError> = std::result::Result<T, E>;

/// The three families of errors that a program tells apart, for instance by its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The request does not fit the table or makes no sense: a misspelt column, a share of 1.5.
    Usage,
    /// The data is damaged, ambiguous or not of the kind it should be.
    Data,
    /// The operating system refused to read or write.
    Io,
}

/// Where a row comes from: its line in the file if it has one, else its number among the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The 1-based line of a text file in which the row begins.
    Line(u32),
    /// The 1-based row of a file without lines.
    Row(usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Line(line) => write!(f, "line {line}"),
            Place::Row(row) => write!(f, "row {row}"),
        }
    }
}

/// Everything that can go wrong between a file and a matrix.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages describe the variants and their fields")]
pub enum TableError {
    #[error("{file}: {}", describe(source))]
    Io { file: String, source: io::Error },

    #[error("{file}: the file is empty")]
    Empty { file: String },

    #[error(
        "{file}: there is a header and no row below it\n\
         help: if that line is data, say that the file has no header"
    )]
    HeaderOnly { file: String },

    #[error(
        "{file}, line {line}: {found} cells where {expected} are expected\n\
         help: a cell that contains the delimiter {delimiter:?} must stand in double quotes; \
         if cells are separated by another character, name that delimiter"
    )]
    Ragged { file: String, line: u64, found: usize, expected: usize, delimiter: char },

    #[error(
        "{file}, line {line}: a double quote opens here and is never closed\n\
         help: a double quote inside a quoted cell is written twice"
    )]
    UnclosedQuote { file: String, line: u64 },

    #[error(
        "{file}, line {line}: a NUL byte: this is not a text file\n\
         help: tables are read from CSV, Parquet and IDX files, also compressed with gzip"
    )]
    Binary { file: String, line: u64 },

    #[error(
        "{file}, line {line}, column {column:?}: the bytes are not UTF-8, read as Latin-1 they say {latin1:?}\n\
         help: convert the file first: iconv -f latin1 -t utf-8 {file} > utf8.csv"
    )]
    NotUtf8 { file: String, line: u64, column: String, latin1: String },

    #[error("{file}: the text is marked as UTF-16 and has an odd number of bytes or an unpaired surrogate")]
    NotUtf16 { file: String },

    #[error("{file}: column {column:?} holds more than 4 GiB of text")]
    TooLarge { file: String, column: String },

    #[error("{file}: {source}\nhelp: the Parquet file is damaged, cut short or of an unknown kind")]
    Parquet { file: String, source: parquet::errors::ParquetError },

    #[error(
        "{file}: no column can be read; these are nested or of a type without a number or text: {}\n\
         help: write the file again with flat columns",
        .columns.join(", ")
    )]
    NoReadableColumn { file: String, columns: Vec<String> },

    #[error("{file}: column {column:?} holds bytes that are not UTF-8 text, first in row {row}")]
    BinaryColumn { file: String, column: String, row: usize },

    #[error("{file}: this is not an IDX file, which begins with two zero bytes")]
    NotIdx { file: String },

    #[error("{file}: IDX data of type 0x{code:02x}; only unsigned bytes, type 0x08, are read")]
    IdxType { file: String, code: u8 },

    #[error("{file}: IDX data of {dimensions} dimensions; 1, 2 or 3 can be a table")]
    IdxDimensions { file: String, dimensions: usize },

    #[error(
        "{file}: the IDX header announces {expected} bytes of data and the file holds {}{found}\n\
         help: fetch the file again, it is damaged or cut short",
        if .found > .expected { "at least " } else { "" }
    )]
    IdxLength { file: String, expected: u64, found: u64 },

    #[error("{labels_file}: {labels} labels for the {images} images of {file}")]
    LabelCount { file: String, images: usize, labels_file: String, labels: usize },

    #[error("{file}: this is not a file of labels\nhelp: labels are an IDX file of one dimension")]
    NotLabels { file: String },

    #[error("{file}: a file of labels was given, and this is no IDX file of images")]
    LabelsWithoutImages { file: String },

    #[error("{file}: there is no column {name:?}{}", hint(.name, .columns))]
    UnknownColumn { file: String, name: String, columns: Vec<String> },

    #[error("column {column:?} has {found} rows and the columns before it have {expected}")]
    UnequalColumns { column: String, found: usize, expected: usize },

    #[error(
        "{file}, {place}, column {column:?}: {value:?} is not a finite number\n\
         help: if it stands for a missing value, add it to the missing markers; \
         if the column is not numeric, say that it is a category"
    )]
    NotNumber { file: String, place: Place, column: String, value: String },

    #[error("{file}, {place}, column {column:?}: {value:?} is not a date like {example}")]
    NotDate { file: String, place: Place, column: String, value: String, example: &'static str },

    #[error(
        "column {column:?} cannot be predicted: it is {kind}\n\
         help: a target is a number or a category; if it is one, override the kind of the column"
    )]
    TargetKind { column: String, kind: &'static str },

    #[error(
        "column {column:?} cannot be predicted together with others: it is {kind}\n\
         help: several targets must all be numbers; predict it alone"
    )]
    TargetOfSeveral { column: String, kind: &'static str },

    #[error("the target {column:?} is named twice\nhelp: name each column once, as in --target a,b")]
    TargetTwice { column: String },

    #[error("column {column:?} cannot be predicted: all its cells are missing")]
    TargetMissing { column: String },

    #[error("column {column:?} cannot be predicted: it is {value:?} in all rows that have a value")]
    SingleClass { column: String, value: String },

    #[error(
        "column {column:?} cannot be a class: it has {distinct} different values in {rows} rows\n\
         help: choose another target, or regression if these are numbers"
    )]
    TooManyClasses { column: String, distinct: usize, rows: usize },

    #[error("{file}, {place}, column {column:?}: {value:?} is none of the {classes} classes that are known")]
    UnknownClass { file: String, place: Place, column: String, value: String, classes: usize },

    #[error("column {column:?} has no class {class:?} of two to be the positive one\nhelp: its classes are {classes}")]
    NoSuchClass { column: String, class: String, classes: String },

    #[error("a validation share of {share} makes no sense\nhelp: take a number between 0 and 1, such as 0.2")]
    Share { share: f64 },

    #[error("{rows} rows in {groups} groups cannot be split into {parts} parts")]
    TooFewToSplit { rows: usize, groups: usize, parts: usize },

    #[error("{what}: {found} values where {expected} are expected")]
    Length { what: &'static str, found: usize, expected: usize },

    #[error("target {value} in row {row} is not below the number of classes, {classes}")]
    ClassIndex { row: usize, value: u32, classes: usize },
}

impl TableError {
    /// The family this error belongs to.
    pub fn kind(&self) -> ErrorKind {
        use TableError::*;
        match self {
            // These come from damaged compressed data.
            Io { source, .. } => match source.kind() {
                io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof => {
                    ErrorKind::Data
                }
                _ => ErrorKind::Io,
            },
            LabelsWithoutImages { .. }
            | UnknownColumn { .. }
            | UnequalColumns { .. }
            | TargetKind { .. }
            | TargetOfSeveral { .. }
            | TargetTwice { .. }
            | TooManyClasses { .. }
            | Share { .. }
            | TooFewToSplit { .. }
            | Length { .. }
            | NoSuchClass { .. }
            | ClassIndex { .. } => ErrorKind::Usage,
            _ => ErrorKind::Data,
        }
    }
}

fn describe(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => {
            let help = "help: name a table, as CSV, Parquet or IDX, gzipped or not; `-` is standard input";
            format!("there is no such file\n{help}")
        }
        _ => error.to_string(),
    }
}
