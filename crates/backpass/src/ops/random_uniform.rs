//! `random_uniform`.

use backpass_kernels::philox;

use super::elementwise::info;
use super::{
    Array, Attribute, AttributeError, Attributes, Category, Cotangent, Info, Lowering, Operator, Sample, Shape,
};
use super::{ShapeError, Steps, Value, Vjp};

/// Uniform random numbers in [0, 1) with 24 random bits, a function of (key, step, element) alone.
/// The operand is the step, a scalar counting from 0.
#[derive(Clone, PartialEq, Debug)]
pub struct RandomUniform {
    /// Which stream of numbers.
    pub key: u64,
    /// The shape of the result.
    pub shape: Shape,
}

impl Operator for RandomUniform {
    const INFO: Info = info(
        "random_uniform",
        1,
        Category::Random,
        "u ∈ [0, 1)",
        "uniform random numbers, the same for the same key, step and element",
        "Salmon et al. 2011 (Philox 4x32-10)",
    );

    fn shape(&self, args: &[&Shape]) -> Result<Shape, ShapeError> {
        if args[0].rank() == 0 {
            return Ok(self.shape.clone());
        }
        let (expected, found) = (Shape::scalar(), args[0].clone());
        Err(ShapeError::Expected { op: "random_uniform", expected, found })
    }

    fn eval(&self, args: &[&Array], shape: &[usize]) -> Array {
        Array::from_fn(shape, |i| philox::uniform(self.key, args[0].data()[0] as u64, i as u64))
    }

    fn vjp<'b>(&self, _: &Vjp<'_, 'b>) -> Vec<Cotangent<'b>> {
        vec![Cotangent::None("random numbers have no derivative in the step number")]
    }

    fn lower(&self, _: &[&Shape], _: &Shape) -> Lowering {
        Lowering::Map
    }

    fn steps(&self, steps: &mut Steps, args: &[Value]) -> Value {
        steps.uniform(self.key, args[0])
    }

    fn attributes(&self) -> Vec<(&'static str, Attribute)> {
        vec![("key", Attribute::Key(self.key)), ("shape", Attribute::Shape(self.shape.clone()))]
    }

    fn parse(attributes: &mut Attributes) -> Result<Self, AttributeError> {
        Ok(RandomUniform { key: attributes.key("key")?, shape: attributes.shape("shape")? })
    }

    fn samples() -> Vec<Sample> {
        vec![Sample::new(RandomUniform { key: 42, shape: Shape::fixed(&[5, 3]) }, [Array::scalar(7.0)])]
    }
}
