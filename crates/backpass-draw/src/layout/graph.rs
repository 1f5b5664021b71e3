//! A computational graph in layers. The order within layers and the distances across the flow come from dagre (after
//! Gansner, Koutsofios, North and Vo 1993; Brandes and Köpf 2001).
//!
//! Every box, of a node or of a label, stands in a column. Inside a column edges run straight along the flow, each in a
//! lane of its own; they bend only in the gaps between columns, where there are no boxes. So no edge crosses a node or
//! the label of another edge.

use backpass::view::{View, ViewNode};
use dagre::graph::{Graph, GraphOptions};
use dagre::{EdgeLabel, LayoutOptions, NodeLabel};

use super::sketch::{self, NodeSketch, Outline, Text};
use super::{Direction, Label, Link, Piece, Placed, Rect, Route, frames, point};
use crate::svg::SvgOptions;

/// The space between nodes of a column.
const NODE_SPACE: f64 = 26.0;
/// The space between an edge and its neighbour in a column.
const EDGE_SPACE: f64 = 16.0;
/// The narrowest gap between columns, and how much wider it gets where edges climb.
const GAP: f64 = 20.0;
const CLIMB: f64 = 0.12;
const WIDEST_CLIMB: f64 = 60.0;
/// The room that each frame takes in the gap where it begins or ends.
pub(super) const FRAME_PAD: f64 = 10.0;
/// Up to this many nodes, times the depth of the frames, dagre keeps frames apart; beyond, it takes seconds, and only
/// frames that happen to be free are drawn.
const MOST_FRAMED: usize = 240;
/// The arrow behind the label of a result.
const TAIL: f64 = 12.0;
/// The space between a line and its label.
const LABEL_SPACE: f64 = 3.0;
/// Lines leave and reach a node straight for so long.
const STUB: f64 = 8.0;
/// Half the width of the head of an arrow.
const HEAD: f64 = 3.2;
/// Arrows of one node arrive so far apart.
const PORT_SPACE: f64 = 9.0;

/// A box in the terms of the layout: its sizes along and across the flow. Lines run through its middle.
#[derive(Clone, Copy, Default)]
struct Block {
    along: f64,
    across: f64,
}

/// A route while it is being laid out.
struct Draft {
    link: Link,
    from: usize,
    to: Option<usize>,
    above: Vec<Text>,
    below: Vec<Text>,
    block: Block,
    /// Columns and the positions across at which the route passes them.
    lanes: Vec<(usize, f64)>,
    /// The column of the label and its position across.
    label: Option<(usize, f64)>,
}

/// A column of boxes: where it begins and ends along the flow.
#[derive(Clone, Copy, Default)]
struct Column {
    start: f64,
    end: f64,
}

/// A node's column and the position across at which lines run through its shape.
#[derive(Clone, Copy)]
struct Spot {
    column: usize,
    line: f64,
}

/// Places nodes and routes.
pub(super) fn place(view: &View, sketches: &[NodeSketch], options: &SvgOptions) -> (Vec<Placed>, Vec<Route>) {
    let flow = options.direction;
    let mut blocks: Vec<Block> = sketches.iter().map(|sketch| node_block(sketch, flow)).collect();
    for (edge, mark) in view.edges.iter().filter_map(|edge| Some((edge, sketch::mark(edge)?))) {
        let (node, sketch) = (&mut blocks[edge.to], &sketches[edge.to]);
        let (shape, mark) = match flow {
            Direction::Right => (sketch.w, mark.width()),
            Direction::Down => (sketch.h, mark.height()),
        };
        node.along = node.along.max(shape + 2.0 * (mark + LABEL_SPACE));
    }
    let mut drafts = drafts(view, options);
    let (spots, widths) = arrange(view, &blocks, &mut drafts);
    let columns = columns(view, &spots, &drafts, &widths);
    let nodes: Vec<Placed> = (sketches.iter().zip(&spots))
        .map(|(sketch, spot)| {
            let column = columns[spot.column];
            node(sketch, (column.start + column.end) / 2.0, spot.line, flow)
        })
        .collect();
    let ports = ports(view, sketches, &spots, &drafts, flow);
    let routes = drafts
        .into_iter()
        .zip(ports)
        .map(|(draft, port)| {
            let mark = match draft.link {
                Link::Edge(index) => sketch::mark(&view.edges[index]),
                Link::Result(_) => None,
            };
            let mut route = route(draft, port, sketches, &spots, &nodes, &columns, flow);
            route.labels.extend(mark.map(|mark| beside_head(mark, &route, port, flow)));
            route
        })
        .collect();
    (nodes, routes)
}

fn stack(texts: &[Text]) -> (f64, f64) {
    (texts.iter().map(Text::width).fold(0.0, f64::max), texts.iter().map(Text::height).sum())
}

fn node_block(sketch: &NodeSketch, flow: Direction) -> Block {
    let (w, h) = stack(&sketch.captions);
    let (along, across) = match flow {
        Direction::Right => (sketch.w.max(w), sketch.h + 2.0 * h),
        Direction::Down => (sketch.h.max(h), sketch.w + 2.0 * (w + LABEL_SPACE)),
    };
    Block { along: along + 2.0 * STUB, across }
}

fn label_block(above: &[Text], below: &[Text], flow: Direction) -> Block {
    let ((w1, h1), (w2, h2)) = (stack(above), stack(below));
    if w1.max(w2) == 0.0 {
        return Block::default();
    }
    match flow {
        Direction::Right => Block { along: w1.max(w2) + 4.0, across: 2.0 * (h1.max(h2) + LABEL_SPACE) },
        Direction::Down => Block { along: h1.max(h2), across: 2.0 * (w1.max(w2) + LABEL_SPACE) },
    }
}

/// Shape and captions of a node whose line runs at `line` across.
pub(super) fn node(sketch: &NodeSketch, along: f64, line: f64, flow: Direction) -> Placed {
    let centre = point(along, line, flow);
    let shape = Rect::centred(centre.x, centre.y, sketch.w, sketch.h);
    let (_, h) = stack(&sketch.captions);
    let mut y = match flow {
        Direction::Right => shape.bottom(),
        Direction::Down => centre.y - h / 2.0,
    };
    let label = |text: &Text| {
        let x = match flow {
            Direction::Right => centre.x - text.width() / 2.0,
            Direction::Down => shape.right() + LABEL_SPACE,
        };
        let rect = Rect { x, y, w: text.width(), h: text.height() };
        y += text.height();
        Label { text: text.clone(), rect }
    };
    Placed { shape, captions: sketch.captions.iter().map(label).collect() }
}

fn drafts(view: &View, options: &SvgOptions) -> Vec<Draft> {
    let draft = |link, from, to, (above, below): (Vec<Text>, Vec<Text>)| {
        let block = label_block(&above, &below, options.direction);
        Draft { link, from, to, above, below, block, lanes: Vec::new(), label: None }
    };
    let mut used = vec![false; view.nodes.len()];
    view.edges.iter().for_each(|edge| used[edge.from] = true);
    let shows_result = |node: &ViewNode| node.value.is_some() || node.gradient.is_some();
    let edges = view
        .edges
        .iter()
        .enumerate()
        .map(|(index, edge)| draft(Link::Edge(index), edge.from, Some(edge.to), sketch::edge(edge, options)));
    let results = (view.nodes.iter().enumerate())
        .filter(|(index, node)| !used[*index] && shows_result(node))
        .map(|(index, node)| draft(Link::Result(index), index, None, sketch::result(node, options)));
    edges.chain(results).collect()
}

/// Lets dagre decide. Gives each node its spot, each draft its lanes, and the widths of the columns.
fn arrange(view: &View, blocks: &[Block], drafts: &mut [Draft]) -> (Vec<Spot>, Vec<f64>) {
    let framed = view.nodes.len() * (1 + frames::depth(view)) <= MOST_FRAMED;
    let mut graph = Graph::with_options(GraphOptions { directed: true, multigraph: true, compound: framed });
    for (index, block) in blocks.iter().enumerate() {
        graph.set_node(
            index.to_string(),
            Some(NodeLabel { width: block.across, height: block.along, ..Default::default() }),
        );
    }
    for (index, group) in view.groups.iter().enumerate() {
        let group_id = format!("g{index}");
        if framed && occupied(view, index) {
            graph.set_node(group_id.as_str(), Some(NodeLabel::default()));
            if let Some(parent) = group.parent {
                graph.set_parent(&group_id, Some(&format!("g{parent}")));
            }
        }
    }
    for (index, node) in view.nodes.iter().enumerate() {
        if let (true, Some(group)) = (framed, node.group) {
            graph.set_parent(&index.to_string(), Some(&format!("g{group}")));
        }
    }
    for (index, draft) in drafts.iter().enumerate() {
        let target = draft.to.map_or_else(|| format!("r{}", draft.from), |to| to.to_string());
        if draft.to.is_none() {
            graph.set_node(target.as_str(), Some(NodeLabel::default()));
        }
        // An edge into another frame is longer, so that frames that follow each other do not share a column.
        let group = |node: usize| view.nodes[node].group;
        let enters = draft.to.is_some_and(|to| group(to) != group(draft.from));
        let label = EdgeLabel {
            minlen: if enters { 2 } else { 1 },
            width: draft.block.across,
            height: draft.block.along,
            labelpos: dagre::layout::types::LabelPos::Center,
            ..Default::default()
        };
        graph.set_edge(draft.from.to_string(), target, Some(label), Some(&index.to_string()));
    }
    dagre::layout(
        &mut graph,
        Some(LayoutOptions { nodesep: NODE_SPACE, edgesep: EDGE_SPACE, ranksep: 20.0, ..Default::default() }),
    );

    let mirror = if reversed(view, &graph) { -1.0 } else { 1.0 };
    let at =
        |index: usize| graph.node(&index.to_string()).and_then(|n| Some((mirror * n.x?, n.y?))).unwrap_or_default();
    let edge = |index: usize, draft: &Draft| {
        let target = draft.to.map_or_else(|| format!("r{}", draft.from), |to| to.to_string());
        graph.edge(&draft.from.to_string(), &target, Some(&index.to_string()))
    };
    // Boxes of one rank share their position along the flow; ranks without boxes need no column.
    let labelled = |d: &Draft| d.block.along > 0.0;
    let mut ranks: Vec<(f64, f64)> = (blocks.iter().enumerate()).map(|(i, block)| (at(i).1, block.along)).collect();
    ranks.extend(
        (drafts.iter().enumerate())
            .filter(|(_, d)| labelled(d))
            .filter_map(|(i, d)| Some((edge(i, d)?.y?, d.block.along))),
    );
    ranks.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut columns: Vec<(f64, f64)> = Vec::new();
    for (along, width) in ranks {
        match columns.last_mut() {
            Some(last) if along - last.0 < 0.5 => last.1 = last.1.max(width),
            _ => columns.push((along, width)),
        }
    }
    let column = |along: f64| {
        let next = columns.partition_point(|c| c.0 < along - 0.5);
        columns.get(next).filter(|c| (c.0 - along).abs() < 0.5).map(|_| next)
    };
    let mut spots: Vec<Spot> = (0..blocks.len())
        .map(|index| {
            let (across, along) = at(index);
            Spot { column: column(along).unwrap_or_default(), line: across }
        })
        .collect();
    for (index, draft) in drafts.iter_mut().enumerate() {
        let Some(label) = edge(index, draft) else { continue };
        if let (true, Some(x), Some(y)) = (labelled(draft), label.x, label.y) {
            draft.label = column(y).map(|column| (column, mirror * x));
        }
        let bends = label.points.get(1..label.points.len().saturating_sub(1)).unwrap_or_default();
        draft.lanes = bends.iter().filter_map(|p| Some((column(p.y)?, mirror * p.x))).collect();
        if let (None, Some(label)) = (draft.to, draft.label) {
            draft.lanes.retain(|lane| lane.0 <= label.0);
        }
    }
    put_operands_in_order(view, blocks, drafts, &mut spots);
    (spots, columns.into_iter().map(|c| c.1).collect())
}

/// Exchanges given operands of one operator that stand in the wrong order, where one fits in the place of the other.
fn put_operands_in_order(view: &View, blocks: &[Block], drafts: &mut [Draft], spots: &mut [Spot]) {
    let (entering, leaving) = (view.entering(), view.leaving());
    let is_sole = |node: usize| entering[node].is_empty() && leaving[node].len() == 1;
    for edges in &entering {
        for (place, &second) in edges.iter().enumerate() {
            for &first in &edges[..place] {
                let (a, b) = (view.edges[first].from, view.edges[second].from);
                let is_wrong = spots[a].line > spots[b].line && spots[a].column == spots[b].column;
                let same = |x: f64, y: f64| (x - y).abs() < 0.5;
                let fits = same(blocks[a].across, blocks[b].across)
                    && same(drafts[first].block.across, drafts[second].block.across)
                    && view.nodes[a].group == view.nodes[b].group
                    && drafts[first].lanes.iter().map(|lane| lane.0).eq(drafts[second].lanes.iter().map(|lane| lane.0));
                if is_wrong && fits && a != b && is_sole(a) && is_sole(b) {
                    let line = spots[a].line;
                    spots[a].line = spots[b].line;
                    spots[b].line = line;
                    let lanes = std::mem::take(&mut drafts[first].lanes);
                    drafts[first].lanes = std::mem::replace(&mut drafts[second].lanes, lanes);
                    let label = drafts[first].label.take();
                    drafts[first].label = std::mem::replace(&mut drafts[second].label, label);
                }
            }
        }
    }
}

/// Whether most things stand in the order opposite to that in which they are written: operands, and given values.
fn reversed(view: &View, graph: &Graph<NodeLabel, EdgeLabel>) -> bool {
    let across = |node: usize| graph.node(&node.to_string()).and_then(|n| n.x).unwrap_or_default();
    let operands = view.edges.windows(2).filter(|pair| pair[0].to == pair[1].to && pair[0].operand < pair[1].operand);
    let operands = operands.map(|pair| (pair[0].from, pair[1].from));
    let mut given = vec![true; view.nodes.len()];
    view.edges.iter().for_each(|edge| given[edge.to] = false);
    let given: Vec<usize> = (0..given.len()).filter(|&node| given[node]).collect();
    let pairs = operands.chain(given.windows(2).map(|pair| (pair[0], pair[1])));
    pairs.map(|(first, second)| (across(second) - across(first)).signum()).sum::<f64>() < 0.0
}

/// Whether any node stands in the group or in one inside it.
fn occupied(view: &View, group: usize) -> bool {
    view.nodes.iter().any(|node| frames::inside(view, node.group, group))
}

/// Sets the columns one after the other, with gaps as wide as the climbs and frames between them ask for.
fn columns(view: &View, spots: &[Spot], drafts: &[Draft], widths: &[f64]) -> Vec<Column> {
    let mut gaps = vec![0.0f64; widths.len()];
    for draft in drafts {
        let stops = [(spots[draft.from].column, spots[draft.from].line)].into_iter().chain(draft.lanes.iter().copied());
        let stops: Vec<_> = stops.chain(draft.to.map(|to| (spots[to].column, spots[to].line))).collect();
        for pair in stops.windows(2) {
            let gap = &mut gaps[pair[0].0];
            *gap = gap.max((pair[1].1 - pair[0].1).abs() * CLIMB);
        }
    }
    gaps.iter_mut().for_each(|gap| *gap = GAP + gap.min(WIDEST_CLIMB));
    for group in 0..view.groups.len() {
        let inside = spots.iter().zip(&view.nodes).filter(|(_, node)| frames::inside(view, node.group, group));
        let (first, last) = inside.fold((usize::MAX, 0), |(a, b), (spot, _)| (a.min(spot.column), b.max(spot.column)));
        if first <= last {
            gaps[last] += FRAME_PAD;
            if first > 0 {
                gaps[first - 1] += FRAME_PAD;
            }
        }
    }
    let mut along = 0.0;
    widths
        .iter()
        .zip(gaps)
        .map(|(width, gap)| {
            let column = Column { start: along, end: along + width };
            along += width + gap;
            column
        })
        .collect()
}

/// How far from the middle of its target each draft arrives: in the order in which the edges come, so that they do not
/// cross at the last moment.
fn ports(view: &View, sketches: &[NodeSketch], spots: &[Spot], drafts: &[Draft], flow: Direction) -> Vec<f64> {
    let mut arrivals: Vec<Vec<usize>> = vec![Vec::new(); sketches.len()];
    for (index, draft) in drafts.iter().enumerate() {
        if let Some(to) = draft.to {
            arrivals[to].push(index);
        }
    }
    let origin = |index: usize| drafts[index].lanes.last().map_or(spots[drafts[index].from].line, |lane| lane.1);
    let mut ports = vec![0.0; drafts.len()];
    for (to, mut arrivals) in arrivals.into_iter().enumerate() {
        arrivals.sort_by(|&a, &b| origin(a).total_cmp(&origin(b)));
        let sketch = &sketches[to];
        let room = match flow {
            Direction::Right => sketch.h,
            Direction::Down => sketch.w,
        };
        let usable = if sketch.outline == Outline::Circle { 0.7 * room } else { room - 12.0 };
        let gaps = arrivals.len().saturating_sub(1) as f64;
        let is_ordered = |&index: &usize| matches!(drafts[index].link, Link::Edge(edge) if view.edges[edge].ordered);
        let marked = arrivals.iter().any(is_ordered) && arrivals.len() > 2;
        let wanted = if marked { sketch::mark_space(flow) } else { PORT_SPACE };
        let space = if gaps > 0.0 { wanted.min(usable / gaps) } else { 0.0 };
        for (place, &index) in arrivals.iter().enumerate() {
            ports[index] = (place as f64 - gaps / 2.0) * space;
        }
    }
    ports
}

fn route(
    draft: Draft,
    port: f64,
    sketches: &[NodeSketch],
    spots: &[Spot],
    nodes: &[Placed],
    columns: &[Column],
    flow: Direction,
) -> Route {
    let extent = |node: usize| {
        let shape = nodes[node].shape;
        match flow {
            Direction::Right => (shape.x, shape.right()),
            Direction::Down => (shape.y, shape.bottom()),
        }
    };
    let (from, first) = (spots[draft.from], extent(draft.from).1);
    let mut path = Path { pieces: Vec::new(), along: first, across: from.line, flow };
    path.line(columns[from.column].end);
    for &(column, across) in &draft.lanes {
        path.curve(columns[column].start, across);
        path.line(columns[column].end);
    }
    match draft.to {
        Some(to) => {
            let across = spots[to].line + port;
            path.curve(columns[spots[to].column].start, across);
            path.line(extent(to).0 + hollow(&sketches[to], port, flow));
        }
        None => path.line(path.along + TAIL),
    }
    let labels = draft.label.map_or_else(Vec::new, |(column, line)| {
        labels(&draft, (columns[column].start + columns[column].end) / 2.0, line, flow)
    });
    Route { link: draft.link, start: point(first, from.line, flow), pieces: path.pieces, labels }
}

/// The mark of an operand at the head of its arrow: before it, or behind the second of two.
fn beside_head(mark: Text, route: &Route, port: f64, flow: Direction) -> Label {
    let end = route.pieces.last().map_or(route.start, Piece::end);
    let (w, h) = (mark.width(), mark.height());
    let before = port <= 0.0 || port > PORT_SPACE / 2.0 + 0.1;
    let (x, y) = match flow {
        Direction::Right => (end.x - w - 1.0, if before { end.y - h - HEAD } else { end.y + HEAD }),
        Direction::Down => (if before { end.x - w - HEAD } else { end.x + HEAD }, end.y - h - 1.0),
    };
    Label { text: mark, rect: Rect { x, y, w, h } }
}

/// How far inside its box the border of a shape lies, this far from the middle.
fn hollow(sketch: &NodeSketch, port: f64, flow: Direction) -> f64 {
    let round = sketch.outline == Outline::Circle || (sketch.outline == Outline::Pill && flow == Direction::Right);
    let radius = sketch.h / 2.0;
    if round { radius - (radius * radius - port * port).max(0.0).sqrt() } else { 0.0 }
}

/// What stands above and below a line that runs right, or left and right of one that runs down.
fn labels(draft: &Draft, along: f64, line: f64, flow: Direction) -> Vec<Label> {
    let mut labels = Vec::new();
    for (texts, side) in [(&draft.above, -1.0), (&draft.below, 1.0)] {
        let (_, height) = stack(texts);
        let mut y = match flow {
            Direction::Right if side < 0.0 => line - height - LABEL_SPACE,
            Direction::Right => line + LABEL_SPACE,
            Direction::Down => along - height / 2.0,
        };
        for text in texts {
            let x = match flow {
                Direction::Right => along - text.width() / 2.0,
                Direction::Down if side < 0.0 => line - LABEL_SPACE - text.width(),
                Direction::Down => line + LABEL_SPACE,
            };
            labels.push(Label { text: text.clone(), rect: Rect { x, y, w: text.width(), h: text.height() } });
            y += text.height();
        }
    }
    labels
}

/// A path being drawn.
struct Path {
    pieces: Vec<Piece>,
    along: f64,
    across: f64,
    flow: Direction,
}

impl Path {
    fn line(&mut self, along: f64) {
        self.along = along;
        let end = point(along, self.across, self.flow);
        match self.pieces.last_mut() {
            Some(Piece::Line(last)) => *last = end,
            _ => self.pieces.push(Piece::Line(end)),
        }
    }

    fn curve(&mut self, along: f64, across: f64) {
        if (across - self.across).abs() < 0.05 {
            return self.line(along);
        }
        (self.along, self.across) = (along, across);
        self.pieces.push(Piece::Curve(point(along, across, self.flow)));
    }
}
