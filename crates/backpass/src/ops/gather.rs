//! `gather`.

use super::{
    Array, AttributeError, Attributes, Category, Cotangent, Info, Lowering, Operator, Sample, Shape, ShapeError,
};
use super::{Vjp, elementwise::info};
use crate::shape::Dim;

/// Rows of a table (V×D) numbered by a vector of indices (n): the result is n×D. An index that is not a row number gives
/// a row of NaN; fractions are cut off.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Gather;

/// The row that an index names among `rows`, if any.
pub(super) fn row(index: f64, rows: usize) -> Option<usize> {
    (index >= 0.0 && index < rows as f64).then_some(index as usize)
}

impl Operator for Gather {
    const INFO: Info = info("gather", 2, Category::Index, "table[i]", "rows of a table by index", "");

    fn shape(&self, args: &[&Shape]) -> Result<Shape, ShapeError> {
        let (&[Dim::Fixed(_), Dim::Fixed(width)], &[indices]) = (args[0].dims(), args[1].dims()) else {
            let (found, expected) = if args[0].rank() == 2 { (args[1], 1) } else { (args[0], 2) };
            return Err(ShapeError::Rank { op: "gather", expected, found: found.clone() });
        };
        Shape::new(vec![indices, Dim::Fixed(width)])
            .ok_or_else(|| ShapeError::Batch { op: "gather", shape: args[1].clone() })
    }

    fn eval(&self, args: &[&Array], shape: &[usize]) -> Array {
        let (table, indices) = (args[0], args[1]);
        Array::from_fn(shape, |i| match row(indices.data()[i / shape[1]], table.shape()[0]) {
            Some(row) => table.data()[row * shape[1] + i % shape[1]],
            None => f64::NAN,
        })
    }

    fn vjp<'b>(&self, v: &Vjp<'_, 'b>) -> Vec<Cotangent<'b>> {
        let rows = v.args[0].shape().resolve(0)[0];
        vec![
            Cotangent::Of(v.args[1].one_hot(rows).matmul_with(v.cotangent, true, false)),
            Cotangent::None("indices are whole numbers"),
        ]
    }

    fn lower(&self, _: &[&Shape], _: &Shape) -> Lowering {
        Lowering::Gather
    }

    fn parse(_: &mut Attributes) -> Result<Self, AttributeError> {
        Ok(Gather)
    }

    fn samples() -> Vec<Sample> {
        let table = Array::from_fn(&[3, 2], |i| i as f64 - 1.7);
        vec![Sample::new(Gather, [table, Array::vector([2.0, 0.0, 2.0, 1.0])])]
    }
}
