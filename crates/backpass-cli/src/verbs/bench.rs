//! `backpass bench`.

use std::path::PathBuf;
use std::time::Duration;

use backpass::loss::Loss;
use backpass::measure::{Machine, Measured, prediction, training_step};
use backpass::nn::{Activation, Mlp, Network};
use backpass::optim::Optimizer;
use backpass::train::TrainOptions;
use backpass_tabular::Model;
use serde_json::{Value, json};

use crate::exit::Failure;
use crate::output::{self, Talk, columns, row};
use crate::profile::{SLOWEST, TimedRecord, duration, slowest};
use crate::threads::Threads;

/// Measure how fast a network trains and predicts on this machine, and where the time goes
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Bench {
    /// A model written by train; its network is measured on random rows
    #[arg(value_name = "MODEL", required_unless_present = "layers", conflicts_with_all = ["layers", "activation", "loss"])]
    model: Option<PathBuf>,

    /// A network in place of a model: inputs, hidden neurons, outputs
    #[arg(long, value_name = "SIZES", value_delimiter = ',', num_args = 1)]
    layers: Option<Vec<usize>>,

    /// The activation of its hidden layers
    #[arg(long, value_name = "NAME", default_value = "relu", value_parser = Activation::parse)]
    activation: Activation,

    /// Its loss; by default softmax_cross_entropy, or binary_cross_entropy for one output
    #[arg(long, value_name = "NAME", value_parser = Loss::parse)]
    loss: Option<Loss>,

    /// The optimiser of the training step
    #[arg(long, value_name = "NAME", default_value = "adam", value_parser = Optimizer::parse)]
    optimizer: Optimizer,

    /// Rows of a training step
    #[arg(long, value_name = "ROWS", default_value_t = 32, value_parser = rows())]
    batch: u32,

    /// Rows predicted at once; several numbers are measured one after the other
    #[arg(long, value_name = "ROWS", value_delimiter = ',', default_value = "1,1024", value_parser = rows())]
    predict: Vec<u32>,

    /// Seconds for each measurement
    #[arg(long, value_name = "S", default_value_t = 0.5)]
    seconds: f64,

    /// How many of the slowest instructions are listed
    #[arg(long, value_name = "N", default_value_t = SLOWEST)]
    slowest: usize,

    #[command(flatten)]
    threads: Threads,

    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

fn rows() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=1 << 20)
}

const EXAMPLES: &str = "\
Examples:
  backpass bench penguins.backpass
  backpass bench --layers 784,512,512,10 --batch 128
  backpass bench --layers 2,8,1 --batch 10 --threads 1 --json";

impl Bench {
    pub fn run(self, talk: &Talk) -> Result<(), Failure> {
        if !(self.seconds > 0.0 && self.seconds <= 3600.0) {
            return Err(Failure::usage("--seconds must be greater than 0 and at most 3600"));
        }
        let (network, loss) = self.network()?;
        let budget = Duration::from_secs_f64(self.seconds);
        let threads = self.threads.count();
        talk.say("measuring the machine");
        let machine = Machine::measure(threads);
        talk.say("measuring a training step");
        let options = TrainOptions { loss, optimizer: self.optimizer.clone(), ..TrainOptions::default() };
        let step = training_step(&network, &options, self.batch as usize, threads);
        let step = step.map_err(Failure::usage)?.measure(budget);
        let mut predictions = Vec::new();
        for &rows in &self.predict {
            talk.say(format!("measuring predictions of {rows} row{}", if rows == 1 { "" } else { "s" }));
            let prediction = prediction(&network, rows as usize, threads);
            predictions.push(prediction.map_err(Failure::usage)?.measure(budget));
        }
        if self.json {
            output::json(&json!({
                "schema": "backpass.bench/1",
                "machine": {
                    "instructions": format!("{:?}", machine.isa).to_lowercase(),
                    "threads": machine.threads,
                    "peak_flops_per_second": machine.peak,
                    "copy_bytes_per_second": machine.bandwidth,
                },
                "parameters": network.parameter_count(),
                "optimizer": self.optimizer.choice().name,
                "training_step": document(&step, &machine),
                "predictions": predictions.iter().map(|p| document(p, &machine)).collect::<Vec<_>>(),
            }))
        } else {
            output::print(self.text(&network, &machine, &step, &predictions))
        }
    }

    fn network(&self) -> Result<(Network, Loss), Failure> {
        if let Some(path) = &self.model {
            let model = Model::load(path)?;
            let loss = model.manifest.options.loss.as_deref().unwrap_or("squared");
            return Ok((model.network, Loss::parse(loss).map_err(Failure::usage)?));
        }
        let [inputs, hidden @ .., outputs] = self.layers.as_deref().unwrap_or_default() else {
            return Err(Failure::usage("--layers needs at least inputs and outputs\nhelp: --layers 784,128,10"));
        };
        let network = Mlp::new(*inputs, hidden, &self.activation, *outputs).build(1).map_err(Failure::usage)?;
        let usual = if *outputs == 1 { "binary_cross_entropy" } else { "softmax_cross_entropy" };
        let loss = self.loss.clone().map_or_else(|| Loss::parse(usual), Ok).map_err(Failure::usage)?;
        Ok((network, loss))
    }

    fn text(&self, network: &Network, machine: &Machine, step: &Measured, predictions: &[Measured]) -> String {
        let threads = if machine.threads == 1 { "thread" } else { "threads" };
        let mut text = format!(
            "machine  {} {threads}, {:?}: at most {:.0} GFLOP/s in f32, copies {:.0} GB/s\nnetwork  {} parameters\n\n",
            machine.threads,
            machine.isa,
            machine.peak / 1e9,
            machine.bandwidth / 1e9,
            network.parameter_count(),
        );
        let mut table = vec![row("", ["rows", "time", "range", "rows/s", "GFLOP/s", "of peak"])];
        let step_name = format!("training step, {}", self.optimizer.choice().name);
        let named = predictions.iter().map(|p| ("prediction", p));
        for (name, m) in std::iter::once((step_name.as_str(), step)).chain(named) {
            let flops = m.flops_per_second();
            table.push(row(
                name,
                [
                    m.rows.to_string(),
                    duration(m.run.median),
                    format!("{} to {}", duration(m.run.min), duration(m.run.max)),
                    format!("{:.0}", m.rows_per_second()),
                    format!("{:.1}", flops / 1e9),
                    format!("{:.0} %", 100.0 * flops / machine.peak),
                ],
            ));
        }
        text += &columns(&table, 1);
        text += &format!(
            "\nplan     compiled in {}, {:.1} MB\n\nslowest instructions of the training step, one by one\n",
            duration(step.compile),
            step.memory as f64 / 1e6
        );
        text + &slowest(&step.instructions, self.slowest)
    }
}

fn document(m: &Measured, machine: &Machine) -> Value {
    let instructions: Vec<TimedRecord<'_>> = m.instructions.iter().map(TimedRecord::from).collect();
    json!({
        "rows": m.rows,
        "seconds": {"median": m.run.median, "min": m.run.min, "max": m.run.max},
        "rows_per_second": m.rows_per_second(),
        "flops_per_second": m.flops_per_second(),
        "share_of_peak": m.flops_per_second() / machine.peak,
        "compile_seconds": m.compile,
        "memory_bytes": m.memory,
        "instructions": instructions,
    })
}
