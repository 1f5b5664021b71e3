//! The command line of backpass.

mod anatomy;
mod choice;
mod config;
mod demand;
mod derivatives;
mod exit;
mod judging;
mod member;
mod output;
mod picture;
mod profile;
mod progress;
mod reading;
mod report;
mod signals;
mod subject;
mod threads;
mod training;
mod values;
mod verbs;

use std::process::ExitCode;

use clap::Parser;

use crate::output::Talk;
use crate::verbs::Verb;

/// Feed-forward neural networks you can see through
#[derive(Parser)]
#[command(name = "backpass", bin_name = "backpass", version, disable_help_subcommand = true)]
#[command(after_help = format!("{EXAMPLES}\n\n{}", exit::TABLE))]
struct Cli {
    #[command(subcommand)]
    verb: Verb,

    #[command(flatten)]
    talk: Talk,
}

const EXAMPLES: &str = "\
Examples:
  backpass generate moons -o moons.csv
  backpass train moons.csv --target class -o moons.backpass
  backpass evaluate moons.backpass moons.csv
  backpass predict moons.backpass new.csv --probabilities
  backpass inspect moons.backpass
  backpass report moons.backpass moons.csv";

fn main() -> ExitCode {
    exit::guarded(|| {
        let cli = Cli::parse();
        cli.verb.run(&cli.talk)
    })
}
