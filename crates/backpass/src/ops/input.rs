//! `input`.

use super::{Arity, Array, Attribute, AttributeError, Attributes, Category, Cotangent, Info, Lowering, Operator, Sample};
use super::{Shape, ShapeError, Vjp};

/// A value given anew at each run.
#[derive(Clone, PartialEq, Debug)]
pub struct Input {
    /// Its shape.
    pub shape: Shape,
}

impl Operator for Input {
    const INFO: Info = Info {
        name: "input",
        symbol: None,
        arity: Arity::Exactly(0),
        category: Category::Leaf,
        formula: "",
        summary: "a value given at each run",
        source: "",
    };

    fn shape(&self, _: &[&Shape]) -> Result<Shape, ShapeError> {
        Ok(self.shape.clone())
    }

    /// Never called with a value to give: the interpreter takes it from its caller.
    fn eval(&self, _: &[&Array], shape: &[usize]) -> Array {
        Array::filled(shape, f64::NAN)
    }

    fn vjp<'b>(&self, _: &Vjp<'_, 'b>) -> Vec<Cotangent<'b>> {
        Vec::new()
    }

    fn lower(&self, _: &[&Shape], _: &Shape) -> Lowering {
        Lowering::Leaf
    }

    fn attributes(&self) -> Vec<(&'static str, Attribute)> {
        vec![("shape", Attribute::Shape(self.shape.clone()))]
    }

    fn parse(attributes: &mut Attributes) -> Result<Self, AttributeError> {
        Ok(Input { shape: attributes.shape("shape")? })
    }

    fn samples() -> Vec<Sample> {
        Vec::new()
    }
}
