//! What the engine refuses, and what it must not blame.

use std::sync::Arc;

use backpass::array::Array;
use backpass::compile::{CompileOptions, SlotKind, compile};
use backpass::gradcheck::check_gradient;
use backpass::init::Init;
use backpass::interpret::interpret;
use backpass::nn::{Activation, Mlp, Network, Weights};
use backpass::optim::Optimizer;
use backpass::text::parse;
use backpass::{Graph, Session};
use backpass_kernels::Pool;

#[test]
fn an_infinite_constant_is_not_to_blame() {
    let graph = parse("input x: []\nbad = log(clamp(x, high=5))\noutput bad").unwrap();
    let trace = interpret(&graph, &[("x", &Array::scalar(-1.0))]).unwrap();
    assert_eq!(trace.first_bad(&graph).map(|id| graph.describe(id)), Some("`bad`".to_string()));
}

#[test]
fn a_prediction_must_not_depend_on_other_rows() {
    let network = |text: &str| Network::from_graph(parse(text).unwrap(), Weights::new());
    let centred = network("input x: [batch, 2]\ny = x - mean(x, axis=0)\noutput y");
    let message = "the network sums over rows or draws random numbers, so a prediction would depend on the other rows";
    assert_eq!(centred.check().unwrap_err().to_string(), message);
    let within_rows = network("input x: [batch, 2]\ny = x - reshape(mean(x, axis=1), shape=[batch, 1])\noutput y");
    assert_eq!(within_rows.check(), Ok(()));
}

#[test]
fn a_network_has_a_largest_size() {
    let network = Mlp::new(8, &[1 << 20, 1 << 20], &Activation::IDENTITY, 1);
    let message = network.build(1).unwrap_err().to_string();
    let expected = "the number of parameters of the network up to hidden2 is 1099522113536, it must be at most 2^30";
    assert_eq!(message, expected);
}

#[test]
fn parameters_have_no_batch() {
    let message = parse("parameter w: [batch, 2]\noutput w").unwrap_err().to_string();
    assert!(message.contains("a parameter has no batch dimension, found shape [batch, 2]"), "{message}");
}

#[test]
fn more_dimensions_than_kernels_take_are_refused_before_running() {
    let graph = parse("input x: [2, 2, 2, 2, 2, 2, 2, 2, 2]\noutput y = slice(x, axis=8, start=0, end=1)").unwrap();
    let message = compile(&graph, &CompileOptions::default()).unwrap_err().to_string();
    assert_eq!(message, "`x` has 9 dimensions; at most 8 can be compiled");
}

#[test]
fn a_parameter_is_updated_once() {
    let mut graph: Graph = parse("parameter w: [2]\nupdate w = w * 2").unwrap();
    let (parameter, value) = graph.updates()[0];
    graph.add_update(parameter, value);
    assert_eq!(graph.verify().unwrap_err().to_string(), "the name `w` is used twice");
}

#[test]
fn values_must_have_the_shape_of_their_place() {
    let graph = parse("input x: [batch, 2]\nparameter w: [2, 3]\noutput y = x @ w").unwrap();
    let plan = Arc::new(compile(&graph, &CompileOptions::rows(4)).unwrap());
    let mut session = Session::<f64>::new(plan, Arc::new(Pool::new(1))).unwrap();
    let turned = session.set(SlotKind::Parameter, "w", &Array::filled(&[3, 2], 0.0)).unwrap_err().to_string();
    assert_eq!(turned, "`w` has shape [2, 3], the value given has shape [3, 2]");
    let long = session.set(SlotKind::Input, "x", &Array::filled(&[5, 2], 0.0)).unwrap_err().to_string();
    assert_eq!(long, "5 rows, but the plan is compiled for at most 4");
    assert_eq!(session.get(SlotKind::Output, "y", 5).unwrap_err().to_string(), long);
}

#[test]
fn the_gradient_check_stays_in_the_domain_and_moves_only_what_can_move() {
    let graph = parse("input x: []\ninner = log(x)\noutput y = inner * 3").unwrap();
    let (x, inner, y) = (graph.named("x").unwrap(), graph.named("inner").unwrap(), graph.output("y").unwrap());
    for value in [5e-4, 1e-7, 2.0] {
        let point = Array::scalar(value);
        let report = check_gradient(&graph, y, &[x], &[("x", &point)]).unwrap();
        assert!(report.passed(), "at {value}: {report}");
    }
    let message = check_gradient(&graph, y, &[inner], &[("x", &Array::scalar(1.0))]).unwrap_err().to_string();
    assert_eq!(message, "`inner` is computed from other nodes; only inputs and parameters can be varied");
}

#[test]
fn a_parameter_of_a_choice_is_given_once_and_in_its_range() {
    let twice = Optimizer::parse("adam(beta1=0.8, beta1=0.9)").unwrap_err().to_string();
    assert_eq!(twice, "optimiser `adam`: `beta1` is given twice");
    let negative = Init::parse("normal(std=-1)").unwrap_err().to_string();
    assert_eq!(negative, "initialisation `normal`: std=-1 must be greater than 0");
}
