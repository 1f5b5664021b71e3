//! Trained networks of growing width, and deeper ones of about as many parameters, on samples of one function.

use backpass::Array;
use backpass::nn::{Activation, Mlp, Network};
use backpass::optim::Optimizer;
use backpass::train::{BatchSize, Dataset, TrainOptions, Validation, train};
use backpass_kernels::philox::Stream;

use super::function::grid;
use super::{ApproximateError, Function, Measured, measure};

/// How to race.
#[derive(Clone, Debug)]
pub struct RaceOptions {
    /// The activation of all hidden neurons.
    pub activation: Activation,
    /// The most hidden neurons of a network with one hidden layer.
    pub neurons: usize,
    /// Hidden layers of the deepest networks.
    pub layers: usize,
    /// How often each network starts anew; the best counts.
    pub restarts: usize,
    /// Iterations of L-BFGS for each start.
    pub iterations: usize,
    /// Where all random numbers come from.
    pub seed: u64,
    /// Threads; they never change the result.
    pub threads: usize,
}

impl RaceOptions {
    /// Up to 64 neurons, up to three layers, three starts.
    pub fn new(activation: Activation) -> Self {
        RaceOptions { activation, neurons: 64, layers: 3, restarts: 3, iterations: 300, seed: 1, threads: 1 }
    }
}

/// A trained network and its error.
#[derive(Clone, Debug)]
pub struct Racer {
    /// The sizes of its hidden layers.
    pub hidden: Vec<usize>,
    /// The number of its parameters.
    pub parameters: usize,
    /// The network, from all inputs together, `x`, to `y`.
    pub network: Network,
    /// Its errors on a grid finer than the samples.
    pub measured: Measured,
}

/// The steepest first layer at the start: steeper ones follow the samples and not what lies between.
const STEEPEST: f64 = 2.0;

/// Trains networks of 1, 2, 4, 8, … hidden neurons, and after each the deeper ones with the nearest number of
/// parameters. `observe` sees each as it is done.
///
/// Each is trained on all samples by L-BFGS, which needs no learning rate, from several starts. The first layer starts
/// as Nguyen and Widrow (1990) propose, with its neurons' slopes spread over the domain, but not as steep.
pub fn race(
    f: &Function,
    options: &RaceOptions,
    observe: &mut dyn FnMut(&Racer),
) -> Result<Vec<Racer>, ApproximateError> {
    let samples = Samples::of(f)?;
    let mut racers: Vec<Racer> = Vec::new();
    for wide in widths(options.neurons) {
        let parameters = parameter_count(f.inputs().len(), &[wide]);
        let shapes = (1..=options.layers.max(1)).map(|layers| nearest(f.inputs().len(), layers, parameters));
        for hidden in shapes {
            // Narrow networks have no deeper relatives of their own.
            let thin = hidden.len() > 1 && hidden[0] < 2;
            if !thin && racers.iter().all(|r| r.hidden != hidden) {
                let racer = best(f, &samples, hidden, options)?;
                observe(&racer);
                racers.push(racer);
            }
        }
    }
    Ok(racers)
}

/// 1, 2, 4, 8, … up to and with `most`.
fn widths(most: usize) -> Vec<usize> {
    let mut widths: Vec<usize> = std::iter::successors(Some(1), |w| Some(w * 2)).take_while(|w| *w < most).collect();
    widths.push(most.max(1));
    widths
}

fn parameter_count(inputs: usize, hidden: &[usize]) -> usize {
    let fan_ins = std::iter::once(&inputs).chain(hidden);
    fan_ins.zip(hidden.iter().chain([&1])).map(|(fan_in, units)| (fan_in + 1) * units).sum()
}

/// Equal hidden layers with the number of parameters that is nearest to `parameters`.
fn nearest(inputs: usize, layers: usize, parameters: usize) -> Vec<usize> {
    let sizes = (1..=parameters).map(|units| vec![units; layers]);
    sizes.min_by_key(|hidden| parameter_count(inputs, hidden).abs_diff(parameters)).unwrap_or_default()
}

/// What the networks are trained and measured on.
struct Samples {
    /// Inputs from -1 to 1, targets of mean 0 and size 1.
    data: Dataset<f64>,
    mean: f64,
    scale: f64,
    /// The middle and half the width of each side of the domain.
    sides: Vec<(f64, f64)>,
    /// The points of measurement.
    points: Vec<f64>,
}

impl Samples {
    fn of(f: &Function) -> Result<Self, ApproximateError> {
        let width = f.inputs().len();
        let n = if width == 1 { 256 } else { 24 };
        let sides: Vec<(f64, f64)> =
            f.domain().iter().map(|(low, high)| (0.5 * (low + high), 0.5 * (high - low))).collect();
        // Denser towards the ends, where nothing beyond holds a network in place.
        let bent = |u: f64| (0.5 * std::f64::consts::PI * u).sin();
        let x: Vec<f64> = grid(&vec![(-1.0, 1.0); width], n).into_iter().map(bent).collect();
        let place = |(i, u): (usize, &f64)| sides[i % width].0 + sides[i % width].1 * u;
        let y = f.finite_values(&x.iter().enumerate().map(place).collect::<Vec<_>>())?;
        let mean = y.iter().sum::<f64>() / y.len() as f64;
        let spread = (y.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / y.len() as f64).sqrt();
        let scale = if spread > 0.0 { spread } else { 1.0 };
        let y = y.into_iter().map(|v| (v - mean) / scale).collect();
        let points = grid(f.domain(), if width == 1 { 4001 } else { 121 });
        Ok(Samples { data: Dataset::new(width, x, 1, y), mean, scale, sides, points })
    }
}

/// The best of several starts.
fn best(f: &Function, samples: &Samples, hidden: Vec<usize>, options: &RaceOptions) -> Result<Racer, ApproximateError> {
    let mut best = attempt(f, samples, &hidden, options, 0)?;
    for start in 1..options.restarts as u64 {
        let other = attempt(f, samples, &hidden, options, start)?;
        if other.measured.error < best.measured.error {
            best = other;
        }
    }
    Ok(best)
}

fn attempt(
    f: &Function,
    samples: &Samples,
    hidden: &[usize],
    options: &RaceOptions,
    start: u64,
) -> Result<Racer, ApproximateError> {
    let mut network = initial(samples, hidden, options, start)?;
    let train_options = TrainOptions {
        optimizer: Optimizer::parse("lbfgs(memory=30)")?,
        batch_size: BatchSize::Full,
        epochs: options.iterations,
        threads: options.threads,
        ..TrainOptions::default()
    };
    train(&mut network, &samples.data, &Validation::default(), &train_options, &mut |_| {})?;
    unscale(&mut network, samples);
    let measured = measure(f, &network, &samples.points, options.threads)?;
    Ok(Racer { hidden: hidden.to_vec(), parameters: network.parameter_count(), network, measured })
}

/// A network whose first layer has its slopes spread over [-1, 1] (Nguyen and Widrow 1990).
fn initial(
    samples: &Samples,
    hidden: &[usize],
    options: &RaceOptions,
    start: u64,
) -> Result<Network, ApproximateError> {
    let inputs = samples.sides.len();
    let seed = options.seed.wrapping_mul(1 << 16).wrapping_add(start);
    let mut network = Mlp::new(inputs, hidden, &options.activation, 1).build(seed)?;
    let units = hidden[0];
    let mut random = Stream::new(seed, 1);
    let length = (0.7 * (units as f64).powf(1.0 / inputs as f64)).min(STEEPEST);
    let mut rows: Vec<Vec<f64>> =
        (0..units).map(|_| (0..inputs).map(|_| 2.0 * random.uniform() - 1.0).collect()).collect();
    for row in &mut rows {
        let norm = row.iter().map(|w| w * w).sum::<f64>().sqrt().max(1e-3);
        row.iter_mut().for_each(|w| *w *= length / norm);
    }
    let weights = Array::from_fn(&[inputs, units], |i| rows[i % units][i / units]);
    network.weights.insert("hidden1.W".to_string(), weights);
    let biases = Array::from_fn(&[units], |_| length * (2.0 * random.uniform() - 1.0));
    network.weights.insert("hidden1.b".to_string(), biases);
    Ok(network)
}

/// Moves the scaling of inputs and targets into the first and the last layer.
fn unscale(network: &mut Network, samples: &Samples) {
    let weights = &mut network.weights;
    let Some(mut w) = weights.remove("hidden1.W") else { return };
    let units = w.len() / samples.sides.len();
    if let Some(b) = weights.get_mut("hidden1.b") {
        for (i, w) in w.data_mut().iter_mut().enumerate() {
            let (middle, half) = samples.sides[i / units];
            *w /= half;
            b.data_mut()[i % units] -= *w * middle;
        }
    }
    weights.insert("hidden1.W".to_string(), w);
    for (name, shift) in [("output.W", 0.0), ("output.b", samples.mean)] {
        if let Some(values) = weights.get_mut(name) {
            values.data_mut().iter_mut().for_each(|v| *v = *v * samples.scale + shift);
        }
    }
}
