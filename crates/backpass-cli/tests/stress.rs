//! Large and awkward tables: gaps everywhere, many columns, many categories, little memory.

mod common;

use std::fmt::Write;

use common::Folder;

/// Numbers from 0 to 999,999 that look random.
fn random(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % 1_000_000
    }
}

/// A table of numbers with a gap in every column, and a target `y`.
fn numbers(rows: usize, columns: usize) -> String {
    let mut random = random(1);
    let mut csv: String = (0..columns).map(|column| format!("x{column},")).collect::<String>() + "y\n";
    for row in 0..rows {
        let mut sum = 0;
        for column in 0..columns {
            let cell = random();
            if (row + column) % 20 == 0 {
                csv.push(',');
            } else {
                sum += cell;
                write!(csv, "{}.{:04},", cell / 10_000, cell % 10_000).unwrap();
            }
        }
        writeln!(csv, "{}.5", sum / 1000).unwrap();
    }
    csv
}

/// A table with a column of so many categories, gaps in every column, and a target of two classes.
fn categories(rows: u64, levels: u64, prefix: &str) -> String {
    let mut random = random(2);
    let mut csv = "level,size,flag,y\n".to_string();
    for row in 0..rows {
        let level = if row < levels { row } else { random() % levels };
        let level_text = if row % 31 == 7 { "NA".to_string() } else { format!("{prefix}{level}") };
        let size = if row % 13 == 5 { String::new() } else { (random() % 500).to_string() };
        let flag = ["", "on", "off"][(random() % 3) as usize];
        writeln!(csv, "{level_text},{size},{flag},{}", if level % 2 == 0 { "even" } else { "odd" }).unwrap();
    }
    csv
}

#[test]
fn five_hundred_columns_with_gaps_in_each() {
    let folder = Folder::new();
    folder.write("train.csv", numbers(600, 500));
    // A column of which nothing is known.
    let new = numbers(50, 500).lines().enumerate().fold(String::new(), |text, (row, line)| {
        let (_, rest) = line.split_once(',').unwrap();
        text + if row == 0 { "x0," } else { "NA," } + rest + "\n"
    });
    folder.write("new.csv", new);
    for preset in ["fast", "best"] {
        let more = format!("--preset {preset} --epochs 2 --validation 0.2 --bag 1 --force");
        let fitted = folder.json(&format!("train train.csv --target y {more} -o m.backpass --json"));
        assert_eq!(fitted["rows"], serde_json::json!({"train": 480, "validation": 120}));
        let predictions = folder.ok("predict m.backpass new.csv");
        let predictions: Vec<f64> = predictions.lines().skip(1).map(|line| line.parse().unwrap()).collect();
        assert!(predictions.len() == 50 && predictions.iter().all(|p| p.is_finite()), "{predictions:?}");
    }
}

#[test]
fn five_thousand_categories_and_new_ones() {
    let folder = Folder::new();
    folder.write("train.csv", categories(12_000, 5000, "level "));
    folder.write("new.csv", categories(100, 90, "other "));
    let looked_up = "--preset best --bag 1";
    for how in [looked_up, "--preset fast --hidden 8 --max-levels 5000"] {
        let more = "--validation 0.2 --epochs 1 --json --force -o m.backpass";
        let fitted = folder.json(&format!("train train.csv --target y {how} {more}"));
        assert_eq!(fitted["rows"], serde_json::json!({"train": 9600, "validation": 2400}), "{how}");
        let run = folder.run("predict m.backpass new.csv --probabilities");
        assert_eq!((run.code, run.stdout.lines().count()), (Some(0), 101), "{how}: {run:#?}");
        assert!(run.stderr.contains("`level`: 97 cells with a level that training never saw"), "{}", run.stderr);
        let rows = run.stdout.lines().skip(1).map(|line| line.split(',').skip(1).map(|p| p.parse::<f64>().unwrap()));
        assert!(rows.into_iter().all(|row| (row.sum::<f64>() - 1.0).abs() < 1e-9));
    }
}

/// The most memory that a run of the program had, in bytes.
#[cfg(target_os = "linux")]
fn peak(folder: &Folder, arguments: &str) -> f64 {
    let mut child = folder.command(arguments).stdout(std::process::Stdio::null()).spawn().unwrap();
    let mut peak = 0.0;
    // The kernel keeps the peak, so that only what happens just before the end can be missed.
    let ended = loop {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
        peak = kibibytes.map_or(peak, |kibibytes| kibibytes * 1024.0);
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    };
    assert!(ended.success(), "{arguments}");
    peak
}

/// The program itself, parameters with their states, a tile a thread.
#[cfg(target_os = "linux")]
const BESIDES: f64 = 30e6;

#[test]
#[cfg(target_os = "linux")]
fn memory_stays_below_three_times_the_table() {
    let (rows, columns) = (60_000, 100);
    let folder = Folder::new();
    folder.write("data.csv", numbers(rows, columns));
    let table = (rows * columns * size_of::<f32>()) as f64;
    for arguments in [
        "train data.csv --target y --hidden 16 --epochs 1 -q -o m.backpass",
        "predict m.backpass data.csv -q",
        "evaluate m.backpass data.csv -q",
    ] {
        let peak = peak(&folder, arguments);
        assert!(peak < 3.0 * table + BESIDES, "{arguments}: {} MB of {} MB", peak / 1e6, table / 1e6);
    }
}

#[test]
#[cfg(not(target_os = "linux"))]
fn memory_stays_below_three_times_the_table() {
    eprintln!("skipped: the peak memory of a process is read from /proc");
}
