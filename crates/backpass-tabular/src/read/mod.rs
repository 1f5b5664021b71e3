//! Reading tables: finds the format by the first bytes of the data.

mod csv;
mod idx;
mod parquet;
mod records;
mod sniff;

pub(crate) use idx::LABEL;

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use crate::error::{Result, TableError};
use crate::table::Table;

/// The name of a table read from standard input.
pub const STANDARD_INPUT: &str = "standard input";

/// How much of the data the format, the delimiter and the header are judged by.
const SAMPLE: u64 = 256 * 1024;

/// A file format for tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Text with a delimiter, quoted as in RFC 4180.
    Csv,
    /// Apache Parquet with flat columns.
    Parquet,
    /// The IDX format of MNIST: unsigned bytes in one to three dimensions.
    Idx,
}

/// What to read differently from what the data suggests.
#[derive(Clone, Debug, Default)]
pub struct ReadOptions {
    /// The delimiter of a text file; found by looking if not given.
    pub delimiter: Option<u8>,
    /// Whether a text file begins with a header; found by looking if not given.
    pub header: Option<bool>,
    /// The format; found by looking if not given.
    pub format: Option<Format>,
    /// The labels of an IDX file of images; looked for beside the images if not given.
    pub labels: Option<PathBuf>,
}

/// Reads a table from a file, or from standard input if the path is `-`.
pub fn read(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Table> {
    let path = path.as_ref();
    if path.as_os_str() == "-" {
        return read_from(STANDARD_INPUT, io::stdin(), options);
    }
    Source::open(path)?.table(options)
}

/// Reads a table from any reader; `name` stands for it in messages.
pub fn read_from(name: &str, reader: impl Read, options: &ReadOptions) -> Result<Table> {
    Source::new(name.into(), None, Box::new(reader))?.table(options)
}

/// Uncompressed data whose first bytes are known.
struct Source<'a> {
    name: String,
    path: Option<&'a Path>,
    head: Vec<u8>,
    rest: Box<dyn Read + 'a>,
}

impl<'a> Source<'a> {
    fn open(path: &'a Path) -> Result<Source<'a>> {
        let name = path.display().to_string();
        match File::open(path) {
            Ok(file) => Source::new(name, Some(path), Box::new(file)),
            Err(source) => Err(TableError::Io { file: name, source }),
        }
    }

    fn new(name: String, path: Option<&'a Path>, mut rest: Box<dyn Read + 'a>) -> Result<Self> {
        let head = sample(&name, &mut rest)?;
        let mut source = Source { name, path, head, rest };
        if source.head.starts_with(&[0x1f, 0x8b]) {
            source.rest = Box::new(MultiGzDecoder::new(Cursor::new(source.head).chain(source.rest)));
            source.head = sample(&source.name, &mut source.rest)?;
        }
        Ok(source)
    }

    fn table(self, options: &ReadOptions) -> Result<Table> {
        if self.head.is_empty() {
            return Err(TableError::Empty { file: self.name });
        }
        let format = options.format.unwrap_or_else(|| self.format());
        if format != Format::Idx && options.labels.is_some() {
            return Err(TableError::LabelsWithoutImages { file: self.name });
        }
        match format {
            Format::Csv => csv::read(self, options),
            Format::Parquet => parquet::read(self),
            Format::Idx => idx::read(self, options.labels.as_deref()),
        }
    }

    /// Magic bytes first, then the name.
    fn format(&self) -> Format {
        let name = self.name.to_lowercase();
        let name = name.strip_suffix(".gz").unwrap_or(&name);
        match self.head[..] {
            [b'P', b'A', b'R', b'1', ..] => Format::Parquet,
            [0, 0, 0x08..=0x0e, 1..=8, ..] => Format::Idx,
            _ if name.ends_with(".parquet") => Format::Parquet,
            _ if name.ends_with("-ubyte") || name.ends_with(".idx") => Format::Idx,
            _ => Format::Csv,
        }
    }

    /// Whether `head` is all there is.
    fn is_complete(&self) -> bool {
        (self.head.len() as u64) < SAMPLE
    }

    fn failed(&self, source: io::Error) -> TableError {
        TableError::Io { file: self.name.clone(), source }
    }
}

fn sample(name: &str, reader: &mut dyn Read) -> Result<Vec<u8>> {
    let mut head = Vec::new();
    match reader.take(SAMPLE).read_to_end(&mut head) {
        Ok(_) => Ok(head),
        Err(source) => Err(TableError::Io { file: name.into(), source }),
    }
}
