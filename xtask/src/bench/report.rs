//! From results to tables: what must hold and what was measured, with every figure behind it.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::path::Path;

use anyhow::{Context, Result};

use super::SECTIONS;
use super::environment::Environment;
use super::results::{Cases, Measured, Results, Row, least};
use super::section::{Case, Per, Section};

/// What stands above the tables, and is not generated.
const INTRODUCTION: &str = include_str!("introduction.md");
/// What stands below them: where the time goes in what is missed.
const TRIED: &str = include_str!("tried.md");
/// States of Adam for each parameter.
const STATES: usize = 2;
/// Bytes of a cell of a table: 4 as read, 4 as a feature.
const CELL: usize = 8;
/// Rows that training holds at once: a batch of a job.
const TILE: usize = 256;

/// One thing that must hold.
#[derive(Debug, PartialEq)]
pub struct Verdict {
    what: String,
    measured: f64,
    bound: f64,
    /// Whether the bound is the most, or the least.
    most: bool,
}

impl Verdict {
    fn holds(&self) -> bool {
        if self.most { self.measured <= self.bound } else { self.measured >= self.bound }
    }

    fn sign(&self) -> char {
        if self.most { '≤' } else { '≥' }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.holds() { "met" } else { "missed" };
        write!(f, "{}: {} {} {}, {word}", self.what, number(self.measured), self.sign(), self.bound)
    }
}

/// What must hold of a case, where it was measured.
pub fn verdicts(section: &Section, case: &Case, cases: &Cases, environment: &Environment) -> Vec<Verdict> {
    let none = Vec::new();
    let rows = cases.get(&case.name).unwrap_or(&none);
    // All threads, or the one that was asked for.
    let ours = || rows.iter().filter(|row| row.is_ours());
    let Some(us) = ours().max_by_key(|row| row.threads).filter(|row| !row.samples.is_empty()) else { return none_of() };
    let mut found = Vec::new();
    let mut add = |what: String, measured: f64, bound: f64, most: bool| {
        found.push(Verdict { what, measured, bound, most });
    };
    let target = &case.target;
    for (name, &bound) in &target.ratio {
        let Some(peer) = fastest(rows, name) else { continue };
        let what = format!("{} by {} of {}", duration(us.least()), duration(peer.least()), peer.label());
        add(what, us.least() / peer.least(), bound, true);
    }
    if let Some(one) = ours().find(|row| row.threads == 1) {
        if let Some(bound) = target.speed_up.filter(|_| us.threads > 1) {
            add(format!("speed-up by {} threads", us.threads), one.least() / us.least(), bound, false);
        }
        if let (Some(bound), Some(limits)) = (target.peak, environment.limits.get(&1)) {
            let flops = case.request.training_flops() / one.least();
            let what = format!("{:.0} of {:.0} GFLOP/s with 1 thread", flops / 1e9, limits.flops_per_second / 1e9);
            add(what, flops / limits.flops_per_second, bound, false);
        }
    }
    if let Some(bound) = target.seconds {
        add("seconds".into(), us.least(), bound, true);
    }
    if let Some(bound) = target.megabytes {
        add("megabytes".into(), us.peak() / 1e6, bound, true);
    }
    if let Some(bound) = target.table {
        let table = (case.request.rows * (case.columns - 1) * size_of::<f32>()) as f64;
        let what = format!("{:.0} MB by {:.0} MB of the table in f32", us.peak() / 1e6, table / 1e6);
        add(what, us.peak() / table, bound, true);
    }
    let other = |name: &String| -> Option<(&Case, &Row)> {
        let case = section.case.iter().find(|case| case.name == *name)?;
        let same = |row: &&Row| row.is_ours() && row.threads == us.threads;
        Some((case, cases.get(name)?.iter().find(same).filter(|row| !row.samples.is_empty())?))
    };
    for (name, &bound) in &target.times {
        let Some((base, row)) = other(name) else { continue };
        let (ours, theirs) = (unit_time(section, case, us), unit_time(section, base, row));
        add(format!("{} by {} of {name}", duration(ours), duration(theirs)), ours / theirs, bound, true);
    }
    for (name, &bound) in &target.memory {
        let Some((base, row)) = other(name) else { continue };
        let (grown, formula) = (us.peak() - row.peak(), memory(case, environment) - memory(base, environment));
        let what = format!("{:.0} MB more than {name}, by the formula's {:.0} MB", grown / 1e6, formula / 1e6);
        add(what, grown / formula, bound, true);
    }
    found
}

fn none_of() -> Vec<Verdict> {
    Vec::new()
}

/// The peer with the shortest time among those whose names start so.
fn fastest<'a>(rows: &'a [Row], name: &str) -> Option<&'a Row> {
    let peers = rows.iter().filter(|row| !row.is_ours() && !row.samples.is_empty());
    let meant = peers.filter(|row| name == "peers" || row.contestant.starts_with(name));
    meant.min_by(|a, b| a.least().total_cmp(&b.least()))
}

/// The time of what the section counts in: a run, a row (of a job: and an epoch) or a point.
fn unit_time(section: &Section, case: &Case, row: &Row) -> f64 {
    match section.per {
        Per::Run => row.least(),
        Per::Row if case.epochs > 0 => least(&row.training) / (case.request.rows * case.epochs) as f64,
        Per::Row => row.least() / case.request.rows as f64,
        Per::Point => row.least() / case.request.points as f64,
    }
}

/// The bytes that training on a table should need: table, parameters with their states, a tile a thread.
fn memory(case: &Case, environment: &Environment) -> f64 {
    let table = case.request.rows * case.columns * CELL;
    let parameters = case.request.parameters() * (1 + STATES) * size_of::<f32>();
    let tile = TILE * case.request.layers.iter().sum::<usize>() * size_of::<f32>();
    (table + parameters + tile * environment.cores) as f64
}

/// Writes `README.md` into a folder.
pub fn write(results: &Results, folder: &Path) -> Result<()> {
    let mut text = String::from(INTRODUCTION);
    let mut sections = Vec::new();
    for name in SECTIONS {
        if let Some(measured) = results.0.get(*name) {
            sections.push((Section::read(name)?, measured));
        }
    }
    let judged = |(section, m): &(Section, &Measured)| -> Vec<Verdict> {
        section.case.iter().flat_map(|case| verdicts(section, case, &m.cases, &m.environment)).collect()
    };
    let all: Vec<Verdict> = sections.iter().flat_map(judged).collect();
    let met = all.iter().filter(|verdict| verdict.holds()).count();
    writeln!(text, "{met} of {} targets are met.", all.len())?;
    for (section, measured) in &sections {
        section_text(&mut text, section, measured)?;
    }
    text.push_str(TRIED);
    std::fs::write(folder.join("README.md"), text).context("README.md")
}

fn section_text(text: &mut String, section: &Section, measured: &Measured) -> Result<()> {
    let e = &measured.environment;
    writeln!(text, "\n## {}\n\n{}", section.title, section.text)?;
    let limits = e.limits.iter().map(|(threads, l)| {
        let (flops, bytes) = (l.flops_per_second / 1e9, l.bytes_per_second / 1e9);
        format!("{threads} thread{} {flops:.0} GFLOP/s and {bytes:.0} GB/s", if *threads == 1 { "" } else { "s" })
    });
    writeln!(
        text,
        "{}, commit {}: {}, {} cores, {} GiB, Linux {}, {}; {}; load before the run {}. {} rounds.",
        e.date,
        e.commit,
        e.processor,
        e.cores,
        e.gibibytes,
        e.kernel,
        e.instructions,
        limits.collect::<Vec<_>>().join(", "),
        e.load,
        measured.rounds,
    )?;
    let mut table = String::new();
    for case in &section.case {
        for v in verdicts(section, case, &measured.cases, e) {
            let (value, sign, bound) = (number(v.measured), v.sign(), v.bound);
            let word = if v.holds() { "met" } else { "**missed**" };
            writeln!(table, "| {} | {} | {value} | {sign} {bound} | {word} |", case.name, v.what)?;
        }
    }
    if !table.is_empty() {
        write!(text, "\n| case | what | measured | target | |\n| --- | --- | ---: | ---: | --- |\n{table}")?;
    }
    let mut groups: Vec<&str> = Vec::new();
    for case in &section.case {
        if !groups.contains(&case.group.as_str()) {
            groups.push(&case.group);
        }
    }
    for group in groups {
        let cases: Vec<&Case> = section.case.iter().filter(|case| case.group == group).collect();
        let heading = if group.is_empty() { "All figures" } else { group };
        if cases.iter().any(|case| !case.jobs.is_empty()) {
            jobs_table(text, heading, section, &cases, &measured.cases)?;
        } else {
            figures(text, heading, section, &cases, &measured.cases)?;
        }
    }
    Ok(())
}

/// Medians and minima: a line for each contestant, a column for each case.
fn figures(text: &mut String, heading: &str, section: &Section, cases: &[&Case], measured: &Cases) -> Result<()> {
    let of = match section.per {
        Per::Run => "time of a run",
        Per::Row => "time of a row",
        Per::Point => "time of a point",
    };
    let mut lines: BTreeMap<(bool, String), Vec<String>> = BTreeMap::new();
    for (column, case) in cases.iter().enumerate() {
        for row in measured.get(&case.name).into_iter().flatten() {
            let cells = lines.entry((!row.is_ours(), row.label())).or_insert_with(|| vec![String::new(); cases.len()]);
            let scale = unit_time(section, case, row) / row.least();
            cells[column] = match &row.error {
                Some(_) => "failed".into(),
                None => format!("{} ({})", duration(row.median() * scale), duration(row.least() * scale)),
            };
        }
    }
    if lines.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    writeln!(text, "\n### {heading}: {of}, median (minimum)\n\n| | {} |", names.join(" | "))?;
    writeln!(text, "| --- |{}", " ---: |".repeat(cases.len()))?;
    for ((_, label), cells) in lines {
        writeln!(text, "| {label} | {} |", cells.join(" | "))?;
    }
    Ok(())
}

/// A line for each case and contestant.
fn jobs_table(text: &mut String, heading: &str, section: &Section, cases: &[&Case], measured: &Cases) -> Result<()> {
    let mut table = String::new();
    for case in cases {
        let mut rows: Vec<&Row> = measured.get(&case.name).into_iter().flatten().collect();
        rows.sort_by_key(|row| !row.is_ours());
        for row in rows {
            let accuracy = row.accuracy.map_or(String::new(), |accuracy| format!("{accuracy:.4}"));
            let unit = if case.epochs > 0 { duration(unit_time(section, case, row)) } else { String::new() };
            writeln!(
                table,
                "| {} | {} | {} ({}) | {:.0} | {accuracy} | {unit} |",
                case.name,
                row.label(),
                duration(row.median()),
                duration(row.least()),
                row.peak() / 1e6,
            )?;
        }
    }
    if !table.is_empty() {
        writeln!(text, "\n### {heading}: median (minimum)\n")?;
        writeln!(text, "| case | | time | peak MB | accuracy | training, a row and epoch (minimum) |")?;
        write!(text, "| --- | --- | ---: | ---: | ---: | ---: |\n{table}")?;
    }
    Ok(())
}

/// Three significant digits.
fn number(value: f64) -> String {
    let digits = (2.0 - value.abs().log10().floor()).clamp(0.0, 6.0);
    format!("{value:.*}", if value == 0.0 || !value.is_finite() { 0 } else { digits as usize })
}

/// Seconds in the unit in which they are read best.
fn duration(seconds: f64) -> String {
    let (factor, unit) = match seconds {
        s if s < 1e-6 => (1e9, "ns"),
        s if s < 1e-3 => (1e6, "µs"),
        s if s < 1.0 => (1e3, "ms"),
        _ => (1.0, "s"),
    };
    format!("{} {unit}", number(seconds * factor))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::environment::Limits;

    fn section(text: &str) -> Section {
        toml::from_str(&format!("title = \"t\"\ntext = \"\"\n{text}")).expect("the test's section is valid")
    }

    fn row(contestant: &str, threads: usize, samples: &[f64]) -> Row {
        Row { samples: samples.to_vec(), ..Row::new(contestant, threads) }
    }

    fn environment() -> Environment {
        let limits = Limits { flops_per_second: 1000.0, bytes_per_second: 1.0 };
        Environment { cores: 2, limits: BTreeMap::from([(1, limits)]), ..Environment::default() }
    }

    fn judged(section: &Section, index: usize, cases: &Cases) -> Vec<(f64, bool)> {
        let found = verdicts(section, &section.case[index], cases, &environment());
        found.iter().map(|v| (v.measured, v.holds())).collect()
    }

    #[test]
    fn all_threads_are_compared_with_the_fastest_peer_at_its_best() {
        let section = section(
            "[[case]]\nname = 'a'\ntarget = { ratio = { peers = 0.5, X = 0.5 }, speed_up = 1.9, peak = 0.5 }\n\
             layers = [5, 5, 2]\nrows = 2",
        );
        let failed = Row { error: Some("no memory".into()), ..row("Z", 1, &[]) };
        let rows = vec![
            row("backpass", 1, &[2.0, 4.0, 3.0]),
            row("backpass", 2, &[2.0, 2.0, 9.0]),
            row("X fast", 1, &[4.0, 4.0, 4.0]),
            row("X fast", 2, &[5.0]),
            row("Y", 2, &[1.0, 3.0]),
            failed,
        ];
        let cases = BTreeMap::from([("a".to_string(), rows)]);
        // Two layers: 2 rows × (2·25 + 3·10) × 2 operations in 2 seconds of 1,000 a second.
        assert_eq!(judged(&section, 0, &cases), [(0.5, true), (2.0, false), (1.0, false), (320.0 / 2000.0, false)]);
    }

    #[test]
    fn times_and_memory_are_compared_with_another_case() {
        let case = |name: &str, rows: usize, target: &str| {
            format!("[[case]]\nname = '{name}'\nrows = {rows}\ncolumns = 10\nepochs = 2\nlayers = [9, 1]\n{target}\n")
        };
        let target = "target = { table = 4.5, times = { small = 1.5 }, memory = { small = 1.1 } }";
        let section = section(&format!("per = 'row'\n{}{}", case("small", 10, ""), case("large", 110, target)));
        let job = |training: f64, peak: u64| {
            vec![Row { training: vec![training], peaks: vec![1, peak], ..row("backpass", 0, &[9.0]) }]
        };
        let cases = BTreeMap::from([("small".into(), job(1.0, 1000)), ("large".into(), job(22.0, 17_000))]);
        assert_eq!(judged(&section, 1, &cases), [(17_000.0 / 3960.0, true), (2.0, false), (2.0, false)]);
        assert_eq!(judged(&section, 0, &cases), []);
    }

    #[test]
    fn what_was_not_measured_has_no_verdict() {
        let section = section("[[case]]\nname = 'a'\ntarget = { ratio = { peers = 0.5 }, seconds = 1.0 }");
        assert_eq!(judged(&section, 0, &BTreeMap::new()), []);
        let unmeasured = BTreeMap::from([("a".to_string(), vec![row("backpass", 1, &[]), row("X", 1, &[1.0])])]);
        assert_eq!(judged(&section, 0, &unmeasured), []);
    }

    #[test]
    fn the_files_in_bench_can_be_read() {
        std::env::set_current_dir(crate::shell::root()).expect("the root is there");
        for name in SECTIONS {
            let section = Section::read(name).expect("the file is valid");
            let named = |name: &String| section.case.iter().any(|case| case.name == *name);
            for case in &section.case {
                assert!(case.target.times.keys().chain(case.target.memory.keys()).all(named), "{}", case.name);
                assert_eq!(section.case.iter().filter(|c| c.name == case.name).count(), 1, "{}", case.name);
                assert!(case.jobs.is_empty() != case.request.work.is_empty(), "{}", case.name);
            }
        }
    }

    #[test]
    fn tables_show_medians_minima_and_failures() {
        let section = section("per = 'point'\n[[case]]\nname = 'a'\npoints = 1000");
        let failed = Row { error: Some("no memory".into()), ..row("X", 1, &[]) };
        let cases = BTreeMap::from([("a".to_string(), vec![failed, row("backpass", 1, &[3e-3, 1e-3, 2e-3])])]);
        let mut text = String::new();
        figures(&mut text, "All", &section, &[&section.case[0]], &cases).expect("text can be written");
        assert!(text.contains("| backpass, 1 thread | 2.00 µs (1.00 µs) |\n| X, 1 thread | failed |\n"), "{text}");
    }

    #[test]
    fn numbers_have_three_digits() {
        let shown = [0.5, 12.34, 1234.5, 0.000_123_4, 0.0].map(number);
        assert_eq!(shown, ["0.500", "12.3", "1234", "0.000123", "0"]);
        assert_eq!([2.7e-6, 0.189, 14.0].map(duration), ["2.70 µs", "189 ms", "14.0 s"]);
    }
}
