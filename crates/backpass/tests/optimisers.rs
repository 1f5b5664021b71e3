//! Every update rule against a plain loop over numbers, penalties, clipping and learning rates.

use backpass::loss::{Loss, Squared};
use backpass::nn::{Network, Weights};
use backpass::optim::Optimizer;
use backpass::optim::schedule::Schedule;
use backpass::train::{BatchSize, Dataset, Penalty, TrainOptions, TrainReport, Validation, train};
use backpass::{Array, Builder, Shape};

const X: [[f64; 2]; 4] = [[1.0, 0.5], [-0.5, 2.0], [0.25, -1.0], [-1.5, -0.75]];
const T: [[f64; 2]; 4] = [[1.0, -2.0], [0.5, 0.0], [-1.0, 3.0], [2.0, 0.25]];
const RULES: [&str; 9] = [
    "sgd",
    "momentum",
    "momentum(momentum=0.5)",
    "nesterov",
    "rmsprop",
    "rmsprop(decay=0.7, eps=0.01)",
    "adam",
    "adam(beta1=0.8, beta2=0.95, eps=0.001)",
    "adamw",
];

/// `y = x·W + b` with two inputs and outputs: with the squared loss, a quadratic of six numbers.
fn network() -> Network {
    let builder = Builder::new();
    let x = builder.input("x", Shape::batch(&[2]));
    let w = builder.parameter("W", Shape::fixed(&[2, 2]));
    let b = builder.parameter("b", Shape::fixed(&[2]));
    builder.output("y", x.matmul(w) + b);
    let w = Array::new(&[2, 2], vec![0.5, -1.0, 0.75, 0.25]).unwrap();
    let weights = Weights::from([("W".to_string(), w), ("b".to_string(), Array::vector([0.1, -0.2]))]);
    Network::from_graph(builder.finish().unwrap(), weights)
}

fn data() -> Dataset {
    let flat = |rows: &[[f64; 2]]| rows.concat().into_iter().map(|v| v as f32).collect();
    Dataset::new(2, flat(&X), 2, flat(&T))
}

fn options(optimizer: &str, epochs: usize) -> TrainOptions {
    TrainOptions {
        loss: Loss::Squared(Squared),
        optimizer: Optimizer::parse(optimizer).unwrap(),
        learning_rate: Some(0.05),
        batch_size: BatchSize::Full,
        double_precision: true,
        epochs,
        ..TrainOptions::default()
    }
}

/// W and b, one after the other, after training.
fn trained(options: &TrainOptions) -> (Vec<f64>, TrainReport) {
    let mut network = network();
    let report = train(&mut network, &data(), &Validation::default(), options, &mut |_| {}).unwrap();
    ([network.weights["W"].data(), network.weights["b"].data()].concat(), report)
}

fn start() -> Vec<f64> {
    vec![0.5, -1.0, 0.75, 0.25, 0.1, -0.2]
}

/// The mean squared error of `[W, b]` and its gradient.
fn loss(p: &[f64]) -> (f64, Vec<f64>) {
    let (mut value, mut gradient) = (0.0, vec![0.0; 6]);
    for (x, t) in X.iter().zip(&T) {
        for k in 0..2 {
            let r = x[0] * p[k] + x[1] * p[2 + k] + p[4 + k] - t[k];
            value += r * r / 8.0;
            for (at, slope) in [(k, x[0]), (2 + k, x[1]), (4 + k, 1.0)] {
                gradient[at] += 2.0 * r * slope / 8.0;
            }
        }
    }
    (value, gradient)
}

/// One parameter's rule, number by number: the new value from the value `p`, the gradient `g`, two kept numbers and the
/// step `t` from 1.
fn rule(optimizer: &Optimizer, p: f64, g: f64, m: &mut f64, v: &mut f64, t: i32, rate: f64) -> f64 {
    let adam = |beta1: f64, beta2: f64, eps: f64, m: &mut f64, v: &mut f64| {
        *m = beta1 * *m + (1.0 - beta1) * g;
        *v = beta2 * *v + (1.0 - beta2) * g * g;
        let (mean, square) = (*m / (1.0 - beta1.powi(t)), *v / (1.0 - beta2.powi(t)));
        p - rate * mean / (square.sqrt() + eps)
    };
    match optimizer {
        Optimizer::Sgd(_) | Optimizer::Lbfgs(_) | Optimizer::LevenbergMarquardt(_) => p - rate * g,
        Optimizer::Momentum(o) => {
            *m = o.momentum * *m + g;
            p - rate * *m
        }
        Optimizer::Nesterov(o) => {
            *m = o.momentum * *m + g;
            p - rate * (g + o.momentum * *m)
        }
        Optimizer::RmsProp(o) => {
            *v = o.decay * *v + (1.0 - o.decay) * g * g;
            p - rate * g / (v.sqrt() + o.eps)
        }
        Optimizer::Adam(o) => adam(o.beta1, o.beta2, o.eps, m, v),
        Optimizer::AdamW(o) => adam(o.beta1, o.beta2, o.eps, m, v),
    }
}

/// Trains by hand; the first four numbers are a matrix and take penalties and decay, the last two are biases.
fn by_hand(options: &TrainOptions, decay: f64, clip: impl Fn(Vec<f64>) -> Vec<f64>) -> Vec<f64> {
    let (mut p, mut m, mut v) = (start(), [0.0; 6], [0.0; 6]);
    let Penalty { l1, l2, .. } = options.penalty;
    let rate = options.learning_rate.unwrap();
    for t in 1..=options.epochs as i32 {
        let (_, mut gradient) = loss(&p);
        for i in 0..4 {
            gradient[i] += l1 * p[i].signum() + l2 * p[i];
        }
        let gradient = clip(gradient);
        for i in 0..6 {
            let decayed = if i < 4 { rate * decay * p[i] } else { 0.0 };
            p[i] = rule(&options.optimizer, p[i], gradient[i], &mut m[i], &mut v[i], t, rate) - decayed;
        }
    }
    p
}

fn close(found: &[f64], expected: &[f64], what: &str) {
    assert_eq!(found.len(), expected.len());
    for (i, (f, e)) in found.iter().zip(expected).enumerate() {
        assert!((f - e).abs() < 1e-12 * (1.0 + e.abs()), "{what}: number {i} is {f}, expected {e}");
    }
}

#[test]
fn every_rule_does_what_its_formula_says() {
    for text in RULES {
        for epochs in [1, 2, 20] {
            let options = options(text, epochs);
            let decay = if text == "adamw" { 0.01 } else { 0.0 };
            close(&trained(&options).0, &by_hand(&options, decay, |g| g), &format!("{text}, {epochs} step(s)"));
        }
    }
}

#[test]
fn penalties_are_part_of_gradient_and_report() {
    for text in RULES {
        let mut options = options(text, 20);
        options.penalty = Penalty { l1: 0.03, l2: 0.2, decay: Some(0.0) };
        close(&trained(&options).0, &by_hand(&options, 0.0, |g| g), text);
    }
    let mut options = options("sgd", 1);
    options.penalty = Penalty { l1: 0.03, l2: 0.2, decay: None };
    let report = trained(&options).1;
    let penalty: f64 = start()[..4].iter().map(|w| 0.03 * w.abs() + 0.1 * w * w).sum();
    close(&[report.history[0].penalty], &[penalty], "penalty");
    close(&[report.history[0].train_loss], &[loss(&start()).0], "loss");
    // Without validation rows, what is watched is what is minimised.
    assert_eq!(report.watched.0, "training loss");
    close(&[report.watched.1], &[loss(&start()).0 + penalty], "watched");
    options.penalty = Penalty::default();
    assert_eq!(trained(&options).1.history[0].penalty, 0.0);
}

#[test]
fn decay_is_decoupled_and_spares_biases() {
    for text in RULES {
        let mut options = options(text, 20);
        options.penalty.decay = Some(0.3);
        close(&trained(&options).0, &by_hand(&options, 0.3, |g| g), text);
    }
    // Steps with and without it differ by it alone, so it does not enter Adam's means.
    let mut options = options("adamw", 1);
    options.penalty.decay = Some(0.0);
    let without = trained(&options).0;
    options.penalty.decay = Some(0.5);
    let with = trained(&options).0;
    let difference: Vec<f64> = without.iter().zip(&with).map(|(a, b)| a - b).collect();
    let mut expected: Vec<f64> = start().iter().map(|w| 0.05 * 0.5 * w).collect();
    expected[4..].fill(0.0);
    close(&difference, &expected, "decay");
}

#[test]
fn clipping_is_exact() {
    let norm = |g: &[f64]| g.iter().map(|v| v * v).sum::<f64>().sqrt();
    let (_, gradient) = loss(&start());
    let (size, largest) = (norm(&gradient), gradient.iter().fold(0f64, |m, g| m.max(g.abs())));
    assert!(size > 1.0 && largest > 1.0);
    for limit in [0.1, 0.5 * size, 2.0 * size] {
        let mut options = options("sgd", 20);
        options.clip_norm = Some(limit);
        let clip = |g: Vec<f64>| {
            let scale = (limit / norm(&g)).min(1.0);
            g.iter().map(|v| v * scale).collect()
        };
        close(&trained(&options).0, &by_hand(&options, 0.0, clip), &format!("norm {limit}"));
        options.epochs = 1;
        let moved: Vec<f64> = trained(&options).0.iter().zip(start()).map(|(p, s)| (p - s) / 0.05).collect();
        close(&[norm(&moved)], &[limit.min(size)], "length of the step");
    }
    for limit in [0.1, 0.5 * largest, 2.0 * largest] {
        let mut options = options("momentum", 20);
        options.clip_value = Some(limit);
        let clip = |g: Vec<f64>| g.iter().map(|v| v.clamp(-limit, limit)).collect();
        close(&trained(&options).0, &by_hand(&options, 0.0, clip), &format!("value {limit}"));
    }
    // Both: elements first, then the norm.
    let mut options = options("sgd", 20);
    (options.clip_value, options.clip_norm) = (Some(0.4), Some(0.6));
    let clip = |g: Vec<f64>| {
        let g: Vec<f64> = g.iter().map(|v| v.clamp(-0.4, 0.4)).collect();
        let scale = (0.6 / norm(&g)).min(1.0);
        g.iter().map(|v| v * scale).collect()
    };
    close(&trained(&options).0, &by_hand(&options, 0.0, clip), "both");
}

#[test]
fn clipping_a_zero_gradient_keeps_it_zero() {
    let mut network = network();
    let expected = network.weights.clone();
    let rows = Dataset::new(2, vec![0.0, 0.0], 2, vec![0.1, -0.2]);
    let mut options = options("sgd", 3);
    (options.clip_norm, options.clip_value) = (Some(1.0), Some(1.0));
    network.weights.insert("b".to_string(), Array::vector([f64::from(0.1f32), f64::from(-0.2f32)]));
    train(&mut network, &rows, &Validation::default(), &options, &mut |_| {}).unwrap();
    assert_eq!(network.weights["W"], expected["W"]);
}

/// The learning rate at the end of each epoch, with one step per epoch unless `batch` is smaller.
fn rates(schedule: &str, warm_up: f64, epochs: usize, batch: usize) -> Vec<f64> {
    let mut options = options("sgd", epochs);
    (options.schedule, options.warm_up) = (Schedule::parse(schedule).unwrap(), warm_up);
    (options.batch_size, options.learning_rate) = (BatchSize::Rows(batch), Some(1e-3));
    trained(&options).1.history.iter().map(|e| e.learning_rate * 1e3).collect()
}

#[test]
fn learning_rates_follow_the_schedule() {
    close(&rates("constant", 0.0, 3, 4), &[1.0, 1.0, 1.0], "constant");
    close(&rates("step(every=2, factor=0.1)", 0.0, 5, 4), &[1.0, 1.0, 0.1, 0.1, 0.01], "step");
    let cosine = |t: f64| 0.1 + 0.9 * (1.0 + (std::f64::consts::PI * t).cos()) / 2.0;
    let expected: Vec<f64> = (0..5).map(|e| cosine(f64::from(e) / 5.0)).collect();
    close(&rates("cosine(floor=0.1)", 0.0, 5, 4), &expected, "cosine");
    // Two steps per epoch: the second is half an epoch later.
    let expected: Vec<f64> = (0..5).map(|e| cosine((f64::from(e) + 0.5) / 5.0)).collect();
    close(&rates("cosine(floor=0.1)", 0.0, 5, 2), &expected, "cosine in half epochs");
    let one_cycle = rates("one_cycle(rise=0.5)", 0.0, 10, 4);
    close(&[one_cycle[0], one_cycle[5]], &[1.0 / 25.0, 1.0], "one_cycle");
    assert!(one_cycle[..6].is_sorted() && one_cycle[5..].iter().rev().is_sorted() && one_cycle[9] < 0.1);
}

#[test]
fn warm_up_rises_to_the_schedule() {
    close(&rates("constant", 4.0, 6, 4), &[0.25, 0.5, 0.75, 1.0, 1.0, 1.0], "one step per epoch");
    close(&rates("constant", 2.0, 3, 2), &[0.5, 1.0, 1.0], "two steps per epoch");
    // The schedule starts where the warm-up ends.
    let step = rates("step(every=2, factor=0.1)", 3.0, 8, 4);
    close(&step, &[1.0 / 3.0, 2.0 / 3.0, 1.0, 1.0, 1.0, 0.1, 0.1, 0.01], "step");
    let cosine = rates("cosine", 2.0, 4, 4);
    close(&cosine, &[0.5, 1.0, 1.0, 0.5], "cosine");
    // Neither a fraction of an epoch nor a warm-up longer than training goes over the top.
    close(&rates("constant", 1.2, 3, 4), &[1.0 / 1.2, 1.0, 1.0], "fraction");
    close(&rates("constant", 0.3, 2, 1), &[1.0, 1.0], "fraction");
    close(&rates("constant", 8.0, 2, 4), &[0.125, 0.25], "longer than training");
}

#[test]
fn a_plateau_lowers_the_learning_rate() {
    // An error of zero cannot improve: the first epoch counts as an improvement, the next two are waited for.
    let mut network = network();
    let mut options = options("sgd", 7);
    options.schedule = Schedule::parse("plateau(patience=2, factor=0.5)").unwrap();
    options.learning_rate = Some(1.0);
    let rows = Dataset::new(2, vec![0.0, 0.0], 2, vec![0.0, 0.0]);
    network.weights.insert("b".to_string(), Array::vector([0.0, 0.0]));
    let report = train(&mut network, &rows, &Validation::default(), &options, &mut |_| {}).unwrap();
    let rates: Vec<f64> = report.history.iter().map(|e| e.learning_rate).collect();
    assert_eq!(rates, [1.0, 1.0, 1.0, 0.5, 0.5, 0.25, 0.25]);
}

#[test]
fn default_learning_rates_are_the_usual_ones() {
    for (text, rate) in [("sgd", 0.1), ("momentum", 0.01), ("nesterov", 0.01), ("rmsprop", 1e-3), ("adam", 1e-3)] {
        let mut options = options(text, 1);
        options.learning_rate = None;
        assert_eq!(trained(&options).1.history[0].learning_rate, rate, "{text}");
    }
}

#[test]
fn optimisers_read_back_what_they_print() {
    for choice in Optimizer::all() {
        let optimizer = Optimizer::parse(choice.name).unwrap();
        assert_eq!(Optimizer::parse(&optimizer.to_string()), Ok(optimizer.clone()));
        assert!(optimizer.check().is_ok());
    }
    assert_eq!(Optimizer::parse("adam").unwrap().to_string(), "adam(beta1=0.9, beta2=0.999, eps=0.00000001)");
}

#[test]
fn parameters_out_of_range_are_refused() {
    let optimizer = |text: &str| Optimizer::parse(text).unwrap().check().unwrap_err().to_string();
    let share = "must be at least 0 and less than 1";
    assert_eq!(optimizer("momentum(momentum=1)"), format!("optimiser `momentum`: momentum=1 {share}"));
    assert_eq!(optimizer("nesterov(momentum=-1)"), format!("optimiser `nesterov`: momentum=-1 {share}"));
    assert_eq!(optimizer("rmsprop(decay=1.5)"), format!("optimiser `rmsprop`: decay=1.5 {share}"));
    assert_eq!(optimizer("adam(beta1=1)"), format!("optimiser `adam`: beta1=1 {share}"));
    assert_eq!(optimizer("adamw(beta2=1)"), format!("optimiser `adamw`: beta2=1 {share}"));
    assert_eq!(optimizer("adam(eps=0)"), "optimiser `adam`: eps=0 must be greater than 0");
    assert_eq!(optimizer("lbfgs(memory=0)"), "optimiser `lbfgs`: memory=0 must be a whole number of at least 1");
    let schedule = |text: &str| Schedule::parse(text).unwrap().check().unwrap_err().to_string();
    assert_eq!(schedule("step(every=0)"), "schedule `step`: every=0 must be a whole number of at least 1");
    assert_eq!(schedule("step(factor=0)"), "schedule `step`: factor=0 must be greater than 0 and at most 1");
    assert_eq!(schedule("cosine(floor=2)"), "schedule `cosine`: floor=2 must be from 0 to 1");
    assert_eq!(schedule("one_cycle(rise=-1)"), "schedule `one_cycle`: rise=-1 must be from 0 to 1");
    assert_eq!(schedule("plateau(patience=0)"), "schedule `plateau`: patience=0 must be a whole number of at least 1");
    assert_eq!(schedule("plateau(factor=3)"), "schedule `plateau`: factor=3 must be greater than 0 and at most 1");
    assert!(Schedule::ALL.iter().all(|c| Schedule::parse(c.name).unwrap().check().is_ok()));
}
