//! Every kind of plot as a document: well-formed, named, legible, in the colours asked for.

use backpass::nn::Activation;
use backpass::view::{Grid, InitRanges, LayerRange};
use backpass_draw::plot::{
    Axis, Chart, Mark, PlotError, Series, Shade, Shape, Sheet, Tint, activation, activations, init_ranges,
};
use backpass_draw::{Theme, font};
use resvg::usvg::roxmltree::{Document, Node};

fn wave(frequency: f64) -> Vec<(f64, f64)> {
    (0..=100).map(|i| (f64::from(i), (frequency * f64::from(i)).sin())).collect()
}

fn busy() -> Chart {
    let mut chart = Chart::new("A <busy> chart & more", Axis::linear("x"), Axis::linear("y"));
    chart.subtitle =
        "Many lines that end near one another, with words that do not fit on one line of a small picture.".into();
    for index in 0..6 {
        let ends = wave(0.1).into_iter().map(|(x, y)| (x, y + 0.01 * f64::from(index)));
        chart.series.push(Series::line(format!("series number {index}"), ends.collect::<Vec<_>>()));
    }
    let mark = |x, label: &str| Mark { x, label: label.into() };
    chart.marks = vec![
        mark(50.0, "in the middle"),
        mark(52.0, "just beside it"),
        mark(100.0, "at the end"),
        mark(0.0, "at the start"),
    ];
    chart
}

fn spreads() -> Sheet {
    let layers = (1..8).map(|i| {
        let std = 1.0 / f64::from(i);
        LayerRange {
            std,
            gradient_std: std,
            quantiles: [-1.6, -0.7, 0.0, 0.7, 1.6].map(|q| q * std),
            ..LayerRange::default()
        }
    });
    let one = InitRanges { init: "he".into(), layers: layers.collect() };
    init_ranges("Ranges", &vec![one; 8])
}

/// Every kind of picture at the sizes people use.
fn pictures(theme: Theme) -> Vec<(String, String)> {
    let chart = |chart: &Chart, size| (format!("{} at {size:?}", chart.title), chart.svg(size, theme).unwrap());
    let sheet =
        |sheet: &Sheet, panel| (format!("{} at {panel:?}", sheet.title), sheet.svg(sheet.size(panel), theme).unwrap());
    let mut all = Vec::new();
    for size in [(420, 360), (640, 420), (1200, 800)] {
        all.push(chart(&busy(), size));
        for name in Activation::names() {
            all.push(chart(&activation(&Activation::parse(name).unwrap()).unwrap(), size));
        }
    }
    for panel in [(230, 210), (320, 260)] {
        all.push(sheet(&activations().unwrap(), panel));
        all.push(sheet(&spreads(), panel));
    }
    let powers: Vec<(f64, f64)> = (0..8).map(|i| (2f64.powi(i), 0.5f64.powi(i))).collect();
    let log = Chart::new("log", Axis::log("neurons"), Axis::log("error")).with(Series::line("trained", powers));
    all.extend([(240, 180), (600, 400)].map(|size| chart(&log, size)));
    all
}

fn number(node: Node<'_, '_>, name: &str) -> f64 {
    node.attribute(name).and_then(|text| text.parse().ok()).unwrap_or(0.0)
}

/// Left, top, right and bottom of a line of text, without the room below its letters.
fn extent(node: Node<'_, '_>) -> (f64, f64, f64, f64) {
    let (size, text) = (number(node, "font-size"), node.text().unwrap_or("").trim());
    let width = font::width(text, size);
    let shift = match node.attribute("text-anchor") {
        Some("end") => -width,
        Some("middle") => -width / 2.0,
        _ => 0.0,
    };
    let below = match node.attribute("dy") {
        Some("0.76em") => 0.76,
        Some("0.5ex") => 0.27,
        _ => -0.27,
    };
    let (x, y) = (number(node, "x"), number(node, "y"));
    match node.attribute("transform") {
        None => (x + shift, y + (below - 0.72) * size, x + shift + width, y + below * size),
        // Turned to the left.
        Some(_) => (x + (below - 0.72) * size, y + shift, x + below * size, y + shift + width),
    }
}

#[test]
fn texts_neither_overlap_nor_leave_the_picture() {
    for (what, svg) in pictures(Theme::Light) {
        let document = Document::parse(&svg).unwrap();
        let page: Vec<f64> =
            document.root_element().attribute("viewBox").unwrap().split(' ').map(|n| n.parse().unwrap()).collect();
        let texts: Vec<_> = document.descendants().filter(|n| n.has_tag_name("text")).collect();
        assert!(!texts.is_empty());
        for (index, text) in texts.iter().enumerate() {
            let a = extent(*text);
            assert!(a.0 >= 0.0 && a.1 >= 0.0 && a.2 <= page[2] && a.3 <= page[3], "{what}: {:?} at {a:?}", text.text());
            for other in &texts[..index] {
                let b = extent(*other);
                let apart = a.0 >= b.2 || b.0 >= a.2 || a.1 >= b.3 || b.1 >= a.3;
                assert!(apart, "{what}: {:?} and {:?} overlap", text.text(), other.text());
            }
        }
    }
}

#[test]
fn documents_say_what_they_show() {
    let svg = busy().svg((640, 420), Theme::Auto).unwrap();
    let document = Document::parse(&svg).unwrap();
    let root = document.root_element();
    assert_eq!(
        (root.attribute("role"), root.attribute("width"), root.attribute("height")),
        (Some("img"), Some("640"), Some("420"))
    );
    assert!(root.attribute("font-family").unwrap().starts_with("'DejaVu Sans'"));
    let text = |tag: &str| root.children().find(|n| n.has_tag_name(tag)).and_then(|n| n.text()).unwrap();
    assert_eq!(text("title"), "A <busy> chart & more");
    assert_eq!(text("desc"), busy().describe());
    assert!(busy().describe().contains("series number 3: from 0.03 at 0"), "{}", busy().describe());
}

#[test]
fn every_colour_has_a_dark_form() {
    let chart = busy();
    let size = (640, 420);
    let [light, dark, auto] = [Theme::Light, Theme::Dark, Theme::Auto].map(|theme| chart.svg(size, theme).unwrap());
    let document = Document::parse(&auto).unwrap();
    let style = document.descendants().find(|n| n.has_tag_name("style")).and_then(|n| n.text()).unwrap();
    let mut turned = light.clone();
    for property in ["fill", "stroke"] {
        for node in document.descendants().filter(|n| n.is_element()) {
            let Some(colour) = node.attribute(property).filter(|c| c.starts_with('#')) else { continue };
            let rule = format!("[{property}=\"{colour}\"]{{{property}:");
            let at = style.find(&rule).unwrap_or_else(|| panic!("no rule for {property} {colour}")) + rule.len();
            turned =
                turned.replace(&format!("{property}=\"{colour}\""), &format!("{property}=\"{}\"", &style[at..at + 7]));
        }
    }
    assert!(!light.contains("<style>") && !dark.contains("<style>"));
    assert_eq!(turned, dark);
}

#[test]
fn what_is_not_finite_is_left_out() {
    let (nan, inf) = (f64::NAN, f64::INFINITY);
    let odd = vec![(0.0, 1.0), (nan, 2.0), (1.0, nan), (2.0, inf), (-inf, 0.0), (3.0, 2.0), (4.0, 3.0)];
    let chart = |shape: Shape, axis: Axis| Chart::new("t", Axis::linear("x"), axis).with(Series::new("s", shape));
    let edges = vec![(0.0, 1.0, 2.0), (nan, 1.0, 2.0), (1.0, nan, 2.0), (2.0, 1.0, inf), (3.0, 0.0, 1.0)];
    for axis in [Axis::linear("y"), Axis::log("y")] {
        for shape in [
            Shape::Line(odd.clone()),
            Shape::Dashed(odd.clone()),
            Shape::Points(odd.clone()),
            Shape::Rings(odd.clone()),
            Shape::Band { edges: edges.clone(), strength: 0.3 },
            Shape::Line(vec![(1.0, -1.0); 3]),
            Shape::Line(Vec::new()),
        ] {
            let svg = chart(shape, axis.clone()).svg((400, 300), Theme::Light).unwrap();
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
            assert!(Document::parse(&svg).is_ok());
        }
    }
    let empty = Chart::default().svg((400, 300), Theme::Light).unwrap();
    assert!(empty.contains("no data"));
}

#[test]
fn points_stand_where_their_numbers_say() {
    let axes = || (Axis::linear("").within(0.0, 10.0), Axis::log("").within(1.0, 100.0));
    let chart = Chart::new("", axes().0, axes().1)
        .with(Series::new("", Shape::Dots(vec![(0.0, 1.0), (5.0, 10.0), (10.0, 100.0), (11.0, 10.0)])));
    let svg = chart.svg((500, 400), Theme::Light).unwrap();
    let document = Document::parse(&svg).unwrap();
    let circles: Vec<(f64, f64)> = document
        .descendants()
        .filter(|n| n.has_tag_name("circle"))
        .map(|n| (number(n, "cx"), number(n, "cy")))
        .collect();
    assert_eq!(circles.len(), 3, "what lies outside of the axes is cut off");
    let middle = ((circles[0].0 + circles[2].0) / 2.0, (circles[0].1 + circles[2].1) / 2.0);
    assert!((circles[1].0 - middle.0).abs() <= 1.0 && (circles[1].1 - middle.1).abs() <= 1.0);
    assert!(circles[0].0 < circles[2].0 && circles[0].1 > circles[2].1);
}

#[test]
fn a_region_with_a_hole_is_filled_around_it() {
    let grid = Grid::from_fn((-2.0, 2.0), (-2.0, 2.0), 61, 61, |x, y| x.hypot(y));
    let mut chart = Chart::new("", Axis::linear(""), Axis::linear(""));
    chart.shades = vec![Shade { grid, level: 1.0, tint: Tint { colour: 1, strength: 1.0 } }];
    chart.equal_units = true;
    let svg = chart.svg((300, 300), Theme::Light).unwrap();
    let png = backpass_draw::png(&svg, None, 1.0).unwrap();
    let pixels = resvg::tiny_skia::Pixmap::decode_png(&png).unwrap();
    let filled = pixels.pixels().iter().filter(|p| (p.red(), p.green(), p.blue()) == (0xD5, 0x5E, 0x00)).count() as f64;
    let document = Document::parse(&svg).unwrap();
    let outline = document.descendants().find(|n| n.has_tag_name("polygon")).unwrap().attribute("points").unwrap();
    let x = outline.split_whitespace().map(|p| p.split_once(',').unwrap().0.parse::<f64>().unwrap() / 10.0);
    let (low, high) = x.fold((f64::INFINITY, 0.0f64), |(l, h), x| (l.min(x), h.max(x)));
    let expected = (high - low).powi(2) * (1.0 - std::f64::consts::PI / 16.0);
    assert!((filled / expected - 1.0).abs() < 0.03, "{filled} pixels instead of {expected}");
}

#[test]
fn impossible_pictures_are_refused_in_words() {
    let said = |size| busy().svg(size, Theme::Light).unwrap_err().to_string();
    assert!(
        said((100, 80)).starts_with("100×80 pixels are too few for this plot\nhelp: give at least "),
        "{}",
        said((100, 80))
    );
    assert!(said((1_000_000, 80)).contains("too many"));
    let PlotError::TooSmall { least_width, least_height, .. } = busy().svg((200, 120), Theme::Light).unwrap_err()
    else {
        panic!("large enough")
    };
    assert!(busy().svg((least_width + 60, least_height + 60), Theme::Light).is_ok(), "{least_width}×{least_height}");
    let backwards = Chart::new("t", Axis::linear("x").within(2.0, 1.0), Axis::linear("y"));
    assert!(matches!(backwards.svg((400, 300), Theme::Light), Err(PlotError::Range { .. })));
}
