//! The legend: what colours, dashes and widths mean, where a picture has them.

use backpass::view::View;

use super::{Out, SvgOptions, short, strength};
use crate::font;
use crate::layout::{Direction, Layout, Style};

/// The height of a line of the legend.
const LINE: f64 = 18.0;
/// The length of a sample.
const SAMPLE: f64 = 24.0;
/// A legend may be this wide even below a narrow picture.
const NARROWEST: f64 = 240.0;
const MARGIN: f64 = 16.0;

/// What stands before an explanation.
enum Sample {
    /// A line of this class.
    Line(&'static str),
    /// Nothing.
    None,
    /// A text of this class.
    Text(&'static str, &'static str),
}

struct Entry {
    x: f64,
    /// The room of the sample.
    before: f64,
    line: usize,
    sample: Sample,
    text: &'static str,
}

/// The legend of a picture; empty where nothing needs words.
#[derive(Default)]
pub(super) struct Legend {
    pub w: f64,
    pub h: f64,
    entries: Vec<Entry>,
}

pub(super) fn legend(layout: &Layout, view: &View, options: &SvgOptions) -> Legend {
    let mut parts = Vec::new();
    if layout.columns {
        let signs: Vec<f64> = view.edges.iter().filter_map(|edge| strength(view, edge)).collect();
        if signs.iter().any(|s| *s < 0.0) {
            let weights = view.edges.iter().any(|edge| edge.weight.is_some());
            let (positive, negative) =
                if weights { ("positive weight", "negative weight") } else { ("positive share", "negative share") };
            parts.push((Sample::Line("edge pos"), positive));
            parts.push((Sample::Line("edge neg"), negative));
            parts.push((Sample::None, "the wider, the larger"));
        }
    }
    let shown = |style| layout.labels().any(|label| label.text.style == style);
    let arrow = match options.direction {
        Direction::Right => "← 1",
        Direction::Down => "↑ 1",
    };
    if shown(Style::Backward) {
        parts.push((Sample::Text("forward", "1"), "value, forward"));
        parts.push((Sample::Text("backward", arrow), "gradient, backward"));
    }
    // What a neuron shows says itself what it is: sigmoid′(0.1) = 0.2494.
    if shown(Style::Local) && !layout.columns {
        parts.push((Sample::Text("local", "∂ 1"), "local derivative"));
    }
    let mut legend = Legend::default();
    let room = layout.w.max(NARROWEST);
    let (mut x, mut line) = (MARGIN, 0);
    for (sample, text) in parts {
        let before = if matches!(sample, Sample::None) { 0.0 } else { SAMPLE + 6.0 };
        let width = before + font::width(text, Style::Quiet.size()) + 16.0;
        if x > MARGIN && x + width > room {
            (x, line) = (MARGIN, line + 1);
        }
        legend.entries.push(Entry { x, before, line, sample, text });
        x += width;
        legend.w = legend.w.max(x);
        legend.h = LINE * (line + 1) as f64 + 6.0;
    }
    legend
}

impl Legend {
    /// Writes it below a picture that ends at `top`.
    pub fn write(&self, out: &mut Out, top: f64) {
        if self.entries.is_empty() {
            return;
        }
        out.push(r#"<g class="legend">"#);
        for entry in &self.entries {
            let y = top + LINE * entry.line as f64 + 6.0;
            match entry.sample {
                Sample::None => {}
                Sample::Line(class) => {
                    let (x, y) = (short(entry.x), short(y - 3.5));
                    out.push(&format!(r#"<path class="{class}" stroke-width="2" d="M{x} {y}h{SAMPLE}"/>"#));
                }
                Sample::Text(class, text) => {
                    let x = short(entry.x + SAMPLE / 2.0);
                    out.push(&format!(r#"<text class="{class}" x="{x}" y="{}">{text}</text>"#, short(y)));
                }
            }
            let x = short(entry.x + entry.before);
            out.push(&format!(r#"<text class="quiet start" x="{x}" y="{}">{}</text>"#, short(y), entry.text));
        }
        out.push("</g>");
    }
}
