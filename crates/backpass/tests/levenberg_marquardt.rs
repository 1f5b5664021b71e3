//! Levenberg–Marquardt on problems with known solutions.

use backpass::loss::Loss;
use backpass::nn::{Activation, Mlp, Network, Weights};
use backpass::optim::Optimizer;
use backpass::train::{Dataset, Epoch, Penalty, StopReason, TrainError, TrainOptions, Validation, covariance, train};
use backpass::{Array, Builder, Expr, Shape};

fn options(loss: &str, epochs: usize) -> TrainOptions {
    TrainOptions {
        loss: Loss::parse(loss).unwrap(),
        optimizer: Optimizer::parse("levenberg_marquardt").unwrap(),
        epochs,
        double_precision: true,
        ..TrainOptions::default()
    }
}

/// A network from one input with the parameters `a` and `b`.
fn network(start: [f64; 2], f: impl for<'b> Fn(Expr<'b>, Expr<'b>, Expr<'b>) -> Expr<'b>) -> Network {
    let builder = Builder::new();
    let x = builder.input("x", Shape::batch(&[1]));
    let [a, b] = ["a", "b"].map(|name| builder.parameter(name, Shape::scalar()));
    builder.output("y", f(x, a, b));
    let weights = ["a", "b"].iter().zip(start).map(|(name, v)| (name.to_string(), Array::scalar(v)));
    Network::from_graph(builder.finish().unwrap(), weights.collect::<Weights>())
}

fn run(network: &mut Network, data: &Dataset<f64>, options: &TrainOptions) -> (StopReason, Vec<Epoch>) {
    let report = train(network, data, &Validation::default(), options, &mut |_| {}).unwrap();
    (report.stop, report.history)
}

fn values(network: &Network) -> Vec<f64> {
    network.weights.values().flat_map(|w| w.data().to_vec()).collect()
}

#[test]
fn a_line_is_least_squares_with_its_textbook_errors() {
    let (x, y) = (vec![1.0, 2.0, 3.0, 4.0], vec![6.0, 5.0, 7.0, 10.0]);
    let data = Dataset::new(1, x, 1, y);
    let mut line = network([0.0, 0.0], |x, a, b| a + b * x);
    let (stop, _) = run(&mut line, &data, &options("squared", 50));
    assert!(matches!(stop, StopReason::Converged { .. }), "{stop}");
    // Slope 7/5 and intercept 7/2; the residuals' sum of squares is 21/5, so s² is 21/10.
    let fitted = values(&line);
    assert!((fitted[0] - 3.5).abs() < 1e-10 && (fitted[1] - 1.4).abs() < 1e-10, "{fitted:?}");
    let covariance = covariance(&line, &data, &options("squared", 1)).unwrap().unwrap();
    // s²(JᵗJ)⁻¹ with JᵗJ = [[4, 10], [10, 30]].
    for (found, expected) in covariance.data().iter().zip([3.15, -1.05, -1.05, 0.42]) {
        assert!((found - expected).abs() < 1e-9, "{covariance}");
    }
}

#[test]
fn every_step_lowers_the_loss() {
    let x: Vec<f64> = (0..20).map(|i| f64::from(i) / 4.0).collect();
    let y = x.iter().map(|x| 3.0 * (-0.7 * x).exp() + 0.01 * (9.0 * x).sin()).collect();
    let mut decay = network([10.0, 5.0], |x, a, b| a * (-(b * x)).exp());
    let (stop, history) = run(&mut decay, &Dataset::new(1, x, 1, y), &options("squared", 100));
    assert!(matches!(stop, StopReason::Converged { .. }), "{stop}");
    assert!(history.windows(2).all(|w| w[1].train_loss <= w[0].train_loss * (1.0 + 1e-12)));
    assert!(history.len() < 40, "{} steps", history.len());
}

#[test]
fn logistic_regression_has_the_information_as_inverse_covariance() {
    let x = vec![-2.0, -1.0, -0.5, 0.3, 0.5, 1.0, 1.5, 2.5];
    let data = Dataset::new(1, x.clone(), 1, vec![0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 1.0]);
    let mut model = network([0.0, 0.0], |x, a, b| a + b * x);
    let (stop, _) = run(&mut model, &data, &options("binary_cross_entropy", 100));
    assert!(matches!(stop, StopReason::Converged { .. }), "{stop}");
    let fitted = values(&model);
    let p: Vec<f64> = x.iter().map(|x| 1.0 / (1.0 + (-fitted[0] - fitted[1] * x).exp())).collect();
    let residuals = || p.iter().zip(&data.y).map(|(p, y)| p - y);
    assert!(residuals().sum::<f64>().abs() < 1e-9);
    assert!(residuals().zip(&x).map(|(r, x)| r * x).sum::<f64>().abs() < 1e-9);
    let information = |power: i32| p.iter().zip(&x).map(|(p, x)| p * (1.0 - p) * x.powi(power)).sum::<f64>();
    let (i0, i1, i2) = (information(0), information(1), information(2));
    let determinant = i0 * i2 - i1 * i1;
    let covariance = covariance(&model, &data, &options("binary_cross_entropy", 1)).unwrap().unwrap();
    for (found, expected) in covariance.data().iter().zip([i2, -i1, -i1, i0]) {
        assert!((found - expected / determinant).abs() < 1e-9, "{covariance}");
    }
}

#[test]
fn a_network_is_fitted_and_a_penalty_counts() {
    let x: Vec<f64> = (0..40).map(|i| f64::from(i) / 20.0 - 1.0).collect();
    let data = Dataset::new(1, x.clone(), 1, x.iter().map(|x| (3.0 * x).sin()).collect());
    let fit = |l2: f64| {
        let mut network = Mlp::new(1, &[6], &Activation::parse("tanh").unwrap(), 1).build(4).unwrap();
        let options = TrainOptions { penalty: Penalty { l2, ..Penalty::default() }, ..options("squared", 200) };
        let (_, history) = run(&mut network, &data, &options);
        history.last().unwrap().clone()
    };
    let (free, held) = (fit(0.0), fit(0.01));
    assert!(free.train_loss < 1e-5, "{free:?}");
    assert!(free.penalty == 0.0 && held.penalty > 0.0 && held.train_loss > free.train_loss, "{held:?}");
}

#[test]
fn what_the_rows_do_not_determine_has_no_error() {
    let data = Dataset::new(1, vec![1.0, 2.0, 3.0], 1, vec![2.0, 4.0, 6.1]);
    let mut model = network([1.0, 1.0], |x, a, b| (a + b) * x);
    let (stop, _) = run(&mut model, &data, &options("squared", 50));
    assert!(matches!(stop, StopReason::Converged { .. }), "{stop}");
    assert!(covariance(&model, &data, &options("squared", 1)).unwrap().is_none());
    assert!(covariance(&model, &data, &options("huber", 1)).unwrap().is_none());
}

#[test]
fn a_bad_start_and_too_many_parameters_are_named() {
    let data = Dataset::new(1, vec![1.0, -1.0], 1, vec![1.0, 2.0]);
    let mut model = network([1.0, 1.0], |x, a, b| (a * x).log() + b);
    let (stop, _) = run(&mut model, &data, &options("squared", 5));
    assert!(stop.to_string().contains("first became NaN"), "{stop}");
    let mut large = Mlp::new(1, &[2000], &Activation::IDENTITY, 1).build(1).unwrap();
    let error = train(&mut large, &data, &Validation::default(), &options("squared", 5), &mut |_| {}).unwrap_err();
    assert!(matches!(error, TrainError::Curvature { what: "parameters", found: 6001, .. }), "{error}");
    assert!(error.to_string().contains("at most 4000 parameters, found 6001"), "{error}");
    // Another optimiser has no such limit, and what it fits has no errors.
    assert!(covariance(&large, &data, &options("poisson", 1)).unwrap().is_none());
}

#[test]
fn too_many_derivatives_are_named_before_they_are_computed() {
    let data = Dataset::new(1, vec![1.0; 70_000], 1, vec![1.0; 70_000]);
    let mut network = Mlp::new(1, &[999], &Activation::IDENTITY, 1).build(1).unwrap();
    let error = train(&mut network, &data, &Validation::default(), &options("squared", 5), &mut |_| {}).unwrap_err();
    assert!(matches!(error, TrainError::Curvature { found: 209_860_000, .. }), "{error}");
    assert!(covariance(&network, &data, &options("squared", 1)).unwrap().is_none());
}

#[test]
fn a_negative_objective_converges() {
    // Counts of a hundred: the loss exp(y) - count·y is far below zero.
    let x: Vec<f64> = (0..30).map(|i| f64::from(i) / 10.0).collect();
    let counts = (0..30).map(|i| f64::from(100 + (i * 37) % 41)).collect();
    let mut model = network([0.0, 0.0], |x, a, b| a + b * x);
    let (stop, history) = run(&mut model, &Dataset::new(1, x, 1, counts), &options("poisson", 100));
    assert!(history.last().unwrap().train_loss < -100.0);
    assert!(matches!(stop, StopReason::Converged { .. }), "{stop}");
    assert!(history.len() < 40, "{} steps", history.len());
}

#[test]
fn an_interrupt_is_seen_before_the_first_step() {
    let data = Dataset::new(1, vec![1.0, 2.0, 3.0], 1, vec![2.0, 4.0, 6.1]);
    let mut model = network([1.0, 1.0], |x, a, b| a + b * x);
    let interrupt = Some(std::sync::Arc::new(true.into()));
    let (stop, history) = run(&mut model, &data, &TrainOptions { interrupt, ..options("squared", 5) });
    assert!(matches!(stop, StopReason::Interrupted) && history.is_empty(), "{stop}");
    assert_eq!(values(&model), [1.0, 1.0]);
}
