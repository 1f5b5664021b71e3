//! A training step takes no memory: the plan runs in its arena, also on several threads.

use std::alloc::System;
use std::sync::Arc;

use backpass::compile::{CompileOptions, SlotKind, compile};
use backpass::loss::Loss;
use backpass::nn::{Activation, Mlp};
use backpass::optim::Optimizer;
use backpass::train::{Penalty, TrainOptions, step_graph};
use backpass::{Array, Session};
use backpass_kernels::Pool;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[test]
fn a_training_step_does_not_allocate() {
    let mut mlp = Mlp::new(8, &[16], &Activation::parse("relu").unwrap(), 3);
    mlp.layers[0].dropout = 0.2;
    let network = mlp.build(1).unwrap();
    let options = TrainOptions {
        loss: Loss::parse("softmax_cross_entropy(smoothing=0.1)").unwrap(),
        optimizer: Optimizer::parse("adam").unwrap(),
        penalty: Penalty { l1: 1e-4, l2: 1e-4, decay: Some(0.01) },
        clip_norm: Some(1.0),
        clip_value: Some(0.5),
        ..TrainOptions::default()
    };
    let graph = step_graph(&network, 1, &options).unwrap();
    // The second batch is large enough for every kernel to share its work among the threads.
    for (rows, threads) in [(32, 1), (32, 2), (10_000, 1), (10_000, 2)] {
        let plan = Arc::new(compile(&graph, &CompileOptions::rows(rows)).unwrap());
        let mut session = Session::<f32>::new(plan, Arc::new(Pool::new(threads))).unwrap();
        for (name, value) in &network.weights {
            session.set(SlotKind::Parameter, name, value).unwrap();
        }
        let classes = Array::from_fn(&[rows, 1], |i| (i % 3) as f64);
        session.set(SlotKind::Input, "x", &Array::from_fn(&[rows, 8], |i| (i as f64).sin())).unwrap();
        session.set(SlotKind::Input, "target", &classes).unwrap();
        session.set(SlotKind::Input, "weight", &Array::filled(&[rows], 1.0)).unwrap();
        session.set(SlotKind::Input, "learning_rate", &Array::scalar(0.01)).unwrap();
        let step = session.slot(SlotKind::Input, "step").unwrap();
        let loss = session.slot(SlotKind::Output, "loss").unwrap();
        let mut number = 0.0;
        let mut run = |session: &mut Session<f32>| {
            number += 1.0;
            session.write(&step, 0)[0] = number;
            session.run(rows);
            session.read(&loss, 0)[0]
        };
        let first = run(&mut session);
        let mut last = first;
        // A thread makes what it needs for itself when it first gets work, which may be some steps later.
        let fewest = (0..20).map(|_| {
            let region = Region::new(ALLOCATOR);
            last = run(&mut session);
            region.change().allocations
        });
        assert_eq!(fewest.min(), Some(0), "{rows} rows, {threads} thread(s)");
        assert!(last < first, "it learns: {first} {last}");
    }
}
