//! A formula in place of the network: columns are its inputs, its other names are the parameters to train.

use backpass::array::Array;
use backpass::builder::{Builder, Expr};
use backpass::interpret::constant;
use backpass::nn::Network;
use backpass::ops::{Op, Slice};
use backpass::shape::Shape;
use backpass::text::{add_expression, free_names};
use backpass::train::{Dataset, TrainOptions, covariance};
use serde::{Deserialize, Serialize};

use crate::fit_error::FitError;
use crate::options::FitOptions;
use crate::schema::{Kind, Schema};

/// Where a parameter starts if nothing is said.
const START: f64 = 1.0;

/// Inputs of a model's graph, see [`Model::graph`](crate::Model::graph).
const RESERVED: [&str; 2] = ["numbers", "categories"];

/// A fitted number of a formula.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Coefficient {
    /// The name of the parameter, with the position in an array: `a`, `W[0,1]`.
    pub name: String,
    /// Its value.
    pub value: f64,
    /// Its estimated standard deviation; none where the rows do not determine it or the loss gives no estimate.
    pub standard_error: Option<f64>,
}

/// A formula with what its names mean.
pub(crate) struct Formula {
    text: String,
    /// The columns it reads.
    pub columns: Vec<String>,
    /// Where its parameters start.
    start: Vec<(String, Array)>,
    /// Decisions, in words.
    pub decisions: Vec<String>,
}

impl Formula {
    /// Reads the formula of the options, if there is one.
    pub fn read(options: &FitOptions, schema: &Schema) -> Result<Option<Formula>, FitError> {
        let problem = |problem: String| FitError::Formula { problem };
        let Some(text) = options.formula.clone() else {
            return match options.start.first() {
                Some(start) => Err(FitError::choice("--start", start, "possible without --formula")),
                None => Ok(None),
            };
        };
        let names = free_names(&text).map_err(|source| FitError::FormulaText { source })?;
        let (mut columns, mut start, mut open) = (Vec::new(), Vec::new(), Vec::new());
        let mut given = options.start.iter().map(|text| starting(text)).collect::<Result<Vec<_>, _>>()?;
        let mut starts = given.iter().map(|(name, _)| name);
        if let Some(name) = starts.find(|name| given.iter().filter(|(other, _)| other == *name).count() > 1) {
            return Err(problem(format!("--start {name} is given twice")));
        }
        for name in names {
            match schema.column(&name) {
                Ok(_) if name == options.target => {
                    return Err(problem(format!("`{name}` is the target, which is to be predicted")));
                }
                Ok(column) => match &column.kind {
                    Kind::Number { .. } | Kind::Date { .. } => columns.push(name),
                    kind => {
                        let kind = kind.describe();
                        return Err(problem(format!("the column `{name}` is {kind}, a formula takes numbers")));
                    }
                },
                Err(_) => {
                    // The network's own input has this name, and a misspelt column is more likely than a parameter.
                    if name == "x" {
                        let columns: Vec<&str> = schema.columns.iter().map(|c| c.name.as_str()).collect();
                        let columns = columns.join(", ");
                        return Err(problem(format!(
                            "there is no column `x`, and no parameter can be called so\nhelp: the columns are {columns}"
                        )));
                    }
                    if RESERVED.contains(&name.as_str()) {
                        return Err(problem(format!(
                            "no parameter can be called `{name}`: an input of the model is\nhelp: choose another name"
                        )));
                    }
                    let at = given.iter().position(|(known, _)| *known == name);
                    if at.is_none() {
                        open.push(name.clone());
                    }
                    let value = at.map_or(Array::scalar(START), |at| given.swap_remove(at).1);
                    start.push((name, value));
                }
            }
        }
        let known = start.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
        if let Some((name, _)) = given.first() {
            return Err(problem(format!("--start {name}: the parameters of the formula are {known}")));
        }
        if start.is_empty() || columns.is_empty() {
            let what = if columns.is_empty() { "column of the table" } else { "parameter to train" };
            return Err(problem(format!("it has no {what}")));
        }
        let penalty = [("--l1", options.l1), ("--l2", options.l2), ("--weight-decay", options.weight_decay)];
        let asked = penalty.into_iter().find(|(_, factor)| factor.is_some_and(|f| f > 0.0));
        if let Some((option, _)) = asked.filter(|_| start.iter().all(|(_, value)| value.shape().len() < 2)) {
            return Err(problem(format!(
                "{option}: penalties count the elements of matrices, and no parameter is one\n\
                 help: make it one, such as --start W=[[1]]"
            )));
        }
        let mut decisions = vec![format!(
            "formula {text} with the {}: {}, and the {}: {known}",
            if columns.len() == 1 { "input" } else { "inputs" },
            columns.join(", "),
            if start.len() == 1 { "parameter" } else { "parameters" },
        )];
        if !open.is_empty() {
            decisions.push(format!("starting at 1, because no --start is given: {}", open.join(", ")));
        }
        Ok(Some(Formula { text, columns, start, decisions }))
    }

    /// Whether the formula uses a column.
    pub fn reads(&self, column: &str) -> bool {
        self.columns.iter().any(|name| name == column)
    }

    /// The network that computes the formula from the features `x`, with a number for each class or one in all.
    pub fn network(&mut self, features: &[String], classes: usize) -> Result<Network, FitError> {
        let builder = Builder::new();
        let b = &builder;
        let x = b.input("x", Shape::batch(&[features.len()]));
        let column = |(index, name): (usize, &String)| {
            // A node of its own even where there is no other column: it takes the column's name, but `x` is the whole row.
            let column = b.push(Slice { axis: 1, start: index, end: index + 1 }, &[x]);
            (name.clone(), if name == "x" { column } else { column.named(name) })
        };
        let columns: Vec<(String, Expr<'_>)> = features.iter().enumerate().map(column).collect();
        let parameters =
            self.start.iter().map(|(name, value)| (name.clone(), b.parameter(name, Shape::fixed(value.shape()))));
        let known: Vec<(String, Expr<'_>)> = columns.into_iter().chain(parameters).collect();
        let known: Vec<(&str, Expr<'_>)> = known.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        let mut value = add_expression(b, &self.text, &known).map_err(|source| FitError::FormulaText { source })?;
        if classes == 2 {
            let argument = b.with_graph(|graph| {
                let node = graph.node(value.id());
                matches!(node.op, Op::Sigmoid(_)).then(|| node.args[0])
            });
            self.decisions.push(match argument {
                Some(_) => "the formula's value is the probability of the second class".to_string(),
                None => {
                    "the formula's value is the logit: its sigmoid is the probability of the second class".to_string()
                }
            });
            value = argument.map_or(value, |id| b.expr(id));
        }
        let (found, wanted) = (value.shape(), Shape::batch(&[if classes > 2 { classes } else { 1 }]));
        if found.broadcast(&wanted).as_ref() != Ok(&wanted) {
            let problem = format!("its value has shape {found}, a prediction has shape {wanted}");
            return Err(FitError::Formula { problem });
        }
        b.output("y", value.broadcast(wanted));
        Ok(Network::from_graph(builder.finish()?, self.start.iter().cloned().collect()))
    }
}

/// Reads `name=value`, where the value is an expression of numbers.
fn starting(text: &str) -> Result<(String, Array), FitError> {
    let wrong = || FitError::choice("--start", text, "of the form name=number or name=[[number, …], …]");
    let (name, value) = text.split_once('=').ok_or_else(wrong)?;
    let value = constant(value).map_err(|_| wrong())?;
    let finite = value.data().iter().all(|v| v.is_finite());
    if finite { Ok((name.trim().trim_matches('`').to_string(), value)) } else { Err(wrong()) }
}

/// Every fitted number with its standard error.
pub(crate) fn coefficients(
    network: &Network,
    data: &Dataset<f64>,
    options: &TrainOptions,
) -> Result<Vec<Coefficient>, FitError> {
    let covariance = covariance(network, data, options)?;
    let count = network.parameter_count();
    let mut list = Vec::with_capacity(count);
    for (name, value) in &network.weights {
        for (element, &value_here) in value.data().iter().enumerate() {
            let variance = covariance.as_ref().map(|c| c.data()[list.len() * (count + 1)]);
            let name = format!("{name}{}", position(value.shape(), element));
            let standard_error = variance.map(f64::sqrt).filter(|error| error.is_finite());
            list.push(Coefficient { name, value: value_here, standard_error });
        }
    }
    Ok(list)
}

/// `[0,1]`; nothing for a single number.
fn position(shape: &[usize], mut element: usize) -> String {
    let mut indices = Vec::new();
    for size in shape.iter().rev() {
        indices.push((element % size).to_string());
        element /= size;
    }
    indices.reverse();
    if indices.is_empty() { String::new() } else { format!("[{}]", indices.join(",")) }
}
