//! A network in columns: neurons evenly spaced, linked by straight lines from column to column.

use backpass::view::{Role, View, ViewEdge};

use super::sketch::{self, NodeSketch, Text};
use super::{Direction, Label, Link, Piece, Placed, Point, Rect, Route, graph, point};
use crate::svg::SvgOptions;

/// The space between neurons of a column.
const SPACE: f64 = 14.0;
/// The gap between columns: at least, more for each edge that crosses it, and at most.
const GAP: f64 = 70.0;
const GAP_PER_EDGE: f64 = 2.5;
const GAP_WITH_LABELS: f64 = 180.0;
const WIDEST: f64 = 320.0;
/// Labels keep this far from neurons, so that a frame has room.
const FRAME: f64 = 12.0;
/// With more edges no label is even tried.
const MOST_LABELLED: usize = 80;
/// Where along an edge its label may stand: near the start first.
const PLACES: [f64; 12] = [0.3, 0.25, 0.35, 0.2, 0.4, 0.45, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85];

/// Places nodes and routes.
pub(super) fn place(view: &View, sketches: &[NodeSketch], options: &SvgOptions) -> (Vec<Placed>, Vec<Route>) {
    let flow = options.direction;
    let columns = columns(view);
    let count = columns.iter().max().map_or(0, |last| last + 1);
    let labelled = view.edges.len() <= MOST_LABELLED && view.edges.iter().any(|edge| edge.weight.is_some());
    let least = if labelled { GAP_WITH_LABELS } else { GAP };
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
        let leaving = view.edges.iter().filter(|edge| columns[edge.from] == column).count();
        start = end + (least + GAP_PER_EDGE * leaving as f64).min(WIDEST);
    }
    let nodes: Vec<Placed> = nodes.into_iter().flatten().collect();
    let lines: Vec<[Point; 4]> = view.edges.iter().map(|edge| line(edge, &nodes, &columns, &bands, flow)).collect();
    let labels = if labelled { labels(view, &nodes, &lines, options) } else { vec![None; lines.len()] };
    let routes = (lines.into_iter().zip(labels).enumerate())
        .map(|(index, ([start, rest @ ..], label))| Route {
            link: Link::Edge(index),
            start,
            pieces: rest.map(Piece::Line).into(),
            labels: label.into_iter().collect(),
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

/// A label for each edge that has a place where it touches no other line and no other label.
fn labels(view: &View, nodes: &[Placed], lines: &[[Point; 4]], options: &SvgOptions) -> Vec<Option<Label>> {
    let mut taken: Vec<Rect> = nodes.iter().map(|node| node.extent().grown(FRAME)).collect();
    let place = |(index, edge): (usize, &ViewEdge)| {
        let [_, a, b, _] = lines[index];
        let texts = sketch::weight(edge, options);
        let places = texts.iter().flat_map(|text| PLACES.map(|t| (text, t)));
        let label = |(text, t): (&Text, f64)| {
            let rect = Rect::centred(a.x + (b.x - a.x) * t, a.y + (b.y - a.y) * t, text.width() + 6.0, text.height());
            Label { text: text.clone(), rect }
        };
        let free = |label: &Label| {
            let crossed = |line: &[Point; 4]| line.windows(2).any(|part| label.rect.crossed(part[0], part[1]));
            !taken.iter().any(|other| other.overlaps(&label.rect))
                && !lines.iter().enumerate().any(|(other, line)| other != index && crossed(line))
        };
        let label = places.map(label).find(free);
        taken.extend(label.iter().map(|label| label.rect));
        label
    };
    view.edges.iter().enumerate().map(place).collect()
}
