//! Measuring: what is counted and what is left alone.

use std::time::Duration;

use backpass::loss::Loss;
use backpass::measure::{Machine, prediction, training_step};
use backpass::nn::{Activation, Mlp, Network};
use backpass::train::TrainOptions;

const BUDGET: Duration = Duration::from_millis(10);

fn network(outputs: usize) -> Network {
    Mlp::new(5, &[7], &Activation::parse("relu").unwrap(), outputs).build(1).unwrap()
}

#[test]
fn a_step_counts_its_products_and_names_its_nodes() {
    for (loss, outputs) in [("squared", 2), ("binary_cross_entropy", 1), ("softmax_cross_entropy", 3), ("poisson", 1)] {
        let (network, rows) = (network(outputs), 11);
        let options = TrainOptions { loss: Loss::parse(loss).unwrap(), ..TrainOptions::default() };
        let step = training_step(&network, &options, rows, 1).unwrap().measure(BUDGET);
        // Forward and both gradients of each layer, but for the gradient of the inputs.
        assert_eq!(step.flops, (2 * rows * (2 * 5 * 7 + 3 * 7 * outputs)) as f64, "{loss}");
        assert!(step.run.min > 0.0 && step.run.min <= step.run.median && step.run.median <= step.run.max);
        assert!(step.instructions.iter().any(|i| i.nodes.contains("hidden1") && i.instruction.starts_with("matmul")));
        assert!(step.memory > 4 * network.parameter_count() * 3);
    }
}

#[test]
fn a_prediction_is_a_forward_pass() {
    let network = network(3);
    let measured = prediction(&network, 100, 2).unwrap().measure(BUDGET);
    assert_eq!(measured.flops, (2 * 100 * (5 * 7 + 7 * 3)) as f64);
    assert_eq!(measured.rows_per_second(), 100.0 / measured.run.median);
    assert!(prediction(&network, 1, 0).is_err(), "no threads");
}

#[test]
fn a_machine_computes_and_copies() {
    let machine = Machine::measure(1);
    assert!(machine.peak > 1e8 && machine.bandwidth > 1e8, "{machine:?}");
}
