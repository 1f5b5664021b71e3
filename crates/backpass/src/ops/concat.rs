//! `concat`.

use super::{Arity, Array, Attribute, AttributeError, Attributes, Category, Cotangent, Info, Lowering, Move, Operator};
use super::{Sample, Shape, ShapeError, Vjp};
use crate::array::dense_strides;
use crate::shape::Dim;

/// Operands side by side along an axis; all other sizes are equal.
#[derive(Clone, PartialEq, Debug)]
pub struct Concat {
    /// The axis along which they are joined; never the batch.
    pub axis: usize,
}

fn size(shape: &Shape, axis: usize) -> usize {
    if let Dim::Fixed(n) = shape.dims()[axis] { n } else { 0 }
}

impl Operator for Concat {
    const INFO: Info = Info {
        name: "concat",
        symbol: None,
        arity: Arity::Many,
        category: Category::Movement,
        formula: "[a, b, …]",
        summary: "operands side by side along an axis",
        source: "",
    };

    fn shape(&self, args: &[&Shape]) -> Result<Shape, ShapeError> {
        let first = args[0];
        if self.axis >= first.rank() {
            return Err(ShapeError::Axis { axis: self.axis, shape: first.clone() });
        }
        let mut total = 0;
        for arg in args {
            if arg.rank() != first.rank()
                || arg.replaced(self.axis, Dim::Fixed(0)) != first.replaced(self.axis, Dim::Fixed(0))
            {
                let (expected, found) = (first.clone(), (*arg).clone());
                return Err(ShapeError::Expected { op: "concat", expected, found });
            }
            if arg.dims()[self.axis] == Dim::Batch {
                return Err(ShapeError::Batch { op: "concat", shape: (*arg).clone() });
            }
            total += size(arg, self.axis);
        }
        Ok(first.replaced(self.axis, Dim::Fixed(total)))
    }

    fn eval(&self, args: &[&Array], shape: &[usize]) -> Array {
        let inner: usize = shape[self.axis + 1..].iter().product();
        let row = shape[self.axis] * inner;
        let mut result = Array::filled(shape, 0.0);
        let mut offset = 0;
        for arg in args {
            let width = arg.shape()[self.axis] * inner;
            for (i, &value) in arg.data().iter().enumerate() {
                result.data_mut()[i / width * row + offset + i % width] = value;
            }
            offset += width;
        }
        result
    }

    fn vjp<'b>(&self, v: &Vjp<'_, 'b>) -> Vec<Cotangent<'b>> {
        let mut start = 0;
        let part = |arg: &crate::builder::Expr<'b>| {
            let end = start + size(&arg.shape(), self.axis);
            let slice = v.cotangent.slice(self.axis, start, end);
            start = end;
            Cotangent::Of(slice)
        };
        v.args.iter().map(part).collect()
    }

    fn lower(&self, args: &[&Shape], output: &Shape) -> Lowering {
        let to_strides = dense_strides(&output.resolve(1));
        let mut to = 0;
        let part = |(arg, shape): (usize, &&Shape)| {
            let from_strides = dense_strides(&shape.resolve(1));
            let start = to;
            to += size(shape, self.axis) * to_strides[self.axis];
            Move { arg, shape: (*shape).clone(), from: 0, from_strides, to: start, to_strides: to_strides.clone() }
        };
        Lowering::Copy(args.iter().enumerate().map(part).collect())
    }

    fn attributes(&self) -> Vec<(&'static str, Attribute)> {
        vec![("axis", Attribute::Number(self.axis as f64))]
    }

    fn parse(attributes: &mut Attributes) -> Result<Self, AttributeError> {
        Ok(Concat { axis: attributes.count("axis")? })
    }

    fn samples() -> Vec<Sample> {
        let a = Array::from_fn(&[2, 3], |i| i as f64 - 2.5);
        let b = Array::from_fn(&[2, 1], |i| i as f64 + 0.5);
        vec![
            Sample::new(Concat { axis: 1 }, [a.clone(), b, a.clone()]),
            Sample::new(Concat { axis: 0 }, [a.clone(), a]),
        ]
    }
}
