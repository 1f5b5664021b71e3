//! Running the steps of a training run, with or without a clock.

use std::time::{Duration, Instant};

use backpass_kernels::Real;

use crate::compile::{Plan, Timed};
use crate::session::Session;
use crate::train::Stage;

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

/// The time of each stage of a run.
pub(super) struct Clock {
    seconds: Vec<(Stage, f64)>,
    current: Stage,
    since: Instant,
}

impl Clock {
    /// A stage begins, the first one.
    pub fn start(stage: Stage) -> Self {
        let seconds = Stage::ALL.iter().map(|stage| (*stage, 0.0)).collect();
        Clock { seconds, current: stage, since: Instant::now() }
    }

    /// The stage at hand ends, another begins.
    pub fn enter(&mut self, stage: Stage) {
        let now = Instant::now();
        let at = self.seconds.iter_mut().find(|(known, _)| *known == self.current);
        at.into_iter().for_each(|(_, seconds)| *seconds += now.duration_since(self.since).as_secs_f64());
        (self.current, self.since) = (stage, now);
    }

    /// The stages that took time, with their seconds.
    pub fn stop(mut self) -> Vec<(Stage, f64)> {
        self.enter(self.current);
        self.seconds.retain(|(_, seconds)| *seconds > 0.0);
        self.seconds
    }
}
