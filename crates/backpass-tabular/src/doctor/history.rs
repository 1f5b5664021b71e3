//! The losses of a run, epoch by epoch.

use backpass::train::StopReason;

use crate::doctor::network::default_rate;
use crate::doctor::run::Run;
use crate::doctor::{Fault, Finding, Severity};
use crate::fit::Fitted;
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
pub(super) fn divergence(options: &FitOptions, fitted: &Fitted) -> Option<Finding> {
    let StopReason::Diverged(divergence) = &fitted.report.stop else { return None };
    let finding = Finding::new(Fault::Diverged, Severity::Serious, "", fitted.report.stop.to_string(), divergence.help);
    let finding = finding.numbers([("epoch", divergence.epoch as f64), ("step", divergence.step as f64)]);
    if options.formula.is_some() {
        return Some(finding);
    }
    let rate = fitted.resolved.learning_rate.unwrap_or(1e-3);
    let options = FitOptions { learning_rate: None, ..options.clone() };
    let (model, rows) = (&fitted.model, fitted.rows.0);
    let usual = options.resolve(&model.target.task, rows, model.inputs.features.len()).learning_rate;
    let (text, options) = match usual.filter(|usual| *usual < rate) {
        Some(usual) => rate_change(usual),
        None => rate_change(rate / 10.0),
    };
    Some(finding.cured_by(text, options))
}

fn rate_change(rate: f64) -> (String, FitOptions) {
    (format!("--learning-rate {rate}"), FitOptions { learning_rate: Some(rate), ..FitOptions::default() })
}

pub(super) fn check(run: &Run<'_>) -> Vec<Finding> {
    let rate = too_high(run).or_else(|| too_low(run));
    // A run that needs a larger rate needs no more epochs first.
    let end = if rate.is_none() { at_end(run) } else { None };
    [rate, end, overfitting(run), nothing(run)].into_iter().flatten().collect()
}

/// The loss to measure training losses by: that of a constant, or of the first epoch where rows have weights.
fn scale(run: &Run<'_>) -> f64 {
    let weighted = run.options.weight.is_some() || run.options.class_weight.is_some();
    if weighted { run.fitted.report.history[0].train_loss } else { run.constant_loss.0 }
}

fn too_high(run: &Run<'_>) -> Option<Finding> {
    let (rate, history, scale) = (run.fitted.resolved.learning_rate?, &run.fitted.report.history, scale(run));
    let jumps = history.windows(2).filter(|pair| pair[1].train_loss > pair[0].train_loss + JUMP * scale).count();
    let first = history[0].train_loss / scale;
    // Large weights or inputs at the start are another fault.
    let overshot = first > OVERSHOT && run.options.init.is_none() && run.options.scaling.is_none();
    if jumps < JUMPS && !overshot {
        return None;
    }
    let epochs = history.len();
    let evidence = format!(
        "the training loss jumped up {jumps} times in {epochs} epochs; the first was at {first:.1} times the loss of a constant"
    );
    let usual = default_rate(run);
    let (text, options) = rate_change(if usual < rate { usual } else { rate / 10.0 });
    let advice = format!("lower it from {rate}: {text}");
    let finding = Finding::new(Fault::LearningRateTooHigh, Severity::Serious, "", evidence, advice);
    Some(finding.numbers([("jumps", jumps as f64), ("first", first), ("rate", rate)]).cured_by(text, options))
}

fn too_low(run: &Run<'_>) -> Option<Finding> {
    let (rate, history, scale) = (run.fitted.resolved.learning_rate?, &run.fitted.report.history, scale(run));
    let falls = history.windows(2).filter(|pair| pair[1].train_loss < pair[0].train_loss).count() as f64;
    let share = falls / (history.len().max(2) - 1) as f64;
    let (first, last) = (history[0].train_loss, history[history.len() - 1].train_loss);
    if history.len() < 5 || share < STEADY || last < HARDLY * scale {
        return None;
    }
    let evidence = format!(
        "the training loss fell in {falls} of {} epochs, and only from {first:.4} to {last:.4}; a constant has {scale:.4}",
        history.len() - 1
    );
    let usual = default_rate(run);
    let (text, options) = rate_change(if usual > rate { usual } else { 10.0 * rate });
    let advice = format!("raise it from {rate}: {text}");
    let finding = Finding::new(Fault::LearningRateTooLow, Severity::Serious, "", evidence, advice);
    Some(finding.numbers([("first", first), ("last", last), ("rate", rate)]).cured_by(text, options))
}

fn at_end(run: &Run<'_>) -> Option<Finding> {
    let report = &run.fitted.report;
    let StopReason::Epochs { epochs } = report.stop else { return None };
    let constant = run.constant_loss.1?;
    let losses: Vec<f64> = report.history.iter().filter_map(|epoch| epoch.validation_loss).collect();
    let before = (losses.len() - losses.len().div_ceil(5)).max(1).min(losses.len());
    let best = |losses: &[f64]| losses.iter().copied().fold(f64::INFINITY, f64::min);
    let (earlier, overall) = (best(&losses[..before]), best(&losses));
    if report.best_epoch * 20 < epochs * 19 || earlier - overall < STILL_GAINED * constant {
        return None;
    }
    let evidence = format!(
        "epoch {} of {epochs} was the best; the last fifth lowered the validation loss from {earlier:.4} to {overall:.4}",
        report.best_epoch
    );
    let more = 4 * epochs;
    let options = FitOptions { epochs: Some(more), ..FitOptions::default() };
    let text = format!("--epochs {more}");
    let finding = Finding::new(Fault::BestEpochAtEnd, Severity::Warning, "", evidence, format!("train longer: {text}"));
    Some(
        finding
            .numbers([("best_epoch", report.best_epoch as f64), ("gained", earlier - overall)])
            .cured_by(text, options),
    )
}

fn overfitting(run: &Run<'_>) -> Option<Finding> {
    let (train, validation) = (run.train_loss / run.constant_loss.0, run.validation_loss()? / run.constant_loss.1?);
    let history = &run.fitted.report.history;
    let stopped = matches!(run.fitted.report.stop, StopReason::Patience { .. });
    let last = history.last()?.validation_loss? / run.constant_loss.1?;
    // Stopping early is the cure; without it the rise after the best epoch is wasted work at best.
    let rise = if stopped { 0.0 } else { last - validation };
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
    if run.options.patience == Some(0) && rise >= GAP {
        let patience = FitOptions { patience: None, ..run.options.clone() };
        let (model, rows) = (&run.fitted.model, run.fitted.rows.0);
        let patience = patience.resolve(&model.target.task, rows, model.inputs.features.len()).patience?;
        let options = FitOptions { patience: Some(patience), ..FitOptions::default() };
        return Some(finding.cured_by(format!("--patience {patience}"), options));
    }
    Some(finding)
}

fn nothing(run: &Run<'_>) -> Option<Finding> {
    let (loss, constant, rows) = match (run.validation_loss(), run.constant_loss.1) {
        (Some(loss), Some(constant)) => (loss, constant, "validation"),
        _ => (run.train_loss, run.constant_loss.0, "training"),
    };
    if loss < NOTHING * constant {
        return None;
    }
    let evidence = format!("the loss on {rows} rows is {loss:.4}; predicting the same for every row has {constant:.4}");
    let advice = "look for another fault first; otherwise the columns may say nothing about the target";
    let finding = Finding::new(Fault::LearntNothing, Severity::Serious, "", evidence, advice);
    Some(finding.numbers([("loss", loss), ("constant", constant)]))
}
