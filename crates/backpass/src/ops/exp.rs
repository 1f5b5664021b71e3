//! `exp`.

use backpass_kernels::Unary;

use super::elementwise::info;
use super::{Category, Info, Slope, Steps, UnaryFunction, Value};
use crate::builder::Expr;

/// Exponential: `e^x`.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Exp;

impl UnaryFunction for Exp {
    const INFO: Info = info("exp", 1, Category::Function, "e^x", "exponential", "");

    fn value(&self, x: f64) -> f64 {
        x.exp()
    }

    fn slope<'b>(&self, _x: Expr<'b>, y: Expr<'b>) -> Slope<'b> {
        Slope::Of(y)
    }

    fn steps(&self, steps: &mut Steps, x: Value) -> Value {
        steps.unary(Unary::Exp, x)
    }
}
