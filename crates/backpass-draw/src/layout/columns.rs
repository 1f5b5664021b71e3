//! A network in columns: neurons evenly spaced, linked by straight lines from column to column.

use backpass::view::{Role, View, ViewEdge};

use super::sketch::{self, MOST_DETAILED, NodeSketch, Text, Wording};
use super::{Direction, Label, Link, Piece, Placed, Point, Rect, Route, graph, point};
use crate::svg::SvgOptions;

/// The space between neurons of a column.
const SPACE: f64 = 14.0;
/// The gap between columns: at least, more for each edge that crosses it, and at most.
const GAP: f64 = 70.0;
const GAP_PER_EDGE: f64 = 2.5;
const WIDEST: f64 = 400.0;
/// Labels keep this far from neurons, so that a frame has room.
const FRAME: f64 = 12.0;
/// What is tried to stand on the edges, and the least gap for it: all edges say the same, or as many as have room.
const LABELLED: [(Wording, f64); 6] = [
    (Wording::Both, 190.0),
    (Wording::Both, 280.0),
    (Wording::Product, 180.0),
    (Wording::Product, 280.0),
    (Wording::Product, 380.0),
    (Wording::Weight, 180.0),
];
/// Where along an edge its label may stand, in percent: near the start first.
const PLACES: [u8; 23] = [30, 27, 33, 24, 36, 21, 39, 18, 42, 45, 48, 51, 54, 57, 60, 63, 66, 69, 72, 75, 78, 81, 84];

/// Places nodes and routes.
pub(super) fn place(view: &View, sketches: &[NodeSketch], options: &SvgOptions) -> (Vec<Placed>, Vec<Route>) {
    if view.edges.len() > MOST_DETAILED || !view.edges.iter().any(is_weighted) {
        return place_with(view, sketches, None, GAP, options);
    }
    let all = |routes: &[Route]| {
        routes.iter().zip(&view.edges).all(|(route, edge)| !route.labels.is_empty() || !is_weighted(edge))
    };
    let mut placed = (Vec::new(), Vec::new());
    for (wording, gap) in LABELLED {
        placed = place_with(view, sketches, Some(wording), gap, options);
        if all(&placed.1) {
            break;
        }
    }
    placed
}

/// Whether there is something to write on an edge.
fn is_weighted(edge: &ViewEdge) -> bool {
    edge.weight.is_some() || !edge.weight_name.is_empty()
}

fn place_with(
    view: &View,
    sketches: &[NodeSketch],
    wording: Option<Wording>,
    least: f64,
    options: &SvgOptions,
) -> (Vec<Placed>, Vec<Route>) {
    let flow = options.direction;
    let columns = columns(view);
    let count = columns.iter().max().map_or(0, |last| last + 1);
    let space = sketches.iter().map(|sketch| size(sketch, flow).1).fold(0.0, f64::max) + SPACE;
    let mut nodes = vec![None; sketches.len()];
    let mut bands = Vec::with_capacity(count);
    let mut start = 0.0;
    for column in 0..count {
        let members: Vec<usize> = (0..sketches.len()).filter(|&node| columns[node] == column).collect();
        let widest = |linked: bool| {
            let members = members.iter().filter(|&&node| !linked || view.nodes[node].role != Role::More);
            members.map(|&node| size(&sketches[node], flow).0).fold(0.0, f64::max)
        };
        let end = start + widest(false);
        for (place, &index) in members.iter().enumerate() {
            let across = (place as f64 - (members.len() as f64 - 1.0) / 2.0) * space;
            nodes[index] = Some(graph::node(&sketches[index], (start + end) / 2.0, across, flow));
        }
        let middle = (start + end) / 2.0;
        bands.push((middle - widest(true) / 2.0, middle + widest(true) / 2.0));
        let leaving: Vec<&ViewEdge> = view.edges.iter().filter(|edge| columns[edge.from] == column).collect();
        let least = if leaving.iter().any(|edge| is_weighted(edge)) { least } else { GAP };
        start = end + (least + GAP_PER_EDGE * leaving.len() as f64).min(WIDEST);
    }
    let nodes: Vec<Placed> = nodes.into_iter().flatten().collect();
    let lines: Vec<[Point; 4]> = view.edges.iter().map(|edge| line(edge, &nodes, &columns, &bands, flow)).collect();
    let labels = match wording {
        Some(wording) => labels(view, &nodes, &lines, wording, options),
        None => vec![Vec::new(); lines.len()],
    };
    let routes = (lines.into_iter().zip(labels).enumerate())
        .map(|(index, ([start, rest @ ..], labels))| Route {
            link: Link::Edge(index),
            start,
            pieces: rest.map(Piece::Line).into(),
            labels,
        })
        .collect();
    (nodes, routes)
}

/// The column of every node; those without one stand behind what they take.
fn columns(view: &View) -> Vec<usize> {
    let mut columns: Vec<usize> = view.nodes.iter().map(|node| node.column.unwrap_or_default()).collect();
    for edge in &view.edges {
        if view.nodes[edge.to].column.is_none() {
            columns[edge.to] = columns[edge.to].max(columns[edge.from] + 1);
        }
    }
    // Empty columns are not drawn.
    let mut used = columns.clone();
    used.sort_unstable();
    used.dedup();
    columns.iter().map(|column| used.partition_point(|u| u < column)).collect()
}

/// The sizes along and across the flow of a node with its captions.
fn size(sketch: &NodeSketch, flow: Direction) -> (f64, f64) {
    let widest = sketch.captions.iter().map(Text::width).fold(0.0, f64::max);
    let height = sketch.captions.iter().map(Text::height).sum::<f64>();
    match flow {
        Direction::Right => (sketch.w.max(widest), sketch.h + height),
        Direction::Down => (sketch.h.max(height), sketch.w + widest + 2.0 * SPACE),
    }
}

/// From the border of a neuron out of its column, to the next one, and in: so no line crosses what stands in a column.
fn line(edge: &ViewEdge, nodes: &[Placed], columns: &[usize], bands: &[(f64, f64)], flow: Direction) -> [Point; 4] {
    let (from, to) = (nodes[edge.from].shape, nodes[edge.to].shape);
    let (out, into) = (bands[columns[edge.from]].1, bands[columns[edge.to]].0);
    let (a, b) = (from.centre(), to.centre());
    match flow {
        Direction::Right => [(from.right(), a.y), (out, a.y), (into, b.y), (to.x, b.y)],
        Direction::Down => [(from.bottom(), a.x), (out, a.x), (into, b.x), (to.y, b.x)],
    }
    .map(|(along, across)| point(along, across, flow))
}

/// Labels for each edge that has a place where they touch no other line and no other label.
fn labels(
    view: &View,
    nodes: &[Placed],
    lines: &[[Point; 4]],
    wording: Wording,
    options: &SvgOptions,
) -> Vec<Vec<Label>> {
    let mut taken: Vec<Rect> = nodes.iter().map(|node| node.extent().grown(FRAME)).collect();
    let place = |(index, edge): (usize, &ViewEdge)| {
        let [_, a, b, _] = lines[index];
        let texts = sketch::weight(edge, wording, options);
        let (w, h) = texts.iter().fold((0.0f64, 0.0), |(w, h), text| (w.max(text.width() + 6.0), h + text.height()));
        let room = |t: f64| Rect::centred(a.x + (b.x - a.x) * t, a.y + (b.y - a.y) * t, w, h);
        let free = |room: &Rect| {
            let crossed = |line: &[Point; 4]| line.windows(2).any(|part| room.crossed(part[0], part[1]));
            !taken.iter().any(|other| other.overlaps(room))
                && !lines.iter().enumerate().any(|(other, line)| other != index && crossed(line))
        };
        let places = PLACES.map(|percent| room(f64::from(percent) / 100.0));
        let Some(room) = places.into_iter().find(|room| !texts.is_empty() && free(room)) else {
            return Vec::new();
        };
        taken.push(room);
        let mut y = room.y;
        let label = |text: Text| {
            let rect = Rect { y, h: text.height(), ..room };
            y += text.height();
            Label { text, rect }
        };
        texts.into_iter().map(label).collect()
    };
    view.edges.iter().enumerate().map(place).collect()
}
