//! Frames around open scopes.

use backpass::view::View;

use super::graph::FRAME_PAD;
use super::sketch::{Style, Text};
use super::{Direction, Frame, Label, Link, Placed, Rect, Route};

/// A title up to this wide may widen its frame.
const TITLE_ROOM: f64 = 110.0;

/// Whether a node whose innermost group is `of` stands in `group`.
pub(super) fn inside(view: &View, of: Option<usize>, group: usize) -> bool {
    let mut at = of;
    while let Some(index) = at {
        if index == group {
            return true;
        }
        // A parent comes before its children, so this ends.
        at = view.groups.get(index).and_then(|g| g.parent).filter(|parent| *parent < index);
    }
    false
}

/// How deep frames are nested.
pub(super) fn depth(view: &View) -> usize {
    let mut depths = vec![1; view.groups.len()];
    for (index, group) in view.groups.iter().enumerate() {
        if let Some(parent) = group.parent.filter(|parent| *parent < index) {
            depths[index] = depths[parent] + 1;
        }
    }
    depths.into_iter().max().unwrap_or_default()
}

/// A frame for each group that can be framed: not around foreign nodes, not across other frames.
pub(super) fn around(view: &View, nodes: &[Placed], routes: &[Route], flow: Direction) -> Vec<Frame> {
    let mut frames: Vec<Frame> = Vec::new();
    for group in (0..view.groups.len()).rev() {
        let member = |node: usize| inside(view, view.nodes[node].group, group);
        let members = nodes.iter().enumerate().filter(|(node, _)| member(*node)).map(|(_, placed)| placed.extent());
        let inner = frames.iter().filter(|f| inside(view, Some(f.group), group)).map(|f| f.rect);
        let Some(content) = members.chain(inner).reduce(|a, b| a.union(&b)) else { continue };
        // The labels of edges that begin or end inside belong to the frame where they stand beside its nodes.
        let touches = |route: &&Route| match route.link {
            Link::Edge(edge) => member(view.edges[edge].from) || member(view.edges[edge].to),
            Link::Result(node) => member(node),
        };
        let level = |rect: &Rect| match flow {
            Direction::Right => rect.x < content.right() && content.x < rect.right(),
            Direction::Down => rect.y < content.bottom() && content.y < rect.bottom(),
        };
        let labels =
            routes.iter().filter(touches).flat_map(|route| &route.labels).map(|label| label.rect).filter(level);
        let content = labels.fold(content, |all, label| all.union(&label)).grown(FRAME_PAD / 2.0 + 2.0);
        let label = &view.groups[group].label;
        let above = |room: f64| {
            let text = Text::new(label, Style::Quiet, room - 10.0);
            let w = content.w.max(text.width() + 10.0);
            let (x, y) = (content.x - (w - content.w) / 2.0, content.y - text.height());
            (Rect { x, y, w, h: content.bottom() - y }, text)
        };
        // Where edges come from above, the title keeps out of their way.
        let beside = || {
            let text = Text::new(label, Style::Quiet, TITLE_ROOM);
            let x = content.x - text.width() - 4.0;
            (Rect { x, w: content.right() - x, ..content }, text)
        };
        let framed = |(rect, text): (Rect, Text)| {
            let title = Rect { x: rect.x + 5.0, y: rect.y + 1.0, w: text.width(), h: text.height() };
            Frame { group, rect, title: Label { text, rect: title } }
        };
        let free = |frame: &Frame| {
            let foreign = |(node, placed): (usize, &Placed)| !member(node) && placed.extent().overlaps(&frame.rect);
            let crossing = |f: &Frame| !inside(view, Some(f.group), group) && f.rect.overlaps(&frame.rect);
            !nodes.iter().enumerate().any(foreign) && !frames.iter().any(crossing)
        };
        let side = (flow == Direction::Down).then(beside);
        let wide = [TITLE_ROOM.max(content.w), content.w].map(above);
        frames.extend(side.into_iter().chain(wide).map(framed).find(free));
    }
    frames.reverse();
    frames
}
