//! Liveness and places: which buffer holds which value, and where in the arena it lies.

use std::collections::HashMap;

use backpass_kernels::{Buffer, Layout, packed_len, packing_pays};

use crate::compile::fuse::{Group, GroupKind, lowering};
use crate::compile::schedule::Stage;
use crate::compile::{CompileError, CompileOptions};
use crate::graph::{Graph, NodeId};
use crate::ops::{Lowering, Op, layout};
use crate::shape::Extent;

/// Elements to which offsets are rounded up: 64 bytes of f32.
pub(crate) const ALIGNMENT: usize = 16;

/// Where every stored value lies.
pub(super) struct Placement {
    pub buffers: HashMap<NodeId, Buffer>,
    /// Where right factors of products are packed.
    pub packed: HashMap<NodeId, Buffer>,
    /// Updates that no instruction writes directly: copy the first buffer to the second at the end.
    pub copies: Vec<(Buffer, Buffer)>,
    pub dead_after: Vec<Vec<Buffer>>,
    pub temporaries: Vec<Buffer>,
    pub arena: usize,
}

/// The node whose buffer holds the value of `id`.
pub(super) fn root(graph: &Graph, mut id: NodeId) -> NodeId {
    while lowering(graph, id) == Lowering::Alias {
        id = graph.node(id).args[0];
    }
    id
}

/// The values of a group that others read: users outside, outputs, updates.
pub(super) fn stored(nodes: &[NodeId], users: &[Vec<NodeId>], results: &[bool]) -> Vec<NodeId> {
    let inside = |id: &NodeId| nodes.binary_search(id).is_ok();
    let outside = |id: &&NodeId| results[id.index()] || !users[id.index()].iter().all(inside);
    let mut list: Vec<NodeId> = nodes.iter().filter(outside).copied().collect();
    if list.is_empty() {
        // Dead code still gets a place, so that graphs compile without passes.
        list.extend(nodes.last());
    }
    list
}

/// The values of a tape that others read, if only under another shape.
pub(super) fn stored_by_tape(graph: &Graph, nodes: &[NodeId], users: &[Vec<NodeId>], results: &[bool]) -> Vec<NodeId> {
    let mut list: Vec<NodeId> = stored(nodes, users, results).into_iter().map(|id| root(graph, id)).collect();
    list.retain(|id| nodes.binary_search(id).is_ok());
    list.sort_unstable();
    list.dedup();
    list
}

/// Who uses each node, and which nodes are results (outputs or update values).
pub(super) fn users_and_results(graph: &Graph) -> (Vec<Vec<NodeId>>, Vec<bool>) {
    let mut users = vec![Vec::new(); graph.nodes().len()];
    for id in graph.ids() {
        graph.node(id).args.iter().for_each(|a| users[a.index()].push(id));
    }
    let mut results = vec![false; graph.nodes().len()];
    graph.outputs().iter().for_each(|(_, id)| results[id.index()] = true);
    graph.updates().iter().for_each(|(_, value)| results[value.index()] = true);
    (users, results)
}

/// One buffer under construction: the stages during which it must not be touched by others.
struct Life {
    extent: Extent,
    start: usize,
    end: usize,
    persistent: bool,
    offset: usize,
}

/// A group with its place in the order: groups of one stage run at once, those of one chain one after the other.
struct Step<'a> {
    group: &'a Group,
    stage: usize,
    batch: bool,
}

pub(super) fn place(graph: &Graph, stages: &[Stage], options: &CompileOptions) -> Result<Placement, CompileError> {
    let too_large = CompileError::TooLarge { rows: options.max_rows };
    let (users, results) = users_and_results(graph);
    let steps: Vec<Step<'_>> = stages
        .iter()
        .enumerate()
        .flat_map(|(stage, chains)| chains.iter().map(move |chain| (stage, chain)))
        .flat_map(|(stage, chain)| chain.groups.iter().map(move |group| Step { group, stage, batch: chain.batch }))
        .collect();
    let end = stages.len();
    let reads = Reads::new(graph, &steps);
    let mut lives: Vec<Life> = Vec::new();
    let mut life_of: HashMap<NodeId, usize> = HashMap::new();
    for id in graph.ids().filter(|&id| needs_leaf_place(graph, id, &users, &results)) {
        life_of.insert(id, lives.len());
        lives.push(Life { extent: graph.shape(id).extent(), start: 0, end, persistent: true, offset: 0 });
    }
    let is_output = |id: NodeId| graph.outputs().iter().any(|(_, o)| root(graph, *o) == id);
    let mut pending: Vec<(NodeId, NodeId)> = graph.updates().to_vec();
    let mut packed_lives: HashMap<NodeId, usize> = HashMap::new();
    for (index, step) in steps.iter().enumerate() {
        let Step { group, stage, .. } = *step;
        let region = group.kind == GroupKind::Region;
        for &id in &group.nodes {
            match (group.kind, packed(graph, id, options.max_rows)) {
                (GroupKind::Pack, Some(extent)) => {
                    packed_lives.insert(id, lives.len());
                    lives.push(Life { extent, start: stage, end: stage, persistent: false, offset: 0 });
                }
                (_, Some(_)) => {
                    if let Some(&life) = packed_lives.get(&id) {
                        lives[life].end = stage;
                    }
                }
                _ => {}
            }
        }
        let written = match group.kind {
            GroupKind::Pack => Vec::new(),
            GroupKind::Products => group.nodes.last().copied().into_iter().collect(),
            GroupKind::Tape => stored_by_tape(graph, &group.nodes, &users, &results),
            // One command writes both, whoever reads them.
            GroupKind::Gradients => group.nodes.clone(),
            _ => stored(&group.nodes, &users, &results),
        };
        let mut taken: Vec<usize> = Vec::new();
        for &value in &written {
            let elementwise = region || group.kind == GroupKind::Tape;
            let update = pending.iter().position(|(_, v)| *v == value).filter(|_| elementwise);
            // The region has the parameter's size, so it can only read it element by element.
            let direct = update
                .filter(|&u| options.in_place && reads.last_in(pending[u].0, index, step, false) && !is_output(value));
            if let Some(u) = direct {
                let (parameter, _) = pending.remove(u);
                life_of.insert(value, life_of[&parameter]);
                continue;
            }
            let life_end = if is_output(value) || update_waits(&pending, value) {
                end
            } else {
                reads.last_stage(value).unwrap_or(stage)
            };
            let reusable = region && options.in_place;
            let reused =
                reusable.then(|| dying_operand(graph, index, step, &reads, &lives, &life_of, &taken)).flatten();
            let life = reused.unwrap_or_else(|| {
                let extent = graph.shape(value).extent();
                lives.push(Life { extent, start: stage, end: life_end, persistent: false, offset: 0 });
                lives.len() - 1
            });
            lives[life].end = lives[life].end.max(life_end);
            taken.push(life);
            life_of.insert(value, life);
        }
    }
    let arena = offsets(&mut lives, options.max_rows).ok_or(too_large)?;
    let buffer = |life: usize| Buffer { offset: lives[life].offset, extent: lives[life].extent };
    let mut buffers: HashMap<NodeId, Buffer> = life_of.iter().map(|(&id, &life)| (id, buffer(life))).collect();
    for id in graph.ids().filter(|&id| lowering(graph, id) == Lowering::Alias) {
        if let Some(&source) = buffers.get(&root(graph, id)) {
            buffers.insert(id, source);
        }
    }
    let copies = pending.iter().map(|(parameter, value)| (buffers[value], buffers[parameter])).collect();
    let mut dead_after = vec![Vec::new(); stages.len()];
    let temporary = |life: &&Life| !life.persistent;
    for life in lives.iter().filter(temporary).filter(|l| l.end < end) {
        dead_after[life.end].push(Buffer { offset: life.offset, extent: life.extent });
    }
    let temporaries = lives.iter().filter(temporary).map(|l| Buffer { offset: l.offset, extent: l.extent }).collect();
    let packed = packed_lives.into_iter().map(|(id, life)| (id, buffer(life))).collect();
    Ok(Placement { buffers, packed, copies, dead_after, temporaries, arena })
}

/// The room for the packed right factor of a product, if it is worth packing.
pub(super) fn packed(graph: &Graph, id: NodeId, rows: usize) -> Option<Extent> {
    let node = graph.node(id);
    let Op::Matmul(product) = &node.op else { return None };
    let right = graph.shape(node.args[1]);
    let (k, n) = if product.transpose_right { (1, 0) } else { (0, 1) };
    // A single row or column lies the same way when it is transposed.
    let line = !right.is_batched() && right.resolve(1).contains(&1);
    let turned = product.transpose_right && !line;
    let sizes = right.resolve(rows);
    if !turned && !packing_pays(node.shape.resolve(rows)[0], sizes[n], sizes[k]) {
        return None;
    }
    // Only the first dimension may be the batch, and the columns of a result never are.
    let batched = right.is_batched();
    let depth = if batched { 1 } else { right.resolve(1)[k] };
    Some(Extent { fixed: packed_len(depth, right.resolve(1)[n]), batched })
}

fn update_waits(pending: &[(NodeId, NodeId)], value: NodeId) -> bool {
    pending.iter().any(|(_, v)| *v == value)
}

/// Inputs and parameters always have a place; a single constant number only where an instruction reads it from memory.
fn needs_leaf_place(graph: &Graph, id: NodeId, users: &[Vec<NodeId>], results: &[bool]) -> bool {
    match &graph.node(id).op {
        Op::Input(_) | Op::Parameter(_) => true,
        Op::Constant(c) => {
            c.value.len() != 1
                || results[id.index()]
                || users[id.index()].iter().any(|&u| lowering(graph, u) != Lowering::Map)
        }
        _ => false,
    }
}

/// The steps that read each stored value, ascending, with their stages.
struct Reads<'g> {
    graph: &'g Graph,
    steps: HashMap<NodeId, Vec<(usize, usize)>>,
}

impl<'g> Reads<'g> {
    fn new(graph: &'g Graph, list: &[Step<'_>]) -> Self {
        let mut steps: HashMap<NodeId, Vec<(usize, usize)>> = HashMap::new();
        for (index, step) in list.iter().enumerate() {
            let values = step.group.nodes.iter().filter(|&&n| !matches!(graph.node(n).op, Op::Size(_)));
            for arg in values.flat_map(|&n| &graph.node(n).args) {
                let list = steps.entry(root(graph, *arg)).or_default();
                if list.last() != Some(&(index, step.stage)) {
                    list.push((index, step.stage));
                }
            }
        }
        Reads { graph, steps }
    }

    fn of(&self, id: NodeId) -> &[(usize, usize)] {
        self.steps.get(&root(self.graph, id)).map_or(&[], Vec::as_slice)
    }

    fn last_stage(&self, id: NodeId) -> Option<usize> {
        self.of(id).last().map(|&(_, stage)| stage)
    }

    /// Whether nobody reads a value after this step, nor beside it in its stage; on rows of the batch, whoever reads it
    /// before this step does so on the same rows.
    fn last_in(&self, id: NodeId, index: usize, step: &Step<'_>, by_rows: bool) -> bool {
        self.of(id)
            .iter()
            .all(|&(reader, stage)| reader == index || reader < index && (stage < step.stage || by_rows && step.batch))
    }
}

/// The operands of a region that come from outside, with how each is read.
pub(super) fn region_reads(graph: &Graph, nodes: &[NodeId]) -> Vec<(NodeId, Layout)> {
    let mut reads: Vec<(NodeId, Layout)> = Vec::new();
    for &node in nodes {
        for &arg in &graph.node(node).args {
            let number = matches!(&graph.node(arg).op, Op::Constant(c) if c.value.len() == 1);
            let Some(layout) = layout(graph.shape(arg), graph.shape(node)) else { continue };
            if !number && !nodes.contains(&arg) && !reads.contains(&(arg, layout)) {
                reads.push((arg, layout));
            }
        }
    }
    reads
}

/// A temporary that this region reads element by element for the last time.
fn dying_operand(
    graph: &Graph,
    index: usize,
    step: &Step<'_>,
    readers: &Reads<'_>,
    lives: &[Life],
    life_of: &HashMap<NodeId, usize>,
    taken: &[usize],
) -> Option<usize> {
    let reads = region_reads(graph, &step.group.nodes);
    reads.iter().find_map(|&(id, _)| {
        let source = root(graph, id);
        let &life = life_of.get(&source)?;
        let same = reads.iter().filter(|(other, _)| life_of.get(&root(graph, *other)) == Some(&life));
        let dies = !lives[life].persistent
            && lives[life].end == step.stage
            && readers.of(source).last().is_some_and(|&(reader, _)| reader == index)
            && readers.last_in(source, index, step, true);
        (dies && !taken.contains(&life) && same.into_iter().all(|(_, layout)| *layout == Layout::Full)).then_some(life)
    })
}

/// Gives every life an offset such that no two overlap in time and place; the largest first, each as low as it fits. Single
/// numbers lie side by side behind all else, each for itself, so that tapes of them stay in few lines of cache.
fn offsets(lives: &mut [Life], rows: usize) -> Option<usize> {
    let size = |life: &Life| -> Option<usize> {
        let elements = if life.extent.batched { life.extent.fixed.checked_mul(rows)? } else { life.extent.fixed };
        elements.checked_next_multiple_of(ALIGNMENT)
    };
    let sizes: Vec<usize> = lives.iter().map(size).collect::<Option<_>>()?;
    let is_number = |life: &Life| life.extent == Extent { fixed: 1, batched: false };
    let (numbers, mut order): (Vec<usize>, Vec<usize>) = (0..lives.len()).partition(|&i| is_number(&lives[i]));
    order.sort_by_key(|&i| (!lives[i].persistent, if lives[i].persistent { 0 } else { usize::MAX - sizes[i] }, i));
    let mut placed: Vec<usize> = Vec::new();
    let mut total = 0;
    for index in order {
        let mut offset = 0usize;
        let life = &lives[index];
        let overlaps = |other: &Life| other.start <= life.end && life.start <= other.end;
        let mut blocked: Vec<(usize, usize)> = placed
            .iter()
            .filter(|&&p| life.persistent || lives[p].persistent || overlaps(&lives[p]))
            .map(|&p| (lives[p].offset, lives[p].offset + sizes[p]))
            .collect();
        blocked.sort_unstable();
        for (from, to) in blocked {
            if offset.checked_add(sizes[index])? <= from {
                break;
            }
            offset = offset.max(to);
        }
        total = total.max(offset.checked_add(sizes[index])?);
        lives[index].offset = offset;
        placed.push(index);
    }
    for index in numbers {
        lives[index].offset = total;
        total = total.checked_add(1)?;
    }
    (total <= isize::MAX as usize / 8).then_some(total)
}
