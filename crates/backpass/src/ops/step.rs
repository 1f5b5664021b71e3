//! `step`.

use backpass_kernels::Unary;

use super::elementwise::info;
use super::{Category, Info, Slope, Steps, UnaryFunction, Value};
use crate::builder::Expr;

/// Binary neuron: `x > 0 ? 1 : 0`.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Step;

impl UnaryFunction for Step {
    const INFO: Info =
        info("step", 1, Category::Activation, "x > 0 ? 1 : 0", "binary neuron", "McCulloch and Pitts 1943");

    fn value(&self, x: f64) -> f64 {
        if x.is_nan() { x } else { f64::from(u8::from(x > 0.0)) }
    }

    fn slope<'b>(&self, _x: Expr<'b>, _y: Expr<'b>) -> Slope<'b> {
        Slope::Zero("a step is flat on both sides of its jump")
    }

    fn steps(&self, steps: &mut Steps, x: Value) -> Value {
        steps.unary(Unary::Step, x)
    }
}
