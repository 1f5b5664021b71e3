//! What is measured, as the files `bench/*.toml` say it.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// One file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    pub title: String,
    /// For the report.
    pub text: String,
    /// Who runs the cases that do not say it themselves.
    #[serde(default)]
    pub contestants: Vec<String>,
    /// Numbers of threads; none stands for one and all.
    #[serde(default)]
    pub threads: Vec<usize>,
    /// Of what the report gives the time.
    #[serde(default)]
    pub per: Per,
    pub case: Vec<Case>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Per {
    #[default]
    Run,
    Row,
    Point,
}

#[derive(Debug, Deserialize)]
pub struct Case {
    pub name: String,
    /// Cases of a group share a table.
    #[serde(default)]
    pub group: String,
    pub contestants: Option<Vec<String>>,
    /// Contestants beside those of the section.
    #[serde(default)]
    pub also: Vec<String>,
    #[serde(default)]
    pub target: Target,
    /// What contestants are asked.
    #[serde(flatten)]
    pub request: Request,
    /// A whole process for each contestant in place of a request.
    #[serde(default)]
    pub jobs: BTreeMap<String, Job>,
    /// A file or folder without which the jobs are left out.
    pub needs: Option<String>,
    /// A command that runs before the jobs.
    pub prepare: Option<String>,
    /// Rounds of the jobs, if not as many as of everything else.
    pub rounds: Option<usize>,
    /// Whether a quick run leaves it out.
    #[serde(default)]
    pub slow: bool,
    /// Columns of the table of a job, target included.
    #[serde(default)]
    pub columns: usize,
    /// Epochs of a job.
    #[serde(default)]
    pub epochs: usize,
}

/// What contestants are asked; `bench/serve.rs` says what the fields mean.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Request {
    pub work: String,
    pub layers: Vec<usize>,
    pub loss: String,
    pub rows: usize,
    pub function: String,
    pub points: usize,
    pub gradient: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// The command that is timed.
    pub run: String,
    /// A command that prints the accuracy afterwards.
    pub judge: Option<String>,
}

/// What must hold; names are those of peers or of other cases.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Target {
    /// The most that all threads may take, by the time of the fastest peer whose name starts so; `peers` means all.
    pub ratio: BTreeMap<String, f64>,
    /// The least that all threads are faster than one.
    pub speed_up: Option<f64>,
    /// The least share of the machine's peak with one thread.
    pub peak: Option<f64>,
    /// The most time of a job.
    pub seconds: Option<f64>,
    /// The most memory of a job.
    pub megabytes: Option<f64>,
    /// The most memory of a job by its table in f32, target left out.
    pub table: Option<f64>,
    /// The most time by that of another case.
    pub times: BTreeMap<String, f64>,
    /// The most memory by the formula, both less those of another case.
    pub memory: BTreeMap<String, f64>,
}

impl Section {
    pub fn read(name: &str) -> Result<Section> {
        let file = format!("bench/{name}.toml");
        let text = std::fs::read_to_string(&file).with_context(|| file.clone())?;
        toml::from_str(&text).context(file)
    }
}

impl Request {
    /// Floating point operations of the matrix products of a training step: the first layer needs no gradient of its
    /// inputs.
    pub fn training_flops(&self) -> f64 {
        let layer = |(i, pair): (usize, &[usize])| pair[0] * pair[1] * if i == 0 { 2 } else { 3 };
        (2 * self.rows * self.layers.windows(2).enumerate().map(layer).sum::<usize>()) as f64
    }

    /// Weights and biases.
    pub fn parameters(&self) -> usize {
        self.layers.windows(2).map(|pair| (pair[0] + 1) * pair[1]).sum()
    }
}
