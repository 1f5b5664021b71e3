//! `hard_sigmoid`.

use backpass_kernels::Binary;

use super::elementwise::info;
use super::{Category, Info, Relation, Slope, Steps, UnaryFunction, Value};
use crate::builder::Expr;

/// Sigmoid in three straight lines: `min(max(x/6 + 1/2, 0), 1)`, with derivative 0 at the kinks.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct HardSigmoid;

impl UnaryFunction for HardSigmoid {
    const INFO: Info = info(
        "hard_sigmoid",
        1,
        Category::Activation,
        "min(max(x/6 + 1/2, 0), 1)",
        "sigmoid in three straight lines, with derivative 0 at the kinks",
        "Howard et al. 2019",
    );

    fn value(&self, x: f64) -> f64 {
        (x / 6.0 + 0.5).clamp(0.0, 1.0)
    }

    fn slope<'b>(&self, x: Expr<'b>, _y: Expr<'b>) -> Slope<'b> {
        Slope::Of(x.abs().compare(Relation::Less, 3.0) / 6.0)
    }

    fn steps(&self, steps: &mut Steps, x: Value) -> Value {
        let sixth = steps.binary(Binary::Div, x, Value::Constant(6.0));
        let line = steps.add(sixth, Value::Constant(0.5));
        steps.clamp(line, 0.0, 1.0)
    }

    fn points(&self) -> Vec<f64> {
        vec![-4.1, -2.6, -0.4, 0.3, 2.6, 3.7]
    }
}
