//! tract: plans for a fixed number of rows, made from ONNX.

use std::error::Error;
use std::hint::black_box;
use std::path::Path;

use tract_linalg::multithread::{Executor, set_default_executor};
use tract_onnx::prelude::*;

use crate::serve::{Case, Work};

/// Says how many threads matrix products use.
pub fn threads(count: usize) {
    if count > 1 {
        set_default_executor(Executor::multithread(count));
    }
}

pub fn prepare(case: &Case, models: &Path) -> Result<Work, Box<dyn Error>> {
    let name: Vec<String> = case.layers.iter().map(usize::to_string).collect();
    let file = models.join(format!("{}.onnx", name.join("-")));
    let shape = [case.rows, case.layers[0]];
    let model = tract_onnx::onnx().model_for_path(file)?.with_input_fact(0, f32::fact(shape).into())?;
    let model = model.into_optimized()?.into_runnable()?;
    let values: Vec<f32> = (0..shape[0] * shape[1]).map(|i| (i * 7919 % 1000) as f32 / 500.0 - 1.0).collect();
    let x: TValue = Tensor::from_shape(&shape, &values)?.into();
    Ok(Box::new(move |count| {
        for _ in 0..count {
            black_box(model.run(tvec!(x.clone())).expect("shapes fit"));
        }
    }))
}
