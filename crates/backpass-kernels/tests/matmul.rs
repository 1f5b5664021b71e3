//! Matrix products against plain sums: equal bits, for every instruction set, layout and number of threads.

mod common;

use backpass_kernels::*;
use common::for_each_isa;

fn numbers<T: Real>(len: usize, seed: u64) -> Vec<T> {
    let mut stream = philox::Stream::new(seed, 0);
    (0..len).map(|_| T::from_f64(stream.normal())).collect()
}

fn bits<T: Real>(x: &[T]) -> Vec<u64> {
    x.iter().map(|x| x.to_f64().to_bits()).collect()
}

fn transposed<T: Copy>(x: &[T], rows: usize, columns: usize) -> Vec<T> {
    (0..rows * columns).map(|i| x[i % rows * columns + i / rows]).collect()
}

/// An element type with its fused multiply-add.
trait Element: Real {
    fn fused(self, b: Self, c: Self) -> Self;
}

impl Element for f32 {
    fn fused(self, b: f32, c: f32) -> f32 {
        self.mul_add(b, c)
    }
}

impl Element for f64 {
    fn fused(self, b: f64, c: f64) -> f64 {
        self.mul_add(b, c)
    }
}

/// The plain sum of each element, from the first product to the last.
fn plain<T: Element>([m, n, k]: [usize; 3], a: &[T], b: &[T], mut c: Vec<T>) -> Vec<T> {
    let fuses = Isa::current() > Isa::Baseline || cfg!(target_arch = "aarch64");
    for (i, j, p) in (0..m).flat_map(|i| (0..n).flat_map(move |j| (0..k).map(move |p| (i, j, p)))) {
        let (x, y, sum) = (a[i * k + p], b[p * n + j], c[i * n + j]);
        c[i * n + j] = if fuses { x.fused(y, sum) } else { x * y + sum };
    }
    c
}

fn check<T: Element>(pools: &[Pool], [m, n, k]: [usize; 3]) {
    let (a, b, old) = (numbers::<T>(m * k, 1), numbers::<T>(k * n, 2), numbers::<T>(m * n, 3));
    let (a_turned, b_turned) = (transposed(&a, m, k), transposed(&b, k, n));
    for accumulate in [false, true] {
        let start = if accumulate { old.clone() } else { vec![T::ZERO; m * n] };
        let want = bits(&plain([m, n, k], &a, &b, start));
        for pool in pools {
            let mut packs = [(&b, false), (&b_turned, true)].map(|(b, turned)| {
                // One more at the front, so that the slice is unaligned.
                let mut packed = vec![T::from_f64(f64::NAN); 1 + packed_len(k, n)];
                pack(pool, k, n, b, turned, &mut packed[1..]);
                packed
            });
            let [same, turned] = packs.each_mut().map(|packed| &packed[1..]);
            assert_eq!(bits(same), bits(turned), "{m} {n} {k}: packing depends on how b is stored");
            for (transpose_a, a) in [(false, &a), (true, &a_turned)] {
                for b in [Right::Rows(&b[..]), Right::Packed(same)] {
                    let dims = MatmulDims { m, n, k, transpose_a };
                    let mut c = vec![T::from_f64(f64::NAN); m * n + 1];
                    c[1..].copy_from_slice(&old);
                    matmul(pool, dims, a, b, &mut c[1..], accumulate);
                    let threads = pool.threads();
                    let isa = Isa::current();
                    assert!(bits(&c[1..]) == want, "{dims:?}, {isa:?}, {threads} threads, accumulate {accumulate}");
                }
            }
        }
    }
}

fn check_all(threads: &[usize], sizes: impl Iterator<Item = [usize; 3]> + Clone) {
    let pools: Vec<Pool> = threads.iter().map(|&n| Pool::new(n)).collect();
    for_each_isa(|_| {
        for sizes in sizes.clone() {
            check::<f32>(&pools, sizes);
            check::<f64>(&pools, sizes);
        }
    });
}

#[test]
fn small_sizes() {
    let some = [0, 1, 2, 3, 5, 6, 7, 13, 16, 17, 33];
    let pairs = some.into_iter().flat_map(move |m| some.into_iter().map(move |n| (m, n)));
    check_all(&[1], pairs.flat_map(|(m, n)| [0, 1, 2, 9, 17].map(|k| [m, n, k])));
}

#[test]
fn every_edge_of_a_tile() {
    check_all(&[1], (1..=14).flat_map(|m| (1..=130).step_by(3).map(move |n| [m, n, 3])));
}

#[test]
fn blocks_and_threads() {
    let sizes = [
        [145, 145, 60],
        [150, 301, 37],
        [300, 5, 801],
        [5, 300, 801],
        [1, 1300, 1030],
        [1300, 1, 1030],
        [13, 17, 5000],
        [200, 170, 801],
        [1, 1, 4000],
    ];
    check_all(&[1, 2, 3, 7], sizes.into_iter());
}

#[test]
fn nan_and_infinity_pass_through() {
    let dims = MatmulDims { m: 2, n: 1, k: 2, transpose_a: false };
    let mut c = [f64::NAN; 2];
    let b = Right::Rows(&[0.0, f64::INFINITY]);
    matmul(&Pool::new(1), dims, &[f64::INFINITY, 1.0, 0.0, 1.0], b, &mut c, false);
    assert!(c[0].is_nan());
    assert_eq!(c[1], f64::INFINITY);
}

#[test]
#[should_panic = "b has a wrong length"]
fn wrong_lengths() {
    let dims = MatmulDims { m: 2, n: 2, k: 2, transpose_a: false };
    matmul(&Pool::new(1), dims, &[0.0; 4], Right::Rows(&[0.0; 5]), &mut [0.0; 4], false);
}

#[test]
#[should_panic = "the packed b has a wrong length"]
fn too_little_room_to_pack() {
    pack(&Pool::new(1), 2, 3, &[0.0_f32; 6], false, &mut [0.0; 6]);
}
