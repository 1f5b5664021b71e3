//! Layers and networks: functions that add nodes, and the values of their parameters.

mod adapt;
mod committee;
mod embedding;

use std::collections::BTreeMap;

pub use embedding::Periodic;

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
    /// Whether each neuron learns how much of its activation it takes: `x + a (σ(x) - x)`, `a` from 1
    /// (Holzmüller, Grinsztajn and Steinwart 2024).
    pub parametric: bool,
    /// How its weights start; by default what suits the activation.
    pub init: Option<Init>,
    /// The share of its values that training drops at random.
    pub dropout: f64,
}

impl Dense {
    /// A layer without dropout, with the initialisation that suits its activation.
    pub fn new(units: usize, activation: Activation) -> Self {
        Dense { units, activation, parametric: false, init: None, dropout: 0.0 }
    }
}

/// The shape of a fully connected feed-forward network.
#[derive(Clone, Debug, PartialEq)]
pub struct Mlp {
    /// The number of inputs.
    pub inputs: usize,
    /// How many of the first inputs become waves, and how.
    pub embedding: Option<(usize, Periodic)>,
    /// Whether each input of the first layer has a factor that is learnt, from 1.
    pub front_scale: bool,
    /// How fast its parts learn.
    pub parametrisation: Parametrisation,
    /// Whether training multiplies all dropout rates with a factor, the input `dropout` of the training graph.
    pub dropout_factor: bool,
    /// All layers; the last one gives the outputs.
    pub layers: Vec<Dense>,
}

/// How fast the parameters of a network learn relative to each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Parametrisation {
    /// All alike.
    #[default]
    Standard,
    /// As if each weight were divided by √fan_in where it is used ("neural tangent parametrisation", Jacot, Gabriel and
    /// Hongler 2018), with the factors for other parameters of Holzmüller, Grinsztajn and Steinwart 2024. Under a rule that
    /// does not depend on the gradient's scale, such as Adam, a learning rate over √fan_in gives the same training.
    Ntp,
}

impl Parametrisation {
    /// Reads `standard` or `ntp`.
    pub fn parse(text: &str) -> Result<Self, SpecError> {
        spec::read("parametrisation", text, &["standard", "ntp"], |name, _| {
            Ok(match name {
                "standard" => Some(Parametrisation::Standard),
                "ntp" => Some(Parametrisation::Ntp),
                _ => None,
            })
        })
    }
}

/// How fast one parameter learns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// The factor on the learning rate.
    pub rate: f64,
    /// The factor on the weight decay.
    pub decay: f64,
}

impl Mlp {
    /// A network with equal hidden layers and a linear output layer.
    pub fn new(inputs: usize, hidden: &[usize], activation: &Activation, outputs: usize) -> Self {
        let mut layers: Vec<Dense> = hidden.iter().map(|&units| Dense::new(units, activation.clone())).collect();
        layers.push(Dense::new(outputs, Activation::IDENTITY));
        let parametrisation = Parametrisation::Standard;
        Mlp { inputs, embedding: None, front_scale: false, parametrisation, dropout_factor: false, layers }
    }

    /// Checks every number.
    pub fn check(&self) -> Result<(), NetworkError> {
        let check = |layer: &str, what, found: f64, ok: bool, expected| {
            if ok { Ok(()) } else { Err(NetworkError::Layer { layer: layer.to_string(), what, found, expected }) }
        };
        check("the network", "number of inputs", self.inputs as f64, self.inputs > 0, "at least 1")?;
        check("the network", "number of layers", self.layers.len() as f64, !self.layers.is_empty(), "at least 1")?;
        if let Some((columns, embedding)) = &self.embedding {
            embedding.check()?;
            let (found, expected) = (*columns as f64, "from 1 to the number of inputs");
            check("the periodic embedding", "number of columns", found, (1..=self.inputs).contains(columns), expected)?;
        }
        let mut fan_in = self.fan_in();
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

    /// The number of inputs of the first layer.
    fn fan_in(&self) -> usize {
        self.inputs + self.embedding.map_or(0, |(columns, embedding)| columns * (embedding.width() - 1))
    }

    /// The name of layer `index`: `hidden1`, `hidden2`, …, `output`.
    pub fn layer_name(&self, index: usize) -> String {
        if index + 1 == self.layers.len() { "output".to_string() } else { format!("hidden{}", index + 1) }
    }

    /// Adds the layers to a graph: `[batch, inputs]` to `[batch, outputs]`. With a `step`, dropout is active, its rates
    /// multiplied with `factor` if there is one.
    fn forward<'b>(&self, x: Expr<'b>, step: Option<Expr<'b>>, factor: Option<Expr<'b>>, seed: u64) -> Expr<'b> {
        let builder = x.builder();
        let mut fan_in = self.fan_in();
        let mut value = self.embedding.map_or(x, |(columns, embedding)| embedding.forward(x, columns));
        if self.front_scale {
            let scale = builder.parameter(FRONT_SCALE, Shape::fixed(&[fan_in]));
            value = builder.scope("front_scale", ScopeKind::Function, || value * scale);
        }
        for (index, layer) in self.layers.iter().enumerate() {
            let name = self.layer_name(index);
            value = builder.scope(&name, ScopeKind::Layer, || {
                let w = builder.parameter(&format!("{name}.W"), Shape::fixed(&[fan_in, layer.units]));
                let b = builder.parameter(&format!("{name}.b"), Shape::fixed(&[layer.units]));
                let sum = value.matmul(w) + b;
                let y = layer.activation.apply(sum);
                let y = if layer.parametric {
                    sum + builder.parameter(&format!("{name}.a"), Shape::fixed(&[layer.units])) * (y - sum)
                } else {
                    y
                };
                match step {
                    Some(step) if layer.dropout > 0.0 => {
                        let key = layer_key(seed, index);
                        match factor {
                            Some(factor) => dropout(y, step, 1.0 - factor * layer.dropout, key),
                            None => dropout(y, step, 1.0 - layer.dropout, key),
                        }
                    }
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
            let factor = step.filter(|_| self.dropout_factor).map(|_| builder.input(DROPOUT, Shape::scalar()));
            let y = self.forward(x, step, factor, seed);
            builder.output("y", y);
            builder.finish()
        };
        let mut weights = Weights::new();
        let mut paces = BTreeMap::new();
        let mut fan_in = self.fan_in();
        let ntp = self.parametrisation == Parametrisation::Ntp;
        let mut pace = |name: String, rate: f64, decay: f64| ntp.then(|| paces.insert(name, Pace { rate, decay }));
        if let Some((columns, embedding)) = &self.embedding {
            embedding.draw(*columns, layer_key(seed, usize::MAX - 1), &mut weights);
            weights.keys().for_each(|name| _ = pace(name.clone(), 0.1, if name.ends_with("mix") { 1.0 } else { 0.0 }));
        }
        if self.front_scale {
            weights.insert(FRONT_SCALE.to_string(), Array::filled(&[fan_in], 1.0));
            pace(FRONT_SCALE.to_string(), 6.0, 0.0);
        }
        for (index, layer) in self.layers.iter().enumerate() {
            let name = self.layer_name(index);
            let init = layer.init.unwrap_or_else(|| layer.activation.default_init());
            let drawn = init.draw(fan_in, layer.units, layer_key(seed, index));
            weights.insert(format!("{name}.W"), drawn.map(|v| f64::from(v as f32)));
            weights.insert(format!("{name}.b"), Array::filled(&[layer.units], 0.0));
            // Decay takes the same share off each weight as without the factor on its rate.
            let root = (fan_in as f64).sqrt();
            pace(format!("{name}.W"), 1.0 / root, root);
            pace(format!("{name}.b"), 0.1, 0.0);
            if layer.parametric {
                weights.insert(format!("{name}.a"), Array::filled(&[layer.units], 1.0));
                pace(format!("{name}.a"), 0.1, 0.0);
            }
            fan_in = layer.units;
        }
        Ok(Network { graph: graph(false)?, training: graph(true)?, weights, paces })
    }
}

/// The factors on the inputs of the first layer.
const FRONT_SCALE: &str = "front_scale.s";

/// The most parameters of a network: 4 GiB of f32.
const MOST_PARAMETERS: usize = 1 << 30;

/// The key of a layer's random numbers. Each has its own, so a wider layer leaves the others' weights as they are; step 0
/// is for weights, later steps are for dropout.
fn layer_key(seed: u64, index: usize) -> u64 {
    seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(index as u64 + 1)
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
}

impl Network {
    /// A network from any graph with an input `x` and an output `y`; parameters without a value start at zero.
    pub fn from_graph(graph: Graph, mut weights: Weights) -> Self {
        for id in graph.parameters() {
            let zeros = || Array::filled(&graph.shape(id).resolve(0), 0.0);
            weights.entry(graph.name(id).to_string()).or_insert_with(zeros);
        }
        Network { training: graph.clone(), graph, weights, paces: BTreeMap::new() }
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
