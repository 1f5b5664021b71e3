//! `log`.

use backpass_kernels::Unary;

use super::elementwise::info;
use super::{Category, Info, Slope, Steps, UnaryFunction, Value};
use crate::builder::Expr;

/// Natural logarithm: `ln(x)`.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Log;

impl UnaryFunction for Log {
    const INFO: Info = info("log", 1, Category::Function, "ln(x)", "natural logarithm", "");

    fn value(&self, x: f64) -> f64 {
        x.ln()
    }

    fn slope<'b>(&self, x: Expr<'b>, _y: Expr<'b>) -> Slope<'b> {
        Slope::Of(1.0 / x)
    }

    fn steps(&self, steps: &mut Steps, x: Value) -> Value {
        steps.unary(Unary::Ln, x)
    }

    fn points(&self) -> Vec<f64> {
        vec![0.1, 0.6, 1.7, 4.2]
    }
}
