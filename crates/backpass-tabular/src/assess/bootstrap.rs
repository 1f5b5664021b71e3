//! How far a figure would move with other rows: the percentile bootstrap (Efron and Tibshirani 1993, chapter 13).

use backpass_kernels::philox::Stream;
use serde::Serialize;

use crate::encode::quantile;

/// Key of the streams that draw rows.
const RESAMPLE: u64 = 0x424f_4f54;
/// The share of resampled values between the bounds of an interval.
pub(crate) const LEVEL: f64 = 0.95;

/// Bounds between which 95 % of the resampled values lie.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// The lower bound.
    pub low: f64,
    /// The upper bound.
    pub high: f64,
}

impl Interval {
    /// The interval of resampled values; none where they are not defined.
    pub(crate) fn of(values: impl Iterator<Item = f64>) -> Option<Interval> {
        let mut sorted: Vec<f64> = values.filter(|value| value.is_finite()).collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let tail = (1.0 - LEVEL) / 2.0;
        let bounds = || Interval { low: quantile(&sorted, tail), high: quantile(&sorted, 1.0 - tail) };
        (!sorted.is_empty()).then(bounds)
    }
}

/// Draws as many of `rows` rows as there are, with replacement, `count` times, and gives what `statistic` makes of how
/// often each row was drawn. A resample depends on the seed and its number alone, not on the threads.
pub(crate) fn bootstrap<R: Send>(
    rows: usize,
    count: usize,
    seed: u64,
    threads: usize,
    statistic: impl Fn(&[f64]) -> R + Sync,
) -> Vec<R> {
    let resample = |number: usize| {
        let mut random = Stream::new(seed ^ RESAMPLE, number as u64);
        let mut drawn = vec![0.0; rows];
        (0..rows).for_each(|_| drawn[random.below(rows as u64) as usize] += 1.0);
        statistic(&drawn)
    };
    let each = count.div_ceil(threads.max(1)).max(1);
    std::thread::scope(|scope| {
        let part = |start: usize| {
            let resample = &resample;
            scope.spawn(move || (start..count.min(start + each)).map(resample).collect::<Vec<R>>())
        };
        let parts: Vec<_> = (0..count).step_by(each).map(part).collect();
        parts
            .into_iter()
            .flat_map(|part| part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_resample_draws_as_many_rows_as_there_are() {
        let totals = bootstrap(7, 20, 3, 1, |drawn| (drawn.iter().sum::<f64>(), drawn.to_vec()));
        assert!(totals.iter().all(|(total, _)| *total == 7.0));
        assert!(totals.windows(2).any(|pair| pair[0].1 != pair[1].1));
    }

    #[test]
    fn threads_never_change_the_draws() {
        let of = |threads| bootstrap(11, 13, 5, threads, <[f64]>::to_vec);
        assert_eq!(of(1), of(4));
        assert_eq!(of(1), of(50));
        assert_ne!(of(1), bootstrap(11, 13, 6, 1, <[f64]>::to_vec));
    }

    /// The mean of rows that are 0 or 1 with share p has the standard error √(p(1-p)/n).
    #[test]
    fn the_interval_of_a_mean_is_that_of_theory() {
        let values: Vec<f64> = (0..400).map(|row| f64::from(u8::from(row % 4 == 0))).collect();
        let mean = |drawn: &[f64]| drawn.iter().zip(&values).map(|(w, v)| w * v).sum::<f64>() / 400.0;
        let Interval { low, high } = Interval::of(bootstrap(400, 2000, 1, 2, mean).into_iter()).unwrap();
        let half = 1.96 * (0.25f64 * 0.75 / 400.0).sqrt();
        assert!((low - (0.25 - half)).abs() < 0.005 && (high - (0.25 + half)).abs() < 0.005, "{low} to {high}");
    }

    #[test]
    fn bounds_cut_off_the_tails_and_what_is_not_defined() {
        let values = (0..=1000).map(f64::from).chain([f64::NAN, f64::INFINITY]);
        let Interval { low, high } = Interval::of(values).unwrap();
        assert!((low - 25.0).abs() < 1e-9 && (high - 975.0).abs() < 1e-9, "{low} to {high}");
        assert_eq!(Interval::of([f64::NAN].into_iter()), None);
    }
}
