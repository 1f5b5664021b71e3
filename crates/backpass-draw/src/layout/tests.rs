use backpass::ops::Category;
use backpass::view::{Role, ViewEdge};

use super::*;
use crate::samples;

const DIRECTIONS: [Direction; 2] = [Direction::Right, Direction::Down];

fn layouts(view: &View) -> [Layout; 2] {
    DIRECTIONS.map(|direction| layout(view, &SvgOptions { direction, ..SvgOptions::default() }))
}

/// A route as short straight lines.
fn polyline(route: &Route, flow: Direction) -> Vec<Point> {
    let mut points = vec![route.start];
    for piece in &route.pieces {
        let (start, end) = (points[points.len() - 1], piece.end());
        let steps = if matches!(piece, Piece::Curve(_)) { 24 } else { 1 };
        points.extend((1..=steps).map(|step| {
            let t = step as f64 / steps as f64;
            // A cubic curve whose handles lie half-way along the flow.
            let along = |a: f64, b: f64| a + (b - a) * (1.5 * t * (1.0 - t) + t * t * t);
            let across = |a: f64, b: f64| a + (b - a) * (3.0 * t * t - 2.0 * t * t * t);
            match flow {
                _ if steps == 1 => end,
                Direction::Right => Point { x: along(start.x, end.x), y: across(start.y, end.y) },
                Direction::Down => Point { x: across(start.x, end.x), y: along(start.y, end.y) },
            }
        }));
    }
    points
}

fn crosses(line: &[Point], rect: &Rect) -> bool {
    line.windows(2).any(|pair| rect.crossed(pair[0], pair[1]))
}

/// Boxes of shapes and of all labels beside them, with names for messages.
fn boxes(layout: &Layout) -> Vec<(String, Rect)> {
    let shapes = layout.nodes.iter().enumerate().map(|(index, node)| (format!("node {index}"), node.shape));
    let labels = layout.labels().map(|label| (format!("label {}", label.text.text), label.rect));
    let titles = layout.frames.iter().map(|frame| (format!("title {}", frame.title.text.text), frame.title.rect));
    shapes.chain(labels).chain(titles).collect()
}

#[test]
fn nothing_overlaps_and_everything_is_on_the_page() {
    for (name, view) in samples::all() {
        for layout in layouts(&view) {
            let boxes = boxes(&layout);
            let page = Rect { x: 0.0, y: 0.0, w: layout.w, h: layout.h };
            for (index, (what, rect)) in boxes.iter().enumerate() {
                assert!(page.union(rect) == page, "{name}: {what} leaves the page");
                for (other, with) in &boxes[..index] {
                    assert!(!rect.grown(-0.2).overlaps(&with.grown(-0.2)), "{name}: {what} overlaps {other}");
                }
            }
        }
    }
}

#[test]
fn no_edge_crosses_a_node_or_a_label_of_another() {
    for (name, view) in samples::all() {
        for (layout, flow) in layouts(&view).iter().zip(DIRECTIONS) {
            for (index, route) in layout.routes.iter().enumerate() {
                let ends = match route.link {
                    Link::Edge(edge) => [view.edges[edge].from, view.edges[edge].to],
                    Link::Result(node) => [node, node],
                };
                let line = polyline(route, flow);
                for (node, placed) in layout.nodes.iter().enumerate() {
                    let met = crosses(&line, &placed.shape.grown(-0.2)) && !ends.contains(&node);
                    assert!(!met, "{name}: {:?} crosses node {node}", route.link);
                    for label in &placed.captions {
                        let met = crosses(&line, &label.rect.grown(-0.2));
                        assert!(!met, "{name}: {:?} crosses {}", route.link, label.text.text);
                    }
                }
                for (other, with) in layout.routes.iter().enumerate() {
                    // The own line of a label between neurons is interrupted by it.
                    for label in with.labels.iter().filter(|_| !layout.columns || other != index) {
                        let met = crosses(&line, &label.rect.grown(-0.2));
                        assert!(!met, "{name}: {:?} crosses {} of {:?}", route.link, label.text.text, with.link);
                    }
                }
            }
        }
    }
}

#[test]
fn random_graphs_of_any_size_are_clean() {
    for seed in 0..40 {
        let mut view = samples::random(2 + seed % 37, seed);
        // Some nodes stand in frames, nested and not in one piece.
        view.groups = samples::nested().groups;
        for (index, node) in view.nodes.iter_mut().enumerate() {
            node.group = (index % 3 > 0).then_some((index * (seed + 1) / 5) % view.groups.len());
        }
        for (layout, flow) in layouts(&view).iter().zip(DIRECTIONS) {
            for frame in &layout.frames {
                for (node, placed) in layout.nodes.iter().enumerate() {
                    let member = frames::inside(&view, view.nodes[node].group, frame.group);
                    assert_eq!(
                        placed.shape.overlaps(&frame.rect),
                        member,
                        "{seed}: node {node} and frame {}",
                        frame.group
                    );
                }
            }
            let labels: Vec<&Label> = layout.labels().collect();
            for (index, label) in labels.iter().enumerate() {
                assert!(
                    labels[..index].iter().all(|other| !other.rect.overlaps(&label.rect)),
                    "{seed}: labels overlap"
                );
            }
            for route in &layout.routes {
                let line = polyline(route, flow);
                let own: Vec<&Label> = route.labels.iter().collect();
                let foreign = labels.iter().filter(|label| !own.contains(label));
                let crossed = foreign.filter(|label| crosses(&line, &label.rect.grown(-0.2))).count();
                assert_eq!(crossed, 0, "{seed}: {:?}", route.link);
            }
        }
    }
}

#[test]
fn values_flow_to_the_right_or_down() {
    for (name, view) in samples::all() {
        let [right, down] = layouts(&view);
        for edge in &view.edges {
            assert!(right.nodes[edge.from].shape.right() < right.nodes[edge.to].shape.x, "{name}");
            assert!(down.nodes[edge.from].shape.bottom() < down.nodes[edge.to].shape.y, "{name}");
        }
    }
}

#[test]
fn operands_stand_in_their_order() {
    let [right, down] = layouts(&samples::neuron());
    for pair in [[0, 1], [1, 2], [2, 3]] {
        assert!(right.nodes[pair[0]].shape.y < right.nodes[pair[1]].shape.y);
        assert!(down.nodes[pair[0]].shape.x < down.nodes[pair[1]].shape.x);
    }
}

#[test]
fn operands_whose_order_matters_are_marked_and_in_order() {
    for inputs in [[0, 1], [1, 0]] {
        let given = |name: &str| samples::node(name, name, Role::Input);
        let quotient = samples::node("L", "/", Role::Operator(Category::Arithmetic));
        let edges = [0, 1].map(|operand| ViewEdge { ordered: true, ..samples::edge(inputs[operand], 2, operand) });
        let view = View { nodes: vec![given("a"), given("b"), quotient], edges: edges.into(), ..View::default() };
        for layout in layouts(&view) {
            let marks: Vec<&str> = layout.routes.iter().flat_map(|r| &r.labels).map(|l| l.text.text.as_str()).collect();
            assert_eq!(marks, ["1st", "2nd"]);
            let [first, second] = inputs.map(|node| layout.nodes[node].shape);
            assert!(first.y < second.y || first.x < second.x, "{inputs:?}");
        }
    }
}

#[test]
fn frames_hold_their_nodes_and_only_them() {
    let view = samples::nested();
    for layout in layouts(&view) {
        assert_eq!(layout.frames.len(), view.groups.len());
        for frame in &layout.frames {
            for (node, placed) in layout.nodes.iter().enumerate() {
                let member = frames::inside(&view, view.nodes[node].group, frame.group);
                assert_eq!(placed.shape.overlaps(&frame.rect), member, "node {node}, frame {}", frame.group);
            }
            for other in layout.frames.iter().filter(|other| other.group != frame.group) {
                let nested = |a, b| frames::inside(&view, Some(a), b);
                let related = nested(frame.group, other.group) || nested(other.group, frame.group);
                assert_eq!(frame.rect.overlaps(&other.rect), related);
            }
        }
    }
}

#[test]
fn few_edges_of_a_network_all_have_labels() {
    for layout in layouts(&samples::network(&[2, 3, 1], true)) {
        let lines: Vec<usize> = layout.routes.iter().map(|route| route.labels.len()).collect();
        assert!(lines[0] > 0 && lines.iter().all(|count| *count == lines[0]), "{lines:?}");
    }
}

#[test]
fn lines_meet_boxes() {
    let rect = Rect { x: 0.0, y: 0.0, w: 10.0, h: 10.0 };
    let p = |x, y| Point { x, y };
    assert!(rect.crossed(p(-5.0, 5.0), p(15.0, 5.0)));
    assert!(rect.crossed(p(-1.0, 8.0), p(3.0, 12.0)));
    assert!(!rect.crossed(p(-5.0, 5.0), p(5.0, 20.0)));
    assert!(!rect.crossed(p(-5.0, 12.0), p(15.0, 12.0)));
    assert!(!rect.crossed(p(-5.0, 5.0), p(-1.0, 5.0)));
}
