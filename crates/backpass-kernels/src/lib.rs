//! The numerical kernels of backpass: slices in, slices out.
//!
//! This crate knows nothing of graphs or tensors, and it is the only one of the workspace that
//! uses `unsafe`. Its results depend on the shapes and the values alone, never on the number of
//! threads; outside [`matmul`] they do not depend on the instruction set either, and there only on whether it has
//! fused multiply-adds.

mod arena;
mod command;
mod copy;
mod functions;
mod fused;
mod index;
mod isa;
mod map;
pub mod math;
mod matmul;
pub mod peak;
pub mod philox;
mod pool;
mod prefetch;
mod product;
mod program;
mod real;
mod reduce;
mod sequence;
mod shards;
mod simd;
mod sync;
mod tape;

pub use arena::{Arena, ArenaError, MAX_READS, MAX_WRITES, Views};
pub use command::{Buffer, Chain, Command, Extent, Reading};
pub use copy::{MAX_DIMS, copy_strided};
pub use fused::Finish;
pub use index::{gather_rows, one_hot};
pub use isa::Isa;
pub use map::{Layout, Operand, Source, map};
pub use matmul::{MatmulDims, Right, matmul, pack, packed_len, packing_pays};
pub use pool::Pool;
pub use prefetch::prefetch;
pub use program::{Action, Arg, Binary, Instruction, MAX_REGISTERS, Program, Unary};
pub use real::Real;
pub use reduce::{Reduce, reduce};
pub use sequence::{Lent, Sequence, SequenceError};
pub use tape::{Place, Step, Tape, Value};
