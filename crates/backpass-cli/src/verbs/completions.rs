//! `backpass completions`.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::Cli;
use crate::exit::Failure;
use crate::output::{self, Talk};

/// Print the completions of a shell
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Completions {
    /// The shell
    shell: Shell,
}

const EXAMPLES: &str = "\
Examples:
  backpass completions bash > ~/.local/share/bash-completion/completions/backpass
  backpass completions fish > ~/.config/fish/completions/backpass.fish";

impl Completions {
    pub fn run(self, _: &Talk) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "backpass", &mut script);
        output::print(script)
    }
}
