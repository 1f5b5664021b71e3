//! Drawing series and shades: lines cut at the axes, dashes, markers, filled regions.

use plotters::element::{Circle, DashedPathElement, EmptyElement, PathElement, Polygon};
use plotters::series::{DashedLineSeries, LineSeries};
use plotters::style::Color;

use super::axis::Coordinate;
use super::chart::{Colour, Series, Shade, Shape, Tint};
use super::contour::regions;
use super::paint::{self, Paint};
use super::render::{Area, Canvas, Context, Drawn, FINE, failed, px};

/// A line of at most so many points shows them.
const FEW: usize = 40;
/// Dashes and the gaps between them in pixels; the first line is solid.
const DASHES: [Option<(i32, i32)>; 4] = [None, Some((9, 4)), Some((2, 3)), Some((14, 3))];
const DASHED: (i32, i32) = (6, 4);
const WIDTH: f64 = 1.9;
/// A line that lies under others.
const BROAD: f64 = 6.5;
const PALE: f64 = 0.3;
/// More points than this are drawn smaller.
const MANY: usize = 150;

impl Canvas {
    /// One series over the axes; `index` is its position in the chart.
    pub fn series(
        &self,
        series: &Series,
        index: usize,
        context: &mut Context<'_>,
        x: Coordinate,
        y: Coordinate,
    ) -> Drawn {
        let look = Look::of(series, index);
        let on_axes = |p: &&(f64, f64)| within(**p, x, y);
        match &series.shape {
            Shape::Line(points) | Shape::Curve(points) | Shape::Dashed(points) | Shape::Ground(points) => {
                let style = self.line(look.paint, look.width);
                for piece in pieces(points, x, y) {
                    match look.dash {
                        None => context.draw_series(LineSeries::new(piece, style)).map(drop),
                        Some((on, off)) => {
                            context.draw_series(DashedLineSeries::new(piece, on * FINE, off * FINE, style)).map(drop)
                        }
                    }
                    .map_err(failed)?;
                }
                let marked = if look.markers { &points[..] } else { &[] };
                self.markers(marked.iter().filter(on_axes), &look, 3.4, context)
            }
            Shape::Points(points) => {
                let radius = if points.len() > MANY { 2.4 } else { 3.4 };
                self.markers(points.iter().filter(on_axes), &look, radius, context)
            }
            Shape::Rings(points) => {
                let ring = self.line(look.paint, WIDTH);
                let inside = self.paints.colour(paint::BACKGROUND).filled();
                let rings = points.iter().filter(on_axes).map(|&p| {
                    EmptyElement::at(p) + Circle::new((0, 0), px(3.8), inside) + Circle::new((0, 0), px(3.8), ring)
                });
                context.draw_series(rings).map(drop).map_err(failed)
            }
            Shape::Dots(points) => {
                let style = self.paints.colour(look.paint).filled();
                let dots = points.iter().filter(on_axes).map(|&p| Circle::new(p, px(3.8), style));
                context.draw_series(dots).map(drop).map_err(failed)
            }
            Shape::Band { edges, strength } => {
                let clamp = |v: f64| v.clamp(y.low, y.high);
                let edges = edges.iter().filter(|e| within((e.0, clamp(e.1)), x, y) && e.2.is_finite());
                let (low, high): (Vec<_>, Vec<_>) = edges.map(|e| ((e.0, clamp(e.1)), (e.0, clamp(e.2)))).unzip();
                let outline: Vec<_> = low.into_iter().chain(high.into_iter().rev()).collect();
                let style = self.paints.colour(look.paint.tint(*strength)).filled();
                context.draw_series([Polygon::new(outline, style)]).map(drop).map_err(failed)
            }
        }
    }

    /// Fills the region of a shade on the axes. Its outlines become one polygon, joined by lines of no width.
    pub fn shade(&self, shade: &Shade, context: &mut Context<'_>, x: Coordinate, y: Coordinate) -> Drawn {
        let rings: Vec<_> = regions(&shade.grid, shade.level).into_iter().map(|ring| cut(ring, x, y)).collect();
        let back = rings.iter().rev().filter_map(|ring| ring.first()).copied();
        let outline: Vec<_> = rings.iter().flatten().copied().chain(back).collect();
        if outline.is_empty() {
            return Ok(());
        }
        let style = self.paints.colour(tinted(shade.tint)).filled();
        context.draw_series([Polygon::new(outline, style)]).map(drop).map_err(failed)
    }

    /// Markers with an edge that sets them off from what lies behind.
    fn markers<'p>(
        &self,
        points: impl Iterator<Item = &'p (f64, f64)>,
        look: &Look,
        radius: f64,
        context: &mut Context<'_>,
    ) -> Drawn {
        let fill = self.paints.colour(look.paint).filled();
        let edge = self.line(paint::BACKGROUND, 0.8);
        let outline = marker(look.index, radius);
        let elements = points.map(|&p| {
            let closed = outline.iter().chain(outline.first()).copied().collect::<Vec<_>>();
            EmptyElement::at(p) + Polygon::new(outline.clone(), fill) + PathElement::new(closed, edge)
        });
        context.draw_series(elements).map(drop).map_err(failed)
    }

    /// A short piece of a series, `width` long, to stand beside its name.
    pub fn sample(&self, series: &Series, index: usize, area: &Area<'_>, (left, at): (i32, i32), width: i32) -> Drawn {
        let look = Look::of(series, index);
        let middle = (left + width / 2, at);
        match &series.shape {
            Shape::Line(_) | Shape::Curve(_) | Shape::Dashed(_) | Shape::Ground(_) => {
                let (ends, style) = ([(left, at), (left + width, at)], self.line(look.paint, look.width));
                match look.dash {
                    None => area.draw(&PathElement::new(ends, style)),
                    Some((on, off)) => area.draw(&DashedPathElement::new(ends, on * FINE, off * FINE, style)),
                }
                .map_err(failed)?;
            }
            Shape::Band { strength, .. } => {
                let half = 5 * FINE;
                let corners =
                    [(left, at - half), (left + width, at - half), (left + width, at + half), (left, at + half)];
                let style = self.paints.colour(look.paint.tint(*strength)).filled();
                area.draw(&Polygon::new(corners, style)).map_err(failed)?;
            }
            Shape::Rings(_) => {
                area.draw(&Circle::new(middle, px(3.8), self.line(look.paint, WIDTH))).map_err(failed)?;
            }
            Shape::Points(_) | Shape::Dots(_) => {}
        }
        if look.markers {
            let outline = marker(look.index, 3.8).into_iter().map(|(x, y)| (middle.0 + x, middle.1 + y));
            let style = self.paints.colour(look.paint).filled();
            area.draw(&Polygon::new(outline.collect::<Vec<_>>(), style)).map_err(failed)?;
        }
        Ok(())
    }
}

/// What tells a series from the others.
struct Look {
    index: usize,
    paint: Paint,
    width: f64,
    dash: Option<(i32, i32)>,
    markers: bool,
}

impl Look {
    fn of(series: &Series, position: usize) -> Look {
        let (index, paint) = match series.colour {
            Colour::Own => (position, paint::series(position)),
            Colour::Number(number) => (number, paint::series(number)),
            Colour::Ink => (0, paint::INK),
        };
        let (dash, markers) = match &series.shape {
            Shape::Line(points) if points.len() <= FEW => (None, true),
            Shape::Line(_) => (DASHES[index % DASHES.len()], false),
            Shape::Dashed(_) => (Some(DASHED), false),
            Shape::Points(_) => (None, true),
            _ => (None, false),
        };
        let (paint, width) = match &series.shape {
            Shape::Ground(_) => (paint.tint(PALE), BROAD),
            _ => (paint, WIDTH),
        };
        Look { index, paint, width, dash, markers }
    }
}

/// The colour of a tint.
pub(super) fn tinted(tint: Tint) -> Paint {
    paint::series(tint.colour).tint(tint.strength)
}

fn within(point: (f64, f64), x: Coordinate, y: Coordinate) -> bool {
    let inside = |unit: f64| (-1e-9..=1.0 + 1e-9).contains(&unit);
    inside(x.unit(point.0)) && inside(y.unit(point.1))
}

/// The pieces of a line that lie on the axes, each ending where the line leaves.
fn pieces(points: &[(f64, f64)], x: Coordinate, y: Coordinate) -> Vec<Vec<(f64, f64)>> {
    let mut pieces: Vec<Vec<(f64, f64)>> = Vec::new();
    let mut open = false;
    for pair in points.windows(2) {
        let [a, b] = [pair[0], pair[1]].map(|p| (x.unit(p.0), y.unit(p.1)));
        let Some((from, to)) = clipped(a, b) else {
            open = false;
            continue;
        };
        let at = |share: f64| match share {
            0.0 => pair[0],
            1.0 => pair[1],
            _ => (x.value(a.0 + share * (b.0 - a.0)), y.value(a.1 + share * (b.1 - a.1))),
        };
        match pieces.last_mut() {
            Some(piece) if open && from == 0.0 => piece.push(at(to)),
            _ => pieces.push(vec![at(from), at(to)]),
        }
        open = to == 1.0;
    }
    pieces
}

/// The part of a segment inside the unit square, as shares of its length (Liang and Barsky 1984).
fn clipped(a: (f64, f64), b: (f64, f64)) -> Option<(f64, f64)> {
    let (mut from, mut to) = (0.0f64, 1.0f64);
    for (start, change) in [(a.0, b.0 - a.0), (a.1, b.1 - a.1)] {
        if !start.is_finite() || !change.is_finite() || change == 0.0 && !(0.0..=1.0).contains(&start) {
            return None;
        }
        if change != 0.0 {
            let (enter, leave) = (-start / change, (1.0 - start) / change);
            from = from.max(enter.min(leave));
            to = to.min(enter.max(leave));
        }
    }
    (from <= to).then_some((from, to))
}

/// The part of a ring that lies on the axes (Sutherland and Hodgman 1974); its last point is its first.
fn cut(ring: Vec<(f64, f64)>, x: Coordinate, y: Coordinate) -> Vec<(f64, f64)> {
    let across = |p: (f64, f64)| (x.unit(p.0), y.unit(p.1));
    let sides: [fn((f64, f64)) -> f64; 4] = [|p| p.0, |p| 1.0 - p.0, |p| p.1, |p| 1.0 - p.1];
    let mut ring: Vec<(f64, f64)> = ring.into_iter().map(across).collect();
    for inside in sides {
        let mut kept = Vec::with_capacity(ring.len());
        for (index, &to) in ring.iter().enumerate() {
            let from = ring[(index + ring.len() - 1) % ring.len()];
            let (a, b) = (inside(from), inside(to));
            if (a < 0.0) != (b < 0.0) {
                let share = a / (a - b);
                kept.push((from.0 + share * (to.0 - from.0), from.1 + share * (to.1 - from.1)));
            }
            if b >= 0.0 {
                kept.push(to);
            }
        }
        ring = kept;
    }
    let first = ring.first().copied();
    ring.into_iter().chain(first).map(|(across, up)| (x.value(across), y.value(up))).collect()
}

/// The outline of the marker of series number `index`, in units of the drawing around its middle.
fn marker(index: usize, radius: f64) -> Vec<(i32, i32)> {
    let turned = |out: f64, side: f64, turn: f64| {
        let (sin, cos) = (std::f64::consts::TAU * turn).sin_cos();
        (px(out * sin + side * cos), px(side * sin - out * cos))
    };
    let polygon = |corners: usize, turn: f64, size: f64| -> Vec<(i32, i32)> {
        (0..corners).map(|i| turned(size * radius, 0.0, turn + i as f64 / corners as f64)).collect()
    };
    let cross = |turn: f64| -> Vec<(i32, i32)> {
        let (long, short) = (radius * 1.3, radius * 0.45);
        let arm = [(long, -short), (long, short), (short, short)];
        (0..4).flat_map(|i| arm.map(|(out, side)| turned(out, side, turn + f64::from(i) / 4.0))).collect()
    };
    match index % 7 {
        0 => polygon(16, 0.0, 1.0),
        1 => polygon(4, 0.125, 1.25),
        2 => polygon(3, 0.0, 1.35),
        3 => polygon(4, 0.0, 1.35),
        4 => cross(0.125),
        5 => polygon(3, 0.5, 1.35),
        _ => cross(0.0),
    }
}

#[cfg(test)]
mod tests {
    use super::super::axis::Scale;
    use super::*;

    const UNIT: Coordinate = Coordinate { scale: Scale::Linear, low: 0.0, high: 1.0, whole: false };

    #[test]
    fn lines_end_at_the_axes_and_at_gaps() {
        let nan = f64::NAN;
        let peak = [(0.0, 0.5), (0.5, 1.5), (1.0, 0.5)];
        assert_eq!(pieces(&peak, UNIT, UNIT), [vec![(0.0, 0.5), (0.25, 1.0)], vec![(0.75, 1.0), (1.0, 0.5)]]);
        let gap = [(0.0, 0.0), (0.1, 0.1), (0.2, nan), (0.3, 0.3), (0.4, 0.4), (0.5, f64::INFINITY)];
        assert_eq!(pieces(&gap, UNIT, UNIT), [vec![(0.0, 0.0), (0.1, 0.1)], vec![(0.3, 0.3), (0.4, 0.4)]]);
        assert!(pieces(&[(0.0, 2.0), (1.0, 2.0)], UNIT, UNIT).is_empty());
        assert!(pieces(&[(0.5, 0.5)], UNIT, UNIT).is_empty());
        let log = Coordinate { scale: Scale::Log, low: 0.1, high: 10.0, whole: false };
        assert_eq!(pieces(&[(0.0, -1.0), (0.5, 1.0), (1.0, 1.0)], UNIT, log), [vec![(0.5, 1.0), (1.0, 1.0)]]);
    }

    #[test]
    fn rings_end_at_the_axes() {
        let area = |ring: &[(f64, f64)]| -> f64 {
            let next = ring.iter().cycle().skip(1);
            ring.iter().zip(next).map(|(a, b)| 0.5 * (a.0 * b.1 - b.0 * a.1)).sum()
        };
        let diamond = vec![(0.5, -0.5), (1.5, 0.5), (0.5, 1.5), (-0.5, 0.5)];
        assert_eq!(area(&cut(diamond, UNIT, UNIT)), 1.0);
        let corner = vec![(-1.0, -1.0), (0.5, -1.0), (0.5, 0.5), (-1.0, 0.5)];
        assert_eq!(area(&cut(corner, UNIT, UNIT)), 0.25);
        assert!(cut(vec![(2.0, 2.0), (3.0, 2.0), (3.0, 3.0)], UNIT, UNIT).is_empty());
        assert!(cut(Vec::new(), UNIT, UNIT).is_empty());
    }

    #[test]
    fn markers_differ() {
        let all: std::collections::BTreeSet<_> = (0..7).map(|i| marker(i, 4.0)).collect();
        assert_eq!(all.len(), 7);
        for outline in all {
            let far = outline.iter().map(|(x, y)| f64::from(*x).hypot(f64::from(*y))).fold(0.0, f64::max);
            assert!((38.0..=56.0).contains(&far), "{far}");
        }
    }
}
