//! The report on a model: one page that needs nothing but itself, and no script.

mod charts;
mod doctor;
mod page;
mod rows;
mod sections;

use std::path::Path;

use backpass_tabular::doctor::examine_model;
use backpass_tabular::{AssessOptions, Identified, Model, Table, write_file};

use crate::exit::Failure;
use crate::profile::Profile;

pub use rows::Rows;

/// What a report is made from.
pub struct Report<'a> {
    /// The model.
    pub model: &'a Model,
    /// The rows it is judged by.
    pub table: &'a Identified<'a>,
    /// Which of them.
    pub rows: &'a Rows,
    /// The table of the training, if it is there.
    pub learnt: Option<&'a Table>,
    /// The stages of the training, where it has just run: nothing that is stored knows a time.
    pub stages: Option<&'a Profile>,
    /// Threads to compute with.
    pub threads: usize,
}

impl Report<'_> {
    /// Assesses the model and writes the page.
    pub fn write(&self, path: &Path, force: bool) -> Result<(), Failure> {
        let options = options(self.model, self.threads, self.rows.unseen);
        let assessment = self.model.assess(self.table, &self.rows.numbers, &options).map_err(Failure::of_table)?;
        let learnt = self.learnt.filter(|_| self.model.manifest.options.formula.is_none());
        let findings = learnt.map(|table| examine_model(table, self.model)).transpose().map_err(Failure::of_table)?;
        let page = page::page(self, &assessment, findings.as_deref())?;
        Ok(write_file(path, page.as_bytes(), force)?)
    }
}

/// The seed of a model's training also chooses the rows by which it is judged.
pub fn options(model: &Model, threads: usize, by_strangers: bool) -> AssessOptions {
    AssessOptions { threads, seed: model.manifest.options.seed.unwrap_or(0), by_strangers }
}
