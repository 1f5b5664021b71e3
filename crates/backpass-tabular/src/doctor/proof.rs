//! The counter-proof: a short second run with a change.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use backpass::train::{Epoch, Observer};
use serde::Serialize;

use crate::doctor::{Change, Fault, Finding, Severity};
use crate::fit::{Watcher, prepare};
use crate::fit_error::FitError;
use crate::model::Model;
use crate::table::Table;

/// Epochs of the second run that need not be as long as the first.
const SHORT: usize = 50;

/// What a change did to a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Proof {
    /// The number of epochs of both runs that are compared; the second may have more if it is to have more.
    pub epochs: usize,
    /// What is compared, the lower the better.
    pub measure: &'static str,
    /// The lowest in the run as it was; none if it left the finite numbers in its first epoch.
    pub before: Option<f64>,
    /// The lowest with the change.
    pub after: Option<f64>,
}

impl Proof {
    /// Whether the change lowered what is compared.
    pub fn helped(&self) -> bool {
        self.after.is_some_and(|after| self.before.is_none_or(|before| after < before))
    }
}

impl Finding {
    /// The finding after its cure was tried: of lower grade if that did not help, unless the fault is beyond doubt or a
    /// higher loss is what is expected of the cure.
    pub fn tried(mut self, proof: &Proof) -> Finding {
        let stands = matches!(self.fault, Fault::Leak | Fault::Diverged);
        if let Some(change) = self.change.as_ref().filter(|_| !stands && !proof.helped()) {
            self.advice += &format!("; but {} does not help here", change.text);
            // A note is what has been seen to already.
            self.severity = self.severity.min(Severity::Warning);
        }
        self
    }
}

/// Trains again on the table of a model with a change, for as many epochs as the model had but at most 50, unless the change
/// is their number, and compares the lowest losses; `observe` is told of its epochs.
///
/// # Errors
/// As [`fit`](crate::fit()).
pub fn prove(
    table: &Table,
    model: &Model,
    change: &Change,
    threads: usize,
    observe: &mut Observer<'_>,
) -> Result<Proof, FitError> {
    let done = model.history.len();
    let epochs = change.options.epochs.unwrap_or_else(|| if done == 0 { SHORT } else { done.min(SHORT) });
    let stop = Arc::new(AtomicBool::new(false));
    // Stopping from outside leaves the schedule as long as it was.
    let mut watch = |epoch: &Epoch| {
        observe(epoch);
        if epoch.epoch >= epochs {
            stop.store(true, Ordering::Relaxed);
        }
    };
    let options = change.options.clone().or(model.manifest.options.clone());
    let prepared = prepare(table, &options)?;
    let watcher = Watcher { threads, interrupt: Some(Arc::clone(&stop)), profile: false, observe: &mut watch };
    let again = prepared.train(watcher)?;
    let validated = again.report.history.iter().all(|epoch| epoch.validation_loss.is_some());
    let lowest = |history: &[Epoch]| {
        let loss = |epoch: &Epoch| if validated { epoch.validation_loss } else { Some(epoch.train_loss) };
        history.iter().take(epochs).filter_map(loss).filter(|loss| loss.is_finite()).min_by(f64::total_cmp)
    };
    let measure = if validated { "validation loss" } else { "training loss" };
    Ok(Proof { epochs, measure, before: lowest(&model.history), after: lowest(&again.report.history) })
}
