//! What contestants in Rust have in common: each reads cases from standard input, one JSON document a line, and answers
//! each with the seconds that one run of it took. `serve.py` is the same in Python.

use std::error::Error;
use std::io::{BufRead, Write, stdin, stdout};
use std::time::Instant;

use serde::Deserialize;
use serde_json::json;

/// What is measured.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
#[allow(dead_code)]
pub struct Case {
    /// `training`, `inference` or `scalar`.
    pub work: String,
    /// Inputs, hidden neurons, outputs.
    pub layers: Vec<usize>,
    /// `softmax_cross_entropy`, `binary_cross_entropy` or `squared`.
    pub loss: String,
    /// Rows of one run.
    pub rows: usize,
    /// The function of a scalar case.
    pub function: String,
    /// Points of one run of a scalar case.
    pub points: usize,
    /// Whether a scalar case asks for the gradient beside the value.
    pub gradient: bool,
}

#[derive(Deserialize)]
struct Request {
    /// About how long one sample takes.
    seconds: f64,
    #[serde(flatten)]
    case: Case,
}

/// Runs a case so many times.
pub type Work = Box<dyn FnMut(usize)>;

/// Answers requests until standard input ends. A case stays prepared until another one is asked for.
pub fn serve(prepare: impl Fn(&Case) -> Result<Work, Box<dyn Error>>) -> Result<(), Box<dyn Error>> {
    let mut ready: Option<(Case, Work)> = None;
    for line in stdin().lock().lines() {
        let Request { seconds, case } = serde_json::from_str(&line?)?;
        let kept = ready.take().filter(|(kept, _)| *kept == case);
        let prepared = kept.map_or_else(|| warm(&case, &prepare), Ok);
        let answer = match prepared {
            Ok((case, mut work)) => {
                let answer = json!({ "seconds": sample(&mut work, seconds) });
                ready = Some((case, work));
                answer
            }
            Err(error) => json!({ "error": error.to_string() }),
        };
        writeln!(stdout(), "{answer}")?;
    }
    Ok(())
}

/// Prepares a case; the first runs meet cold memory.
fn warm(case: &Case, prepare: impl Fn(&Case) -> Result<Work, Box<dyn Error>>) -> Result<(Case, Work), Box<dyn Error>> {
    let mut work = prepare(case)?;
    work(2);
    Ok((case.clone(), work))
}

/// The mean time of one run, over as many runs as fill `seconds`.
fn sample(work: &mut Work, seconds: f64) -> f64 {
    let mut time = |count| {
        let start = Instant::now();
        work(count);
        start.elapsed().as_secs_f64()
    };
    let mut count = 1;
    let mut taken = time(count);
    while taken < seconds / 4.0 {
        count *= 2;
        taken = time(count);
    }
    let count = (seconds / taken * count as f64).ceil().max(1.0) as usize;
    time(count) / count as f64
}
