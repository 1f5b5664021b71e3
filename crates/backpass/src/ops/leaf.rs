//! What inputs and parameters share: a declared shape, and a value that comes from outside.

/// The operator of a value that comes from outside.
macro_rules! leaf_operator {
    ($Type:ident, $name:literal, $summary:literal, batch: $batch:literal) => {
        impl crate::ops::Operator for $Type {
            const INFO: crate::ops::Info =
                crate::ops::elementwise::info($name, 0, crate::ops::Category::Leaf, "", $summary, "");

            fn shape(&self, _: &[&crate::shape::Shape]) -> Result<crate::shape::Shape, crate::shape::ShapeError> {
                if self.shape.is_batched() && !$batch {
                    return Err(crate::shape::ShapeError::Batched { op: $name, shape: self.shape.clone() });
                }
                Ok(self.shape.clone())
            }

            /// Not a value: the interpreter takes it from its caller.
            fn eval(&self, _: &[&crate::array::Array], shape: &[usize]) -> crate::array::Array {
                crate::array::Array::filled(shape, f64::NAN)
            }

            fn vjp<'b>(&self, _: &crate::ops::Vjp<'_, 'b>) -> Vec<crate::ops::Cotangent<'b>> {
                Vec::new()
            }

            fn lower(&self, _: &[&crate::shape::Shape], _: &crate::shape::Shape) -> crate::ops::Lowering {
                crate::ops::Lowering::Leaf
            }

            fn attributes(&self) -> Vec<(&'static str, crate::ops::Attribute)> {
                vec![("shape", crate::ops::Attribute::Shape(self.shape.clone()))]
            }

            fn parse(attributes: &mut crate::ops::Attributes) -> Result<Self, crate::ops::AttributeError> {
                Ok($Type { shape: attributes.shape("shape")? })
            }

            fn samples() -> Vec<crate::ops::Sample> {
                Vec::new()
            }
        }
    };
}
pub(super) use leaf_operator;
