//! The rows of a table as training sees them.

use std::sync::Arc;

use backpass::loss::Loss;
use backpass::train::{Dataset, Packed};
use backpass_kernels::Real;

use crate::features::pack;
use crate::fit_error::FitError;
use crate::model::Model;
use crate::options::FitOptions;
use crate::table::Table;

/// The rows of a table as training sees them, with their targets as the table has them, row by row.
pub(crate) struct Rows<D> {
    pub encoded: Dataset<D>,
    pub targets: Vec<f64>,
}

/// What is known of rows beside their features: targets as the network and as the table has them, and weights.
pub(crate) struct Labels<D> {
    /// Targets of a row.
    width: usize,
    y: Vec<D>,
    targets: Vec<f64>,
    weights: Option<Vec<f32>>,
}

impl<D: Real> Labels<D> {
    /// The same rows with their features: those of the rows given, or of all.
    pub fn with(self, packed: Arc<Packed<D>>, rows: Option<Arc<[u32]>>) -> Rows<D> {
        let Labels { width, y, targets, weights } = self;
        let mut encoded = Dataset::packed(packed, rows, width, y);
        encoded.weights = weights;
        Rows { encoded, targets }
    }
}

/// The features, targets and weights of a table's rows, for a model whose encoder is built.
pub(crate) fn rows<D: Real>(
    model: &Model,
    table: &Table,
    options: &FitOptions,
    class_weights: Option<&[f64]>,
    loss: &Loss,
) -> Result<Rows<D>, FitError> {
    let labels = labels(model, table, options, class_weights, loss)?;
    let packed = pack(table.clone(), None, &model.schema, &model.inputs, &model.encoder)?;
    Ok(labels.with(Arc::new(packed), None))
}

/// What [`rows`] of a table have beside their features.
pub(crate) fn labels<D: Real>(
    model: &Model,
    table: &Table,
    options: &FitOptions,
    class_weights: Option<&[f64]>,
    loss: &Loss,
) -> Result<Labels<D>, FitError> {
    let targets = model.targets(table)?;
    let width = model.target.columns.len();
    let scaled = |(at, value): (usize, &f64)| {
        let (centre, factor) = model.target_scales[at % width];
        D::from_f64((value - centre) / factor)
    };
    let y: Vec<D> = targets.iter().enumerate().map(scaled).collect();
    if let Some((at, expected)) = loss.refuses(&y, model.target.outputs()) {
        let (file, place) = (table.name.clone(), table.place(at / width).to_string());
        let (name, value, loss) = (model.target.columns[at % width].clone(), targets[at], loss.choice().name);
        return Err(FitError::TargetValue { file, place, name, value, loss, expected });
    }
    let mut row_weights = None;
    if options.weight.is_some() || class_weights.is_some() {
        let mut weights = vec![1.0; table.rows()];
        if let Some(column) = &options.weight {
            table.column(column)?;
            weights = model.schema.to_numbers(table, column)?;
            if let Some(row) = weights.iter().position(|w| !(w.is_finite() && *w >= 0.0)) {
                let (file, place) = (table.name.clone(), table.place(row).to_string());
                return Err(FitError::RowWeight { file, place, name: column.clone(), value: weights[row] });
            }
        }
        if let Some(of_class) = class_weights {
            weights.iter_mut().zip(&targets).for_each(|(w, class)| *w *= of_class[*class as usize]);
        }
        row_weights = Some(weights.into_iter().map(|w| w as f32).collect());
    }
    Ok(Labels { width, y, targets, weights: row_weights })
}

/// The weight of each class; a balanced one comes from the training rows and serves the validation rows too.
pub(crate) fn class_weights_of(how: &str, model: &Model, table: &Table) -> Result<Vec<f64>, FitError> {
    const EXPECTED: &str = "balanced, or a weight for each class such as A=2,B=1";
    let classes = model.target.task.classes();
    if classes.is_empty() {
        return Err(FitError::choice("--class-weight", how, "possible for a number"));
    }
    if how == "balanced" {
        let targets = model.targets(table)?;
        let count = |class: usize| targets.iter().filter(|v| **v as usize == class).count().max(1) as f64;
        return Ok((0..classes.len()).map(|c| targets.len() as f64 / (classes.len() as f64 * count(c))).collect());
    }
    let mut weights = vec![1.0; classes.len()];
    for part in how.split(',') {
        let wrong = || FitError::choice("--class-weight", part, EXPECTED);
        let (name, value) = part.rsplit_once('=').ok_or_else(wrong)?;
        let unknown = || FitError::NoSuchClass { class: name.trim().to_string(), classes: classes.join(", ") };
        let class = classes.iter().position(|c| c == name.trim()).ok_or_else(unknown)?;
        weights[class] = value.trim().parse().ok().filter(|w: &f64| w.is_finite() && *w >= 0.0).ok_or_else(wrong)?;
    }
    Ok(weights)
}
