//! `sin`.

use backpass_kernels::Unary;

use super::elementwise::info;
use super::{Category, Info, Slope, Steps, UnaryFunction, Value};
use crate::builder::Expr;

/// Sine: `sin(x)`.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Sin;

impl UnaryFunction for Sin {
    const INFO: Info = info("sin", 1, Category::Function, "sin(x)", "sine", "");

    fn value(&self, x: f64) -> f64 {
        x.sin()
    }

    fn slope<'b>(&self, x: Expr<'b>, _y: Expr<'b>) -> Slope<'b> {
        Slope::Of(x.cos())
    }

    fn steps(&self, steps: &mut Steps, x: Value) -> Value {
        steps.unary(Unary::Sin, x)
    }
}
