//! A view in the language of Graphviz, for those who want to lay it out or edit it there.

use backpass::view::{Role, View};

use crate::layout::{Direction, Link, Text, layout};
use crate::svg::{SvgOptions, strength};
use crate::theme::Palette;
use crate::tree::{Visit, walk};

/// The view as a Graphviz document: what stands in the SVG picture, in its colours, without its places. Frames are
/// clusters; nodes of a column without a frame have one rank; where weights are signed, the edges of negative ones are dashed.
pub fn dot(view: &View, options: &SvgOptions) -> String {
    let palette = Palette::of(options.theme);
    let layout = layout(view, options);
    let rankdir = match options.direction {
        Direction::Right => "LR",
        Direction::Down => "TB",
    };
    let mut out = format!(
        "digraph {{\n  graph [rankdir={rankdir}, fontname=Helvetica, bgcolor=\"{}\", fontcolor=\"{}\", labelloc=t, label={}]\n  \
         node [style=filled, fontname=Helvetica, fontsize=14, margin=0.1]\n  edge [color=\"{}\", fontname=Helvetica, fontsize=12, arrowsize=0.7]\n",
        palette.page,
        palette.ink,
        titled(view),
        palette.line
    );
    let mut depth = 1;
    for visit in walk(view) {
        let indent = "  ".repeat(depth);
        match visit {
            Visit::Open(group) => {
                let group = &view.groups[group];
                let (id, label) = (quoted(&format!("cluster_{}", group.id)), quoted(&group.label));
                out += &format!("{indent}subgraph {id} {{\n{indent}  label={label}; color=\"{}\"\n", palette.frame);
                depth += 1;
            }
            Visit::Close => {
                depth -= 1;
                out += &format!("{}}}\n", "  ".repeat(depth));
            }
            Visit::Node(index) => {
                let (node, sketch) = (&view.nodes[index], &layout.sketches[index]);
                let results = layout.routes.iter().filter(|route| route.link == Link::Result(index));
                let results = results.flat_map(|route| &route.labels).map(|label| &label.text);
                let label = rich([&sketch.inside].into_iter().chain(&sketch.captions).chain(results), palette);
                let (fill, outline) = palette.tint(node.role);
                let (id, shape) = (quoted(&node.id), shape(node.role));
                out += &format!("{indent}{id} [{shape}, label={label}, fillcolor=\"{fill}\", color=\"{outline}\"]\n");
            }
        }
    }
    let columns = view.nodes.iter().filter_map(|node| node.column).max().map_or(0, |last| last + 1);
    for column in 0..columns {
        // Graphviz takes nodes that are told their rank out of their clusters.
        let free = view.nodes.iter().filter(|node| node.column == Some(column) && node.group.is_none());
        let ids: Vec<String> = free.map(|node| quoted(&node.id)).collect();
        if ids.len() > 1 {
            out += &format!("  {{ rank=same; {} }}\n", ids.join("; "));
        }
    }
    for route in &layout.routes {
        let Link::Edge(index) = route.link else { continue };
        let edge = &view.edges[index];
        let sign = match strength(view, edge).filter(|_| layout.columns) {
            Some(strength) if strength < 0.0 => format!(", style=dashed, color=\"{}\"", palette.negative()),
            Some(strength) if strength >= 0.0 => format!(", color=\"{}\"", palette.positive()),
            _ => String::new(),
        };
        let (from, to) = (quoted(&view.nodes[edge.from].id), quoted(&view.nodes[edge.to].id));
        let label = rich(route.labels.iter().map(|label| &label.text), palette);
        out += &format!("  {from} -> {to} [label={label}{sign}]\n");
    }
    out + "}\n"
}

fn shape(role: Role) -> &'static str {
    match role {
        Role::Input => "shape=box, style=\"filled,rounded\"",
        Role::Parameter | Role::Constant | Role::Array => "shape=box",
        Role::Operator(_) | Role::Neuron => "shape=ellipse",
        Role::Folded(_) => "shape=box, peripheries=2",
        Role::More => "shape=box, style=\"filled,dotted\"",
    }
}

/// The title; on a worksheet the question and the answers below it, one a line.
fn titled(view: &View) -> String {
    let task = view.task.iter().flat_map(|task| {
        let answer = task.answer.iter().map(|answer| format!("Answer: {answer}"));
        [task.question.clone()].into_iter().chain(task.lettered()).chain(answer)
    });
    let lines: Vec<String> = [view.title.clone()].into_iter().chain(task).map(|line| escaped(&line)).collect();
    format!("\"{}\"", lines.join("\\n"))
}

/// A string of the language.
fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

/// What stands in a string of the language.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace(char::is_control, " ")
}

/// Coloured lines as an HTML-like label; an empty string where there are none.
fn rich<'a>(lines: impl Iterator<Item = &'a Text>, palette: &Palette) -> String {
    let line = |text: &Text| {
        let escaped = text.text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let escaped = escaped.replace(char::is_control, " ");
        let (colour, size) = (palette.text(text.style), text.style.size());
        format!("<font color=\"{colour}\" point-size=\"{size}\">{escaped}</font>")
    };
    let lines: Vec<String> = lines.filter(|text| !text.text.trim().is_empty()).map(line).collect();
    if lines.is_empty() { "\"\"".to_owned() } else { format!("<{}>", lines.join("<br/>")) }
}
