//! [`Chart`]: what one plot shows, as plain data.

use std::fmt::Write as _;

use backpass::view::Grid;

use super::axis::{Axis, Scale};
use super::{PlotError, render};
use crate::{Theme, number};

/// One plot: curves, points and bands over two axes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chart {
    /// What it shows.
    pub title: String,
    /// What else is to be said, in sentences; it is wrapped to the width.
    pub subtitle: String,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// What is drawn, the first one lowest.
    pub series: Vec<Series>,
    /// Vertical lines.
    pub marks: Vec<Mark>,
    /// Whether a unit is as long on both axes. The axis with room to spare is lengthened, as far as shades reach.
    pub equal_units: bool,
    /// What is filled behind everything else, the first one lowest.
    pub shades: Vec<Shade>,
    /// The key of the shades.
    pub key: Option<ShadeKey>,
}

/// A region of the plane filled with one colour: where the values of a grid are at least `level`.
#[derive(Clone, Debug, PartialEq)]
pub struct Shade {
    /// The values.
    pub grid: Grid,
    /// The least value in the region.
    pub level: f64,
    /// Its colour.
    pub tint: Tint,
}

/// A colour made lighter or darker.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tint {
    /// The number of the colour.
    pub colour: usize,
    /// How strong it is: 0 is the background, 1 the colour itself.
    pub strength: f64,
}

/// What the colours of shades stand for.
#[derive(Clone, Debug, PartialEq)]
pub struct ShadeKey {
    /// What is shaded.
    pub label: String,
    /// The smallest and the largest value.
    pub range: (f64, f64),
    /// The colours of equal parts of the range, from the smallest value on.
    pub tints: Vec<Tint>,
}

/// A named part of a chart.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// What it is called beside the plot; a series without a name is not listed there.
    pub name: String,
    /// Its form and numbers.
    pub shape: Shape,
    /// Its colour.
    pub colour: Colour,
}

/// The colour of a series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Colour {
    /// The one of its position among the series.
    #[default]
    Own,
    /// The one of this number, counted from 0.
    Number(usize),
    /// That of text.
    Ink,
}

/// The form of a series with its numbers. What is not finite is left out, as is what is not positive on a logarithmic
/// axis; a line is interrupted there.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// A line through points (x, y) in their order, with markers if they are few.
    Line(Vec<(f64, f64)>),
    /// A solid line without markers through points (x, y) in their order.
    Curve(Vec<(f64, f64)>),
    /// A dashed line through points (x, y) in their order.
    Dashed(Vec<(f64, f64)>),
    /// A broad pale line through points (x, y) in their order, which stays visible under other lines.
    Ground(Vec<(f64, f64)>),
    /// Points (x, y), with a marker of their own for each series.
    Points(Vec<(f64, f64)>),
    /// Rings at points (x, y): ends that do not belong to a line.
    Rings(Vec<(f64, f64)>),
    /// Dots at points (x, y): ends that belong to a line.
    Dots(Vec<(f64, f64)>),
    /// An area between low and high.
    Band {
        /// Its edges as (x, low, high).
        edges: Vec<(f64, f64, f64)>,
        /// How strong its colour is: 0 is the background, 1 the colour itself.
        strength: f64,
    },
}

/// A vertical line with a word.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// Where it stands.
    pub x: f64,
    /// What it says.
    pub label: String,
}

impl Series {
    /// A line through points (x, y).
    pub fn line(name: impl Into<String>, points: impl Into<Vec<(f64, f64)>>) -> Self {
        Series::new(name, Shape::Line(points.into()))
    }

    /// A dashed line through points (x, y).
    pub fn dashed(name: impl Into<String>, points: impl Into<Vec<(f64, f64)>>) -> Self {
        Series::new(name, Shape::Dashed(points.into()))
    }

    /// Points (x, y).
    pub fn points(name: impl Into<String>, points: impl Into<Vec<(f64, f64)>>) -> Self {
        Series::new(name, Shape::Points(points.into()))
    }

    /// A solid line without markers through points (x, y).
    pub fn curve(name: impl Into<String>, points: impl Into<Vec<(f64, f64)>>) -> Self {
        Series::new(name, Shape::Curve(points.into()))
    }

    /// A broad pale line through points (x, y), to lie under others.
    pub fn ground(name: impl Into<String>, points: impl Into<Vec<(f64, f64)>>) -> Self {
        Series::new(name, Shape::Ground(points.into()))
    }

    /// An area between low and high: (x, low, high).
    pub fn band(name: impl Into<String>, edges: impl Into<Vec<(f64, f64, f64)>>) -> Self {
        Series::new(name, Shape::Band { edges: edges.into(), strength: 0.25 })
    }

    /// A series of any shape.
    pub fn new(name: impl Into<String>, shape: Shape) -> Self {
        Series { name: name.into(), shape, colour: Colour::Own }
    }

    /// The same series in colour number `colour`.
    pub fn coloured(mut self, colour: usize) -> Self {
        self.colour = Colour::Number(colour);
        self
    }

    /// The same series in the colour of text.
    pub fn in_ink(mut self) -> Self {
        self.colour = Colour::Ink;
        self
    }

    /// All its points (x, y), the edges of a band one after the other.
    pub(super) fn corners(&self) -> Vec<(f64, f64)> {
        match &self.shape {
            Shape::Line(points)
            | Shape::Curve(points)
            | Shape::Dashed(points)
            | Shape::Ground(points)
            | Shape::Points(points)
            | Shape::Rings(points)
            | Shape::Dots(points) => points.clone(),
            Shape::Band { edges, .. } => edges.iter().flat_map(|&(x, low, high)| [(x, low), (x, high)]).collect(),
        }
    }
}

impl Chart {
    /// A chart without series.
    pub fn new(title: impl Into<String>, x: Axis, y: Axis) -> Self {
        Chart { title: title.into(), x, y, ..Chart::default() }
    }

    /// The same chart with one more series on top.
    pub fn with(mut self, series: Series) -> Self {
        self.series.push(series);
        self
    }

    /// Makes the vertical axis logarithmic where the largest number is more than fifty times the smallest positive one.
    pub fn log_where_wide(&mut self) {
        let values = self.series.iter().flat_map(Series::corners).map(|p| p.1).filter(|v| v.is_finite() && *v > 0.0);
        let (least, most) = values.fold((f64::INFINITY, 0.0f64), |(least, most), v| (least.min(v), most.max(v)));
        if most > 50.0 * least {
            self.y.scale = Scale::Log;
        }
    }

    /// The chart as an SVG document of `size` (width, height) in pixels.
    pub fn svg(&self, size: (u32, u32), theme: Theme) -> Result<String, PlotError> {
        render::document(size, theme, &self.title, &self.describe(), |canvas, area| {
            render::chart(self, canvas, area, render::TITLE)
        })
    }

    /// The text twin of the picture: what it shows, in sentences.
    pub fn describe(&self) -> String {
        let mut text = String::new();
        for part in [&self.title, &self.subtitle] {
            if !part.is_empty() {
                let _ = write!(text, "{}. ", part.trim_end_matches('.'));
            }
        }
        let _ = write!(text, "{} against {}.", or(&self.y.label, "y"), or(&self.x.label, "x"));
        for series in self.series.iter().filter(|s| !s.name.is_empty()) {
            let name = &series.name;
            let shown: Vec<(f64, f64)> =
                series.corners().into_iter().filter(|p| self.x.shows(p.0) && self.y.shows(p.1)).collect();
            let Some((first, last)) = shown.first().zip(shown.last()) else {
                let _ = write!(text, " {name}: no points.");
                continue;
            };
            let (low, high) = shown.iter().fold((first.1, first.1), |(l, h), p| (l.min(p.1), h.max(p.1)));
            let n = |value| number(value);
            let _ = match &series.shape {
                Shape::Line(_) | Shape::Curve(_) | Shape::Dashed(_) | Shape::Ground(_) => write!(
                    text,
                    " {name}: from {} at {} to {} at {}, lowest {}, highest {}.",
                    n(first.1),
                    n(first.0),
                    n(last.1),
                    n(last.0),
                    n(low),
                    n(high)
                ),
                _ => write!(text, " {name}: {} points between {} and {}.", shown.len(), n(low), n(high)),
            };
        }
        for mark in self.marks.iter().filter(|mark| !mark.label.is_empty()) {
            let _ = write!(text, " {} at {}.", mark.label, number(mark.x));
        }
        text
    }
}

fn or<'a>(text: &'a str, otherwise: &'a str) -> &'a str {
    if text.is_empty() { otherwise } else { text }
}

/// A number with four significant digits.
fn number(value: f64) -> String {
    number::typeset(&number::number(value, 4))
}
