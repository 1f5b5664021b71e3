//! Functions of single numbers in f64, one point a call or many.

use std::error::Error;
use std::sync::Arc;

use backpass::autodiff::vjp;
use backpass::compile::SlotKind;
use backpass::{Builder, CompileOptions, Expr, Session, Shape, compile};
use backpass_kernels::Pool;
use backpass_kernels::philox::Stream;

use crate::functions::{network, rosenbrock, sigmoid};
use crate::serve::{Case, Work};

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
