//! `broadcast`.

use super::elementwise::{info, layout};
use super::{
    Array, Attribute, AttributeError, Attributes, Category, Cotangent, Info, Lowering, Move, Operator, Sample,
};
use super::{Shape, ShapeError, Vjp};
use crate::array::{broadcast_strides, dense_strides};

/// The value repeated to a larger shape, aligned at the right.
#[derive(Clone, PartialEq, Debug)]
pub struct Broadcast {
    /// The shape of the result.
    pub shape: Shape,
}

impl Operator for Broadcast {
    const INFO: Info = info("broadcast", 1, Category::Movement, "x", "repeat to a larger shape", "");

    fn shape(&self, args: &[&Shape]) -> Result<Shape, ShapeError> {
        match args[0].broadcast(&self.shape) {
            Ok(shape) if shape == self.shape => Ok(shape),
            _ => Err(ShapeError::Broadcast { left: args[0].clone(), right: self.shape.clone() }),
        }
    }

    fn eval(&self, args: &[&Array], shape: &[usize]) -> Array {
        args[0].broadcast_to(shape)
    }

    /// The driver sums the repeated dimensions back.
    fn vjp<'b>(&self, v: &Vjp<'_, 'b>) -> Vec<Cotangent<'b>> {
        vec![Cotangent::Of(v.cotangent)]
    }

    fn lower(&self, args: &[&Shape], output: &Shape) -> Lowering {
        if layout(args[0], output).is_some() {
            return Lowering::Map;
        }
        // Two rows stand for any number: the batch leads, so no stride depends on it.
        let (from, to) = (args[0].resolve(2), output.resolve(2));
        Lowering::Copy(vec![Move {
            arg: 0,
            shape: output.clone(),
            from: 0,
            from_strides: broadcast_strides(&from, &to),
            to: 0,
            to_strides: dense_strides(&to),
        }])
    }

    fn attributes(&self) -> Vec<(&'static str, Attribute)> {
        vec![("shape", Attribute::Shape(self.shape.clone()))]
    }

    fn parse(attributes: &mut Attributes) -> Result<Self, AttributeError> {
        Ok(Broadcast { shape: attributes.shape("shape")? })
    }

    fn samples() -> Vec<Sample> {
        let x = Array::vector([0.5, -1.5, 2.0]);
        let to = |sizes: &[usize]| Broadcast { shape: Shape::fixed(sizes) };
        let middle = Array::from_fn(&[2, 1, 3], |i| i as f64 - 2.2);
        vec![
            Sample::new(to(&[2, 3]), [x.clone()]),
            Sample::new(to(&[3, 2]), [Array::from_fn(&[3, 1], |i| x.data()[i])]),
            Sample::new(to(&[2, 2]), [Array::scalar(0.7)]),
            Sample::new(to(&[2, 4, 3]), [middle]),
        ]
    }
}
