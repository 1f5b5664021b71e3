//! `relu`.

use backpass_kernels::Unary;

use super::elementwise::info;
use super::{Category, Info, Slope, Steps, UnaryFunction, Value};
use crate::builder::Expr;

/// Rectified linear unit, with derivative 0 at 0: `max(x, 0)`.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Relu;

impl UnaryFunction for Relu {
    const INFO: Info = info(
        "relu",
        1,
        Category::Activation,
        "max(x, 0)",
        "rectified linear unit, with derivative 0 at 0",
        "Nair and Hinton 2010",
    );

    fn value(&self, x: f64) -> f64 {
        if x.is_nan() { x } else { x.max(0.0) }
    }

    fn slope<'b>(&self, x: Expr<'b>, _y: Expr<'b>) -> Slope<'b> {
        Slope::Of(x.step())
    }

    fn steps(&self, steps: &mut Steps, x: Value) -> Value {
        steps.unary(Unary::Relu, x)
    }
}
