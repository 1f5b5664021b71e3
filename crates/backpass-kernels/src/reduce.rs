//! Reductions along one axis.

use std::mem::MaybeUninit;
use std::ops::Range;

use crate::isa::Task;
use crate::map::max;
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
pub(crate) const WIDTH: usize = 32;
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
    let job = ReduceJob { kind, outer, axis, inner, x: x.as_ptr(), y: y.as_mut_ptr() };
    let strips = job.strips();
    let weight = if kind == Reduce::LogSumExp { 4 } else { 1 };
    let size = PART.div_ceil((x.len() * weight).div_ceil(strips).max(1));
    pool.run(strips.div_ceil(size), &|i| {
        // SAFETY: the lengths are right, and strips are disjoint.
        unsafe { job.run(i * size..strips.min((i + 1) * size)) };
    });
}

/// A reduction whose arrays have the right lengths.
#[derive(Clone, Copy)]
pub(crate) struct ReduceJob<T> {
    pub kind: Reduce,
    pub outer: usize,
    pub axis: usize,
    pub inner: usize,
    pub x: *const T,
    pub y: *mut T,
}

// SAFETY: whoever runs a job promises that strips are disjoint.
unsafe impl<T: Sync> Sync for ReduceJob<T> {}

impl<T: Real> ReduceJob<T> {
    fn way(&self) -> Way {
        match self.inner {
            1 if self.axis <= SHORT => Way::Short,
            1 => Way::Along,
            _ => Way::Across,
        }
    }

    /// A strip is what one pass gives: up to [`WIDTH`] neighbours in y, or one element.
    pub(crate) fn strips(&self) -> usize {
        match self.way() {
            Way::Short => self.outer.div_ceil(WIDTH),
            Way::Along => self.outer,
            Way::Across => self.outer * self.inner.div_ceil(WIDTH),
        }
    }

    /// Some rows of the outer dimension as a reduction of their own.
    ///
    /// # Safety
    ///
    /// The rows lie inside.
    pub(crate) unsafe fn rows(&self, rows: Range<usize>) -> Self {
        // SAFETY: the caller's promise.
        unsafe {
            let x = self.x.add(rows.start * self.axis * self.inner);
            Self { outer: rows.len(), x, y: self.y.add(rows.start * self.inner), ..*self }
        }
    }

    /// Computes some strips.
    ///
    /// # Safety
    ///
    /// The arrays have their lengths, nobody writes what is read here or touches these strips.
    pub(crate) unsafe fn run(self, strips: Range<usize>) {
        T::run_reduce(Part { job: self, way: self.way(), strips });
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
pub struct Part<T> {
    job: ReduceJob<T>,
    way: Way,
    strips: Range<usize>,
}

impl<T: Real> Task<T> for Part<T> {
    #[inline(always)]
    fn run<S: Simd<Element = T>>(self) {
        let ReduceJob { kind, axis, inner, x, .. } = self.job;
        for strip in self.strips.clone() {
            let range = self.range(strip);
            let width = range.len();
            // SAFETY: the job's promise.
            let (y, all) = unsafe {
                let first =
                    if let Way::Across = self.way { range.start / inner * axis * inner } else { range.start * axis };
                let len = if let Way::Across = self.way { axis * inner } else { width * axis };
                (
                    std::slice::from_raw_parts_mut(self.job.y.add(range.start), width),
                    std::slice::from_raw_parts(x.add(first), len),
                )
            };
            if axis == 0 {
                y.fill(match kind {
                    Reduce::Sum => T::ZERO,
                    Reduce::Mean => T::NAN,
                    Reduce::Max | Reduce::LogSumExp => -T::INFINITY,
                });
                continue;
            }
            match self.way {
                Way::Along => y[0] = along(kind, all),
                Way::Short => short(kind, axis, all, y),
                Way::Across => {
                    let x = &all[range.start % inner..];
                    // Widths that the compiler knows are much faster.
                    match width {
                        WIDTH => across(kind, axis, |i| &x[i * inner..][..WIDTH], y),
                        16 => across(kind, axis, |i| &x[i * inner..][..16], y),
                        8 => across(kind, axis, |i| &x[i * inner..][..8], y),
                        _ => across(kind, axis, |i| &x[i * inner..][..width], y),
                    }
                }
            }
            if kind == Reduce::Mean {
                let count = T::from_f64(axis as f64);
                y.iter_mut().for_each(|y| *y = *y / count);
            }
        }
    }
}

impl<T> Part<T> {
    /// The elements of y in a strip.
    fn range(&self, strip: usize) -> Range<usize> {
        let ReduceJob { outer, inner, .. } = self.job;
        match self.way {
            Way::Short => strip * WIDTH..outer.min((strip + 1) * WIDTH),
            Way::Along => strip..strip + 1,
            Way::Across => {
                let strips = inner.div_ceil(WIDTH);
                let (outer, first) = (strip / strips * inner, strip % strips * WIDTH);
                outer + first..outer + inner.min(first + WIDTH)
            }
        }
    }
}

/// Reduces short rows, turned into columns.
#[inline(always)]
fn short<T: Real>(kind: Reduce, axis: usize, x: &[T], y: &mut [T]) {
    let mut tile = [MaybeUninit::<Strip<T>>::uninit(); SHORT];
    let tile: &[Strip<T>] = {
        for (i, strip) in tile.iter_mut().enumerate().take(axis) {
            let strip = strip.write([T::ZERO; WIDTH]);
            strip.iter_mut().zip(x[i..].iter().step_by(axis)).for_each(|(to, &x)| *to = x);
        }
        // SAFETY: these were just written.
        unsafe { std::slice::from_raw_parts(tile.as_ptr().cast(), axis) }
    };
    across(kind, axis, |i| &tile[i], y);
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
