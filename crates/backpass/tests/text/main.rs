//! The text form: what formulas mean, that printing and reading agree, and what mistakes look like.

use backpass::graph::Origin;
mod mistakes;
mod random;

use backpass::interpret::interpret;
use backpass::text::{add_expression, expression, parse, parse_expression};
use backpass::{Array, Builder, Graph, NodeId, ScopeKind, Shape};

/// The value of a formula without names.
fn value(formula: &str) -> Array {
    let graph = parse(formula).unwrap_or_else(|e| panic!("{formula}\n{e}"));
    let result = graph.output("result").expect("a result");
    interpret(&graph, &[]).expect("values").value(result).clone()
}

fn number(formula: &str) -> f64 {
    value(formula).item().unwrap_or_else(|| panic!("{formula} is not a single number"))
}

/// Prints, reads and prints again: texts, numbers of nodes and values of all outputs and updates must agree.
fn round_trip(graph: &Graph) -> String {
    let text = graph.to_string();
    let again = parse(&text).unwrap_or_else(|e| panic!("{text}\n{e}"));
    assert_eq!(again.to_string(), text);
    again.verify().unwrap_or_else(|e| panic!("{text}\n{e}"));
    assert_eq!(again.nodes().len(), graph.nodes().len(), "{text}");
    let values = |graph: &Graph| -> Vec<Array> {
        let leaves: Vec<NodeId> = graph.inputs().chain(graph.parameters()).collect();
        let array = |id: NodeId| {
            let seed = graph.name(id).bytes().map(f64::from).sum::<f64>();
            Array::from_fn(&graph.shape(id).resolve(3), |i| ((i as f64 + seed) * 0.7).sin())
        };
        let given: Vec<(String, Array)> = leaves.iter().map(|&id| (graph.name(id).to_string(), array(id))).collect();
        let given: Vec<(&str, &Array)> = given.iter().map(|(name, value)| (name.as_str(), value)).collect();
        let trace = interpret(graph, &given).expect("values");
        let results = graph.outputs().iter().map(|(_, id)| id).chain(graph.updates().iter().map(|(_, value)| value));
        results.map(|&id| trace.value(id).clone()).collect()
    };
    assert_eq!(values(&again), values(graph), "{text}");
    text
}

#[test]
fn operators_bind_as_in_mathematics() {
    let cases = [
        ("1 + 2 * 3", 7.0),
        ("(1 + 2) * 3", 9.0),
        ("10 - 4 - 3", 3.0),
        ("10 - (4 - 3)", 9.0),
        ("16 / 4 / 2", 2.0),
        ("16 / 4 * 2", 8.0),
        ("2^3^2", 512.0),
        ("(2^3)^2", 64.0),
        ("-2^2", -4.0),
        ("(-2)^2", 4.0),
        ("2^-3", 0.125),
        ("2^-2^2", 0.0625),
        ("-2^-2", -0.25),
        ("--3", 3.0),
        ("---3", -3.0),
        ("2 - -3", 5.0),
        ("2*-3", -6.0),
        ("-3 * 2", -6.0),
        ("1 + 2 < 2 * 3", 1.0),
        ("(1 < 2) == (3 > 2)", 1.0),
        ("1 <= 1", 1.0),
        ("2 != 2", 0.0),
        ("nan != nan", 1.0),
        ("-inf", f64::NEG_INFINITY),
        ("pi", std::f64::consts::PI),
        ("tau / pi", 2.0),
        (".5 + 5e-1 + 0.25E+1", 3.5),
        ("max(1, 5, 3)", 5.0),
        ("min(4, 2, 3)", 2.0),
        ("max([1, 7, 3])", 7.0),
        ("max([[1, 7], [3, 4]], axis=0) @ [1, 10]", 73.0),
        ("sum([[1, 2], [3, 4]])", 10.0),
        ("mean([[1, 2], [3, 6]])", 3.0),
        ("ln(exp(2))", 2.0),
        ("sum([[1, 2], [3, 4]]' @ [[1], [10]], axis=1) @ [1, 100]", 4231.0),
        ("sum(softmax([3, 3, 3, 3]))", 1.0),
        ("clamp(5, low=0, high=1) + clamp(5, high=2)", 3.0),
        ("hard_sigmoid(1.5) + hard_tanh(-7) + hard_swish(3)", 2.75),
        ("is_nan(nan) + is_nan(1)", 1.0),
        ("square(3) + sign(-2)", 8.0),
        ("sum(\n  [1,\n 2],\n axis=0,)", 3.0),
        ("sum(log_softmax([0, 0]))", 2.0 * 0.5f64.ln()),
    ];
    for (formula, expected) in cases {
        assert_eq!(number(formula), expected, "{formula}");
    }
    assert!(number("-0").is_sign_negative() && number("0 - 0").is_sign_positive());
    assert_eq!(value("[[1, -2.5], [nan, 1e300]]"), Array::new(&[2, 2], vec![1.0, -2.5, f64::NAN, 1e300]).unwrap());
}

#[test]
fn a_minus_before_a_number_belongs_to_it() {
    let nodes = |formula: &str| parse(formula).unwrap().nodes().len();
    assert_eq!(
        (nodes("-2"), nodes("-(2)"), nodes("- 2"), nodes("-2^2"), nodes("3 - 2"), nodes("--2")),
        (1, 2, 1, 4, 3, 2)
    );
}

#[test]
fn dropout_keeps_the_mean() {
    let kept = value("dropout([1, 1, 1, 1, 1, 1, 1, 1], 3, rate=0.5, key=0x2a)");
    assert!(kept.data().iter().all(|&v| v == 0.0 || v == 2.0));
    assert_eq!(kept, value("dropout([1, 1, 1, 1, 1, 1, 1, 1], 3, rate=0.5, key=42)"));
}

#[test]
fn definitions_stand_in_any_order() {
    let graph = parse("output y = a * b\na = b + 1; b = x ^ 2\ninput x: []").unwrap();
    let y = graph.output("y").unwrap();
    assert_eq!(interpret(&graph, &[("x", &Array::scalar(3.0))]).unwrap().value(y).item(), Some(90.0));
    assert_eq!(round_trip(&graph), "input x: []\nb = x^2\na = b + 1\noutput y = a*b\n");
}

#[test]
fn free_names_become_inputs() {
    let graph = parse_expression("sigmoid(w1*x + w2*`my y` + b)", &[("x", Shape::batch(&[]))]).unwrap();
    let inputs: Vec<(&str, String)> = graph.inputs().map(|id| (graph.name(id), graph.shape(id).to_string())).collect();
    let expected = [("w1", "[]"), ("x", "[batch]"), ("w2", "[]"), ("my y", "[]"), ("b", "[]")];
    assert_eq!(inputs, expected.map(|(name, shape)| (name, shape.to_string())));
    assert!(round_trip(&graph).ends_with("output result = sigmoid(w1*x + w2*`my y` + b)\n"));
    let wrong = parse_expression("width * 2", &[("widht", Shape::scalar())]).unwrap_err().to_string();
    let expected = "line 1, column 1: `widht` is given, but not used here
  width * 2
  ^^^^^^^^^
help: did you mean `width`?";
    assert_eq!(wrong, expected);
}

#[test]
fn expressions_grow_an_existing_graph() {
    let builder = Builder::new();
    let age = builder.input("age", Shape::batch(&[]));
    let derived = builder
        .scope("derived", ScopeKind::Layer, || add_expression(&builder, "sqrt(age) + a", &[("age", age), ("a", age)]));
    builder.output("derived", derived.unwrap());
    let text = "input age: [batch]\nlayer derived {\n  _1 = sqrt(age) + age\n}\noutput derived = _1\n";
    assert_eq!(builder.with_graph(round_trip), text);
    let wrong = add_expression(&builder, "agee + 1", &[("age", age)]).unwrap_err().to_string();
    assert_eq!(wrong, "line 1, column 1: unknown name `agee`\n  agee + 1\n  ^^^^\nhelp: did you mean `age`?");
    let wrong = add_expression(&builder, "age @ age", &[("age", age)]).unwrap_err().to_string();
    assert_eq!(wrong, "line 1, column 5: `@` needs an operand of rank 2, found shape [batch]\n  age @ age\n      ^");
    assert!(add_expression(&builder, "y = age", &[("age", age)]).is_err());
    assert!(add_expression(&builder, "", &[]).is_err());
}

/// A text that uses every kind of statement.
const NETWORK: &str = "\
input x: [batch, 2]
parameter `w 1`: [2, 3]
parameter b1: [3]
parameter w2: [3, 1]
layer hidden {
  neuron first {
    h = tanh(x @ `w 1` + b1)
  }
  function softmax {
    _1 = exp(h - reshape(max(h, axis=1), shape=[batch, 1]))
    p = _1/reshape(sum(_1, axis=1), shape=[batch, 1])
  }
}
scale = -2.5
_2 = [[1, -0], [nan, 1e-7]]
y = (p @ w2)*scale - (p @ w2 + (1 - -scale))^2
output y
output `the mean` = mean(mean(y, axis=1), axis=0)
output constant = _2 @ _2
update b1 = b1*0.5
";

#[test]
fn a_whole_network_prints_as_it_was_written() {
    let graph = parse(NETWORK).unwrap();
    assert_eq!(round_trip(&graph), NETWORK);
    let node = graph.node(graph.named("h").unwrap());
    assert_eq!(graph.scope_path(node.scope), "hidden/first");
    assert_eq!(node.origin, Origin::Text { line: 7, column: 9 });
    assert_eq!(expression(&graph, graph.named("y").unwrap(), 3), "(p @ w2)*scale - (… + …)^2");
    assert_eq!(expression(&graph, graph.named("y").unwrap(), 9), "(p @ w2)*scale - (p @ w2 + (1 - -scale))^2");
    assert_eq!(expression(&graph, graph.named("b1").unwrap(), 9), "b1");
}

#[test]
fn structure_survives_printing() {
    let formulas = [
        "x + (y + z)",
        "x + y + z",
        "x - (y - z)",
        "x - (y + z)",
        "x*(y*z)",
        "x/(y/z)",
        "x/y/z",
        "(x^y)^z",
        "x^y^z",
        "(-x)^y",
        "-x^y",
        "x^-y",
        "-(-x)",
        "-(x*y)",
        "-x*y",
        "-(2)",
        "-(-2)",
        "-2",
        "(-2)^x",
        "-2^x",
        "2*-x",
        "x - -2",
        "x + -inf",
        "-(inf)",
        "-nan",
        "(x < y) < z",
        "x < y + z",
        "(x < y) + z",
        "x <= (y == z)",
        "-(x < y)",
        "(x + y)*(x - y)",
        "x^(y + z)",
        "(x*y)^z",
        "-x^-y^-z",
        "(x/y)*z",
        "x*y/z",
        "1e17",
        "123456789012345680",
        "1e-5",
        "0.00001234",
        "5e-324",
        "1.7976931348623157e308",
        "0.1",
        "-0",
        "leaky_relu(x, slope=-0.25)",
        "x*(-2)",
        "atan2(x + y, -x)",
    ];
    for formula in formulas {
        let graph = parse_expression(formula, &[]).unwrap_or_else(|e| panic!("{e}"));
        round_trip(&graph);
        let printed = expression(&graph, graph.output("result").unwrap(), 99);
        let nodes = |text: &str| {
            parse_expression(text, &[])
                .unwrap()
                .nodes()
                .iter()
                .map(|n| (n.op.clone(), n.args.clone()))
                .collect::<Vec<_>>()
        };
        assert_eq!(nodes(&printed), nodes(formula), "{formula} printed as {printed}");
    }
    let square = Shape::fixed(&[2, 2]);
    for formula in [
        "a' @ b",
        "(a @ b)'",
        "a @ (b @ a)",
        "-a' @ b",
        "(-a)' @ b",
        "a*b @ b",
        "(a @ b)*b",
        "(a @ b)/b",
        "a @ (b*a)",
        "a*(a @ b)",
        "matmul(a, b, transpose_left=true)",
    ] {
        let graph = parse_expression(formula, &[("a", square.clone()), ("b", square.clone())])
            .unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(round_trip(&graph).lines().last(), Some(format!("output result = {formula}").as_str()));
    }
}

#[test]
fn names_that_clash_are_told_apart() {
    let b = Builder::new();
    let x = b.input("input", Shape::scalar());
    let inf = (x + 1.0).named("inf");
    let label = (inf + 2.0).named("_1");
    let h = (label * 3.0).named("h");
    let again = (h * h).named("h");
    let odd = (again * again).named("a`b\\c\nd");
    let anonymous = odd * 2.0;
    b.output("sum", anonymous * anonymous);
    b.output("h", again);
    let text = "input `input`: []\n`inf` = `input` + 1\n`_1` = `inf` + 2\nh = `_1`*3\nh_2 = h*h\n\
                `a\\`b\\\\c\\nd` = h_2*h_2\n_2 = `a\\`b\\\\c\\nd`*2\noutput sum = _2*_2\noutput h = h_2\n";
    assert_eq!(round_trip(&b.finish().unwrap()), text);
}

#[test]
fn composites_get_scopes_of_their_own() {
    let graph = parse("input x: [3]\nlayer out {\n  y = softmax(x)\n  z = softmax(y) }\noutput z").unwrap();
    let scopes: Vec<String> = graph.ids().map(|id| graph.scope_path(graph.node(id).scope)).collect();
    assert!(scopes.contains(&"out/softmax".to_string()) && scopes.contains(&"out/softmax_2".to_string()));
    round_trip(&graph);
}
