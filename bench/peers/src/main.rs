//! candle, burn and tract as contestants: `peers NAME THREADS MODELS`, where `MODELS` is the folder of the networks in
//! ONNX. The number of threads of candle and burn is that of rayon, which the environment says.

mod burn;
mod candle;
#[path = "../../serve.rs"]
mod serve;
mod tract;

use std::error::Error;
use std::path::PathBuf;

/// Batches that take turns, as in `backpass::measure`.
const BATCHES: usize = 16;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, threads, models] = &arguments[..] else { return Err("usage: peers NAME THREADS MODELS".into()) };
    match name.as_str() {
        "candle" => serve::serve(candle::prepare),
        "burn" => serve::serve(burn::prepare),
        "tract" => {
            tract::threads(threads.parse()?);
            let models = PathBuf::from(models);
            serve::serve(move |case| tract::prepare(case, &models))
        }
        _ => Err(format!("there is no contestant `{name}` here").into()),
    }
}
