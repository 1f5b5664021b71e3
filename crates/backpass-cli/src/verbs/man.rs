//! `backpass man`.

use std::path::PathBuf;

use backpass_tabular::write_file;
use clap::{Command, CommandFactory};
use clap_mangen::Man as Page;

use crate::Cli;
use crate::exit::Failure;
use crate::output::{self, Talk};

/// Print the manual page, or write the pages of all verbs to a folder
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Man {
    /// The folder for one page a verb; without it the main page is printed
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,

    /// Replace pages that are there already
    #[arg(long)]
    force: bool,
}

const EXAMPLES: &str = "\
Examples:
  backpass man | man -l -
  backpass man ~/.local/share/man/man1";

impl Man {
    pub fn run(self, talk: &Talk) -> Result<(), Failure> {
        let mut main = Cli::command();
        // Gives the verbs their full names and the options that all share.
        main.build();
        let Some(folder) = self.folder else { return output::print(page(&main)?.1) };
        for command in std::iter::once(&main).chain(main.get_subcommands()) {
            let (name, text) = page(command)?;
            let path = folder.join(name);
            write_file(&path, &text, self.force)?;
            talk.say(path.display().to_string());
        }
        Ok(())
    }
}

/// The file name and the text of a page.
fn page(command: &Command) -> Result<(String, Vec<u8>), Failure> {
    let (page, mut text) = (Page::new(command.clone().version(env!("CARGO_PKG_VERSION"))), Vec::new());
    page.render(&mut text)?;
    Ok((page.get_filename(), text))
}
