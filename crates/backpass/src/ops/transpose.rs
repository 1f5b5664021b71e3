//! `transpose`.

use super::{
    Array, Attribute, AttributeError, Attributes, Category, Cotangent, Info, Lowering, Move, Operator, Sample,
};
use super::{Shape, ShapeError, Vjp, elementwise::info};
use crate::array::dense_strides;

/// The axes in another order: axis `i` of the result is axis `axes[i]` of the operand.
#[derive(Clone, PartialEq, Debug)]
pub struct Transpose {
    /// For each axis of the result, the axis of the operand.
    pub axes: Vec<usize>,
}

impl Transpose {
    fn strides(&self, shape: &[usize]) -> Vec<usize> {
        let dense = dense_strides(shape);
        self.axes.iter().map(|&axis| dense[axis]).collect()
    }
}

impl Operator for Transpose {
    const INFO: Info = info("transpose", 1, Category::Movement, "xᵀ", "the axes in another order", "");

    fn shape(&self, args: &[&Shape]) -> Result<Shape, ShapeError> {
        let shape = args[0];
        let mut sorted = self.axes.clone();
        sorted.sort_unstable();
        if !sorted.into_iter().eq(0..shape.rank()) {
            return Err(ShapeError::Permutation { permutation: self.axes.clone(), shape: shape.clone() });
        }
        let dims = self.axes.iter().map(|&axis| shape.dims()[axis]).collect();
        Shape::new(dims).ok_or_else(|| ShapeError::Batch { op: "transpose", shape: shape.clone() })
    }

    fn eval(&self, args: &[&Array], shape: &[usize]) -> Array {
        args[0].strided(shape, 0, &self.strides(args[0].shape()))
    }

    fn vjp<'b>(&self, v: &Vjp<'_, 'b>) -> Vec<Cotangent<'b>> {
        let mut inverse = vec![0; self.axes.len()];
        for (to, &from) in self.axes.iter().enumerate() {
            inverse[from] = to;
        }
        vec![Cotangent::Of(v.cotangent.transpose(&inverse))]
    }

    fn lower(&self, args: &[&Shape], output: &Shape) -> Lowering {
        Lowering::Copy(vec![Move {
            arg: 0,
            shape: output.clone(),
            from: 0,
            from_strides: self.strides(&args[0].resolve(1)),
            to: 0,
            to_strides: dense_strides(&output.resolve(1)),
        }])
    }

    fn attributes(&self) -> Vec<(&'static str, Attribute)> {
        vec![("axes", Attribute::Shape(Shape::fixed(&self.axes)))]
    }

    fn parse(attributes: &mut Attributes) -> Result<Self, AttributeError> {
        Ok(Transpose { axes: attributes.counts("axes")? })
    }

    fn samples() -> Vec<Sample> {
        let x = Array::from_fn(&[2, 3, 4], |i| i as f64 / 5.0 - 2.0);
        let matrix = Array::from_fn(&[2, 3], |i| i as f64 - 2.5);
        vec![
            Sample::new(Transpose { axes: vec![1, 0] }, [matrix]),
            Sample::new(Transpose { axes: vec![2, 0, 1] }, [x.clone()]),
            Sample::new(Transpose { axes: vec![0, 2, 1] }, [x]),
        ]
    }
}
