//! Groups and places to instructions.

use std::collections::HashMap;

use backpass_kernels::{
    self as kernels, Action, Arg, Buffer, Chain, Command, Instruction as Step, Layout, MAX_READS, MAX_REGISTERS,
    MAX_WRITES, Place, Program, Reading, Sequence, Tape,
};

use crate::array::Array;
use crate::compile::fuse::{Group, GroupKind, lowering};
use crate::compile::place::{Placement, region_reads, stored, stored_by_tape, users_and_results};
use crate::compile::plan::{Plan, Slot, SlotKind};
use crate::compile::schedule::Stage;
use crate::compile::{CompileError, CompileOptions};
use crate::graph::{Graph, NodeId};
use crate::ops::{Constant, Lowering, Op, StepKind, Steps, Value};
use crate::shape::{Dim, Extent, Shape};

/// Longest program of one region; longer ones would only cost compile time.
const MAX_STEPS: usize = 96;

/// Whether the kernels can run these nodes as one region.
pub(super) fn region_fits(graph: &Graph, nodes: &[NodeId], users: &[Vec<NodeId>], results: &[bool]) -> bool {
    let outputs = stored(nodes, users, results);
    region_reads(graph, nodes).len() <= MAX_READS
        && outputs.len() <= MAX_WRITES
        && program(graph, nodes, &outputs).is_some_and(|p| p.instructions().len() <= MAX_STEPS)
}

/// The program of a region, or `None` when its values do not fit the registers.
fn program(graph: &Graph, nodes: &[NodeId], outputs: &[NodeId]) -> Option<Program> {
    let reads = region_reads(graph, nodes);
    let mut steps = Steps::default();
    let mut values: HashMap<NodeId, Value> = HashMap::new();
    for &id in nodes {
        let node = graph.node(id);
        let operand = |arg: &NodeId| {
            if let Some(&value) = values.get(arg) {
                return Some(value);
            }
            if let Op::Constant(c) = &graph.node(*arg).op
                && let Some(number) = c.value.item()
            {
                return Some(Value::Constant(number));
            }
            let layout = crate::ops::layout(graph.shape(*arg), &node.shape)?;
            reads.iter().position(|read| *read == (*arg, layout)).map(Value::Operand)
        };
        let args: Vec<Value> = node.args.iter().map(operand).collect::<Option<_>>()?;
        values.insert(id, node.op.steps(&mut steps, &args));
    }
    let mut results: Vec<Value> = outputs.iter().map(|id| values.get(id).copied()).collect::<Option<_>>()?;
    for result in &mut results {
        // Kernels store an output from a register; adding -0 changes no number, not even -0 itself.
        if !matches!(result, Value::Step(_)) {
            *result = steps.add(*result, Value::Constant(-0.0));
        }
    }
    assign_registers(&steps, &results)
}

/// Gives each step the lowest register whose value is not needed any more.
fn assign_registers(steps: &Steps, results: &[Value]) -> Option<Program> {
    let mut last_use = vec![0; steps.list.len()];
    for (index, step) in steps.list.iter().enumerate() {
        for value in step.values() {
            if let Value::Step(s) = value {
                last_use[s] = index;
            }
        }
    }
    for result in results {
        if let Value::Step(s) = result {
            last_use[*s] = usize::MAX;
        }
    }
    let mut holds: [Option<usize>; MAX_REGISTERS] = [None; MAX_REGISTERS];
    let mut register_of = vec![0u8; steps.list.len()];
    let mut instructions = Vec::new();
    for (index, step) in steps.list.iter().enumerate() {
        let arg = |value: Value| to_arg(value, &register_of);
        let action = match *step {
            StepKind::Unary(f, a) => Action::Unary(f, arg(a)),
            StepKind::Binary(f, a, b) => Action::Binary(f, arg(a), arg(b)),
            StepKind::Select(c, a, b) => Action::Select(arg(c), arg(a), arg(b)),
            StepKind::Uniform(key, s) => Action::Uniform { key, step: arg(s) },
            StepKind::Normal(key, s) => Action::Normal { key, step: arg(s) },
        };
        if last_use[index] == 0 {
            continue;
        }
        let free = |held: &Option<usize>| held.is_none_or(|s| last_use[s] <= index);
        let to = holds.iter().position(free)?;
        holds[to] = Some(index);
        register_of[index] = to as u8;
        instructions.push(Step { action, to: to as u8 });
    }
    let outputs = results.iter().map(|&value| to_arg(value, &register_of)).collect();
    Some(Program::new(instructions, outputs))
}

fn to_arg(value: Value, register_of: &[u8]) -> Arg {
    match value {
        Value::Operand(i) => Arg::Operand(i as u8),
        Value::Step(s) => Arg::Register(register_of[s]),
        Value::Constant(c) => Arg::Constant(c),
    }
}

/// Turns scheduled and placed groups into a plan.
pub(super) fn lower(
    graph: Graph,
    stages: &[Stage],
    placement: Placement,
    options: &CompileOptions,
) -> Result<Plan, CompileError> {
    let (users, results) = users_and_results(&graph);
    let at = |id: NodeId| placement.buffers[&id];
    let mut lowered = Vec::new();
    let mut nodes = Vec::new();
    let mut dead_after = placement.dead_after;
    let mut arena = placement.arena;
    let mut own_constants = Vec::new();
    for stage in stages {
        let mut chains = Vec::new();
        for chain in stage {
            let mut commands = Vec::new();
            for group in &chain.groups {
                let before = commands.len();
                match group.kind {
                    GroupKind::Region => {
                        let outputs = stored(&group.nodes, &users, &results);
                        let map = map(&graph, &group.nodes, &outputs, &at)?;
                        if options.fuse && commands.last_mut().is_some_and(|last: &mut Command| last.absorb(&map)) {
                            nodes.last_mut().into_iter().for_each(|list: &mut Vec<_>| list.extend(&group.nodes));
                        } else {
                            commands.push(map);
                        }
                    }
                    GroupKind::Tape => {
                        let outputs = stored_by_tape(&graph, &group.nodes, &users, &results);
                        let tape = tape(&graph, &group.nodes, &outputs, &at, arena)?;
                        let buffer = Buffer { offset: arena, extent: Extent::fixed(tape.constants().len()) };
                        own_constants.push((buffer, Array::vector(tape.constants())));
                        arena = arena.max(tape.end());
                        commands.push(Command::Tape(tape));
                    }
                    GroupKind::Pack => commands.extend(pack(&graph, group.nodes[0], &at, &placement.packed)),
                    GroupKind::Products | GroupKind::Gradients => {
                        products(&graph, group, &at, &placement.packed, &mut commands);
                    }
                    _ => group.nodes.iter().for_each(|&id| single(&graph, id, &at, &placement.packed, &mut commands)),
                }
                let mut computed = group.nodes.clone();
                if group.kind == GroupKind::Gradients {
                    // The product is what takes the time, so profiles name it.
                    computed.sort_by_key(|&id| id != group.result(&graph));
                }
                nodes.resize(nodes.len() + commands.len() - before, computed);
            }
            chains.push(if chain.batch { Chain { rows: Extent::BATCH, commands } } else { Chain::new(commands) });
        }
        lowered.push(chains);
    }
    for &(from, to) in &placement.copies {
        let sizes = vec![Extent::fixed(from.extent.fixed)];
        let (from_strides, to_strides) = (vec![1], vec![1]);
        let copy = Command::Copy { sizes, x: from, from: 0, from_strides, y: to, to: 0, to_strides };
        lowered.push(vec![Chain::new(vec![copy])]);
        nodes.push(Vec::new());
        dead_after.push(Vec::new());
    }
    let sequence = Sequence::new(lowered, arena, options.max_rows, options.tile)?;
    let slot = |kind, name: &str, id: NodeId| Slot {
        name: name.to_string(),
        kind,
        shape: graph.shape(id).clone(),
        buffer: at(id),
    };
    let mut slots: Vec<Slot> = graph.inputs().map(|id| slot(SlotKind::Input, graph.name(id), id)).collect();
    slots.extend(graph.parameters().map(|id| slot(SlotKind::Parameter, graph.name(id), id)));
    slots.extend(graph.outputs().iter().map(|(name, id)| slot(SlotKind::Output, name, *id)));
    let constant = |id: NodeId| match (&graph.node(id).op, placement.buffers.get(&id)) {
        (Op::Constant(c), Some(&buffer)) => Some((buffer, c.value.clone())),
        _ => None,
    };
    let constants = graph.ids().filter_map(constant).chain(own_constants).collect();
    let temporaries = placement.temporaries;
    let max_rows = options.max_rows;
    Ok(Plan { sequence, nodes, dead_after, temporaries, slots, constants, arena, max_rows, graph })
}

fn map(
    graph: &Graph,
    nodes: &[NodeId],
    outputs: &[NodeId],
    at: &impl Fn(NodeId) -> Buffer,
) -> Result<Command, CompileError> {
    let written: Vec<Buffer> = outputs.iter().map(|&id| at(id)).collect();
    let reading = |(id, layout): (NodeId, Layout)| {
        let buffer = at(id);
        match written.iter().position(|w| w.offset == buffer.offset && buffer.extent.fixed > 0) {
            Some(k) => Reading::Output(k),
            None => Reading::Buffer(buffer, layout),
        }
    };
    let operands = region_reads(graph, nodes).into_iter().map(reading).collect();
    let failed = || CompileError::Region { node: graph.describe(outputs[0]) };
    let program = program(graph, nodes, outputs).ok_or_else(failed)?;
    Ok(Command::Map { program, extent: graph.shape(outputs[0]).extent(), operands, outputs: written })
}

/// Elementwise steps on single numbers, or on one for each row; what the tape needs for itself lies from `free` on.
fn tape(
    graph: &Graph,
    nodes: &[NodeId],
    outputs: &[NodeId],
    at: &impl Fn(NodeId) -> Buffer,
    free: usize,
) -> Result<Tape, CompileError> {
    let place = |id: NodeId| {
        let Buffer { offset, extent } = at(id);
        if extent.batched { Place::Points(offset) } else { Place::Number(offset) }
    };
    let mut operands = Vec::new();
    let mut known: HashMap<Place, usize> = HashMap::new();
    let mut steps = Steps::default();
    let mut values: HashMap<NodeId, Value> = HashMap::new();
    for &id in nodes {
        let node = graph.node(id);
        let operand = |arg: &NodeId| match (values.get(arg), &graph.node(*arg).op) {
            (Some(&value), _) => value,
            (None, Op::Constant(Constant { value })) if value.len() == 1 => Value::Constant(value.data()[0]),
            _ => Value::Operand(*known.entry(place(*arg)).or_insert_with_key(|&place| {
                operands.push(place);
                operands.len() - 1
            })),
        };
        let args: Vec<Value> = node.args.iter().map(operand).collect();
        let alias = lowering(graph, id) == Lowering::Alias;
        values.insert(id, if alias { args[0] } else { node.op.steps(&mut steps, &args) });
    }
    let step = |step: &StepKind| match *step {
        StepKind::Unary(f, a) => Some(kernels::Step::Unary(f, a)),
        StepKind::Binary(f, a, b) => Some(kernels::Step::Binary(f, a, b)),
        StepKind::Select(c, a, b) => Some(kernels::Step::Select(c, a, b)),
        StepKind::Uniform(..) | StepKind::Normal(..) => None,
    };
    let failed = || CompileError::Region { node: graph.describe(nodes[0]) };
    let steps: Vec<kernels::Step> = steps.list.iter().map(step).collect::<Option<_>>().ok_or_else(failed)?;
    let results: Vec<(Value, Place)> = outputs.iter().map(|id| (values[id], place(*id))).collect();
    Ok(Tape::new(&steps, &operands, &results, free))
}

/// Matrix products that add up: the first overwrites the result, the others accumulate. Or one, with the sums of its right
/// factor's columns.
fn products(
    graph: &Graph,
    group: &Group,
    at: &impl Fn(NodeId) -> Buffer,
    packed: &HashMap<NodeId, Buffer>,
    list: &mut Vec<Command>,
) {
    let result = at(group.result(graph));
    let factors = group.nodes.iter().filter(|id| matches!(graph.node(**id).op, Op::Matmul(_)));
    for (index, &id) in factors.enumerate() {
        matmul(graph, id, at, packed.get(&id).copied(), (result, index > 0), list);
    }
    let is_sum = |id: &&NodeId| matches!(lowering(graph, **id), Lowering::Reduce(..));
    if let Some(Command::Matmul { sums, .. }) = list.last_mut() {
        *sums = group.nodes.iter().find(is_sum).map(|&id| at(id));
    }
}

fn pack(
    graph: &Graph,
    id: NodeId,
    at: &impl Fn(NodeId) -> Buffer,
    packed: &HashMap<NodeId, Buffer>,
) -> Option<Command> {
    let node = graph.node(id);
    let Op::Matmul(op) = &node.op else { return None };
    let [k, n] = node_sizes(graph, id, op.transpose_left);
    let (b, packed) = (at(node.args[1]), *packed.get(&id)?);
    Some(Command::Pack { k, n: n.fixed, transposed: op.transpose_right, b, packed })
}

/// The depth and the columns of a product.
fn node_sizes(graph: &Graph, id: NodeId, transpose_left: bool) -> [Extent; 2] {
    let node = graph.node(id);
    [graph.shape(node.args[0]).dims()[usize::from(!transpose_left)], node.shape.dims()[1]].map(extent)
}

fn extent(dim: Dim) -> Extent {
    match dim {
        Dim::Batch => Extent::BATCH,
        Dim::Fixed(fixed) => Extent::fixed(fixed),
    }
}

fn matmul(
    graph: &Graph,
    id: NodeId,
    at: &impl Fn(NodeId) -> Buffer,
    packed: Option<Buffer>,
    (c, accumulate): (Buffer, bool),
    list: &mut Vec<Command>,
) {
    let node = graph.node(id);
    let Op::Matmul(op) = &node.op else { return };
    let (a, b) = (at(node.args[0]), at(node.args[1]));
    let [k, n] = node_sizes(graph, id, op.transpose_left);
    list.push(Command::Matmul {
        m: extent(node.shape.dims()[0]),
        n: n.fixed,
        k,
        transpose_a: op.transpose_left,
        packed: packed.is_some(),
        a,
        b: packed.unwrap_or(b),
        c,
        accumulate,
        finish: None,
        sums: None,
    });
}

fn single(
    graph: &Graph,
    id: NodeId,
    at: &impl Fn(NodeId) -> Buffer,
    packed: &HashMap<NodeId, Buffer>,
    list: &mut Vec<Command>,
) {
    let node = graph.node(id);
    let arg = |k: usize| at(node.args[k]);
    let shape_of = |k: usize| graph.shape(node.args[k]);
    let y = at(id);
    match lowering(graph, id) {
        Lowering::Leaf | Lowering::Alias | Lowering::Map => {}
        Lowering::Matmul { .. } => matmul(graph, id, at, packed.get(&id).copied(), (y, false), list),
        Lowering::Reduce(kind, axis) => {
            let dims = shape_of(0).dims();
            let part = |dims: &[Dim]| Shape::new(dims.to_vec()).unwrap_or_default().extent();
            list.push(Command::Reduce {
                kind,
                outer: part(&dims[..axis]),
                axis: part(&dims[axis..=axis]),
                inner: part(&dims[axis + 1..]).fixed,
                x: arg(0),
                y,
            });
        }
        Lowering::Copy(moves) => list.extend(moves.into_iter().map(|m| Command::Copy {
            sizes: m.shape.dims().iter().copied().map(extent).collect(),
            x: arg(m.arg),
            from: m.from,
            from_strides: m.from_strides,
            y,
            to: m.to,
            to_strides: m.to_strides,
        })),
        Lowering::Gather => {
            let table = shape_of(0).resolve(0);
            list.push(Command::Gather { rows: table[0], width: table[1], table: arg(0), indices: arg(1), y });
        }
        Lowering::OneHot => {
            let classes = node.shape.resolve(1).last().copied().unwrap_or(1);
            list.push(Command::OneHot { classes, indices: arg(0), y });
        }
        Lowering::Size(axis) => {
            list.push(Command::Size { extent: extent(shape_of(0).dims()[axis]), y });
        }
    }
}
