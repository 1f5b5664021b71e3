//! Elementwise programs, run block by block in the first-level cache.

use std::mem::MaybeUninit;
use std::ops::Range;

use crate::isa::{Task, dispatch};
use crate::program::{Action, Arg, Binary, MAX_REGISTERS, Program, Unary};
use crate::shards::Shards;
use crate::{MAX_WRITES, Pool, Real, math, philox};

/// The elements of a register.
const BLOCK: usize = 256;
/// The work of one part, in the unit of `Program::cost`: about ten microseconds.
const PART: usize = 100_000;

/// The blocks besides the registers: one for the result at hand, and one for each argument.
const SPARE: usize = 4;

#[repr(align(64))]
struct Memory<T>([MaybeUninit<T>; BLOCK * (SPARE + MAX_REGISTERS)]);

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

/// Runs `program` on every one of `len` elements: `outputs[k][i]` becomes the value of
/// `program.outputs[k]` for element i.
///
/// A `Full` operand has `len` elements, a `Row(period)` has `period`, a `Column(repeat)` has at
/// least `len / repeat` rounded up, a `Scalar` at least one; every output has `len`.
///
/// # Panics
///
/// If a length is wrong, if there are more than [`MAX_WRITES`] outputs, if a register is out of
/// range or read before it is written, if an operand does not exist, or if an output of the
/// program is the old value of another output.
pub fn map<T: Real>(pool: &Pool, program: &Program, len: usize, operands: &[Operand<'_, T>], outputs: &mut [&mut [T]]) {
    check(program, len, operands, outputs);
    if len == 0 {
        return;
    }
    let count = outputs.len();
    let mut slices = outputs.iter_mut();
    let outputs: [Shards<'_, T>; MAX_WRITES] =
        std::array::from_fn(|_| Shards::new(slices.next().map_or(&mut [], |slice| slice)));
    let part = |range: Range<usize>| {
        dispatch(Part { program, operands, outputs: &outputs[..count], range });
    };
    let size = (PART / program.cost().max(1)).next_multiple_of(BLOCK);
    if len < 2 * size {
        part(0..len);
    } else {
        pool.run(len.div_ceil(size), &|i| {
            part(i * size..len.min((i + 1) * size));
        });
    }
}

fn check<T>(program: &Program, len: usize, operands: &[Operand<'_, T>], outputs: &[&mut [T]]) {
    assert!(outputs.len() <= MAX_WRITES, "{} outputs", outputs.len());
    assert_eq!(outputs.len(), program.outputs.len(), "the program has another number of outputs");
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
    let mut written = 0_u32;
    let check_arg = |arg, written: u32| match arg {
        Arg::Operand(i) => assert!(usize::from(i) < operands.len(), "there is no operand {i}"),
        Arg::Register(i) => assert!(
            usize::from(i) < MAX_REGISTERS && written >> i & 1 == 1,
            "register {i} is read before it is written"
        ),
        Arg::Constant(_) => {}
    };
    for instruction in &program.instructions {
        for arg in instruction.action.args() {
            check_arg(arg, written);
        }
        let to = instruction.to;
        assert!(usize::from(to) < MAX_REGISTERS, "there is no register {to}");
        written |= 1 << to;
    }
    for (k, &arg) in program.outputs.iter().enumerate() {
        check_arg(arg, written);
        if let Arg::Operand(i) = arg
            && let Source::Output(old) = operands[usize::from(i)].source
        {
            assert_eq!(old, k, "output {k} is the old value of another");
        }
    }
}

/// The values of an argument in one block.
#[derive(Clone, Copy)]
enum Lane<'a, T> {
    Each(&'a [T]),
    All(T),
}

struct Part<'a, T> {
    program: &'a Program,
    operands: &'a [Operand<'a, T>],
    outputs: &'a [Shards<'a, T>],
    range: Range<usize>,
}

impl<T: Real> Task for Part<'_, T> {
    #[inline(always)]
    fn run(self) {
        let width = self.range.len().min(BLOCK);
        let count = self.program.registers();
        let mut memory = Memory([const { MaybeUninit::uninit() }; BLOCK * (SPARE + MAX_REGISTERS)]);
        let memory = &mut memory.0[..width * (SPARE + count)];
        memory.fill(MaybeUninit::new(T::ZERO));
        // SAFETY: filled on the line above.
        let memory = unsafe { memory.assume_init_mut() };
        let (scratch, memory) = memory.split_at_mut(width * (SPARE - 1));
        // An instruction writes the spare block, which then changes places with its register: so
        // no block is read and written at once.
        let (mut spare, memory) = memory.split_at_mut(width);
        let mut registers: [&mut [T]; MAX_REGISTERS] = Default::default();
        for (register, block) in registers.iter_mut().zip(memory.chunks_exact_mut(width)) {
            *register = block;
        }
        for start in self.range.clone().step_by(BLOCK) {
            let block = start..self.range.end.min(start + BLOCK);
            let len = block.len();
            for instruction in &self.program.instructions {
                let [a, b, c] = instruction.action.args();
                let (sa, rest) = scratch.split_at_mut(width);
                let (sb, sc) = rest.split_at_mut(width);
                let a = self.fetch(a, &block, &registers, sa);
                let b = self.fetch(b, &block, &registers, sb);
                let c = self.fetch(c, &block, &registers, sc);
                let to = &mut spare[..len];
                match instruction.action {
                    Action::Unary(unary, _) => run_unary(unary, a, to),
                    Action::Binary(binary, ..) => run_binary(binary, a, b, to),
                    Action::Select(..) => run_select(a, b, c, to),
                    Action::Uniform { key, step } => {
                        let step = self.step(step, a);
                        for (i, to) in to.iter_mut().enumerate() {
                            *to = T::from_f64(philox::uniform(key, step, (start + i) as u64));
                        }
                    }
                    Action::Normal { key, step } => {
                        let step = self.step(step, a);
                        for (i, to) in to.iter_mut().enumerate() {
                            *to = T::from_f64(philox::normal(key, step, (start + i) as u64));
                        }
                    }
                }
                std::mem::swap(&mut spare, &mut registers[usize::from(instruction.to)]);
            }
            for (&arg, output) in self.program.outputs.iter().zip(self.outputs) {
                if let Arg::Operand(i) = arg
                    && let Source::Output(_) = self.operands[usize::from(i)].source
                {
                    continue; // It keeps its old value.
                }
                let value = self.fetch(arg, &block, &registers, scratch);
                // SAFETY: the parts' ranges are disjoint, and nothing borrowed from this output
                // is still in use.
                let to = unsafe { output.write(block.clone()) };
                match value {
                    Lane::Each(x) => to.copy_from_slice(x),
                    Lane::All(x) => to.fill(x),
                }
            }
        }
    }
}

impl<T: Real> Part<'_, T> {
    fn fetch<'b>(
        &'b self,
        arg: Arg,
        block: &Range<usize>,
        registers: &'b [&mut [T]],
        scratch: &'b mut [T],
    ) -> Lane<'b, T> {
        let operand = match arg {
            Arg::Constant(c) => return Lane::All(T::from_f64(c)),
            Arg::Register(i) => return Lane::Each(&registers[usize::from(i)][..block.len()]),
            Arg::Operand(i) => &self.operands[usize::from(i)],
        };
        match (operand.source, operand.layout) {
            (Source::Slice(x), Layout::Full) => Lane::Each(&x[block.clone()]),
            (Source::Slice(x), Layout::Scalar) => Lane::All(x[0]),
            (Source::Slice(x), Layout::Row(_)) => Lane::Each(row(x, block, scratch)),
            (Source::Slice(x), Layout::Column(repeat)) => column(x, repeat, block, scratch),
            // SAFETY: only this part touches the range, and it writes it after its last use.
            (Source::Output(k), _) => Lane::Each(unsafe { self.outputs[k].read(block.clone()) }),
        }
    }

    /// Element 0 of the argument that was fetched as `lane`.
    fn step(&self, arg: Arg, lane: Lane<'_, T>) -> u64 {
        let first = match (arg, lane) {
            (Arg::Operand(i), _) if let Source::Slice(x) = self.operands[usize::from(i)].source => x[0],
            (_, Lane::Each(x)) => x[0],
            (_, Lane::All(x)) => x,
        };
        first.to_f64() as u64
    }
}

/// The part of the repeated row `x` that lies in `block`.
fn row<'b, T: Real>(x: &'b [T], block: &Range<usize>, scratch: &'b mut [T]) -> &'b [T] {
    let (len, first) = (block.len(), block.start % x.len());
    if first + len <= x.len() {
        return &x[first..first + len];
    }
    let scratch = &mut scratch[..len];
    // One period, turned to begin at `first`; then double what is there.
    let head = (x.len() - first).min(len);
    scratch[..head].copy_from_slice(&x[first..first + head]);
    let mut done = x.len().min(len);
    scratch[head..done].copy_from_slice(&x[..done - head]);
    while done < len {
        let more = done.min(len - done);
        scratch.copy_within(..more, done);
        done += more;
    }
    scratch
}

/// The part of the column `x` that lies in `block`.
fn column<'b, T: Real>(x: &[T], repeat: usize, block: &Range<usize>, scratch: &'b mut [T]) -> Lane<'b, T> {
    let (mut at, mut i) = (block.start, block.start / repeat);
    if block.end <= (i + 1) * repeat {
        return Lane::All(x[i]);
    }
    while at < block.end {
        let end = block.end.min((i + 1) * repeat);
        scratch[at - block.start..end - block.start].fill(x[i]);
        (at, i) = (end, i + 1);
    }
    Lane::Each(&scratch[..block.len()])
}

#[inline(always)]
fn each<T: Real>(a: Lane<'_, T>, to: &mut [T], f: impl Fn(T) -> T) {
    match a {
        Lane::Each(a) => {
            for (to, &a) in to.iter_mut().zip(a) {
                *to = f(a);
            }
        }
        Lane::All(a) => to.fill(f(a)),
    }
}

#[inline(always)]
fn zip<T: Real>(a: Lane<'_, T>, b: Lane<'_, T>, to: &mut [T], f: impl Fn(T, T) -> T) {
    match (a, b) {
        (Lane::Each(a), Lane::Each(b)) => {
            for ((to, &a), &b) in to.iter_mut().zip(a).zip(b) {
                *to = f(a, b);
            }
        }
        (a, Lane::All(b)) => each(a, to, |a| f(a, b)),
        (Lane::All(a), b) => each(b, to, |b| f(a, b)),
    }
}

#[inline(always)]
fn run_unary<T: Real>(unary: Unary, a: Lane<'_, T>, to: &mut [T]) {
    match unary {
        Unary::Neg => each(a, to, |x| -x),
        Unary::Abs => each(a, to, |x| x.abs()),
        Unary::Sqrt => each(a, to, |x| x.sqrt()),
        Unary::Exp => each(a, to, math::exp),
        Unary::Ln => each(a, to, math::ln),
        Unary::Sin => each(a, to, T::sin),
        Unary::Cos => each(a, to, T::cos),
        Unary::Tanh => each(a, to, math::tanh),
        Unary::Sigmoid => each(a, to, math::sigmoid),
        Unary::Softplus => each(a, to, math::softplus),
        Unary::Erf => each(a, to, math::erf),
        Unary::Recip => each(a, to, |x| T::ONE / x),
        Unary::Step => each(a, to, |x| {
            let not_above = if x <= T::ZERO { T::ZERO } else { x };
            if x > T::ZERO { T::ONE } else { not_above }
        }),
        Unary::Relu => each(a, to, |x| if x <= T::ZERO { T::ZERO } else { x }),
        Unary::Square => each(a, to, |x| x * x),
    }
}

#[inline(always)]
fn run_binary<T: Real>(binary: Binary, a: Lane<'_, T>, b: Lane<'_, T>, to: &mut [T]) {
    let truth = |truth| if truth { T::ONE } else { T::ZERO };
    match binary {
        Binary::Add => zip(a, b, to, |a, b| a + b),
        Binary::Sub => zip(a, b, to, |a, b| a - b),
        Binary::Mul => zip(a, b, to, |a, b| a * b),
        Binary::Div => zip(a, b, to, |a, b| a / b),
        Binary::Pow => zip(a, b, to, T::pow),
        Binary::Atan2 => zip(a, b, to, T::atan2),
        Binary::Min => zip(a, b, to, min),
        Binary::Max => zip(a, b, to, max),
        Binary::Lt => zip(a, b, to, |a, b| truth(a < b)),
        Binary::Le => zip(a, b, to, |a, b| truth(a <= b)),
        Binary::Gt => zip(a, b, to, |a, b| truth(a > b)),
        Binary::Ge => zip(a, b, to, |a, b| truth(a >= b)),
        Binary::Eq => zip(a, b, to, |a, b| truth(a == b)),
        Binary::Ne => zip(a, b, to, |a, b| truth(a != b)),
    }
}

#[inline(always)]
fn run_select<T: Real>(a: Lane<'_, T>, b: Lane<'_, T>, c: Lane<'_, T>, to: &mut [T]) {
    // The second argument first: then two are left for the third.
    zip(b, b, to, |b, _| b);
    let choose = |to: &mut T, a: T, c: T| *to = if a != T::ZERO { *to } else { c };
    match (a, c) {
        (Lane::Each(a), Lane::Each(c)) => {
            for ((to, &a), &c) in to.iter_mut().zip(a).zip(c) {
                choose(to, a, c);
            }
        }
        (Lane::Each(a), Lane::All(c)) => to.iter_mut().zip(a).for_each(|(to, &a)| choose(to, a, c)),
        (Lane::All(a), Lane::Each(c)) => to.iter_mut().zip(c).for_each(|(to, &c)| choose(to, a, c)),
        (Lane::All(a), Lane::All(c)) => to.iter_mut().for_each(|to| choose(to, a, c)),
    }
}

#[inline(always)]
pub(crate) fn min<T: Real>(a: T, b: T) -> T {
    #[allow(clippy::eq_op)]
    let take = (a <= b) | (a != a);
    if take { a } else { b }
}

#[inline(always)]
pub(crate) fn max<T: Real>(a: T, b: T) -> T {
    #[allow(clippy::eq_op)]
    let take = (a >= b) | (a != a);
    if take { a } else { b }
}
