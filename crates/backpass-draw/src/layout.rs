//! Where everything stands: boxes of nodes, paths of edges, places of labels, frames.

mod columns;
mod frames;
mod graph;
mod sketch;

use backpass::view::View;

use crate::svg::SvgOptions;
pub(crate) use sketch::{NodeSketch, Outline, Style, Text};

/// The direction in which values flow.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Direction {
    /// Left to right.
    #[default]
    Right,
    /// Top to bottom.
    Down,
}

impl Direction {
    /// All directions with their names.
    pub const NAMES: [(&'static str, Direction); 2] = [("right", Direction::Right), ("down", Direction::Down)];
}

/// A place in the picture.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Point {
    pub x: f64,
    pub y: f64,
}

/// The place so far along the flow and so far across it.
fn point(along: f64, across: f64, flow: Direction) -> Point {
    match flow {
        Direction::Right => Point { x: along, y: across },
        Direction::Down => Point { x: across, y: along },
    }
}

/// A rectangle of the picture.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Rect {
    pub x: f64,
    pub y: f64,
    pub w: f64,
    pub h: f64,
}

impl Rect {
    pub fn centred(x: f64, y: f64, w: f64, h: f64) -> Self {
        Rect { x: x - w / 2.0, y: y - h / 2.0, w, h }
    }

    pub fn centre(&self) -> Point {
        Point { x: self.x + self.w / 2.0, y: self.y + self.h / 2.0 }
    }

    pub fn right(&self) -> f64 {
        self.x + self.w
    }

    pub fn bottom(&self) -> f64 {
        self.y + self.h
    }

    pub fn overlaps(&self, other: &Rect) -> bool {
        self.x < other.right() && other.x < self.right() && self.y < other.bottom() && other.y < self.bottom()
    }

    pub fn union(&self, other: &Rect) -> Rect {
        let (x, y) = (self.x.min(other.x), self.y.min(other.y));
        Rect { x, y, w: self.right().max(other.right()) - x, h: self.bottom().max(other.bottom()) - y }
    }

    pub fn grown(&self, by: f64) -> Rect {
        Rect { x: self.x - by, y: self.y - by, w: self.w + 2.0 * by, h: self.h + 2.0 * by }
    }

    /// Whether the straight line from `a` to `b` passes through (Liang and Barsky 1984).
    pub fn crossed(&self, a: Point, b: Point) -> bool {
        let (mut enter, mut leave) = (0.0f64, 1.0f64);
        for (start, step, low, high) in
            [(a.x, b.x - a.x, self.x, self.right()), (a.y, b.y - a.y, self.y, self.bottom())]
        {
            if step == 0.0 {
                if start <= low || start >= high {
                    return false;
                }
            } else {
                let (t, u) = ((low - start) / step, (high - start) / step);
                enter = enter.max(t.min(u));
                leave = leave.min(t.max(u));
            }
        }
        enter < leave
    }

    fn shift(&mut self, dx: f64, dy: f64) {
        self.x += dx;
        self.y += dy;
    }
}

/// A piece of text in its box.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Label {
    pub text: Text,
    pub rect: Rect,
}

/// A node in its place.
#[derive(Clone, Debug)]
pub(crate) struct Placed {
    /// The box of its shape.
    pub shape: Rect,
    /// What stands beside the shape.
    pub captions: Vec<Label>,
}

impl Placed {
    /// The box of shape and captions.
    pub fn extent(&self) -> Rect {
        self.captions.iter().fold(self.shape, |all, label| all.union(&label.rect))
    }
}

/// A piece of a path.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Piece {
    Line(Point),
    /// A curve that leaves and arrives along the direction of flow.
    Curve(Point),
}

impl Piece {
    pub fn end(&self) -> Point {
        let (Piece::Line(end) | Piece::Curve(end)) = *self;
        end
    }

    fn end_mut(&mut self) -> &mut Point {
        let (Piece::Line(end) | Piece::Curve(end)) = self;
        end
    }
}

/// What a path stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Link {
    /// An edge, an index.
    Edge(usize),
    /// The result of a node, an index, leaving the picture.
    Result(usize),
}

/// A path with its labels.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub link: Link,
    pub start: Point,
    pub pieces: Vec<Piece>,
    pub labels: Vec<Label>,
}

/// A frame around a group.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub group: usize,
    pub rect: Rect,
    pub title: Label,
}

/// A picture, ready to be written.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub w: f64,
    pub h: f64,
    pub sketches: Vec<NodeSketch>,
    pub nodes: Vec<Placed>,
    pub routes: Vec<Route>,
    pub frames: Vec<Frame>,
    /// Whether edges are straight lines between the columns of a network.
    pub columns: bool,
}

/// The space between the picture and its border.
const MARGIN: f64 = 16.0;

/// Lays out a view.
pub(crate) fn layout(view: &View, options: &SvgOptions) -> Layout {
    let columns = view.nodes.iter().any(|node| node.column.is_some());
    let sketches = sketch::nodes(view, options, columns);
    let (nodes, routes) = match columns {
        true => columns::place(view, &sketches, options),
        false => graph::place(view, &sketches, options),
    };
    let frames = frames::around(view, &nodes, &routes, options.direction);
    let mut layout = Layout { w: 0.0, h: 0.0, sketches, nodes, routes, frames, columns };
    layout.fit();
    layout
}

impl Layout {
    /// All labels.
    pub fn labels(&self) -> impl Iterator<Item = &Label> {
        self.nodes.iter().flat_map(|n| &n.captions).chain(self.routes.iter().flat_map(|r| &r.labels))
    }

    /// Moves the picture so that it begins at the margin, and takes its size.
    fn fit(&mut self) {
        let ends = self.routes.iter().flat_map(|r| r.pieces.iter().map(|p| p.end()).chain([r.start]));
        let boxes = (self.nodes.iter().map(Placed::extent))
            .chain(self.labels().map(|l| l.rect))
            .chain(self.frames.iter().map(|f| f.rect))
            .chain(ends.map(|p| Rect { x: p.x, y: p.y, w: 0.0, h: 0.0 }));
        let all = boxes.reduce(|a, b| a.union(&b)).unwrap_or(Rect { x: 0.0, y: 0.0, w: 0.0, h: 0.0 }).grown(MARGIN);
        let (dx, dy) = (-all.x, -all.y);
        for node in &mut self.nodes {
            node.shape.shift(dx, dy);
            node.captions.iter_mut().for_each(|label| label.rect.shift(dx, dy));
        }
        for route in &mut self.routes {
            for end in route.pieces.iter_mut().map(Piece::end_mut).chain([&mut route.start]) {
                end.x += dx;
                end.y += dy;
            }
            route.labels.iter_mut().for_each(|label| label.rect.shift(dx, dy));
        }
        for frame in &mut self.frames {
            frame.rect.shift(dx, dy);
            frame.title.rect.shift(dx, dy);
        }
        (self.w, self.h) = (all.w, all.h);
    }
}

#[cfg(test)]
mod tests;
