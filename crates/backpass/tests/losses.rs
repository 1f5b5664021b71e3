//! Every loss against its textbook formula, its gradient, and the plan against the interpreter.

use std::f64::consts::LN_2;
use std::sync::Arc;

use backpass::compile::{CompileOptions, SlotKind, compile};
use backpass::gradcheck::check_gradient;
use backpass::interpret::interpret;
use backpass::loss::{BinaryCrossEntropy, Loss, SoftmaxCrossEntropy};
use backpass::{Array, Builder, Graph, Session, Shape};
use backpass_kernels::{Pool, Real};

/// Outputs away from kinks, and from the targets below.
const OUTPUTS: [[f64; 3]; 4] = [[0.3, -1.2, 2.5], [1.7, 0.6, -0.4], [-2.1, 0.9, 0.05], [3.2, -0.7, 1.1]];
const NUMBERS: [[f64; 3]; 4] = [[0.1, 0.4, 2.0], [-1.0, 0.5, -0.8], [-2.0, 3.0, 0.0], [0.0, -0.9, 1.0]];
const SHARES: [[f64; 3]; 4] = [[1.0, 0.0, 0.25], [0.0, 1.0, 1.0], [0.5, 0.0, 0.0], [1.0, 1.0, 0.75]];
const COUNTS: [[f64; 3]; 4] = [[0.0, 2.0, 7.0], [3.0, 1.0, 0.0], [0.0, 1.0, 4.0], [12.0, 0.0, 1.0]];
const CLASSES: [f64; 4] = [2.0, 0.0, 1.0, 1.0];

const ALL: [&str; 13] = [
    "squared",
    "absolute",
    "huber",
    "huber(delta=0.25)",
    "poisson",
    "quantile",
    "quantile(level=0.9)",
    "interval",
    "interval(share=0.5)",
    "binary_cross_entropy",
    "binary_cross_entropy(smoothing=0.2)",
    "softmax_cross_entropy",
    "softmax_cross_entropy(smoothing=0.1)",
];

fn parse(text: &str) -> Loss {
    Loss::parse(text).unwrap()
}

/// The outputs `rows` [batch] and `loss` [] of a loss on the inputs `o` and `t`.
fn graph(loss: &Loss, outputs: usize) -> Graph {
    let builder = Builder::new();
    let o = builder.input("o", Shape::batch(&[outputs]));
    let t = builder.input("t", Shape::batch(&[loss.target_width(outputs)]));
    let rows = loss.rows(o, t);
    builder.output("rows", rows);
    builder.output("loss", rows.mean(0));
    builder.finish().unwrap()
}

fn matrix(rows: &[[f64; 3]]) -> Array {
    Array::new(&[rows.len(), 3], rows.concat()).unwrap()
}

fn targets(loss: &Loss) -> Array {
    match loss {
        Loss::SoftmaxCrossEntropy(_) => Array::new(&[4, 1], CLASSES.to_vec()).unwrap(),
        Loss::BinaryCrossEntropy(_) => matrix(&SHARES),
        Loss::Poisson(_) => matrix(&COUNTS),
        Loss::Interval(_) => Array::new(&[4, 1], NUMBERS.map(|row| row[0]).to_vec()).unwrap(),
        _ => matrix(&NUMBERS),
    }
}

fn values(loss: &Loss, o: &Array, t: &Array) -> Vec<f64> {
    let graph = graph(loss, o.shape()[1]);
    let trace = interpret(&graph, &[("o", o), ("t", t)]).unwrap();
    trace.value(graph.output("rows").unwrap()).data().to_vec()
}

fn pinball(level: f64, o: f64, t: f64) -> f64 {
    if t >= o { level * (t - o) } else { (1.0 - level) * (o - t) }
}

/// The mean over the outputs of `each(o, t)`, for every row.
fn by_hand(t: &[[f64; 3]], each: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    let row = |(o, t): (&[f64; 3], &[f64; 3])| (0..3).map(|k| each(o[k], t[k])).sum::<f64>() / 3.0;
    OUTPUTS.iter().zip(t).map(row).collect()
}

fn softmax(o: &[f64]) -> Vec<f64> {
    let sum: f64 = o.iter().map(|v| v.exp()).sum();
    o.iter().map(|v| v.exp() / sum).collect()
}

fn expect(text: &str, expected: &[f64]) {
    let loss = parse(text);
    let found = values(&loss, &matrix(&OUTPUTS), &targets(&loss));
    for (row, (e, f)) in expected.iter().zip(&found).enumerate() {
        assert!((e - f).abs() < 1e-12 * (1.0 + e.abs()), "{text}, row {row}: expected {e}, found {f}");
    }
    assert_eq!(expected.len(), found.len());
}

#[test]
fn regression_losses_follow_their_formulas() {
    expect("squared", &by_hand(&NUMBERS, |o, t| (o - t).powi(2)));
    expect("absolute", &by_hand(&NUMBERS, |o, t| (o - t).abs()));
    for delta in [1.0, 0.25] {
        let huber = |o: f64, t: f64| {
            let r = (o - t).abs();
            if r <= delta { r * r / 2.0 } else { delta * (r - delta / 2.0) }
        };
        expect(&format!("huber(delta={delta})"), &by_hand(&NUMBERS, huber));
    }
    for level in [0.5, 0.9] {
        expect(&format!("quantile(level={level})"), &by_hand(&NUMBERS, |o, t| pinball(level, o, t)));
    }
    let levels = [0.25, 0.5, 0.75];
    let of_row = |(o, t): (&[f64; 3], &[f64; 3])| (0..3).map(|k| pinball(levels[k], o[k], t[0])).sum::<f64>() / 3.0;
    expect("interval(share=0.5)", &OUTPUTS.iter().zip(&NUMBERS).map(of_row).collect::<Vec<f64>>());
    expect("poisson", &by_hand(&COUNTS, |o, t| o.exp() - t * o));
    assert_eq!(parse("huber"), parse("huber(delta=1)"));
    assert_eq!(parse("quantile"), parse("quantile(level=0.5)"));
}

/// Lower bounds of both targets, medians of both, upper bounds of both.
#[test]
fn an_interval_has_three_outputs_for_each_target() {
    let loss = parse("interval(share=0.8)");
    assert_eq!((loss.target_width(6), parse("squared").target_width(6)), (2, 6));
    let o = Array::new(&[1, 6], vec![0.3, -1.2, 2.5, 1.7, 0.6, -0.4]).unwrap();
    let t = Array::new(&[1, 2], vec![0.9, -1.0]).unwrap();
    let of = |target: usize| {
        let levels = [0.1, 0.5, 0.9].into_iter().enumerate();
        levels.map(|(k, level)| pinball(level, o.data()[2 * k + target], t.data()[target])).sum::<f64>()
    };
    let found = values(&loss, &o, &t)[0];
    assert!((found - (of(0) + of(1)) / 6.0).abs() < 1e-12, "{found}");
}

#[test]
fn cross_entropies_follow_their_formulas() {
    for s in [0.0, 0.2] {
        let binary = |o: f64, t: f64| {
            let (p, t) = (1.0 / (1.0 + (-o).exp()), t * (1.0 - s) + s / 2.0);
            -t * p.ln() - (1.0 - t) * (1.0 - p).ln()
        };
        expect(&format!("binary_cross_entropy(smoothing={s})"), &by_hand(&SHARES, binary));
        let row = |(o, class): (&[f64; 3], &f64)| {
            let p = softmax(o);
            (0..3).map(|k| -(s / 3.0 + if k as f64 == *class { 1.0 - s } else { 0.0 }) * p[k].ln()).sum()
        };
        let expected: Vec<f64> = OUTPUTS.iter().zip(&CLASSES).map(row).collect();
        expect(&format!("softmax_cross_entropy(smoothing={s})"), &expected);
    }
}

#[test]
fn minima_are_where_statistics_says() {
    // The best constant: mean, median, quantile, logarithm of the mean, log-odds of the mean.
    let t = [0.0, 1.0, 1.0, 3.0, 10.0];
    let at = |text: &str, o: f64, t: &[f64]| -> f64 {
        let column = |values: Vec<f64>| Array::new(&[t.len(), 1], values).unwrap();
        values(&parse(text), &column(vec![o; t.len()]), &column(t.to_vec())).iter().sum()
    };
    let least = |text: &str, t: &[f64]| {
        let better = |a: &i32, b: &i32| at(text, f64::from(*a) * 0.01, t).total_cmp(&at(text, f64::from(*b) * 0.01, t));
        f64::from((-500..1500).min_by(better).unwrap()) * 0.01
    };
    let near = |found: f64, expected: f64| assert!((found - expected).abs() < 0.0051, "{found}, not {expected}");
    near(least("squared", &t), 3.0);
    near(least("absolute", &t), 1.0);
    near(least("quantile(level=0.7)", &t), 3.0);
    near(least("poisson", &t), 3f64.ln());
    near(least("binary_cross_entropy", &[0.0, 1.0, 1.0, 1.0]), 3f64.ln());
}

#[test]
fn every_gradient_agrees_with_differences() {
    for text in ALL {
        let loss = parse(text);
        let graph = graph(&loss, 3);
        let variables = [graph.named("o").unwrap()];
        let (o, t) = (matrix(&OUTPUTS), targets(&loss));
        let report =
            check_gradient(&graph, graph.output("loss").unwrap(), &variables, &[("o", &o), ("t", &t)]).unwrap();
        assert!(report.passed(), "{text}\n{report}");
    }
}

fn run<T: Real>(graph: &Graph, o: &Array, t: &Array) -> Array {
    let plan = compile(graph, &CompileOptions::rows(o.shape()[0])).unwrap();
    let mut session = Session::<T>::new(Arc::new(plan), Arc::new(Pool::new(2))).unwrap().poison();
    session.set(SlotKind::Input, "o", o).unwrap();
    session.set(SlotKind::Input, "t", t).unwrap();
    session.run(o.shape()[0]);
    session.get(SlotKind::Output, "rows", o.shape()[0]).unwrap()
}

#[test]
fn plans_give_what_the_interpreter_gives() {
    for text in ALL {
        let loss = parse(text);
        let (o, t) = (matrix(&OUTPUTS), targets(&loss));
        let expected = values(&loss, &o, &t);
        for (found, tolerance) in
            [(run::<f64>(&graph(&loss, 3), &o, &t), 1e-13), (run::<f32>(&graph(&loss, 3), &o, &t), 1e-5)]
        {
            assert_eq!(found.shape(), [4], "{text}");
            for (e, f) in expected.iter().zip(found.data()) {
                assert!((e - f).abs() < tolerance * (1.0 + e.abs()), "{text}: expected {e}, found {f}");
            }
        }
    }
}

#[test]
fn extreme_logits_stay_finite_with_the_right_value() {
    for logit in [1e3, 1e4] {
        let o = matrix(&[[logit, 0.0, -logit], [logit, 0.0, -logit]]);
        let yes = Array::new(&[2, 3], [[1.0, 0.5, 0.0], [0.0, 0.5, 1.0]].concat()).unwrap();
        let binary = (parse("binary_cross_entropy"), yes, [LN_2 / 3.0, (2.0 * logit + LN_2) / 3.0]);
        let class = Array::new(&[2, 1], vec![0.0, 2.0]).unwrap();
        let softmax = (parse("softmax_cross_entropy"), class, [0.0, 2.0 * logit]);
        for (loss, t, expected) in [binary, softmax] {
            let graph = graph(&loss, 3);
            for found in [run::<f64>(&graph, &o, &t), run::<f32>(&graph, &o, &t)] {
                for (e, f) in expected.iter().zip(found.data()) {
                    assert!((e - f).abs() < 1e-6 * (1.0 + e), "{loss} at {logit}: expected {e}, found {f}");
                }
            }
            let variables = [graph.named("o").unwrap()];
            let report = check_gradient(&graph, graph.output("loss").unwrap(), &variables, &[("o", &o), ("t", &t)]);
            assert!(report.unwrap().variables[0].automatic.data().iter().all(|v| v.is_finite()), "{loss} at {logit}");
        }
    }
}

#[test]
fn smoothing_is_for_training_only() {
    assert_eq!(parse("softmax_cross_entropy(smoothing=0.1)").with_smoothing(0.0), parse("softmax_cross_entropy"));
    assert_eq!(parse("binary_cross_entropy(smoothing=0.1)").with_smoothing(0.0), parse("binary_cross_entropy"));
    assert_eq!(parse("huber(delta=3)").with_smoothing(0.0), parse("huber(delta=3)"));
}

#[test]
fn losses_read_back_what_they_print() {
    for text in ALL {
        let loss = parse(text);
        assert_eq!(Loss::parse(&loss.to_string()), Ok(loss));
    }
    assert_eq!(Loss::all().len(), 8);
    assert_eq!(parse("Softmax-cross-entropy".to_lowercase().as_str()).choice().name, "softmax_cross_entropy");
}

#[test]
fn targets_out_of_range_are_found() {
    let refuses = |text: &str, targets: &[f32]| parse(text).refuses(targets, 3);
    let finite = Some((1, "a finite number"));
    for text in ["squared", "absolute", "huber", "quantile", "interval"] {
        assert_eq!(refuses(text, &[0.0, -5.0, 1e30]), None);
        assert_eq!(refuses(text, &[0.0, f32::NAN]), finite);
        assert_eq!(refuses(text, &[0.0, f32::INFINITY]), finite);
    }
    assert_eq!(refuses("poisson", &[0.0, 2.5]), None);
    for bad in [-1.0, f32::NAN, f32::INFINITY] {
        assert_eq!(refuses("poisson", &[0.0, bad]), Some((1, "a count of at least 0")));
    }
    assert_eq!(refuses("binary_cross_entropy", &[0.0, 0.3, 1.0]), None);
    for bad in [-0.1, 1.1, f32::NAN] {
        assert_eq!(refuses("binary_cross_entropy", &[1.0, bad]), Some((1, "a probability from 0 to 1")));
    }
    assert_eq!(refuses("softmax_cross_entropy", &[0.0, 1.0, 2.0]), None);
    for bad in [-1.0, 3.0, 0.5, f32::NAN, f32::INFINITY, 1e30] {
        let expected = Some((1, "a class number below the number of outputs"));
        assert_eq!(refuses("softmax_cross_entropy", &[0.0, bad]), expected, "{bad}");
    }
}

#[test]
fn parameters_out_of_range_are_refused() {
    let message = |text: &str| parse(text).check().unwrap_err().to_string();
    assert_eq!(message("huber(delta=0)"), "loss `huber`: delta=0 must be greater than 0");
    assert_eq!(message("quantile(level=1)"), "loss `quantile`: level=1 must be between 0 and 1");
    assert_eq!(message("interval(share=1)"), "loss `interval`: share=1 must be between 0 and 1");
    let smoothing = "smoothing=1 must be at least 0 and less than 1";
    assert_eq!(message("binary_cross_entropy(smoothing=1)"), format!("loss `binary_cross_entropy`: {smoothing}"));
    assert_eq!(message("softmax_cross_entropy(smoothing=1)"), format!("loss `softmax_cross_entropy`: {smoothing}"));
    assert!(Loss::SoftmaxCrossEntropy(SoftmaxCrossEntropy { smoothing: f64::NAN }).check().is_err());
    assert!(Loss::BinaryCrossEntropy(BinaryCrossEntropy { smoothing: -0.1 }).check().is_err());
    assert!(ALL.iter().all(|text| parse(text).check().is_ok()));
}
