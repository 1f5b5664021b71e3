//! `gelu`.

use backpass_kernels::Unary;

use super::elementwise::info;
use super::{Category, Info, Slope, Steps, UnaryFunction, Value};
use crate::builder::Expr;
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

/// Gaussian error linear unit, exact: `x·Φ(x) = x/2·(1 + erf(x/√2))`.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Gelu;

impl UnaryFunction for Gelu {
    const INFO: Info = info(
        "gelu",
        1,
        Category::Activation,
        "x·Φ(x) = x/2·(1 + erf(x/√2))",
        "Gaussian error linear unit, exact",
        "Hendrycks and Gimpel 2016",
    );

    fn value(&self, x: f64) -> f64 {
        0.5 * x * libm::erfc(-x * FRAC_1_SQRT_2)
    }

    fn slope<'b>(&self, x: Expr<'b>, _y: Expr<'b>) -> Slope<'b> {
        let cdf = ((x * FRAC_1_SQRT_2).erf() + 1.0) * 0.5;
        let density = (x * x * -0.5).exp() * (0.5 * FRAC_2_SQRT_PI * FRAC_1_SQRT_2);
        Slope::Of(cdf + x * density)
    }

    fn steps(&self, steps: &mut Steps, x: Value) -> Value {
        let scaled = steps.mul(x, Value::Constant(FRAC_1_SQRT_2));
        let erf = steps.unary(Unary::Erf, scaled);
        let sum = steps.add(erf, Value::Constant(1.0));
        let half = steps.mul(x, Value::Constant(0.5));
        steps.mul(half, sum)
    }
}
