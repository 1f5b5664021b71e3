//! Periodic embeddings.

use backpass_kernels::philox::Stream;

use super::{Lift, diagonal, rows};
use crate::array::Array;
use crate::builder::Builder;
use crate::ops::{AttributeError, Attributes, Cos};
use crate::shape::Shape;

/// Each input `x` becomes a few waves of itself, mixed: `cos(2π x f + φ) M + m` with its own learnt frequencies `f`, phases
/// `φ`, mix `M` and offset `m`. Beside `x` itself this is PBLD (Gorishniy, Rubachev and Babenko 2022; Holzmüller, Grinsztajn
/// and Steinwart 2024).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Periodic {
    /// How many waves an input has.
    pub frequencies: usize,
    /// How many mixtures of its waves go on.
    pub outputs: usize,
    /// The standard deviation of the frequencies at the start.
    pub sigma: f64,
}

impl Periodic {
    pub(super) fn read(a: &mut Attributes) -> Result<Self, AttributeError> {
        let (frequencies, outputs) = (a.number("frequencies", 16.0)?, a.number("outputs", 3.0)?);
        let sigma = a.number("sigma", 0.1)?;
        Ok(Periodic { frequencies: frequencies as usize, outputs: outputs as usize, sigma })
    }

    pub(super) fn lift<'b>(&self, b: &'b Builder, columns: usize) -> Lift<'b> {
        let waves = self.frequencies;
        let frequency = b.parameter("periodic.frequency", Shape::fixed(&[columns, waves])) * std::f64::consts::TAU;
        let phase = b.parameter("periodic.phase", Shape::fixed(&[columns * waves]));
        Box::new(move |x, group| {
            (x.matmul(diagonal(rows(frequency, &group, 1), 1)) + rows(phase, &group, waves)).apply(Cos)
        })
    }

    pub(super) fn draw(&self, columns: usize, key: u64) -> Vec<(&'static str, Array)> {
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
        vec![("frequency", frequency), ("phase", phase), ("mix", mix), ("offset", offset)]
    }
}
