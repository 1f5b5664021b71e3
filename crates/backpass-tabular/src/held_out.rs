//! Rows that training does not learn from, as the options want them.

use backpass_kernels::philox::Stream;

use crate::error::TableError;
use crate::fit_error::FitError;
use crate::model::Model;
use crate::options::FitOptions;
use crate::read::{ReadOptions, read};
use crate::schema::Schema;
use crate::split::{Split, Strategy, folds, holdout};
use crate::table::{Identified, Table};
use crate::task::Target;

/// Key of the stream that draws validation rows, apart from those of weights, shuffling and dropout.
const SPLIT: u64 = 0x5350_4c49;

/// Where the validation rows come from.
enum ValidationRows {
    None,
    Share(f64),
    Table(Box<Table>),
}

/// A table apart from the rows to validate on.
pub(crate) struct Parted {
    pub train: Table,
    pub validation: Option<Table>,
    /// The rows of both, if both are of one table.
    pub rows: Option<Split>,
}

/// Splits off the validation rows.
pub(crate) fn split(table: Table, schema: &Schema, target: &Target, options: &FitOptions) -> Result<Parted, FitError> {
    let share = match validation_rows(options, &table)? {
        ValidationRows::None => return Ok(Parted { train: table, validation: None, rows: None }),
        ValidationRows::Table(rows) => {
            let present = target.present(&rows, schema)?;
            return Ok(Parted { train: table, validation: Some(rows.select_rows(&present)), rows: None });
        }
        ValidationRows::Share(share) => share,
    };
    let split =
        by_strategy(&table, schema, target, options, |rows, strategy, random| holdout(rows, share, strategy, random))?;
    let (train, validation) = (table.select_rows(&split.train), table.select_rows(&split.validation));
    Ok(Parted { train, validation: Some(validation), rows: Some(split) })
}

impl Model {
    /// Whether the model was trained on this table, whatever its file is called: it has the same columns and cells.
    pub fn was_trained_on(&self, table: &Identified<'_>) -> bool {
        table.fingerprint() == self.manifest.fingerprint
    }

    /// The rows that training set aside to validate on, if [`Model::was_trained_on`] this table: of a bag those that were
    /// set aside from one of its networks, all in the end; none where training kept nothing of its table apart.
    pub fn held_out(&self, table: &Identified<'_>) -> Result<Option<Vec<u32>>, FitError> {
        let options = &self.manifest.options;
        if self.is_bag() {
            let known =
                |strangers: Vec<Option<u32>>| (0..).zip(strangers).filter_map(|(row, known)| known.map(|_| row));
            return Ok(self.strangers(table)?.map(|strangers| known(strangers).collect()));
        }
        if !self.sets_a_share_aside() || !self.was_trained_on(table) {
            return Ok(None);
        }
        let ValidationRows::Share(share) = validation_rows(options, table)? else { return Ok(None) };
        let present = self.target.present(table, &self.schema)?;
        let with_target = table.select_rows(&present);
        let split = by_strategy(&with_target, &self.schema, &self.target, options, |rows, strategy, random| {
            holdout(rows, share, strategy, random)
        })?;
        Ok(Some(split.validation.iter().map(|&row| present[row as usize]).collect()))
    }

    /// For each row of the table that a bag was trained on, the number of the network that has not learnt from it, if there
    /// is one.
    pub(crate) fn strangers(&self, table: &Identified<'_>) -> Result<Option<Vec<Option<u32>>>, FitError> {
        if !self.is_bag() || !self.was_trained_on(table) {
            return Ok(None);
        }
        let present = self.target.present(table, &self.schema)?;
        let with_target = table.select_rows(&present);
        let options = &self.manifest.options;
        let mut strangers = vec![None; table.rows()];
        let folds = fold_rows(&with_target, &self.schema, &self.target, options, options.bag.unwrap_or(1))?;
        for (number, kept) in (0..).zip(&self.manifest.bag) {
            let judged = folds.get(kept.fold).into_iter().flat_map(|fold| &fold.validation);
            judged.for_each(|&row| strangers[present[row as usize] as usize] = Some(number));
        }
        Ok(Some(strangers))
    }

    /// The number of networks whose mean predicts: those of a bag, or one.
    pub fn networks(&self) -> usize {
        self.manifest.bag.len().max(1)
    }

    /// Whether networks were trained on folds of the rows.
    pub fn is_bag(&self) -> bool {
        !self.manifest.bag.is_empty()
    }

    /// Whether rows that networks had not learnt from set the bounds of intervals.
    pub fn has_calibrated_intervals(&self) -> bool {
        let judged = self.manifest.rows.1 > 0 || self.is_bag();
        judged && self.target.interval.is_some() && self.manifest.options.calibrate == Some(true)
    }

    /// Whether training kept a share of its own table to validate on.
    fn sets_a_share_aside(&self) -> bool {
        let options = &self.manifest.options;
        let is_share = options.validation.as_deref().is_none_or(|text| text.parse::<f64>().is_ok());
        is_share && self.manifest.rows.1 > 0
    }
}

/// The rows of each part of a bag.
pub(crate) fn fold_rows(
    table: &Table,
    schema: &Schema,
    target: &Target,
    options: &FitOptions,
    parts: usize,
) -> Result<Vec<Split>, FitError> {
    by_strategy(table, schema, target, options, |rows, strategy, random| folds(rows, parts as u32, strategy, random))
}

/// Splits the rows as the options say.
fn by_strategy<R>(
    table: &Table,
    schema: &Schema,
    target: &Target,
    options: &FitOptions,
    split: impl FnOnce(u32, Strategy<'_>, &mut dyn FnMut(u64) -> u64) -> Result<R, TableError>,
) -> Result<R, FitError> {
    let how = options.split.as_deref().unwrap_or("random");
    let group = group_column(options);
    if let Some(column) = group {
        table.column(column)?;
    } else if !["random", "stratified", "ordered"].contains(&how) {
        return Err(FitError::choice("--split", how, "random, stratified, ordered or group=COL"));
    }
    if table.rows() < 5 {
        return Err(FitError::TooFewRows { file: table.name.clone(), rows: table.rows() });
    }
    let mut random = Stream::new(options.seed.unwrap_or(0) ^ SPLIT, 0);
    let numbers: Vec<u32>;
    let strategy = match (how, group) {
        ("ordered", _) => Strategy::Ordered,
        ("stratified", _) if target.is_number() => {
            let expected = "possible for a number; use random, ordered or group=COL";
            return Err(FitError::choice("--split", how, expected));
        }
        ("stratified", _) => {
            numbers = target.to_classes(table, schema)?.into_iter().map(|c| c.unwrap_or(0)).collect();
            Strategy::Stratified(&numbers)
        }
        (_, Some(column)) => {
            numbers = group_numbers(table, column)?;
            Strategy::Grouped(&numbers)
        }
        (_, None) => Strategy::Random,
    };
    Ok(split(table.rows() as u32, strategy, &mut |n| random.below(n))?)
}

pub(crate) fn group_column(options: &FitOptions) -> Option<&str> {
    options.split.as_deref()?.strip_prefix("group=")
}

fn group_numbers(table: &Table, column: &str) -> Result<Vec<u32>, FitError> {
    let cells = &table.column(column)?.cells;
    let mut known = std::collections::HashMap::new();
    let number = |row| {
        let next = known.len() as u32;
        *known.entry(cells.text(row).into_owned()).or_insert(next)
    };
    Ok((0..table.rows()).map(number).collect())
}

fn validation_rows(options: &FitOptions, table: &Table) -> Result<ValidationRows, FitError> {
    let text = options.validation.as_deref().unwrap_or("0.2");
    if text == "none" || text == "0" {
        return Ok(ValidationRows::None);
    }
    if let Ok(share) = text.parse::<f64>() {
        if !(share > 0.0 && share < 1.0) {
            return Err(FitError::choice("--validation", text, "a share between 0 and 1, a file, or none"));
        }
        return Ok(ValidationRows::Share(share));
    }
    let options = ReadOptions { delimiter: table.delimiter, ..ReadOptions::default() };
    Ok(ValidationRows::Table(Box::new(read(text, &options)?)))
}
