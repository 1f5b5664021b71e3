//! Finding where a run first left the finite numbers.

use backpass_kernels::Real;

use crate::array::Array;
use crate::compile::SlotKind;
use crate::interpret::interpret_as;
use crate::session::{Session, SessionError};
use crate::train::Divergence;
use crate::train::run::{Moment, Stepper};

/// Repeats an epoch from its start, which gives the same bits, up to the first step that leaves the loss, a parameter or
/// a state not finite, and looks into that step.
pub(super) fn diagnose<T: Real, D: Real>(
    stepper: &mut Stepper<'_, T, D>,
    before: &[T],
    epoch: usize,
    order: &[u32],
    at: &dyn Fn(usize) -> Moment,
) -> Result<Divergence, SessionError> {
    stepper.restore(before);
    let mut state = before.to_vec();
    let (mut number, mut loss, mut rows) = (0, f64::NAN, 0);
    for (index, batch) in order.chunks(stepper.batch).enumerate() {
        (number, rows) = (stepper.number(epoch, index), batch.len());
        stepper.gather(batch, at(index), number);
        loss = stepper.step(rows);
        if !loss.is_finite() || !stepper.is_finite() {
            break;
        }
        stepper.save(&mut state);
    }
    stepper.restore(&state);
    let (node, value) = first_bad(&stepper.session, rows)?.unwrap_or((String::new(), loss));
    let help = "lower the learning rate, clip the gradient, or scale the inputs";
    Ok(Divergence { epoch: epoch + 1, step: number, node, value, help })
}

/// Interprets a plan's graph on what its session holds: the first bad node in words, and its first bad value.
pub(super) fn first_bad<T: Real>(session: &Session<T>, rows: usize) -> Result<Option<(String, f64)>, SessionError> {
    let graph = session.plan().graph();
    let mut values = Vec::new();
    for slot in session.plan().slots().iter().filter(|s| s.kind != SlotKind::Output) {
        values.push((slot.name.as_str(), session.get(slot.kind, &slot.name, rows)?));
    }
    let point: Vec<(&str, &Array)> = values.iter().map(|(name, value)| (*name, value)).collect();
    let bad = interpret_as::<T>(graph, &point).ok().and_then(|trace| {
        let id = trace.first_bad(graph)?;
        let value = trace.value(id).data().iter().copied().find(|v| !v.is_finite())?;
        Some((graph.describe(id), value))
    });
    Ok(bad)
}
