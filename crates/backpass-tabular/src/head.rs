//! From the outputs of a network to predictions, as a graph.

use backpass::array::Array;
use backpass::builder::{Builder, Expr};
use backpass::composites::{clamp, softmax};
use backpass::graph::{Graph, ScopeKind};
use backpass::shape::Shape;

use crate::fit_error::FitError;

/// What brings the outputs of a network to predictions.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct HeadShape {
    /// Networks whose outputs come one after the other and whose predictions are averaged.
    pub members: usize,
    /// The number of classes, 0 for numbers.
    pub classes: usize,
    /// The outputs for each target: 1, or 3 for a lower bound, a median and an upper bound.
    pub levels: usize,
    /// Whether outputs are the logarithms of the numbers.
    pub exponential: bool,
    /// Centre and factor of each target.
    pub scales: Vec<(f64, f64)>,
    /// The least and the greatest number predicted for each target, before margins.
    pub limits: Option<Vec<(f64, f64)>>,
    /// What the outputs for classes are divided by.
    pub temperature: f64,
    /// By how much the bounds of each target move outwards; none where they are not calibrated.
    pub margins: Option<Vec<f64>>,
}

/// The head of a model: from the network's output `y` to `probabilities` `[batch, classes]` or `prediction`, `[batch]` for one
/// number a row, else `[batch, numbers]` as [`Target::prediction_names`](crate::Target::prediction_names) says.
pub(crate) fn head(shape: &HeadShape) -> Result<Graph, FitError> {
    let HeadShape { members, classes, temperature, .. } = *shape;
    let builder = Builder::new();
    let outputs = match classes {
        0 => shape.levels * shape.scales.len(),
        2 => 1,
        _ => classes,
    };
    let y = builder.input("y", Shape::batch(&[members * outputs]));
    let y = if temperature == 1.0 { y } else { y * (1.0 / temperature) };
    match classes {
        0 => builder.output("prediction", numbers(y, shape)),
        2 => {
            let mut of = [(-y).sigmoid(), y.sigmoid()];
            if members > 1 {
                of = of.map(|p| p.mean(1).reshape(Shape::batch(&[1])));
            }
            builder.output("probabilities", Expr::concat(1, &of));
        }
        _ if members == 1 => builder.output("probabilities", softmax(y, 1)),
        _ => {
            let y = y.reshape(Shape::batch(&[members, classes]));
            builder.output("probabilities", softmax(y, 2).mean(1));
        }
    }
    Ok(builder.finish()?)
}

/// The numbers of all targets in their units, each the mean over the members.
fn numbers<'b>(y: Expr<'b>, shape: &HeadShape) -> Expr<'b> {
    let HeadShape { members, levels, scales, .. } = shape;
    let width = levels * scales.len();
    let y = match (*members, width) {
        (1, 1) => y.reshape(Shape::batch(&[])),
        (1, _) | (_, 1) => y,
        _ => y.reshape(Shape::batch(&[*members, width])),
    };
    let y = if shape.exponential { y.exp() } else { y };
    // Each target's own number, for every level again.
    let own = |of: &dyn Fn(usize) -> f64| {
        let all: Vec<f64> = (0..width).map(|output| of(output % scales.len())).collect();
        y.builder().constant(if width == 1 { Array::scalar(all[0]) } else { Array::vector(all) })
    };
    let number = y * own(&|target| scales[target].1) + own(&|target| scales[target].0);
    let number = match shape.limits.as_deref() {
        None => number,
        Some(&[(low, high)]) => clamp(number, low, high),
        Some(limits) => y.builder().scope("clamp", ScopeKind::Function, || {
            number.maximum(own(&|target| limits[target].0)).minimum(own(&|target| limits[target].1))
        }),
    };
    let number = if *members == 1 { number } else { number.mean(1) };
    if *levels == 1 { number } else { interval(number, shape) }
}

/// From three quantiles, each of all targets, to prediction, lower and upper bound of one target after the other. Quantiles
/// that cross are put in order, which brings them no further from the true ones (Chernozhukov, Fernández-Val and Galichon 2010).
fn interval<'b>(quantiles: Expr<'b>, shape: &HeadShape) -> Expr<'b> {
    let (builder, targets) = (quantiles.builder(), shape.scales.len());
    let [a, b, c] = [0, 1, 2].map(|level| quantiles.slice(1, level * targets, (level + 1) * targets));
    let [low, median, high] = builder.scope("sort", ScopeKind::Function, || {
        let (less, more) = (a.minimum(b), a.maximum(b));
        [less.minimum(c), less.maximum(more.minimum(c)), more.maximum(c)]
    });
    let (low, high) = match &shape.margins {
        None => (low, high),
        Some(margins) => builder.scope("calibrate", ScopeKind::Function, || {
            let margin = builder.constant(Array::vector(margins.clone()));
            // Bounds that move inwards stop at the median.
            ((low - margin).minimum(median), (high + margin).maximum(median))
        }),
    };
    let all = [median, low, high];
    if targets == 1 {
        return Expr::concat(1, &all);
    }
    Expr::concat(2, &all.map(|part| part.expand(2))).reshape(Shape::batch(&[all.len() * targets]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner::Runner;

    fn run(shape: &HeadShape, y: &[f64], output: &str) -> Vec<f64> {
        Runner::new(&head(shape).unwrap(), 1).unwrap().run(1, &[("y", y)], output).unwrap().to_vec()
    }

    /// Two members, two targets, three levels; the bounds of the second target cross and its margin moves them inwards.
    #[test]
    fn intervals_of_two_targets_and_two_members() {
        let shape = HeadShape {
            members: 2,
            levels: 3,
            scales: vec![(10.0, 2.0), (0.0, 1.0)],
            limits: Some(vec![(7.0, 100.0), (-5.0, 5.0)]),
            temperature: 1.0,
            margins: Some(vec![0.5, -4.0]),
            ..HeadShape::default()
        };
        // Lower bounds of both targets, medians, upper bounds; then the second member.
        let y = [-1.0, 3.0, 0.0, 2.0, 1.0, -1.0, -3.0, 3.0, 0.0, 2.0, 3.0, -9.0];
        let low = ((10.0 - 2.0) + 7.0) / 2.0 - 0.5;
        let high = ((10.0 + 2.0) + (10.0 + 6.0)) / 2.0 + 0.5;
        // The second: 3, 2 and (-1 - 5) / 2 in order are -3, 2, 3; the margin moves the bounds inwards, at most to the median.
        assert_eq!(run(&shape, &y, "prediction"), [10.0, low, high, 2.0, 1.0, 2.0]);
        let open = HeadShape { margins: None, ..shape };
        assert_eq!(run(&open, &y, "prediction")[3..], [2.0, -3.0, 3.0]);
    }

    #[test]
    fn each_of_several_targets_has_its_scale_and_limits() {
        let shape = HeadShape {
            members: 1,
            levels: 1,
            scales: vec![(10.0, 2.0), (0.0, 1.0)],
            limits: Some(vec![(0.0, 11.0), (-5.0, 5.0)]),
            temperature: 1.0,
            ..HeadShape::default()
        };
        assert_eq!(run(&shape, &[1.0, 9.0], "prediction"), [11.0, 5.0]);
        let two = HeadShape { members: 2, limits: None, ..shape };
        assert_eq!(run(&two, &[1.0, 9.0, 3.0, 1.0], "prediction"), [14.0, 5.0]);
    }
}
