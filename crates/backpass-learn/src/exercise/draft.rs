//! Programs with numbers, drawn at random: what an exercise is about.

use backpass::Array;
use backpass_kernels::philox::Stream;

use super::Kind;

/// A program with numbers and a question.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The program in the expression language, without the loss that follows it.
    pub program: String,
    /// The values of its inputs.
    pub point: Vec<(String, Array)>,
    /// The input whose gradient is asked for.
    pub asked: String,
    /// For arrays: the node whose gradient is given, and that gradient. Otherwise the result is `l`.
    pub given: Option<(&'static str, Array)>,
    /// Whether the question is how large the array of all derivatives is.
    pub is_about_sizes: bool,
}

/// Draws for one exercise.
pub struct Draw(Stream);

impl Draw {
    /// The draws of one attempt at the exercise with a seed.
    pub fn new(kind: Kind, level: u8, seed: u64, attempt: u64) -> Draw {
        Draw(Stream::new(seed, (attempt << 8) | (u64::from(level) << 4) | kind as u64))
    }

    /// One of several things.
    pub fn pick<T: Copy>(&mut self, things: &[T]) -> T {
        things[self.0.below(things.len() as u64) as usize]
    }

    /// The same things in random order.
    pub fn shuffled<T>(&mut self, mut things: Vec<T>) -> Vec<T> {
        for i in (1..things.len()).rev() {
            things.swap(i, self.0.below(i as u64 + 1) as usize);
        }
        things
    }

    /// Whether something that happens once in `n` times does.
    pub fn once_in(&mut self, n: u64) -> bool {
        self.0.below(n) == 0
    }

    /// A number with which one computes by hand.
    fn number(&mut self) -> f64 {
        self.pick(&[-3.0, -2.0, -1.5, -1.0, -0.5, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0])
    }

    /// A number that saturates no activation.
    fn small(&mut self) -> f64 {
        self.pick(&[-2.0, -1.5, -1.0, -0.5, 0.5, 1.0, 1.5, 2.0])
    }

    fn array(&mut self, sizes: &[usize], numbers: &[f64]) -> Array {
        Array::from_fn(sizes, |_| self.pick(numbers))
    }
}

/// Elements of matrices.
const ELEMENTS: &[f64] = &[-3.0, -2.0, -2.0, -1.0, -1.0, 0.0, 1.0, 1.0, 2.0, 2.0, 3.0];
/// Elements of what is given as a gradient.
const GIVEN: &[f64] = &[-2.0, -1.0, 0.5, 1.0, 2.0, 3.0];
/// Elements of matrices before an activation that saturates.
const SMALL: &[f64] = &[-1.0, -0.5, 0.5, 1.0];

/// Draws a program of a kind and level.
pub fn draft(kind: Kind, level: u8, draw: &mut Draw) -> Draft {
    match kind {
        Kind::Scalar => scalar(level, draw),
        Kind::Neuron => neuron(level, draw),
        Kind::Matrix => matrix(level, draw),
        Kind::Layer => layer(level, draw),
    }
}

/// What the next node of a chain is.
#[derive(Clone, Copy, PartialEq)]
enum Next {
    /// An operator with a new input.
    Fresh(&'static str),
    /// An operator with `x` once more.
    Shared(&'static str),
    /// An operator with an earlier node once more.
    Earlier(&'static str),
    /// A function of one number.
    Function(&'static str),
}

/// A chain from `x` to `l`, into which other inputs come from the side.
fn scalar(level: u8, draw: &mut Draw) -> Draft {
    let signs = ["+", "-"];
    let mut chain = vec![Next::Fresh("*"), Next::Fresh(draw.pick(&signs))];
    let bends = [Next::Function("^2"), Next::Function("relu"), Next::Fresh("maximum")];
    let curves = [Next::Function("sigmoid"), Next::Function("tanh"), Next::Function("exp")];
    let again = ["+", "-", "*", "maximum"];
    match level {
        1 => chain.extend(draw.once_in(2).then_some(Next::Fresh(draw.pick(&["+", "-", "*"])))),
        2 => chain.push(draw.pick(&bends)),
        3 => chain.extend([draw.pick(&bends), Next::Shared(draw.pick(&again))]),
        4 => chain.extend([draw.pick(&curves), Next::Shared(draw.pick(&again[..3]))]),
        _ => chain.extend([
            draw.pick(&curves),
            draw.pick(&bends),
            Next::Shared(draw.pick(&again[..3])),
            Next::Earlier(draw.pick(&again[..3])),
        ]),
    }
    // Nothing meets itself: what is used again lies further back.
    let meets_itself = |chain: &[Next]| {
        let is_early = |index: usize, next: &Next| match next {
            Next::Shared(_) => index == 0,
            Next::Earlier(_) => index < 2,
            _ => false,
        };
        chain.iter().enumerate().any(|(index, next)| is_early(index, next))
    };
    chain = draw.shuffled(chain);
    while meets_itself(&chain) {
        chain = draw.shuffled(chain);
    }
    let mut inputs = vec!["x"];
    let mut nodes = vec!["x".to_string()];
    let mut program = Vec::new();
    for (index, next) in chain.iter().enumerate() {
        let last = nodes[nodes.len() - 1].clone();
        let (operator, other) = match *next {
            Next::Fresh(operator) => {
                inputs.push(["y", "z", "u", "v", "w"][inputs.len() - 1]);
                (operator, inputs[inputs.len() - 1].to_string())
            }
            Next::Shared(operator) => (operator, "x".to_string()),
            Next::Earlier(operator) => (operator, nodes[nodes.len() / 2].clone()),
            Next::Function(operator) => (operator, String::new()),
        };
        let (left, right) = if draw.once_in(3) { (&other, &last) } else { (&last, &other) };
        let formula = match (next, operator) {
            (Next::Function(_), "^2") => format!("{last}^2"),
            (Next::Function(_), function) => format!("{function}({last})"),
            (_, "maximum") => format!("maximum({left}, {right})"),
            (_, operator) => format!("{left} {operator} {right}"),
        };
        let name = if index + 1 == chain.len() {
            "output l".to_string()
        } else {
            ["a", "b", "c", "d", "e"][index].to_string()
        };
        program.push(format!("{name} = {formula}"));
        nodes.push(name);
    }
    let asked = match level {
        1 | 2 if draw.once_in(3) => inputs[1],
        _ => "x",
    };
    let number = if level < 4 { Draw::number } else { Draw::small };
    Draft {
        program: program.join("\n"),
        point: inputs.iter().map(|name| (name.to_string(), Array::scalar(number(draw)))).collect(),
        asked: asked.to_string(),
        given: None,
        is_about_sizes: false,
    }
}

/// One neuron with its squared error; at level 5 two, one after the other.
fn neuron(level: u8, draw: &mut Draw) -> Draft {
    let count = [1, 2, 3, 2, 2][usize::from(level - 1)];
    let activation = match level {
        1 => None,
        2 | 3 => Some("relu"),
        4 => Some(draw.pick(&["sigmoid", "tanh"])),
        _ => Some("tanh"),
    };
    let mut point: Vec<(String, Array)> = Vec::new();
    let input =
        |name: &str, value: f64, point: &mut Vec<(String, Array)>| point.push((name.to_string(), Array::scalar(value)));
    let mut program = Vec::new();
    let mut sum = String::new();
    for i in 1..=count {
        let mark = if count == 1 { String::new() } else { i.to_string() };
        let (w, x, p) = (format!("w{mark}"), format!("x{mark}"), format!("p{mark}"));
        let number = if level < 4 { Draw::number } else { Draw::small };
        input(&w, number(draw), &mut point);
        input(&x, number(draw), &mut point);
        program.push(format!("{p} = {w}*{x}"));
        match i {
            1 => sum = p,
            _ => {
                let next = if count == 2 { "s".to_string() } else { format!("s{}", i - 1) };
                program.push(format!("{next} = {sum} + {p}"));
                sum = next;
            }
        }
    }
    input("b", draw.small(), &mut point);
    let mut output = "t".to_string();
    program.push(format!("t = {sum} + b"));
    if let Some(activation) = activation {
        output = if level == 5 { "h" } else { "y" }.to_string();
        program.push(format!("{output} = {activation}(t)"));
    }
    if level == 5 {
        input("v", draw.small(), &mut point);
        input("c", draw.small(), &mut point);
        program.extend(["q = v*h", "u = q + c", "y = sigmoid(u)"].map(str::to_string));
        output = "y".to_string();
    }
    let saturates = level > 3;
    input("target", if saturates { draw.pick(&[0.0, 0.5, 1.0]) } else { draw.number() }, &mut point);
    program.extend([format!("e = {output} - target"), "output l = e^2".to_string()]);
    let asked = match level {
        1 => draw.pick(&["w", "x", "b"]),
        5 => draw.pick(&["w1", "w2", "x1", "b", "v"]),
        _ => draw.pick(&["w1", "w2", "x1", "x2"]),
    };
    Draft { program: program.join("\n"), point, asked: asked.to_string(), given: None, is_about_sizes: false }
}

/// Matrix products, with activations and a second use at higher levels.
fn matrix(level: u8, draw: &mut Draw) -> Draft {
    let is_about_sizes = level == 2 && draw.once_in(4);
    let [m, n, q] = match level {
        1 | 5 => [2, 2, 2],
        2 if is_about_sizes => draw.pick(&[[1, 3, 2], [2, 3, 1], [3, 2, 1], [2, 2, 3], [3, 2, 2], [1, 2, 3]]),
        2 => draw.pick(&[[2, 3, 2], [3, 2, 2], [2, 2, 3], [3, 2, 3]]),
        _ => draw.pick(&[[2, 2, 2], [2, 3, 2]]),
    };
    let (program, twice) = match level {
        1 | 2 => ("T = X @ Y", false),
        3 => ("T = X @ Y\nA = relu(T)", false),
        4 => (draw.pick(&["T = X @ Y\nA = tanh(T)", "T = X @ Y\nA = sigmoid(T)"]), false),
        _ => draw.pick(&[
            ("T = X @ X", true),
            ("P = X @ Y\nT = P + X\nA = relu(T)", false),
            ("P = X @ Y\nT = P * X", false),
        ]),
    };
    let elements = if level == 4 { SMALL } else { ELEMENTS };
    let mut point = vec![("X".to_string(), draw.array(&[m, n], elements))];
    if !twice {
        point.push(("Y".to_string(), draw.array(&[n, q], elements)));
    }
    let end = if program.contains("A = ") { "A" } else { "T" };
    Draft {
        program: program.to_string(),
        point,
        asked: if (2..5).contains(&level) { draw.pick(&["X", "Y"]) } else { "X" }.to_string(),
        given: Some((end, draw.array(&[m, q], GIVEN))),
        is_about_sizes,
    }
}

/// A fully connected layer, two of them at level 5.
fn layer(level: u8, draw: &mut Draw) -> Draft {
    let (q, p) = draw.pick(&[(2, 2), (2, 3), (3, 2)]);
    let elements = if level == 4 { SMALL } else { ELEMENTS };
    let mut point = vec![
        ("W".to_string(), draw.array(&[q, p], elements)),
        ("x".to_string(), draw.array(&[p], elements)),
        ("b".to_string(), draw.array(&[q], elements)),
    ];
    let (program, end, rows, asked) = match level {
        1 => ("t = W @ x + b", "t", q, draw.pick(&["W", "x"])),
        2 => ("t = W @ x + b\ny = relu(t)", "y", q, draw.pick(&["x", "b"])),
        3 => ("t = W @ x + b\ny = relu(t)", "y", q, draw.pick(&["W", "x"])),
        4 => (
            draw.pick(&["t = W @ x + b\ny = tanh(t)", "t = W @ x + b\ny = sigmoid(t)"]),
            "y",
            q,
            draw.pick(&["W", "x", "b"]),
        ),
        _ => {
            point.push(("V".to_string(), draw.array(&[2, q], elements)));
            point.push(("c".to_string(), draw.array(&[2], elements)));
            ("t = W @ x + b\nh = relu(t)\ny = V @ h + c", "y", 2, draw.pick(&["W", "x", "b"]))
        }
    };
    Draft {
        program: program.to_string(),
        point,
        asked: asked.to_string(),
        given: Some((end, draw.array(&[rows], GIVEN))),
        is_about_sizes: false,
    }
}
