//! [`Function`]: what is approximated, its values, and proven bounds on its changes.

use std::fmt;
use std::str::FromStr;

use backpass::graph::Graph;
use backpass::interpret::constant;
use backpass::interpret::interpret;
use backpass::passes::PASSES;
use backpass::suggest::closest;
use backpass::text::parse_expression;
use backpass::{Array, Builder, NodeId, Shape, autodiff};

use super::ApproximateError;
use super::interval::{self, Interval};

/// From where to where an input goes.
#[derive(Clone, PartialEq, Debug)]
pub struct Domain {
    /// Which input; the next one without a domain where none is named.
    pub input: Option<String>,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl FromStr for Domain {
    type Err = String;

    /// Reads `0,1` or `x=0,1`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (input, range) = match text.split_once('=') {
            Some((name, range)) => (Some(name.trim().to_string()), range),
            None => (None, text),
        };
        let ends = range.split_once(',').and_then(|(low, high)| Some((number(low)?, number(high)?)));
        let (low, high) = ends.ok_or("LOW,HIGH is expected, such as 0,1 or x=-pi,pi")?;
        Ok(Domain { input, low, high })
    }
}

/// A number as the expression language writes it: `-pi`, `1/3`.
fn number(text: &str) -> Option<f64> {
    constant(text).ok()?.item()
}

/// A box: for each input from where to where it goes.
pub(super) type Cell = Vec<(f64, f64)>;

/// Rows that are computed at a time.
const TILE: usize = 4096;

/// Points along each side of a cell where an operator has no interval rule and its range is only sampled.
const SAMPLES: [usize; 2] = [33, 9];

/// A real function of one or two inputs on a box, given as text.
#[derive(Clone, Debug)]
pub struct Function {
    text: String,
    inputs: Vec<String>,
    domain: Cell,
    /// The function of rows.
    rows: Graph,
    /// The function of single numbers, its slopes and, for one input, its curvature.
    single: Graph,
    value: NodeId,
    slopes: Vec<NodeId>,
    curvature: Option<NodeId>,
}

/// What is known of a function in a cell.
pub(super) struct Enclosure {
    /// Its values.
    pub value: Interval,
    /// Its slopes along each input, where it has no jump.
    pub slopes: Option<Vec<Interval>>,
    /// Its second derivative, where the first has no jump; one input only.
    pub curvature: Option<Interval>,
    /// Whether this is proven; else it is sampled.
    pub proven: bool,
}

impl Function {
    /// Reads a function whose free names are its inputs, each from 0 to 1 unless a domain says otherwise. One domain
    /// without a name is for all inputs.
    pub fn parse(text: &str, domains: &[Domain]) -> Result<Self, ApproximateError> {
        let single = parse_expression(text, &[])?;
        let inputs: Vec<String> = single.inputs().map(|id| single.name(id).to_string()).collect();
        if !(1..=2).contains(&inputs.len()) {
            return Err(ApproximateError::Inputs { names: inputs });
        }
        let batch: Vec<(&str, Shape)> = inputs.iter().map(|name| (name.as_str(), Shape::batch(&[]))).collect();
        let rows = parse_expression(text, &batch)?;
        let one = |graph: &Graph| match graph.outputs() {
            [(_, node)] => Ok(*node),
            outputs => Err(ApproximateError::Outputs { found: outputs.len() }),
        };
        if *rows.shape(one(&rows)?) != Shape::batch(&[]) || rows.mixes_rows() {
            return Err(ApproximateError::NotSingle);
        }
        let (single, curved) = with_derivatives(single, one)?;
        let output = |index: usize| single.outputs().get(index).map(|(_, node)| *node);
        let value = output(0).ok_or(ApproximateError::NotSingle)?;
        let last = if curved { single.outputs().len() - 1 } else { single.outputs().len() };
        let slopes = (1..last).filter_map(output).collect();
        let curvature = if curved { output(last) } else { None };
        let domain = assign(&inputs, domains)?;
        Ok(Function { text: text.trim().to_string(), inputs, domain, rows, single, value, slopes, curvature })
    }

    /// The text it was read from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The names of the inputs, in the order in which the text uses them.
    pub fn inputs(&self) -> &[String] {
        &self.inputs
    }

    /// For each input from where to where it goes.
    pub fn domain(&self) -> &[(f64, f64)] {
        &self.domain
    }

    /// Its values at points given one after the other.
    pub fn values(&self, points: &[f64]) -> Vec<f64> {
        let width = self.inputs.len();
        let mut values = Vec::with_capacity(points.len() / width);
        for tile in points.chunks(TILE * width) {
            let column = |i: usize| Array::vector(tile.iter().skip(i).step_by(width).copied().collect::<Vec<_>>());
            let columns: Vec<Array> = (0..width).map(column).collect();
            let named: Vec<(&str, &Array)> = self.inputs.iter().map(String::as_str).zip(&columns).collect();
            match interpret(&self.rows, &named) {
                Ok(trace) => values.extend_from_slice(trace.value(self.rows.outputs()[0].1).data()),
                Err(_) => values.extend(std::iter::repeat_n(f64::NAN, tile.len() / width)),
            }
        }
        values
    }

    /// Its values at points, all of them finite.
    pub(super) fn finite_values(&self, points: &[f64]) -> Result<Vec<f64>, ApproximateError> {
        let values = self.values(points);
        match values.iter().position(|v| !v.is_finite()) {
            Some(i) => {
                let width = self.inputs.len();
                let at = self.at(&points[i * width..(i + 1) * width]);
                Err(ApproximateError::NotFinite { at, value: values[i] })
            }
            None => Ok(values),
        }
    }

    /// A point in words: `x = 0.5, y = 1`.
    pub fn at(&self, point: &[f64]) -> String {
        let parts: Vec<String> =
            self.inputs.iter().zip(point).map(|(name, v)| format!("{name} = {}", short(*v))).collect();
        parts.join(", ")
    }

    /// What it can be in a cell.
    pub(super) fn enclose(&self, cell: &[(f64, f64)]) -> Enclosure {
        let ends = cell.iter().map(|&(low, high)| Interval::new(low, high));
        let inputs: Vec<(&str, Interval)> = self.inputs.iter().map(String::as_str).zip(ends).collect();
        let values = interval::enclose(&self.single, &inputs);
        let of = |node: NodeId| values[node.index()];
        let Some(value) = of(self.value) else { return self.sample(cell) };
        let slopes: Option<Vec<Interval>> = self.slopes.iter().map(|&node| of(node)).collect();
        let slopes = slopes.filter(|slopes| !value.jumps && slopes.len() == self.inputs.len());
        let smooth = slopes.as_ref().is_some_and(|slopes| slopes.iter().all(|slope| !slope.jumps));
        Enclosure { value, slopes, curvature: self.curvature.and_then(of).filter(|_| smooth), proven: true }
    }

    fn sample(&self, cell: &[(f64, f64)]) -> Enclosure {
        let values = self.values(&grid(cell, SAMPLES[cell.len() - 1]));
        let value = if values.iter().all(|v| v.is_finite()) {
            let low = values.iter().copied().fold(f64::INFINITY, f64::min);
            Interval::new(low, values.iter().copied().fold(f64::NEG_INFINITY, f64::max))
        } else {
            Interval::new(f64::NEG_INFINITY, f64::INFINITY)
        };
        Enclosure { value, slopes: None, curvature: None, proven: false }
    }
}

impl fmt::Display for Function {
    /// `sin(x) on x in [0, 1]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sides = self.inputs.iter().zip(&self.domain);
        let sides: Vec<String> = sides.map(|(name, (low, high))| format!("{name} in [{low}, {high}]")).collect();
        write!(f, "{} on {}", self.text, sides.join(", "))
    }
}

/// Adds the first derivatives as outputs and, for one input, the second; says whether it is there. Where there is none,
/// bounds do without it.
fn with_derivatives(
    graph: Graph,
    output: impl Fn(&Graph) -> Result<NodeId, ApproximateError>,
) -> Result<(Graph, bool), ApproximateError> {
    let value = output(&graph)?;
    let inputs: Vec<NodeId> = graph.inputs().collect();
    let plain = graph.clone();
    let builder = Builder::from_graph(graph);
    let variables: Vec<_> = inputs.iter().map(|&id| builder.expr(id)).collect();
    let Ok(slopes) = autodiff::gradient(builder.expr(value), &variables) else { return Ok((plain, false)) };
    for (i, slope) in slopes.iter().enumerate() {
        builder.output(&format!("slope {i}"), *slope);
    }
    let curvature = match slopes[..] {
        [slope] => autodiff::gradient(slope, &variables).ok(),
        _ => None,
    };
    if let Some(curvature) = &curvature {
        builder.output("curvature", curvature[0]);
    }
    let curved = curvature.is_some();
    match builder.finish() {
        Ok(graph) => Ok((PASSES.iter().fold(graph, |graph, pass| (pass.run)(&graph)), curved)),
        Err(_) => Ok((plain, false)),
    }
}

/// Gives each input its domain.
fn assign(inputs: &[String], domains: &[Domain]) -> Result<Cell, ApproximateError> {
    let mut cell: Vec<Option<(f64, f64)>> = vec![None; inputs.len()];
    for Domain { input, low, high } in domains {
        if !(low < high && (high - low).is_finite()) {
            return Err(ApproximateError::EmptyDomain { low: *low, high: *high });
        }
        let Some(name) = input else { continue };
        let index = inputs.iter().position(|i| i == name).ok_or_else(|| {
            let suggestion = closest(name, inputs.iter().map(String::as_str)).map(str::to_string);
            ApproximateError::UnknownInput { name: name.clone(), known: inputs.to_vec(), suggestion }
        })?;
        if cell[index].replace((*low, *high)).is_some() {
            return Err(ApproximateError::TwoDomains { name: name.clone() });
        }
    }
    let unnamed: Vec<(f64, f64)> = domains.iter().filter(|d| d.input.is_none()).map(|d| (d.low, d.high)).collect();
    let free: Vec<&mut Option<(f64, f64)>> = cell.iter_mut().filter(|side| side.is_none()).collect();
    let (found, expected) = (unnamed.len(), free.len());
    match unnamed[..] {
        [] => free.into_iter().for_each(|side| *side = Some((0.0, 1.0))),
        [all] if expected > 0 => free.into_iter().for_each(|side| *side = Some(all)),
        _ if found == expected => free.into_iter().zip(unnamed).for_each(|(side, given)| *side = Some(given)),
        _ => return Err(ApproximateError::Domains { found, expected }),
    }
    Ok(cell.into_iter().flatten().collect())
}

/// `n` points along each side of a box, ends included; one after the other.
pub(super) fn grid(cell: &[(f64, f64)], n: usize) -> Vec<f64> {
    let along = |(low, high): (f64, f64), i: usize| low + (high - low) * (i as f64 / (n - 1) as f64);
    match *cell {
        [side] => (0..n).map(|i| along(side, i)).collect(),
        [first, second] => (0..n * n).flat_map(|i| [along(first, i / n), along(second, i % n)]).collect(),
        _ => Vec::new(),
    }
}

/// Halves cells of `domain`, across the side that is relatively longest, until `done` holds; gives them from low to
/// high. A cell that has been halved `deepest` times is given back as the error, and so is the last of more than `most`.
pub(super) fn bisect(
    domain: &[(f64, f64)],
    deepest: usize,
    most: usize,
    mut done: impl FnMut(&Cell) -> bool,
) -> Result<Vec<Cell>, Stuck> {
    let mut waiting = vec![(domain.to_vec(), 0)];
    let mut cells = Vec::new();
    while let Some((cell, depth)) = waiting.pop() {
        if done(&cell) {
            cells.push(cell);
        } else if depth == deepest {
            return Err(Stuck::Thin(cell));
        } else if cells.len() + waiting.len() + 2 > most {
            return Err(Stuck::Many(cell));
        } else {
            let axis = depth % domain.len();
            let (low, high) = cell[axis];
            let middle = low + 0.5 * (high - low);
            let (mut left, mut right) = (cell.clone(), cell);
            left[axis] = (low, middle);
            right[axis] = (middle, high);
            waiting.extend([(right, depth + 1), (left, depth + 1)]);
        }
    }
    Ok(cells)
}

/// Why halving came to no end.
pub(super) enum Stuck {
    /// This cell is as thin as cells get.
    Thin(Cell),
    /// There are too many cells; this is where it stopped.
    Many(Cell),
}

/// A number with at most six significant digits.
pub(super) fn short(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-4..1e15).contains(&size) {
        return format!("{value:.5e}");
    }
    let digits = (5 - size.max(1e-4).log10().floor() as i32).max(0);
    let text = format!("{value:.*}", digits as usize);
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".to_string() } else { text.to_string() }
}
