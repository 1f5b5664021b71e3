//! L-BFGS on functions with known minima.

use backpass::loss::Loss;
use backpass::nn::{Activation, Mlp, Network, Weights};
use backpass::optim::Optimizer;
use backpass::train::{
    Dataset, Penalty, StopReason, TrainError, TrainOptions, TrainReport, Validation, evaluate, train,
};
use backpass::{Array, Builder, Expr, Shape};
use backpass_kernels::philox::Stream;

fn options(loss: &str, epochs: usize) -> TrainOptions {
    TrainOptions {
        loss: Loss::parse(loss).unwrap(),
        optimizer: Optimizer::parse("lbfgs").unwrap(),
        epochs,
        ..TrainOptions::default()
    }
}

fn run(network: &mut Network, data: &Dataset, options: &TrainOptions) -> TrainReport {
    train(network, data, &Validation::default(), options, &mut |_| {}).unwrap()
}

/// A network whose outputs are residuals, functions of the parameter `p` alone, with a row and targets of zero: the
/// squared loss is their mean square.
fn residuals(start: &[f64], f: impl for<'b> Fn(&dyn Fn(usize) -> Expr<'b>) -> Vec<Expr<'b>>) -> (Network, Dataset) {
    let builder = Builder::new();
    let x = builder.input("x", Shape::batch(&[1]));
    let p = builder.parameter("p", Shape::fixed(&[start.len()]));
    let columns: Vec<Expr<'_>> = f(&|i| p.slice(0, i, i + 1)).into_iter().map(|r| x * 0.0 + r).collect();
    builder.output("y", Expr::concat(1, &columns));
    let data = Dataset::new(1, vec![0.0], columns.len(), vec![0.0; columns.len()]);
    let weights = Weights::from([("p".to_string(), Array::vector(start))]);
    (Network::from_graph(builder.finish().unwrap(), weights), data)
}

/// The largest element of the gradient at which a run stopped.
fn gradient(report: &TrainReport) -> f64 {
    match report.stop {
        StopReason::Converged { gradient } => gradient,
        ref other => panic!("stopped because {other}"),
    }
}

#[test]
fn a_quadratic_is_solved() {
    // (p₀ - 1)² + 100(p₁ + 2)² + (p₀ - p₁ - 3)².
    let (mut network, data) = residuals(&[5.0, 5.0], |p| vec![p(0) - 1.0, (p(1) + 2.0) * 10.0, p(0) - p(1) - 3.0]);
    let report = run(&mut network, &data, &options("squared", 100));
    assert!(gradient(&report) < 1e-8);
    assert!(report.history.len() < 20, "{} iterations", report.history.len());
    let p = network.weights["p"].data();
    assert!((p[0] - 1.0).abs() < 1e-7 && (p[1] + 2.0).abs() < 1e-8, "{p:?}");
    // Every iteration lowers the loss.
    assert!(report.history.windows(2).all(|w| w[1].train_loss <= w[0].train_loss));
}

#[test]
fn rosenbrocks_valley_is_followed() {
    // 100(p₁ - p₀²)² + (1 - p₀)² from its usual start.
    let (mut network, data) = residuals(&[-1.2, 1.0], |p| vec![(p(1) - p(0) * p(0)) * 10.0, 1.0 - p(0)]);
    let report = run(&mut network, &data, &options("squared", 200));
    assert!(gradient(&report) < 1e-8);
    assert!(report.history.len() < 60, "{} iterations", report.history.len());
    assert!(network.weights["p"].data().iter().all(|v| (v - 1.0).abs() < 1e-7), "{:?}", network.weights);
}

fn two_classes(n: usize) -> Dataset {
    let mut random = Stream::new(5, 2);
    let x: Vec<f32> = (0..2 * n).map(|_| random.normal() as f32).collect();
    let y = x.chunks(2).map(|x| f32::from(u8::from(x[0] + 0.5 * x[1] + random.normal() as f32 > 0.2))).collect();
    Dataset::new(2, x, 1, y)
}

#[test]
fn logistic_regression_has_zero_gradient_at_its_minimum() {
    let data = two_classes(60);
    for penalty in [Penalty::default(), Penalty { l2: 0.1, ..Penalty::default() }] {
        let mut network = Mlp::new(2, &[], &Activation::IDENTITY, 1).build(1).unwrap();
        let report = run(&mut network, &data, &TrainOptions { penalty, ..options("binary_cross_entropy", 100) });
        assert!(gradient(&report) < 1e-8);
        let (w, b) = (network.weights["output.W"].data(), network.weights["output.b"].data()[0]);
        let mut by_hand = [penalty.l2 * w[0], penalty.l2 * w[1], 0.0];
        for (x, y) in data.x.chunks(2).zip(&data.y) {
            let x = [f64::from(x[0]), f64::from(x[1]), 1.0];
            let error = 1.0 / (1.0 + (-(w[0] * x[0] + w[1] * x[1] + b)).exp()) - f64::from(*y);
            by_hand.iter_mut().zip(x).for_each(|(g, x)| *g += error * x / 60.0);
        }
        assert!(by_hand.iter().all(|g| g.abs() < 1e-8), "{by_hand:?}");
        let last = report.history.last().unwrap();
        assert!((last.penalty - 0.5 * penalty.l2 * (w[0] * w[0] + w[1] * w[1])).abs() < 1e-12);
    }
}

#[test]
fn weights_of_rows_count() {
    let data = two_classes(30);
    let trained = |data: &Dataset| {
        let mut network = Mlp::new(2, &[], &Activation::IDENTITY, 1).build(1).unwrap();
        gradient(&run(&mut network, data, &options("binary_cross_entropy", 100)));
        network.weights["output.W"].data().to_vec()
    };
    let weighted = Dataset { weights: Some((0..30).map(|i| if i == 4 { 2.0 } else { 1.0 }).collect()), ..data.clone() };
    let mut twice = data.clone();
    twice.x.extend_from_within(8..10);
    twice.y.push(data.y[4]);
    for (a, b) in trained(&weighted).iter().zip(trained(&twice)) {
        assert!((a - b).abs() < 1e-7, "{a} {b}");
    }
}

#[test]
fn a_sine_is_fitted() {
    let x: Vec<f32> = (0..60).map(|i| -3.0 + 0.1 * i as f32).collect();
    let y = x.iter().map(|x| x.sin()).collect();
    let data = Dataset::new(1, x, 1, y);
    let mut network = Mlp::new(1, &[8], &Activation::parse("tanh").unwrap(), 1).build(1).unwrap();
    let report = run(&mut network, &data, &options("squared", 500));
    let rmse = report.history.last().unwrap().train_loss.sqrt();
    assert!(rmse < 1e-3, "{rmse} after {} iterations: {}", report.history.len(), report.stop);
}

#[test]
fn a_search_that_fails_starts_again_downhill() {
    // Large targets make the curvature of the first steps a poor guide.
    let mut random = Stream::new(1, 2);
    let x: Vec<f32> = (0..400).map(|_| random.normal() as f32).collect();
    let y = x.chunks(2).map(|x| x[0].sin() + 0.3 * x[1] * x[0] + 100.0).collect();
    let mut network = Mlp::new(2, &[8], &Activation::parse("tanh").unwrap(), 1).build(1).unwrap();
    let report = run(&mut network, &Dataset::new(2, x, 1, y), &options("squared", 600));
    assert_eq!(report.stop, StopReason::Epochs { epochs: 600 });
}

#[test]
fn validation_patience_and_threads_work_as_elsewhere() {
    let (data, validation) = (two_classes(25), two_classes(200));
    let trained = |threads| {
        let mut network = Mlp::new(2, &[16], &Activation::parse("tanh").unwrap(), 1).build(1).unwrap();
        let options = TrainOptions { patience: Some(10), threads, ..options("binary_cross_entropy", 300) };
        let validation = Validation { data: Some(&validation), ..Validation::default() };
        let report = train(&mut network, &data, &validation, &options, &mut |_| {}).unwrap();
        (network, report)
    };
    let (network, report) = trained(1);
    assert!(matches!(report.stop, StopReason::Patience { patience: 10, .. }), "{}", report.stop);
    assert_eq!(report.history.len(), report.best_epoch + 10);
    let best = report.history[report.best_epoch - 1].validation_loss.unwrap();
    assert_eq!(report.watched, ("validation loss".to_string(), best));
    let found = evaluate(&network, &validation, &Loss::parse("binary_cross_entropy").unwrap(), 1).unwrap().0;
    assert!((found - best).abs() < 1e-6);
    assert_eq!(network.weights, trained(3).0.weights);
    // The rows of every evaluation count, also those of the line search.
    assert!(report.rows > 25 * report.history.len() as u64);
}

#[test]
fn an_infinite_start_is_a_divergence() {
    let (mut network, data) = residuals(&[1e200], |p| vec![p(0)]);
    let report = run(&mut network, &data, &options("squared", 10));
    let StopReason::Diverged(d) = &report.stop else { panic!("{}", report.stop) };
    assert_eq!((d.epoch, d.step, d.value), (1, 1, f64::INFINITY));
    assert!(d.node.ends_with("in squared"), "{}", d.node);
    assert_eq!(network.weights["p"].data(), [1e200]);
}

#[test]
fn a_minimum_is_left_alone() {
    let (mut network, data) = residuals(&[3.0], |p| vec![p(0) - 3.0]);
    let report = run(&mut network, &data, &options("squared", 10));
    assert_eq!(gradient(&report), 0.0);
    assert_eq!(network.weights["p"].data(), [3.0]);
}

#[test]
fn a_minimum_at_a_kink_ends_the_line_search() {
    // |p| has no flat place for the search to find.
    let (mut network, data) = residuals(&[1.0], |p| vec![p(0) * 0.3 + 0.1]);
    let report = run(&mut network, &data, &options("absolute", 50));
    assert!(matches!(report.stop, StopReason::LineSearch { .. } | StopReason::Converged { .. }), "{}", report.stop);
    assert!((network.weights["p"].data()[0] + 1.0 / 3.0).abs() < 1e-6, "{:?}", network.weights);
}

#[test]
fn dropout_is_refused() {
    let mut mlp = Mlp::new(2, &[4], &Activation::parse("relu").unwrap(), 1);
    mlp.layers[0].dropout = 0.5;
    let result =
        train(&mut mlp.build(1).unwrap(), &two_classes(5), &Validation::default(), &options("squared", 5), &mut |_| {});
    assert!(matches!(result, Err(TrainError::Dropout { .. })));
}
