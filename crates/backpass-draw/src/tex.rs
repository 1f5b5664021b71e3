//! A view as a TikZ picture: the SVG picture, place by place, set by TeX.

use std::fmt::Write;

use backpass::view::View;

use crate::layout::{
    Direction, Label, Link, NodeSketch, Outline, Piece, Placed, Point, Rect, Route, Style, Text, layout,
};
use crate::svg::{SvgOptions, strength};
use crate::theme::{Palette, Tint};
use crate::worksheet::{Line, Worksheet};

/// Points of TeX's `bp` in a unit of the picture, a pixel of 1/96 inch.
const UNIT: f64 = 0.75;

/// The view as a document of its own, which pdflatex, lualatex or xelatex makes into a page as large as the picture. Names
/// in scripts that TeX's fonts lack need one of the latter two and a font that has them.
pub fn tex(view: &View, options: &SvgOptions) -> String {
    let palette = Palette::of(options.theme);
    let layout = layout(view, options);
    let sheet = Worksheet::of(view, layout.w);
    let mut out = Out(String::from("\\documentclass[border=0pt]{standalone}\n\\usepackage[T1]{fontenc}\n"));
    out.0 += "\\usepackage{amsmath,amssymb,tikz}\n\\usetikzlibrary{arrows.meta}\n";
    out.colours(view, palette);
    let _ =
        writeln!(out.0, "\\begin{{document}}\n\\begin{{tikzpicture}}[x={UNIT}bp, y=-{UNIT}bp, line width={UNIT}bp,");
    out.0 += "  every node/.style={inner sep=0pt, outer sep=0pt}, arrow/.style={-{Stealth[length=5bp]}}]\n";
    let (start, end) = (-sheet.above, Point { x: layout.w.max(sheet.w), y: layout.h + sheet.below });
    let _ = writeln!(out.0, "\\fill[page] (0, {}) rectangle {};", short(start), at(end));
    sheet.lines(layout.h).for_each(|line| out.line(&Line { y: line.y + start, ..line }));
    for frame in &layout.frames {
        let _ = writeln!(out.0, "\\draw[frame, densely dotted, {}] {};", rounded(8.0), rectangle(&frame.rect));
        out.label(&frame.title);
    }
    for route in &layout.routes {
        let strength = match route.link {
            Link::Edge(index) => strength(view, &view.edges[index]),
            Link::Result(_) => None,
        };
        out.route(route, strength, layout.columns, options.direction);
    }
    for (index, placed) in layout.nodes.iter().enumerate() {
        out.node(Tint::of(view.nodes[index].role).class(), &layout.sketches[index], placed);
    }
    // Straight lines between columns pass behind their labels.
    let ground = if layout.columns { "fill=page, inner sep=1bp, " } else { "" };
    for label in layout.routes.iter().flat_map(|route| &route.labels) {
        out.text(&label.text, label.rect.centre(), ground);
    }
    out.0 + "\\end{tikzpicture}\n\\end{document}\n"
}

/// The text being written.
struct Out(String);

impl Out {
    /// Defines the colours of the picture by the names of their classes.
    fn colours(&mut self, view: &View, palette: &Palette) {
        let mut define = |name: &str, colour: &str| {
            let _ = writeln!(
                self.0,
                "\\definecolor{{{name}}}{{HTML}}{{{}}}",
                colour.trim_start_matches('#').to_uppercase()
            );
        };
        for style in [Style::Name, Style::Forward, Style::Backward, Style::Local, Style::Quiet] {
            define(style.class(), palette.text(style));
        }
        let lines = [
            ("page", palette.page),
            ("line", palette.line),
            ("frame", palette.frame),
            ("positive", palette.positive()),
            ("negative", palette.negative()),
        ];
        lines.iter().for_each(|(name, colour)| define(name, colour));
        let mut defined: Vec<&str> = Vec::new();
        for node in &view.nodes {
            let (name, (fill, outline)) = (Tint::of(node.role).class(), palette.tint(node.role));
            if !defined.contains(&name) {
                define(&format!("{name} fill"), fill);
                define(&format!("{name} outline"), outline);
                defined.push(name);
            }
        }
    }

    fn route(&mut self, route: &Route, strength: Option<f64>, columns: bool, flow: Direction) {
        let style = match strength {
            _ if !columns => "line, arrow",
            Some(strength) if strength < 0.0 => "negative, dashed",
            Some(strength) if strength >= 0.0 => "positive",
            _ => "line",
        };
        let mut path = at(route.start);
        let mut from = route.start;
        for piece in &route.pieces {
            let end = piece.end();
            let middle = Point { x: (from.x + end.x) / 2.0, y: (from.y + end.y) / 2.0 };
            let _ = match piece {
                Piece::Line(_) => write!(path, " -- {}", at(end)),
                Piece::Curve(_) => {
                    let (leave, arrive) = match flow {
                        Direction::Right => (Point { x: middle.x, ..from }, Point { x: middle.x, ..end }),
                        Direction::Down => (Point { y: middle.y, ..from }, Point { y: middle.y, ..end }),
                    };
                    write!(path, " .. controls {} and {} .. {}", at(leave), at(arrive), at(end))
                }
            };
            from = end;
        }
        let _ = writeln!(self.0, "\\draw[{style}] {path};");
    }

    fn node(&mut self, tint: &str, sketch: &NodeSketch, placed: &Placed) {
        let shape = &placed.shape;
        let (corners, more) = match sketch.outline {
            Outline::Circle => (None, ""),
            Outline::Pill => (Some(shape.h / 2.0), ""),
            Outline::Box => (Some(2.0), ""),
            Outline::Round | Outline::Double => (Some(9.0), ""),
            Outline::Dotted => (Some(6.0), ", densely dotted"),
        };
        let style = format!("fill={tint} fill, draw={tint} outline, line width=1.1bp{more}");
        let _ = match corners {
            None => {
                writeln!(self.0, "\\path[{style}] {} circle [radius={}];", at(shape.centre()), short(shape.w / 2.0))
            }
            Some(radius) => writeln!(self.0, "\\path[{style}, {}] {};", rounded(radius), rectangle(shape)),
        };
        if sketch.outline == Outline::Double {
            let _ = writeln!(self.0, "\\draw[{tint} outline, {}] {};", rounded(6.0), rectangle(&shape.grown(-3.5)));
        }
        self.text(&sketch.inside, shape.centre(), "");
        placed.captions.iter().for_each(|label| self.label(label));
    }

    fn label(&mut self, label: &Label) {
        self.text(&label.text, label.rect.centre(), "");
    }

    /// A line of prose.
    fn line(&mut self, line: &Line) {
        let (place, size) = (at(Point { x: line.x, y: line.y }), short(line.size * UNIT));
        let font =
            format!("\\fontsize{{{size}bp}}{{{size}bp}}\\selectfont{}", if line.bold { "\\bfseries" } else { "" });
        let text: String = line.text.chars().map(prose).collect();
        let _ = writeln!(self.0, "\\node[anchor=base west, text=name, font={{{font}}}] at {place} {{{text}}};");
    }

    fn text(&mut self, text: &Text, centre: Point, ground: &str) {
        if !text.text.trim().is_empty() {
            let (class, size) = (text.style.class(), short(text.style.size() * UNIT));
            let font = format!("\\fontsize{{{size}bp}}{{{size}bp}}\\selectfont");
            let _ = writeln!(
                self.0,
                "\\node[{ground}text={class}, font={{{font}}}] at {} {{${}$}};",
                at(centre),
                math(&text.text)
            );
        }
    }
}

fn at(point: Point) -> String {
    format!("({}, {})", short(point.x), short(point.y))
}

fn rectangle(rect: &Rect) -> String {
    format!("{} rectangle {}", at(Point { x: rect.x, y: rect.y }), at(Point { x: rect.right(), y: rect.bottom() }))
}

fn rounded(radius: f64) -> String {
    format!("rounded corners={}bp", short(radius * UNIT))
}

/// A coordinate, to a hundredth.
fn short(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A text in math mode: names of one letter in italics with their numbers as subscripts, longer ones upright, numbers
/// with powers of ten, everything else sign by sign.
fn math(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let part = |is: fn(char) -> bool| rest.split_at(rest.find(|c| !is(c)).unwrap_or(rest.len()));
        let word;
        if first.is_ascii_digit() {
            (word, rest) = part(|c| c.is_ascii_digit() || c == '.');
            out += word;
            if let Some((exponent, after)) = exponent(rest) {
                let _ = write!(out, "{{\\cdot}}10^{{{}}}", exponent.replace('−', "-"));
                rest = after;
            }
        } else if first.is_alphabetic() {
            (word, rest) = part(|c| c.is_alphanumeric() || c == '_');
            out += &name(word);
        } else {
            (word, rest) = rest.split_at(first.len_utf8());
            out += &sign(word);
        }
    }
    out
}

/// The exponent at the beginning of a text, `e-5` or `e300`, and what follows it.
fn exponent(text: &str) -> Option<(&str, &str)> {
    let digits = text.strip_prefix('e')?;
    let unsigned = digits.strip_prefix(['-', '−']).unwrap_or(digits);
    let count = unsigned.find(|c: char| !c.is_ascii_digit()).unwrap_or(unsigned.len());
    (count > 0).then(|| digits.split_at(digits.len() - unsigned.len() + count))
}

fn name(word: &str) -> String {
    let letters = word.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = &word[letters.len()..];
    let index = if number.is_empty() { String::new() } else { format!("_{{{number}}}") };
    let mut signs = if index.is_empty() { letters } else { letters.trim_end_matches('_') }.chars();
    match (signs.next(), signs.next()) {
        (Some(letter), None) => format!("{}{index}", sign(letter.encode_utf8(&mut [0; 4]))),
        _ => format!("\\text{{{}}}", word.chars().map(escaped).collect::<String>()),
    }
}

/// One sign in math mode.
fn sign(sign: &str) -> String {
    if let Some((_, command)) = SIGNS.iter().find(|(known, _)| *known == sign) {
        return format!("{{{command}}}");
    }
    match sign.chars().next() {
        Some(c) if c.is_ascii_alphanumeric() || "+()[]|,.:;!?/'".contains(c) => sign.to_owned(),
        Some(c) => format!("\\text{{{}}}", escaped(c)),
        None => String::new(),
    }
}

/// One sign in a sentence.
fn prose(c: char) -> String {
    let mut bytes = [0; 4];
    let text: &str = c.encode_utf8(&mut bytes);
    match SIGNS.iter().find(|(known, _)| *known == text && !c.is_ascii()) {
        Some((_, command)) => format!("${command}$"),
        None => escaped(c),
    }
}

/// One sign in a text.
fn escaped(c: char) -> String {
    match c {
        '\\' => "\\textbackslash{}".to_owned(),
        '~' => "\\textasciitilde{}".to_owned(),
        '^' => "\\textasciicircum{}".to_owned(),
        '<' => "\\textless{}".to_owned(),
        '>' => "\\textgreater{}".to_owned(),
        '"' => "\\textquotedbl{}".to_owned(),
        '_' | '&' | '%' | '#' | '$' | '{' | '}' => format!("\\{c}"),
        c if c.is_control() => " ".to_owned(),
        c => c.to_string(),
    }
}

/// Signs of formulas and their commands.
const SIGNS: &[(&str, &str)] = &[
    (" ", "\\ "),
    ("-", "-"),
    ("−", "-"),
    ("=", "="),
    ("<", "<"),
    (">", ">"),
    ("*", "\\cdot"),
    ("·", "\\cdot"),
    ("×", "\\times"),
    ("÷", "\\div"),
    ("@", "\\mathbin{@}"),
    ("⊙", "\\odot"),
    ("∂", "\\partial"),
    ("∞", "\\infty"),
    ("…", "\\dots"),
    ("←", "\\leftarrow"),
    ("→", "\\rightarrow"),
    ("↑", "\\uparrow"),
    ("↓", "\\downarrow"),
    ("≤", "\\leq"),
    ("≥", "\\geq"),
    ("≠", "\\neq"),
    ("≈", "\\approx"),
    ("∈", "\\in"),
    ("Σ", "\\Sigma"),
    ("∑", "\\sum"),
    ("∏", "\\prod"),
    ("√", "\\surd"),
    ("ᵗ", "^{\\mathsf{t}}"),
    ("ᵀ", "^{\\mathsf{T}}"),
    ("²", "^2"),
    ("³", "^3"),
    ("′", "'"),
    ("α", "\\alpha"),
    ("β", "\\beta"),
    ("γ", "\\gamma"),
    ("δ", "\\delta"),
    ("ε", "\\varepsilon"),
    ("η", "\\eta"),
    ("θ", "\\theta"),
    ("λ", "\\lambda"),
    ("μ", "\\mu"),
    ("π", "\\pi"),
    ("ρ", "\\rho"),
    ("σ", "\\sigma"),
    ("τ", "\\tau"),
    ("φ", "\\varphi"),
    ("ω", "\\omega"),
];
