//! Running a graph without parameters over many rows in f64.

use std::sync::Arc;

use backpass::compile::{CompileOptions, SlotKind, compile};
use backpass::{Graph, Session};
use backpass_kernels::Pool;

use crate::fit_error::FitError;

/// A compiled graph from named row-major inputs to one of its outputs.
pub(crate) struct Runner {
    session: Session<f64>,
}

impl Runner {
    pub fn new(graph: &Graph, max_rows: usize) -> Result<Self, FitError> {
        let plan = compile(graph, &CompileOptions::rows(max_rows))?;
        Ok(Runner { session: Session::new(Arc::new(plan), Arc::new(Pool::new(1)))? })
    }

    /// The most rows of a run.
    pub fn max_rows(&self) -> usize {
        self.session.plan().max_rows()
    }

    /// Runs `rows` rows; inputs that the graph does not have are passed over.
    pub fn run(&mut self, rows: usize, inputs: &[(&str, &[f64])], output: &str) -> Result<&[f64], FitError> {
        for (name, values) in inputs {
            if let Ok(slot) = self.session.slot(SlotKind::Input, name) {
                self.session.write(&slot, rows).copy_from_slice(values);
            }
        }
        self.session.run(rows);
        let slot = self.session.slot(SlotKind::Output, output)?;
        Ok(self.session.read(&slot, rows))
    }
}
