//! What a network without activations amounts to: one linear map.

use backpass::array::Array;
use backpass::graph::Graph;
use backpass::interpret::{InterpretError, Trace, interpret};
use backpass::nn::Activation;
use backpass::passes::{affine, collapse};
use backpass_kernels::philox::Stream;
use serde::Serialize;

use crate::fit_error::FitError;
use crate::model::Model;

/// The rows on which the map is compared with the network.
const ROWS: usize = 1000;

/// `outputs = inputs @ weights + bias`.
#[derive(Clone, Debug, Serialize)]
pub struct LinearMap {
    /// The version of this form.
    pub schema: &'static str,
    /// The features.
    pub inputs: Vec<String>,
    /// What the network gives.
    pub outputs: Vec<String>,
    /// One list of weights for each input.
    pub weights: Vec<Vec<f64>>,
    /// One number for each output.
    pub bias: Vec<f64>,
    /// The layers that it stands for.
    pub layers: usize,
    /// The random rows on which it was compared with the network.
    pub rows: usize,
    /// The largest difference found.
    pub largest_difference: f64,
    /// The largest output of the network on these rows.
    pub largest_output: f64,
}

impl Model {
    /// Collapses the layers of a network without activations, or says what keeps them apart.
    pub fn linear_map(&self) -> Result<LinearMap, FitError> {
        let (model, graph) = (self, &self.network.graph);
        let fail = |obstacle: String| FitError::NotLinear { obstacle };
        let collapsed = collapse(graph);
        let output = |graph: &Graph| graph.output("y").ok_or_else(|| fail("it has no output".to_string()));
        let map = affine(&collapsed, output(&collapsed)?).filter(|map| collapsed.name(map.x) == "x");
        let Some(map) = map else { return Err(fail(obstacle(graph))) };
        let inputs = model.inputs.features.clone();
        let mut random = Stream::new(0, 0);
        let x = Array::from_fn(&[ROWS, inputs.len()], |_| random.normal());
        let run = |graph: &Graph| -> Result<Trace, InterpretError> {
            let weights = model.network.weights.iter().map(|(name, value)| (name.as_str(), value));
            interpret(graph, &weights.chain([("x", &x)]).collect::<Vec<_>>())
        };
        let (full, short) =
            (run(graph).map_err(|e| fail(e.to_string()))?, run(&collapsed).map_err(|e| fail(e.to_string()))?);
        let (y, z) = (full.value(output(graph)?), short.value(output(&collapsed)?));
        let matrix = short.value(map.matrix);
        let width = model.network.outputs();
        let outputs = model.target.output_names(|at| format!("{}, centred and scaled", model.target.columns[at]));
        Ok(LinearMap {
            schema: "backpass.collapse/1",
            inputs,
            outputs,
            weights: matrix.data().chunks(width).map(<[f64]>::to_vec).collect(),
            bias: map.bias.map_or(vec![0.0; width], |bias| short.value(bias).data().to_vec()),
            layers: graph.parameters().filter(|id| graph.shape(*id).rank() == 2).count(),
            rows: ROWS,
            largest_difference: largest(y.data().iter().zip(z.data()).map(|(a, b)| a - b)),
            largest_output: largest(y.data().iter().copied()),
        })
    }
}

/// The first activation on the way from `x` to `y`, in words.
fn obstacle(graph: &Graph) -> String {
    let names = Activation::names();
    let activation = graph.ids().find(|id| names.contains(&graph.node(*id).op.info().name));
    match activation {
        Some(id) => {
            let (node, name) = (graph.node(id), graph.node(id).op.info().name);
            let scope = graph.scope_path(node.scope);
            format!("{} applies {name}, which is not linear", if scope.is_empty() { "the formula" } else { &scope })
        }
        None => "it is more than matrix products and biases in a row".to_string(),
    }
}

/// The largest size, or NaN where there is one.
fn largest(values: impl Iterator<Item = f64>) -> f64 {
    values.map(f64::abs).max_by(f64::total_cmp).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::largest;

    #[test]
    fn what_is_not_a_number_is_not_hidden() {
        assert_eq!(largest([1.0, -3.0, 2.0].into_iter()), 3.0);
        for values in [[1.0, f64::NAN, 2.0], [f64::NEG_INFINITY, -f64::NAN, 0.0]] {
            assert!(largest(values.into_iter()).is_nan(), "{values:?}");
        }
    }
}
