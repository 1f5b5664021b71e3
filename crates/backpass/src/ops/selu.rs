//! `selu`.

use super::elementwise::{exponential_unit, info};
use super::{Category, Info, Slope, Steps, UnaryFunction, Value};
use crate::builder::Expr;

const ALPHA: f64 = 1.673_263_242_354_377_2;
const SCALE: f64 = 1.050_700_987_355_480_5;

/// Scaled exponential linear unit: `1.0507·(x > 0 ? x : 1.6733·(e^x - 1))`.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Selu;

impl UnaryFunction for Selu {
    const INFO: Info = info(
        "selu",
        1,
        Category::Activation,
        "1.0507·(x > 0 ? x : 1.6733·(e^x - 1))",
        "scaled exponential linear unit",
        "Klambauer et al. 2017",
    );

    fn value(&self, x: f64) -> f64 {
        SCALE * if x > 0.0 { x } else { ALPHA * x.exp_m1() }
    }

    fn slope<'b>(&self, x: Expr<'b>, y: Expr<'b>) -> Slope<'b> {
        Slope::Of(x.step().select(SCALE, y + SCALE * ALPHA))
    }

    fn steps(&self, steps: &mut Steps, x: Value) -> Value {
        exponential_unit(steps, x, SCALE, ALPHA)
    }
}
