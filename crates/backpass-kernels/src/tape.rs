//! Tapes: elementwise programs of any length, over single numbers or over one number for each point.
//!
//! A [`Program`](crate::Program) keeps its values in registers, which are few. The values of a tape lie in memory, and its
//! operands and results are wherever they are. What it computes has the bits that programs compute.

mod build;

use std::cell::RefCell;
use std::fmt;
use std::mem::MaybeUninit;

use crate::functions::{self, Apply};
use crate::isa::Task;
use crate::map::{Blocks, CHUNK, Chunk, Lane, To};
use crate::program::{Binary, Unary};
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
    /// From its place.
    Load,
    /// To its place.
    Store,
}

/// One operation. With single numbers everything lies in the memory; with points values lie in slots, and what is loaded
/// or stored in the places of the tape.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Op {
    function: Function,
    to: u32,
    args: [u32; 3],
}

/// Steps with the places of what they read and write.
#[derive(Clone, Debug, PartialEq)]
pub struct Tape {
    ops: Vec<Op>,
    /// Whether there is one number for each point.
    points: bool,
    /// Where the points of operands and results begin.
    places: Vec<usize>,
    /// Numbers that points share: their slots from zero on hold the numbers at these places.
    shared: Vec<usize>,
    /// Values of points that are alive at once.
    slots: usize,
    constants: Vec<f64>,
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
            return T::run_tape_point(Point { tape: self, memory });
        }
        assert!(rows <= self.most, "the tape has places for {} points", self.most);
        let inside = |place: &usize| place.checked_add(rows).is_some_and(|end| end <= memory.len());
        assert!(self.places.iter().all(inside), "a place of the tape lies outside the memory");
        let size = (PART / self.cost.max(1)).next_multiple_of(BLOCK);
        let memory = &Shards::new(memory);
        pool.run(rows.div_ceil(size), &|i| {
            T::run_tape_points(Points { tape: self, memory, start: i * size, end: rows.min((i + 1) * size) });
        });
    }
}

/// A tape of single numbers.
pub struct Point<'a, T> {
    tape: &'a Tape,
    memory: &'a mut [T],
}

impl<T: Real> Task<T> for Point<'_, T> {
    #[inline(always)]
    fn run<S: Simd<Element = T>>(self) {
        let memory = self.memory.as_mut_ptr();
        for op in &self.tape.ops {
            // SAFETY: all places are less than `end`, and so less than the length of the memory.
            unsafe {
                let at = |place: u32| memory.add(place as usize);
                let on = One { args: op.args.map(|place| at(place).cast_const()), to: at(op.to) };
                match op.function {
                    Function::Binary(binary) => functions::binary::<T::Single>(binary, on),
                    Function::MulAdd => mul_add::<T::Single>(on),
                    Function::Unary(unary) => functions::unary::<T::Single>(unary, on),
                    Function::Select => functions::select::<T::Single>(on),
                    Function::Load | Function::Store => *on.to = *on.args[0],
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

/// Single numbers, with the place of the result.
struct One<T> {
    args: [*const T; 3],
    to: *mut T,
}

impl<S: Simd> Apply<S> for One<S::Element> {
    #[inline(always)]
    unsafe fn registers(self, f: impl Fn([S::Vector; 3]) -> S::Vector) {
        const { assert!(S::LANES == 1) };
        // SAFETY: the caller's promise.
        unsafe { S::store(self.to, f(self.args.map(|a| S::load(a)))) }
    }

    #[inline(always)]
    unsafe fn each(self, f: impl Fn(S::Element) -> S::Element) {
        // SAFETY: the caller's promise.
        unsafe { *self.to = f(*self.args[0]) }
    }

    #[inline(always)]
    unsafe fn one_by_one(self, f: impl Fn(S::Element, S::Element) -> S::Element) {
        // SAFETY: the caller's promise.
        unsafe { *self.to = f(*self.args[0], *self.args[1]) }
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
    memory: &'a Shards<'a, T>,
    start: usize,
    end: usize,
}

impl<T: Real> Task<T> for Points<'_, T> {
    #[inline(always)]
    fn run<S: Simd<Element = T>>(self) {
        let tape = self.tape;
        let fitting = CACHE / (tape.slots.max(1) * size_of::<T>());
        let size = (fitting / CHUNK * CHUNK).clamp(CHUNK, BLOCK);
        SLOTS.with_borrow_mut(|lines| {
            let needed = tape.slots * size * size_of::<T>() / size_of::<Line>();
            if lines.len() < needed {
                lines.resize(needed, Line([MaybeUninit::uninit(); 64]));
            }
            let slots: *mut Chunk<T> = lines.as_mut_ptr().cast();
            let chunks = size / CHUNK;
            // SAFETY: there are as many slots as the tape has, of `size` elements each. Those of shared numbers are filled
            // first, others are written before they are read, and no operation reads what it writes. Places lie inside the
            // memory, and parts touch disjoint points of them.
            unsafe {
                for (i, &place) in tape.shared.iter().enumerate() {
                    let number = *self.memory.as_ptr().add(place);
                    (0..chunks).for_each(|j| slots.add(i * chunks + j).write([number; CHUNK]));
                }
                let mut start = self.start;
                while start < self.end {
                    let len = size.min(self.end - start);
                    let slot = |i: u32| slots.add(i as usize * chunks);
                    let place = |i: u32| self.memory.as_ptr().add(tape.places[i as usize] + start);
                    for op in &tape.ops {
                        let blocks = || Blocks {
                            args: op.args.map(|i| Lane { start: slot(i).cast_const(), step: 1 }),
                            to: To { start: slot(op.to), len },
                        };
                        match op.function {
                            Function::Binary(binary) => functions::binary::<S>(binary, blocks()),
                            Function::MulAdd => mul_add::<S>(blocks()),
                            Function::Unary(unary) => functions::unary::<S>(unary, blocks()),
                            Function::Select => functions::select::<S>(blocks()),
                            Function::Load => {
                                if !len.is_multiple_of(CHUNK) {
                                    slot(op.to).add(len / CHUNK).write([T::ONE; CHUNK]);
                                }
                                std::ptr::copy_nonoverlapping(place(op.args[0]), slot(op.to).cast(), len);
                            }
                            Function::Store => {
                                std::ptr::copy_nonoverlapping(slot(op.args[0]).cast(), place(op.to), len);
                            }
                        }
                    }
                    start += len;
                }
            }
        });
    }
}

/// What the tape is, in one line.
impl fmt::Display for Tape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} operations", self.ops.len())?;
        if self.points { write!(f, " in {} slots", self.slots) } else { Ok(()) }
    }
}
