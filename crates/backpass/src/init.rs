//! Initial values of weights.

use backpass_kernels::philox::Stream;

use crate::array::Array;
use crate::spec::{self, Choice, Range, SpecError};

/// How the weights of a layer (fan_in × fan_out) start; biases start at zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// All zero: neurons of a layer stay equal for ever. For showing just that, and for output layers.
    Zeros,
    /// Normal with a given standard deviation.
    Normal {
        /// Standard deviation.
        std: f64,
    },
    /// Uniform in (-limit, limit).
    Uniform {
        /// Largest absolute value.
        limit: f64,
    },
    /// Normal with variance 1/fan_in.
    Lecun,
    /// Normal with variance 2/(fan_in + fan_out).
    GlorotNormal,
    /// Uniform with variance 2/(fan_in + fan_out).
    GlorotUniform,
    /// Normal with variance 2/fan_in.
    He,
    /// A random orthogonal matrix times a gain.
    Orthogonal {
        /// The factor.
        gain: f64,
    },
}

const WHAT: &str = "initialisation";

impl Init {
    /// All schemes.
    pub const ALL: &[Choice] = &[
        Choice { name: "zeros", summary: "all zero; symmetry is never broken", formula: "0", source: "" },
        Choice { name: "normal", summary: "small normal numbers", formula: "N(0, std²)", source: "" },
        Choice { name: "uniform", summary: "uniform numbers", formula: "U(-limit, limit)", source: "" },
        Choice {
            name: "lecun",
            summary: "keeps the variance forward",
            formula: "N(0, 1/n_in)",
            source: "LeCun et al. 1998",
        },
        Choice {
            name: "glorot_normal",
            summary: "keeps the variance forward and backward",
            formula: "N(0, 2/(n_in + n_out))",
            source: "Glorot and Bengio 2010",
        },
        Choice {
            name: "glorot_uniform",
            summary: "keeps the variance forward and backward",
            formula: "U(±√(6/(n_in + n_out)))",
            source: "Glorot and Bengio 2010",
        },
        Choice {
            name: "he",
            summary: "keeps the variance through ReLU",
            formula: "N(0, 2/n_in)",
            source: "He et al. 2015",
        },
        Choice {
            name: "orthogonal",
            summary: "keeps lengths exactly",
            formula: "gain·Q, QᵀQ = 1",
            source: "Saxe, McClelland and Ganguli 2014",
        },
    ];

    /// Reads `name` or `name(parameter=value)`.
    pub fn parse(text: &str) -> Result<Self, SpecError> {
        let names: Vec<&str> = Self::ALL.iter().map(|c| c.name).collect();
        let init = spec::read(WHAT, text, &names, |name, a| {
            Ok(Some(match name {
                "zeros" => Init::Zeros,
                "normal" => Init::Normal { std: a.number("std", 0.05)? },
                "uniform" => Init::Uniform { limit: a.number("limit", 0.05)? },
                "lecun" => Init::Lecun,
                "glorot_normal" => Init::GlorotNormal,
                "glorot_uniform" => Init::GlorotUniform,
                "he" => Init::He,
                "orthogonal" => Init::Orthogonal { gain: a.number("gain", 1.0)? },
                _ => return Ok(None),
            }))
        })?;
        init.check()?;
        Ok(init)
    }

    /// Checks that its parameter lies in its range.
    pub fn check(self) -> Result<(), SpecError> {
        let (name, parameters) = self.parts();
        spec::check(WHAT, name, &parameters)
    }

    /// The name, and the parameter with its value and range.
    fn parts(self) -> (&'static str, Vec<(&'static str, f64, Range)>) {
        match self {
            Init::Zeros => ("zeros", vec![]),
            Init::Normal { std } => ("normal", vec![("std", std, Range::Positive)]),
            Init::Uniform { limit } => ("uniform", vec![("limit", limit, Range::Positive)]),
            Init::Lecun => ("lecun", vec![]),
            Init::GlorotNormal => ("glorot_normal", vec![]),
            Init::GlorotUniform => ("glorot_uniform", vec![]),
            Init::He => ("he", vec![]),
            Init::Orthogonal { gain } => ("orthogonal", vec![("gain", gain, Range::Positive)]),
        }
    }

    /// Draws a fan_in × fan_out matrix; the same key gives the same matrix.
    pub fn draw(self, fan_in: usize, fan_out: usize, key: u64) -> Array {
        let mut random = Stream::new(key, 0);
        let (n_in, n_out) = (fan_in as f64, fan_out as f64);
        let mut normal = |std: f64| Array::from_fn(&[fan_in, fan_out], |_| std * random.normal());
        match self {
            Init::Zeros => Array::filled(&[fan_in, fan_out], 0.0),
            Init::Normal { std } => normal(std),
            Init::Lecun => normal((1.0 / n_in).sqrt()),
            Init::GlorotNormal => normal((2.0 / (n_in + n_out)).sqrt()),
            Init::He => normal((2.0 / n_in).sqrt()),
            Init::Uniform { limit } => uniform(fan_in, fan_out, limit, &mut random),
            Init::GlorotUniform => uniform(fan_in, fan_out, (6.0 / (n_in + n_out)).sqrt(), &mut random),
            Init::Orthogonal { gain } => orthogonal(fan_in, fan_out, gain, &mut random),
        }
    }
}

fn uniform(rows: usize, columns: usize, limit: f64, random: &mut Stream) -> Array {
    Array::from_fn(&[rows, columns], |_| limit * (2.0 * random.uniform() - 1.0))
}

/// Orthonormal rows or columns, whichever are fewer, by modified Gram–Schmidt on normal vectors.
fn orthogonal(rows: usize, columns: usize, gain: f64, random: &mut Stream) -> Array {
    let (count, length) = (rows.min(columns), rows.max(columns));
    let mut basis: Vec<Vec<f64>> = Vec::with_capacity(count);
    while basis.len() < count {
        let mut vector: Vec<f64> = (0..length).map(|_| random.normal()).collect();
        // Twice is enough for orthogonality to machine precision (Kahan, Parlett).
        for _ in 0..2 {
            for other in &basis {
                let dot: f64 = vector.iter().zip(other).map(|(a, b)| a * b).sum();
                vector.iter_mut().zip(other).for_each(|(v, o)| *v -= dot * o);
            }
        }
        let norm = vector.iter().map(|v| v * v).sum::<f64>().sqrt();
        if norm > 1e-6 {
            basis.push(vector.into_iter().map(|v| v / norm).collect());
        }
    }
    Array::from_fn(&[rows, columns], |i| {
        let (row, column) = (i / columns, i % columns);
        gain * if rows <= columns { basis[row][column] } else { basis[column][row] }
    })
}

impl std::fmt::Display for Init {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (name, parameters) = self.parts();
        spec::display(f, name, &parameters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variances_are_the_published_ones() {
        let variance = |a: &Array| a.data().iter().map(|v| v * v).sum::<f64>() / a.len() as f64;
        for (init, expected) in [
            (Init::Lecun, 1.0 / 200.0),
            (Init::He, 2.0 / 200.0),
            (Init::GlorotNormal, 2.0 / 300.0),
            (Init::GlorotUniform, 2.0 / 300.0),
            (Init::Normal { std: 0.1 }, 0.01),
            (Init::Uniform { limit: 0.3 }, 0.03),
        ] {
            let found = variance(&init.draw(200, 100, 7));
            assert!((found / expected - 1.0).abs() < 0.05, "{init}: {found} instead of {expected}");
        }
        assert_eq!(Init::He.draw(3, 4, 5), Init::He.draw(3, 4, 5));
        assert_ne!(Init::He.draw(3, 4, 5), Init::He.draw(3, 4, 6));
    }

    #[test]
    fn orthogonal_matrices_are_orthogonal() {
        for (rows, columns) in [(5, 5), (3, 8), (8, 3)] {
            let q = Init::Orthogonal { gain: 2.0 }.draw(rows, columns, 1);
            let at = |r: usize, c: usize| q.data()[r * columns + c];
            let count = rows.min(columns);
            for i in 0..count {
                for j in 0..count {
                    let dot: f64 = (0..rows.max(columns))
                        .map(|k| if rows <= columns { at(i, k) * at(j, k) } else { at(k, i) * at(k, j) })
                        .sum();
                    let expected = if i == j { 4.0 } else { 0.0 };
                    assert!((dot - expected).abs() < 1e-12);
                }
            }
        }
    }

    #[test]
    fn every_scheme_reads_back_what_it_prints() {
        for choice in Init::ALL {
            let init = Init::parse(choice.name).unwrap();
            assert_eq!(Init::parse(&init.to_string()), Ok(init));
        }
        let error = Init::parse("hee").unwrap_err().to_string();
        assert_eq!(error, "there is no initialisation `hee`\nhelp: did you mean `he`?");
    }
}
