//! Functions of single numbers in f64, one point a call or many.

use std::error::Error;
use std::sync::Arc;

use backpass::autodiff::vjp;
use backpass::compile::SlotKind;
use backpass::{Builder, CompileOptions, Expr, Session, Shape, compile};
use backpass_kernels::Pool;
use backpass_kernels::philox::Stream;

use crate::serve::{Case, Work};

/// Inputs, hidden neurons, outputs of the network.
const WIDTHS: [usize; 5] = [8, 9, 9, 9, 4];

/// σ(w₁x + w₂y + b).
fn sigmoid<'b>(v: &[Expr<'b>]) -> Expr<'b> {
    (v[0] * v[3] + v[1] * v[4] + v[2]).sigmoid()
}

/// Rosenbrock's function.
fn rosenbrock<'b>(v: &[Expr<'b>]) -> Expr<'b> {
    let term = |pair: &[Expr<'b>]| {
        let (a, b) = (pair[1] - pair[0] * pair[0], 1.0 - pair[0]);
        100.0 * (a * a) + b * b
    };
    let terms: Vec<Expr<'b>> = v.windows(2).map(term).collect();
    terms[1..].iter().fold(terms[0], |sum, &term| sum + term)
}

/// The squared error of a network with tanh on one row; the variables are its biases and weights.
fn network<'b>(v: &[Expr<'b>]) -> Expr<'b> {
    let builder = v[0].builder();
    let mut data = Stream::new(1, 0);
    let mut numbers =
        |count: usize| -> Vec<Expr<'b>> { (0..count).map(|_| builder.constant(2.0 * data.uniform() - 1.0)).collect() };
    let mut values = numbers(WIDTHS[0]);
    let mut rest = v;
    for (layer, &width) in WIDTHS.iter().enumerate().skip(1) {
        let (neurons, after) = rest.split_at(width * (values.len() + 1));
        rest = after;
        let sum = |p: &[Expr<'b>]| p[1..].iter().zip(&values).fold(p[0], |sum, (&w, &x)| sum + w * x);
        let sums = neurons.chunks(values.len() + 1).map(sum);
        values = if layer + 1 == WIDTHS.len() { sums.collect() } else { sums.map(|z| z.tanh()).collect() };
    }
    let errors = values.into_iter().zip(numbers(WIDTHS[4])).map(|(value, target)| (value - target) * (value - target));
    errors.reduce(|sum, error| sum + error).unwrap_or(v[0])
}

pub fn prepare(case: &Case, threads: usize) -> Result<Work, Box<dyn Error>> {
    let (function, variables): (for<'b> fn(&[Expr<'b>]) -> Expr<'b>, _) = match case.function.as_str() {
        "sigmoid" => (sigmoid, 5),
        "rosenbrock" => (rosenbrock, 100),
        "network" => (network, 301),
        other => return Err(format!("there is no function `{other}`").into()),
    };
    let points = case.points;
    let shape = if points == 1 { Shape::scalar() } else { Shape::batch(&[]) };
    let builder = Builder::new();
    let inputs: Vec<_> = (0..variables).map(|i| builder.input(&format!("x{i}"), shape.clone())).collect();
    let value = function(&inputs);
    builder.output("value", value);
    if case.gradient {
        let one = builder.constant(1.0).broadcast(shape);
        let slopes = vjp(&builder, &[(value, one)], &inputs)?;
        slopes.into_iter().enumerate().for_each(|(i, slope)| builder.output(&format!("slope{i}"), slope));
    }
    let plan = compile(&builder.finish()?, &CompileOptions::rows(points))?;
    let mut session = Session::<f64>::new(Arc::new(plan), Arc::new(Pool::new(threads)))?;
    let mut random = Stream::new(2, 0);
    for i in 0..variables {
        let slot = session.slot(SlotKind::Input, &format!("x{i}"))?;
        session.write(&slot, points).fill_with(|| random.uniform() - 0.5);
    }
    Ok(Box::new(move |count| {
        for _ in 0..count {
            session.run(points);
        }
    }))
}
