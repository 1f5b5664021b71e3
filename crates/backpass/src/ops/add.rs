//! `add`.

use backpass_kernels::Binary;

use super::elementwise::{binary_operator, infix, pairs};
use super::{Cotangent, Vjp};

/// `a + b`.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Add;

binary_operator!(Add, infix("add", "+", "a + b", "sum"), |[a, b]| a + b, Binary::Add, vjp, pairs());

fn vjp<'b>(v: &Vjp<'_, 'b>) -> Vec<Cotangent<'b>> {
    vec![Cotangent::Of(v.cotangent), Cotangent::Of(v.cotangent)]
}
