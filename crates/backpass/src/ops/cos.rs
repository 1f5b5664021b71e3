//! `cos`.

use backpass_kernels::Unary;

use super::elementwise::info;
use super::{Category, Info, Slope, Steps, UnaryFunction, Value};
use crate::builder::Expr;

/// Cosine: `cos(x)`.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Cos;

impl UnaryFunction for Cos {
    const INFO: Info = info("cos", 1, Category::Function, "cos(x)", "cosine", "");

    fn value(&self, x: f64) -> f64 {
        x.cos()
    }

    fn slope<'b>(&self, x: Expr<'b>, _y: Expr<'b>) -> Slope<'b> {
        Slope::Of(-x.sin())
    }

    fn steps(&self, steps: &mut Steps, x: Value) -> Value {
        steps.unary(Unary::Cos, x)
    }
}
