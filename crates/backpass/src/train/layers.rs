//! What becomes of the layers of a network while it is trained, seen on a few training rows now and then.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use backpass_kernels::philox::Stream;
use backpass_kernels::{Pool, Real};

use crate::autodiff::gradient;
use crate::compile::{CompileOptions, Slot, SlotKind, compile};
use crate::graph::{Graph, NodeId, ScopeId, ScopeKind};
use crate::nn::{Network, units};
use crate::ops::{Category, Op};
use crate::session::Session;
use crate::train::data::Dataset;
use crate::train::evaluate::{set_parameters, weight_slots};
use crate::train::objective::{TARGET, WEIGHT, observed};
use crate::train::run::gather;
use crate::train::{TrainError, TrainOptions};

/// A layer at the end of an epoch, on a few training rows without dropout. Beside hidden and output layers, embeddings and
/// whatever else has parameters counts as a layer.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerState {
    /// Its name.
    pub name: String,
    /// Root mean square of its weights; biases are left out, unless it has nothing else.
    pub weights: f64,
    /// Root mean square of what it gives on.
    pub activations: f64,
    /// Root mean square of the derivatives of the mean loss with respect to the same weights.
    pub gradients: f64,
    /// The share of its units that give the same for every row, or lie on the flat ends of their activation for 95 % of the
    /// rows; none where it has no activation.
    pub idle: Option<f64>,
}

/// The most rows that are looked at, and so many unless there are fewer.
const ROWS: (usize, usize) = (256, 64);
/// The fewest epochs after which they are looked at, unless there are fewer: so little work takes no time.
const LEAST: usize = 10;
/// The most epochs after which they are looked at.
const MOMENTS: usize = 50;
/// Looking takes at most this share of the row passes that training takes.
const SHARE: f64 = 0.03;

/// Key of the stream that chooses the rows.
const KEY: u64 = 0x4c41_5945_5253;

/// How many rows are looked at, and after which epochs, from 1: the first ones, and then ever farther apart, since most
/// happens early and many a run ends early. It depends on the numbers of epochs and training rows alone.
fn plan(epochs: usize, rows: usize) -> (usize, Vec<usize>) {
    let passes = SHARE * epochs as f64 * rows as f64;
    let seen = ((passes / MOMENTS as f64) as usize).clamp(ROWS.1, ROWS.0).min(rows);
    let count = ((passes / seen as f64) as usize).clamp(LEAST, MOMENTS).min(epochs);
    let mut moments = vec![1];
    for k in 1..count {
        let apart = (epochs as f64).powf(k as f64 / (count - 1) as f64).round() as usize;
        moments.push(apart.max(moments[k - 1] + 1).min(epochs));
    }
    (seen, moments)
}

/// The nodes of a layer.
#[derive(Default)]
struct Nodes {
    parameters: Vec<NodeId>,
    outputs: Vec<NodeId>,
    /// The weighted sums that go into its activation.
    sums: Vec<NodeId>,
    activation: Option<Op>,
}

/// The scope that stands for the layer of a node, if it is in one: the outermost layer or function around it.
fn owner(graph: &Graph, node: NodeId) -> Option<ScopeId> {
    let (mut scope, mut found) = (graph.node(node).scope, None);
    while scope != ScopeId::ROOT {
        let of = &graph.scopes()[scope.index()];
        if of.kind != ScopeKind::Network {
            found = Some(scope);
        }
        scope = of.parent;
    }
    found
}

/// All layers with parameters, in the order in which they compute. The tables of several categories are one layer.
fn layers(graph: &Graph) -> Vec<(String, Nodes)> {
    let owners: Vec<Option<ScopeId>> = graph.ids().map(|id| owner(graph, id)).collect();
    let name = |scope: ScopeId| {
        let path = graph.scope_path(scope);
        let is_layer = graph.scopes()[scope.index()].kind == ScopeKind::Layer;
        if is_layer { path } else { path.trim_end_matches(|c: char| c.is_ascii_digit()).to_string() }
    };
    let mut found: BTreeMap<String, Nodes> = BTreeMap::new();
    let y = graph.output("y");
    let mut users: Vec<Vec<NodeId>> = vec![Vec::new(); graph.nodes().len()];
    graph.ids().for_each(|id| graph.node(id).args.iter().for_each(|arg| users[arg.index()].push(id)));
    let is_parameter = |id: NodeId| matches!(graph.node(id).op, Op::Parameter(_));
    for id in graph.ids() {
        let users = &users[id.index()];
        if is_parameter(id) {
            // A parameter belongs to what uses it, wherever it was declared.
            if let Some(user) = users.first().and_then(|user| owners[user.index()]) {
                found.entry(name(user)).or_default().parameters.push(id);
            }
            continue;
        }
        let Some(own) = owners[id.index()].filter(|_| graph.shape(id).is_batched()) else { continue };
        let layer = found.entry(name(own)).or_default();
        if y == Some(id) || users.iter().any(|user| owners[user.index()] != Some(own)) {
            layer.outputs.push(id);
        }
        let node = graph.node(id);
        if node.op.info().category == Category::Activation && graph.scopes()[own.index()].kind == ScopeKind::Layer {
            layer.sums.push(node.args[0]);
            layer.activation = Some(node.op.clone());
        }
    }
    let mut layers: Vec<(String, Nodes)> =
        found.into_iter().filter(|(_, nodes)| !nodes.parameters.is_empty() && !nodes.outputs.is_empty()).collect();
    layers.sort_by_key(|(_, nodes)| nodes.outputs.last().copied());
    for (_, nodes) in &mut layers {
        let matrices: Vec<NodeId> =
            nodes.parameters.iter().copied().filter(|id| graph.shape(*id).rank() >= 2).collect();
        if !matrices.is_empty() {
            nodes.parameters = matrices;
        }
    }
    layers
}

/// Where a session has the numbers of a layer.
struct Layer {
    name: String,
    parameters: Vec<Slot>,
    gradients: Vec<Slot>,
    outputs: Vec<Slot>,
    sums: Vec<Slot>,
    activation: bool,
    flat_ends: Option<(f64, f64)>,
}

/// Forward and backward pass of the rows that are looked at, compiled once.
pub(super) struct Inspector<T: Real> {
    session: Session<T>,
    parameters: Vec<Slot>,
    layers: Vec<Layer>,
    rows: usize,
    moments: Vec<usize>,
}

impl<T: Real> Inspector<T> {
    /// Nothing where the layers are not to be looked at, or there are none, as in a formula.
    pub fn new<D: Real>(
        network: &Network,
        data: &Dataset<D>,
        options: &TrainOptions,
        pool: Arc<Pool>,
    ) -> Result<Option<Self>, TrainError> {
        let found = if options.watch_layers { layers(&network.graph) } else { Vec::new() };
        if found.is_empty() {
            return Ok(None);
        }
        let (rows, moments) = plan(options.epochs, data.rows());
        let wanted = found.iter().flat_map(|(_, nodes)| &nodes.parameters).copied().collect::<Vec<_>>();
        let (builder, loss) = observed(network, data.targets, &options.loss)?;
        let slopes = gradient(builder.expr(loss), &wanted.iter().map(|id| builder.expr(*id)).collect::<Vec<_>>())?;
        let slopes: Vec<NodeId> = slopes.into_iter().map(|slope| slope.id()).collect();
        let seen: BTreeSet<NodeId> =
            found.iter().flat_map(|(_, nodes)| nodes.outputs.iter().chain(&nodes.sums)).copied().collect();
        let gradient_name = |at: usize| format!("gradient {at}");
        let value_name = |id: &NodeId| format!("value {}", id.index());
        slopes.iter().enumerate().for_each(|(at, id)| builder.output(&gradient_name(at), builder.expr(*id)));
        seen.iter().for_each(|id| builder.output(&value_name(id), builder.expr(*id)));
        let compiled = compile(&builder.finish()?, &CompileOptions::rows(rows))?;
        let mut session = Session::new(Arc::new(compiled), pool)?;
        let mut stream = Stream::new(options.seed ^ KEY, 0);
        let mut chosen = BTreeSet::new();
        while chosen.len() < rows {
            chosen.insert(stream.below(data.rows() as u64) as u32);
        }
        let chosen: Vec<u32> = chosen.into_iter().collect();
        let [x, target] = ["x", TARGET].map(|name| session.slot(SlotKind::Input, name));
        data.copy_rows(chosen.iter().map(|&row| row as usize), session.write(&x?, rows));
        gather(session.write(&target?, rows), &data.y, data.targets, &chosen);
        let (slot, weights) = (session.slot(SlotKind::Input, WEIGHT)?, data.row_weights());
        let to = session.write(&slot, rows).iter_mut().zip(&chosen);
        to.for_each(|(t, row)| *t = T::from_f64(weights.at(*row as usize)));
        let parameters = weight_slots(&session, &network.weights)?;
        let mut number = 0;
        let mut all = Vec::new();
        for (name, nodes) in found {
            let slot = |kind, name: &str| session.slot(kind, name);
            let values = |ids: &[NodeId]| {
                ids.iter().map(|id| slot(SlotKind::Output, &value_name(id))).collect::<Result<Vec<_>, _>>()
            };
            let mut layer = Layer {
                name,
                parameters: Vec::new(),
                gradients: Vec::new(),
                outputs: values(&nodes.outputs)?,
                sums: values(&nodes.sums)?,
                activation: nodes.activation.is_some(),
                flat_ends: nodes.activation.as_ref().and_then(units::flat_ends),
            };
            for id in &nodes.parameters {
                layer.parameters.push(slot(SlotKind::Parameter, network.graph.name(*id))?);
                layer.gradients.push(slot(SlotKind::Output, &gradient_name(number))?);
                number += 1;
            }
            all.push(layer);
        }
        Ok(Some(Inspector { session, parameters, layers: all, rows, moments }))
    }

    /// Whether the layers are to be looked at after this epoch, counted from 1.
    pub fn is_due(&self, epoch: usize) -> bool {
        self.moments.binary_search(&epoch).is_ok()
    }

    /// The layers with these weights, in the order of their names.
    pub fn look(&mut self, weights: &[T]) -> Vec<LayerState> {
        set_parameters(&mut self.session, &self.parameters, weights);
        self.session.run(self.rows);
        self.layers.iter().map(|layer| self.state(layer)).collect()
    }

    fn state(&self, layer: &Layer) -> LayerState {
        let values = |slot: &Slot| self.session.read(slot, self.rows);
        let size = |slots: &[Slot]| root_mean_square(slots.iter().map(values));
        let idle = || {
            let (mut idle, mut all) = (0, 0);
            for (at, output) in layer.outputs.iter().enumerate() {
                let count = output.shape.extent().fixed;
                let mut ill = units::dead(values(output), count);
                if let (Some(ends), Some(sum)) = (layer.flat_ends, layer.sums.get(at)) {
                    let saturated = units::saturated(values(sum), count, ends);
                    ill.iter_mut().zip(saturated).for_each(|(ill, flat)| *ill |= flat);
                }
                idle += ill.into_iter().filter(|ill| *ill).count();
                all += count;
            }
            idle as f64 / all.max(1) as f64
        };
        LayerState {
            name: layer.name.clone(),
            weights: size(&layer.parameters),
            activations: size(&layer.outputs),
            gradients: size(&layer.gradients),
            idle: layer.activation.then(idle),
        }
    }
}

/// The root of the mean square of all values together, in f64.
fn root_mean_square<'a, T: Real>(parts: impl Iterator<Item = &'a [T]>) -> f64 {
    // Sums side by side keep the processor busy, and their order is always the same.
    const LANES: usize = 8;
    let (mut sums, mut count) = ([0.0; LANES], 0);
    for part in parts {
        count += part.len();
        for chunk in part.chunks(LANES) {
            sums.iter_mut().zip(chunk).for_each(|(sum, v)| *sum += v.to_f64() * v.to_f64());
        }
    }
    (sums.iter().sum::<f64>() / count.max(1) as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::{Activation, Embedding, Lookup, Mlp};

    #[test]
    fn looking_takes_a_small_share_of_the_rows_that_training_sees() {
        for (epochs, rows) in [(128, 301), (32, 100_000), (100, 2_000), (64, 5_000), (100_000_000, 70)] {
            let (seen, moments) = plan(epochs, rows);
            let work = (seen * moments.len()) as f64;
            assert!(work <= SHARE * epochs as f64 * rows as f64, "{epochs} epochs of {rows} rows: {work}");
            assert!(seen <= 256 && moments.len() <= 50 && moments.len() > 9);
            assert_eq!((moments[0], *moments.last().unwrap()), (1, epochs));
            assert!(moments.windows(2).all(|pair| pair[0] < pair[1]), "{moments:?}");
        }
        assert_eq!(plan(1, 5), (5, vec![1]));
        assert_eq!(plan(3, 1), (1, vec![1, 2, 3]));
        assert_eq!(plan(20, 1_000_000), (256, (1..=20).collect()));
    }

    #[test]
    fn everything_with_parameters_is_in_a_layer() {
        let mut mlp = Mlp::new(5, &[4, 4], &Activation::parse("relu").unwrap(), 2);
        mlp.embedded = 3;
        mlp.embeddings = Embedding::parse("periodic").unwrap();
        mlp.lookups = vec![Lookup { rows: 3, outputs: 2 }; 2];
        mlp.front_scale = true;
        mlp.members = 2;
        let network = mlp.build(1).unwrap();
        let found = layers(&network.graph);
        let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["periodic", "category", "front_scale", "hidden1", "hidden2", "output"]);
        let of = |name: &str| &found.iter().find(|(known, _)| known == name).unwrap().1;
        let named =
            |name: &str| -> Vec<&str> { of(name).parameters.iter().map(|id| network.graph.name(*id)).collect() };
        assert_eq!(named("front_scale"), ["front_scale.s"]);
        assert_eq!(named("category"), ["category1.table", "category2.table"]);
        assert_eq!(named("periodic"), ["periodic.frequency", "periodic.mix"]);
        assert_eq!((of("hidden1").outputs.len(), of("hidden1").sums.len()), (2, 2), "one of each member");
        assert_eq!(of("output").activation, None);
    }
}
