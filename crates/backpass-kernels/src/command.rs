//! What a plan does: commands over the places of one arena.

use std::fmt;
use std::ops::Range;

use crate::fused::Finish;
use crate::matmul::packed_len;
use crate::product::PANEL;
use crate::{Layout, MAX_READS, MAX_WRITES, Program, Reduce, Tape};

/// A number of elements: `fixed`, times the number of rows of the batch when `batched`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Extent {
    /// Product of the fixed dimensions.
    pub fixed: usize,
    /// Whether the batch dimension multiplies it.
    pub batched: bool,
}

impl Extent {
    /// One.
    pub const ONE: Extent = Extent { fixed: 1, batched: false };
    /// The rows of the batch.
    pub const BATCH: Extent = Extent { fixed: 1, batched: true };

    /// A number that does not depend on the batch.
    pub fn fixed(fixed: usize) -> Self {
        Extent { fixed, batched: false }
    }

    /// The number of elements for a batch of `rows`.
    pub fn at(self, rows: usize) -> usize {
        if self.batched { self.fixed * rows } else { self.fixed }
    }

    /// The product, unless it overflows or the batch comes twice.
    fn times(self, other: Extent) -> Option<Extent> {
        let fixed = self.fixed.checked_mul(other.fixed)?;
        (!(self.batched && other.batched)).then_some(Extent { fixed, batched: self.batched || other.batched })
    }
}

/// A part of the arena.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Buffer {
    /// Its first element.
    pub offset: usize,
    /// How many there are.
    pub extent: Extent,
}

impl Buffer {
    /// Its elements for a batch of `rows`.
    pub fn range(self, rows: usize) -> Range<usize> {
        self.offset..self.offset + self.extent.at(rows)
    }
}

/// Where an elementwise operand is read.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Reading {
    /// In a buffer that the command does not write.
    Buffer(Buffer, Layout),
    /// In place: the old contents of an output.
    Output(usize),
}

/// One step of a plan.
#[derive(Clone, PartialEq, Debug)]
pub enum Command {
    /// An elementwise region.
    Map {
        /// What is done to each element.
        program: Program,
        /// The elements.
        extent: Extent,
        /// What it reads.
        operands: Vec<Reading>,
        /// What it writes.
        outputs: Vec<Buffer>,
    },
    /// Elementwise steps on single numbers, or on one for each row of the batch.
    Tape(Tape),
    /// Lays a right factor of `k`×`n`, or one stored transposed, out as products read it.
    Pack {
        /// Its rows.
        k: Extent,
        /// Its columns.
        n: usize,
        /// Whether it is stored as n×k.
        transposed: bool,
        /// The factor.
        b: Buffer,
        /// Where it goes.
        packed: Buffer,
    },
    /// `c (=|+=) op(a)·b`.
    Matmul {
        /// Rows of the result.
        m: Extent,
        /// Columns of the result.
        n: usize,
        /// The depth.
        k: Extent,
        /// Whether `a` is stored as k×m.
        transpose_a: bool,
        /// Whether `b` is as [`Command::Pack`] left it.
        packed: bool,
        /// The left factor.
        a: Buffer,
        /// The right factor.
        b: Buffer,
        /// The result.
        c: Buffer,
        /// Whether the product is added to the result.
        accumulate: bool,
        /// What is done to sums before they are stored, and by what: a row for all rows, or as many elements as the result.
        finish: Option<(Finish, Buffer)>,
        /// Where the sums of the columns of `b` go, if they are wanted; they overwrite what is there.
        sums: Option<Buffer>,
    },
    /// `y = reduce(x)`, `x` seen as outer × axis × inner.
    Reduce {
        /// How elements become one.
        kind: Reduce,
        /// The dimensions before the axis.
        outer: Extent,
        /// The axis.
        axis: Extent,
        /// The dimensions behind it.
        inner: usize,
        /// What is reduced.
        x: Buffer,
        /// The result.
        y: Buffer,
    },
    /// A strided copy.
    Copy {
        /// Each dimension.
        sizes: Vec<Extent>,
        /// The source.
        x: Buffer,
        /// Its first element.
        from: usize,
        /// Its strides.
        from_strides: Vec<usize>,
        /// The target.
        y: Buffer,
        /// Its first element.
        to: usize,
        /// Its strides.
        to_strides: Vec<usize>,
    },
    /// Rows of a table of `rows`×`width`.
    Gather {
        /// Rows of the table.
        rows: usize,
        /// Columns of the table.
        width: usize,
        /// The table.
        table: Buffer,
        /// Which rows.
        indices: Buffer,
        /// The result.
        y: Buffer,
    },
    /// Indices to one-hot rows.
    OneHot {
        /// Columns of the result.
        classes: usize,
        /// Where the ones go.
        indices: Buffer,
        /// The result.
        y: Buffer,
    },
    /// The number of elements along an axis.
    Size {
        /// The number.
        extent: Extent,
        /// Where it goes.
        y: Buffer,
    },
}

/// Commands that run one after the other on some rows, and then on the next.
#[derive(Clone, Debug, PartialEq)]
pub struct Chain {
    /// How many rows there are; see [`Command::rows`].
    pub rows: Extent,
    /// What is done, in order.
    pub commands: Vec<Command>,
}

impl Chain {
    /// Commands that are cut as the first one is, or done as a whole when one of them cannot be cut that way.
    pub fn new(commands: Vec<Command>) -> Self {
        let rows = commands.first().map_or(Extent::ONE, Command::rows);
        let rows = if commands.iter().all(|c| c.accesses(rows).is_some()) { rows } else { Extent::ONE };
        Chain { rows, commands }
    }
}

/// How a command uses a buffer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Access {
    /// Read as a whole.
    Whole,
    /// Read row by row: the tile of some rows reads these rows only.
    Rows,
    /// Written row by row.
    Write,
    /// Written as a whole, by the tile of the first row.
    Once,
}

impl Access {
    pub fn writes(self) -> bool {
        matches!(self, Access::Write | Access::Once)
    }

    /// Whether a tile touches its own rows alone.
    pub fn by_rows(self) -> bool {
        matches!(self, Access::Rows | Access::Write)
    }
}

impl Command {
    /// The rows into which the command can be cut, so that each is computed on its own: those of the batch where they are
    /// a dimension of the result, else those of the result itself.
    pub fn rows(&self) -> Extent {
        match self {
            Command::Map { extent, .. } if extent.batched => Extent::BATCH,
            Command::Map { extent, .. } => Extent::fixed(extent.fixed.div_ceil(MAP_ROW).max(1)),
            Command::Tape(tape) if tape.has_points() => Extent::BATCH,
            Command::Matmul { m, .. } => *m,
            Command::Reduce { outer, inner, .. } if *outer == Extent::ONE => Extent::fixed(*inner),
            Command::Reduce { outer, .. } if outer.batched => Extent::BATCH,
            Command::Reduce { outer, .. } => *outer,
            Command::Pack { n, .. } => Extent::fixed(n.div_ceil(PANEL)),
            Command::OneHot { indices, .. } | Command::Gather { indices, .. } if indices.extent.batched => {
                Extent::BATCH
            }
            Command::Copy { .. } if self.accesses(Extent::BATCH).is_some() => Extent::BATCH,
            _ => Extent::ONE,
        }
    }

    /// Lets a product finish its sums as `next` would do it in place, where products can; then `next` is not needed.
    pub fn absorb(&mut self, next: &Command) -> bool {
        let Command::Matmul { n, k, c, finish: finish @ None, .. } = self else { return false };
        let Command::Map { program, operands, outputs, .. } = next else { return false };
        let Some((fused, kind)) = program.fused().and_then(|fused| Some((fused, fused.finish()?))) else {
            return false;
        };
        let operand = |i: usize| operands[usize::from(fused.operands[i])];
        let with = match (kind, operand(0), operand(1)) {
            (Finish::Rectified, Reading::Output(_), Reading::Buffer(with, Layout::Row(period))) if period == *n => with,
            (Finish::Gated, Reading::Output(_), Reading::Buffer(with, Layout::Full)) => with,
            _ => return false,
        };
        let possible = outputs[..] == [*c] && !k.batched && k.fixed > 0;
        if possible {
            *finish = Some((kind, with));
        }
        possible
    }

    /// The buffers of the command when it is cut into `rows`; none when it cannot be.
    pub(crate) fn accesses(&self, rows: Extent) -> Option<Vec<(Buffer, Access)>> {
        use Access::{Rows, Whole, Write};
        let one = rows == Extent::ONE;
        let read = |cut: bool| if cut && !one { Rows } else { Whole };
        let list = match self {
            Command::Map { extent, operands, outputs, .. } => {
                let width = width(*extent, rows)?;
                let reading = |operand: &Reading| match operand {
                    Reading::Buffer(x, Layout::Full) => Some((*x, read(true))),
                    Reading::Buffer(x, Layout::Column(repeat)) => Some((*x, read(width.is_multiple_of(*repeat)))),
                    Reading::Buffer(x, _) => Some((*x, Whole)),
                    Reading::Output(_) => None,
                };
                let written = outputs.iter().map(|&y| (y, Write));
                operands.iter().filter_map(reading).chain(written).collect()
            }
            Command::Tape(tape) => {
                let cut = one || tape.has_points() && rows == Extent::BATCH;
                cut.then(|| tape.accesses(read(true)))?
            }
            Command::Pack { n, b, packed, .. } => {
                let panels = one || rows == Extent::fixed(n.div_ceil(PANEL));
                panels.then(|| vec![(*b, Whole), (*packed, Write)])?
            }
            Command::Matmul { m, transpose_a, a, b, c, finish, sums, .. } => {
                let cut = one || *m == rows;
                let with = finish.map(|(finish, with)| (with, read(finish == Finish::Gated)));
                let sums = sums.map(|sums| (sums, if one { Write } else { Access::Once }));
                let list = [(*a, read(!transpose_a)), (*b, Whole), (*c, Write)];
                cut.then(|| list.into_iter().chain(with).chain(sums).collect())?
            }
            Command::Reduce { outer, inner, x, y, .. } => {
                let across = *outer == Extent::ONE && rows == Extent::fixed(*inner);
                (one || across || width(*outer, rows).is_some_and(|_| outer.batched == rows.batched))
                    .then(|| vec![(*x, read(!across)), (*y, Write)])?
            }
            Command::Copy { sizes, x, from, from_strides, y, to, to_strides } => {
                let inside = |start: usize, strides: &[usize], width: usize| {
                    let last = sizes.iter().zip(strides).skip(1);
                    last.map(|(size, stride)| (size.fixed.max(1) - 1) * stride).sum::<usize>() + start < width
                };
                let whole_rows = |b: &Buffer, start, strides: &[usize]| {
                    b.extent.batched && strides[0] == b.extent.fixed && inside(start, strides, b.extent.fixed)
                };
                let batch = || {
                    sizes.first() == Some(&rows)
                        && rows == Extent::BATCH
                        && whole_rows(y, *to, to_strides)
                        && (whole_rows(x, *from, from_strides) || from_strides[0] == 0 && !x.extent.batched)
                };
                (one || batch()).then(|| vec![(*x, read(x.extent.batched)), (*y, Write)])?
            }
            Command::Gather { table, indices, y, .. } => (one || rows == Extent::BATCH && indices.extent.batched)
                .then(|| vec![(*table, Whole), (*indices, read(true)), (*y, Write)])?,
            Command::OneHot { indices, y, .. } => (one || rows == Extent::BATCH && indices.extent.batched)
                .then(|| vec![(*indices, read(true)), (*y, Write)])?,
            Command::Size { y, .. } => one.then(|| vec![(*y, Write)])?,
        };
        Some(list)
    }

    /// Whether every buffer has as many elements as the command uses.
    pub(crate) fn fits(&self) -> bool {
        match self {
            Command::Map { program, extent, operands, outputs } => {
                let fits = |operand: &Reading| match operand {
                    Reading::Output(k) => *k < outputs.len(),
                    Reading::Buffer(x, Layout::Full) => x.extent == *extent,
                    Reading::Buffer(x, Layout::Scalar) => x.extent.fixed > 0 && !x.extent.batched,
                    Reading::Buffer(x, Layout::Row(period)) => *period > 0 && x.extent == Extent::fixed(*period),
                    Reading::Buffer(x, Layout::Column(repeat)) => {
                        *repeat > 0
                            && x.extent.batched == extent.batched
                            && (extent.fixed.is_multiple_of(*repeat) || !extent.batched)
                            && x.extent.fixed == extent.fixed.div_ceil(*repeat)
                    }
                };
                let old = |i: u8| match operands.get(usize::from(i)) {
                    Some(Reading::Output(k)) => Some(*k),
                    _ => None,
                };
                let kept = |(k, arg): (usize, &crate::Arg)| match arg {
                    crate::Arg::Operand(i) => old(*i).is_none_or(|old| old == k),
                    _ => true,
                };
                operands.iter().all(fits)
                    && operands.len() <= MAX_READS
                    && program.operands() <= operands.len()
                    && (1..=MAX_WRITES).contains(&outputs.len())
                    && program.outputs().len() == outputs.len()
                    && program.outputs().iter().enumerate().all(kept)
                    && outputs.iter().all(|y| y.extent == *extent)
            }
            Command::Tape(_) => true,
            Command::Pack { k, n, b, packed, .. } => {
                k.times(Extent::fixed(*n)) == Some(b.extent) && packed.extent == packed_extent(*k, *n)
            }
            Command::Matmul { m, n, k, packed, a, b, c, finish, sums, .. } => {
                let columns = Extent::fixed(*n);
                let finishes = finish.is_none_or(|(finish, with)| {
                    let extent = if finish == Finish::Gated { c.extent } else { columns };
                    with.extent == extent && !k.batched && k.fixed > 0
                });
                let right = if *packed { Some(packed_extent(*k, *n)) } else { k.times(columns) };
                let factors = m.times(*k) == Some(a.extent) && right == Some(b.extent);
                let sums = sums.is_none_or(|sums| sums.extent == columns && !m.batched && m.fixed > 0);
                finishes && factors && sums && m.times(columns) == Some(c.extent)
            }
            Command::Reduce { outer, axis, inner, x, y, .. } => {
                let rest = outer.times(Extent::fixed(*inner));
                rest == Some(y.extent) && rest.and_then(|rest| rest.times(*axis)) == Some(x.extent)
            }
            Command::Copy { sizes, from_strides, to_strides, .. } => {
                sizes.len() == from_strides.len() && sizes.len() == to_strides.len() && sizes.len() <= crate::MAX_DIMS
            }
            Command::Gather { rows, width, table, indices, y } => {
                let cells = Extent::fixed(*rows).times(Extent::fixed(*width));
                cells == Some(table.extent) && indices.extent.times(Extent::fixed(*width)) == Some(y.extent)
            }
            Command::OneHot { classes, indices, y } => indices.extent.times(Extent::fixed(*classes)) == Some(y.extent),
            Command::Size { y, .. } => y.extent == Extent::ONE,
        }
    }

    /// How many numbers that every row may read get new values in place: those of a parameter.
    pub(crate) fn updated(&self) -> usize {
        let in_place = |operand: &Reading| matches!(operand, Reading::Output(_));
        match self {
            Command::Map { extent, operands, .. } if !extent.batched && operands.iter().any(in_place) => extent.fixed,
            _ => 0,
        }
    }

    /// A rough time on one thread in nanoseconds for a batch of `rows`.
    pub(crate) fn cost(&self, rows: usize) -> f64 {
        let n = |extent: &Extent| extent.at(rows) as f64;
        let work = match self {
            Command::Map { program, extent, .. } => n(extent) * program.cost() as f64 * 0.02,
            Command::Tape(tape) => tape.cost(rows),
            Command::Pack { packed, .. } => n(&packed.extent) * 0.1,
            Command::Matmul { m, n: columns, k, .. } => n(m) * *columns as f64 * n(k) * 0.02,
            Command::Reduce { kind, x, .. } => n(&x.extent) * if *kind == Reduce::LogSumExp { 0.5 } else { 0.1 },
            Command::Copy { y, .. } | Command::Gather { y, .. } | Command::OneHot { y, .. } => n(&y.extent) * 0.2,
            Command::Size { .. } => 0.0,
        };
        work + 20.0
    }
}

/// Elements of a row of a map that is not over the batch.
const MAP_ROW: usize = 1024;

/// The elements of one of `rows`; none when the batch is cut but does not multiply the elements.
pub(crate) fn width(extent: Extent, rows: Extent) -> Option<usize> {
    match (extent.batched, rows.batched) {
        (true, true) => Some(extent.fixed / rows.fixed),
        (false, false) => Some(extent.fixed.div_ceil(rows.fixed.max(1))),
        (true, false) => (rows == Extent::ONE).then_some(extent.fixed),
        (false, true) => None,
    }
}

fn packed_extent(k: Extent, n: usize) -> Extent {
    Extent { fixed: packed_len(k.fixed, n), batched: k.batched }
}

impl fmt::Display for Extent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.batched, self.fixed) {
            (false, n) => write!(f, "{n}"),
            (true, 1) => f.write_str("batch"),
            (true, n) => write!(f, "batch·{n}"),
        }
    }
}

impl fmt::Display for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{}:{}", self.offset, self.extent)
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

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |items: Vec<String>| items.join(", ");
        match self {
            Command::Map { program, extent, operands, outputs } => {
                let outputs = list(outputs.iter().map(ToString::to_string).collect());
                let operands = list(operands.iter().map(ToString::to_string).collect());
                write!(f, "map {extent} ({operands}) -> {outputs}")?;
                program.to_string().lines().try_for_each(|line| write!(f, "\n        {line}"))
            }
            Command::Tape(tape) => write!(f, "{tape}"),
            Command::Pack { k, n, transposed, b, packed } => {
                write!(f, "pack {k}×{n} {b}{} -> {packed}", if *transposed { "ᵀ" } else { "" })
            }
            Command::Matmul { m, n, k, transpose_a, packed, a, b, c, accumulate, finish, sums } => {
                let prime = if *transpose_a { "ᵀ" } else { "" };
                let layout = if *packed { " packed" } else { "" };
                let mode = if *accumulate { "accumulate" } else { "overwrite" };
                write!(f, "matmul {m}×{n}×{k} {a}{prime} {b}{layout} -> {mode} {c}")?;
                finish.iter().try_for_each(|(finish, with)| write!(f, ", {finish:?} by {with}"))?;
                sums.iter().try_for_each(|sums| write!(f, ", sums of columns -> {sums}"))
            }
            Command::Reduce { kind, outer, axis, inner, x, y } => {
                write!(f, "{kind:?} {outer}×[{axis}]×{inner} {x} -> {y}")
            }
            Command::Copy { sizes, x, y, .. } => {
                let sizes = list(sizes.iter().map(ToString::to_string).collect());
                write!(f, "copy [{sizes}] {x} -> {y}")
            }
            Command::Gather { table, indices, y, .. } => write!(f, "gather {table} {indices} -> {y}"),
            Command::OneHot { classes, indices, y } => write!(f, "one_hot {classes} {indices} -> {y}"),
            Command::Size { extent, y } => write!(f, "size {extent} -> {y}"),
        }
    }
}
