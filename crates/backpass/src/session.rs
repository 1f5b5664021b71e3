//! Running a plan: one arena, no allocation, the same bits for any number of threads.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use backpass_kernels::{Arena, Buffer, Lent, Pool, Real};

use crate::array::Array;
use crate::compile::{Plan, Slot, SlotKind};
use crate::shape::{Extent, Shape};
use crate::suggest::closest;

/// Why a session cannot be made, filled or read.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The arena does not fit into memory.
    #[error("not enough memory for an arena of {elements} numbers\nhelp: use a smaller batch or network")]
    Memory {
        /// Elements asked for.
        elements: usize,
    },
    /// A name that the plan does not have.
    #[error("the plan has no {kind:?} `{name}`{}", suggestion.as_ref().map_or(String::new(), |s| format!("\nhelp: did you mean `{s}`?")))]
    Unknown {
        /// What was looked for.
        kind: SlotKind,
        /// The name.
        name: String,
        /// A name that is there and looks alike.
        suggestion: Option<String>,
    },
    /// A value of the wrong shape.
    #[error("`{name}` has shape {expected}, the value given has shape {found:?}")]
    Shape {
        /// The slot.
        name: String,
        /// The shape it takes.
        expected: Shape,
        /// The sizes given.
        found: Vec<usize>,
    },
    /// More rows than the plan was compiled for.
    #[error("{found} rows, but the plan is compiled for at most {most}")]
    Rows {
        /// Rows given.
        found: usize,
        /// Rows the plan can hold.
        most: usize,
    },
}

/// A plan with its memory; `T` is `f32` or `f64`.
pub struct Session<T: Real> {
    plan: Arc<Plan>,
    pool: Arc<Pool>,
    arena: Arena<T>,
    poison: bool,
}

impl<T: Real> Session<T> {
    /// Allocates the arena of `plan`; parameters start at zero.
    pub fn new(plan: Arc<Plan>, pool: Arc<Pool>) -> Result<Self, SessionError> {
        let elements = plan.arena_len();
        let mut arena = Arena::new(elements).map_err(|_| SessionError::Memory { elements })?;
        for (buffer, value) in &plan.constants {
            let target = &mut arena.as_mut_slice()[buffer.range(0)];
            target.iter_mut().zip(value.data()).for_each(|(t, v)| *t = T::from_f64(*v));
        }
        Ok(Session { plan, pool, arena, poison: false })
    }

    /// Fills every buffer that holds nothing with NaN, so that stale data shows; for tests.
    pub fn poison(mut self) -> Self {
        self.poison = true;
        self
    }

    /// The plan.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Looks a slot up by name.
    pub fn slot(&self, kind: SlotKind, name: &str) -> Result<Slot, SessionError> {
        self.plan.slot(kind, name).cloned().ok_or_else(|| {
            let names = self.plan.slots().iter().filter(|s| s.kind == kind).map(|s| s.name.as_str());
            let suggestion = closest(name, names).map(str::to_string);
            SessionError::Unknown { kind, name: name.to_string(), suggestion }
        })
    }

    /// The value at a slot for a batch of `rows`.
    pub fn read(&self, slot: &Slot, rows: usize) -> &[T] {
        &self.arena.as_slice()[slot.buffer.range(rows)]
    }

    /// The value at a slot for a batch of `rows`, to be written.
    pub fn write(&mut self, slot: &Slot, rows: usize) -> &mut [T] {
        &mut self.arena.as_mut_slice()[slot.buffer.range(rows)]
    }

    /// Lets all threads write the value at a slot: `f` gets some of the `rows` rows of the batch, and their elements.
    ///
    /// # Panics
    /// When `f` does.
    pub(crate) fn write_rows(&mut self, slot: &Slot, rows: usize, f: &(dyn Fn(Range<usize>, &mut [T]) + Sync)) {
        let width = slot.buffer.extent.fixed.max(1);
        self.pool.rows(&mut self.arena.as_mut_slice()[slot.buffer.range(rows)], width, f);
    }

    /// Copies an array into an input or parameter.
    pub fn set(&mut self, kind: SlotKind, name: &str, value: &Array) -> Result<(), SessionError> {
        let slot = self.slot(kind, name)?;
        let rows = if slot.shape.is_batched() { value.shape().first().copied().unwrap_or(0) } else { 0 };
        self.check_rows(rows)?;
        if value.shape() != slot.shape.resolve(rows) {
            let (expected, found) = (slot.shape.clone(), value.shape().to_vec());
            return Err(SessionError::Shape { name: name.to_string(), expected, found });
        }
        let target = self.write(&slot, rows);
        target.iter_mut().zip(value.data()).for_each(|(t, v)| *t = T::from_f64(*v));
        Ok(())
    }

    /// Copies a slot out into an array.
    pub fn get(&self, kind: SlotKind, name: &str, rows: usize) -> Result<Array, SessionError> {
        let slot = self.slot(kind, name)?;
        self.check_rows(rows)?;
        let data = self.read(&slot, rows);
        Ok(Array::from_fn(&slot.shape.resolve(rows), |i| data[i].to_f64()))
    }

    fn check_rows(&self, rows: usize) -> Result<(), SessionError> {
        let most = self.plan.max_rows();
        if rows <= most { Ok(()) } else { Err(SessionError::Rows { found: rows, most }) }
    }

    /// Runs the plan once on the first `rows` rows of the inputs.
    ///
    /// # Panics
    /// When `rows` is larger than the plan was compiled for.
    pub fn run(&mut self, rows: usize) {
        self.run_on(rows, &[]);
    }

    /// Runs the plan once, reading some inputs where they are, without a copy; see [`Slot::lend`]. Single numbers are copied.
    ///
    /// # Panics
    /// When `rows` is larger than the plan was compiled for, or too few elements are lent.
    pub fn run_on(&mut self, rows: usize, lent: &[Lent<'_, T>]) {
        if self.poison {
            self.poison_all();
        }
        // Single numbers are read where they belong.
        for lent in lent.iter().filter(|lent| lent.buffer.extent == Extent::ONE) {
            self.arena.as_mut_slice()[lent.buffer.offset] = lent.data[0];
        }
        for stage in 0..self.plan.sequence.stages() {
            self.plan.sequence.run(&self.pool, &mut self.arena, rows, stage, lent, None);
            if self.poison {
                self.poison_after(stage);
            }
        }
    }

    /// As [`Session::run_on`], and adds the time of each instruction, on all threads together, to `times`.
    ///
    /// # Panics
    /// As [`Session::run_on`], and when `times` has not one element for each instruction.
    pub fn run_timed(&mut self, rows: usize, lent: &[Lent<'_, T>], times: &mut [Duration]) {
        assert_eq!(times.len(), self.plan.instruction_count(), "there is one time for each instruction");
        let nanoseconds: Vec<AtomicU64> = times.iter().map(|_| AtomicU64::new(0)).collect();
        for stage in 0..self.plan.sequence.stages() {
            self.plan.sequence.run(&self.pool, &mut self.arena, rows, stage, lent, Some(&nanoseconds));
        }
        for (time, nanoseconds) in times.iter_mut().zip(nanoseconds) {
            *time += Duration::from_nanos(nanoseconds.load(Ordering::Relaxed));
        }
    }

    fn poison_all(&mut self) {
        let plan = Arc::clone(&self.plan);
        plan.temporaries.iter().for_each(|b| self.fill_nan(*b));
    }

    fn poison_after(&mut self, stage: usize) {
        let plan = Arc::clone(&self.plan);
        plan.dead_after[stage].iter().for_each(|b| self.fill_nan(*b));
    }

    fn fill_nan(&mut self, buffer: Buffer) {
        let range = buffer.range(self.plan.max_rows());
        self.arena.as_mut_slice()[range].fill(T::from_f64(f64::NAN));
    }
}
