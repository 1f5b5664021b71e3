//! candle: one operator at a time, each with a new buffer.

use std::error::Error;
use std::hint::black_box;

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::{AdamW, Linear, Module, Optimizer, ParamsAdamW, VarBuilder, VarMap, linear, loss};

use crate::BATCHES;
use crate::serve::{Case, Work};

struct Mlp(Vec<Linear>);

impl Mlp {
    fn new(layers: &[usize], weights: &VarBuilder) -> Result<Mlp> {
        let layer = |(i, pair): (usize, &[usize])| linear(pair[0], pair[1], weights.pp(i));
        layers.windows(2).enumerate().map(layer).collect::<Result<_>>().map(Mlp)
    }

    /// The same network without a record of its operations.
    fn detached(&self) -> Mlp {
        Mlp(self.0.iter().map(|l| Linear::new(l.weight().detach(), l.bias().map(Tensor::detach))).collect())
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (last, hidden) = self.0.split_last().expect("a network has layers");
        last.forward(&hidden.iter().try_fold(x.clone(), |x, layer| layer.forward(&x)?.relu())?)
    }
}

fn targets(case: &Case) -> Result<Tensor> {
    let outputs = case.layers.last().copied().unwrap_or(1);
    match case.loss.as_str() {
        "softmax_cross_entropy" => {
            Tensor::from_iter((0..case.rows).map(|row| (row * 7 % outputs) as u32), &Device::Cpu)
        }
        "binary_cross_entropy" => {
            let classes = (0..case.rows).map(|row| (row % 2) as f32);
            Tensor::from_iter(classes, &Device::Cpu)?.reshape((case.rows, 1))
        }
        _ => Tensor::randn(0.0_f32, 1.0, (case.rows, outputs), &Device::Cpu),
    }
}

pub fn prepare(case: &Case) -> std::result::Result<Work, Box<dyn Error>> {
    let weights = VarMap::new();
    let mlp = Mlp::new(&case.layers, &VarBuilder::from_varmap(&weights, DType::F32, &Device::Cpu))?;
    let rows = || Tensor::randn(0.0_f32, 1.0, (case.rows, case.layers[0]), &Device::Cpu);
    if case.work == "inference" {
        let (mlp, x) = (mlp.detached(), rows()?);
        return Ok(Box::new(move |count| {
            for _ in 0..count {
                black_box(mlp.forward(&x).expect("shapes fit"));
            }
        }));
    }
    let loss = match case.loss.as_str() {
        "softmax_cross_entropy" => loss::cross_entropy,
        "binary_cross_entropy" => loss::binary_cross_entropy_with_logit,
        _ => loss::mse,
    };
    let batches = (0..BATCHES).map(|_| Ok((rows()?, targets(case)?))).collect::<Result<Vec<_>>>()?;
    let options = ParamsAdamW { lr: 1e-6, weight_decay: 0.0, ..Default::default() };
    let mut adam = AdamW::new(weights.all_vars(), options)?;
    let mut batches = (0..batches.len()).cycle().map(move |i| batches[i].clone());
    Ok(Box::new(move |count| {
        for (x, y) in batches.by_ref().take(count) {
            let step = mlp.forward(&x).and_then(|z| loss(&z, &y)).and_then(|loss| adam.backward_step(&loss));
            step.expect("shapes fit");
        }
    }))
}
