//! `sqrt`.

use backpass_kernels::Unary;

use super::elementwise::info;
use super::{Category, Info, Slope, Steps, UnaryFunction, Value};
use crate::builder::Expr;

/// Square root: `√x`.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Sqrt;

impl UnaryFunction for Sqrt {
    const INFO: Info = info("sqrt", 1, Category::Function, "√x", "square root", "");

    fn value(&self, x: f64) -> f64 {
        x.sqrt()
    }

    fn slope<'b>(&self, _x: Expr<'b>, y: Expr<'b>) -> Slope<'b> {
        Slope::Of(0.5 / y)
    }

    fn steps(&self, steps: &mut Steps, x: Value) -> Value {
        steps.unary(Unary::Sqrt, x)
    }

    fn points(&self) -> Vec<f64> {
        vec![0.2, 0.9, 1.7, 4.1]
    }
}
