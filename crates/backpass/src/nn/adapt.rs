//! Starting values that follow from the data.

use std::sync::Arc;

use backpass_kernels::philox::Stream;
use backpass_kernels::{Pool, Real};

use super::{Network, layers};
use crate::builder::Builder;
use crate::compile::{CompileOptions, SlotKind, compile};
use crate::session::Session;
use crate::train::{Dataset, TrainError, set_weights};

/// The most rows that are looked at.
const ROWS: usize = 1024;

/// Rows whose weighted sums a bias is put between.
const KINKS: usize = 5;

const KEY: u64 = 0x4144_4150_5421;

impl Network {
    /// Scales the weights of each layer `name.W` so that its weighted sums have variance 1 over rows of `data`, and puts each
    /// bias `name.b` of a hidden layer so that its kink lies among the rows: at minus a random average of five sums ("he+5",
    /// Holzmüller, Grinsztajn and Steinwart 2024). Layers go one after the other, each on what those before it give.
    /// Networks that share weights stay as they are: what is right for one is not for the others.
    pub fn adapt<D: Real>(&mut self, data: &Dataset<D>, seed: u64) -> Result<(), TrainError> {
        if self.members > 1 {
            return Ok(());
        }
        let mut stream = Stream::new(seed ^ KEY, 0);
        let count = data.rows().min(ROWS);
        let chosen: Vec<usize> = (0..count).map(|_| stream.below(data.rows() as u64) as usize).collect();
        let layers = layers(&self.graph);
        for (index, layer) in layers.iter().enumerate() {
            let (w, b) = (format!("{}.W", layer.name), format!("{}.b", layer.name));
            let Some(units) = self.weights.get(&b).map(|b| b.len()) else { continue };
            let mut graph = self.graph.clone();
            graph.set_outputs(Vec::new());
            let builder = Builder::from_graph(graph);
            builder.output("sum", builder.expr(layer.sum));
            let plan = compile(&builder.finish()?, &CompileOptions::rows(count))?;
            let mut session = Session::<f64>::new(Arc::new(plan), Arc::new(Pool::new(1)))?;
            set_weights(&mut session, &self.weights)?;
            let x = session.slot(SlotKind::Input, "x")?;
            data.copy_rows(chosen.iter().copied(), session.write(&x, count));
            session.run(count);
            let sum = session.slot(SlotKind::Output, "sum")?;
            let sums = session.read(&sum, count);
            let (mut factors, mut biases) = (vec![1.0; units], vec![0.0; units]);
            for unit in 0..units {
                let of_unit = || sums.iter().skip(unit).step_by(units);
                let mean = of_unit().sum::<f64>() / count as f64;
                let variance = of_unit().map(|s| (s - mean).powi(2)).sum::<f64>() / count as f64;
                if variance > 0.0 && variance.is_finite() {
                    factors[unit] = 1.0 / variance.sqrt();
                }
                if index + 1 < layers.len() {
                    let shares: Vec<f64> = (0..KINKS).map(|_| -(1.0 - stream.uniform()).ln()).collect();
                    let total: f64 = shares.iter().sum();
                    let at = |share: &f64| share / total * sums[stream.below(count as u64) as usize * units + unit];
                    biases[unit] = -factors[unit] * shares.iter().map(at).sum::<f64>();
                }
            }
            let single = |v: f64| f64::from(v as f32);
            if let Some(w) = self.weights.get_mut(&w) {
                w.data_mut().iter_mut().enumerate().for_each(|(i, w)| *w = single(*w * factors[i % units]));
            }
            if let Some(b) = self.weights.get_mut(&b) {
                b.data_mut().iter_mut().zip(&biases).for_each(|(b, v)| *b = single(*v));
            }
        }
        Ok(())
    }
}
