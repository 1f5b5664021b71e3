//! Reductions against plain loops in `f64`.

mod common;

use backpass_kernels::*;
use common::{FORCED, for_each_isa};

const KINDS: [Reduce; 4] = [Reduce::Sum, Reduce::Mean, Reduce::Max, Reduce::LogSumExp];

fn numbers<T: Real>(len: usize, seed: u64) -> Vec<T> {
    let mut stream = philox::Stream::new(seed, 0);
    (0..len).map(|_| T::from_f64(stream.normal() * 5.0)).collect()
}

fn reference(kind: Reduce, x: &[f64]) -> f64 {
    let max = x.iter().fold(f64::NEG_INFINITY, |a, &b| if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) });
    match kind {
        Reduce::Sum => x.iter().sum::<f64>() + 0.0,
        Reduce::Mean => x.iter().sum::<f64>() / x.len() as f64,
        Reduce::Max => max,
        Reduce::LogSumExp if max.is_finite() => max + x.iter().map(|x| (x - max).exp()).sum::<f64>().ln(),
        Reduce::LogSumExp => max,
    }
}

fn run<T: Real>(pool: &Pool, kind: Reduce, shape: [usize; 3], x: &[T]) -> Vec<T> {
    let [outer, axis, inner] = shape;
    let mut y = vec![T::from_f64(9.0); outer * inner + 1];
    reduce(pool, kind, outer, axis, inner, x, &mut y[1..]);
    y.split_off(1)
}

fn bits<T: Real>(x: &[T]) -> Vec<u64> {
    x.iter().map(|x| x.to_f64().to_bits()).collect()
}

fn check<T: Real>(pools: &[Pool], shape: [usize; 3]) {
    let [outer, axis, inner] = shape;
    let slack = if size_of::<T>() == 4 { 1e-6 } else { 1e-14 };
    let x = numbers::<T>(outer * axis * inner + 1, 4);
    let x = &x[1..];
    for kind in KINDS {
        let y = run(&pools[0], kind, shape, x);
        for pool in &pools[1..] {
            assert_eq!(bits(&run(pool, kind, shape, x)), bits(&y), "{kind:?} of {shape:?}");
        }
        for o in 0..outer {
            for i in 0..inner {
                let line: Vec<f64> = (0..axis).map(|a| x[(o * axis + a) * inner + i].to_f64()).collect();
                let (got, want) = (y[o * inner + i].to_f64(), reference(kind, &line));
                let size: f64 = line.iter().map(|x| x.abs()).sum();
                assert!(
                    got == want || got.is_nan() && want.is_nan() || (got - want).abs() <= slack * size,
                    "{kind:?} of {shape:?}: {got}, not {want}"
                );
            }
        }
    }
}

#[test]
fn every_shape_on_every_isa() {
    let pools = [1, 2, 3, 7].map(Pool::new);
    for_each_isa(|_| {
        for axis in 0..=67 {
            for (outer, inner) in [(1, 1), (3, 1), (2, 3), (1, 32), (2, 40), (0, 5), (5, 0)] {
                check::<f32>(&pools, [outer, axis, inner]);
                check::<f64>(&pools, [outer, axis, inner]);
            }
        }
        for shape in [[2, 5000, 1], [400, 300, 1], [1, 300, 400], [3, 200, 130], [1, 9000, 7]] {
            check::<f32>(&pools, shape);
            check::<f64>(&pools, shape);
        }
    });
}

#[test]
fn the_bits_do_not_depend_on_the_isa() {
    let _guard = FORCED.lock();
    let pool = Pool::new(1);
    for shape in [[3, 1000, 1], [2, 130, 50], [1, 7, 5]] {
        let x = numbers::<f32>(shape.iter().product(), 6);
        for kind in KINDS {
            let all = Isa::available().iter().map(|isa| {
                isa.force();
                bits(&run(&pool, kind, shape, &x))
            });
            let all: Vec<_> = all.collect();
            assert!(all.windows(2).all(|pair| pair[0] == pair[1]));
        }
    }
    Isa::detect().force();
}

#[test]
fn special_values() {
    let (inf, nan) = (f32::INFINITY, f32::NAN);
    let pool = Pool::new(1);
    for at in [0, 5, 33, 69] {
        for (other, bad, max, log) in [
            (1.0, nan, nan, nan),
            (1.0, inf, inf, inf),
            (-inf, -inf, -inf, -inf),
            (-inf, inf, inf, inf),
            (-inf, 2.0, 2.0, 2.0),
            (-inf, nan, nan, nan),
            (f32::MIN, f32::MAX, f32::MAX, f32::MAX),
        ] {
            // Once along a slice and once across rows.
            for shape in [[1, 70, 1], [1, 70, 3]] {
                let mut x = vec![other; 70 * shape[2]];
                x[at * shape[2]] = bad;
                for (kind, want) in [(Reduce::Max, max), (Reduce::LogSumExp, log)] {
                    let got = run(&pool, kind, shape, &x)[0];
                    assert!(got == want || got.is_nan() && want.is_nan(), "{kind:?}: {got}");
                }
            }
        }
    }
}

#[test]
fn long_sums_stay_accurate() {
    let len = 1_000_001;
    let x = vec![0.1_f32; len];
    let want = f64::from(0.1_f32) * len as f64;
    for shape in [[1, len, 1], [1, len / 3, 3]] {
        let x = &x[..shape[1] * shape[2]];
        let want = want * x.len() as f64 / len as f64 / shape[2] as f64;
        for y in run(&Pool::new(2), Reduce::Sum, shape, x) {
            assert!((f64::from(y) / want - 1.0).abs() < 1e-6, "{y}, not {want}");
        }
    }
}
