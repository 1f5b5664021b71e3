//! `sum`.

use super::reduction::{self, restore};
use super::{
    Array, Attribute, AttributeError, Attributes, Category, Cotangent, Info, Lowering, Operator, Sample, Shape,
};
use super::{ShapeError, Vjp, elementwise::info};

/// The sum along an axis.
#[derive(Clone, PartialEq, Debug)]
pub struct Sum {
    /// The axis that disappears.
    pub axis: usize,
}

impl Operator for Sum {
    const INFO: Info = info("sum", 1, Category::Reduction, "Σ x", "sum along an axis", "");

    fn shape(&self, args: &[&Shape]) -> Result<Shape, ShapeError> {
        args[0].without(self.axis)
    }

    fn eval(&self, args: &[&Array], shape: &[usize]) -> Array {
        reduction::eval(args[0], self.axis, shape, |x| x.iter().sum())
    }

    fn vjp<'b>(&self, v: &Vjp<'_, 'b>) -> Vec<Cotangent<'b>> {
        vec![Cotangent::Of(restore(v.cotangent, self.axis, v.args[0].shape()))]
    }

    fn lower(&self, _: &[&Shape], _: &Shape) -> Lowering {
        Lowering::Reduce(backpass_kernels::Reduce::Sum, self.axis)
    }

    fn attributes(&self) -> Vec<(&'static str, Attribute)> {
        vec![("axis", Attribute::Number(self.axis as f64))]
    }

    fn parse(attributes: &mut Attributes) -> Result<Self, AttributeError> {
        Ok(Sum { axis: attributes.count("axis")? })
    }

    fn samples() -> Vec<Sample> {
        reduction::samples(|axis| Sum { axis })
    }
}
