//! One row of a table through a model: the whole way from raw cells to prediction and loss, with every number.

use backpass::array::Array;
use backpass::autodiff::jacobian;
use backpass::builder::{Builder, Expr};
use backpass::explain::{Explanation, Question};
use backpass::graph::{Graph, ScopeKind};
use backpass::loss::Loss;
use backpass::shape::Shape;

use crate::encode::Surprises;
use crate::features::{features, raw};
use crate::fit_error::{FitError, ModelProblem};
use crate::model::Model;
use crate::options::Scaling;
use crate::table::Table;

/// What happened to one row.
#[derive(Clone, Debug)]
pub struct Explained {
    /// Every number.
    pub explanation: Explanation,
    /// The names of the network's outputs.
    pub outputs: Vec<String>,
    /// What is differentiated, in words.
    pub of: String,
    /// What the model predicts, in words.
    pub prediction: String,
    /// Cells that training did not know.
    pub surprises: Surprises,
}

/// The row of a table, counted from 0.
fn one_row(table: &Table, row: usize) -> Result<Table, FitError> {
    match row < table.rows() {
        true => Ok(table.select_rows(&[row as u32])),
        false => Err(FitError::NoSuchRow { file: table.name.clone(), row, rows: table.rows() }),
    }
}

/// How the prediction for one row answers to the inputs of the network.
#[derive(Clone, Debug)]
pub struct Sensitivity {
    /// The features, as encoded.
    pub inputs: Vec<String>,
    /// Their values.
    pub point: Vec<f64>,
    /// The classes, whose probabilities are differentiated, or the targets and their bounds.
    pub outputs: Vec<String>,
    /// Whether the outputs are classes.
    pub of_classes: bool,
    /// The derivative of each output with respect to each input, `[outputs, inputs]`.
    pub jacobian: Array,
}

impl Model {
    /// The whole model as one graph: from `numbers` and `categories` through the scopes `encoder` and `network` to
    /// `probabilities` or `prediction`. With a loss it also takes `target`, as the network sees it, and gives `loss`, the
    /// mean over the rows and, of networks side by side, over these.
    pub fn graph(&self, loss: Option<&Loss>) -> Result<Graph, FitError> {
        let builder = Builder::new();
        let b = &builder;
        let part = |name: &str, kind: ScopeKind, graph: &Graph, inputs: &[(&str, Expr<'_>)], wanted: &str| {
            let outputs = b.scope(name, kind, || b.embed(graph, inputs));
            outputs.into_iter().find(|(output, _)| output == wanted).map(|(_, value)| value.id())
        };
        let missing = |what| FitError::from(backpass::nn::NetworkError::Missing { what });
        let features =
            part("encoder", ScopeKind::Function, &self.encoder, &[], "features").ok_or(missing("output `features`"))?;
        let x = [("x", b.expr(features))];
        let y = part("network", ScopeKind::Network, &self.network.graph, &x, "y").ok_or(missing("output `y`"))?;
        let result = self.target.result();
        let head = part("head", ScopeKind::Function, &self.head, &[("y", b.expr(y))], result)
            .ok_or(missing("an output of the head"))?;
        if let Some(loss) = loss {
            let target = b.input("target", Shape::batch(&[self.target.columns.len()]));
            // Of several networks each has a loss of its own; training takes their mean.
            let (y, width) = (b.expr(y), self.target.outputs());
            let parts = self.network.outputs() / width;
            let rows = |part: usize| loss.rows(y.slice(1, part * width, (part + 1) * width), target);
            let of_all = || match parts {
                1 => loss.rows(y, target),
                _ => (1..parts).fold(rows(0), |sum, part| sum + rows(part)) / parts as f64,
            };
            b.output("loss", b.scope("loss", ScopeKind::Function, || of_all().mean(0)));
        }
        b.output(result, b.expr(head));
        Ok(builder.finish()?)
    }

    /// What the inputs of the network are: columns and derived inputs, which are scaled, and marks of levels.
    pub fn input_names(&self) -> Vec<String> {
        let (scaling, scaled) =
            (self.manifest.options.scaling(), self.inputs.numbers.len() + self.inputs.derived.len());
        let name = |(index, name): (usize, &String)| match scaling {
            Ok(Scaling::None) => name.clone(),
            _ if index < scaled => format!("scaled {name}"),
            _ => name.clone(),
        };
        self.inputs.features.iter().enumerate().map(name).collect()
    }

    /// What the outputs of the network are: the logits of the classes, of the second of two, or the targets, which may be
    /// scaled, or quantiles of them.
    pub fn output_names(&self) -> Vec<String> {
        self.target.output_names(|at| match self.target_scales.get(at) {
            Some((0.0, 1.0)) | None => self.target.columns[at].clone(),
            _ => format!("scaled {}", self.target.columns[at]),
        })
    }

    /// The derivatives of the prediction for one row, counted from 0, with respect to the features.
    pub fn sensitivity(&self, table: &Table, row: usize) -> Result<Sensitivity, FitError> {
        let table = one_row(table, row)?;
        let (point, _) = features::<f64>(&table, &self.schema, &self.inputs, &self.encoder)?;
        let builder = Builder::new();
        let x = builder.input("x", Shape::batch(&[point.len()]));
        let missing = || FitError::from(backpass::nn::NetworkError::Missing { what: "a result" });
        let first = |outputs: Vec<(String, Expr<'_>)>| outputs.first().map(|(_, value)| value.id()).ok_or_else(missing);
        let y = first(builder.embed(&self.network.graph, &[("x", x)]))?;
        let (result, x) = (first(builder.embed(&self.head, &[("y", builder.expr(y))]))?, x.id());
        let features = Array::new(&[1, point.len()], point.clone()).ok_or_else(missing)?;
        let weights = self.network.weights.iter().map(|(name, value)| (name.as_str(), value));
        let values: Vec<(&str, &Array)> = weights.chain([("x", &features)]).collect();
        let jacobian = jacobian(&builder.finish()?, result, x, &values)?;
        let outputs = self.target.prediction_names();
        let jacobian = jacobian.reshaped(&[outputs.len(), point.len()]).ok_or_else(missing)?;
        let of_classes = !self.target.is_number();
        Ok(Sensitivity { inputs: self.inputs.features.clone(), point, outputs, of_classes, jacobian })
    }

    /// Explains what the model does with one row, counted from 0. Where the row has a target, the derivatives are those of
    /// the loss that was trained, without label smoothing; otherwise those of the prediction, for classes of the
    /// probability of the most probable one.
    pub fn explain(&self, table: &Table, row: usize) -> Result<Explained, FitError> {
        let table = one_row(table, row)?;
        let mut surprises = Surprises::default();
        let raw = raw(&table, &self.schema, &self.inputs, &mut surprises)?;
        let predicted = self.predict(&table, 1)?;
        let has_target = self.target.columns.iter().all(|name| table.column(name).is_ok())
            && !self.target.present(&table, &self.schema)?.is_empty();
        let missing = || {
            let problem = ModelProblem::Part { part: "options", reason: "they name no loss".to_string() };
            FitError::Model { path: "model".into(), problem }
        };
        let loss = Loss::parse(self.manifest.options.loss.as_deref().ok_or_else(missing)?)?.with_smoothing(0.0);
        let graph = self.graph(has_target.then_some(&loss))?;
        let mut values: Vec<(&str, Array)> =
            self.network.weights.iter().map(|(n, v)| (n.as_str(), v.clone())).collect();
        let one_row =
            |data: Vec<f64>| Array::new(&[1, data.len()], data.clone()).unwrap_or_else(|| Array::vector(data));
        values.extend(raw.rows(0..1).map(|(name, data)| (name, one_row(data))));
        if has_target {
            let targets = self.targets(&table)?.into_iter().zip(&self.target_scales);
            let scaled = targets.map(|(value, (centre, factor))| (value - centre) / factor).collect();
            values.push(("target", one_row(scaled)));
        }
        let known = |name: &str| graph.inputs().chain(graph.parameters()).any(|id| graph.name(id) == name);
        let point: Vec<(&str, &Array)> = values.iter().filter(|(name, _)| known(name)).map(|(n, v)| (*n, v)).collect();
        let classes = self.target.task.classes();
        let wanted = if has_target { "loss" } else { self.target.result() };
        let result = graph.output(wanted).ok_or(backpass::nn::NetworkError::Missing { what: "a result" })?;
        let best = (!classes.is_empty()).then(|| predicted.class(0));
        // Of several numbers the first one: derivatives of unlike quantities have no sum.
        let width = self.target.width();
        let one = Array::from_fn(&[1, width], |i| f64::from(u8::from(i == best.unwrap_or(0))));
        let seed = (!has_target && (best.is_some() || width > 1)).then_some(one);
        let question = Question { result, seed: seed.as_ref(), variables: None };
        let explanation = Explanation::new(&graph, &question, &point)?;
        let (of, prediction) = match best {
            Some(best) => {
                let probability = predicted.values[best];
                (
                    format!("the probability of {}", classes[best]),
                    format!("{} with probability {probability:.4}", classes[best]),
                )
            }
            None => (
                format!("the prediction of {}", self.target.columns[0]),
                self.target.in_words(&predicted.values, self.target.per_target()),
            ),
        };
        let of = if has_target { format!("the loss ({})", loss.choice().name) } else { of };
        Ok(Explained { explanation, outputs: self.output_names(), of, prediction, surprises })
    }
}
