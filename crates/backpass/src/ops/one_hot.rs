//! `one_hot`.

use super::gather::row;
use super::{
    Array, Attribute, AttributeError, Attributes, Category, Cotangent, Info, Lowering, Operator, Sample, Shape,
};
use super::{ShapeError, Vjp, elementwise::info};
use crate::shape::Dim;

/// Each index becomes a row of zeros with a single 1; an index outside `0..classes` becomes a row of zeros.
#[derive(Clone, PartialEq, Debug)]
pub struct OneHot {
    /// The length of the rows.
    pub classes: usize,
}

impl Operator for OneHot {
    const INFO: Info =
        info("one_hot", 1, Category::Index, "[i = 0, i = 1, …]", "an index as a row with a single 1", "");

    fn shape(&self, args: &[&Shape]) -> Result<Shape, ShapeError> {
        let mut dims = args[0].dims().to_vec();
        dims.push(Dim::Fixed(self.classes));
        Ok(Shape::new(dims).unwrap_or_default())
    }

    fn eval(&self, args: &[&Array], shape: &[usize]) -> Array {
        Array::from_fn(shape, |i| {
            let hot = row(args[0].data()[i / self.classes], self.classes);
            f64::from(u8::from(hot == Some(i % self.classes)))
        })
    }

    fn vjp<'b>(&self, _: &Vjp<'_, 'b>) -> Vec<Cotangent<'b>> {
        vec![Cotangent::None("indices are whole numbers")]
    }

    fn lower(&self, _: &[&Shape], _: &Shape) -> Lowering {
        Lowering::OneHot
    }

    fn attributes(&self) -> Vec<(&'static str, Attribute)> {
        vec![("classes", Attribute::Number(self.classes as f64))]
    }

    fn parse(attributes: &mut Attributes) -> Result<Self, AttributeError> {
        Ok(OneHot { classes: attributes.count("classes")? })
    }

    fn samples() -> Vec<Sample> {
        vec![Sample::new(OneHot { classes: 3 }, [Array::vector([2.0, 0.0, 1.0, 7.0, -1.0, 1.9, -0.5, -0.0])])]
    }
}
