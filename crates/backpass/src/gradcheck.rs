//! The gradient check: automatic derivatives against central differences.

use std::fmt;

use crate::array::Array;
use crate::autodiff::{DifferentiateError, gradient};
use crate::builder::Builder;
use crate::graph::{Graph, NodeId};
use crate::interpret::interpret;
use crate::ops::Op;

/// The comparison for one variable.
#[derive(Clone, Debug)]
pub struct VariableCheck {
    /// The variable's name.
    pub name: String,
    /// The derivative by the chain rule.
    pub automatic: Array,
    /// The derivative by differences.
    pub numeric: Array,
    /// Per element: how far the two may differ, from the differences' own error estimate.
    pub tolerance: Array,
}

/// What a gradient check found.
#[derive(Clone, Debug)]
pub struct GradientReport {
    /// One comparison for each variable.
    pub variables: Vec<VariableCheck>,
}

impl VariableCheck {
    /// The element with the largest excess over its tolerance: (index, |automatic - numeric|), if any fails.
    pub fn worst(&self) -> Option<(usize, f64)> {
        let triples = self.automatic.data().iter().zip(self.numeric.data()).zip(self.tolerance.data());
        triples
            .map(|((a, n), t)| ((a - n).abs(), *t))
            .enumerate()
            .filter(|(_, (difference, tolerance))| difference.is_nan() || difference > tolerance)
            .max_by(|a, b| a.1.0.total_cmp(&b.1.0))
            .map(|(i, (difference, _))| (i, difference))
    }
}

impl GradientReport {
    /// Whether every derivative agrees.
    pub fn passed(&self) -> bool {
        self.variables.iter().all(|v| v.worst().is_none())
    }
}

impl fmt::Display for GradientReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for variable in &self.variables {
            match variable.worst() {
                None => writeln!(f, "{}: the {} derivative(s) agree", variable.name, variable.automatic.len())?,
                Some((i, difference)) => writeln!(
                    f,
                    "{}: element {i} differs by {difference:.3e}: chain rule {}, differences {}",
                    variable.name,
                    variable.automatic.data()[i],
                    variable.numeric.data()[i],
                )?,
            }
        }
        f.write_str(if self.passed() { "gradient check passed" } else { "gradient check FAILED" })
    }
}

/// Compares the gradient of the scalar `loss` with central differences at a point, for each of `variables`.
///
/// The differences use Richardson's extrapolation: steps h and h/2 combined, their disagreement giving the tolerance.
/// Where the two are far apart, as near the border of a function's domain, the step shrinks.
pub fn check_gradient(
    graph: &Graph,
    loss: NodeId,
    variables: &[NodeId],
    point: &[(&str, &Array)],
) -> Result<GradientReport, DifferentiateError> {
    if let Some(&id) = variables.iter().find(|&&id| !matches!(graph.node(id).op, Op::Input(_) | Op::Parameter(_))) {
        return Err(DifferentiateError::NotVariable { node: graph.describe(id) });
    }
    let builder = Builder::from_graph(graph.clone());
    let exprs: Vec<_> = variables.iter().map(|&v| builder.expr(v)).collect();
    let slopes: Vec<NodeId> = gradient(builder.expr(loss), &exprs)?.iter().map(|s| s.id()).collect();
    let differentiated = builder.finish()?;
    let trace = interpret(&differentiated, point)?;
    let value = |name: &str, array: &Array| -> Result<f64, DifferentiateError> {
        let moved: Vec<(&str, &Array)> = point.iter().map(|&(n, v)| (n, if n == name { array } else { v })).collect();
        Ok(interpret(graph, &moved)?.value(loss).data()[0])
    };
    let magnitude = trace.value(loss).data()[0].abs();
    let mut report = GradientReport { variables: Vec::new() };
    for (&variable, &slope) in variables.iter().zip(&slopes) {
        let name = graph.name(variable);
        let start = trace.value(variable).clone();
        let mut numeric = start.clone();
        let mut tolerance = start.clone();
        for i in 0..start.len() {
            let difference = |h: f64| -> Result<f64, DifferentiateError> {
                let mut moved = start.clone();
                moved.data_mut()[i] = start.data()[i] + h;
                let above = value(name, &moved)?;
                moved.data_mut()[i] = start.data()[i] - h;
                Ok((above - value(name, &moved)?) / (2.0 * h))
            };
            let mut h = 1e-3 * start.data()[i].abs().max(0.05);
            let (mut coarse, mut fine) = (difference(h)?, difference(h / 2.0)?);
            let agree = |a: f64, b: f64| (a - b).abs() <= 1e-3 * (1.0 + b.abs());
            while !agree(coarse, fine) && h > 1e-12 {
                h /= 4.0;
                (coarse, fine) = (difference(h)?, difference(h / 2.0)?);
            }
            let best = (4.0 * fine - coarse) / 3.0;
            numeric.data_mut()[i] = best;
            // What extrapolation cannot see: rounding of the two values whose difference is divided by h.
            let rounding = 8.0 * f64::EPSILON * magnitude / h;
            tolerance.data_mut()[i] =
                (best - fine).abs().min(1e-3 * (1.0 + best.abs())) + 1e-7 * (1.0 + best.abs()) + rounding;
        }
        let automatic = trace.value(slope).clone();
        report.variables.push(VariableCheck { name: name.to_string(), automatic, numeric, tolerance });
    }
    Ok(report)
}
