//! What the machine can do at most: the scale on which kernels are measured.

use std::hint::black_box;

use crate::isa::Task;
use crate::shards::Shards;
use crate::simd::Simd;
use crate::{Pool, Real};

/// Independent sums, more than any machine needs to keep its units busy.
const SUMS: usize = 12;

/// Runs `rounds` of multiply-adds in registers on every thread of the pool, and returns how many floating point operations
/// that were, a multiply-add being two.
pub fn multiply_adds<T: Real>(pool: &Pool, rounds: usize) -> f64 {
    let mut lanes = vec![0; pool.threads()];
    let shards = Shards::new(&mut lanes);
    pool.run(pool.threads(), &|i| {
        let mut width = 0;
        T::run_multiply_adds(MultiplyAdds { rounds, width: &mut width, element: T::ONE });
        // SAFETY: each part has its own element.
        unsafe { shards.write(i..i + 1)[0] = width };
    });
    (2 * SUMS * rounds * lanes.iter().sum::<usize>()) as f64
}

/// Multiply-adds on one thread.
pub struct MultiplyAdds<'a, T> {
    rounds: usize,
    width: &'a mut usize,
    element: T,
}

impl<T: Real> Task<T> for MultiplyAdds<'_, T> {
    #[inline(always)]
    fn run<S: Simd<Element = T>>(self) {
        // SAFETY: registers only.
        unsafe {
            let factor = S::splat(black_box(self.element));
            let mut sums = [factor; SUMS];
            for _ in 0..self.rounds {
                sums.iter_mut().for_each(|sum| *sum = S::mul_add(factor, factor, *sum));
            }
            black_box(sums);
        }
        *self.width = S::LANES;
    }
}

/// Copies `from` to `to`, each thread its own part: 2 bytes of traffic for each byte.
///
/// # Panics
///
/// If the lengths differ.
pub fn copy<T: Real>(pool: &Pool, from: &[T], to: &mut [T]) {
    assert_eq!(from.len(), to.len(), "both must have one length");
    let (len, parts) = (from.len(), pool.threads());
    let to = Shards::new(to);
    pool.run(parts, &|i| {
        let range = i * len / parts..(i + 1) * len / parts;
        // SAFETY: the ranges are disjoint.
        unsafe { to.write(range.clone()) }.copy_from_slice(&from[range]);
    });
}
