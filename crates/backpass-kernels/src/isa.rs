//! Instruction sets: one source, compiled once for each.

use std::sync::atomic::{AtomicU8, Ordering};

use crate::Real;
use crate::simd::Simd;

/// An instruction set for which the kernels are compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Isa {
    /// What the target guarantees.
    Baseline,
    /// AVX2 and FMA.
    Avx2,
    /// AVX-512 F, BW, DQ and VL.
    Avx512,
}

/// The choice in force: zero before the first use, then one more than its index in `ALL`.
static CHOICE: AtomicU8 = AtomicU8::new(0);

const ALL: [Isa; 3] = [Isa::Baseline, Isa::Avx2, Isa::Avx512];

impl Isa {
    /// The best instruction set of this machine.
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            let wide = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl");
            return if wide { Self::Avx512 } else { Self::Avx2 };
        }
        Self::Baseline
    }

    /// The instruction sets of this machine, the best last.
    pub fn available() -> &'static [Self] {
        &ALL[..=Self::detect() as usize]
    }

    /// Makes all later kernel calls of the process use this instruction set; for tests.
    ///
    /// # Panics
    ///
    /// If the machine lacks it.
    pub fn force(self) {
        assert!(self <= Self::detect(), "{self:?} is not available");
        CHOICE.store(self as u8 + 1, Ordering::Relaxed);
    }

    /// The instruction set in use: the best, unless another was forced.
    pub fn current() -> Self {
        match CHOICE.load(Ordering::Relaxed) {
            0 => {
                let isa = Self::detect();
                CHOICE.store(isa as u8 + 1, Ordering::Relaxed);
                isa
            }
            choice => ALL[choice as usize - 1],
        }
    }
}

/// A computation that is compiled for each instruction set, whose registers it may use. `run` and all that it calls in its
/// loops must be `#[inline(always)]`, or they are compiled for the baseline.
pub(crate) trait Task<T> {
    fn run<S: Simd<Element = T>>(self);
}

/// Runs a task with the registers of the current instruction set.
#[inline]
pub(crate) fn dispatch<T: Real>(task: impl Task<T>) {
    match Isa::current() {
        // SAFETY: `current` is never more than the machine has.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => unsafe { avx512(task) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => unsafe { avx2(task) },
        _ => task.run::<T::Portable>(),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2<T: Real>(task: impl Task<T>) {
    task.run::<T::Avx2>();
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
fn avx512<T: Real>(task: impl Task<T>) {
    task.run::<T::Avx512>();
}
