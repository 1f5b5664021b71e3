//! From graph to plan in named steps: passes, fuse, schedule, place, lower.
//!
//! Each step is a plain function with a printable result. Fusion runs after differentiation, so no fused operation has a
//! derivative of its own.

mod fuse;
mod lower;
mod place;
mod plan;
mod schedule;

use backpass_kernels::MAX_DIMS;

use crate::graph::{Graph, GraphError};
use crate::passes::{PASSES, legalise};

pub(crate) use place::ALIGNMENT;
pub use plan::{Plan, Slot, SlotKind, Timed};

/// How to compile.
#[derive(Clone, Debug, PartialEq)]
pub struct CompileOptions {
    /// The largest batch the plan can run.
    pub max_rows: usize,
    /// Whether to simplify the graph first.
    pub passes: bool,
    /// Whether elementwise nodes are joined into regions.
    pub fuse: bool,
    /// Whether a result may take the place of an operand that is not needed any more.
    pub in_place: bool,
    /// Rows that go through a stage together; by default as many as caches and threads suggest. No result depends on it.
    pub tile: Option<usize>,
}

impl Default for CompileOptions {
    fn default() -> Self {
        CompileOptions { max_rows: 1, passes: true, fuse: true, in_place: true, tile: None }
    }
}

impl CompileOptions {
    /// The defaults for batches of up to `max_rows` rows.
    pub fn rows(max_rows: usize) -> Self {
        CompileOptions { max_rows, ..CompileOptions::default() }
    }
}

/// Why a graph could not be compiled.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// The graph breaks a rule.
    #[error("the graph is not valid: {0}")]
    Graph(#[from] GraphError),
    /// A value with more dimensions than the kernels take.
    #[error("{node} has {found} dimensions; at most {most} can be compiled")]
    Rank {
        /// The node in words.
        node: String,
        /// Its dimensions.
        found: usize,
        /// The most there may be.
        most: usize,
    },
    /// Stages that the kernels refuse: a mistake in this crate, not in the graph.
    #[error("internal error: {0}")]
    Sequence(#[from] backpass_kernels::SequenceError),
    /// A fused region that the kernels cannot run: a mistake in this crate, not in the graph.
    #[error("internal error: {node} was fused into a region that cannot be lowered")]
    Region {
        /// The last node of the region.
        node: String,
    },
    /// The plan needs more memory than can be addressed.
    #[error("a plan for {rows} rows would need more memory than this machine can address")]
    TooLarge {
        /// The largest batch asked for.
        rows: usize,
    },
}

/// Compiles the outputs and updates of `graph` into a plan.
pub fn compile(graph: &Graph, options: &CompileOptions) -> Result<Plan, CompileError> {
    graph.verify()?;
    if let Some(id) = graph.ids().find(|&id| graph.shape(id).rank() > MAX_DIMS) {
        let (node, found) = (graph.describe(id), graph.shape(id).rank());
        return Err(CompileError::Rank { node, found, most: MAX_DIMS });
    }
    let mut graph = graph.clone();
    if options.passes {
        for pass in PASSES {
            graph = (pass.run)(&graph);
            debug_assert_eq!(graph.verify(), Ok(()), "after {}", pass.name);
        }
    }
    let graph = legalise(&graph);
    let stages = schedule::schedule(&graph, fuse::fuse(&graph, options.fuse), options);
    let placement = place::place(&graph, &stages, options)?;
    lower::lower(graph, &stages, placement, options)
}

/// The stages of a compilation as text: the graph after each pass, the groups in order, the plan with its places.
pub fn explain_stages(graph: &Graph, options: &CompileOptions) -> Result<String, CompileError> {
    let plan = compile(graph, options)?;
    let mut text = format!(";; graph\n{graph}");
    let mut current = graph.clone();
    for pass in PASSES.iter().filter(|_| options.passes) {
        current = (pass.run)(&current);
        text += &format!(";; {}\n{current}", pass.name);
    }
    let graph = legalise(&current);
    text += &format!(";; legalise\n{graph};; groups\n");
    for (index, stage) in schedule::schedule(&graph, fuse::fuse(&graph, options.fuse), options).iter().enumerate() {
        for chain in stage {
            text += &format!("stage {index}{}\n", if chain.batch { ", row by row" } else { "" });
            for group in &chain.groups {
                let names: Vec<String> = group.nodes.iter().map(|&n| graph.describe(n)).collect();
                text += &format!("  {:?}: {}\n", group.kind, names.join(", "));
            }
        }
    }
    Ok(text + &format!(";; plan\n{plan}"))
}
