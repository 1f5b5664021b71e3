//! Where time goes: the stages of a run, and the slowest instructions of a plan.

use std::time::Instant;

use backpass::compile::Timed;
use backpass::train::{Stage, TrainReport};
use serde::Serialize;

use crate::output::{columns, row};

/// How many instructions a table lists.
pub const SLOWEST: usize = 10;

/// The time of each stage of a run, in the order in which they were first entered.
pub struct Profile {
    stages: Vec<StageTime>,
    current: usize,
    since: Instant,
    /// Of networks side by side, whose times together are more than what the clock on the wall shows.
    networks: Vec<StageTime>,
}

const TRAIN: &str = "train";

/// A stage with its time.
#[derive(Serialize)]
struct StageTime {
    stage: &'static str,
    seconds: f64,
}

/// A profile for programs.
#[derive(Serialize)]
pub struct ProfileRecord<'a> {
    seconds: f64,
    stages: &'a [StageTime],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    networks: &'a [StageTime],
    instructions: Vec<TimedRecord<'a>>,
}

/// An instruction for programs.
#[derive(Serialize)]
pub struct TimedRecord<'a> {
    instruction: &'a str,
    nodes: &'a str,
    seconds: f64,
}

impl<'a> From<&'a Timed> for TimedRecord<'a> {
    fn from(Timed { instruction, nodes, seconds }: &'a Timed) -> Self {
        TimedRecord { instruction, nodes, seconds: *seconds }
    }
}

impl Profile {
    /// The first stage begins now.
    pub fn start(stage: &'static str) -> Self {
        let stages = vec![StageTime { stage, seconds: 0.0 }];
        Profile { stages, current: 0, since: Instant::now(), networks: Vec::new() }
    }

    /// The stage at hand ends.
    pub fn end(&mut self) {
        let now = Instant::now();
        self.stages[self.current].seconds += now.duration_since(self.since).as_secs_f64();
        self.since = now;
    }

    /// The stage at hand ends, another begins.
    pub fn enter(&mut self, stage: &'static str) {
        self.end();
        self.current = self.stages.iter().position(|s| s.stage == stage).unwrap_or(self.stages.len());
        if self.current == self.stages.len() {
            self.stages.push(StageTime { stage, seconds: 0.0 });
        }
    }

    /// Training begins.
    pub fn train(&mut self) {
        self.enter(TRAIN);
    }

    /// Training has ended. The stages of one network take the place of the whole, with the metrics of all rows as the last;
    /// those of several are kept beside it.
    pub fn trained(&mut self, report: &TrainReport, networks: usize) {
        self.end();
        let of = |(stage, seconds): &(Stage, f64)| StageTime { stage: name(*stage), seconds: *seconds };
        let of_training: Vec<StageTime> = report.stages.iter().map(of).collect();
        if networks > 1 {
            self.networks = of_training;
            return;
        }
        let rest = self.stages[self.current].seconds - of_training.iter().map(|s| s.seconds).sum::<f64>();
        let metrics = StageTime { stage: "metrics", seconds: rest.max(0.0) };
        self.stages.splice(self.current..=self.current, of_training.into_iter().chain([metrics]));
        self.current = self.stages.len() - 1;
    }

    /// The stages that have ended, with their seconds.
    pub fn stages(&self) -> impl Iterator<Item = (&'static str, f64)> {
        self.stages.iter().map(|stage| (stage.stage, stage.seconds))
    }

    /// The stages of several networks side by side, with the seconds of all together.
    pub fn networks(&self) -> impl Iterator<Item = (&'static str, f64)> {
        self.networks.iter().map(|stage| (stage.stage, stage.seconds))
    }

    fn seconds(&self) -> f64 {
        self.stages.iter().map(|s| s.seconds).sum()
    }

    /// The stages that have ended, and the instructions of the steps.
    pub fn record<'a>(&'a self, instructions: &'a [Timed]) -> ProfileRecord<'a> {
        let instructions = instructions.iter().map(TimedRecord::from).collect();
        ProfileRecord { seconds: self.seconds(), stages: &self.stages, networks: &self.networks, instructions }
    }

    /// The same for people.
    pub fn describe(&self, instructions: &[Timed]) -> String {
        let table = |stages: &[StageTime]| {
            let all: f64 = stages.iter().map(|s| s.seconds).sum();
            let share = |s: &StageTime| row(s.stage, [duration(s.seconds), percent(s.seconds / all)]);
            let head = std::iter::once(row("stage", ["time", "share"]));
            columns(&head.chain(stages.iter().map(share)).collect::<Vec<_>>(), 1)
        };
        let mut text = table(&self.stages);
        if !self.networks.is_empty() {
            text += &format!("\nstages of the networks side by side, their times together\n{}", table(&self.networks));
        }
        if !instructions.is_empty() {
            text += &format!("\nslowest instructions of the steps\n{}", slowest(instructions, SLOWEST));
        }
        text
    }
}

fn name(stage: Stage) -> &'static str {
    match stage {
        Stage::Compile => "compile",
        Stage::Gather => "gather batches",
        Stage::Step => "steps",
        Stage::Evaluate => "evaluation",
        Stage::Layers => "layers",
    }
}

/// A table of the instructions with the longest times.
pub fn slowest(instructions: &[Timed], count: usize) -> String {
    let all: f64 = instructions.iter().map(|i| i.seconds).sum();
    let mut slowest: Vec<&Timed> = instructions.iter().collect();
    slowest.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
    let mut table = vec![row("computes", ["instruction", "time", "share"])];
    for i in slowest.into_iter().take(count) {
        let word = i.instruction.split(' ').next().unwrap_or_default().to_string();
        table.push(row(&short(&i.nodes), [word, duration(i.seconds), percent(i.seconds / all)]));
    }
    columns(&table, 2)
}

/// Seconds in the unit in which they are read best.
pub fn duration(seconds: f64) -> String {
    let (factor, unit) = match seconds {
        s if s < 1e-6 => (1e9, "ns"),
        s if s < 1e-3 => (1e6, "µs"),
        s if s < 1.0 => (1e3, "ms"),
        _ => (1.0, "s"),
    };
    format!("{:.3} {unit}", seconds * factor)
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// The first node, and how many more there are.
fn short(nodes: &str) -> String {
    let mut nodes = nodes.split(", ");
    let first = nodes.next().unwrap_or_default().to_string();
    match nodes.count() {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}
