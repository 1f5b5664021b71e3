//! What training does: batches, weights of rows, dropout, determinism, and problems with known answers.

use backpass::init::Init;
use backpass::loss::{Absolute, Loss, Poisson};
use backpass::nn::{Activation, Mlp, Network, Weights};
use backpass::optim::Optimizer;
use backpass::train::{BatchSize, Dataset, Penalty, Predictor, TrainOptions, TrainReport, Validation, evaluate, train};
use backpass::{Array, Builder, Shape};
use backpass_kernels::philox::Stream;

fn activation(name: &str) -> Activation {
    Activation::parse(name).unwrap()
}

fn options(loss: &str, optimizer: &str, rate: f64, epochs: usize) -> TrainOptions {
    TrainOptions {
        loss: Loss::parse(loss).unwrap(),
        optimizer: Optimizer::parse(optimizer).unwrap(),
        learning_rate: Some(rate),
        batch_size: BatchSize::Full,
        epochs,
        ..TrainOptions::default()
    }
}

fn run(network: &mut Network, data: &Dataset, options: &TrainOptions) -> TrainReport {
    train(network, data, &Validation::default(), options, &mut |_| {}).unwrap()
}

/// `rows` rows of normal numbers, with targets `f(x)`.
fn rows(rows: usize, inputs: usize, mut f: impl FnMut(&[f32]) -> Vec<f32>) -> Dataset {
    let mut random = Stream::new(11, 0);
    let x: Vec<f32> = (0..rows * inputs).map(|_| random.normal() as f32).collect();
    let y: Vec<f32> = x.chunks(inputs).flat_map(&mut f).collect();
    Dataset::new(inputs, x, y.len() / rows, y)
}

/// Noisy data that no linear model fits exactly.
fn noisy(n: usize) -> Dataset {
    let mut random = Stream::new(5, 1);
    rows(n, 3, |x| vec![0.7 * x[0] - 1.3 * x[1] + 0.2 * x[2] + 0.5 + 0.3 * random.normal() as f32])
}

fn two_classes(n: usize) -> Dataset {
    let mut random = Stream::new(5, 2);
    rows(n, 2, |x| vec![f32::from(u8::from(x[0] + 0.5 * x[1] + 0.5 * random.normal() as f32 > 0.2))])
}

fn linear(inputs: usize, outputs: usize) -> Network {
    Mlp::new(inputs, &[], &Activation::IDENTITY, outputs).build(3).unwrap()
}

fn flat(network: &Network) -> Vec<f64> {
    network.weights.values().flat_map(|v| v.data().to_vec()).collect()
}

fn bits(network: &Network) -> Vec<u64> {
    flat(network).iter().map(|v| v.to_bits()).collect()
}

fn largest_difference(a: &Network, b: &Network) -> f64 {
    flat(a).iter().zip(flat(b)).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

#[test]
fn gradient_descent_never_climbs_a_convex_loss() {
    for (loss, data) in [("squared", noisy(50)), ("binary_cross_entropy", two_classes(50))] {
        for double_precision in [false, true] {
            let mut network = linear(data.inputs, 1);
            let options = TrainOptions { double_precision, ..options(loss, "sgd", 0.05, 300) };
            let report = run(&mut network, &data, &options);
            let losses: Vec<f64> = report.history.iter().map(|e| e.train_loss).collect();
            assert_eq!(losses.len(), 300);
            assert!(losses.windows(2).all(|w| w[1] <= w[0] * (1.0 + 1e-6)), "{loss}: {losses:?}");
            assert!(losses[299] < 0.7 * losses[0], "{loss}: {losses:?}");
        }
    }
}

#[test]
fn linear_regression_finds_the_least_squares_solution() {
    let data = noisy(40);
    let mut network = linear(3, 1);
    let report =
        run(&mut network, &data, &TrainOptions { double_precision: true, ..options("squared", "sgd", 0.1, 2000) });
    // There, the residuals are orthogonal to every input and to the constant.
    let residuals: Vec<f64> = (0..40)
        .map(|i| {
            let x = &data.x[3 * i..3 * i + 3];
            let (w, b) = (network.weights["output.W"].data(), network.weights["output.b"].data()[0]);
            (0..3).map(|k| f64::from(x[k]) * w[k]).sum::<f64>() + b - f64::from(data.y[i])
        })
        .collect();
    for k in 0..3 {
        let dot: f64 = (0..40).map(|i| residuals[i] * f64::from(data.x[3 * i + k])).sum();
        assert!(dot.abs() < 1e-9, "input {k}: {dot}");
    }
    assert!(residuals.iter().sum::<f64>().abs() < 1e-9);
    let mean = residuals.iter().map(|r| r * r).sum::<f64>() / 40.0;
    assert!((report.history[1999].train_loss - mean).abs() < 1e-9);
}

/// The loss of every row by itself.
fn row_losses(network: &Network, data: &Dataset, loss: &Loss) -> Vec<f64> {
    let row = |i: usize| {
        let x = data.x[i * data.inputs..(i + 1) * data.inputs].to_vec();
        let y = data.y[i * data.targets..(i + 1) * data.targets].to_vec();
        evaluate(network, &Dataset::new(data.inputs, x, data.targets, y), loss, 1).unwrap().0
    };
    (0..data.rows()).map(row).collect()
}

#[test]
fn every_row_counts_once_whatever_the_batch() {
    let data = noisy(23);
    let start = linear(3, 1);
    for batch in [BatchSize::Rows(1), BatchSize::Rows(5), BatchSize::Rows(22), BatchSize::Rows(99), BatchSize::Full] {
        for shuffle in [false, true] {
            let mut network = start.clone();
            let options = TrainOptions { batch_size: batch, shuffle, ..options("squared", "sgd", 1e-12, 3) };
            let each = row_losses(&start, &data, &options.loss);
            let mean = each.iter().sum::<f64>() / 23.0;
            let report = run(&mut network, &data, &options);
            for epoch in &report.history {
                assert!((epoch.train_loss - mean).abs() < 1e-6 * mean, "{batch:?}: {} is not {mean}", epoch.train_loss);
            }
            assert_eq!(report.rows, 3 * 23);
        }
    }
}

#[test]
fn the_last_step_of_an_epoch_takes_the_mean_of_its_own_rows() {
    // 7 rows in batches of 4: one step on rows 0..4, one on rows 4..7.
    let data = noisy(7);
    let part =
        |from: usize, to: usize| Dataset::new(3, data.x[3 * from..3 * to].to_vec(), 1, data.y[from..to].to_vec());
    let mut whole = linear(3, 1);
    let mut parts = whole.clone();
    let full = options("squared", "sgd", 0.1, 1);
    run(&mut whole, &data, &TrainOptions { batch_size: BatchSize::Rows(4), shuffle: false, ..full.clone() });
    run(&mut parts, &part(0, 4), &full);
    run(&mut parts, &part(4, 7), &full);
    assert_eq!(bits(&whole), bits(&parts));
}

#[test]
fn shuffling_differs_by_epoch_and_repeats_by_seed() {
    let data = noisy(12);
    let after = |epochs, seed, shuffle| {
        let mut network = linear(3, 1);
        let options =
            TrainOptions { batch_size: BatchSize::Rows(1), seed, shuffle, ..options("squared", "sgd", 0.05, epochs) };
        run(&mut network, &data, &options);
        bits(&network)
    };
    assert_eq!(after(1, 1, true), after(1, 1, true));
    assert_ne!(after(1, 1, true), after(1, 2, true));
    assert_ne!(after(1, 1, true), after(1, 1, false));
    assert_eq!(after(3, 1, false), after(3, 2, false));
    // Two epochs in the order of the first one give something else than two epochs.
    let again = {
        let mut network = linear(3, 1);
        let one = TrainOptions { batch_size: BatchSize::Rows(1), seed: 1, ..options("squared", "sgd", 0.05, 1) };
        run(&mut network, &data, &one);
        run(&mut network, &data, &one);
        bits(&network)
    };
    assert_ne!(after(2, 1, true), again);
}

#[test]
fn weights_count_rows() {
    let data = noisy(10);
    let weighted = |weights: Vec<f32>| Dataset { weights: Some(weights), ..data.clone() };
    let picked = |rows: &[usize]| {
        let x = rows.iter().flat_map(|&r| data.x[3 * r..3 * r + 3].to_vec()).collect();
        Dataset::new(3, x, 1, rows.iter().map(|&r| data.y[r]).collect())
    };
    let trained = |data: &Dataset| {
        let mut network = linear(3, 1);
        let report =
            run(&mut network, data, &TrainOptions { double_precision: true, ..options("squared", "sgd", 0.1, 30) });
        let evaluated = evaluate(&network, data, &Loss::parse("squared").unwrap(), 1).unwrap().0;
        (network, report.history[29].train_loss, evaluated)
    };
    let same = |a: &Dataset, b: &Dataset| {
        let ((a, loss_a, mean_a), (b, loss_b, mean_b)) = (trained(a), trained(b));
        assert!(largest_difference(&a, &b) < 1e-12, "{:?} {:?}", flat(&a), flat(&b));
        assert!((loss_a - loss_b).abs() < 1e-12 && (mean_a - mean_b).abs() < 1e-6);
    };
    let mut weights = vec![1.0; 10];
    weights[3] = 2.0;
    same(&weighted(weights.clone()), &picked(&[0, 1, 2, 3, 3, 4, 5, 6, 7, 8, 9]));
    weights[3] = 0.0;
    same(&weighted(weights), &picked(&[0, 1, 2, 4, 5, 6, 7, 8, 9]));
    // Only the ratios matter.
    same(&weighted(vec![7.5; 10]), &data);
}

#[test]
fn weights_balance_rare_classes() {
    // One row in ten is of class 1 and says so too rarely; weighted, the best constant is 1/2.
    let data = Dataset::new(1, vec![0.0; 10], 1, (0..10).map(|i| f32::from(u8::from(i == 0))).collect());
    let probability = |weights| {
        let mut network = linear(1, 1);
        let data = Dataset { weights, ..data.clone() };
        run(&mut network, &data, &options("binary_cross_entropy", "sgd", 1.0, 500));
        1.0 / (1.0 + (-network.weights["output.b"].data()[0]).exp())
    };
    assert!((probability(None) - 0.1).abs() < 1e-3);
    let balanced = (0..10).map(|i| if i == 0 { 9.0 } else { 1.0 }).collect();
    assert!((probability(Some(balanced)) - 0.5).abs() < 1e-3);
}

#[test]
fn constant_targets_one_row_and_large_batches_train() {
    let constant = Dataset::new(1, vec![0.1, -0.4, 0.9], 1, vec![2.5; 3]);
    let one = Dataset::new(1, vec![0.7], 1, vec![-1.5]);
    for data in [constant, one] {
        let mut network = linear(1, 1);
        let options = TrainOptions { batch_size: BatchSize::Rows(1000), ..options("squared", "sgd", 0.2, 200) };
        let report = run(&mut network, &data, &options);
        assert!(report.history[199].train_loss < 1e-6);
        let outputs = Predictor::<f32>::new(&network, 1).unwrap().predict(&data.x);
        assert!(outputs.iter().zip(&data.y).all(|(o, t)| (o - t).abs() < 1e-3));
    }
}

fn with_dropout(rate: f64) -> Network {
    let mut mlp = Mlp::new(3, &[16, 16], &activation("relu"), 1);
    mlp.layers[0].dropout = rate;
    mlp.layers[1].dropout = rate;
    mlp.build(4).unwrap()
}

#[test]
fn dropout_differs_by_step_and_spares_inference() {
    let data = noisy(8);
    let (plain, dropped) = (with_dropout(0.0), with_dropout(0.5));
    assert_eq!(bits(&plain), bits(&dropped));
    let predict = |network: &Network| Predictor::<f32>::new(network, 1).unwrap().predict(&data.x);
    assert_eq!(predict(&plain), predict(&dropped));
    // At a learning rate of almost zero only the mask changes the loss.
    let losses: Vec<f64> = run(&mut dropped.clone(), &data, &options("squared", "sgd", 1e-12, 5))
        .history
        .iter()
        .map(|e| e.train_loss)
        .collect();
    assert!(losses.windows(2).all(|w| (w[0] - w[1]).abs() > 1e-3), "{losses:?}");
    let exact = run(&mut plain.clone(), &data, &options("squared", "sgd", 1e-12, 5));
    assert!(exact.history.windows(2).all(|w| (w[0].train_loss - w[1].train_loss).abs() < 1e-6));
}

#[test]
fn dropout_keeps_the_expected_value() {
    let units = 64;
    let mut mlp = Mlp::new(1, &[units], &activation("relu"), 1);
    mlp.layers[0].dropout = 0.3;
    let mut network = mlp.build(1).unwrap();
    let ones = |shape: &[usize], value| Array::filled(shape, value);
    network.weights.insert("hidden1.W".to_string(), ones(&[1, units], 1.0));
    network.weights.insert("output.W".to_string(), ones(&[units, 1], 1.0 / units as f64));
    // Without dropout the output at 1 is the mean of 64 ones; the absolute loss to 0 is the output itself.
    let data = Dataset::new(1, vec![1.0; 50], 1, vec![0.0; 50]);
    let absolute = TrainOptions { loss: Loss::Absolute(Absolute), ..options("absolute", "sgd", 1e-12, 100) };
    assert!((evaluate(&network, &data, &absolute.loss, 1).unwrap().0 - 1.0).abs() < 1e-6);
    let report = run(&mut network, &data, &absolute);
    let mean = report.history.iter().map(|e| e.train_loss).sum::<f64>() / 100.0;
    // 320 000 draws of variance 0.3/0.7.
    assert!((mean - 1.0).abs() < 5.0 * (0.3f64 / 0.7 / 320_000.0).sqrt(), "{mean}");
}

fn spiral(n: usize) -> Dataset {
    let mut random = Stream::new(8, 3);
    let mut data = Dataset { inputs: 2, targets: 1, ..Dataset::default() };
    for i in 0..n {
        let (class, r) = (i % 3, random.uniform());
        let angle = 2.1 * class as f64 + 3.0 * r + 0.1 * random.normal();
        data.x.extend([(r * angle.cos()) as f32, (r * angle.sin()) as f32]);
        data.y.push(class as f32);
    }
    data
}

#[test]
fn the_same_bits_for_any_number_of_threads_and_again() {
    // Large enough that every kernel cuts its work into parts, with a last batch that is small.
    let data = spiral(1100);
    let trained = |threads, seed| {
        let mut mlp = Mlp::new(2, &[96, 96], &activation("tanh"), 3);
        mlp.layers[0].dropout = 0.1;
        let mut network = mlp.build(2).unwrap();
        let options = TrainOptions {
            threads,
            seed,
            batch_size: BatchSize::Rows(512),
            clip_norm: Some(1.0),
            penalty: Penalty { l1: 1e-5, l2: 1e-4, decay: None },
            ..options("softmax_cross_entropy", "adamw", 0.01, 4)
        };
        let validation = Validation { data: Some(&data), ..Validation::default() };
        let report = train(&mut network, &data, &validation, &options, &mut |_| {}).unwrap();
        let losses: Vec<u64> = report.history.iter().map(|e| e.validation_loss.unwrap().to_bits()).collect();
        (bits(&network), losses)
    };
    let one = trained(1, 7);
    for threads in [1, 2, 3, 7] {
        assert_eq!(one, trained(threads, 7), "{threads} threads");
    }
    assert_ne!(one, trained(1, 8));
}

#[test]
fn other_seeds_draw_other_weights() {
    let mlp = Mlp::new(3, &[4], &activation("relu"), 2);
    let drawn = |seed| bits(&mlp.build(seed).unwrap());
    assert_eq!(drawn(1), drawn(1));
    assert_ne!(drawn(1), drawn(2));
}

#[test]
fn zero_weights_keep_neurons_alike_and_he_does_not() {
    let data = two_classes(40);
    let columns_agree = |init| {
        let mut mlp = Mlp::new(2, &[4], &activation("relu"), 1);
        mlp.layers[0].init = Some(init);
        let mut network = mlp.build(1).unwrap();
        // Zero weights alone would stay zero behind ReLU: equal biases and outputs let them move, together.
        network.weights.insert("hidden1.b".to_string(), Array::filled(&[4], 0.1));
        network.weights.insert("output.W".to_string(), Array::filled(&[4, 1], 0.5));
        let before = bits(&network);
        run(&mut network, &data, &options("binary_cross_entropy", "adam", 0.01, 100));
        assert_ne!(before, bits(&network));
        let w = network.weights["hidden1.W"].data();
        w.chunks(4).all(|row| row.iter().all(|v| v == &row[0])) && w.iter().any(|v| *v != 0.0)
    };
    assert!(columns_agree(Init::Zeros));
    assert!(!columns_agree(Init::He));
}

#[test]
fn xor_is_learned() {
    let x = vec![0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0];
    let data = Dataset::new(2, x, 1, vec![0.0, 1.0, 1.0, 0.0]);
    let mut one = Mlp::new(2, &[4], &activation("tanh"), 1).build(1).unwrap();
    run(&mut one, &data, &options("binary_cross_entropy", "adam", 0.05, 500));
    let mut two = Mlp::new(2, &[8], &activation("relu"), 2).build(1).unwrap();
    run(&mut two, &data, &options("softmax_cross_entropy", "adam", 0.05, 500));
    let logits = Predictor::<f32>::new(&one, 1).unwrap().predict(&data.x);
    let pairs = Predictor::<f32>::new(&two, 1).unwrap().predict(&data.x);
    for row in 0..4 {
        let yes = data.y[row] == 1.0;
        assert_eq!(logits[row] > 0.0, yes, "{logits:?}");
        assert_eq!(pairs[2 * row + 1] > pairs[2 * row], yes, "{pairs:?}");
        assert!(logits[row].abs() > 3.0 && (pairs[2 * row + 1] - pairs[2 * row]).abs() > 3.0);
    }
}

#[test]
fn any_graph_with_parameters_can_be_trained() {
    let builder = Builder::new();
    let x = builder.input("x", Shape::batch(&[1]));
    let (a, b) = (builder.parameter("a", Shape::scalar()), builder.parameter("b", Shape::scalar()));
    builder.output("y", a * (-(b * x)).exp());
    let mut network = Network::from_graph(builder.finish().unwrap(), Weights::from([("a".to_string(), 1.0.into())]));
    assert_eq!(network.parameter_count(), 2);
    assert_eq!(network.weights["b"], Array::scalar(0.0));
    let x: Vec<f32> = (0..20).map(|i| i as f32 * 0.2).collect();
    let y = x.iter().map(|x| 2.5 * (-0.7 * x).exp()).collect();
    let data = Dataset::new(1, x, 1, y);
    let report = run(&mut network, &data, &options("squared", "adam", 0.05, 1500));
    let (a, b) = (network.weights["a"].item().unwrap(), network.weights["b"].item().unwrap());
    assert!((a - 2.5).abs() < 1e-3 && (b - 0.7).abs() < 1e-3, "{a} {b} {}", report.stop);
}

#[test]
fn counts_and_medians_are_fitted() {
    let data = Dataset::new(1, vec![0.0; 5], 1, vec![0.0, 1.0, 1.0, 4.0, 14.0]);
    let bias = |loss: Loss, rate| {
        let mut network = linear(1, 1);
        run(&mut network, &data, &TrainOptions { loss, ..options("squared", "sgd", rate, 2000) });
        network.weights["output.b"].data()[0]
    };
    assert!((bias(Loss::Poisson(Poisson), 0.02).exp() - 4.0).abs() < 1e-3);
    assert!((bias(Loss::Absolute(Absolute), 0.005) - 1.0).abs() < 0.01);
}
