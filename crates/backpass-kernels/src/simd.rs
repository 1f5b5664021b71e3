//! Vector registers of each instruction set, for kernels whose speed depends on which values stay in registers.

use crate::product::{Panel, Tile, tile};

/// One instruction set with one element type.
///
/// # Safety
///
/// Methods must run on a machine with the instruction set, and pointers must be good for as many elements as they say.
/// All that calls them must be `#[inline(always)]` up to [`dispatch`](crate::isa::dispatch).
pub unsafe trait Simd {
    /// The element.
    type Element: Copy;
    /// A register.
    type Vector: Copy;
    /// The registers for results that are no wider, of which a processor may run more at once.
    type Narrow: Simd<Element = Self::Element>;
    /// Elements of a register.
    const LANES: usize;
    /// Registers side by side in a tile of a matrix product.
    const ACROSS: usize;
    /// The rows and columns that [`Simd::transpose`] turns at once.
    const SQUARE: usize;

    /// A register of equal elements.
    unsafe fn splat(x: Self::Element) -> Self::Vector;
    /// `LANES` elements.
    unsafe fn load(from: *const Self::Element) -> Self::Vector;
    /// `LANES` elements.
    unsafe fn store(to: *mut Self::Element, x: Self::Vector);
    /// `LANES` elements, to memory rather than to the cache; the place begins a line of the cache. [`Simd::fence`] comes before
    /// anybody else reads it.
    unsafe fn stream(to: *mut Self::Element, x: Self::Vector) {
        // SAFETY: the caller's promise.
        unsafe { Self::store(to, x) }
    }
    /// Waits for what was streamed.
    unsafe fn fence() {}
    /// The first `count` elements, the others zero; nothing behind them is read.
    unsafe fn load_first(from: *const Self::Element, count: usize) -> Self::Vector;
    /// The first `count` elements; nothing behind them is written.
    unsafe fn store_first(to: *mut Self::Element, x: Self::Vector, count: usize);
    /// Asks for the place that will be read or written soon; it may be any.
    unsafe fn prefetch(_place: *const Self::Element) {}
    /// a·b + c
    unsafe fn mul_add(a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    /// a + b
    unsafe fn add(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// a − b
    unsafe fn sub(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// a · b
    unsafe fn mul(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// a / b
    unsafe fn div(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// √x
    unsafe fn sqrt(x: Self::Vector) -> Self::Vector;
    /// `yes` where a < b, else `no`.
    unsafe fn if_less(a: Self::Vector, b: Self::Vector, yes: Self::Vector, no: Self::Vector) -> Self::Vector;
    /// `yes` where a ≤ b, else `no`.
    unsafe fn if_at_most(a: Self::Vector, b: Self::Vector, yes: Self::Vector, no: Self::Vector) -> Self::Vector;
    /// `yes` where a = b, else `no`.
    unsafe fn if_equal(a: Self::Vector, b: Self::Vector, yes: Self::Vector, no: Self::Vector) -> Self::Vector;
    /// Writes a transposed square; strides are those of rows.
    unsafe fn transpose(from: *const Self::Element, stride: usize, to: *mut Self::Element, to_stride: usize);
    /// Runs the [`tile`] of `tile.rows` rows and `panel.vectors` registers.
    unsafe fn run_tile(t: &Tile<Self::Element>, panel: &Panel<Self::Element>);
}

/// Calls the tile whose sizes are known to the compiler.
macro_rules! sizes {
    ($t:ident, $panel:ident, [$($across:literal)+], $rows:tt) => {
        match $panel.vectors {
            $($across => sizes!(@rows $t, $panel, $across, $rows),)+
            _ => unreachable!(),
        }
    };
    (@rows $t:ident, $panel:ident, $wide:literal, [$($rows:literal)+]) => {
        match ($t.rows, $panel.edge) {
            $(($rows, 0) => tile::<Self, $rows, $wide, false>($t, $panel),
              ($rows, _) => tile::<Self, $rows, $wide, true>($t, $panel),)+
            _ => unreachable!(),
        }
    };
}

/// What the target guarantees, in registers of `LANES` numbers that the compiler maps to what there is (NEON on 64-bit ARM).
pub struct Portable<T>(std::marker::PhantomData<T>);
/// Single numbers.
pub struct Single<T>(std::marker::PhantomData<T>);

/// Functions that do the same to each element of registers.
macro_rules! each_lane {
    ($lanes:literal: $($name:ident($($x:ident),+) => $value:expr),+) => {
        $(#[inline(always)]
        unsafe fn $name($($x: Self::Vector),+) -> Self::Vector {
            std::array::from_fn(|i| {
                $(let $x = $x[i];)+
                $value
            })
        })+
    };
}

macro_rules! portable {
    ($Isa:ident<$t:ident>, $lanes:literal) => {
        // SAFETY: it needs nothing that the target does not guarantee.
        unsafe impl Simd for $Isa<$t> {
            type Element = $t;
            type Vector = [$t; $lanes];
            type Narrow = Self;
            const LANES: usize = $lanes;
            const ACROSS: usize = 2;
            const SQUARE: usize = $lanes;

            #[inline(always)]
            unsafe fn splat(x: $t) -> Self::Vector {
                [x; $lanes]
            }

            #[inline(always)]
            unsafe fn load(from: *const $t) -> Self::Vector {
                // SAFETY: the caller's promise.
                unsafe { from.cast::<Self::Vector>().read_unaligned() }
            }

            #[inline(always)]
            unsafe fn store(to: *mut $t, x: Self::Vector) {
                // SAFETY: the caller's promise.
                unsafe { to.cast::<Self::Vector>().write_unaligned(x) }
            }

            #[inline(always)]
            unsafe fn load_first(from: *const $t, count: usize) -> Self::Vector {
                // SAFETY: the caller's promise.
                std::array::from_fn(|i| if i < count { unsafe { *from.add(i) } } else { 0.0 })
            }

            #[inline(always)]
            unsafe fn store_first(to: *mut $t, x: Self::Vector, count: usize) {
                for (i, &x) in x.iter().enumerate().take(count) {
                    // SAFETY: the caller's promise.
                    unsafe { *to.add(i) = x };
                }
            }

            #[inline(always)]
            unsafe fn mul_add(a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector {
                // Where the target has no such instruction, a call for each number would take far longer.
                let fused = cfg!(any(target_feature = "fma", target_arch = "aarch64"));
                std::array::from_fn(|i| if fused { a[i].mul_add(b[i], c[i]) } else { a[i] * b[i] + c[i] })
            }

            each_lane!($lanes: add(a, b) => a + b, sub(a, b) => a - b, mul(a, b) => a * b, div(a, b) => a / b,
                sqrt(x) => x.sqrt(),
                if_less(a, b, yes, no) => if a < b { yes } else { no },
                if_at_most(a, b, yes, no) => if a <= b { yes } else { no },
                if_equal(a, b, yes, no) => if a == b { yes } else { no });

            #[inline(always)]
            unsafe fn transpose(from: *const $t, stride: usize, to: *mut $t, to_stride: usize) {
                for (i, j) in (0..$lanes).flat_map(|i| (0..$lanes).map(move |j| (i, j))) {
                    // SAFETY: the caller's promise.
                    unsafe { *to.add(j * to_stride + i) = *from.add(i * stride + j) };
                }
            }

            #[inline(always)]
            unsafe fn run_tile(t: &Tile<$t>, panel: &Panel<$t>) {
                // SAFETY: the caller's promise.
                unsafe { sizes!(t, panel, [1 2], [1 2 4 6]) }
            }
        }
    };
}

portable!(Portable<f32>, 4);
portable!(Portable<f64>, 2);
portable!(Single<f32>, 1);
portable!(Single<f64>, 1);

#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;
    use std::marker::PhantomData;

    use super::{Panel, Simd, Tile, tile};

    /// AVX-512.
    pub struct Avx512<T>(PhantomData<T>);
    /// AVX2 with FMA.
    pub struct Avx2<T>(PhantomData<T>);

    macro_rules! x86 {
        (
            $isa:ident<$t:ident>: $vector:ident, $lanes:literal, $square:literal, $across:literal, $sizes:tt,
            $splat:ident, $load:ident, $store:ident, $stream:ident, $fma:ident, $transpose:ident,
            $mask:expr, $masked_load:expr, $masked_store:ident,
            $add:ident, $sub:ident, $mul:ident, $div:ident, $sqrt:ident, $choose:ident
        ) => {
            // SAFETY: the intrinsics belong to the instruction set.
            unsafe impl Simd for $isa<$t> {
                type Element = $t;
                type Vector = $vector;
                type Narrow = Avx2<$t>;
                const LANES: usize = $lanes;
                const ACROSS: usize = $across;
                const SQUARE: usize = $square;

                #[inline(always)]
                unsafe fn splat(x: $t) -> $vector {
                    // SAFETY: the caller's promise, as in all that follow.
                    unsafe { $splat(x) }
                }

                #[inline(always)]
                unsafe fn load(from: *const $t) -> $vector {
                    // SAFETY: see above.
                    unsafe { $load(from) }
                }

                #[inline(always)]
                unsafe fn store(to: *mut $t, x: $vector) {
                    // SAFETY: see above.
                    unsafe { $store(to, x) }
                }

                #[inline(always)]
                unsafe fn stream(to: *mut $t, x: $vector) {
                    // SAFETY: see above.
                    unsafe { $stream(to, x) }
                }

                #[inline(always)]
                unsafe fn fence() {
                    // SAFETY: see above.
                    unsafe { _mm_sfence() }
                }

                #[inline(always)]
                unsafe fn load_first(from: *const $t, count: usize) -> $vector {
                    // SAFETY: see above; the mask keeps the rest unread.
                    unsafe { $masked_load($mask(count), from) }
                }

                #[inline(always)]
                unsafe fn store_first(to: *mut $t, x: $vector, count: usize) {
                    // SAFETY: see above; the mask keeps the rest unwritten.
                    unsafe { $masked_store(to, $mask(count), x) }
                }

                #[inline(always)]
                unsafe fn prefetch(place: *const $t) {
                    // SAFETY: see above; no place is wrong.
                    unsafe { _mm_prefetch::<_MM_HINT_T0>(place.cast()) }
                }

                #[inline(always)]
                unsafe fn mul_add(a: $vector, b: $vector, c: $vector) -> $vector {
                    // SAFETY: see above.
                    unsafe { $fma(a, b, c) }
                }

                #[inline(always)]
                unsafe fn add(a: $vector, b: $vector) -> $vector {
                    // SAFETY: see above.
                    unsafe { $add(a, b) }
                }

                #[inline(always)]
                unsafe fn sub(a: $vector, b: $vector) -> $vector {
                    // SAFETY: see above.
                    unsafe { $sub(a, b) }
                }

                #[inline(always)]
                unsafe fn mul(a: $vector, b: $vector) -> $vector {
                    // SAFETY: see above.
                    unsafe { $mul(a, b) }
                }

                #[inline(always)]
                unsafe fn div(a: $vector, b: $vector) -> $vector {
                    // SAFETY: see above.
                    unsafe { $div(a, b) }
                }

                #[inline(always)]
                unsafe fn sqrt(x: $vector) -> $vector {
                    // SAFETY: see above.
                    unsafe { $sqrt(x) }
                }

                #[inline(always)]
                unsafe fn if_less(a: $vector, b: $vector, yes: $vector, no: $vector) -> $vector {
                    // SAFETY: see above.
                    unsafe { $choose::<_CMP_LT_OQ>(a, b, yes, no) }
                }

                #[inline(always)]
                unsafe fn if_at_most(a: $vector, b: $vector, yes: $vector, no: $vector) -> $vector {
                    // SAFETY: see above.
                    unsafe { $choose::<_CMP_LE_OQ>(a, b, yes, no) }
                }

                #[inline(always)]
                unsafe fn if_equal(a: $vector, b: $vector, yes: $vector, no: $vector) -> $vector {
                    // SAFETY: see above.
                    unsafe { $choose::<_CMP_EQ_OQ>(a, b, yes, no) }
                }

                #[inline(always)]
                unsafe fn transpose(from: *const $t, stride: usize, to: *mut $t, to_stride: usize) {
                    // SAFETY: see above.
                    unsafe { $transpose(from, stride, to, to_stride) }
                }

                #[inline(always)]
                unsafe fn run_tile(t: &Tile<$t>, panel: &Panel<$t>) {
                    // SAFETY: see above.
                    unsafe { sizes!(t, panel, $sizes, [1 2 4 6]) }
                }
            }
        };
    }
    x86!(Avx512<f32>: __m512, 16, 8, 4, [1 2 3 4], _mm512_set1_ps, _mm512_loadu_ps, _mm512_storeu_ps, _mm512_stream_ps, _mm512_fmadd_ps,
        transpose_8x8, |n: usize| ((1_u32 << n) - 1) as __mmask16, |m, p| _mm512_maskz_loadu_ps(m, p),
        _mm512_mask_storeu_ps,
        _mm512_add_ps, _mm512_sub_ps, _mm512_mul_ps, _mm512_div_ps, _mm512_sqrt_ps, choose_512_ps);
    x86!(Avx512<f64>: __m512d, 8, 4, 4, [1 2 3 4], _mm512_set1_pd, _mm512_loadu_pd, _mm512_storeu_pd, _mm512_stream_pd, _mm512_fmadd_pd,
        transpose_4x4, |n: usize| ((1_u32 << n) - 1) as __mmask8, |m, p| _mm512_maskz_loadu_pd(m, p),
        _mm512_mask_storeu_pd,
        _mm512_add_pd, _mm512_sub_pd, _mm512_mul_pd, _mm512_div_pd, _mm512_sqrt_pd, choose_512_pd);
    x86!(Avx2<f32>: __m256, 8, 8, 2, [1 2], _mm256_set1_ps, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_stream_ps, _mm256_fmadd_ps,
        transpose_8x8, |n: usize| _mm256_loadu_si256(MASK_32.as_ptr().add(8 - n).cast()),
        |m, p| _mm256_maskload_ps(p, m), _mm256_maskstore_ps,
        _mm256_add_ps, _mm256_sub_ps, _mm256_mul_ps, _mm256_div_ps, _mm256_sqrt_ps, choose_256_ps);
    x86!(Avx2<f64>: __m256d, 4, 4, 2, [1 2], _mm256_set1_pd, _mm256_loadu_pd, _mm256_storeu_pd, _mm256_stream_pd, _mm256_fmadd_pd,
        transpose_4x4, |n: usize| _mm256_loadu_si256(MASK_64.as_ptr().add(4 - n).cast()),
        |m, p| _mm256_maskload_pd(p, m), _mm256_maskstore_pd,
        _mm256_add_pd, _mm256_sub_pd, _mm256_mul_pd, _mm256_div_pd, _mm256_sqrt_pd, choose_256_pd);

    macro_rules! choose {
        ($name:ident, $vector:ident, |$p:ident, $a:ident, $b:ident, $yes:ident, $no:ident| $value:expr) => {
            #[inline(always)]
            unsafe fn $name<const $p: i32>($a: $vector, $b: $vector, $yes: $vector, $no: $vector) -> $vector {
                // SAFETY: the caller's promise.
                unsafe { $value }
            }
        };
    }
    choose!(choose_512_ps, __m512, |P, a, b, yes, no| _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<P>(a, b), no, yes));
    choose!(choose_512_pd, __m512d, |P, a, b, yes, no| _mm512_mask_blend_pd(_mm512_cmp_pd_mask::<P>(a, b), no, yes));
    choose!(choose_256_ps, __m256, |P, a, b, yes, no| _mm256_blendv_ps(no, yes, _mm256_cmp_ps::<P>(a, b)));
    choose!(choose_256_pd, __m256d, |P, a, b, yes, no| _mm256_blendv_pd(no, yes, _mm256_cmp_pd::<P>(a, b)));

    const MASK_32: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
    const MASK_64: [i64; 8] = [-1, -1, -1, -1, 0, 0, 0, 0];

    #[inline(always)]
    unsafe fn transpose_8x8(from: *const f32, stride: usize, to: *mut f32, to_stride: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            let x: [__m256; 8] = std::array::from_fn(|i| _mm256_loadu_ps(from.add(i * stride)));
            let low = |i: usize| _mm256_unpacklo_ps(x[i], x[i + 1]);
            let high = |i: usize| _mm256_unpackhi_ps(x[i], x[i + 1]);
            let y = [low(0), high(0), low(2), high(2), low(4), high(4), low(6), high(6)];
            let even = |i: usize| _mm256_shuffle_ps::<0x44>(y[i], y[i + 2]);
            let odd = |i: usize| _mm256_shuffle_ps::<0xee>(y[i], y[i + 2]);
            let z = [even(0), odd(0), even(1), odd(1), even(4), odd(4), even(5), odd(5)];
            for i in 0..4 {
                _mm256_storeu_ps(to.add(i * to_stride), _mm256_permute2f128_ps::<0x20>(z[i], z[i + 4]));
                _mm256_storeu_ps(to.add((i + 4) * to_stride), _mm256_permute2f128_ps::<0x31>(z[i], z[i + 4]));
            }
        }
    }

    #[inline(always)]
    unsafe fn transpose_4x4(from: *const f64, stride: usize, to: *mut f64, to_stride: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            let x: [__m256d; 4] = std::array::from_fn(|i| _mm256_loadu_pd(from.add(i * stride)));
            let y = [
                _mm256_unpacklo_pd(x[0], x[1]),
                _mm256_unpackhi_pd(x[0], x[1]),
                _mm256_unpacklo_pd(x[2], x[3]),
                _mm256_unpackhi_pd(x[2], x[3]),
            ];
            for i in 0..2 {
                _mm256_storeu_pd(to.add(i * to_stride), _mm256_permute2f128_pd::<0x20>(y[i], y[i + 2]));
                _mm256_storeu_pd(to.add((i + 2) * to_stride), _mm256_permute2f128_pd::<0x31>(y[i], y[i + 2]));
            }
        }
    }
}
