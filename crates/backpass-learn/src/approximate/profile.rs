//! Functions of one number as sums of steps or of pieces, each with its proof.
//!
//! Both split the interval into cells `[t₀, t₁], [t₁, t₂], …` and are, in each cell, a mean of the function's values at the
//! two ends, `(1 - s)·f(a) + s·f(b)` with `0 ≤ s ≤ 1`. So in a cell of length `h` the error is at most
//!
//! - the range of `f` in the cell, because `f` and every such mean lie in it;
//! - `h/2 · max|f'|`, because for `u` from the nearer end `(1 - s)·u + s·(h - u) ≤ h/2` when the farther end has no more
//!   weight, and `2s(1 - s)·h ≤ h/2` when `s` is the relative place;
//! - for pieces alone, `h²/8 · max|f''|`, the bound of linear interpolation.
//!
//! Cells are halved until the least of these is small enough. The range and the derivatives come from interval
//! arithmetic, where the operators have rules for it; then the bound is proven. Else the range is sampled.
//!
//! **Steps** (the idea of Cybenko 1989 and Hornik 1991 in one dimension): `f(t₀) + Σ Δᵢ·σ(kᵢ(t - mᵢ))`, where `Δᵢ` is the
//! rise of `f` over cell `i`, `mᵢ` its middle, and `σ` goes from 0 to 1. With `kᵢ = 2κ/hᵢ`, a step is within `e^-κ` of 0 or
//! 1 in all other cells, so together the others add at most `V·e^-κ`, where `V = Σ|Δᵢ|`.
//!
//! **Pieces**: linear interpolation, `f(t₀) + Σ (slope after tᵢ - slope before tᵢ)·relu(t - tᵢ)`. ReLU is not bounded; that
//! every continuous activation but a polynomial will do is the theorem of Leshno, Lin, Pinkus and Schocken (1993).

use super::function::{Cell, Function, Stuck, bisect};
use super::{ApproximateError, Form, MOST_NEURONS};

/// A cell is halved at most so often.
const DEEPEST: usize = 40;

/// The part of an error that may come from the tails of steps.
const TAILS: f64 = 1.0 / 32.0;

/// The least steepness κ, so that steps look like steps.
const LEAST_STEEPNESS: f64 = 4.0;

/// One neuron of a function of one number: `v·g(w·t + b)`.
pub(super) struct Neuron {
    pub w: f64,
    pub b: f64,
    pub v: f64,
}

/// A function of one number as a sum of neurons.
pub(super) struct Profile {
    pub bias: f64,
    pub neurons: Vec<Neuron>,
    pub cells: Vec<Cell>,
    /// The largest error in a cell, but for tails.
    pub cell_error: f64,
    /// What the tails of steps add.
    pub tail_error: f64,
    pub proven: bool,
}

/// Approximates a function of one input to within less than `budget`.
pub(super) fn profile(function: &Function, form: Form, budget: f64) -> Result<Profile, ApproximateError> {
    let (mut cell_error, mut proven) = (0.0f64, true);
    let tails = if form == Form::ReluPieces { 0.0 } else { TAILS * budget };
    // A trifle less, so that the sum stays below the budget in rounded arithmetic.
    let allowed = (budget - tails) * (1.0 - 1e-6);
    let cells = bisect(function.domain(), DEEPEST, MOST_NEURONS, |cell| {
        let (error, known) = error_in(function, form, cell);
        let done = error <= allowed;
        if done {
            cell_error = cell_error.max(error);
            proven &= known;
        }
        done
    });
    let cells = match cells {
        Ok(cells) => cells,
        Err(Stuck::Many(_)) => return Err(ApproximateError::TooMany { most: MOST_NEURONS }),
        Err(Stuck::Thin(cell)) => return Err(function.jump(&cell)),
    };
    let ends: Vec<f64> = cells.iter().map(|cell| cell[0].0).chain(cells.last().map(|cell| cell[0].1)).collect();
    let values = function.finite_values(&ends)?;
    let mut profile = match form {
        Form::ReluPieces => pieces(&ends, &values),
        Form::SigmoidSteps | Form::TanhSteps => steps(&ends, &values, form, tails),
    };
    profile.neurons.retain(|n| n.v != 0.0);
    Ok(Profile { cells, cell_error, proven, ..profile })
}

/// The least proven bound on the error in a cell, and whether it is proven.
fn error_in(function: &Function, form: Form, cell: &Cell) -> (f64, bool) {
    let known = function.enclose(cell);
    let h = cell[0].1 - cell[0].0;
    let first = known.slopes.map_or(f64::INFINITY, |slopes| 0.5 * h * slopes[0].size());
    let second = match known.curvature {
        Some(curvature) if form == Form::ReluPieces => 0.125 * h * h * curvature.size(),
        _ => f64::INFINITY,
    };
    (known.value.width().min(first).min(second), known.proven)
}

fn steps(ends: &[f64], values: &[f64], form: Form, tails: f64) -> Profile {
    let rises: Vec<f64> = values.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let variation: f64 = rises.iter().map(|rise| rise.abs()).sum();
    let steepness = (variation / tails).ln().max(LEAST_STEEPNESS);
    let cells = ends.windows(2).zip(&rises);
    let sigmoids = cells.map(|(cell, &v)| {
        let w = 2.0 * steepness / (cell[1] - cell[0]);
        Neuron { w, b: -w * (0.5 * (cell[0] + cell[1])), v }
    });
    let (bias, neurons) = match form {
        // σ(z) = (1 + tanh(z/2))/2
        Form::TanhSteps => {
            let halves = sigmoids.map(|n| Neuron { w: 0.5 * n.w, b: 0.5 * n.b, v: 0.5 * n.v }).collect();
            (values[0] + 0.5 * rises.iter().sum::<f64>(), halves)
        }
        _ => (values[0], sigmoids.collect()),
    };
    let tail_error = variation * (-steepness).exp();
    Profile { bias, neurons, cells: Vec::new(), cell_error: 0.0, tail_error, proven: false }
}

fn pieces(ends: &[f64], values: &[f64]) -> Profile {
    let slopes = ends.windows(2).zip(values.windows(2)).map(|(t, y)| (y[1] - y[0]) / (t[1] - t[0]));
    let mut before = 0.0;
    let neurons = ends.iter().zip(slopes).map(|(&t, slope)| {
        let v = slope - before;
        before = slope;
        Neuron { w: 1.0, b: -t, v }
    });
    let neurons = neurons.collect();
    Profile { bias: values[0], neurons, cells: Vec::new(), cell_error: 0.0, tail_error: 0.0, proven: false }
}
