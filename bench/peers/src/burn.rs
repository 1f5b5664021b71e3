//! burn with its own backend for CPUs, `flex`.

use std::error::Error;
use std::hint::black_box;

use burn::nn::loss::{BinaryCrossEntropyLossConfig, CrossEntropyLossConfig, MseLoss, Reduction};
use burn::nn::{Linear, LinearConfig};
use burn::optim::{AdamConfig, GradientsParams};
use burn::prelude::*;
use burn::tensor::Distribution;
use burn::tensor::activation::relu;

use crate::BATCHES;
use crate::serve::{Case, Work};

#[derive(Module, Debug)]
struct Mlp {
    layers: Vec<Linear>,
}

impl Mlp {
    fn new(layers: &[usize], device: &Device) -> Mlp {
        Mlp { layers: layers.windows(2).map(|pair| LinearConfig::new(pair[0], pair[1]).init(device)).collect() }
    }

    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let (last, hidden) = self.layers.split_last().expect("a network has layers");
        last.forward(hidden.iter().fold(x, |x, layer| relu(layer.forward(x))))
    }
}

/// The loss of network outputs, with its targets inside.
type Loss = Box<dyn Fn(Tensor<2>) -> Tensor<1>>;

fn loss(case: &Case, device: &Device) -> Loss {
    let outputs = case.layers.last().copied().unwrap_or(1);
    let classes: Vec<i32> = (0..case.rows).map(|row| (row * 7 % outputs.max(2)) as i32).collect();
    match case.loss.as_str() {
        "softmax_cross_entropy" => {
            let targets = Tensor::<1, Int>::from_data(TensorData::new(classes, [case.rows]), device);
            let loss = CrossEntropyLossConfig::new().init(device);
            Box::new(move |z| loss.forward(z, targets.clone()))
        }
        "binary_cross_entropy" => {
            let targets = Tensor::<2, Int>::from_data(TensorData::new(classes, [case.rows, 1]), device);
            let loss = BinaryCrossEntropyLossConfig::new().with_logits(true).init(device);
            Box::new(move |z| loss.forward(z, targets.clone()))
        }
        _ => {
            let targets = Tensor::random([case.rows, outputs], Distribution::Normal(0.0, 1.0), device);
            Box::new(move |z| MseLoss::new().forward(z, targets.clone(), Reduction::Mean))
        }
    }
}

pub fn prepare(case: &Case) -> Result<Work, Box<dyn Error>> {
    let random = |device| Tensor::<2>::random([case.rows, case.layers[0]], Distribution::Normal(0.0, 1.0), device);
    if case.work == "inference" {
        let device = Device::flex();
        let (mlp, x) = (Mlp::new(&case.layers, &device), random(&device));
        return Ok(Box::new(move |count| {
            for _ in 0..count {
                black_box(mlp.forward(x.clone()));
            }
        }));
    }
    let device = Device::flex().autodiff();
    let batches: Vec<_> = (0..BATCHES).map(|_| (random(&device), loss(case, &device))).collect();
    let mut adam = AdamConfig::new().init();
    let mut mlp = Some(Mlp::new(&case.layers, &device));
    let mut next = 0;
    Ok(Box::new(move |count| {
        for _ in 0..count {
            let (x, loss) = &batches[next];
            next = (next + 1) % batches.len();
            // The optimiser takes the network and gives it back.
            let network = mlp.take().expect("it is given back below");
            let gradients = GradientsParams::from_grads(loss(network.forward(x.clone())).backward(), &network);
            mlp = Some(adam.step(1e-6, network, gradients));
        }
    }))
}
