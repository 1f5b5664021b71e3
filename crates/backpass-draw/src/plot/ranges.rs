//! Ranges of values layer by layer under initialisations.

use backpass::view::{InitRanges, LayerRange};

use super::axis::Axis;
use super::chart::{Chart, Series, Shape};
use super::sheet::Sheet;
use crate::number;

/// How many times the usual spread the axis holds; values that explode leave it.
const MOST_SPREAD: f64 = 3.0;

/// A small chart for each initialisation: the layers across, the spread of their values upwards, on the same axes.
pub fn init_ranges(title: impl Into<String>, ranges: &[InitRanges]) -> Sheet {
    let (low, high) = common_range(ranges);
    let mut charts: Vec<Chart> = ranges.iter().map(panel).collect();
    charts.iter_mut().for_each(|chart| chart.y.range = Some((low, high)));
    let subtitle = "Faint: 5 to 95 % of a layer's values; strong: 25 to 75 %; line: the median. All charts have the same \
                    axes. The factor of the gradient is its size at the first layer in terms of that at the last.";
    let columns = if charts.len() > 4 { 3 } else { 2 };
    Sheet { title: title.into(), subtitle: subtitle.into(), charts, columns }
}

/// What the vertical axes hold: all quantiles, but not those far beyond the usual ones.
fn common_range(ranges: &[InitRanges]) -> (f64, f64) {
    let all =
        |of: &InitRanges| of.layers.iter().flat_map(|l| l.quantiles).filter(|q| q.is_finite()).collect::<Vec<_>>();
    let mut sizes: Vec<f64> =
        ranges.iter().map(|r| all(r).into_iter().fold(0.0, |size: f64, q| size.max(q.abs()))).collect();
    sizes.retain(|&size| size > 0.0);
    sizes.sort_unstable_by(f64::total_cmp);
    let most = sizes.get(sizes.len() / 2).map_or(1.0, |usual| MOST_SPREAD * usual);
    let quantiles = ranges.iter().flat_map(all).map(|q| q.clamp(-most, most));
    let (low, high) = quantiles.fold((0.0, 0.0), |(l, h): (f64, f64), q| (l.min(q), h.max(q)));
    let room = if high > low { 0.05 * (high - low) } else { 1.0 };
    (low - room, high + room)
}

fn panel(ranges: &InitRanges) -> Chart {
    let mut chart = Chart::new(ranges.init.as_str(), Axis::whole("layer"), Axis::linear("value"));
    let across = |value: &dyn Fn(&LayerRange) -> f64| -> Vec<f64> { ranges.layers.iter().map(value).collect() };
    let band = |low: usize, high: usize| -> Vec<(f64, f64, f64)> {
        let edges = across(&|l| l.quantiles[low]).into_iter().zip(across(&|l| l.quantiles[high]));
        (1..).zip(edges).map(|(layer, (low, high))| (f64::from(layer), low, high)).collect()
    };
    let median: Vec<(f64, f64)> = (1..).map(f64::from).zip(across(&|l| l.quantiles[2])).collect();
    chart.series = vec![
        Series::band("", band(0, 4)).coloured(0),
        Series::new("", Shape::Band { edges: band(1, 3), strength: 0.5 }).coloured(0),
        Series::curve("", median).coloured(0),
    ];
    chart.subtitle = remarks(ranges).join(" ");
    chart
}

/// What the numbers say, in sentences.
fn remarks(ranges: &InitRanges) -> Vec<String> {
    let (Some(first), Some(last)) = (ranges.layers.first(), ranges.layers.last()) else { return Vec::new() };
    let say = |value: f64| number::typeset(&number::number(value, 2));
    let mut remarks = Vec::new();
    if ranges.layers.iter().any(|l| l.identical) {
        remarks.push("All neurons of a layer are the same: the symmetry is never broken.".to_string());
    }
    let scale = last.std / first.std;
    if scale.is_finite() && first.std > 0.0 {
        remarks.push(format!("Spread from {} to {}.", say(first.std), say(last.std)));
    }
    let gradient = first.gradient_std / last.gradient_std;
    if gradient.is_finite() {
        remarks.push(format!("Gradient ×{}.", say(gradient)));
    } else if last.gradient_std == 0.0 {
        remarks.push("No gradient arrives.".into());
    }
    if last.flat > 0.01 {
        remarks.push(format!("Of the last layer, {:.0} % let no gradient through.", 100.0 * last.flat));
    }
    remarks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn under(init: &str, stds: &[f64]) -> InitRanges {
        let layer = |&std: &f64| LayerRange {
            std,
            quantiles: [-1.6, -0.7, 0.0, 0.7, 1.6].map(|q| q * std),
            gradient_std: 1.0 / std,
            identical: std == 0.0,
            ..LayerRange::default()
        };
        InitRanges { init: init.into(), layers: stds.iter().map(layer).collect() }
    }

    #[test]
    fn panels_share_an_axis_that_explosions_leave() {
        let sheet = init_ranges("t", &[under("a", &[1.0, 1.0]), under("b", &[1.0, 0.5]), under("c", &[1.0, 900.0])]);
        let (low, high) = sheet.charts[0].y.range.unwrap();
        assert!(sheet.charts.iter().all(|chart| chart.y.range == Some((low, high))));
        assert!((high - 1.1 * MOST_SPREAD * 1.6).abs() < 1e-9 && low == -high, "{low} {high}");
        assert!(sheet.svg(sheet.size((300, 240)), crate::Theme::Auto).is_ok());
    }

    #[test]
    fn remarks_say_what_the_numbers_say() {
        let said = |stds: &[f64]| remarks(&under("a", stds)).join(" ");
        assert_eq!(said(&[2.0, 0.5]), "Spread from 2 to 0.5. Gradient ×0.25.");
        assert!(said(&[0.0, 0.0]).starts_with("All neurons of a layer are the same"));
        for odd in [vec![], vec![under("a", &[])], vec![under("a", &[f64::NAN])], vec![under("a", &[0.0])]] {
            let sheet = init_ranges("t", &odd);
            assert!(sheet.svg((400, 400), crate::Theme::Light).is_ok());
        }
    }
}
