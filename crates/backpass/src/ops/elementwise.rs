//! What elementwise operators share: broadcasting, lowering to steps, and the short trait for functions of one number.

pub use backpass_kernels::Value;
use backpass_kernels::{Binary, Layout, Unary};

use super::{Arity, Array, Attribute, AttributeError, Attributes, Cotangent, Expr, Info, Lowering, Op, Operator};
use super::{Sample, Shape, ShapeError, Vjp};
use crate::shape::Dim;

/// One elementwise step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum StepKind {
    Unary(Unary, Value),
    Binary(Binary, Value, Value),
    Select(Value, Value, Value),
    Uniform(u64, Value),
    Normal(u64, Value),
}

impl StepKind {
    pub(crate) fn values(&self) -> impl Iterator<Item = Value> {
        let (a, b, c) = match *self {
            StepKind::Unary(_, a) | StepKind::Uniform(_, a) | StepKind::Normal(_, a) => (a, None, None),
            StepKind::Binary(_, a, b) => (a, Some(b), None),
            StepKind::Select(a, b, c) => (a, Some(b), Some(c)),
        };
        std::iter::once(a).chain(b).chain(c)
    }

    /// Whether the steps are equal, down to the sign of a zero.
    fn does_the_same(&self, other: &StepKind) -> bool {
        let differ = |pair| matches!(pair, (Value::Constant(a), Value::Constant(b)) if a.to_bits() != b.to_bits());
        self == other && !self.values().zip(other.values()).any(differ)
    }
}

/// Elementwise steps in the functions that the kernels know; an operator writes its value with them.
#[derive(Clone, Debug, Default)]
pub struct Steps {
    pub(crate) list: Vec<StepKind>,
}

impl Steps {
    /// Takes the step, or one of the last that does the same.
    fn push(&mut self, step: StepKind) -> Value {
        const LAST: usize = 96;
        let from = self.list.len().saturating_sub(LAST);
        let known = self.list[from..].iter().position(|other| other.does_the_same(&step)).map(|i| from + i);
        Value::Step(known.unwrap_or_else(|| {
            self.list.push(step);
            self.list.len() - 1
        }))
    }

    /// A function of one value.
    pub fn unary(&mut self, function: Unary, a: Value) -> Value {
        self.push(StepKind::Unary(function, a))
    }

    /// A function of two values.
    pub fn binary(&mut self, function: Binary, a: Value, b: Value) -> Value {
        self.push(StepKind::Binary(function, a, b))
    }

    /// `a + b`.
    pub fn add(&mut self, a: Value, b: Value) -> Value {
        self.binary(Binary::Add, a, b)
    }

    /// `a · b`.
    pub fn mul(&mut self, a: Value, b: Value) -> Value {
        self.binary(Binary::Mul, a, b)
    }

    /// The nearest number between `low` and `high`; NaN stays NaN.
    pub fn clamp(&mut self, a: Value, low: f64, high: f64) -> Value {
        let above = self.binary(Binary::Max, a, Value::Constant(low));
        self.binary(Binary::Min, above, Value::Constant(high))
    }

    /// `then` where `condition` is not zero, else `otherwise`.
    pub fn select(&mut self, condition: Value, then: Value, otherwise: Value) -> Value {
        self.push(StepKind::Select(condition, then, otherwise))
    }

    /// Uniform random numbers, see [`super::RandomUniform`].
    pub fn uniform(&mut self, key: u64, step: Value) -> Value {
        self.push(StepKind::Uniform(key, step))
    }

    /// Normal random numbers, see [`super::RandomNormal`].
    pub fn normal(&mut self, key: u64, step: Value) -> Value {
        self.push(StepKind::Normal(key, step))
    }
}

/// The common broadcast shape of the operands.
pub(super) fn broadcast_shape(args: &[&Shape]) -> Result<Shape, ShapeError> {
    args.iter().try_fold(Shape::scalar(), |shape, arg| shape.broadcast(arg))
}

/// Applies `f` to the elements of operands broadcast to `shape`.
pub(super) fn eval_elementwise<const N: usize>(args: &[&Array], shape: &[usize], f: impl Fn([f64; N]) -> f64) -> Array {
    let args: Vec<Array> = args.iter().map(|a| a.broadcast_to(shape)).collect();
    Array::from_fn(shape, |i| f(std::array::from_fn(|k| args[k].data()[i])))
}

/// The derivative of a function of one number, as graph nodes.
pub enum Slope<'b> {
    /// dy/dx.
    Of(Expr<'b>),
    /// Zero almost everywhere, for the reason given.
    Zero(&'static str),
}

/// An elementwise function of one number; everything else an operator needs follows.
pub trait UnaryFunction: Clone + PartialEq + std::fmt::Debug + Default + Into<Op> {
    /// Name, formula, source.
    const INFO: Info;

    /// The value in f64.
    fn value(&self, x: f64) -> f64;

    /// dy/dx from `x` and `y`.
    fn slope<'b>(&self, x: Expr<'b>, y: Expr<'b>) -> Slope<'b>;

    /// The value in steps the kernels know.
    fn steps(&self, steps: &mut Steps, x: Value) -> Value;

    /// Where tests look; away from kinks.
    fn points(&self) -> Vec<f64> {
        vec![-3.2, -1.1, -0.4, 0.3, 0.9, 2.6]
    }

    /// The parameters of the function, see [`Operator::attributes`].
    fn attributes(&self) -> Vec<(&'static str, Attribute)> {
        Vec::new()
    }

    /// The function from its attributes, see [`Operator::parse`].
    fn parse(_attributes: &mut Attributes) -> Result<Self, AttributeError> {
        Ok(Self::default())
    }
}

impl<F: UnaryFunction> Operator for F {
    const INFO: Info = F::INFO;

    fn shape(&self, args: &[&Shape]) -> Result<Shape, ShapeError> {
        Ok(args[0].clone())
    }

    fn eval(&self, args: &[&Array], _shape: &[usize]) -> Array {
        args[0].map(|x| self.value(x))
    }

    fn vjp<'b>(&self, v: &Vjp<'_, 'b>) -> Vec<Cotangent<'b>> {
        vec![match self.slope(v.args[0], v.output) {
            Slope::Of(slope) => Cotangent::Of(v.cotangent * slope),
            Slope::Zero(reason) => Cotangent::Zero(reason),
        }]
    }

    fn lower(&self, _args: &[&Shape], _output: &Shape) -> Lowering {
        Lowering::Map
    }

    fn steps(&self, steps: &mut Steps, args: &[Value]) -> Value {
        UnaryFunction::steps(self, steps, args[0])
    }

    fn attributes(&self) -> Vec<(&'static str, Attribute)> {
        UnaryFunction::attributes(self)
    }

    fn parse(attributes: &mut Attributes) -> Result<Self, AttributeError> {
        UnaryFunction::parse(attributes)
    }

    fn samples() -> Vec<Sample> {
        let function = F::default();
        vec![Sample::new(function.clone(), [Array::vector(function.points())])]
    }
}

/// `scale · (x > 0 ? x : alpha · (e^x - 1))`, the steps that ELU and SELU share.
pub(super) fn exponential_unit(steps: &mut Steps, x: Value, scale: f64, alpha: f64) -> Value {
    let positive = steps.unary(Unary::Step, x);
    let exp_m1 = steps.unary(Unary::ExpM1, x);
    let left = steps.mul(exp_m1, Value::Constant(scale * alpha));
    let right = if scale == 1.0 { x } else { steps.mul(x, Value::Constant(scale)) };
    steps.select(positive, right, left)
}

/// How the elements of an operand are read for an output of another shape, or `None` when neither whole rows nor whole
/// columns repeat and the operand has to be copied first.
pub(crate) fn layout(operand: &Shape, output: &Shape) -> Option<Layout> {
    if operand == output {
        return Some(Layout::Full);
    }
    let one = Dim::Fixed(1);
    let missing = output.rank().checked_sub(operand.rank())?;
    let at = |axis: usize| if axis < missing { one } else { operand.dims()[axis - missing] };
    let axes = 0..output.rank();
    if axes.clone().all(|axis| at(axis) == one) {
        return Some(Layout::Scalar);
    }
    let size = |axes: std::ops::Range<usize>| -> usize {
        output.dims()[axes].iter().map(|d| if let Dim::Fixed(n) = d { *n } else { 1 }).product()
    };
    let repeats = axes.clone().take_while(|&axis| at(axis) == one).count();
    if (repeats..output.rank()).all(|axis| at(axis) == output.dims()[axis]) {
        return Some(Layout::Row(size(repeats..output.rank())));
    }
    let shared = axes.clone().take_while(|&axis| at(axis) == output.dims()[axis]).count();
    (shared..output.rank()).all(|axis| at(axis) == one).then(|| Layout::Column(size(shared..output.rank())))
}

/// An elementwise function of two broadcast operands; the rest of an [`Operator`] follows.
macro_rules! binary_operator {
    ($Type:ident, $info:expr, $value:expr, $kernel:expr, $vjp:expr, $samples:expr) => {
        impl crate::ops::Operator for $Type {
            const INFO: crate::ops::Info = $info;

            fn shape(&self, args: &[&crate::shape::Shape]) -> Result<crate::shape::Shape, crate::shape::ShapeError> {
                crate::ops::elementwise::broadcast_shape(args)
            }

            fn eval(&self, args: &[&crate::array::Array], shape: &[usize]) -> crate::array::Array {
                crate::ops::elementwise::eval_elementwise(args, shape, $value)
            }

            fn vjp<'b>(&self, v: &crate::ops::Vjp<'_, 'b>) -> Vec<crate::ops::Cotangent<'b>> {
                $vjp(v)
            }

            fn lower(&self, _: &[&crate::shape::Shape], _: &crate::shape::Shape) -> crate::ops::Lowering {
                crate::ops::Lowering::Map
            }

            fn steps(&self, steps: &mut crate::ops::Steps, args: &[crate::ops::Value]) -> crate::ops::Value {
                steps.binary($kernel, args[0], args[1])
            }

            fn parse(_: &mut crate::ops::Attributes) -> Result<Self, crate::ops::AttributeError> {
                Ok($Type)
            }

            fn samples() -> Vec<crate::ops::Sample> {
                $samples.into_iter().map(|(a, b)| crate::ops::Sample::new($Type, [a, b])).collect()
            }
        }
    };
}
pub(super) use binary_operator;

/// The info row of an elementwise operator.
pub(super) const fn info(
    name: &'static str,
    arity: usize,
    category: super::Category,
    formula: &'static str,
    summary: &'static str,
    source: &'static str,
) -> Info {
    Info { name, symbol: None, arity: Arity::Exactly(arity), category, formula, summary, source }
}

/// The info row of an infix operator.
pub(super) const fn infix(
    name: &'static str,
    symbol: &'static str,
    formula: &'static str,
    summary: &'static str,
) -> Info {
    let symbol = Some(symbol);
    Info { name, symbol, arity: Arity::Exactly(2), category: super::Category::Arithmetic, formula, summary, source: "" }
}

/// Two operand pairs for samples of binary operators: equal shapes, and a row against a column.
pub(super) fn pairs() -> Vec<(Array, Array)> {
    let a = Array::from_fn(&[2, 3], |i| [1.2, -0.7, 2.5, 0.4, -1.9, 0.8][i]);
    let b = Array::from_fn(&[2, 3], |i| [-0.6, 1.4, 0.9, -2.1, 1.3, 0.5][i]);
    let row = Array::vector([0.7, -1.6, 2.2]);
    let column = Array::from_fn(&[2, 1], |i| [1.1, -0.9][i]);
    vec![(a.clone(), b), (a, row.clone()), (column, row)]
}
