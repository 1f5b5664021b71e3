//! Reductions along one axis.

use std::ops::Range;

use crate::isa::Task;
use crate::map::max;
use crate::shards::Shards;
use crate::simd::Simd;
use crate::{Pool, Real, math};

/// How the elements along an axis become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reduce {
    /// The sum; 0 of nothing.
    Sum,
    /// The mean; NaN of nothing.
    Mean,
    /// The largest, NaN if any is; −∞ of nothing.
    Max,
    /// ln Σ e^x without overflow; −∞ of nothing.
    LogSumExp,
}

/// Elements side by side in one pass.
const WIDTH: usize = 32;
/// Rows added one after the other before their sum joins that of the level above.
const GROUP: usize = 64;
/// An axis of up to this length is short.
const SHORT: usize = 64;
/// The elements of one part.
const PART: usize = 1 << 15;

type Strip<T> = [T; WIDTH];

/// Reduces `x`, seen as \[outer, axis, inner\], to `y`, seen as \[outer, inner\].
///
/// Sums are added in groups, so that rounding errors grow slowly with the length of the axis.
///
/// # Panics
///
/// If `x` or `y` has another length.
pub fn reduce<T: Real>(pool: &Pool, kind: Reduce, outer: usize, axis: usize, inner: usize, x: &[T], y: &mut [T]) {
    assert_eq!(x.len(), outer * axis * inner, "x has a wrong length");
    assert_eq!(y.len(), outer * inner, "y has a wrong length");
    if y.is_empty() {
        return;
    }
    if axis == 0 {
        return y.fill(match kind {
            Reduce::Sum => T::ZERO,
            Reduce::Mean => T::NAN,
            Reduce::Max | Reduce::LogSumExp => -T::INFINITY,
        });
    }
    let way = match inner {
        1 if axis <= SHORT => Way::Short,
        1 => Way::Along,
        _ => Way::Across,
    };
    // A strip is what one pass gives: up to WIDTH neighbours in y, or one element.
    let strips = match way {
        Way::Short => outer.div_ceil(WIDTH),
        Way::Along => outer,
        Way::Across => outer * inner.div_ceil(WIDTH),
    };
    let y = Shards::new(y);
    let part = |strips: Range<usize>| {
        T::run_reduce(Part { kind, way, outer, axis, inner, x, y: &y, strips });
    };
    let weight = if kind == Reduce::LogSumExp { 4 } else { 1 };
    let size = PART.div_ceil((x.len() * weight).div_ceil(strips).max(1));
    if strips < 2 * size {
        part(0..strips);
    } else {
        pool.run(strips.div_ceil(size), &|i| {
            part(i * size..strips.min((i + 1) * size));
        });
    }
}

/// How the elements of an axis lie in x.
#[derive(Clone, Copy)]
pub enum Way {
    /// Side by side, and few: WIDTH neighbours are reduced together.
    Short,
    /// Side by side.
    Along,
    /// Apart.
    Across,
}

/// Some of the results of a reduction.
pub struct Part<'a, T> {
    kind: Reduce,
    way: Way,
    outer: usize,
    axis: usize,
    inner: usize,
    x: &'a [T],
    y: &'a Shards<'a, T>,
    strips: Range<usize>,
}

impl<T: Real> Task<T> for Part<'_, T> {
    #[inline(always)]
    fn run<S: Simd<Element = T>>(self) {
        let Self { kind, axis, .. } = self;
        let count = T::from_f64(axis as f64);
        let mut tile = [[T::ZERO; WIDTH]; SHORT];
        for strip in self.strips.clone() {
            let range = self.range(strip);
            let width = range.len();
            // SAFETY: the strips are disjoint.
            let y = unsafe { self.y.write(range.clone()) };
            match self.way {
                Way::Along => y[0] = along(kind, &self.x[range.start * axis..][..axis]),
                Way::Short => {
                    let x = &self.x[range.start * axis..][..width * axis];
                    for j in 0..width {
                        for i in 0..axis {
                            tile[i][j] = x[j * axis + i];
                        }
                    }
                    across(kind, axis, |i| &tile[i], y);
                }
                Way::Across => {
                    let (o, i) = (range.start / self.inner, range.start % self.inner);
                    let x = &self.x[o * axis * self.inner + i..];
                    if width == WIDTH {
                        across(kind, axis, |i| &x[i * self.inner..][..WIDTH], y);
                    } else {
                        across(kind, axis, |i| &x[i * self.inner..][..width], y);
                    }
                }
            }
            if kind == Reduce::Mean {
                y.iter_mut().for_each(|y| *y = *y / count);
            }
        }
    }
}

impl<T> Part<'_, T> {
    /// The elements of y in a strip.
    fn range(&self, strip: usize) -> Range<usize> {
        match self.way {
            Way::Short => strip * WIDTH..self.outer.min((strip + 1) * WIDTH),
            Way::Along => strip..strip + 1,
            Way::Across => {
                let strips = self.inner.div_ceil(WIDTH);
                let (outer, first) = (strip / strips * self.inner, strip % strips * WIDTH);
                outer + first..outer + self.inner.min(first + WIDTH)
            }
        }
    }
}

/// Reduces the rows element by element.
#[inline(always)]
fn across<'a, T: Real>(kind: Reduce, rows: usize, row: impl Fn(usize) -> &'a [T], y: &mut [T]) {
    let largest = || fold(rows, &row, -T::INFINITY, |_, x| x, max);
    let z = match kind {
        Reduce::Sum | Reduce::Mean => fold(rows, &row, T::ZERO, |_, x| x, add),
        Reduce::Max => largest(),
        Reduce::LogSumExp => {
            let mut shift = largest();
            shift.iter_mut().for_each(|x| *x = finite(*x));
            let mut sum = fold(rows, &row, T::ZERO, |j, x| math::exp(x - shift[j]), add);
            for (sum, shift) in sum.iter_mut().zip(shift) {
                *sum = math::ln(*sum) + shift;
            }
            sum
        }
    };
    y.copy_from_slice(&z[..y.len()]);
}

/// Reduces a contiguous slice: as rows of `WIDTH`, the last one padded, and then those together.
#[inline(always)]
fn along<T: Real>(kind: Reduce, x: &[T]) -> T {
    let (whole, rest) = x.as_chunks::<WIDTH>();
    let neutral = match kind {
        Reduce::Sum | Reduce::Mean => T::ZERO,
        Reduce::Max | Reduce::LogSumExp => -T::INFINITY,
    };
    let mut last = [neutral; WIDTH];
    last[..rest.len()].copy_from_slice(rest);
    let rows = whole.len() + usize::from(!rest.is_empty());
    let row = |i: usize| whole.get(i).unwrap_or(&last).as_slice();
    match kind {
        Reduce::Sum | Reduce::Mean => join(fold(rows, &row, T::ZERO, |_, x| x, add), add),
        Reduce::Max => join(fold(rows, &row, neutral, |_, x| x, max), max),
        Reduce::LogSumExp => {
            let shift = finite(join(fold(rows, &row, neutral, |_, x| x, max), max));
            let sum = join(fold(rows, &row, T::ZERO, |_, x| math::exp(x - shift), add), add);
            math::ln(sum) + shift
        }
    }
}

#[inline(always)]
fn add<T: Real>(a: T, b: T) -> T {
    a + b
}

/// `x`, or zero if it is infinite or NaN.
#[inline(always)]
fn finite<T: Real>(x: T) -> T {
    if x.abs() < T::INFINITY { x } else { T::ZERO }
}

/// Folds `value(j, row[j])` over the rows for each j, in groups of groups of rows.
#[inline(always)]
fn fold<'a, T: Real>(
    rows: usize,
    row: &impl Fn(usize) -> &'a [T],
    neutral: T,
    value: impl Fn(usize, T) -> T,
    op: impl Fn(T, T) -> T,
) -> Strip<T> {
    let mut total = [neutral; WIDTH];
    for block in (0..rows).step_by(GROUP * GROUP) {
        let mut sum = [neutral; WIDTH];
        let end = rows.min(block + GROUP * GROUP);
        for group in (block..end).step_by(GROUP) {
            let mut partial = [neutral; WIDTH];
            for i in group..end.min(group + GROUP) {
                for (j, (to, &x)) in partial.iter_mut().zip(row(i)).enumerate() {
                    *to = op(*to, value(j, x));
                }
            }
            sum = combine(sum, partial, &op);
        }
        total = combine(total, sum, &op);
    }
    total
}

#[inline(always)]
fn combine<T: Real>(mut a: Strip<T>, b: Strip<T>, op: impl Fn(T, T) -> T) -> Strip<T> {
    for (a, b) in a.iter_mut().zip(b) {
        *a = op(*a, b);
    }
    a
}

/// Folds a strip by halves.
#[inline(always)]
fn join<T: Real>(mut strip: Strip<T>, op: impl Fn(T, T) -> T) -> T {
    let mut half = WIDTH / 2;
    while half > 0 {
        for j in 0..half {
            strip[j] = op(strip[j], strip[j + half]);
        }
        half /= 2;
    }
    strip[0]
}
