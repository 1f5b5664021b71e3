//! What the functions of programs and tapes compute: one table for all that apply them.

use crate::math::Math;
use crate::program::{Binary, Unary};
use crate::simd::Simd;
use crate::{Real, math};

/// Arguments with a place for the result: a block of elements, or a single one.
pub(crate) trait Apply<S: Simd> {
    /// Register by register.
    ///
    /// # Safety
    ///
    /// The instruction set is there, and arguments and result are good for all elements; so for all that follow.
    unsafe fn registers(self, f: impl Fn([S::Vector; 3]) -> S::Vector);

    /// Element by element of the first argument, in a loop of which the compiler makes vector code.
    ///
    /// # Safety
    ///
    /// See above.
    unsafe fn each(self, f: impl Fn(S::Element) -> S::Element);

    /// As [`Apply::each`] where `f` is good for every element of a block, else one after the other.
    ///
    /// # Safety
    ///
    /// See above.
    unsafe fn each_within(
        self,
        within: impl Fn(S::Element) -> bool,
        f: impl Fn(S::Element) -> S::Element,
        elsewhere: impl Fn(S::Element) -> S::Element,
    );

    /// One element after the other of the first two arguments, for functions that are slow enough to care.
    ///
    /// # Safety
    ///
    /// See above.
    unsafe fn one_by_one(self, f: impl Fn(S::Element, S::Element) -> S::Element);
}

/// max(x, 0); NaN stays NaN.
///
/// # Safety
///
/// The instruction set is there.
#[inline(always)]
pub(crate) unsafe fn relu<S: Simd>(x: S::Vector) -> S::Vector
where
    S::Element: Real,
{
    // SAFETY: the caller's promise.
    unsafe {
        let zero = S::splat(S::Element::ZERO);
        S::if_at_most(x, zero, zero, x)
    }
}

/// 1 where x > 0, else 0; NaN stays NaN.
///
/// # Safety
///
/// The instruction set is there.
#[inline(always)]
pub(crate) unsafe fn step<S: Simd>(x: S::Vector) -> S::Vector
where
    S::Element: Real,
{
    // SAFETY: the caller's promise.
    unsafe {
        let (zero, one) = (S::splat(S::Element::ZERO), S::splat(S::Element::ONE));
        S::if_less(zero, x, one, S::if_at_most(x, zero, zero, x))
    }
}

/// # Safety
///
/// As for [`Apply::registers`].
#[inline(always)]
pub(crate) unsafe fn unary<S: Simd>(function: Unary, on: impl Apply<S>)
where
    S::Element: Real,
{
    // SAFETY: the caller's promise.
    unsafe {
        let zero = S::splat(S::Element::ZERO);
        let one = S::splat(S::Element::ONE);
        let minus_zero = S::splat(-S::Element::ZERO);
        match function {
            Unary::Neg => on.registers(|[x, ..]| S::sub(minus_zero, x)),
            Unary::Abs => on.registers(|[x, ..]| S::if_at_most(x, zero, S::sub(zero, x), x)),
            Unary::Sqrt => on.registers(|[x, ..]| S::sqrt(x)),
            Unary::Recip => on.registers(|[x, ..]| S::div(one, x)),
            Unary::Step => on.registers(|[x, ..]| step::<S>(x)),
            Unary::Relu => on.registers(|[x, ..]| relu::<S>(x)),
            Unary::Square => on.registers(|[x, ..]| S::mul(x, x)),
            Unary::Exp => on.each(math::exp),
            Unary::ExpM1 => on.each(math::exp_m1),
            Unary::Ln => on.each(math::ln),
            Unary::Tanh => on.each(math::tanh),
            Unary::Sigmoid => on.each(math::sigmoid),
            Unary::Softplus => on.each(math::softplus),
            Unary::Erf => on.each(math::erf),
            Unary::Sin => on.each_within(math::is_near, |x| x.wave(0), math::sin),
            Unary::Cos => on.each_within(math::is_near, |x| x.wave(1), math::cos),
        }
    }
}

/// # Safety
///
/// As for [`Apply::registers`].
#[inline(always)]
pub(crate) unsafe fn binary<S: Simd>(function: Binary, on: impl Apply<S>)
where
    S::Element: Real,
{
    // SAFETY: the caller's promise.
    unsafe {
        let zero = S::splat(S::Element::ZERO);
        let one = S::splat(S::Element::ONE);
        match function {
            Binary::Add => on.registers(|[a, b, _]| S::add(a, b)),
            Binary::Sub => on.registers(|[a, b, _]| S::sub(a, b)),
            Binary::Mul => on.registers(|[a, b, _]| S::mul(a, b)),
            Binary::Div => on.registers(|[a, b, _]| S::div(a, b)),
            // What is not equal to itself is NaN.
            Binary::Min => on.registers(|[a, b, _]| S::if_at_most(a, b, a, S::if_equal(a, a, b, a))),
            Binary::Max => on.registers(|[a, b, _]| S::if_at_most(b, a, a, S::if_equal(a, a, b, a))),
            Binary::Lt => on.registers(|[a, b, _]| S::if_less(a, b, one, zero)),
            Binary::Le => on.registers(|[a, b, _]| S::if_at_most(a, b, one, zero)),
            Binary::Gt => on.registers(|[a, b, _]| S::if_less(b, a, one, zero)),
            Binary::Ge => on.registers(|[a, b, _]| S::if_at_most(b, a, one, zero)),
            Binary::Eq => on.registers(|[a, b, _]| S::if_equal(a, b, one, zero)),
            Binary::Ne => on.registers(|[a, b, _]| S::if_equal(a, b, zero, one)),
            Binary::Pow => on.one_by_one(|a, b| a.pow(b)),
            Binary::Atan2 => on.one_by_one(|a, b| a.atan2(b)),
        }
    }
}

/// The second argument where the first is not zero, else the third.
///
/// # Safety
///
/// As for [`Apply::registers`].
#[inline(always)]
pub(crate) unsafe fn select<S: Simd>(on: impl Apply<S>)
where
    S::Element: Real,
{
    // SAFETY: the caller's promise.
    unsafe {
        let zero = S::splat(S::Element::ZERO);
        on.registers(|[a, b, c]| S::if_equal(a, zero, c, b));
    }
}
