//! `sigmoid`.

use backpass_kernels::Unary;

use super::elementwise::info;
use super::{Category, Info, Slope, Steps, UnaryFunction, Value};
use crate::builder::Expr;

/// Logistic sigmoid: `1 / (1 + e^-x)`.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Sigmoid;

impl UnaryFunction for Sigmoid {
    const INFO: Info = info("sigmoid", 1, Category::Activation, "1 / (1 + e^-x)", "logistic sigmoid", "");

    fn value(&self, x: f64) -> f64 {
        if x >= 0.0 { 1.0 / (1.0 + (-x).exp()) } else { x.exp() / (1.0 + x.exp()) }
    }

    /// `1 - y` would lose its digits where `y` is near 1; compiled plans do with it, see [`crate::passes::simplify`].
    fn slope<'b>(&self, x: Expr<'b>, y: Expr<'b>) -> Slope<'b> {
        Slope::Of(y * (-x).sigmoid())
    }

    fn steps(&self, steps: &mut Steps, x: Value) -> Value {
        steps.unary(Unary::Sigmoid, x)
    }
}
