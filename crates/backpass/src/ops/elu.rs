//! `elu`.

use super::elementwise::{exponential_unit, info};
use super::{Attribute, AttributeError, Attributes, Category, Info, Slope, Steps, UnaryFunction, Value};
use crate::builder::Expr;

/// Exponential linear unit: `x > 0 ? x : alpha·(e^x - 1)`.
#[derive(Clone, PartialEq, Debug)]
pub struct Elu {
    /// Minus the limit far left of zero.
    pub alpha: f64,
}

impl Default for Elu {
    fn default() -> Self {
        Elu { alpha: 1.0 }
    }
}

impl UnaryFunction for Elu {
    const INFO: Info = info(
        "elu",
        1,
        Category::Activation,
        "x > 0 ? x : alpha·(e^x - 1)",
        "exponential linear unit",
        "Clevert, Unterthiner and Hochreiter 2016",
    );

    fn value(&self, x: f64) -> f64 {
        if x > 0.0 { x } else { self.alpha * x.exp_m1() }
    }

    fn slope<'b>(&self, x: Expr<'b>, y: Expr<'b>) -> Slope<'b> {
        Slope::Of(x.step().select(1.0, y + self.alpha))
    }

    fn steps(&self, steps: &mut Steps, x: Value) -> Value {
        exponential_unit(steps, x, 1.0, self.alpha)
    }

    fn attributes(&self) -> Vec<(&'static str, Attribute)> {
        vec![("alpha", Attribute::Number(self.alpha))]
    }

    fn parse(attributes: &mut Attributes) -> Result<Self, AttributeError> {
        Ok(Elu { alpha: attributes.number("alpha", 1.0)? })
    }
}
