//! Networks that are written down, and trained, for given functions.

use backpass::Array;
use backpass::interpret::interpret;
use backpass::nn::{Activation, Network};
use backpass_learn::approximate::{
    ApproximateError, Construction, Domain, Form, Function, RaceOptions, construct, decompose, evaluate, race,
};

const FORMS: [Form; 3] = [Form::SigmoidSteps, Form::TanhSteps, Form::ReluPieces];

fn function(text: &str, domains: &[&str]) -> Result<Function, ApproximateError> {
    let domains: Vec<Domain> = domains.iter().map(|d| d.parse().unwrap()).collect();
    Function::parse(text, &domains)
}

fn made(f: &Function, form: Form, epsilon: f64) -> Result<Construction, ApproximateError> {
    construct(f, &decompose(f, epsilon)?, form, epsilon, 1)
}

#[track_caller]
fn message(text: &str, domains: &[&str], epsilon: f64) -> String {
    match function(text, domains).and_then(|f| made(&f, Form::ReluPieces, epsilon)) {
        Ok(_) => panic!("{text} was approximated"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn errors_stay_below_bounds_and_bounds_below_epsilon() {
    let one = ["sin(2*pi*x)", "abs(x - 0.3)", "sqrt(x)", "exp(x)", "x^3 - 2*x + 1", "max(x, 0.5)", "x", "0*x + 2"];
    let two = ["x*y", "sin(x + 2*y)", "abs(x - y)"];
    for (texts, epsilons) in [(&one[..], &[0.3, 0.02][..]), (&two[..], &[0.5, 0.1])] {
        for text in texts {
            let f = function(text, &[]).unwrap();
            for form in FORMS {
                let sizes: Vec<usize> = epsilons
                    .iter()
                    .map(|&epsilon| {
                        let c = made(&f, form, epsilon).unwrap();
                        let name = form.name();
                        assert!(c.proven && c.bound < epsilon, "{text}, {name}: bound {}", c.bound);
                        let slack = c.bound + 1e-9;
                        assert!(c.measured.error <= slack, "{text}, {name}: {} > {}", c.measured.error, c.bound);
                        assert_eq!(c.network.weights["hidden1.b"].len(), c.neurons);
                        c.neurons
                    })
                    .collect();
                assert!(sizes.is_sorted(), "{text}: {sizes:?}");
            }
        }
    }
}

#[test]
fn a_ridge_between_the_points_of_the_grid_is_not_overlooked() {
    // The grid has 97 points a side, the finer one 388; elu has no interval rule, so nothing is proven.
    let text = "elu(x + y + 2*exp(-((x - 195/387)*1000)^2/2))";
    let error = message(text, &[], 0.5);
    assert!(error.starts_with("the nearest sum of waves is still"), "{error}");
}

#[test]
fn more_accuracy_needs_more_neurons() {
    let f = function("sin(2*pi*x)", &[]).unwrap();
    let neurons = |form, epsilon| made(&f, form, epsilon).unwrap().neurons as f64;
    // Steps need 1/epsilon of them, pieces the root of that.
    let steps = neurons(Form::SigmoidSteps, 0.01) / neurons(Form::SigmoidSteps, 0.1);
    let pieces = neurons(Form::ReluPieces, 0.001) / neurons(Form::ReluPieces, 0.1);
    assert!((5.0..20.0).contains(&steps) && (5.0..20.0).contains(&pieces), "{steps} {pieces}");
}

/// `b + Σ v·g(w·x + b)`, written out.
fn formula(c: &Construction, point: &[f64]) -> f64 {
    let weights = |name: &str| c.network.weights[name].data();
    let (w, b, v) = (weights("hidden1.W"), weights("hidden1.b"), weights("output.W"));
    let g = |z: f64| match c.form {
        Form::SigmoidSteps => 1.0 / (1.0 + (-z).exp()),
        Form::TanhSteps => z.tanh(),
        Form::ReluPieces => z.max(0.0),
    };
    let sum = |i: usize| (0..point.len()).map(|k| w[k * c.neurons + i] * point[k]).sum::<f64>() + b[i];
    weights("output.b")[0] + (0..c.neurons).map(|i| v[i] * g(sum(i))).sum::<f64>()
}

fn interpreted(network: &Network, points: &[f64]) -> Vec<f64> {
    let width = network.inputs();
    let x = Array::new(&[points.len() / width, width], points.to_vec()).unwrap();
    let mut values: Vec<(&str, &Array)> = network.weights.iter().map(|(n, v)| (n.as_str(), v)).collect();
    values.push(("x", &x));
    interpret(&network.graph, &values).unwrap().value(network.graph.output("y").unwrap()).data().to_vec()
}

#[test]
fn network_interpreter_plan_and_formula_agree() {
    for (text, points) in [("sin(5*x)", vec![0.0, 0.11, 0.5, 0.73, 1.0]), ("x*y", vec![0.0, 0.0, 0.2, 0.9, 1.0, 0.4])] {
        let f = function(text, &[]).unwrap();
        for form in FORMS {
            let c = made(&f, form, 0.1).unwrap();
            let (slow, fast) = (interpreted(&c.network, &points), evaluate(&c.network, &points, 1).unwrap());
            let written = points.chunks(f.inputs().len()).map(|p| formula(&c, p));
            for ((a, b), c) in slow.into_iter().zip(fast).zip(written) {
                assert!((a - b).abs() < 1e-9 && (a - c).abs() < 1e-9, "{text}, {}: {a} {b} {c}", form.name());
            }
        }
    }
}

#[test]
fn the_printed_formula_is_the_network() {
    let f = function("cos(3*t)", &["-1,1"]).unwrap();
    let c = made(&f, Form::ReluPieces, 0.05).unwrap();
    let printed = function(c.formula(f.inputs()).trim_start_matches("y = "), &["-1,1"]).unwrap();
    let points: Vec<f64> = (0..=50).map(|i| f64::from(i) / 25.0 - 1.0).collect();
    for (a, b) in printed.values(&points).iter().zip(evaluate(&c.network, &points, 1).unwrap()) {
        assert!((a - b).abs() < 1e-3, "{a} {b}");
    }
}

#[test]
fn domains() {
    let sides = |text, domains: &[&str]| function(text, domains).unwrap().domain().to_vec();
    assert_eq!(sides("x*y", &[]), [(0.0, 1.0), (0.0, 1.0)]);
    assert_eq!(sides("x*y", &["-1,1"]), [(-1.0, 1.0), (-1.0, 1.0)]);
    assert_eq!(sides("x*y", &["y=2,3"]), [(0.0, 1.0), (2.0, 3.0)]);
    assert_eq!(sides("x*y", &["0,1", "2,3"]), [(0.0, 1.0), (2.0, 3.0)]);
    assert_eq!(sides("sin(t)", &["t=-pi,pi"]), [(-std::f64::consts::PI, std::f64::consts::PI)]);
    for (domains, part) in [
        (&["z=0,1"][..], "no input `z`; there is x, y"),
        (&["x=0,1", "x=0,2"], "two domains are given for `x`"),
        (&["1,0"], "empty or unbounded"),
        (&["0,1", "0,1", "0,1"], "3 domains without a name are given for 2"),
    ] {
        let error = function("x*y", domains).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    assert!("0;1".parse::<Domain>().is_err() && "x=a,1".parse::<Domain>().is_err());
}

#[test]
fn what_cannot_be_approximated_is_refused_with_its_place() {
    for (text, domains, epsilon, part) in [
        ("3", &[][..], 0.1, "no inputs"),
        ("x*y*z", &[], 0.1, "3 inputs: x, y, z"),
        ("sin(x", &[], 0.1, "line 1"),
        ("x", &[], 0.0, "epsilon is 0"),
        ("x", &[], f64::NAN, "epsilon is NaN"),
        ("1/x", &[], 0.1, "is inf at x = 0"),
        ("log(x - 0.5)", &[], 0.1, "is NaN at x = 0"),
        ("step(x - 0.3)", &[], 0.1, "not continuous near x = 0.3,"),
        ("1/(x - 0.12345)", &[], 0.1, "not continuous near x = 0.1234"),
        ("select(x < 0.5, 0, x)", &[], 0.1, "not continuous near x = 0.5,"),
        ("select(x < y, 1, 0)", &[], 0.1, "not continuous near x = "),
        ("sin(1000*x*y)", &[], 0.1, "sum of waves"),
        ("sin(100000*x)", &[], 0.01, "more than 20000 neurons"),
    ] {
        let error = message(text, domains, epsilon);
        assert!(error.contains(part), "{text}: {error}");
    }
}

#[test]
fn operators_without_an_interval_rule_are_sampled_and_it_is_said() {
    let f = function("atan2(x, 2)", &[]).unwrap();
    let c = made(&f, Form::SigmoidSteps, 0.05).unwrap();
    assert!(!c.proven && c.measured.error < 0.05, "{c:?}");
}

#[test]
fn wider_trained_networks_come_closer_and_a_seed_decides_all() {
    let f = function("sin(2*pi*x)", &[]).unwrap();
    let options = RaceOptions { neurons: 8, iterations: 200, ..RaceOptions::new(Activation::parse("tanh").unwrap()) };
    let racers = race(&f, &options, &mut |_| {}).unwrap();
    let wide: Vec<f64> = racers.iter().filter(|r| r.hidden.len() == 1).map(|r| r.measured.error).collect();
    assert_eq!(wide.len(), 4);
    assert!(wide[1] < 0.5 * wide[0] && wide[2] < 0.5 * wide[1] && wide[3] < 0.01, "{wide:?}");
    for deep in racers.iter().filter(|r| r.hidden.len() > 1) {
        let nearest =
            racers.iter().filter(|r| r.hidden.len() == 1).map(|r| r.parameters.abs_diff(deep.parameters)).min();
        assert!(nearest.unwrap() <= deep.parameters / 2, "{:?}", deep.hidden);
    }
    let again = race(&f, &RaceOptions { threads: 2, ..options }, &mut |_| {}).unwrap();
    for (a, b) in racers.iter().zip(&again) {
        assert_eq!((&a.hidden, &a.measured, &a.network.weights), (&b.hidden, &b.measured, &b.network.weights));
    }
}
