//! Functions of two numbers as sums of ridge functions, which are constant along parallel lines.
//!
//! First a sum of waves, `S = c₀ + Σ c·cos(w·x + b)`, is fitted to the function `f`: least squares over directions that
//! divide the half circle equally and frequencies that do so with a period longer than the box, with a small penalty on
//! variation. Cosine networks are how Hornik, Stinchcombe and White (1989) come from trigonometric sums to any activation.
//! The waves of one direction together are one ridge function, made of neurons like any function of one number.
//!
//! The distance of `S` from `f` is proven by halving cells until, with the centre `c` and the distance `d` from it,
//! `|f(c) - S(c)| + max|∇f - ∇S(c)|·d + ½ max|∇²S|·d²` is small enough in each.

use std::f64::consts::PI;

use super::ApproximateError;
use super::function::{Cell, Domain, Function, Stuck, bisect, grid};
use super::interval::Interval;

/// Numbers of directions to try.
const DIRECTIONS: [usize; 9] = [2, 3, 4, 6, 8, 10, 13, 17, 22];

/// Frequencies beyond as many as there are directions.
const MORE_FREQUENCIES: usize = 2;

/// The period of the waves, in lengths of the box: room beyond the ends spares them the kinks of a periodic continuation.
const PERIOD: f64 = 2.5;

/// Samples along each side for the fit.
const SAMPLES: usize = 48;

/// Points along each side on which a fit is looked at.
const LOOK: usize = 97;

/// Of the allowed distance, the part that may be seen on the grid; the rest is for what lies between.
const SEEN: f64 = 0.8;

/// Cells times waves of a proof; beyond, it is left undone.
const MOST_WORK: usize = 10_000_000;

/// How often the box is halved in a proof, or to find a jump.
const DEEPEST: usize = 48;

/// A function of `direction·x + offset`.
pub(super) struct Ridge {
    pub direction: Vec<f64>,
    pub offset: f64,
    pub function: Function,
    /// Its part of the allowed error, before scaling: the root of its variation. That makes the sum of steps least, as
    /// their number is the variation over the error.
    pub share: f64,
}

/// A constant and a sum of ridge functions, close to a function.
pub struct Ridges {
    pub(super) constant: f64,
    pub(super) ridges: Vec<Ridge>,
    /// How far from the function the sum can be.
    pub(super) error: f64,
    /// Whether that is proven, or only seen on a grid.
    pub(super) proven: bool,
}

/// A sum of ridge functions within `target` of a function of two inputs.
pub(super) fn ridges(f: &Function, target: f64) -> Result<Ridges, ApproximateError> {
    continuous(f, target)?;
    let provable = f.enclose(f.domain()).proven;
    let (points, mut nearest) = (grid(f.domain(), LOOK), f64::INFINITY);
    for directions in DIRECTIONS {
        let sum = Waves::fit(f, directions, target)?;
        let mut error = sum.distance(f, &points)?;
        if error <= SEEN * target {
            let most = if provable { MOST_WORK / sum.waves.len() } else { 0 };
            // Between the points of the grid the sum can be farther away.
            error = match bisect(f.domain(), DEEPEST, most, |cell| sum.bound(f, cell) <= target) {
                Ok(_) => target,
                Err(Stuck::Thin(cell)) => sum.bound(f, &cell),
                Err(Stuck::Many(_)) => sum.distance(f, &grid(f.domain(), 4 * LOOK))?,
            };
            if error <= target {
                let proven = error == target && provable;
                return Ok(Ridges { constant: sum.constant, ridges: sum.ridges(f.domain())?, error, proven });
            }
        }
        nearest = nearest.min(error);
    }
    Err(ApproximateError::Waves { error: nearest, target })
}

/// Fails where the function jumps, as far as halving finds it.
pub(super) fn continuous(f: &Function, target: f64) -> Result<(), ApproximateError> {
    let seen = range(&f.finite_values(&grid(f.domain(), LOOK))?);
    let enough = target.max(seen / 16.0);
    match bisect(f.domain(), DEEPEST, 50_000, |cell| f.enclose(cell).value.width() <= enough) {
        Err(Stuck::Thin(cell)) => Err(f.jump(&cell)),
        // Where values leave everything seen elsewhere far behind, they have no end: cells pile up before a pole.
        Err(Stuck::Many(cell)) if f.values(&grid(&cell, 2)).iter().any(|v| v.is_nan() || v.abs() > 16.0 * seen) => {
            Err(f.jump(&cell))
        }
        _ => Ok(()),
    }
}

fn range(values: &[f64]) -> f64 {
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    high - values.iter().copied().fold(f64::INFINITY, f64::min)
}

/// `c·cos(w·x + b)`.
struct Wave {
    c: f64,
    w: [f64; 2],
    b: f64,
}

/// A sum of waves: for each direction as many as there are frequencies.
struct Waves {
    constant: f64,
    waves: Vec<Wave>,
    frequencies: usize,
}

impl Waves {
    /// The fit, with all coefficients 1 to begin with.
    fn fit(f: &Function, directions: usize, target: f64) -> Result<Self, ApproximateError> {
        let frequencies = directions + MORE_FREQUENCIES;
        let wave = |index: usize| {
            let (sin, cos) = (PI * (index / frequencies) as f64 / directions as f64).sin_cos();
            let frequency = (1 + index % frequencies) as f64;
            // From -reach to reach goes the box in this direction.
            let reach = sin.abs() + cos.abs();
            let w = PI * frequency / (PERIOD * reach);
            let scaled = |i: usize, d: f64| w * d / half(f.domain()[i]);
            let w = [scaled(0, cos), scaled(1, sin)];
            let b = 0.5 * PI * frequency - w[0] * middle(f.domain()[0]) - w[1] * middle(f.domain()[1]);
            Wave { c: 1.0, w, b }
        };
        let mut waves: Vec<Wave> = (0..directions * frequencies).map(wave).collect();
        // Denser towards the border, where nothing beyond holds the sum in place.
        let bent = |(i, u): (usize, f64)| middle(f.domain()[i % 2]) + half(f.domain()[i % 2]) * (0.5 * PI * u).sin();
        let points: Vec<f64> = grid(&[(-1.0, 1.0); 2], SAMPLES).into_iter().enumerate().map(bent).collect();
        let values = f.finite_values(&points)?;
        let rows = points.chunks(2).map(|p| {
            let waves = waves.iter().map(|wave| wave.angle(p).cos());
            std::iter::once(1.0).chain(waves).collect::<Vec<f64>>()
        });
        let strength = values.len() as f64 * (0.05 * target / range(&values).max(target)).powi(2);
        let penalty = |i: usize| strength * if i == 0 { 1e-9 } else { ((i - 1) % frequencies + 1).pow(2) as f64 };
        let solution = least_squares(rows, &values, penalty);
        waves.iter_mut().zip(&solution[1..]).for_each(|(wave, c)| wave.c = *c);
        Ok(Waves { constant: solution[0], waves, frequencies })
    }

    /// The largest distance from a function at some points.
    fn distance(&self, f: &Function, points: &[f64]) -> Result<f64, ApproximateError> {
        let value = |p: &[f64]| self.constant + self.waves.iter().map(|w| w.c * w.angle(p).cos()).sum::<f64>();
        let values = f.finite_values(points)?;
        Ok(points.chunks(2).zip(values).map(|(p, y)| (value(p) - y).abs()).fold(0.0, f64::max))
    }

    /// A proven bound on the distance from a function in a cell.
    fn bound(&self, f: &Function, cell: &Cell) -> f64 {
        let centre = [middle(cell[0]), middle(cell[1])];
        let [h, k] = [half(cell[0]), half(cell[1])];
        let (mut s, mut sx, mut sy, mut bend) = (self.constant, 0.0, 0.0, 0.0);
        for wave in &self.waves {
            let (sin, cos) = wave.angle(&centre).sin_cos();
            s += wave.c * cos;
            sx -= wave.c * wave.w[0] * sin;
            sy -= wave.c * wave.w[1] * sin;
            bend += 0.5 * wave.c.abs() * (wave.w[0].abs() * h + wave.w[1].abs() * k).powi(2);
        }
        let away = |interval: Interval, value: f64| (interval.high - value).abs().max((value - interval.low).abs());
        let known = f.enclose(cell);
        let by_range = away(known.value, s) + sx.abs() * h + sy.abs() * k + bend;
        let by_slopes = known.slopes.map(|slopes| {
            let here = f.enclose(&[(centre[0], centre[0]), (centre[1], centre[1])]).value;
            away(here, s) + away(slopes[0], sx) * h + away(slopes[1], sy) * k + bend
        });
        by_slopes.map_or(by_range, |by_slopes| by_slopes.min(by_range))
    }

    /// The ridge functions, one for each direction.
    fn ridges(&self, domain: &[(f64, f64)]) -> Result<Vec<Ridge>, ApproximateError> {
        let ridge = |waves: &[Wave]| {
            // As a function of the first wave's angle less its phase.
            let Wave { w: direction, .. } = waves[0];
            let offset = -direction[0] * middle(domain[0]) - direction[1] * middle(domain[1]);
            let reach = direction[0].abs() * half(domain[0]) + direction[1].abs() * half(domain[1]);
            let part =
                |(i, wave): (usize, &Wave)| format!("{:e}*cos({}*t + {:e})", wave.c, i + 1, 0.5 * PI * (i + 1) as f64);
            let text: Vec<String> = waves.iter().enumerate().map(part).collect();
            let function = Function::parse(&text.join(" + "), &[Domain { input: None, low: -reach, high: reach }])?;
            let ends = function.values(&grid(function.domain(), 200));
            let share = ends.windows(2).map(|pair| (pair[1] - pair[0]).abs()).sum::<f64>().sqrt();
            Ok(Ridge { direction: direction.to_vec(), offset, function, share })
        };
        self.waves.chunks(self.frequencies).map(ridge).collect()
    }
}

impl Wave {
    fn angle(&self, point: &[f64]) -> f64 {
        self.w[0] * point[0] + self.w[1] * point[1] + self.b
    }
}

fn middle((low, high): (f64, f64)) -> f64 {
    0.5 * (low + high)
}

fn half((low, high): (f64, f64)) -> f64 {
    0.5 * (high - low)
}

/// The coefficients that make `Σ (row·coefficients - value)² + Σ penalty·coefficient²` least, from the normal equations
/// by Cholesky's decomposition; a penalty makes them safe to solve.
fn least_squares(rows: impl Iterator<Item = Vec<f64>>, values: &[f64], penalty: impl Fn(usize) -> f64) -> Vec<f64> {
    let (mut matrix, mut right) = (Vec::<Vec<f64>>::new(), Vec::<f64>::new());
    for (row, value) in rows.zip(values) {
        if matrix.is_empty() {
            matrix = (0..row.len()).map(|i| vec![0.0; i + 1]).collect();
            right = vec![0.0; row.len()];
        }
        for (i, line) in matrix.iter_mut().enumerate() {
            line.iter_mut().zip(&row).for_each(|(m, r)| *m += row[i] * r);
            right[i] += row[i] * value;
        }
    }
    for i in 0..matrix.len() {
        matrix[i][i] += penalty(i);
        for j in 0..=i {
            let known: f64 = (0..j).map(|k| matrix[i][k] * matrix[j][k]).sum();
            let rest = matrix[i][j] - known;
            matrix[i][j] = if i == j { rest.max(f64::MIN_POSITIVE).sqrt() } else { rest / matrix[j][j] };
        }
    }
    for i in 0..right.len() {
        let known: f64 = (0..i).map(|j| matrix[i][j] * right[j]).sum();
        right[i] = (right[i] - known) / matrix[i][i];
    }
    for i in (0..right.len()).rev() {
        let known: f64 = (i + 1..right.len()).map(|j| matrix[j][i] * right[j]).sum();
        right[i] = (right[i] - known) / matrix[i][i];
    }
    right
}
