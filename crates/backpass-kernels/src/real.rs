//! The two element types.

use std::fmt::Debug;
use std::ops::{Add, Div, Mul, Neg, Sub};

use crate::math::Math;

/// `f32` or `f64`: the element type of every kernel. The trait is sealed.
pub trait Real:
    Math
    + Copy
    + Send
    + Sync
    + PartialOrd
    + Debug
    + Default
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + 'static
{
    /// Zero.
    const ZERO: Self;
    /// One.
    const ONE: Self;

    /// The nearest value of this type.
    fn from_f64(x: f64) -> Self;

    /// A whole number below 2^24, exactly.
    fn from_bits24(x: u32) -> Self;

    /// The same value as `f64`, exactly.
    fn to_f64(self) -> f64;
}

macro_rules! real {
    ($t:ident) => {
        impl Real for $t {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;

            #[inline(always)]
            fn from_f64(x: f64) -> Self {
                x as $t
            }

            #[inline(always)]
            fn from_bits24(x: u32) -> Self {
                // Signed numbers are what vector units convert.
                x as i32 as $t
            }

            #[inline(always)]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }
        }
    };
}

real!(f32);
real!(f64);
