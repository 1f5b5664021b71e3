//! When training stops, why, and with which weights.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use backpass::loss::Loss;
use backpass::nn::{Activation, Mlp, Network, Weights};
use backpass::optim::Optimizer;
use backpass::optim::schedule::Schedule;
use backpass::train::{
    BatchSize, Dataset, Divergence, Epoch, Metric, StopReason, TrainOptions, TrainReport, Validation, evaluate, train,
};
use backpass::{Array, Builder, Shape};
use backpass_kernels::philox::Stream;

fn options(optimizer: &str, rate: f64, epochs: usize) -> TrainOptions {
    TrainOptions {
        loss: Loss::parse("squared").unwrap(),
        optimizer: Optimizer::parse(optimizer).unwrap(),
        learning_rate: Some(rate),
        batch_size: BatchSize::Full,
        epochs,
        ..TrainOptions::default()
    }
}

/// `y = b`, starting at 0: trained to 1 with SGD at rate 0.05, `1 - b` shrinks by 0.9 each step.
fn constant() -> Network {
    let builder = Builder::new();
    let x = builder.input("x", Shape::batch(&[1]));
    let b = builder.parameter("b", Shape::fixed(&[1]));
    builder.output("y", x * 0.0 + b);
    Network::from_graph(builder.finish().unwrap(), Weights::new())
}

fn target(value: f32) -> Dataset {
    Dataset::new(1, vec![0.0], 1, vec![value])
}

fn run(network: &mut Network, data: &Dataset, validation: Option<&Dataset>, options: &TrainOptions) -> TrainReport {
    let validation = Validation { data: validation, ..Validation::default() };
    train(network, data, &validation, options, &mut |_| {}).unwrap()
}

/// The epoch, from 1, at whose end `b` is nearest to `goal`; `b` is 1 - 0.9ⁿ.
fn nearest(goal: f64) -> usize {
    let distance = |n: &usize| (1.0 - 0.9f64.powi(*n as i32) - goal).abs();
    (1..100).min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap()
}

#[test]
fn patience_restores_the_best_weights() {
    for double_precision in [false, true] {
        let mut network = constant();
        let validation = target(0.5);
        let options = TrainOptions { patience: Some(4), double_precision, ..options("sgd", 0.05, 100) };
        let report = run(&mut network, &target(1.0), Some(&validation), &options);
        let best_epoch = nearest(0.5);
        assert_eq!(report.best_epoch, best_epoch);
        assert_eq!(report.history.len(), best_epoch + 4);
        let best = report.history[best_epoch - 1].validation_loss.unwrap();
        assert_eq!(report.watched, ("validation loss".to_string(), best));
        let watched = "validation loss".to_string();
        assert_eq!(report.stop, StopReason::Patience { watched, best, best_epoch, patience: 4 });
        let found = evaluate(&network, &validation, &options.loss, 1).unwrap().0;
        assert!((found - best).abs() < 1e-6, "{found} {best}");
        let b = network.weights["b"].data()[0];
        assert!((b - (1.0 - 0.9f64.powi(best_epoch as i32))).abs() < 1e-6);
    }
}

#[test]
fn a_cycle_in_vain_ends_training() {
    // The cycles of 15 epochs end after 1, 3, 7 and 15.
    let trained = |schedule: &str, goal: f64| {
        let (validation, schedule) = (target(goal as f32), Schedule::parse(schedule).unwrap());
        let options = TrainOptions { schedule, ..options("sgd", 0.3, 15) };
        run(&mut constant(), &target(1.0), Some(&validation), &options)
    };
    // Towards 1 every cycle is an improvement; the first step already leads too far away from 0.2.
    assert_eq!(trained("coslog(patience=1)", 1.0).history.len(), 15);
    for (schedule, epochs) in [("coslog(patience=1)", 3), ("coslog(patience=2)", 7), ("coslog", 15)] {
        let report = trained(schedule, 0.2);
        assert_eq!(report.history.len(), epochs, "{schedule}");
        assert_eq!(report.best_epoch, 2);
    }
    assert_eq!(trained("coslog(patience=3)", 0.2).stop.name(), "epochs");
    let reason = trained("coslog(patience=2)", 0.2).stop.to_string();
    assert_eq!(reason, "validation loss has not improved for 6 epochs (best 0.04000 at epoch 2)");
}

#[test]
fn best_weights_are_those_of_the_best_epoch_of_a_real_network() {
    let mut random = Stream::new(3, 0);
    let mut noise = |rows: usize| {
        let x: Vec<f32> = (0..rows).map(|_| random.normal() as f32).collect();
        let y = x.iter().map(|x| x.sin() + 0.4 * random.normal() as f32).collect();
        Dataset::new(1, x, 1, y)
    };
    let (data, validation) = (noise(20), noise(700));
    let mut network = Mlp::new(1, &[24], &Activation::parse("tanh").unwrap(), 1).build(1).unwrap();
    let options = TrainOptions { batch_size: BatchSize::Rows(8), ..options("adam", 0.02, 120) };
    let report = run(&mut network, &data, Some(&validation), &options);
    let losses: Vec<f64> = report.history.iter().map(|e| e.validation_loss.unwrap()).collect();
    let best = losses.iter().copied().fold(f64::INFINITY, f64::min);
    assert_eq!(losses[report.best_epoch - 1], best);
    assert!(report.best_epoch < 120 && best < losses[119], "{losses:?}");
    assert_eq!(evaluate(&network, &validation, &options.loss, 1).unwrap().0, best);
    assert_eq!(report.stop, StopReason::Epochs { epochs: 120 });
}

#[test]
fn the_last_weights_stay_where_restoring_is_off_or_nothing_validates() {
    let last = 1.0 - 0.9f64.powi(30);
    let off = TrainOptions { restore_best: false, ..options("sgd", 0.05, 30) };
    for (validation, options) in [(Some(&target(0.5)), off), (None, options("sgd", 0.05, 30))] {
        let mut network = constant();
        let report = run(&mut network, &target(1.0), validation, &options);
        assert_eq!(report.best_epoch, 30);
        assert!((network.weights["b"].data()[0] - last).abs() < 1e-6);
    }
}

#[test]
fn small_steps_add_up_to_an_improvement() {
    // The loss shrinks by 0.81 each epoch, from 1: for a while always by less than 0.1 of what came before.
    let options = |min_improvement| TrainOptions { patience: Some(5), min_improvement, ..options("sgd", 0.05, 500) };
    let report = run(&mut constant(), &target(1.0), Some(&target(1.0)), &options(0.02));
    let losses: Vec<f64> = report.history.iter().map(|e| e.validation_loss.unwrap()).collect();
    // An epoch counts when it lies more than 0.02 below the last one that counted.
    let (mut reference, mut counted) = (f64::INFINITY, 0);
    let mut expected = losses.len();
    for (i, loss) in losses.iter().enumerate() {
        if reference - loss > 0.02 {
            (reference, counted) = (*loss, i + 1);
        }
        if i + 1 - counted >= 5 {
            expected = i + 1;
            break;
        }
    }
    assert_eq!(losses.len(), expected);
    assert!(losses[counted - 1] < 0.03, "stopped too early: {losses:?}");
    // The best is the best all the same.
    assert_eq!((report.best_epoch, report.watched.1), (expected, losses[expected - 1]));
    let strict = run(&mut constant(), &target(1.0), Some(&target(1.0)), &options(10.0));
    assert_eq!(strict.history.len(), 6);
}

#[test]
fn validation_knows_neither_smoothing_nor_penalty() {
    let data = Dataset::new(1, vec![1.0, -1.0], 1, vec![1.0, 0.0]);
    let mut network = Mlp::new(1, &[], &Activation::IDENTITY, 1).build(1).unwrap();
    let w = network.weights["output.W"].data()[0];
    let mut options = options("sgd", 1e-12, 1);
    options.loss = Loss::parse("binary_cross_entropy(smoothing=0.2)").unwrap();
    options.penalty.l2 = 1.0;
    let epoch = run(&mut network, &data, Some(&data), &options).history.remove(0);
    // Both rows have the same loss: ln(1 + e^-w), or with a tenth of the other class.
    let plain = (-w).exp().ln_1p();
    assert!((epoch.validation_loss.unwrap() - plain).abs() < 1e-6);
    assert!((epoch.train_loss - (plain + 0.1 * w)).abs() < 1e-6);
    assert!((epoch.penalty - 0.5 * w * w).abs() < 1e-6);
}

#[test]
fn a_target_ends_training() {
    let report =
        run(&mut constant(), &target(1.0), None, &TrainOptions { target: Some(0.1), ..options("sgd", 0.05, 99) });
    // The loss seen by step n is 0.81ⁿ⁻¹.
    let n = report.history.len();
    assert!(0.81f64.powi(n as i32 - 1) <= 0.1 && 0.81f64.powi(n as i32 - 2) > 0.1, "{n}");
    let value = report.history[n - 1].train_loss;
    assert_eq!(report.stop, StopReason::Target { watched: "training loss".to_string(), value, target: 0.1 });
}

#[test]
fn a_metric_can_be_watched_where_higher_is_better() {
    // The metric is largest when b is 0.3, although the loss falls on.
    let data = target(1.0);
    let metric = |name: &str, goal: f64| Metric {
        name: name.to_string(),
        higher_is_better: true,
        compute: Box::new(move |outputs: &[f32]| 1.0 - (f64::from(outputs[0]) - goal).abs()),
    };
    let validation =
        Validation { data: Some(&data), metrics: vec![metric("other", 0.9), metric("closeness", 0.3)], watch: Some(1) };
    let options = TrainOptions { patience: Some(3), ..options("sgd", 0.05, 100) };
    let mut network = constant();
    let report = train(&mut network, &data, &validation, &options, &mut |_| {}).unwrap();
    assert_eq!(report.best_epoch, nearest(0.3));
    assert_eq!(report.history.len(), nearest(0.3) + 3);
    let best = &report.history[report.best_epoch - 1];
    assert_eq!(report.watched, ("validation closeness".to_string(), best.metrics[1].1));
    assert_eq!(best.metrics[0].0, "other");
    assert!((network.weights["b"].data()[0] - 0.3).abs() < 0.04);
    let reached = TrainOptions { target: Some(0.95), patience: None, ..options };
    let report = train(&mut constant(), &data, &validation, &reached, &mut |_| {}).unwrap();
    assert!(matches!(&report.stop, StopReason::Target { value, .. } if *value >= 0.95));
    assert!(report.history.iter().rev().skip(1).all(|e| e.metrics[1].1 < 0.95));
}

#[test]
fn a_metric_without_value_never_counts_as_best() {
    let data = target(1.0);
    let compute = Box::new(|outputs: &[f32]| if outputs[0] > 0.5 { f64::NAN } else { f64::from(outputs[0]) });
    let metric = Metric { name: "value".to_string(), higher_is_better: true, compute };
    let validation = Validation { data: Some(&data), metrics: vec![metric], watch: Some(0) };
    let options = TrainOptions { patience: Some(3), ..options("sgd", 0.05, 100) };
    let report = train(&mut constant(), &data, &validation, &options, &mut |_| {}).unwrap();
    // 1 - 0.9⁶ is 0.47, 1 - 0.9⁷ is 0.52.
    assert_eq!((report.best_epoch, report.history.len()), (6, 9));
}

#[test]
fn time_and_interrupts_stop_after_the_step_at_hand() {
    let data = Dataset::new(1, vec![0.0; 100], 1, vec![1.0; 100]);
    let budget = Duration::from_nanos(1);
    let batch_size = BatchSize::Rows(10);
    let flag = Arc::new(AtomicBool::new(true));
    let timed = TrainOptions { time_budget: Some(budget), batch_size, ..options("sgd", 0.05, 100) };
    let interrupted = TrainOptions { interrupt: Some(Arc::clone(&flag)), batch_size, ..options("sgd", 0.05, 100) };
    for (options, stop) in [(timed, StopReason::TimeBudget { seconds: 1e-9 }), (interrupted, StopReason::Interrupted)] {
        let mut network = constant();
        let report = run(&mut network, &data, None, &options);
        assert_eq!(report.stop, stop);
        assert_eq!((report.history.len(), report.rows, report.best_epoch), (1, 10, 1));
        // What the one step saw is recorded, not a tenth of it.
        assert!((report.history[0].train_loss - 1.0).abs() < 1e-6);
        assert!((network.weights["b"].data()[0] - 0.1).abs() < 1e-6);
    }
    flag.store(false, Ordering::Relaxed);
    let options = TrainOptions { interrupt: Some(Arc::clone(&flag)), ..options("sgd", 0.05, 100) };
    let mut observe = |epoch: &Epoch| flag.store(epoch.epoch == 7, Ordering::Relaxed);
    let report = train(&mut constant(), &data, &Validation::default(), &options, &mut observe).unwrap();
    assert_eq!((report.stop, report.history.len()), (StopReason::Interrupted, 7));
}

fn divergence(report: &TrainReport) -> &Divergence {
    match &report.stop {
        StopReason::Diverged(d) => d,
        other => panic!("stopped because {other}"),
    }
}

fn finite(network: &Network) -> bool {
    network.weights.values().flat_map(Array::data).all(|v| v.is_finite())
}

#[test]
fn divergence_names_epoch_step_and_node() {
    // With rate 5 the error of `y = b` is multiplied by -9 each step; its square leaves f32 at 9²ⁿ > 3.4·10³⁸.
    let mut network = constant();
    let report = run(&mut network, &target(1.0), None, &options("sgd", 5.0, 100));
    let overflow = (0..).find(|&n| 81f64.powi(n) > f64::from(f32::MAX)).unwrap() as usize;
    let d = divergence(&report);
    assert_eq!((d.epoch, d.step, d.value), (overflow + 1, overflow as u64 + 1, f64::INFINITY));
    assert!(d.node.ends_with("in squared"), "{}", d.node);
    assert_eq!((report.history.len(), report.best_epoch), (overflow, overflow));
    assert!(finite(&network));
    let text = report.stop.to_string();
    let start = format!("diverged in epoch {}, step {}: `*` (node ", overflow + 1, overflow + 1);
    assert!(text.starts_with(&start) && text.ends_with(") in squared first became inf"), "{text}");
    // The same in f64, much later.
    let double = TrainOptions { double_precision: true, ..options("sgd", 5.0, 1000) };
    let d = divergence(&run(&mut constant(), &target(1.0), None, &double)).clone();
    assert_eq!(d.epoch, (0..).find(|&n| 81f64.powi(n).is_infinite()).unwrap() as usize + 1);
    assert!(d.node.ends_with("in squared"), "{}", d.node);
}

#[test]
fn divergence_in_the_middle_of_an_epoch_keeps_the_epoch_before() {
    let data = Dataset::new(1, vec![0.0; 7], 1, vec![1.0; 7]);
    let options = TrainOptions { batch_size: BatchSize::Rows(2), ..options("sgd", 5.0, 100) };
    let mut network = constant();
    let report = run(&mut network, &data, None, &options);
    let d = divergence(&report);
    // Four steps per epoch.
    let overflow = (0..).find(|&n| 81f64.powi(n) > f64::from(f32::MAX)).unwrap() as usize;
    assert_eq!((d.epoch, d.step), (overflow / 4 + 1, overflow as u64 + 1));
    let (done, b) = (report.history.len() as i32 * 4, network.weights["b"].data()[0]);
    assert!((b / (1.0 - (-9f64).powi(done)) - 1.0).abs() < 1e-4, "{b}");
}

#[test]
fn weights_that_overflow_in_the_last_step_count_for_its_epoch() {
    // The loss is finite in the only step, and the rate takes the weight out of f32.
    let mut network = constant();
    let report = run(&mut network, &target(1e10), None, &options("sgd", 1e30, 3));
    let d = divergence(&report);
    assert_eq!((d.epoch, d.step), (1, 1));
    assert!(d.node.ends_with("in update"), "{}", d.node);
    assert_eq!((report.history.len(), report.best_epoch), (0, 0));
    assert_eq!(network.weights["b"].data(), [0.0]);
}

#[test]
fn states_that_overflow_count_too() {
    // The gradient fits into f32 and its square does not: Adam would stand still for ever.
    let report = run(&mut constant(), &target(1e19), None, &options("adam", 0.1, 3));
    let d = divergence(&report);
    assert_eq!((d.epoch, d.step, d.value), (1, 1, f64::INFINITY));
    assert!(d.node.ends_with("in update"), "{}", d.node);
}

#[test]
fn divergence_keeps_the_best_weights() {
    let mut network = constant();
    let validation = target(0.25);
    let report = run(&mut network, &target(1.0), Some(&validation), &options("sgd", 5.0, 100));
    divergence(&report);
    assert_eq!(report.best_epoch, 1);
    let found = evaluate(&network, &validation, &options("sgd", 5.0, 1).loss, 1).unwrap().0;
    assert_eq!(found, report.watched.1);
}

#[test]
fn a_deep_network_that_diverges_stays_finite() {
    let mut random = Stream::new(3, 0);
    let x: Vec<f32> = (0..40).map(|_| 100.0 * random.normal() as f32).collect();
    let y: Vec<f32> = x.iter().map(|x| 50.0 * x).collect();
    for optimizer in ["sgd", "momentum", "nesterov"] {
        let mut network = Mlp::new(1, &[8, 8], &Activation::parse("relu").unwrap(), 1).build(1).unwrap();
        let report = run(&mut network, &Dataset::new(1, x.clone(), 1, y.clone()), None, &options(optimizer, 1.0, 50));
        assert!(!divergence(&report).node.is_empty(), "{optimizer}");
        assert!(finite(&network));
    }
}

#[test]
fn reasons_read_well() {
    let watched = || "validation loss".to_string();
    let divergence = Divergence { epoch: 2, step: 9, node: String::new(), value: f64::NAN, help: "" };
    for (reason, name, text) in [
        (StopReason::Epochs { epochs: 5 }, "epochs", "all 5 epochs are done"),
        (
            StopReason::Patience { watched: watched(), best: 0.25, best_epoch: 3, patience: 4 },
            "patience",
            "validation loss has not improved for 4 epochs (best 0.25000 at epoch 3)",
        ),
        (StopReason::TimeBudget { seconds: 1.5 }, "time_budget", "the time budget of 1.5 s is used up"),
        (
            StopReason::Target { watched: watched(), value: 0.1, target: 0.2 },
            "target",
            "validation loss is 0.10000, the target was 0.2",
        ),
        (StopReason::Converged { gradient: 1e-11 }, "converged", "converged: the largest gradient element is 1.0e-11"),
        (
            StopReason::LineSearch { gradient: 0.5 },
            "line_search",
            "no step lowers the loss any more (largest gradient element 5.0e-1)",
        ),
        (StopReason::Diverged(divergence), "diverged", "diverged in epoch 2, step 9: the loss is NaN"),
        (StopReason::Interrupted, "interrupted", "interrupted"),
    ] {
        assert_eq!((reason.name(), reason.to_string().as_str()), (name, text));
    }
}
