//! Running a plan: one arena, no allocation, the same bits for any number of threads.

use std::sync::Arc;
use std::time::{Duration, Instant};

use backpass_kernels::{
    self as kernels, Arena, MAX_READS, MAX_WRITES, MatmulDims, Operand, Pool, Program, Real, Right, Source, Views,
};

use crate::array::Array;
use crate::compile::{Buffer, Instruction, Plan, Reading, Slot, SlotKind};
use crate::shape::Shape;
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
        assert!(rows <= self.plan.max_rows(), "the plan is compiled for at most {} rows", self.plan.max_rows());
        let plan = Arc::clone(&self.plan);
        if self.poison {
            plan.temporaries.iter().for_each(|b| self.fill_nan(*b));
        }
        for (instruction, dead) in plan.instructions.iter().zip(&plan.dead_after) {
            execute(&self.pool, &mut self.arena, instruction, rows);
            if self.poison {
                dead.iter().for_each(|b| self.fill_nan(*b));
            }
        }
    }

    /// Runs the plan once and adds the time of each instruction to `times`; updates happen as in [`Session::run`].
    ///
    /// # Panics
    /// When `rows` is larger than the plan was compiled for, or `times` has not one element for each instruction.
    pub fn run_timed(&mut self, rows: usize, times: &mut [Duration]) {
        assert!(rows <= self.plan.max_rows(), "the plan is compiled for at most {} rows", self.plan.max_rows());
        assert_eq!(times.len(), self.plan.instruction_count(), "there is one time for each instruction");
        let plan = Arc::clone(&self.plan);
        for (instruction, time) in plan.instructions.iter().zip(times) {
            let start = Instant::now();
            execute(&self.pool, &mut self.arena, instruction, rows);
            *time += start.elapsed();
        }
    }

    fn fill_nan(&mut self, buffer: Buffer) {
        let range = buffer.range(self.plan.max_rows());
        self.arena.as_mut_slice()[range].fill(T::from_f64(f64::NAN));
    }
}

/// Runs an elementwise region of up to `R` operands and `W` outputs.
fn run_map<T: Real, const R: usize, const W: usize>(
    pool: &Pool,
    arena: &mut Arena<T>,
    program: &Program,
    len: usize,
    operands: &[Reading],
    outputs: &[Buffer],
    rows: usize,
) {
    let reads = std::array::from_fn::<_, R, _>(|i| match operands.get(i) {
        Some(Reading::Buffer(buffer, _)) => buffer.range(rows),
        _ => 0..0,
    });
    let writes = std::array::from_fn::<_, W, _>(|i| outputs.get(i).map_or(0..0, |buffer| buffer.range(rows)));
    let Views { reads, mut writes } = arena.views(reads, writes);
    let list: [Operand<'_, T>; R] = std::array::from_fn(|i| match operands.get(i) {
        Some(Reading::Output(k)) => Operand { source: Source::Output(*k), layout: kernels::Layout::Full },
        Some(Reading::Buffer(_, layout)) => Operand { source: Source::Slice(reads[i]), layout: *layout },
        None => Operand { source: Source::Slice(&[]), layout: kernels::Layout::Full },
    });
    kernels::map(pool, program, len, &list[..operands.len()], &mut writes[..outputs.len()]);
}

fn execute<T: Real>(pool: &Pool, arena: &mut Arena<T>, instruction: &Instruction, rows: usize) {
    match instruction {
        Instruction::Map { program, extent, operands, outputs } => {
            // Most regions are small, and what is not borrowed costs nothing.
            let run = match (operands.len(), outputs.len()) {
                (..=4, ..=2) => run_map::<T, 4, 2>,
                (..=8, ..=4) => run_map::<T, 8, 4>,
                _ => run_map::<T, MAX_READS, MAX_WRITES>,
            };
            run(pool, arena, program, extent.at(rows), operands, outputs, rows);
        }
        Instruction::Pack { k, n, transposed, b, packed } => {
            let Views { reads, writes: [packed] } = arena.views([b.range(rows)], [packed.range(rows)]);
            kernels::pack(pool, k.at(rows), *n, reads[0], *transposed, packed);
        }
        Instruction::Matmul { m, n, k, transpose_a, packed, a, b, c, accumulate } => {
            let dims = MatmulDims { m: m.at(rows), n: *n, k: k.at(rows), transpose_a: *transpose_a };
            let Views { reads, writes: [c] } = arena.views([a.range(rows), b.range(rows)], [c.range(rows)]);
            let b = if *packed { Right::Packed(reads[1]) } else { Right::Rows(reads[1]) };
            kernels::matmul(pool, dims, reads[0], b, c, *accumulate);
        }
        Instruction::Reduce { kind, outer, axis, inner, x, y } => {
            let Views { reads, writes: [y] } = arena.views([x.range(rows)], [y.range(rows)]);
            kernels::reduce(pool, *kind, outer.at(rows), axis.at(rows), *inner, reads[0], y);
        }
        Instruction::Copy { sizes, x, from, from_strides, y, to, to_strides } => {
            let mut dims = [0; kernels::MAX_DIMS];
            let rank = sizes.rank();
            for (size, dim) in dims.iter_mut().zip(sizes.dims()) {
                *size = if let crate::shape::Dim::Fixed(n) = dim { *n } else { rows };
            }
            let Views { reads, writes: [y] } = arena.views([x.range(rows)], [y.range(rows)]);
            kernels::copy_strided(pool, &dims[..rank], reads[0], *from, from_strides, y, *to, to_strides);
        }
        Instruction::Gather { rows: table_rows, width, table, indices, y } => {
            let Views { reads, writes: [y] } = arena.views([table.range(rows), indices.range(rows)], [y.range(rows)]);
            kernels::gather_rows(reads[0], *table_rows, *width, reads[1], y);
        }
        Instruction::OneHot { classes, indices, y } => {
            let Views { reads, writes: [y] } = arena.views([indices.range(rows)], [y.range(rows)]);
            kernels::one_hot(reads[0], *classes, y);
        }
        Instruction::Size { extent, y } => {
            let range = y.range(rows);
            arena.as_mut_slice()[range].fill(T::from_f64(extent.at(rows) as f64));
        }
    }
}
