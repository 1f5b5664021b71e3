//! Piecewise linear embeddings.

use super::Lift;
use crate::array::Array;
use crate::builder::Builder;
use crate::ops::{AttributeError, Attributes};

/// Each input `x` becomes a few piecewise linear functions of itself: `clamp((x - k) / (k' - k), 0, 1) M + m` with a ramp
/// for each pair of neighbouring knots `k`, `k'`, which the data place, and its own learnt mix `M` and offset `m` (Gorishniy,
/// Rubachev and Babenko 2022).
#[derive(Clone, Debug, PartialEq)]
pub struct Piecewise {
    /// The most pieces between the least and the greatest knot of an input.
    pub pieces: usize,
    /// How many mixtures of its ramps go on.
    pub outputs: usize,
    /// The knots of each input, rising.
    pub knots: Vec<Vec<f64>>,
}

impl Piecewise {
    pub(super) fn read(a: &mut Attributes) -> Result<Self, AttributeError> {
        let (pieces, outputs) = (a.number("pieces", 48.0)?, a.number("outputs", 4.0)?);
        Ok(Piecewise { pieces: pieces as usize, outputs: outputs as usize, knots: Vec::new() })
    }

    /// Gives the next input the knots that suit its values.
    pub(in crate::nn) fn place(&mut self, mut values: Vec<f64>) {
        values.sort_unstable_by(f64::total_cmp);
        self.knots.push(knots(&values, self.pieces + 1));
    }

    pub(super) fn lift<'b>(&self, b: &'b Builder) -> Lift<'b> {
        let (pieces, knots) = (self.pieces, self.knots.clone());
        Box::new(move |x, group| {
            let count = group.len() * pieces;
            let (mut starts, mut slopes) = (vec![0.0; count], vec![0.0; count]);
            for (index, knots) in knots[group].iter().enumerate() {
                for (piece, ends) in knots.windows(2).enumerate() {
                    starts[index * pieces + piece] = ends[0];
                    slopes[index * pieces + piece] = 1.0 / (ends[1] - ends[0]);
                }
            }
            let repeat =
                Array::from_fn(&[count / pieces, count], |i| f64::from(u8::from(i % count / pieces == i / count)));
            let ramps =
                (x.matmul(b.constant(repeat)) - b.constant(Array::vector(starts))) * b.constant(Array::vector(slopes));
            ramps.maximum(0.0).minimum(1.0)
        })
    }

    /// All functions start at zero, so training decides which are needed.
    pub(super) fn start(&self, columns: usize) -> Vec<(&'static str, Array)> {
        let mix = Array::filled(&[columns * self.pieces, self.outputs], 0.0);
        vec![("mix", mix), ("offset", Array::filled(&[columns * self.outputs], 0.0))]
    }
}

/// At most `most` of some sorted values: the ends, every value that is more frequent than what a knot has to stand for, and
/// of the rest as many as are left, with equally many values between them.
fn knots(sorted: &[f64], most: usize) -> Vec<f64> {
    let runs: Vec<(f64, usize)> = sorted.chunk_by(|a, b| a == b).map(|run| (run[0], run.len())).collect();
    if runs.len() <= most {
        return runs.into_iter().map(|(value, _)| value).collect();
    }
    let mut own: Vec<bool> = (0..runs.len()).map(|i| i == 0 || i + 1 == runs.len()).collect();
    loop {
        let left = most - own.iter().filter(|own| **own).count();
        let rest: usize = runs.iter().zip(&own).filter(|(_, own)| !**own).map(|(run, _)| run.1).sum();
        let frequent = |(at, run): &(usize, &(f64, usize))| !own[*at] && run.1 * left > rest;
        let found: Vec<usize> = runs.iter().enumerate().filter(frequent).map(|(at, _)| at).collect();
        if !found.is_empty() {
            found.into_iter().for_each(|at| own[at] = true);
            continue;
        }
        let (mut passed, mut taken) = (0, 0);
        for (at, run) in runs.iter().enumerate() {
            if !own[at] {
                passed += run.1;
                // The middle of the next of `left` equal parts.
                if taken < left && 2 * passed * left >= (2 * taken + 1) * rest {
                    own[at] = true;
                    taken += 1;
                }
            }
        }
        return runs.iter().zip(&own).filter(|(_, own)| **own).map(|(run, _)| run.0).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::knots;

    #[test]
    fn few_values_are_all_knots() {
        assert_eq!(knots(&[1.0, 1.0, 2.0, 5.0], 3), [1.0, 2.0, 5.0]);
        assert_eq!(knots(&[], 3), [0.0; 0]);
    }

    #[test]
    fn knots_part_the_rest_equally() {
        let values: Vec<f64> = (0..=100).map(f64::from).collect();
        assert_eq!(knots(&values, 6), [0.0, 13.0, 38.0, 62.0, 87.0, 100.0]);
    }

    #[test]
    fn a_frequent_value_does_not_take_the_place_of_rare_ones() {
        let mut values = vec![0.0; 900];
        values.extend((1..=100).map(f64::from));
        let found = knots(&values, 12);
        assert_eq!((found.len(), found[0], found[11]), (12, 0.0, 100.0));
        assert!(found.windows(2).all(|pair| pair[1] - pair[0] < 16.0), "{found:?}");
    }
}
