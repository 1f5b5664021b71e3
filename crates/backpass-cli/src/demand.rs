//! Conditions on metrics that the exit code answers.

use std::str::FromStr;

use backpass::suggest::closest;
use backpass_tabular::metrics::{Better, METRICS, Metric, metric_named};
use backpass_tabular::{Metrics, Target};

use crate::exit::{Exit, Failure};

/// `accuracy=0.9`: at least this good.
#[derive(Clone, Debug)]
pub struct Demand {
    metric: &'static Metric,
    value: f64,
}

impl FromStr for Demand {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').ok_or("METRIC=VALUE is expected, such as accuracy=0.9")?;
        let metric = metric_named(name.trim()).ok_or_else(|| {
            let names: Vec<&str> = METRICS.iter().map(|m| m.name).collect();
            match closest(name, names.iter().copied()) {
                Some(near) => format!("there is no metric `{name}`, did you mean `{near}`?"),
                None => format!("there is no metric `{name}`; there is {}", names.join(", ")),
            }
        })?;
        let value = value.trim().parse().ok().filter(|v: &f64| v.is_finite());
        Ok(Demand { metric, value: value.ok_or_else(|| format!("the value of {name} must be a number"))? })
    }
}

impl Demand {
    /// Fails if any demand is on a metric that a task does not have.
    pub fn suit(demands: &[Demand], target: &Target) -> Result<(), Failure> {
        let known = target.metric_names()?;
        match demands.iter().find(|demand| !known.contains(&demand.metric.name)) {
            None => Ok(()),
            Some(Demand { metric, .. }) => {
                let message = format!("--require {}: this task has other metrics", metric.name);
                Err(Failure::usage(format!("{message}\nhelp: there is {}", known.join(", "))))
            }
        }
    }

    /// Fails if any demand is not met.
    pub fn check(demands: &[Demand], metrics: &Metrics) -> Result<(), Failure> {
        let mut unmet = Vec::new();
        for Demand { metric, value } in demands {
            let name = metric.name;
            let found = metrics.get(name).unwrap_or(f64::NAN);
            let (met, bound) = match metric.better {
                Better::Higher => (found >= *value, "at least"),
                Better::Lower => (found <= *value, "at most"),
            };
            if !met {
                unmet.push(format!("{name} is {found}, {bound} {value} was demanded"));
            }
        }
        if unmet.is_empty() { Ok(()) } else { Err(Failure::new(Exit::Demand, unmet.join("\n"))) }
    }
}
