//! Embeddings of categories.

use backpass_kernels::philox::Stream;

use crate::array::Array;
use crate::builder::Expr;
use crate::graph::ScopeKind;
use crate::nn::Weights;
use crate::shape::Shape;

/// An input that numbers rows of a table of its own, from 0, becomes that row; the table is learnt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// The rows of the table; the first is for what has no row of its own, and starts at zero.
    pub rows: usize,
    /// The numbers of a row.
    pub outputs: usize,
}

impl Lookup {
    /// The name of table `index`, counted from 0.
    fn name(index: usize) -> String {
        format!("category{}", index + 1)
    }

    /// From `[batch, 1]` to `[batch, outputs]`.
    pub(in crate::nn) fn forward<'b>(self, code: Expr<'b>, index: usize) -> Expr<'b> {
        let (b, name) = (code.builder(), Lookup::name(index));
        b.scope(&name, ScopeKind::Function, || {
            let table = b.parameter(&format!("{name}.table"), Shape::fixed(&[self.rows, self.outputs]));
            table.gather(code.reshape(Shape::batch(&[])))
        })
    }

    /// Draws the table from N(0, 1) (Holzmüller, Grinsztajn and Steinwart 2024).
    pub(in crate::nn) fn draw(self, index: usize, key: u64, weights: &mut Weights) {
        let mut stream = Stream::new(key, 1 + index as u64);
        let draw = |i: usize| if i < self.outputs { 0.0 } else { f64::from(stream.normal() as f32) };
        let table = Array::from_fn(&[self.rows, self.outputs], draw);
        weights.insert(format!("{}.table", Lookup::name(index)), table);
    }
}
