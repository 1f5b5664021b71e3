//! Units that hardly learn any more: those that give the same for every row, and those on the flat ends of their activation.

use backpass_kernels::Real;

use crate::array::Array;
use crate::ops::Op;

/// A bounded activation is flat where its slope is below this part of its steepest one.
const FLAT: f64 = 0.01;

/// A unit is saturated if its activation is flat for this share of the rows.
const FLAT_ROWS: f64 = 0.95;

/// Where the flat ends are looked for: from minus to plus this, so many points apart.
const REACH: i32 = 100;
const FINE: i32 = 100;

/// For each unit, whether it gives the same for every row; `outputs` holds `units` numbers for each row.
pub fn dead<T: Real>(outputs: &[T], units: usize) -> Vec<bool> {
    let mut dead = vec![true; units];
    for row in outputs.chunks_exact(units) {
        dead.iter_mut().zip(row).zip(outputs).for_each(|((dead, v), first)| *dead &= v == first);
    }
    dead
}

/// The flat ends of an activation that has two, as a sigmoid has: below the first number and above the second its slope is
/// less than 1 % of its steepest one.
pub fn flat_ends(activation: &Op) -> Option<(f64, f64)> {
    let at = |points: Vec<f64>| {
        let points = Array::vector(points);
        activation.eval(&[&points], points.shape()).into_data()
    };
    let slopes = |points: &[f64]| -> Vec<f64> {
        let step = 1e-3;
        let (above, below) = (points.iter().map(|v| v + step).collect(), points.iter().map(|v| v - step).collect());
        at(above).into_iter().zip(at(below)).map(|(a, b)| ((a - b) / (2.0 * step)).abs()).collect()
    };
    let points: Vec<f64> = (-REACH * FINE..=REACH * FINE).map(|i| f64::from(i) / f64::from(FINE)).collect();
    let found = slopes(&points);
    let limit = FLAT * found.iter().copied().fold(0.0, f64::max);
    if slopes(&[-1e3, 1e3]).iter().any(|slope| *slope >= limit) {
        return None;
    }
    let steep = |slope: &f64| *slope >= limit;
    Some((points[found.iter().position(steep)?], points[found.iter().rposition(steep)?]))
}

/// For each unit, whether its weighted sums lie on the flat ends of its activation for 95 % of the rows; `sums` holds
/// `units` numbers for each row.
pub fn saturated<T: Real>(sums: &[T], units: usize, (below, above): (f64, f64)) -> Vec<bool> {
    let mut flat = vec![0usize; units];
    for row in sums.chunks_exact(units) {
        let is_flat = |v: &T| v.to_f64() < below || v.to_f64() > above;
        flat.iter_mut().zip(row).for_each(|(count, v)| *count += usize::from(is_flat(v)));
    }
    let rows = (sums.len() / units.max(1)) as f64;
    flat.into_iter().map(|count| count as f64 >= FLAT_ROWS * rows).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::Activation;

    #[test]
    fn bounded_activations_have_two_flat_ends_and_others_none() {
        let ends = |name: &str| flat_ends(Activation::parse(name).unwrap().op().unwrap());
        // 1 - tanh² is 0.01 where tanh is √0.99.
        let (below, above) = ends("tanh").unwrap();
        assert!((above - 0.99f64.sqrt().atanh()).abs() < 0.02 && below == -above, "{below} {above}");
        let (below, above) = ends("hard_tanh").unwrap();
        assert!((below + 1.0).abs() < 0.02 && (above - 1.0).abs() < 0.02, "{below} {above}");
        for name in ["relu", "leaky_relu", "selu", "mish", "softplus"] {
            assert_eq!(ends(name), None, "{name}");
        }
    }

    #[test]
    fn units_are_judged_over_all_rows() {
        assert_eq!(dead(&[1.0, 2.0, 1.0, 3.0], 2), [true, false]);
        let mut sums = vec![-9.0f32; 40];
        sums[1] = 0.0;
        assert_eq!(saturated(&sums, 2, (-3.0, 3.0)), [true, true], "19 of 20 rows are 95 %");
        sums[3] = 0.0;
        assert_eq!(saturated(&sums, 2, (-3.0, 3.0)), [true, false]);
    }
}
