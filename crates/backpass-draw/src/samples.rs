//! Views made by hand, for tests.

use backpass::ops::Category;
use backpass::view::{Group, Role, View, ViewEdge, ViewNode};
use backpass::{Array, ScopeKind};

pub fn node(id: &str, label: &str, role: Role) -> ViewNode {
    ViewNode {
        id: id.into(),
        label: label.into(),
        name: id.into(),
        role,
        formula: String::new(),
        shape: vec![],
        value: None,
        gradient: None,
        notes: vec![],
        column: None,
        group: None,
        unit: None,
    }
}

pub fn edge(from: usize, to: usize, operand: usize) -> ViewEdge {
    ViewEdge { from, to, operand, ..ViewEdge::default() }
}

/// sigmoid(w1*x + w2*y + b) at x = 1, y = −2, w1 = 0.5, w2 = 0.25, b = 0.1.
pub fn neuron() -> View {
    use Category::{Activation, Arithmetic};
    let nodes = [
        ("w1", "w1", Role::Parameter, "", 0.5, 0.24937),
        ("x", "x", Role::Input, "", 1.0, 0.12468),
        ("w2", "w2", Role::Parameter, "", 0.25, -0.49875),
        ("y", "y", Role::Input, "", -2.0, 0.06234),
        ("b", "b", Role::Parameter, "", 0.1, 0.24937),
        ("v1", "*", Role::Operator(Arithmetic), "w1*x", 0.5, 0.24937),
        ("v2", "*", Role::Operator(Arithmetic), "w2*y", -0.5, 0.24937),
        ("v3", "+", Role::Operator(Arithmetic), "v1 + v2", 0.0, 0.24937),
        ("v4", "+", Role::Operator(Arithmetic), "v3 + b", 0.1, 0.24937),
        ("v5", "sigmoid", Role::Operator(Activation), "sigmoid(v4)", 0.52498, 1.0),
    ];
    let edges = [
        (0, 5, 0, "x", 1.0),
        (1, 5, 1, "w1", 0.5),
        (2, 6, 0, "y", -2.0),
        (3, 6, 1, "w2", 0.25),
        (5, 7, 0, "1", 1.0),
        (6, 7, 1, "1", 1.0),
        (7, 8, 0, "1", 1.0),
        (4, 8, 1, "1", 1.0),
        (8, 9, 0, "v5 * (1 - v5)", 0.24937),
    ];
    let nodes: Vec<ViewNode> = nodes
        .map(|(id, label, role, formula, value, gradient)| ViewNode {
            formula: formula.into(),
            value: Some(value.into()),
            gradient: Some(gradient.into()),
            ..node(id, label, role)
        })
        .into();
    let edges = edges
        .map(|(from, to, operand, rule, local): (usize, usize, usize, &str, f64)| ViewEdge {
            value: nodes[from].value.clone(),
            rule: rule.into(),
            local: Some(local.into()),
            gradient: nodes[to].gradient.as_ref().map(|g| g.map(|g| g * local)),
            ..edge(from, to, operand)
        })
        .into();
    View { title: "sigmoid(w1*x + w2*y + b)".into(), nodes, edges, output: Some(9), of: "L".into(), ..View::default() }
}

/// A fully connected network, neuron by neuron; without numbers unless asked for.
pub fn network(sizes: &[usize], numbers: bool) -> View {
    let mut view = View { title: "network".into(), ..View::default() };
    let mut before = 0..0;
    for (column, &size) in sizes.iter().enumerate() {
        let start = view.nodes.len();
        let layer = if column == 0 { "x".into() } else { format!("hidden{column}") };
        view.groups.push(Group { id: layer.clone(), label: layer.clone(), kind: ScopeKind::Layer, parent: None });
        for place in 0..size {
            let role = if column == 0 { Role::Input } else { Role::Neuron };
            let label = format!("{}{}", if column == 0 { "x" } else { "h" }, place + 1);
            let at = noise(31 * column + place);
            view.nodes.push(ViewNode {
                value: numbers.then(|| at.into()),
                gradient: numbers.then(|| (at / 7.0).into()),
                column: Some(column),
                group: Some(column),
                ..node(&format!("{layer}.{place}"), &label, role)
            });
            for from in before.clone() {
                let weight = 2.0 * noise(from * 13 + place * 7 + column);
                let value = view.nodes[from].value.as_ref().map(|v| v.map(|v| v * weight));
                let gradient = numbers.then(|| (weight / 9.0).into());
                let edge = edge(from, start + place, from - before.start);
                view.edges.push(ViewEdge { weight: numbers.then_some(weight), value, gradient, ..edge });
            }
        }
        before = start..view.nodes.len();
    }
    view
}

/// A network of which most neurons are left out: 60 nodes, 300 edges.
pub fn elided() -> View {
    let mut view = network(&[14, 14, 14, 10], true);
    view.edges.retain(|edge| noise(edge.from * 101 + edge.to) > -0.2);
    view.edges.truncate(300);
    for (column, hidden) in [770, 498, 498].into_iter().enumerate() {
        let more = node(&format!("more{column}"), &format!("…and {hidden} more"), Role::More);
        view.nodes.push(ViewNode { column: Some(column), group: Some(column), ..more });
    }
    view
}

/// Arrays between layers.
pub fn layers() -> View {
    let arrays = [("x", vec![784]), ("hidden1", vec![512]), ("hidden2", vec![512]), ("output", vec![10])];
    let mut view = View { title: "784-512-512-10".into(), ..View::default() };
    for (index, (name, shape)) in arrays.into_iter().enumerate() {
        let to = view.nodes.len();
        if index > 0 {
            let weights =
                ViewNode { shape: vec![512, 784], ..node(&format!("W{index}"), &format!("W{index}"), Role::Parameter) };
            view.nodes.push(weights);
            view.nodes.push(node(&format!("p{index}"), "@", Role::Operator(Category::Matrix)));
            view.nodes.push(node(&format!("r{index}"), "relu", Role::Operator(Category::Activation)));
            view.edges.extend([
                edge(to - 1, to + 1, 1),
                edge(to, to + 1, 0),
                edge(to + 1, to + 2, 0),
                edge(to + 2, to + 3, 0),
            ]);
        }
        let value = Array::from_fn(&shape, noise);
        view.nodes.push(ViewNode { shape, value: Some(value), ..node(name, name, Role::Array) });
    }
    view
}

/// A random graph with numbers.
pub fn random(count: usize, seed: usize) -> View {
    let mut view = View { title: format!("{count} nodes"), ..View::default() };
    let categories = [
        ("+", Category::Arithmetic),
        ("*", Category::Arithmetic),
        ("tanh", Category::Activation),
        ("exp", Category::Function),
        ("@", Category::Matrix),
        ("sum", Category::Reduction),
        ("max", Category::Logic),
    ];
    let pick = |at: usize, of: usize| ((noise(at * 7919 + seed) + 1.0) / 2.0 * of as f64) as usize % of;
    for index in 0..count {
        let inputs = (count / 5).max(1);
        let (label, role) = match index {
            i if i < inputs && i % 2 == 0 => (format!("x{i}"), Role::Input),
            i if i < inputs => (format!("w{i}"), Role::Parameter),
            i => {
                let (label, category) = categories[pick(i, categories.len())];
                (label.to_owned(), Role::Operator(category))
            }
        };
        let value = noise(index + seed);
        view.nodes.push(ViewNode {
            value: Some(value.into()),
            gradient: Some((value / 3.0).into()),
            ..node(&format!("n{index}"), &label, role)
        });
        if index >= inputs {
            for operand in 0..1 + pick(index + 1000, 2) {
                let near = pick(index * 3 + operand + 5000, index.min(12));
                let from =
                    if pick(index + operand, 4) == 0 { pick(index + operand + 77, index) } else { index - 1 - near };
                view.edges.push(ViewEdge {
                    value: view.nodes[from].value.clone(),
                    gradient: Some(noise(index * 5 + operand).into()),
                    local: Some(noise(index * 9 + operand).into()),
                    ordered: matches!(view.nodes[index].label.as_str(), "@" | "max"),
                    ..edge(from, index, operand)
                });
            }
        }
    }
    view
}

/// A network of two layers, each with two neurons, drawn open.
pub fn nested() -> View {
    let mut view = View { title: "nested".into(), ..View::default() };
    let group = |id: &str, kind, parent| Group { id: id.into(), label: id.into(), kind, parent };
    view.groups.push(group("network", ScopeKind::Network, None));
    view.nodes.extend(["x", "y"].map(|name| ViewNode { value: Some(0.5.into()), ..node(name, name, Role::Input) }));
    let mut before = vec![0, 1];
    for layer in 1..=2 {
        let outer = view.groups.len();
        view.groups.push(group(&format!("layer{layer}"), ScopeKind::Layer, Some(0)));
        let mut after = Vec::new();
        for neuron in 1..=2 {
            let inner = view.groups.len();
            view.groups.push(group(&format!("neuron{layer}.{neuron}"), ScopeKind::Neuron, Some(outer)));
            let weight = view.nodes.len();
            let name = |what: &str| format!("{what}{layer}{neuron}");
            for (id, label, role) in [
                (name("w"), name("w"), Role::Parameter),
                (name("p"), "·".into(), Role::Operator(Category::Matrix)),
                (name("a"), "tanh".into(), Role::Operator(Category::Activation)),
            ] {
                view.nodes.push(ViewNode { value: Some(0.25.into()), group: Some(inner), ..node(&id, &label, role) });
            }
            let numbers = |e: ViewEdge| ViewEdge { value: Some(0.25.into()), gradient: Some((-0.125).into()), ..e };
            view.edges.push(numbers(edge(weight, weight + 1, 0)));
            view.edges.extend(before.iter().enumerate().map(|(i, &from)| numbers(edge(from, weight + 1, i + 1))));
            view.edges.push(numbers(edge(weight + 1, weight + 2, 0)));
            after.push(weight + 2);
        }
        before = after;
    }
    view
}

/// Names and numbers at which a careless drawing breaks.
pub fn awkward() -> View {
    let mut view = neuron();
    view.nodes[0].label = "a_very_long_name_of_a_parameter_that_nobody_can_read".into();
    view.nodes[1].label = "<x> & \"y\"\u{1}".into();
    view.nodes[9].label = "a_composite_function_with_a_long_name".into();
    view.nodes[7].notes = vec!["The value is NaN: 0 / 0.".into()];
    view.edges[4].value = Some(f64::NAN.into());
    view.edges[5].value = Some(f64::NEG_INFINITY.into());
    view.edges[6].value = Some(Array::filled(&[1000], 1.5e-300));
    view.edges[7].value = Some(Array::filled(&[2, 2], 1.0));
    view.nodes[8].shape = vec![1000];
    view.title = "awkward <&>".into();
    view
}

/// All of them with a name.
pub fn all() -> Vec<(&'static str, View)> {
    vec![
        ("empty", View::default()),
        ("one", View { nodes: vec![node("x", "x", Role::Input)], ..View::default() }),
        ("neuron", neuron()),
        ("network-2-3-1", network(&[2, 3, 1], true)),
        ("network-8-9-9-9-4", network(&[8, 9, 9, 9, 4], false)),
        ("elided", elided()),
        ("layers", layers()),
        ("random-3", random(3, 1)),
        ("random-30", random(30, 2)),
        ("random-300", random(300, 3)),
        ("nested", nested()),
        ("awkward", awkward()),
    ]
}

/// A fixed sequence of numbers in −1 … 1 without pattern.
fn noise(at: usize) -> f64 {
    let mut bits = (at as u64).wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 29)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (bits >> 11) as f64 / (1u64 << 52) as f64 - 1.0
}
