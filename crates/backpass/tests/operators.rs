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

/// How the operands of a sample enter its graph.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Form {
    /// All as inputs of fixed shape.
    Fixed,
    /// All but the first as constants, which derivative rules may look into.
    ConstantRest,
    /// All as batches, where they have the same number of rows.
    Batched,
}

/// A graph of one operator: operands `a`, `b`, …, result `y`, and `loss = Σ sin(y)·c` so that second derivatives matter;
/// `None` where the operator cannot take the form.
fn graph_of(sample: &Sample, form: Form) -> Option<(backpass::Graph, Vec<(String, Array)>)> {
    let builder = Builder::new();
    let rows = sample.args.first().and_then(|a| a.shape().first().copied());
    let same_rows = rows.is_some() && sample.args.iter().all(|a| a.shape().first().copied() == rows);
    if form == Form::Batched && !same_rows {
        return None;
    }
    let values: Vec<(String, Array)> =
        sample.args.iter().enumerate().map(|(i, v)| (char::from(b'a' + i as u8).to_string(), v.clone())).collect();
    let arg = |(i, (name, v)): (usize, &(String, Array))| match form {
        Form::ConstantRest if i > 0 => builder.constant(v.clone()),
        Form::Batched => builder.input(name, Shape::batch(&v.shape()[1..])),
        _ => builder.input(name, Shape::fixed(v.shape())),
    };
    let args: Vec<_> = values.iter().enumerate().map(arg).collect();
    let shapes: Vec<Shape> = args.iter().map(|a| a.shape()).collect();
    sample.op.shape(&shapes.iter().collect::<Vec<_>>()).ok().filter(|_| !builder.has_errors())?;
    let y = builder.push(sample.op.clone(), &args);
    let sizes = y.shape().resolve(rows.unwrap_or(1));
    let fixed = if y.shape().is_batched() { &sizes[1..] } else { &sizes[..] };
    let weights = Array::from_fn(fixed, |i| 0.3 + (i % 5) as f64 * 0.4);
    builder.output("y", y);
    builder.output("loss", ((y.sin() + y) * builder.constant(weights)).sum_all());
    let inputs = if form == Form::ConstantRest { values.into_iter().take(1).collect() } else { values };
    Some((builder.finish().unwrap(), inputs))
}

fn graphs() -> impl Iterator<Item = (Sample, backpass::Graph, Vec<(String, Array)>)> {
    let forms = [Form::Fixed, Form::ConstantRest, Form::Batched];
    samples().flat_map(move |sample| {
        forms.into_iter().filter_map(move |form| graph_of(&sample, form).map(|(g, v)| (sample.clone(), g, v)))
    })
}

#[test]
fn gradients_of_first_and_second_order_agree_with_differences() {
    let mut checked = 0;
    for (sample, graph, values) in graphs() {
        let point: Vec<(&str, &Array)> = values.iter().map(|(n, v)| (n.as_str(), v)).collect();
        let loss = graph.output("loss").unwrap();
        let differentiable = |graph: &backpass::Graph, loss, variable| {
            let report = check_gradient(graph, loss, &[variable], &point);
            if matches!(report, Err(DifferentiateError::NotDifferentiable { .. })) {
                None
            } else {
                Some(report.unwrap())
            }
        };
        for variable in graph.inputs().collect::<Vec<_>>() {
            let Some(report) = differentiable(&graph, loss, variable) else { continue };
            assert!(report.passed(), "{:?}\n{report}\n{:#?}", sample.op, report.variables);
            checked += 1;
            // Second order: the gradient of a projection of the gradient, with respect to every variable.
            let builder = Builder::from_graph(graph.clone());
            let slope = gradient(builder.expr(loss), &[builder.expr(variable)]).unwrap()[0];
            let sizes = slope.shape().resolve(1);
            let fixed = if slope.shape().is_batched() { &sizes[1..] } else { &sizes[..] };
            let direction = builder.constant(Array::from_fn(fixed, |i| 0.5 - (i % 3) as f64 * 0.4));
            let projected = (slope * direction).sum_all().id();
            let second = builder.finish().unwrap();
            for other in graph.inputs().collect::<Vec<_>>() {
                let Some(report) = differentiable(&second, projected, other) else { continue };
                assert!(report.passed(), "second order of {:?}\n{report}\n{:#?}", sample.op, report.variables);
            }
        }
    }
    assert!(checked > 150, "only {checked} gradients checked");
}

#[test]
fn forward_mode_agrees_with_differences() {
    let mut checked = 0;
    for (sample, graph, values) in graphs() {
        let y = graph.output("y").unwrap();
        for (index, variable) in graph.inputs().collect::<Vec<_>>().into_iter().enumerate() {
            let tangent = values[index].1.map(|v| (v * 12.7).sin());
            let at = |t: f64| {
                let mut moved = values.clone();
                moved[index].1.data_mut().iter_mut().zip(tangent.data()).for_each(|(v, d)| *v += t * d);
                let point: Vec<(&str, &Array)> = moved.iter().map(|(n, v)| (n.as_str(), v)).collect();
                interpret(&graph, &point).unwrap().value(y).data().to_vec()
            };
            let builder = Builder::from_graph(graph.clone());
            let (result, x) = (builder.expr(y), builder.expr(variable));
            let direction = builder.input("direction", x.shape());
            let Ok(pushed) = jvp(result, &[x], &[direction]) else { continue };
            let pushed = pushed.id();
            let forward = builder.finish().unwrap();
            let mut point: Vec<(&str, &Array)> = values.iter().map(|(n, v)| (n.as_str(), v)).collect();
            point.push(("direction", &tangent));
            let found = interpret(&forward, &point).unwrap().value(pushed).clone();
            let h = 1e-5;
            for ((above, below), found) in at(h).iter().zip(at(-h)).zip(found.data()) {
                let expected = (above - below) / (2.0 * h);
                let close = (expected - found).abs() < 1e-6 * (1.0 + expected.abs());
                assert!(close, "{:?}: {expected} and {found}", sample.op);
                checked += 1;
            }
        }
    }
    assert!(checked > 500, "only {checked} numbers checked");
}

#[test]
fn directions_must_fit() {
    let builder = Builder::new();
    let x = builder.input("x", Shape::fixed(&[3]));
    let y = x * 2.0;
    let wide = builder.constant(Array::filled(&[2, 3], 1.0));
    let error = vjp(&builder, &[(y, wide)], &[x]).unwrap_err().to_string();
    assert_eq!(error, "the result has shape [3], the direction given for it has shape [2, 3]");
    let error = jvp(y, &[x], &[]).unwrap_err().to_string();
    assert_eq!(error, "1 variable(s) need as many tangents, found 0");
}

fn run_plan<T: Real>(graph: &backpass::Graph, point: &[(&str, &Array)], name: &str) -> Vec<f64> {
    let rows = point.iter().map(|(_, v)| v.shape().first().copied().unwrap_or(1)).max().unwrap_or(1);
    let plan = Arc::new(compile(graph, &CompileOptions::rows(rows)).unwrap());
    let mut session = Session::<T>::new(plan, Arc::new(Pool::new(1))).unwrap().poison();
    for (name, value) in point {
        session.set(SlotKind::Input, name, value).unwrap();
    }
    session.run(rows);
    session.get(SlotKind::Output, name, rows).unwrap().data().to_vec()
}

#[test]
fn every_operator_computes_the_same_when_compiled() {
    for (sample, graph, values) in graphs() {
        let point: Vec<(&str, &Array)> = values.iter().map(|(n, v)| (n.as_str(), v)).collect();
        let trace = interpret(&graph, &point).unwrap();
        let expected = trace.value(graph.output("y").unwrap()).data();
        let (double, single) = (run_plan::<f64>(&graph, &point, "y"), run_plan::<f32>(&graph, &point, "y"));
        for (tolerance, found) in [(1e-13, double), (2e-6, single)] {
            assert_eq!(expected.len(), found.len());
            for (e, f) in expected.iter().zip(&found) {
                let same = (e - f).abs() <= tolerance * (1.0 + e.abs()) || e == f || (e.is_nan() && f.is_nan());
                assert!(same, "{:?}: expected {e}, found {f} at tolerance {tolerance}", sample.op);
            }
        }
    }
}

#[test]
fn exponential_units_keep_small_numbers() {
    for name in ["elu", "selu"] {
        let mut none = ops::Attributes::default();
        let op = (ops::find(name).unwrap().parse)(&mut none).unwrap();
        let (graph, values) = graph_of(&Sample::new(op, [Array::vector([-1e-8, -1e-4])]), Form::Fixed).unwrap();
        let point: Vec<(&str, &Array)> = values.iter().map(|(n, v)| (n.as_str(), v)).collect();
        let trace = interpret(&graph, &point).unwrap();
        let expected = trace.value(graph.output("y").unwrap()).data();
        for (e, f) in expected.iter().zip(run_plan::<f32>(&graph, &point, "y")) {
            assert!((e / f - 1.0).abs() < 1e-5, "{name}: expected {e}, found {f}");
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
