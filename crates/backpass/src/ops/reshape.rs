//! `reshape`.

use super::{Array, Attribute, AttributeError, Attributes, Category, Cotangent, Info, Lowering, Operator, Sample};
use super::{Shape, ShapeError, Vjp, elementwise::info};

/// The same elements in the same order under another shape.
#[derive(Clone, PartialEq, Debug)]
pub struct Reshape {
    /// The shape of the result.
    pub shape: Shape,
}

impl Operator for Reshape {
    const INFO: Info = info("reshape", 1, Category::Movement, "x", "the same elements under another shape", "");

    fn shape(&self, args: &[&Shape]) -> Result<Shape, ShapeError> {
        if args[0].extent() == self.shape.extent() {
            return Ok(self.shape.clone());
        }
        Err(ShapeError::Reshape { from: args[0].clone(), to: self.shape.clone() })
    }

    fn eval(&self, args: &[&Array], shape: &[usize]) -> Array {
        args[0].strided(shape, 0, &crate::array::dense_strides(shape))
    }

    fn vjp<'b>(&self, v: &Vjp<'_, 'b>) -> Vec<Cotangent<'b>> {
        vec![Cotangent::Of(v.cotangent.reshape(v.args[0].shape()))]
    }

    fn lower(&self, _: &[&Shape], _: &Shape) -> Lowering {
        Lowering::Alias
    }

    fn attributes(&self) -> Vec<(&'static str, Attribute)> {
        vec![("shape", Attribute::Shape(self.shape.clone()))]
    }

    fn parse(attributes: &mut Attributes) -> Result<Self, AttributeError> {
        Ok(Reshape { shape: attributes.shape("shape")? })
    }

    fn samples() -> Vec<Sample> {
        let x = Array::from_fn(&[2, 3], |i| i as f64 - 2.5);
        vec![Sample::new(Reshape { shape: Shape::fixed(&[3, 2]) }, [x])]
    }
}
