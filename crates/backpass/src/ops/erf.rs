//! `erf`.

use backpass_kernels::Unary;

use super::elementwise::info;
use super::{Category, Info, Slope, Steps, UnaryFunction, Value};
use crate::builder::Expr;

/// Error function: `2/√π ∫₀ˣ exp(-t²) dt`.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Erf;

impl UnaryFunction for Erf {
    const INFO: Info = info("erf", 1, Category::Function, "2/√π ∫₀ˣ exp(-t²) dt", "error function", "");

    fn value(&self, x: f64) -> f64 {
        libm::erf(x)
    }

    fn slope<'b>(&self, x: Expr<'b>, _y: Expr<'b>) -> Slope<'b> {
        Slope::Of((-(x * x)).exp() * std::f64::consts::FRAC_2_SQRT_PI)
    }

    fn steps(&self, steps: &mut Steps, x: Value) -> Value {
        steps.unary(Unary::Erf, x)
    }
}
