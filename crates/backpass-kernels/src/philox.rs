//! Philox4x32-10: random numbers as a pure function of a key and a counter.
//!
//! John K. Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011.

use crate::{Real, math};

/// Ten rounds of Philox on four 32-bit words.
#[inline(always)]
pub fn philox4x32(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let [mut a, mut b, mut c, mut d] = counter;
    let [mut k0, mut k1] = key;
    for _ in 0..10 {
        let p = u64::from(a) * 0xd251_1f53;
        let q = u64::from(c) * 0xcd9e_8d57;
        (a, b, c, d) = ((q >> 32) as u32 ^ b ^ k0, q as u32, (p >> 32) as u32 ^ d ^ k1, p as u32);
        k0 = k0.wrapping_add(0x9e37_79b9);
        k1 = k1.wrapping_add(0xbb67_ae85);
    }
    [a, b, c, d]
}

#[inline(always)]
fn words(key: u64, step: u64, element: u64) -> [u32; 4] {
    philox4x32(
        [element as u32, (element >> 32) as u32, step as u32, (step >> 32) as u32],
        [key as u32, (key >> 32) as u32],
    )
}

/// A uniform number in [0, 1), a multiple of 2^-24 and so exact in both element types.
#[inline(always)]
pub fn uniform(key: u64, step: u64, element: u64) -> f64 {
    unit(words(key, step, element / 4)[(element % 4) as usize])
}

/// A standard normal number.
#[inline(always)]
pub fn normal(key: u64, step: u64, element: u64) -> f64 {
    let [a, b, c, d] = words(key, step, element / 2);
    if element.is_multiple_of(2) { box_muller(a, b) } else { box_muller(c, d) }
}

#[inline(always)]
fn unit<T: Real>(word: u32) -> T {
    T::from_bits24(word >> 8) * T::from_f64(1.0 / (1 << 24) as f64)
}

/// [`uniform`] of the elements from `4 * counter` on, in a loop of which the compiler makes vector code.
#[inline(always)]
pub(crate) fn fill_uniform<T: Real>(key: u64, step: u64, counter: u64, to: &mut [[T; 4]]) {
    for (i, to) in to.iter_mut().enumerate() {
        *to = words(key, step, counter + i as u64).map(unit);
    }
}

#[inline(always)]
fn box_muller(a: u32, b: u32) -> f64 {
    const UNIT: f64 = 1.0 / (1_u64 << 32) as f64;
    let radius = (-2.0 * math::ln((f64::from(a) + 1.0) * UNIT)).sqrt();
    radius * libm::cos(std::f64::consts::TAU * f64::from(b) * UNIT)
}

/// Sequential draws. The three numbers are the whole state, so a stream can be saved and resumed.
///
/// [`uniform`] takes the same words of a key and a step, and [`normal`] is what a stream's [`Stream::normal`] gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    /// Which sequence.
    pub key: u64,
    /// Which part of the sequence.
    pub step: u64,
    /// How many 32-bit words have been drawn.
    pub next: u64,
}

impl Stream {
    /// The start of a sequence.
    pub fn new(key: u64, step: u64) -> Self {
        Self { key, step, next: 0 }
    }

    /// 32 random bits.
    pub fn next_u32(&mut self) -> u32 {
        let word = words(self.key, self.step, self.next / 4)[(self.next % 4) as usize];
        self.next += 1;
        word
    }

    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        u64::from(self.next_u32()) | u64::from(self.next_u32()) << 32
    }

    /// A uniform number in [0, 1), a multiple of 2^-53.
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// A standard normal number.
    pub fn normal(&mut self) -> f64 {
        box_muller(self.next_u32(), self.next_u32())
    }

    /// A uniform integer below `n`, without bias.
    ///
    /// # Panics
    ///
    /// If `n` is zero.
    pub fn below(&mut self, n: u64) -> u64 {
        assert!(n > 0, "no integer is below zero");
        // Lemire's method: the high word of a product, rejecting the uneven rest.
        let uneven = n.wrapping_neg() % n;
        loop {
            let product = u128::from(self.next_u64()) * u128::from(n);
            if product as u64 >= uneven {
                return (product >> 64) as u64;
            }
        }
    }

    /// Puts `items` in a uniformly random order (Fisher–Yates).
    pub fn shuffle(&mut self, items: &mut [u32]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i as u64 + 1) as usize);
        }
    }
}
