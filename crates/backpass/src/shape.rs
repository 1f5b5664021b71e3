//! Shapes: the sizes of an array, of which only the first may be the symbolic batch size.

use std::fmt;

pub use backpass_kernels::Extent;

/// One dimension of a [`Shape`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Dim {
    /// The number of rows of the batch, known only when a graph runs. Always the first dimension.
    Batch,
    /// A size known when the graph is built.
    Fixed(usize),
}

/// The shape of a node's value: `[]` is a scalar, `[batch, 4]` a batch of rows of four numbers.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Shape(Vec<Dim>);

/// Why operand shapes do not fit an operator.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ShapeError {
    /// Wrong number of operands.
    #[error("`{op}` takes {expected} operand(s), found {found}")]
    Arity {
        /// Operator name.
        op: &'static str,
        /// How many it takes.
        expected: usize,
        /// How many it was given.
        found: usize,
    },
    /// Two shapes that cannot be broadcast together.
    #[error(
        "shapes {left} and {right} do not fit together\nhelp: sizes must be equal, or one of them 1, counted from the right"
    )]
    Broadcast {
        /// First shape.
        left: Shape,
        /// Second shape.
        right: Shape,
    },
    /// A matrix product whose inner sizes differ.
    #[error("matrix product of {left} and {right}: the inner sizes {inner_left} and {inner_right} differ")]
    Inner {
        /// Shape of the left operand as stored.
        left: Shape,
        /// Shape of the right operand as stored.
        right: Shape,
        /// Columns of the left matrix after transposition.
        inner_left: Dim,
        /// Rows of the right matrix after transposition.
        inner_right: Dim,
    },
    /// An operand of the wrong rank.
    #[error("`{op}` needs an operand of rank {expected}, found shape {found}")]
    Rank {
        /// Operator name.
        op: &'static str,
        /// The rank it needs.
        expected: usize,
        /// The shape it was given.
        found: Shape,
    },
    /// An axis that the operand does not have.
    #[error("axis {axis} does not exist in shape {shape}")]
    Axis {
        /// The axis asked for.
        axis: usize,
        /// The operand's shape.
        shape: Shape,
    },
    /// The batch dimension somewhere else than first.
    #[error("`{op}` of {shape} would move or cut the batch dimension, which must stay first and whole")]
    Batch {
        /// Operator name.
        op: &'static str,
        /// The offending shape.
        shape: Shape,
    },
    /// A batch dimension where there can be none.
    #[error("a {op} has no batch dimension, found shape {shape}")]
    Batched {
        /// Operator name.
        op: &'static str,
        /// The offending shape.
        shape: Shape,
    },
    /// A reshape that changes the number of elements.
    #[error("cannot reshape {from} to {to}: the number of elements differs")]
    Reshape {
        /// Shape before.
        from: Shape,
        /// Shape asked for.
        to: Shape,
    },
    /// A slice outside its axis.
    #[error("slice {start}..{end} does not lie in axis {axis} of {shape}")]
    Slice {
        /// The operand's shape.
        shape: Shape,
        /// The sliced axis.
        axis: usize,
        /// First index.
        start: usize,
        /// One past the last index.
        end: usize,
    },
    /// A permutation that is not one.
    #[error("{permutation:?} is not a permutation of the axes of {shape}")]
    Permutation {
        /// What was given.
        permutation: Vec<usize>,
        /// The operand's shape.
        shape: Shape,
    },
    /// A shape required to be another.
    #[error("`{op}` expects shape {expected}, found {found}")]
    Expected {
        /// Operator name.
        op: &'static str,
        /// Expected shape.
        expected: Shape,
        /// Found shape.
        found: Shape,
    },
}

impl Shape {
    /// The shape of a single number.
    pub fn scalar() -> Self {
        Shape(Vec::new())
    }

    /// A shape without batch dimension.
    pub fn fixed(sizes: &[usize]) -> Self {
        Shape(sizes.iter().map(|&n| Dim::Fixed(n)).collect())
    }

    /// A batch of arrays with the given sizes.
    pub fn batch(sizes: &[usize]) -> Self {
        let mut dims = vec![Dim::Batch];
        dims.extend(sizes.iter().map(|&n| Dim::Fixed(n)));
        Shape(dims)
    }

    /// A shape from its dimensions, or `None` when `Batch` stands anywhere but first.
    pub fn new(dims: Vec<Dim>) -> Option<Self> {
        let batch_later = dims.iter().skip(1).any(|d| *d == Dim::Batch);
        (!batch_later).then_some(Shape(dims))
    }

    /// The dimensions, outermost first.
    pub fn dims(&self) -> &[Dim] {
        &self.0
    }

    /// The number of dimensions.
    pub fn rank(&self) -> usize {
        self.0.len()
    }

    /// Whether the first dimension is the batch.
    pub fn is_batched(&self) -> bool {
        self.0.first() == Some(&Dim::Batch)
    }

    /// The number of elements.
    pub fn extent(&self) -> Extent {
        let sizes = self.0.iter().map(|d| if let Dim::Fixed(n) = d { *n } else { 1 });
        // A product beyond the address space stays too large to be placed.
        let fixed = sizes.fold(1, usize::saturating_mul);
        Extent { fixed, batched: self.is_batched() }
    }

    /// The sizes for a batch of `rows`.
    pub fn resolve(&self, rows: usize) -> Vec<usize> {
        self.0.iter().map(|d| if let Dim::Fixed(n) = d { *n } else { rows }).collect()
    }

    /// The shape that both operands broadcast to, aligned at the right.
    pub fn broadcast(&self, other: &Shape) -> Result<Shape, ShapeError> {
        let rank = self.rank().max(other.rank());
        let at = |shape: &Shape, i: usize| (i + shape.rank()).checked_sub(rank).map_or(Dim::Fixed(1), |j| shape.0[j]);
        let dims = (0..rank).map(|i| match (at(self, i), at(other, i)) {
            (a, b) if a == b => Some(a),
            (Dim::Fixed(1), d) | (d, Dim::Fixed(1)) => Some(d),
            _ => None,
        });
        dims.collect::<Option<Vec<_>>>()
            .and_then(Shape::new)
            .ok_or_else(|| ShapeError::Broadcast { left: self.clone(), right: other.clone() })
    }

    /// The shape without `axis`.
    pub fn without(&self, axis: usize) -> Result<Shape, ShapeError> {
        if axis >= self.rank() {
            return Err(ShapeError::Axis { axis, shape: self.clone() });
        }
        let mut dims = self.0.clone();
        dims.remove(axis);
        Ok(Shape(dims))
    }

    /// The shape with size 1 inserted at `axis`, or `None` where the batch would no longer lead.
    pub fn with_one(&self, axis: usize) -> Option<Shape> {
        let mut dims = self.0.clone();
        if axis > dims.len() {
            return None;
        }
        dims.insert(axis, Dim::Fixed(1));
        Shape::new(dims)
    }

    /// The shape with dimension `axis` replaced.
    pub fn replaced(&self, axis: usize, dim: Dim) -> Shape {
        let mut dims = self.0.clone();
        dims[axis] = dim;
        Shape(dims)
    }
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Dim::Batch => f.write_str("batch"),
            Dim::Fixed(n) => write!(f, "{n}"),
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (i, dim) in self.0.iter().enumerate() {
            write!(f, "{}{dim}", if i == 0 { "" } else { ", " })?;
        }
        f.write_str("]")
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broadcasting_aligns_at_the_right() {
        let batch = Shape::batch(&[4]);
        assert_eq!(batch.broadcast(&Shape::fixed(&[4])).unwrap(), batch);
        assert_eq!(batch.broadcast(&Shape::scalar()).unwrap(), batch);
        assert_eq!(batch.broadcast(&Shape::batch(&[1])).unwrap(), batch);
        assert_eq!(Shape::fixed(&[2, 1]).broadcast(&Shape::fixed(&[3])).unwrap(), Shape::fixed(&[2, 3]));
        assert!(batch.broadcast(&Shape::fixed(&[5, 4])).is_err());
        assert!(Shape::batch(&[]).broadcast(&Shape::fixed(&[2, 1])).is_err());
    }

    #[test]
    fn the_batch_leads() {
        assert!(Shape::new(vec![Dim::Fixed(2), Dim::Batch]).is_none());
        assert_eq!(Shape::batch(&[3]).resolve(7), [7, 3]);
        assert_eq!(Shape::batch(&[3]).extent().at(7), 21);
        assert_eq!(Shape::batch(&[3]).to_string(), "[batch, 3]");
    }
}
