//! Matrix products against plain sums in `f64`.

use backpass_kernels::*;

fn numbers<T: Real>(len: usize, seed: u64) -> Vec<T> {
    let mut stream = philox::Stream::new(seed, 0);
    (0..len).map(|_| T::from_f64(stream.normal())).collect()
}

fn bits<T: Real>(x: &[T]) -> Vec<u64> {
    x.iter().map(|x| x.to_f64().to_bits()).collect()
}

fn check<T: Real>(pools: &[Pool], m: usize, n: usize, k: usize) {
    let epsilon = if size_of::<T>() == 4 { 1.2e-7 } else { 2.3e-16 };
    for case in 0..8 {
        let [transpose_a, transpose_b, accumulate] = [1, 2, 4].map(|bit| case & bit != 0);
        let dims = MatmulDims { m, n, k, transpose_a, transpose_b };
        // One more at the front, so that the slices are unaligned.
        let (a, b) = (numbers::<T>(m * k + 1, 1), numbers::<T>(k * n + 1, 2));
        let (a, b) = (&a[1..], &b[1..]);
        let old = numbers::<T>(m * n + 1, 3);
        let mut seen = Vec::new();
        for pool in pools {
            let mut c = old.clone();
            matmul(pool, dims, a, b, &mut c[1..], accumulate);
            seen.push(c);
        }
        for c in &seen[1..] {
            assert_eq!(bits(c), bits(&seen[0]), "{dims:?} depends on the threads");
        }
        for i in 0..m {
            for j in 0..n {
                let mut want = if accumulate { old[1 + i * n + j].to_f64() } else { 0.0 };
                let mut size = want.abs();
                for l in 0..k {
                    let x = a[if transpose_a { l * m + i } else { i * k + l }].to_f64();
                    let y = b[if transpose_b { j * k + l } else { l * n + j }].to_f64();
                    want += x * y;
                    size += (x * y).abs();
                }
                let got = seen[0][1 + i * n + j].to_f64();
                let slack = size * epsilon * (2.0 + (k as f64).sqrt());
                assert!((got - want).abs() <= slack, "{dims:?}: {got}, not {want}");
            }
        }
    }
}

fn pools() -> [Pool; 4] {
    [1, 2, 3, 5].map(Pool::new)
}

#[test]
fn small_shapes() {
    let pools = pools();
    let sizes = [0, 1, 2, 3, 7, 16, 17, 33];
    for m in sizes {
        for n in sizes {
            for k in [0, 1, 2, 5, 16, 17, 40] {
                check::<f32>(&pools, m, n, k);
                check::<f64>(&pools, m, n, k);
            }
        }
    }
}

#[test]
fn tiled_shapes() {
    let pools = pools();
    for (m, n, k) in [
        (145, 145, 60),
        (150, 301, 37),
        (300, 5, 800),
        (5, 300, 800),
        (1, 1300, 1030),
        (1300, 1, 1030),
        (13, 17, 5000),
        (200, 170, 513),
        (1, 1, 4000),
    ] {
        check::<f32>(&pools, m, n, k);
        check::<f64>(&pools, m, n, k);
    }
}

/// The sum of an element must not depend on the tile around it: a column block of b gives the
/// same bits as the whole of b, once both are large enough for tiles.
#[test]
fn an_element_does_not_depend_on_its_tile() {
    let pool = Pool::new(1);
    for transpose_b in [false, true] {
        let (m, n, k) = (220, 400, 1100);
        let (a, b) = (numbers::<f32>(m * k, 1), numbers::<f32>(k * n, 2));
        let mut whole = vec![0.0; m * n];
        let mut dims = MatmulDims { m, n, k, transpose_a: false, transpose_b };
        matmul(&pool, dims, &a, &b, &mut whole, false);
        for rows in [20, 61, 150, 219] {
            dims.m = rows;
            let mut part = vec![0.0; rows * n];
            matmul(&pool, dims, &a[..rows * k], &b, &mut part, false);
            assert!(part == whole[..rows * n], "{rows} rows");
        }
    }
}

#[test]
fn nan_and_infinity_pass_through() {
    let dims = MatmulDims { m: 2, n: 1, k: 2, transpose_a: false, transpose_b: false };
    let mut c = [f64::NAN; 2];
    matmul(&Pool::new(1), dims, &[f64::INFINITY, 1.0, 0.0, 1.0], &[0.0, f64::INFINITY], &mut c, false);
    assert!(c[0].is_nan());
    assert_eq!(c[1], f64::INFINITY);
}

#[test]
#[should_panic = "b has a wrong length"]
fn wrong_lengths() {
    let dims = MatmulDims { m: 2, n: 2, k: 2, transpose_a: false, transpose_b: false };
    matmul(&Pool::new(1), dims, &[0.0; 4], &[0.0; 5], &mut [0.0; 4], false);
}
