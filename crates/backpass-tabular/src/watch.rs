//! What is followed on the validation rows while training runs.

use std::cell::RefCell;

use backpass::train::{Metric as WatchedMetric, Validation};
use backpass_kernels::Real;

use crate::fit_error::FitError;
use crate::metrics::{Better, metric_named};
use crate::model::Model;
use crate::options::FitOptions;
use crate::rows::Rows;
use crate::task::Task;

/// The metrics to follow on the validation rows: the main one of the task, and the one that decides.
pub(crate) fn watch<'a, D: Real>(
    options: &FitOptions,
    model: &Model,
    rows: Option<&'a Rows<D>>,
) -> Result<Validation<'a, D>, FitError> {
    const CLASSES: &[&str] = &["accuracy", "balanced_accuracy", "log_loss", "roc_auc", "f1", "average_precision"];
    let watched = options.watch.as_deref().unwrap_or("loss");
    let (known, expected) = match model.target.task {
        Task::Binary { .. } => {
            (CLASSES, "loss, accuracy, balanced_accuracy, log_loss, roc_auc, f1 or average_precision")
        }
        Task::Multiclass { .. } => (&CLASSES[..5], "loss, accuracy, balanced_accuracy, log_loss, roc_auc or f1"),
        Task::Regression => {
            let known = model.target.number_metrics();
            let expected = match known {
                ["rrmse", ..] => "loss, rrmse, r2 or mape",
                [_, _, _, _] => "loss, rmse, mae, r2 or mape",
                _ => "loss, rmse, mae, r2, mape or interval_score",
            };
            (known, expected)
        }
    };
    let position = known.iter().position(|name| *name == watched);
    if position.is_none() && watched != "loss" {
        return Err(FitError::choice("--watch", watched, expected));
    }
    let Some(rows) = rows else {
        let expected = "possible without validation rows";
        return if position.is_some() {
            Err(FitError::choice("--watch", watched, expected))
        } else {
            Ok(Validation::default())
        };
    };
    let mut names = vec![known[0]];
    names.extend(position.filter(|at| *at > 0).map(|at| known[at]));
    let metric = |name: &'static str| -> Result<WatchedMetric<'a>, FitError> {
        let (head, target) = (RefCell::new(model.head_runner(rows.encoded.rows())?), model.target.clone());
        let higher = metric_named(name).is_some_and(|m| m.better == Better::Higher);
        let compute = move |outputs: &[f32]| {
            let values = head.borrow_mut().values(outputs);
            let metrics =
                values.and_then(|values| target.metrics(&values, &rows.targets, None, |wanted| wanted == name));
            metrics.ok().and_then(|m| m.get(name)).unwrap_or(f64::NAN)
        };
        Ok(WatchedMetric { name: name.to_string(), higher_is_better: higher, compute: Box::new(compute) })
    };
    let watch = names.iter().position(|name| *name == watched);
    let metrics = names.into_iter().map(metric).collect::<Result<_, _>>()?;
    Ok(Validation { data: Some(&rows.encoded), metrics, watch })
}
