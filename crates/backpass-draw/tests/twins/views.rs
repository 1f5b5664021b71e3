//! Views made by hand, with numbers worked out here and not by the engine.

use backpass::array::Array;
use backpass::graph::ScopeKind;
use backpass::ops::Category;
use backpass::view::{Group, Pass, Role, Step, Task, View, ViewEdge, ViewNode};

pub fn node(name: &str, label: &str, role: Role, value: Option<Array>, gradient: Option<Array>) -> ViewNode {
    ViewNode {
        id: name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect(),
        label: label.into(),
        name: name.into(),
        role,
        formula: String::new(),
        shape: value.as_ref().map_or_else(Vec::new, |value| value.shape().to_vec()),
        value,
        gradient,
        notes: Vec::new(),
        column: None,
        group: None,
        unit: None,
    }
}

pub fn edge(from: usize, to: usize, operand: usize) -> ViewEdge {
    ViewEdge { from, to, operand, ..ViewEdge::default() }
}

fn step(pass: Pass, node: usize, edges: &[usize], text: &str) -> Step {
    Step { pass, node, edges: edges.to_vec(), text: text.into() }
}

fn some(value: f64) -> Option<Array> {
    Some(Array::scalar(value))
}

/// `sigmoid(w1*x + w2*y + b)` at x = 1, y = -2, w1 = 0.5, w2 = 0.25, b = 0.1.
pub fn neuron() -> View {
    let (x, y, w1, w2, b) = (1.0, -2.0, 0.5, 0.25, 0.1);
    let (v1, v2) = (w1 * x, w2 * y);
    let v3 = v1 + v2;
    let v4: f64 = v3 + b;
    let l = 1.0 / (1.0 + (-v4).exp());
    let slope = l * (1.0 - l);
    let product = Role::Operator(Category::Arithmetic);
    let mut nodes = vec![
        node("w1", "w1", Role::Parameter, some(w1), some(slope * x)),
        node("x", "x", Role::Input, some(x), some(slope * w1)),
        node("v1", "*", product, some(v1), some(slope)),
        node("w2", "w2", Role::Parameter, some(w2), some(slope * y)),
        node("y", "y", Role::Input, some(y), some(slope * w2)),
        node("v2", "*", product, some(v2), some(slope)),
        node("v3", "+", product, some(v3), some(slope)),
        node("b", "b", Role::Parameter, some(b), some(slope)),
        node("v4", "+", product, some(v4), some(slope)),
        node("L", "sigmoid", Role::Operator(Category::Activation), some(l), some(1.0)),
    ];
    for (index, formula) in [(2, "w1 * x"), (5, "w2 * y"), (6, "v1 + v2"), (8, "v3 + b"), (9, "sigmoid(v4)")] {
        nodes[index].formula = formula.into();
    }
    let flows = [
        (0, 2, 0, "x", x),
        (1, 2, 1, "w1", w1),
        (3, 5, 0, "y", y),
        (4, 5, 1, "w2", w2),
        (2, 6, 0, "1", 1.0),
        (5, 6, 1, "1", 1.0),
        (6, 8, 0, "1", 1.0),
        (7, 8, 1, "1", 1.0),
        (8, 9, 0, "L * (1 - L)", slope),
    ];
    let edges = flows.map(|(from, to, operand, rule, local)| ViewEdge {
        value: nodes[from].value.clone(),
        rule: rule.into(),
        local: some(local),
        gradient: nodes[from].gradient.clone(),
        ..edge(from, to, operand)
    });
    use Pass::{Backward, Forward};
    let steps = vec![
        step(Forward, 0, &[], "w1 = 0.5"),
        step(Forward, 1, &[], "x = 1"),
        step(Forward, 3, &[], "w2 = 0.25"),
        step(Forward, 4, &[], "y = -2"),
        step(Forward, 7, &[], "b = 0.1"),
        step(Forward, 2, &[0, 1], "v1 = w1 * x = 0.5 * 1 = 0.5"),
        step(Forward, 5, &[2, 3], "v2 = w2 * y = 0.25 * -2 = -0.5"),
        step(Forward, 6, &[4, 5], "v3 = v1 + v2 = 0.5 + -0.5 = 0"),
        step(Forward, 8, &[6, 7], "v4 = v3 + b = 0 + 0.1 = 0.1"),
        step(Forward, 9, &[8], "L = sigmoid(v4) = sigmoid(0.1) = 0.525"),
        step(Backward, 9, &[], "∂L/∂L = 1"),
        step(Backward, 8, &[8], "∂L/∂v4 = ∂L/∂L·∂L/∂v4 = 1·0.2494 = 0.2494"),
        step(Backward, 7, &[7], "∂L/∂b = ∂L/∂v4·∂v4/∂b = 0.2494·1 = 0.2494"),
        step(Backward, 6, &[6], "∂L/∂v3 = ∂L/∂v4·∂v4/∂v3 = 0.2494·1 = 0.2494"),
        step(Backward, 5, &[5], "∂L/∂v2 = ∂L/∂v3·∂v3/∂v2 = 0.2494·1 = 0.2494"),
        step(Backward, 4, &[3], "∂L/∂y = ∂L/∂v2·∂v2/∂y = 0.2494·0.25 = 0.06234"),
        step(Backward, 3, &[2], "∂L/∂w2 = ∂L/∂v2·∂v2/∂w2 = 0.2494·(-2) = -0.4988"),
        step(Backward, 2, &[4], "∂L/∂v1 = ∂L/∂v3·∂v3/∂v1 = 0.2494·1 = 0.2494"),
        step(Backward, 1, &[1], "∂L/∂x = ∂L/∂v1·∂v1/∂x = 0.2494·0.5 = 0.1247"),
        step(Backward, 0, &[0], "∂L/∂w1 = ∂L/∂v1·∂v1/∂w1 = 0.2494·1 = 0.2494"),
    ];
    View {
        title: "L = sigmoid(w1*x + w2*y + b)".into(),
        nodes,
        edges: edges.to_vec(),
        output: Some(9),
        of: "L".into(),
        steps,
        ..View::default()
    }
}

/// `sum(relu(X @ Y))` with X of 2×3 and Y of 3×2: a matrix product, an elementwise function, a reduction.
pub fn matrices() -> View {
    let array = |rows, columns, data: &[f64]| Array::new(&[rows, columns], data.to_vec());
    let (x, y) = (array(2, 3, &[1.0, 2.0, 3.0, -1.0, 0.0, 1.0]), array(3, 2, &[1.0, -1.0, 0.5, 2.0, 0.0, 1.0]));
    let (t, r) = (array(2, 2, &[2.0, 6.0, -1.0, 2.0]), array(2, 2, &[2.0, 6.0, 0.0, 2.0]));
    let (dt, dr) = (array(2, 2, &[1.0, 1.0, 0.0, 1.0]), array(2, 2, &[1.0; 4]));
    let (dx, dy) = (array(2, 3, &[0.0, 2.5, 1.0, -1.0, 2.0, 1.0]), array(3, 2, &[1.0, 0.0, 2.0, 2.0, 3.0, 4.0]));
    let mut nodes = vec![
        node("X", "X", Role::Input, x.clone(), dx.clone()),
        node("Y", "Y", Role::Parameter, y.clone(), dy.clone()),
        node("T", "@", Role::Operator(Category::Matrix), t.clone(), dt.clone()),
        node("R", "relu", Role::Operator(Category::Activation), r.clone(), dr.clone()),
        node("L", "sum", Role::Operator(Category::Reduction), some(10.0), some(1.0)),
    ];
    for (index, formula) in [(2, "X @ Y"), (3, "relu(T)"), (4, "sum(R)")] {
        nodes[index].formula = formula.into();
    }
    nodes[3].notes = vec!["relu is zero at 1 of 4 elements: nothing flows back through them.".into()];
    let flow = |from, to, operand, rule: &str, value, local, gradient| ViewEdge {
        value,
        rule: rule.into(),
        local,
        gradient,
        ..edge(from, to, operand)
    };
    let edges = vec![
        flow(0, 2, 0, "∂L/∂T @ Y'", x, None, dx),
        flow(1, 2, 1, "X' @ ∂L/∂T", y, None, dy),
        flow(2, 3, 0, "∂L/∂R ⊙ (T > 0)", t, dt.clone(), dt),
        flow(3, 4, 0, "1", r, dr.clone(), dr),
    ];
    View { title: "L = sum(relu(X @ Y))".into(), nodes, edges, output: Some(4), of: "L".into(), ..View::default() }
}

/// A network of 2, 3 and 1 neurons by columns.
pub fn network() -> View {
    let weights = [[0.5, -1.0], [0.25, 0.75], [-0.5, 0.1]];
    let (inputs, out) = ([1.0, -2.0], [1.0, -0.5, 2.0]);
    let mut nodes = vec![
        node("x1", "x1", Role::Input, some(inputs[0]), None),
        node("x2", "x2", Role::Input, some(inputs[1]), None),
    ];
    let mut edges = Vec::new();
    let mut sum = 0.0;
    for (h, row) in weights.iter().enumerate() {
        let name = format!("hidden1[{h}]");
        let t: f64 = row.iter().zip(inputs).map(|(w, x)| w * x).sum();
        sum += out[h] * t.tanh();
        nodes.push(node(&name, &name, Role::Neuron, some(t.tanh()), some(out[h])));
        for (i, &weight) in row.iter().enumerate() {
            edges.push(ViewEdge { weight: Some(weight), value: some(weight * inputs[i]), ..edge(i, 2 + h, i) });
        }
    }
    nodes.push(node("output[0]", "output[0]", Role::Neuron, some(sum), some(1.0)));
    for (h, &weight) in out.iter().enumerate() {
        let value = nodes[2 + h].value.as_ref().and_then(Array::item).map(|value| Array::scalar(value * weight));
        edges.push(ViewEdge { weight: Some(weight), value, local: some(weight), ..edge(2 + h, 5, h) });
    }
    let group =
        |id: &str, label: &str, parent| Group { id: id.into(), label: label.into(), kind: ScopeKind::Layer, parent };
    for (index, node) in nodes.iter_mut().enumerate() {
        (node.column, node.group) = match index {
            0 | 1 => (Some(0), None),
            5 => (Some(2), Some(1)),
            _ => (Some(1), Some(0)),
        };
    }
    View {
        title: "A network of 2, 3 and 1 neurons".into(),
        nodes,
        edges,
        groups: vec![group("hidden1", "hidden1", None), group("output", "output", None)],
        output: Some(5),
        of: "output[0]".into(),
        ..View::default()
    }
}

/// Names that mean something to a browser, to Graphviz, to TeX or to a terminal.
pub const HOSTILE: [&str; 6] =
    ["</script><script>alert(1)</script>", r#"a"b\c"#, "x_1 & 50%", "#{$^~}\\", "line\nbreak\u{1b}[31m", "<!-- é 層 ∂"];

/// A chain of nodes with hostile names, everywhere where a name may stand.
pub fn hostile() -> View {
    let mut nodes: Vec<ViewNode> = HOSTILE.map(|name| node(name, name, Role::Input, some(1.0), some(1.0))).into();
    for (index, node) in nodes.iter_mut().enumerate() {
        node.id = format!("n{index}");
        node.formula = HOSTILE[index].into();
        node.notes = vec![HOSTILE[index].into()];
        node.group = Some(0);
    }
    let edges = (1..nodes.len()).map(|to| ViewEdge {
        rule: HOSTILE[to].into(),
        value: some(1.0),
        local: some(1.0),
        gradient: some(1.0),
        ..edge(to - 1, to, 0)
    });
    let steps = HOSTILE.iter().enumerate().map(|(index, text)| step(Pass::Forward, index, &[], text)).collect();
    View {
        title: HOSTILE.join(" "),
        edges: edges.collect(),
        groups: vec![Group { id: "g".into(), label: HOSTILE.join(" "), kind: ScopeKind::Function, parent: None }],
        output: Some(5),
        of: "L".into(),
        steps,
        notes: HOSTILE.map(str::to_owned).into(),
        task: Some(Task {
            question: HOSTILE.join(" "),
            options: HOSTILE.map(str::to_owned).into(),
            answer: Some(HOSTILE.join(" ")),
        }),
        nodes,
    }
}

/// Compares with a file beside the tests.
pub fn assert_snapshot(name: &str, text: &str) {
    let expected = format!("{}/tests/twins/snapshots/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::fs::read_to_string(&expected).is_ok_and(|expected| expected == text) {
        return;
    }
    let actual = format!("{}/{name}", env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(&actual, text).unwrap();
    panic!("{name} differs: compare {expected} with {actual}\n{text}");
}
