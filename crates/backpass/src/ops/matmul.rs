//! `matmul`.

use super::{
    Arity, Array, Attribute, AttributeError, Attributes, Category, Cotangent, Info, Lowering, Operator, Sample,
};
use super::{Shape, ShapeError, Vjp};
use crate::shape::Dim;

/// The product of two matrices, either read transposed.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Matmul {
    /// Read the left operand transposed.
    pub transpose_left: bool,
    /// Read the right operand transposed.
    pub transpose_right: bool,
}

impl Operator for Matmul {
    const INFO: Info = Info {
        name: "matmul",
        symbol: Some("@"),
        arity: Arity::Exactly(2),
        category: Category::Matrix,
        formula: "Σ_k a_ik b_kj",
        summary: "matrix product",
        source: "",
    };

    fn shape(&self, args: &[&Shape]) -> Result<Shape, ShapeError> {
        let sides = |shape: &Shape, transposed: bool| match shape.dims() {
            [a, b] => Ok(if transposed { [*b, *a] } else { [*a, *b] }),
            _ => Err(ShapeError::Rank { op: "@", expected: 2, found: shape.clone() }),
        };
        let [rows, inner_left] = sides(args[0], self.transpose_left)?;
        let [inner_right, columns] = sides(args[1], self.transpose_right)?;
        let (left, right) = (args[0].clone(), args[1].clone());
        if inner_left != inner_right {
            return Err(ShapeError::Inner { left, right, inner_left, inner_right });
        }
        Shape::new(vec![rows, columns])
            .filter(|_| columns != Dim::Batch)
            .ok_or(ShapeError::Batch { op: "@", shape: right })
    }

    fn eval(&self, args: &[&Array], shape: &[usize]) -> Array {
        let (a, b) = (args[0], args[1]);
        let inner = a.shape()[usize::from(!self.transpose_left)];
        let strides = |x: &Array, transposed: bool| if transposed { (1, x.shape()[1]) } else { (x.shape()[1], 1) };
        let (a_row, a_column) = strides(a, self.transpose_left);
        let (b_row, b_column) = strides(b, self.transpose_right);
        Array::from_fn(shape, |i| {
            let (row, column) = (i / shape[1], i % shape[1]);
            (0..inner).map(|k| a.data()[row * a_row + k * a_column] * b.data()[k * b_row + column * b_column]).sum()
        })
    }

    /// With C = AB: ∂L/∂A = ∂L/∂C Bᵀ and ∂L/∂B = Aᵀ ∂L/∂C; a transposed operand gets the transposed result.
    fn vjp<'b>(&self, v: &Vjp<'_, 'b>) -> Vec<Cotangent<'b>> {
        let (a, b, g) = (v.args[0], v.args[1], v.cotangent);
        let (ta, tb) = (self.transpose_left, self.transpose_right);
        let da = if ta { b.matmul_with(g, tb, true) } else { g.matmul_with(b, false, !tb) };
        let db = if tb { g.matmul_with(a, true, ta) } else { a.matmul_with(g, !ta, false) };
        vec![Cotangent::Of(da), Cotangent::Of(db)]
    }

    fn lower(&self, _: &[&Shape], _: &Shape) -> Lowering {
        Lowering::Matmul { transpose_left: self.transpose_left, transpose_right: self.transpose_right }
    }

    fn attributes(&self) -> Vec<(&'static str, Attribute)> {
        let flags = [("transpose_left", self.transpose_left), ("transpose_right", self.transpose_right)];
        flags.into_iter().filter(|(_, on)| *on).map(|(name, _)| (name, Attribute::Word("true".into()))).collect()
    }

    fn parse(attributes: &mut Attributes) -> Result<Self, AttributeError> {
        Ok(Matmul {
            transpose_left: attributes.flag("transpose_left")?,
            transpose_right: attributes.flag("transpose_right")?,
        })
    }

    fn samples() -> Vec<Sample> {
        let matrix = |rows, columns, seed: usize| {
            Array::from_fn(&[rows, columns], |i| ((i * 37 + seed * 11) % 17) as f64 / 7.0 - 1.1)
        };
        let flags = [(false, false), (false, true), (true, false), (true, true)];
        let sample = |(transpose_left, transpose_right)| {
            let a = if transpose_left { matrix(4, 3, 1) } else { matrix(3, 4, 1) };
            let b = if transpose_right { matrix(2, 4, 2) } else { matrix(4, 2, 2) };
            Sample::new(Matmul { transpose_left, transpose_right }, [a, b])
        };
        flags.into_iter().map(sample).collect()
    }
}
