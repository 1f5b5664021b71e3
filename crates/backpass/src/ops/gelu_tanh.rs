//! `gelu_tanh`.

use backpass_kernels::Unary;

use super::elementwise::info;
use super::{Category, Info, Slope, Steps, UnaryFunction, Value};
use crate::builder::Expr;

/// √(2/π).
const SQRT_2_PI: f64 = 0.797_884_560_802_865_4;
const CUBIC: f64 = 0.044_715;

/// Gaussian error linear unit, tanh approximation: `x/2·(1 + tanh(√(2/π)·(x + 0.044715 x³)))`.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct GeluTanh;

impl UnaryFunction for GeluTanh {
    const INFO: Info = info(
        "gelu_tanh",
        1,
        Category::Activation,
        "x/2·(1 + tanh(√(2/π)·(x + 0.044715 x³)))",
        "Gaussian error linear unit, tanh approximation",
        "Hendrycks and Gimpel 2016",
    );

    fn value(&self, x: f64) -> f64 {
        0.5 * x * (1.0 + (SQRT_2_PI * (x + CUBIC * x * x * x)).tanh())
    }

    fn slope<'b>(&self, x: Expr<'b>, _y: Expr<'b>) -> Slope<'b> {
        let square = x * x;
        let tanh = ((square * CUBIC + 1.0) * x * SQRT_2_PI).tanh();
        let inner = (square * (3.0 * CUBIC) + 1.0) * SQRT_2_PI;
        Slope::Of((tanh + 1.0) * 0.5 + x * 0.5 * (1.0 - tanh * tanh) * inner)
    }

    fn steps(&self, steps: &mut Steps, x: Value) -> Value {
        let square = steps.unary(Unary::Square, x);
        let cubic = steps.mul(square, Value::Constant(CUBIC));
        let factor = steps.add(cubic, Value::Constant(1.0));
        let argument = steps.mul(x, factor);
        let argument = steps.mul(argument, Value::Constant(SQRT_2_PI));
        let tanh = steps.unary(Unary::Tanh, argument);
        let sum = steps.add(tanh, Value::Constant(1.0));
        let half = steps.mul(x, Value::Constant(0.5));
        steps.mul(half, sum)
    }
}
