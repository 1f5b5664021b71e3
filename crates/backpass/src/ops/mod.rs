//! The operators: one file each, from one list.
//!
//! A file holds everything the project knows of its operator: name, formula, source, shape rule, f64 reference value,
//! derivative rule, lowering and test samples. The list below makes [`Op`] and [`table`], from which the parser, the
//! printer, the gradient check, the random-graph tests and the reference page iterate.

mod attributes;
mod elementwise;
mod leaf;
mod reduction;

pub use attributes::{Attribute, AttributeError, Attributes};
pub use elementwise::{Slope, Steps, UnaryFunction, Value};
pub(crate) use elementwise::{StepKind, layout};

use crate::array::Array;
use crate::builder::Expr;
use crate::shape::{Shape, ShapeError};

/// What colour an operator has in a drawing and where it stands in the reference.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Category {
    /// Values that come from outside.
    Leaf,
    /// Elementwise arithmetic.
    Arithmetic,
    /// Elementwise functions.
    Function,
    /// Activation functions of neurons.
    Activation,
    /// Matrix product.
    Matrix,
    /// Sums, means and maxima along an axis.
    Reduction,
    /// Moving values without changing them.
    Movement,
    /// Looking up by index.
    Index,
    /// Comparison and choice.
    Logic,
    /// Random numbers.
    Random,
}

/// How many operands an operator takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arity {
    /// Exactly so many.
    Exactly(usize),
    /// One or more.
    Many,
}

/// What stands in the reference about an operator.
#[derive(Debug)]
pub struct Info {
    /// Its name in the text form.
    pub name: &'static str,
    /// Its infix symbol, if it has one.
    pub symbol: Option<&'static str>,
    /// Number of operands.
    pub arity: Arity,
    /// Kind.
    pub category: Category,
    /// Value as a formula.
    pub formula: &'static str,
    /// One line for people.
    pub summary: &'static str,
    /// Where the definition or algorithm comes from; empty for school mathematics.
    pub source: &'static str,
}

impl Info {
    /// Whether the formula takes an exponential or its like: it costs more than arithmetic, and where the function levels
    /// out it is never quite flat.
    pub fn is_transcendental(&self) -> bool {
        ["e^", "erf", "tanh", "ln"].iter().any(|function| self.formula.contains(function))
    }
}

/// The derivative of a loss with respect to one operand.
pub enum Cotangent<'b> {
    /// This value; it may be larger than the operand where the operand was broadcast, the driver sums it back.
    Of(Expr<'b>),
    /// Zero almost everywhere, for the reason given.
    Zero(&'static str),
    /// There is none, for the reason given; asking for it is an error.
    None(&'static str),
}

/// What a derivative rule sees: the node's operands and value in the graph, and ∂loss/∂value.
pub struct Vjp<'a, 'b> {
    /// The operands.
    pub args: &'a [Expr<'b>],
    /// The node itself.
    pub output: Expr<'b>,
    /// ∂loss/∂output, of the output's shape.
    pub cotangent: Expr<'b>,
}

/// How the fast path computes an operator.
#[derive(Clone, Debug, PartialEq)]
pub enum Lowering {
    /// Nothing to compute: input, parameter, constant.
    Leaf,
    /// Element by element; the steps come from [`Operator::steps`].
    Map,
    /// The same bytes under another shape.
    Alias,
    /// A matrix product.
    Matmul {
        /// Transpose the left operand.
        transpose_left: bool,
        /// Transpose the right operand.
        transpose_right: bool,
    },
    /// A reduction along an axis.
    Reduce(backpass_kernels::Reduce, usize),
    /// Strided copies.
    Copy(Vec<Move>),
    /// Rows of a table by index.
    Gather,
    /// Indices to rows with a single 1.
    OneHot,
    /// The number of elements along an axis of the operand.
    Size(usize),
}

/// One strided copy from an operand into the output; strides count elements, the sizes are those of `shape`.
#[derive(Clone, Debug, PartialEq)]
pub struct Move {
    /// Which operand.
    pub arg: usize,
    /// The box that is copied.
    pub shape: Shape,
    /// Where to start reading.
    pub from: usize,
    /// Reading strides, 0 to repeat.
    pub from_strides: Vec<usize>,
    /// Where to start writing.
    pub to: usize,
    /// Writing strides.
    pub to_strides: Vec<usize>,
}

/// An operator with operands on which tests check its value, derivative and lowering.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The operator.
    pub op: Op,
    /// Operand values away from kinks.
    pub args: Vec<Array>,
}

impl Sample {
    /// A sample from an operator and its operands.
    pub fn new(op: impl Into<Op>, args: impl Into<Vec<Array>>) -> Self {
        Sample { op: op.into(), args: args.into() }
    }
}

/// Everything the project knows of one operator.
pub trait Operator: Clone + PartialEq + std::fmt::Debug + Into<Op> {
    /// Name, formula, source.
    const INFO: Info;

    /// The shape of the value from the shapes of the operands.
    fn shape(&self, args: &[&Shape]) -> Result<Shape, ShapeError>;

    /// The value in f64: the meaning of the operator. `shape` is the resolved output shape.
    fn eval(&self, args: &[&Array], shape: &[usize]) -> Array;

    /// The derivative rule: one cotangent for each operand.
    fn vjp<'b>(&self, v: &Vjp<'_, 'b>) -> Vec<Cotangent<'b>>;

    /// How the fast path computes it.
    fn lower(&self, args: &[&Shape], output: &Shape) -> Lowering;

    /// The elementwise steps of an operator lowered to [`Lowering::Map`].
    fn steps(&self, _steps: &mut Steps, args: &[Value]) -> Value {
        args[0]
    }

    /// The parameters of the operator that its text form writes, in order.
    fn attributes(&self) -> Vec<(&'static str, Attribute)> {
        Vec::new()
    }

    /// The operator from the attributes of its text form.
    fn parse(attributes: &mut Attributes) -> Result<Self, AttributeError>;

    /// Operands to test it on.
    fn samples() -> Vec<Sample>;
}

/// One row of the operator table.
pub struct Entry {
    /// Name, formula, source.
    pub info: &'static Info,
    /// Makes the operator from the attributes of its text form.
    pub parse: fn(&mut Attributes) -> Result<Op, AttributeError>,
    /// Operands to test it on.
    pub samples: fn() -> Vec<Sample>,
}

/// The operator called `name` in the text form.
pub fn find(name: &str) -> Option<&'static Entry> {
    table().iter().find(|e| e.info.name == name)
}

macro_rules! operators {
    (unary { $($unary_file:ident: $Unary:ident,)* } other { $($file:ident: $Type:ident,)* }) => {
        $(mod $unary_file; pub use $unary_file::$Unary;)*
        $(mod $file; pub use $file::*;)*

        /// Any operator.
        #[derive(Clone, Debug, PartialEq)]
        #[allow(missing_docs)]
        pub enum Op { $($Unary($Unary),)* $($Type($Type),)* }

        $(impl From<$Unary> for Op { fn from(op: $Unary) -> Op { Op::$Unary(op) } })*
        $(impl From<$Type> for Op { fn from(op: $Type) -> Op { Op::$Type(op) } })*

        /// All operators.
        pub fn table() -> &'static [Entry] {
            const fn entry<O: Operator>() -> Entry {
                Entry {
                    info: &O::INFO,
                    parse: |attributes| O::parse(attributes).map(Into::into),
                    samples: O::samples,
                }
            }
            const TABLE: &[Entry] = &[$(entry::<$Unary>(),)* $(entry::<$Type>(),)*];
            TABLE
        }

        macro_rules! dispatch {
            ($op:expr, $o:ident => $body:expr) => {
                match $op { $(Op::$Unary($o) => $body,)* $(Op::$Type($o) => $body,)* }
            };
        }

        impl<'b> Expr<'b> {
            $(
                #[doc = concat!("The operator `", stringify!($unary_file), "`, see [`", stringify!($Unary), "`].")]
                #[track_caller]
                pub fn $unary_file(self) -> Self {
                    self.apply($Unary::default())
                }
            )*
        }
    };
}

operators! {
    unary {
        exp: Exp,
        log: Log,
        sqrt: Sqrt,
        abs: Abs,
        sin: Sin,
        cos: Cos,
        erf: Erf,
        step: Step,
        sigmoid: Sigmoid,
        tanh: Tanh,
        relu: Relu,
        leaky_relu: LeakyRelu,
        elu: Elu,
        selu: Selu,
        gelu: Gelu,
        gelu_tanh: GeluTanh,
        silu: Silu,
        mish: Mish,
        softplus: Softplus,
        hard_sigmoid: HardSigmoid,
        hard_tanh: HardTanh,
        hard_swish: HardSwish,
    }
    other {
        input: Input,
        parameter: Parameter,
        constant: Constant,
        add: Add,
        sub: Sub,
        mul: Mul,
        div: Div,
        neg: Neg,
        pow: Pow,
        atan2: Atan2,
        minimum: Minimum,
        maximum: Maximum,
        compare: Compare,
        select: Select,
        matmul: Matmul,
        sum: Sum,
        mean: Mean,
        max: Max,
        log_sum_exp: LogSumExp,
        size: Size,
        broadcast: Broadcast,
        reshape: Reshape,
        transpose: Transpose,
        concat: Concat,
        slice: Slice,
        gather: Gather,
        one_hot: OneHot,
        random_uniform: RandomUniform,
        random_normal: RandomNormal,
    }
}

impl Op {
    /// Name, formula, source.
    pub fn info(&self) -> &'static Info {
        fn info<O: Operator>(_: &O) -> &'static Info {
            &O::INFO
        }
        dispatch!(self, o => info(o))
    }

    /// The symbol by which the text form writes it, or its name.
    pub fn written(&self) -> &'static str {
        match self {
            Op::Compare(compare) => compare.relation.symbol(),
            op => op.info().symbol.unwrap_or(op.info().name),
        }
    }

    /// Whether the order of its operands does not matter.
    pub fn is_commutative(&self) -> bool {
        match self {
            Op::Add(_) | Op::Mul(_) | Op::Minimum(_) | Op::Maximum(_) => true,
            Op::Compare(compare) => matches!(compare.relation, Relation::Equal | Relation::NotEqual),
            _ => false,
        }
    }

    /// The shape of the value, see [`Operator::shape`].
    pub fn shape(&self, args: &[&Shape]) -> Result<Shape, ShapeError> {
        let info = self.info();
        match info.arity {
            Arity::Exactly(n) if n != args.len() => {
                Err(ShapeError::Arity { op: info.name, expected: n, found: args.len() })
            }
            Arity::Many if args.is_empty() => Err(ShapeError::Arity { op: info.name, expected: 1, found: 0 }),
            _ => dispatch!(self, o => o.shape(args)),
        }
    }

    /// The f64 reference value, see [`Operator::eval`].
    pub fn eval(&self, args: &[&Array], shape: &[usize]) -> Array {
        dispatch!(self, o => o.eval(args, shape))
    }

    /// The derivative rule, see [`Operator::vjp`].
    pub fn vjp<'b>(&self, v: &Vjp<'_, 'b>) -> Vec<Cotangent<'b>> {
        dispatch!(self, o => o.vjp(v))
    }

    /// How the fast path computes it, see [`Operator::lower`].
    pub fn lower(&self, args: &[&Shape], output: &Shape) -> Lowering {
        dispatch!(self, o => o.lower(args, output))
    }

    /// The elementwise steps, see [`Operator::steps`].
    pub fn steps(&self, steps: &mut Steps, args: &[Value]) -> Value {
        dispatch!(self, o => Operator::steps(o, steps, args))
    }

    /// The attributes of the text form, see [`Operator::attributes`].
    pub fn attributes(&self) -> Vec<(&'static str, Attribute)> {
        dispatch!(self, o => Operator::attributes(o))
    }
}
