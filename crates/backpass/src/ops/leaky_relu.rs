//! `leaky_relu`.

use backpass_kernels::Unary;

use super::elementwise::info;
use super::{Attribute, AttributeError, Attributes, Category, Info, Slope, Steps, UnaryFunction, Value};
use crate::builder::Expr;

/// Leaky rectified linear unit: `x > 0 ? x : slope·x`.
#[derive(Clone, PartialEq, Debug)]
pub struct LeakyRelu {
    /// Slope left of zero.
    pub slope: f64,
}

impl Default for LeakyRelu {
    fn default() -> Self {
        LeakyRelu { slope: 0.01 }
    }
}

impl UnaryFunction for LeakyRelu {
    const INFO: Info = info(
        "leaky_relu",
        1,
        Category::Activation,
        "x > 0 ? x : slope·x",
        "leaky rectified linear unit",
        "Maas, Hannun and Ng 2013",
    );

    fn value(&self, x: f64) -> f64 {
        if x > 0.0 { x } else { self.slope * x }
    }

    fn slope<'b>(&self, x: Expr<'b>, _y: Expr<'b>) -> Slope<'b> {
        Slope::Of(x.step().select(1.0, self.slope))
    }

    fn steps(&self, steps: &mut Steps, x: Value) -> Value {
        let positive = steps.unary(Unary::Step, x);
        let scaled = steps.mul(x, Value::Constant(self.slope));
        steps.select(positive, x, scaled)
    }

    fn attributes(&self) -> Vec<(&'static str, Attribute)> {
        vec![("slope", Attribute::Number(self.slope))]
    }

    fn parse(attributes: &mut Attributes) -> Result<Self, AttributeError> {
        Ok(LeakyRelu { slope: attributes.number("slope", 0.01)? })
    }
}
