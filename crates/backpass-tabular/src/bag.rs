//! Bagging over folds: several networks, each validated on rows that the others learn from.

use std::sync::atomic::Ordering;
use std::time::Instant;

use backpass::nn::{Mlp, Network};
use backpass::train::{Epoch, Observer, Predictor, Stage, StopReason, TrainOptions, TrainReport, train};
use backpass_kernels::Real;

use crate::fit::Watcher;
use crate::fit_error::FitError;
use crate::model::{Kept, Model};
use crate::options::FitOptions;
use crate::rows::Rows;
use crate::split::Split;
use crate::watch::watch;
use crate::workers::in_parallel;

/// Networks of one shape on folds of the rows.
pub(crate) struct Bag {
    pub shape: Mlp,
    pub folds: Vec<Split>,
}

/// The networks of a bag, trained.
pub(crate) struct Committee {
    pub network: Network,
    pub report: TrainReport,
    /// Which networks they are.
    pub kept: Vec<Kept>,
    /// For each row that a member was validated on, that member's outputs and the targets.
    pub outputs: Vec<f64>,
    pub targets: Vec<f64>,
}

struct Member {
    fold: usize,
    network: Network,
    report: TrainReport,
    outputs: Vec<f64>,
}

impl Bag {
    /// Trains the members, as many at a time as there are threads; the result does not depend on their order. Where training
    /// is stopped before its time, those that are done are kept, or else those that have begun.
    pub fn train<D: Real>(
        &self,
        model: &Model,
        resolved: &FitOptions,
        rows: &Rows<D>,
        training: &TrainOptions,
        watcher: Watcher<'_>,
    ) -> Result<Committee, FitError> {
        let count = self.folds.len();
        let workers = watcher.threads.clamp(1, count);
        let training = TrainOptions { threads: (watcher.threads / workers).max(1), profile: false, ..training.clone() };
        let start = Instant::now();
        let interrupted = || training.interrupt.as_ref().is_some_and(|flag| flag.load(Ordering::Relaxed));
        let one = |index: usize, say: &mut dyn FnMut(Epoch)| {
            let time_budget = training.time_budget.map(|budget| budget.saturating_sub(start.elapsed()));
            if index >= workers && (interrupted() || time_budget.is_some_and(|left| left.is_zero())) {
                return Ok(None);
            }
            let training = TrainOptions { time_budget, ..training.clone() };
            let mut observe = |epoch: &Epoch| say(epoch.clone());
            self.member(index, model, resolved, rows, &training, &mut observe).map(Some)
        };
        let mut done = 0;
        let members = in_parallel(count, workers, one, |epoch| {
            done += 1;
            (watcher.observe)(&Epoch { epoch: done, ..epoch });
        });
        let mut members = members.into_iter().filter_map(Result::transpose).collect::<Result<Vec<Member>, _>>()?;
        let is_stopped = members.len() < count || members.iter().any(|member| is_cut_short(&member.report));
        let stopped = is_stopped.then_some(match training.time_budget {
            Some(budget) if !interrupted() => StopReason::TimeBudget { seconds: budget.as_secs_f64() },
            _ => StopReason::Interrupted,
        });
        if members.iter().any(|member| !is_cut_short(&member.report)) {
            members.retain(|member| !is_cut_short(&member.report));
        }
        let networks: Vec<Network> = members.iter().map(|member| member.network.clone()).collect();
        let validated = members.iter().flat_map(|member| &self.folds[member.fold].validation);
        let kept = |member: &Member| Kept { fold: member.fold, best_epoch: member.report.best_epoch };
        Ok(Committee {
            network: Network::committee(&networks)?,
            kept: members.iter().map(kept).collect(),
            outputs: members.iter().flat_map(|member| member.outputs.iter().copied()).collect(),
            targets: validated.flat_map(|&row| rows.of(row).iter().copied()).collect(),
            report: TrainReport {
                seconds: start.elapsed().as_secs_f64(),
                ..together(members.into_iter().map(|member| member.report).collect(), stopped)
            },
        })
    }

    fn member<D: Real>(
        &self,
        index: usize,
        model: &Model,
        resolved: &FitOptions,
        rows: &Rows<D>,
        training: &TrainOptions,
        observe: &mut Observer<'_>,
    ) -> Result<Member, FitError> {
        let fold = &self.folds[index];
        let seed = training.seed.wrapping_mul(self.folds.len() as u64).wrapping_add(index as u64);
        let (learnt, judged) = (rows.select(&fold.train), rows.select(&fold.validation));
        let mut network = self.shape.build(seed)?;
        if resolved.adapts() {
            network.adapt(&learnt.encoded, seed)?;
        }
        let watched = watch(resolved, model, Some(&judged))?;
        // What becomes of the layers is told of the first.
        let training = TrainOptions { seed, watch_layers: training.watch_layers && index == 0, ..training.clone() };
        let report = train(&mut network, &learnt.encoded, &watched, &training, observe)?;
        let outputs = Predictor::<D>::new(&network, 1)?.predict_data(&judged.encoded);
        Ok(Member { fold: index, network, report, outputs: outputs.iter().map(|v| v.to_f64()).collect() })
    }
}

impl<D: Real> Rows<D> {
    /// Some rows; their inputs are shared.
    fn select(&self, rows: &[u32]) -> Rows<D> {
        let targets = rows.iter().flat_map(|&row| self.of(row).iter().copied()).collect();
        Rows { encoded: self.encoded.select(rows), targets }
    }

    /// The targets of a row.
    fn of(&self, row: u32) -> &[f64] {
        let (row, width) = (row as usize, self.encoded.targets);
        &self.targets[row * width..(row + 1) * width]
    }
}

/// Whether training was stopped before it was done.
fn is_cut_short(report: &TrainReport) -> bool {
    matches!(report.stop, StopReason::Interrupted | StopReason::TimeBudget { .. })
}

/// One report of several: the mean of the histories with the layers of the first, the sum of the times, and why all were
/// `stopped`, or the first divergence.
fn together(reports: Vec<TrainReport>, stopped: Option<StopReason>) -> TrainReport {
    let longest = reports.iter().map(|report| report.history.len()).max().unwrap_or(0);
    let mut history: Vec<Epoch> =
        (0..longest).map(|at| mean(reports.iter().filter_map(|r| r.history.get(at)))).collect();
    for (all, first) in history.iter_mut().zip(reports.iter().take(1).flat_map(|report| &report.history)) {
        all.layers.clone_from(&first.layers);
    }
    let loss = |epoch: &Epoch| epoch.validation_loss.unwrap_or(epoch.train_loss);
    let best = history.iter().rev().min_by(|a, b| loss(a).total_cmp(&loss(b)));
    let count = reports.len().max(1) as f64;
    let watched = reports.first().map(|r| r.watched.0.clone()).unwrap_or_default();
    let value = reports.iter().map(|report| report.watched.1).sum::<f64>() / count;
    let stages = || reports.iter().flat_map(|report| &report.stages);
    let seconds = |stage| stages().filter(|(known, _)| *known == stage).map(|(_, seconds)| seconds).sum::<f64>();
    let diverged = reports.iter().find(|report| matches!(report.stop, StopReason::Diverged(_)));
    let stop = stopped.or_else(|| diverged.or(reports.first()).map(|report| report.stop.clone()));
    TrainReport {
        best_epoch: best.map_or(0, |epoch| epoch.epoch),
        watched: (watched, value),
        stop: stop.unwrap_or(StopReason::Epochs { epochs: longest }),
        seconds: reports.iter().map(|report| report.seconds).sum(),
        rows: reports.iter().map(|report| report.rows).sum(),
        stages: Stage::ALL.map(|stage| (stage, seconds(stage))).into_iter().filter(|(_, s)| *s > 0.0).collect(),
        instructions: Vec::new(),
        history,
    }
}

/// The mean of what several runs measured in the same epoch.
fn mean<'a>(epochs: impl Iterator<Item = &'a Epoch>) -> Epoch {
    let epochs: Vec<&Epoch> = epochs.collect();
    let count = epochs.len() as f64;
    let of = |value: &dyn Fn(&Epoch) -> f64| epochs.iter().map(|e| value(e)).sum::<f64>() / count;
    let first = epochs[0];
    let metric = |(at, (name, _)): (usize, &(String, f64))| (name.clone(), of(&|e| e.metrics[at].1));
    Epoch {
        epoch: first.epoch,
        train_loss: of(&|e| e.train_loss),
        penalty: of(&|e| e.penalty),
        validation_loss: first.validation_loss.map(|_| of(&|e| e.validation_loss.unwrap_or(f64::NAN))),
        metrics: first.metrics.iter().enumerate().map(metric).collect(),
        learning_rate: first.learning_rate,
        seconds: of(&|e| e.seconds),
        layers: Vec::new(),
    }
}
