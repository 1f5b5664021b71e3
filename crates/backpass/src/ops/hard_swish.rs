//! `hard_swish`.

use super::elementwise::info;
use super::{Category, HardSigmoid, Info, Relation, Slope, Steps, UnaryFunction, Value};
use crate::builder::Expr;

/// SiLU with the hard sigmoid: `x·min(max(x/6 + 1/2, 0), 1)`.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct HardSwish;

impl UnaryFunction for HardSwish {
    const INFO: Info = info(
        "hard_swish",
        1,
        Category::Activation,
        "x·min(max(x/6 + 1/2, 0), 1)",
        "SiLU with the hard sigmoid",
        "Howard et al. 2019",
    );

    fn value(&self, x: f64) -> f64 {
        x * HardSigmoid.value(x)
    }

    fn slope<'b>(&self, x: Expr<'b>, _y: Expr<'b>) -> Slope<'b> {
        Slope::Of(x.abs().compare(Relation::Less, 3.0).select(x / 3.0 + 0.5, x.step()))
    }

    fn steps(&self, steps: &mut Steps, x: Value) -> Value {
        let sigmoid = HardSigmoid.steps(steps, x);
        steps.mul(x, sigmoid)
    }

    fn points(&self) -> Vec<f64> {
        vec![-4.1, -2.6, -0.4, 0.3, 2.6, 3.7]
    }
}
