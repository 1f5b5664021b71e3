//! The losses of a run, epoch by epoch.

use backpass::train::{Divergence, Epoch, StopReason};
use backpass_kernels::math::erf;

use crate::doctor::run::{Dealt, Run, usual, usual_rate};
use crate::doctor::{Change, Fault, Finding, Severity, network};
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

/// What the second half of a run may still gain, as a share of a constant's loss; a falling learning rate gains some.
const STILL_GAINED: f64 = 0.05;

/// A loss so near to the best, as a share of a constant's loss, is as good.
const NEAR: f64 = 0.01;

/// The difference between what is explained on training rows and on others, as a share of a constant's loss.
const GAP: f64 = 0.3;

/// The penalty that may help against overfitting.
const L2: f64 = 0.03;

/// A model that leaves more than this of a constant's loss has learnt nothing.
const NOTHING: f64 = 0.98;

/// What is likelier than this by chance is no evidence that anything has been learnt.
const BY_CHANCE: f64 = 0.05;

/// The finding of a run that left the finite numbers.
pub(super) fn divergence(model: &Model, divergence: &Divergence) -> Finding {
    let evidence = StopReason::Diverged(divergence.clone()).to_string();
    let finding = Finding::new(Fault::Diverged, Severity::Serious, "", evidence, divergence.help);
    let finding = finding.numbers([("epoch", divergence.epoch as f64), ("step", divergence.step as f64)]);
    let Some(rate) = model.manifest.options.learning_rate else { return finding };
    let lower = usual_rate(model, &usual(model)).filter(|usual| *usual < rate).unwrap_or(rate / 10.0);
    finding.cured_by(Change::learning_rate(&model.manifest.options, lower))
}

/// What the losses tell beside what the network, whose findings are `known`, does.
pub(super) fn check(run: &Run<'_>, known: &[Finding]) -> Vec<Finding> {
    let is_known = |fault: &Fault| known.iter().any(|finding| finding.fault == *fault);
    let explained = [Fault::UnscaledInputs, Fault::IdenticalUnits, Fault::VanishingGradient, Fault::ExplodingGradient];
    if explained.iter().any(is_known) {
        return overfitting(run).into_iter().collect();
    }
    let rate = large_start(run).or_else(|| too_high(run)).or_else(|| too_low(run));
    // A run that needs a larger rate needs no more epochs first.
    let end = if rate.is_none() { at_end(run) } else { None };
    let mut findings: Vec<Finding> = [rate, end, overfitting(run)].into_iter().flatten().collect();
    // What has a cause needs no second name.
    if known.iter().chain(&findings).all(|finding| finding.severity < Severity::Serious) {
        findings.extend(nothing(run));
    }
    findings
}

fn history<'a>(run: &Run<'a>) -> &'a [Epoch] {
    &run.model.history
}

/// The training loss of the first epoch in units of a constant's.
fn first(run: &Run<'_>) -> f64 {
    history(run)[0].train_loss / run.constant.0
}

fn large_start(run: &Run<'_>) -> Option<Finding> {
    let first = first(run);
    if run.options().init == run.usual.init || first <= OVERSHOT {
        return None;
    }
    let evidence = format!("the first epoch had {} times the loss of a constant", short(first));
    let change = network::default_init(run);
    let advice = format!("start with smaller weights: {}", change.text);
    let finding = Finding::new(Fault::LargeStart, Severity::Serious, "", evidence, advice);
    Some(finding.numbers([("first", first)]).cured_by(change))
}

fn too_high(run: &Run<'_>) -> Option<Finding> {
    let (rate, history, scale, first) = (run.options().learning_rate?, history(run), run.constant.0, first(run));
    // A schedule that raises the rate may well raise the loss for a while.
    let jump = |pair: &&[Epoch]| {
        pair[1].train_loss > pair[0].train_loss + JUMP * scale && pair[1].learning_rate <= pair[0].learning_rate
    };
    let jumps = history.windows(2).filter(jump).count();
    // At the usual rate only a bad end is an alarm: the schedule makes good what the first epochs overshoot.
    let faster = run.usual_rate.is_none_or(|usual| rate > usual);
    let ends_badly = history.last()?.train_loss > HARDLY * scale;
    let alarm = if faster { jumps >= JUMPS || first > OVERSHOT } else { jumps >= JUMPS && ends_badly };
    if !alarm {
        return None;
    }
    let epochs = history.len();
    let evidence = format!(
        "the training loss jumped up {jumps} times in {epochs} epochs; the first was at {} times the loss of a constant",
        short(first)
    );
    let lower = run.usual_rate.filter(|usual| *usual < rate).unwrap_or(rate / 10.0);
    let change = Change::learning_rate(run.options(), lower);
    let advice = format!("lower it from {rate}: {}", change.text);
    let finding = Finding::new(Fault::LearningRateTooHigh, Severity::Serious, "", evidence, advice);
    Some(finding.numbers([("jumps", jumps as f64), ("first", first), ("rate", rate)]).cured_by(change))
}

fn too_low(run: &Run<'_>) -> Option<Finding> {
    let rate = run.options().learning_rate?;
    // Dropout is noise in the training loss. What is learnt by heart does not show on validation rows.
    let validated: Option<Vec<f64>> = history(run).iter().map(|epoch| epoch.validation_loss).collect();
    let (losses, constant, rows) = match (validated, run.constant.1) {
        (Some(losses), Some(constant)) => (losses, constant, "validation"),
        _ => (history(run).iter().map(|epoch| epoch.train_loss).collect(), run.constant.0, "training"),
    };
    let epochs = losses.len();
    let falls = losses.windows(2).filter(|pair| pair[1] < pair[0]).count() as f64;
    let (first, last) = (losses[0], losses[epochs - 1]);
    if epochs < 5 || falls < STEADY * (epochs - 1) as f64 || last < HARDLY * constant {
        return None;
    }
    let evidence = format!(
        "the loss on {rows} rows fell in {falls} of {} epochs, and only from {first:.4} to {last:.4}; a constant has {constant:.4}",
        epochs - 1
    );
    let higher = run.usual_rate.filter(|usual| *usual > rate).unwrap_or(10.0 * rate);
    let change = Change::learning_rate(run.options(), higher);
    let advice = format!("raise it from {rate}: {}", change.text);
    let finding = Finding::new(Fault::LearningRateTooLow, Severity::Serious, "", evidence, advice);
    Some(finding.numbers([("first", first), ("last", last), ("rate", rate)]).cured_by(change))
}

/// A factor in few characters.
fn short(factor: f64) -> String {
    if factor < 1000.0 { format!("{factor:.1}") } else { format!("{factor:.1e}") }
}

fn at_end(run: &Run<'_>) -> Option<Finding> {
    let (manifest, epochs) = (&run.model.manifest, history(run).len());
    let constant = run.constant.1?;
    let losses: Vec<f64> = history(run).iter().filter_map(|epoch| epoch.validation_loss).collect();
    let before = (losses.len() / 2).max(1).min(losses.len());
    let best = |losses: &[f64]| losses.iter().copied().fold(f64::INFINITY, f64::min);
    let (earlier, overall) = (best(&losses[..before]), best(&losses));
    // A learning rate that falls to nothing leaves the last epochs with next to nothing to gain.
    let best_at_end = losses.last()? - overall <= NEAR * constant;
    if manifest.stop_reason != "epochs" || !best_at_end || earlier - overall < STILL_GAINED * constant {
        return None;
    }
    let evidence = format!(
        "epoch {} of {epochs} was the best; the second half lowered the validation loss from {earlier:.4} to {overall:.4}",
        manifest.best_epoch
    );
    let more = 4 * epochs;
    let options = FitOptions { epochs: Some(more), ..FitOptions::default() };
    let change = Change::new(run.options(), format!("--epochs {more}"), options);
    let advice = format!("train longer: {}", change.text);
    let finding = Finding::new(Fault::BestEpochAtEnd, Severity::Warning, "", evidence, advice);
    Some(finding.numbers([("best_epoch", manifest.best_epoch as f64), ("gained", earlier - overall)]).cured_by(change))
}

fn overfitting(run: &Run<'_>) -> Option<Finding> {
    let (train, validation) = (run.losses.0 / run.constant.0, run.losses.1? / run.constant.1?);
    let last = history(run).last()?.validation_loss? / run.constant.1?;
    // Where stopping early was turned off, the rise after the best epoch is wasted work at best.
    let never_stops = run.options().patience == Some(0) && run.usual.patience != Some(0);
    if validation - train < GAP && !(never_stops && last - validation >= GAP) {
        return None;
    }
    let evidence = format!(
        "of a constant's loss {:.0} % is left on training rows, {:.0} % on validation rows, and {:.0} % there after the last epoch",
        100.0 * train,
        100.0 * validation,
        100.0 * last
    );
    let advice = "collect more rows, take fewer neurons (--hidden), or add a penalty (--l2) or --dropout";
    let finding = Finding::new(Fault::Overfitting, Severity::Warning, "", evidence, advice);
    let finding = finding.numbers([("train", train), ("validation", validation), ("last", last)]);
    if run.options().l2.is_some_and(|factor| factor >= L2) {
        return Some(finding);
    }
    let options = FitOptions { l2: Some(L2), ..FitOptions::default() };
    Some(finding.cured_by(Change::new(run.options(), format!("--l2 {L2}"), options)))
}

fn nothing(run: &Run<'_>) -> Option<Finding> {
    let (loss, constant, rows) = match (run.losses, run.constant) {
        ((_, Some(loss)), (_, Some(constant))) => (loss, constant, "validation"),
        _ => (run.losses.0, run.constant.0, "training"),
    };
    if loss < NOTHING * constant {
        return by_chance(run);
    }
    let evidence = format!("the loss on {rows} rows is {loss:.4}; predicting the same for every row has {constant:.4}");
    let advice = "look for another fault first; otherwise the columns may say nothing about the target";
    let finding = Finding::new(Fault::LearntNothing, Severity::Serious, "", evidence, advice);
    Some(finding.numbers([("loss", loss), ("constant", constant)]))
}

/// Training chose the best epoch by the validation rows, so a loss below a constant's there says nothing yet: it must be
/// lower than the best of so many epochs could be by chance if the predictions belonged to other rows (Bonferroni).
fn by_chance(run: &Run<'_>) -> Option<Finding> {
    let Dealt { loss, mean, deviation } = run.dealt.as_ref()?;
    let (lower, epochs) = ((mean - loss) / deviation, history(run).len());
    let chance = epochs as f64 * (1.0 - erf(lower / 2.0f64.sqrt())) / 2.0;
    if lower.is_nan() || chance <= BY_CHANCE {
        return None;
    }
    let evidence = format!(
        "the loss on validation rows is {loss:.4}, and {mean:.4} ± {deviation:.4} if the predictions are dealt to these rows \
         at random: the best of {epochs} epochs may be as good by chance",
    );
    let advice =
        "validate on more rows, or judge by all of them with backpass cv; the columns may say nothing about the target";
    let finding = Finding::new(Fault::LearntNothing, Severity::Warning, "", evidence, advice);
    Some(finding.numbers([("loss", *loss), ("dealt", *mean), ("deviation", *deviation), ("chance", chance.min(1.0))]))
}
