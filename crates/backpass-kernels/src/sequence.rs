//! Running a plan over one arena.
//!
//! A sequence has stages, one after the other. The chains of a stage do not depend on each other, and neither do the rows
//! of a chain, so all tiles of a stage run at once in one fork-join, and what a tile computes is still in the cache when its
//! next command reads it. Where there are too few rows for that, threads share the columns of wide products. No result depends
//! on how a chain or a product is cut.

use std::fmt;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::command::{Access, Buffer, Chain, Command, Extent, Reading, width};
use crate::map::{Input, Job};
use crate::matmul::{MatmulJob, PackJob, piece};
use crate::product::{self, PANEL};
use crate::reduce::ReduceJob;
use crate::{Arena, Layout, MAX_DIMS, MAX_READS, MAX_WRITES, MatmulDims, Pool, Real, copy, index};

/// Stages that take less than this many nanoseconds are not worth a second thread.
const SERIAL: f64 = 10_000.0;
/// Nanoseconds that threads wait for each parameter that another core has written.
const MOVE: f64 = 0.5;
/// More parameters than this do not stay in the cache of one core either.
const STAY: usize = 1 << 18;
/// A tile takes at least about this many nanoseconds.
const TILE: f64 = 6_000.0;
/// Tiles for each thread, so that none waits long for the last.
const SHARE: usize = 4;
/// Bytes of a tile that stay in the second cache from one command to the next.
const CACHE: usize = 256 << 10;
/// Rows below this would read a right factor too often.
const FEWEST: usize = 96;
/// Of so few rows each thread would read all of a right factor for too little work.
const FEW: usize = 32;
/// Where there are too few rows to share, a thread needs at least so many elements of a right factor.
const WIDE: usize = 1 << 15;

/// New parameters of so many elements are written to memory: the other threads have read the old ones, and to write to a line
/// that another core holds takes longer than to fetch it again.
const STREAM: usize = 1 << 13;

/// Why commands cannot run: a mistake of whoever made them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SequenceError(String);

impl fmt::Display for SequenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SequenceError {}

/// Stages of chains, checked once so that runs need no checks.
#[derive(Clone, Debug)]
pub struct Sequence {
    stages: Vec<Stage>,
    len: usize,
    max_rows: usize,
    tile: Option<usize>,
    cost: Cost,
    /// How many parameters change.
    updated: usize,
}

#[derive(Clone, Debug)]
struct Stage {
    chains: Vec<Tiled>,
    /// The index of the first command.
    first: usize,
    cost: Cost,
}

/// Nanoseconds on one thread.
#[derive(Clone, Copy, Debug)]
struct Cost {
    fixed: f64,
    row: f64,
}

impl Cost {
    fn new<'a>(commands: impl Iterator<Item = &'a Command> + Clone, max_rows: usize) -> Self {
        let at = |rows| commands.clone().map(|c| c.cost(rows)).sum::<f64>();
        Cost { fixed: at(0), row: (at(max_rows) - at(0)) / max_rows.max(1) as f64 }
    }

    fn at(self, rows: usize) -> f64 {
        self.fixed + self.row * rows as f64
    }
}

#[derive(Clone, Debug)]
struct Tiled {
    chain: Chain,
    /// Nanoseconds of a row, for the largest batch.
    cost: f64,
    /// Elements that a row reads and writes.
    elements: usize,
    /// Tiles begin at multiples of this.
    unit: usize,
    /// Whether threads share the columns of products where there are too few rows.
    wide: bool,
}

impl Sequence {
    /// Checks the stages, for an arena of `len` elements and batches of up to `max_rows` rows. `tile` is the number of rows
    /// of a tile, by default as many as caches and threads suggest.
    pub fn new(
        stages: Vec<Vec<Chain>>,
        len: usize,
        max_rows: usize,
        tile: Option<usize>,
    ) -> Result<Self, SequenceError> {
        let mut first = 0;
        let mut list = Vec::new();
        for chains in stages {
            check(&chains, len, max_rows).map_err(SequenceError)?;
            let chains: Vec<Tiled> = chains.into_iter().map(|chain| Tiled::new(chain, max_rows)).collect();
            let commands = chains.iter().flat_map(|tiled| &tiled.chain.commands);
            let (cost, count) = (Cost::new(commands.clone(), max_rows), commands.count());
            list.push(Stage { chains, first, cost });
            first += count;
        }
        let commands = list.iter().flat_map(Stage::commands);
        let cost = Cost::new(commands.clone(), max_rows);
        let updated = commands.map(Command::updated).sum();
        Ok(Sequence { stages: list, len, max_rows, tile, cost, updated })
    }

    /// The number of stages.
    pub fn stages(&self) -> usize {
        self.stages.len()
    }

    /// All commands in order, with the index of their stage and of their chain in it.
    pub fn commands(&self) -> impl Iterator<Item = (usize, usize, &Command)> {
        let chains = |(s, stage): (usize, &'_ Stage)| (0..stage.chains.len()).map(move |c| (s, c)).collect::<Vec<_>>();
        self.stages
            .iter()
            .enumerate()
            .flat_map(chains)
            .flat_map(|(s, c)| self.stages[s].chains[c].chain.commands.iter().map(move |command| (s, c, command)))
    }

    /// How many threads are worth while, of so many: one alone keeps small networks that it trains in its cache.
    fn threads(&self, rows: usize, threads: usize) -> usize {
        if threads == 1 || self.updated == 0 || self.tile.is_some() {
            return threads;
        }
        let saved = self.cost.at(rows) * (1.0 - 1.0 / threads as f64);
        let price = SERIAL + MOVE * self.updated.min(STAY) as f64;
        if saved < price { 1 } else { threads }
    }

    /// Runs one stage on the first `rows` rows of the batch. What is `lent` is read instead of its buffers. `times` takes the
    /// nanoseconds of each command of the sequence, all threads together.
    ///
    /// # Panics
    ///
    /// If the arena is shorter than promised, `rows` more than `max_rows`, too little is lent, or `times` too short.
    pub fn run<T: Real>(
        &self,
        pool: &Pool,
        arena: &mut Arena<T>,
        rows: usize,
        stage: usize,
        lent: &[Lent<'_, T>],
        times: Option<&[AtomicU64]>,
    ) {
        assert!(lent.iter().all(|l| l.data.len() >= l.buffer.extent.at(rows)), "too few elements are lent");
        assert!(arena.len() >= self.len && rows <= self.max_rows, "an arena or a batch of the wrong size");
        let stage = &self.stages[stage];
        let threads = self.threads(rows, pool.threads());
        let frame = Frame { base: arena.as_mut_slice().as_mut_ptr(), rows, lent, threads };
        let times = times.map(|times| &times[stage.first..][..stage.commands().count()]);
        if let [tiled] = &stage.chains[..]
            && tiled.wide
            && (1..=FEW).contains(&rows)
            && threads > 1
            && self.tile.is_none()
        {
            // SAFETY: the sequence is checked, and the chain is the only one.
            return unsafe { tiled.run_wide(&frame, pool, times) };
        }
        let threads = if stage.cost.at(rows) < SERIAL && self.tile.is_none() { 1 } else { threads };
        let tile = |tiled: &Tiled| self.tile.unwrap_or_else(|| tiled.tile::<T>(rows, threads));
        if threads == 1 {
            let mut first = 0;
            for tiled in &stage.chains {
                let tiles = tiled.tiles(rows, tile(tiled), threads);
                for i in 0..tiles {
                    // SAFETY: the sequence is checked, and tiles run one after the other.
                    unsafe { tiled.run(&frame, pool, i, tiles, times.map(|times| &times[first..])) };
                }
                first += tiled.chain.commands.len();
            }
            return;
        }
        let total = stage.chains.iter().map(|tiled| tiled.tiles(rows, tile(tiled), threads)).sum();
        pool.run(total, &|mut i| {
            let mut first = 0;
            for tiled in &stage.chains {
                let tiles = tiled.tiles(rows, tile(tiled), threads);
                if i < tiles {
                    // SAFETY: the sequence is checked, so tiles do not meet.
                    unsafe { tiled.run(&frame, pool, i, tiles, times.map(|times| &times[first..])) };
                    return;
                }
                i -= tiles;
                first += tiled.chain.commands.len();
            }
        });
    }
}

impl Stage {
    fn commands(&self) -> impl Iterator<Item = &Command> + Clone {
        self.chains.iter().flat_map(|tiled| &tiled.chain.commands)
    }
}

/// Whether the chains may run at once, tile by tile.
fn check(chains: &[Chain], len: usize, max_rows: usize) -> Result<(), String> {
    let mut used: Vec<(usize, &Chain, Buffer, Access)> = Vec::new();
    for (index, chain) in chains.iter().enumerate() {
        for command in &chain.commands {
            let accesses = command.accesses(chain.rows).filter(|_| command.fits());
            let accesses = accesses.ok_or_else(|| format!("sizes do not fit for {} rows: {command}", chain.rows))?;
            let meet = |a: &Buffer, b: &Buffer| {
                let (a, b) = (a.range(max_rows), b.range(max_rows));
                a.start.max(b.start) < a.end.min(b.end)
            };
            for (i, (buffer, access)) in accesses.iter().enumerate() {
                if buffer.extent.fixed.checked_mul(max_rows.max(1)).is_none() || buffer.range(max_rows).end > len {
                    return Err(format!("{buffer} lies outside the arena: {command}"));
                }
                let writes = |other: &Access| access.writes() || other.writes();
                if accesses[..i].iter().any(|(other, how)| writes(how) && meet(buffer, other)) {
                    return Err(format!("a command writes what it uses: {command}"));
                }
                let clash = used.iter().any(|(other_index, _, other, how)| {
                    let aligned = buffer == other && access.by_rows() && how.by_rows();
                    let apart = *other_index == index && (aligned || chain.rows == Extent::ONE);
                    writes(how) && meet(buffer, other) && !apart
                });
                if clash {
                    return Err(format!("another command of the stage is in the way of {command}"));
                }
            }
            used.extend(accesses.into_iter().map(|(buffer, access)| (index, chain, buffer, access)));
        }
    }
    Ok(())
}

impl Tiled {
    fn new(chain: Chain, max_rows: usize) -> Self {
        let rows = chain.rows.at(max_rows).max(1);
        let cost = chain.commands.iter().map(|c| c.cost(max_rows)).sum::<f64>() / rows as f64;
        let cut = |command: &Command| command.accesses(chain.rows).unwrap_or_default();
        let mut buffers: Vec<Buffer> = Vec::new();
        for (buffer, access) in chain.commands.iter().flat_map(cut) {
            if access.by_rows() && !buffers.contains(&buffer) {
                buffers.push(buffer);
            }
        }
        let elements = buffers.iter().map(|b| b.extent.at(max_rows)).sum::<usize>() / rows;
        let unit = match chain.commands.first() {
            Some(Command::Matmul { transpose_a: true, .. }) => product::CUT,
            Some(Command::Reduce { outer: Extent::ONE, .. }) => crate::reduce::WIDTH,
            // Of few rows, tiles of products that are all full would make unequal shares.
            _ if rows >= 2 * FEWEST && chain.commands.iter().any(|c| matches!(c, Command::Matmul { .. })) => {
                product::ROWS
            }
            _ => 2,
        };
        let wide = chain.rows == Extent::BATCH && chain.commands.iter().any(is_wide);
        Tiled { chain, cost, elements, unit, wide }
    }

    /// The rows of a tile.
    fn tile<T>(&self, rows: usize, threads: usize) -> usize {
        if self.chain.rows == Extent::ONE {
            return 1;
        }
        let count = self.chain.rows.at(rows);
        let room =
            if self.chain.commands.len() == 1 { usize::MAX } else { CACHE / (self.elements * size_of::<T>()).max(1) };
        let mut tile = room.max(FEWEST);
        if threads > 1 {
            let share = count.div_ceil(SHARE * threads);
            tile = tile.min(share.max((TILE / self.cost) as usize)).min(count.div_ceil(threads));
        }
        tile.clamp(1, count.max(1))
    }

    /// The number of tiles of at most about `tile` rows; if there are several, as many for each thread.
    fn tiles(&self, rows: usize, tile: usize, threads: usize) -> usize {
        let count = self.chain.rows.at(rows);
        if self.chain.rows == Extent::ONE || count <= tile {
            return 1;
        }
        let units = count.div_ceil(self.unit);
        units.div_ceil((tile / self.unit).max(1)).next_multiple_of(threads).min(units)
    }

    /// Runs one tile.
    ///
    /// # Safety
    ///
    /// The chain is checked, no other thread runs the same tile, and none runs other stages.
    unsafe fn run<T: Real>(
        &self,
        frame: &Frame<'_, T>,
        pool: &Pool,
        index: usize,
        tiles: usize,
        times: Option<&[AtomicU64]>,
    ) {
        let count = self.chain.rows.at(frame.rows);
        let rows = if tiles == 1 { 0..count } else { piece(count, self.unit, tiles, index) };
        for (i, command) in self.chain.commands.iter().enumerate() {
            // SAFETY: the caller's promise.
            timed(times.map(|times| &times[i]), || unsafe {
                frame.execute(pool, command, self.chain.rows, rows.clone());
            });
        }
    }

    /// Runs all rows, one command after the other, of which large products are cut between threads by their columns.
    ///
    /// # Safety
    ///
    /// The chain is checked, its rows are those of the batch, and no other thread runs it or other stages.
    unsafe fn run_wide<T: Real>(&self, frame: &Frame<'_, T>, pool: &Pool, times: Option<&[AtomicU64]>) {
        let rows = 0..frame.rows;
        for (i, command) in self.chain.commands.iter().enumerate() {
            let time = times.map(|times| &times[i]);
            match command {
                Command::Matmul { n, k, .. } if is_wide(command) => {
                    let parts = pool.threads().min(n / PANEL).min(n * k.fixed / WIDE);
                    pool.run(parts, &|part| {
                        let columns = piece(*n, PANEL, parts, part);
                        // SAFETY: the caller's promise, and columns are disjoint.
                        timed(time, || unsafe { frame.multiply(command, rows.clone(), columns) });
                    });
                }
                // SAFETY: the caller's promise.
                _ => timed(time, || unsafe { frame.execute(pool, command, self.chain.rows, rows.clone()) }),
            }
        }
    }
}

/// Does some work and adds what it took to `time`.
fn timed(time: Option<&AtomicU64>, work: impl FnOnce()) {
    let start = time.map(|_| Instant::now());
    work();
    if let (Some(time), Some(start)) = (time, start) {
        time.fetch_add(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
    }
}

/// Whether a product of few rows is worth a fork-join.
fn is_wide(command: &Command) -> bool {
    match command {
        Command::Matmul { n, k, .. } => !k.batched && *n >= 2 * PANEL && n * k.fixed >= 2 * WIDE,
        _ => false,
    }
}

/// Elements to read in place of those of a buffer.
#[derive(Clone, Copy, Debug)]
pub struct Lent<'a, T> {
    /// Which buffer.
    pub buffer: Buffer,
    /// Its elements.
    pub data: &'a [T],
}

/// The arena during a run.
struct Frame<'a, T> {
    base: *mut T,
    rows: usize,
    lent: &'a [Lent<'a, T>],
    /// How many threads share the plan.
    threads: usize,
}

// SAFETY: tiles touch disjoint elements, as `check` has made sure.
unsafe impl<T: Sync> Sync for Frame<'_, T> {}

impl<T: Real> Frame<'_, T> {
    fn at(&self, buffer: &Buffer) -> *mut T {
        self.base.wrapping_add(buffer.offset)
    }

    /// Where a buffer is read.
    fn source(&self, buffer: &Buffer) -> *const T {
        match self.lent.iter().find(|lent| lent.buffer == *buffer) {
            Some(lent) => lent.data.as_ptr(),
            None => self.at(buffer),
        }
    }

    /// Some rows of `width` elements to read.
    ///
    /// # Safety
    ///
    /// They lie inside the buffer, and nobody writes them.
    unsafe fn read(&self, buffer: &Buffer, rows: Range<usize>, width: usize) -> &[T] {
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts(self.source(buffer).add(rows.start * width), rows.len() * width) }
    }

    /// Some rows of `width` elements to write.
    ///
    /// # Safety
    ///
    /// They lie inside the buffer, and nobody else touches them.
    #[allow(clippy::mut_from_ref)]
    unsafe fn write(&self, buffer: &Buffer, rows: Range<usize>, width: usize) -> &mut [T] {
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.at(buffer).add(rows.start * width), rows.len() * width) }
    }

    /// Computes some rows and columns of a product.
    ///
    /// # Safety
    ///
    /// The command is checked for so many rows, and nobody else touches what is written here, or writes what is read.
    unsafe fn multiply(&self, command: &Command, rows: Range<usize>, columns: Range<usize>) {
        let Command::Matmul { m, n, k, transpose_a, packed, a, b, c, accumulate, finish, sums } = command else {
            return;
        };
        let (m, k) = (m.at(self.rows), k.at(self.rows));
        if k == 0 && !accumulate {
            // SAFETY: the caller's promise; a product without depth is not cut by columns.
            unsafe { self.write(c, rows.clone(), *n).fill(T::ZERO) };
        }
        if let Some(sums) = sums.filter(|_| k == 0 && rows.start == 0) {
            // SAFETY: as above.
            unsafe { self.write(&sums, 0..1, *n).fill(T::ZERO) };
        }
        if k == 0 || rows.is_empty() || columns.is_empty() {
            return;
        }
        let dims = MatmulDims { m, n: *n, k, transpose_a: *transpose_a };
        let b = self.source(b);
        let b = if *packed { product::Right::Packed(b, k, *n) } else { product::Right::Rows(b, *n) };
        let (a, c) = (self.source(a), self.at(c));
        let finish = finish.map(|(finish, with)| (finish, self.source(&with)));
        let sums = sums.map(|sums| self.at(&sums));
        // SAFETY: the caller's promise.
        unsafe { MatmulJob { dims, a, b, c, accumulate: *accumulate, finish, sums }.run(rows, columns) };
    }

    /// Runs a command on some of `all` rows.
    ///
    /// # Safety
    ///
    /// The command is checked for so many rows, and nobody else touches what it writes, or writes what it reads.
    unsafe fn execute(&self, pool: &Pool, command: &Command, all: Extent, rows: Range<usize>) {
        let whole = all == Extent::ONE;
        let batch = if whole { 0..self.rows } else { rows.clone() };
        // SAFETY: the caller's promise.
        unsafe {
            match command {
                Command::Map { program, extent, operands, outputs } => {
                    let len = extent.at(self.rows);
                    let range = match width(*extent, all) {
                        Some(width) if !whole => len.min(rows.start * width)..len.min(rows.end * width),
                        _ => 0..len,
                    };
                    let mut targets = [std::ptr::null_mut(); MAX_WRITES];
                    targets.iter_mut().zip(outputs).for_each(|(to, output)| *to = self.at(output));
                    let mut inputs = [const { MaybeUninit::<Input<T>>::uninit() }; MAX_READS];
                    for (input, operand) in inputs.iter_mut().zip(operands) {
                        input.write(match operand {
                            Reading::Buffer(x, layout) => {
                                Input { start: self.source(x), layout: *layout, in_place: false }
                            }
                            Reading::Output(k) => Input { start: targets[*k], layout: Layout::Full, in_place: true },
                        });
                    }
                    let inputs = std::slice::from_raw_parts(inputs.as_ptr().cast(), operands.len());
                    let stream = self.threads > 1 && program.updates() && extent.fixed >= STREAM;
                    Job { program, inputs, outputs: &targets[..outputs.len()], stream }.run(range);
                }
                Command::Tape(tape) => tape.run_rows(self.base, batch, self.lent),
                Command::Pack { k, n, transposed, b, packed } => {
                    let (k, b, to) = (k.at(self.rows), self.source(b), self.at(packed));
                    let panels = if whole { 0..n.div_ceil(PANEL) } else { rows };
                    PackJob { k, n: *n, b, transposed: *transposed, to }.run(panels);
                }
                Command::Matmul { m, n, .. } => {
                    self.multiply(command, if whole { 0..m.at(self.rows) } else { rows }, 0..*n);
                }
                Command::Reduce { kind, outer, axis, inner, x, y } => {
                    let (outer, axis) = (outer.at(self.rows), axis.at(self.rows));
                    let (x, y) = (self.source(x), self.at(y));
                    let job = ReduceJob { kind: *kind, outer, axis, inner: *inner, x, y };
                    if whole {
                        job.run(0..job.strips());
                    } else if outer == 1 && !all.batched {
                        let width = crate::reduce::WIDTH;
                        job.run(rows.start / width..rows.end.div_ceil(width));
                    } else {
                        let each = outer / all.at(self.rows).max(1);
                        let job = job.rows(rows.start * each..rows.end * each);
                        job.run(0..job.strips());
                    }
                }
                Command::Copy { sizes, x, from, from_strides, y, to, to_strides } => {
                    let mut dims = [0; MAX_DIMS];
                    dims.iter_mut().zip(sizes).for_each(|(dim, size)| *dim = size.at(batch.len()));
                    let x_rows = if x.extent.batched { batch.clone() } else { 0..1 };
                    let y_rows = if y.extent.batched { batch } else { 0..1 };
                    let x = self.read(x, x_rows, x.extent.fixed);
                    let y = self.write(y, y_rows, y.extent.fixed);
                    copy::copy_strided(pool, &dims[..sizes.len()], x, *from, from_strides, y, *to, to_strides);
                }
                Command::Gather { rows: table_rows, width, table, indices, y } => {
                    let count = indices.extent.fixed;
                    let batch = if indices.extent.batched { batch } else { 0..1 };
                    let table = self.read(table, 0..*table_rows, *width);
                    let indices = self.read(indices, batch.clone(), count);
                    index::gather_rows(table, *table_rows, *width, indices, self.write(y, batch, count * width));
                }
                Command::OneHot { classes, indices, y } => {
                    let count = indices.extent.fixed;
                    let batch = if indices.extent.batched { batch } else { 0..1 };
                    let indices = self.read(indices, batch.clone(), count);
                    index::one_hot(indices, *classes, self.write(y, batch, count * classes));
                }
                Command::Size { extent, y } => self.write(y, 0..1, 1)[0] = T::from_f64(extent.at(self.rows) as f64),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Action, Arg, Binary, Instruction, Program};

    /// A product of each row of the batch with `k`×`n` parameters, which a second stage then changes in place, or not.
    fn sequence(k: usize, n: usize, train: bool, tile: Option<usize>) -> Sequence {
        let buffer = |offset, fixed, batched| Buffer { offset, extent: Extent { fixed, batched } };
        let rows = 1 << 10;
        let (b, a, c) = (buffer(0, k * n, false), buffer(k * n, k, true), buffer(k * n + k * rows, n, true));
        let (m, packed, transpose_a, accumulate) = (Extent::BATCH, false, false, false);
        let (k, finish, sums) = (Extent::fixed(k), None, None);
        let product = Command::Matmul { m, n, k, transpose_a, packed, a, b, c, accumulate, finish, sums };
        let action = Action::Binary(Binary::Mul, Arg::Operand(0), Arg::Constant(0.5));
        let program = Program::new(vec![Instruction { action, to: 0 }], vec![Arg::Register(0)]);
        let step = Command::Map { program, extent: b.extent, operands: vec![Reading::Output(0)], outputs: vec![b] };
        let commands = if train { vec![product, step] } else { vec![product] };
        let stages = commands.into_iter().map(|command| vec![Chain::new(vec![command])]).collect();
        Sequence::new(stages, c.range(rows).end, rows, tile).unwrap()
    }

    #[test]
    fn small_networks_are_trained_by_one_thread_on_few_rows() {
        let small = sequence(64, 64, true, None);
        assert_eq!([1, 100, 300, 1000].map(|rows| small.threads(rows, 2)), [1, 1, 2, 2]);
        assert_eq!(small.threads(1000, 1), 1);
        // More threads save more.
        assert_eq!(small.threads(220, 8), 8);
        assert_eq!(small.threads(220, 2), 1);
        // There is nothing to move, and tiles are what was asked for.
        assert_eq!(sequence(64, 64, false, None).threads(1, 2), 2);
        assert_eq!(sequence(64, 64, true, Some(4)).threads(1, 2), 2);
        // More parameters than a core keeps cost no more.
        let large = sequence(2048, 2048, true, None);
        assert_eq!(large.threads(8, 2), 2);
    }
}
