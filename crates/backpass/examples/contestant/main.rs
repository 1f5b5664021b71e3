//! backpass as a contestant of `cargo xtask bench`: `contestant THREADS`.

mod functions;
mod scalar;
#[path = "../../../../bench/serve.rs"]
mod serve;

use std::error::Error;

use backpass::loss::Loss;
use backpass::measure::{prediction, training_step};
use backpass::nn::{Activation, Mlp};
use backpass::train::TrainOptions;
use serve::{Case, Work};

fn main() -> Result<(), Box<dyn Error>> {
    let threads = std::env::args().nth(1).ok_or("usage: contestant THREADS")?.parse()?;
    serve::serve(|case| prepare(case, threads))
}

fn prepare(case: &Case, threads: usize) -> Result<Work, Box<dyn Error>> {
    if case.work == "scalar" {
        return scalar::prepare(case, threads);
    }
    let [inputs, hidden @ .., outputs] = &case.layers[..] else { return Err("a network has layers".into()) };
    let network = Mlp::new(*inputs, hidden, &Activation::parse("relu")?, *outputs).build(1)?;
    let mut work = match case.work.as_str() {
        "training" => {
            let options = TrainOptions { loss: Loss::parse(&case.loss)?, ..TrainOptions::default() };
            training_step(&network, &options, case.rows, threads)?
        }
        "inference" => prediction(&network, case.rows, threads)?,
        other => return Err(format!("there is no work `{other}`").into()),
    };
    Ok(Box::new(move |count| work.run(count)))
}
