//! One block of a matrix product, by one thread.
//!
//! Tiles of the result stay in registers while the depth runs. Each element adds its products in the order of the depth,
//! whatever the tile, so results do not depend on how a product is cut into blocks.

use std::mem::MaybeUninit;
use std::ops::Range;

use crate::Real;
use crate::isa::Task;
use crate::simd::Simd;

/// The columns of a packed panel; the last one has a multiple of `UNIT`.
pub(crate) const PANEL: usize = 64;
/// The most elements of a register.
pub(crate) const UNIT: usize = 16;
/// The rows of a tile.
pub(crate) const ROWS: usize = 6;
/// The depth of one pass: a tile's rows of the left matrix stay in the first cache, the right matrix in the second.
const DEPTH: usize = 256;
/// With at least so many columns, rows of the left matrix are copied side by side first.
const COPY_COLUMNS: usize = 2 * PANEL;
/// Keeps copied rows off each other's cache sets.
const ROW: usize = DEPTH + 16;

/// Rows of the left matrix and of the result.
pub struct Tile<T> {
    pub rows: usize,
    pub depth: usize,
    pub a: *const T,
    pub a_row: usize,
    pub a_step: usize,
    pub c_row: usize,
    /// Whether the result is overwritten.
    pub fresh: bool,
}

/// Columns of the right matrix and of the result.
pub struct Panel<T> {
    pub vectors: usize,
    /// The elements of the last register, or zero when it is full.
    pub edge: usize,
    pub b: *const T,
    pub b_step: usize,
    pub c: *mut T,
}

/// `c (+)= a·b` for M rows and N registers.
///
/// # Safety
///
/// All pointers are good for the sizes given; `EDGE` says whether `panel.edge` is not zero.
#[inline(always)]
pub(crate) unsafe fn tile<S: Simd, const M: usize, const N: usize, const EDGE: bool>(
    t: &Tile<S::Element>,
    panel: &Panel<S::Element>,
) where
    S::Element: Real,
{
    let part = |j: usize| EDGE && j == N - 1;
    // SAFETY: the caller's promise.
    unsafe {
        let mut sum = [[S::splat(S::Element::ZERO); N]; M];
        let at = |i: usize, j: usize| panel.c.add(i * t.c_row + j * S::LANES);
        if !t.fresh {
            for (i, row) in sum.iter_mut().enumerate() {
                for (j, x) in row.iter_mut().enumerate() {
                    *x = if part(j) { S::load_first(at(i, j), panel.edge) } else { S::load(at(i, j)) };
                }
            }
        }
        let (mut a, mut b) = (t.a, panel.b);
        for _ in 0..t.depth {
            let right: [S::Vector; N] = std::array::from_fn(|j| {
                let b = b.add(j * S::LANES);
                if part(j) { S::load_first(b, panel.edge) } else { S::load(b) }
            });
            for (i, row) in sum.iter_mut().enumerate() {
                let left = S::splat(*a.add(i * t.a_row));
                for (x, &right) in row.iter_mut().zip(&right) {
                    *x = S::mul_add(left, right, *x);
                }
            }
            a = a.wrapping_add(t.a_step);
            b = b.wrapping_add(panel.b_step);
        }
        for (i, row) in sum.iter().enumerate() {
            for (j, &x) in row.iter().enumerate() {
                if part(j) {
                    S::store_first(at(i, j), x, panel.edge);
                } else {
                    S::store(at(i, j), x);
                }
            }
        }
    }
}

/// A matrix with the steps between its rows and between its columns.
#[derive(Clone, Copy)]
pub struct Strided<'a, T> {
    pub data: &'a [T],
    pub row: usize,
    pub column: usize,
}

/// The right matrix.
#[derive(Clone, Copy)]
pub enum Right<'a, T> {
    /// Row by row, with this step between rows.
    Rows(&'a [T], usize),
    /// In panels as [`Pack`] makes them, of this depth and so many columns in all.
    Packed(&'a [T], usize, usize),
}

/// `c[rows, columns] (+)= a·b`.
pub struct Block<'a, T> {
    pub rows: Range<usize>,
    pub columns: Range<usize>,
    pub depth: usize,
    pub a: Strided<'a, T>,
    pub b: Right<'a, T>,
    pub c: *mut T,
    pub c_row: usize,
    pub accumulate: bool,
}

impl<T: Real> Task<T> for Block<'_, T> {
    #[inline(always)]
    fn run<S: Simd<Element = T>>(self) {
        let Block { rows, columns, a, .. } = &self;
        let copies = columns.len() >= COPY_COLUMNS;
        let mut copied = [MaybeUninit::<T>::uninit(); ROWS * ROW];
        for from in (0..self.depth).step_by(DEPTH) {
            let depth = DEPTH.min(self.depth - from);
            let mut row = rows.start;
            while row < rows.end {
                let left = rows.end - row;
                let count = [ROWS, 4, 2].into_iter().find(|&count| count <= left).unwrap_or(1);
                // SAFETY: the block lies inside its matrices.
                unsafe {
                    let start = a.data.as_ptr().add(row * a.row + from * a.column);
                    let (start, a_row, a_step) = if copies {
                        copy_rows(start, a, count, depth, copied.as_mut_ptr().cast())
                    } else {
                        (start, a.row, a.column)
                    };
                    let fresh = from == 0 && !self.accumulate;
                    let tile = Tile { rows: count, depth, a: start, a_row, a_step, c_row: self.c_row, fresh };
                    self.across::<S>(&tile, row, from);
                }
                row += count;
            }
        }
    }
}

impl<T: Real> Block<'_, T> {
    /// All columns of one row of tiles.
    ///
    /// # Safety
    ///
    /// As for the tile.
    #[inline(always)]
    unsafe fn across<S: Simd<Element = T>>(&self, tile: &Tile<T>, row: usize, from: usize) {
        let width = S::LANES * S::ACROSS;
        let mut column = self.columns.start;
        while column < self.columns.end {
            let count = width.min(self.columns.end - column);
            // SAFETY: the block lies inside its matrices; packed panels hold whole registers, as 64 is a multiple of them.
            unsafe {
                let (b, b_step) = match self.b {
                    Right::Rows(b, step) => (b.as_ptr().add(from * step + column), step),
                    Right::Packed(b, depth, n) => {
                        let first = column - column % PANEL;
                        let step = panel_width(n, first);
                        (b.as_ptr().add(first * depth + from * step + column % PANEL), step)
                    }
                };
                let c = self.c.add(row * self.c_row + column);
                let panel = Panel { vectors: count.div_ceil(S::LANES), edge: count % S::LANES, b, b_step, c };
                S::run_tile(tile, &panel);
            }
            column += count;
        }
    }
}

/// Copies the rows of a tile to where they are near each other. Returns the start and both steps.
///
/// # Safety
///
/// `from` is good for the tile, `to` for `ROWS * ROW` elements.
#[inline(always)]
unsafe fn copy_rows<T: Real>(
    from: *const T,
    a: &Strided<'_, T>,
    rows: usize,
    depth: usize,
    to: *mut T,
) -> (*const T, usize, usize) {
    // SAFETY: the caller's promise.
    unsafe {
        if a.column == 1 {
            for i in 0..rows {
                std::ptr::copy_nonoverlapping(from.add(i * a.row), to.add(i * ROW), depth);
            }
            (to, ROW, 1)
        } else {
            for p in 0..depth {
                let (from, to) = (from.add(p * a.column), to.add(p * ROWS));
                if rows == ROWS && a.row == 1 {
                    std::ptr::copy_nonoverlapping(from, to, ROWS);
                } else {
                    (0..rows).for_each(|i| *to.add(i) = *from.add(i * a.row));
                }
            }
            (to, 1, ROWS)
        }
    }
}

/// The columns, with padding, of the panel that begins at column `first` of `n`.
#[inline(always)]
fn panel_width(n: usize, first: usize) -> usize {
    PANEL.min((n - first).next_multiple_of(UNIT))
}

/// Lays `op(b)`, k×n, out in panels of [`PANEL`] columns, each row by row, the last filled up with zeros.
pub struct Pack<'a, T> {
    pub b: &'a [T],
    pub transposed: bool,
    pub k: usize,
    pub n: usize,
    pub to: *mut T,
    pub panels: Range<usize>,
}

impl<T: Real> Task<T> for Pack<'_, T> {
    #[inline(always)]
    fn run<S: Simd<Element = T>>(self) {
        let Pack { k, n, .. } = self;
        let b = self.b.as_ptr();
        for panel in self.panels.clone() {
            let first = panel * PANEL;
            let (width, step) = (PANEL.min(n - first), panel_width(n, first));
            // SAFETY: b is k×n or n×k, and `to` holds all panels.
            unsafe {
                let to = self.to.add(first * k);
                if self.transposed {
                    turn::<S>(b.add(first * k), k, width, to, step);
                } else if width == PANEL {
                    (0..k).for_each(|p| std::ptr::copy_nonoverlapping(b.add(p * n + first), to.add(p * PANEL), PANEL));
                } else {
                    (0..k).for_each(|p| std::ptr::copy_nonoverlapping(b.add(p * n + first), to.add(p * step), width));
                }
                for p in 0..if width < step { k } else { 0 } {
                    (width..step).for_each(|j| *to.add(p * step + j) = T::ZERO);
                }
            }
        }
    }
}

/// Writes `width` rows of k numbers as columns of a panel.
///
/// # Safety
///
/// `from` is good for `width * k` elements and `to` for a panel.
#[inline(always)]
unsafe fn turn<S: Simd>(from: *const S::Element, k: usize, width: usize, to: *mut S::Element, step: usize) {
    let (whole, deep) = (width - width % S::SQUARE, k - k % S::SQUARE);
    // SAFETY: the caller's promise.
    unsafe {
        for p in (0..deep).step_by(S::SQUARE) {
            for j in (0..whole).step_by(S::SQUARE) {
                S::transpose(from.add(j * k + p), k, to.add(p * step + j), step);
            }
        }
        for j in 0..width {
            for p in if j < whole { deep } else { 0 }..k {
                *to.add(p * step + j) = *from.add(j * k + p);
            }
        }
    }
}
