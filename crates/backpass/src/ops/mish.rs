//! `mish`.

use backpass_kernels::{Binary, Unary};

use super::Softplus;
use super::elementwise::info;
use super::{Category, Info, Slope, Steps, UnaryFunction, Value};
use crate::builder::Expr;

/// Self-regularised smooth unit: `x·tanh(ln(1 + e^x))`.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Mish;

impl UnaryFunction for Mish {
    const INFO: Info =
        info("mish", 1, Category::Activation, "x·tanh(ln(1 + e^x))", "self-regularised smooth unit", "Misra 2019");

    fn value(&self, x: f64) -> f64 {
        x * Softplus.value(x).tanh()
    }

    fn slope<'b>(&self, x: Expr<'b>, _y: Expr<'b>) -> Slope<'b> {
        let s = x.sigmoid();
        let t = s * (2.0 - s) / (1.0 + (1.0 - s) * (1.0 - s));
        Slope::Of(t + x * (1.0 - t * t) * s)
    }

    fn steps(&self, steps: &mut Steps, x: Value) -> Value {
        // tanh(ln(1 + e^x)) = s·(2 - s) / (1 + (1 - s)²) with the sigmoid s, which the derivative needs as well.
        let one = Value::Constant(1.0);
        let sigmoid = steps.unary(Unary::Sigmoid, x);
        let left = steps.binary(Binary::Sub, Value::Constant(2.0), sigmoid);
        let numerator = steps.mul(sigmoid, left);
        let rest = steps.binary(Binary::Sub, one, sigmoid);
        let square = steps.mul(rest, rest);
        let denominator = steps.add(one, square);
        let tanh = steps.binary(Binary::Div, numerator, denominator);
        steps.mul(x, tanh)
    }
}
