//! Periodic embeddings of numbers.

use backpass_kernels::philox::Stream;

use super::NetworkError;
use crate::array::Array;
use crate::builder::Expr;
use crate::graph::ScopeKind;
use crate::nn::Weights;
use crate::ops::Cos;
use crate::shape::Shape;
use crate::spec::{self, SpecError};

/// Each of the first inputs becomes a few waves of itself, mixed linearly, beside itself: for an input `x`,
/// `[cos(2π x f + φ) M + m, x]` with its own learnt frequencies `f`, phases `φ`, mix `M` and `m` (PBLD; Gorishniy,
/// Rubachev and Babenko 2022; Holzmüller, Grinsztajn and Steinwart 2024).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Periodic {
    /// How many waves an input has.
    pub frequencies: usize,
    /// How many mixtures of its waves go on.
    pub outputs: usize,
    /// The standard deviation of the frequencies at the start.
    pub sigma: f64,
}

/// Inputs whose products are done at once: few enough that the zeros between them cost little, many enough that a product
/// is worth starting.
const GROUP: usize = 8;

const NAME: &str = "embedding";

impl Periodic {
    /// Reads `periodic` or `periodic(sigma=0.1)`.
    pub fn parse(text: &str) -> Result<Self, SpecError> {
        spec::read(NAME, text, &["periodic"], |_, a| {
            let (frequencies, outputs) = (a.number("frequencies", 16.0)?, a.number("outputs", 3.0)?);
            let sigma = a.number("sigma", 0.1)?;
            Ok(Some(Periodic { frequencies: frequencies as usize, outputs: outputs as usize, sigma }))
        })
    }

    /// Checks every number.
    pub(super) fn check(&self) -> Result<(), NetworkError> {
        let check = |what, found: f64, ok, expected| {
            let layer = "the periodic embedding".to_string();
            if ok { Ok(()) } else { Err(NetworkError::Layer { layer, what, found, expected }) }
        };
        let count = |n: usize| (1..=1024).contains(&n);
        check("number of frequencies", self.frequencies as f64, count(self.frequencies), "from 1 to 1024")?;
        check("number of outputs", self.outputs as f64, count(self.outputs), "from 1 to 1024")?;
        check("sigma", self.sigma, self.sigma > 0.0 && self.sigma.is_finite(), "a number greater than 0")
    }

    /// The numbers that one input becomes.
    pub fn width(&self) -> usize {
        self.outputs + 1
    }

    /// From `[batch, n]` to what the first `columns` of the n inputs become, and then all inputs.
    pub(super) fn forward<'b>(&self, x: Expr<'b>, columns: usize) -> Expr<'b> {
        let b = x.builder();
        b.scope(NAME, ScopeKind::Function, || {
            let parameter = |name, shape: &[usize]| b.parameter(&format!("{NAME}.{name}"), Shape::fixed(shape));
            let (waves, outputs) = (self.frequencies, self.outputs);
            let frequency = parameter("frequency", &[columns, waves]) * std::f64::consts::TAU;
            let phase = parameter("phase", &[columns * waves]);
            let mix = parameter("mix", &[columns * waves, outputs]);
            let offset = parameter("offset", &[columns * outputs]);
            let mut parts: Vec<Expr<'b>> = (0..columns)
                .step_by(GROUP)
                .map(|start| {
                    let end = columns.min(start + GROUP);
                    let rows = |e: Expr<'b>, per: usize| e.slice(0, start * per, end * per);
                    let angles = x.slice(1, start, end).matmul(diagonal(rows(frequency, 1), 1)) + rows(phase, waves);
                    angles.apply(Cos).matmul(diagonal(rows(mix, waves), waves)) + rows(offset, outputs)
                })
                .collect();
            parts.push(x);
            Expr::concat(1, &parts)
        })
    }

    /// Draws the values of its parameters for `columns` inputs.
    pub(super) fn draw(&self, columns: usize, key: u64, weights: &mut Weights) {
        let mut stream = Stream::new(key, 0);
        let (waves, outputs) = (self.frequencies, self.outputs);
        let single = |v: f64| f64::from(v as f32);
        let frequency = Array::from_fn(&[columns, waves], |_| single(self.sigma * stream.normal()));
        let mut uniform =
            |shape: &[usize], limit: f64| Array::from_fn(shape, |_| single(limit * (2.0 * stream.uniform() - 1.0)));
        let limit = 1.0 / (waves as f64).sqrt();
        let phase = uniform(&[columns * waves], std::f64::consts::PI);
        let mix = uniform(&[columns * waves, outputs], limit);
        let offset = uniform(&[columns * outputs], limit);
        let named = [("frequency", frequency), ("phase", phase), ("mix", mix), ("offset", offset)];
        weights.extend(named.map(|(name, value)| (format!("{NAME}.{name}"), value)));
    }
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
