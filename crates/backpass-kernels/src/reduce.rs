//! Reductions along one axis.

use std::ops::Range;

use crate::isa::{Task, dispatch};
use crate::map::max;
use crate::shards::Shards;
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
    // A strip is up to WIDTH neighbouring elements of y: one if they lie along the axis in x.
    let width = if inner == 1 { 1 } else { WIDTH };
    let across = inner.div_ceil(width);
    let strips = outer * across;
    let y = Shards::new(y);
    let part = |strips: Range<usize>| {
        dispatch(Part { kind, axis, inner, x, y: &y, across, strips });
    };
    let weight = if kind == Reduce::LogSumExp { 4 } else { 1 };
    let size = PART.div_ceil((axis * inner.min(WIDTH) * weight).max(1));
    if strips < 2 * size {
        part(0..strips);
    } else {
        pool.run(strips.div_ceil(size), &|i| {
            part(i * size..strips.min((i + 1) * size));
        });
    }
}

struct Part<'a, T> {
    kind: Reduce,
    axis: usize,
    inner: usize,
    x: &'a [T],
    y: &'a Shards<'a, T>,
    across: usize,
    strips: Range<usize>,
}

impl<T: Real> Task for Part<'_, T> {
    #[inline(always)]
    fn run(self) {
        let Self { kind, axis, inner, .. } = self;
        let count = T::from_f64(axis as f64);
        for strip in self.strips.clone() {
            let first = strip % self.across * WIDTH;
            let y = strip / self.across * inner + first;
            let x = &self.x[strip / self.across * axis * inner..][..axis * inner];
            let width = WIDTH.min(inner - first);
            // SAFETY: the strips are disjoint.
            let y = unsafe { self.y.write(y..y + width) };
            if inner == 1 {
                y[0] = along(kind, x);
            } else if width == WIDTH {
                across(kind, axis, |i| &x[i * inner + first..][..WIDTH], y);
            } else {
                across(kind, axis, |i| &x[i * inner + first..][..width], y);
            }
            if kind == Reduce::Mean {
                y.iter_mut().for_each(|y| *y = *y / count);
            }
        }
    }
}

/// Reduces the rows element by element.
#[inline(always)]
fn across<'a, T: Real>(kind: Reduce, rows: usize, row: impl Fn(usize) -> &'a [T], y: &mut [T]) {
    let z = columns(kind, rows, row);
    y.copy_from_slice(&z.0[..y.len()]);
    if kind == Reduce::LogSumExp {
        for (y, &shift) in y.iter_mut().zip(&z.1) {
            *y = math::ln(*y) + shift;
        }
    }
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

/// The reduction of each column; of `LogSumExp` the sums and the shifts.
#[inline(always)]
fn columns<'a, T: Real>(kind: Reduce, rows: usize, row: impl Fn(usize) -> &'a [T]) -> (Strip<T>, Strip<T>) {
    let zeros = [T::ZERO; WIDTH];
    match kind {
        Reduce::Sum | Reduce::Mean => (fold(rows, &row, T::ZERO, |_, x| x, add), zeros),
        Reduce::Max => (fold(rows, &row, -T::INFINITY, |_, x| x, max), zeros),
        Reduce::LogSumExp => {
            let mut shift = fold(rows, &row, -T::INFINITY, |_, x| x, max);
            shift.iter_mut().for_each(|x| *x = finite(*x));
            let sum = fold(rows, &row, T::ZERO, |j, x| math::exp(x - shift[j]), add);
            (sum, shift)
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
