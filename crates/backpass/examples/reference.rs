//! Prints REFERENCE.md from the lists of operators, composites, activations, losses, optimisers, schedules and
//! initialisations.

use backpass::composites;
use backpass::init::Init;
use backpass::loss::Loss;
use backpass::ops::{self, Category};
use backpass::optim::Optimizer;
use backpass::optim::schedule::Schedule;
use backpass::spec::Choice;

fn cell(text: &str) -> String {
    if text.is_empty() { String::new() } else { text.replace('|', "\\|") }
}

fn main() {
    println!("# Reference\n\nWritten by `cargo xtask reference` from the lists in the sources; do not edit.");
    println!("\n## Operators\n\n| name | formula | what it is | source |\n| --- | --- | --- | --- |");
    for entry in ops::table().iter().filter(|e| e.info.category != Category::Activation) {
        operator(entry);
    }
    println!(
        "\n## Activations\n\n`identity`, and:\n\n| name | formula | what it is | source |\n| --- | --- | --- | --- |"
    );
    for entry in ops::table().iter().filter(|e| e.info.category == Category::Activation) {
        operator(entry);
    }
    println!("\n## Composite functions\n\n| name | formula | what it is | source |\n| --- | --- | --- | --- |");
    for c in composites::TABLE {
        println!("| `{}` | {} | {} | {} |", c.name, cell(c.formula), cell(c.summary), cell(c.source));
    }
    let losses: Vec<&Choice> = Loss::all();
    let optimizers: Vec<&Choice> = Optimizer::all();
    for (title, choices) in [
        ("Losses", losses),
        ("Optimisers", optimizers),
        ("Schedules", Schedule::ALL.iter().collect()),
        ("Initialisations", Init::ALL.iter().collect()),
    ] {
        println!("\n## {title}\n\n| name | formula | what it is | source |\n| --- | --- | --- | --- |");
        for c in choices {
            println!("| `{}` | {} | {} | {} |", c.name, cell(c.formula), cell(c.summary), cell(c.source));
        }
    }
}

fn operator(entry: &ops::Entry) {
    let info = entry.info;
    let name = info.symbol.map_or(format!("`{}`", info.name), |s| format!("`{}` (`{s}`)", info.name));
    println!("| {name} | {} | {} | {} |", cell(info.formula), cell(info.summary), cell(info.source));
}
