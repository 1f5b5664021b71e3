//! The key of a chart: the names of its series beside the plot, and the bar that explains its shades.

use plotters::element::{PathElement, Rectangle};
use plotters::style::Color;
use plotters::style::text_anchor::{HPos, VPos};

use super::axis::Coordinate;
use super::chart::{Chart, Series, ShadeKey, Shape};
use super::paint;
use super::render::{Area, Canvas, Drawn, FINE, Frame, LINE, TEXT, failed, px, shortened, text_width};
use super::shapes::tinted;

/// Lengths in units of the drawing.
const SPACE: i32 = 10 * FINE;
const SAMPLE: i32 = 18 * FINE;
const BEFORE_NAME: i32 = 6 * FINE;
const BAR: (i32, i32) = (14 * FINE, 96 * FINE);

/// The width that the key of a chart takes beside the plot, at most `most`.
pub(super) fn width(chart: &Chart, most: i32) -> i32 {
    let names = chart.series.iter().map(|s| s.name.as_str()).filter(|name| !name.is_empty());
    let named = names.map(|name| SAMPLE + BEFORE_NAME + text_width(name, TEXT));
    let bar = chart.key.iter().flat_map(|key| {
        let numbers = bar_labels(key).into_iter().map(|(_, label)| BAR.0 + BEFORE_NAME + text_width(&label, TEXT));
        numbers.chain([text_width(&key.label, TEXT)])
    });
    match named.chain(bar).max() {
        Some(widest) => SPACE + widest.min(most) + SPACE,
        None => 2 * SPACE,
    }
}

impl Canvas {
    /// The names of the series to the right of the plot, each as near as possible to the end of its line; the bar of the
    /// shades below them.
    pub fn key(&self, chart: &Chart, frame: &Frame, area: &Area<'_>, y: Coordinate) -> Drawn {
        let named = || chart.series.iter().enumerate().filter(|(_, s)| !s.name.is_empty());
        let line = px(TEXT * LINE);
        let left = frame.left + frame.width + SPACE;
        let room = frame.key - 2 * SPACE;
        let bar = chart.key.as_ref().map_or(0, |_| BAR.1 + 5 * line / 2);
        let (top, bottom) =
            (frame.top + line / 2, (frame.top + frame.height - line / 2 - bar).max(frame.top + line / 2));
        // Over a map the ends of lines say nothing.
        let place = |(_, s): (_, &Series)| {
            let end = if chart.shades.is_empty() { end(s, y) } else { None };
            end.map_or(top, |unit| frame.top + ((1.0 - unit) * f64::from(frame.height)) as i32)
        };
        let places = spread(&named().map(place).collect::<Vec<_>>(), line, top, bottom);
        for ((index, series), at) in named().zip(places) {
            self.sample(series, index, area, (left, at), SAMPLE)?;
            let name = shortened(&series.name, TEXT, room - SAMPLE - BEFORE_NAME);
            let place = (left + SAMPLE + BEFORE_NAME, at);
            self.text(area, &name, place, TEXT, paint::INK, (HPos::Left, VPos::Center))?;
        }
        match &chart.key {
            Some(key) => self.bar(key, area, (left, frame.top + frame.height - bar), room),
            None => Ok(()),
        }
    }

    fn bar(&self, key: &ShadeKey, area: &Area<'_>, (left, top): (i32, i32), room: i32) -> Drawn {
        let label = shortened(&key.label, TEXT, room);
        self.text(area, &label, (left, top), TEXT, paint::INK, (HPos::Left, VPos::Top))?;
        let top = top + px(TEXT * LINE * 1.5);
        let count = key.tints.len().max(1) as i32;
        let edge = |index: i32| top + BAR.1 - BAR.1 * index / count;
        for (index, tint) in (0..).zip(&key.tints) {
            let corners = [(left, edge(index + 1)), (left + BAR.0, edge(index))];
            area.draw(&Rectangle::new(corners, self.paints.colour(tinted(*tint)).filled())).map_err(failed)?;
        }
        let corners = [(left, top), (left + BAR.0, top), (left + BAR.0, top + BAR.1), (left, top + BAR.1), (left, top)];
        area.draw(&PathElement::new(corners, self.line(paint::AXIS, 0.8))).map_err(failed)?;
        for (unit, label) in bar_labels(key) {
            let at = (left + BAR.0 + BEFORE_NAME, top + BAR.1 - (unit * f64::from(BAR.1)) as i32);
            self.text(area, &label, at, TEXT, paint::MUTED, (HPos::Left, VPos::Center))?;
        }
        Ok(())
    }
}

/// Round numbers along the bar, with their places from 0 to 1.
fn bar_labels(key: &ShadeKey) -> Vec<(f64, String)> {
    let (low, high) = key.range;
    let coordinate = Coordinate { low, high, ..Coordinate::default() };
    let ticks = Some(coordinate.ticks(4)).filter(|ticks| ticks.len() > 2).unwrap_or_else(|| coordinate.ticks(6));
    let labels = coordinate.labels(&ticks);
    ticks.into_iter().map(|tick| coordinate.unit(tick)).zip(labels).collect()
}

/// Where the last point of a line lies on the vertical axis, from 0 to 1.
fn end(series: &Series, y: Coordinate) -> Option<f64> {
    let unit = |v: f64| Some(y.unit(v)).filter(|unit| unit.is_finite()).map(|unit| unit.clamp(0.0, 1.0));
    match &series.shape {
        Shape::Line(points) | Shape::Curve(points) | Shape::Dashed(points) | Shape::Ground(points) => {
            points.iter().rev().find_map(|p| unit(p.1))
        }
        Shape::Band { edges, .. } => edges.iter().rev().find_map(|e| Some(0.5 * (unit(e.1)? + unit(e.2)?))),
        Shape::Points(_) | Shape::Rings(_) | Shape::Dots(_) => None,
    }
}

/// Places at least `gap` apart between `low` and `high`, in the order of the wanted ones and near to them; where there is
/// no room for that, evenly closer.
fn spread(wanted: &[i32], gap: i32, low: i32, high: i32) -> Vec<i32> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by_key(|&i| wanted[i]);
    let gap = gap.min((high - low) / (wanted.len() as i32 - 1).max(1));
    let mut places = vec![0; wanted.len()];
    let mut least = low;
    for &i in &order {
        places[i] = wanted[i].max(least);
        least = places[i] + gap;
    }
    let mut most = high;
    for &i in order.iter().rev() {
        places[i] = places[i].min(most);
        most = places[i] - gap;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_never_overlap_and_keep_their_order() {
        assert_eq!(spread(&[50, 10, 90], 10, 0, 100), [50, 10, 90]);
        assert_eq!(spread(&[50, 50, 52], 10, 0, 100), [50, 60, 70]);
        assert_eq!(spread(&[99, 98, 100], 10, 0, 100), [90, 80, 100]);
        assert_eq!(spread(&[0; 5], 30, 0, 100), [0, 25, 50, 75, 100]);
        assert!(spread(&[], 10, 0, 100).is_empty());
    }
}
