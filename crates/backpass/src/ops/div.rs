//! `div`.

use backpass_kernels::Binary;

use super::elementwise::{binary_operator, infix, pairs};
use super::{Cotangent, Vjp};

/// `a / b`.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Div;

binary_operator!(Div, infix("div", "/", "a / b", "quotient"), |[a, b]| a / b, Binary::Div, vjp, pairs());

fn vjp<'b>(v: &Vjp<'_, 'b>) -> Vec<Cotangent<'b>> {
    let da = v.cotangent / v.args[1];
    vec![Cotangent::Of(da), Cotangent::Of(-(da * v.output))]
}
