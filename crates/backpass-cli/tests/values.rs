//! Values and sizes of a formula's names, as a user gives them, and Jacobians of models.

mod common;

use common::Folder;
use serde_json::json;

#[test]
fn formulas_need_sizes_and_no_values() {
    let folder = Folder::new();
    let expected = "∂/∂X = (1 - tanh(X @ W)*tanh(X @ W)) @ W'\n∂/∂W = X' @ (1 - tanh(X @ W)*tanh(X @ W))\n";
    for sizes in ["X=5x3 W=3x2", "X=5×3 W=3×2", "X=[[1,2,3],[4,5,6]] W=3x2"] {
        assert_eq!(folder.ok(&format!("explain sum(tanh(X@W)) --formulas {sizes}")), expected);
    }
    assert!(folder.ok("draw sum(tanh(X@W)) X=5x3 W=3x2").contains("5×2"));
    folder.fails("explain tanh(X)@W --formulas", 2, &["`X`, `W` count as single numbers", "X=2x3"]);
    folder.fails("explain X@W X=5x3 W=2x3 --formulas", 2, &["inner sizes 3 and 2 differ"]);
    folder.fails("explain X@W X=5x3 W=3x2", 2, &["`X`, `W` have no value", "X=@FILE.npy", "[5, 3]", "--formulas"]);
    folder.fails("check x*y y=2", 2, &["`x` has no value", "help: give x=1"]);
}

#[test]
fn only_what_the_result_needs_is_asked_for() {
    let folder = Folder::new();
    folder.write("f.txt", "a = x*2\nb = y*3\nd = a + 1\n");
    for values in ["x=1", "x=1 y=4"] {
        let document = folder.json(&format!("explain f.txt --of d {values} --json"));
        assert_eq!((&document["value"], &document["gradients"]), (&json!(3.0), &json!({"x": 2.0})));
        folder.ok(&format!("check f.txt --of d {values}"));
        assert!(folder.ok(&format!("explain f.txt --of d {values} --jacobian")).contains("∂d/∂x"));
    }
    assert_eq!(folder.ok("explain f.txt --of d --formulas"), "∂/∂x = 2\n");
    folder.fails("explain f.txt --of b x=1", 2, &["`y` has no value"]);
}

#[test]
fn declared_inputs_take_values_and_batches_have_jacobians() {
    let folder = Folder::new();
    folder.write("f.txt", "input x: [batch, 2]\ny = sum(x*x, axis=1)\noutput y\n");
    let document = folder.json("explain f.txt x=[[1,2],[3,4]] --jacobian --json");
    assert_eq!(document["value"], json!([5.0, 25.0]));
    assert_eq!(document["jacobian"]["x"], json!([[[2.0, 4.0], [0.0, 0.0]], [[0.0, 0.0], [6.0, 8.0]]]));
}

#[test]
fn what_is_no_value_is_named() {
    let folder = Folder::new();
    folder.fails("explain x*2 x=abc", 2, &["`abc` is no value for `x`", "unknown name `abc`", "[[1,2],[3,4]]", "2x3"]);
    folder.fails("explain x*2 x=[1,2", 2, &["`[1,2` is no value for `x`", "never closed"]);
    folder.fails("explain width*2 width=1 widht=2", 2, &["`widht` is given", "did you mean `width`?"]);
    folder.fails("explain x*2 x", 2, &["`x` is not a value", "help: "]);
}

/// A NumPy file of two rows and three columns.
fn npy(fortran: &str, shape: &str, numbers: &[f64]) -> Vec<u8> {
    let header = format!("{{'descr': '<f8', 'fortran_order': {fortran}, 'shape': {shape}, }}");
    let header = format!("{header:<117}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.bytes().chain(numbers.iter().flat_map(|v| v.to_le_bytes())));
    bytes
}

#[test]
fn arrays_are_read_in_both_orders_and_broken_files_are_named() {
    let folder = Folder::new();
    folder.write("c.npy", npy("False", "(2, 3)", &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
    folder.write("f.npy", npy("True", "(2, 3)", &[1.0, 4.0, 2.0, 5.0, 3.0, 6.0]));
    for file in ["c.npy", "f.npy"] {
        let document = folder.json(&format!("explain X X=@{file} --json"));
        assert_eq!(document["value"], json!([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), "{file}");
    }
    let whole = npy("False", "(2, 3)", &[1.0; 6]);
    for (name, bytes) in [
        ("short.npy", whole[..whole.len() - 8].to_vec()),
        ("header.npy", whole[..30].to_vec()),
        ("empty.npy", Vec::new()),
        ("text.npy", b"1,2,3\n".to_vec()),
        ("huge.npy", npy("False", "(1099511627776,)", &[1.0])),
    ] {
        folder.write(name, bytes);
        folder.fails(&format!("explain X X=@{name}"), 3, &[name, "help: write it anew with numpy.save"]);
    }
}

#[test]
fn nodes_are_named_by_their_operators() {
    let folder = Folder::new();
    let document = folder.json("explain 2*x+y x=1 y=2 --json");
    let operators: Vec<_> = document["nodes"].as_array().unwrap().iter().map(|node| &node["op"]).collect();
    assert_eq!(operators, ["constant", "input", "mul", "input", "add"]);
}

#[test]
fn second_derivatives_of_arrays_are_refused_without_a_word_of_sums() {
    let folder = Folder::new();
    let run = folder.run("explain tanh(X) X=[1,2] --hessian");
    assert!(run.stderr.contains("scalar result") && !run.stderr.contains("note"), "{}", run.stderr);
}

#[test]
fn a_models_jacobian_is_the_slope_of_its_prediction() {
    let folder = Folder::new();
    folder.write("line.csv", "u,v,y\n1,5,2\n2,3,7\n3,8,1\n4,1,11\n5,6,3\n6,2,9\n");
    // No hidden layer: the slopes are the coefficients, and the same at each row.
    folder.ok("train line.csv --target y --hidden none --epochs 5 --validation none -o m.backpass -q");
    let at = |row: usize| folder.json(&format!("explain m.backpass --data line.csv --row {row} --jacobian --json"));
    let slopes = at(1)["jacobian"]["y"].clone();
    assert_eq!((slopes.as_object().unwrap().len(), &slopes), (2, &at(4)["jacobian"]["y"]));
    let text = folder.ok("explain m.backpass --data line.csv --row 2 --jacobian");
    assert!(text.starts_with("Jacobian, 1×2") && text.contains("∂y"), "{text}");

    folder.write("classes.csv", "u,c\n1,a\n2,b\n3,c\n1.5,a\n2.5,b\n3.5,c\n1.2,a\n2.2,b\n3.2,c\n");
    folder.ok("train classes.csv --target c --hidden 3 --epochs 20 --validation none -o c.backpass -q");
    let slopes = folder.json("explain c.backpass --data classes.csv --row 2 --jacobian --json")["jacobian"].clone();
    let sum: f64 = ["a", "b", "c"].iter().map(|class| slopes[class]["u"].as_f64().unwrap()).sum();
    assert!(sum.abs() < 1e-12 && slopes["b"]["u"] != 0.0, "probabilities sum to 1: {slopes}");
    folder.fails("explain c.backpass --data classes.csv --hessian", 2, &["--jacobian", "help: "]);
    folder.fails("explain c.backpass --data classes.csv --row 99 --jacobian", 2, &["there is no row 99"]);
}
