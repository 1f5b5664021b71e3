//! Elementwise programs.

use std::fmt;

use crate::fused::Fused;

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
    /// e^x − 1
    ExpM1,
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
#[derive(Clone, Debug, PartialEq)]
pub struct Program {
    instructions: Vec<Instruction>,
    outputs: Vec<Arg>,
    /// One more than the largest operand.
    operands: usize,
    fused: Option<Fused>,
}

impl Unary {
    /// A rough cost per element, in tenths of a nanosecond.
    pub(crate) fn cost(self) -> usize {
        match self {
            Self::Exp | Self::ExpM1 | Self::Ln | Self::Tanh | Self::Sigmoid => 5,
            Self::Softplus | Self::Erf | Self::Sin | Self::Cos => 10,
            _ => 1,
        }
    }
}

impl Binary {
    /// See [`Unary::cost`].
    pub(crate) fn cost(self) -> usize {
        if matches!(self, Self::Pow | Self::Atan2) { 200 } else { 1 }
    }
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

    /// See [`Unary::cost`].
    fn cost(&self) -> usize {
        match self {
            Self::Unary(unary, _) => unary.cost(),
            Self::Binary(binary, ..) => binary.cost(),
            Self::Select(..) => 1,
            Self::Uniform { .. } => 5,
            Self::Normal { .. } => 200,
        }
    }
}

impl Program {
    /// Steps, in order, and the value of each output after the last step.
    ///
    /// # Panics
    ///
    /// If a register is out of range or read before it is written.
    pub fn new(instructions: Vec<Instruction>, outputs: Vec<Arg>) -> Self {
        let (mut written, mut operands) = (0_u32, 0);
        let mut check = |arg, written: u32| match arg {
            Arg::Operand(i) => operands = operands.max(usize::from(i) + 1),
            Arg::Register(i) => assert!(
                usize::from(i) < MAX_REGISTERS && written >> i & 1 == 1,
                "register {i} is read before it is written"
            ),
            Arg::Constant(_) => {}
        };
        for instruction in &instructions {
            instruction.action.args().into_iter().for_each(|arg| check(arg, written));
            let to = instruction.to;
            assert!(usize::from(to) < MAX_REGISTERS, "there is no register {to}");
            written |= 1 << to;
        }
        outputs.iter().for_each(|&arg| check(arg, written));
        let fused = Fused::find(&instructions, &outputs);
        Self { instructions, outputs, operands, fused }
    }

    /// The steps.
    pub fn instructions(&self) -> &[Instruction] {
        &self.instructions
    }

    /// The value of each output after the last step.
    pub fn outputs(&self) -> &[Arg] {
        &self.outputs
    }

    /// Whether the program is one of those that run in one pass, with all values in registers.
    pub fn is_fused(&self) -> bool {
        self.fused.is_some()
    }

    /// Whether the last output is the new value of a parameter.
    pub(crate) fn updates(&self) -> bool {
        self.fused.as_ref().is_some_and(Fused::updates)
    }

    pub(crate) fn fused(&self) -> Option<&Fused> {
        self.fused.as_ref()
    }

    /// One more than the largest operand.
    pub(crate) fn operands(&self) -> usize {
        self.operands
    }

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
