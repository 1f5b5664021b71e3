//! What programs read of a training run.

use serde::Serialize;

use crate::fit::Fitted;
use crate::formula::Coefficient;
use crate::metrics::Metrics;

/// The summary that programs read: the one document of `train --json`.
#[derive(Serialize)]
pub struct Summary<'a> {
    /// The version of this form.
    pub schema: &'static str,
    /// `binary`, `multiclass` or `regression`.
    pub task: &'static str,
    /// The number of parameters of the network.
    pub parameters: usize,
    /// The fitted numbers of a formula.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub coefficients: &'a [Coefficient],
    /// Epochs done.
    pub epochs: usize,
    /// The epoch whose weights were kept.
    pub best_epoch: usize,
    /// Why training stopped, in one word.
    pub stop_reason: &'static str,
    /// Why training stopped, with the evidence.
    pub stop: String,
    /// Rows trained and validated on.
    pub rows: SummaryRows,
    /// Metrics on both.
    pub metrics: SummaryMetrics<'a>,
    /// Seconds of training.
    pub seconds: f64,
    /// SHA-256 over everything that determines predictions.
    pub model_hash: String,
}

/// Rows trained and validated on.
#[derive(Serialize)]
#[allow(missing_docs)]
pub struct SummaryRows {
    pub train: usize,
    pub validation: usize,
}

/// Metrics on the training and the validation rows.
#[derive(Serialize)]
#[allow(missing_docs)]
pub struct SummaryMetrics<'a> {
    pub train: &'a Metrics,
    pub validation: Option<&'a Metrics>,
}

impl Fitted {
    /// The summary that programs read.
    pub fn summary(&self) -> Summary<'_> {
        Summary {
            schema: "backpass.train/1",
            task: self.model.target.task.name(),
            parameters: self.model.network.parameter_count(),
            coefficients: &self.model.manifest.coefficients,
            epochs: self.report.history.len(),
            best_epoch: self.report.best_epoch,
            stop_reason: self.report.stop.name(),
            stop: self.report.stop.to_string(),
            rows: SummaryRows { train: self.rows.0, validation: self.rows.1 },
            metrics: SummaryMetrics { train: &self.train_metrics, validation: self.validation_metrics.as_ref() },
            seconds: self.report.seconds,
            model_hash: self.model.hash(),
        }
    }
}
