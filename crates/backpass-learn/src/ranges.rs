//! Ranges of values and gradients, layer by layer, in a network that is not trained yet: what each initialisation does.

use backpass::array::Array;
use backpass::autodiff::{DifferentiateError, vjp};
use backpass::builder::{Builder, Expr};
use backpass::graph::NodeId;
use backpass::init::Init;
use backpass::interpret::{InterpretError, interpret};
use backpass::nn::{Activation, LayerNodes, Mlp, NetworkError, layers};
use backpass::spec::SpecError;
use backpass::view::{InitRanges, LayerRange};
use backpass_kernels::philox::Stream;

/// The key of the rows, apart from the keys of weights.
const ROWS: u64 = 0x524f_5753;
/// The key of the derivatives that are sent back.
const BACK: u64 = 0x4241_434b;
/// A smaller slope of an activation counts as flat.
const FLAT: f64 = 0.01;
/// Weights of a network that is looked at.
const MOST_WEIGHTS: usize = 1 << 24;

/// What is looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// The number of inputs, and of neurons in each layer after them.
    pub widths: Vec<usize>,
    /// The activation of every layer.
    pub activation: Activation,
    /// The number of rows, each of standard normal inputs.
    pub rows: usize,
    /// Where rows and weights come from.
    pub seed: u64,
}

/// Why ranges cannot be computed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RangesError {
    /// Fewer widths than an input and a layer need.
    #[error(
        "{found} width(s) make no network\nhelp: give the number of inputs and of neurons in each layer: 100,100,100"
    )]
    Widths {
        /// How many there are.
        found: usize,
    },
    /// No rows.
    #[error("a range needs at least 2 rows, found {found}")]
    Rows {
        /// How many there are.
        found: usize,
    },
    /// More weights than are worth drawing.
    #[error("these widths have {found} weights, at most {MOST_WEIGHTS} are looked at\nhelp: give smaller widths")]
    Weights {
        /// How many there are.
        found: usize,
    },
    /// A network that cannot be built.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// An initialisation that cannot be.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// A derivative that cannot be built.
    #[error(transparent)]
    Differentiate(#[from] DifferentiateError),
    /// A value that cannot be computed.
    #[error(transparent)]
    Interpret(#[from] InterpretError),
}

/// The ranges under every initialisation the engine has, with its default parameters.
pub fn all_ranges(network: &Network) -> Result<Vec<InitRanges>, RangesError> {
    Init::ALL.iter().map(|choice| ranges(network, Init::parse(choice.name)?)).collect()
}

/// The ranges under one initialisation. Backward, a standard normal derivative is sent from every value of the last layer.
pub fn ranges(network: &Network, init: Init) -> Result<InitRanges, RangesError> {
    let [inputs, widths @ ..] = &network.widths[..] else { return Err(RangesError::Widths { found: 0 }) };
    if widths.is_empty() {
        return Err(RangesError::Widths { found: 1 });
    }
    if network.rows < 2 {
        return Err(RangesError::Rows { found: network.rows });
    }
    let products = network.widths.windows(2).map(|pair| pair[0].saturating_mul(pair[1]));
    let found = products.fold(0, usize::saturating_add);
    if found > MOST_WEIGHTS {
        return Err(RangesError::Weights { found });
    }
    let mut mlp = Mlp::new(*inputs, &widths[..widths.len() - 1], &network.activation, widths[widths.len() - 1]);
    for layer in &mut mlp.layers {
        (layer.activation, layer.init) = (network.activation.clone(), Some(init));
    }
    let built = mlp.build(network.seed)?;
    let builder = Builder::from_graph(built.graph.clone());
    let found = layers(&built.graph);
    let Some(last) = found.last() else { return Err(RangesError::Widths { found: 1 }) };
    let sent = builder.input("sent back", builder.expr(last.output).shape());
    let outputs: Vec<Expr<'_>> = found.iter().map(|layer| builder.expr(layer.output)).collect();
    let mut gradients = vec![sent];
    for pair in outputs.windows(2).rev() {
        let next = gradients[gradients.len() - 1];
        gradients.push(vjp(&builder, &[(pair[1], next)], &pair[..1])?[0]);
    }
    let gradients: Vec<NodeId> = gradients.into_iter().rev().map(Expr::id).collect();
    let slopes: Vec<NodeId> = found.iter().map(|layer| slope(&builder, layer)).collect::<Result<_, _>>()?;
    let graph = builder.finish().map_err(NetworkError::from)?;
    let normal = |key: u64, width: usize| {
        let mut random = Stream::new(network.seed ^ key, 0);
        Array::from_fn(&[network.rows, width], |_| random.normal())
    };
    let (x, sent) = (normal(ROWS, *inputs), normal(BACK, widths[widths.len() - 1]));
    let mut given: Vec<(&str, &Array)> = built.weights.iter().map(|(name, value)| (name.as_str(), value)).collect();
    given.extend([("x", &x), ("sent back", &sent)]);
    let trace = interpret(&graph, &given)?;
    let range = |(index, layer): (usize, &LayerNodes)| {
        let values = trace.value(layer.output);
        let (mean, std) = moments(values.data());
        LayerRange {
            name: layer.name.clone(),
            mean,
            std,
            quantiles: quantiles(values.data()),
            zeros: share(values.data(), |v| v == 0.0),
            flat: share(trace.value(slopes[index]).data(), |v| v.abs() < FLAT),
            gradient_std: moments(trace.value(gradients[index]).data()).1,
            identical: values.shape()[1] > 1
                && values.data().chunks(values.shape()[1]).all(|row| row.iter().all(|v| *v == row[0])),
        }
    };
    Ok(InitRanges { init: init.to_string(), layers: found.iter().enumerate().map(range).collect() })
}

/// The slope of a layer's activation at its weighted sums.
fn slope(builder: &Builder, layer: &LayerNodes) -> Result<NodeId, DifferentiateError> {
    let (sum, output): (Expr<'_>, Expr<'_>) = (builder.expr(layer.sum), builder.expr(layer.output));
    let ones = builder.constant(1.0).broadcast(output.shape());
    Ok(if sum.id() == output.id() { ones.id() } else { vjp(builder, &[(output, ones)], &[sum])?[0].id() })
}

/// Mean and standard deviation.
fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt())
}

/// The values below which 5, 25, 50, 75 and 95 % lie: of those there are, the nearest.
fn quantiles(values: &[f64]) -> [f64; 5] {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    [0.05, 0.25, 0.5, 0.75, 0.95].map(|share| sorted[((sorted.len() - 1) as f64 * share).round() as usize])
}

fn share(values: &[f64], holds: impl Fn(f64) -> bool) -> f64 {
    values.iter().filter(|&&v| holds(v)).count() as f64 / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(activation: &str) -> Network {
        Network { widths: vec![100; 11], activation: Activation::parse(activation).unwrap(), rows: 100, seed: 1 }
    }

    fn under(activation: &str, init: &str) -> InitRanges {
        ranges(&network(activation), Init::parse(init).unwrap()).unwrap()
    }

    #[test]
    fn he_keeps_the_scale_through_ten_layers_of_relu_and_others_do_not() {
        let grown = |init: &str| {
            let layers = under("relu", init).layers;
            assert_eq!(layers.len(), 10);
            (layers[9].std / layers[0].std, layers[0].gradient_std / layers[9].gradient_std)
        };
        for (growth, what) in [(grown("he").0, "forward"), (grown("he").1, "backward")] {
            assert!((0.4..2.5).contains(&growth), "he, {what}: {growth}");
        }
        // Each layer multiplies by √(n/2)·std: 0.35 for 0.05 and n = 100; by 1/√2 for LeCun.
        let expected = 0.3536f64.powi(9);
        assert!((0.3..3.0).contains(&(grown("normal(std=0.05)").0 / expected)), "{:?}", grown("normal(std=0.05)"));
        assert!((0.3..3.0).contains(&(grown("lecun").0 / 0.5f64.powf(4.5))), "{:?}", grown("lecun"));
        assert!(grown("normal(std=0.3)").0 > 100.0);
    }

    #[test]
    fn the_first_layer_has_the_spread_that_follows_from_the_weights() {
        // Sums are normal with variance n·std² = 1 under LeCun; ReLU of that has these moments and quantiles.
        let first = under("relu", "lecun").layers[0].clone();
        let mean = (1.0 / (2.0 * std::f64::consts::PI)).sqrt();
        assert!((first.mean - mean).abs() < 0.06, "{first:?}");
        assert!((first.std - (0.5 - mean * mean).sqrt()).abs() < 0.06, "{first:?}");
        assert!((first.zeros - 0.5).abs() < 0.06 && first.flat == first.zeros, "{first:?}");
        for (found, expected) in first.quantiles.iter().zip([0.0, 0.0, 0.0, 0.674, 1.645]) {
            assert!((found - expected).abs() < 0.12, "{first:?}");
        }
        assert!(!first.identical);
    }

    #[test]
    fn zeros_never_break_the_symmetry() {
        for activation in ["tanh", "sigmoid"] {
            let layers = under(activation, "zeros").layers;
            assert!(layers.iter().all(|l| l.identical && l.std == 0.0));
            assert!(layers[..9].iter().all(|l| l.gradient_std == 0.0) && layers[9].gradient_std > 0.9);
        }
        assert_eq!(under("sigmoid", "zeros").layers[0].quantiles, [0.5; 5]);
    }

    #[test]
    fn large_weights_saturate_tanh() {
        let large = under("tanh", "normal(std=1)").layers[5].clone();
        assert!(large.flat > 0.6 && large.quantiles[4] > 0.999, "{large:?}");
        assert!(under("tanh", "glorot_normal").layers[5].flat < 0.01);
        assert!(under("identity", "he").layers.iter().all(|l| l.flat == 0.0));
    }

    #[test]
    fn every_initialisation_is_there_and_a_seed_gives_the_same_bits() {
        let small = Network { widths: vec![6, 5, 4], rows: 20, ..network("tanh") };
        let all = all_ranges(&small).unwrap();
        assert_eq!(all.len(), Init::ALL.len());
        assert_eq!(all, all_ranges(&small).unwrap());
        assert_ne!(all, all_ranges(&Network { seed: 2, ..small.clone() }).unwrap());
        for widths in [vec![], vec![3]] {
            let error = ranges(&Network { widths, ..small.clone() }, Init::He).unwrap_err();
            assert!(matches!(error, RangesError::Widths { .. }));
        }
        for widths in [vec![30_000, 30_000], vec![2, usize::MAX, 2], vec![4000; 3]] {
            let error = ranges(&Network { widths, ..small.clone() }, Init::He).unwrap_err();
            assert!(matches!(error, RangesError::Weights { found } if found > 20_000_000), "{error}");
        }
        assert!(ranges(&Network { rows: 1, ..small.clone() }, Init::He).is_err());
        assert!(ranges(&Network { widths: vec![3, 0, 2], ..small }, Init::He).is_err());
    }
}
