//! Activations with their derivatives, and what their numbers say.

use backpass::nn::Activation;
use backpass::{Array, Builder, Graph, NodeId, Shape as Sizes};

use super::PlotError;
use super::axis::Axis;
use super::chart::{Chart, Series, Shape};
use super::contour::Point;
use super::sheet::Sheet;
use crate::number;

/// From where to where activations are shown.
const SHOWN: (f64, f64) = (-5.0, 5.0);
/// The number of points of a curve.
const POINTS: usize = 401;
/// Where an activation has come as far as it gets.
const FAR: f64 = 60.0;
/// Halvings that leave no more than rounding of a distance between neighbouring points.
const HALVINGS: usize = 60;
/// A change across such a distance that is a jump.
const JUMP: f64 = 1e-6;

/// An activation with its derivative from -5 to 5. The derivative is the engine's; the remarks follow from the numbers.
///
/// # Errors
/// When the engine cannot differentiate or interpret the activation.
pub fn activation(activation: &Activation) -> Result<Chart, PlotError> {
    let curve = Curves::of(activation)?;
    let formula = activation.op().map_or("x", |op| op.info().formula);
    let summary = activation.op().map_or("no activation", |op| op.info().summary);
    let mut chart = Chart::new(activation.to_string(), Axis::linear("x"), Axis::linear(""));
    let cost = match activation.op() {
        None => "Costs nothing.",
        Some(op) if op.info().is_transcendental() => "Costs an exponential or its like for every value.",
        Some(_) => "Costs a comparison for every value.",
    };
    chart.subtitle = format!("y = {}, {summary}. {} {cost}", number::typeset(formula), curve.remarks()?.join(" "));
    for (values, name) in [(Which::Value, "y"), (Which::Slope, "dy/dx")] {
        let (line, jumps) = curve.line(values)?;
        let colour = values as usize;
        let shape = if values == Which::Value { Shape::Curve(line) } else { Shape::Dashed(line) };
        chart.series.push(Series::new(name, shape).coloured(colour));
        let open = jumps.iter().flat_map(|jump| jump.open.iter().copied()).collect::<Vec<_>>();
        let taken = jumps.iter().filter_map(|jump| jump.taken).collect::<Vec<_>>();
        if !jumps.is_empty() {
            chart.series.push(Series::new("", Shape::Rings(open)).coloured(colour));
            chart.series.push(Series::new("", Shape::Dots(taken)).coloured(colour));
        }
    }
    Ok(chart)
}

/// All activations, each with its derivative.
///
/// # Errors
/// As [`activation`].
pub fn activations() -> Result<Sheet, PlotError> {
    let one = |name: &&str| {
        // Only attributes can be wrong, and none are given.
        let parsed = Activation::parse(name).unwrap_or(Activation::IDENTITY);
        let mut chart = activation(&parsed)?;
        chart.x.label.clear();
        chart.series.iter_mut().for_each(|series| series.name.clear());
        chart.subtitle = number::typeset(parsed.op().map_or("x", |op| op.info().formula));
        Ok(chart)
    };
    let charts = Activation::names().iter().map(one).collect::<Result<_, PlotError>>()?;
    let subtitle = "Solid: y; dashed: its derivative dy/dx. A ring is an end that does not belong to its line, a dot one that does.";
    Ok(Sheet { title: "Activations".into(), subtitle: subtitle.into(), charts, columns: 4 })
}

/// The activation or its derivative.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    Value = 0,
    Slope = 1,
}

/// A place where a curve jumps.
struct Jump {
    /// The end that the curve takes at that place, if it is one of the points looked at.
    taken: Option<Point>,
    /// The ends that it does not take.
    open: Vec<Point>,
}

/// An activation `y` of rows `x` and its derivative as one graph.
struct Curves {
    graph: Graph,
    results: [NodeId; 2],
}

impl Curves {
    fn of(activation: &Activation) -> Result<Self, PlotError> {
        let builder = Builder::new();
        let x = builder.input("x", Sizes::batch(&[]));
        let y = activation.apply(x);
        let slope = backpass::autodiff::gradient(y.sum_all(), &[x])?[0];
        let results = [y.id(), slope.id()];
        let graph = builder.finish().map_err(backpass::autodiff::DifferentiateError::from)?;
        Ok(Curves { graph, results })
    }

    fn at(&self, which: Which, x: &[f64]) -> Result<Vec<f64>, PlotError> {
        let trace = backpass::interpret::interpret(&self.graph, &[("x", &Array::vector(x))])?;
        Ok(trace.value(self.results[which as usize]).data().to_vec())
    }

    /// The curve as a line with a gap at each jump, and the jumps.
    fn line(&self, which: Which) -> Result<(Vec<Point>, Vec<Jump>), PlotError> {
        let x = places();
        let y = self.at(which, &x)?;
        let (mut left, mut right): (Vec<f64>, Vec<f64>) = (x[..POINTS - 1].to_vec(), x[1..].to_vec());
        let (mut y_left, mut y_right) = (y[..POINTS - 1].to_vec(), y[1..].to_vec());
        // Each interval is halved towards its largest change: what remains at the end is a jump.
        for _ in 0..HALVINGS {
            let middle: Vec<f64> = left.iter().zip(&right).map(|(a, b)| 0.5 * (a + b)).collect();
            let y_middle = self.at(which, &middle)?;
            for i in 0..middle.len() {
                if (y_middle[i] - y_left[i]).abs() > (y_right[i] - y_middle[i]).abs() {
                    (right[i], y_right[i]) = (middle[i], y_middle[i]);
                } else {
                    (left[i], y_left[i]) = (middle[i], y_middle[i]);
                }
            }
        }
        let (mut line, mut jumps) = (vec![(x[0], y[0])], Vec::new());
        for i in 0..POINTS - 1 {
            if (y_right[i] - y_left[i]).abs() > JUMP {
                let ends = [(left[i], y_left[i]), (right[i], y_right[i])];
                let given = [left[i] == x[i], right[i] == x[i + 1]];
                let taken = ends.into_iter().zip(given).find(|(_, given)| *given).map(|(end, _)| end);
                let open = ends.into_iter().filter(|end| Some(*end) != taken).collect();
                jumps.push(Jump { taken, open });
                line.extend([ends[0], (left[i], f64::NAN), ends[1]]);
            }
            line.push((x[i + 1], y[i + 1]));
        }
        Ok((line, jumps))
    }

    /// What is remarkable, in sentences.
    fn remarks(&self) -> Result<Vec<String>, PlotError> {
        // Rounding brings halved intervals back to their places, and adding zero turns −0 into 0.
        let say = |value: f64| number::typeset(&number::number((value * 1e9).round() / 1e9 + 0.0, 3));
        let x = places();
        let (y, slope) = (self.at(Which::Value, &x)?, self.at(Which::Slope, &x)?);
        let ends = [-FAR, FAR];
        let (y_far, slope_far) = (self.at(Which::Value, &ends)?, self.at(Which::Slope, &ends)?);
        let mut remarks = Vec::new();
        let flat = [0, 1].map(|side| slope_far[side].abs() < JUMP);
        let limit = [0, 1].map(|side| say(y_far[side]));
        remarks.push(match flat {
            [true, true] => format!("Saturates on both sides, at {} and {}.", limit[0], limit[1]),
            [true, false] => format!("Saturates on the left, at {}; grows without bound on the right.", limit[0]),
            [false, true] => format!("Saturates on the right, at {}; unbounded on the left.", limit[1]),
            [false, false] => "Unbounded on both sides: it never saturates.".into(),
        });
        let jumps = |which: Which| Ok::<_, PlotError>(self.line(which)?.1);
        for jump in jumps(Which::Value)? {
            remarks.push(format!("Jumps at {}.", say(jump.open[0].0)));
        }
        if jumps(Which::Value)?.is_empty() {
            for jump in jumps(Which::Slope)? {
                let taken =
                    jump.taken.map_or(String::new(), |end| format!(", where the slope counts as {}", say(end.1)));
                remarks.push(format!("Has a kink at {}{taken}.", say(jump.open[0].0)));
            }
        }
        if slope.iter().all(|&s| s == 0.0) {
            remarks.push("Its slope is 0 everywhere, so nothing can be learnt through it.".into());
        } else if let Some(run) = zero_run(&slope) {
            let place = match run {
                (0, end) => format!("for x up to {}", say(x[end])),
                (start, end) if end == POINTS - 1 => format!("for x from {}", say(x[start])),
                (start, end) => format!("for x from {} to {}", say(x[start]), say(x[end])),
            };
            remarks.push(format!("Its slope is exactly 0 {place}: no gradient comes through there."));
        }
        let (least, lowest) = extreme(&x, &y, |a, b| a < b);
        let (steepest, largest) = extreme(&x, &slope, |a, b| a > b);
        if slope.iter().any(|&s| s < -JUMP) {
            remarks.push(format!("Falls and rises: its least value is {} at {}.", say(lowest), say(least)));
        }
        if largest > JUMP && slope.iter().any(|&s| s != slope[0]) {
            let at = if slope.iter().filter(|&&s| s > largest - JUMP).count() == 1 {
                format!(" at {}", say(steepest))
            } else {
                String::new()
            };
            remarks.push(format!("Its largest slope is {}{at}.", say(largest)));
        }
        Ok(remarks)
    }
}

/// The points of a curve; 0 is one of them.
fn places() -> Vec<f64> {
    let middle = (POINTS / 2) as f64;
    (0..POINTS).map(|i| SHOWN.1 * (i as f64 - middle) / middle).collect()
}

/// The longest run of zeros, as the indices of its ends; none where there are only single zeros.
fn zero_run(values: &[f64]) -> Option<(usize, usize)> {
    let mut longest = None;
    let mut start = None;
    for (index, &value) in values.iter().enumerate() {
        if value != 0.0 {
            start = None;
            continue;
        }
        let begin = *start.get_or_insert(index);
        if index > begin && longest.is_none_or(|(a, b)| index - begin > b - a) {
            longest = Some((begin, index));
        }
    }
    longest
}

/// Where the best value lies, and the value.
fn extreme(x: &[f64], y: &[f64], better: impl Fn(f64, f64) -> bool) -> (f64, f64) {
    let pairs = x.iter().copied().zip(y.iter().copied());
    pairs.reduce(|best, next| if better(next.1, best.1) { next } else { best }).unwrap_or((f64::NAN, f64::NAN))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Activation {
        Activation::parse(text).unwrap()
    }

    #[test]
    fn derivatives_agree_with_differences() {
        for name in Activation::names() {
            let curves = Curves::of(&parsed(name)).unwrap();
            let away_from_kinks = |x: &f64| [0.0, 1.0, 3.0].iter().all(|kink| (x.abs() - kink).abs() > 1e-3);
            let x: Vec<f64> = places().into_iter().filter(away_from_kinks).collect();
            let moved = |by: f64| curves.at(Which::Value, &x.iter().map(|x| x + by).collect::<Vec<_>>()).unwrap();
            let (up, down, slope) = (moved(1e-5), moved(-1e-5), curves.at(Which::Slope, &x).unwrap());
            for i in 0..x.len() {
                let difference = (up[i] - down[i]) / 2e-5;
                assert!((difference - slope[i]).abs() < 1e-8, "{name} at {}: {difference} and {}", x[i], slope[i]);
            }
        }
    }

    #[test]
    fn jumps_are_found_and_are_no_lines() {
        let (line, jumps) = Curves::of(&parsed("step")).unwrap().line(Which::Value).unwrap();
        assert_eq!(jumps.len(), 1);
        assert_eq!(jumps[0].taken, Some((0.0, 0.0)));
        assert!(jumps[0].open[0].0.abs() < 1e-9 && jumps[0].open[0].1 == 1.0);
        assert!(!line.windows(2).any(|p| (p[1].1 - p[0].1).abs() > 0.1), "a slanted line");
        for name in ["tanh", "sigmoid", "gelu", "softplus", "elu", "relu", "identity"] {
            assert!(Curves::of(&parsed(name)).unwrap().line(Which::Value).unwrap().1.is_empty(), "{name}");
        }
        let kinks = |name| Curves::of(&parsed(name)).unwrap().line(Which::Slope).unwrap().1.len();
        let found = ["relu", "leaky_relu(slope=0.1)", "selu", "elu", "elu(alpha=2)", "tanh", "mish", "silu"].map(kinks);
        assert_eq!(found, [1, 1, 1, 0, 1, 0, 0, 0]);
    }

    #[test]
    fn remarks_say_what_is_true() {
        let said = |name| activation(&parsed(name)).unwrap().subtitle;
        for (name, parts) in [
            ("sigmoid", &["on both sides, at 0 and 1.", "largest slope is 0.25 at 0", "exponential"][..]),
            ("tanh", &["at −1 and 1.", "largest slope is 1 at 0"]),
            (
                "relu",
                &[
                    "on the left, at 0;",
                    "kink at 0, where the slope counts as 0",
                    "exactly 0 for x up to 0",
                    "comparison",
                ],
            ),
            ("leaky_relu(slope=0.1)", &["never saturates", "kink at 0, where the slope counts as 0.1"]),
            ("step", &["Jumps at 0.", "slope is 0 everywhere"]),
            ("silu", &["least value is −0.278 at −1.27", "largest slope is 1.1"]),
            ("elu(alpha=2)", &["on the left, at −2;"]),
            ("identity", &["never saturates", "Costs nothing"]),
        ] {
            for part in parts {
                assert!(said(name).contains(part), "{name}: {part} is not in: {}", said(name));
            }
        }
        assert!(!said("tanh").contains("exactly 0") && !said("elu").contains("kink"));
    }

    #[test]
    fn the_sheet_has_every_activation() {
        let sheet = activations().unwrap();
        assert_eq!(sheet.charts.len(), Activation::names().len());
        assert!(sheet.svg(sheet.size((300, 240)), crate::Theme::Light).is_ok());
    }
}
