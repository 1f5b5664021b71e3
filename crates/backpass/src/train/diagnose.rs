//! Finding where a run first left the finite numbers.

use backpass_kernels::Real;

use crate::array::Array;
use crate::compile::SlotKind;
use crate::interpret::interpret_f32;
use crate::session::SessionError;
use crate::train::run::{Snapshot, Stepper};

/// Replays an epoch from its start and interprets the first step that leaves a parameter, state or loss not finite:
/// (step number, first bad node in words, its first bad value).
pub(super) fn diagnose<T: Real>(
    stepper: &mut Stepper<'_, T>,
    before: &Snapshot,
    epoch: usize,
    order: &[u32],
    rate: &dyn Fn(usize) -> f64,
) -> Result<Option<(u64, String, f64)>, SessionError> {
    for (name, value) in before {
        stepper.session.set(SlotKind::Parameter, name, value)?;
    }
    let steps = stepper.steps_per_epoch();
    for (index, batch) in order.chunks(stepper.batch).enumerate() {
        let mut values: Snapshot = Vec::new();
        for (name, _) in before {
            values.push((name.clone(), stepper.session.get(SlotKind::Parameter, name, 0)?));
        }
        let number = (epoch * steps + index + 1) as u64;
        let loss = stepper.step(batch, rate(index), number);
        let finite = |a: &Array| a.data().iter().all(|v| v.is_finite());
        let mut all_finite = loss.is_finite();
        for (name, _) in before {
            all_finite &= finite(&stepper.session.get(SlotKind::Parameter, name, 0)?);
        }
        if all_finite {
            continue;
        }
        for slot in stepper.session.plan().slots().iter().filter(|s| s.kind == SlotKind::Input) {
            values.push((slot.name.clone(), stepper.session.get(SlotKind::Input, &slot.name, batch.len())?));
        }
        let graph = &stepper.objective.graph;
        let point: Vec<(&str, &Array)> = values.iter().map(|(n, v)| (n.as_str(), v)).collect();
        let Ok(trace) = interpret_f32(graph, &point) else { return Ok(None) };
        return Ok(trace.first_bad(graph).map(|id| {
            let bad = trace.value(id).data().iter().find(|v| !v.is_finite());
            (number, graph.describe(id), bad.copied().unwrap_or(f64::NAN))
        }));
    }
    Ok(None)
}
