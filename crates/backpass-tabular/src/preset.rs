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

/// Options for tables of at least so many features, and more of them for classes; the first that fits is taken.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wide {
    from: usize,
    options: FitOptions,
    #[serde(default)]
    classification: FitOptions,
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
        let regression = matches!(task, Task::Regression);
        let of_task = if regression { self.regression } else { self.classification };
        let wide = self.features.into_iter().find(|wide| features >= wide.from);
        let wide = wide.map(|wide| if regression { wide.options } else { wide.classification.or(wide.options) });
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
    fn the_best_is_chosen_unless_the_network_or_its_steps_are_given() {
        let given = FitOptions { epochs: Some(5), bag: Some(2), ..FitOptions::new("y") };
        assert_eq!(Preset::chosen(&given), "best");
        assert_eq!(Preset::chosen(&FitOptions { hidden: Some("8".into()), ..given.clone() }), "fast");
        assert_eq!(Preset::chosen(&FitOptions { learning_rate: Some(0.1), ..given.clone() }), "fast");
        let named = FitOptions { preset: Some("best".into()), hidden: Some("8".into()), ..given };
        assert_eq!(Preset::chosen(&named), "best");
    }

    #[test]
    fn what_fits_a_table_more_closely_goes_first() {
        let text = r#"
            all = { epochs = 1, dropout = 0.1, bag = 1, embedding = "periodic" }
            regression = { epochs = 2, dropout = 0.2, bag = 2 }
            rows = [{ below = 10, options = { epochs = 3, dropout = 0.3 } }, { below = 20, options = { epochs = 4 } }]
            features = [{ from = 5, options = { epochs = 5 }, classification = { watch = "accuracy" } }]
        "#;
        let preset = || toml::from_str::<Preset>(text).unwrap();
        let of = |rows, features| preset().options(&Task::Regression, rows, features);
        assert_eq!((of(9, 5).epochs, of(9, 5).watch), (Some(5), None));
        assert_eq!(
            preset().options(&Task::Multiclass { classes: Vec::new() }, 9, 5).watch.as_deref(),
            Some("accuracy")
        );
        assert_eq!((of(9, 4).epochs, of(9, 4).dropout), (Some(3), Some(0.3)));
        assert_eq!((of(10, 4).epochs, of(10, 4).dropout), (Some(4), Some(0.2)));
        assert_eq!((of(20, 4).epochs, of(20, 4).bag), (Some(2), Some(2)));
        assert_eq!(of(20, 4).embedding.as_deref(), Some("periodic"));
    }

    #[test]
    fn a_name_that_no_preset_has_is_refused() {
        assert!(Preset::check("lecture").is_ok());
        let error = Preset::check("bset").unwrap_err().to_string();
        assert!(error.contains("--preset") && error.contains("best, fast or lecture"), "{error}");
    }
}
