//! What a search has found so far, in a file: JSON lines, the first of which says what is searched.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Trial, TuneError};
use crate::options::FitOptions;

/// All that decides what a trial gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    pub schema: String,
    pub version: String,
    /// SHA-256 of the table.
    pub data: String,
    pub options: FitOptions,
    pub space: toml::Table,
    /// The epochs of each rung.
    pub rungs: Vec<usize>,
    pub eta: usize,
    pub metric: String,
}

impl Header {
    /// The version of this form.
    pub const SCHEMA: &str = "backpass.tune.journal/1";

    /// The first thing that two searches do not share.
    fn difference(&self, other: &Header) -> Option<&'static str> {
        [
            (self.schema != other.schema || self.version != other.version, "the versions of the program"),
            (self.data != other.data, "the rows"),
            (self.options != other.options, "the options given"),
            (self.space != other.space, "the spaces"),
            (self.rungs != other.rungs || self.eta != other.eta, "the rungs"),
            (self.metric != other.metric, "the metrics"),
        ]
        .into_iter()
        .find_map(|(differs, part)| differs.then_some(part))
    }
}

/// The finished trainings of a search, kept in a file if one is named.
pub(super) struct Journal {
    file: Option<(PathBuf, File)>,
    known: HashMap<(usize, usize), Trial>,
}

impl Journal {
    /// Reads what is there and goes on behind it; a last line that was not written to its end is dropped.
    pub fn open(path: Option<&Path>, header: &Header) -> Result<Journal, TuneError> {
        let Some(path) = path else { return Ok(Journal { file: None, known: HashMap::new() }) };
        let failed = |source: io::Error| TuneError::Journal { path: path.to_path_buf(), source };
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(failed)?;
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(failed)?;
        let end = text.rfind('\n').map_or(0, |at| at + 1);
        let mut journal = Journal { file: None, known: HashMap::new() };
        let mut lines = text[..end].lines().enumerate();
        let wrong = |(line, error): (usize, serde_json::Error)| TuneError::Line {
            path: path.to_path_buf(),
            line: line + 1,
            reason: error.to_string(),
        };
        match lines.next() {
            // Something else than a beginning that was not written to its end is not ours to write over.
            None if !text.is_empty() && !text.starts_with("{\"schema\":\"backpass.") => {
                let reason = "no journal of a search".to_string();
                return Err(TuneError::Line { path: path.to_path_buf(), line: 1, reason });
            }
            None => {}
            Some((_, first)) => {
                let found: Header = serde_json::from_str(first).map_err(|error| wrong((0, error)))?;
                if let Some(part) = header.difference(&found) {
                    return Err(TuneError::OtherSearch { path: path.to_path_buf(), part });
                }
            }
        }
        for (line, text) in lines {
            let trial: Trial = serde_json::from_str(text).map_err(|error| wrong((line, error)))?;
            journal.known.insert((trial.trial, trial.rung), trial);
        }
        file.set_len(end as u64).map_err(failed)?;
        file.seek(SeekFrom::End(0)).map_err(failed)?;
        journal.file = Some((path.to_path_buf(), file));
        if end == 0 {
            journal.line(header)?;
        }
        Ok(journal)
    }

    /// What is known of a trial at a rung.
    pub fn find(&self, trial: usize, rung: usize) -> Option<&Trial> {
        self.known.get(&(trial, rung))
    }

    /// Writes down a finished training.
    pub fn keep(&mut self, trial: &Trial) -> Result<(), TuneError> {
        self.line(trial)
    }

    fn line(&mut self, value: &impl Serialize) -> Result<(), TuneError> {
        let Some((path, file)) = &mut self.file else { return Ok(()) };
        let line = serde_json::to_string(value).map_err(io::Error::from);
        // One write for each line, so that a killed search leaves at most one unfinished.
        let written = line.and_then(|line| file.write_all(format!("{line}\n").as_bytes()));
        written.map_err(|source| TuneError::Journal { path: path.clone(), source })
    }
}
