//! `maximum`.

use backpass_kernels::Binary;

use super::Relation;
use super::elementwise::{binary_operator, info, pairs};
use super::{Category, Cotangent, Vjp};

/// The larger of two values; NaN if either is.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Maximum;

binary_operator!(
    Maximum,
    info("maximum", 2, Category::Arithmetic, "max(a, b)", "larger of two; at a tie each gets half the derivative", ""),
    |[a, b]| if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) },
    Binary::Max,
    vjp,
    pairs()
);

fn vjp<'b>(v: &Vjp<'_, 'b>) -> Vec<Cotangent<'b>> {
    let (a, b) = (v.args[0], v.args[1]);
    let share = a.compare(Relation::Greater, b) + a.compare(Relation::Equal, b) * 0.5;
    vec![Cotangent::Of(v.cotangent * share), Cotangent::Of(v.cotangent * (1.0 - share))]
}
