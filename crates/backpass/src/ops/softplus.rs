//! `softplus`.

use backpass_kernels::Unary;

use super::elementwise::info;
use super::{Category, Info, Slope, Steps, UnaryFunction, Value};
use crate::builder::Expr;

/// Smooth rectifier: `ln(1 + e^x)`.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Softplus;

impl UnaryFunction for Softplus {
    const INFO: Info =
        info("softplus", 1, Category::Activation, "ln(1 + e^x)", "smooth rectifier", "Dugas et al. 2001");

    fn value(&self, x: f64) -> f64 {
        if x > 0.0 { x + (-x).exp().ln_1p() } else { x.exp().ln_1p() }
    }

    fn slope<'b>(&self, x: Expr<'b>, _y: Expr<'b>) -> Slope<'b> {
        Slope::Of(x.sigmoid())
    }

    fn steps(&self, steps: &mut Steps, x: Value) -> Value {
        steps.unary(Unary::Softplus, x)
    }
}
