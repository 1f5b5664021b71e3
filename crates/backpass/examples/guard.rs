//! The work whose instructions `cargo xtask guard` counts: `guard NAME` does it often enough, in `counted` and nowhere else.

use std::error::Error;
use std::hint::black_box;
use std::sync::Arc;

use backpass::compile::{CompileOptions, SlotKind, compile};
use backpass::loss::Loss;
use backpass::nn::{Activation, Mlp, Network};
use backpass::train::{TrainOptions, step_graph};
use backpass::{Array, Session};
use backpass_kernels::philox::Stream;
use backpass_kernels::{Isa, Pool};

/// How often the work is done after some runs that are not counted.
const RUNS: usize = 20;

fn main() -> Result<(), Box<dyn Error>> {
    let name = std::env::args().nth(1).unwrap_or_default();
    match name.as_str() {
        "isa" => println!("{:?}", Isa::current()),
        "step A" => step(&[2, 8, 1], 10)?,
        "step B" => step(&[4, 16, 16, 3], 32)?,
        "step C" => step(&[30, 64, 64, 2], 32)?,
        "step E" => step(&[784, 128, 10], 32)?,
        "row C" => row(&[30, 64, 64, 2])?,
        "plan D" => plan(&[54, 256, 256, 256, 7], 256)?,
        _ => return Err(format!("there is no work `{name}`").into()),
    }
    Ok(())
}

/// What is counted; its name is found in the symbols of the program.
#[inline(never)]
fn counted(work: &mut dyn FnMut()) {
    black_box(work)();
}

fn network(sizes: &[usize]) -> Result<Network, Box<dyn Error>> {
    let [inputs, hidden @ .., outputs] = sizes else { return Err("a network has inputs and outputs".into()) };
    Ok(Mlp::new(*inputs, hidden, &Activation::parse("relu")?, *outputs).build(1)?)
}

fn options(outputs: usize) -> Result<TrainOptions, Box<dyn Error>> {
    let loss = Loss::parse(if outputs == 1 { "binary_cross_entropy" } else { "softmax_cross_entropy" })?;
    Ok(TrainOptions { loss, ..TrainOptions::default() })
}

/// Training steps with Adam on a batch of random rows.
fn step(sizes: &[usize], rows: usize) -> Result<(), Box<dyn Error>> {
    let (network, outputs) = (network(sizes)?, sizes[sizes.len() - 1]);
    let graph = step_graph(&network, 1, &options(outputs)?)?;
    let mut session = Session::<f32>::new(Arc::new(compile(&graph, &CompileOptions::rows(rows))?), one_thread())?;
    set_weights(&mut session, &network)?;
    let mut random = Stream::new(1, 0);
    session.set(SlotKind::Input, "x", &Array::from_fn(&[rows, sizes[0]], |_| random.normal()))?;
    let target = |_| random.below(outputs.max(2) as u64) as f64;
    session.set(SlotKind::Input, "target", &Array::from_fn(&[rows, 1], target))?;
    session.set(SlotKind::Input, "weight", &Array::filled(&[rows], 1.0))?;
    session.set(SlotKind::Input, "learning_rate", &Array::scalar(1e-3))?;
    session.set(SlotKind::Input, "step", &Array::scalar(1.0))?;
    repeat(&mut || session.run(rows));
    Ok(())
}

/// The prediction of one row.
fn row(sizes: &[usize]) -> Result<(), Box<dyn Error>> {
    let network = network(sizes)?;
    let plan = compile(&network.graph, &CompileOptions::rows(1))?;
    let mut session = Session::<f32>::new(Arc::new(plan), one_thread())?;
    set_weights(&mut session, &network)?;
    session.set(SlotKind::Input, "x", &Array::from_fn(&[1, sizes[0]], |i| (i as f64).sin()))?;
    repeat(&mut || session.run(1));
    Ok(())
}

/// The way from the graph of a training step to its plan, once.
fn plan(sizes: &[usize], rows: usize) -> Result<(), Box<dyn Error>> {
    let graph = step_graph(&network(sizes)?, 1, &options(sizes[sizes.len() - 1])?)?;
    let mut plan = None;
    counted(&mut || plan = Some(compile(&graph, &CompileOptions::rows(rows))));
    plan.transpose()?;
    Ok(())
}

/// The first runs find out what machine this is and meet cold memory.
fn repeat(work: &mut dyn FnMut()) {
    (0..3).for_each(|_| work());
    counted(&mut || (0..RUNS).for_each(|_| work()));
}

fn one_thread() -> Arc<Pool> {
    Arc::new(Pool::new(1))
}

fn set_weights(session: &mut Session<f32>, network: &Network) -> Result<(), Box<dyn Error>> {
    Ok(network.weights.iter().try_for_each(|(name, value)| session.set(SlotKind::Parameter, name, value))?)
}
