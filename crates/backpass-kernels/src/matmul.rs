//! Matrix products.

use std::ops::Range;

use crate::fused::Finish;
use crate::product::{self, Block, PANEL, Pack, ROWS, Strided, UNIT};
use crate::{Isa, Pool, Real};

/// Products of fewer multiplications than this are not worth two threads.
const SERIAL: usize = 1 << 18;
/// The most columns of a block: its part of the right matrix stays in the last cache.
const COLUMNS: usize = 32 * PANEL;
/// Blocks for each thread, so that none waits long for the last.
const SHARE: usize = 4;

/// The shape of a matrix product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MatmulDims {
    /// The rows of a and c.
    pub m: usize,
    /// The columns of b and c.
    pub n: usize,
    /// The columns of a and rows of b.
    pub k: usize,
    /// Whether a is stored transposed, as k×m.
    pub transpose_a: bool,
}

/// The right factor of a product.
#[derive(Clone, Copy, Debug)]
pub enum Right<'a, T> {
    /// k×n, row by row.
    Rows(&'a [T]),
    /// As [`pack`] left it.
    Packed(&'a [T]),
}

/// Whether a right factor of k×n that lies row by row is worth packing for a product of `m` rows with the current
/// instruction set. Narrow tiles read a line of each of its rows, which are too far apart for the nearest cache; wide ones
/// mind only when it leaves the nearer caches altogether.
pub fn packing_pays(m: usize, n: usize, k: usize) -> bool {
    let far = m >= 64 && k * n >= 1 << 20;
    far || Isa::current() != Isa::Avx512 && m >= 96 && k * n >= 1 << 13
}

/// The elements that [`pack`] writes for a matrix of k×n.
pub fn packed_len(k: usize, n: usize) -> usize {
    k * n.next_multiple_of(UNIT)
}

/// Lays `b`, k×n or stored transposed as n×k, out in the order in which [`matmul`] reads it. It pays when the left factor
/// has more than a few rows.
///
/// # Panics
///
/// If a slice has not the length of its matrix.
pub fn pack<T: Real>(pool: &Pool, k: usize, n: usize, b: &[T], transposed: bool, to: &mut [T]) {
    assert_eq!(Some(b.len()), k.checked_mul(n), "b has a wrong length");
    assert_eq!(to.len(), packed_len(k, n), "the packed b has a wrong length");
    let job = PackJob { k, n, b: b.as_ptr(), transposed, to: to.as_mut_ptr() };
    // SAFETY: the lengths are right, and panels are disjoint.
    let part = |panels: Range<usize>| unsafe { job.run(panels) };
    let panels = n.div_ceil(PANEL);
    if 4 * n * k < SERIAL || pool.threads() == 1 {
        part(0..panels);
    } else {
        pool.run(panels, &|i| part(i..i + 1));
    }
}

/// `c = op(a)·b`, or `c += op(a)·b` if `accumulate`, where `op` transposes as `dims` say; all matrices are dense and
/// row-major, and `op(a)` is m×k, `b` is k×n, `c` is m×n. Each element adds its products in the order of k.
///
/// # Panics
///
/// If a slice has not the length of its matrix.
pub fn matmul<T: Real>(pool: &Pool, dims: MatmulDims, a: &[T], b: Right<'_, T>, c: &mut [T], accumulate: bool) {
    let MatmulDims { m, n, k, .. } = dims;
    assert_eq!(Some(a.len()), m.checked_mul(k), "a has a wrong length");
    let (found, expected) = match b {
        Right::Rows(b) => (b.len(), k.checked_mul(n)),
        Right::Packed(b) => (b.len(), Some(packed_len(k, n))),
    };
    assert_eq!(Some(found), expected, "b has a wrong length");
    assert_eq!(Some(c.len()), m.checked_mul(n), "c has a wrong length");
    if k == 0 && !accumulate {
        c.fill(T::ZERO);
    }
    if m == 0 || n == 0 || k == 0 {
        return;
    }
    let b = match b {
        Right::Rows(b) => product::Right::Rows(b.as_ptr(), n),
        Right::Packed(b) => product::Right::Packed(b.as_ptr(), k, n),
    };
    let job = MatmulJob { dims, a: a.as_ptr(), b, c: c.as_mut_ptr(), accumulate, finish: None, sums: None };
    // SAFETY: the lengths are right, and blocks are disjoint.
    let block = |rows, columns| unsafe { job.run(rows, columns) };
    if pool.threads() == 1 || m * n * k < SERIAL {
        return block(0..m, 0..n);
    }
    let across = n.div_ceil(COLUMNS).max(pool.threads().min(n / (2 * PANEL)));
    let down = (SHARE * pool.threads()).div_ceil(across).min(m.div_ceil(ROWS));
    pool.run(down * across, &|i| block(piece(m, ROWS, down, i % down), piece(n, PANEL, across, i / down)));
}

/// A product whose matrices have the right lengths.
#[derive(Clone, Copy)]
pub(crate) struct MatmulJob<T> {
    pub dims: MatmulDims,
    pub a: *const T,
    pub b: product::Right<T>,
    pub c: *mut T,
    pub accumulate: bool,
    /// What is done to sums before they are stored, with a row for all rows or one for each.
    pub finish: Option<(Finish, *const T)>,
    /// Where the sums of b's columns go, with the first row.
    pub sums: Option<*mut T>,
}

// SAFETY: whoever runs a job promises that blocks are disjoint.
unsafe impl<T: Sync> Sync for MatmulJob<T> {}

impl<T: Real> MatmulJob<T> {
    /// Computes some rows and columns of the result; there is a depth.
    ///
    /// # Safety
    ///
    /// The matrices are as large as `dims` say, nobody writes what is read here or touches this part of the result, or, from
    /// the first row on, these columns' sums.
    pub(crate) unsafe fn run(&self, rows: Range<usize>, columns: Range<usize>) {
        let MatmulDims { m, n, k, transpose_a } = self.dims;
        let (row, column) = if transpose_a { (1, m) } else { (k, 1) };
        let a = Strided { start: self.a, row, column };
        for from in columns.clone().step_by(COLUMNS) {
            let (rows, columns) = (rows.clone(), from..columns.end.min(from + COLUMNS));
            let Self { b, c, accumulate, finish, .. } = *self;
            let sums = self.sums.filter(|_| rows.start == 0);
            T::run_block(Block { rows, columns, depth: k, a, b, c, c_row: n, accumulate, finish, sums });
        }
    }
}

/// A right factor to be packed, with the right lengths.
#[derive(Clone, Copy)]
pub(crate) struct PackJob<T> {
    pub k: usize,
    pub n: usize,
    pub b: *const T,
    pub transposed: bool,
    pub to: *mut T,
}

// SAFETY: whoever runs a job promises that panels are disjoint.
unsafe impl<T: Sync> Sync for PackJob<T> {}

impl<T: Real> PackJob<T> {
    /// Packs some panels.
    ///
    /// # Safety
    ///
    /// The matrices have their lengths, nobody writes what is read here or touches these panels.
    pub(crate) unsafe fn run(&self, panels: Range<usize>) {
        let Self { k, n, b, transposed, to } = *self;
        T::run_pack(Pack { b, transposed, k, n, to, panels });
    }
}

/// The `i`-th of `count` nearly equal pieces of `0..len`, cut at multiples of `unit`.
pub(crate) fn piece(len: usize, unit: usize, count: usize, i: usize) -> Range<usize> {
    let units = len.div_ceil(unit);
    let cut = |i| len.min(i * units / count * unit);
    cut(i)..cut(i + 1)
}
