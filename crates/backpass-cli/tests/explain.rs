//! `explain`, `check` and `draw` as a user runs them.

mod common;

use std::process::Command;

use common::Folder;
use serde_json::Value;

/// Runs the program with these arguments, which may hold spaces.
fn run(folder: &Folder, arguments: &[&str]) -> (i32, String, String) {
    let mut command: Command = folder.command("");
    let output = command.args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

fn ok(folder: &Folder, arguments: &[&str]) -> String {
    let (code, stdout, stderr) = run(folder, arguments);
    assert_eq!(code, 0, "{arguments:?}: {stderr}");
    stdout
}

fn json(folder: &Folder, arguments: &[&str]) -> Value {
    serde_json::from_str(&ok(folder, &[arguments, &["--json"]].concat())).unwrap()
}

fn fails(folder: &Folder, code: i32, arguments: &[&str], parts: &[&str]) {
    let (found, stdout, stderr) = run(folder, arguments);
    assert_eq!((found, stdout.as_str()), (code, ""), "{arguments:?}: {stderr}");
    for part in parts {
        assert!(stderr.contains(part), "{arguments:?}: no {part:?} in\n{stderr}");
    }
}

const NEURON: [&str; 6] = ["sigmoid(w1*x + w2*y + b)", "x=1", "y=-2", "w1=0.5", "w2=0.25", "b=0.1"];

#[test]
fn a_neuron_is_explained_with_every_number() {
    let folder = Folder::new();
    let table = ok(&folder, &[&["explain"][..], &NEURON].concat());
    for part in ["∂v1/∂w1 = x = 1", "∂L/∂v4 = L*(1 - L) = 0.2494", "0.06234", "∂L/∂node"] {
        assert!(table.contains(part), "{table}");
    }
    let document = json(&folder, &[&["explain"][..], &NEURON].concat());
    assert_eq!(document["schema"], "backpass.explain/1");
    let s = 1.0 / (1.0 + (-0.1f64).exp());
    let close = |value: &Value, expected: f64| assert!((value.as_f64().unwrap() - expected).abs() < 1e-15, "{value}");
    close(&document["value"], s);
    close(&document["gradients"]["w2"], -2.0 * s * (1.0 - s));
    let last = document["nodes"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(
        (last["op"].as_str(), last["name"].as_str(), last["formula"].as_str()),
        (Some("sigmoid"), Some("L"), Some("sigmoid(v4)"))
    );
    close(&last["local"][0], s * (1.0 - s));
    let steps = ok(&folder, &[&["explain"][..], &NEURON, &["--steps"]].concat());
    assert!(
        steps.starts_with("sigmoid(w1*x + w2*y + b)\n\nForward pass\n")
            && steps.contains("∂L/∂x = ∂L/∂v1·∂v1/∂x = 0.2494·0.5 = 0.1247")
    );
    let one = json(&folder, &[&["explain"][..], &NEURON, &["--wrt", "x"]].concat());
    assert_eq!(one["gradients"].as_object().unwrap().len(), 1);
    let folded = json(&folder, &[&["explain"][..], &NEURON, &["--level", "neuron"]].concat());
    assert_eq!(folded["nodes"].as_array().unwrap().len(), 3);
    assert_eq!(folded["nodes"][2]["value"], document["value"]);
}

#[test]
fn definitions_come_from_files_and_standard_input_and_arrays_from_files() {
    let folder = Folder::new();
    folder.write("f.txt", "# a layer\nh = tanh(X @ W)\ny = sum(h)\n");
    folder.write("X.csv", "1, 2\n3, 4\n");
    let numbers: Vec<u8> = [0.5f64, -0.5].iter().flat_map(|v| v.to_le_bytes()).collect();
    let mut header = String::from("{'descr': '<f8', 'fortran_order': False, 'shape': (2, 1), }");
    header += &" ".repeat(63 - (10 + header.len()) % 64);
    header.push('\n');
    let mut npy = b"\x93NUMPY\x01\x00".to_vec();
    npy.extend((header.len() as u16).to_le_bytes());
    npy.extend(header.bytes());
    npy.extend(numbers);
    folder.write("W.npy", npy);
    let from_files = json(&folder, &["explain", "f.txt", "X=@X.csv", "W=@W.npy"]);
    let typed = json(&folder, &["explain", "h = tanh(X @ W); sum(h)", "X=[[1,2],[3,4]]", "W=[[0.5],[-0.5]]"]);
    assert_eq!(from_files["gradients"], typed["gradients"]);
    let inner = json(&folder, &["explain", "f.txt", "X=@X.csv", "W=@W.npy", "--of", "h"]);
    assert_eq!(inner["value"], serde_json::json!([[(-0.5f64).tanh()], [(-0.5f64).tanh()]]));
    let piped = folder.run_with_input("explain - x=3 --json", "a = x^2\na + 1\n");
    assert_eq!(serde_json::from_str::<Value>(&piped.stdout).unwrap()["value"], 10.0);
    folder.write("marked.csv", "\u{feff}1,2\n");
    assert_eq!(json(&folder, &["explain", "sum(X)", "X=@marked.csv"])["value"], 3.0);
    folder.write("bad.csv", "1,2\n3,x\n");
    fails(&folder, 3, &["explain", "sum(X)", "X=@bad.csv"], &["bad.csv: line 2, column 2: `x` is not a number"]);
    fails(&folder, 6, &["explain", "sum(X)", "X=@none.csv"], &["none.csv"]);
}

#[test]
fn jacobians_and_hessians_are_printed_for_small_cases() {
    let folder = Folder::new();
    let text = ok(&folder, &["explain", "tanh(X)", "X=[[0,1]]", "--jacobian"]);
    assert!(text.contains("∂Y/∂X, 1×2×1×2") && text.contains("⊙ [[1, 0.42]]"), "{text}");
    let document = json(&folder, &["explain", "[[1,2],[3,4]] @ x", "x=[1,1]", "--jacobian"]);
    assert_eq!(document["jacobian"]["x"], serde_json::json!([[1.0, 2.0], [3.0, 4.0]]));
    let document = json(&folder, &["explain", "x^2*y", "x=3", "y=2", "--hessian"]);
    assert_eq!(document["hessian"], serde_json::json!({"x": {"x": 4.0, "y": 6.0}, "y": {"x": 6.0, "y": 0.0}}));
    fails(&folder, 2, &["explain", "tanh(X)", "X=reshape([1], shape=[1])", "--hessian"], &["scalar result"]);
    let formulas = ok(&folder, &["explain", "x^2*y", "--formulas"]);
    assert_eq!(formulas, "∂/∂x = y*(x*2)\n∂/∂y = x^2\n");
}

#[test]
fn hostile_formulas_get_a_clear_message() {
    let folder = Folder::new();
    let deep = "(".repeat(10_000) + "x" + &")".repeat(10_000);
    fails(&folder, 2, &["explain", &deep, "x=1"], &["brackets nest more than 200 deep"]);
    folder.write("long.txt", "x+".repeat(100_000) + "x");
    for verb in ["explain", "check", "draw"] {
        fails(&folder, 2, &[verb, "long.txt", "x=1"], &["the formula is too large: 100001 nodes", "help: --of NAME"]);
    }
    fails(&folder, 2, &["explain", "(x", "x=1"], &["line 1"]);
    fails(&folder, 2, &["explain", "sigmoyd(x)", "x=1"], &["did you mean `sigmoid`?"]);
    fails(&folder, 2, &["explain", "x + y", "x=1"], &["`y` has no value", "--formulas"]);
    fails(&folder, 2, &["explain", "x", "x=1", "z=1"], &["`z` is given, but not used here"]);
    fails(&folder, 2, &["explain", "A @ B", "A=[[1,2]]", "B=[[1,2]]"], &["line 1", "2"]);
    fails(&folder, 2, &["explain", "a = b; b = a; a"], &["cannot depend on itself: a -> b -> a"]);
    fails(&folder, 2, &["explain", "broadcast(x, shape=[1000000,1000000])", "x=1"], &["2^28 elements"]);
    for (formula, note) in [
        ("1/x", "infinity arises first: 1/0"),
        ("log(x - 1)", "NaN arises first: log(-1)"),
        ("exp(x + 1000)", "infinity arises first: exp(1000)"),
    ] {
        let text = ok(&folder, &["explain", formula, "x=0"]);
        assert!(text.contains(note), "{text}");
    }
    let minus = json(&folder, &["explain", "-w^2", "w=3"]);
    assert_eq!(minus["value"], -9.0);
}

#[test]
fn checks_agree_and_tell_by_their_exit_code() {
    let folder = Folder::new();
    let text = ok(&folder, &["check", "tanh(w*x + b)", "x=0.3", "w=2", "b=-1"]);
    assert!(text.ends_with("The derivatives by the chain rule agree with differences of values.\n"), "{text}");
    // A jump between the point and its neighbours: differences see it, the chain rule does not.
    let (code, text, _) = run(&folder, &["check", "step(x - 1) + x", "x=1.0000000000001"]);
    assert!(code == 1 && text.contains("They do NOT agree"), "{code}: {text}");
    let (code, text, _) = run(&folder, &["check", "log(x)", "x=-1"]);
    assert!(code == 1 && text.contains("not finite") && text.contains("NaN arises first"), "{text}");
    let document = json(&folder, &["check", "sum(X^2)", "X=[1,2]"]);
    assert_eq!(
        (&document["agrees"], &document["variables"][0]["automatic"]),
        (&Value::Bool(true), &serde_json::json!([2.0, 4.0]))
    );
}

#[test]
fn pictures_are_written_in_every_form() {
    let folder = Folder::new();
    for (name, start) in
        [("a.svg", "<svg"), ("a.html", "<!"), ("a.dot", "digraph"), ("a.tex", "\\documentclass"), ("a.txt", "sigmoid")]
    {
        ok(&folder, &[&["explain"][..], &NEURON, &["-o", name]].concat());
        let text = std::fs::read_to_string(folder.path(name)).unwrap();
        assert!(text.to_lowercase().starts_with(&start.to_lowercase()), "{name}: {}", &text[..80]);
    }
    ok(&folder, &[&["explain"][..], &NEURON, &["-o", "a.png", "--theme", "dark", "--width", "300"]].concat());
    let png = std::fs::read(folder.path("a.png")).unwrap();
    assert_eq!((&png[1..4], u32::from_be_bytes(png[16..20].try_into().unwrap())), (&b"PNG"[..], 300));
    fails(&folder, 2, &["draw", "x", "-o", "a.svg"], &["a.svg"]);
    fails(&folder, 2, &["draw", "x", "-o", "w.svg", "--width", "300"], &["--width belongs to a .png", "help: "]);
    ok(&folder, &["draw", "u/w", "-o", "down.dot", "--direction", "down"]);
    let dot = std::fs::read_to_string(folder.path("down.dot")).unwrap();
    assert!(dot.contains("rankdir=TB") && dot.contains(">1st<") && dot.contains(">2nd<"), "{dot}");
    fails(&folder, 2, &["draw", "--activation", "tanh", "--direction", "down"], &["--direction belongs to"]);
    fails(&folder, 2, &["draw", "x", "-o", "a.gif"], &["says no kind of picture", ".svg"]);
    assert_eq!(ok(&folder, &["draw", "w*x + b", "--level", "neuron"]), "w*x + b\n\nx  input\nL  neuron1  ← x · w\n");
    for arguments in
        [&["draw", "--activation", "tanh"][..], &["draw", "--activations"], &["draw", "--inits", "9,9,9:relu"]]
    {
        ok(&folder, &[arguments, &["-o", "p.svg", "--force"]].concat());
        assert!(ok(&folder, arguments).len() > 40);
    }
    fails(&folder, 2, &["draw", "--activation", "tanhh"], &["did you mean `tanh`?"]);
    fails(&folder, 2, &["draw"], &["required"]);
}

#[test]
fn folded_neurons_show_products_and_broadcasts_say_that_they_are_summed() {
    let folder = Folder::new();
    let table = ok(&folder, &[&["explain"][..], &NEURON, &["--level", "neuron"]].concat());
    assert!(table.contains("x · 0.5 = 0.5") && table.contains("y · 0.25 = -0.5"), "{table}");
    let table = ok(&folder, &["explain", "sum(X + b)", "X=[[1,2],[3,4]]", "b=[1,2]"]);
    assert!(table.contains("∂L/∂b = ∂L/∂v1, summed to 2"), "{table}");
    let outline = ok(&folder, &["draw", "sum(relu(X @ W))", "X=[[1,-2]]", "W=[[1,2],[3,4]]", "--level", "layer"]);
    assert!(outline.contains("X  array : 1×2"), "{outline}");
}

#[test]
fn shared_parameters_do_not_make_large_pictures_slow() {
    let folder = Folder::new();
    let mut chain = "a0 = x*w0\n".to_string();
    for i in 1..98 {
        chain += &format!("a{i} = tanh(a{}*w{} + b{})\n", i - 1, i % 5, i % 3);
    }
    folder.write("chain.txt", chain);
    ok(&folder, &["draw", "chain.txt", "-o", "chain.svg"]);
    ok(&folder, &["draw", "chain.txt", "-o", "chain.png"]);
    let drawn = std::fs::read_to_string(folder.path("chain.svg")).unwrap();
    assert!(drawn.matches("class=\"node").count() > 400);
}

#[test]
fn a_models_row_shows_what_predict_computes() {
    let folder = Folder::new();
    folder.ok("generate moons --rows 120 -o moons.csv");
    folder.ok("train moons.csv --target class --hidden 4,3 --activation tanh --epochs 30 -o m.backpass -q");
    let predicted = folder.ok("predict m.backpass moons.csv --probabilities");
    for row in [1, 17, 120] {
        let arguments = ["explain", "m.backpass", "--data", "moons.csv", "--row", &row.to_string()];
        let document = json(&folder, &[&arguments[..], &["--level", "network"]].concat());
        let logit = document["nodes"].as_array().unwrap().iter().find(|n| n["name"] == "network").unwrap()["value"][0]
            [0]
        .as_f64()
        .unwrap();
        let line = predicted.lines().nth(row).unwrap();
        let probability: f64 = line.rsplit(',').next().unwrap().parse().unwrap();
        assert!((1.0 / (1.0 + (-logit).exp()) - probability).abs() < 1e-5, "{line}: {logit}");
        // At every level the same numbers: the output neuron, the layer, the network.
        let neurons = json(&folder, &arguments);
        let output = neurons["nodes"].as_array().unwrap().iter().find(|n| n["name"] == "logit of b").unwrap().clone();
        assert_eq!(output["value"].as_f64(), Some(logit));
        assert_eq!(neurons["gradients"], document["gradients"]);
    }
    // Operator by operator the encoder is one node, unless asked for.
    let nodes = |more: &[&str]| {
        let arguments = [&["explain", "m.backpass", "--data", "moons.csv", "--level", "operator"][..], more].concat();
        json(&folder, &arguments)["nodes"].as_array().unwrap().clone()
    };
    let (folded, open) = (nodes(&[]), nodes(&["--open", "encoder"]));
    assert!(folded.iter().any(|n| n["name"] == "encoder") && open.iter().all(|n| n["name"] != "encoder"));
    assert!(folded.len() + 10 < open.len(), "{} and {}", folded.len(), open.len());
    folder.ok("explain m.backpass --data moons.csv --focus hidden1[2] --level operator -o microscope.svg");
    folder.ok("explain m.backpass --data moons.csv --focus hidden1[2]");
    for level in ["neuron", "layer", "network", "operator"] {
        folder.ok(&format!("draw m.backpass --level {level} -o {level}.svg"));
    }
    for plot in ["--boundary moons.csv", "--neurons moons.csv", "--history"] {
        folder.ok(&format!("draw m.backpass {plot} -o plot.svg --force"));
        assert!(folder.ok(&format!("draw m.backpass {plot}")).len() > 40);
    }
    fails(&folder, 2, &["explain", "m.backpass"], &["--data FILE --row N"]);
    fails(&folder, 2, &["explain", "m.backpass", "--data", "moons.csv", "--row", "121"], &["120 row(s)", "no row 121"]);
    fails(
        &folder,
        2,
        &["explain", "m.backpass", "--data", "moons.csv", "--focus", "hidden9[0]"],
        &["hidden1[0] to hidden1[3]"],
    );
    fails(
        &folder,
        2,
        &["explain", "m.backpass", "--data", "moons.csv", "--focus", "x", "--level", "layer"],
        &["--focus goes with"],
    );
    let explain = ["explain", "m.backpass", "--data", "moons.csv"];
    for (more, part) in [
        (&["--wrt", "x"][..], "--wrt"),
        (&["--fold", "network"], "--fold and --open"),
        (&["--open", "network", "--level", "operator", "--focus", "hidden1[2]"], "--fold and --open"),
    ] {
        fails(&folder, 2, &[&explain[..], more].concat(), &[part, "help: "]);
    }
    fails(&folder, 2, &["draw", "m.backpass", "--open", "network"], &["--fold and --open", "help: "]);
    fails(&folder, 2, &["draw", "m.backpass", "--of", "x"], &["--of", "help: "]);
    // The document of one neuron has the gradients of that neuron.
    let neuron = json(&folder, &[&explain[..], &["--level", "operator", "--focus", "hidden1[2]"]].concat());
    let nodes = neuron["nodes"].as_array().unwrap();
    for (name, gradient) in neuron["gradients"].as_object().unwrap() {
        let node = nodes.iter().find(|node| node["name"] == name.as_str());
        assert_eq!(node.map(|node| &node["grad"]), Some(gradient), "{name}");
    }
    assert!(neuron["gradients"].as_object().is_some_and(|of| !of.is_empty()));
}

#[test]
fn a_model_whose_network_is_a_formula_is_explained_and_drawn() {
    let folder = Folder::new();
    folder.write("line.csv", "x,y\n1,5\n2,7\n3,9\n4,11\n");
    folder.ok("train line.csv --target y --formula a*x+c -o m.backpass -q");
    let explained = folder.ok("explain m.backpass --data line.csv --row 2");
    assert!(explained.contains("∂loss/∂node") && explained.contains("[[7]]"), "{explained}");
    assert!(folder.ok("draw m.backpass").starts_with("m.backpass\n"));
    for verb in ["explain m.backpass --data line.csv", "draw m.backpass"] {
        folder.fails(&format!("{verb} --level neuron"), 2, &["no fully connected layers", "help: "]);
        folder.fails(&format!("{verb} --focus network[0]"), 2, &["no fully connected layers", "help: "]);
    }
}

#[test]
fn options_of_models_are_refused_with_a_formula() {
    let folder = Folder::new();
    for more in [["--data", "x.csv"], ["--row", "2"], ["--delimiter", ";"], ["--focus", "hidden1[0]"]] {
        fails(&folder, 2, &[&["explain", "x^2", "x=1"][..], &more].concat(), &["to a model", "help: "]);
    }
    fails(&folder, 2, &["draw", "x^2", "--focus", "hidden1[0]"], &["--focus", "help: "]);
    fails(&folder, 2, &["explain", "x^2", "--formulas", "-o", "a.svg"], &["--formulas"]);
}

#[test]
fn a_file_that_cannot_be_written_is_refused_before_all_work() {
    let folder = Folder::new();
    folder.write("old.svg", "old");
    for verb in [&["explain", "(x"][..], &["draw", "(x"], &["draw", "--inits", "wrong"], &["exercise", "--count", "2"]]
    {
        fails(
            &folder,
            2,
            &[verb, &["-o", "a.gif"]].concat(),
            &["a.gif: this ending says no kind of picture", "help: "],
        );
        fails(&folder, 2, &[verb, &["-o", "old.svg"]].concat(), &["old.svg", "--force"]);
    }
    fails(&folder, 2, &["draw", "--activation", "tanh", "-o", "a.html"], &["help: use .svg, .png"]);
    fails(&folder, 2, &["draw", "x", "-o", "a.png", "--width", "16385"], &["16384"]);
    assert_eq!(std::fs::read_to_string(folder.path("old.svg")).unwrap(), "old");
}

#[test]
fn a_large_network_is_shown_by_its_strongest_neurons() {
    let folder = Folder::new();
    let header: Vec<String> = (0..784).map(|i| format!("p{i}")).collect();
    let mut table = header.join(",") + ",digit\n";
    for row in 0..30 {
        let cells: Vec<String> = (0..784).map(|i| ((i * 7 + row * 13) % 29).to_string()).collect();
        table += &format!("{},d{}\n", cells.join(","), row % 10);
    }
    folder.write("digits.csv", table);
    folder.ok("train digits.csv --target digit --hidden 512,512 --epochs 1 --validation none -o d.backpass -q");
    let text = folder.ok("explain d.backpass --data digits.csv --row 3 -o d.svg");
    for part in ["…and 772 more", "…and 500 more"] {
        assert!(text.contains(part), "{text}");
    }
    let size = std::fs::metadata(folder.path("d.svg")).unwrap().len();
    assert!(size < 200_000, "{size} bytes");
}
