//! `constant`.

use super::{
    Arity, Array, Attribute, AttributeError, Attributes, Category, Cotangent, Info, Lowering, Operator, Sample,
};
use super::{Shape, ShapeError, Vjp};

/// A fixed number or array.
#[derive(Clone, PartialEq, Debug)]
pub struct Constant {
    /// Its value.
    pub value: Array,
}

impl Operator for Constant {
    const INFO: Info = Info {
        name: "constant",
        symbol: None,
        arity: Arity::Exactly(0),
        category: Category::Leaf,
        formula: "",
        summary: "a fixed number or array",
        source: "",
    };

    fn shape(&self, _: &[&Shape]) -> Result<Shape, ShapeError> {
        Ok(Shape::fixed(self.value.shape()))
    }

    fn eval(&self, _: &[&Array], _: &[usize]) -> Array {
        self.value.clone()
    }

    fn vjp<'b>(&self, _: &Vjp<'_, 'b>) -> Vec<Cotangent<'b>> {
        Vec::new()
    }

    fn lower(&self, _: &[&Shape], _: &Shape) -> Lowering {
        Lowering::Leaf
    }

    fn attributes(&self) -> Vec<(&'static str, Attribute)> {
        vec![("value", Attribute::Array(self.value.clone()))]
    }

    fn parse(attributes: &mut Attributes) -> Result<Self, AttributeError> {
        Ok(Constant { value: attributes.array("value")? })
    }

    fn samples() -> Vec<Sample> {
        vec![Sample::new(Constant { value: Array::vector([1.5, -2.0]) }, [])]
    }
}
