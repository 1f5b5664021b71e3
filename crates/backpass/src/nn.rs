//! Layers and networks: functions that add nodes, and the values of their parameters.

mod adapt;
mod committee;
mod embedding;
mod mlp;
pub mod units;

use std::collections::BTreeMap;

pub use embedding::{Embedding, Lookup, Periodic, Piecewise};
pub use mlp::{Dense, Mlp, Pace, Parametrisation, Rates};

use crate::array::Array;
use crate::builder::{BuildErrors, Expr};
use crate::graph::{Graph, NodeId, ScopeKind};
use crate::init::Init;
use crate::ops::{self, Category, Op};
use crate::shape::Shape;
use crate::spec::{self, SpecError};

/// Why a network cannot be built, trained or run.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// A wrong initialisation.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// A network whose prediction for a row would depend on the rows around it.
    #[error("the network sums over rows or draws random numbers, so a prediction would depend on the other rows")]
    MixesRows,
    /// A number that a layer cannot have.
    #[error("the {what} of {layer} is {found}, it must be {expected}")]
    Layer {
        /// Which layer.
        layer: String,
        /// Which number.
        what: &'static str,
        /// Its value.
        found: f64,
        /// The allowed values in words.
        expected: &'static str,
    },
    /// The input `x` or the output `y` is not there.
    #[error("the graph has no {what}; a network needs an input `x` and an output `y`")]
    Missing {
        /// Which of the two.
        what: &'static str,
    },
    /// The input `x` or the output `y` is not made of rows.
    #[error("the {what} has shape {found}, a network needs [batch, n]")]
    Shape {
        /// Which of the two.
        what: &'static str,
        /// Its shape.
        found: Shape,
    },
    /// A parameter without a value, or with one of another shape.
    #[error("the parameter `{name}` has no value of its shape {shape}")]
    Parameter {
        /// Its name.
        name: String,
        /// Its shape.
        shape: Shape,
    },
    /// An input that no row has a value for.
    #[error("the graph has an input `{name}`; a network takes everything from `x`")]
    Input {
        /// Its name.
        name: String,
    },
    /// A parameter with a name that training gives to something else.
    #[error("training needs the name `{name}` for an input of its own\nhelp: rename the parameter")]
    Reserved {
        /// The name.
        name: String,
    },
    /// A parameter that the graph changes by itself.
    #[error("the graph updates its parameter `{name}`; that is what training does")]
    Update {
        /// Its name.
        name: String,
    },
    /// The graph could not be built.
    #[error(transparent)]
    Build(#[from] BuildErrors),
}

/// The activation of a layer: an activation operator, or none (identity).
#[derive(Clone, Debug, PartialEq)]
pub struct Activation(Option<Op>);

impl Activation {
    /// No activation.
    pub const IDENTITY: Activation = Activation(None);

    /// The names of all activations.
    pub fn names() -> Vec<&'static str> {
        let ops = ops::table().iter().filter(|e| e.info.category == Category::Activation).map(|e| e.info.name);
        std::iter::once("identity").chain(ops).collect()
    }

    /// Reads `relu` or `leaky_relu(slope=0.1)`.
    pub fn parse(text: &str) -> Result<Self, SpecError> {
        spec::read("activation", text, &Self::names(), |name, attributes| {
            if name == "identity" || name == "linear" {
                return Ok(Some(Activation::IDENTITY));
            }
            let entry = ops::find(name).filter(|e| e.info.category == Category::Activation);
            entry.map(|e| (e.parse)(attributes).map(|op| Activation(Some(op)))).transpose()
        })
    }

    /// Applies it.
    #[track_caller]
    pub fn apply<'b>(&self, x: Expr<'b>) -> Expr<'b> {
        self.0.as_ref().map_or(x, |op| x.apply(op.clone()))
    }

    /// The operator, if any.
    pub fn op(&self) -> Option<&Op> {
        self.0.as_ref()
    }

    /// The initialisation made for it: He for the rectifier family, LeCun for SELU, Glorot for the rest.
    pub fn default_init(&self) -> Init {
        match self.0.as_ref().map(|op| op.info().name) {
            Some(
                "relu" | "leaky_relu" | "elu" | "gelu" | "gelu_tanh" | "silu" | "mish" | "softplus" | "hard_swish",
            ) => Init::He,
            Some("selu") => Init::Lecun,
            _ => Init::GlorotUniform,
        }
    }
}

impl std::fmt::Display for Activation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Some(op) = &self.0 else { return f.write_str("identity") };
        let attributes: Vec<String> = op.attributes().iter().map(|(k, v)| format!("{k}={v}")).collect();
        f.write_str(op.info().name)?;
        if attributes.is_empty() { Ok(()) } else { write!(f, "({})", attributes.join(", ")) }
    }
}

/// The input of a training graph that all dropout rates are multiplied with.
pub(crate) const DROPOUT: &str = "dropout";

/// Parameter values by name.
pub type Weights = BTreeMap<String, Array>;

/// A network: its graph from input `x` to output `y`, and the values of its parameters.
#[derive(Clone, Debug)]
pub struct Network {
    /// What it computes.
    pub graph: Graph,
    /// The same with what is active in training only; it may have a scalar input `step`.
    pub training: Graph,
    /// The values of its parameters.
    pub weights: Weights,
    /// How fast parameters learn, where it is not at the rate of all.
    pub paces: BTreeMap<String, Pace>,
    /// How many predictions its outputs hold, one after the other; training takes the mean of their losses.
    pub members: usize,
}

impl Network {
    /// A network from any graph with an input `x` and an output `y`; parameters without a value start at zero.
    pub fn from_graph(graph: Graph, mut weights: Weights) -> Self {
        for id in graph.parameters() {
            let zeros = || Array::filled(&graph.shape(id).resolve(0), 0.0);
            weights.entry(graph.name(id).to_string()).or_insert_with(zeros);
        }
        Network { training: graph.clone(), graph, weights, paces: BTreeMap::new(), members: 1 }
    }

    /// Checks that rows can go through: an input `x` of shape [batch, …], an output `y` of shape `[batch, n]`, a value for
    /// every parameter, and nothing else to be given, but for the step number in training.
    pub fn check(&self) -> Result<(), NetworkError> {
        for (graph, step) in [(&self.graph, ""), (&self.training, "step")] {
            let missing = |what| NetworkError::Missing { what };
            let x = graph.shape(input(graph, "x").ok_or(missing("input `x`"))?);
            let y = graph.shape(graph.output("y").ok_or(missing("output `y`"))?);
            let rows = |shape: &Shape| shape.is_batched() && shape.extent().fixed > 0;
            if !rows(x) {
                return Err(NetworkError::Shape { what: "input `x`", found: x.clone() });
            }
            if !rows(y) || y.rank() != 2 {
                return Err(NetworkError::Shape { what: "output `y`", found: y.clone() });
            }
            let scalars = [step, DROPOUT];
            let given = |name: &str, id| {
                name == "x" || !step.is_empty() && scalars.contains(&name) && graph.shape(id).rank() == 0
            };
            if let Some(id) = graph.inputs().find(|&id| !given(graph.name(id), id)) {
                return Err(NetworkError::Input { name: graph.name(id).to_string() });
            }
            if let Some(&(parameter, _)) = graph.updates().first() {
                return Err(NetworkError::Update { name: graph.name(parameter).to_string() });
            }
            for id in graph.parameters() {
                let (name, shape) = (graph.name(id), graph.shape(id));
                if self.weights.get(name).is_none_or(|w| w.shape() != shape.resolve(0)) {
                    return Err(NetworkError::Parameter { name: name.to_string(), shape: shape.clone() });
                }
            }
        }
        if self.graph.mixes_rows() {
            return Err(NetworkError::MixesRows);
        }
        Ok(())
    }

    /// How fast a parameter of so many axes learns; biases do not decay.
    pub(crate) fn pace(&self, name: &str, rank: usize) -> Pace {
        let decay = if rank >= 2 { 1.0 } else { 0.0 };
        self.paces.get(name).copied().unwrap_or(Pace { rate: 1.0, decay })
    }

    /// The number of inputs.
    pub fn inputs(&self) -> usize {
        input(&self.graph, "x").map_or(0, |id| self.graph.shape(id).extent().fixed)
    }

    /// The number of outputs.
    pub fn outputs(&self) -> usize {
        self.graph.output("y").map_or(0, |id| self.graph.shape(id).extent().fixed)
    }

    /// The number of parameters.
    pub fn parameter_count(&self) -> usize {
        self.weights.values().map(Array::len).sum()
    }
}

/// A layer in the graph of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerNodes {
    /// Its name.
    pub name: String,
    /// The weighted sums; the same as the output where there is no activation.
    pub sum: NodeId,
    /// What it gives on.
    pub output: NodeId,
}

/// The layers of a network, in the order of their outputs: what a scope of a layer computes last is its output, and the
/// operand of its activation, if it has one, are the weighted sums.
pub fn layers(graph: &Graph) -> Vec<LayerNodes> {
    let mut last: BTreeMap<usize, (NodeId, NodeId)> = BTreeMap::new();
    for id in graph.ids() {
        let node = graph.node(id);
        let (sum, output) = last.entry(node.scope.index()).or_insert((id, id));
        if node.op.info().category == Category::Activation {
            *sum = node.args[0];
        } else if *sum == *output {
            *sum = id;
        }
        *output = id;
    }
    let layer = |(scope, (sum, output)): (usize, (NodeId, NodeId))| {
        let scope = &graph.scopes()[scope];
        (scope.kind == ScopeKind::Layer).then(|| LayerNodes { name: scope.name.clone(), sum, output })
    };
    let mut layers: Vec<LayerNodes> = last.into_iter().filter_map(layer).collect();
    layers.sort_by_key(|layer| layer.output);
    layers
}

/// The input called `name`.
pub(crate) fn input(graph: &Graph, name: &str) -> Option<NodeId> {
    graph.inputs().find(|&id| graph.name(id) == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interpret::interpret;

    #[test]
    fn the_lectures_network_has_301_parameters() {
        let network = Mlp::new(8, &[9, 9, 9], &Activation::parse("relu").unwrap(), 4).build(1).unwrap();
        assert_eq!(network.parameter_count(), 301);
        assert_eq!((network.inputs(), network.outputs()), (8, 4));
    }

    #[test]
    fn a_batch_gives_what_its_rows_give() {
        let network = Mlp::new(3, &[5], &Activation::parse("tanh").unwrap(), 2).build(3).unwrap();
        let run = |x: &Array| {
            let mut values: Vec<(&str, &Array)> = network.weights.iter().map(|(n, v)| (n.as_str(), v)).collect();
            values.push(("x", x));
            interpret(&network.graph, &values).unwrap().value(network.graph.output("y").unwrap()).clone()
        };
        let x = Array::from_fn(&[4, 3], |i| (i as f64).sin());
        let batch = run(&x);
        for row in 0..4 {
            let one = Array::new(&[1, 3], x.data()[row * 3..row * 3 + 3].to_vec()).unwrap();
            assert_eq!(run(&one).data(), &batch.data()[row * 2..row * 2 + 2]);
        }
    }

    #[test]
    fn layers_are_found_with_their_sums() {
        let network = Mlp::new(3, &[5, 4], &Activation::parse("tanh").unwrap(), 2).build(3).unwrap();
        let layers = layers(&network.graph);
        let names: Vec<&str> = layers.iter().map(|layer| layer.name.as_str()).collect();
        assert_eq!(names, ["hidden1", "hidden2", "output"]);
        assert_eq!(network.graph.node(layers[1].output).args, [layers[1].sum]);
        assert_eq!((layers[2].output, layers[2].sum), (network.graph.output("y").unwrap(), layers[2].output));
    }

    #[test]
    fn dropout_is_only_in_the_training_graph() {
        let mut mlp = Mlp::new(3, &[5], &Activation::parse("relu").unwrap(), 2);
        mlp.layers[0].dropout = 0.5;
        let network = mlp.build(3).unwrap();
        assert!(network.graph.named("step").is_none());
        assert!(network.training.named("step").is_some());
    }

    #[test]
    fn activations_read_back_what_they_print() {
        for name in Activation::names() {
            let activation = Activation::parse(name).unwrap();
            assert_eq!(Activation::parse(&activation.to_string()), Ok(activation));
        }
        assert!(Activation::parse("exp").is_err());
        let error = Activation::parse("rleu").unwrap_err().to_string();
        assert_eq!(error, "there is no activation `rleu`\nhelp: did you mean `relu`?");
    }
}
