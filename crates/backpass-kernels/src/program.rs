//! Elementwise programs.

use std::fmt;

/// The registers of a program: blocks of elements that stay in the first-level cache.
pub const MAX_REGISTERS: usize = 12;

/// A function of one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unary {
    /// −x
    Neg,
    /// |x|
    Abs,
    /// √x
    Sqrt,
    /// e^x
    Exp,
    /// The natural logarithm.
    Ln,
    /// Sine.
    Sin,
    /// Cosine.
    Cos,
    /// Hyperbolic tangent.
    Tanh,
    /// 1 / (1 + e^−x)
    Sigmoid,
    /// ln(1 + e^x)
    Softplus,
    /// The error function.
    Erf,
    /// 1 / x
    Recip,
    /// 1 where x > 0, else 0; NaN stays NaN.
    Step,
    /// max(x, 0); NaN stays NaN.
    Relu,
    /// x²
    Square,
}

/// A function of two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Binary {
    /// a + b
    Add,
    /// a − b
    Sub,
    /// a · b
    Mul,
    /// a / b
    Div,
    /// a to the power b.
    Pow,
    /// The angle of the point (b, a).
    Atan2,
    /// The smaller; NaN if either is.
    Min,
    /// The larger; NaN if either is.
    Max,
    /// 1 where a < b, else 0.
    Lt,
    /// 1 where a ≤ b, else 0.
    Le,
    /// 1 where a > b, else 0.
    Gt,
    /// 1 where a ≥ b, else 0.
    Ge,
    /// 1 where a = b, else 0.
    Eq,
    /// 1 where a ≠ b, else 0.
    Ne,
}

/// Where an instruction finds a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Arg {
    /// An operand of the call.
    Operand(u8),
    /// A register that was written before.
    Register(u8),
    /// A number.
    Constant(f64),
}

/// What an instruction computes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Action {
    /// A function of one argument.
    Unary(Unary, Arg),
    /// A function of two arguments.
    Binary(Binary, Arg, Arg),
    /// The second argument where the first is not zero, else the third.
    Select(Arg, Arg, Arg),
    /// Uniform numbers in [0, 1), of the index of the element in the output.
    Uniform {
        /// Which sequence.
        key: u64,
        /// Which part of the sequence: element 0 of the argument, as an integer.
        step: Arg,
    },
    /// Standard normal numbers, of the index of the element in the output.
    Normal {
        /// Which sequence.
        key: u64,
        /// Which part of the sequence: element 0 of the argument, as an integer.
        step: Arg,
    },
}

/// One step of a program.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Instruction {
    /// What to compute.
    pub action: Action,
    /// The register that takes the result; it may be one of the arguments.
    pub to: u8,
}

/// What [`map`](crate::map) does to every element.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Program {
    /// The steps, in order.
    pub instructions: Vec<Instruction>,
    /// The value of each output after the last step.
    pub outputs: Vec<Arg>,
}

impl Action {
    /// The arguments; the unused ones are constants.
    pub(crate) fn args(&self) -> [Arg; 3] {
        const NONE: Arg = Arg::Constant(0.0);
        match *self {
            Self::Unary(_, a) => [a, NONE, NONE],
            Self::Binary(_, a, b) => [a, b, NONE],
            Self::Select(a, b, c) => [a, b, c],
            Self::Uniform { step, .. } | Self::Normal { step, .. } => [step, NONE, NONE],
        }
    }

    /// A rough cost per element, in tenths of a nanosecond.
    fn cost(&self) -> usize {
        match self {
            Self::Unary(unary, _) => match unary {
                Unary::Sin | Unary::Cos => 100,
                Unary::Exp | Unary::Ln | Unary::Tanh | Unary::Sigmoid => 5,
                Unary::Softplus | Unary::Erf => 10,
                _ => 1,
            },
            Self::Binary(Binary::Pow | Binary::Atan2, ..) => 200,
            Self::Binary(..) | Self::Select(..) => 1,
            Self::Uniform { .. } => 20,
            Self::Normal { .. } => 200,
        }
    }
}

impl Program {
    /// A rough cost per element, in tenths of a nanosecond.
    pub(crate) fn cost(&self) -> usize {
        let actions = self.instructions.iter().map(|i| i.action.cost());
        actions.sum::<usize>() + self.outputs.len()
    }
}

impl fmt::Display for Arg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operand(i) => write!(f, "x{i}"),
            Self::Register(i) => write!(f, "r{i}"),
            Self::Constant(c) => write!(f, "{c}"),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unary(unary, a) => write!(f, "{}({a})", name(unary)),
            Self::Binary(binary, a, b) => match binary {
                Binary::Add => write!(f, "{a} + {b}"),
                Binary::Sub => write!(f, "{a} - {b}"),
                Binary::Mul => write!(f, "{a} * {b}"),
                Binary::Div => write!(f, "{a} / {b}"),
                Binary::Lt => write!(f, "{a} < {b}"),
                Binary::Le => write!(f, "{a} <= {b}"),
                Binary::Gt => write!(f, "{a} > {b}"),
                Binary::Ge => write!(f, "{a} >= {b}"),
                Binary::Eq => write!(f, "{a} == {b}"),
                Binary::Ne => write!(f, "{a} != {b}"),
                Binary::Pow | Binary::Atan2 | Binary::Min | Binary::Max => {
                    write!(f, "{}({a}, {b})", name(binary))
                }
            },
            Self::Select(a, b, c) => write!(f, "select({a}, {b}, {c})"),
            Self::Uniform { key, step } => write!(f, "uniform(key {key}, step {step})"),
            Self::Normal { key, step } => write!(f, "normal(key {key}, step {step})"),
        }
    }
}

/// One line for each instruction and output, such as `r0 = exp(x0)` and `y0 = r0`.
impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Instruction { action, to } in &self.instructions {
            writeln!(f, "r{to} = {action}")?;
        }
        for (i, output) in self.outputs.iter().enumerate() {
            writeln!(f, "y{i} = {output}")?;
        }
        Ok(())
    }
}

fn name(function: &impl fmt::Debug) -> String {
    format!("{function:?}").to_lowercase()
}
