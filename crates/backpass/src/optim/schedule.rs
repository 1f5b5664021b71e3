//! Learning-rate schedules: the factor on the learning rate at each moment of training.

use crate::spec::{self, Choice, Range, SpecError};

/// How the learning rate changes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Schedule {
    /// Always the same.
    Constant,
    /// Times `factor` after every `every` epochs.
    Step {
        /// Epochs between two drops.
        every: f64,
        /// What it is multiplied with.
        factor: f64,
    },
    /// Half a cosine from 1 down to `floor`.
    Cosine {
        /// The factor at the end.
        floor: f64,
    },
    /// 1 for a while, then half a cosine down to 0.
    FlatCosine {
        /// The share of training at 1.
        flat: f64,
    },
    /// Several times from 0 up to 1 and down, each about twice as long as the one before.
    CosLog {
        /// How many times.
        cycles: f64,
        /// Cycles without improvement after which training ends; 0 for never.
        patience: f64,
    },
    /// Up to 1 during the first `rise` of training, then down to almost 0.
    OneCycle {
        /// The share of training that rises.
        rise: f64,
    },
    /// Times `factor` when the watched value has not improved for `patience` epochs.
    Plateau {
        /// Epochs without improvement.
        patience: f64,
        /// What it is multiplied with.
        factor: f64,
    },
}

const WHAT: &str = "schedule";

impl Schedule {
    /// All schedules.
    pub const ALL: &[Choice] = &[
        Choice { name: "constant", summary: "always the same", formula: "1", source: "" },
        Choice { name: "step", summary: "drops every few epochs", formula: "factor^⌊epoch/every⌋", source: "" },
        Choice {
            name: "cosine",
            summary: "half a cosine from 1 to the floor",
            formula: "floor + (1 - floor)(1 + cos πt)/2",
            source: "Loshchilov and Hutter 2017",
        },
        Choice {
            name: "flat_cosine",
            summary: "1, then half a cosine to 0",
            formula: "1 until `flat`, then (1 + cos π(t - flat)/(1 - flat))/2",
            source: "",
        },
        Choice {
            name: "coslog",
            summary: "waves that get longer",
            formula: "(1 - cos 2π log₂(1 + (2^cycles - 1)t))/2",
            source: "Holzmüller, Grinsztajn and Steinwart 2024",
        },
        Choice {
            name: "one_cycle",
            summary: "rises, then falls to almost nothing",
            formula: "two half cosines, 1/25 → 1 → 1/10000",
            source: "Smith and Topin 2018",
        },
        Choice { name: "plateau", summary: "drops when the watched value stalls", formula: "factor^drops", source: "" },
    ];

    /// Reads `name` or `name(parameter=value)`.
    pub fn parse(text: &str) -> Result<Self, SpecError> {
        let names: Vec<&str> = Self::ALL.iter().map(|c| c.name).collect();
        spec::read(WHAT, text, &names, |name, a| {
            Ok(Some(match name {
                "constant" => Schedule::Constant,
                "step" => Schedule::Step { every: a.number("every", 10.0)?, factor: a.number("factor", 0.5)? },
                "cosine" => Schedule::Cosine { floor: a.number("floor", 0.0)? },
                "flat_cosine" => Schedule::FlatCosine { flat: a.number("flat", 0.5)? },
                "coslog" => Schedule::CosLog { cycles: a.number("cycles", 4.0)?, patience: a.number("patience", 0.0)? },
                "one_cycle" => Schedule::OneCycle { rise: a.number("rise", 0.3)? },
                "plateau" => {
                    let patience = a.number("patience", 5.0)?;
                    Schedule::Plateau { patience, factor: a.number("factor", 0.5)? }
                }
                _ => return Ok(None),
            }))
        })
    }

    /// Checks the schedule's own parameters.
    pub fn check(self) -> Result<(), SpecError> {
        let (name, parameters) = self.parts();
        spec::check(WHAT, name, &parameters)
    }

    /// The name, and each parameter with its value and range.
    fn parts(self) -> (&'static str, Vec<(&'static str, f64, Range)>) {
        match self {
            Schedule::Constant => ("constant", vec![]),
            Schedule::Step { every, factor } => {
                ("step", vec![("every", every, Range::Count), ("factor", factor, Range::Shrinking)])
            }
            Schedule::Cosine { floor } => ("cosine", vec![("floor", floor, Range::Unit)]),
            Schedule::FlatCosine { flat } => ("flat_cosine", vec![("flat", flat, Range::Share)]),
            Schedule::CosLog { cycles, patience } => {
                ("coslog", vec![("cycles", cycles, Range::Count), ("patience", patience, Range::Whole)])
            }
            Schedule::OneCycle { rise } => ("one_cycle", vec![("rise", rise, Range::Unit)]),
            Schedule::Plateau { patience, factor } => {
                ("plateau", vec![("patience", patience, Range::Count), ("factor", factor, Range::Shrinking)])
            }
        }
    }

    /// The number of the cycle at a moment, from 0, and the cycles without improvement after which training ends.
    pub fn patient_cycle(self, progress: f64) -> Option<(usize, usize)> {
        match self {
            Schedule::CosLog { cycles, patience } if patience > 0.0 => {
                Some((cycle(cycles, progress) as usize, patience as usize))
            }
            _ => None,
        }
    }

    /// The factor at a moment after the warm-up: `progress` is the share of the steps that is done, `epoch` counts from 0,
    /// `drops` is how often a plateau was met.
    pub fn factor(self, progress: f64, epoch: usize, drops: u32) -> f64 {
        let half_cosine =
            |from: f64, to: f64, t: f64| to + (from - to) * 0.5 * (1.0 + (std::f64::consts::PI * t).cos());
        match self {
            Schedule::Constant => 1.0,
            Schedule::Step { every, factor } => factor.powf((epoch as f64 / every.max(1.0)).floor()),
            Schedule::Cosine { floor } => half_cosine(1.0, floor, progress),
            Schedule::FlatCosine { flat } => half_cosine(1.0, 0.0, ((progress - flat) / (1.0 - flat)).max(0.0)),
            Schedule::CosLog { cycles, .. } => half_cosine(0.0, 1.0, 2.0 * cycle(cycles, progress)),
            Schedule::OneCycle { rise } if progress < rise => half_cosine(1.0 / 25.0, 1.0, progress / rise),
            Schedule::OneCycle { rise } => half_cosine(1.0, 1e-4, (progress - rise) / (1.0 - rise).max(1e-9)),
            Schedule::Plateau { factor, .. } => factor.powi(drops as i32),
        }
    }
}

/// How many cycles of [`Schedule::CosLog`] are done.
fn cycle(cycles: f64, progress: f64) -> f64 {
    (1.0 + (cycles.exp2() - 1.0) * progress).log2()
}

impl std::fmt::Display for Schedule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (name, parameters) = self.parts();
        spec::display(f, name, &parameters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_at_known_moments() {
        let at = |text: &str, progress, epoch, drops| Schedule::parse(text).unwrap().factor(progress, epoch, drops);
        assert_eq!(at("constant", 0.7, 3, 2), 1.0);
        assert_eq!(at("step(every=10, factor=0.5)", 0.5, 25, 0), 0.25);
        assert!((at("cosine", 0.0, 0, 0) - 1.0).abs() < 1e-15);
        assert!((at("cosine", 0.5, 0, 0) - 0.5).abs() < 1e-15);
        assert!(at("cosine", 1.0, 0, 0).abs() < 1e-15);
        assert!((at("cosine(floor=0.1)", 1.0, 0, 0) - 0.1).abs() < 1e-15);
        assert_eq!(at("flat_cosine", 0.4, 0, 0), 1.0);
        assert!((at("flat_cosine", 0.75, 0, 0) - 0.5).abs() < 1e-15);
        for (moment, factor) in [(0.0, 0.0), (1.0 / 15.0, 0.0), (7.0 / 15.0, 0.0), (1.0, 0.0)] {
            assert!((at("coslog", moment, 0, 0) - factor).abs() < 1e-12, "at {moment}");
        }
        assert!((at("coslog", (2f64.powf(3.5) - 1.0) / 15.0, 0, 0) - 1.0).abs() < 1e-12);
        assert!((at("one_cycle", 0.15, 0, 0) - 0.52).abs() < 1e-12);
        assert!((at("one_cycle", 0.3, 0, 0) - 1.0).abs() < 1e-12);
        assert!((at("one_cycle", 0.65, 0, 0) - 0.50005).abs() < 1e-12);
        assert!((at("one_cycle", 1.0, 0, 0) - 1e-4).abs() < 1e-12);
        assert_eq!(at("plateau(factor=0.1)", 0.2, 9, 2), 0.010000000000000002);
    }

    #[test]
    fn every_schedule_reads_back_what_it_prints() {
        for choice in Schedule::ALL {
            let schedule = Schedule::parse(choice.name).unwrap();
            assert_eq!(Schedule::parse(&schedule.to_string()), Ok(schedule));
        }
    }
}
