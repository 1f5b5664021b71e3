//! Random graphs and texts, and every operator.

use backpass::graph::{Origin, ScopeId};
use backpass::ops::{self, Op};
use backpass::text::{expression, parse, parse_expression};
use backpass::{Array, Builder, Graph, NodeId, ScopeKind, Shape};

use crate::{NETWORK, round_trip};

/// A small generator of numbers; the tests say their seeds.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % n
    }
}

#[test]
fn every_operator_survives_printing() {
    for entry in ops::table() {
        for sample in (entry.samples)() {
            let builder = Builder::new();
            let args: Vec<_> = sample.args.iter().map(|a| builder.constant(a.clone())).collect();
            builder.output("y", builder.push(sample.op.clone(), &args));
            let graph = builder.finish().unwrap();
            let text = round_trip(&graph);
            let again = parse(&text).unwrap();
            assert_eq!(again.node(again.output("y").unwrap()).op, sample.op, "{text}");
        }
    }
}

#[test]
fn random_graphs_survive_printing() {
    let samples: Vec<_> = ops::table().iter().flat_map(|entry| (entry.samples)()).collect();
    let names = ["h", "w", "odd name", "inf", "_3", "layer"];
    for seed in 0..400 {
        let mut random = Random(seed);
        let mut graph = Graph::new();
        let root = graph.scope(ScopeId::ROOT, "net", ScopeKind::Network);
        let scopes = [
            ScopeId::ROOT,
            root,
            graph.scope(root, "part `1`", ScopeKind::Layer),
            graph.scope(root, "part `1`", ScopeKind::Function),
        ];
        let origin = Origin::Text { line: 1, column: 1 };
        let mut scope = scopes[0];
        for i in 0..6 {
            let shape = [Shape::scalar(), Shape::fixed(&[3]), Shape::batch(&[3]), Shape::fixed(&[2, 3])]
                [random.below(4)]
            .clone();
            let op: Op = if random.below(2) == 0 || shape.is_batched() {
                ops::Input { shape }.into()
            } else {
                ops::Parameter { shape }.into()
            };
            graph.push(op, &[], scope, origin, Some(format!("x {i}"))).unwrap();
        }
        for _ in 0..random.below(60) {
            if random.below(4) == 0 {
                scope = scopes[random.below(4)];
            }
            let sample = &samples[random.below(samples.len())];
            let known: Vec<NodeId> = graph.ids().collect();
            let mut op = sample.op.clone();
            if random.below(4) == 0 {
                let values = [0.0, -0.0, 2.5, -3.0, f64::NAN, f64::INFINITY, 1e-9, 1e30];
                op = ops::Constant { value: Array::scalar(values[random.below(8)]) }.into();
            }
            let arity = if matches!(op, Op::Constant(_)) { 0 } else { sample.args.len() };
            // Recent nodes are preferred, so that formulas grow deep.
            let pick = |random: &mut Random| {
                let span = if random.below(3) == 0 { known.len() } else { known.len().min(5) };
                known[known.len() - 1 - random.below(span)]
            };
            let args: Vec<NodeId> = (0..arity).map(|_| pick(&mut random)).collect();
            let name = (random.below(6) == 0).then(|| names[random.below(names.len())].to_string());
            let _ = graph.push(op, &args, scope, origin, name);
        }
        let ids: Vec<NodeId> = graph.ids().collect();
        for i in 0..3 {
            graph.add_output(format!("result {i}"), ids[ids.len() - 1 - random.below(ids.len())]);
        }
        round_trip(&graph);
    }
}

#[test]
fn long_and_wide_graphs_are_printed_without_recursion() {
    let sum = vec!["x"; 100_000].join("+");
    let graph = parse_expression(&sum, &[]).unwrap();
    assert_eq!(graph.nodes().len(), 100_000);
    let text = graph.to_string();
    assert_eq!(parse(&text).unwrap().to_string(), text);
    assert!(text.lines().all(|line| line.len() < 120));
    assert!(expression(&graph, graph.output("result").unwrap(), usize::MAX).starts_with("… + x"));
    let concat = format!("concat({}, axis=0)", vec!["exp([1, 2])"; 5_000].join(", "));
    round_trip(&parse(&concat).unwrap());
    let chain: String = (0..100_000).rev().map(|i| format!("a{} = a{i} + 1\n", i + 1)).collect();
    assert_eq!(parse_expression(&format!("{chain}a100000"), &[]).unwrap().nodes().len(), 200_001);
    assert!(parse_expression(&format!("x{}", "^x".repeat(100_000)), &[]).is_ok());
    assert!(parse_expression(&format!("{}x", "-".repeat(100_000)), &[]).is_ok());
    assert!(parse_expression(&"softmax([1]);".repeat(30_000), &[]).is_err());
    assert!(parse(&"layer a { x = 1 }\n".repeat(50_000)).is_err());
    assert_eq!(
        parse(&(0..50_000).map(|i| format!("layer a{i} {{ x{i} = 1 }}\n")).collect::<String>()).unwrap().nodes().len(),
        50_000
    );
}

#[test]
fn random_texts_never_panic() {
    let words = [
        "input",
        "output",
        "update",
        "parameter",
        "layer",
        "function",
        "x",
        "y",
        "_1",
        "`a b`",
        ":",
        "=",
        "==",
        "<",
        "+",
        "-",
        "*",
        "/",
        "@",
        "^",
        "'",
        "(",
        ")",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ",",
        ";",
        "\n",
        "\n",
        "#",
        "1",
        "2.5",
        "1e9",
        "0x2a",
        "nan",
        "-inf",
        "batch",
        "axis",
        "axis=1",
        "axis=0",
        "axes=[1, 0]",
        "shape=[batch, 3]",
        "key=1",
        "rate=0.5",
        "low=0",
        "softmax",
        "dropout",
        "matmul",
        "sum",
        "max",
        "min",
        "one_hot",
        "classes=1000000000000",
        "select",
        "reshape",
        "broadcast",
        "gather",
        "concat",
        "slice",
        "transpose",
        "random_normal",
        "input x: [batch, 3]\n",
        "y = x + 1\n",
        "σ",
        "parameter w: [3, 3]\n",
        "layer h {",
        "output y\n",
        "[[1, 2], [3, 4]]",
        "[1000000, 1000000]",
        "`",
        "\\",
        "$",
        "\t",
    ];
    let mut random = Random(7);
    let mut read = 0;
    for round in 0..30_000 {
        let mut source = String::new();
        for _ in 0..random.below(30) {
            if round % 3 == 0 {
                source.extend(char::from_u32([32, 40, 96, 955, 0x1F600][random.below(5)] + random.below(60) as u32));
            } else if round % 3 == 1 {
                let mut network: Vec<&str> = NETWORK.split_inclusive([' ', '(', '\n']).collect();
                for _ in 0..1 + random.below(2) {
                    let at = random.below(network.len());
                    network[at] =
                        [words[random.below(words.len())], network[random.below(network.len())], ""][random.below(3)];
                }
                source = network.concat();
                break;
            } else {
                source.push_str(words[random.below(words.len())]);
                source.push_str(["", " ", "("][random.below(8).saturating_sub(5)]);
            }
        }
        let shapes = [("x", Shape::batch(&[3])), ("y", Shape::fixed(&[3, 3]))];
        for result in [parse(&source), parse_expression(&source, &shapes)] {
            match result {
                Ok(graph) => {
                    read += 1;
                    graph.verify().unwrap_or_else(|e| panic!("{source}\n{e}"));
                    let text = graph.to_string();
                    assert_eq!(parse(&text).map(|g| g.to_string()), Ok(text), "{source}");
                }
                Err(errors) => assert!(!errors.to_string().is_empty()),
            }
        }
    }
    assert!(read > 1_000, "only {read} texts could be read");
}
