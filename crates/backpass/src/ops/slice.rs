//! `slice`.

use super::{
    Array, Attribute, AttributeError, Attributes, Category, Cotangent, Info, Lowering, Move, Operator, Sample,
};
use super::{Shape, ShapeError, Vjp, elementwise::info};
use crate::array::dense_strides;
use crate::builder::Expr;
use crate::shape::Dim;

/// Indices `start..end` along an axis other than the batch.
#[derive(Clone, PartialEq, Debug)]
pub struct Slice {
    /// The axis that is cut.
    pub axis: usize,
    /// The first index.
    pub start: usize,
    /// One past the last index.
    pub end: usize,
}

impl Operator for Slice {
    const INFO: Info = info("slice", 1, Category::Movement, "x[start..end]", "a range of indices along an axis", "");

    fn shape(&self, args: &[&Shape]) -> Result<Shape, ShapeError> {
        let &Slice { axis, start, end } = self;
        let shape = args[0].clone();
        match shape.dims().get(axis) {
            None => Err(ShapeError::Axis { axis, shape }),
            Some(Dim::Batch) => Err(ShapeError::Batch { op: "slice", shape }),
            Some(Dim::Fixed(n)) if start < end && end <= *n => Ok(shape.replaced(axis, Dim::Fixed(end - start))),
            Some(_) => Err(ShapeError::Slice { shape, axis, start, end }),
        }
    }

    fn eval(&self, args: &[&Array], shape: &[usize]) -> Array {
        let strides = dense_strides(args[0].shape());
        args[0].strided(shape, self.start * strides[self.axis], &strides)
    }

    fn vjp<'b>(&self, v: &Vjp<'_, 'b>) -> Vec<Cotangent<'b>> {
        let shape = v.args[0].shape();
        let Dim::Fixed(size) = shape.dims()[self.axis] else {
            return vec![Cotangent::None("the batch cannot be sliced")];
        };
        let zeros = |n: usize| v.cotangent.builder().constant(0.0).broadcast(shape.replaced(self.axis, Dim::Fixed(n)));
        let mut parts: Vec<Expr<'b>> = Vec::new();
        if self.start > 0 {
            parts.push(zeros(self.start));
        }
        parts.push(v.cotangent);
        if self.end < size {
            parts.push(zeros(size - self.end));
        }
        vec![Cotangent::Of(Expr::concat(self.axis, &parts))]
    }

    fn lower(&self, args: &[&Shape], output: &Shape) -> Lowering {
        let from_strides = dense_strides(&args[0].resolve(1));
        let from = self.start * from_strides[self.axis];
        let to_strides = dense_strides(&output.resolve(1));
        Lowering::Copy(vec![Move { arg: 0, shape: output.clone(), from, from_strides, to: 0, to_strides }])
    }

    fn attributes(&self) -> Vec<(&'static str, Attribute)> {
        let number = |n: usize| Attribute::Number(n as f64);
        vec![("axis", number(self.axis)), ("start", number(self.start)), ("end", number(self.end))]
    }

    fn parse(attributes: &mut Attributes) -> Result<Self, AttributeError> {
        let (axis, start, end) = (attributes.count("axis")?, attributes.count("start")?, attributes.count("end")?);
        Ok(Slice { axis, start, end })
    }

    fn samples() -> Vec<Sample> {
        let x = Array::from_fn(&[3, 4], |i| i as f64 / 3.0 - 2.1);
        vec![
            Sample::new(Slice { axis: 1, start: 1, end: 3 }, [x.clone()]),
            Sample::new(Slice { axis: 0, start: 0, end: 2 }, [x.clone()]),
            Sample::new(Slice { axis: 1, start: 0, end: 4 }, [x]),
        ]
    }
}
