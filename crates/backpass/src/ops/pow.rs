//! `pow`.

use backpass_kernels::Binary;

use super::Relation;
use super::elementwise::{binary_operator, infix, pairs};
use super::{Cotangent, Vjp};
use crate::array::Array;

/// `a^b`.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Pow;

binary_operator!(
    Pow,
    infix("pow", "^", "a^b", "power"),
    |[a, b]| a.powf(b),
    Binary::Pow,
    vjp,
    pairs()
        .into_iter()
        .map(|(a, b)| (a.map(f64::abs), b))
        .chain([2.0, 3.0, -1.0, 0.5, 1.0, 0.0].map(|e| (Array::vector([0.4, 1.9]), Array::scalar(e))))
);

fn vjp<'b>(v: &Vjp<'_, 'b>) -> Vec<Cotangent<'b>> {
    let (a, b) = (v.args[0], v.args[1]);
    let da = match b.constant_value() {
        Some(0.0) => return vec![Cotangent::Zero("x^0 is 1 everywhere"), Cotangent::Zero("the exponent is constant")],
        Some(1.0) => v.cotangent,
        Some(2.0) => v.cotangent * (a * 2.0),
        Some(e) => v.cotangent * (a.pow(e - 1.0) * e),
        // At a = b = 0 the factor b is exact and a^(b-1) infinite, so the exponent is moved away.
        None => {
            let both = a.compare(Relation::Equal, 0.0) * b.compare(Relation::Equal, 0.0);
            v.cotangent * (b * a.pow(both.select(1.0, b - 1.0)))
        }
    };
    // 0^b is flat in b, and ln 0 would turn that into NaN.
    let log = a.compare(Relation::Equal, 0.0).select(1.0, a).log();
    vec![Cotangent::Of(da), Cotangent::Of(v.cotangent * (v.output * log))]
}
