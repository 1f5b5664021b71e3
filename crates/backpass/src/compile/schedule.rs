//! Putting groups in order: stages of chains.
//!
//! Work on the rows of the batch is put off until nothing else can be done without it, and then done as one chain, from the
//! first layer through the loss and back: its rows do not depend on each other, so a tile of them goes through all of it
//! while it is in the cache. What remains runs in stages of chains that do not depend on each other, such as the gradient
//! of each parameter followed by its update.

use std::collections::BTreeSet;

use backpass_kernels::Layout;

use crate::compile::CompileOptions;
use crate::compile::fuse::{Group, GroupKind, lowering};
use crate::compile::place::{packed, region_reads, root};
use crate::graph::{Graph, NodeId};
use crate::ops::{Lowering, Op};
use crate::shape::{Dim, Shape};

/// Groups that run one after the other on some rows, and then on the next.
pub(super) struct Chain {
    pub groups: Vec<Group>,
    /// Whether they are rows of the batch.
    pub batch: bool,
}

/// Chains that do not depend on each other.
pub(super) type Stage = Vec<Chain>;

/// Stages in an order in which operands come first.
pub(super) fn schedule(graph: &Graph, mut groups: Vec<Group>, options: &CompileOptions) -> Vec<Stage> {
    groups.retain(|g| g.kind != GroupKind::Free);
    let mut group_of = vec![None; graph.nodes().len()];
    for (index, group) in groups.iter().enumerate() {
        group.nodes.iter().for_each(|n| group_of[n.index()] = Some(index));
    }
    let mut producers: Vec<BTreeSet<usize>> = Vec::new();
    for (index, group) in groups.iter().enumerate() {
        // A size waits for nothing: it is known without the values.
        let values = group.nodes.iter().filter(|&&n| !matches!(graph.node(n).op, Op::Size(_)));
        let operands = values.flat_map(|&n| &graph.node(n).args);
        producers.push(operands.filter_map(|&a| source(graph, &group_of, a)).filter(|&g| g != index).collect());
    }
    // A right factor is packed before its product, and the product waits for nothing but that and the left one.
    for index in 0..groups.len() {
        for id in groups[index].nodes.clone() {
            if packed(graph, id, options.max_rows).is_some() {
                let right = source(graph, &group_of, graph.node(id).args[1]);
                producers[index].insert(groups.len());
                groups.push(Group { kind: GroupKind::Pack, nodes: vec![id] });
                producers.push(right.into_iter().collect());
            }
        }
    }
    let mut users: Vec<Vec<usize>> = vec![Vec::new(); groups.len()];
    for (index, list) in producers.iter().enumerate() {
        list.iter().for_each(|&g| users[g].push(index));
    }
    let by_rows: Vec<bool> = groups.iter().map(|group| options.fuse && by_rows(graph, group)).collect();
    let mut waiting: Vec<usize> = producers.iter().map(BTreeSet::len).collect();
    // By the last node, so that the order is that of the graph.
    let key = |index: usize| (groups[index].nodes.last().copied(), index);
    let mut ready: BTreeSet<_> = (0..groups.len()).filter(|&g| waiting[g] == 0).map(key).collect();
    let mut stages: Vec<Vec<(Vec<usize>, bool)>> = Vec::new();
    while !ready.is_empty() {
        let finish = |index: usize, waiting: &mut Vec<usize>, ready: &mut BTreeSet<_>| {
            for &user in &users[index] {
                waiting[user] -= 1;
                if waiting[user] == 0 {
                    ready.insert(key(user));
                }
            }
        };
        let others: Vec<usize> = ready.iter().map(|&(_, g)| g).filter(|&g| !by_rows[g]).collect();
        if others.is_empty() {
            let mut chain = Vec::new();
            while let Some(&next) = ready.iter().find(|(_, g)| by_rows[*g]) {
                ready.remove(&next);
                chain.push(next.1);
                finish(next.1, &mut waiting, &mut ready);
            }
            stages.push(vec![(chain, true)]);
            continue;
        }
        let mut chains = Vec::new();
        for first in others {
            ready.remove(&key(first));
            let mut chain = vec![first];
            while let Some(next) = users[chain[chain.len() - 1]].iter().copied().find(|&user| {
                options.fuse && waiting[user] == 1 && follows(graph, &groups[chain[chain.len() - 1]], &groups[user])
            }) {
                chain.push(next);
            }
            chains.push((chain, false));
        }
        for group in chains.iter().flat_map(|(chain, _)| chain) {
            finish(*group, &mut waiting, &mut ready);
        }
        let done: BTreeSet<usize> = chains.iter().flat_map(|(chain, _)| chain).copied().collect();
        ready.retain(|(_, g)| !done.contains(g));
        stages.push(chains);
    }
    let mut slots: Vec<Option<Group>> = groups.into_iter().map(Some).collect();
    let mut take = |(chain, batch): (Vec<usize>, bool)| Chain {
        groups: chain.into_iter().filter_map(|index| slots[index].take()).collect(),
        batch,
    };
    stages.into_iter().map(|stage| stage.into_iter().map(&mut take).collect()).collect()
}

/// The group whose value an operand reads, through aliases.
fn source(graph: &Graph, group_of: &[Option<usize>], mut id: NodeId) -> Option<usize> {
    while group_of[id.index()].is_none() && lowering(graph, id) == Lowering::Alias {
        id = graph.node(id).args[0];
    }
    group_of[id.index()]
}

/// Whether a group computes each row of the batch on its own.
fn by_rows(graph: &Graph, group: &Group) -> bool {
    let batched = |id: NodeId| graph.shape(id).is_batched();
    let last = group.nodes[group.nodes.len() - 1];
    if !batched(last) || group.kind == GroupKind::Pack {
        return false;
    }
    let product = |&id: &NodeId| match &graph.node(id).op {
        Op::Matmul(product) => !product.transpose_left && !batched(graph.node(id).args[1]),
        _ => true,
    };
    match group.kind {
        GroupKind::Region => {
            let width = graph.shape(last).extent().fixed;
            region_reads(graph, &group.nodes).iter().all(|&(id, layout)| match layout {
                Layout::Full | Layout::Scalar => true,
                Layout::Row(_) => !batched(id),
                Layout::Column(repeat) => batched(id) && width.is_multiple_of(repeat),
            })
        }
        GroupKind::Products => group.nodes.iter().all(product),
        GroupKind::Tape => true,
        _ => {
            let arg = |k: usize| graph.node(last).args[k];
            match lowering(graph, last) {
                Lowering::Matmul { .. } => product(&last),
                Lowering::Reduce(_, axis) => axis > 0,
                Lowering::OneHot => batched(arg(0)),
                Lowering::Gather => !batched(arg(0)) && batched(arg(1)),
                Lowering::Copy(moves) => moves.iter().all(|m| {
                    let whole = |shape: &Shape, stride: usize| shape.is_batched() && stride == shape.extent().fixed;
                    let from = m.from_strides.first().copied().unwrap_or(0);
                    let to = m.to_strides.first().copied().unwrap_or(0);
                    let source = graph.shape(arg(m.arg));
                    m.shape.dims().first() == Some(&Dim::Batch)
                        && whole(graph.shape(last), to)
                        && (whole(source, from) || from == 0 && !source.is_batched())
                }),
                _ => false,
            }
        }
    }
}

/// Whether `next` can run on some rows of what `group` computes, before the other rows are there.
fn follows(graph: &Graph, group: &Group, next: &Group) -> bool {
    let result = group.result(graph);
    let shape = graph.shape(result);
    let cut = match group.kind {
        GroupKind::Products | GroupKind::Gradients => true,
        GroupKind::Region => false,
        GroupKind::Tape | GroupKind::Pack | GroupKind::Free => false,
        GroupKind::Single => matches!(lowering(graph, result), Lowering::Matmul { .. } | Lowering::Reduce(_, 0)),
    };
    cut && next.kind == GroupKind::Region
        && !shape.is_batched()
        && shape.extent() == graph.shape(next.nodes[0]).extent()
        && region_reads(graph, &next.nodes).iter().all(|&(id, layout)| {
            // The sums beside a product are there when all of it is.
            let partner = root(graph, id) != result && group.nodes.contains(&root(graph, id));
            matches!(layout, Layout::Full | Layout::Scalar) && !partner
        })
}
