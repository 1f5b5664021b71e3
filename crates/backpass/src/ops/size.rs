//! `size`.

use super::{Array, Attribute, AttributeError, Attributes, Category, Cotangent, Info, Lowering, Operator, Sample};
use super::{Shape, ShapeError, Vjp, elementwise::info};

/// The number of elements along an axis, as a scalar; it makes the batch size a value.
#[derive(Clone, PartialEq, Debug)]
pub struct Size {
    /// The axis.
    pub axis: usize,
}

impl Operator for Size {
    const INFO: Info = info("size", 1, Category::Reduction, "n", "number of elements along an axis", "");

    fn shape(&self, args: &[&Shape]) -> Result<Shape, ShapeError> {
        args[0].without(self.axis).map(|_| Shape::scalar())
    }

    fn eval(&self, args: &[&Array], _: &[usize]) -> Array {
        Array::scalar(args[0].shape()[self.axis] as f64)
    }

    fn vjp<'b>(&self, _: &Vjp<'_, 'b>) -> Vec<Cotangent<'b>> {
        vec![Cotangent::Zero("a size does not depend on the values")]
    }

    fn lower(&self, _: &[&Shape], _: &Shape) -> Lowering {
        Lowering::Size(self.axis)
    }

    fn attributes(&self) -> Vec<(&'static str, Attribute)> {
        vec![("axis", Attribute::Number(self.axis as f64))]
    }

    fn parse(attributes: &mut Attributes) -> Result<Self, AttributeError> {
        Ok(Size { axis: attributes.count("axis")? })
    }

    fn samples() -> Vec<Sample> {
        vec![Sample::new(Size { axis: 1 }, [Array::filled(&[2, 3], 0.5)])]
    }
}
