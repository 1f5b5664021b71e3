//! The collapse of layers without activations.

use backpass::interpret::interpret;
use backpass::nn::{Activation, Dense, Mlp, Network};
use backpass::passes::{affine, collapse, dce};
use backpass::text::parse;
use backpass::{Array, Graph};
use backpass_kernels::philox::Stream;

fn mlp(sizes: &[usize], activations: &[&str]) -> Network {
    let layer = |(units, name): (&usize, &&str)| Dense::new(*units, Activation::parse(name).unwrap());
    let layers = sizes[1..].iter().zip(activations).map(layer).collect();
    let mlp = Mlp { layers, ..Mlp::new(sizes[0], &[], &Activation::IDENTITY, 1) };
    let mut network = mlp.build(7).unwrap();
    let mut random = Stream::new(3, 1);
    for bias in network.weights.values_mut() {
        bias.data_mut().iter_mut().for_each(|v| *v += random.normal());
    }
    network
}

fn outputs(graph: &Graph, network: &Network, x: &Array) -> Array {
    let mut values: Vec<(&str, &Array)> = network.weights.iter().map(|(name, value)| (name.as_str(), value)).collect();
    values.push(("x", x));
    interpret(graph, &values).unwrap().value(graph.output("y").unwrap()).clone()
}

#[test]
fn linear_layers_are_one_map_with_the_same_values() {
    for sizes in [&[3, 2][..], &[4, 5, 1], &[2, 7, 3, 5, 4], &[8, 9, 9, 9, 4], &[1, 1, 1]] {
        let network = mlp(sizes, &vec!["identity"; sizes.len() - 1]);
        let collapsed = dce(&collapse(&network.graph));
        collapsed.verify().unwrap();
        let map = affine(&collapsed, collapsed.output("y").unwrap()).unwrap();
        assert_eq!(collapsed.name(map.x), "x");
        assert_eq!(collapsed.shape(map.matrix).resolve(0), [sizes[0], sizes[sizes.len() - 1]]);
        let mut random = Stream::new(1, 1);
        let x = Array::from_fn(&[50, sizes[0]], |_| random.normal());
        let (full, short) = (outputs(&network.graph, &network, &x), outputs(&collapsed, &network, &x));
        for (a, b) in full.data().iter().zip(short.data()) {
            assert!((a - b).abs() <= 1e-12 * a.abs().max(1.0), "{sizes:?}: {a} {b}");
        }
    }
}

#[test]
fn an_activation_keeps_layers_apart() {
    let network = mlp(&[3, 4, 5, 6, 2], &["identity", "tanh", "identity", "identity"]);
    let collapsed = dce(&collapse(&network.graph));
    assert_eq!(affine(&collapsed, collapsed.output("y").unwrap()).map(|map| collapsed.name(map.x) == "x"), Some(false));
    let batched = |graph: &Graph| {
        let products = graph.ids().filter(|id| graph.node(*id).op.info().name == "matmul");
        products.filter(|id| graph.shape(*id).is_batched()).count()
    };
    assert_eq!((batched(&network.graph), batched(&collapsed)), (4, 2));
    let x = Array::from_fn(&[9, 3], |i| (i as f64).sin());
    let (full, short) = (outputs(&network.graph, &network, &x), outputs(&collapsed, &network, &x));
    assert!(full.data().iter().zip(short.data()).all(|(a, b)| (a - b).abs() < 1e-12));
}

#[test]
fn everything_else_stays_word_for_word() {
    for text in [
        "input x: [batch, 2]\nparameter W: [2, 3]\ny = x@W\noutput y\n",
        "input x: [batch, 2]\nparameter W: [2, 2]\ny = relu(x@W)@W\noutput y\n",
        "input x: [batch, 2]\nparameter W: [2, 2]\ny = x@W*2@W\noutput y\n",
        "input x: [batch, 2]\nparameter W: [2, 2]\nparameter s: []\ny = (x@W + s)@W\noutput y\n",
        "input x: [batch, 2]\nparameter W: [2, 2]\ny = (x@W + x)@W\noutput y\n",
        "parameter V: [2, 2]\nparameter W: [2, 2]\ny = V@W@V\noutput y\n",
    ] {
        let graph = parse(text).unwrap();
        assert_eq!(dce(&collapse(&graph)).to_string(), dce(&graph).to_string());
    }
}
