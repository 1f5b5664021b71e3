//! From the columns of a table to the inputs of a network, as a graph.
//!
//! The graph takes `numbers` `[batch, N]` (NaN where missing; dates as days) and `categories` `[batch, C]` (level numbers)
//! and gives `features` `[batch, F]`. Filling in, derived inputs, scaling and one-hot columns are ordinary nodes, so they
//! are stored, drawn and exported with the network.

use backpass::array::Array;
use backpass::builder::{Builder, Expr};
use backpass::composites::is_nan;
use backpass::graph::{Graph, ScopeKind};
use backpass::shape::Shape;
use backpass::text::add_expression;
use serde::{Deserialize, Serialize};

use crate::decisions::counted;
use crate::features::{derived_column, number_column};
use crate::fit_error::FitError;
use crate::options::Scaling;
use crate::schema::{Kind, Schema};
use crate::table::{Cells, Table};

/// The most rows that go through an encoder or a head at a time.
pub(crate) const CHUNK: usize = 8192;

/// The columns a model reads, and how many inputs of the network come from each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Inputs {
    /// Columns of numbers and dates, in the order of the graph's input `numbers`.
    pub numbers: Vec<String>,
    /// Columns of categories, in the order of the graph's input `categories`.
    pub categories: Vec<CategoryInput>,
    /// Derived inputs: name and expression.
    pub derived: Vec<(String, String)>,
    /// The name of every feature.
    pub features: Vec<String>,
}

/// How the levels of a category are numbered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CategoryInput {
    /// The column.
    pub name: String,
    /// Levels with a number of their own.
    pub levels: Vec<String>,
    /// Whether the rarer levels share a further number.
    pub other: bool,
    /// Whether a missing cell has a number of its own.
    pub missing: bool,
    /// Whether the network gets the number and looks up what stands for it, in place of an input for each level.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub embedded: bool,
}

impl CategoryInput {
    /// The numbers in use.
    pub(crate) fn classes(&self) -> usize {
        self.levels.len() + usize::from(self.other) + usize::from(self.missing)
    }
}

/// How categories become inputs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Levels {
    /// The most levels with an input of their own.
    pub most: usize,
    /// Whether columns with more of them are looked up by the network, the others' rarer levels sharing an input.
    pub embed: bool,
}

/// The most levels that the network looks up; rarer ones share a row.
const MOST_EMBEDDED: usize = 10_000;

/// Cells that a model met and was not trained on.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Surprises {
    /// Column, and how many of its cells hold a level unknown to the model.
    pub unseen: Vec<(String, usize)>,
    /// Column, and how many of its cells are missing although none was in training.
    pub missing: Vec<(String, usize)>,
}

impl Surprises {
    /// What happened, in words.
    pub fn notes(&self) -> Vec<String> {
        let unseen = self.unseen.iter().map(|(column, n)| {
            format!(
                "`{column}`: {} with a level that training never saw; its inputs are zero, or the one for rare levels",
                counted(*n, "cell", "cells")
            )
        });
        let missing = self.missing.iter().map(|(column, n)| {
            format!(
                "`{column}`: {} missing although none was in training; filled with the median, categories with zeros",
                counted(*n, "cell", "cells")
            )
        });
        unseen.chain(missing).collect()
    }

    pub(crate) fn add(list: &mut Vec<(String, usize)>, column: &str, count: usize) {
        match list.iter_mut().find(|(name, _)| name == column) {
            _ if count == 0 => {}
            Some((_, n)) => *n += count,
            None => list.push((column.to_string(), count)),
        }
    }
}

/// Decides on the inputs and builds the graph from the training rows.
pub(crate) fn build(
    table: &Table,
    schema: &Schema,
    left_out: &[&str],
    derived: &[(String, String)],
    scaling: Scaling,
    most_levels: Levels,
) -> Result<(Inputs, Graph), FitError> {
    let mut inputs = Inputs { numbers: vec![], categories: vec![], derived: derived.to_vec(), features: vec![] };
    for column in schema.columns.iter().filter(|c| !left_out.contains(&c.name.as_str())) {
        match &column.kind {
            Kind::Number { .. } | Kind::Date { .. } => inputs.numbers.push(column.name.clone()),
            Kind::Category { levels } => {
                let embedded = most_levels.embed && levels.len() > most_levels.most;
                let most = if embedded { MOST_EMBEDDED } else { most_levels.most };
                inputs.categories.push(CategoryInput {
                    name: column.name.clone(),
                    levels: levels.iter().take(most).cloned().collect(),
                    other: levels.len() > most,
                    missing: column.missing > 0,
                    embedded,
                });
            }
            _ => {}
        }
    }
    if inputs.numbers.is_empty() && inputs.categories.is_empty() {
        let reason = |c: &crate::ColumnSchema| format!("{}: {}", c.name, c.reason);
        let columns = schema.columns.iter().filter(|c| !left_out.contains(&c.name.as_str()));
        let reasons = columns.map(reason).collect::<Vec<_>>().join("; ");
        let reasons = if reasons.is_empty() { "there is none besides the target".to_string() } else { reasons };
        return Err(FitError::NoInputs { file: table.name.clone(), reasons });
    }
    for (index, (name, _)) in derived.iter().enumerate() {
        if schema.column(name).is_ok() || derived[..index].iter().any(|(earlier, _)| earlier == name) {
            return Err(FitError::choice("--input", name, "a new name"));
        }
    }
    let mut scales = Vec::new();
    for name in &inputs.numbers {
        scales.push(match table.column(name)?.cells {
            Cells::Byte(_) => Scale::PIXEL,
            _ => Scale::of(number_column(table, schema, name)?, scaling),
        });
    }
    let filled = filled_graph(&inputs, &scales)?;
    for (index, (name, _)) in inputs.derived.iter().enumerate() {
        let values = derived_column(table, schema, &inputs, &filled, index, name)?;
        scales.push(Scale::of(values, scaling));
    }
    let missing: Vec<bool> =
        inputs.numbers.iter().map(|n| schema.column(n).map(|c| c.missing > 0)).collect::<Result<_, _>>()?;
    let graph = features_graph(&mut inputs, &scales, &missing)?;
    Ok((inputs, graph))
}

/// `(x - centre) · factor`, then a smooth limit where `1/limit` is not zero; missing cells become `fill`.
#[derive(Clone, Copy, Debug)]
struct Scale {
    fill: f64,
    centre: f64,
    factor: f64,
    inverse_limit: f64,
}

impl Scale {
    /// Bytes of images keep their common scale, so that neighbouring pixels stay comparable.
    const PIXEL: Scale = Scale { fill: 0.0, centre: 0.0, factor: 1.0 / 255.0, inverse_limit: 0.0 };

    fn of(values: Vec<f64>, scaling: Scaling) -> Scale {
        let mut sorted = values;
        sorted.retain(|v| v.is_finite());
        sorted.sort_unstable_by(f64::total_cmp);
        let median = quantile(&sorted, 0.5);
        let (centre, factor, inverse_limit) = match scaling {
            Scaling::None => (0.0, 1.0, 0.0),
            Scaling::Standard => {
                let n = sorted.len().max(1) as f64;
                let mean = sorted.iter().sum::<f64>() / n;
                let std = (sorted.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
                (mean, if std > 0.0 { 1.0 / std } else { 0.0 }, 0.0)
            }
            Scaling::Robust => {
                let spread = quantile(&sorted, 0.75) - quantile(&sorted, 0.25);
                let range = sorted.last().copied().unwrap_or(0.0) - sorted.first().copied().unwrap_or(0.0);
                let factor = if spread > 0.0 {
                    1.0 / spread
                } else if range > 0.0 {
                    2.0 / range
                } else {
                    0.0
                };
                (median, factor, 1.0 / 3.0)
            }
        };
        Scale { fill: median, centre, factor, inverse_limit }
    }
}

/// The quantile of sorted values, interpolated between neighbours (type 7 of Hyndman and Fan 1996).
pub(crate) fn quantile(sorted: &[f64], share: f64) -> f64 {
    if sorted.is_empty() {
        return 0.0;
    }
    let position = share * (sorted.len() - 1) as f64;
    let (below, rest) = (position.floor() as usize, position.fract());
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (sorted[above] - sorted[below]) * rest
}

fn row_constant<'b>(builder: &'b Builder, values: impl Iterator<Item = f64>) -> Expr<'b> {
    builder.constant(Array::vector(values.collect::<Vec<f64>>()))
}

/// The numbers without gaps: `[batch, N]`, and with the derived inputs: `[batch, N + D]`.
fn add_filled<'b>(
    builder: &'b Builder,
    inputs: &Inputs,
    scales: &[Scale],
) -> Result<Option<(Expr<'b>, Expr<'b>)>, FitError> {
    let count = inputs.numbers.len();
    if count == 0 {
        if let Some((name, _)) = inputs.derived.first() {
            let found = format!("{name}: the table has no number columns to compute it from");
            return Err(FitError::Choice { option: "--input", found, expected: "possible" });
        }
        return Ok(None);
    }
    let numbers = builder.input("numbers", Shape::batch(&[count]));
    let missing = is_nan(numbers);
    let fill = row_constant(builder, scales.iter().take(count).map(|s| s.fill));
    let filled = builder.scope("fill", ScopeKind::Function, || missing.select(fill, numbers));
    let mut parts = vec![filled];
    for (name, expression) in &inputs.derived {
        let names = |wanted: &dyn Fn(&str) -> bool| {
            let columns = inputs.numbers.iter().enumerate().filter(|(_, column)| wanted(column));
            let columns = columns.map(|(index, column)| (column.as_str(), filled.slice(1, index, index + 1)));
            let earlier = inputs.derived.iter().zip(&parts[1..]).map(|((name, _), part)| (name.as_str(), *part));
            columns.chain(earlier).collect::<Vec<_>>()
        };
        // Only what is used becomes a node; a substring that is not a name does no harm.
        let used = names(&|column| expression.contains(column));
        let value = builder.scope(name, ScopeKind::Function, || add_expression(builder, expression, &used));
        // After a mistake all names are there to be suggested.
        let value = value.or_else(|_| add_expression(builder, expression, &names(&|_| true)));
        let value = value.map_err(|source| FitError::Expression { name: name.clone(), source })?;
        if !builder.has_errors() && builder.with_graph(Graph::mixes_rows) {
            return Err(FitError::MixesRows { name: name.clone() });
        }
        parts.push(value.broadcast(Shape::batch(&[1])));
    }
    Ok(Some((missing, Expr::concat(1, &parts))))
}

fn filled_graph(inputs: &Inputs, scales: &[Scale]) -> Result<Graph, FitError> {
    let builder = Builder::new();
    if let Some((_, all)) = add_filled(&builder, inputs, scales)? {
        builder.output("all", all);
    }
    Ok(builder.finish()?)
}

fn features_graph(inputs: &mut Inputs, scales: &[Scale], missing_seen: &[bool]) -> Result<Graph, FitError> {
    let builder = Builder::new();
    let b = &builder;
    let mut parts: Vec<Expr<'_>> = Vec::new();
    let mut names: Vec<String> = Vec::new();
    if let Some((missing, all)) = add_filled(b, inputs, scales)? {
        let scaled = b.scope("scale", ScopeKind::Function, || {
            let centred = all - row_constant(b, scales.iter().map(|s| s.centre));
            let scaled = centred * row_constant(b, scales.iter().map(|s| s.factor));
            if scales.iter().all(|s| s.inverse_limit == 0.0) {
                return scaled;
            }
            let relative = scaled * row_constant(b, scales.iter().map(|s| s.inverse_limit));
            scaled / (relative * relative + 1.0).sqrt()
        });
        parts.push(scaled);
        names.extend(inputs.numbers.iter().cloned());
        names.extend(inputs.derived.iter().map(|(name, _)| name.clone()));
        for (index, name) in inputs.numbers.iter().enumerate().filter(|(i, _)| missing_seen[*i]) {
            parts.push(missing.slice(1, index, index + 1));
            names.push(format!("{name} is missing"));
        }
    }
    if !inputs.categories.is_empty() {
        let codes = b.input("categories", Shape::batch(&[inputs.categories.len()]));
        let looked_up = inputs.categories.iter().enumerate().filter(|(_, category)| category.embedded);
        let hot = inputs.categories.iter().enumerate().filter(|(_, category)| !category.embedded);
        for (index, category) in hot {
            let hot = b.scope(&category.name, ScopeKind::Function, || {
                let code = codes.slice(1, index, index + 1).reshape(Shape::batch(&[]));
                let hot = code.one_hot(category.classes());
                // Two levels need one input: -1 and +1, and 0 for neither.
                let signs = || b.constant(Array::from_fn(&[2, 1], |i| [-1.0, 1.0][i]));
                if category.classes() == 2 { hot.matmul(signs()) } else { hot }
            });
            parts.push(hot);
            let special = [(category.other, "other"), (category.missing, "missing")];
            let special = special.iter().filter(|(there, _)| *there).map(|(_, name)| (*name).to_string());
            let levels: Vec<String> = category.levels.iter().cloned().chain(special).collect();
            match &levels[..] {
                [first, second] => names.push(format!("{} = {second} against {first}", category.name)),
                _ => names.extend(levels.iter().map(|level| format!("{} = {level}", category.name))),
            }
        }
        // What the network looks up comes last; 0 stands for a level that is not known.
        for (index, category) in looked_up {
            parts.push(codes.slice(1, index, index + 1) + 1.0);
            names.push(category.name.clone());
        }
    }
    b.output("features", Expr::concat(1, &parts));
    inputs.features = names;
    Ok(builder.finish()?)
}

/// Splits `name = expression`.
pub(crate) fn split_derived(texts: &[String]) -> Result<Vec<(String, String)>, FitError> {
    let split = |text: &String| {
        let parts = text.split_once('=').map(|(name, expression)| (name.trim().trim_matches('`'), expression.trim()));
        let good = parts.filter(|(name, expression)| !name.is_empty() && !expression.is_empty());
        good.map(|(name, expression)| (name.to_string(), expression.to_string()))
            .ok_or_else(|| FitError::choice("--input", text, "of the form \"name = expression\""))
    };
    texts.iter().map(split).collect()
}
