//! `max`.

use super::Relation;
use super::reduction::{self, restore};
use super::{
    Array, Attribute, AttributeError, Attributes, Category, Cotangent, Info, Lowering, Operator, Sample, Shape,
};
use super::{ShapeError, Vjp, elementwise::info};

/// The largest value along an axis; NaN if any is.
#[derive(Clone, PartialEq, Debug)]
pub struct Max {
    /// The axis that disappears.
    pub axis: usize,
}

impl Operator for Max {
    const INFO: Info = info(
        "max",
        1,
        Category::Reduction,
        "max x",
        "largest value along an axis; ties share the derivative equally",
        "",
    );

    fn shape(&self, args: &[&Shape]) -> Result<Shape, ShapeError> {
        args[0].without(self.axis)
    }

    fn eval(&self, args: &[&Array], shape: &[usize]) -> Array {
        reduction::eval(args[0], self.axis, shape, |x| {
            x.iter().fold(f64::NEG_INFINITY, |m, &v| if m.is_nan() || v <= m { m } else { v })
        })
    }

    fn vjp<'b>(&self, v: &Vjp<'_, 'b>) -> Vec<Cotangent<'b>> {
        let shape = v.args[0].shape();
        let ties = v.args[0].compare(Relation::Equal, restore(v.output, self.axis, shape.clone()));
        let share = v.cotangent / ties.sum(self.axis);
        vec![Cotangent::Of(ties * restore(share, self.axis, shape))]
    }

    fn lower(&self, _: &[&Shape], _: &Shape) -> Lowering {
        Lowering::Reduce(backpass_kernels::Reduce::Max, self.axis)
    }

    fn attributes(&self) -> Vec<(&'static str, Attribute)> {
        vec![("axis", Attribute::Number(self.axis as f64))]
    }

    fn parse(attributes: &mut Attributes) -> Result<Self, AttributeError> {
        Ok(Max { axis: attributes.count("axis")? })
    }

    fn samples() -> Vec<Sample> {
        reduction::samples(|axis| Max { axis })
    }
}
