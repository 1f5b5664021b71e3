//! How fast a network trains and predicts on this machine, and where the time goes.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use backpass_kernels::philox::Stream;
use backpass_kernels::{Isa, Pool, peak};

use crate::compile::{CompileOptions, Plan, Slot, SlotKind, Timed, compile};
use crate::loss::{Loss, Targets};
use crate::nn::Network;
use crate::session::{Session, SessionError};
use crate::train::{TrainError, TrainOptions, pool, step_graph};

/// Batches that take turns, so that inputs are not always in the nearest cache.
const BATCHES: usize = 16;
/// Numbers copied to measure memory: more than any cache holds.
const FAR: usize = 1 << 26;
/// The least time of one sample; shorter ones would measure the clock.
const SAMPLE: Duration = Duration::from_millis(2);

/// What a machine can do at most.
#[derive(Clone, Copy, Debug)]
pub struct Machine {
    /// The instruction set in use.
    pub isa: Isa,
    /// Threads at work.
    pub threads: usize,
    /// Floating point operations a second, in f32; a multiply-add is two.
    pub peak: f64,
    /// Bytes a second that a copy reads and writes together.
    pub bandwidth: f64,
}

impl Machine {
    /// Measures this machine for about half a second.
    ///
    /// # Panics
    /// Without threads.
    pub fn measure(threads: usize) -> Machine {
        let pool = &Pool::new(threads);
        let rounds = 1 << 18;
        let peak = (0..60).map(|_| timed(|| peak::multiply_adds::<f32>(pool, rounds))).map(|(flops, s)| flops / s);
        let peak = peak.fold(0.0, f64::max);
        let (from, mut to) = (vec![1.0_f32; FAR], vec![0.0_f32; FAR]);
        let bytes = (2 * size_of_val(&from[..])) as f64;
        let copies = (0..4).map(|_| bytes / timed(|| peak::copy(pool, &from, &mut to)).1);
        let bandwidth = copies.fold(0.0, f64::max);
        black_box(to);
        Machine { isa: Isa::current(), threads: pool.threads(), peak, bandwidth }
    }
}

/// Runs and times something.
fn timed<R>(f: impl FnOnce() -> R) -> (R, f64) {
    let start = Instant::now();
    let result = f();
    (result, start.elapsed().as_secs_f64())
}

/// The seconds of one run, over many samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The middle sample.
    pub median: f64,
    /// The shortest.
    pub min: f64,
    /// The longest.
    pub max: f64,
}

/// What was measured of a plan.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Rows of one run.
    pub rows: usize,
    /// Seconds of one run.
    pub run: Spread,
    /// Floating point operations of the matrix products of one run.
    pub flops: f64,
    /// Seconds from graph to plan.
    pub compile: f64,
    /// Bytes of the plan's memory.
    pub memory: usize,
    /// Each instruction in order with its shortest time; measured one by one, so their sum is a little more than the run.
    pub instructions: Vec<Timed>,
}

impl Measured {
    /// Rows a second, by the median.
    pub fn rows_per_second(&self) -> f64 {
        self.rows as f64 / self.run.median
    }

    /// Floating point operations of matrix products a second, by the median.
    pub fn flops_per_second(&self) -> f64 {
        self.flops / self.run.median
    }
}

/// Measures training steps on batches of random rows for about `budget`; the weights of `network` stay as they are.
pub fn training_step(
    network: &Network,
    options: &TrainOptions,
    rows: usize,
    threads: usize,
    budget: Duration,
) -> Result<Measured, TrainError> {
    let targets = if options.loss.wants_classes() { 1 } else { network.outputs() };
    let graph = step_graph(network, targets, options)?;
    let (plan, compile) = timed(|| compile(&graph, &CompileOptions::rows(rows)));
    let mut work = Work::new(plan?, compile, network, threads)?;
    let mut random = Stream::new(1, 0);
    let x = work.input("x")?;
    let target = work.input("target")?;
    let values = |slot: &Slot, draw: &mut dyn FnMut() -> f64| -> Vec<f32> {
        (0..slot.shape.extent().at(rows)).map(|_| draw() as f32).collect()
    };
    let batches: Vec<[Vec<f32>; 2]> = (0..BATCHES)
        .map(|_| {
            let x = values(&x, &mut || random.normal());
            [x, values(&target, &mut || draw_target(&options.loss, network.outputs(), &mut random))]
        })
        .collect();
    let weight = work.input("weight")?;
    work.session.write(&weight, rows).fill(1.0);
    let rate = work.input("learning_rate")?;
    // Steps so small that nothing dies or grows, however long it runs.
    work.session.write(&rate, 0)[0] = 1e-6;
    let step = work.input("step")?;
    let mut number = 0;
    work.measure(rows, budget, |session| {
        let [a, b] = &batches[number % BATCHES];
        number += 1;
        session.write(&x, rows).copy_from_slice(a);
        session.write(&target, rows).copy_from_slice(b);
        session.write(&step, 0)[0] = number as f32;
    })
}

/// A random target that the loss accepts.
fn draw_target(loss: &Loss, outputs: usize, random: &mut Stream) -> f64 {
    match loss.targets() {
        Targets::Classes => random.below(outputs.max(2) as u64) as f64,
        Targets::Probabilities => random.below(2) as f64,
        Targets::Numbers => random.normal().abs(),
    }
}

/// Measures predictions of `rows` random rows at once for about `budget`.
pub fn prediction(network: &Network, rows: usize, threads: usize, budget: Duration) -> Result<Measured, TrainError> {
    network.check()?;
    let (plan, compile) = timed(|| compile(&network.graph, &CompileOptions::rows(rows)));
    let mut work = Work::new(plan?, compile, network, threads)?;
    let mut random = Stream::new(1, 0);
    let x = work.input("x")?;
    work.session.write(&x, rows).iter_mut().for_each(|x| *x = random.normal() as f32);
    work.measure(rows, budget, |_| {})
}

/// A plan with its memory.
struct Work {
    session: Session<f32>,
    compile: f64,
}

impl Work {
    fn new(plan: Plan, compile: f64, network: &Network, threads: usize) -> Result<Work, TrainError> {
        let mut session = Session::new(Arc::new(plan), pool(threads)?)?;
        network.weights.iter().try_for_each(|(name, value)| session.set(SlotKind::Parameter, name, value))?;
        Ok(Work { session, compile })
    }

    fn input(&self, name: &str) -> Result<Slot, SessionError> {
        self.session.slot(SlotKind::Input, name)
    }

    fn measure(
        mut self,
        rows: usize,
        budget: Duration,
        mut feed: impl FnMut(&mut Session<f32>),
    ) -> Result<Measured, TrainError> {
        let session = &mut self.session;
        let mut run = |count: usize| {
            let ((), seconds) = timed(|| {
                for _ in 0..count {
                    feed(session);
                    session.run(rows);
                }
            });
            seconds / count as f64
        };
        // The first run meets cold memory.
        run(1);
        let count = (SAMPLE.as_secs_f64() / run(1)).ceil().max(1.0) as usize;
        let start = Instant::now();
        let mut samples = vec![run(count)];
        while start.elapsed() < budget {
            samples.push(run(count));
        }
        samples.sort_by(f64::total_cmp);
        let run = Spread { median: samples[samples.len() / 2], min: samples[0], max: samples[samples.len() - 1] };
        let mut best = vec![Duration::MAX; session.plan().instruction_count()];
        let start = Instant::now();
        while start.elapsed() < budget / 4 || best.first() == Some(&Duration::MAX) {
            feed(session);
            let mut times = vec![Duration::ZERO; best.len()];
            session.run_timed(rows, &mut times);
            best.iter_mut().zip(times).for_each(|(best, time)| *best = time.min(*best));
        }
        let plan = session.plan();
        let instructions = plan.timed(&best);
        let memory = plan.arena_len() * size_of::<f32>();
        Ok(Measured { rows, run, flops: plan.flops(rows), compile: self.compile, memory, instructions })
    }
}
