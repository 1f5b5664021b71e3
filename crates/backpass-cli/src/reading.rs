//! How tables are read, as arguments and in the configuration file.

use std::path::{Path, PathBuf};

use backpass_tabular::{ReadOptions, Table, TableError, read};
use clap::builder::BoolishValueParser;
use serde::{Deserialize, Serialize};

/// Everything about reading that is otherwise found by looking at the data.
#[derive(Clone, Debug, Default, PartialEq, clap::Args, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[command(next_help_heading = "Reading")]
pub struct Reading {
    /// The character between cells, or tab; by default what the file looks like
    #[arg(long, value_name = "CHAR", value_parser = delimiter)]
    pub delimiter: Option<char>,

    /// Whether the first line names the columns; by default what it looks like
    #[arg(long, value_name = "yes|no", value_parser = BoolishValueParser::new(), hide_possible_values = true)]
    pub header: Option<bool>,

    /// The labels of an IDX file of images; by default looked for beside it
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
}

impl Reading {
    /// Takes from `other` whatever is not set here.
    pub fn or(self, other: Reading) -> Reading {
        Reading {
            delimiter: self.delimiter.or(other.delimiter),
            header: self.header.or(other.header),
            labels: self.labels.or(other.labels),
        }
    }

    /// Reads a table.
    pub fn table(&self, path: &Path) -> Result<Table, TableError> {
        let delimiter = self.delimiter.and_then(|c| u8::try_from(c).ok());
        read(path, &ReadOptions { delimiter, header: self.header, labels: self.labels.clone(), ..Default::default() })
    }
}

fn delimiter(text: &str) -> Result<char, String> {
    match text {
        "tab" | "\\t" => Ok('\t'),
        _ => text.parse().ok().filter(char::is_ascii).ok_or("a single ASCII character or tab is expected".to_string()),
    }
}
