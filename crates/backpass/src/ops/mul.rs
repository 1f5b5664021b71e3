//! `mul`.

use backpass_kernels::Binary;

use super::elementwise::{binary_operator, infix, pairs};
use super::{Cotangent, Vjp};

/// `a · b`, element by element.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Mul;

binary_operator!(Mul, infix("mul", "*", "a·b", "elementwise product"), |[a, b]| a * b, Binary::Mul, vjp, pairs());

fn vjp<'b>(v: &Vjp<'_, 'b>) -> Vec<Cotangent<'b>> {
    vec![Cotangent::Of(v.cotangent * v.args[1]), Cotangent::Of(v.cotangent * v.args[0])]
}
