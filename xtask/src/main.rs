//! The project's own commands: `cargo xtask help` lists them.

mod bench;
mod guard;
mod guide;
mod model;
mod quality;
mod reference;
mod sanitize;
mod shell;
mod test;
mod tidy;

use anyhow::{Result, bail};

const HELP: &str = "\
cargo xtask COMMAND

  test                       everything that must hold before a change lands
  quality [OPTIONS] [TABLE…] train with defaults and the peers on real tables and write bench/quality/
    --choose                   the candidates for the defaults, judged on training rows alone
    --only NAME                one contestant or candidate; may be given several times
    --missing                  what has no result yet
    --quick                    no peers, one split of some tables, nothing written
    --tables                   measure nothing, only write the tables anew
  bench [OPTIONS]            measure backpass and its peers in turn and write bench/results.json and bench/README.md
    --only SECTION             one section: training, inference, jobs, scalar or growth; may be given several times
    --quick                    few and short samples, written to target/bench/
    --mnist DIR                where the four files of MNIST lie
    --tables                   measure nothing, only write the tables anew
  guide [--update]           run every command of the user guide; --update draws its pictures anew
  guard [--update]           count the instructions of reference steps; --update stores the counts
  model                      check the thread pool in every order of events
  sanitize                   kernels and plans under AddressSanitizer; needs a nightly compiler
  reference                  write REFERENCE.md from the lists of operators, losses, …
  tidy                       only the rules on the sources themselves";

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    std::env::set_current_dir(shell::root())?;
    match args.as_slice() {
        ["test"] => test::run(),
        ["quality", rest @ ..] => quality::run(rest),
        ["bench", rest @ ..] => bench::run(rest),
        ["guide"] => guide::run(false),
        ["guide", "--update"] => guide::run(true),
        ["guard"] => guard::run(false),
        ["guard", "--update"] => guard::run(true),
        ["model"] => model::run(),
        ["sanitize"] => sanitize::run(),
        ["reference"] => reference::write(),
        ["tidy"] => tidy::run(),
        [] | ["help" | "--help" | "-h"] => {
            println!("{HELP}");
            Ok(())
        }
        _ => bail!("there is no such command\n{HELP}"),
    }
}
