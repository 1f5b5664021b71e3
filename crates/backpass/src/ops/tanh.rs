//! `tanh`.

use backpass_kernels::Unary;

use super::elementwise::info;
use super::{Category, Info, Slope, Steps, UnaryFunction, Value};
use crate::builder::Expr;

/// Hyperbolic tangent: `(e^x - e^-x) / (e^x + e^-x)`.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Tanh;

impl UnaryFunction for Tanh {
    const INFO: Info = info("tanh", 1, Category::Activation, "(e^x - e^-x) / (e^x + e^-x)", "hyperbolic tangent", "");

    fn value(&self, x: f64) -> f64 {
        x.tanh()
    }

    fn slope<'b>(&self, _x: Expr<'b>, y: Expr<'b>) -> Slope<'b> {
        Slope::Of(1.0 - y * y)
    }

    fn steps(&self, steps: &mut Steps, x: Value) -> Value {
        steps.unary(Unary::Tanh, x)
    }
}
