//! Drawing charts with plotters.
//!
//! The library counts in whole pixels; every length here is ten times as large and the document is scaled back, so that
//! curves stay smooth.

use std::fmt::Write as _;

use plotters::chart::{ChartBuilder, ChartContext};
use plotters::coord::Shift;
use plotters::coord::cartesian::Cartesian2d;
use plotters::element::{DashedPathElement, Rectangle};
use plotters::prelude::{DrawingArea, IntoDrawingArea, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontDesc, FontFamily, FontStyle, ShapeStyle, TRANSPARENT, TextStyle};

use backpass::view::Grid;

use super::axis::Coordinate;
use super::chart::{Chart, Mark, Series, Shape};
use super::key;
use super::paint::{self, Paint, Paints};
use super::sheet::Sheet;
use super::{MOST_PIXELS, PlotError};
use crate::Theme;
use crate::font::{self, BOLD, FAMILY};
use crate::svg::escape;

/// Units of the drawing per pixel.
pub(super) const FINE: i32 = 10;
/// Font sizes in pixels, and the distance of lines in font sizes.
pub(super) const TITLE: f64 = 15.0;
pub(super) const TEXT: f64 = 11.5;
pub(super) const LINE: f64 = 1.35;
/// The space around a chart, in units of the drawing.
const MARGIN: i32 = 10 * FINE;
/// The least length of an axis, in units of the drawing.
const LEAST: i32 = 40 * FINE;

pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub(super) type Context<'a> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<Coordinate, Coordinate>>;
pub(super) type Drawn<T = ()> = Result<T, PlotError>;

/// What is common to everything in one document.
pub(super) struct Canvas {
    pub paints: Paints,
    size: (u32, u32),
}

pub(super) fn failed(error: impl std::fmt::Display) -> PlotError {
    PlotError::Backend(error.to_string())
}

/// An SVG document around what `draw` puts into it.
pub(super) fn document(
    size: (u32, u32),
    theme: Theme,
    title: &str,
    description: &str,
    draw: impl FnOnce(&Canvas, &Area<'_>) -> Drawn,
) -> Drawn<String> {
    let (width, height) = size;
    if width.max(height) > MOST_PIXELS {
        return Err(PlotError::TooLarge { width, height });
    }
    let canvas = Canvas { paints: Paints::new(theme), size };
    let fine = (width * FINE as u32, height * FINE as u32);
    let mut body = String::new();
    {
        let root = SVGBackend::with_string(&mut body, fine).into_drawing_area();
        root.fill(&canvas.paints.colour(paint::BACKGROUND)).map_err(failed)?;
        draw(&canvas, &root)?;
        root.present().map_err(failed)?;
    }
    let inside = body.split_once('\n').map_or("", |(_, rest)| rest);
    // What every element would repeat stands once at the root. Quotes in texts are escaped, so only attributes match.
    let family = format!(" font-family=\"{}\"", FAMILY.replace('\'', "&apos;"));
    let inside = inside.replace(" opacity=\"1\"", "").replace(&family, "");
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"plot\" role=\"img\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {} {}\"{family}>\n",
        fine.0, fine.1
    );
    let _ = writeln!(text, "<title>{}</title>\n<desc>{}</desc>", escape(title), escape(description));
    text += &canvas.paints.style();
    text += &inside;
    Ok(text)
}

/// Several charts in a grid.
pub(super) fn sheet(sheet: &Sheet, canvas: &Canvas, area: &Area<'_>) -> Drawn {
    let top = canvas.header(area, &sheet.title, &sheet.subtitle, TITLE * 1.15)?;
    let (_, below) = area.split_vertically(top);
    let panels = below.split_evenly((sheet.rows().max(1), sheet.columns.max(1)));
    sheet.charts.iter().zip(panels).try_for_each(|(one, panel)| chart(one, canvas, &panel, TITLE * 0.85))
}

/// One chart, filling the area.
pub(super) fn chart(chart: &Chart, canvas: &Canvas, area: &Area<'_>, title: f64) -> Drawn {
    let corners: Vec<(f64, f64)> = chart.series.iter().flat_map(Series::corners).collect();
    let shown = || corners.iter().filter(|p| chart.x.shows(p.0) && chart.y.shows(p.1));
    let grids = || chart.shades.iter().map(|shade| &shade.grid);
    let free = match () {
        () if !chart.shades.is_empty() => (0.0, 0.0),
        () if chart.series.iter().any(|s| matches!(s.shape, Shape::Points(_))) => (0.04, 0.05),
        () => (0.0, 0.05),
    };
    let across =
        shown().map(|p| p.0).chain(chart.marks.iter().map(|m| m.x)).chain(grids().flat_map(|g| [g.x.0, g.x.1]));
    let mut x = chart.x.coordinate(across, free.0)?;
    let mut y = chart.y.coordinate(shown().map(|p| p.1).chain(grids().flat_map(|g| [g.y.0, g.y.1])), free.1)?;
    let mut frame = Frame::of(chart, canvas, area, x, y, title)?;
    if chart.equal_units {
        // Labels of a longer axis may be wider.
        let longer = frame.filled(chart, x, y).1;
        frame = Frame::of(chart, canvas, area, x, longer, title)?;
        (x, y) = frame.filled(chart, x, y);
        frame.fit(x, y);
    }
    let mut context = frame.context(area, x, y)?;
    canvas.mesh(chart, &frame, &mut context)?;
    chart.shades.iter().try_for_each(|shade| canvas.shade(shade, &mut context, x, y))?;
    canvas.marks(chart, &frame, area, x)?;
    for (index, series) in chart.series.iter().enumerate() {
        canvas.series(series, index, &mut context, x, y)?;
    }
    if shown().next().is_none() && chart.shades.is_empty() {
        let middle = (frame.left + frame.width / 2, frame.top + frame.height / 2);
        canvas.text(area, "no data", middle, TEXT, paint::MUTED, (HPos::Center, VPos::Center))?;
    }
    canvas.key(chart, &frame, area, y)
}

/// Where the parts of a chart lie in its area, in units of the drawing.
pub(super) struct Frame {
    /// The plot between its axes.
    pub left: i32,
    pub top: i32,
    pub width: i32,
    pub height: i32,
    /// The width of the key beside it.
    pub key: i32,
    /// What is free to the right and below.
    right: i32,
    bottom: i32,
    /// About how many ticks the vertical axis has.
    y_ticks: usize,
    mark_rows: Vec<usize>,
}

impl Frame {
    fn of(chart: &Chart, canvas: &Canvas, area: &Area<'_>, x: Coordinate, y: Coordinate, title: f64) -> Drawn<Frame> {
        let (whole_width, whole_height) = area.dim_in_pixel();
        let (whole_width, whole_height) = (whole_width as i32, whole_height as i32);
        let header = canvas.header(area, &chart.title, &chart.subtitle, title)?;
        let bottom = px(TEXT * LINE) + MARGIN + 3 * FINE + if chart.x.label.is_empty() { 0 } else { px(TEXT * LINE) };
        let right = key::width(chart, whole_width * 2 / 5);
        let rows = (whole_height - header - bottom).max(0);
        let y_ticks = (rows / (42 * FINE)).clamp(3, 10) as usize;
        let labels = y.labels(&y.ticks(y_ticks));
        let label_width = labels.iter().map(|l| text_width(l, TEXT)).fold(0, i32::max);
        let named = if chart.y.label.is_empty() { 0 } else { px(TEXT * LINE) };
        let left = MARGIN + named + label_width + 10 * FINE;
        let width = whole_width - left - right;
        // A mark's word stands above the plot; words that would touch go to different rows.
        let mut ends: Vec<i32> = Vec::new();
        let mut mark_rows = Vec::new();
        for mark in &chart.marks {
            if mark.label.is_empty() {
                mark_rows.push(0);
                continue;
            }
            let (from, to) = mark_extent(x, left, width.max(0), mark.x, &mark.label);
            let row = ends.iter().position(|&end| end + 8 * FINE < from).unwrap_or(ends.len());
            if row == ends.len() {
                ends.push(to)
            } else {
                ends[row] = to
            }
            mark_rows.push(row);
        }
        let top = header + 8 * FINE + ends.len() as i32 * px(TEXT * LINE);
        let height = whole_height - top - bottom;
        if width < LEAST || height < LEAST {
            let lacking = |have: i32| ((LEAST - have).max(0) as u32).div_ceil(FINE as u32);
            let (w, h) = canvas.size;
            return Err(PlotError::TooSmall {
                width: w,
                height: h,
                least_width: w + lacking(width) * w * FINE as u32 / whole_width.max(1) as u32,
                least_height: h + lacking(height) * h * FINE as u32 / whole_height.max(1) as u32,
            });
        }
        Ok(Frame { left, top, width, height, key: right, right, bottom, y_ticks, mark_rows })
    }

    /// Pixels per unit when both axes have the same.
    fn unit(&self, x: Coordinate, y: Coordinate) -> f64 {
        (f64::from(self.width) / (x.high - x.low)).min(f64::from(self.height) / (y.high - y.low))
    }

    /// The axes with units of equal length: the one with room to spare grows at both ends, as far as shades reach.
    fn filled(&self, chart: &Chart, x: Coordinate, y: Coordinate) -> (Coordinate, Coordinate) {
        let unit = self.unit(x, y);
        let grown = |axis: Coordinate, pixels: i32, side: fn(&Grid) -> (f64, f64)| {
            let more = (0.5 * (f64::from(pixels) / unit - (axis.high - axis.low))).max(0.0);
            let shades = chart.shades.iter().map(|shade| side(&shade.grid));
            let (low, high) = shades.fold((axis.low - more, axis.high + more), |(l, h), s| (l.max(s.0), h.min(s.1)));
            Coordinate { low: low.min(axis.low), high: high.max(axis.high), ..axis }
        };
        (grown(x, self.width, |grid| grid.x), grown(y, self.height, |grid| grid.y))
    }

    /// Gives up the room that axes with units of equal length leave.
    fn fit(&mut self, x: Coordinate, y: Coordinate) {
        let unit = self.unit(x, y);
        let (width, height) = (unit * (x.high - x.low), unit * (y.high - y.low));
        let [width, height] = [width, height].map(|length| (length.round() as i32).max(LEAST));
        self.right += self.width - width;
        self.bottom += self.height - height;
        (self.width, self.height) = (width, height);
    }

    fn context<'a>(&self, area: &Area<'a>, x: Coordinate, y: Coordinate) -> Drawn<Context<'a>> {
        let below = px(TEXT * LINE * 2.0) + 9 * FINE;
        let below = below.min(self.bottom);
        ChartBuilder::on(area)
            .margin_top(self.top)
            .margin_right(self.right)
            .margin_left(MARGIN)
            .margin_bottom(self.bottom - below)
            .x_label_area_size(below)
            .y_label_area_size(self.left - MARGIN)
            .build_cartesian_2d(x, y)
            .map_err(failed)
    }
}

impl Canvas {
    /// Title and subtitle at the top of an area; returns the height they take.
    fn header(&self, area: &Area<'_>, title: &str, subtitle: &str, title_size: f64) -> Drawn<i32> {
        let width = area.dim_in_pixel().0 as i32 - 2 * MARGIN;
        let mut top = MARGIN;
        for (text, size, colour, bold) in [(title, title_size, paint::INK, true), (subtitle, TEXT, paint::MUTED, false)]
        {
            for line in font::wrapped(text, size * if bold { BOLD } else { 1.0 }, f64::from(width) / f64::from(FINE)) {
                let style = self.style(size, colour, bold).pos(Pos::new(HPos::Left, VPos::Top));
                area.draw_text(&line, &style, (MARGIN, top)).map_err(failed)?;
                top += px(size * LINE);
            }
        }
        Ok(top)
    }

    fn style(&self, size: f64, paint: Paint, bold: bool) -> TextStyle<'static> {
        let weight = if bold { FontStyle::Bold } else { FontStyle::Normal };
        // The backend divides font sizes by 1.24.
        let font = FontDesc::new(FontFamily::Name(FAMILY), size * f64::from(FINE) * 1.24, weight);
        font.color(&self.paints.colour(paint))
    }

    pub fn text(
        &self,
        area: &Area<'_>,
        text: &str,
        at: (i32, i32),
        size: f64,
        paint: Paint,
        anchor: (HPos, VPos),
    ) -> Drawn {
        let style = self.style(size, paint, false).pos(Pos::new(anchor.0, anchor.1));
        area.draw_text(text, &style, at).map_err(failed)
    }

    pub fn line(&self, paint: Paint, width: f64) -> ShapeStyle {
        self.paints.colour(paint).stroke_width(px(width) as u32)
    }

    fn mesh(&self, chart: &Chart, frame: &Frame, context: &mut Context<'_>) -> Drawn {
        let label = |coordinate: Coordinate, most: usize| {
            move |value: &f64| {
                let ticks = coordinate.ticks(most);
                let at = ticks.iter().position(|tick| tick == value);
                at.map_or(String::new(), |at| coordinate.labels(&ticks).swap_remove(at))
            }
        };
        let (x, y) = {
            let spec = context.as_coord_spec();
            (*spec.x_spec(), *spec.y_spec())
        };
        let x_ticks = (frame.width / (58 * FINE)).clamp(3, 10) as usize;
        let (x_label, y_label) = (label(x, x_ticks), label(y, frame.y_ticks));
        let mut mesh = context.configure_mesh();
        mesh.light_line_style(TRANSPARENT)
            .bold_line_style(self.line(paint::AXIS.tint(paint::GRID), 1.0))
            .axis_style(self.line(paint::AXIS, 1.0))
            .set_all_tick_mark_size(3 * FINE)
            .label_style(self.style(TEXT, paint::MUTED, false))
            .axis_desc_style(self.style(TEXT, paint::INK, false))
            .x_labels(x_ticks)
            .y_labels(frame.y_ticks)
            .x_label_formatter(&x_label)
            .y_label_formatter(&y_label);
        if !chart.x.label.is_empty() {
            mesh.x_desc(&chart.x.label);
        }
        if !chart.y.label.is_empty() {
            mesh.y_desc(&chart.y.label);
        }
        mesh.draw().map_err(failed)
    }

    fn marks(&self, chart: &Chart, frame: &Frame, area: &Area<'_>, x: Coordinate) -> Drawn {
        let rows = frame.mark_rows.iter().max().map_or(0, |&row| row as i32 + 1);
        let line = px(TEXT * LINE);
        let marks = || {
            let inside =
                chart.marks.iter().zip(&frame.mark_rows).filter(|(mark, _)| (x.low..=x.high).contains(&mark.x));
            let lines = |mark: &Mark, row: usize| if mark.label.is_empty() { 1 } else { rows - row as i32 };
            inside.map(move |(mark, &row)| (mark, frame.top - lines(mark, row) * line))
        };
        for (mark, top) in marks() {
            let at = frame.left + (x.unit(mark.x) * f64::from(frame.width)) as i32;
            let ends = [(at, top + line), (at, frame.top + frame.height)];
            let dashes = DashedPathElement::new(ends, 4 * FINE, 3 * FINE, self.line(paint::MUTED, 1.0));
            area.draw(&dashes).map_err(failed)?;
        }
        for (mark, top) in marks().filter(|(mark, _)| !mark.label.is_empty()) {
            let (from, to) = mark_extent(x, frame.left, frame.width, mark.x, &mark.label);
            let page = self.paints.colour(paint::BACKGROUND).filled();
            area.draw(&Rectangle::new([(from - 2 * FINE, top), (to + 2 * FINE, top + line)], page)).map_err(failed)?;
            self.text(area, &mark.label, ((from + to) / 2, top), TEXT, paint::INK, (HPos::Center, VPos::Top))?;
        }
        Ok(())
    }
}

pub(super) fn px(pixels: f64) -> i32 {
    (pixels * f64::from(FINE)).round() as i32
}

/// From where to where the word of a mark reaches, kept beside the plot's own extent.
fn mark_extent(x: Coordinate, left: i32, width: i32, at: f64, label: &str) -> (i32, i32) {
    let middle = left + (x.unit(at) * f64::from(width)) as i32;
    let half = text_width(label, TEXT) / 2;
    let middle = middle.clamp(left + half.min(width / 2), left + width - half.min(width / 2));
    (middle - half, middle + half)
}

/// The width of a text in units of the drawing.
pub(super) fn text_width(text: &str, size: f64) -> i32 {
    px(font::width(text, size))
}

/// A text cut to a width in units of the drawing.
pub(super) fn shortened(text: &str, size: f64, width: i32) -> String {
    // Widths are rounded, so a text may exceed its own by half a unit.
    font::shortened(text, size, f64::from(width + 1) / f64::from(FINE))
}
