//! `mish`.

use backpass_kernels::Unary;

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
        let t = x.softplus().tanh();
        Slope::Of(t + x * (1.0 - t * t) * x.sigmoid())
    }

    fn steps(&self, steps: &mut Steps, x: Value) -> Value {
        let softplus = steps.unary(Unary::Softplus, x);
        let tanh = steps.unary(Unary::Tanh, softplus);
        steps.mul(x, tanh)
    }
}
