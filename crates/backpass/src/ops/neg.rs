//! `neg`.

use backpass_kernels::Unary;

use super::elementwise::info;
use super::{Arity, Category, Info, Slope, Steps, UnaryFunction, Value};
use crate::builder::Expr;

/// `-x`.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Neg;

impl UnaryFunction for Neg {
    const INFO: Info = Info {
        symbol: Some("-"),
        arity: Arity::Exactly(1),
        ..info("neg", 1, Category::Arithmetic, "-x", "opposite", "")
    };

    fn value(&self, x: f64) -> f64 {
        -x
    }

    fn slope<'b>(&self, x: Expr<'b>, _y: Expr<'b>) -> Slope<'b> {
        Slope::Of(x.builder().constant(-1.0))
    }

    fn steps(&self, steps: &mut Steps, x: Value) -> Value {
        steps.unary(Unary::Neg, x)
    }
}
