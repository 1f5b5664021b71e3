//! Random graphs over every operator, for the tests that compare executors.
#![allow(dead_code)]

use backpass::array::Array;
use backpass::builder::{Builder, Expr};
use backpass::graph::Graph;
use backpass::nn::{Activation, Embedding, Lookup, Mlp, Parametrisation};
use backpass::ops::{self, Op};
use backpass::shape::Shape;
use backpass::train::Dataset;

/// A small generator for tests: splitmix64.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn array(&mut self, shape: &[usize]) -> Array {
        Array::from_fn(shape, |_| self.unit() * 2.0 - 1.0)
    }
}

/// A graph with inputs `x: [batch, p]`, `y: [batch, 1]`, parameters `w: [p, q]`, `b: [q]`, `s: []`, whose outputs are
/// random compositions, with the values of a batch of `rows`.
pub struct Case {
    pub graph: Graph,
    pub values: Vec<(String, Array)>,
    pub rows: usize,
}

impl Case {
    pub fn point(&self) -> Vec<(&str, &Array)> {
        self.values.iter().map(|(n, v)| (n.as_str(), v)).collect()
    }
}

/// Whether the operator is a function of one number.
fn is_function(info: &ops::Info) -> bool {
    info.arity == ops::Arity::Exactly(1) && matches!(info.category, ops::Category::Function | ops::Category::Activation)
}

pub fn random_case(seed: u64) -> Case {
    let r = &mut Random(seed);
    let (p, q, rows) = (1 + r.below(5), 1 + r.below(6), 1 + r.below(9));
    let builder = Builder::new();
    let b = &builder;
    let mut pool: Vec<Expr<'_>> = vec![
        b.input("x", Shape::batch(&[p])),
        b.input("y", Shape::batch(&[1])),
        b.parameter("w", Shape::fixed(&[p, q])),
        b.parameter("b", Shape::fixed(&[q])),
        b.parameter("s", Shape::scalar()),
    ];
    let steps = 4 + r.below(25);
    let mut tries = 0;
    while pool.len() < 5 + steps && tries < 4000 {
        tries += 1;
        let a = pool[r.below(pool.len())];
        let c = pool[r.below(pool.len())];
        let shape_a = a.shape();
        let args: Vec<Expr<'_>>;
        let op: Op = match r.below(24) {
            0..=5 => {
                let functions: Vec<_> = ops::table().iter().filter(|e| is_function(e.info)).collect();
                let entry = functions[r.below(functions.len())];
                let mut none = ops::Attributes::default();
                // Functions with a bounded domain get a positive operand.
                let positive = matches!(entry.info.name, "log" | "sqrt");
                args = vec![if positive { a.softplus() + 0.1 } else { a.tanh() * 2.0 }];
                (entry.parse)(&mut none).unwrap()
            }
            6 => {
                args = vec![a, c];
                ops::Add.into()
            }
            7 => {
                args = vec![a, c];
                ops::Sub.into()
            }
            8 => {
                args = vec![a.tanh(), c.tanh()];
                ops::Mul.into()
            }
            9 => {
                args = vec![a, c.sigmoid() + 0.5];
                ops::Div.into()
            }
            10 => {
                args = vec![a.sigmoid() + 0.2, c.tanh()];
                ops::Pow.into()
            }
            11 => {
                args = vec![a, c.sigmoid() + 0.3];
                ops::Atan2.into()
            }
            12 => {
                args = vec![a, c];
                ops::Minimum.into()
            }
            13 => {
                args = vec![a, c];
                ops::Maximum.into()
            }
            14 => {
                args = vec![a, c];
                ops::Compare { relation: ops::Relation::ALL[r.below(6)].0 }.into()
            }
            15 => {
                args = vec![a.step(), c, a];
                ops::Select.into()
            }
            16 | 17 => {
                args = vec![a, c];
                ops::Matmul { transpose_left: r.below(2) == 0, transpose_right: r.below(2) == 0 }.into()
            }
            18 => {
                args = vec![a];
                let axis = r.below(2);
                match r.below(4) {
                    0 => ops::Sum { axis }.into(),
                    1 => ops::Mean { axis }.into(),
                    2 => ops::Max { axis }.into(),
                    _ => ops::LogSumExp { axis }.into(),
                }
            }
            19 => {
                args = vec![a, c];
                ops::Concat { axis: 1 }.into()
            }
            20 => {
                args = vec![a];
                let end = 1 + r.below(4);
                ops::Slice { axis: r.below(2), start: r.below(end), end }.into()
            }
            21 => {
                args = vec![a];
                ops::Transpose { axes: vec![1, 0] }.into()
            }
            22 => match r.below(3) {
                0 => {
                    args = vec![a.abs() * 3.0];
                    ops::OneHot { classes: 4 }.into()
                }
                1 => {
                    args = vec![a];
                    ops::Broadcast { shape: pool[r.below(pool.len())].shape() }.into()
                }
                _ => {
                    args = vec![b.constant(3.0)];
                    ops::RandomUniform { key: 9, shape: Shape::batch(&[q]) }.into()
                }
            },
            _ => {
                let indices = b.constant(Array::vector([1.0, 0.0, 5.0, 0.0]));
                args = vec![a, indices];
                ops::Gather.into()
            }
        };
        let shapes: Vec<Shape> = args.iter().map(|e| e.shape()).collect();
        let fits = op.shape(&shapes.iter().collect::<Vec<_>>());
        if fits.is_ok_and(|s| s.rank() <= 3 && s.extent().fixed <= 64) && shape_a.rank() <= 3 {
            let gathered = matches!(op, Op::Gather(_));
            let made = b.push(op, &args);
            // Rows that do not exist are NaN; they would spread everywhere.
            pool.push(if gathered { made.compare(ops::Relation::Equal, made).select(made, 0.5) } else { made });
        }
    }
    // The mean over everything as a loss, so that gradients flow.
    let last = pool.len();
    let loss = pool[last - 4..].iter().fold(b.constant(0.0), |sum, e| sum + e.tanh().mean_all());
    b.output("loss", loss);
    for (i, e) in pool[last - 3..].iter().enumerate() {
        b.output(&format!("out{i}"), *e);
    }
    let values = vec![
        ("x".to_string(), r.array(&[rows, p])),
        ("y".to_string(), r.array(&[rows, 1])),
        ("w".to_string(), r.array(&[p, q])),
        ("b".to_string(), r.array(&[q])),
        ("s".to_string(), r.array(&[])),
    ];
    Case { graph: builder.finish().unwrap(), values, rows }
}

/// A graph of hundreds of nodes that hold one number, or one for each row, under several shapes, with a matrix product and
/// means in between; with values as in [`random_case`].
pub fn scalar_case(seed: u64) -> Case {
    let r = &mut Random(seed);
    let (rows, count) = (1 + r.below(40), 50 + r.below(400));
    let builder = Builder::new();
    let b = &builder;
    let shapes = [Shape::scalar(), Shape::scalar(), Shape::fixed(&[1]), Shape::fixed(&[1, 1])];
    let mut pool: Vec<Expr<'_>> = vec![b.input("x", Shape::batch(&[])), b.input("y", Shape::batch(&[1]))];
    let parameter = |(i, shape): (usize, &Shape)| b.parameter(&format!("p{i}"), shape.clone());
    pool.extend(shapes.iter().enumerate().map(parameter));
    // Some graphs hold no rows, and so are one tape.
    if r.below(3) == 0 {
        pool.drain(..2);
    }
    let start = pool.len();
    while pool.len() < start + count {
        let mut pick =
            || pool[if r.below(3) == 0 { r.below(pool.len()) } else { pool.len() - 1 - r.below(pool.len().min(8)) }];
        let (a, c) = (pick(), pick());
        // Rows against a column of rows would be a square.
        if !a.shape().broadcast(&c.shape()).is_ok_and(|shape| shape.extent().fixed == 1) {
            continue;
        }
        let made = match r.below(40) {
            0..=9 => (a + c) * 0.6,
            10..=14 => a - c * 0.5,
            15..=22 => a * c.tanh(),
            23 => a / (c.sigmoid() + 0.5),
            24 => a.tanh(),
            25 => a.sigmoid() * 2.0 - 1.0,
            26 => (a * 0.3).exp().minimum(2.0),
            27 => (a.softplus() + 0.1).log(),
            28 => a.maximum(c),
            29 => a.step().select(a, c),
            30 => a.sin() * c.relu(),
            31 => (a.abs() + 0.5).pow(1.5).sqrt(),
            32 if a.shape().is_batched() => a.tanh().mean(0),
            33 if a.shape() == Shape::batch(&[1]) => a.reshape(Shape::batch(&[])),
            34 if a.shape() == Shape::batch(&[]) => a.reshape(Shape::batch(&[1])),
            35 if a.shape().extent().batched => continue,
            35 => a.reshape([Shape::scalar(), Shape::fixed(&[1])][r.below(2)].clone()),
            36 if a.shape().rank() == 2 => a.tanh().matmul(b.constant(Array::filled(&[1, 1], 0.7))),
            _ => a * 0.5 + 0.25,
        };
        pool.push(made.tanh());
    }
    let loss = pool[pool.len() - 3..].iter().fold(b.constant(0.0), |sum, e| sum + e.mean_all());
    b.output("loss", loss);
    for i in 0..4 {
        b.output(&format!("out{i}"), pool[start + r.below(count)]);
    }
    let graph = builder.finish().unwrap();
    let leaves = graph.inputs().chain(graph.parameters()).collect::<Vec<_>>();
    let value = |&id: &_| (graph.name(id).to_string(), r.array(&graph.shape(id).resolve(rows)));
    let values = leaves.iter().map(value).collect();
    Case { graph, values, rows }
}

/// A network of random parts with the mean square of its errors as `loss`, and the values of a batch.
pub fn network_case(seed: u64) -> Case {
    let r = &mut Random(seed ^ 0x6e65_7477);
    let (numbers, lookups, rows) = (1 + r.below(4), r.below(3), 1 + r.below(9));
    let smooth = ["tanh", "gelu", "mish", "silu", "sigmoid"];
    let hidden: Vec<usize> = (0..1 + r.below(3)).map(|_| 1 + r.below(9)).collect();
    let outputs = 1 + r.below(3);
    let activation = Activation::parse(smooth[r.below(smooth.len())]).unwrap();
    let mut mlp = Mlp::new(numbers + lookups, &hidden, &activation, outputs);
    for layer in &mut mlp.layers[..hidden.len()] {
        layer.parametric = r.below(2) == 0;
    }
    let embeddings = ["none", "periodic(frequencies=3)", "piecewise(pieces=4)", "periodic+piecewise(pieces=3)"];
    mlp.embeddings = Embedding::parse(embeddings[r.below(embeddings.len())]).unwrap();
    mlp.embedded = r.below(numbers + 1);
    mlp.lookups = (0..lookups).map(|_| Lookup { rows: 4, outputs: 1 + r.below(3) }).collect();
    mlp.front_scale = r.below(2) == 0;
    mlp.members = [1, 1, 3][r.below(3)];
    mlp.parametrisation = Parametrisation::parse(["standard", "ntp"][r.below(2)]).unwrap();
    let x = Array::from_fn(&[rows, numbers + lookups], |i| {
        if i % (numbers + lookups) < numbers { r.unit() * 2.0 - 1.0 } else { r.below(4) as f64 }
    });
    mlp.see(&Dataset::new(numbers + lookups, x.data().to_vec(), 0, Vec::<f64>::new()));
    let network = mlp.build(seed).unwrap();
    let builder = Builder::from_graph(network.graph.clone());
    let y = builder.expr(network.graph.output("y").unwrap());
    let error = y - builder.input("y", Shape::batch(&[outputs * mlp.members]));
    builder.output("loss", (error * error).mean_all());
    let graph = builder.finish().unwrap();
    let mut values = vec![("y".to_string(), r.array(&[rows, outputs * mlp.members])), ("x".to_string(), x)];
    // No parameter stays at a zero from which nothing could be seen.
    for (name, value) in &network.weights {
        let moved = Array::from_fn(value.shape(), |i| value.data()[i] + 0.4 * (r.unit() - 0.5));
        values.push((name.clone(), moved));
    }
    Case { graph, values, rows }
}
