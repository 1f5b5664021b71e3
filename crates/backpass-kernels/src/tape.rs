//! Tapes: elementwise programs of any length, over single numbers or over one number for each point.
//!
//! A [`Program`](crate::Program) keeps its values in registers, which are few. The values of a tape lie in memory, and its
//! operands and results are wherever they are. What it computes has the bits that programs compute.

mod build;
mod order;

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;
use std::mem::MaybeUninit;
use std::ops::Range;

use crate::command::{Access, Buffer, Extent};
use crate::functions::{self, Apply};
use crate::isa::Task;
use crate::map::{Blocks, CHUNK, Chunk, Lane, To};
use crate::program::{Binary, Unary};
use crate::sequence::Lent;
use crate::shards::Shards;
use crate::simd::Simd;
use crate::{Pool, Real};

/// What a step of a tape takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// An operand of the tape.
    Operand(usize),
    /// The result of an earlier step.
    Step(usize),
    /// A number.
    Constant(f64),
}

/// What a step of a tape computes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step {
    /// A function of one value.
    Unary(Unary, Value),
    /// A function of two values.
    Binary(Binary, Value, Value),
    /// The second value where the first is not zero, else the third.
    Select(Value, Value, Value),
}

/// Where an operand or a result lies in the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// One number here, for all points.
    Number(usize),
    /// One number for each point, from here on.
    Points(usize),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Function {
    Unary(Unary),
    Binary(Binary),
    Select,
    /// a·b + c, both rounded.
    MulAdd,
    /// c − a·b, both rounded.
    SubMul,
    /// From its place.
    Load,
    /// To its place.
    Store,
}

/// One operation. With single numbers everything lies in the memory; with points values lie in slots, and what is loaded
/// or stored in the places of the tape.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Op {
    to: u32,
    args: [u32; 3],
}

/// Operations with one function, one after the other.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Run {
    function: Function,
    len: usize,
}

/// Steps with the places of what they read and write.
#[derive(Clone, Debug, PartialEq)]
pub struct Tape {
    operands: Vec<Place>,
    results: Vec<Place>,
    /// Where the constants begin.
    free: usize,
    ops: Vec<Op>,
    runs: Vec<Run>,
    /// With single numbers, the element of the memory from which places count.
    base: usize,
    /// Whether there is one number for each point.
    points: bool,
    /// Where the points of operands and results begin.
    places: Vec<usize>,
    /// Numbers that points share: their slots from zero on hold the numbers at these places.
    shared: Vec<usize>,
    /// Values of points that are alive at once.
    slots: usize,
    constants: Vec<f64>,
    /// How many elements the tape has for itself, constants and values.
    own: usize,
    /// One more than the last element of the memory that is used, but for points.
    end: usize,
    /// The most points for which no result overlaps anything else.
    most: usize,
    cost: usize,
}

/// The bytes of a cache in which values of points should fit.
const CACHE: usize = 24 << 10;
/// The most points of a block.
const BLOCK: usize = 16 * CHUNK;
/// The work of one part, in the unit of [`Unary::cost`]: about ten microseconds.
const PART: usize = 100_000;

impl Tape {
    /// The numbers that must lie in the memory from `free` on, as it was given to [`Tape::new`].
    pub fn constants(&self) -> &[f64] {
        &self.constants
    }

    /// One more than the last element of the memory that the tape uses, but for points.
    pub fn end(&self) -> usize {
        self.end
    }

    /// Runs the tape, for `rows` points if it is one of points.
    ///
    /// # Panics
    ///
    /// If a place lies outside the memory, or if the points of a result would overlap something else.
    pub fn run<T: Real>(&self, pool: &Pool, memory: &mut [T], rows: usize) {
        assert!(self.end <= memory.len(), "the tape needs a memory of {} elements", self.end);
        if !self.points {
            // SAFETY: the memory is as long as the tape needs, and borrowed exclusively.
            return unsafe { self.run_rows(memory.as_mut_ptr(), 0..1, &[]) };
        }
        assert!(rows <= self.most, "the tape has places for {} points", self.most);
        let inside = |place: &usize| place.checked_add(rows).is_some_and(|end| end <= memory.len());
        assert!(self.places.iter().all(inside), "a place of the tape lies outside the memory");
        let size = (PART / self.cost.max(1)).next_multiple_of(BLOCK);
        let memory = &Shards::new(memory);
        pool.run(rows.div_ceil(size), &|i| {
            // SAFETY: as above, and parts are apart, for results do not overlap anything.
            unsafe { self.run_rows(memory.as_ptr(), i * size..rows.min((i + 1) * size), &[]) };
        });
    }

    /// Runs the tape for some of the points, if it is one of points. Points that are `lent` are read there.
    ///
    /// # Safety
    ///
    /// The places lie inside the memory, nobody else touches these points of the results, writes what is read, or uses what
    /// the tape has for itself, and what is lent has as many points.
    pub(crate) unsafe fn run_rows<T: Real>(&self, memory: *mut T, rows: Range<usize>, lent: &[Lent<'_, T>]) {
        if !self.points {
            return T::run_tape_point(Point { tape: self, memory });
        }
        let fitting = CACHE / (self.slots.max(1) * size_of::<T>());
        let block = (fitting / CHUNK * CHUNK).clamp(CHUNK, BLOCK);
        let lines = self.slots * block * size_of::<T>() / size_of::<Line>();
        SLOTS.with_borrow_mut(|slots| {
            if slots.len() < lines {
                slots.resize(lines, Line([MaybeUninit::uninit(); 64]));
            }
            T::run_tape_points(Points { tape: self, memory, lent, slots, block, rows });
        });
    }

    /// Whether there is one number for each point.
    pub(crate) fn has_points(&self) -> bool {
        self.points
    }

    /// A rough time on one thread in nanoseconds.
    pub(crate) fn cost(&self, rows: usize) -> f64 {
        self.cost as f64 * if self.points { rows as f64 * 0.1 } else { 1.0 }
    }

    /// What the tape uses; points that it reads are accessed as `read` says.
    pub(crate) fn accesses(&self, read: Access) -> Vec<(Buffer, Access)> {
        let written: HashSet<Place> = self.results.iter().copied().collect();
        let only_read = self.operands.iter().filter(|place| !written.contains(place));
        let own = Buffer { offset: self.free, extent: Extent::fixed(self.own) };
        let mut list = vec![(own, if self.points { Access::Whole } else { Access::Write })];
        list.retain(|(own, _)| own.extent.fixed > 0);
        let mut numbers = Vec::new();
        let reads = only_read.map(|&place| (place, read, Access::Whole));
        for (place, points, number) in reads.chain(written.iter().map(|&place| (place, Access::Write, Access::Write))) {
            match place {
                Place::Points(offset) => list.push((Buffer { offset, extent: Extent::BATCH }, points)),
                Place::Number(offset) => numbers.push((offset, number)),
            }
        }
        // Numbers lie side by side.
        numbers.sort_unstable_by_key(|&(offset, _)| offset);
        for (offset, access) in numbers {
            match list.last_mut() {
                Some((last, how)) if !last.extent.batched && *how == access && last.range(0).end == offset => {
                    last.extent.fixed += 1;
                }
                _ => list.push((Buffer { offset, extent: Extent::ONE }, access)),
            }
        }
        list
    }
}

/// A tape of single numbers.
pub struct Point<'a, T> {
    tape: &'a Tape,
    memory: *mut T,
}

impl<T: Real> Task<T> for Point<'_, T> {
    #[inline(always)]
    fn run<S: Simd<Element = T>>(self) {
        let memory = self.memory.wrapping_add(self.tape.base);
        let mut ops = &self.tape.ops[..];
        for run in &self.tape.runs {
            let on = Numbers { memory, ops: ops.split_off(..run.len).unwrap_or_default() };
            // SAFETY: all places lie inside the memory.
            unsafe {
                match run.function {
                    Function::Binary(binary) => functions::binary::<T::Single>(binary, on),
                    Function::MulAdd => mul_add::<T::Single>(on),
                    Function::SubMul => sub_mul::<T::Single>(on),
                    Function::Unary(unary) => functions::unary::<T::Single>(unary, on),
                    Function::Select => functions::select::<T::Single>(on),
                    Function::Load | Function::Store => Apply::<T::Single>::each(on, |x| x),
                }
            }
        }
    }
}

/// # Safety
///
/// As for [`Apply::registers`].
#[inline(always)]
unsafe fn mul_add<S: Simd>(on: impl Apply<S>) {
    // SAFETY: the caller's promise. Programs round twice.
    unsafe { on.registers(|[a, b, c]| S::add(S::mul(a, b), c)) }
}

/// # Safety
///
/// As for [`Apply::registers`].
#[inline(always)]
unsafe fn sub_mul<S: Simd>(on: impl Apply<S>) {
    // SAFETY: the caller's promise. Programs round twice.
    unsafe { on.registers(|[a, b, c]| S::sub(c, S::mul(a, b))) }
}

/// Single numbers.
struct Numbers<'a, T> {
    memory: *mut T,
    ops: &'a [Op],
}

impl<S: Simd> Apply<S> for Numbers<'_, S::Element> {
    #[inline(always)]
    unsafe fn registers(self, f: impl Fn([S::Vector; 3]) -> S::Vector) {
        const { assert!(S::LANES == 1) };
        for op in self.ops {
            // SAFETY: the caller's promise.
            unsafe {
                let args = op.args.map(|place| S::load(self.memory.add(place as usize)));
                S::store(self.memory.add(op.to as usize), f(args));
            }
        }
    }

    #[inline(always)]
    unsafe fn each(self, f: impl Fn(S::Element) -> S::Element) {
        for op in self.ops {
            // SAFETY: the caller's promise.
            unsafe { *self.memory.add(op.to as usize) = f(*self.memory.add(op.args[0] as usize)) }
        }
    }

    #[inline(always)]
    unsafe fn each_within(
        self,
        _within: impl Fn(S::Element) -> bool,
        _f: impl Fn(S::Element) -> S::Element,
        elsewhere: impl Fn(S::Element) -> S::Element,
    ) {
        // SAFETY: the caller's promise.
        unsafe { Apply::<S>::each(self, elsewhere) }
    }

    #[inline(always)]
    unsafe fn one_by_one(self, f: impl Fn(S::Element, S::Element) -> S::Element) {
        for op in self.ops {
            let [a, b, _] = op.args.map(|place| self.memory.wrapping_add(place as usize));
            // SAFETY: the caller's promise.
            unsafe { *self.memory.add(op.to as usize) = f(*a, *b) }
        }
    }
}

/// A line of a cache.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line(#[expect(dead_code, reason = "it is memory")] [MaybeUninit<u8>; 64]);

thread_local! {
    /// Slots for the values of a block. What they hold means nothing between two tapes.
    static SLOTS: RefCell<Vec<Line>> = const { RefCell::new(Vec::new()) };
}

/// Some of the points of a tape.
pub struct Points<'a, T> {
    tape: &'a Tape,
    memory: *mut T,
    lent: &'a [Lent<'a, T>],
    slots: &'a mut [Line],
    /// The points that are computed together.
    block: usize,
    rows: Range<usize>,
}

impl<T: Real> Task<T> for Points<'_, T> {
    #[inline(always)]
    fn run<S: Simd<Element = T>>(self) {
        let Points { tape, memory, lent, .. } = self;
        let slots: *mut Chunk<T> = self.slots.as_mut_ptr().cast();
        let chunks = self.block / CHUNK;
        let source = |place: usize| match lent.iter().find(|lent| lent.buffer.offset == place) {
            Some(lent) => lent.data.as_ptr(),
            None => memory.wrapping_add(place).cast_const(),
        };
        // SAFETY: there are as many slots as the tape has, of `block` elements each. Those of shared numbers are filled first,
        // others are written before they are read, and no operation reads what it writes. Places lie inside the memory, and
        // parts touch disjoint points of them.
        unsafe {
            for (i, &place) in tape.shared.iter().enumerate() {
                let number = *memory.add(place);
                (0..chunks).for_each(|j| slots.add(i * chunks + j).write([number; CHUNK]));
            }
            let mut start = self.rows.start;
            while start < self.rows.end {
                let len = self.block.min(self.rows.end - start);
                let mut ops = &tape.ops[..];
                for run in &tape.runs {
                    let ops = ops.split_off(..run.len).unwrap_or_default();
                    let on = Slots { slots, chunks, len, ops };
                    let place = |i: u32| tape.places[i as usize];
                    match run.function {
                        Function::Binary(binary) => functions::binary::<S>(binary, on),
                        Function::MulAdd => mul_add::<S>(on),
                        Function::SubMul => sub_mul::<S>(on),
                        Function::Unary(unary) => functions::unary::<S>(unary, on),
                        Function::Select => functions::select::<S>(on),
                        Function::Load => {
                            for op in ops {
                                let to = on.slot(op.to);
                                if !len.is_multiple_of(CHUNK) {
                                    to.add(len / CHUNK).write([T::ONE; CHUNK]);
                                }
                                let from = source(place(op.args[0])).add(start);
                                std::ptr::copy_nonoverlapping(from, to.cast(), len);
                            }
                        }
                        Function::Store => {
                            for op in ops {
                                let to = memory.add(place(op.to) + start);
                                std::ptr::copy_nonoverlapping(on.slot(op.args[0]).cast(), to, len);
                            }
                        }
                    }
                }
                start += len;
            }
        }
    }
}

/// Blocks of points.
#[derive(Clone, Copy)]
struct Slots<'a, T> {
    slots: *mut Chunk<T>,
    /// The chunks of a slot.
    chunks: usize,
    /// The points that count.
    len: usize,
    ops: &'a [Op],
}

impl<T> Slots<'_, T> {
    #[inline(always)]
    fn slot(&self, i: u32) -> *mut Chunk<T> {
        self.slots.wrapping_add(i as usize * self.chunks)
    }

    #[inline(always)]
    fn blocks(&self, op: &Op) -> Blocks<T> {
        let lane = |i| Lane { start: self.slot(i).cast_const(), step: 1 };
        let [a, b, c] = op.args;
        Blocks { args: [lane(a), lane(b), lane(c)], to: To { start: self.slot(op.to), len: self.len } }
    }
}

impl<S: Simd> Apply<S> for Slots<'_, S::Element>
where
    S::Element: Real,
{
    #[inline(always)]
    unsafe fn registers(self, f: impl Fn([S::Vector; 3]) -> S::Vector) {
        for op in self.ops {
            // SAFETY: the caller's promise.
            unsafe { Apply::<S>::registers(self.blocks(op), &f) }
        }
    }

    #[inline(always)]
    unsafe fn each(self, f: impl Fn(S::Element) -> S::Element) {
        for op in self.ops {
            // SAFETY: the caller's promise.
            unsafe { Apply::<S>::each(self.blocks(op), &f) }
        }
    }

    #[inline(always)]
    unsafe fn each_within(
        self,
        within: impl Fn(S::Element) -> bool,
        f: impl Fn(S::Element) -> S::Element,
        elsewhere: impl Fn(S::Element) -> S::Element,
    ) {
        for op in self.ops {
            // SAFETY: the caller's promise.
            unsafe { Apply::<S>::each_within(self.blocks(op), &within, &f, &elsewhere) }
        }
    }

    #[inline(always)]
    unsafe fn one_by_one(self, f: impl Fn(S::Element, S::Element) -> S::Element) {
        for op in self.ops {
            // SAFETY: the caller's promise.
            unsafe { Apply::<S>::one_by_one(self.blocks(op), &f) }
        }
    }
}

/// What the tape is, in one line.
impl fmt::Display for Tape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.ops.len();
        if self.points {
            write!(f, "tape batch, {count} operations in {} slots", self.slots)
        } else {
            write!(f, "tape 1, {count} operations")
        }
    }
}
