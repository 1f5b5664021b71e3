//! What goes where: results to standard output, talk to standard error.

use std::fmt::Display;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;

use backpass::array::Array;
use backpass_tabular::metrics::Figure;
use backpass_tabular::{Metrics, write_file};
use clap::builder::styling::{AnsiColor, Style};
use serde::Serialize;
use serde_json::Value;
use unicode_width::UnicodeWidthStr;

use crate::exit::Failure;

const ERROR: Style = AnsiColor::Red.on_default().bold();
const HELP: Style = AnsiColor::Cyan.on_default().bold();
const NOTE: Style = AnsiColor::Yellow.on_default().bold();

/// How much is said beside the results.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Talk {
    /// Say nothing but results and errors
    #[arg(short, long, global = true, display_order = 900, conflicts_with = "verbose")]
    quiet: bool,

    /// Say more: in training, every option with its value
    #[arg(short, long, global = true, display_order = 901)]
    verbose: bool,
}

impl Talk {
    /// Says something unless asked to be quiet.
    pub fn say(&self, text: impl AsRef<str>) {
        if !self.quiet {
            line(text.as_ref().trim_end());
        }
    }

    /// Says something that only some want to know.
    pub fn detail(&self, text: impl AsRef<str>) {
        if self.verbose {
            self.say(text);
        }
    }

    /// Draws attention to something.
    pub fn note(&self, text: impl AsRef<str>) {
        self.say(format!("{NOTE}note:{NOTE:#} {}", text.as_ref()));
    }

    /// Whether something may move on the screen.
    pub fn can_animate(&self) -> bool {
        !self.quiet && io::stderr().is_terminal()
    }
}

/// Says what went wrong; `help:` stands on its own line.
pub fn error(message: &str) {
    let mut lines = message.lines();
    if let Some(first) = lines.next() {
        line(format!("{ERROR}error:{ERROR:#} {first}"));
    }
    for other in lines {
        match other.strip_prefix("help:") {
            Some(help) => line(format!("{HELP}help:{HELP:#}{help}")),
            None => line(other),
        }
    }
}

/// Writes a line to standard error; that nobody listens is no reason to fail.
fn line(text: impl Display) {
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// Writes results to standard output.
pub fn print(text: impl AsRef<[u8]>) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_ref())?;
    Ok(out.flush()?)
}

/// Writes one JSON document to standard output.
pub fn json(document: &impl Serialize) -> Result<(), Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
    serde_json::to_writer_pretty(&mut out, document).map_err(io::Error::from)?;
    writeln!(out)?;
    Ok(out.flush()?)
}

/// An array as nested JSON; what is not finite becomes null, and negative zero is zero.
pub fn nested(array: &Array) -> Value {
    fn write(sizes: &[usize], data: &[f64]) -> Value {
        match sizes.split_first() {
            None => (data[0] + 0.0).into(),
            Some(_) if data.is_empty() => Value::Array(Vec::new()),
            Some((&count, inner)) => data.chunks(data.len() / count).map(|part| write(inner, part)).collect(),
        }
    }
    write(array.shape(), array.data())
}

/// Writes results to a file, or to standard output where none is named.
pub fn print_to(path: Option<&Path>, bytes: &[u8], force: bool) -> Result<(), Failure> {
    match path {
        Some(path) => Ok(write_file(path, bytes, force)?),
        None => print(bytes),
    }
}

/// Rows with aligned columns, the first `left` of them to the left and the others to the right.
pub fn columns(rows: &[Vec<String>], left: usize) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width()).max();
    let widths: Vec<usize> = (0..count).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let space = " ".repeat(widths[column] - cell.width());
            let (before, after) = if column < left { ("", &space[..]) } else { (&space[..], "") };
            line += &format!("{before}{cell}{after}  ");
        }
        text += &format!("{}\n", line.trim_end());
    }
    text
}

/// A row of [`columns`].
pub fn row<T: ToString>(first: &str, others: impl IntoIterator<Item = T>) -> Vec<String> {
    std::iter::once(first.to_string()).chain(others.into_iter().map(|cell| cell.to_string())).collect()
}

/// Metrics as a table, one column for each set of rows.
pub fn metrics_table(of: &[(&str, &Metrics)]) -> String {
    let figures = of.first().into_iter().flat_map(|(_, metrics)| metrics.figures());
    let header = row("", of.iter().map(|(name, _)| name));
    let value = |metrics: &Metrics, of: Figure<'_>| metrics.value_of(of.name, of.target).map_or(String::new(), number);
    let rows = figures.map(|figure| row(&figure.title(), of.iter().map(|(_, metrics)| value(metrics, figure))));
    columns(&std::iter::once(header).chain(rows).collect::<Vec<_>>(), 1)
}

/// A number for people: five significant digits.
pub fn number(value: f64) -> String {
    significant(value, 5)
}

/// A number with so many significant digits, zeros at the end included: they say how exactly it is known.
pub fn significant(value: f64, digits: i32) -> String {
    match value.abs() {
        _ if value.is_nan() => "not defined".to_string(),
        0.0 => "0".to_string(),
        size if size >= 1e-4 && size < 10f64.powi(digits + 1) => {
            format!("{value:.*}", (digits - 1 - size.log10().floor() as i32).max(0) as usize)
        }
        _ => format!("{value:.*e}", (digits - 1) as usize),
    }
}
