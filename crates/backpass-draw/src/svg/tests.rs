use std::path::Path;

use resvg::usvg::roxmltree::{Document, Node};

use super::*;
use crate::png::png;
use crate::samples;

fn light(view: &View) -> String {
    svg(view, &SvgOptions { theme: Theme::Light, ..SvgOptions::default() })
}

fn elements<'a>(document: &'a Document, attribute: &str) -> Vec<Node<'a, 'a>> {
    document.descendants().filter(|node| node.has_attribute(attribute)).collect()
}

#[test]
fn pictures_are_well_formed_and_ids_unique() {
    for (name, view) in samples::all() {
        for theme in Theme::NAMES {
            let picture = svg(&view, &SvgOptions { theme: theme.1, ..SvgOptions::default() });
            let document = Document::parse(&picture).unwrap_or_else(|e| panic!("{name}: {e}"));
            let mut ids = HashSet::new();
            for node in elements(&document, "id") {
                assert!(ids.insert(node.attribute("id")), "{name}: {:?} twice", node.attribute("id"));
            }
            let named = |prefix: &str| ids.iter().flatten().filter(|id| id.starts_with(prefix)).count();
            assert_eq!((named("node-"), named("edge-")), (view.nodes.len(), view.edges.len()), "{name}");
        }
    }
}

#[test]
fn every_node_and_edge_tells_what_it_is() {
    let view = samples::neuron();
    let picture = light(&view);
    let document = Document::parse(&picture).unwrap();
    let tip = |id: &str| {
        let node = document.descendants().find(|n| n.attribute("id") == Some(id)).unwrap();
        node.children().find(|n| n.has_tag_name("title")).and_then(|n| n.text()).unwrap().to_owned()
    };
    assert_eq!(tip("node-v1"), "v1 = w1*x\n*\nvalue 0.5\ngradient 0.2494");
    assert_eq!(tip("edge-y-v2-1"), "y → v2\nvalue −2\n∂v2/∂y: w2\nlocal derivative 0.25\ngradient 0.06234");
    let texts = |class: &str| {
        let texts =
            document.descendants().filter(|n| n.attribute("class") == Some(class) && n.has_attribute("data-edge"));
        texts.filter_map(|n| n.text().map(str::to_owned)).collect::<Vec<_>>()
    };
    assert_eq!(texts("forward").len(), view.edges.len());
    assert_eq!(texts("backward")[8], "← 0.2494");
    assert_eq!(texts("local")[8], "∂ 0.2494");
}

#[test]
fn the_sign_of_a_weight_is_more_than_a_colour() {
    let picture = light(&samples::network(&[2, 3, 1], true));
    let document = Document::parse(&picture).unwrap();
    let negative =
        elements(&document, "data-edge").into_iter().filter(|n| n.attribute("class") == Some("edge neg")).count();
    assert!(negative > 0);
    assert!(picture.contains(".neg{stroke-dasharray:") && picture.contains("negative weight"));
}

#[test]
fn hostile_names_stay_text() {
    let picture = light(&samples::awkward());
    let document = Document::parse(&picture).unwrap();
    assert!(document.descendants().any(|n| n.text() == Some("<x> & \"y\"\u{fffd}")));
    assert_eq!(
        document.root_element().children().find(|n| n.has_tag_name("title")).unwrap().text(),
        Some("awkward <&>")
    );
}

#[test]
fn big_networks_stay_small() {
    assert!(samples::elided().edges.len() >= 200);
    assert!(light(&samples::elided()).len() < 200_000);
}

#[test]
fn the_same_view_gives_the_same_picture() {
    for (_, view) in [("random", samples::random(30, 5)), ("nested", samples::nested())] {
        assert_eq!(light(&view), light(&view));
    }
}

#[test]
fn every_picture_becomes_a_png() {
    for (name, view) in samples::all() {
        let png = png(&svg(&view, &SvgOptions::default()), Some(300), 1.0).unwrap();
        assert!(png.starts_with(b"\x89PNG"), "{name}");
    }
}

/// `BACKPASS_BLESS=1` writes what is drawn now.
#[test]
fn pictures_do_not_change_unnoticed() {
    for (name, view) in [("neuron", samples::neuron()), ("network", samples::network(&[2, 3, 1], true))] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pictures").join(format!("{name}.svg"));
        let picture = light(&view);
        if std::env::var_os("BACKPASS_BLESS").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &picture).unwrap();
        }
        let expected = std::fs::read_to_string(&path).unwrap();
        assert!(picture == expected, "{name} looks different; see it, then set BACKPASS_BLESS=1");
    }
}
