//! `abs`.

use backpass_kernels::Unary;

use super::elementwise::info;
use super::{Category, Info, Slope, Steps, UnaryFunction, Value};
use crate::builder::Expr;

/// Absolute value, with derivative 0 at 0: `|x|`.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Abs;

impl UnaryFunction for Abs {
    const INFO: Info = info("abs", 1, Category::Function, "|x|", "absolute value, with derivative 0 at 0", "");

    fn value(&self, x: f64) -> f64 {
        x.abs()
    }

    fn slope<'b>(&self, x: Expr<'b>, _y: Expr<'b>) -> Slope<'b> {
        Slope::Of(x.step() - (-x).step())
    }

    fn steps(&self, steps: &mut Steps, x: Value) -> Value {
        steps.unary(Unary::Abs, x)
    }
}
