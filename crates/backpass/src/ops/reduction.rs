//! What reductions along an axis share.

use super::{Array, Expr, Operator, Sample, Shape};

/// Applies `f` to each run of elements along `axis`.
pub(super) fn eval(x: &Array, axis: usize, shape: &[usize], f: impl Fn(&[f64]) -> f64) -> Array {
    let (_, n, inner) = x.around(axis);
    let mut run = vec![0.0; n];
    Array::from_fn(shape, |i| {
        let (outer, offset) = (i / inner, i % inner);
        for (k, v) in run.iter_mut().enumerate() {
            *v = x.data()[(outer * n + k) * inner + offset];
        }
        f(&run)
    })
}

/// Brings a reduced value back to the shape before the reduction by repeating it along `axis`.
pub(super) fn restore<'b>(value: Expr<'b>, axis: usize, shape: Shape) -> Expr<'b> {
    value.expand(axis).broadcast(shape)
}

/// Samples along each axis of a matrix, and of a vector.
pub(super) fn samples<O: Operator>(op: impl Fn(usize) -> O) -> Vec<Sample> {
    let x = Array::from_fn(&[3, 4], |i| [0.3, -1.2, 2.4, 0.9, 1.7, -0.5, -2.2, 1.1, 0.6, 2.9, -0.1, -1.6][i]);
    let vector = Array::vector([0.4, -1.3, 2.2]);
    vec![Sample::new(op(0), [x.clone()]), Sample::new(op(1), [x]), Sample::new(op(0), [vector])]
}
