//! What can go wrong in a search.

use std::path::PathBuf;

use crate::fit_error::{FitError, FitErrorKind};

/// Everything that can go wrong in a search for options.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TuneError {
    /// The table or the options given.
    #[error(transparent)]
    Fit(#[from] FitError),
    /// Options of the space that cannot be trained with.
    #[error("with {options}: {source}")]
    Trial {
        /// What the trial set.
        options: String,
        /// What is wrong with it.
        source: Box<FitError>,
    },
    /// A space that is not TOML.
    #[error("{}\nhelp: `backpass tune --print-space` shows a space", .0.to_string().trim_end())]
    Text(#[from] toml::de::Error),
    /// A name in a space that cannot be searched.
    #[error("`{option}` cannot be searched\n{help}")]
    Option {
        /// The name.
        option: String,
        /// What to do.
        help: String,
    },
    /// An option of a space with wrong choices.
    #[error("{option}: {problem}\nhelp: {help}")]
    Choices {
        /// The option.
        option: String,
        /// What is wrong with them.
        problem: String,
        /// What to do.
        help: &'static str,
    },
    /// Nothing is left to search.
    #[error("no option is left to search\nhelp: name options in the space that are not given")]
    Empty,
    /// A number that does not describe a search.
    #[error("{option}: {found} is not {expected}")]
    Number {
        /// The option.
        option: &'static str,
        /// Its value.
        found: usize,
        /// What it may be.
        expected: &'static str,
    },
    /// A metric that does not judge this target.
    #[error("--metric: `{metric}` does not judge this target\nhelp: {help}")]
    Metric {
        /// Its name.
        metric: String,
        /// What to do.
        help: String,
    },
    /// A journal that cannot be read or written.
    #[error("{path}: {source}")]
    Journal {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A line of a journal that cannot be read.
    #[error("{path}, line {line}: {reason}\nhelp: name a journal of `backpass tune`, or a new file")]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A journal of another search.
    #[error("{path} is the journal of another search: {part} differ\nhelp: give what it was begun with, or a new file")]
    OtherSearch {
        /// The file.
        path: PathBuf,
        /// What is not the same.
        part: &'static str,
    },
}

impl TuneError {
    /// The family of the error.
    pub fn kind(&self) -> FitErrorKind {
        match self {
            TuneError::Fit(error) => error.kind(),
            TuneError::Trial { source, .. } => source.kind(),
            TuneError::Journal { .. } => FitErrorKind::Io,
            TuneError::Line { .. } => FitErrorKind::Data,
            _ => FitErrorKind::Usage,
        }
    }
}
