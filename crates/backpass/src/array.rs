//! [`Array`]: the dense f64 array in which the reference interpreter computes.

use std::fmt;

/// A dense row-major array of f64 with sizes known at run time. A scalar has no dimensions.
#[derive(Clone, Debug)]
pub struct Array {
    shape: Vec<usize>,
    data: Vec<f64>,
}

/// Equality of shape and bits, so that `-0.0` differs from `0.0` and NaN equals itself.
impl PartialEq for Array {
    fn eq(&self, other: &Self) -> bool {
        self.shape == other.shape && self.data.iter().map(|v| v.to_bits()).eq(other.data.iter().map(|v| v.to_bits()))
    }
}

impl Array {
    /// An array from its sizes and elements, or `None` when their numbers differ.
    pub fn new(shape: &[usize], data: Vec<f64>) -> Option<Self> {
        let elements = shape.iter().try_fold(1usize, |a, &b| a.checked_mul(b))?;
        (elements == data.len()).then(|| Array { shape: shape.to_vec(), data })
    }

    /// An array from its sizes and its elements in column-major order, the first index running fastest, as Fortran stores
    /// them; `None` when their numbers differ.
    pub fn from_columns(shape: &[usize], data: Vec<f64>) -> Option<Self> {
        let reversed: Vec<usize> = shape.iter().rev().copied().collect();
        let strides: Vec<usize> = dense_strides(&reversed).into_iter().rev().collect();
        Array::new(&reversed, data).map(|array| array.strided(shape, 0, &strides))
    }

    /// A single number.
    pub fn scalar(value: f64) -> Self {
        Array { shape: Vec::new(), data: vec![value] }
    }

    /// A vector.
    pub fn vector(data: impl Into<Vec<f64>>) -> Self {
        let data = data.into();
        Array { shape: vec![data.len()], data }
    }

    /// An array with every element `value`.
    pub fn filled(shape: &[usize], value: f64) -> Self {
        Array::from_fn(shape, |_| value)
    }

    /// An array whose element at row-major index `i` is `f(i)`.
    pub fn from_fn(shape: &[usize], f: impl FnMut(usize) -> f64) -> Self {
        let data = (0..shape.iter().product()).map(f).collect();
        Array { shape: shape.to_vec(), data }
    }

    /// The sizes, outermost first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The elements in row-major order.
    pub fn data(&self) -> &[f64] {
        &self.data
    }

    /// The elements in row-major order.
    pub fn data_mut(&mut self) -> &mut [f64] {
        &mut self.data
    }

    /// The elements in row-major order, by value.
    pub fn into_data(self) -> Vec<f64> {
        self.data
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.data.len()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// The value of an array of one element.
    pub fn item(&self) -> Option<f64> {
        if let [value] = self.data[..] { Some(value) } else { None }
    }

    /// The same elements under other sizes, or `None` when their number differs.
    pub fn reshaped(&self, shape: &[usize]) -> Option<Self> {
        Array::new(shape, self.data.clone())
    }

    /// Applies `f` to every element.
    pub fn map(&self, mut f: impl FnMut(f64) -> f64) -> Self {
        Array { shape: self.shape.clone(), data: self.data.iter().map(|&v| f(v)).collect() }
    }

    /// The array repeated to `shape`, aligned at the right; sizes must be equal or 1.
    ///
    /// # Panics
    /// When the sizes do not fit; graph shapes are checked before values exist.
    pub fn broadcast_to(&self, shape: &[usize]) -> Self {
        let strides = broadcast_strides(&self.shape, shape);
        self.strided(shape, 0, &strides)
    }

    /// The array read through strides: element `i` of the result is `data[offset + i · strides]`.
    pub(crate) fn strided(&self, shape: &[usize], offset: usize, strides: &[usize]) -> Self {
        let mut index = vec![0; shape.len()];
        Array::from_fn(shape, |_| {
            let at = offset + index.iter().zip(strides).map(|(i, s)| i * s).sum::<usize>();
            for axis in (0..shape.len()).rev() {
                index[axis] += 1;
                if index[axis] < shape[axis] {
                    break;
                }
                index[axis] = 0;
            }
            self.data[at]
        })
    }

    /// Splits the sizes around `axis`: the product before it, its size, the product after it.
    pub(crate) fn around(&self, axis: usize) -> (usize, usize, usize) {
        let outer = self.shape[..axis].iter().product();
        let inner = self.shape[axis + 1..].iter().product();
        (outer, self.shape[axis], inner)
    }
}

/// The strides of a dense row-major array.
pub(crate) fn dense_strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}

/// The strides with which a dense array of sizes `from` is read as sizes `to`: zero where it repeats.
pub(crate) fn broadcast_strides(from: &[usize], to: &[usize]) -> Vec<usize> {
    let dense = dense_strides(from);
    let missing = to.len() - from.len();
    (0..to.len())
        .map(|axis| if axis < missing || from[axis - missing] == 1 { 0 } else { dense[axis - missing] })
        .collect()
}

impl From<f64> for Array {
    fn from(value: f64) -> Self {
        Array::scalar(value)
    }
}

impl fmt::Display for Array {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn write(f: &mut fmt::Formatter<'_>, shape: &[usize], data: &[f64]) -> fmt::Result {
            let Some((&first, rest)) = shape.split_first() else {
                return write!(f, "{}", data[0]);
            };
            f.write_str("[")?;
            let step = rest.iter().product::<usize>();
            for i in 0..first {
                f.write_str(if i == 0 { "" } else { ", " })?;
                write(f, rest, &data[i * step..(i + 1) * step])?;
            }
            f.write_str("]")
        }
        write(f, &self.shape, &self.data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broadcasting_repeats_rows_and_columns() {
        let row = Array::vector([1.0, 2.0]);
        assert_eq!(row.broadcast_to(&[2, 2]).data(), [1.0, 2.0, 1.0, 2.0]);
        let column = Array::new(&[2, 1], vec![1.0, 2.0]).unwrap();
        assert_eq!(column.broadcast_to(&[2, 3]).data(), [1.0, 1.0, 1.0, 2.0, 2.0, 2.0]);
        assert_eq!(column.to_string(), "[[1], [2]]");
        assert_eq!(Array::scalar(3.0).broadcast_to(&[2]).data(), [3.0, 3.0]);
    }

    #[test]
    fn columns_are_read_one_after_the_other() {
        let matrix = Array::from_columns(&[2, 3], vec![1.0, 4.0, 2.0, 5.0, 3.0, 6.0]).unwrap();
        assert_eq!(matrix, Array::new(&[2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap());
        let box_of_ones = Array::from_columns(&[2, 1, 2], vec![0.0, 10.0, 1.0, 11.0]).unwrap();
        assert_eq!(box_of_ones.to_string(), "[[[0, 1]], [[10, 11]]]");
        assert!(Array::from_columns(&[2, 2], vec![0.0; 3]).is_none());
    }

    #[test]
    fn equality_is_of_bits() {
        assert_ne!(Array::scalar(0.0), Array::scalar(-0.0));
        assert_eq!(Array::scalar(f64::NAN), Array::scalar(f64::NAN));
        assert!(Array::new(&[2, 3], vec![0.0; 5]).is_none());
    }
}
