//! Axes: what they say, where their ticks are, and how the ticks read.

use std::ops::Range;

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};

use super::PlotError;

/// How the numbers of an axis are spaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    /// Equal differences have equal lengths.
    #[default]
    Linear,
    /// Equal ratios have equal lengths; only positive numbers are shown.
    Log,
}

/// One axis of a chart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Axis {
    /// What it measures, with its unit.
    pub label: String,
    /// How its numbers are spaced.
    pub scale: Scale,
    /// Where it begins and ends; by default it holds all data.
    pub range: Option<(f64, f64)>,
    /// Whether only whole numbers are ticks.
    pub whole: bool,
}

impl Axis {
    /// A linear axis that holds all data.
    pub fn linear(label: impl Into<String>) -> Self {
        Axis { label: label.into(), ..Axis::default() }
    }

    /// A logarithmic axis that holds all data.
    pub fn log(label: impl Into<String>) -> Self {
        Axis { label: label.into(), scale: Scale::Log, ..Axis::default() }
    }

    /// A linear axis of whole numbers, such as layers or epochs.
    pub fn whole(label: impl Into<String>) -> Self {
        Axis { label: label.into(), whole: true, ..Axis::default() }
    }

    /// The same axis from `low` to `high`; what lies outside is cut off.
    pub fn within(mut self, low: f64, high: f64) -> Self {
        self.range = Some((low, high));
        self
    }

    /// Whether a number can stand on the axis.
    pub(super) fn shows(&self, value: f64) -> bool {
        value.is_finite() && (self.scale == Scale::Linear || value >= f64::MIN_POSITIVE)
    }

    /// The coordinate that holds `values`, with a share of its length free at both ends.
    pub(super) fn coordinate(&self, values: impl Iterator<Item = f64>, free: f64) -> Result<Coordinate, PlotError> {
        let (scale, whole) = (self.scale, self.whole);
        if let Some((low, high)) = self.range {
            if low < high && self.shows(low) && self.shows(high) && (high - low).is_finite() {
                return Ok(Coordinate { scale, low, high, whole });
            }
            return Err(PlotError::Range { axis: self.label.clone(), low, high });
        }
        let shown = values.filter(|&v| self.shows(v));
        let (low, high) = shown.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        // Quarters keep the difference of the largest numbers finite.
        let [low, high] = [low, high].map(|v| v.clamp(f64::MIN / 4.0, f64::MAX / 4.0));
        Ok(match scale {
            Scale::Linear => {
                let (low, high) = if low > high { (0.0, 1.0) } else { (low, high) };
                let spread = high - low;
                let tiny = spread <= 1e-9 * low.abs().max(high.abs());
                let room = match tiny {
                    true if high == 0.0 => 1.0,
                    true => 0.5 * high.abs(),
                    false => free * spread,
                };
                Coordinate { scale, low: low - room, high: high + room, whole }
            }
            Scale::Log => {
                let (low, high) = if low > high { (1.0, 10.0) } else { (low, high) };
                let length = high.ln() - low.ln();
                let room = if length <= 1e-9 { 2.0 } else { (free * length).exp() };
                {
                    let (low, high) = ((low / room).max(f64::MIN_POSITIVE), (high * room).min(f64::MAX / 2.0));
                    Coordinate { scale, low, high, whole }
                }
            }
        })
    }
}

/// A scale with its ends, `low < high`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Coordinate {
    pub scale: Scale,
    pub low: f64,
    pub high: f64,
    pub whole: bool,
}

impl Coordinate {
    /// Where `value` lies: 0 at the lower end, 1 at the upper end.
    pub fn unit(self, value: f64) -> f64 {
        match self.scale {
            Scale::Linear => (value - self.low) / (self.high - self.low),
            Scale::Log => (value.ln() - self.low.ln()) / (self.high.ln() - self.low.ln()),
        }
    }

    /// The value that lies at `unit`.
    pub fn value(self, unit: f64) -> f64 {
        match self.scale {
            Scale::Linear => self.low + unit * (self.high - self.low),
            Scale::Log => (self.low.ln() + unit * (self.high.ln() - self.low.ln())).exp(),
        }
    }

    /// About `most` round numbers on the axis: multiples of 1, 2 or 5 times a power of ten.
    pub fn ticks(self, most: usize) -> Vec<f64> {
        let most = most.max(2) as f64;
        match self.scale {
            Scale::Linear => {
                let least = if self.whole { 1.0 } else { 0.0 };
                let step = round_up((self.high - self.low) / most).max(least);
                let (first, last) = ((self.low / step).ceil(), (self.high / step).floor());
                let count = if last - first < 1e3 { (last - first) as usize + 1 } else { 0 };
                (0..count).map(|i| (first + i as f64) * step).collect()
            }
            Scale::Log => {
                let (first, last) = (self.low.log10().floor() as i32, self.high.log10().ceil() as i32);
                let decades = self.high.log10() - self.low.log10();
                let every = (decades / most).ceil().max(1.0) as i32;
                let digits: &[f64] = if decades * 3.0 <= most { &[1.0, 2.0, 5.0] } else { &[1.0] };
                let inside = |v: &f64| (self.low * (1.0 - 1e-9)..=self.high * (1.0 + 1e-9)).contains(v);
                let found = |every: i32| -> Vec<f64> {
                    let exponents = (first..=last).filter(|e| e % every == 0);
                    exponents.flat_map(|e| digits.iter().map(move |d| d * power(e))).filter(inside).collect()
                };
                let enough = (1..=every).rev().map(found).find(|ticks| ticks.len() >= 2);
                // Less than one decade may hold no power of ten at all.
                enough.unwrap_or_else(|| Coordinate { scale: Scale::Linear, ..self }.ticks(most as usize))
            }
        }
    }

    /// What stands at each of these ticks.
    pub fn labels(self, ticks: &[f64]) -> Vec<String> {
        let step = ticks.windows(2).map(|pair| pair[1] - pair[0]).fold(f64::INFINITY, f64::min);
        // Each power of ten has its own decimals.
        let decades = self.scale == Scale::Log && ticks.last() > ticks.first().map(|first| 9.0 * first).as_ref();
        let step = if decades { f64::INFINITY } else { step };
        let largest = ticks.iter().fold(0.0f64, |a, b| a.max(b.abs()));
        ticks.iter().map(|&tick| tick_label(tick, step, largest)).collect()
    }
}

impl Ranged for Coordinate {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        (f64::from(limit.0) + self.unit(*value) * f64::from(limit.1 - limit.0)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        self.ticks(hint.max_num_points())
    }

    fn range(&self) -> Range<f64> {
        self.low..self.high
    }
}

/// Ten to a whole power, exactly rounded where it can be.
fn power(exponent: i32) -> f64 {
    if exponent < 0 { 1.0 / 10f64.powi(-exponent) } else { 10f64.powi(exponent) }
}

/// The next 1, 2 or 5 times a power of ten.
fn round_up(step: f64) -> f64 {
    let unit = 10f64.powf(step.log10().floor());
    let digit = [1.0, 2.0, 5.0].into_iter().find(|digit| digit * unit >= step * (1.0 - 1e-9));
    digit.unwrap_or(10.0) * unit
}

/// A tick as text, with the decimals that its step needs; powers of ten where there would be many zeros.
fn tick_label(tick: f64, step: f64, largest: f64) -> String {
    if tick == 0.0 || step.is_finite() && tick.abs() < step * 1e-9 {
        return "0".into();
    }
    let sign = if tick < 0.0 { "−" } else { "" };
    let magnitude = tick.abs();
    if largest >= 1e6 || magnitude < 1e-3 {
        let exponent = (magnitude.log10() + 1e-9).floor() as i32;
        let digits = format!("{:.3}", magnitude / 10f64.powi(exponent));
        let digits = digits.trim_end_matches('0').trim_end_matches('.');
        let times = if digits == "1" { String::new() } else { format!("{digits}·") };
        return format!("{sign}{times}10{}", superscript(exponent));
    }
    let finest = step.min(magnitude);
    let decimals = if finest >= 1.0 { 0 } else { (-(finest * (1.0 + 1e-9)).log10().floor()).min(9.0) as usize };
    format!("{sign}{}", grouped(&format!("{magnitude:.decimals$}")))
}

/// Commas between thousands, from five digits on.
fn grouped(number: &str) -> String {
    let whole = number.find('.').unwrap_or(number.len());
    if whole < 5 {
        return number.to_string();
    }
    let comma = |(at, digit): (usize, char)| {
        let before = at > 0 && at < whole && (whole - at).is_multiple_of(3);
        [before.then_some(','), Some(digit)].into_iter().flatten()
    };
    number.chars().enumerate().flat_map(comma).collect()
}

fn superscript(exponent: i32) -> String {
    let raised = |digit: char| match digit {
        '-' => '⁻',
        _ => ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'][digit.to_digit(10).unwrap_or(0) as usize],
    };
    exponent.to_string().chars().map(raised).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(scale: Scale, low: f64, high: f64, most: usize) -> String {
        let coordinate = Coordinate { scale, low, high, whole: false };
        coordinate.labels(&coordinate.ticks(most)).join(" ")
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(shown(Scale::Linear, -5.0, 5.0, 6), "−4 −2 0 2 4");
        assert_eq!(shown(Scale::Linear, -0.1, 1.1, 7), "0 0.2 0.4 0.6 0.8 1.0");
        assert_eq!(shown(Scale::Linear, 0.0, 30_000.0, 4), "0 10,000 20,000 30,000");
        assert_eq!(shown(Scale::Linear, 0.0, 3e7, 4), "0 10⁷ 2·10⁷ 3·10⁷");
        assert_eq!(shown(Scale::Log, 0.9, 1100.0, 6), "1 10 100 1000");
        assert_eq!(shown(Scale::Log, 1.0, 100.0, 8), "1 2 5 10 20 50 100");
        assert_eq!(shown(Scale::Log, 1e-7, 1.0, 5), "10⁻⁶ 10⁻⁴ 0.01 1");
        assert_eq!(shown(Scale::Log, 0.01, 1.0, 8), "0.01 0.02 0.05 0.1 0.2 0.5 1");
        assert_eq!(shown(Scale::Log, 0.0017, 2.1, 2), "0.01 1");
        assert_eq!(shown(Scale::Log, 0.0017, 2.1, 5), "0.01 0.1 1");
        assert_eq!(shown(Scale::Log, 3.0, 4.0, 5), "3.0 3.2 3.4 3.6 3.8 4.0");
    }

    #[test]
    fn whole_axes_have_whole_ticks() {
        let layers = Axis::whole("layer").coordinate([1.0, 3.0].into_iter(), 0.0).unwrap();
        assert_eq!(layers.ticks(9), [1.0, 2.0, 3.0]);
        assert_eq!(Coordinate { high: 100.0, ..layers }.ticks(5), [20.0, 40.0, 60.0, 80.0, 100.0]);
    }

    #[test]
    fn ranges_hold_all_data_and_are_never_empty() {
        let of = |axis: Axis, values: &[f64]| axis.coordinate(values.iter().copied(), 0.0).unwrap();
        assert_eq!(of(Axis::linear(""), &[3.0, f64::NAN, -1.0, f64::INFINITY]).range(), -1.0..3.0);
        assert_eq!(of(Axis::linear(""), &[4.0, 4.0]).range(), 2.0..6.0);
        assert_eq!(of(Axis::linear(""), &[0.0]).range(), -1.0..1.0);
        assert_eq!(of(Axis::linear(""), &[]).range(), 0.0..1.0);
        assert_eq!(of(Axis::log(""), &[0.0, -3.0, 2.0, 8.0]).range(), 2.0..8.0);
        assert_eq!(of(Axis::log(""), &[5.0]).range(), 2.5..10.0);
        for extreme in [[f64::MIN, f64::MAX], [0.0, f64::MIN_POSITIVE / 4.0], [1e300, 1e300]] {
            for axis in [Axis::linear(""), Axis::log("")] {
                let found = axis.coordinate(extreme.into_iter(), 0.05).unwrap();
                assert!(found.low < found.high && (found.high - found.low).is_finite(), "{found:?}");
                assert!(found.ticks(6).len() < 20);
            }
        }
    }

    #[test]
    fn impossible_ranges_are_refused() {
        for (low, high) in [(1.0, 1.0), (2.0, 1.0), (f64::NAN, 1.0), (0.0, f64::INFINITY)] {
            assert!(Axis::linear("x").within(low, high).coordinate([].into_iter(), 0.0).is_err());
        }
        assert!(Axis::log("x").within(0.0, 1.0).coordinate([].into_iter(), 0.0).is_err());
    }

    #[test]
    fn units_and_values_are_inverse() {
        for scale in [Scale::Linear, Scale::Log] {
            let coordinate = Coordinate { scale, low: 0.5, high: 80.0, whole: false };
            for unit in [0.0, 0.3, 1.0] {
                assert!((coordinate.unit(coordinate.value(unit)) - unit).abs() < 1e-12);
            }
        }
    }
}
