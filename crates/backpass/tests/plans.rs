//! The plan against the interpreter on random graphs, forward and backward, with every compile option, instruction
//! set and 1, 2, 3 and 7 threads, with poisoned memory.

mod common;

use std::sync::{Arc, Mutex, PoisonError};

use backpass::array::Array;
use backpass::autodiff::gradient;
use backpass::builder::Builder;
use backpass::compile::{CompileOptions, SlotKind, compile};
use backpass::gradcheck::check_gradient;
use backpass::interpret::{Trace, interpret, interpret_as};
use backpass::loss::Loss;
use backpass::nn::{Activation, Mlp};
use backpass::optim::Optimizer;
use backpass::train::{TrainOptions, step_graph};
use backpass::{Graph, NodeId, Session, Shape};
use backpass_kernels::{Isa, Pool, Real};
use common::{Case, Random, network_case, random_case, scalar_case};

/// Held while plans run, for to force an instruction set is a matter of the whole process; counts the turns.
static FORCED: Mutex<usize> = Mutex::new(0);

/// Adds the gradient with respect to all parameters as outputs, and gradient descent as updates.
fn with_training(graph: &Graph) -> Graph {
    let builder = Builder::from_graph(graph.clone());
    let loss = builder.expr(graph.output("loss").unwrap());
    let parameters: Vec<_> = graph.parameters().map(|p| builder.expr(p)).collect();
    match gradient(loss, &parameters) {
        Ok(slopes) => {
            for (parameter, slope) in parameters.into_iter().zip(slopes) {
                let name = builder.with_graph(|g| format!("slope of {}", g.name(parameter.id())));
                builder.output(&name, slope);
                builder.update(parameter, parameter - slope * 0.1);
            }
            builder.finish().unwrap()
        }
        // A path through indices: only the forward pass is compared.
        Err(_) => graph.clone(),
    }
}

/// Gives parameters whatever values of their shape the graph computes, early or late: the old value may still be read
/// after the new one is known, by the same instruction too.
fn with_any_updates(graph: &Graph, seed: u64) -> Graph {
    let mut random = Random(seed);
    let mut graph = graph.clone();
    for parameter in graph.parameters().collect::<Vec<_>>() {
        let fits = |id: &NodeId| graph.shape(*id) == graph.shape(parameter) && *id != parameter;
        let candidates: Vec<NodeId> = graph.ids().filter(fits).collect();
        if !candidates.is_empty() {
            graph.add_update(parameter, candidates[random.below(candidates.len())]);
        }
    }
    graph
}

fn check<T: Real>(
    graph: &Graph,
    case: &Case,
    trace: &Trace,
    options: &CompileOptions,
    tolerance: f64,
    pools: &[Arc<Pool>],
) {
    // Each instruction set has its turn.
    let mut turn = FORCED.lock().unwrap_or_else(PoisonError::into_inner);
    *turn += 1;
    let isa = Isa::available()[*turn % Isa::available().len()];
    isa.force();
    let plan = Arc::new(compile(graph, options).unwrap());
    let mut all_bits: Option<Vec<Vec<u64>>> = None;
    for pool in pools {
        let mut session = Session::<T>::new(Arc::clone(&plan), Arc::clone(pool)).unwrap().poison();
        let set = |session: &mut Session<T>| {
            for (name, value) in case.point() {
                let is_input = graph.inputs().any(|id| graph.name(id) == name);
                session.set(if is_input { SlotKind::Input } else { SlotKind::Parameter }, name, value).unwrap();
            }
        };
        // A first run leaves stale values everywhere.
        set(&mut session);
        session.run(case.rows);
        set(&mut session);
        session.run(case.rows);
        let mut bits = Vec::new();
        for (name, id) in graph.outputs() {
            let found = session.get(SlotKind::Output, name, case.rows).unwrap();
            compare(trace.value(*id), &found, tolerance, &format!("{isa:?}: output {name}\n{plan}"));
            bits.push(found.data().iter().map(|v| v.to_bits()).collect());
        }
        for (parameter, value) in graph.updates() {
            let name = graph.name(*parameter);
            let found = session.get(SlotKind::Parameter, name, case.rows).unwrap();
            compare(trace.value(*value), &found, tolerance, &format!("{isa:?}: parameter {name}\n{plan}"));
            bits.push(found.data().iter().map(|v| v.to_bits()).collect());
        }
        match &all_bits {
            None => all_bits = Some(bits),
            Some(first) => assert_eq!(*first, bits, "{isa:?}: {} threads give other bits\n{plan}", pool.threads()),
        }
    }
    Isa::detect().force();
}

fn compare(expected: &Array, found: &Array, tolerance: f64, what: &str) {
    assert_eq!(expected.shape(), found.shape(), "{what}");
    for (e, f) in expected.data().iter().zip(found.data()) {
        let close = (e - f).abs() <= tolerance * (1.0 + e.abs()) || (e.is_nan() && f.is_nan()) || e == f;
        assert!(close, "expected {e}, found {f}\n{what}");
    }
}

#[test]
fn plans_compute_what_the_interpreter_says() {
    let cases: u64 = std::env::var("BACKPASS_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(400);
    let pools = [1, 3].map(|threads| Arc::new(Pool::new(threads)));
    let mut differentiated = 0;
    for seed in 0..cases {
        let case = random_case(seed);
        let trained = seed % 2 == 0;
        let graph = if trained { with_training(&case.graph) } else { with_any_updates(&case.graph, seed) };
        graph.verify().unwrap();
        differentiated += usize::from(trained && !graph.updates().is_empty());
        let trace = interpret(&graph, &case.point()).unwrap();
        for setting in 0..16 {
            let options = CompileOptions {
                max_rows: case.rows + (seed % 3) as usize,
                passes: setting & 1 != 0,
                fuse: setting & 2 != 0,
                in_place: setting & 4 != 0,
                tile: (setting & 8 != 0).then_some(1 + (seed % 3) as usize),
            };
            check::<f64>(&graph, &case, &trace, &options, 1e-9, &pools);
        }
    }
    assert!(differentiated as u64 > cases / 4, "{differentiated} of {cases} graphs differentiated");
}

#[test]
fn networks_of_all_parts_have_the_gradient_of_differences_and_plans_that_compute_it() {
    let pools = [1, 3].map(|threads| Arc::new(Pool::new(threads)));
    for seed in 0..60 {
        let case = network_case(seed);
        let parameters: Vec<NodeId> = case.graph.parameters().collect();
        let loss = case.graph.output("loss").unwrap();
        let report = check_gradient(&case.graph, loss, &parameters, &case.point()).unwrap();
        assert!(report.passed(), "seed {seed}\n{report}");
        let graph = with_training(&case.graph);
        assert_eq!(graph.updates().len(), parameters.len(), "seed {seed}");
        let trace = interpret(&graph, &case.point()).unwrap();
        for (fuse, tile) in [(false, None), (true, None), (true, Some(2))] {
            let options = CompileOptions { fuse, tile, ..CompileOptions::rows(case.rows + 1) };
            check::<f64>(&graph, &case, &trace, &options, 1e-9, &pools);
            check::<f32>(&graph, &case, &trace, &options, 1e-3, &pools);
        }
    }
}

#[test]
fn tapes_compute_what_the_interpreter_says() {
    let pools = [1, 3].map(|threads| Arc::new(Pool::new(threads)));
    let (mut numbers, mut rows) = (0, 0);
    for seed in 0..20 {
        let case = scalar_case(seed);
        let graph = if seed % 2 == 0 { with_training(&case.graph) } else { with_any_updates(&case.graph, seed) };
        graph.verify().unwrap();
        let trace = interpret(&graph, &case.point()).unwrap();
        for setting in 0..8 {
            let options = CompileOptions {
                max_rows: case.rows + (seed % 3) as usize,
                passes: setting & 1 != 0,
                fuse: setting & 2 != 0,
                in_place: setting & 4 != 0,
                tile: (setting & 4 != 0).then_some(2),
            };
            check::<f64>(&graph, &case, &trace, &options, 1e-9, &pools);
            let plan = compile(&graph, &options).unwrap().to_string();
            numbers += plan.matches("tape 1,").count();
            rows += plan.matches("tape batch,").count();
        }
    }
    assert!(numbers > 60 && rows > 60, "{numbers} tapes of numbers, {rows} of rows");
}

#[test]
fn passes_keep_the_meaning() {
    for seed in 0..300 {
        let case = random_case(seed);
        let mut graph = with_training(&case.graph);
        let before = interpret(&graph, &case.point()).unwrap();
        let expected: Vec<Array> = graph.outputs().iter().map(|(_, id)| before.value(*id).clone()).collect();
        for pass in backpass::passes::PASSES {
            graph = (pass.run)(&graph);
            graph.verify().unwrap();
            let after = interpret(&graph, &case.point()).unwrap();
            for ((_, id), e) in graph.outputs().iter().zip(&expected) {
                compare(e, after.value(*id), 1e-12, pass.name);
            }
        }
    }
}

/// The first rows of every batched value.
fn fewer_rows(case: &Case, rows: usize) -> Case {
    let cut = |(name, value): &(String, Array)| {
        let width = value.len() / case.rows;
        let batched = matches!(name.as_str(), "x" | "y");
        let kept = Array::new(&[rows, width], value.data()[..rows * width].to_vec());
        (name.clone(), if batched { kept.unwrap() } else { value.clone() })
    };
    let values = case.values.iter().map(|v| if matches!(v.0.as_str(), "x" | "y") { cut(v) } else { v.clone() });
    Case { graph: case.graph.clone(), values: values.collect(), rows }
}

#[test]
fn a_session_runs_batches_of_any_size_in_any_order() {
    let _guard = FORCED.lock();
    for seed in 0..100 {
        let case = random_case(seed);
        let plan = Arc::new(compile(&case.graph, &CompileOptions::rows(case.rows)).unwrap());
        let mut session = Session::<f64>::new(plan, Arc::new(Pool::new(1))).unwrap().poison();
        for rows in [case.rows, 1, case.rows.div_ceil(2), case.rows] {
            let case = fewer_rows(&case, rows);
            let trace = interpret(&case.graph, &case.point()).unwrap();
            for (name, value) in case.point() {
                let kind = if matches!(name, "x" | "y") { SlotKind::Input } else { SlotKind::Parameter };
                session.set(kind, name, value).unwrap();
            }
            session.run(rows);
            for (name, id) in case.graph.outputs() {
                let found = session.get(SlotKind::Output, name, rows).unwrap();
                compare(trace.value(*id), &found, 1e-9, name);
            }
        }
    }
}

#[test]
fn plans_in_f32_agree_where_rounding_decides_nothing() {
    let _guard = FORCED.lock();
    let mut compared = 0;
    for seed in 0..300 {
        let case = random_case(seed);
        let exact = interpret(&case.graph, &case.point()).unwrap();
        let rounded = interpret_as::<f32>(&case.graph, &case.point()).unwrap();
        let loss = case.graph.output("loss").unwrap();
        let close = |e: &f64, r: &f64| (e - r).abs() <= 1e-5 * (1.0 + e.abs());
        // A comparison that rounding turns over makes two right answers.
        let stable = case
            .graph
            .outputs()
            .iter()
            .all(|(_, id)| exact.value(*id).data().iter().zip(rounded.value(*id).data()).all(|(e, r)| close(e, r)));
        if !stable {
            continue;
        }
        let plan = Arc::new(compile(&case.graph, &CompileOptions::rows(case.rows)).unwrap());
        let mut session = Session::<f32>::new(plan, Arc::new(Pool::new(1))).unwrap().poison();
        for (name, value) in case.point() {
            let kind = if matches!(name, "x" | "y") { SlotKind::Input } else { SlotKind::Parameter };
            session.set(kind, name, value).unwrap();
        }
        session.run(case.rows);
        compare(exact.value(loss), &session.get(SlotKind::Output, "loss", case.rows).unwrap(), 1e-3, "loss");
        compared += 1;
    }
    assert!(compared > 200, "only {compared} graphs compared");
}

/// Threads share the columns of wide products of few rows.
#[test]
fn few_rows_of_wide_layers_compute_what_the_interpreter_says() {
    let pools: Vec<_> = [1, 2, 3, 7].into_iter().map(|threads| Arc::new(Pool::new(threads))).collect();
    let b = Builder::new();
    let x = b.input("x", Shape::batch(&[300]));
    let [w, v] = [("w", [300, 260]), ("v", [260, 263])].map(|(name, sizes)| b.parameter(name, Shape::fixed(&sizes)));
    let output = x.matmul(w).tanh().matmul(v);
    b.output("output", output);
    b.output("loss", (output * output).mean_all());
    let graph = with_training(&b.finish().unwrap());
    let mut random = Random(7);
    let mut array = |sizes: &[usize]| Array::from_fn(sizes, |_| (2.0 * random.unit() - 1.0) / 16.0);
    let values = [("x", array(&[33, 300])), ("w", array(&[300, 260])), ("v", array(&[260, 263]))];
    let values = values.map(|(name, value)| (name.to_string(), value)).to_vec();
    let all = Case { graph: graph.clone(), values, rows: 33 };
    for rows in [1, 2, 7, 32, 33] {
        let case = fewer_rows(&all, rows);
        let trace = interpret(&graph, &case.point()).unwrap();
        check::<f64>(&graph, &case, &trace, &CompileOptions::rows(rows), 1e-10, &pools);
        check::<f32>(&graph, &case, &trace, &CompileOptions::rows(33), 1e-4, &pools);
        // Compiled for many rows, right factors are packed.
        check::<f32>(&graph, &case, &trace, &CompileOptions::rows(128), 1e-4, &pools);
    }
}

/// Products finish the sums of rectified layers, and give the gradients of biases with those of weights; several threads write
/// large parameters past the cache.
#[test]
fn steps_of_rectified_layers_compute_what_the_interpreter_says() {
    let pools: Vec<_> = [1, 2, 3, 7].into_iter().map(|threads| Arc::new(Pool::new(threads))).collect();
    let network = Mlp::new(70, &[131, 128], &Activation::parse("relu").unwrap(), 5).build(1).unwrap();
    for optimizer in ["sgd", "adam", "adamw"] {
        let loss = Loss::parse("softmax_cross_entropy").unwrap();
        let optimizer = Optimizer::parse(optimizer).unwrap();
        let graph = step_graph(&network, 1, &TrainOptions { loss, optimizer, ..TrainOptions::default() }).unwrap();
        for rows in [5, 32, 200] {
            let mut random = Random(5);
            let leaves = graph.inputs().chain(graph.parameters());
            let values = leaves.map(|id| {
                let name = graph.name(id);
                let mut number = || match name {
                    "target" => random.below(5) as f64,
                    "weight" | "step" => 1.0,
                    "learning_rate" => 0.01,
                    _ if network.weights.contains_key(name) || name == "x" => random.unit() - 0.5,
                    // Means of squares are positive.
                    _ => random.unit() + 0.1,
                };
                (name.to_string(), Array::from_fn(&graph.shape(id).resolve(rows), |_| number()))
            });
            let case = Case { graph: graph.clone(), values: values.collect(), rows };
            let trace = interpret(&graph, &case.point()).unwrap();
            let options = CompileOptions::rows(rows);
            let plan = compile(&graph, &options).unwrap().to_string();
            assert_eq!(plan.matches(", Rectified by").count(), 2, "{plan}");
            assert_eq!(plan.matches(", Gated by").count(), 2, "{plan}");
            assert_eq!(plan.matches(", sums of columns -> ").count(), 3, "{plan}");
            // Profiles name the product, and each of its updates follows in the same chain.
            let lines: Vec<&str> = plan.lines().collect();
            for at in (0..lines.len()).filter(|&at| lines[at].contains(", sums of columns -> ")) {
                let place = |what: &str| lines[at].find(what);
                assert!(place("`@`").is_some() && place("`@`") < place("`sum`"), "{plan}");
                assert!(lines[at + 1].contains("│ map"), "{plan}");
            }
            check::<f64>(&graph, &case, &trace, &options, 1e-9, &pools);
            check::<f32>(&graph, &case, &trace, &options, 1e-3, &pools);
        }
    }
}

/// A product and the sums of its right factor become one command, also where one of them is dead, or where both are read as if
/// there were rows of them.
#[test]
fn gradients_of_a_layer_are_one_command() {
    let pools: Vec<_> = [1, 2, 3].into_iter().map(|threads| Arc::new(Pool::new(threads))).collect();
    for (m, n) in [(1, 1), (5, 1), (1, 6), (40, 30)] {
        for (product, sums, both) in
            [(true, false, false), (false, true, false), (false, false, true), (true, true, true)]
        {
            let builder = Builder::new();
            let x = builder.input("x", Shape::batch(&[m]));
            let g = builder.input("g", Shape::batch(&[n]));
            let (weights, biases) = (x.matmul_with(g, true, false), g.sum(0));
            builder.output("size", builder.constant(1.0));
            let outputs = [product.then_some(("product", weights)), sums.then_some(("sums", biases))];
            let joint = both.then(|| ("both", weights * biases));
            outputs.into_iter().chain([joint]).flatten().for_each(|(name, value)| builder.output(name, value));
            let graph = builder.finish().unwrap();
            let rows = 9;
            let mut random = Random(7);
            let values = graph.inputs().map(|id| {
                let array = Array::from_fn(&graph.shape(id).resolve(rows), |_| random.unit() - 0.5);
                (graph.name(id).to_string(), array)
            });
            let case = Case { graph: graph.clone(), values: values.collect(), rows };
            let trace = interpret(&graph, &case.point()).unwrap();
            for (passes, tile) in [(false, None), (true, None), (false, Some(1)), (true, Some(2))] {
                let options = CompileOptions { passes, tile, ..CompileOptions::rows(rows) };
                let plan = compile(&graph, &options).unwrap().to_string();
                let joined = !passes || both || product && sums;
                assert_eq!(plan.contains(", sums of columns -> "), joined, "{plan}");
                check::<f64>(&graph, &case, &trace, &options, 1e-12, &pools);
            }
        }
    }
}

/// Right factors that leave the caches are packed, also where they lie row by row and where their depth is the batch.
#[test]
fn large_products_are_packed() {
    let _guard = FORCED.lock();
    let random = |sizes: &[usize], seed| {
        let mut random = Random(seed);
        Array::from_fn(sizes, |_| random.below(2001) as f64 / 1000.0 - 1.0)
    };
    for (rows, width, transpose_left) in [(70, 1024, false), (1030, 66, true)] {
        let b = Builder::new();
        let x = b.input("x", Shape::batch(&[width]));
        let right = if transpose_left { Shape::batch(&[1020]) } else { Shape::fixed(&[width, 1030]) };
        let y = b.input("y", right);
        b.output("product", x.matmul_with(y, transpose_left, false));
        let graph = b.finish().unwrap();
        let plan = compile(&graph, &CompileOptions::rows(rows)).unwrap();
        assert!(plan.to_string().contains("pack"), "{plan}");
        let values = [random(&[rows, width], 1), random(&graph.shape(graph.named("y").unwrap()).resolve(rows), 2)];
        let trace = interpret(&graph, &[("x", &values[0]), ("y", &values[1])]).unwrap();
        let want = trace.value(graph.output("product").unwrap());
        let plan = Arc::new(plan);
        for threads in [1, 2] {
            let mut session = Session::<f64>::new(Arc::clone(&plan), Arc::new(Pool::new(threads))).unwrap().poison();
            session.set(SlotKind::Input, "x", &values[0]).unwrap();
            session.set(SlotKind::Input, "y", &values[1]).unwrap();
            session.run(rows);
            let got = session.get(SlotKind::Output, "product", rows).unwrap();
            assert_eq!(got.shape(), want.shape());
            assert!(got.data().iter().zip(want.data()).all(|(a, b)| (a - b).abs() < 1e-11));
        }
    }
}
