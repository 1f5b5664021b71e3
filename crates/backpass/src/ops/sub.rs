//! `sub`.

use backpass_kernels::Binary;

use super::elementwise::{binary_operator, infix, pairs};
use super::{Cotangent, Vjp};

/// `a - b`.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Sub;

binary_operator!(Sub, infix("sub", "-", "a - b", "difference"), |[a, b]| a - b, Binary::Sub, vjp, pairs());

fn vjp<'b>(v: &Vjp<'_, 'b>) -> Vec<Cotangent<'b>> {
    vec![Cotangent::Of(v.cotangent), Cotangent::Of(-v.cotangent)]
}
