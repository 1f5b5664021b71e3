//! `select`.

use super::elementwise::{broadcast_shape, eval_elementwise, info, pairs};
use super::{
    Array, AttributeError, Attributes, Category, Cotangent, Info, Lowering, Operator, Sample, Shape, ShapeError,
};
use super::{Steps, Value, Vjp};

/// `condition ≠ 0 ? then : otherwise`; a NaN condition counts as not zero.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Select;

impl Operator for Select {
    const INFO: Info = info("select", 3, Category::Logic, "c ≠ 0 ? a : b", "choice between two values", "");

    fn shape(&self, args: &[&Shape]) -> Result<Shape, ShapeError> {
        broadcast_shape(args)
    }

    fn eval(&self, args: &[&Array], shape: &[usize]) -> Array {
        eval_elementwise(args, shape, |[c, a, b]| if c != 0.0 { a } else { b })
    }

    fn vjp<'b>(&self, v: &Vjp<'_, 'b>) -> Vec<Cotangent<'b>> {
        let condition = v.args[0];
        vec![
            Cotangent::Zero("a choice is flat in its condition except where it flips"),
            Cotangent::Of(condition.select(v.cotangent, 0.0)),
            Cotangent::Of(condition.select(0.0, v.cotangent)),
        ]
    }

    fn lower(&self, _: &[&Shape], _: &Shape) -> Lowering {
        Lowering::Map
    }

    fn steps(&self, steps: &mut Steps, args: &[Value]) -> Value {
        steps.select(args[0], args[1], args[2])
    }

    fn parse(_: &mut Attributes) -> Result<Self, AttributeError> {
        Ok(Select)
    }

    fn samples() -> Vec<Sample> {
        let condition = Array::vector([1.0, 0.0, -2.0]);
        pairs().into_iter().map(|(a, b)| Sample::new(Select, [condition.clone(), a, b])).collect()
    }
}
