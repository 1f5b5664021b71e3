//! Which rows of a table judge models.

use backpass_tabular::{Identified, Model, Table};

use crate::exit::Failure;

/// Rows by their numbers, and what they are.
pub struct Rows {
    /// Their numbers.
    pub numbers: Vec<u32>,
    /// What they are, in words that follow their number.
    pub are: String,
    /// Whether they are to be judged by what has not learnt from them.
    pub unseen: bool,
    /// What that means for the figures.
    pub caution: Option<&'static str>,
}

impl Rows {
    /// The rows of a table that no model has learnt from, unless all are wanted: of a table that a model was trained on those
    /// that its training held out.
    pub fn of<'a>(
        models: impl IntoIterator<Item = &'a Model>,
        table: &Identified<'_>,
        all: bool,
    ) -> Result<Rows, Failure> {
        let mut numbers: Vec<u32> = (0..table.rows() as u32).collect();
        let (mut held_out, mut learnt) = (false, false);
        for model in models {
            if !model.was_trained_on(table) {
                continue;
            }
            match model.held_out(table)? {
                Some(rows) if !all => {
                    numbers.retain(|row| rows.binary_search(row).is_ok());
                    held_out = true;
                }
                _ => learnt = true,
            }
        }
        let name = &table.name;
        if numbers.is_empty() {
            let message = format!("{name}: no row was held out from the training of every model");
            let help = "help: give rows that no model was trained on, or --all-rows";
            return Err(Failure::usage(format!("{message}\n{help}")));
        }
        let (are, caution) = match (held_out, learnt) {
            (_, true) => (format!("rows of {name}, which were trained on"), Some(LEARNT)),
            (true, false) if numbers.len() == table.rows() => {
                (format!("rows of {name}, each shown to a network that has not learnt from it"), Some(HELD_OUT))
            }
            (true, false) => {
                (format!("of the {} rows of {name}: those held out from training", table.rows()), Some(HELD_OUT))
            }
            (false, false) => (format!("rows of {name}"), None),
        };
        Ok(Rows { numbers, are, unseen: !all, caution })
    }

    /// All rows of the table of its own on which a training validated.
    pub fn validated(table: &Table) -> Rows {
        let are = format!("rows of {}, on which training validated", table.name);
        Rows { numbers: (0..table.rows() as u32).collect(), are, unseen: true, caution: Some(HELD_OUT) }
    }
}

const LEARNT: &str = "The model has learnt from these rows: on new ones it will be worse.";
const HELD_OUT: &str = "Training chose the epoch, and whatever else it chose, by these very rows: on rows that played no \
                        part at all the model may be a little worse.";
