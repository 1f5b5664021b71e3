//! Grouping nodes into instructions.
//!
//! Four kinds of groups hold several nodes: elementwise regions, which run block by block in cache; sums of matrix products,
//! which accumulate into one buffer; gradients of a layer; and tapes of single numbers, which may be of any length.

use std::collections::{BTreeMap, BTreeSet};

use backpass_kernels::Reduce;

use crate::compile::lower::region_fits;
use crate::compile::place::users_and_results;
use crate::graph::{Graph, NodeId, Origin};
use crate::ops::{Lowering, Op};
use crate::shape::Shape;

/// What a group becomes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum GroupKind {
    /// One node, no instruction: leaves and aliases.
    Free,
    /// One node, one instruction.
    Single,
    /// Elementwise nodes of one shape.
    Region,
    /// Matrix products and the additions that join them; the last node is the result.
    Products,
    /// A matrix product with a transposed left factor, and the sums of its right factor's columns: the gradients of a layer's
    /// weights and biases.
    Gradients,
    /// The right factor of one product, laid out as the product reads it.
    Pack,
    /// Elementwise nodes of one number, or of one number for each row, and aliases between them.
    Tape,
}

/// Nodes that become one instruction, ascending.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub kind: GroupKind,
    pub nodes: Vec<NodeId>,
}

impl Group {
    /// The node whose value the group ends with: of gradients, the product.
    pub fn result(&self, graph: &Graph) -> NodeId {
        let is_product = |id: &&NodeId| matches!(graph.node(**id).op, Op::Matmul(_));
        let product = self.nodes.iter().find(is_product).filter(|_| self.kind == GroupKind::Gradients);
        *product.unwrap_or(&self.nodes[self.nodes.len() - 1])
    }
}

/// How every node is lowered.
pub(super) fn lowering(graph: &Graph, id: NodeId) -> Lowering {
    let node = graph.node(id);
    let shapes: Vec<&Shape> = node.args.iter().map(|&a| graph.shape(a)).collect();
    node.op.lower(&shapes, &node.shape)
}

/// Assigns every node to a group.
pub(super) fn fuse(graph: &Graph, fuse_regions: bool) -> Vec<Group> {
    let uses = graph.uses();
    let (users, results) = users_and_results(graph);
    let mut fusion = Fusion { graph, group_of: Vec::new(), groups: Vec::new(), users, results };
    for id in graph.ids() {
        let kind = match lowering(graph, id) {
            Lowering::Leaf | Lowering::Alias => GroupKind::Free,
            Lowering::Map => GroupKind::Region,
            _ => GroupKind::Single,
        };
        fusion.group_of.push(fusion.groups.len());
        fusion.groups.push(Some(Group { kind, nodes: vec![id] }));
        if fuse_regions && matches!(graph.node(id).op, Op::Add(_)) && fusion.join_products(id, &uses) {
            continue;
        }
        if fuse_regions && kind == GroupKind::Region && on_tape(graph, id).is_none() {
            fusion.join_region(id);
        }
    }
    if fuse_regions {
        graph.ids().for_each(|id| fusion.join_sums(id));
    }
    let Fusion { users, results, groups, .. } = fusion;
    let groups: Vec<Group> = groups.into_iter().flatten().collect();
    if fuse_regions { join_tapes(graph, groups, &users, &results) } else { groups }
}

/// Whether a tape can compute a node; and if so, whether it does so for each row.
fn on_tape(graph: &Graph, id: NodeId) -> Option<bool> {
    let extent = graph.shape(id).extent();
    let random = matches!(graph.node(id).op, Op::RandomUniform(_) | Op::RandomNormal(_));
    let fits = matches!(lowering(graph, id), Lowering::Map | Lowering::Alias) && extent.fixed == 1 && !random;
    fits.then_some(extent.batched)
}

/// Joins nodes that one tape can compute. Each group is one level above the highest that it reads, or on its level if both are
/// for one tape: so between two groups of a tape there is no other.
fn join_tapes(graph: &Graph, groups: Vec<Group>, users: &[Vec<NodeId>], results: &[bool]) -> Vec<Group> {
    let sort = |group: &Group| if let [id] = group.nodes[..] { on_tape(graph, id) } else { None };
    let sorts: Vec<Option<bool>> = groups.iter().map(sort).collect();
    let mut group_of = vec![0; graph.nodes().len()];
    for (index, group) in groups.iter().enumerate() {
        group.nodes.iter().for_each(|id| group_of[id.index()] = index);
    }
    let mut levels: Vec<Option<usize>> = vec![None; groups.len()];
    for start in 0..groups.len() {
        let mut open = vec![start];
        while let Some(&index) = open.last() {
            let read = groups[index].nodes.iter().flat_map(|&id| &graph.node(id).args).map(|arg| group_of[arg.index()]);
            let before = open.len();
            let mut level = 0;
            for other in read.filter(|&other| other != index) {
                match levels[other] {
                    Some(below) => {
                        level = level.max(below + usize::from(sorts[index].is_none() || sorts[other] != sorts[index]))
                    }
                    None => open.push(other),
                }
            }
            if open.len() == before {
                levels[index] = Some(level);
                open.pop();
            }
        }
    }
    let mut tapes: BTreeMap<(bool, Option<usize>), Vec<NodeId>> = BTreeMap::new();
    let mut joined = Vec::new();
    for ((group, sort), level) in groups.into_iter().zip(sorts).zip(levels) {
        match sort {
            Some(each_row) => tapes.entry((each_row, level)).or_default().extend(&group.nodes),
            None => joined.push(group),
        }
    }
    for ((each_row, _), nodes) in tapes {
        let is_alias = |id: &NodeId| lowering(graph, *id) == Lowering::Alias;
        if nodes.iter().all(is_alias) {
            joined.extend(nodes.into_iter().map(|id| Group { kind: GroupKind::Free, nodes: vec![id] }));
        } else if each_row && !nodes.iter().any(is_alias) && region_fits(graph, &nodes, users, results) {
            joined.push(Group { kind: GroupKind::Region, nodes });
        } else {
            joined.push(Group { kind: GroupKind::Tape, nodes });
        }
    }
    joined
}

struct Fusion<'g> {
    graph: &'g Graph,
    group_of: Vec<usize>,
    groups: Vec<Option<Group>>,
    users: Vec<Vec<NodeId>>,
    results: Vec<bool>,
}

impl Fusion<'_> {
    fn group(&self, index: usize) -> Option<&Group> {
        self.groups.get(index).and_then(Option::as_ref)
    }

    fn merge(&mut self, parts: &BTreeSet<usize>, kind: GroupKind) {
        let mut nodes: Vec<NodeId> =
            parts.iter().filter_map(|&g| self.groups[g].take()).flat_map(|g| g.nodes).collect();
        nodes.sort_unstable();
        let target = parts.last().copied().unwrap_or(0);
        nodes.iter().for_each(|n| self.group_of[n.index()] = target);
        self.groups[target] = Some(Group { kind, nodes });
    }

    /// Joins `a·b + c·d` into one accumulating group; every part must be used here only.
    fn join_products(&mut self, id: NodeId, uses: &[usize]) -> bool {
        let node = self.graph.node(id);
        let part = |a: &NodeId| {
            let group = self.group_of[a.index()];
            let is_product = matches!(self.graph.node(*a).op, Op::Matmul(_))
                || self.group(group).is_some_and(|g| g.kind == GroupKind::Products && g.nodes.last() == Some(a));
            let usable = is_product && uses[a.index()] == 1 && self.graph.shape(*a) == &node.shape;
            usable.then_some(group)
        };
        let Some(mut parts) = node.args.iter().map(part).collect::<Option<BTreeSet<usize>>>() else { return false };
        if parts.len() != 2 {
            return false;
        }
        parts.insert(self.group_of[id.index()]);
        // The last product runs when all are ready, so the group may not feed its own operands.
        if self.has_outside_path(&parts) {
            return false;
        }
        self.merge(&parts, GroupKind::Products);
        true
    }

    /// Joins a product with the sums of its right factor's columns, which it meets anyway.
    fn join_sums(&mut self, id: NodeId) {
        let node = self.graph.node(id);
        let Op::Matmul(product) = &node.op else { return };
        let is_single = |group: usize| self.group(group).is_some_and(|g| g.kind == GroupKind::Single);
        let full = !node.shape.is_batched() && node.shape.extent().fixed > 0;
        if !product.transpose_left || product.transpose_right || !full || !is_single(self.group_of[id.index()]) {
            return;
        }
        let is_sum = |user: &&NodeId| lowering(self.graph, **user) == Lowering::Reduce(Reduce::Sum, 0);
        let mut sums = self.users[node.args[1].index()].iter().filter(is_sum).map(|user| self.group_of[user.index()]);
        let Some(sum) = sums.find(|&group| is_single(group)) else { return };
        let parts = BTreeSet::from([sum, self.group_of[id.index()]]);
        if !self.has_outside_path(&parts) {
            self.merge(&parts, GroupKind::Gradients);
        }
    }

    /// Joins an elementwise node with the regions of its operands, as far as no cycle arises and kernels can hold it.
    fn join_region(&mut self, id: NodeId) {
        let node = self.graph.node(id);
        let mut joined = BTreeSet::from([self.group_of[id.index()]]);
        for arg in &node.args {
            let candidate = self.group_of[arg.index()];
            let is_region = self.group(candidate).is_some_and(|g| g.kind == GroupKind::Region);
            if !is_region || self.graph.shape(*arg) != &node.shape || joined.contains(&candidate) {
                continue;
            }
            // A slope is computed where it is used, from what is kept anyway, and not stored.
            if matches!(node.origin, Origin::Derivative(_)) && self.kept(*arg) {
                continue;
            }
            let mut parts = joined.clone();
            parts.insert(candidate);
            if !self.has_outside_path(&parts) && self.fits(&parts) {
                joined = parts;
            }
        }
        if joined.len() > 1 {
            self.merge(&joined, GroupKind::Region);
        }
    }

    /// Whether a value has its place in memory however regions are joined.
    fn kept(&self, id: NodeId) -> bool {
        let reads_memory = |&user: &NodeId| lowering(self.graph, user) != Lowering::Map;
        self.results[id.index()] || self.users[id.index()].iter().any(reads_memory)
    }

    fn fits(&self, parts: &BTreeSet<usize>) -> bool {
        let mut nodes: Vec<NodeId> =
            parts.iter().filter_map(|&g| self.group(g)).flat_map(|g| g.nodes.iter().copied()).collect();
        nodes.sort_unstable();
        region_fits(self.graph, &nodes, &self.users, &self.results)
    }

    /// Whether a value leaves the groups `parts` and comes back through another group.
    fn has_outside_path(&self, parts: &BTreeSet<usize>) -> bool {
        let first = |group: &Group| group.nodes[0].index();
        // No group reaches across the bound, so what ends before it cannot depend on `parts`, not even by way of a group
        // that starts before them and ends after. A group has the index of its last node.
        let mut bound = parts.iter().filter_map(|&g| self.group(g)).map(first).min().unwrap_or(0);
        let mut index = self.groups.len();
        while index > bound {
            index -= 1;
            bound = bound.min(self.group(index).map_or(bound, first));
        }
        let mut seen = BTreeSet::new();
        let mut open: Vec<usize> = Vec::new();
        let operands = |group: usize, open: &mut Vec<usize>| {
            for node in self.group(group).map_or(&[][..], |g| &g.nodes) {
                open.extend(self.graph.node(*node).args.iter().map(|a| self.group_of[a.index()]));
            }
        };
        parts.iter().for_each(|&g| operands(g, &mut open));
        open.retain(|g| !parts.contains(g));
        while let Some(group) = open.pop() {
            if parts.contains(&group) {
                return true;
            }
            if group >= bound && seen.insert(group) {
                operands(group, &mut open);
            }
        }
        false
    }
}
