//! A view as SVG.
//!
//! Ids and classes are stable, so that a page can bring a picture to life: `node-ID` and `edge-FROM-TO-OPERAND` carry
//! `data-node` and `data-edge`, the indices in the view; labels have the class `forward`, `backward` or `local`.

mod legend;

use std::collections::HashSet;
use std::fmt::Write;

use backpass::Array;
use backpass::view::{Role, View, ViewEdge, ViewNode};

use crate::font;
use crate::layout::{self, Direction, Frame, Label, Link, NodeSketch, Outline, Piece, Placed, Point, Rect, Route};
use crate::number;
use crate::theme::{self, Theme, Tint};
use crate::worksheet::{self, Worksheet};

/// How a view is drawn.
#[derive(Clone, Debug)]
pub struct SvgOptions {
    /// Significant digits of numbers.
    pub digits: usize,
    /// The page it stands on.
    pub theme: Theme,
    /// Where values flow.
    pub direction: Direction,
}

impl Default for SvgOptions {
    fn default() -> Self {
        SvgOptions { digits: 4, theme: Theme::Auto, direction: Direction::Right }
    }
}

/// Arrays in tooltips are shortened to so many characters.
const TIP_CHARS: usize = 60;

/// The rules that do not depend on the theme.
const SHAPES: &str = ".bp text{stroke:none;text-anchor:middle}.bp .quiet,.bp .local{font-size:10px}\
    .bp .forward,.bp .backward{font-size:12px}.bp .name{font-size:14px}.bp .start{text-anchor:start}\
    .bp .edge{stroke:currentColor;fill:none}.bp .head{fill:currentColor;stroke:none}.bp .node{stroke-width:1.5}\
    .bp .frame{fill:none;stroke-dasharray:2 3}.bp .neg{stroke-dasharray:5 3}.bp .dotted{stroke-dasharray:1.5 3}\
    .bp .halo{stroke-width:4;paint-order:stroke;stroke-linejoin:round}.bp .mark{stroke:none}";

/// The view as an SVG picture.
pub fn svg(view: &View, options: &SvgOptions) -> String {
    let layout = layout::layout(view, options);
    let legend = legend::legend(&layout, view, options);
    let sheet = Worksheet::of(view, layout.w.max(legend.w));
    let (w, h) = (layout.w.max(legend.w).max(sheet.w), sheet.above + layout.h + legend.h + sheet.below);
    let mut out = Out(String::new());
    out.open(view, w, h);
    out.push(&format!("<style>{SHAPES}{}</style>", theme::css(options.theme)));
    out.push(&format!(r#"<rect class="page" width="{}" height="{}"/>"#, short(w), short(h)));
    sheet.lines(layout.h + legend.h).for_each(|line| out.sheet_line(&line));
    if sheet.above > 0.0 {
        out.push(&format!(r#"<g transform="translate(0 {})">"#, short(sheet.above)));
    }
    for frame in &layout.frames {
        out.frame(view, frame);
    }
    let mut ids = HashSet::new();
    let strongest = view
        .edges
        .iter()
        .filter_map(|edge| strength(view, edge))
        .map(f64::abs)
        .filter(|s| s.is_finite())
        .fold(0.0, f64::max);
    for route in &layout.routes {
        match route.link {
            Link::Edge(index) if layout.columns => out.line(view, index, route, strongest, options, &mut ids),
            _ => out.route(view, route, options, &mut ids),
        }
    }
    for (index, placed) in layout.nodes.iter().enumerate() {
        out.node(view, index, &layout.sketches[index], placed, options);
        placed.captions.iter().for_each(|label| out.label(label, "", &format!(r#" data-node="{index}""#)));
    }
    // Labels of straight lines stand above everything that they might touch.
    for route in layout.routes.iter().filter(|_| layout.columns) {
        // The grounds of lines of text that follow each other overlap, so that no hair of the edge shows between them.
        route.labels.iter().for_each(|label| out.rect(&label.rect.grown(0.5), 2.0, r#" class="page""#));
        route.labels.iter().for_each(|label| out.label(label, "", &anchor(route.link)));
    }
    layout.frames.iter().for_each(|frame| out.label(&frame.title, "halo", ""));
    legend.write(&mut out, layout.h);
    if sheet.above > 0.0 {
        out.push("</g>");
    }
    if view.nodes.is_empty() {
        out.push(&format!(
            r#"<text class="quiet" x="{}" y="{}">nothing to draw</text>"#,
            short(w / 2.0),
            short(h / 2.0)
        ));
    }
    out.push("</svg>\n");
    out.0
}

/// By how much the ends of an edge between neurons depend on each other, with its sign; none where no neuron follows.
pub(crate) fn strength(view: &View, edge: &ViewEdge) -> Option<f64> {
    if matches!(view.nodes[edge.to].role, Role::Folded(_)) {
        return None;
    }
    let item = |array: &Option<Array>| array.as_ref().and_then(Array::item);
    edge.weight.or_else(|| Some(item(&edge.value)? * item(&edge.gradient)?))
}

/// A coordinate, to a tenth.
fn short(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // XML 1.0 knows no other control characters.
            '\n' | '\t' => out.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

fn anchor(link: Link) -> String {
    match link {
        Link::Edge(index) => format!(r#" data-edge="{index}""#),
        Link::Result(node) => format!(r#" data-node="{node}""#),
    }
}

/// Everything about a node, one fact a line.
fn node_tip(view: &View, node: &ViewNode, options: &SvgOptions) -> String {
    let mut tip = node.name.clone();
    if !node.formula.is_empty() {
        let _ = write!(tip, " = {}", node.formula);
    }
    if node.label != node.name {
        let _ = write!(tip, "\n{}", node.label);
    }
    if !node.shape.is_empty() {
        let _ = write!(tip, "\nshape {}", number::shape(&node.shape));
    }
    fact(&mut tip, "value", &node.value, options);
    if let Some(slope) = node.unit.as_ref().and_then(|unit| unit.slope_text(options.digits)) {
        let _ = write!(tip, "\n{}", number::typeset(&slope));
    }
    fact(&mut tip, "gradient", &node.gradient, options);
    if let Some(group) = node.group.and_then(|group| view.groups.get(group)) {
        let _ = write!(tip, "\nin {}", group.label);
    }
    for note in &node.notes {
        let _ = write!(tip, "\n{note}");
    }
    tip
}

fn edge_tip(view: &View, edge: &ViewEdge, options: &SvgOptions) -> String {
    let (from, to) = (&view.nodes[edge.from].name, &view.nodes[edge.to].name);
    let mut tip = format!("{from} → {to}");
    if edge.ordered {
        let _ = write!(tip, "\n{} operand", number::ordinal(edge.operand));
    }
    if let Some(weight) = edge.weight {
        let _ = write!(tip, "\nweight {}", number::typeset(&number::number(weight, options.digits)));
    }
    fact(&mut tip, "value", &edge.value, options);
    if !edge.rule.is_empty() {
        let _ = write!(tip, "\n∂{to}/∂{from}: {}", edge.rule);
    }
    fact(&mut tip, "local derivative", &edge.local, options);
    fact(&mut tip, "gradient", &edge.gradient, options);
    tip
}

fn fact(tip: &mut String, what: &str, value: &Option<Array>, options: &SvgOptions) {
    if let Some(value) = value {
        let _ = write!(tip, "\n{what} {}", number::typeset(&number::array(value, options.digits, TIP_CHARS)));
    }
}

/// The text being written.
struct Out(String);

impl Out {
    fn push(&mut self, text: &str) {
        self.0.push_str(text);
        self.0.push('\n');
    }

    fn open(&mut self, view: &View, w: f64, h: f64) {
        let (w, h) = (short(w), short(h));
        self.push(&format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" class="bp" role="img" viewBox="0 0 {w} {h}" width="{w}" height="{h}" font-family="{}">"#,
            font::FAMILY
        ));
        if !view.title.is_empty() {
            self.push(&format!("<title>{}</title>", escape(&view.title)));
        }
        let mut about = format!("{} nodes and {} edges.", view.nodes.len(), view.edges.len());
        view.notes.iter().for_each(|note| about = format!("{about} {note}"));
        self.push(&format!("<desc>{}</desc>", escape(&about)));
    }

    fn label(&mut self, label: &Label, extra: &str, data: &str) {
        let class = [label.text.style.class(), extra].join(" ");
        self.push(&format!(
            r#"<text class="{}" x="{}" y="{}"{data}>{}</text>"#,
            class.trim_end(),
            short(label.rect.centre().x),
            short(label.rect.y + label.text.style.size()),
            escape(&label.text.text)
        ));
    }

    fn sheet_line(&mut self, line: &worksheet::Line) {
        let (x, y, size) = (short(line.x), short(line.y), short(line.size));
        let weight = if line.bold { r#" font-weight="bold""# } else { "" };
        let text = escape(&line.text);
        self.push(&format!(r#"<text class="start" x="{x}" y="{y}" font-size="{size}"{weight}>{text}</text>"#));
    }

    fn frame(&mut self, view: &View, frame: &Frame) {
        let group = &view.groups[frame.group];
        self.push(&format!(r#"<g id="group-{}"><title>{}</title>"#, escape(&group.id), escape(&group.label)));
        self.rect(&frame.rect, 8.0, r#" class="frame""#);
        self.push("</g>");
    }

    fn rect(&mut self, rect: &Rect, radius: f64, attributes: &str) {
        let (x, y, w, h) = (short(rect.x), short(rect.y), short(rect.w), short(rect.h));
        self.push(&format!(r#"<rect x="{x}" y="{y}" width="{w}" height="{h}" rx="{}"{attributes}/>"#, short(radius)));
    }

    /// The id of an edge; unique even where the parts could be put together in two ways.
    fn edge_id(&self, view: &View, index: usize, ids: &mut HashSet<String>) -> String {
        let edge = &view.edges[index];
        let mut id = format!("edge-{}-{}-{}", view.nodes[edge.from].id, view.nodes[edge.to].id, edge.operand);
        while !ids.insert(id.clone()) {
            id.push('_');
        }
        escape(&id)
    }

    /// An edge of a network in columns: its sign is its colour and its dashes, its strength its width.
    fn line(
        &mut self,
        view: &View,
        index: usize,
        route: &Route,
        strongest: f64,
        options: &SvgOptions,
        ids: &mut HashSet<String>,
    ) {
        let edge = &view.edges[index];
        let strength = strength(view, edge);
        let sign = match strength {
            Some(s) if s < 0.0 => " neg",
            Some(s) if s >= 0.0 => " pos",
            _ => "",
        };
        let share = strength.map_or(0.0, |s| (s.abs() / strongest).clamp(0.0, 1.0));
        let width = if share.is_nan() { 1.0 } else { 0.6 + 2.4 * share };
        let id = self.edge_id(view, index, ids);
        let (d, width) = (path(route, options.direction), short(if strength.is_some() { width } else { 1.0 }));
        let tip = edge_tip(view, edge, options);
        self.push(&format!(
            r#"<path id="{id}" data-edge="{index}" class="edge{sign}" stroke-width="{width}" d="{d}"><title>{}</title></path>"#,
            escape(&tip)
        ));
    }

    fn route(&mut self, view: &View, route: &Route, options: &SvgOptions, ids: &mut HashSet<String>) {
        let data = anchor(route.link);
        match route.link {
            Link::Edge(index) => {
                let (id, tip) = (self.edge_id(view, index, ids), edge_tip(view, &view.edges[index], options));
                self.push(&format!(r#"<g id="{id}" class="edge"{data}><title>{}</title>"#, escape(&tip)));
            }
            Link::Result(_) => self.push(&format!(r#"<g class="edge"{data}>"#)),
        }
        let head = head(route, options.direction);
        self.push(&format!(r#"<path d="{}"/><path class="head" d="{head}"/>"#, path(route, options.direction)));
        route.labels.iter().for_each(|label| self.label(label, "", &data));
        self.push("</g>");
    }

    fn node(&mut self, view: &View, index: usize, sketch: &NodeSketch, placed: &Placed, options: &SvgOptions) {
        let node = &view.nodes[index];
        let (id, tint, tip) = (escape(&node.id), Tint::of(node.role).class(), node_tip(view, node, options));
        self.push(&format!(
            r#"<g id="node-{id}" class="node {tint}" data-node="{index}"><title>{}</title>"#,
            escape(&tip)
        ));
        let shape = placed.shape;
        let centre = shape.centre();
        match sketch.outline {
            Outline::Circle => {
                let (x, y, r) = (short(centre.x), short(centre.y), short(shape.w / 2.0));
                self.push(&format!(r#"<circle cx="{x}" cy="{y}" r="{r}"/>"#));
            }
            Outline::Pill => self.rect(&shape, shape.h / 2.0, ""),
            Outline::Box => self.rect(&shape, 2.0, ""),
            Outline::Round => self.rect(&shape, 9.0, ""),
            Outline::Double => {
                self.rect(&shape, 9.0, "");
                self.rect(&shape.grown(-3.5), 6.0, r#" fill="none""#);
            }
            Outline::Dotted => self.rect(&shape, 6.0, r#" class="dotted""#),
        }
        if !sketch.inside.text.is_empty() {
            let size = sketch.inside.style.size();
            let rect = Rect::centred(centre.x, centre.y + 0.36 * size - size + size / 2.0, 0.0, size);
            self.label(&Label { text: sketch.inside.clone(), rect }, "", "");
        }
        if !node.notes.is_empty() {
            self.mark(&node.notes.join("\n"), Point { x: shape.right() - 2.0, y: shape.y + 2.0 });
        }
        self.push("</g>");
    }

    /// The sign that there is something to say.
    fn mark(&mut self, notes: &str, at: Point) {
        self.push(&format!(
            r#"<g><title>{}</title><circle class="mark" cx="{}" cy="{}" r="6.5"/><text class="quiet" x="{1}" y="{}">!</text></g>"#,
            escape(notes),
            short(at.x),
            short(at.y),
            short(at.y + 3.7)
        ));
    }
}

/// The path of a route; curves leave and arrive along the flow.
fn path(route: &Route, flow: Direction) -> String {
    let mut at = route.start;
    let mut d = format!("M{} {}", short(at.x), short(at.y));
    let straight = |a: f64, b: f64| (a - b).abs() < 0.05;
    for piece in &route.pieces {
        let end = piece.end();
        let (x, y) = (short(end.x), short(end.y));
        let _ = match piece {
            Piece::Line(_) if straight(at.y, end.y) => write!(d, "H{x}"),
            Piece::Line(_) if straight(at.x, end.x) => write!(d, "V{y}"),
            Piece::Line(_) => write!(d, "L{x} {y}"),
            Piece::Curve(_) => match flow {
                Direction::Right => {
                    let middle = short((at.x + end.x) / 2.0);
                    write!(d, "C{middle} {} {middle} {y} {x} {y}", short(at.y))
                }
                Direction::Down => {
                    let middle = short((at.y + end.y) / 2.0);
                    write!(d, "C{} {middle} {x} {middle} {x} {y}", short(at.x))
                }
            },
        };
        at = end;
    }
    d
}

/// The head of an arrow at the end of a route.
fn head(route: &Route, flow: Direction) -> String {
    let end = route.pieces.last().map_or(route.start, Piece::end);
    let (x, y) = (short(end.x), short(end.y));
    match flow {
        Direction::Right => format!("M{x} {y}l-7 -3.2v6.4z"),
        Direction::Down => format!("M{x} {y}l-3.2 -7h6.4z"),
    }
}

#[cfg(test)]
mod tests;
