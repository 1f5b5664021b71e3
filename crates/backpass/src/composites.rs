//! Functions built from operators: softmax, dropout and others. Each call shows in the graph as a scope of its own.

use crate::builder::{Expr, Operand};
use crate::graph::ScopeKind;
use crate::ops::{AttributeError, Attributes, RandomUniform, Relation};
use crate::shape::Dim;

/// One row of the table of composite functions.
pub struct Composite {
    /// The name in the text form.
    pub name: &'static str,
    /// The number of operands.
    pub arity: usize,
    /// The names of its attributes.
    pub attributes: &'static [&'static str],
    /// Value as a formula.
    pub formula: &'static str,
    /// One line for people.
    pub summary: &'static str,
    /// Where the definition comes from; empty for school mathematics.
    pub source: &'static str,
    /// Adds its nodes; there are [`Composite::arity`] operands.
    pub build: for<'b> fn(&[Expr<'b>], &mut Attributes) -> Result<Expr<'b>, AttributeError>,
}

/// The composite function called `name` in the text form.
pub fn find(name: &str) -> Option<&'static Composite> {
    TABLE.iter().find(|c| c.name == name)
}

/// All composite functions.
pub const TABLE: &[Composite] = &[
    Composite {
        name: "softmax",
        arity: 1,
        attributes: &["axis"],
        formula: "e^x / Σ e^x",
        summary: "positive numbers that sum to 1 along an axis, by default the last",
        source: "Bridle 1990",
        build: |x, attributes| Ok(softmax(x[0], axis(x[0], attributes)?)),
    },
    Composite {
        name: "log_softmax",
        arity: 1,
        attributes: &["axis"],
        formula: "x - ln Σ e^x",
        summary: "logarithm of softmax along an axis, by default the last",
        source: "",
        build: |x, attributes| Ok(log_softmax(x[0], axis(x[0], attributes)?)),
    },
    Composite {
        name: "dropout",
        arity: 2,
        attributes: &["rate", "key"],
        formula: "u < 1 - rate ? x / (1 - rate) : 0",
        summary: "zero with probability `rate`, else scaled so that the mean stays; operands are x and the step",
        source: "Srivastava et al. 2014, inverted",
        build: |x, attributes| {
            let rate = attributes.number("rate", f64::NAN)?;
            if !(0.0..1.0).contains(&rate) {
                let expected = "a number of at least 0 and below 1";
                return Err(match rate.is_nan() {
                    true => AttributeError::Missing { name: "rate", expected },
                    false => AttributeError::Wrong { name: "rate", expected, found: rate.to_string() },
                });
            }
            Ok(dropout(x[0], x[1], 1.0 - rate, attributes.key("key")?))
        },
    },
    Composite {
        name: "clamp",
        arity: 1,
        attributes: &["low", "high"],
        formula: "min(max(x, low), high)",
        summary: "the nearest number between two limits, each of which may be left out",
        source: "",
        build: |x, attributes| {
            let (low, high) = (attributes.number("low", f64::NEG_INFINITY)?, attributes.number("high", f64::INFINITY)?);
            Ok(clamp(x[0], low, high))
        },
    },
    simple("is_nan", "x ≠ x ? 1 : 0", "1 where x is not a number, else 0", "", |x, _| Ok(is_nan(x[0]))),
    simple("square", "x²", "square", "", |x, _| Ok(square(x[0]))),
    simple("sign", "(x > 0) - (x < 0)", "-1, 0 or 1", "", |x, _| Ok(sign(x[0]))),
];

/// A row for a function of one operand without attributes.
const fn simple(
    name: &'static str,
    formula: &'static str,
    summary: &'static str,
    source: &'static str,
    build: for<'b> fn(&[Expr<'b>], &mut Attributes) -> Result<Expr<'b>, AttributeError>,
) -> Composite {
    Composite { name, arity: 1, attributes: &[], formula, summary, source, build }
}

/// The attribute `axis`, by default the last axis of `x`.
fn axis(x: Expr<'_>, attributes: &mut Attributes) -> Result<usize, AttributeError> {
    match attributes.count("axis") {
        Err(AttributeError::Missing { .. }) => Ok(x.shape().rank().saturating_sub(1)),
        other => other,
    }
}

/// Runs `body` in a scope of its own.
#[track_caller]
fn composite<'b>(name: &str, x: Expr<'b>, body: impl FnOnce() -> Expr<'b>) -> Expr<'b> {
    x.builder().fresh_scope(name, ScopeKind::Function, body)
}

/// `reduce` along `axis`, which stays with size 1 so that the result fits beside `x`.
///
/// A wrong axis is recorded by the reduction itself.
fn reduce_kept<'b>(x: Expr<'b>, axis: usize, reduce: impl FnOnce(Expr<'b>, usize) -> Expr<'b>) -> Expr<'b> {
    let (shape, reduced) = (x.shape(), reduce(x, axis));
    if axis < shape.rank() { reduced.reshape(shape.replaced(axis, Dim::Fixed(1))) } else { reduced }
}

/// `e^x / Σ e^x` along `axis`; the largest `x` is subtracted first, which changes nothing but keeps `e^x` finite.
#[track_caller]
pub fn softmax(x: Expr<'_>, axis: usize) -> Expr<'_> {
    composite("softmax", x, || {
        let powers = (x - reduce_kept(x, axis, Expr::max)).exp();
        powers / reduce_kept(powers, axis, Expr::sum)
    })
}

/// `x - ln Σ e^x` along `axis`.
#[track_caller]
pub fn log_softmax(x: Expr<'_>, axis: usize) -> Expr<'_> {
    composite("log_softmax", x, || x - reduce_kept(x, axis, Expr::log_sum_exp))
}

/// `x / keep` with probability `keep`, else zero, so that the mean stays; `step` counts training steps.
#[track_caller]
pub fn dropout<'b>(x: Expr<'b>, step: Expr<'b>, keep: impl Operand<'b> + Copy, key: u64) -> Expr<'b> {
    composite("dropout", x, || {
        let uniform = step.apply(RandomUniform { key, shape: x.shape() });
        uniform.compare(Relation::Less, keep).select(x / keep, 0.0)
    })
}

/// The nearest number between `low` and `high`.
#[track_caller]
pub fn clamp(x: Expr<'_>, low: f64, high: f64) -> Expr<'_> {
    composite("clamp", x, || x.maximum(low).minimum(high))
}

/// 1 where `x` is NaN, else 0.
#[track_caller]
pub fn is_nan(x: Expr<'_>) -> Expr<'_> {
    composite("is_nan", x, || x.compare(Relation::NotEqual, x))
}

/// `x²`.
#[track_caller]
pub fn square(x: Expr<'_>) -> Expr<'_> {
    composite("square", x, || x * x)
}

/// -1, 0 or 1; 0 for NaN.
#[track_caller]
pub fn sign(x: Expr<'_>) -> Expr<'_> {
    composite("sign", x, || x.compare(Relation::Greater, 0.0) - x.compare(Relation::Less, 0.0))
}
