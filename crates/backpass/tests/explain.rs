//! Explanations: every number adds up, at every level of detail, and what is remarkable is said.

mod common;

use backpass::array::Array;
use backpass::explain::{
    Explanation, Folding, NeuronOptions, Question, Source, dense_layers, neurons, recognise, structure,
};
use backpass::graph::NodeId;
use backpass::nn::{Activation, Embedding, Mlp, Network};
use backpass::ops::Category;
use backpass::text::parse_expression;
use backpass::view::{Level, Pass, Role, View};
use backpass::{Graph, Shape};
use common::{Random, random_case};

fn explain(source: &str, values: &[(&str, Array)]) -> Explanation {
    let shapes: Vec<(&str, Shape)> = values.iter().map(|(n, v)| (*n, Shape::fixed(v.shape()))).collect();
    let graph = parse_expression(source, &shapes).unwrap();
    explain_graph(&graph, values)
}

fn explain_graph(graph: &Graph, values: &[(&str, Array)]) -> Explanation {
    let result = graph.outputs().last().unwrap().1;
    let point: Vec<(&str, &Array)> = values.iter().map(|(n, v)| (*n, v)).collect();
    Explanation::new(graph, &Question { result, seed: None, variables: None }, &point).unwrap()
}

fn scalars<'a>(values: &[(&'a str, f64)]) -> Vec<(&'a str, Array)> {
    values.iter().map(|(n, v)| (*n, Array::scalar(*v))).collect()
}

fn close(a: &Array, b: &Array) -> bool {
    let pairs = || a.data().iter().zip(b.data());
    a.shape() == b.shape()
        && pairs().all(|(a, b)| (a - b).abs() <= 1e-12 * (1.0 + a.abs()) || a.to_bits() == b.to_bits())
}

/// In every view, the gradients on the edges that leave a node add up to the gradient of the node.
fn assert_adds_up(view: &View, context: &str) {
    for (index, node) in view.nodes.iter().enumerate() {
        let leaving: Vec<_> = view.edges.iter().filter(|e| e.from == index).collect();
        let Some(gradient) = &node.gradient else { continue };
        if view.output == Some(index) || leaving.is_empty() {
            continue;
        }
        let mut sum = vec![0.0; gradient.len()];
        for flow in leaving.iter().filter_map(|e| e.gradient.as_ref()) {
            sum.iter_mut().zip(flow.data()).for_each(|(sum, flow)| *sum += flow);
        }
        let sum = Array::new(gradient.shape(), sum).unwrap();
        assert!(close(&sum, gradient), "{context}: {} has {gradient}, its edges {sum}", node.name);
    }
}

#[test]
fn gradients_on_edges_add_up_in_random_graphs_at_every_level() {
    for seed in 0..120 {
        let case = random_case(seed);
        let Some(&(_, result)) = case.graph.outputs().first() else { continue };
        let question = Question { result, seed: None, variables: None };
        let explanation = Explanation::new(&case.graph, &question, &case.point()).unwrap();
        for (_, level) in Level::NAMES {
            let view = explanation.view(&Folding::at(level), 4);
            if level != Level::Layer {
                assert_adds_up(&view, &format!("seed {seed}, {}", level.name()));
            }
            assert!(view.edges.iter().all(|e| e.from < e.to), "seed {seed}: an edge leads back");
            // Folding is exact: a folded node shows the value that its inside computes.
            for node in view.nodes.iter().filter(|n| matches!(n.role, Role::Folded(_))) {
                let Some(value) = &node.value else { continue };
                let inside = |id: NodeId| {
                    explanation
                        .value(id)
                        .data()
                        .iter()
                        .map(|v| v.to_bits())
                        .eq(value.data().iter().map(|v| v.to_bits()))
                };
                assert!(explanation.graph().ids().any(inside), "seed {seed}: {} is not in the graph", node.name);
            }
        }
    }
}

#[test]
fn a_local_derivative_times_what_comes_back_is_what_flows_on() {
    let values = scalars(&[("x", 1.0), ("y", -2.0), ("w1", 0.5), ("w2", 0.25), ("b", 0.1)]);
    let view = explain("sigmoid(w1*x + w2*y + b)", &values).view(&Folding::at(Level::Operator), 4);
    for edge in &view.edges {
        let item = |array: &Option<Array>| array.as_ref().unwrap().item().unwrap();
        let product = item(&view.nodes[edge.to].gradient) * item(&edge.local);
        assert!((product - item(&edge.gradient)).abs() < 1e-15);
    }
    let forward: Vec<&str> = view.steps.iter().filter(|s| s.pass == Pass::Forward).map(|s| s.text.as_str()).collect();
    assert_eq!(
        forward[5..],
        [
            "v1 = w1*x = 0.5*1 = 0.5",
            "v2 = w2*y = 0.25*(-2) = -0.5",
            "v3 = v1 + v2 = 0.5 + (-0.5) = 0",
            "v4 = v3 + b = 0 + 0.1 = 0.1",
            "L = sigmoid(v4) = sigmoid(0.1) = 0.525"
        ]
    );
    let last = view.steps.last().unwrap();
    assert_eq!(last.text, "∂L/∂w1 = ∂L/∂v1·∂v1/∂w1 = 0.2494·1 = 0.2494");
}

#[test]
fn rules_are_those_of_the_lecture() {
    let matrix = |rows: usize, columns: usize| Array::from_fn(&[rows, columns], |i| i as f64 - 1.0);
    let view =
        explain("sum(tanh(X @ Y))", &[("X", matrix(2, 3)), ("Y", matrix(3, 2))]).view(&Folding::at(Level::Operator), 4);
    let rules: Vec<&str> = view.edges.iter().map(|e| e.rule.as_str()).collect();
    assert_eq!(rules, ["∂L/∂v1 @ Y'", "X' @ ∂L/∂v1", "∂L/∂v2 ⊙ (1 - v2*v2)", "∂L/∂v3", "1"]);
    let view = explain("x*x + exp(x)/y", &scalars(&[("x", 3.0), ("y", 4.0)])).view(&Folding::at(Level::Operator), 4);
    let rules: Vec<&str> = view.edges.iter().map(|e| e.rule.as_str()).collect();
    assert_eq!(rules, ["x", "x", "v2", "1/y", "-(1/y*v3)", "1", "1"]);
}

#[test]
fn products_of_vectors_are_numbers() {
    let vector = |values: &[f64]| Array::vector(values);
    let values = [("w", vector(&[0.5, 0.25])), ("x", vector(&[1.0, -2.0])), ("b", Array::scalar(0.1))];
    let view = explain("sigmoid(w @ x + b)", &values).view(&Folding::at(Level::Operator), 4);
    let product = &view.nodes[2];
    assert_eq!(
        (product.label.as_str(), product.shape.len(), product.value.as_ref().unwrap().item()),
        ("@", 0, Some(0.0))
    );
    assert_eq!(view.edges[0].local.as_ref().unwrap().data(), [1.0, -2.0]);
    assert_adds_up(&view, "vectors");
}

/// All remarks on the nodes of a formula.
fn remarks(source: &str, values: &[(&str, f64)]) -> Vec<String> {
    let view = explain(source, &scalars(values)).view(&Folding::at(Level::Operator), 4);
    view.nodes.into_iter().flat_map(|node| node.notes).collect()
}

#[test]
fn what_is_remarkable_is_said_where_it_occurs_and_only_there() {
    let said = |source: &str, x: f64| remarks(source, &[("x", x)]);
    assert_eq!(said("relu(x)", -1.0), ["Nothing flows back to x: relu is flat at -1, its derivative is 0."]);
    assert_eq!(
        said("relu(x)", 0.0),
        ["relu has a kink at x = 0: its slope is 0 on the left and 1 on the right; 0 is used."]
    );
    assert_eq!(
        said("abs(x)", 0.0),
        ["abs has a kink at x = 0: its slope is -1 on the left and 1 on the right; 0 is used."]
    );
    assert_eq!(
        said("step(x)", 0.0)[..2],
        [
            "Nothing flows back to x: a step is flat on both sides of its jump.",
            "step jumps at x = 0: it has no derivative there."
        ]
    );
    assert_eq!(said("sigmoid(x)", 12.0), ["sigmoid is saturated at x = 12: its derivative is only 6.144e-6."]);
    assert_eq!(said("sigmoid(x)", 100.0), ["sigmoid is saturated at x = 100: its derivative is only 3.72e-44."]);
    for rounded in ["tanh(x)", "sigmoid(-20*x)"] {
        let said = said(rounded, 40.0);
        assert!(said[0].contains("is so flat at") && said[0].ends_with("that its derivative rounds to 0."), "{said:?}");
    }
    assert_eq!(
        said("log(x)", -1.0),
        [
            "This is where NaN arises first: log(-1).",
            "log has no value at x = -1, and so no derivative: -1 is only what the formula of the derivative gives there."
        ]
    );
    assert_eq!(said("1/x + x", 0.0), ["This is where infinity arises first: 1/0."]);
    assert_eq!(said("exp(x) - exp(x)", 1000.0), ["This is where infinity arises first: exp(1000)."]);
    assert!(said("sqrt(x)", 0.0).iter().any(|s| s.contains("stops being finite")), "{:?}", said("sqrt(x)", 0.0));
    assert_eq!(said("x == 1", 1.0).last().unwrap(), "== jumps at x = 1: it has no derivative there.");
    for choice in ["select(x > 2, x^2, x^3)", "select(x != x, 1, x)", "max(x, x)", "select(x - x, 1, x)"] {
        let said = said(choice, 1.0);
        assert!(!said.iter().any(|s| s.contains("kink") || s.contains("jumps")), "{choice}: {said:?}");
    }
    for quiet in
        ["sigmoid(x)", "relu(x)", "x^2", "cos(x) + x", "log(x)", "sqrt(x)", "tanh(x)*x", "exp(-x)", "1/x", "x^3/100"]
    {
        for x in [0.3, 1.0, 2.5] {
            assert_eq!(said(quiet, x), Vec::<String>::new(), "{quiet} at {x}");
        }
    }
}

#[test]
fn rounding_is_not_taken_for_a_kink() {
    let mut random = Random(7);
    for _ in 0..300 {
        let size = 10f64.powf(random.unit() * 14.0 - 6.0);
        let (x, c) = (size * (random.unit() + 0.1), 10f64.powf(random.unit() * 10.0 - 4.0));
        for formula in ["c*x", "x + c", "c - x", "x/c", "x*x + c", "sin(x)*c"] {
            let said = remarks(formula, &[("x", x), ("c", c)]);
            assert!(!said.iter().any(|s| s.contains("kink") || s.contains("jumps")), "{formula} at {x}, {c}: {said:?}");
        }
    }
    for x in [1e-6, 0.3, 1e5] {
        assert!(remarks("abs(x - c)", &[("x", x), ("c", x)]).iter().any(|s| s.contains("kink")));
        assert!(remarks("max(x, c)", &[("x", x), ("c", x)]).iter().any(|s| s.contains("kink")), "{x}");
    }
}

fn network(inputs: usize, hidden: &[usize], outputs: usize, activation: &str, seed: u64) -> Network {
    Mlp::new(inputs, hidden, &Activation::parse(activation).unwrap(), outputs).build(seed).unwrap()
}

fn run(network: &Network, x: Vec<f64>) -> Explanation {
    let mut values: Vec<(&str, Array)> = network.weights.iter().map(|(n, v)| (n.as_str(), v.clone())).collect();
    values.push(("x", Array::new(&[1, x.len()], x).unwrap()));
    explain_graph(&network.graph, &values)
}

#[test]
fn neurons_add_up_though_most_are_left_out() {
    for (seed, units) in [(1, 3), (2, 1), (3, 5), (4, 40)] {
        let network = network(30, &[20, 17], 8, ["tanh", "relu", "sigmoid", "mish"][seed as usize % 4], seed);
        let mut random = Random(seed);
        let explanation = run(&network, (0..30).map(|_| random.unit()).collect());
        let options = NeuronOptions { units, ..NeuronOptions::default() };
        let view = neurons(Source::Run(&explanation), &options).unwrap();
        let layers = dense_layers(&network.graph, "").unwrap();
        assert_eq!(view.nodes.iter().any(|n| n.role == Role::More), units < 30);
        for (index, node) in view.nodes.iter().enumerate().filter(|(_, n)| n.role == Role::Neuron) {
            let (name, unit) = node.name.strip_suffix(']').unwrap().split_once('[').unwrap();
            let unit: usize = unit.parse().unwrap();
            let layer = layers.iter().find(|l| l.name == name).unwrap();
            let entering: f64 =
                view.entering()[index].iter().map(|&e| view.edges[e].value.as_ref().unwrap().item().unwrap()).sum();
            let bias = network.weights[&format!("{name}.b")].data()[unit];
            let sum = explanation.value(layer.sum).data()[unit];
            assert!((entering + bias - sum).abs() < 1e-12, "{}: {entering} + {bias} is not {sum}", node.name);
            for &e in &view.entering()[index] {
                let (Some(local), Some(flow)) = (&view.edges[e].local, &view.edges[e].gradient) else { continue };
                let product = node.gradient.as_ref().unwrap().item().unwrap() * local.item().unwrap();
                assert!((product - flow.item().unwrap()).abs() < 1e-12, "{}", node.name);
            }
        }
        assert_adds_up(&view, &format!("units {units}"));
    }
}

#[test]
fn a_microscope_shows_what_the_neuron_computes() {
    let network = network(30, &[20, 17], 8, "tanh", 5);
    let explanation = run(&network, (0..30).map(|i| f64::from(i).sin()).collect());
    for (layer, unit, terms) in [("hidden1", 3, 4), ("hidden2", 16, 100), ("output", 0, 1)] {
        let of = dense_layers(&network.graph, "").unwrap().into_iter().find(|l| l.name == layer).unwrap();
        let neuron = explanation.microscope(layer, unit, terms, &[], "").unwrap();
        let (shown, computed) =
            (neuron.value(neuron.result()).item().unwrap(), explanation.value(of.output).data()[unit]);
        assert!((shown - computed).abs() < 1e-12);
        // The gradient of a weight is the same in the neuron and in the network.
        let weights = explanation.gradient(of.weights).unwrap();
        for (name, gradient) in neuron.gradients().filter(|(name, _)| name.starts_with("w[")) {
            let input: usize = name[2..name.len() - 1].parse().unwrap();
            let expected = weights.data()[input * weights.shape()[1] + unit];
            assert!((gradient.unwrap().item().unwrap() - expected).abs() < 1e-12, "{layer}[{unit}] {name}");
        }
    }
    let error = explanation.microscope("hidden3", 0, 4, &[], "").unwrap_err().to_string();
    assert_eq!(error, "there is no neuron `hidden3[0]`\nhelp: the layers are hidden1, hidden2, output");
    assert!(explanation.microscope("hidden1", 20, 4, &[], "").is_err());
}

#[test]
fn a_focus_shows_one_neuron_with_its_surroundings() {
    let network = network(30, &[20, 17], 8, "relu", 6);
    let explanation = run(&network, vec![0.5; 30]);
    let options = NeuronOptions { units: 4, focus: Some("hidden2[3]"), ..NeuronOptions::default() };
    let view = neurons(Source::Run(&explanation), &options).unwrap();
    let column = |c| view.nodes.iter().filter(|n| n.column == Some(c)).count();
    assert_eq!((column(0), column(1), column(2), column(3)), (0, 5, 1, 5));
    let options = NeuronOptions { focus: Some("hidden2[17]"), ..options };
    let error = neurons(Source::Run(&explanation), &options).unwrap_err().to_string();
    assert!(
        error.ends_with("help: hidden1[0] to hidden1[19], hidden2[0] to hidden2[16], output[0] to output[7]"),
        "{error}"
    );
}

#[test]
fn formulas_are_recognised_as_neurons_and_layers() {
    let kinds = |source: &str, shapes: &[(&str, Shape)]| {
        let graph = recognise(&parse_expression(source, shapes).unwrap());
        graph.scopes()[1..].iter().map(|s| format!("{} {}", s.kind.name(), s.name)).collect::<Vec<_>>()
    };
    assert_eq!(kinds("sigmoid(w1*x + w2*y + b)", &[]), ["neuron neuron1"]);
    assert_eq!(kinds("h = tanh(w1*x + b1); k = relu(b2 - w2*x); h*k", &[]), ["neuron h", "neuron k"]);
    assert_eq!(kinds("h = tanh(w1*x + b1); v*h + c", &[]), ["neuron h", "neuron neuron2"]);
    // Weights of 1 need no product.
    assert_eq!(kinds("step(x1 + x2 - 1.5)", &[]), ["neuron neuron1"]);
    let xor = "h1 = step(x1 + x2 - 0.5); h2 = step(x1 + x2 - 1.5); y = step(h1 - h2 - 0.5)";
    assert_eq!(kinds(xor, &[]), ["neuron h1", "neuron h2", "neuron y"]);
    let pair = [("X", Shape::fixed(&[2])), ("Y", Shape::fixed(&[2]))];
    for (none, shapes) in [("relu(x)", &[][..]), ("x + y - 1", &[]), ("exp(w*x + b)", &[]), ("relu(X + Y)", &pair)] {
        assert_eq!(kinds(none, shapes), Vec::<String>::new(), "{none}");
    }
    let shapes = [("W", Shape::fixed(&[3, 2])), ("x", Shape::fixed(&[2])), ("b", Shape::fixed(&[3]))];
    assert_eq!(kinds("tanh(W @ x + b)", &shapes), ["layer layer1"]);
    let graph = recognise(&parse_expression("sigmoid(w1*x + w2*y + b)", &[]).unwrap());
    let view = structure(&graph, &Folding::at(Level::Neuron));
    let names: Vec<&str> = view.nodes.iter().map(|n| n.label.as_str()).collect();
    assert_eq!(names, ["x", "y", "neuron1"]);
    let graph = recognise(&parse_expression("sigmoid(w1*width + weight*x + bias)", &[]).unwrap());
    let view = structure(&graph, &Folding::at(Level::Neuron));
    let names: Vec<&str> = view.nodes.iter().map(|n| n.label.as_str()).collect();
    assert_eq!(names, ["width", "x", "neuron1"]);
}

/// A typed formula neuron by neuron.
fn typed(source: &str, values: &[(&str, f64)]) -> View {
    let values: Vec<(&str, Array)> = values.iter().map(|(name, value)| (*name, Array::scalar(*value))).collect();
    let explanation = explain_graph(&recognise(&parse_expression(source, &[]).unwrap()), &values);
    explanation.view(&Folding::at(Level::Neuron), 4)
}

#[test]
fn a_typed_neuron_has_weights_on_its_edges_and_shows_the_chain_rule() {
    let point = [("x", 1.0), ("y", -2.0), ("w1", 0.5), ("w2", 0.25), ("b", 0.1)];
    let view = typed("sigmoid(w1*x - y*w2 + b)", &point);
    let shown: Vec<_> = view.nodes.iter().map(|n| (n.name.as_str(), n.role, n.column)).collect();
    assert_eq!(shown, [("x", Role::Input, Some(0)), ("y", Role::Input, Some(0)), ("L", Role::Neuron, Some(1))]);
    let edges: Vec<_> = view.edges.iter().map(|e| (e.weight, e.weight_name.as_str(), e.rule.as_str())).collect();
    assert_eq!(edges, [(Some(0.5), "w1", "sigmoid′·w1"), (Some(-0.25), "-w2", "sigmoid′·(-w2)")]);
    let unit = view.nodes[2].unit.as_ref().unwrap();
    assert_eq!((unit.activation, &unit.bias), (Some("sigmoid"), &Some(("b".to_string(), Some(0.1)))));
    let (sum, products) = (unit.sum.unwrap(), view.edges.iter().map(|e| e.value.as_ref().unwrap().item().unwrap()));
    assert!((products.sum::<f64>() + 0.1 - sum).abs() < 1e-12 && (sum - 1.1).abs() < 1e-12);
    for edge in &view.edges {
        let (local, flow) = (edge.local.as_ref().unwrap().item().unwrap(), edge.gradient.as_ref().unwrap());
        assert!((local - flow.item().unwrap()).abs() < 1e-12);
    }
    let steps: Vec<&str> = view.steps.iter().map(|step| step.text.as_str()).collect();
    assert_eq!(steps[2], "L = sigmoid(w1*x - y*w2 + b) = sigmoid(0.5·1 + (-0.25)·(-2) + 0.1) = sigmoid(1.1) = 0.7503");
    assert_eq!(
        steps[4],
        "δ = ∂L/∂L·sigmoid′(1.1) = 1·0.1874 = 0.1874; ∂L/∂w1 = δ·x = 0.1874·1 = 0.1874; \
         ∂L/∂w2 = -δ·y = (-0.1874)·(-2) = 0.3747; ∂L/∂b = δ"
    );
    assert_eq!(steps[5], "∂L/∂y = ∂L/∂L·sigmoid′·(-w2) = 1·0.1874·(-0.25) = -0.04684");
}

#[test]
fn what_is_no_neuron_stays_an_operator() {
    let xor = "h1 = step(x1 + x2 - 0.5); h2 = step(x1 + x2 - 1.5); step(h1 - h2 - 0.5)";
    for (x1, x2, y) in [(0.0, 0.0, 0.0), (0.0, 1.0, 1.0), (1.0, 0.0, 1.0), (1.0, 1.0, 0.0)] {
        let view = typed(xor, &[("x1", x1), ("x2", x2)]);
        assert_eq!(view.nodes.iter().filter_map(|n| n.column).collect::<Vec<_>>(), [0, 0, 1, 1, 2]);
        assert_eq!(view.nodes[4].value, Some(Array::scalar(y)));
    }
    let view = typed("h = tanh(w*x + b); (h - t)^2", &[("w", 2.0), ("x", 1.0), ("b", 0.5), ("t", 1.0)]);
    let roles = |role| view.nodes.iter().filter(|n| n.role == role).count();
    assert_eq!((roles(Role::Neuron), roles(Role::Operator(Category::Arithmetic))), (1, 2));
    assert!(view.notes.is_empty() && view.nodes.iter().all(|n| n.column.is_none()));
    assert_adds_up(&view, "mixed");
    let ordered: Vec<_> = view.edges.iter().map(|e| e.ordered).collect();
    assert_eq!(ordered, [false, true, true, true, true]);
    assert!(typed("relu(x)", &[("x", 1.0)]).notes[0].starts_with("No neuron is recognised"));
}

#[test]
fn arrays_stand_between_layers() {
    let network = network(8, &[9, 9, 9], 4, "tanh", 1);
    let view = structure(&network.graph, &Folding::at(Level::Layer));
    let nodes: Vec<String> = view.nodes.iter().map(|n| format!("{} {:?}", n.label, n.shape)).collect();
    let expected = [
        "x [1, 8]",
        "hidden1 []",
        "hidden1 [1, 9]",
        "hidden2 []",
        "hidden2 [1, 9]",
        "hidden3 []",
        "hidden3 [1, 9]",
        "output []",
        "y [1, 4]",
    ];
    assert_eq!(nodes, expected);
    let whole = structure(&network.graph, &Folding::at(Level::Network));
    assert_eq!(whole.nodes.iter().map(|n| n.label.as_str()).collect::<Vec<_>>(), ["x", "network"]);
    let open = structure(&network.graph, &Folding { level: Level::Layer, fold: &[], open: &["hidden2".to_string()] });
    assert!(open.nodes.iter().any(|n| n.label == "@") && open.groups.len() == 1);
}

#[test]
fn what_arranges_the_values_of_folded_layers_is_called_after_its_operator() {
    let mut mlp = Mlp::new(3, &[4], &Activation::parse("tanh").unwrap(), 2);
    (mlp.embedded, mlp.embeddings) = (2, Embedding::parse("periodic").unwrap());
    let graph = mlp.build(1).unwrap().graph;
    let layers = ["periodic", "hidden1", "output"].map(String::from);
    let folded = Folding { fold: &layers, ..Folding::at(Level::Operator) };
    for (folding, count) in [(folded, 1), (Folding::at(Level::Layer), 2)] {
        let view = structure(&graph, &folding);
        let concat: Vec<_> = view.nodes.iter().filter(|n| n.label == "concat").collect();
        assert!(concat.len() == count && concat.iter().all(|n| n.name == "concat"), "{concat:?}");
        assert!(view.nodes.iter().any(|n| n.formula.contains("concat @ ")), "{view:?}");
    }
    let open = structure(&graph, &Folding::at(Level::Operator));
    assert!(open.nodes.iter().all(|n| n.name != "concat"));
}

#[test]
fn derivatives_can_be_asked_for_by_name() {
    let graph = parse_expression("x*y", &[]).unwrap();
    let (x, y) = (Array::scalar(2.0), Array::scalar(3.0));
    let point = [("x", &x), ("y", &y)];
    let question = |variables| Question { result: graph.outputs()[0].1, seed: None, variables };
    let only = Explanation::new(&graph, &question(Some(&["x"])), &point).unwrap();
    assert!(only.gradient(graph.named("y").unwrap()).is_none());
    assert_eq!(only.gradient(graph.named("x").unwrap()).unwrap().item(), Some(3.0));
    let error = Explanation::new(&graph, &question(Some(&["z"])), &point).unwrap_err();
    assert!(error.to_string().starts_with("there is no input or parameter `z`"));
}
