//! One neuron written out: every multiplication of its weighted sum as a node of its own.

use super::{Explanation, NotDense, Question, dense_layers};
use crate::array::Array;
use crate::autodiff::DifferentiateError;
use crate::builder::{Builder, Expr};
use crate::shape::Shape;

/// Why a neuron cannot be written out.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MicroscopeError {
    /// It is not a neuron of a fully connected layer.
    #[error(transparent)]
    NotDense(#[from] NotDense),
    /// Its derivatives cannot be computed.
    #[error(transparent)]
    Differentiate(#[from] DifferentiateError),
}

impl Explanation {
    /// The neuron number `unit` of a layer on the first row, with the `terms` strongest products of its weighted sum each
    /// written out, and all others as one number. Its gradients are those of this explanation's result.
    ///
    /// `inputs` names what the first layer takes, `within` the scope of the network where there are several side by side.
    pub fn microscope(
        &self,
        layer: &str,
        unit: usize,
        terms: usize,
        inputs: &[String],
        within: &str,
    ) -> Result<Explanation, MicroscopeError> {
        let layers = dense_layers(&self.graph, within)?;
        let wanted = || NotDense::Neuron {
            wanted: format!("{layer}[{unit}]"),
            help: format!("the layers are {}", layers.iter().map(|l| l.name.as_str()).collect::<Vec<_>>().join(", ")),
        };
        let position = layers.iter().position(|l| l.name == layer).ok_or_else(wanted)?;
        let dense = &layers[position];
        let (fan_in, units) =
            (self.graph.shape(dense.weights).resolve(1)[0], self.graph.shape(dense.weights).resolve(1)[1]);
        if unit >= units {
            return Err(wanted().into());
        }
        let (x, sums) = (self.value(dense.input).data(), self.value(dense.sum).data());
        if x.len() < fan_in || sums.len() < units {
            return Err(NotDense::NoRow.into());
        }
        let w: Vec<f64> = (0..fan_in).map(|i| self.value(dense.weights).data()[i * units + unit]).collect();
        let mut order: Vec<usize> = (0..fan_in).collect();
        order.sort_by(|&a, &b| (x[b] * w[b]).abs().total_cmp(&(x[a] * w[a]).abs()));
        let (mut shown, rest) = order.split_at(terms.clamp(1, fan_in.max(1)).min(fan_in));
        let mut in_order = shown.to_vec();
        in_order.sort_unstable();
        shown = &in_order;
        let name = |i: usize| match position.checked_sub(1) {
            Some(before) => format!("{}[{i}]", layers[before].name),
            None => inputs.get(i).cloned().unwrap_or_else(|| format!("x[{i}]")),
        };
        let owner = Builder::new();
        let builder = &owner;
        let mut values: Vec<(String, f64)> = Vec::new();
        let mut given = |mut name: String, value: f64| {
            while values.iter().any(|(taken, _)| *taken == name) {
                name.push('_');
            }
            let input = builder.input(&name, Shape::scalar());
            values.push((name, value));
            input
        };
        let mut sum = None;
        fn add<'b>(sum: &mut Option<Expr<'b>>, term: Expr<'b>) {
            *sum = Some(sum.map_or(term, |sum| sum + term));
        }
        for &i in shown {
            let (x, w) = (given(name(i), x[i]), given(format!("w[{i}]"), w[i]));
            add(&mut sum, x * w);
        }
        if !rest.is_empty() {
            let total = rest.iter().map(|&i| x[i] * w[i]).sum();
            add(&mut sum, given(format!("…and {} more", rest.len()), total));
        }
        if let Some(bias) = dense.bias {
            add(&mut sum, given("bias".to_string(), self.value(bias).data()[unit]));
        }
        let mut y = sum.unwrap_or_else(|| builder.constant(0.0));
        let mut functions = Vec::new();
        let mut at = dense.output;
        while at != dense.sum {
            functions.push(self.graph.node(at).op.clone());
            at = self.graph.node(at).args[0];
        }
        for op in functions.into_iter().rev() {
            y = y.apply(op);
        }
        builder.output(&format!("{layer}[{unit}]"), y);
        let result = y.id();
        let graph = owner.finish().map_err(DifferentiateError::from)?;
        let values: Vec<(String, Array)> =
            values.into_iter().map(|(name, value)| (name, Array::scalar(value))).collect();
        let point: Vec<(&str, &Array)> = values.iter().map(|(name, value)| (name.as_str(), value)).collect();
        let seed = self.gradient(dense.output).map(|g| Array::scalar(g.data()[unit]));
        // Where no derivative comes back, there is none to pass on.
        let variables = if seed.is_some() { None } else { Some(&[][..]) };
        let mut neuron = Explanation::new(&graph, &Question { result, seed: seed.as_ref(), variables }, &point)?;
        neuron.of = Some(self.of.clone().unwrap_or_else(|| self.names.get(self.result).to_string()));
        Ok(neuron)
    }
}
