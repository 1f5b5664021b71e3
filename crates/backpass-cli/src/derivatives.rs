//! Jacobian and Hessian as text and as JSON.

use backpass::array::Array;
use backpass::autodiff::{jacobian, mixed_hessian};
use backpass::graph::NodeId;
use backpass::view::{number, shape};
use backpass_tabular::Sensitivity;
use serde_json::{Value, json};

use crate::exit::Failure;
use crate::output::{columns, nested};
use crate::subject::Formula;

/// More numbers than this are no text for people.
const MOST: usize = 4096;

/// A block of first or second derivatives.
pub struct Block {
    /// What is differentiated: the result, or the first variable.
    rows: (String, Vec<usize>),
    /// With respect to what.
    columns: (String, Vec<usize>),
    value: Array,
}

fn variables(formula: &Formula, wrt: Option<&[&str]>) -> Vec<NodeId> {
    formula.variables().filter(|&id| wrt.is_none_or(|names| names.contains(&formula.graph.name(id)))).collect()
}

/// ∂result/∂variable for each variable.
pub fn jacobians(formula: &Formula, result: &str, wrt: Option<&[&str]>) -> Result<Vec<Block>, Failure> {
    let (Formula { graph, result: id, .. }, point) = (formula, formula.point()?);
    let block = |variable: NodeId| {
        let sizes = |id: NodeId| formula.sizes(id);
        small(sizes(*id).iter().product::<usize>() * sizes(variable).iter().product::<usize>())?;
        let value = jacobian(graph, *id, variable, &point).map_err(Failure::usage)?;
        let rows = (result.to_string(), sizes(*id));
        Ok(Block { rows, columns: (graph.name(variable).to_string(), sizes(variable)), value })
    };
    variables(formula, wrt).into_iter().map(block).collect()
}

/// ∂²result/∂a∂b for each pair of variables.
pub fn hessians(formula: &Formula, wrt: Option<&[&str]>) -> Result<Vec<Block>, Failure> {
    let (graph, point) = (&formula.graph, formula.point()?);
    let variables = variables(formula, wrt);
    let sizes = |id: NodeId| formula.sizes(id);
    let all: usize = variables.iter().map(|&v| sizes(v).iter().product::<usize>()).sum();
    small(all * all)?;
    let pairs = variables.iter().flat_map(|&a| variables.iter().map(move |&b| (a, b)));
    let block = |(a, b): (NodeId, NodeId)| {
        let value = mixed_hessian(graph, formula.result, (a, b), &point).map_err(Failure::usage)?;
        let side = |id: NodeId| (graph.name(id).to_string(), sizes(id));
        Ok(Block { rows: side(a), columns: side(b), value })
    };
    pairs.map(block).collect()
}

fn small(numbers: usize) -> Result<(), Failure> {
    let message = || {
        format!(
            "that would be {numbers} numbers, at most {MOST} are shown\nhelp: take smaller arrays, or fewer with --wrt"
        )
    };
    if numbers <= MOST { Ok(()) } else { Err(Failure::usage(message())) }
}

impl Block {
    fn sizes(&self) -> (usize, usize) {
        (self.rows.1.iter().product(), self.columns.1.iter().product())
    }

    /// The elements on the diagonal, where all others are zero and there are others.
    fn diagonal(&self) -> Option<Array> {
        let (n, columns) = self.sizes();
        let at = |i: usize, j: usize| self.value.data()[i * columns + j];
        let is_diagonal =
            n > 1 && self.rows.1 == self.columns.1 && (0..n).all(|i| (0..n).all(|j| i == j || at(i, j) == 0.0));
        is_diagonal.then(|| Array::from_fn(&self.rows.1, |i| at(i, i)))
    }

    /// The block as a table: a row for each element of what is differentiated, a column for each of the variable.
    fn table(&self, digits: usize) -> String {
        let (rows, columns_count) = self.sizes();
        let index = |(name, sizes): &(String, Vec<usize>), flat: usize| {
            let mut rest = flat;
            let mut parts: Vec<usize> = sizes
                .iter()
                .rev()
                .map(|size| {
                    let i = rest % size;
                    rest /= size;
                    i
                })
                .collect();
            parts.reverse();
            if parts.is_empty() { name.clone() } else { format!("{name}{parts:?}") }
        };
        let mut table = vec![
            std::iter::once(String::new())
                .chain((0..columns_count).map(|j| index(&self.columns, j)))
                .collect::<Vec<_>>(),
        ];
        for i in 0..rows {
            let cells = (0..columns_count).map(|j| number(self.value.data()[i * columns_count + j], digits));
            table.push(std::iter::once(index(&self.rows, i)).chain(cells).collect());
        }
        columns(&table, 1)
    }
}

fn sizes(of: &[usize]) -> String {
    if of.is_empty() { "1".to_string() } else { shape(of) }
}

/// Jacobians for people. Where one is diagonal, the elementwise form that computes the same stands beside it.
pub fn jacobian_text(blocks: &[Block], digits: usize) -> String {
    let text = |block: &Block| {
        let ((of, rows), (by, by_sizes)) = (&block.rows, &block.columns);
        let all = [&rows[..], by_sizes].concat();
        let mut text = format!("Jacobian ∂{of}/∂{by}, {}\n", sizes(&all));
        text += &block.table(digits);
        if let Some(diagonal) = block.diagonal() {
            let elements = block.value.len();
            text += &format!(
                "Diagonal: element i of {of} depends on element i of {by} alone. So backpropagation never builds these {elements} numbers,\n\
                 it multiplies element by element: ∂L/∂{by} = ∂L/∂{of} ⊙ {}\n",
                backpass::view::array(&diagonal, digits),
            );
        }
        text
    };
    blocks.iter().map(text).collect::<Vec<_>>().join("\n")
}

/// Hessians for people; single numbers share one table.
pub fn hessian_text(blocks: &[Block], digits: usize) -> String {
    let names: Vec<&str> = blocks.iter().map(|b| b.rows.0.as_str()).fold(Vec::new(), |mut names, name| {
        if !names.contains(&name) {
            names.push(name);
        }
        names
    });
    if blocks.iter().all(|b| b.value.len() == 1) {
        let mut table = vec![std::iter::once("").chain(names.iter().copied()).map(str::to_string).collect::<Vec<_>>()];
        for (name, row) in names.iter().zip(blocks.chunks(names.len().max(1))) {
            let cells = row.iter().map(|b| number(b.value.data()[0], digits));
            table.push(std::iter::once(name.to_string()).chain(cells).collect());
        }
        return format!("Hessian, {0}×{0}\n{1}", names.len(), columns(&table, 1));
    }
    let text = |block: &Block| {
        let all = [&block.rows.1[..], &block.columns.1].concat();
        format!("Hessian ∂²/∂{}∂{}, {}\n{}", block.rows.0, block.columns.0, sizes(&all), block.table(digits))
    };
    blocks.iter().map(text).collect::<Vec<_>>().join("\n")
}

/// A model's Jacobian for people: a line for each input.
pub fn sensitivity_text(sensitivity: &Sensitivity, digits: usize) -> Result<String, Failure> {
    let Sensitivity { inputs, point, outputs, of_classes, jacobian } = sensitivity;
    if jacobian.len() > MOST {
        let message = format!("that would be {} numbers, at most {MOST} are shown", jacobian.len());
        return Err(Failure::usage(format!("{message}\nhelp: --json prints them all")));
    }
    let titles = ["input".to_string(), "value".to_string()].into_iter().chain(outputs.iter().map(|o| format!("∂{o}")));
    let mut table = vec![titles.collect::<Vec<_>>()];
    table.extend(inputs.iter().zip(point).enumerate().map(|(i, (name, value))| {
        let slopes = (0..outputs.len()).map(|o| number(jacobian.data()[o * inputs.len() + i], digits));
        [name.clone(), number(*value, digits)].into_iter().chain(slopes).collect()
    }));
    let what = match outputs.len() {
        _ if *of_classes => "the probability of each class",
        1 => "the prediction",
        _ => "each number predicted",
    };
    Ok(format!(
        "Jacobian, {}×{}: the derivative of {what} with respect to each input of the network, as encoded\n{}",
        outputs.len(),
        inputs.len(),
        columns(&table, 1)
    ))
}

/// A model's Jacobian as JSON: by the name of the output, then of the input.
pub fn sensitivity_json(sensitivity: &Sensitivity) -> Value {
    let Sensitivity { inputs, outputs, jacobian, .. } = sensitivity;
    let row = |slopes: &[f64]| -> Value {
        let slope = |(name, slope): (&String, &f64)| (name.clone(), nested(&Array::scalar(*slope)));
        Value::Object(inputs.iter().zip(slopes).map(slope).collect())
    };
    Value::Object(outputs.iter().cloned().zip(jacobian.data().chunks(inputs.len().max(1)).map(row)).collect())
}

/// Blocks as JSON: by the name of the variable, or of both.
pub fn blocks_json(blocks: &[Block], both: bool) -> Value {
    let mut object = serde_json::Map::new();
    for block in blocks {
        let (row, column) = (&block.rows.0, &block.columns.0);
        if both {
            let rows = object.entry(row.clone()).or_insert_with(|| json!({}));
            rows[column] = nested(&block.value);
        } else {
            object.insert(column.clone(), nested(&block.value));
        }
    }
    Value::Object(object)
}
