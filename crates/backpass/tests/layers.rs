//! What training tells of its layers: the right numbers, the same on any number of threads, and no weight changed by it.

use backpass::autodiff::gradient;
use backpass::interpret::interpret;
use backpass::loss::Loss;
use backpass::nn::{Activation, Embedding, Mlp, Network, layers};
use backpass::optim::Optimizer;
use backpass::train::{BatchSize, Dataset, LayerState, TrainOptions, TrainReport, Validation, train};
use backpass::{Array, Builder, Shape};

fn data(rows: usize) -> Dataset {
    let x: Vec<f32> = (0..rows * 3).map(|i| (i as f32 * 0.7).sin()).collect();
    let y = x.chunks(3).map(|x| f32::from(u8::from(x[0] + x[1] * x[2] > 0.1))).collect();
    Dataset::new(3, x, 1, y)
}

fn network(activation: &str, seed: u64) -> Network {
    let mut mlp = Mlp::new(3, &[8, 5], &Activation::parse(activation).unwrap(), 1);
    mlp.layers[0].dropout = 0.3;
    mlp.build(seed).unwrap()
}

fn options(epochs: usize) -> TrainOptions {
    TrainOptions {
        loss: Loss::parse("binary_cross_entropy").unwrap(),
        batch_size: BatchSize::Rows(16),
        learning_rate: Some(0.01),
        epochs,
        watch_layers: true,
        ..TrainOptions::default()
    }
}

fn run(network: &mut Network, data: &Dataset, options: &TrainOptions) -> TrainReport {
    train(network, data, &Validation::default(), options, &mut |_| {}).unwrap()
}

fn bits(network: &Network) -> Vec<u64> {
    network.weights.values().flat_map(|v| v.data().iter().map(|v| v.to_bits())).collect()
}

fn size(values: &[f64]) -> f64 {
    (values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64).sqrt()
}

#[test]
fn the_numbers_are_those_of_the_interpreter() {
    // So few rows are all looked at, in another order.
    let data = Dataset { weights: Some((0..40).map(|i| 1.0 + (i % 3) as f32).collect()), ..data(40) };
    let mut network = network("tanh", 2);
    let report = run(&mut network, &data, &TrainOptions { double_precision: true, ..options(1) });
    let found = &report.history[0].layers;
    let mut graph = network.graph.clone();
    let y = graph.output("y").unwrap();
    graph.set_outputs(Vec::new());
    let nodes = layers(&graph);
    let builder = Builder::from_graph(graph);
    let (target, weight) = (builder.input("t", Shape::batch(&[1])), builder.input("w", Shape::batch(&[])));
    let loss = (Loss::parse("binary_cross_entropy").unwrap().rows(builder.expr(y), target) * weight).mean(0);
    let parameter = |layer: &str| builder.with_graph(|g| g.named(&format!("{layer}.W")).unwrap());
    let parameters: Vec<_> = nodes.iter().map(|layer| builder.expr(parameter(&layer.name))).collect();
    let slopes: Vec<_> = gradient(loss, &parameters).unwrap().into_iter().map(|slope| slope.id()).collect();
    let graph = builder.finish().unwrap();
    let array = |shape: &[usize], values: &[f32]| Array::from_fn(shape, |i| f64::from(values[i]));
    let total: f32 = data.weights.iter().flatten().sum();
    let weights: Vec<f32> = data.weights.iter().flatten().map(|w| w * 40.0 / total).collect();
    let (x, t, w) = (array(&[40, 3], &data.x), array(&[40, 1], &data.y), array(&[40], &weights));
    let own = network.weights.iter().map(|(name, value)| (name.as_str(), value));
    let trace = interpret(&graph, &own.chain([("x", &x), ("t", &t), ("w", &w)]).collect::<Vec<_>>()).unwrap();
    assert_eq!(found.iter().map(|layer| layer.name.as_str()).collect::<Vec<_>>(), ["hidden1", "hidden2", "output"]);
    for ((layer, nodes), slope) in found.iter().zip(&nodes).zip(slopes) {
        let expected = [
            size(network.weights[&format!("{}.W", layer.name)].data()),
            size(trace.value(nodes.output).data()),
            size(trace.value(slope).data()),
        ];
        for (found, expected) in [layer.weights, layer.activations, layer.gradients].iter().zip(expected) {
            assert!((found - expected).abs() <= 1e-6 * expected, "{}: {found} {expected}", layer.name);
        }
    }
    assert_eq!((found[0].idle, found[2].idle), (Some(0.0), None));
}

#[test]
fn looking_changes_no_weight_and_is_the_same_on_any_number_of_threads() {
    let data = data(300);
    for optimizer in ["adam", "lbfgs"] {
        let run_with = |watch_layers, threads| {
            let mut network = match optimizer {
                "adam" => network("relu", 4),
                _ => Mlp::new(3, &[6], &Activation::parse("relu").unwrap(), 1).build(4).unwrap(),
            };
            let optimizer = Optimizer::parse(optimizer).unwrap();
            let report =
                run(&mut network, &data, &TrainOptions { optimizer, watch_layers, threads, seed: 3, ..options(30) });
            let seen: Vec<(usize, Vec<LayerState>)> =
                report.history.into_iter().filter(|e| !e.layers.is_empty()).map(|e| (e.epoch, e.layers)).collect();
            (bits(&network), seen)
        };
        let (plain, nothing) = run_with(false, 1);
        assert!(nothing.is_empty());
        let (watched, seen) = run_with(true, 1);
        assert_eq!(watched, plain, "{optimizer}");
        assert!(seen.len() > 2 && seen[0].0 == 1, "{optimizer}: {seen:?}");
        for threads in [2, 3, 5] {
            assert_eq!(run_with(true, threads), (watched.clone(), seen.clone()), "{optimizer}, {threads} threads");
        }
    }
}

#[test]
fn units_that_have_stopped_are_counted() {
    let with_bias = |activation: &str, bias: &dyn Fn(usize) -> f64| {
        let mut network = network(activation, 1);
        let b = network.weights.get_mut("hidden1.b").unwrap();
        b.data_mut().iter_mut().enumerate().for_each(|(unit, b)| *b = bias(unit));
        let report = run(&mut network, &data(50), &TrainOptions { learning_rate: Some(1e-9), ..options(1) });
        report.history[0].layers[0].idle
    };
    assert_eq!(with_bias("relu", &|unit| if unit < 2 { -100.0 } else { 9.0 }), Some(0.25));
    assert_eq!(with_bias("tanh", &|unit| if unit < 4 { 7.0 } else { 0.0 }), Some(0.5));
}

#[test]
fn embeddings_are_layers_and_formulas_have_none() {
    let mut mlp = Mlp::new(3, &[4], &Activation::parse("mish").unwrap(), 1);
    (mlp.embedded, mlp.front_scale) = (3, true);
    mlp.embeddings = Embedding::parse("periodic").unwrap();
    let report = run(&mut mlp.build(1).unwrap(), &data(80), &options(2));
    let names: Vec<&str> = report.history[1].layers.iter().map(|layer| layer.name.as_str()).collect();
    assert_eq!(names, ["periodic", "front_scale", "hidden1", "output"]);
    assert!(report.history[1].layers.iter().all(|layer| layer.gradients > 0.0 && layer.activations > 0.0));
    let b = Builder::new();
    let (x, a) = (b.input("x", Shape::batch(&[3])), b.parameter("a", Shape::scalar()));
    b.output("y", x.slice(1, 0, 1) * a);
    let mut formula = Network::from_graph(b.finish().unwrap(), Default::default());
    let report = run(&mut formula, &data(80), &options(2));
    assert!(report.history.iter().all(|epoch| epoch.layers.is_empty()));
}
