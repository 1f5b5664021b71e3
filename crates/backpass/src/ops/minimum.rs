//! `minimum`.

use backpass_kernels::Binary;

use super::Relation;
use super::elementwise::{binary_operator, info, pairs};
use super::{Category, Cotangent, Vjp};

/// The smaller of two values; NaN if either is.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Minimum;

binary_operator!(
    Minimum,
    info("minimum", 2, Category::Arithmetic, "min(a, b)", "smaller of two; at a tie each gets half the derivative", ""),
    |[a, b]| if a.is_nan() || b.is_nan() { f64::NAN } else { a.min(b) },
    Binary::Min,
    vjp,
    pairs()
);

fn vjp<'b>(v: &Vjp<'_, 'b>) -> Vec<Cotangent<'b>> {
    let (a, b) = (v.args[0], v.args[1]);
    let share = a.compare(Relation::Less, b) + a.compare(Relation::Equal, b) * 0.5;
    vec![Cotangent::Of(v.cotangent * share), Cotangent::Of(v.cotangent * (1.0 - share))]
}
