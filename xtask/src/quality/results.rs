//! What was measured, kept from one run to the next.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// One contestant on one split.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Run {
    pub table: String,
    pub contestant: String,
    pub split: usize,
    /// Of reading and training.
    pub seconds: f64,
    pub scores: BTreeMap<String, f64>,
}

/// The runs of a file; a run takes the place of an older one of the same split.
pub struct Results {
    file: &'static str,
    pub runs: Vec<Run>,
}

/// Mean and standard error.
#[derive(Clone, Copy, Debug)]
pub struct Mean {
    pub value: f64,
    pub error: f64,
    pub count: usize,
}

impl Results {
    pub fn read(file: &'static str) -> Result<Results> {
        let runs = if Path::new(file).exists() {
            serde_json::from_str(&std::fs::read_to_string(file)?).context(file)?
        } else {
            Vec::new()
        };
        Ok(Results { file, runs })
    }

    /// Keeps a run and writes the file, so that an interruption loses nothing.
    pub fn keep(&mut self, run: Run) -> Result<()> {
        let key = |r: &Run| (r.table.clone(), r.contestant.clone(), r.split);
        self.runs.retain(|old| key(old) != key(&run));
        self.runs.push(run);
        self.runs.sort_by_key(key);
        let lines: Vec<String> = self.runs.iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
        std::fs::write(self.file, format!("[\n{}\n]\n", lines.join(",\n")))?;
        Ok(())
    }

    /// Whether there is a result of a split.
    pub fn has(&self, table: &str, contestant: &str, split: usize) -> bool {
        self.runs
            .iter()
            .any(|run| (run.table.as_str(), run.contestant.as_str(), run.split) == (table, contestant, split))
    }

    /// The mean of something over a contestant's splits of a table; none where it has none.
    pub fn mean(&self, table: &str, contestant: &str, of: impl Fn(&Run) -> Option<f64>) -> Option<Mean> {
        let runs = self.runs.iter().filter(|run| run.table == table && run.contestant == contestant);
        let values: Vec<f64> = runs.filter_map(of).collect();
        let count = values.len();
        let value = values.iter().sum::<f64>() / count as f64;
        let squares: f64 = values.iter().map(|v| (v - value).powi(2)).sum();
        let error = (squares / (count.max(2) - 1) as f64 / count as f64).sqrt();
        (count > 0).then_some(Mean { value, error, count })
    }
}
