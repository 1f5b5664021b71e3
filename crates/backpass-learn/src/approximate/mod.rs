//! The universal approximation theorem at work: networks with one hidden layer, written down and not trained, that are
//! within ε of a given function; and a race of trained networks for the same function.
//!
//! For a continuous `f` on a box and every ε > 0 there are `q`, `wᵢ`, `bᵢ`, `vᵢ` with `|f(x) - Σ vᵢ·g(wᵢ·x + bᵢ)| < ε`
//! everywhere in the box, if `g` is sigmoidal (Cybenko 1989), continuous, bounded and not constant (Hornik 1991), or
//! continuous and no polynomial (Leshno, Lin, Pinkus and Schocken 1993; Pinkus 1999 tells the whole story). The theorem
//! says nothing on how to find such numbers. [`construct`] finds them, for one input by [steps or pieces](Form), for two
//! by ridge functions made of these, and proves and measures the error. An output bias is allowed; a neuron with `w = 0`
//! would do as well.

mod function;
mod interval;
mod profile;
mod race;
mod ridges;

use std::sync::Arc;

use backpass::compile::SlotKind;
use backpass::nn::{Activation, Mlp, Network, NetworkError};
use backpass::session::SessionError;
use backpass::spec::SpecError;
use backpass::text::ParseErrors;
use backpass::train::TrainError;
use backpass::{Array, CompileOptions, Session, compile};
use backpass_kernels::Pool;

pub use function::{Domain, Function};
pub use race::{RaceOptions, Racer, race};
pub use ridges::Ridges;

use function::{Cell, grid, short};
use profile::profile;
use ridges::{Ridge, continuous, ridges};

/// The most neurons of a construction.
pub const MOST_NEURONS: usize = 20_000;

/// Why a function cannot be approximated.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApproximateError {
    /// The text of the function has mistakes.
    #[error(transparent)]
    Parse(#[from] ParseErrors),
    /// A function of none or too many inputs.
    #[error("the function has {}\nhelp: one or two names are left free, such as x in sin(2*pi*x) or x and y in x^2*y", count(.names))]
    Inputs {
        /// The inputs.
        names: Vec<String>,
    },
    /// Several definitions without one that is the function.
    #[error("{found} results, but one function is to be approximated")]
    Outputs {
        /// How many results there are.
        found: usize,
    },
    /// A function that is no function of points.
    #[error("the function must give a single number for single numbers, without sums over them or random numbers")]
    NotSingle,
    /// A domain without inside.
    #[error("the domain from {low} to {high} is empty or unbounded\nhelp: give two numbers LOW,HIGH with LOW < HIGH")]
    EmptyDomain {
        /// The lower end.
        low: f64,
        /// The upper end.
        high: f64,
    },
    /// A domain for something that is no input.
    #[error("there is no input `{name}`; there is {}{}", .known.join(", "), .suggestion.as_ref().map_or(String::new(), |s| format!("\nhelp: did you mean `{s}`?")))]
    UnknownInput {
        /// The name.
        name: String,
        /// The inputs.
        known: Vec<String>,
        /// An input that looks alike.
        suggestion: Option<String>,
    },
    /// Two domains for one input.
    #[error("two domains are given for `{name}`")]
    TwoDomains {
        /// The input.
        name: String,
    },
    /// Domains without names that are not as many as the inputs.
    #[error("{found} domains without a name are given for {expected} input(s)\nhelp: name them, such as x=0,1")]
    Domains {
        /// Domains given.
        found: usize,
        /// Inputs without a domain of their own.
        expected: usize,
    },
    /// An ε that is not positive.
    #[error("epsilon is {found}, it must be a number greater than 0")]
    Epsilon {
        /// Its value.
        found: f64,
    },
    /// A value that is no number.
    #[error("the function is {value} at {at}\nhelp: choose a domain on which it is defined everywhere, ends included")]
    NotFinite {
        /// The point in words.
        at: String,
        /// Its value there.
        value: f64,
    },
    /// A jump, or what looks like one.
    #[error(
        "the function is not continuous near {at}, or too steep to tell: {jump}\nhelp: the theorem is about continuous functions; choose a domain without this point"
    )]
    Jump {
        /// The point in words.
        at: String,
        /// What it does there, in words.
        jump: String,
    },
    /// An error that would need too many neurons.
    #[error("more than {most} neurons are needed for this error\nhelp: choose a larger epsilon or a smaller domain")]
    TooMany {
        /// The limit.
        most: usize,
    },
    /// A function of two inputs that waves do not come close enough to.
    #[error("the nearest sum of waves is still {} away, {} is needed\nhelp: choose a larger epsilon or a smaller domain; a jump makes it impossible", short(*.error), short(*.target))]
    Waves {
        /// The distance that is left.
        error: f64,
        /// The distance that is needed.
        target: f64,
    },
    /// A wrong activation.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// A network that cannot be built.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// A network that cannot be trained.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// A network that cannot be run.
    #[error(transparent)]
    Compile(#[from] backpass::compile::CompileError),
    /// A network that cannot be run.
    #[error(transparent)]
    Session(#[from] SessionError),
}

fn count(names: &[String]) -> String {
    if names.is_empty() { "no inputs".to_string() } else { format!("{} inputs: {}", names.len(), names.join(", ")) }
}

/// What a function of one number is put together from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// Steep sigmoids, one in the middle of each cell.
    SigmoidSteps,
    /// The same with tanh.
    TanhSteps,
    /// Linear interpolation by ReLU.
    ReluPieces,
}

impl Form {
    /// The name for people.
    pub fn name(self) -> &'static str {
        match self {
            Form::SigmoidSteps => "sigmoid steps",
            Form::TanhSteps => "tanh steps",
            Form::ReluPieces => "ReLU pieces",
        }
    }

    /// The activation of its neurons.
    pub fn activation(self) -> &'static str {
        match self {
            Form::SigmoidSteps => "sigmoid",
            Form::TanhSteps => "tanh",
            Form::ReluPieces => "relu",
        }
    }
}

/// The largest error found.
#[derive(Clone, PartialEq, Debug)]
pub struct Measured {
    /// Its size.
    pub error: f64,
    /// Where it is.
    pub at: Vec<f64>,
    /// The root of the mean square of all errors.
    pub rms: f64,
    /// How many points were tried.
    pub points: usize,
}

/// A network that was written down, with what is known of its error.
#[derive(Clone, Debug)]
pub struct Construction {
    /// What it is put together from.
    pub form: Form,
    /// The error that it was made for.
    pub epsilon: f64,
    /// The network, from all inputs together, `x`, to `y`. Its weights are as large as steps are steep: run it in f64.
    pub network: Network,
    /// The number of hidden neurons.
    pub neurons: usize,
    /// The number of ridge functions; 1 for one input, where the function itself is one.
    pub ridges: usize,
    /// The bound on the error: the sum of the three parts below.
    pub bound: f64,
    /// The distance between the function and the sum of ridge functions.
    pub ridge_error: f64,
    /// What steps or pieces add to it.
    pub cell_error: f64,
    /// What the tails of sigmoids add to it.
    pub tail_error: f64,
    /// Whether the bound is proven, but for rounding in the network; else parts of it are sampled.
    pub proven: bool,
    /// The largest error on a grid finer than the cells.
    pub measured: Measured,
}

impl Construction {
    /// The network as a formula of the expression language, one neuron a line, with numbers of six digits.
    pub fn formula(&self, inputs: &[String]) -> String {
        let weights = |name: &str| self.network.weights.get(name).map_or(&[][..], Array::data);
        let (w, b, v) = (weights("hidden1.W"), weights("hidden1.b"), weights("output.W"));
        let (q, g) = (self.neurons, self.form.activation());
        let neuron = |i: usize| {
            let sum: Vec<String> =
                inputs.iter().enumerate().map(|(k, name)| format!("{}*{name}", short(w[k * q + i]))).collect();
            format!("  + {}*{g}({} + {})", short(v[i]), sum.join(" + "), short(b[i]))
        };
        let bias = weights("output.b").first().copied().unwrap_or(0.0);
        let lines: Vec<String> = (0..q.min(v.len())).map(neuron).collect();
        format!("y = ({}\n{}\n)\n", short(bias), lines.join("\n"))
    }
}

/// Of ε, the parts that a sum of ridge functions may take: less where it is easy, more where it is not.
const RIDGE_PARTS: [f64; 2] = [0.3, 0.6];

/// Takes a function apart into ridge functions, each of one number, with ε in view: for one input, itself.
pub fn decompose(f: &Function, epsilon: f64) -> Result<Ridges, ApproximateError> {
    if !(epsilon > 0.0 && epsilon.is_finite()) {
        return Err(ApproximateError::Epsilon { found: epsilon });
    }
    if f.inputs().len() == 2 {
        let [less, more] = RIDGE_PARTS.map(|part| part * epsilon);
        return match ridges(f, less) {
            Err(ApproximateError::Waves { .. }) => ridges(f, more),
            other => other,
        };
    }
    f.finite_values(&grid(f.domain(), 1001))?;
    continuous(f, epsilon)?;
    let whole = Ridge { direction: vec![1.0], offset: 0.0, function: f.clone(), share: 1.0 };
    Ok(Ridges { constant: 0.0, ridges: vec![whole], error: 0.0, proven: true })
}

/// Writes down a network with one hidden layer whose error is below `epsilon`, and measures it. The ridge functions are
/// those of [`decompose`] for the same ε.
pub fn construct(
    f: &Function,
    ridges: &Ridges,
    form: Form,
    epsilon: f64,
    threads: usize,
) -> Result<Construction, ApproximateError> {
    let mut budget = epsilon - ridges.error;
    loop {
        let construction = assemble(f, form, epsilon, ridges, budget, threads)?;
        if construction.measured.error < epsilon || construction.neurons > MOST_NEURONS / 2 {
            return Ok(construction);
        }
        // Sampled ranges have missed something between the samples.
        budget *= 0.5;
    }
}

fn assemble(
    f: &Function,
    form: Form,
    epsilon: f64,
    parts: &Ridges,
    budget: f64,
    threads: usize,
) -> Result<Construction, ApproximateError> {
    let shares: f64 = parts.ridges.iter().map(|r| r.share).sum();
    let (mut bias, mut cell_error, mut tail_error, mut proven) = (parts.constant, 0.0, 0.0, parts.proven);
    let inputs = f.inputs().len();
    // For each neuron its weights, its bias, and the weight of its output.
    let mut neurons: Vec<(Vec<f64>, f64, f64)> = Vec::new();
    let mut points = Vec::new();
    for ridge in &parts.ridges {
        let part = profile(&ridge.function, form, budget * ridge.share / shares)?;
        bias += part.bias;
        cell_error += part.cell_error;
        tail_error += part.tail_error;
        proven &= part.proven;
        let turned = |w: f64| ridge.direction.iter().map(|d| w * d).collect();
        neurons.extend(part.neurons.iter().map(|n| (turned(n.w), n.b + n.w * ridge.offset, n.v)));
        if neurons.len() > MOST_NEURONS {
            return Err(ApproximateError::TooMany { most: MOST_NEURONS });
        }
        if inputs == 1 {
            points.extend(part.cells.iter().flat_map(probes));
        }
    }
    if neurons.is_empty() {
        neurons.push((vec![1.0; inputs], 0.0, 0.0));
    }
    let network = network(inputs, form, &neurons, bias)?;
    points.extend(grid(f.domain(), if inputs == 1 { 2001 } else { 101 }));
    let measured = measure(f, &network, &points, threads)?;
    let bound = parts.error + cell_error + tail_error;
    let (neurons, ridges) = (neurons.len(), parts.ridges.len());
    let ridge_error = parts.error;
    Ok(Construction {
        form,
        epsilon,
        network,
        neurons,
        ridges,
        bound,
        ridge_error,
        cell_error,
        tail_error,
        proven,
        measured,
    })
}

/// Points of a cell where its error may be largest: ends, middle, and around the middle, where steps are.
fn probes(cell: &Cell) -> impl Iterator<Item = f64> + use<> {
    let (low, high) = cell[0];
    [0.0, 0.25, 0.45, 0.5, 0.55, 0.75].into_iter().map(move |part| low + part * (high - low))
}

/// `bias + Σ v·g(w·x + b)` as a network.
fn network(
    inputs: usize,
    form: Form,
    neurons: &[(Vec<f64>, f64, f64)],
    bias: f64,
) -> Result<Network, ApproximateError> {
    let q = neurons.len();
    let mut network = Mlp::new(inputs, &[q], &Activation::parse(form.activation())?, 1).build(0)?;
    let weights = &mut network.weights;
    weights.insert("hidden1.W".to_string(), Array::from_fn(&[inputs, q], |i| neurons[i % q].0[i / q]));
    weights.insert("hidden1.b".to_string(), Array::from_fn(&[q], |i| neurons[i].1));
    weights.insert("output.W".to_string(), Array::from_fn(&[q, 1], |i| neurons[i].2));
    weights.insert("output.b".to_string(), Array::filled(&[1], bias));
    Ok(network)
}

/// The outputs of a network with one output, computed in f64, at points given one after the other.
pub fn evaluate(network: &Network, points: &[f64], threads: usize) -> Result<Vec<f64>, ApproximateError> {
    /// Numbers that a layer of one tile may have.
    const TILE: usize = 1 << 20;
    network.check()?;
    let width = network.inputs();
    let widest = network.weights.values().map(Array::len).max().unwrap_or(1);
    let rows = (TILE / widest).clamp(32, 1024);
    let plan = compile(&network.graph, &CompileOptions::rows(rows))?;
    let mut session = Session::<f64>::new(Arc::new(plan), Arc::new(Pool::new(threads.max(1))))?;
    for (name, value) in &network.weights {
        session.set(SlotKind::Parameter, name, value)?;
    }
    let (x, y) = (session.slot(SlotKind::Input, "x")?, session.slot(SlotKind::Output, "y")?);
    let mut outputs = Vec::with_capacity(points.len() / width);
    for tile in points.chunks(rows * width) {
        let n = tile.len() / width;
        session.write(&x, n).copy_from_slice(tile);
        session.run(n);
        outputs.extend_from_slice(session.read(&y, n));
    }
    Ok(outputs)
}

/// The errors of a network at points.
fn measure(f: &Function, network: &Network, points: &[f64], threads: usize) -> Result<Measured, ApproximateError> {
    let targets = f.finite_values(points)?;
    let outputs = evaluate(network, points, threads)?;
    let (mut error, mut worst, mut squares) = (0.0f64, 0, 0.0);
    for (i, (y, t)) in outputs.iter().zip(&targets).enumerate() {
        let e = (y - t).abs();
        squares += e * e;
        if e > error || e.is_nan() {
            (error, worst) = (e, i);
        }
    }
    let width = f.inputs().len();
    let at = points[worst * width..(worst + 1) * width].to_vec();
    Ok(Measured { error, at, rms: (squares / targets.len() as f64).sqrt(), points: targets.len() })
}

impl Function {
    /// The error for a cell in which the function still changes too much.
    fn jump(&self, cell: &Cell) -> ApproximateError {
        let centre: Vec<f64> = cell.iter().map(|(low, high)| 0.5 * (low + high)).collect();
        let within = cell.iter().map(|(low, high)| high - low).fold(0.0, f64::max);
        let change = self.enclose(cell).value.width();
        let jump = if change.is_finite() {
            format!("it changes by {} within {within:.0e}", short(change))
        } else {
            "it has no bound there".to_string()
        };
        ApproximateError::Jump { at: self.at(&centre), jump }
    }
}
