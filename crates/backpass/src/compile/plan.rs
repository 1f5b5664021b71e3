//! The plan: a list of instructions over one arena, with every offset fixed.

use std::fmt;
use std::time::Duration;

use backpass_kernels::{Buffer, Command, Lent, Sequence};

use crate::array::Array;
use crate::graph::{Graph, NodeId};
use crate::shape::Shape;

/// What a named place of the arena is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SlotKind {
    /// Written by the caller before a run.
    Input,
    /// Kept between runs, changed by updates.
    Parameter,
    /// Read by the caller after a run.
    Output,
}

/// A named place of the arena.
#[derive(Clone, Debug)]
pub struct Slot {
    /// The name of the input, parameter or output.
    pub name: String,
    /// Which of them.
    pub kind: SlotKind,
    /// The shape of its value.
    pub shape: Shape,
    pub(crate) buffer: Buffer,
}

impl Slot {
    /// `data` in place of what was written to this input, for one run; see [`crate::Session::run_on`].
    ///
    /// # Panics
    /// When the slot is not an input.
    pub fn lend<'a, T>(&self, data: &'a [T]) -> Lent<'a, T> {
        assert!(self.kind == SlotKind::Input, "`{}` is not an input", self.name);
        Lent { buffer: self.buffer, data }
    }
}

/// A compiled graph: instructions over one arena, in stages. It runs in a [`crate::Session`].
#[derive(Clone, Debug)]
pub struct Plan {
    pub(crate) graph: Graph,
    pub(crate) sequence: Sequence,
    /// The nodes whose value an instruction computes, for messages and profiles.
    pub(crate) nodes: Vec<Vec<NodeId>>,
    /// Buffers that nobody reads after a stage; tests fill them with NaN.
    pub(crate) dead_after: Vec<Vec<Buffer>>,
    pub(crate) temporaries: Vec<Buffer>,
    pub(crate) slots: Vec<Slot>,
    pub(crate) constants: Vec<(Buffer, Array)>,
    pub(crate) arena: usize,
    pub(crate) max_rows: usize,
}

/// One instruction of a plan with a time that was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Timed {
    /// What it does, as the plan prints it.
    pub instruction: String,
    /// The nodes that it computes, in words.
    pub nodes: String,
    /// Its time in seconds.
    pub seconds: f64,
}

impl Plan {
    /// The number of elements of the arena.
    pub fn arena_len(&self) -> usize {
        self.arena
    }

    /// The number of instructions of a run.
    pub fn instruction_count(&self) -> usize {
        self.nodes.len()
    }

    /// The largest batch.
    pub fn max_rows(&self) -> usize {
        self.max_rows
    }

    /// The graph after all passes, to which node ids in messages refer.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// What an instruction does, in one line, and the nodes that it computes.
    ///
    /// # Panics
    /// When there is no such instruction.
    pub fn describe(&self, index: usize) -> (String, String) {
        let text = self.sequence.commands().nth(index).map(|(.., command)| command.to_string()).unwrap_or_default();
        let nodes: Vec<String> = self.nodes[index].iter().map(|&node| self.graph.describe(node)).collect();
        (text.lines().next().unwrap_or_default().to_string(), nodes.join(", "))
    }

    /// The instructions in order, each with its element of `times`.
    ///
    /// # Panics
    /// When there are more times than instructions.
    pub fn timed(&self, times: &[Duration]) -> Vec<Timed> {
        let timed = |(index, time): (usize, &Duration)| {
            let (instruction, nodes) = self.describe(index);
            Timed { instruction, nodes, seconds: time.as_secs_f64() }
        };
        times.iter().enumerate().map(timed).collect()
    }

    /// Floating point operations of all matrix products for a batch of `rows`, a multiply-add being two.
    pub fn flops(&self, rows: usize) -> f64 {
        let product = |command: &Command| match command {
            Command::Matmul { m, n, k, .. } => 2.0 * m.at(rows) as f64 * *n as f64 * k.at(rows) as f64,
            _ => 0.0,
        };
        self.sequence.commands().map(|(.., command)| product(command)).sum()
    }

    /// Inputs, parameters and outputs.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// The place called `name`.
    pub fn slot(&self, kind: SlotKind, name: &str) -> Option<&Slot> {
        self.slots.iter().find(|s| s.kind == kind && s.name == name)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "arena {} elements for {} rows", self.arena, self.max_rows)?;
        for slot in &self.slots {
            writeln!(f, "{:?} {} {} {}", slot.kind, slot.name, slot.shape, slot.buffer)?;
        }
        for (buffer, value) in &self.constants {
            writeln!(f, "Constant {:?} {buffer}", value.shape())?;
        }
        let mut before = None;
        for (index, ((stage, chain, command), nodes)) in self.sequence.commands().zip(&self.nodes).enumerate() {
            if before.map(|(stage, _)| stage) != Some(stage) {
                writeln!(f, "stage {stage}")?;
            }
            // What runs on the same rows one after the other is joined by a line.
            let mark = if before == Some((stage, chain)) { '│' } else { '┌' };
            before = Some((stage, chain));
            let names: Vec<String> = nodes.iter().map(|&n| self.graph.describe(n)).collect();
            writeln!(f, "{index:4} {mark} {command}    # {}", names.join(", "))?;
        }
        Ok(())
    }
}
