//! What is remarkable about a node, in words, found by looking at its numbers.

use super::{Explanation, Names};
use crate::array::Array;
use crate::autodiff::Flowing;
use crate::graph::NodeId;
use crate::ops::{Category, Op};
use crate::passes::is_map;
use crate::text::operation;
use crate::view::number;

/// Derivatives of an activation below this are called saturation.
const FLAT: f64 = 1e-3;
/// How far to either side of a point a kink or jump is looked for.
const ASIDE: f64 = 1e-7;

/// The remarks on one node of a graph.
pub(super) fn notes(explanation: &Explanation, names: &Names, id: NodeId, digits: usize) -> Vec<String> {
    let mut notes = Vec::new();
    notes.extend(not_finite(explanation, names, id, digits));
    let node = explanation.graph().node(id);
    for flow in explanation.flows(id) {
        let arg = node.args[flow.operand];
        if matches!(explanation.graph().node(arg).op, Op::Constant(_)) {
            continue;
        }
        match &flow.value {
            Flowing::Zero(reason) => notes.push(format!("Nothing flows back to {}: {reason}.", names.get(arg))),
            Flowing::None(reason) => {
                notes.push(format!("There is no derivative with respect to {}: {reason}.", names.get(arg)))
            }
            Flowing::Of(back) => {
                let lost = is_finite(&explanation.gradients[id.index()]) && !back.data().iter().all(|v| v.is_finite());
                if lost && explanation.value(id).data().iter().all(|v| v.is_finite()) {
                    notes.push(format!(
                        "The gradient stops being finite on its way back through {} to {}.",
                        names.formula(explanation.graph(), id),
                        names.get(arg)
                    ));
                }
            }
        }
    }
    let is_finite = explanation.value(id).data().iter().all(|v| v.is_finite());
    for operand in (0..node.args.len()).filter(|_| is_map(explanation.graph(), node)) {
        let arg = node.args[operand];
        let is_constant = matches!(explanation.graph().node(arg).op, Op::Constant(_));
        // A condition only tells zero from the rest: how it would move a little is no question.
        let is_condition = matches!(node.op, Op::Select(_)) && operand == 0;
        if is_constant || is_condition || node.args[..operand].contains(&arg) {
            continue;
        }
        match is_finite {
            true => notes.extend(elementwise(explanation, names, id, operand, digits)),
            false => notes.extend(undefined(explanation, names, id, operand, digits)),
        }
    }
    notes
}

fn is_finite(array: &Option<Array>) -> bool {
    array.as_ref().is_some_and(|a| a.data().iter().all(|v| v.is_finite()))
}

fn not_finite(explanation: &Explanation, names: &Names, id: NodeId, digits: usize) -> Option<String> {
    if explanation.first_bad() != Some(id) {
        return None;
    }
    let node = explanation.graph().node(id);
    let value = explanation.value(id).data().iter().copied().find(|v| !v.is_finite())?;
    let what = if value.is_nan() { "NaN" } else { "infinity" };
    if node.args.is_empty() {
        return Some(format!("{} is given as {what}.", names.get(id)));
    }
    let formula = operation(node, |arg| match explanation.value(arg).item() {
        Some(item) => number(item, digits),
        None => names.get(arg).to_string(),
    });
    Some(format!("This is where {what} arises first: {formula}."))
}

/// A derivative that is a number where the function has no value, as that of log at -1.
fn undefined(explanation: &Explanation, names: &Names, id: NodeId, operand: usize, digits: usize) -> Option<String> {
    let (node, value) = (explanation.graph().node(id), explanation.value(id));
    let args: Vec<Array> = node.args.iter().map(|&a| explanation.value(a).broadcast_to(value.shape())).collect();
    let local = explanation.rule(names, id, operand).local?;
    let arises = |i: &usize| value.data()[*i].is_nan() && args.iter().all(|a| a.data()[*i].is_finite());
    let i = (0..value.len()).filter(arises).find(|&i| local.data()[i].is_finite())?;
    Some(format!(
        "{} has no value at {} = {}, and so no derivative: {} is only what the formula of the derivative gives there.",
        node.op.written(),
        names.get(node.args[operand]),
        number(args[operand].data()[i], digits),
        number(local.data()[i], digits),
    ))
}

/// Kinks, jumps, zero derivatives and saturation of an operator that works element by element.
fn elementwise(explanation: &Explanation, names: &Names, id: NodeId, operand: usize, digits: usize) -> Vec<String> {
    let node = explanation.graph().node(id);
    let value = explanation.value(id);
    let args: Vec<Array> = node.args.iter().map(|&a| explanation.value(a).broadcast_to(value.shape())).collect();
    let moved = |aside: &Array| {
        let operands: Vec<&Array> =
            args.iter().zip(&node.args).map(|(a, &arg)| if arg == node.args[operand] { aside } else { a }).collect();
        node.op.eval(&operands, value.shape())
    };
    let x = &args[operand];
    let step = |v: f64| ASIDE * if v == 0.0 { 1.0 } else { v.abs().min(1.0) };
    let (above, below) = (moved(&x.map(|v| v + step(v))), moved(&x.map(|v| v - step(v))));
    let (mut kinks, mut jumps, mut zeros, mut flat) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let local = explanation.rule(names, id, operand).local;
    let is_choice = matches!(node.op, Op::Maximum(_) | Op::Minimum(_));
    let is_activation = node.op.info().category == Category::Activation;
    for i in 0..value.len() {
        let h = step(x.data()[i]);
        let right = (above.data()[i] - value.data()[i]) / h;
        let left = (value.data()[i] - below.data()[i]) / h;
        let apart = (right - left).abs();
        let steeper = right.abs().max(left.abs());
        // What rounding of the three values and of the moved operand can make of equal slopes.
        let noise = 64.0 * f64::EPSILON * (value.data()[i].abs() + steeper * x.data()[i].abs()) / h;
        if right.is_finite() && left.is_finite() && apart > 1e-3 * steeper && apart > noise + 1e-4 {
            if steeper > 1e3 {
                jumps.push(i)
            } else {
                kinks.push((i, left, right))
            }
            continue;
        }
        let Some(slope) = local.as_ref().map(|l| l.data()[i]) else { continue };
        if slope == 0.0 && (is_activation || is_choice) {
            zeros.push(i);
        } else if slope.abs() < FLAT && is_activation {
            flat.push((i, slope));
        }
    }
    let (op, arg) = (node.op.written(), names.get(node.args[operand]));
    let number = |v: f64| number(v, digits);
    let at = |i: usize| number(x.data()[i]);
    let of_all = |count: usize| {
        if value.len() == 1 { String::new() } else { format!(" at {count} of {} elements", value.len()) }
    };
    let mut notes = Vec::new();
    if let Some(&i) = jumps.first() {
        notes.push(format!("{op} jumps at {arg} = {}{}: it has no derivative there.", at(i), of_all(jumps.len())));
    }
    if let Some(&(i, left, right)) = kinks.first() {
        let used = local.as_ref().map_or(f64::NAN, |l| l.data()[i]);
        notes.push(format!(
            "{op} has a kink at {arg} = {}{}: its slope is {} on the left and {} on the right; {} is used.",
            at(i),
            of_all(kinks.len()),
            number(left),
            number(right),
            number(used),
        ));
    }
    if let Some(&i) = zeros.first() {
        let why = match is_choice {
            true => format!("{op} takes its other operand, its derivative is 0"),
            false => flat_at(&node.op, op, &at(i)),
        };
        let is_zero = if node.op.info().is_transcendental() { "rounds to 0" } else { "is 0" };
        notes.push(match value.len() {
            1 => format!("Nothing flows back to {arg}: {why}."),
            _ => {
                format!("Nothing flows back to {arg}{}, where the derivative of {op} {is_zero}.", of_all(zeros.len()))
            }
        });
    }
    if let Some(&(i, slope)) = flat.first() {
        notes.push(match value.len() {
            1 => format!("{op} is saturated at {arg} = {}: its derivative is only {}.", at(i), number(slope)),
            _ => format!("{op} is saturated{}: its derivative is below {}.", of_all(flat.len()), number(FLAT)),
        });
    }
    notes
}

/// Why the derivative of an activation is zero at `x`: a sigmoid or tanh only comes so near that rounding leaves nothing.
fn flat_at(activation: &Op, written: &str, x: &str) -> String {
    match activation.info().is_transcendental() {
        true => format!("{written} is so flat at {x} that its derivative rounds to 0"),
        false => format!("{written} is flat at {x}, its derivative is 0"),
    }
}

/// The remark on one neuron whose activation `output` takes the sum `sum`.
pub(super) fn unit_note(run: &Explanation, output: NodeId, unit: usize, sum: f64, digits: usize) -> Option<String> {
    let node = run.graph().node(output);
    let slope = run.rule(run.names(), output, 0).local?.data().get(unit).copied()?;
    let (op, sum) = (node.op.info().name, number(sum, digits));
    match slope.abs() {
        0.0 => Some(format!("Nothing flows back through it: {}.", flat_at(&node.op, op, &sum))),
        slope if slope < FLAT => {
            Some(format!("{op} is saturated at {sum}: its derivative is only {}.", number(slope, digits)))
        }
        _ => None,
    }
}
