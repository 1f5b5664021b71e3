//! Programs that training runs most often, in one pass: their values stay in registers from operand to output.
//!
//! Each is written once. With a [`Recorder`] it gives the pattern by which a program is recognised; with [`Registers`] it
//! computes. Both do the same operations in the same order, so the bits are those of the program.

use std::cell::RefCell;
use std::marker::PhantomData;

use crate::Real;
use crate::map::{CHUNK, Lane, To};
use crate::program::{Action, Arg, Binary, Instruction, Unary};
use crate::simd::Simd;

/// The most constants of one pattern.
const CONSTANTS: usize = 4;
/// The most operands of one pattern.
pub(crate) const FUSED_READS: usize = 8;
/// The most outputs of one pattern.
pub(crate) const FUSED_WRITES: usize = 4;

/// Something to compute with.
trait Numbers {
    type Value: Copy;
    fn add(&self, a: Self::Value, b: Self::Value) -> Self::Value;
    fn sub(&self, a: Self::Value, b: Self::Value) -> Self::Value;
    fn mul(&self, a: Self::Value, b: Self::Value) -> Self::Value;
    fn div(&self, a: Self::Value, b: Self::Value) -> Self::Value;
    fn sqrt(&self, x: Self::Value) -> Self::Value;
    fn relu(&self, x: Self::Value) -> Self::Value;
    fn step(&self, x: Self::Value) -> Self::Value;
}

/// A rectified layer.
#[inline(always)]
fn rectified<N: Numbers>(n: &N, [x, bias]: [N::Value; 2], _: [N::Value; 0]) -> [N::Value; 1] {
    [n.relu(n.add(x, bias))]
}

/// A gradient through a rectified layer, from its value.
#[inline(always)]
fn gated<N: Numbers>(n: &N, [gradient, y]: [N::Value; 2], _: [N::Value; 0]) -> [N::Value; 1] {
    [n.mul(gradient, n.step(y))]
}

/// Gradient descent.
#[inline(always)]
fn descent<N: Numbers>(n: &N, [parameter, gradient, rate]: [N::Value; 3], _: [N::Value; 0]) -> [N::Value; 1] {
    [n.sub(parameter, n.mul(gradient, rate))]
}

/// Adam: both means and the change of the parameter.
#[inline(always)]
fn moments<N: Numbers>(n: &N, [mean, gradient, square, eps, rate]: [N::Value; 5], c: [N::Value; 4]) -> [N::Value; 3] {
    let mean = n.add(n.mul(mean, c[0]), n.mul(gradient, c[1]));
    let square = n.add(n.mul(square, c[2]), n.mul(n.mul(gradient, gradient), c[3]));
    [mean, square, n.mul(n.div(mean, n.add(n.sqrt(square), eps)), rate)]
}

/// Adam.
#[inline(always)]
fn adam<N: Numbers>(n: &N, [m, g, v, eps, rate, parameter]: [N::Value; 6], c: [N::Value; 4]) -> [N::Value; 3] {
    let [mean, square, change] = moments(n, [m, g, v, eps, rate], c);
    [mean, square, n.sub(parameter, change)]
}

/// Adam with decoupled weight decay.
#[inline(always)]
fn adamw<N: Numbers>(n: &N, [m, g, v, eps, rate, parameter, decay]: [N::Value; 7], c: [N::Value; 4]) -> [N::Value; 3] {
    let [mean, square, change] = moments(n, [m, g, v, eps, rate], c);
    [mean, square, n.sub(n.sub(parameter, change), n.mul(parameter, decay))]
}

macro_rules! fused {
    ($($Name:ident: $function:ident),+ $(,)?) => {
        /// A program that is run in one pass.
        #[derive(Clone, Copy, Debug, PartialEq)]
        enum Name {
            $($Name,)+
        }

        const ALL: &[Name] = &[$(Name::$Name,)+];

        impl Name {
            fn pattern(self) -> Pattern {
                let recorder = Recorder::default();
                let outputs = match self {
                    $(Name::$Name => $function(&recorder, symbols(Symbol::Operand), symbols(Symbol::Constant)).to_vec(),)+
                };
                Pattern { steps: recorder.steps.into_inner(), outputs }
            }
        }

        impl Fused {
            /// Computes a block: `lanes` are those of [`Fused::operands`], `to` those of the outputs.
            ///
            /// # Safety
            ///
            /// Lanes and outputs are good for whole chunks of the block, and an output is apart from the lanes or the very
            /// same elements.
            #[inline(always)]
            pub(crate) unsafe fn run<S: Simd>(
                &self,
                lanes: &[Lane<S::Element>; FUSED_READS],
                to: &[To<S::Element>; FUSED_WRITES],
                stream: bool,
            )
            where
                S::Element: Real,
            {
                // SAFETY: the caller's promise.
                unsafe {
                    match self.name {
                        $(Name::$Name => pass::<S, _, _, _>(lanes, &self.constants, to, stream, |x, c| $function(&Registers::<S>(PhantomData), x, c)),)+
                    }
                }
            }
        }
    };
}

fused! {
    Rectified: rectified,
    Gated: gated,
    Descent: descent,
    Adam: adam,
    AdamW: adamw,
}

fn symbols<const N: usize>(of: impl Fn(usize) -> Symbol) -> [Symbol; N] {
    std::array::from_fn(of)
}

/// Calls `f` on all registers of a block.
///
/// # Safety
///
/// As for [`Fused::run`].
#[inline(always)]
unsafe fn pass<S: Simd, const X: usize, const C: usize, const Y: usize>(
    lanes: &[Lane<S::Element>; FUSED_READS],
    constants: &[f64; CONSTANTS],
    to: &[To<S::Element>; FUSED_WRITES],
    stream: bool,
    f: impl Fn([S::Vector; X], [S::Vector; C]) -> [S::Vector; Y],
) where
    S::Element: Real,
{
    // SAFETY: the caller's promise.
    unsafe {
        let constants: [S::Vector; C] = std::array::from_fn(|i| S::splat(S::Element::from_f64(constants[i])));
        for i in 0..to[0].len.div_ceil(CHUNK) {
            for j in (0..CHUNK).step_by(S::LANES) {
                let x: [S::Vector; X] = std::array::from_fn(|k| {
                    let lane = lanes[k];
                    S::load(lane.start.add(i * lane.step).cast::<S::Element>().add(j))
                });
                let y = f(x, constants);
                for (k, (to, y)) in to.iter().zip(y).enumerate() {
                    let to = to.start.add(i).cast::<S::Element>().add(j);
                    if stream && k == Y - 1 { S::stream(to, y) } else { S::store(to, y) }
                }
            }
        }
    }
}

/// Computes.
struct Registers<S>(PhantomData<S>);

impl<S: Simd> Numbers for Registers<S>
where
    S::Element: Real,
{
    type Value = S::Vector;

    #[inline(always)]
    fn add(&self, a: S::Vector, b: S::Vector) -> S::Vector {
        // SAFETY: only `Fused::run` makes these, where the instruction set is there; so for all that follow.
        unsafe { S::add(a, b) }
    }

    #[inline(always)]
    fn sub(&self, a: S::Vector, b: S::Vector) -> S::Vector {
        // SAFETY: see above.
        unsafe { S::sub(a, b) }
    }

    #[inline(always)]
    fn mul(&self, a: S::Vector, b: S::Vector) -> S::Vector {
        // SAFETY: see above.
        unsafe { S::mul(a, b) }
    }

    #[inline(always)]
    fn div(&self, a: S::Vector, b: S::Vector) -> S::Vector {
        // SAFETY: see above.
        unsafe { S::div(a, b) }
    }

    #[inline(always)]
    fn sqrt(&self, x: S::Vector) -> S::Vector {
        // SAFETY: see above.
        unsafe { S::sqrt(x) }
    }

    #[inline(always)]
    fn relu(&self, x: S::Vector) -> S::Vector {
        // SAFETY: see above.
        unsafe { crate::functions::relu::<S>(x) }
    }

    #[inline(always)]
    fn step(&self, x: S::Vector) -> S::Vector {
        // SAFETY: see above.
        unsafe { crate::functions::step::<S>(x) }
    }
}

/// A value of a pattern.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Symbol {
    Operand(usize),
    Constant(usize),
    Step(usize),
}

/// A function and its arguments; a function of one number has its argument twice.
type Step<V> = (Function, [V; 2]);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Function {
    Unary(Unary),
    Binary(Binary),
}

struct Pattern {
    steps: Vec<Step<Symbol>>,
    outputs: Vec<Symbol>,
}

/// Writes down what is computed.
#[derive(Default)]
struct Recorder {
    steps: RefCell<Vec<Step<Symbol>>>,
}

impl Recorder {
    fn push(&self, function: Function, args: [Symbol; 2]) -> Symbol {
        let mut steps = self.steps.borrow_mut();
        steps.push((function, args));
        Symbol::Step(steps.len() - 1)
    }
}

impl Numbers for Recorder {
    type Value = Symbol;

    fn add(&self, a: Symbol, b: Symbol) -> Symbol {
        self.push(Function::Binary(Binary::Add), [a, b])
    }

    fn sub(&self, a: Symbol, b: Symbol) -> Symbol {
        self.push(Function::Binary(Binary::Sub), [a, b])
    }

    fn mul(&self, a: Symbol, b: Symbol) -> Symbol {
        self.push(Function::Binary(Binary::Mul), [a, b])
    }

    fn div(&self, a: Symbol, b: Symbol) -> Symbol {
        self.push(Function::Binary(Binary::Div), [a, b])
    }

    fn sqrt(&self, x: Symbol) -> Symbol {
        self.push(Function::Unary(Unary::Sqrt), [x, x])
    }

    fn relu(&self, x: Symbol) -> Symbol {
        self.push(Function::Unary(Unary::Relu), [x, x])
    }

    fn step(&self, x: Symbol) -> Symbol {
        self.push(Function::Unary(Unary::Step), [x, x])
    }
}

/// A program of two operands, the first of which may be a sum that a matrix product is about to store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// max(sum + bias, 0)
    Rectified,
    /// sum · (1 where y > 0, else 0)
    Gated,
}

impl Finish {
    /// What is stored in place of the sum.
    ///
    /// # Safety
    ///
    /// As for the methods of [`Simd`].
    #[inline(always)]
    pub(crate) unsafe fn apply<S: Simd>(self, sum: S::Vector, with: S::Vector) -> S::Vector
    where
        S::Element: Real,
    {
        let n = &Registers::<S>(PhantomData);
        let [y] = match self {
            Finish::Rectified => rectified(n, [sum, with], []),
            Finish::Gated => gated(n, [sum, with], []),
        };
        y
    }
}

/// How a program is run in one pass.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fused {
    name: Name,
    /// For each operand of the pattern the operand of the program.
    pub operands: Vec<u8>,
    constants: [f64; CONSTANTS],
}

impl Fused {
    /// Recognises a program whose registers are written before they are read.
    pub(crate) fn find(instructions: &[Instruction], outputs: &[Arg]) -> Option<Fused> {
        let program = Program::new(instructions, outputs)?;
        ALL.iter().find_map(|&name| program.matches(name))
    }

    /// Whether the last output is the new value of a parameter.
    pub(crate) fn updates(&self) -> bool {
        matches!(self.name, Name::Descent | Name::Adam | Name::AdamW)
    }

    /// The program as one that a matrix product can run.
    pub(crate) fn finish(&self) -> Option<Finish> {
        match self.name {
            Name::Rectified => Some(Finish::Rectified),
            Name::Gated => Some(Finish::Gated),
            Name::Descent | Name::Adam | Name::AdamW => None,
        }
    }
}

/// A program whose registers are replaced by the steps that write them.
struct Program {
    steps: Vec<Step<Value>>,
    outputs: Vec<Value>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Value {
    Operand(u8),
    Constant(f64),
    Step(usize),
}

impl Program {
    /// Nothing where a function has three arguments or none.
    fn new(instructions: &[Instruction], outputs: &[Arg]) -> Option<Program> {
        let mut writer = [0; u8::MAX as usize + 1];
        let value = |arg: Arg, writer: &[usize; u8::MAX as usize + 1]| match arg {
            Arg::Operand(i) => Value::Operand(i),
            Arg::Constant(c) => Value::Constant(c),
            Arg::Register(i) => Value::Step(writer[usize::from(i)]),
        };
        let mut steps = Vec::new();
        for instruction in instructions {
            let (function, args) = match instruction.action {
                Action::Unary(f, a) => (Function::Unary(f), [a, a]),
                Action::Binary(f, a, b) => (Function::Binary(f), [a, b]),
                _ => return None,
            };
            steps.push((function, args.map(|arg| value(arg, &writer))));
            writer[usize::from(instruction.to)] = steps.len() - 1;
        }
        let outputs = outputs.iter().map(|&arg| value(arg, &writer)).collect();
        Some(Program { steps, outputs })
    }

    fn matches(&self, name: Name) -> Option<Fused> {
        let pattern = name.pattern();
        if pattern.steps.len() != self.steps.len() || pattern.outputs.len() != self.outputs.len() {
            return None;
        }
        let mut operands = [None; FUSED_READS];
        let mut constants = [None; CONSTANTS];
        let mut open: Vec<(Symbol, Value)> =
            pattern.outputs.iter().copied().zip(self.outputs.iter().copied()).collect();
        while let Some((symbol, value)) = open.pop() {
            let fits = match (symbol, value) {
                (Symbol::Operand(i), Value::Operand(j)) => *operands[i].get_or_insert(j) == j,
                (Symbol::Constant(i), Value::Constant(c)) => *constants[i].get_or_insert(c) == c,
                (Symbol::Step(i), Value::Step(j)) => {
                    let ((f, a), (g, b)) = (pattern.steps[i], self.steps[j]);
                    open.extend(a.into_iter().zip(b));
                    f == g
                }
                _ => false,
            };
            if !fits {
                return None;
            }
        }
        let operands = operands.into_iter().map_while(|operand| operand).collect();
        Some(Fused { name, operands, constants: constants.map(|c| c.unwrap_or(0.0)) })
    }
}
