//! The losses of a run, epoch by epoch.

use backpass::train::{Divergence, Epoch, StopReason};

use crate::doctor::run::Run;
use crate::doctor::{Change, Fault, Finding, Severity};
use crate::model::Model;
use crate::options::FitOptions;

/// A rise of the training loss from one epoch to the next that is no noise, as a share of a constant's loss.
const JUMP: f64 = 0.1;

/// So many such rises are no accident.
const JUMPS: usize = 3;

/// A first epoch this many times worse than a constant has overshot.
const OVERSHOT: f64 = 3.0;

/// A loss that falls in this share of the epochs falls steadily; noise makes it rise in half of them.
const STEADY: f64 = 0.9;

/// Above this share of a constant's loss hardly anything has been learnt.
const HARDLY: f64 = 0.8;

/// What the last fifth of a run may still gain, as a share of a constant's loss.
const STILL_GAINED: f64 = 0.02;

/// The difference between what is explained on training rows and on others, as a share of a constant's loss.
const GAP: f64 = 0.3;

/// A model that leaves more than this of a constant's loss has learnt nothing.
const NOTHING: f64 = 0.98;

/// The finding of a run that left the finite numbers.
pub(super) fn divergence(model: &Model, divergence: &Divergence) -> Finding {
    let evidence = StopReason::Diverged(divergence.clone()).to_string();
    let finding = Finding::new(Fault::Diverged, Severity::Serious, "", evidence, divergence.help);
    let finding = finding.numbers([("epoch", divergence.epoch as f64), ("step", divergence.step as f64)]);
    match model.manifest.options.learning_rate {
        Some(rate) => finding.cured_by(Change::learning_rate(rate / 10.0)),
        None => finding,
    }
}

pub(super) fn check(run: &Run<'_>) -> Vec<Finding> {
    let rate = too_high(run).or_else(|| too_low(run));
    // A run that needs a larger rate needs no more epochs first.
    let end = if rate.is_none() { at_end(run) } else { None };
    [rate, end, overfitting(run), nothing(run)].into_iter().flatten().collect()
}

fn history<'a>(run: &Run<'a>) -> &'a [Epoch] {
    &run.model.history
}

/// The loss to measure training losses by: that of a constant, or of the first epoch where rows have weights.
fn scale(run: &Run<'_>) -> f64 {
    let weighted = run.options().weight.is_some() || run.options().class_weight.is_some();
    if weighted { history(run)[0].train_loss } else { run.constant.0 }
}

fn too_high(run: &Run<'_>) -> Option<Finding> {
    let (rate, history, scale) = (run.options().learning_rate?, history(run), scale(run));
    let jumps = history.windows(2).filter(|pair| pair[1].train_loss > pair[0].train_loss + JUMP * scale).count();
    let first = history[0].train_loss / scale;
    // Large weights or inputs at the start are another fault, and a schedule makes good what its first epoch overshoots.
    let started_well = run.options().init == run.usual.init && run.options().scaling == run.usual.scaling;
    let faster = run.usual_rate().is_none_or(|usual| rate > usual);
    if jumps < JUMPS && !(started_well && faster && first > OVERSHOT) {
        return None;
    }
    let epochs = history.len();
    let evidence = format!(
        "the training loss jumped up {jumps} times in {epochs} epochs; the first was at {first:.1} times the loss of a constant"
    );
    let lower = run.usual_rate().filter(|usual| *usual < rate).unwrap_or(rate / 10.0);
    let change = Change::learning_rate(lower);
    let advice = format!("lower it from {rate}: {}", change.text);
    let finding = Finding::new(Fault::LearningRateTooHigh, Severity::Serious, "", evidence, advice);
    Some(finding.numbers([("jumps", jumps as f64), ("first", first), ("rate", rate)]).cured_by(change))
}

fn too_low(run: &Run<'_>) -> Option<Finding> {
    let (rate, history, scale) = (run.options().learning_rate?, history(run), scale(run));
    let epochs = history.len();
    let falls = history.windows(2).filter(|pair| pair[1].train_loss < pair[0].train_loss).count() as f64;
    let share = falls / (epochs.max(2) - 1) as f64;
    let (first, last) = (history[0].train_loss, history[epochs - 1].train_loss);
    // What learns by heart what it cannot predict falls as steadily, but is best early.
    let best_late = run.model.manifest.best_epoch * 10 >= epochs * 9;
    if epochs < 5 || share < STEADY || last < HARDLY * scale || !best_late {
        return None;
    }
    let evidence = format!(
        "the training loss fell in {falls} of {} epochs, and only from {first:.4} to {last:.4}; a constant has {scale:.4}",
        epochs - 1
    );
    let higher = run.usual_rate().filter(|usual| *usual > rate).unwrap_or(10.0 * rate);
    let change = Change::learning_rate(higher);
    let advice = format!("raise it from {rate}: {}", change.text);
    let finding = Finding::new(Fault::LearningRateTooLow, Severity::Serious, "", evidence, advice);
    Some(finding.numbers([("first", first), ("last", last), ("rate", rate)]).cured_by(change))
}

fn at_end(run: &Run<'_>) -> Option<Finding> {
    let (manifest, epochs) = (&run.model.manifest, history(run).len());
    let constant = run.constant.1?;
    let losses: Vec<f64> = history(run).iter().filter_map(|epoch| epoch.validation_loss).collect();
    let before = (losses.len() - losses.len().div_ceil(5)).max(1).min(losses.len());
    let best = |losses: &[f64]| losses.iter().copied().fold(f64::INFINITY, f64::min);
    let (earlier, overall) = (best(&losses[..before]), best(&losses));
    let stopped_at_end = manifest.stop_reason == "epochs" && manifest.best_epoch * 20 >= epochs * 19;
    if !stopped_at_end || earlier - overall < STILL_GAINED * constant {
        return None;
    }
    let evidence = format!(
        "epoch {} of {epochs} was the best; the last fifth lowered the validation loss from {earlier:.4} to {overall:.4}",
        manifest.best_epoch
    );
    let more = 4 * epochs;
    let options = FitOptions { epochs: Some(more), ..FitOptions::default() };
    let change = Change::new(format!("--epochs {more}"), options);
    let advice = format!("train longer: {}", change.text);
    let finding = Finding::new(Fault::BestEpochAtEnd, Severity::Warning, "", evidence, advice);
    Some(finding.numbers([("best_epoch", manifest.best_epoch as f64), ("gained", earlier - overall)]).cured_by(change))
}

fn overfitting(run: &Run<'_>) -> Option<Finding> {
    let (train, validation) = (run.losses.0 / run.constant.0, run.losses.1? / run.constant.1?);
    let last = history(run).last()?.validation_loss? / run.constant.1?;
    // Where stopping early was turned off, the rise after the best epoch is wasted work at best.
    let usual = run.usual.patience.filter(|patience| *patience > 0 && run.options().patience == Some(0));
    let rise = if usual.is_some() { last - validation } else { 0.0 };
    if validation - train < GAP && rise < GAP {
        return None;
    }
    let evidence = format!(
        "of a constant's loss {:.0} % is left on training rows, {:.0} % on validation rows, and {:.0} % there after the last epoch",
        100.0 * train,
        100.0 * validation,
        100.0 * last
    );
    let advice = "collect more rows, take fewer neurons (--hidden), or add --dropout or --weight-decay";
    let finding = Finding::new(Fault::Overfitting, Severity::Warning, "", evidence, advice);
    let finding = finding.numbers([("train", train), ("validation", validation), ("last", last)]);
    Some(match usual {
        Some(patience) if rise >= GAP => {
            let options = FitOptions { patience: Some(patience), ..FitOptions::default() };
            finding.cured_by(Change::new(format!("--patience {patience}"), options))
        }
        _ => finding,
    })
}

fn nothing(run: &Run<'_>) -> Option<Finding> {
    let (loss, constant, rows) = match (run.losses, run.constant) {
        ((_, Some(loss)), (_, Some(constant))) => (loss, constant, "validation"),
        _ => (run.losses.0, run.constant.0, "training"),
    };
    if loss < NOTHING * constant {
        return None;
    }
    let evidence = format!("the loss on {rows} rows is {loss:.4}; predicting the same for every row has {constant:.4}");
    let advice = "look for another fault first; otherwise the columns may say nothing about the target";
    let finding = Finding::new(Fault::LearntNothing, Severity::Serious, "", evidence, advice);
    Some(finding.numbers([("loss", loss), ("constant", constant)]))
}
