//! `hard_tanh`.

use super::elementwise::info;
use super::{Category, Info, Relation, Slope, Steps, UnaryFunction, Value};
use crate::builder::Expr;

/// Tanh in three straight lines: `min(max(x, -1), 1)`, with derivative 0 at the kinks.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct HardTanh;

impl UnaryFunction for HardTanh {
    const INFO: Info = info(
        "hard_tanh",
        1,
        Category::Activation,
        "min(max(x, -1), 1)",
        "tanh in three straight lines, with derivative 0 at the kinks",
        "Collobert 2004",
    );

    fn value(&self, x: f64) -> f64 {
        x.clamp(-1.0, 1.0)
    }

    fn slope<'b>(&self, x: Expr<'b>, _y: Expr<'b>) -> Slope<'b> {
        Slope::Of(x.abs().compare(Relation::Less, 1.0))
    }

    fn steps(&self, steps: &mut Steps, x: Value) -> Value {
        steps.clamp(x, -1.0, 1.0)
    }
}
