//! `silu`.

use backpass_kernels::Unary;

use super::Sigmoid;
use super::elementwise::info;
use super::{Category, Info, Slope, Steps, UnaryFunction, Value};
use crate::builder::Expr;

/// Sigmoid-weighted linear unit, or swish: `x / (1 + e^-x)`.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Silu;

impl UnaryFunction for Silu {
    const INFO: Info = info(
        "silu",
        1,
        Category::Activation,
        "x / (1 + e^-x)",
        "sigmoid-weighted linear unit, or swish",
        "Elfwing, Uchibe and Doya 2018",
    );

    fn value(&self, x: f64) -> f64 {
        x * Sigmoid.value(x)
    }

    fn slope<'b>(&self, x: Expr<'b>, _y: Expr<'b>) -> Slope<'b> {
        let s = x.sigmoid();
        Slope::Of(s * (x * (1.0 - s) + 1.0))
    }

    fn steps(&self, steps: &mut Steps, x: Value) -> Value {
        let sigmoid = steps.unary(Unary::Sigmoid, x);
        steps.mul(x, sigmoid)
    }
}
