//! Speed of graphs of single numbers, value and gradient: `cargo run --release -p backpass --example scalars`.
//!
//! Prints one JSON line for each graph, for its value alone and with its gradient, for one point a call and for 1,024: the
//! median, least and most time of a point in nanoseconds. The arguments are how long to measure for each line,
//! `--seconds 0.2`, and `--threads 1` and `--bits 64` (or 32).

#[path = "contestant/functions.rs"]
mod functions;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use backpass::autodiff::vjp;
use backpass::compile::{CompileOptions, SlotKind, compile};
use backpass::{Builder, Expr, Graph, Session, Shape};
use backpass_kernels::philox::Stream;
use backpass_kernels::{Pool, Real};
use functions::{network, rosenbrock, sigmoid};

type Function = for<'b> fn(&[Expr<'b>]) -> Expr<'b>;

fn graph(function: Function, variables: usize, shape: &Shape, with_gradient: bool) -> Graph {
    let builder = Builder::new();
    let inputs: Vec<_> = (0..variables).map(|i| builder.input(&format!("x{i}"), shape.clone())).collect();
    let value = function(&inputs);
    builder.output("value", value);
    if with_gradient {
        let one = builder.constant(1.0).broadcast(shape.clone());
        let gradient = vjp(&builder, &[(value, one)], &inputs).expect("the functions have derivatives");
        gradient.into_iter().enumerate().for_each(|(i, slope)| builder.output(&format!("slope{i}"), slope));
    }
    builder.finish().expect("the functions are valid")
}

/// The median, least and most of the time of a call, in nanoseconds; of many short repeats, for other work of the machine
/// comes in between.
fn time(seconds: f64, mut call: impl FnMut()) -> [f64; 3] {
    const REPEAT: f64 = 2e-4;
    let mut run = |calls: usize| {
        let start = Instant::now();
        (0..calls).for_each(|_| call());
        start.elapsed().as_secs_f64() / calls as f64
    };
    let first = (0..10).map(|_| run(1)).fold(f64::INFINITY, f64::min);
    let calls = (REPEAT / first).max(1.0) as usize;
    let mut times: Vec<f64> = (0..(seconds / REPEAT).max(1.0) as usize).map(|_| run(calls) * 1e9).collect();
    times.sort_by(f64::total_cmp);
    [times[times.len() / 2], times[0], times[times.len() - 1]]
}

fn argument(name: &str, default: f64) -> f64 {
    let given = std::env::args().skip_while(|a| a != name).nth(1);
    given.and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn measure<T: Real>(seconds: f64, threads: usize) {
    let pool = Arc::new(Pool::new(threads));
    let cases: [(&str, Function, usize); 3] =
        [("i_sigmoid5", sigmoid, 5), ("ii_rosen100", rosenbrock, 100), ("iii_mlp_scalar", network, 301)];
    let bits = 8 * size_of::<T>();
    for (name, function, variables) in cases {
        for (rows, with_gradient) in [(1, false), (1, true), (1024, false), (1024, true)] {
            let shape = if rows == 1 { Shape::scalar() } else { Shape::batch(&[]) };
            let graph = graph(function, variables, &shape, with_gradient);
            let start = Instant::now();
            let plan = compile(&graph, &CompileOptions::rows(rows)).expect("the graphs are small");
            let compiled = start.elapsed().as_secs_f64() * 1e3;
            let mut session = Session::<T>::new(Arc::new(plan), Arc::clone(&pool)).expect("the graphs are small");
            let mut points = Stream::new(2, 0);
            for i in 0..variables {
                let slot = session.slot(SlotKind::Input, &format!("x{i}")).expect("an input");
                session.write(&slot, rows).fill_with(|| T::from_f64(points.uniform() - 0.5));
            }
            let first = session.slot(SlotKind::Input, "x0").expect("an input");
            let value = session.slot(SlotKind::Output, "value").expect("an output");
            let times = time(seconds, || {
                let x = &mut session.write(&first, rows)[0];
                *x = -*x;
                session.run(rows);
                black_box(session.read(&value, rows)[0]);
            });
            let [median, least, most] = times.map(|ns| ns / rows as f64);
            println!(
                "{{\"section\":\"autodiff\",\"peer\":\"backpass\",\"case\":\"{name}\",\"gradient\":{with_gradient},\
                 \"points\":{rows},\"threads\":{threads},\"bits\":{bits},\"med\":{median:.2},\"min\":{least:.2},\
                 \"max\":{most:.2},\"unit\":\"ns\",\"compile_ms\":{compiled:.2}}}",
            );
        }
    }
}

fn main() {
    let (seconds, threads) = (argument("--seconds", 0.2), argument("--threads", 1.0) as usize);
    if argument("--bits", 64.0) == 32.0 { measure::<f32>(seconds, threads) } else { measure::<f64>(seconds, threads) }
}
