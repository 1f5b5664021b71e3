//! Fully connected networks.

use std::collections::BTreeMap;

use backpass_kernels::Real;
use backpass_kernels::philox::Stream;

use super::{Activation, DROPOUT, Embedding, Lookup, Network, NetworkError, Weights};
use crate::array::Array;
use crate::builder::{Builder, Expr};
use crate::composites::dropout;
use crate::graph::ScopeKind;
use crate::init::Init;
use crate::shape::Shape;
use crate::spec::{self, Parameters, SpecError, parameters};
use crate::train::Dataset;

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
    /// How many of the first inputs are embedded.
    pub embedded: usize,
    /// What each of them becomes, beside itself.
    pub embeddings: Vec<Embedding>,
    /// The tables of the last inputs, which are numbers of rows.
    pub lookups: Vec<Lookup>,
    /// Whether each input of the first layer has a factor that is learnt, from 1.
    pub front_scale: bool,
    /// How fast its parts learn.
    pub parametrisation: Parametrisation,
    /// Whether training multiplies all dropout rates with a factor, the input `dropout` of the training graph.
    pub dropout_factor: bool,
    /// Networks that share the weights of their hidden layers; each has factors of its own on what goes in and comes out,
    /// biases, and an output layer (batch ensemble: Wen, Tran and Ba 2020; as in TabM: Gorishniy, Kotelnikov and Babenko
    /// 2024). 1 for an ordinary network.
    pub members: usize,
    /// All layers; the last one gives the outputs.
    pub layers: Vec<Dense>,
}

/// How fast the parameters of a network learn relative to each other.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Parametrisation {
    /// All alike.
    #[default]
    Standard,
    /// As if each weight were divided by √fan_in where it is used ("neural tangent parametrisation", Jacot, Gabriel and
    /// Hongler 2018). Under a rule that does not depend on the gradient's scale, such as Adam, a learning rate over √fan_in
    /// gives the same training.
    Ntp(Rates),
}

parameters! {
    /// Factors on the learning rate for what is no weight, by default those of Holzmüller, Grinsztajn and Steinwart 2024.
    Rates {
        /// Of biases.
        bias = 0.1, Positive;
        /// Of the shares of parametric activations.
        activation = 0.1, Positive;
        /// Of the parameters of embeddings.
        embedding = 0.1, Positive;
        /// Of the factors on the inputs of the first layer.
        front_scale = 6.0, Positive;
    }
}

impl Parametrisation {
    /// Reads `standard`, or `ntp` with [`Rates`] as in `ntp(bias=0.1)`.
    pub fn parse(text: &str) -> Result<Self, SpecError> {
        const WHAT: &str = "parametrisation";
        let parametrisation = spec::read(WHAT, text, &["standard", "ntp"], |name, attributes| {
            Ok(match name {
                "standard" => Some(Parametrisation::Standard),
                "ntp" => Some(Parametrisation::Ntp(Rates::read(attributes)?)),
                _ => None,
            })
        })?;
        if let Parametrisation::Ntp(rates) = &parametrisation {
            spec::check(WHAT, "ntp", &rates.parameters())?;
        }
        Ok(parametrisation)
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
        let (embedded, embeddings, lookups) = (0, Vec::new(), Vec::new());
        Mlp {
            inputs,
            embedded,
            embeddings,
            lookups,
            front_scale: false,
            parametrisation,
            dropout_factor: false,
            members: 1,
            layers,
        }
    }

    /// Places the knots of piecewise linear embeddings by the values of the inputs.
    pub fn see<D: Real>(&mut self, data: &Dataset<D>) {
        for embedding in &mut self.embeddings {
            if let Embedding::Piecewise(piecewise) = embedding {
                piecewise.knots.clear();
                for column in 0..self.embedded {
                    piecewise.place(data.input(column).collect());
                }
            }
        }
    }

    /// Checks every number.
    pub fn check(&self) -> Result<(), NetworkError> {
        let check = |layer: &str, what, found: f64, ok: bool, expected| {
            if ok { Ok(()) } else { Err(NetworkError::Layer { layer: layer.to_string(), what, found, expected }) }
        };
        check("the network", "number of inputs", self.inputs as f64, self.inputs > 0, "at least 1")?;
        check("the network", "number of layers", self.layers.len() as f64, !self.layers.is_empty(), "at least 1")?;
        let embedded = self.embedded + self.lookups.len();
        let expected = "at most the number of inputs";
        check("the network", "number of embedded inputs", embedded as f64, embedded <= self.inputs, expected)?;
        for Lookup { rows, outputs } in &self.lookups {
            let (size, expected) = (rows.saturating_mul(*outputs), "from 1 to 2^30");
            check("a category", "size of the table", size as f64, (1..=MOST_PARAMETERS).contains(&size), expected)?;
        }
        self.embeddings.iter().try_for_each(|embedding| embedding.check(self.embedded))?;
        check(
            "the network",
            "number of members",
            self.members as f64,
            (1..=1024).contains(&self.members),
            "from 1 to 1024",
        )?;
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
        let looked_up: usize = self.lookups.iter().map(|lookup| lookup.outputs).sum();
        let per_input: usize = self.embeddings.iter().map(Embedding::outputs).sum();
        self.inputs - self.lookups.len() + looked_up + self.embedded * per_input
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
        let numbers = self.inputs - self.lookups.len();
        let embeddings = self.embeddings.iter().filter(|_| self.embedded > 0);
        let mut parts: Vec<Expr<'b>> = embeddings.map(|embedding| embedding.forward(x, self.embedded)).collect();
        if numbers > 0 {
            parts.push(x.slice(1, 0, numbers));
        }
        let lookups = self.lookups.iter().enumerate();
        parts.extend(lookups.map(|(i, lookup)| lookup.forward(x.slice(1, numbers + i, numbers + i + 1), i)));
        let mut value = Expr::concat(1, &parts);
        if self.front_scale {
            let scale = || builder.parameter(FRONT_SCALE, Shape::fixed(&[fan_in]));
            value = builder.scope("front_scale", ScopeKind::Function, || value * scale());
        }
        let mut values = vec![value];
        for (index, layer) in self.layers.iter().enumerate() {
            let name = self.layer_name(index);
            values = builder.scope(&name, ScopeKind::Layer, || {
                let sums = self.sums(&values, index, fan_in);
                let share =
                    layer.parametric.then(|| builder.parameter(&format!("{name}.a"), Shape::fixed(&[layer.units])));
                let outputs = sums.into_iter().enumerate().map(|(member, sum)| {
                    let y = layer.activation.apply(sum);
                    let y = share.map_or(y, |a| sum + a * (y - sum));
                    match step {
                        Some(step) if layer.dropout > 0.0 => {
                            let key = layer_key(seed, index).wrapping_add((member as u64) << 32);
                            match factor {
                                Some(factor) => dropout(y, step, 1.0 - factor * layer.dropout, key),
                                None => dropout(y, step, 1.0 - layer.dropout, key),
                            }
                        }
                        _ => y,
                    }
                });
                outputs.collect()
            });
            fan_in = layer.units;
        }
        Expr::concat(1, &values)
    }

    /// The weighted sums of a layer, one for each member.
    fn sums<'b>(&self, values: &[Expr<'b>], index: usize, fan_in: usize) -> Vec<Expr<'b>> {
        let (name, units, builder) = (self.layer_name(index), self.layers[index].units, values[0].builder());
        let parameter = |part: &str, sizes: &[usize]| builder.parameter(&format!("{name}.{part}"), Shape::fixed(sizes));
        if self.members == 1 {
            return vec![values[0].matmul(parameter("W", &[fan_in, units])) + parameter("b", &[units])];
        }
        let last = index + 1 == self.layers.len();
        let w = parameter("W", &[if last { self.members * fan_in } else { fan_in }, units]);
        let b = parameter("b", &[self.members, units]);
        let scales = (!last).then(|| (parameter("r", &[self.members, fan_in]), parameter("s", &[self.members, units])));
        let sum = |member: usize| {
            let own = |p: Expr<'b>, width| p.slice(0, member, member + 1).reshape(Shape::fixed(&[width]));
            let value = values[member % values.len()];
            let sum = match scales {
                Some((r, s)) => (value * own(r, fan_in)).matmul(w) * own(s, units),
                None => value.matmul(w.slice(0, member * fan_in, (member + 1) * fan_in)),
            };
            sum + own(b, units)
        };
        (0..self.members).map(sum).collect()
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
        let rates = if let Parametrisation::Ntp(rates) = &self.parametrisation { Some(rates) } else { None };
        let mut set = |name: String, rate: f64, decay: f64| paces.insert(name, Pace { rate, decay });
        for embedding in self.embeddings.iter().filter(|_| self.embedded > 0) {
            embedding.draw(self.embedded, layer_key(seed, usize::MAX - 1), &mut weights);
        }
        for (index, lookup) in self.lookups.iter().enumerate() {
            lookup.draw(index, layer_key(seed, usize::MAX - 2), &mut weights);
        }
        if let Some(rates) = rates {
            for name in weights.keys() {
                set(name.clone(), rates.embedding, if name.ends_with("mix") { 1.0 } else { 0.0 });
            }
        }
        if self.front_scale {
            weights.insert(FRONT_SCALE.to_string(), Array::filled(&[fan_in], 1.0));
            if let Some(rates) = rates {
                set(FRONT_SCALE.to_string(), rates.front_scale, 0.0);
            }
        }
        for (index, layer) in self.layers.iter().enumerate() {
            let name = self.layer_name(index);
            self.draw(index, fan_in, seed, &mut weights);
            // Decay takes the same share off each weight as without the factor on its rate.
            let root = (fan_in as f64).sqrt();
            if let Some(rates) = rates {
                set(format!("{name}.W"), 1.0 / root, root);
                set(format!("{name}.b"), rates.bias, 0.0);
                set(format!("{name}.a"), rates.activation, 0.0);
            }
            // What members have of their own does not decay.
            let own = [("r", 1.0), ("s", 1.0), ("b", rates.map_or(1.0, |rates| rates.bias))];
            own.iter().filter(|_| self.members > 1).for_each(|(part, rate)| {
                set(format!("{name}.{part}"), *rate, 0.0);
            });
            fan_in = layer.units;
        }
        Ok(Network { graph: graph(false)?, training: graph(true)?, weights, paces, members: self.members })
    }

    /// Draws the values of a layer's parameters. Members differ in the factors on the first layer's inputs, random signs, or
    /// N(0, 1) where inputs are embedded, and in their output layers.
    fn draw(&self, index: usize, fan_in: usize, seed: u64, weights: &mut Weights) {
        let (layer, members, last) = (&self.layers[index], self.members, index + 1 == self.layers.len());
        let init = layer.init.unwrap_or_else(|| layer.activation.default_init());
        let mut insert = |part: &str, value: Array| {
            weights.insert(format!("{}.{part}", self.layer_name(index)), value.map(|v| f64::from(v as f32)));
        };
        let key = |member: usize| layer_key(seed, index).wrapping_add((member as u64) << 32);
        let blocks = if last { members } else { 1 };
        let drawn = (0..blocks)
            .flat_map(|member| init.draw(fan_in, layer.units, key(member)).data().to_vec())
            .collect::<Vec<_>>();
        insert("W", Array::from_fn(&[blocks * fan_in, layer.units], |i| drawn[i]));
        let ones = |shape: &[usize]| Array::filled(shape, 1.0);
        if layer.parametric {
            insert("a", ones(&[layer.units]));
        }
        if members == 1 {
            return insert("b", Array::filled(&[layer.units], 0.0));
        }
        insert("b", Array::filled(&[members, layer.units], 0.0));
        if !last {
            let mut stream = Stream::new(key(members), 0);
            let mut first = |_| match self.embeddings.is_empty() {
                true => {
                    if stream.below(2) == 0 {
                        -1.0
                    } else {
                        1.0
                    }
                }
                false => stream.normal(),
            };
            let r = &[members, fan_in];
            insert("r", if index == 0 { Array::from_fn(r, &mut first) } else { ones(r) });
            insert("s", ones(&[members, layer.units]));
        }
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
