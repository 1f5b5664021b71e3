//! `atan2`.

use backpass_kernels::Binary;

use super::elementwise::{binary_operator, info, pairs};
use super::{Category, Cotangent, Vjp};

/// The angle of the point (x, y), operands in the order y, x.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Atan2;

binary_operator!(
    Atan2,
    info("atan2", 2, Category::Function, "atan2(y, x)", "angle of the point (x, y) in radians", ""),
    |[y, x]| y.atan2(x),
    Binary::Atan2,
    vjp,
    pairs()
);

fn vjp<'b>(v: &Vjp<'_, 'b>) -> Vec<Cotangent<'b>> {
    let (y, x) = (v.args[0], v.args[1]);
    let squares = x * x + y * y;
    vec![Cotangent::Of(v.cotangent * (x / squares)), Cotangent::Of(v.cotangent * (-y / squares))]
}
