//! The configuration file: the options of training, and how the data is read.

use std::fs;
use std::path::Path;

use backpass_tabular::{FitOptions, Table as DataTable};
use serde::Serialize;
use toml::{Table, Value};

use crate::exit::{Exit, Failure};
use crate::reading::Reading;

/// Everything that decides what a model becomes, beside the data and the number of the version.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The keys at the top of the file.
    pub options: FitOptions,
    /// The section `reading`.
    pub reading: Reading,
}

const READING: &str = "reading";

impl Config {
    /// Reads a file.
    pub fn load(path: &Path) -> Result<Config, Failure> {
        let name = path.display();
        let text = fs::read_to_string(path).map_err(|e| Failure::new(Exit::Io, format!("{name}: {e}")))?;
        Config::parse(&text).map_err(|e| {
            let help = "help: `backpass train DATA --target COL --print-config` shows what can be set";
            Failure::usage(format!("{name}: {}\n{help}", e.to_string().trim_end()))
        })
    }

    fn parse(text: &str) -> Result<Config, toml::de::Error> {
        let mut table: Table = toml::from_str(text)?;
        let reading = table.remove(READING).map(Value::try_into).transpose()?;
        Ok(Config { options: table.try_into()?, reading: reading.unwrap_or_default() })
    }

    /// The text that [`Config::load`] reads.
    pub fn to_toml(&self) -> Result<String, Failure> {
        fn part(values: &impl Serialize) -> Result<String, Failure> {
            toml::to_string(values).map_err(|e| Failure::usage(format!("the configuration as TOML: {e}")))
        }
        let (options, reading) = (part(&self.options)?, part(&self.reading)?);
        Ok(if reading.is_empty() { options } else { format!("{options}\n[{READING}]\n{reading}") })
    }

    /// Takes from a file, if there is one, whatever is not set here.
    pub fn with(self, file: Option<&Path>) -> Result<Config, Failure> {
        Ok(match file {
            Some(path) => self.or(Config::load(path)?),
            None => self,
        })
    }

    /// Reads the table to train on.
    pub fn table(&self, path: &Path) -> Result<DataTable, Failure> {
        let table = self.reading.table(path)?;
        if self.options.target.is_empty() { Err(no_target(&table)) } else { Ok(table) }
    }

    /// Takes from `other` whatever is not set here.
    pub fn or(self, other: Config) -> Config {
        Config { options: self.options.or(other.options), reading: self.reading.or(other.reading) }
    }
}

fn no_target(table: &DataTable) -> Failure {
    let columns: Vec<&str> = table.names().collect();
    let more = if columns.len() > 30 { ", …" } else { "" };
    let columns = columns.into_iter().take(30).collect::<Vec<_>>().join(", ");
    let help = format!("help: name the column to predict with --target: {columns}{more}");
    Failure::usage(format!("{}: which column is to be predicted?\n{help}", table.name))
}
