//! Elementwise programs, run block by block in the first-level cache.

use std::mem::MaybeUninit;
use std::ops::Range;

use crate::arena::LINE;
use crate::functions::{self, Apply};
use crate::fused::{FUSED_READS, FUSED_WRITES, Fused};
use crate::isa::Task;
use crate::program::{Action, Arg, MAX_REGISTERS, Program};
use crate::simd::Simd;
use crate::{MAX_WRITES, Pool, Real, philox};

/// Elements that are computed together: the loops over them have no remainder.
pub(crate) const CHUNK: usize = 16;
/// The elements of a register.
const BLOCK: usize = 16 * CHUNK;
/// The work of one part, in the unit of `Program::cost`: about ten microseconds.
const PART: usize = 100_000;
/// Blocks besides the registers: one for each argument, and one for the result at hand.
const SPARE: usize = 4;

pub(crate) type Chunk<T> = [T; CHUNK];

#[repr(align(64))]
struct Memory<T>([MaybeUninit<Chunk<T>>; (SPARE + MAX_REGISTERS) * BLOCK / CHUNK]);

/// Which element of an operand belongs to element i of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Element i.
    Full,
    /// Element 0.
    Scalar,
    /// Element i % period: a row, repeated.
    Row(usize),
    /// Element i / repeat: a column, each element repeated.
    Column(usize),
}

/// Where the elements of an operand are.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a, T> {
    /// In a slice.
    Slice(&'a [T]),
    /// In an output, before it is overwritten; only with [`Layout::Full`].
    Output(usize),
}

/// An operand of a program.
#[derive(Clone, Copy, Debug)]
pub struct Operand<'a, T> {
    /// Where its elements are.
    pub source: Source<'a, T>,
    /// Which of them are used.
    pub layout: Layout,
}

/// Where an operand begins, and how it is read.
#[derive(Clone, Copy)]
pub(crate) struct Input<T> {
    pub start: *const T,
    pub layout: Layout,
    /// Whether it is an output, before it is overwritten.
    pub in_place: bool,
}

/// Runs `program` on every one of `len` elements: `outputs[k][i]` becomes the value of
/// `program.outputs[k]` for element i.
///
/// A `Full` operand has `len` elements, a `Row(period)` has `period`, a `Column(repeat)` has at
/// least `len / repeat` rounded up, a `Scalar` at least one; every output has `len`.
///
/// # Panics
///
/// If a length is wrong, if there are more than [`MAX_WRITES`] outputs, if an operand does not exist, or if an output
/// of the program is the old value of another output.
pub fn map<T: Real>(pool: &Pool, program: &Program, len: usize, operands: &[Operand<'_, T>], outputs: &mut [&mut [T]]) {
    check(program, len, operands, outputs);
    if len == 0 {
        return;
    }
    let list: Vec<*mut T> = outputs.iter_mut().map(|output| output.as_mut_ptr()).collect();
    let input = |operand: &Operand<'_, T>| match operand.source {
        Source::Slice(x) => Input { start: x.as_ptr(), layout: operand.layout, in_place: false },
        Source::Output(k) => Input { start: list[k].cast_const(), layout: operand.layout, in_place: true },
    };
    let inputs: Vec<Input<T>> = operands.iter().map(input).collect();
    let job = Job { program, inputs: &inputs, outputs: &list, stream: false };
    let size = (PART / program.cost().max(1)).next_multiple_of(BLOCK);
    pool.run(len.div_ceil(size), &|i| {
        // SAFETY: `check` has made sure of the lengths, and the parts' ranges are disjoint.
        unsafe { job.run(i * size..len.min((i + 1) * size)) };
    });
}

/// A program with what it reads and writes.
#[derive(Clone, Copy)]
pub(crate) struct Job<'a, T> {
    pub program: &'a Program,
    pub inputs: &'a [Input<T>],
    pub outputs: &'a [*mut T],
    /// Whether the last output of a fused program goes to memory rather than to the cache.
    pub stream: bool,
}

// SAFETY: whoever runs a job promises that parts touch disjoint elements of the outputs.
unsafe impl<T: Sync> Sync for Job<'_, T> {}

impl<T: Real> Job<'_, T> {
    /// Runs the program on some elements.
    ///
    /// # Safety
    ///
    /// Inputs and outputs are good for these elements in their layouts, nobody else writes what is read here, or touches
    /// these elements of the outputs.
    pub(crate) unsafe fn run(self, range: Range<usize>) {
        T::run_map(Part { job: self, range });
    }
}

fn check<T>(program: &Program, len: usize, operands: &[Operand<'_, T>], outputs: &[&mut [T]]) {
    assert!(outputs.len() <= MAX_WRITES, "{} outputs", outputs.len());
    assert_eq!(outputs.len(), program.outputs().len(), "the program has another number of outputs");
    for (k, output) in outputs.iter().enumerate() {
        assert_eq!(output.len(), len, "output {k} has a wrong length");
    }
    for (i, operand) in operands.iter().enumerate() {
        let Operand { source, layout } = operand;
        let fits = match (source, *layout) {
            (Source::Output(k), layout) => *k < outputs.len() && layout == Layout::Full,
            (Source::Slice(x), Layout::Full) => x.len() == len,
            (Source::Slice(x), Layout::Scalar) => !x.is_empty(),
            (Source::Slice(x), Layout::Row(period)) => x.len() == period && (period > 0 || len == 0),
            (Source::Slice(x), Layout::Column(repeat)) => len == 0 || repeat > 0 && x.len() >= len.div_ceil(repeat),
        };
        assert!(fits, "operand {i} does not fit its layout {layout:?}");
    }
    assert!(program.operands() <= operands.len(), "there is no operand {}", operands.len());
    for (k, &arg) in program.outputs().iter().enumerate() {
        if let Arg::Operand(i) = arg
            && let Source::Output(old) = operands[usize::from(i)].source
        {
            assert_eq!(old, k, "output {k} is the old value of another");
        }
    }
}

/// The values of an argument in one block: each chunk at `start`, or the same one for all.
#[derive(Clone, Copy)]
pub(crate) struct Lane<T> {
    pub start: *const Chunk<T>,
    /// One, or zero for the same chunk again and again.
    pub step: usize,
}

/// Where an instruction writes a block; whole chunks, of which the first `len` elements count.
#[derive(Clone, Copy)]
pub(crate) struct To<T> {
    pub start: *mut Chunk<T>,
    pub len: usize,
}

/// Some of the elements of a map.
pub struct Part<'a, T> {
    job: Job<'a, T>,
    range: Range<usize>,
}

impl<T: Real> Task<T> for Part<'_, T> {
    #[inline(always)]
    fn run<S: Simd<Element = T>>(self) {
        let mut memory = Memory::<T>([const { MaybeUninit::uninit() }; (SPARE + MAX_REGISTERS) * BLOCK / CHUNK]);
        let memory: *mut Chunk<T> = memory.0.as_mut_ptr().cast();
        let block_at = |i: usize| memory.wrapping_add(i * (BLOCK / CHUNK));
        // An instruction writes the spare block, which then changes places with its register: no block is read and
        // written at once.
        let mut spare = block_at(SPARE - 1);
        let mut registers: [*mut Chunk<T>; MAX_REGISTERS] = std::array::from_fn(|i| block_at(SPARE + i));
        let mut rows = [None; FUSED_READS];
        // A program in one pass needs no blocks, but for operands that are repeated.
        let whole = self.job.program.fused().is_some_and(|fused| {
            let layout = |&operand: &u8| self.job.inputs[usize::from(operand)].layout;
            fused.operands.iter().all(|operand| matches!(layout(operand), Layout::Full | Layout::Scalar))
        });
        let most = if whole { usize::MAX } else { BLOCK };
        let mut start = self.range.start;
        while start < self.range.end {
            // Whole chunks first; what is left of the last one is copied into a whole one.
            let left = self.range.end - start;
            let len = if left < CHUNK { left } else { most.min(left - left % CHUNK) };
            let block = start..start + len;
            if let Some(fused) = self.job.program.fused() {
                // SAFETY: no registers are in use, so all blocks are free.
                unsafe { self.pass::<S>(fused, &block, block_at, &mut rows) };
                start += len;
                continue;
            }
            for instruction in self.job.program.instructions() {
                let to = To { start: spare, len };
                // SAFETY: registers are written before they are read, each argument has its own block of scratch, and
                // nothing else points to the spare block.
                unsafe {
                    let fetch = |arg, scratch| self.fetch(arg, &block, &registers, block_at(scratch));
                    let [a, b, c] = instruction.action.args();
                    match instruction.action {
                        Action::Unary(unary, _) => {
                            let a = fetch(a, 0);
                            functions::unary::<S>(unary, Blocks { args: [a, a, a], to });
                        }
                        Action::Binary(binary, ..) => {
                            let (a, b) = (fetch(a, 0), fetch(b, 1));
                            functions::binary::<S>(binary, Blocks { args: [a, b, b], to });
                        }
                        Action::Select(..) => {
                            let args = [fetch(a, 0), fetch(b, 1), fetch(c, 2)];
                            functions::select::<S>(Blocks { args, to });
                        }
                        Action::Uniform { key, step } => {
                            let step = self.step(step, fetch(a, 0));
                            let to: *mut T = to.start.cast();
                            let to = std::slice::from_raw_parts_mut(to, len.next_multiple_of(CHUNK));
                            uniform(key, step, start, to);
                        }
                        Action::Normal { key, step } => {
                            let step = self.step(step, fetch(a, 0));
                            count(to, |i| T::from_f64(philox::normal(key, step, (start + i) as u64)));
                        }
                    }
                }
                std::mem::swap(&mut spare, &mut registers[usize::from(instruction.to)]);
            }
            for (&arg, output) in self.job.program.outputs().iter().zip(self.job.outputs) {
                if let Arg::Operand(i) = arg
                    && self.job.inputs[usize::from(i)].in_place
                {
                    continue; // It keeps its old value.
                }
                // SAFETY: as above; the parts' ranges are disjoint, and nothing borrowed from this output is in use.
                unsafe {
                    let value = self.fetch(arg, &block, &registers, block_at(0));
                    let to = std::slice::from_raw_parts_mut(output.add(start), len);
                    let (whole, rest) = to.as_chunks_mut::<CHUNK>();
                    for (i, to) in whole.iter_mut().enumerate() {
                        *to = *value.start.add(i * value.step);
                    }
                    rest.iter_mut().enumerate().for_each(|(i, to)| *to = at(value, i));
                }
            }
            start += len;
        }
        if self.job.stream {
            // SAFETY: the instruction set is there.
            unsafe { S::fence() };
        }
    }
}

impl<T: Real> Part<'_, T> {
    /// Runs a block of a fused program. `rows` says from which element on a repeated row stands in the block of an operand:
    /// it is the same for all blocks when the row divides them.
    ///
    /// # Safety
    ///
    /// `block_at` gives blocks that nobody else uses.
    #[inline(always)]
    unsafe fn pass<S: Simd<Element = T>>(
        &self,
        fused: &Fused,
        block: &Range<usize>,
        block_at: impl Fn(usize) -> *mut Chunk<T>,
        rows: &mut [Option<usize>; FUSED_READS],
    ) {
        let len = block.len();
        let broken = !len.is_multiple_of(CHUNK);
        // SAFETY: each operand and each output has a block of its own; the ranges of parts are disjoint, and outputs hold
        // whole chunks unless they are broken.
        unsafe {
            let nothing = Lane { start: std::ptr::null(), step: 0 };
            let mut lanes = [nothing; FUSED_READS];
            for (i, (lane, &operand)) in lanes.iter_mut().zip(&fused.operands).enumerate() {
                let Input { layout, .. } = self.job.inputs[usize::from(operand)];
                let first = if let Layout::Row(period) = layout { Some(block.start % period) } else { None };
                *lane = match rows[i] {
                    Some(_) if rows[i] == first => Lane { start: block_at(i), step: 1 },
                    _ => self.operand(usize::from(operand), block, block_at(i)),
                };
                rows[i] = first.filter(|_| lane.start == block_at(i).cast_const());
            }
            let mut to = [To { start: std::ptr::null_mut(), len: 0 }; FUSED_WRITES];
            for (k, (to, output)) in to.iter_mut().zip(self.job.outputs).enumerate() {
                let direct = output.add(block.start).cast();
                *to = To { start: if broken { block_at(FUSED_READS + k) } else { direct }, len };
            }
            let stream = self.job.stream && !broken && to[self.job.outputs.len() - 1].start.addr().is_multiple_of(LINE);
            fused.run::<S>(&lanes, &to, stream);
            for (to, output) in to.iter().zip(self.job.outputs).filter(|_| broken) {
                std::ptr::copy_nonoverlapping(to.start.cast(), output.add(block.start), len);
            }
        }
    }

    /// The values of an argument in a block, where they are or in `scratch`.
    ///
    /// # Safety
    ///
    /// Registers and `scratch` hold a block, nobody else uses `scratch`, and registers have been written.
    #[inline(always)]
    unsafe fn fetch(
        &self,
        arg: Arg,
        block: &Range<usize>,
        registers: &[*mut Chunk<T>; MAX_REGISTERS],
        scratch: *mut Chunk<T>,
    ) -> Lane<T> {
        match arg {
            Arg::Register(i) => Lane { start: registers[usize::from(i)], step: 1 },
            // SAFETY: the caller's promise.
            Arg::Constant(c) => unsafe { all(T::from_f64(c), scratch) },
            // SAFETY: the caller's promise.
            Arg::Operand(i) => unsafe { self.operand(usize::from(i), block, scratch) },
        }
    }

    /// # Safety
    ///
    /// `scratch` holds a block, and nobody else uses it.
    #[inline(always)]
    unsafe fn operand(&self, i: usize, block: &Range<usize>, scratch: *mut Chunk<T>) -> Lane<T> {
        let (len, chunks) = (block.len(), block.len().div_ceil(CHUNK));
        let Input { start: x, layout, .. } = self.job.inputs[i];
        // SAFETY: the caller's promise; a number may hold any bits, and all are set before they are read.
        let clean = || unsafe {
            let first = if len.is_multiple_of(CHUNK) { chunks } else { chunks - 1 };
            (first..chunks).for_each(|i| scratch.add(i).write([T::ONE; CHUNK]));
            std::slice::from_raw_parts_mut(scratch.cast::<T>(), len)
        };
        let in_scratch = Lane { start: scratch.cast_const(), step: 1 };
        // SAFETY: the job is good for these elements.
        unsafe {
            match layout {
                Layout::Scalar => all(*x, scratch),
                Layout::Full if len.is_multiple_of(CHUNK) => Lane { start: x.add(block.start).cast(), step: 1 },
                Layout::Full => {
                    clean().copy_from_slice(std::slice::from_raw_parts(x.add(block.start), len));
                    in_scratch
                }
                Layout::Row(period) => {
                    let first = block.start % period;
                    if first + len <= period && len.is_multiple_of(CHUNK) {
                        return Lane { start: x.add(first).cast(), step: 1 };
                    }
                    repeat_row(std::slice::from_raw_parts(x, period), first, clean());
                    in_scratch
                }
                Layout::Column(repeat) => {
                    let i = block.start / repeat;
                    if block.end <= (i + 1) * repeat {
                        return all(*x.add(i), scratch);
                    }
                    repeat_column(std::slice::from_raw_parts(x, block.end.div_ceil(repeat)), repeat, block, clean());
                    in_scratch
                }
            }
        }
    }

    /// Element 0 of the argument that was fetched as `lane`.
    fn step(&self, arg: Arg, lane: Lane<T>) -> u64 {
        let first = match arg {
            // SAFETY: an input has at least one element.
            Arg::Operand(i) => unsafe { *self.job.inputs[usize::from(i)].start },
            // SAFETY: a lane holds at least one chunk.
            _ => unsafe { (*lane.start)[0] },
        };
        first.to_f64() as u64
    }
}

/// Fills `to`, at most a block, with the uniform numbers of the elements from `start` on.
#[inline(always)]
fn uniform<T: Real>(key: u64, step: u64, start: usize, to: &mut [T]) {
    let (counter, skipped) = (start / 4, start % 4);
    let mut numbers = [[T::ZERO; 4]; BLOCK / 4 + 1];
    let numbers = &mut numbers[..(skipped + to.len()).div_ceil(4)];
    philox::fill_uniform(key, step, counter as u64, numbers);
    to.copy_from_slice(&numbers.as_flattened()[skipped..skipped + to.len()]);
}

/// Fills `to` with the repeated row `x` from element `first` on.
fn repeat_row<T: Real>(x: &[T], first: usize, to: &mut [T]) {
    let len = to.len();
    // One period, turned to begin at `first`; then double what is there.
    let head = (x.len() - first).min(len);
    to[..head].copy_from_slice(&x[first..first + head]);
    let mut done = x.len().min(len);
    to[head..done].copy_from_slice(&x[..done - head]);
    while done < len {
        let more = done.min(len - done);
        to.copy_within(..more, done);
        done += more;
    }
}

/// Fills `to` with the part of the column `x` that lies in `block`.
fn repeat_column<T: Real>(x: &[T], repeat: usize, block: &Range<usize>, to: &mut [T]) {
    let (mut at, mut i) = (block.start, block.start / repeat);
    while at < block.end {
        let end = block.end.min((i + 1) * repeat);
        to[at - block.start..end - block.start].fill(x[i]);
        (at, i) = (end, i + 1);
    }
}

/// The same number everywhere.
///
/// # Safety
///
/// `scratch` holds a chunk.
#[inline(always)]
unsafe fn all<T: Real>(x: T, scratch: *mut Chunk<T>) -> Lane<T> {
    // SAFETY: the caller's promise.
    unsafe { scratch.write([x; CHUNK]) };
    Lane { start: scratch, step: 0 }
}

/// Blocks of arguments, with the block that takes the result: it is apart from the arguments.
pub(crate) struct Blocks<T> {
    pub args: [Lane<T>; 3],
    pub to: To<T>,
}

impl<S: Simd> Apply<S> for Blocks<S::Element>
where
    S::Element: Real,
{
    #[inline(always)]
    unsafe fn registers(self, f: impl Fn([S::Vector; 3]) -> S::Vector) {
        for i in 0..self.to.len.div_ceil(CHUNK) {
            for j in (0..CHUNK).step_by(S::LANES) {
                // SAFETY: the caller's promise.
                unsafe {
                    let args = self.args.map(|a| S::load(a.start.add(i * a.step).cast::<S::Element>().add(j)));
                    S::store(self.to.start.add(i).cast::<S::Element>().add(j), f(args));
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn each(self, f: impl Fn(S::Element) -> S::Element) {
        let (a, to) = (self.args[0], self.to);
        let chunks = to.len.div_ceil(CHUNK);
        let different = if a.step == 0 { 1 } else { chunks };
        // SAFETY: the caller's promise; a number may hold any bits.
        unsafe {
            let x = std::slice::from_raw_parts(a.start.cast::<S::Element>(), different * CHUNK);
            let y = std::slice::from_raw_parts_mut(to.start.cast::<S::Element>(), different * CHUNK);
            apply(x, y, f);
            (different..chunks).for_each(|i| *to.start.add(i) = *to.start);
        }
    }

    #[inline(always)]
    unsafe fn each_within(
        self,
        within: impl Fn(S::Element) -> bool,
        f: impl Fn(S::Element) -> S::Element,
        elsewhere: impl Fn(S::Element) -> S::Element,
    ) {
        let (a, len) = (self.args[0], self.to.len);
        let chunks = if a.step == 0 { 1 } else { len.div_ceil(CHUNK) };
        // SAFETY: the caller's promise.
        unsafe {
            let x = std::slice::from_raw_parts(a.start.cast::<S::Element>(), chunks * CHUNK);
            if x.iter().fold(true, |all, &x| all & within(x)) {
                Apply::<S>::each(self, f);
            } else {
                count(self.to, |i| elsewhere(at(a, i)));
            }
        }
    }

    #[inline(always)]
    unsafe fn one_by_one(self, f: impl Fn(S::Element, S::Element) -> S::Element) {
        let [a, b, _] = self.args;
        // SAFETY: the caller's promise.
        unsafe { count(self.to, |i| f(at(a, i), at(b, i))) }
    }
}

#[inline(always)]
fn apply<T: Real>(x: &[T], y: &mut [T], f: impl Fn(T) -> T) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y = f(x);
    }
}

/// One element after the other, and no more than count, for functions that are slow enough to care.
///
/// # Safety
///
/// `to` is good for the block.
#[inline(always)]
unsafe fn count<T: Real>(to: To<T>, value: impl Fn(usize) -> T) {
    // SAFETY: the caller's promise; the rest of the last chunk is set so that it can be read.
    unsafe {
        if !to.len.is_multiple_of(CHUNK) {
            *to.start.add(to.len / CHUNK) = [T::ONE; CHUNK];
        }
        (0..to.len).for_each(|i| *to.start.cast::<T>().add(i) = value(i));
    }
}

/// Element `i` of a block.
///
/// # Safety
///
/// The lane is good for it.
#[inline(always)]
unsafe fn at<T: Real>(lane: Lane<T>, i: usize) -> T {
    // SAFETY: the caller's promise.
    unsafe { (*lane.start.add(i / CHUNK * lane.step))[i % CHUNK] }
}

#[inline(always)]
pub(crate) fn max<T: Real>(a: T, b: T) -> T {
    #[allow(clippy::eq_op)]
    let take = (a >= b) | (a != a);
    if take { a } else { b }
}
