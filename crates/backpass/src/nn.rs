//! Layers and networks: functions that add nodes, and the values of their parameters.

use std::collections::BTreeMap;

use crate::array::Array;
use crate::builder::{BuildErrors, Builder, Expr};
use crate::composites::dropout;
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

/// A fully connected layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Dense {
    /// The number of neurons.
    pub units: usize,
    /// What each neuron does with its sum.
    pub activation: Activation,
    /// How its weights start; by default what suits the activation.
    pub init: Option<Init>,
    /// The share of its values that training drops at random.
    pub dropout: f64,
}

impl Dense {
    /// A layer without dropout, with the initialisation that suits its activation.
    pub fn new(units: usize, activation: Activation) -> Self {
        Dense { units, activation, init: None, dropout: 0.0 }
    }
}

/// The shape of a fully connected feed-forward network.
#[derive(Clone, Debug, PartialEq)]
pub struct Mlp {
    /// The number of inputs.
    pub inputs: usize,
    /// All layers; the last one gives the outputs.
    pub layers: Vec<Dense>,
}

impl Mlp {
    /// A network with equal hidden layers and a linear output layer.
    pub fn new(inputs: usize, hidden: &[usize], activation: &Activation, outputs: usize) -> Self {
        let mut layers: Vec<Dense> = hidden.iter().map(|&units| Dense::new(units, activation.clone())).collect();
        layers.push(Dense::new(outputs, Activation::IDENTITY));
        Mlp { inputs, layers }
    }

    /// Checks every number.
    pub fn check(&self) -> Result<(), NetworkError> {
        let check = |layer: &str, what, found: f64, ok: bool, expected| {
            if ok { Ok(()) } else { Err(NetworkError::Layer { layer: layer.to_string(), what, found, expected }) }
        };
        check("the network", "number of inputs", self.inputs as f64, self.inputs > 0, "at least 1")?;
        check("the network", "number of layers", self.layers.len() as f64, !self.layers.is_empty(), "at least 1")?;
        let mut fan_in = self.inputs;
        let mut total = 0usize;
        for (index, layer) in self.layers.iter().enumerate() {
            let name = self.layer_name(index);
            let size = fan_in.checked_add(1).and_then(|n| n.checked_mul(layer.units));
            total = size.and_then(|n| total.checked_add(n)).unwrap_or(usize::MAX);
            let so_far = format!("the network up to {name}");
            check(&so_far, "number of parameters", total as f64, total <= MOST_PARAMETERS, "at most 2^30")?;
            fan_in = layer.units;
            if let Some(init) = &layer.init {
                init.check()?;
            }
            check(&name, "number of units", layer.units as f64, layer.units > 0, "at least 1")?;
            let dropout = layer.dropout;
            check(&name, "dropout", dropout, (0.0..1.0).contains(&dropout), "at least 0 and less than 1")?;
        }
        Ok(())
    }

    /// The name of layer `index`: `hidden1`, `hidden2`, …, `output`.
    pub fn layer_name(&self, index: usize) -> String {
        if index + 1 == self.layers.len() { "output".to_string() } else { format!("hidden{}", index + 1) }
    }

    /// Adds the layers to a graph: `[batch, inputs]` to `[batch, outputs]`. With a `step`, dropout is active.
    pub fn forward<'b>(&self, x: Expr<'b>, step: Option<Expr<'b>>, seed: u64) -> Expr<'b> {
        let builder = x.builder();
        let mut fan_in = self.inputs;
        let mut value = x;
        for (index, layer) in self.layers.iter().enumerate() {
            let name = self.layer_name(index);
            value = builder.scope(&name, ScopeKind::Layer, || {
                let w = builder.parameter(&format!("{name}.W"), Shape::fixed(&[fan_in, layer.units]));
                let b = builder.parameter(&format!("{name}.b"), Shape::fixed(&[layer.units]));
                let y = layer.activation.apply(value.matmul(w) + b);
                match step {
                    Some(step) if layer.dropout > 0.0 => dropout(y, step, layer.dropout, layer_key(seed, index)),
                    _ => y,
                }
            });
            fan_in = layer.units;
        }
        value
    }

    /// Builds the network and draws its weights.
    pub fn build(&self, seed: u64) -> Result<Network, NetworkError> {
        self.check()?;
        let graph = |training: bool| {
            let builder = Builder::new();
            let x = builder.input("x", Shape::batch(&[self.inputs]));
            let has_dropout = self.layers.iter().any(|l| l.dropout > 0.0);
            let step = (training && has_dropout).then(|| builder.input("step", Shape::scalar()));
            let y = self.forward(x, step, seed);
            builder.output("y", y);
            builder.finish()
        };
        let mut weights = Weights::new();
        let mut fan_in = self.inputs;
        for (index, layer) in self.layers.iter().enumerate() {
            let name = self.layer_name(index);
            let init = layer.init.unwrap_or_else(|| layer.activation.default_init());
            let drawn = init.draw(fan_in, layer.units, layer_key(seed, index));
            weights.insert(format!("{name}.W"), drawn.map(|v| f64::from(v as f32)));
            weights.insert(format!("{name}.b"), Array::filled(&[layer.units], 0.0));
            fan_in = layer.units;
        }
        Ok(Network { graph: graph(false)?, training: graph(true)?, weights })
    }
}

/// The most parameters of a network: 4 GiB of f32.
const MOST_PARAMETERS: usize = 1 << 30;

/// The key of a layer's random numbers. Each has its own, so a wider layer leaves the others' weights as they are; step 0
/// is for weights, later steps are for dropout.
fn layer_key(seed: u64, index: usize) -> u64 {
    seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(index as u64 + 1)
}

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
}

impl Network {
    /// A network from any graph with an input `x` and an output `y`; parameters without a value start at zero.
    pub fn from_graph(graph: Graph, mut weights: Weights) -> Self {
        for id in graph.parameters() {
            let zeros = || Array::filled(&graph.shape(id).resolve(0), 0.0);
            weights.entry(graph.name(id).to_string()).or_insert_with(zeros);
        }
        Network { training: graph.clone(), graph, weights }
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
            let given = |name: &str, id| name == "x" || name == step && graph.shape(id).rank() == 0;
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

/// The layers of a network, in the order of their outputs: what a scope of a layer computes last is its output, and if
/// that is an activation, the activation's operand are the weighted sums.
pub fn layers(graph: &Graph) -> Vec<LayerNodes> {
    let mut last: BTreeMap<usize, NodeId> = BTreeMap::new();
    for id in graph.ids() {
        last.insert(graph.node(id).scope.index(), id);
    }
    let layer = |(scope, output): (usize, NodeId)| {
        let (scope, node) = (&graph.scopes()[scope], graph.node(output));
        let sum = if node.op.info().category == Category::Activation { node.args[0] } else { output };
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
