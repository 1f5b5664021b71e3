//! How fast a network trains and predicts on this machine, and where the time goes.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use backpass_kernels::philox::Stream;
use backpass_kernels::{Arena, Isa, Lent, Pool, peak};

use crate::compile::{ALIGNMENT, CompileOptions, Slot, SlotKind, Timed, compile};
use crate::graph::Graph;
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

/// A training step or a prediction on random rows, ready to run over and over.
pub struct Work {
    session: Session<f32>,
    rows: usize,
    once: Once,
    compile: f64,
}

/// Runs it once, and adds the times of the instructions if they are wanted.
type Once = Box<dyn FnMut(&mut Session<f32>, Option<&mut [Duration]>)>;

fn run(session: &mut Session<f32>, rows: usize, lent: &[Lent<'_, f32>], times: Option<&mut [Duration]>) {
    match times {
        Some(times) => session.run_timed(rows, lent, times),
        None => session.run_on(rows, lent),
    }
}

/// Prepares training steps on batches of `rows` random rows, which start from the weights of `network`.
pub fn training_step(
    network: &Network,
    options: &TrainOptions,
    rows: usize,
    threads: usize,
) -> Result<Work, TrainError> {
    let targets = options.loss.target_width(network.outputs());
    let graph = step_graph(network, targets, options)?;
    let mut work = Work::new(network, &graph, rows, threads)?;
    let mut random = Stream::new(1, 0);
    let x = work.input("x")?;
    let target = work.input("target")?;
    // As in training, where batches are gathered into an arena, whose pages are large.
    let [inputs, targets] = [&x, &target].map(|slot| slot.shape.extent().at(rows));
    let [room, end] = [inputs, inputs.next_multiple_of(ALIGNMENT) + targets].map(|len| len.next_multiple_of(ALIGNMENT));
    let elements = BATCHES * end;
    let mut batches = Arena::<f32>::new(elements).map_err(|_| SessionError::Memory { elements })?;
    for batch in batches.as_mut_slice().chunks_exact_mut(end.max(1)) {
        let (x, target) = batch.split_at_mut(room);
        x[..inputs].fill_with(|| random.normal() as f32);
        target[..targets].fill_with(|| draw_target(&options.loss, network.outputs(), &mut random) as f32);
    }
    let weight = work.input("weight")?;
    work.session.write(&weight, rows).fill(1.0);
    let rate = work.input("learning_rate")?;
    // Steps so small that nothing dies or grows, however long it runs.
    work.session.write(&rate, 0)[0] = 1e-6;
    let step = work.input("step")?;
    let mut number = 0;
    work.once = Box::new(move |session, times| {
        let batch = &batches.as_slice()[number % BATCHES * end..];
        let (a, b) = (&batch[..inputs], &batch[room..room + targets]);
        number += 1;
        session.write(&step, 0)[0] = number as f32;
        run(session, rows, &[x.lend(a), target.lend(b)], times);
    });
    Ok(work)
}

/// A random target that the loss accepts.
fn draw_target(loss: &Loss, outputs: usize, random: &mut Stream) -> f64 {
    match loss.targets() {
        Targets::Classes => random.below(outputs.max(2) as u64) as f64,
        Targets::Probabilities => random.below(2) as f64,
        Targets::Numbers => random.normal().abs(),
    }
}

/// Prepares predictions of `rows` random rows at once, in tiles as [`Predictor`](crate::train::Predictor) makes them.
pub fn prediction(network: &Network, rows: usize, threads: usize) -> Result<Work, TrainError> {
    network.check()?;
    let tile = rows.min(crate::train::TILE);
    let mut work = Work::new(network, &network.graph, tile, threads)?;
    work.rows = rows;
    let mut random = Stream::new(1, 0);
    let (x, y) = (work.input("x")?, work.session.slot(SlotKind::Output, "y")?);
    let (inputs, outputs) = (x.shape.extent().fixed, y.shape.extent().fixed);
    let data: Vec<f32> = (0..rows * inputs).map(|_| random.normal() as f32).collect();
    let mut results = vec![0.0; rows * outputs];
    work.once = Box::new(move |session, mut times| {
        for (data, results) in data.chunks(tile * inputs).zip(results.chunks_mut(tile * outputs)) {
            let rows = results.len() / outputs;
            run(session, rows, &[x.lend(data)], times.as_deref_mut());
            results.copy_from_slice(session.read(&y, rows));
        }
    });
    Ok(work)
}

impl Work {
    fn new(network: &Network, graph: &Graph, rows: usize, threads: usize) -> Result<Work, TrainError> {
        let (plan, compile) = timed(|| compile(graph, &CompileOptions::rows(rows)));
        let mut session = Session::new(Arc::new(plan?), pool(threads)?)?;
        network.weights.iter().try_for_each(|(name, value)| session.set(SlotKind::Parameter, name, value))?;
        Ok(Work { session, rows, once: Box::new(|_, _| {}), compile })
    }

    fn input(&self, name: &str) -> Result<Slot, SessionError> {
        self.session.slot(SlotKind::Input, name)
    }

    /// Runs it so many times.
    pub fn run(&mut self, count: usize) {
        for _ in 0..count {
            (self.once)(&mut self.session, None);
        }
    }

    /// Measures it for about `budget`.
    pub fn measure(&mut self, budget: Duration) -> Measured {
        let mut run = |count| timed(|| self.run(count)).1 / count as f64;
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
        let mut best = vec![Duration::MAX; self.session.plan().instruction_count()];
        let start = Instant::now();
        while start.elapsed() < budget / 4 || best.first() == Some(&Duration::MAX) {
            let mut times = vec![Duration::ZERO; best.len()];
            (self.once)(&mut self.session, Some(&mut times));
            best.iter_mut().zip(times).for_each(|(best, time)| *best = time.min(*best));
        }
        let plan = self.session.plan();
        let instructions = plan.timed(&best);
        let memory = plan.arena_len() * size_of::<f32>();
        let (rows, flops) = (self.rows, plan.flops(self.rows));
        Measured { rows, run, flops, compile: self.compile, memory, instructions }
    }
}
