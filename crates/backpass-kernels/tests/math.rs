//! The elementary functions against references in higher precision.

use backpass_kernels::{Real, math};

/// The error of `got` in units in the last place of an `f32`.
fn ulp32(got: f32, want: f64) -> f64 {
    if want.is_nan() {
        return if got.is_nan() { 0.0 } else { f64::INFINITY };
    }
    if f64::from(got) == want || got == want as f32 {
        return 0.0;
    }
    let near = (want as f32).abs();
    let unit = if near.is_infinite() { f32::MAX - f32::MAX.next_down() } else { near.next_up() - near };
    (f64::from(got) - want).abs() / f64::from(unit)
}

fn ulp64(got: f64, want: f64) -> f64 {
    if want.is_nan() {
        return if got.is_nan() { 0.0 } else { f64::INFINITY };
    }
    if got == want {
        return 0.0;
    }
    (got - want).abs() / (want.abs().next_up() - want.abs())
}

type F32 = fn(f32) -> f32;
type F64 = fn(f64) -> f64;

fn sigmoid(x: f64) -> f64 {
    if x < 0.0 { x.exp() / (1.0 + x.exp()) } else { 1.0 / (1.0 + (-x).exp()) }
}

fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p() + if x.is_nan() { x } else { 0.0 }
}

/// Name, the two functions, a reference, and the ulp allowed in f32 and f64 (where the reference
/// adds an error of its own).
const FUNCTIONS: [(&str, F32, F64, F64, f64, f64); 9] = [
    ("exp", math::exp, math::exp, f64::exp, 1.1, 1.5),
    ("exp_m1", math::exp_m1, math::exp_m1, f64::exp_m1, 2.0, 2.0),
    ("ln", math::ln, math::ln, f64::ln, 1.0, 1.5),
    ("tanh", math::tanh, math::tanh, f64::tanh, 2.5, 3.5),
    ("sigmoid", math::sigmoid, math::sigmoid, sigmoid, 2.5, 4.0),
    ("softplus", math::softplus, math::softplus, softplus, 2.5, 4.0),
    ("erf", math::erf, math::erf, libm::erf, 2.0, 3.0),
    ("sin", math::sin, math::sin, libm::sin, 0.6, 1.0),
    ("cos", math::cos, math::cos, libm::cos, 0.6, 1.0),
];

#[test]
fn f32_is_accurate_over_all_exponents() {
    for (name, f, _, reference, limit, _) in FUNCTIONS {
        let mut worst = (0.0, 0.0);
        for bits in (0..=u32::MAX).step_by(4093) {
            let x = f32::from_bits(bits);
            let error = ulp32(f(x), reference(f64::from(x)));
            if error > worst.0 {
                worst = (error, x);
            }
        }
        println!("{name}: {:.2} ulp at {:e}", worst.0, worst.1);
        assert!(worst.0 <= limit, "{name}: {} ulp at {:e}", worst.0, worst.1);
    }
}

#[test]
fn f64_is_accurate() {
    for (name, _, f, reference, _, limit) in FUNCTIONS {
        let mut worst = (0.0, 0.0);
        let wide = (0..=u64::MAX).step_by(0x000f_ffff_1234_5671 / 8).map(f64::from_bits);
        let narrow = (-80_000..80_000).map(|i| f64::from(i) * 0.009_371);
        let near = (-80_000..80_000).map(|i| f64::from(i) * 0.000_091_7);
        for x in wide.chain(narrow).chain(near) {
            let error = ulp64(f(x), reference(x));
            if error > worst.0 {
                worst = (error, x);
            }
        }
        println!("{name}: {:.2} ulp at {:e}", worst.0, worst.1);
        assert!(worst.0 <= limit, "{name}: {} ulp at {:e}", worst.0, worst.1);
    }
}

fn special<T: Real>() {
    let t = T::from_f64;
    let inf = t(f64::INFINITY);
    let functions: [fn(T) -> T; 7] =
        [math::exp, math::exp_m1, math::ln, math::tanh, math::sigmoid, math::softplus, math::erf];
    for f in functions {
        assert!(f(t(f64::NAN)).to_f64().is_nan());
    }
    for f in [math::sin, math::cos] {
        assert!([f64::NAN, f64::INFINITY, f64::NEG_INFINITY].iter().all(|&x| f(t(x)).to_f64().is_nan()));
    }
    assert_eq!(functions.map(|f| f(inf).to_f64()), {
        let inf = f64::INFINITY;
        [inf, inf, inf, 1.0, 1.0, inf, 1.0]
    });
    assert_eq!(math::exp(-inf), t(0.0));
    assert_eq!(math::exp_m1(-inf), t(-1.0));
    assert!(math::ln(-inf).to_f64().is_nan());
    assert!(math::ln(t(-1e-30)).to_f64().is_nan());
    assert_eq!(math::tanh(-inf), t(-1.0));
    assert_eq!(math::sigmoid(-inf), t(0.0));
    assert_eq!(math::softplus(-inf), t(0.0));
    assert_eq!(math::erf(-inf), t(-1.0));
    for zero in [0.0, -0.0] {
        let x = t(zero);
        assert_eq!(math::exp(x), t(1.0));
        assert_eq!(math::ln(x), -inf);
        for odd in [math::exp_m1(x), math::tanh(x), math::erf(x), math::sin(x)] {
            assert_eq!(odd.to_f64().to_bits(), zero.to_bits());
        }
        assert_eq!(math::sigmoid(x), t(0.5));
    }
    assert_eq!(math::ln(t(1.0)), t(0.0));
}

#[test]
fn special_values() {
    special::<f32>();
    special::<f64>();
    let tiny = f32::from_bits(1);
    assert_eq!(math::tanh(tiny), tiny);
    assert_eq!(math::exp_m1(tiny), tiny);
    assert_eq!(math::exp(-103.0_f32), f32::from_bits(1));
    assert_eq!(math::exp(-745.0_f64), f64::from_bits(1));
    assert_eq!(math::exp(709.9_f64), f64::INFINITY);
    assert_eq!(math::exp(88.8_f32), f32::INFINITY);
}
