//! Strided copies.

use crate::shards::Shards;
use crate::{Pool, Real};

/// The most dimensions of a [`copy_strided`].
pub const MAX_DIMS: usize = 8;

/// The elements of one part.
const PART: usize = 1 << 15;

#[derive(Clone, Copy)]
struct Dim {
    len: usize,
    x: usize,
    y: usize,
}

/// Copies an array of shape `dims`: element (i, j, …) from `x[x_offset + i·x_strides[0] + …]` to
/// `y[y_offset + i·y_strides[0] + …]`. A stride of zero in `x` repeats it.
///
/// # Panics
///
/// If there are more than [`MAX_DIMS`] dimensions or another number of strides, if an element
/// lies outside its slice, or if `y_strides` do not visibly lead to distinct elements: each must
/// be at least the extent of the next smaller one.
#[allow(clippy::too_many_arguments)]
pub fn copy_strided<T: Real>(
    pool: &Pool,
    dims: &[usize],
    x: &[T],
    x_offset: usize,
    x_strides: &[usize],
    y: &mut [T],
    y_offset: usize,
    y_strides: &[usize],
) {
    let rank = dims.len();
    assert!(rank <= MAX_DIMS, "{rank} dimensions");
    assert!(
        x_strides.len() == rank && y_strides.len() == rank,
        "{} and {} strides for {rank} dimensions",
        x_strides.len(),
        y_strides.len()
    );
    if dims.contains(&0) {
        return;
    }
    let mut buffer = [Dim { len: 1, x: 0, y: 0 }; MAX_DIMS];
    for (i, dim) in buffer[..rank].iter_mut().enumerate() {
        *dim = Dim { len: dims[i], x: x_strides[i], y: y_strides[i] };
    }
    let all = &buffer[..rank];
    let last = |offset, stride: fn(&Dim) -> usize| {
        all.iter().try_fold(offset, |at: usize, dim| at.checked_add((dim.len - 1).checked_mul(stride(dim))?))
    };
    assert!(last(x_offset, |d| d.x).is_some_and(|at| at < x.len()), "the source lies outside its slice");
    assert!(last(y_offset, |d| d.y).is_some_and(|at| at < y.len()), "the target lies outside its slice");
    assert!(distinct(buffer), "the target overlaps itself");

    let (buffer, rank) = merge(all);
    let dims = &buffer[..rank];
    let (outer, inner) = dims.split_first().expect("at least one dimension");
    let y = Shards::new(y);
    let copy = |rows: std::ops::Range<usize>| {
        for i in rows {
            copy_dims(inner, x, x_offset + i * outer.x, &y, y_offset + i * outer.y);
        }
    };
    let row: usize = inner.iter().map(|d| d.len).product();
    let rows = PART.div_ceil(row);
    if inner.is_empty() {
        copy_dims(dims, x, x_offset, &y, y_offset);
    } else if outer.len < 2 * rows {
        copy(0..outer.len);
    } else {
        pool.run(outer.len.div_ceil(rows), &|i| {
            copy(i * rows..outer.len.min((i + 1) * rows));
        });
    }
}

fn distinct(mut dims: [Dim; MAX_DIMS]) -> bool {
    dims.sort_unstable_by_key(|d| d.y);
    let mut extent = 1;
    dims.iter().filter(|d| d.len > 1).all(|d| {
        let clear = d.y >= extent;
        extent = d.y.saturating_mul(d.len);
        clear
    })
}

/// Joins neighbouring dimensions that both arrays walk as one; leaves at least one.
fn merge(dims: &[Dim]) -> ([Dim; MAX_DIMS], usize) {
    let mut merged = [Dim { len: 1, x: 0, y: 0 }; MAX_DIMS];
    let mut rank = 0;
    for &dim in dims.iter().filter(|d| d.len > 1) {
        if rank > 0 {
            let outer = &mut merged[rank - 1];
            if outer.x == dim.x * dim.len && outer.y == dim.y * dim.len {
                *outer = Dim { len: outer.len * dim.len, ..dim };
                continue;
            }
        }
        merged[rank] = dim;
        rank += 1;
    }
    (merged, rank.max(1))
}

fn copy_dims<T: Real>(dims: &[Dim], x: &[T], x_at: usize, y: &Shards<'_, T>, y_at: usize) {
    let [dim, inner @ ..] = dims else { unreachable!("at least one dimension") };
    if !inner.is_empty() {
        for i in 0..dim.len {
            copy_dims(inner, x, x_at + i * dim.x, y, y_at + i * dim.y);
        }
        return;
    }
    let x = &x[x_at..=x_at + (dim.len - 1) * dim.x];
    if dim.y == 1 || dim.len == 1 {
        // SAFETY: the elements of the target are distinct.
        let y = unsafe { y.write(y_at..y_at + dim.len) };
        match dim.x {
            0 => y.fill(x[0]),
            1 => y.copy_from_slice(x),
            stride => y.iter_mut().zip(x.iter().step_by(stride)).for_each(|(y, &x)| *y = x),
        }
    } else {
        for i in 0..dim.len {
            let at = y_at + i * dim.y;
            // SAFETY: as above.
            let y = unsafe { y.write(at..at + 1) };
            y[0] = x[i * dim.x];
        }
    }
}
