//! Presets: what is chosen where nothing is said, as data.

use serde::Deserialize;

use crate::fit_error::FitError;
use crate::options::FitOptions;
use crate::task::Task;

/// Options for all tasks, for each kind of task and for tables of different sizes; the later go before the earlier.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Preset {
    all: FitOptions,
    classification: FitOptions,
    regression: FitOptions,
    rows: Vec<Size>,
}

/// Options for tables of fewer rows than that; the first that fits is taken.
#[derive(Clone, Debug, Deserialize)]
struct Size {
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

    /// What it says about a task with so many rows.
    pub fn options(self, task: &Task, rows: usize) -> FitOptions {
        let of_task = if matches!(task, Task::Regression) { self.regression } else { self.classification };
        let size = self.rows.into_iter().find(|size| rows < size.below).map(|size| size.options);
        size.unwrap_or_default().or(of_task).or(self.all)
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
