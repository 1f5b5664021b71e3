//! What was measured: every sample, with the circumstances.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::environment::Environment;

/// By section; sections may come from different runs.
#[derive(Default, Deserialize, Serialize)]
pub struct Results(pub BTreeMap<String, Measured>);

/// One section.
#[derive(Deserialize, Serialize)]
pub struct Measured {
    pub environment: Environment,
    pub rounds: usize,
    pub seconds: f64,
    pub cases: Cases,
}

/// Rows by the name of their case.
pub type Cases = BTreeMap<String, Vec<Row>>;

/// One contestant on one case.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Row {
    pub contestant: String,
    /// 0 where the contestant chooses.
    pub threads: usize,
    /// Seconds of one run, one number a round.
    pub samples: Vec<f64>,
    /// Of a job: the seconds of training that it reports.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub training: Vec<f64>,
    /// Of a job: the most bytes of memory.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub peaks: Vec<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Row {
    pub fn new(contestant: &str, threads: usize) -> Row {
        Row { contestant: contestant.to_string(), threads, ..Row::default() }
    }

    pub fn is_ours(&self) -> bool {
        self.contestant == "backpass"
    }

    /// The middle sample.
    pub fn median(&self) -> f64 {
        median(&self.samples)
    }

    /// The shortest sample.
    pub fn least(&self) -> f64 {
        least(&self.samples)
    }

    /// The most memory of all rounds in bytes.
    pub fn peak(&self) -> f64 {
        self.peaks.iter().copied().max().map_or(f64::NAN, |peak| peak as f64)
    }

    /// Who, and with how many threads.
    pub fn label(&self) -> String {
        match self.threads {
            0 => self.contestant.clone(),
            1 => format!("{}, 1 thread", self.contestant),
            n => format!("{}, {n} threads", self.contestant),
        }
    }
}

/// The least of some numbers, NaN without any.
pub fn least(samples: &[f64]) -> f64 {
    samples.iter().copied().fold(f64::NAN, f64::min)
}

/// The middle of some numbers, NaN without any.
pub fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => (sorted[n / 2 - 1] + sorted[n / 2]) / 2.0,
    }
}

impl Results {
    /// What `results.json` in a folder holds; nothing if it is not there.
    pub fn read(folder: &Path) -> Result<Results> {
        let file = folder.join("results.json");
        if !file.exists() {
            return Ok(Results::default());
        }
        serde_json::from_str(&std::fs::read_to_string(&file)?).with_context(|| file.display().to_string())
    }

    pub fn write(&self, folder: &Path) -> Result<()> {
        Ok(std::fs::write(folder.join("results.json"), serde_json::to_string_pretty(self)? + "\n")?)
    }
}
