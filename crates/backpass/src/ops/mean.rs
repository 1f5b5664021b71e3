//! `mean`.

use super::reduction::{self, restore};
use super::{
    Array, Attribute, AttributeError, Attributes, Category, Cotangent, Info, Lowering, Operator, Sample, Shape,
};
use super::{ShapeError, Vjp, elementwise::info};

/// The mean along an axis.
#[derive(Clone, PartialEq, Debug)]
pub struct Mean {
    /// The axis that disappears.
    pub axis: usize,
}

impl Operator for Mean {
    const INFO: Info = info("mean", 1, Category::Reduction, "(1/n) Σ x", "mean along an axis", "");

    fn shape(&self, args: &[&Shape]) -> Result<Shape, ShapeError> {
        args[0].without(self.axis)
    }

    fn eval(&self, args: &[&Array], shape: &[usize]) -> Array {
        reduction::eval(args[0], self.axis, shape, |x| x.iter().sum::<f64>() / x.len() as f64)
    }

    fn vjp<'b>(&self, v: &Vjp<'_, 'b>) -> Vec<Cotangent<'b>> {
        let share = v.cotangent / v.args[0].size(self.axis);
        vec![Cotangent::Of(restore(share, self.axis, v.args[0].shape()))]
    }

    fn lower(&self, _: &[&Shape], _: &Shape) -> Lowering {
        Lowering::Reduce(backpass_kernels::Reduce::Mean, self.axis)
    }

    fn attributes(&self) -> Vec<(&'static str, Attribute)> {
        vec![("axis", Attribute::Number(self.axis as f64))]
    }

    fn parse(attributes: &mut Attributes) -> Result<Self, AttributeError> {
        Ok(Mean { axis: attributes.count("axis")? })
    }

    fn samples() -> Vec<Sample> {
        reduction::samples(|axis| Mean { axis })
    }
}
