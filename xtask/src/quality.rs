//! `cargo xtask quality`: trains with the defaults on real tables through the command line, evaluates on rows that
//! training never saw, compares with the demanded figures, and keeps the raw results under `bench/quality/`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::shell::{binary, output, target};

/// Where the development tables lie; they are not part of the project.
const TABLES: &str = "../shared/data";

/// Rows that training never sees.
enum Held {
    /// A file of its own.
    File(&'static str),
    /// A random fifth.
    Fifth,
}

/// One table with what is demanded on it.
struct Task {
    name: &'static str,
    file: &'static str,
    target: &'static str,
    held: Held,
    metric: &'static str,
    /// At least this for scores, at most this for errors.
    demand: f64,
    options: &'static [&'static str],
    quick: bool,
}

const fn task(name: &'static str, file: &'static str, target: &'static str, metric: &'static str, demand: f64) -> Task {
    Task { name, file, target, held: Held::Fifth, metric, demand, options: &[], quick: true }
}

const TASKS: &[Task] = &[
    task("penguins", "penguins.csv", "species", "accuracy", 0.97),
    task("breast_cancer", "breast_cancer_wdbc.csv", "diagnosis", "accuracy", 0.96),
    task("digits8x8", "digits8x8.csv", "digit", "accuracy", 0.96),
    task("energy", "energy.csv", "heating_load", "rmse", 1.0),
    Task {
        quick: false,
        ..task("california_housing", "california_housing.csv", "median_house_value", "rmse", 58_000.0)
    },
    Task {
        held: Held::File("adult_test.csv"),
        quick: false,
        ..task("adult", "adult_train.csv", "income", "accuracy", 0.85)
    },
    Task {
        held: Held::File("images/mnist/t10k-images-idx3-ubyte.gz"),
        options: &["--hidden", "512,512"],
        quick: false,
        ..task("mnist", "images/mnist/train-images-idx3-ubyte.gz", "label", "accuracy", 0.98)
    },
];

pub fn run(args: &[&str]) -> Result<()> {
    let quick = args.contains(&"--quick");
    let names: Vec<&str> = args.iter().copied().filter(|a| !a.starts_with("--")).collect();
    if !Path::new(TABLES).is_dir() {
        eprintln!("SKIPPED: the development tables are not there, so nothing is measured");
        return Ok(());
    }
    let known = |name: &&str| TASKS.iter().any(|t| t.name == *name);
    if let Some(name) = names.iter().find(|n| !known(n)) {
        bail!("there is no quality task `{name}`");
    }
    let program = binary()?;
    let chosen = TASKS.iter().filter(|t| if names.is_empty() { t.quick || !quick } else { names.contains(&t.name) });
    let mut results = Vec::new();
    let mut missed = Vec::new();
    let mut table = String::from(
        "| table | metric | measured | demanded | epochs | seconds | parameters |\n| --- | --- | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for task in chosen {
        let result = measure(&program, task)?;
        let value = result["test"]["metrics"][task.metric].as_f64().unwrap_or(f64::NAN);
        let higher = task.metric == "accuracy";
        let good = if higher { value >= task.demand } else { value <= task.demand };
        let sign = if higher { "≥" } else { "≤" };
        let field = |name: &str| result["train"][name].clone();
        let seconds = field("seconds").as_f64().unwrap_or(0.0);
        writeln!(
            table,
            "| {} | {} | {value:.4} | {sign} {} | {} | {seconds:.1} | {} |",
            task.name,
            task.metric,
            task.demand,
            field("epochs"),
            field("parameters"),
        )?;
        eprintln!("{}: {} {value:.4} ({sign} {}), {seconds:.1} s", task.name, task.metric, task.demand);
        if !good {
            missed.push(format!("{}: {} is {value}, demanded {sign} {}", task.name, task.metric, task.demand));
        }
        results.push(result);
    }
    if !quick && names.is_empty() {
        std::fs::create_dir_all("bench/quality")?;
        std::fs::write("bench/quality/results.json", serde_json::to_string_pretty(&results)? + "\n")?;
        let text = format!(
            "# Quality with defaults\n\n`cargo xtask quality`: `backpass train` with `--seed 1` and no further options (mnist: `--hidden 512,512`), judged\nby `backpass evaluate` on rows that training never saw (a file of its own, or a random fifth).\nRaw results: `results.json`.\n\n{table}"
        );
        std::fs::write("bench/quality/README.md", text)?;
    }
    ensure!(missed.is_empty(), "{}", missed.join("\n"));
    Ok(())
}

fn measure(program: &Path, task: &Task) -> Result<Value> {
    let folder = target().join("quality");
    std::fs::create_dir_all(&folder)?;
    let file = Path::new(TABLES).join(task.file);
    let (train, test): (PathBuf, PathBuf) = match task.held {
        Held::File(test) => (file, Path::new(TABLES).join(test)),
        Held::Fifth => split(&file, &folder, task.name)?,
    };
    let model = folder.join(format!("{}.backpass", task.name));
    let mut command = Command::new(program);
    command.arg("train").arg(&train).args([
        "--target",
        task.target,
        "--seed",
        "1",
        "--json",
        "--quiet",
        "--force",
        "-o",
    ]);
    let trained = output(command.arg(&model).args(task.options))?;
    let tested = output(Command::new(program).arg("evaluate").arg(&model).arg(&test).arg("--json"))?;
    let mut test: Value = serde_json::from_str(&tested)?;
    if let Some(metrics) = test["metrics"].as_object_mut() {
        metrics.remove("confusion");
    }
    let mut train: Value = serde_json::from_str(&trained)?;
    for part in ["train", "validation"] {
        if let Some(metrics) = train["metrics"][part].as_object_mut() {
            metrics.remove("confusion");
        }
    }
    Ok(json!({ "table": task.name, "options": task.options, "train": train, "test": test }))
}

/// Writes a random fifth of the rows to one file and the rest to another; the tables used have no quoted line breaks.
fn split(file: &Path, folder: &Path, name: &str) -> Result<(PathBuf, PathBuf)> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let mut lines = text.lines();
    let header = lines.next().unwrap_or_default();
    let rows: Vec<&str> = lines.collect();
    let mut order: Vec<usize> = (0..rows.len()).collect();
    let mut state = 0x5155_414c_4954_5921u64;
    for i in (1..order.len()).rev() {
        // splitmix64
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        order.swap(i, ((z ^ (z >> 31)) % (i as u64 + 1)) as usize);
    }
    let held = rows.len() / 5;
    let write = |part: &str, chosen: &[usize]| -> Result<PathBuf> {
        let mut chosen = chosen.to_vec();
        chosen.sort_unstable();
        let body: String = chosen.iter().map(|&i| format!("{}\n", rows[i])).collect();
        let path = folder.join(format!("{name}.{part}.csv"));
        std::fs::write(&path, format!("{header}\n{body}"))?;
        Ok(path)
    };
    Ok((write("train", &order[held..])?, write("test", &order[..held])?))
}
