//! The trained network on training rows, layer by layer.

use backpass::array::Array;
use backpass::autodiff::{DifferentiateError, gradient};
use backpass::builder::Builder;
use backpass::graph::ScopeKind;
use backpass::interpret::interpret;
use backpass::nn::{Activation, LayerNodes, layers, units};
use backpass::ops::{Category, Op};
use backpass::shape::Shape;

use crate::doctor::run::Run;
use crate::doctor::{Change, Fault, Finding, Severity};
use crate::fit_error::FitError;
use crate::options::FitOptions;

/// A layer is ill if this share of its neurons is.
const MOST_ILL: f64 = 0.5;

/// Neurons are the same if their sums differ by no more than rounding, relative to the largest.
const SAME: f64 = 1e-5;

/// The factor between the gradients of the first and the last layer at which one of them learns next to nothing.
const GRADIENT_FACTOR: f64 = 1e4;

/// Inputs of more than this size cannot share a learning rate with others; scaled ones are of size 1.
const SIZE_FACTOR: f64 = 100.0;

/// What a hidden layer, or the output layer, does with the sample.
struct Layer {
    name: String,
    /// Its activation, if it has one.
    activation: Option<Op>,
    /// Weighted sums and outputs, row by row.
    sums: Array,
    outputs: Array,
    /// Root mean square over the rows of the norm of the loss's gradient with respect to the sums.
    gradient: f64,
    hidden: bool,
}

pub(super) fn check(run: &Run<'_>) -> Result<Vec<Finding>, FitError> {
    let layers = look(run)?;
    let mut findings: Vec<Finding> = unscaled(run).into_iter().collect();
    let hidden = layers.iter().filter(|layer| layer.hidden);
    let ill = hidden.filter_map(|l| identical(run, l).or_else(|| saturated(run, l)).or_else(|| dead(run, l)));
    let ill = together(ill);
    // A gradient of zero follows from identical and dead neurons, and needs no finding of its own.
    if ill.is_empty() {
        findings.extend(gradients(run, &layers));
    }
    findings.extend(ill);
    Ok(findings)
}

/// One finding of those about the same fault in several layers.
fn together(findings: impl Iterator<Item = Finding>) -> Vec<Finding> {
    let mut all: Vec<Finding> = Vec::new();
    for finding in findings {
        match all.iter_mut().find(|known| known.fault == finding.fault) {
            Some(known) => {
                known.place = format!("{}, {}", known.place, finding.place);
                known.evidence = format!("{}; {}", known.evidence, finding.evidence);
                known.severity = known.severity.max(finding.severity);
            }
            None => all.push(finding),
        }
    }
    all
}

/// Runs the sample forward and backward through the network.
fn look(run: &Run<'_>) -> Result<Vec<Layer>, FitError> {
    let network = &run.network;
    let missing = || backpass::nn::NetworkError::Missing { what: "output `y`" };
    let (y, nodes) = (network.graph.output("y").ok_or_else(missing)?, layers(&network.graph));
    let mut graph = network.graph.clone();
    graph.set_outputs(Vec::new());
    let builder = Builder::from_graph(graph);
    let target = builder.input("doctor target", Shape::batch(&run.y.shape()[1..]));
    // In a function of its own, so that the layers stay what they are.
    let loss = builder.scope("doctor", ScopeKind::Function, || run.loss.rows(builder.expr(y), target).sum(0));
    let mut slopes = Vec::new();
    for layer in &nodes {
        slopes.push(gradient(loss, &[builder.expr(layer.sum)])?[0].id());
    }
    let graph = builder.finish()?;
    let weights = network.weights.iter().map(|(name, value)| (name.as_str(), value));
    let values: Vec<(&str, &Array)> = weights.chain([("x", &run.x), ("doctor target", &run.y)]).collect();
    let trace = interpret(&graph, &values).map_err(DifferentiateError::from)?;
    let activation = |sum| {
        let of = |id| graph.node(id).args.contains(&sum) && graph.node(id).op.info().category == Category::Activation;
        graph.ids().find(|id| of(*id)).map(|id| graph.node(id).op.clone())
    };
    let layer = |(layer, slope): (&LayerNodes, _)| {
        let squares: f64 = trace.value(slope).data().iter().map(|v| v * v).sum();
        Layer {
            name: layer.name.clone(),
            activation: activation(layer.sum),
            sums: trace.value(layer.sum).clone(),
            outputs: trace.value(layer.output).clone(),
            gradient: (squares / trace.rows() as f64).sqrt(),
            hidden: nodes.last() != Some(layer),
        }
    };
    Ok(nodes.iter().zip(slopes).map(layer).collect())
}

impl Layer {
    fn units(&self) -> usize {
        self.sums.len() / self.sums.shape()[0].max(1)
    }

    /// The values of a neuron.
    fn unit<'a>(&self, values: &'a Array, unit: usize) -> impl Iterator<Item = f64> + Clone + use<'a> {
        values.data().iter().copied().skip(unit).step_by(self.units())
    }

    /// A finding about so many of the layer's neurons, if they are too many.
    fn finding(&self, fault: Fault, ill: usize, what: &str, advice: &str) -> Option<Finding> {
        let (units, share) = (self.units(), ill as f64 / self.units() as f64);
        let evidence = format!("{ill} of {units} neurons of {} {what}", self.name);
        let severity = if ill == units { Severity::Serious } else { Severity::Warning };
        let finding = Finding::new(fault, severity, &self.name, evidence, advice);
        (share >= MOST_ILL).then(|| finding.numbers([("units", ill as f64), ("share", share)]))
    }
}

/// How many units it holds for.
fn count(units: &[bool]) -> usize {
    units.iter().filter(|ill| **ill).count()
}

fn identical(run: &Run<'_>, layer: &Layer) -> Option<Finding> {
    let scale = layer.sums.data().iter().fold(0.0f64, |most, v| most.max(v.abs()));
    // Equal neurons have equal sums in the first row, so they are neighbours in its order.
    let mut order: Vec<usize> = (0..layer.units()).collect();
    order.sort_by(|a, b| layer.sums.data()[*a].total_cmp(&layer.sums.data()[*b]));
    let same = |a: usize, b: usize| {
        layer.unit(&layer.sums, a).zip(layer.unit(&layer.sums, b)).all(|(a, b)| (a - b).abs() <= SAME * scale)
    };
    let alike: usize = order.chunk_by(|a, b| same(*a, *b)).map(<[usize]>::len).filter(|n| *n > 1).sum();
    let advice = "neurons that start alike stay alike: start with random weights";
    let finding = layer.finding(Fault::IdenticalUnits, alike, "compute the same as another", advice)?;
    Some(started_well(run, finding))
}

/// Random weights of the size that suits the activation as the cure, where others were asked for.
fn started_well(run: &Run<'_>, finding: Finding) -> Finding {
    if run.options().init == run.usual.init { finding } else { finding.cured_by(default_init(run)) }
}

/// The start that suits the activation of the first hidden layer.
pub(super) fn default_init(run: &Run<'_>) -> Change {
    let first = run.options().activations(1).ok().and_then(|activations| activations.into_iter().next());
    Change::init(run.options(), &first.unwrap_or(Activation::IDENTITY).default_init().to_string())
}

fn dead(run: &Run<'_>, layer: &Layer) -> Option<Finding> {
    let dead = count(&units::dead(layer.outputs.data(), layer.units()));
    let advice = "lower --learning-rate, or take an activation that is flat nowhere, such as mish";
    let finding = layer.finding(Fault::DeadUnits, dead, "give the same for every training row", advice)?;
    if run.options().init != run.usual.init {
        return Some(started_well(run, finding));
    }
    let mish = || {
        let options = FitOptions { activation: Some("mish".into()), ..FitOptions::default() };
        Change::new(run.options(), "--activation mish", options)
    };
    Some(finding.cured_by(slower(run).unwrap_or_else(mish)))
}

/// The learning rate that is chosen where none is given, if it is lower than the one given.
fn slower(run: &Run<'_>) -> Option<Change> {
    let (given, usual) = (run.options().learning_rate?, run.usual_rate?);
    (usual < given).then(|| Change::learning_rate(run.options(), usual))
}

/// Neurons of an activation with two flat ends that stay on them.
fn saturated(run: &Run<'_>, layer: &Layer) -> Option<Finding> {
    let op = layer.activation.as_ref()?;
    let flat = units::saturated(layer.sums.data(), layer.units(), units::flat_ends(op)?);
    let what = format!("lie where {} is flat, for 95 % of the rows", op.info().name);
    let advice = "start with smaller weights, scale the inputs, or lower --learning-rate";
    let finding = layer.finding(Fault::SaturatedUnits, count(&flat), &what, advice)?;
    let cure = unscaled(run).and_then(|finding| finding.change).or_else(|| slower(run));
    Some(match cure {
        Some(change) => finding.cured_by(change),
        None => started_well(run, finding),
    })
}

fn gradients(run: &Run<'_>, layers: &[Layer]) -> Option<Finding> {
    let [first, .., last] = layers else { return None };
    let ratio = first.gradient / last.gradient;
    let advice = "take fewer layers, or an activation of slope 1 such as relu with --init he";
    let (fault, what) = match ratio {
        ratio if ratio * GRADIENT_FACTOR < 1.0 => (Fault::VanishingGradient, "lower"),
        ratio if ratio > GRADIENT_FACTOR => (Fault::ExplodingGradient, "higher"),
        _ => return None,
    };
    let evidence = format!(
        "the gradient is {:.1e} at {} and {:.1e} at {}, {what} by a factor of {:.1e}",
        last.gradient,
        last.name,
        first.gradient,
        first.name,
        ratio.max(1.0 / ratio),
    );
    let finding = Finding::new(fault, Severity::Serious, &first.name, evidence, advice);
    let finding = finding.numbers([("first", first.gradient), ("last", last.gradient), ("ratio", ratio)]);
    if run.options().init != run.usual.init {
        return Some(started_well(run, finding));
    }
    let options = FitOptions { activation: Some("relu".into()), init: Some("he".into()), ..FitOptions::default() };
    Some(finding.cured_by(Change::new(run.options(), "--activation relu --init he", options)))
}

/// Numbers whose size (root mean square) is far from 1.
fn unscaled(run: &Run<'_>) -> Option<Finding> {
    let inputs = &run.model.inputs;
    let (width, rows) = (inputs.features.len(), run.x.shape()[0] as f64);
    let size = |feature: usize| {
        let squares = run.x.data().iter().skip(feature).step_by(width).map(|v| v * v);
        (squares.sum::<f64>() / rows).sqrt()
    };
    // Categories are of size 1, or numbers of rows in a table.
    let numbers = 0..inputs.numbers.len() + inputs.derived.len();
    let (largest, size) = numbers.map(|at| (at, size(at))).max_by(|a, b| a.1.total_cmp(&b.1))?;
    if size <= SIZE_FACTOR {
        return None;
    }
    let evidence = format!("values of size {size:.1}; scaled ones are of size 1");
    let (place, advice) = (&inputs.features[largest], "scale the inputs with --scaling robust");
    let finding = Finding::new(Fault::UnscaledInputs, Severity::Warning, place, evidence, advice);
    let options = FitOptions { scaling: Some("robust".into()), ..FitOptions::default() };
    Some(finding.numbers([("size", size)]).cured_by(Change::new(run.options(), "--scaling robust", options)))
}
