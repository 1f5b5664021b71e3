//! Several targets at once, and intervals.

mod common;

use std::path::Path;

use backpass::train::Predictor;
use backpass_kernels::philox::Stream;
use backpass_tabular::{
    AssessOptions, Details, FitErrorKind, FitOptions, Fitted, LandscapeError, Model, Table, Watcher, compare,
    cross_validate, fit, prepare,
};
use common::csv;

/// `near` is x in large units and `far` the square of y in small ones; the names would be classes if they were alone.
fn two_targets(rows: usize) -> Table {
    let mut random = Stream::new(5, 0);
    let mut text = String::from("x,y,near,far\n");
    for _ in 0..rows {
        let (x, y) = (random.uniform(), random.uniform());
        text += &format!("{x},{y},{},{}\n", 1000.0 + 500.0 * x, 0.001 * y * y);
    }
    csv(&text).unwrap()
}

/// `y` is x with noise that grows with x from 0.1 to 1.1.
fn noisy(rows: usize, seed: u64) -> Table {
    let mut random = Stream::new(seed, 0);
    let mut text = String::from("x,y\n");
    for _ in 0..rows {
        let x = random.uniform();
        text += &format!("{x},{}\n", 3.0 * x + (0.1 + x) * random.normal());
    }
    csv(&text).unwrap()
}

fn quick(target: &str) -> FitOptions {
    FitOptions { hidden: Some("16".into()), epochs: Some(60), ..FitOptions::new(target) }
}

fn with_interval(target: &str, share: f64) -> FitOptions {
    FitOptions { interval: Some(share), ..quick(target) }
}

fn trained(table: &Table, options: &FitOptions, threads: usize) -> Fitted {
    let watcher = Watcher { threads, interrupt: None, profile: false, observe: &mut |_| {} };
    prepare(table, options).unwrap().train(watcher).unwrap()
}

fn all(table: &Table) -> Vec<u32> {
    (0..table.rows() as u32).collect()
}

const OPTIONS: AssessOptions = AssessOptions { threads: 2, seed: 7, by_strangers: true };

#[test]
fn two_known_functions_are_learnt_together() {
    let table = two_targets(500);
    let fitted = trained(&table, &quick("near, far"), 2);
    assert_eq!(fitted.model.target.columns, ["near", "far"]);
    let metrics = fitted.validation_metrics.as_ref().unwrap();
    assert_eq!(metrics.values.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["rrmse", "r2", "mape"]);
    for target in ["near", "far"] {
        let r2 = metrics.value_of("r2", Some(target)).unwrap();
        assert!(r2 > 0.98, "{target}: {r2}");
    }
    // Each error has the unit of its target.
    let rmse = |target| metrics.value_of("rmse", Some(target)).unwrap();
    assert!(rmse("near") > 1.0 && rmse("far") < 1e-4, "{} {}", rmse("near"), rmse("far"));
    let mean = ["near", "far"].map(|t| metrics.value_of("r2", Some(t)).unwrap()).iter().sum::<f64>() / 2.0;
    assert!((metrics.get("r2").unwrap() - mean).abs() < 1e-12);

    let predictions = fitted.model.predict(&table.head(3), 1).unwrap();
    assert_eq!((predictions.rows(), &predictions.names[..]), (3, &["near".to_string(), "far".to_string()][..]));
    assert!(predictions.column(0).iter().all(|v| (1000.0..=1500.0).contains(v)), "{predictions:?}");
    assert!(predictions.column(1).iter().all(|v| (0.0..=0.001).contains(v)), "{predictions:?}");
    let said = fitted.decisions.join("\n");
    assert!(said.contains("targets `near`, `far`: regression of 2 numbers"), "{said}");
    assert!(said.contains("input columns: 2 numbers"), "{said}");
}

#[test]
fn a_name_with_a_comma_is_one_column_and_rows_need_every_target() {
    let text = (0..40).map(|i| format!("{i}.5,{},{}.25,{}\n", i * 2, i * 3, if i % 4 == 0 { "" } else { "7.5" }));
    let mut text: String = text.collect();
    text.insert_str(0, "x,\"a,b\",c,d\n");
    text += "1,2,3,8.5\n";
    let table = csv(&text).unwrap();
    let columns = |target: &str| fit(&table, &quick(target)).unwrap().model.target.columns;
    assert_eq!(columns("a,b"), ["a,b"]);
    assert_eq!(columns("c,a,b"), ["c", "a,b"]);
    let fitted = fit(&table, &quick("a,b,d")).unwrap();
    assert_eq!((fitted.model.target.columns.len(), fitted.rows.0 + fitted.rows.1), (2, 31));
    assert!(fitted.decisions.contains(&"left out: 10 rows without all targets".to_string()), "{:?}", fitted.decisions);
    let evaluated = fitted.model.evaluate(&table, 1).unwrap();
    assert_eq!(evaluated.1, 31);
}

#[test]
fn nonsense_is_refused_in_words() {
    let table = csv("x,y,kind,same\n1,2,a,5\n2,3,b,5\n3,5,a,5\n4,4,b,5\n5,9,a,5\n6,1,b,5\n7,2,a,5\n").unwrap();
    type Set = fn(&mut FitOptions);
    let cases: [(&str, Set, &str); 14] = [
        ("x,z", |_| {}, "there is no column \"z\""),
        ("x,", |_| {}, "there is no column \"\""),
        ("x,y,x", |_| {}, "the target \"x\" is named twice"),
        ("y,kind", |_| {}, "column \"kind\" cannot be predicted together with others: it is a category"),
        ("y,same", |_| {}, "column \"same\" cannot be predicted: it is \"5\" in all rows"),
        (
            "x,y",
            |o| o.task = Some("classification".into()),
            "--task: `classification` is not possible for several targets",
        ),
        ("x,y", |o| o.formula = Some("a*x".into()), "--formula: `a*x` is not possible for several targets"),
        ("x,y", |o| o.positive = Some("3".into()), "\"3\""),
        ("y", |o| o.interval = Some(1.0), "--interval: `1` is not a share between 0 and 1, such as 0.9"),
        ("y", |o| o.interval = Some(f64::NAN), "--interval: `NaN` is not a share"),
        ("kind", |o| o.interval = Some(0.9), "--interval: `0.9` is not possible for classes"),
        (
            "y",
            |o| (o.interval, o.formula) = (Some(0.9), Some("a*x".into())),
            "--interval: `0.9` is not possible with --formula",
        ),
        (
            "y",
            |o| (o.interval, o.loss) = (Some(0.9), Some("huber".into())),
            "--loss: `huber` is not possible with --interval",
        ),
        ("y", |o| o.loss = Some("interval".into()), "--loss: `interval` is not possible without --interval"),
    ];
    for (target, set, message) in cases {
        let mut options = FitOptions { task: Some("regression".into()), ..quick(target) };
        options.task = options.task.filter(|_| target != "kind");
        set(&mut options);
        let refused = fit(&table, &options).map(|_| ()).expect_err(message);
        assert!(refused.to_string().contains(message), "{refused}\ninstead of\n{message}");
        assert!(matches!(refused.kind(), FitErrorKind::Usage | FitErrorKind::Data), "{refused}");
    }
    let watched = FitOptions { watch: Some("rmse".into()), ..quick("x,y") };
    let refused = fit(&table, &watched).map(|_| ()).unwrap_err().to_string();
    assert!(refused.contains("--watch: `rmse` is not loss, rrmse, r2 or mape"), "{refused}");
    let table = csv("x,y,y_low\n1,2,1\n2,3,7\n3,5,2\n4,4,2\n5,9,3\n6,1,3\n7,2,8\n").unwrap();
    let refused = fit(&table, &with_interval("y,y_low", 0.9)).map(|_| ()).unwrap_err().to_string();
    assert!(refused.contains("--target: `y_low` is not possible: a bound is to be called so"), "{refused}");
}

/// The share of rows held, the mean width below and above the middle of x, and whether bounds are in order.
fn held(model: &Model, table: &Table) -> (f64, [f64; 2]) {
    let predictions = model.predict(table, 1).unwrap();
    assert_eq!(predictions.names, ["y", "y_low", "y_high"]);
    let [middle, low, high] = [0, 1, 2].map(|at| predictions.column(at));
    assert!((0..table.rows()).all(|row| low[row] <= middle[row] && middle[row] <= high[row]), "quantiles cross");
    let numbers = |name: &str| model.schema.to_numbers(table, name).unwrap();
    let (x, y) = (numbers("x"), numbers("y"));
    let inside = (0..table.rows()).filter(|&row| low[row] <= y[row] && y[row] <= high[row]).count();
    let width = |upper: bool| {
        let rows: Vec<usize> = (0..table.rows()).filter(|&row| (x[row] > 0.5) == upper).collect();
        rows.iter().map(|&row| high[row] - low[row]).sum::<f64>() / rows.len() as f64
    };
    (inside as f64 / table.rows() as f64, [width(false), width(true)])
}

#[test]
fn intervals_hold_their_share_and_follow_the_noise() {
    let (table, new) = (noisy(1500, 1), noisy(4000, 2));
    for share in [0.8, 0.95] {
        let fitted = trained(&table, &with_interval("y", share), 2);
        let (found, [narrow, wide]) = held(&fitted.model, &new);
        assert!((found - share).abs() < 0.04, "{found} instead of {share}");
        assert!(wide > 1.8 * narrow, "{narrow} and {wide}");
        let metrics = fitted.model.evaluate(&new, 1).unwrap().0;
        assert_eq!(metrics.get("coverage"), Some(found));
        assert!(metrics.get("interval_score").unwrap() > metrics.get("width").unwrap());
        let said = fitted.decisions.join("\n");
        assert!(said.contains("calibrated on 300 rows validated on"), "{said}");
    }
}

/// Two epochs teach little about bounds; calibration makes them hold all the same.
#[test]
fn calibration_makes_intervals_honest_and_can_be_left_out() {
    let (table, new) = (noisy(1500, 1), noisy(4000, 2));
    let poor = FitOptions { epochs: Some(2), learning_rate: Some(1e-3), ..with_interval("y", 0.9) };
    let found = held(&trained(&table, &poor, 1).model, &new).0;
    assert!((found - 0.9).abs() < 0.04, "{found}");
    let off = FitOptions { calibrate: Some(false), ..poor.clone() };
    let fitted = trained(&table, &off, 1);
    let without = held(&fitted.model, &new).0;
    assert!((without - 0.9).abs() > 0.1, "{without}");
    assert!(fitted.decisions.join("\n").contains("not calibrated"), "{:?}", fitted.decisions);
    let none = FitOptions { validation: Some("none".into()), ..poor };
    let open = trained(&table, &none, 1);
    assert!(!open.model.has_calibrated_intervals() && !fitted.model.has_calibrated_intervals());
    let said = open.decisions.join("\n");
    assert!(said.contains("not calibrated, because there are no validation rows"), "{said}");
}

#[test]
fn bags_and_ensembles_average_every_number_and_threads_change_nothing() {
    let (table, new) = (noisy(600, 1), noisy(2000, 2));
    let more = FitOptions { bag: Some(3), ensemble: Some(2), epochs: Some(40), ..with_interval("y", 0.9) };
    let (one, two) = (trained(&table, &more, 1), trained(&table, &more, 2));
    assert_eq!(one.model.to_bytes().unwrap(), two.model.to_bytes().unwrap());
    let found = held(&one.model, &new).0;
    assert!((found - 0.9).abs() < 0.05, "{found}");
    assert!(one.model.has_calibrated_intervals());
    assert!(one.decisions.join("\n").contains("calibrated on 600 rows validated on"), "{:?}", one.decisions);

    let table = two_targets(200);
    let more = FitOptions { bag: Some(2), ..with_interval("near,far", 0.5) };
    let fitted = trained(&table, &more, 2);
    assert_eq!(fitted.model.network.outputs(), 2 * 2 * 3);
    let metrics = fitted.validation_metrics.unwrap();
    for target in ["near", "far"] {
        assert!(metrics.value_of("r2", Some(target)).unwrap() > 0.9, "{metrics:?}");
        // Of rows that set the margins at least the share is held, and one row more at most.
        let coverage = metrics.value_of("coverage", Some(target)).unwrap();
        assert!((0.5..0.53).contains(&coverage), "{coverage}");
    }
}

#[test]
fn model_files_keep_all_of_it() {
    let table = two_targets(120);
    let options = FitOptions { epochs: Some(4), ..with_interval("near,far", 0.8) };
    let model = fit(&table, &options).unwrap().model;
    let bytes = model.to_bytes().unwrap();
    let again = Model::from_bytes(Path::new("m"), &bytes).unwrap();
    assert_eq!(
        (again.hash(), &again.target, &again.target_scales),
        (model.hash(), &model.target, &model.target_scales)
    );
    assert_eq!(again.predict(&table, 1).unwrap().values, model.predict(&table, 2).unwrap().values);
    assert_eq!(again.to_bytes().unwrap(), bytes);
    let changed = |from: &str, to: &str| {
        assert_eq!(from.len(), to.len(), "the length of the header is stored before it");
        let at = bytes.windows(from.len()).position(|part| part == from.as_bytes());
        let at = at.unwrap_or_else(|| panic!("no {from}"));
        let mut bytes = bytes.clone();
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
        Model::from_bytes(Path::new("m"), &bytes).map(|_| ()).unwrap_err().to_string()
    };
    let error = changed(r#"\"interval\":0.8}"#, r#"\"interval\":1.8}"#);
    assert!(error.contains("the share of the interval is not between 0 and 1"), "{error}");
}

#[test]
fn several_targets_are_assessed_compared_and_explained() {
    let table = two_targets(300);
    let plain = fit(&table, &quick("near,far")).unwrap().model;
    let bounded = fit(&table, &with_interval("near,far", 0.9)).unwrap().model;
    let assessed = bounded.assess(&table.identified(), &all(&table), &OPTIONS).unwrap();
    let Details::Numbers(numbers) = &assessed.details else { panic!("there are numbers") };
    assert_eq!(numbers.iter().map(|n| n.target.as_str()).collect::<Vec<_>>(), ["near", "far"]);
    let intervals = numbers[1].intervals.as_ref().unwrap();
    assert_eq!(intervals.share, 0.9);
    assert!(intervals.rows.windows(2).all(|pair| pair[0][0] <= pair[1][0]));
    let coverage = assessed.metrics.iter().find(|m| m.title() == "coverage of far").unwrap();
    let outside = (intervals.outside.0 + intervals.outside.1) as f64;
    assert!((coverage.value - (1.0 - outside / 300.0)).abs() < 1e-12, "{coverage:?}");
    assert!(coverage.interval.unwrap().low < coverage.value);
    // One series for each target; x moves the first and y the second.
    let along = |name: &str| &assessed.dependence.iter().find(|d| d.column == name).unwrap().means;
    let range = |values: &[f64]| {
        values.iter().fold(f64::MIN, |m, v| m.max(*v)) - values.iter().fold(f64::MAX, |m, v| m.min(*v))
    };
    assert_eq!(along("x").len(), 2);
    assert!(range(&along("x")[0]) > 400.0 && range(&along("y")[0]) < 100.0);
    assert!(range(&along("y")[1]) > 7e-4 && range(&along("x")[1]) < 2e-4);
    assert_eq!(assessed.error, "rrmse");

    let models = [("plain".to_string(), plain.clone()), ("bounded".to_string(), bounded.clone())];
    let compared = compare(&models, &table.identified(), &all(&table), &OPTIONS).unwrap();
    let titles: Vec<String> = compared.models[1].metrics.iter().map(|judged| judged.title()).collect();
    assert!(
        titles.contains(&"rmse of far".to_string()) && !titles.iter().any(|t| t.starts_with("coverage")),
        "{titles:?}"
    );
    assert_eq!(compared.models[0].metrics.len(), compared.models[1].metrics.len());
    let alike = [models[1].clone(), models[1].clone()];
    let alike = compare(&alike, &table.identified(), &all(&table), &OPTIONS).unwrap();
    assert!(alike.models[0].metrics.iter().any(|judged| judged.title() == "coverage of near"));

    // The loss of the row is that of all targets; without them the first one's prediction is explained.
    let explained = bounded.explain(&table, 3).unwrap();
    assert_eq!(explained.outputs[0], "quantile 0.05 of scaled near");
    assert_eq!(explained.outputs.len(), 6);
    assert_eq!(explained.of, "the loss (interval)");
    let explained = plain.explain(&csv("x,y\n0.5,0.5\n").unwrap(), 0).unwrap();
    assert_eq!(explained.of, "the prediction of near");
    assert!(explained.prediction.starts_with("near 12"), "{}", explained.prediction);
    assert_eq!(bounded.sensitivity(&table, 0).unwrap().jacobian.shape(), [6, 2]);
    assert!(matches!(plain.landscape(&table, 5, 2), Err(LandscapeError::Numbers { .. })));
}

/// Networks side by side have a loss each, of which a row has the mean.
#[test]
fn the_loss_of_a_bag_is_the_mean_over_its_networks() {
    let rows = (0..60).map(|i| format!("{}.5,{}\n", (i * 7) % 60, ["a", "b", "c"][i % 3]));
    let table = csv(&format!("x,y\n{}", rows.collect::<String>())).unwrap();
    let model = fit(&table, &FitOptions { bag: Some(2), epochs: Some(3), ..quick("y") }).unwrap().model;
    let row = table.head(1);
    let outputs = Predictor::<f32>::new(&model.network, 1).unwrap().predict(&model.features(&row).unwrap().0);
    let losses =
        outputs.chunks(3).map(|logits| f64::from(logits.iter().map(|v| v.exp()).sum::<f32>().ln() - logits[0]));
    let explained = model.explain(&row, 0).unwrap().explanation;
    let (found, expected) = (explained.value(explained.result()).data()[0], losses.sum::<f64>() / 2.0);
    assert!((found - expected).abs() < 1e-5, "{found}, not {expected}");
}

#[test]
fn cross_validation_tells_of_each_target() {
    let table = two_targets(120);
    let options = FitOptions { epochs: Some(5), ..with_interval("near,far", 0.9) };
    let result = cross_validate(&table, &options, (3, 1), 2, &mut |_| {}).unwrap();
    let find = |name: &str, target: Option<&str>| {
        result.metrics.iter().find(|s| s.metric == name && s.target.as_deref() == target).unwrap()
    };
    let mean = result.folds.iter().map(|fold| fold.metrics.value_of("width", Some("far")).unwrap()).sum::<f64>() / 3.0;
    assert!((find("width", Some("far")).mean - mean).abs() < 1e-12);
    assert!(find("coverage", None).mean > 0.7);
}
