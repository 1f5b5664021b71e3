//! Functions of single numbers whose speed is measured.

use backpass::Expr;
use backpass_kernels::philox::Stream;

/// Inputs, hidden neurons, outputs of the network.
const WIDTHS: [usize; 5] = [8, 9, 9, 9, 4];

/// σ(w₁x + w₂y + b).
pub fn sigmoid<'b>(v: &[Expr<'b>]) -> Expr<'b> {
    (v[0] * v[3] + v[1] * v[4] + v[2]).sigmoid()
}

/// Rosenbrock's function.
pub fn rosenbrock<'b>(v: &[Expr<'b>]) -> Expr<'b> {
    let term = |pair: &[Expr<'b>]| {
        let (a, b) = (pair[1] - pair[0] * pair[0], 1.0 - pair[0]);
        100.0 * (a * a) + b * b
    };
    let terms: Vec<Expr<'b>> = v.windows(2).map(term).collect();
    terms[1..].iter().fold(terms[0], |sum, &term| sum + term)
}

/// The squared error of a network with tanh on one row; the variables are its biases and weights.
pub fn network<'b>(v: &[Expr<'b>]) -> Expr<'b> {
    let builder = v[0].builder();
    let mut data = Stream::new(1, 0);
    let mut numbers =
        |count: usize| -> Vec<Expr<'b>> { (0..count).map(|_| builder.constant(2.0 * data.uniform() - 1.0)).collect() };
    let mut values = numbers(WIDTHS[0]);
    let mut rest = v;
    for (layer, &width) in WIDTHS.iter().enumerate().skip(1) {
        let (neurons, after) = rest.split_at(width * (values.len() + 1));
        rest = after;
        let sum = |p: &[Expr<'b>]| p[1..].iter().zip(&values).fold(p[0], |sum, (&w, &x)| sum + w * x);
        let sums = neurons.chunks(values.len() + 1).map(sum);
        values = if layer + 1 == WIDTHS.len() { sums.collect() } else { sums.map(|z| z.tanh()).collect() };
    }
    let errors = values.into_iter().zip(numbers(WIDTHS[4])).map(|(value, target)| (value - target) * (value - target));
    errors.reduce(|sum, error| sum + error).unwrap_or(v[0])
}
