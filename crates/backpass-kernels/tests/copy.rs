//! Strided copies and indices kept as floats.

use backpass_kernels::*;

/// Copies element by element.
fn naive(dims: &[usize], x: &[f32], x_at: (usize, &[usize]), y: &mut [f32], y_at: (usize, &[usize])) {
    let Some((&len, dims)) = dims.split_first() else {
        y[y_at.0] = x[x_at.0];
        return;
    };
    for i in 0..len {
        let x_at = (x_at.0 + i * x_at.1[0], &x_at.1[1..]);
        naive(dims, x, x_at, y, (y_at.0 + i * y_at.1[0], &y_at.1[1..]));
    }
}

fn dense(dims: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; dims.len()];
    for i in (1..dims.len()).rev() {
        strides[i - 1] = strides[i] * dims[i].max(1);
    }
    strides
}

fn check(dims: &[usize], x_at: (usize, &[usize]), y_at: (usize, &[usize])) {
    let size = |(offset, strides): (usize, &[usize])| {
        offset + dims.iter().zip(strides).map(|(d, s)| d.saturating_sub(1) * s).sum::<usize>() + 1
    };
    let x: Vec<f32> = (0..size(x_at)).map(|i| i as f32).collect();
    let mut want = vec![-1.0; size(y_at)];
    naive(dims, &x, x_at, &mut want, y_at);
    for threads in [1, 2, 3] {
        let mut y = vec![-1.0; size(y_at)];
        let pool = Pool::new(threads);
        copy_strided(&pool, dims, &x, x_at.0, x_at.1, &mut y, y_at.0, y_at.1);
        assert!(y == want, "{dims:?} from {x_at:?} to {y_at:?}");
    }
}

#[test]
fn copies() {
    check(&[], (3, &[]), (2, &[]));
    check(&[5], (1, &[1]), (0, &[1]));
    check(&[5], (1, &[0]), (0, &[1]));
    check(&[5], (1, &[3]), (4, &[2]));
    check(&[0, 3], (0, &[3, 1]), (0, &[3, 1]));
    check(&[4, 6], (0, &[1, 4]), (0, &[6, 1]));
    check(&[4, 6], (0, &[0, 1]), (2, &[10, 1]));
    check(&[4, 6], (0, &[1, 0]), (0, &[6, 1]));
    check(&[4, 6], (0, &[6, 1]), (0, &[1, 4]));
    check(&[300, 500], (0, &[1, 300]), (0, &[500, 1]));
    check(&[300, 500], (0, &[500, 1]), (7, &[600, 1]));
    check(&[3, 300, 100], (0, &[100, 0, 1]), (0, &[30000, 100, 1]));
    let dims = [2, 1, 3, 2, 1, 2, 3, 2];
    let strides = dense(&dims);
    check(&dims, (0, &strides), (0, &strides));
    let order = [5, 2, 7, 0, 3, 6, 1, 4];
    let permuted = order.map(|i| dims[i]);
    let from = order.map(|i| strides[i]);
    check(&permuted, (0, &from), (0, &dense(&permuted)));
    check(&permuted, (5, &dense(&permuted)), (5, &from));
}

#[test]
#[should_panic = "the source lies outside its slice"]
fn source_bounds() {
    copy_strided(&Pool::new(1), &[2, 2], &[0.0; 4], 1, &[2, 1], &mut [0.0; 4], 0, &[2, 1]);
}

#[test]
#[should_panic = "the target lies outside its slice"]
fn target_bounds() {
    let huge = usize::MAX / 2;
    copy_strided(&Pool::new(1), &[3], &[0.0; 4], 0, &[1], &mut [0.0; 4], 0, &[huge]);
}

#[test]
#[should_panic = "the target overlaps itself"]
fn target_overlap() {
    copy_strided(&Pool::new(1), &[2, 3], &[0.0; 6], 0, &[3, 1], &mut [0.0; 6], 0, &[2, 1]);
}

#[test]
fn gathers_rows() {
    let table = [0.0_f32, 1.0, 10.0, 11.0, 20.0, 21.0];
    let indices = [2.0, 0.0, 1.9, -0.0];
    let mut y = [0.0; 8];
    gather_rows(&table, 3, 2, &indices, &mut y);
    assert_eq!(y, [20.0, 21.0, 0.0, 1.0, 10.0, 11.0, 0.0, 1.0]);
    let bad = [-1.0, -0.5, 3.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30];
    let mut y = [0.0; 14];
    gather_rows(&table, 3, 2, &bad, &mut y);
    assert!(y.iter().all(|y| y.is_nan()));
    gather_rows(&[], 3, 0, &bad, &mut []);
}

#[test]
fn one_hot_rows() {
    let indices = [1.0, 2.7, -1.0, 3.0, f64::NAN, f64::INFINITY, 0.0];
    let mut y = [5.0; 21];
    one_hot(&indices, 3, &mut y);
    let mut want = [0.0; 21];
    want[1] = 1.0;
    want[5] = 1.0;
    want[18] = 1.0;
    assert_eq!(y, want);
}
