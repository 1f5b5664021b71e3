//! Elementary functions without branches, so that loops over them become vector code.
//!
//! They use no fused multiply-add: every instruction set gives the same bits. NaN goes in and
//! comes out; infinities and subnormal numbers are handled. The largest errors found are 1 ulp for
//! `exp` and `ln`, 1.3 ulp for `erf` in `f32` and 2 in `f64`, 2.1 for `sigmoid` and `softplus`, and
//! for `tanh` 2.3 in `f32` and 3 in `f64`.

// Two methods recur. The low bits of `MAGIC + n` are the integer n, so that an addition converts
// between integers and floats. And n·ln 2 is subtracted in two pieces, of which the first has so
// few digits that its product with n is exact.

pub(crate) use sealed::Math;

use crate::isa::dispatch;
use crate::map::Part;
use crate::peak::MultiplyAdds;
use crate::product::{Block, Far, Pack};
use crate::{Real, reduce, simd, tape};

/// Evaluates a polynomial, lowest coefficient first.
macro_rules! horner {
    ($x:expr; $c:literal) => { $c };
    ($x:expr; $c:literal, $($rest:literal),+) => { horner!($x; $($rest),+) * $x + $c };
}

mod sealed {
    use crate::map::Part;
    use crate::peak::MultiplyAdds;
    use crate::product::{Block, Pack};
    use crate::simd::Simd;
    use crate::{reduce, tape};

    /// What the two element types do differently.
    pub trait Math: Sized {
        /// The registers of AVX-512.
        #[cfg(target_arch = "x86_64")]
        type Avx512: Simd<Element = Self>;
        /// The registers of AVX2.
        #[cfg(target_arch = "x86_64")]
        type Avx2: Simd<Element = Self>;
        /// The registers of every machine.
        type Portable: Simd<Element = Self>;
        /// Registers of a single number.
        type Single: Simd<Element = Self>;

        const NAN: Self;
        const INFINITY: Self;
        /// 1.5·2^p for a fraction of p bits.
        const MAGIC: Self;
        /// The leading bits of ln 2.
        const LN2_HIGH: Self;
        /// The rest of ln 2.
        const LN2_LOW: Self;
        /// e^x is zero below and infinite above.
        const EXP_RANGE: [Self; 2];
        /// erf is one from here on.
        const ERF_END: Self;
        /// Up to here the sine and cosine are [`wave`](Math::wave), which vector units compute; below zero for nowhere.
        const WAVES_END: Self;

        /// (e^r − 1 − r) / r² for |r| ≤ ln 2 / 2.
        fn exp_tail(r: Self) -> Self;
        /// (ln((1 + s) / (1 − s)) / s − 2) of z = s², for |s| ≤ 0.172.
        fn ln_tail(z: Self) -> Self;
        /// erf(x) / x − 1 of s = x² ≤ 1.
        fn erf_near(s: Self) -> Self;
        /// −ln(1 − erf(t)) for t from 1 to `ERF_END`.
        fn erf_far(t: Self) -> Self;
        /// sin(x + π/2 · quarters) for |x| ≤ `WAVES_END`.
        fn wave(self, quarters: u64) -> Self;
        /// Two powers of two whose product is 2^n, of `MAGIC + n`.
        fn pow2(magic: Self) -> (Self, Self);
        /// The exponent e and the factor m in [√½, √2) of a positive x = m·2^e.
        fn split(self) -> (Self, Self);

        /// Runs a task where it is compiled once, in this crate, with this crate's optimisation.
        fn run_block(task: Block<Self>);
        /// See [`Math::run_block`].
        fn run_pack(task: Pack<Self>);
        /// See [`Math::run_block`].
        fn run_map(task: Part<'_, Self>);
        /// See [`Math::run_block`].
        fn run_reduce(task: reduce::Part<Self>);
        /// See [`Math::run_block`].
        fn run_tape_point(task: tape::Point<'_, Self>);
        /// See [`Math::run_block`].
        fn run_tape_points(task: tape::Points<'_, Self>);
        /// See [`Math::run_block`].
        fn run_multiply_adds(task: MultiplyAdds<'_, Self>);

        fn abs(self) -> Self;
        fn sqrt(self) -> Self;
        fn copysign(self, sign: Self) -> Self;
        fn sin(self) -> Self;
        fn cos(self) -> Self;
        fn atan2(self, x: Self) -> Self;
        fn pow(self, y: Self) -> Self;
    }
}

macro_rules! common {
    (
        $t:ident, $bits:ident, $int:ident, sqrt_half: $sqrt_half:literal,
        libm: $sin:ident, $cos:ident, $atan2:ident, $pow:ident
    ) => {
        #[cfg(target_arch = "x86_64")]
        type Avx512 = simd::Avx512<$t>;
        #[cfg(target_arch = "x86_64")]
        type Avx2 = simd::Avx2<$t>;
        type Portable = simd::Portable<$t>;
        type Single = simd::Single<$t>;

        const NAN: $t = $t::NAN;
        const INFINITY: $t = $t::INFINITY;
        const MAGIC: $t = 1.5 / $t::EPSILON;

        #[inline(always)]
        fn pow2(magic: $t) -> ($t, $t) {
            const BIAS: $int = $t::MAX_EXP as $int - 1;
            const FRACTION: u32 = $t::MANTISSA_DIGITS - 1;
            let n = magic.to_bits().wrapping_sub(Self::MAGIC.to_bits()) as $int;
            let half = n >> 1;
            let power = |n: $int| $t::from_bits((n.wrapping_add(BIAS) << FRACTION) as $bits);
            (power(half), power(n.wrapping_sub(half)))
        }

        #[inline(always)]
        fn split(self) -> ($t, $t) {
            const FRACTION: u32 = $t::MANTISSA_DIGITS - 1;
            const BIAS: $t = ($t::MAX_EXP - 1) as $t;
            const LEAST: $bits = $sqrt_half;
            const ONE: $bits = (1.0 as $t).to_bits();
            let subnormal = self < $t::MIN_POSITIVE;
            let x = if subnormal { self / $t::EPSILON } else { self };
            let bits = x.to_bits().wrapping_add(ONE - LEAST);
            let exponent = $t::from_bits(Self::MAGIC.to_bits() + (bits >> FRACTION));
            let offset = if subnormal { Self::MAGIC + (BIAS + FRACTION as $t) } else { Self::MAGIC + BIAS };
            let fraction = bits & ((1 << FRACTION) - 1);
            (exponent - offset, $t::from_bits(fraction + LEAST))
        }

        fn run_block(task: Block<$t>) {
            // The room for copied rows costs time even where it is not used.
            if task.is_far() { dispatch(Far(task)) } else { dispatch(task) }
        }

        fn run_pack(task: Pack<$t>) {
            dispatch(task);
        }

        fn run_map(task: Part<'_, $t>) {
            dispatch(task);
        }

        fn run_reduce(task: reduce::Part<$t>) {
            dispatch(task);
        }

        fn run_tape_point(task: tape::Point<'_, $t>) {
            dispatch(task);
        }

        fn run_tape_points(task: tape::Points<'_, $t>) {
            dispatch(task);
        }

        fn run_multiply_adds(task: MultiplyAdds<'_, $t>) {
            dispatch(task);
        }

        #[inline(always)]
        fn abs(self) -> $t {
            $t::abs(self)
        }

        #[inline(always)]
        fn sqrt(self) -> $t {
            $t::sqrt(self)
        }

        #[inline(always)]
        fn copysign(self, sign: $t) -> $t {
            $t::copysign(self, sign)
        }

        fn sin(self) -> $t {
            libm::$sin(self)
        }

        fn cos(self) -> $t {
            libm::$cos(self)
        }

        fn atan2(self, x: $t) -> $t {
            libm::$atan2(self, x)
        }

        fn pow(self, y: $t) -> $t {
            libm::$pow(self, y)
        }
    };
}

impl Math for f32 {
    const LN2_HIGH: f32 = 0.69314575;
    const LN2_LOW: f32 = 1.4286068e-6;
    const EXP_RANGE: [f32; 2] = [-104.0, 89.0];
    const ERF_END: f32 = 4.0;
    const WAVES_END: f32 = 268_435_456.0;

    #[inline(always)]
    fn exp_tail(r: f32) -> f32 {
        horner!(r; 0.5, 0.16666667, 0.041666355, 0.008333273, 0.001394105, 0.0001991423)
    }

    #[inline(always)]
    fn ln_tail(z: f32) -> f32 {
        z * horner!(z; 0.6666666, 0.40000972, 0.28498787, 0.24279079)
    }

    #[inline(always)]
    fn erf_near(s: f32) -> f32 {
        horner!(s;
            0.12837917, -0.37612626, 0.112836, -0.026854444, 0.0051895357, -0.0008020845,
            7.8891324e-5)
    }

    #[inline(always)]
    fn erf_far(t: f32) -> f32 {
        horner!(t;
            0.00034153828, 1.1270891, 0.63814497, 0.10310663, -0.021838002, 0.002947641,
            -0.00018637726)
    }

    // The reduction and the coefficients are those of FreeBSD's msun, in double precision: π/2 has 25 bits and 53 more.
    #[inline(always)]
    fn wave(self, quarters: u64) -> f32 {
        let x = f64::from(self);
        let magic = x * std::f64::consts::FRAC_2_PI + f64::MAGIC;
        let n = magic - f64::MAGIC;
        let r = (x - n * 1.5707963109016418) - n * 1.5893254773528197e-8;
        let z = r * r;
        let sin = r * horner!(z;
            1.0, -0.16666666641626524, 0.008333329385889463, -0.00019839334836096632, 2.718311493989822e-6);
        let cos = horner!(z;
            1.0, -0.499999997251031, 0.04166662332373906, -0.001388676377460993, 2.439044879627741e-5);
        let quarters = magic.to_bits().wrapping_add(quarters);
        let y = if quarters & 1 == 0 { sin } else { cos };
        f64::from_bits(y.to_bits() ^ (quarters & 2) << 62) as f32
    }

    common!(
        f32, u32, i32, sqrt_half: 0x3f35_04f3,
        libm: sinf, cosf, atan2f, powf
    );
}

impl Math for f64 {
    const LN2_HIGH: f64 = 0.6931471803691238;
    const LN2_LOW: f64 = 1.9082149292705877e-10;
    const EXP_RANGE: [f64; 2] = [-746.0, 710.0];
    const ERF_END: f64 = 6.0;
    const WAVES_END: f64 = -1.0;

    #[inline(always)]
    fn exp_tail(r: f64) -> f64 {
        horner!(r;
            0.5, 0.16666666666666677, 0.0416666666666667, 0.008333333333321579,
            0.0013888888888866809, 0.00019841269886265855, 2.4801587360632793e-5,
            2.75572440622029e-6, 2.7557242681815276e-7, 2.5109090337381914e-8,
            2.092447049112849e-9)
    }

    #[inline(always)]
    fn ln_tail(z: f64) -> f64 {
        z * horner!(z;
            0.6666666666666735, 0.3999999999940942, 0.2857142874366239,
            0.22222198432149784, 0.1818357216161805, 0.15313837699209373,
            0.14798198605116586)
    }

    #[inline(always)]
    fn erf_near(s: f64) -> f64 {
        horner!(s;
            0.12837916709551256, -0.3761263890318355, 0.11283791670945253,
            -0.02686617064327617, 0.0052239776074231425, -0.0008548325989684064,
            0.00012055295320198352, -1.4924744659133548e-5, 1.6447517642377853e-6,
            -1.62091757495891e-7, 1.372297597471211e-8, -7.801188987413148e-10)
    }

    #[inline(always)]
    fn erf_far(t: f64) -> f64 {
        horner!(t;
            1.0634529361254068e-6, 1.1283687134561196, 0.6366675735459167,
            0.10263766307794447, -0.01886540708690581, -0.0005840368677142492,
            0.0020987528515455187, -0.0009199316554845628, 0.0002306450662849306,
            -2.7998651894302694e-5, -3.610221157004119e-6, 2.672712319806824e-6,
            -6.876896505664476e-7, 1.0821128745385554e-7, -1.0902350105629068e-8,
            6.517527424566232e-10, -1.7702459619845015e-11)
    }

    // No number is near enough.
    fn wave(self, _quarters: u64) -> f64 {
        self
    }

    common!(
        f64, u64, i64, sqrt_half: 0x3fe6_a09e_667f_3bcd,
        libm: sin, cos, atan2, pow
    );
}

/// e^r − 1 and `MAGIC + n` for x = n·ln 2 + r with |r| ≤ ln 2 / 2.
#[inline(always)]
fn split_power<T: Real>(x: T) -> (T, T) {
    let magic = x * T::from_f64(std::f64::consts::LOG2_E) + T::MAGIC;
    let n = magic - T::MAGIC;
    let r = (x - n * T::LN2_HIGH) - n * T::LN2_LOW;
    (r + r * r * T::exp_tail(r), magic)
}

/// min(x, limit), NaN if x is.
#[inline(always)]
fn at_most<T: Real>(x: T, limit: T) -> T {
    if x > limit { limit } else { x }
}

/// e^x.
#[inline(always)]
pub fn exp<T: Real>(x: T) -> T {
    let [low, high] = T::EXP_RANGE;
    let x = at_most(x, high);
    let (q, magic) = split_power(if x < low { low } else { x });
    let (a, b) = T::pow2(magic);
    (T::ONE + q) * a * b
}

/// e^x − 1, with all digits of small x.
#[inline(always)]
pub fn exp_m1<T: Real>(x: T) -> T {
    let [low, high] = T::EXP_RANGE;
    let x = at_most(x, high);
    let (q, magic) = split_power(if x < low { low } else { x });
    let (a, b) = T::pow2(magic);
    let scale = a * b;
    // From 40 on the one is below the last digit.
    let y = if x < T::from_f64(40.0) { scale * q + (scale - T::ONE) } else { (T::ONE + q) * a * b };
    y.copysign(x)
}

/// The natural logarithm: NaN below zero, −∞ at zero.
#[inline(always)]
pub fn ln<T: Real>(x: T) -> T {
    // The reduction and the coefficients are those of fdlibm.
    let (e, m) = x.split();
    let f = m - T::ONE;
    let s = f / (T::from_f64(2.0) + f);
    let half = T::from_f64(0.5) * f * f;
    let tail = s * (half + T::ln_tail(s * s)) + e * T::LN2_LOW;
    let y = e * T::LN2_HIGH - ((half - tail) - f);
    let y = if x < T::INFINITY { y } else { x };
    let y = if x > T::ZERO { y } else { T::NAN };
    if x == T::ZERO { -T::INFINITY } else { y }
}

/// The hyperbolic tangent.
#[inline(always)]
pub fn tanh<T: Real>(x: T) -> T {
    // (e^2x − 1) / (e^2x + 1), from e^2x − 1 to keep the digits of small x; 1 from 20 on.
    let (q, magic) = split_power(at_most(x.abs() + x.abs(), T::from_f64(40.0)));
    let (a, b) = T::pow2(magic);
    let scale = a * b;
    let e = scale * q + (scale - T::ONE);
    (e / (e + T::from_f64(2.0))).copysign(x)
}

/// 1 / (1 + e^−x).
#[inline(always)]
pub fn sigmoid<T: Real>(x: T) -> T {
    let e = exp(-x.abs());
    let numerator = if x < T::ZERO { e } else { T::ONE };
    numerator / (T::ONE + e)
}

/// ln(1 + e^x).
#[inline(always)]
pub fn softplus<T: Real>(x: T) -> T {
    let e = exp(-x.abs());
    let u = T::ONE + e;
    // The second term restores what rounding took from u.
    let ln_1p = ln(u) + (e - (u - T::ONE)) / u;
    ln_1p + if x > T::ZERO { x } else { T::ZERO }
}

/// The error function.
#[inline(always)]
pub fn erf<T: Real>(x: T) -> T {
    let t = x.abs();
    let near = t + t * T::erf_near(t * t);
    let far = T::ONE - exp(-T::erf_far(at_most(t, T::ERF_END)));
    (if t < T::ONE { near } else { far }).copysign(x)
}

/// Whether [`wave`](Math::wave) is good.
#[inline(always)]
pub(crate) fn is_near<T: Real>(x: T) -> bool {
    x.abs() <= T::WAVES_END
}

/// The sine.
#[inline(always)]
pub fn sin<T: Real>(x: T) -> T {
    if is_near(x) { x.wave(0) } else { x.sin() }
}

/// The cosine.
#[inline(always)]
pub fn cos<T: Real>(x: T) -> T {
    if is_near(x) { x.wave(1) } else { x.cos() }
}
