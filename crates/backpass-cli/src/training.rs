//! What every verb that trains is told in the same way.

use std::path::PathBuf;

use backpass_tabular::FitOptions;

use crate::config::Config;
use crate::exit::Failure;
use crate::reading::Reading;
use crate::threads::Threads;

/// The options of training, from the command line or from a file, and how the data is read.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Training {
    #[command(flatten)]
    pub options: FitOptions,

    /// Take options from a TOML file; those of the command line go first
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    #[command(flatten)]
    pub threads: Threads,

    #[command(flatten)]
    pub reading: Reading,
}

impl Training {
    /// The options of the command line, then those of the file.
    pub fn resolve(self) -> Result<Config, Failure> {
        Config { options: self.options, reading: self.reading }.with(self.config.as_deref())
    }
}
