//! One loop over every operator and sample: shape rule, gradient of first and second order, jvp against vjp, lowering.

use std::sync::Arc;

use backpass::Session;
use backpass::array::Array;
use backpass::autodiff::{DifferentiateError, gradient, jvp, vjp};
use backpass::builder::Builder;
use backpass::compile::{CompileOptions, SlotKind, compile};
use backpass::gradcheck::check_gradient;
use backpass::interpret::interpret;
use backpass::ops::{self, Category, Sample};
use backpass::shape::Shape;
use backpass_kernels::{Pool, Real};

fn samples() -> impl Iterator<Item = Sample> {
    ops::table().iter().flat_map(|entry| (entry.samples)())
}

#[test]
fn every_operator_is_documented_and_sampled() {
    let mut names = Vec::new();
    for entry in ops::table() {
        let info = entry.info;
        assert!(!info.summary.is_empty(), "{} has no summary", info.name);
        assert!(info.category == Category::Leaf || !info.formula.is_empty(), "{} has no formula", info.name);
        let leaf = matches!(info.name, "input" | "parameter");
        assert!(leaf || !(entry.samples)().is_empty(), "{} has no samples", info.name);
        assert!(!names.contains(&info.name), "{} is listed twice", info.name);
        names.push(info.name);
    }
}

/// A graph of one operator: operands `a`, `b`, …, result `y`, and `loss = Σ sin(y)·c` so that second derivatives matter.
fn graph_of(sample: &Sample) -> (backpass::Graph, Vec<(String, Array)>) {
    let builder = Builder::new();
    let values: Vec<(String, Array)> =
        sample.args.iter().enumerate().map(|(i, v)| (char::from(b'a' + i as u8).to_string(), v.clone())).collect();
    let args: Vec<_> = values.iter().map(|(n, v)| builder.input(n, Shape::fixed(v.shape()))).collect();
    let y = builder.push(sample.op.clone(), &args);
    let sizes = y.shape().resolve(0);
    let weights = Array::from_fn(&sizes, |i| 0.3 + (i % 5) as f64 * 0.4);
    builder.output("y", y);
    builder.output("loss", ((y.sin() + y) * builder.constant(weights)).sum_all());
    (builder.finish().unwrap(), values)
}

#[test]
fn gradients_of_first_and_second_order_agree_with_differences() {
    let mut checked = 0;
    for sample in samples() {
        let (graph, values) = graph_of(&sample);
        let point: Vec<(&str, &Array)> = values.iter().map(|(n, v)| (n.as_str(), v)).collect();
        let loss = graph.output("loss").unwrap();
        for variable in graph.inputs().collect::<Vec<_>>() {
            let report = match check_gradient(&graph, loss, &[variable], &point) {
                Err(DifferentiateError::NotDifferentiable { .. }) => continue,
                report => report.unwrap(),
            };
            assert!(report.passed(), "{:?}\n{report}\n{:#?}", sample.op, report.variables);
            checked += 1;
            // Second order: the gradient of a random projection of the gradient.
            let builder = Builder::from_graph(graph.clone());
            let slope = gradient(builder.expr(loss), &[builder.expr(variable)]).unwrap()[0];
            let sizes = slope.shape().resolve(0);
            let direction = builder.constant(Array::from_fn(&sizes, |i| 0.5 - (i % 3) as f64 * 0.4));
            let projected = (slope * direction).sum_all().id();
            let second = builder.finish().unwrap();
            let report = check_gradient(&second, projected, &[variable], &point).unwrap();
            assert!(report.passed(), "second order of {:?}\n{report}\n{:#?}", sample.op, report.variables);
        }
    }
    assert!(checked > 60, "only {checked} gradients checked");
}

#[test]
fn forward_and_reverse_mode_agree() {
    for sample in samples() {
        let (graph, values) = graph_of(&sample);
        let point: Vec<(&str, &Array)> = values.iter().map(|(n, v)| (n.as_str(), v)).collect();
        let y = graph.output("y").unwrap();
        for variable in graph.inputs().collect::<Vec<_>>() {
            let builder = Builder::from_graph(graph.clone());
            let (y, x) = (builder.expr(y), builder.expr(variable));
            let tangent = builder.constant(Array::from_fn(&x.shape().resolve(0), |i| 0.7 - (i % 4) as f64 * 0.3));
            let cotangent = builder.constant(Array::from_fn(&y.shape().resolve(0), |i| (i % 3) as f64 * 0.6 - 0.4));
            let Ok(pulled) = vjp(&builder, &[(y, cotangent)], &[x]) else { continue };
            let pushed = jvp(y, &[x], &[tangent]).unwrap();
            let left = (pulled[0] * tangent).sum_all().id();
            let right = (pushed * cotangent).sum_all().id();
            let graph = builder.finish().unwrap();
            let trace = interpret(&graph, &point).unwrap();
            let (left, right) = (trace.value(left).data()[0], trace.value(right).data()[0]);
            assert!((left - right).abs() < 1e-9 * (1.0 + left.abs()), "{:?}: {left} and {right}", sample.op);
        }
    }
}

fn run_plan<T: Real>(graph: &backpass::Graph, point: &[(&str, &Array)], name: &str) -> Vec<f64> {
    let plan = Arc::new(compile(graph, &CompileOptions::default()).unwrap());
    let mut session = Session::<T>::new(plan, Arc::new(Pool::new(1))).unwrap().poison();
    for (name, value) in point {
        session.set(SlotKind::Input, name, value).unwrap();
    }
    session.run(1);
    session.get(SlotKind::Output, name, 1).unwrap().data().to_vec()
}

#[test]
fn every_operator_computes_the_same_when_compiled() {
    for sample in samples() {
        let (graph, values) = graph_of(&sample);
        let point: Vec<(&str, &Array)> = values.iter().map(|(n, v)| (n.as_str(), v)).collect();
        let trace = interpret(&graph, &point).unwrap();
        let expected = trace.value(graph.output("y").unwrap()).data();
        for (tolerance, found) in
            [(1e-13, run_plan::<f64>(&graph, &point, "y")), (2e-6, run_plan::<f32>(&graph, &point, "y"))]
        {
            assert_eq!(expected.len(), found.len());
            for (e, f) in expected.iter().zip(&found) {
                let same = (e - f).abs() <= tolerance * (1.0 + e.abs()) || e == f || (e.is_nan() && f.is_nan());
                assert!(same, "{:?}: expected {e}, found {f} at tolerance {tolerance}", sample.op);
            }
        }
    }
}

#[test]
fn wrong_shapes_are_collected_with_their_places() {
    let builder = Builder::new();
    let x = builder.input("x", Shape::batch(&[3]));
    let w = builder.parameter("w", Shape::fixed(&[4, 2]));
    let bad = x.matmul(w);
    let _follows = (bad + 1.0).tanh();
    let _also_bad = x + builder.constant(Array::vector([1.0, 2.0]));
    let errors = builder.finish().unwrap_err();
    assert_eq!(errors.0.len(), 2);
    let text = errors.to_string();
    assert!(text.contains("operators.rs") && text.contains("inner sizes 3 and 4 differ"), "{text}");
    assert!(text.contains("[batch, 3] and [2] do not fit"), "{text}");
}
