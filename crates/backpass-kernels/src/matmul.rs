//! Matrix products.

use std::ops::Range;

use crate::shards::Shards;
use crate::{Pool, Real};

/// The largest depth of one pass. Below it the engine adds the products of an element in plain
/// order, whatever the tile around it.
const DEPTH: usize = 512;
/// Products of fewer multiplications than this are not worth two threads.
const SERIAL: usize = 1 << 20;
/// The most rows of a tile: with fewer, packing a transposed b costs too much.
const ROWS: usize = 144;
/// The most columns of a tile.
const COLUMNS: usize = 64;
/// Tiles begin at multiples of these, the height and width of the engine's own tiles.
const UNIT: [usize; 2] = [12, 32];

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
    /// Whether b is stored transposed, as n×k.
    pub transpose_b: bool,
}

/// `c = op(a)·op(b)`, or `c += op(a)·op(b)` if `accumulate`, where `op` transposes as `dims` say;
/// all matrices are dense and row-major, and `op(a)` is m×k, `op(b)` is k×n, `c` is m×n.
///
/// # Panics
///
/// If a slice has not the length of its matrix.
pub fn matmul<T: Real>(pool: &Pool, dims: MatmulDims, a: &[T], b: &[T], c: &mut [T], accumulate: bool) {
    let MatmulDims { m, n, k, .. } = dims;
    assert_eq!(Some(a.len()), m.checked_mul(k), "a has a wrong length");
    assert_eq!(Some(b.len()), k.checked_mul(n), "b has a wrong length");
    assert_eq!(Some(c.len()), m.checked_mul(n), "c has a wrong length");
    if k == 0 && !accumulate {
        c.fill(T::ZERO);
    }
    if m == 0 || n == 0 || k == 0 {
        return;
    }
    let c = Shards::new(c);
    let tile = |rows, columns| product(dims, a, b, &c, rows, columns, accumulate);
    let (down, across) =
        if m.min(n) == 1 || m * n * k < SERIAL { (1, 1) } else { (m.div_ceil(ROWS), n.div_ceil(COLUMNS)) };
    pool.run(down * across, &|i| {
        let rows = piece(m, UNIT[0], down, i / across);
        let columns = piece(n, UNIT[1], across, i % across);
        tile(rows, columns);
    });
}

/// The `i`-th of `count` nearly equal pieces of `0..len`, cut at multiples of `unit`.
fn piece(len: usize, unit: usize, count: usize, i: usize) -> Range<usize> {
    let units = len.div_ceil(unit);
    let cut = |i| len.min(i * units / count * unit);
    cut(i)..cut(i + 1)
}

fn product<T: Real>(
    dims: MatmulDims,
    a: &[T],
    b: &[T],
    c: &Shards<'_, T>,
    rows: Range<usize>,
    columns: Range<usize>,
    accumulate: bool,
) {
    let MatmulDims { m, n, k, .. } = dims;
    let strides = |transpose, height, width| if transpose { (1, height) } else { (width, 1) };
    let (a_row, a_column) = strides(dims.transpose_a, m, k);
    let (b_row, b_column) = strides(dims.transpose_b, k, n);
    let passes = k.div_ceil(DEPTH);
    for pass in 0..passes {
        let depth = piece(k, 1, passes, pass);
        let fresh = pass == 0 && !accumulate;
        let a = &a[rows.start * a_row + depth.start * a_column..];
        let b = &b[depth.start * b_row + columns.start * b_column..];
        // SAFETY: the lengths of the three matrices were checked, so the tile lies inside each;
        // no other part touches this tile of c.
        unsafe {
            T::gemm(
                [rows.len(), columns.len(), depth.len()],
                (a.as_ptr(), a_row, a_column),
                (b.as_ptr(), b_row, b_column),
                if fresh { T::ZERO } else { T::ONE },
                (c.as_ptr().add(rows.start * n + columns.start), n, 1),
            );
        }
    }
}
