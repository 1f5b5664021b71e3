//! `backpass approximate`.

use std::path::PathBuf;
use std::time::Instant;

use backpass::nn::{Activation, Network};
use backpass::view::Grid;
use backpass_draw::plot::{Axis, Chart, Series, Sheet, surfaces};
use backpass_learn::approximate::{
    ApproximateError, Construction, Domain, Form, Function, Measured, RaceOptions, Racer, construct, decompose,
    evaluate, race,
};
use serde_json::{Value, json};

use crate::exit::{Exit, Failure};
use crate::output::{self, Talk, columns, number, row};
use crate::picture::{PLOT, Picture};
use crate::threads::Threads;

/// The universal approximation theorem at work: write down a network with one hidden layer that is within epsilon of a
/// function, prove and measure its error, and train networks for the same function
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Approximate {
    /// A function; the one or two names it leaves free are its inputs
    #[arg(value_name = "EXPR", allow_hyphen_values = true)]
    function: String,

    /// From where to where an input goes, such as 0,1 or x=-pi,pi; may be given for each input
    #[arg(long, value_name = "[NAME=]LOW,HIGH", default_value = "0,1", allow_hyphen_values = true)]
    domain: Vec<Domain>,

    /// The error that must not be reached anywhere
    #[arg(long, value_name = "SIZE", default_value_t = 0.05)]
    epsilon: f64,

    /// What hidden neurons do; by default sigmoid steps and ReLU pieces are written down, and tanh is trained
    #[arg(long, value_name = "sigmoid|tanh|relu", value_parser = ["sigmoid", "tanh", "relu"], hide_possible_values = true)]
    activation: Option<String>,

    /// The most hidden neurons of a trained network with one hidden layer; 0 trains none
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(0..=1024))]
    neurons: u16,

    /// Where all random numbers come from
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// Print the networks that were written down as formulas
    #[arg(long, conflicts_with = "json")]
    equations: bool,

    /// Print one JSON document
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    threads: Threads,

    /// Draw the function, the networks and their errors to this file: curves, or maps for two inputs: .svg or .png
    #[arg(long, value_name = "FILE", help_heading = "Picture")]
    fit: Option<PathBuf>,

    #[command(flatten)]
    picture: Picture,
}

const EXAMPLES: &str = "\
Examples:
  backpass approximate 'sin(2*pi*x)'
  backpass approximate 'abs(x)' --domain -1,1 --epsilon 0.01 --activation relu --equations
  backpass approximate 'sin(2*pi*x)' -o errors.svg --fit fit.svg
  backpass approximate 'x^2*y' --domain x=-1,1 --domain y=0,2 --epsilon 0.1";

/// Multiples of epsilon for which networks are written down; the last is epsilon itself.
const MULTIPLES: [f64; 4] = [8.0, 4.0, 2.0, 1.0];

/// Width and height of one chart, and of one of three maps side by side.
const CHART: (u32, u32) = (640, 460);
const MAP: (u32, u32) = (400, 330);
/// Points of a curve, and along each side of a map.
const POINTS: usize = 1001;
const GRID: usize = 81;

impl Approximate {
    pub fn run(self, talk: &Talk) -> Result<(), Failure> {
        let fit = Picture { output: self.fit.clone(), ..self.picture.clone() };
        self.picture.check(PLOT)?;
        fit.check(PLOT)?;
        if fit.output.is_some() && fit.output == self.picture.output {
            return Err(Failure::usage(
                "--fit and --output name the same file\nhelp: name two files, or leave one out",
            ));
        }
        let f = Function::parse(&self.function, &self.domain)?;
        let mut unmet = Vec::new();
        let constructions = self.construct(&f, &mut unmet)?;
        let racers = self.race(&f, talk)?;
        if self.picture.output.is_some() {
            draw(&self.picture, &errors(&f, self.epsilon, &constructions, &racers), CHART)?;
        }
        if fit.output.is_some() {
            let networks = best(&f, self.epsilon, &constructions, &racers);
            let threads = self.threads.count();
            match &f.inputs() {
                [x, y] => draw(&fit, &maps(&f, [x, y], &networks, threads)?, MAP)?,
                inputs => draw(&fit, &curves(&f, &inputs[0], self.epsilon, &networks, threads)?, CHART)?,
            }
        }
        if self.json {
            output::json(&self.document(&f, &constructions, &racers, &unmet))?;
        } else {
            output::print(self.report(&f, &constructions, &racers))?;
        }
        if unmet.is_empty() { Ok(()) } else { Err(Failure::new(Exit::Demand, unmet.join("\n"))) }
    }

    fn forms(&self) -> &'static [Form] {
        match self.activation.as_deref() {
            Some("sigmoid") => &[Form::SigmoidSteps],
            Some("tanh") => &[Form::TanhSteps],
            Some("relu") => &[Form::ReluPieces],
            _ => &[Form::SigmoidSteps, Form::ReluPieces],
        }
    }

    /// The networks for growing accuracy; where epsilon itself is not reached, `unmet` says why.
    fn construct(&self, f: &Function, unmet: &mut Vec<String>) -> Result<Vec<Construction>, Failure> {
        let mut constructions: Vec<Construction> = Vec::new();
        for epsilon in MULTIPLES.map(|multiple| multiple * self.epsilon) {
            let is_last = epsilon == self.epsilon;
            let ridges = match decompose(f, epsilon) {
                Err(error @ ApproximateError::Waves { .. }) => {
                    if is_last {
                        unmet.push(format!("epsilon {epsilon} is not reached: {error}"));
                    }
                    continue;
                }
                ridges => ridges?,
            };
            for &form in self.forms() {
                let name = form.name();
                match construct(f, &ridges, form, epsilon, self.threads.count()) {
                    Ok(made) => {
                        if is_last && made.measured.error >= epsilon {
                            let error = number(made.measured.error);
                            unmet.push(format!(
                                "epsilon {epsilon} is not reached by {name}: an error of {error} was found"
                            ));
                        }
                        constructions.push(made);
                    }
                    Err(error @ ApproximateError::TooMany { .. }) if is_last => {
                        unmet.push(format!("epsilon {epsilon} is not reached by {name}: {error}"));
                    }
                    Err(ApproximateError::TooMany { .. }) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(constructions)
    }

    fn race(&self, f: &Function, talk: &Talk) -> Result<Vec<Racer>, Failure> {
        if self.neurons == 0 {
            return Ok(Vec::new());
        }
        let name = self.activation.as_deref().unwrap_or("tanh");
        let activation = Activation::parse(name).map_err(Failure::usage)?;
        let options = RaceOptions {
            neurons: self.neurons.into(),
            seed: self.seed,
            threads: self.threads.count(),
            ..RaceOptions::new(activation)
        };
        let mut start = Instant::now();
        Ok(race(f, &options, &mut |racer| {
            let seconds = start.elapsed().as_secs_f64();
            start = Instant::now();
            let error = number(racer.measured.error);
            talk.say(format!("trained {} in {seconds:.1} s: largest error {error}", layers(f, &racer.hidden)));
        })?)
    }

    fn report(&self, f: &Function, constructions: &[Construction], racers: &[Racer]) -> String {
        let mut text = format!("{f}, epsilon {}\n\nwritten down, one hidden layer:\n", self.epsilon);
        let head = ["neurons", "bound", "largest error", "where it is"];
        let mut rows = vec![row("  epsilon", ["made of"].into_iter().chain(head))];
        rows.extend(constructions.iter().map(|c| {
            let (epsilon, neurons) = (format!("  {}", c.epsilon), c.neurons.to_string());
            let (bound, error) = (number(c.bound), number(c.measured.error));
            row(&epsilon, [c.form.name().to_string(), neurons, bound, error, f.at(&c.measured.at)])
        }));
        text += &columns(&rows, 2);
        for made in constructions.iter().filter(|c| c.epsilon == self.epsilon) {
            text += &format!("\n{}\n", explanation(f, made));
            if self.equations {
                text += &made.formula(f.inputs());
            }
        }
        if racers.is_empty() {
            return text;
        }
        let activation = self.activation.as_deref().unwrap_or("tanh");
        text += &format!("\ntrained, {activation}, the best of several starts:\n");
        let mut rows = vec![row("  network", ["parameters", "largest error", "RMS error"])];
        rows.extend(racers.iter().map(|r| {
            let errors = [number(r.measured.error), number(r.measured.rms)];
            row(&format!("  {}", layers(f, &r.hidden)), std::iter::once(r.parameters.to_string()).chain(errors))
        }));
        text + &columns(&rows, 1)
    }

    fn document(&self, f: &Function, constructions: &[Construction], racers: &[Racer], unmet: &[String]) -> Value {
        let domain: Vec<[f64; 2]> = f.domain().iter().map(|&(low, high)| [low, high]).collect();
        let constructed = constructions.iter().map(|c| {
            json!({
                "form": c.form.name(), "activation": c.form.activation(), "epsilon": c.epsilon, "neurons": c.neurons,
                "ridge_functions": c.ridges, "bound": c.bound, "proven": c.proven,
                "bound_parts": { "ridges": c.ridge_error, "cells": c.cell_error, "tails": c.tail_error },
                "measured": measured(&c.measured),
            })
        });
        let trained = racers
            .iter()
            .map(|r| json!({ "hidden": r.hidden, "parameters": r.parameters, "measured": measured(&r.measured) }));
        json!({
            "schema": "backpass.approximate/1",
            "function": f.text(),
            "inputs": f.inputs(),
            "domain": domain,
            "epsilon": self.epsilon,
            "reached": unmet.is_empty(),
            "constructed": constructed.collect::<Vec<_>>(),
            "trained": trained.collect::<Vec<_>>(),
        })
    }
}

fn draw(picture: &Picture, sheet: &Sheet, chart: (u32, u32)) -> Result<(), Failure> {
    picture.vector(&sheet.svg(sheet.size(chart), picture.theme).map_err(Failure::usage)?)
}

impl From<ApproximateError> for Failure {
    fn from(error: ApproximateError) -> Self {
        Failure::usage(error)
    }
}

fn measured(of: &Measured) -> Value {
    json!({ "error": of.error, "at": of.at, "rms": of.rms, "points": of.points })
}

/// `1-8-8-1`.
fn layers(f: &Function, hidden: &[usize]) -> String {
    let sizes = std::iter::once(f.inputs().len()).chain(hidden.iter().copied()).chain([1]);
    sizes.map(|size| size.to_string()).collect::<Vec<_>>().join("-")
}

/// How many neurons, and where the bound comes from.
fn explanation(f: &Function, made: &Construction) -> String {
    let parts = [
        (made.ridge_error, format!("for {} ridge functions in place of the function", made.ridges)),
        (made.cell_error, "within cells".to_string()),
        (made.tail_error, "for the tails of other steps".to_string()),
    ];
    let parts: Vec<String> =
        parts.iter().filter(|(size, _)| *size > 0.0).map(|(size, of)| format!("{} {of}", number(*size))).collect();
    let how = if made.proven { "proven by interval arithmetic" } else { "estimated: parts of it are sampled" };
    format!(
        "{}: {} neurons\n  bound {} ({how}): {}\n  measured {} at {}, the largest error at {} points",
        made.form.name(),
        made.neurons,
        number(made.bound),
        if parts.is_empty() { "nothing is lost".to_string() } else { parts.join(" + ") },
        number(made.measured.error),
        f.at(&made.measured.at),
        made.measured.points,
    )
}

/// The largest errors against neurons, and against parameters.
fn errors(f: &Function, epsilon: f64, constructions: &[Construction], racers: &[Racer]) -> Sheet {
    type Size = fn(&Network, usize) -> f64;
    let neurons: Size = |_, neurons| neurons as f64;
    let parameters: Size = |network, _| network.parameter_count() as f64;
    let chart = |label: &str, size: Size| {
        let mut chart = Chart::new(format!("Error against {label}"), Axis::log(label), Axis::log("largest error"));
        let mut colour = 0;
        let mut forms: Vec<Form> = constructions.iter().map(|c| c.form).collect();
        forms.dedup();
        forms.sort_by_key(|form| form.name());
        forms.dedup();
        for form in forms {
            let points = |value: fn(&Construction) -> f64| -> Vec<(f64, f64)> {
                let of_form = constructions.iter().filter(|c| c.form == form);
                of_form.map(|c| (size(&c.network, c.neurons), value(c))).collect()
            };
            let name = form.name();
            chart = chart
                .with(Series::dashed(format!("{name}, bound"), points(|c| c.bound)).coloured(colour))
                .with(Series::line(format!("{name}, measured"), points(|c| c.measured.error)).coloured(colour));
            colour += 1;
        }
        for depth in 1..=racers.iter().map(|r| r.hidden.len()).max().unwrap_or(0) {
            let of_depth = racers.iter().filter(|r| r.hidden.len() == depth);
            let points: Vec<(f64, f64)> =
                of_depth.map(|r| (size(&r.network, r.hidden.iter().sum()), r.measured.error)).collect();
            let plural = if depth == 1 { "" } else { "s" };
            chart = chart.with(Series::line(format!("trained, {depth} hidden layer{plural}"), points).coloured(colour));
            colour += 1;
        }
        chart
    };
    Sheet {
        title: f.to_string(),
        subtitle: format!("Networks written down for epsilon down to {epsilon}, and trained ones"),
        columns: 2,
        charts: vec![chart("hidden neurons", neurons), chart("parameters", parameters)],
    }
}

/// The networks written down for epsilon and the best trained one, with their names.
fn best<'a>(
    f: &Function,
    epsilon: f64,
    constructions: &'a [Construction],
    racers: &'a [Racer],
) -> Vec<(String, &'a Network)> {
    let made = constructions.iter().filter(|c| c.epsilon == epsilon);
    let made = made.map(|c| (format!("{}, {} neurons", c.form.name(), c.neurons), &c.network));
    let trained = racers.iter().min_by(|a, b| a.measured.error.total_cmp(&b.measured.error));
    made.chain(trained.map(|racer| (format!("trained {}", layers(f, &racer.hidden)), &racer.network))).collect()
}

/// A function of one input with networks for it, and their errors.
fn curves(
    f: &Function,
    input: &str,
    epsilon: f64,
    networks: &[(String, &Network)],
    threads: usize,
) -> Result<Sheet, Failure> {
    let (low, high) = f.domain()[0];
    let xs: Vec<f64> = (0..POINTS).map(|i| low + (high - low) * (i as f64 / (POINTS - 1) as f64)).collect();
    let along = |ys: Vec<f64>| -> Vec<(f64, f64)> { xs.iter().copied().zip(ys).collect() };
    let values = f.values(&xs);
    let mut fit = Chart::new("Function and networks", Axis::linear(input), Axis::linear("value"))
        .with(Series::ground(f.text(), along(values.clone())).in_ink());
    let mut error = Chart::new("Network less function", Axis::linear(input), Axis::linear("error"));
    for (colour, (name, network)) in networks.iter().enumerate() {
        let outputs = evaluate(network, &xs, threads)?;
        let errors = outputs.iter().zip(&values).map(|(y, t)| y - t).collect();
        fit = fit.with(Series::line(name, along(outputs)).coloured(colour));
        error = error.with(Series::line(name, along(errors)).coloured(colour));
    }
    for (name, level) in [("± epsilon", epsilon), ("", -epsilon)] {
        error = error.with(Series::dashed(name, vec![(low, level), (high, level)]).in_ink());
    }
    Ok(Sheet { title: f.to_string(), subtitle: String::new(), columns: 1, charts: vec![fit, error] })
}

/// Maps of a function of two inputs and of networks for it, and of their errors.
fn maps(f: &Function, inputs: [&str; 2], networks: &[(String, &Network)], threads: usize) -> Result<Sheet, Failure> {
    let empty = Grid::from_fn(f.domain()[0], f.domain()[1], GRID, GRID, |_, _| f64::NAN);
    let places = (0..GRID * GRID).map(|i| empty.point(i % GRID, i / GRID));
    let points: Vec<f64> = places.flat_map(|(x, y)| [x, y]).collect();
    let grid = |values: Vec<f64>| Grid { values, ..empty.clone() };
    let of = |(name, network): &(String, &Network)| -> Result<(String, Grid), Failure> {
        Ok((name.clone(), grid(evaluate(network, &points, threads)?)))
    };
    let networks = networks.iter().map(of).collect::<Result<Vec<_>, _>>()?;
    let charts = surfaces(inputs, f.text(), &grid(f.values(&points)), &networks);
    let subtitle = "Function, network and error; all maps of values share one scale, and so do all maps of errors.";
    Ok(Sheet { title: f.to_string(), subtitle: subtitle.into(), columns: 3, charts })
}
