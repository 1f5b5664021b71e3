//! `log_sum_exp`.

use super::reduction::{self, restore};
use super::{
    Array, Attribute, AttributeError, Attributes, Category, Cotangent, Info, Lowering, Operator, Sample, Shape,
};
use super::{ShapeError, Vjp, elementwise::info};

/// `ln Σ e^x` along an axis.
#[derive(Clone, PartialEq, Debug)]
pub struct LogSumExp {
    /// The axis that disappears.
    pub axis: usize,
}

impl Operator for LogSumExp {
    const INFO: Info = info(
        "log_sum_exp",
        1,
        Category::Reduction,
        "ln Σ e^x",
        "logarithm of the sum of exponentials along an axis, without overflow",
        "",
    );

    fn shape(&self, args: &[&Shape]) -> Result<Shape, ShapeError> {
        args[0].without(self.axis)
    }

    fn eval(&self, args: &[&Array], shape: &[usize]) -> Array {
        reduction::eval(args[0], self.axis, shape, log_sum_exp)
    }

    fn vjp<'b>(&self, v: &Vjp<'_, 'b>) -> Vec<Cotangent<'b>> {
        let shape = v.args[0].shape();
        let softmax = (v.args[0] - restore(v.output, self.axis, shape.clone())).exp();
        vec![Cotangent::Of(softmax * restore(v.cotangent, self.axis, shape))]
    }

    fn lower(&self, _: &[&Shape], _: &Shape) -> Lowering {
        Lowering::Reduce(backpass_kernels::Reduce::LogSumExp, self.axis)
    }

    fn attributes(&self) -> Vec<(&'static str, Attribute)> {
        vec![("axis", Attribute::Number(self.axis as f64))]
    }

    fn parse(attributes: &mut Attributes) -> Result<Self, AttributeError> {
        Ok(LogSumExp { axis: attributes.count("axis")? })
    }

    fn samples() -> Vec<Sample> {
        reduction::samples(|axis| LogSumExp { axis })
    }
}

fn log_sum_exp(x: &[f64]) -> f64 {
    let max = x.iter().fold(f64::NEG_INFINITY, |m, &v| m.max(v));
    if max.is_infinite() && !x.iter().any(|v| v.is_nan()) {
        return max;
    }
    max + x.iter().map(|v| (v - max).exp()).sum::<f64>().ln()
}
