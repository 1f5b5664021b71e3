//! One block of a matrix product, by one thread.
//!
//! Tiles of the result stay in registers while the depth runs. Each element adds its products in the order of the depth,
//! whatever the tile, so results do not depend on how a product is cut into blocks.

use std::mem::MaybeUninit;
use std::ops::Range;

use crate::Real;
use crate::fused::Finish;
use crate::isa::{Isa, Task};
use crate::simd::Simd;

/// The columns that are packed together: a multiple of those of every tile.
pub(crate) const PANEL: usize = 64;
/// Packed columns are filled up to a multiple of this: the most elements of a register.
pub(crate) const UNIT: usize = 16;
/// The rows of a tile.
pub(crate) const ROWS: usize = 6;
/// The depth of one pass: a tile's rows of the left matrix stay in the first cache, its columns of the right matrix and a strip
/// of rows in the second, and the result is not read and written too often.
const DEPTH: usize = 800;
/// Rows of the left matrix that lie so many elements apart share no page.
const FAR: usize = 1024;
/// How often rows that are far apart must be read to be worth a copy.
const OFTEN: usize = 32;
/// The rows that meet the columns of a tile one after the other: whole cache lines of a transposed left matrix.
pub(crate) const STRIP: usize = 16 * ROWS;
/// Where a product with a transposed left matrix may be cut: whole tiles, and not too many, so that threads end together.
pub(crate) const CUT: usize = 4 * ROWS;
/// The registers side by side of a single row: enough that none waits for its last sum, and some lines of memory in a row.
const ALONG: usize = 8;
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
    /// What is done to sums before they are stored, with what is read in steps of so many elements from row to row.
    pub finish: Option<(Finish, usize)>,
}

/// Columns of the right matrix and of the result.
pub struct Panel<T> {
    pub vectors: usize,
    /// The elements of the last register, or zero when it is full.
    pub edge: usize,
    pub b: *const T,
    pub b_step: usize,
    pub c: *mut T,
    /// What [`Tile::finish`] reads.
    pub with: *const T,
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
        // The tile below comes next.
        (0..M).for_each(|i| (0..N).for_each(|j| S::prefetch(at(i, j).wrapping_add(M * t.c_row))));
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
        let with = |i: usize, j: usize, step: usize| {
            let with = panel.with.add(i * step + j * S::LANES);
            if part(j) { S::load_first(with, panel.edge) } else { S::load(with) }
        };
        // What is done is known to the compiler in each loop, so that sums stay in registers.
        match t.finish {
            None => store::<S, M, N, EDGE>(t, panel, sum, |_, _, x| x),
            Some((Finish::Rectified, step)) => {
                store::<S, M, N, EDGE>(t, panel, sum, |i, j, x| Finish::Rectified.apply::<S>(x, with(i, j, step)));
            }
            Some((Finish::Gated, step)) => {
                store::<S, M, N, EDGE>(t, panel, sum, |i, j, x| Finish::Gated.apply::<S>(x, with(i, j, step)));
            }
        }
    }
}

/// Stores a tile of `f(row, register, sum)`.
///
/// # Safety
///
/// As for [`tile`].
#[inline(always)]
unsafe fn store<S: Simd, const M: usize, const N: usize, const EDGE: bool>(
    t: &Tile<S::Element>,
    panel: &Panel<S::Element>,
    sum: [[S::Vector; N]; M],
    f: impl Fn(usize, usize, S::Vector) -> S::Vector,
) {
    for (i, row) in sum.into_iter().enumerate() {
        for (j, x) in row.into_iter().enumerate() {
            // SAFETY: the caller's promise.
            unsafe {
                let to = panel.c.add(i * t.c_row + j * S::LANES);
                if EDGE && j == N - 1 {
                    S::store_first(to, f(i, j, x), panel.edge);
                } else {
                    S::store(to, f(i, j, x));
                }
            }
        }
    }
}

/// A matrix with the steps between its rows and between its columns.
#[derive(Clone, Copy)]
pub struct Strided<T> {
    pub start: *const T,
    pub row: usize,
    pub column: usize,
}

/// The right matrix.
#[derive(Clone, Copy)]
pub enum Right<T> {
    /// Row by row, with this step between rows.
    Rows(*const T, usize),
    /// In panels as [`Pack`] makes them, of this depth and so many columns in all.
    Packed(*const T, usize, usize),
}

/// `c[rows, columns] (+)= a·b`.
#[derive(Clone)]
pub struct Block<T> {
    pub rows: Range<usize>,
    pub columns: Range<usize>,
    pub depth: usize,
    pub a: Strided<T>,
    pub b: Right<T>,
    pub c: *mut T,
    pub c_row: usize,
    pub accumulate: bool,
    pub finish: Option<(Finish, *const T)>,
    /// Where the sums of b's columns go: another row of the result, for a row of ones.
    pub sums: Option<*mut T>,
}

impl<T: Real> Task<T> for Block<T> {
    #[inline(always)]
    fn run<S: Simd<Element = T>>(self) {
        for from in (0..self.depth).step_by(DEPTH) {
            for strip in self.rows.clone().step_by(STRIP) {
                let rows = strip..self.rows.end.min(strip + STRIP);
                // SAFETY: the block lies inside its matrices.
                unsafe {
                    let start = self.a.start.add(strip * self.a.row + from * self.a.column);
                    self.strip::<S>(rows, from, |row| (start.add(row * self.a.row), self.a.row, self.a.column));
                }
            }
        }
    }
}

impl<T> Block<T> {
    /// Whether copying the rows of the left matrix side by side pays: when they, or half as many of its columns, are far apart,
    /// and the columns of many tiles meet them.
    pub fn is_far(&self) -> bool {
        let width = if Isa::current() == Isa::Avx512 { PANEL } else { PANEL / 4 };
        self.columns.len() >= OFTEN * width && self.a.row.max(2 * self.a.column) >= FAR
    }
}

/// A block whose rows of the left matrix are copied first.
pub struct Far<T>(pub Block<T>);

impl<T: Real> Task<T> for Far<T> {
    #[inline(always)]
    fn run<S: Simd<Element = T>>(self) {
        let block = self.0;
        let mut copied = [const { MaybeUninit::<T>::uninit() }; STRIP * ROW];
        let copied: *mut T = copied.as_mut_ptr().cast();
        for from in (0..block.depth).step_by(DEPTH) {
            for strip in block.rows.clone().step_by(STRIP) {
                let rows = strip..block.rows.end.min(strip + STRIP);
                // SAFETY: the block lies inside its matrices, and so does the strip.
                unsafe {
                    let start = block.a.start.add(strip * block.a.row + from * block.a.column);
                    copy_rows(start, &block.a, rows.len(), DEPTH.min(block.depth - from), copied);
                    block.strip::<S>(rows, from, |row| match block.a.column {
                        1 => (copied.add(row * ROW).cast_const(), ROW, 1),
                        _ => (copied.add(row / ROWS * ROWS * ROW + row % ROWS).cast_const(), 1, ROWS),
                    });
                }
            }
        }
    }
}

/// Computes a tile, on narrower registers where its columns fit one.
///
/// # Safety
///
/// Those of [`tile`].
#[inline(always)]
unsafe fn narrowest<T: Real, S: Simd<Element = T>>(tile: &Tile<T>, panel: &Panel<T>) {
    let narrow = S::Narrow::LANES < S::LANES && panel.vectors == 1 && (1..=S::Narrow::LANES).contains(&panel.edge);
    // SAFETY: the caller's promise.
    unsafe {
        if narrow {
            S::Narrow::run_tile(tile, &Panel { edge: panel.edge % S::Narrow::LANES, ..*panel });
        } else {
            S::run_tile(tile, panel);
        }
    }
}

/// The columns of a tile.
#[inline(always)]
const fn across<T, S: Simd<Element = T>>() -> usize {
    S::LANES * S::ACROSS
}

impl<T: Real> Block<T> {
    /// Some rows and all columns, one pass of the depth: each tile's columns of the right matrix meet all these rows.
    /// `left` says where a row of the left matrix begins, counted from the first one, and how far it is to the next row and
    /// the next column.
    ///
    /// # Safety
    ///
    /// The rows lie inside the block, and `left` tells the truth.
    #[inline(always)]
    unsafe fn strip<S: Simd<Element = T>>(
        &self,
        rows: Range<usize>,
        from: usize,
        left: impl Fn(usize) -> (*const T, usize, usize),
    ) {
        let depth = DEPTH.min(self.depth - from);
        let fresh = from == 0 && !self.accumulate;
        let finish = if from + depth < self.depth { None } else { self.finish };
        let finish = finish.map(|(finish, _)| (finish, if finish == Finish::Gated { self.c_row } else { 0 }));
        let with_row = finish.map_or(0, |(_, step)| step);
        let sums = self.sums.filter(|_| rows.start == self.rows.start);
        let mut column = self.columns.start;
        while column < self.columns.end {
            // SAFETY: the caller's promise.
            unsafe {
                let panel = self.panel::<S>(column, from);
                let whole = column + ALONG * S::LANES <= self.columns.end;
                if rows.len() == 1 && whole && sums.is_none() && matches!(self.b, Right::Rows(..)) {
                    let (a, a_row, a_step) = left(0);
                    let t = Tile { rows: 1, depth, a, a_row, a_step, c_row: self.c_row, fresh, finish };
                    let (c, with) =
                        (panel.c.add(rows.start * self.c_row), panel.with.wrapping_add(rows.start * with_row));
                    tile::<S, 1, ALONG, false>(&t, &Panel { c, with, vectors: ALONG, edge: 0, ..panel });
                    column += ALONG * S::LANES;
                    continue;
                }
                if let Some(sums) = sums {
                    let t =
                        Tile { rows: 1, depth, a: &T::ONE, a_row: 0, a_step: 0, c_row: 0, fresh: true, finish: None };
                    // Passes are summed on their own, so that rounding errors grow slowly with the depth.
                    let mut pass = [T::ZERO; PANEL];
                    narrowest::<T, S>(&t, &Panel { c: pass.as_mut_ptr(), ..panel });
                    for (j, part) in pass.into_iter().enumerate().take(across::<T, S>().min(self.columns.end - column))
                    {
                        let sum = sums.add(column + j);
                        *sum = if from == 0 { part } else { *sum + part };
                    }
                }
                let mut row = rows.start;
                while row < rows.end {
                    let count = [ROWS, 4, 2].into_iter().find(|&count| count <= rows.end - row).unwrap_or(1);
                    let (a, a_row, a_step) = left(row - rows.start);
                    let tile = Tile { rows: count, depth, a, a_row, a_step, c_row: self.c_row, fresh, finish };
                    let (c, with) = (panel.c.add(row * self.c_row), panel.with.wrapping_add(row * with_row));
                    narrowest::<T, S>(&tile, &Panel { c, with, ..panel });
                    row += count;
                }
            }
            column += across::<T, S>();
        }
    }

    /// The columns of a tile from `column` on, from depth `from` on, with the first row of the result and of what finishes it.
    ///
    /// # Safety
    ///
    /// They lie inside the block.
    #[inline(always)]
    unsafe fn panel<S: Simd<Element = T>>(&self, column: usize, from: usize) -> Panel<T> {
        let width = across::<T, S>();
        let count = width.min(self.columns.end - column);
        // SAFETY: the caller's promise.
        unsafe {
            let (b, b_step) = match self.b {
                Right::Rows(b, step) => (b.add(from * step + column), step),
                Right::Packed(b, depth, n) => {
                    let first = column - column % width;
                    let step = panel_width(n, first, width);
                    (b.add(first * depth + from * step + column % width), step)
                }
            };
            let with = self.finish.map_or(std::ptr::null(), |(_, with)| with.add(column));
            Panel { vectors: count.div_ceil(S::LANES), edge: count % S::LANES, b, b_step, c: self.c.add(column), with }
        }
    }
}

/// Copies rows of the left matrix to where they are near each other: one after the other, `ROW` apart, or, if they are
/// columns in memory, tile by tile.
///
/// # Safety
///
/// `from` is good for the rows, `to` for `STRIP * ROW` elements.
#[inline(always)]
unsafe fn copy_rows<T: Real>(from: *const T, a: &Strided<T>, rows: usize, depth: usize, to: *mut T) {
    // SAFETY: the caller's promise.
    unsafe {
        if a.column == 1 {
            return (0..rows).for_each(|i| std::ptr::copy_nonoverlapping(from.add(i * a.row), to.add(i * ROW), depth));
        }
        for p in 0..depth {
            let (from, to) = (from.add(p * a.column), to.add(p * ROWS));
            let whole = rows - rows % ROWS;
            for tile in (0..whole).step_by(ROWS) {
                std::ptr::copy_nonoverlapping(from.add(tile), to.add(tile * ROW), ROWS);
            }
            (whole..rows).for_each(|i| *to.add(whole * ROW + i - whole) = *from.add(i));
        }
    }
}

/// The columns, with padding, of the panel that begins at column `first` of `n`, if panels have `most`.
#[inline(always)]
fn panel_width(n: usize, first: usize, most: usize) -> usize {
    most.min((n - first).next_multiple_of(UNIT))
}

/// Lays `op(b)`, k×n, out in panels as wide as a tile, each row by row, the last filled up with zeros, so that a tile
/// reads one line of memory after the other.
pub struct Pack<T> {
    pub b: *const T,
    pub transposed: bool,
    pub k: usize,
    pub n: usize,
    pub to: *mut T,
    pub panels: Range<usize>,
}

impl<T: Real> Task<T> for Pack<T> {
    #[inline(always)]
    fn run<S: Simd<Element = T>>(self) {
        let Pack { k, n, .. } = self;
        let b = self.b;
        let (start, end) = (self.panels.start * PANEL, n.min(self.panels.end * PANEL));
        for first in (start..end).step_by(across::<T, S>()) {
            let step = panel_width(n, first, across::<T, S>());
            let width = step.min(n - first);
            // SAFETY: b is k×n or n×k, and `to` holds all panels.
            unsafe {
                let to = self.to.add(first * k);
                if self.transposed {
                    turn::<S>(b.add(first * k), k, width, to, step);
                } else if width == across::<T, S>() {
                    // A length known to the compiler needs no call.
                    let width = across::<T, S>();
                    (0..k).for_each(|p| std::ptr::copy_nonoverlapping(b.add(p * n + first), to.add(p * width), width));
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
