//! Running the steps of a training run, with or without a clock.

use std::time::Duration;

use backpass_kernels::Real;

use crate::compile::{Plan, Timed};
use crate::session::Session;

/// The time of each instruction in all steps so far, if anybody wants to know.
pub(super) struct Timer(Option<Vec<Duration>>);

impl Timer {
    pub fn new(plan: &Plan, profile: bool) -> Self {
        Timer(profile.then(|| vec![Duration::ZERO; plan.instruction_count()]))
    }

    /// Runs a session with that plan.
    pub fn run<T: Real>(&mut self, session: &mut Session<T>, rows: usize) {
        match &mut self.0 {
            Some(times) => session.run_timed(rows, &[], times),
            None => session.run(rows),
        }
    }

    /// The instructions of the plan with their times, none without a clock.
    pub fn instructions(&self, plan: &Plan) -> Vec<Timed> {
        self.0.as_ref().map_or_else(Vec::new, |times| plan.timed(times))
    }
}
