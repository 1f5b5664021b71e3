//! Embeddings: an input becomes several, each of them a function of that one input.

mod lookup;
mod periodic;
mod piecewise;

use std::ops::Range;

pub use lookup::Lookup;
pub use periodic::Periodic;
pub use piecewise::Piecewise;

use super::{NetworkError, Weights};
use crate::array::Array;
use crate::builder::Expr;
use crate::graph::ScopeKind;
use crate::shape::Shape;
use crate::spec::{self, SpecError};

/// How each of the first inputs is lifted to many numbers, which are then mixed linearly to a few, with weights of its own.
#[derive(Clone, Debug, PartialEq)]
pub enum Embedding {
    /// Waves.
    Periodic(Periodic),
    /// Ramps between knots.
    Piecewise(Piecewise),
}

/// Inputs whose products are done at once: few enough that the zeros between them cost little, many enough that a product
/// is worth starting.
const GROUP: usize = 8;

/// Lifts `[batch, n]`, the inputs of a range, to `[batch, n · lifted]`.
type Lift<'b> = Box<dyn Fn(Expr<'b>, Range<usize>) -> Expr<'b> + 'b>;

impl Embedding {
    /// Reads `none`, `periodic(sigma=0.1)`, `piecewise(pieces=48)` or `periodic+piecewise`.
    pub fn parse(text: &str) -> Result<Vec<Self>, SpecError> {
        let one = |text: &str| {
            spec::read("embedding", text, &["none", "periodic", "piecewise"], |name, a| {
                Ok(match name {
                    "periodic" => Some(Embedding::Periodic(Periodic::read(a)?)),
                    "piecewise" => Some(Embedding::Piecewise(Piecewise::read(a)?)),
                    _ => None,
                })
            })
        };
        if text.trim() == "none" { Ok(Vec::new()) } else { text.split('+').map(|part| one(part.trim())).collect() }
    }

    /// Its name, and the beginning of its parameters' names.
    pub fn name(&self) -> &'static str {
        match self {
            Embedding::Periodic(_) => "periodic",
            Embedding::Piecewise(_) => "piecewise",
        }
    }

    /// Checks every number, for `columns` inputs.
    pub(super) fn check(&self, columns: usize) -> Result<(), NetworkError> {
        let check = |what, found: f64, ok, expected| {
            let layer = format!("the {} embedding", self.name());
            if ok { Ok(()) } else { Err(NetworkError::Layer { layer, what, found, expected }) }
        };
        let count = |what, n: usize| check(what, n as f64, (1..=1024).contains(&n), "from 1 to 1024");
        count("number of outputs", self.outputs())?;
        match self {
            Embedding::Periodic(Periodic { frequencies, sigma, .. }) => {
                count("number of frequencies", *frequencies)?;
                check("sigma", *sigma, *sigma > 0.0 && sigma.is_finite(), "a number greater than 0")
            }
            Embedding::Piecewise(Piecewise { pieces, knots, .. }) => {
                count("number of pieces", *pieces)?;
                let (found, expected) = (knots.len() as f64, "the number of embedded inputs: call `Mlp::see`");
                check("number of inputs with knots", found, knots.len() == columns, expected)
            }
        }
    }

    /// The numbers that one input becomes.
    pub fn outputs(&self) -> usize {
        match self {
            Embedding::Periodic(periodic) => periodic.outputs,
            Embedding::Piecewise(piecewise) => piecewise.outputs,
        }
    }

    /// The numbers that are mixed.
    fn lifted(&self) -> usize {
        match self {
            Embedding::Periodic(periodic) => periodic.frequencies,
            Embedding::Piecewise(piecewise) => piecewise.pieces,
        }
    }

    /// From `[batch, n]` to what the first `columns` of the n inputs become: `[batch, columns · outputs]`.
    pub(super) fn forward<'b>(&self, x: Expr<'b>, columns: usize) -> Expr<'b> {
        let b = x.builder();
        b.scope(self.name(), ScopeKind::Function, || {
            let (lifted, outputs) = (self.lifted(), self.outputs());
            let lift: Lift<'b> = match self {
                Embedding::Periodic(periodic) => periodic.lift(b, columns),
                Embedding::Piecewise(piecewise) => piecewise.lift(b),
            };
            let parameter = |name, shape: &[usize]| b.parameter(&self.parameter(name), Shape::fixed(shape));
            let mix = parameter("mix", &[columns * lifted, outputs]);
            let offset = parameter("offset", &[columns * outputs]);
            let parts: Vec<Expr<'b>> = (0..columns)
                .step_by(GROUP)
                .map(|start| {
                    let group = start..columns.min(start + GROUP);
                    let mix = diagonal(rows(mix, &group, lifted), lifted);
                    lift(x.slice(1, group.start, group.end), group.clone()).matmul(mix) + rows(offset, &group, outputs)
                })
                .collect();
            Expr::concat(1, &parts)
        })
    }

    fn parameter(&self, name: &str) -> String {
        format!("{}.{name}", self.name())
    }

    /// Draws the values of its parameters for `columns` inputs.
    pub(super) fn draw(&self, columns: usize, key: u64, weights: &mut Weights) {
        let drawn = match self {
            Embedding::Periodic(periodic) => periodic.draw(columns, key),
            Embedding::Piecewise(piecewise) => piecewise.start(columns),
        };
        weights.extend(drawn.into_iter().map(|(name, value)| (self.parameter(name), value)));
    }
}

/// The part of a parameter with `per` rows for each input that belongs to a group of inputs.
fn rows<'b>(parameter: Expr<'b>, group: &Range<usize>, per: usize) -> Expr<'b> {
    parameter.slice(0, group.start * per, group.end * per)
}

/// The blocks of `height` rows of a matrix `[n·height, m]` along the diagonal of a matrix `[n·height, n·m]`.
fn diagonal(blocks: Expr<'_>, height: usize) -> Expr<'_> {
    let dims = blocks.shape().resolve(0);
    let (rows, width) = (dims[0], dims[1]);
    let count = rows / height;
    let repeated = blocks.reshape(Shape::fixed(&[rows, 1, width])).broadcast(Shape::fixed(&[rows, count, width]));
    let mask = Array::from_fn(&[rows, count * width], |i| {
        let (row, column) = (i / (count * width), i % (count * width));
        f64::from(u8::from(row / height == column / width))
    });
    repeated.reshape(Shape::fixed(&[rows, count * width])) * blocks.builder().constant(mask)
}
