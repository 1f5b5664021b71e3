//! What is shown and written while training runs.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use backpass::train::Epoch;
use backpass_tabular::{FitOptions, LayerRecord};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::output::{Talk, number};

/// A bar on a terminal, and else a line now and then.
pub struct Progress {
    talk: Talk,
    epochs: usize,
    networks: usize,
    /// The rows of an epoch.
    rows: usize,
    start: Instant,
    bar: Option<ProgressBar>,
    /// The epoch and the time of the last line.
    last: (usize, Instant),
}

impl Progress {
    /// Lines are at least so far apart.
    const LEAST: Duration = Duration::from_secs(2);
    /// And at most so far, if epochs are shorter.
    const MOST: Duration = Duration::from_secs(30);

    /// Progress through the epochs of all networks that resolved options ask for, of so many rows each.
    pub fn new(talk: Talk, options: &FitOptions, rows: usize) -> Self {
        let networks = options.bag.unwrap_or(1);
        let epochs = options.epochs.unwrap_or(0) * networks;
        let bar = talk.can_animate().then(|| {
            let style = ProgressStyle::with_template("{bar:10} {eta} left  {wide_msg}");
            let bar = ProgressBar::new(epochs as u64);
            style.map_or(bar.clone(), |style| bar.with_style(style.progress_chars("━╸─")))
        });
        let start = Instant::now();
        Progress { talk, epochs, networks, rows, start, bar, last: (0, start) }
    }

    /// Shows an epoch.
    pub fn epoch(&mut self, epoch: &Epoch) {
        if let Some(bar) = &self.bar {
            bar.set_position(epoch.epoch as u64);
            bar.set_message(self.short(epoch));
            return;
        }
        let (epochs, time) = (epoch.epoch - self.last.0, self.last.1.elapsed());
        if time >= Self::MOST || (time >= Self::LEAST && epochs * 10 >= self.epochs) {
            self.talk.say(self.line(epoch));
            self.last = (epoch.epoch, Instant::now());
        }
    }

    fn line(&self, epoch: &Epoch) -> String {
        let measured = EpochRecord::from(epoch).describe();
        format!("{}  {measured}  {}", self.place(epoch), self.speed(epoch))
    }

    /// What fits beside a bar.
    fn short(&self, epoch: &Epoch) -> String {
        let Epoch { train_loss, validation_loss, .. } = epoch;
        let validation = validation_loss.map(|loss| format!(" / {}", number(loss))).unwrap_or_default();
        let metrics: String =
            epoch.metrics.iter().map(|(name, value)| format!("  {name} {}", number(*value))).collect();
        let losses = format!("loss {}{validation}", number(*train_loss));
        format!("{}  {losses}{metrics}  {}", self.place(epoch), self.speed(epoch))
    }

    fn place(&self, epoch: &Epoch) -> String {
        let of = if self.networks > 1 { format!(" of {} networks", self.networks) } else { String::new() };
        format!("epoch {}/{}{of}", epoch.epoch, self.epochs)
    }

    fn speed(&self, epoch: &Epoch) -> String {
        let rows = (epoch.epoch * self.rows) as f64 / self.start.elapsed().as_secs_f64();
        match rows {
            ..10_000.0 => format!("{rows:.0} rows/s"),
            _ => format!("{:.0}k rows/s", rows / 1e3),
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// An epoch for programs.
#[derive(Serialize)]
pub struct EpochRecord<'a> {
    epoch: usize,
    train_loss: f64,
    penalty: f64,
    validation_loss: Option<f64>,
    metrics: BTreeMap<&'a str, f64>,
    learning_rate: f64,
    seconds: f64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    layers: Vec<LayerRecord>,
}

impl<'a> From<&'a Epoch> for EpochRecord<'a> {
    fn from(of: &'a Epoch) -> Self {
        let Epoch { epoch, train_loss, penalty, validation_loss, learning_rate, seconds, .. } = *of;
        let metrics = of.metrics.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        let layers = of.layers.iter().map(LayerRecord::from).collect();
        EpochRecord { epoch, train_loss, penalty, validation_loss, metrics, learning_rate, seconds, layers }
    }
}

impl EpochRecord<'_> {
    /// What was measured, for people.
    pub fn describe(&self) -> String {
        let penalty = (self.penalty > 0.0).then_some(self.penalty);
        let losses =
            [("training loss", Some(self.train_loss)), ("penalty", penalty), ("validation loss", self.validation_loss)];
        let losses = losses.into_iter().filter_map(|(name, loss)| Some((name, loss?)));
        let all = losses.chain(self.metrics.iter().map(|(name, value)| (*name, *value)));
        all.map(|(name, value)| format!("{name} {}", number(value))).collect::<Vec<_>>().join("  ")
    }
}

/// A line of `--events`.
#[derive(Serialize)]
struct Event<'a> {
    schema: &'static str,
    event: &'static str,
    #[serde(flatten)]
    epoch: EpochRecord<'a>,
}

/// NDJSON on standard output. Training goes on when nobody reads it any more; the failure is reported at the end.
pub struct Events(io::Result<()>);

impl Events {
    /// Nothing written yet.
    pub fn new() -> Self {
        Events(Ok(()))
    }

    /// Writes an epoch.
    pub fn epoch(&mut self, epoch: &Epoch) {
        self.line(&Event { schema: "backpass.event/1", event: "epoch", epoch: epoch.into() });
    }

    fn line(&mut self, document: &impl Serialize) {
        if self.0.is_ok() {
            let mut out = io::stdout().lock();
            self.0 = serde_json::to_string(document).map_err(io::Error::from).and_then(|line| writeln!(out, "{line}"));
        }
    }

    /// Writes the last line, the summary.
    pub fn finish(mut self, summary: &impl Serialize) -> io::Result<()> {
        self.line(summary);
        self.0
    }
}
