//! Presets: what is chosen where nothing is said, as data.

use serde::Deserialize;

use crate::fit_error::FitError;
use crate::options::FitOptions;
use crate::task::Task;

/// Options for all tasks, for each kind of task, for tables of few rows and for tables of many features; the later go
/// before the earlier.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Preset {
    all: FitOptions,
    classification: FitOptions,
    regression: FitOptions,
    rows: Vec<Short>,
    features: Vec<Wide>,
}

/// Options for tables of at least so many features; the first that fits is taken.
#[derive(Clone, Debug, Deserialize)]
struct Wide {
    from: usize,
    options: FitOptions,
}

/// Options for tables of fewer rows than that; the first that fits is taken.
#[derive(Clone, Debug, Deserialize)]
struct Short {
    below: usize,
    options: FitOptions,
}

impl Preset {
    /// The presets by name.
    pub const ALL: [(&str, &str); 3] =
        [("best", include_str!("preset/best.toml")), ("fast", ""), ("lecture", include_str!("preset/lecture.toml"))];

    /// Refuses a name that no preset has.
    pub fn check(name: &str) -> Result<(), FitError> {
        let known = Self::ALL.iter().any(|(known, _)| *known == name);
        if known { Ok(()) } else { Err(FitError::choice("--preset", name, "best, fast or lecture")) }
    }

    /// The preset of that name; nothing for none of them.
    pub fn of(name: &str) -> Preset {
        let text = Self::ALL.iter().find(|(known, _)| *known == name).map_or("", |(_, text)| text);
        toml::from_str(text).unwrap_or_default()
    }

    /// The preset of options that name none: the best one, unless they say what the network or its steps are. These
    /// numbers mean a plain network, and belong to none of the parts of another one.
    pub fn chosen(options: &FitOptions) -> &str {
        let by_hand = options.hidden.is_some()
            || options.activation.is_some()
            || options.init.is_some()
            || options.optimizer.is_some()
            || options.learning_rate.is_some();
        options.preset.as_deref().unwrap_or(if by_hand { "fast" } else { "best" })
    }

    /// What it says about a task with so many rows and features.
    pub fn options(self, task: &Task, rows: usize, features: usize) -> FitOptions {
        let of_task = if matches!(task, Task::Regression) { self.regression } else { self.classification };
        let wide = self.features.into_iter().find(|wide| features >= wide.from).map(|wide| wide.options);
        let short = self.rows.into_iter().find(|short| rows < short.below).map(|short| short.options);
        wide.unwrap_or_default().or(short.unwrap_or_default()).or(of_task).or(self.all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_can_be_read() {
        for (name, text) in Preset::ALL {
            if let Err(error) = toml::from_str::<Preset>(text) {
                panic!("{name}: {error}");
            }
        }
    }

    #[test]
    fn a_name_that_no_preset_has_is_refused() {
        assert!(Preset::check("lecture").is_ok());
        let error = Preset::check("bset").unwrap_err().to_string();
        assert!(error.contains("--preset") && error.contains("best, fast or lecture"), "{error}");
    }
}
