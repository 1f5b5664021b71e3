//! Indices kept as floats.

use crate::Real;

/// The integer part of `index` if it is at least zero and less than `count`.
fn position<T: Real>(index: T, count: usize) -> Option<usize> {
    let index = index.to_f64();
    (index >= 0.0 && index < count as f64).then_some(index as usize)
}

/// `y[i, :] = table[indices[i], :]` for a `table` of `rows`×`width`; fractions are cut off, and
/// an index that is negative, not finite or not less than `rows` gives a row of NaN.
///
/// # Panics
///
/// If `table` or `y` has not its rows times `width` elements.
pub fn gather_rows<T: Real>(table: &[T], rows: usize, width: usize, indices: &[T], y: &mut [T]) {
    assert_eq!(table.len(), rows * width, "the table has a wrong length");
    assert_eq!(y.len(), indices.len() * width, "y has a wrong length");
    if width == 0 {
        return;
    }
    for (&index, y) in indices.iter().zip(y.chunks_exact_mut(width)) {
        match position(index, rows) {
            Some(row) => y.copy_from_slice(&table[row * width..][..width]),
            None => y.fill(T::NAN),
        }
    }
}

/// `y[i, j]` = 1 where j is `indices[i]`, else 0, for a `y` of `classes` columns; fractions are
/// cut off, and an index that is negative, not finite or not less than `classes` gives zeros.
///
/// # Panics
///
/// If `y` has not `indices.len() * classes` elements.
pub fn one_hot<T: Real>(indices: &[T], classes: usize, y: &mut [T]) {
    assert_eq!(y.len(), indices.len() * classes, "y has a wrong length");
    y.fill(T::ZERO);
    for (i, &index) in indices.iter().enumerate() {
        if let Some(class) = position(index, classes) {
            y[i * classes + class] = T::ONE;
        }
    }
}
