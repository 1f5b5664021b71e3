//! The plan: a list of instructions over one arena, with every offset fixed.

use std::fmt;
use std::time::Duration;

use backpass_kernels::{Layout, Program, Reduce};

use crate::array::Array;
use crate::graph::{Graph, NodeId};
use crate::shape::{Extent, Shape};

/// A part of the arena.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Buffer {
    pub offset: usize,
    pub extent: Extent,
}

impl Buffer {
    pub fn range(self, rows: usize) -> std::ops::Range<usize> {
        self.offset..self.offset + self.extent.at(rows)
    }
}

/// Where an elementwise operand is read.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Reading {
    Buffer(Buffer, Layout),
    /// In place: the old contents of an output.
    Output(usize),
}

/// One instruction of a plan.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Instruction {
    /// An elementwise region.
    Map { program: Program, extent: Extent, operands: Vec<Reading>, outputs: Vec<Buffer> },
    /// Lays a right factor out as products read it.
    Pack { k: Extent, n: usize, transposed: bool, b: Buffer, packed: Buffer },
    /// `c (=|+=) op(a)·b`.
    Matmul {
        m: Extent,
        n: usize,
        k: Extent,
        transpose_a: bool,
        /// Whether `b` is as [`Instruction::Pack`] left it.
        packed: bool,
        a: Buffer,
        b: Buffer,
        c: Buffer,
        accumulate: bool,
    },
    /// `y = reduce(x)`, `x` seen as outer × axis × inner.
    Reduce { kind: Reduce, outer: Extent, axis: Extent, inner: usize, x: Buffer, y: Buffer },
    /// A strided copy.
    Copy {
        sizes: Shape,
        x: Buffer,
        from: usize,
        from_strides: Vec<usize>,
        y: Buffer,
        to: usize,
        to_strides: Vec<usize>,
    },
    /// Rows of a table.
    Gather { rows: usize, width: usize, table: Buffer, indices: Buffer, y: Buffer },
    /// Indices to one-hot rows.
    OneHot { classes: usize, indices: Buffer, y: Buffer },
    /// The number of elements along an axis.
    Size { extent: Extent, y: Buffer },
}

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

/// A compiled graph: instructions over one arena. It runs in a [`crate::Session`].
#[derive(Clone, Debug)]
pub struct Plan {
    pub(crate) graph: Graph,
    pub(crate) instructions: Vec<Instruction>,
    /// The nodes whose value an instruction computes, for messages and profiles.
    pub(crate) nodes: Vec<Vec<NodeId>>,
    /// Buffers that nobody reads after an instruction; tests fill them with NaN.
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
        self.instructions.len()
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
        let text = self.instructions[index].to_string();
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
        let product = |instruction: &Instruction| match instruction {
            Instruction::Matmul { m, n, k, .. } => 2.0 * m.at(rows) as f64 * *n as f64 * k.at(rows) as f64,
            _ => 0.0,
        };
        self.instructions.iter().map(product).sum()
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

impl fmt::Display for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{}:{}", self.offset, Size(self.extent))
    }
}

struct Size(Extent);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.batched, self.0.fixed) {
            (false, n) => write!(f, "{n}"),
            (true, 1) => f.write_str("batch"),
            (true, n) => write!(f, "batch·{n}"),
        }
    }
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reading::Buffer(b, Layout::Full) => write!(f, "{b}"),
            Reading::Buffer(b, layout) => write!(f, "{b} {layout:?}"),
            Reading::Output(k) => write!(f, "in place of output {k}"),
        }
    }
}

impl fmt::Display for Instruction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |items: Vec<String>| items.join(", ");
        match self {
            Instruction::Map { program, extent, operands, outputs } => {
                let outputs = list(outputs.iter().map(ToString::to_string).collect());
                let operands = list(operands.iter().map(ToString::to_string).collect());
                write!(f, "map {} ({operands}) -> {outputs}", Size(*extent))?;
                program.to_string().lines().try_for_each(|line| write!(f, "\n        {line}"))
            }
            Instruction::Pack { k, n, transposed, b, packed } => {
                write!(f, "pack {}×{n} {b}{} -> {packed}", Size(*k), if *transposed { "ᵀ" } else { "" })
            }
            Instruction::Matmul { m, n, k, transpose_a, packed, a, b, c, accumulate } => {
                let prime = if *transpose_a { "ᵀ" } else { "" };
                let layout = if *packed { " packed" } else { "" };
                let mode = if *accumulate { "accumulate" } else { "overwrite" };
                write!(f, "matmul {}×{n}×{} {a}{prime} {b}{layout} -> {mode} {c}", Size(*m), Size(*k))
            }
            Instruction::Reduce { kind, outer, axis, inner, x, y } => {
                write!(f, "{kind:?} {}×[{}]×{inner} {x} -> {y}", Size(*outer), Size(*axis))
            }
            Instruction::Copy { sizes, x, y, .. } => write!(f, "copy {sizes} {x} -> {y}"),
            Instruction::Gather { table, indices, y, .. } => write!(f, "gather {table} {indices} -> {y}"),
            Instruction::OneHot { classes, indices, y } => write!(f, "one_hot {classes} {indices} -> {y}"),
            Instruction::Size { extent, y } => write!(f, "size {} -> {y}", Size(*extent)),
        }
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
        for (index, (instruction, nodes)) in self.instructions.iter().zip(&self.nodes).enumerate() {
            let names: Vec<String> = nodes.iter().map(|&n| self.graph.describe(n)).collect();
            writeln!(f, "{index:4}  {instruction}    # {}", names.join(", "))?;
        }
        Ok(())
    }
}
