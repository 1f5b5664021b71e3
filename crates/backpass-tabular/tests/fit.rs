//! Training on tables: every option, and tables that are hard.

mod common;

use std::path::Path;

use backpass_tabular::{FitError, FitErrorKind, FitOptions, Fitted, ReadOptions, Table, Watcher, fit, prepare, read};
use common::csv;

fn data(name: &str) -> Table {
    read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data").join(name), &ReadOptions::default()).unwrap()
}

fn quick(target: &str) -> FitOptions {
    FitOptions { hidden: Some("6".into()), epochs: Some(2), ..FitOptions::new(target) }
}

fn trained(table: &Table, options: &FitOptions) -> Fitted {
    fit(table, options).unwrap()
}

fn hash(table: &Table, options: &FitOptions) -> String {
    trained(table, options).model.hash()
}

/// A table with one input `x` and the target `y`, `rows` of them.
fn numbers(rows: usize, y: impl Fn(usize) -> f64) -> Table {
    let rows = (0..rows).map(|i| format!("{}.5,{}\n", (i * 7) % rows, y((i * 7) % rows)));
    csv(&format!("x,y\n{}", rows.collect::<String>())).unwrap()
}

/// Points of a square and what is said of each.
fn points(n: usize, class: impl Fn(f64, f64) -> bool) -> Table {
    let mut text = String::from("x1,x2,y\n");
    for i in 0..n * n {
        let at = |k: usize| 2.0 * (k as f64 + 0.5) / n as f64 - 1.0;
        let (a, b) = (at(i / n), at(i % n));
        text += &format!("{a},{b},{}\n", if class(a, b) { "yes" } else { "no" });
    }
    csv(&text).unwrap()
}

#[test]
fn threads_do_not_change_the_model_and_the_seed_does() {
    let table = data("penguins.csv");
    let with = |seed, threads| {
        let options = FitOptions { seed: Some(seed), ..quick("species") };
        let watcher = Watcher { threads, interrupt: None, profile: false, observe: &mut |_| {} };
        prepare(&table, &options).unwrap().train(watcher).unwrap().model.hash()
    };
    let one = with(1, 1);
    assert_eq!([with(1, 2), with(1, 5)], [one.clone(), one.clone()]);
    assert_ne!(with(2, 1), one);
}

#[test]
fn a_fifth_of_few_rows_validates_and_a_tenth_of_many() {
    // Of 5,100 rows fewer than 5,000 are left to train on; the share is that of the whole table all the same.
    for (rows, share, split) in [(1_000, "0.2", (800, 200)), (5_100, "0.1", (4_590, 510))] {
        let fitted = trained(&numbers(rows, |i| i as f64), &quick("y"));
        assert_eq!((fitted.resolved.validation.as_deref(), fitted.rows), (Some(share), split));
    }
}

#[test]
fn decisions_and_options_are_recorded_and_can_be_used_again() {
    for (name, target) in [("penguins.csv", "species"), ("energy.csv", "heating_load")] {
        let table = data(name);
        let fitted = trained(&table, &quick(target));
        let said = fitted.decisions.join("\n");
        for part in [&format!("target `{target}`: "), "input columns: ", "network ", " to validate on"] {
            assert!(said.contains(part.trim_start_matches('`')), "{part} is not in {said}");
        }
        let from_toml: FitOptions = toml::from_str(&toml::to_string(&fitted.resolved).unwrap()).unwrap();
        let from_json: FitOptions = serde_json::from_str(&serde_json::to_string(&fitted.resolved).unwrap()).unwrap();
        assert_eq!((&from_toml, &from_json), (&fitted.resolved, &fitted.resolved));
        let again = trained(&table, &from_toml);
        assert_eq!(again.model.hash(), fitted.model.hash());
        assert_eq!(again.resolved, fitted.resolved);
    }
    assert!(toml::from_str::<FitOptions>("hiden = \"3\"").is_err());
}

/// Each option set to something that makes no sense, and what is said about it.
#[test]
fn nonsense_is_refused_in_words() {
    type Set = fn(&mut FitOptions);
    let cases: [(Set, &str); 36] = [
        (|o| o.target = "specie".into(), "there is no column \"specie\"\nhelp: did you mean \"species\"?"),
        (|o| o.task = Some("both".into()), "--task: `both` is not classification or regression"),
        (|o| o.types = vec!["sex".into()], "--type: `sex` is not COL=KIND with number, category, date, text or ignore"),
        (|o| o.types = vec!["sx=text".into()], "there is no column \"sx\"\nhelp: did you mean \"sex\"?"),
        (|o| o.drop = vec!["sx".into()], "there is no column \"sx\""),
        (|o| o.inputs = vec!["z".into()], "--input: `z` is not of the form \"name = expression\""),
        (|o| o.scaling = Some("big".into()), "--scaling: `big` is not robust, standard or none"),
        (|o| o.max_levels = Some(0), "--max-levels: `0` is not at least 1"),
        (|o| o.validation = Some("1.5".into()), "--validation: `1.5` is not a share between 0 and 1, a file, or none"),
        (|o| o.validation = Some("no/file.csv".into()), "no/file.csv: "),
        (|o| o.split = Some("fair".into()), "--split: `fair` is not random, stratified, ordered or group=COL"),
        (|o| o.split = Some("group=iland".into()), "there is no column \"iland\"\nhelp: did you mean \"island\"?"),
        (
            |o| o.watch = Some("rmse".into()),
            "--watch: `rmse` is not loss, accuracy, balanced_accuracy, log_loss, roc_auc or f1",
        ),
        (
            |o| (o.watch, o.validation) = (Some("f1".into()), Some("none".into())),
            "--watch: `f1` is not possible without validation rows",
        ),
        (|o| o.hidden = Some("3,x".into()), "--hidden: `3,x` is not sizes such as 64,64, or none"),
        (|o| o.activation = Some("rleu".into()), "there is no activation `rleu`\nhelp: did you mean `relu`?"),
        (
            |o| o.activation = Some("relu,tanh".into()),
            "--activation: `relu,tanh` is not one activation, or one for each hidden layer",
        ),
        (|o| o.init = Some("hee".into()), "there is no initialisation `hee`"),
        (|o| o.dropout = Some(1.0), "--dropout: `1` is not at least 0 and less than 1"),
        (
            |o| o.loss = Some("squared".into()),
            "--loss: `squared` is not possible for a target with several classes; use softmax_cross_entropy",
        ),
        (|o| o.optimizer = Some("adma".into()), "there is no optimiser `adma`\nhelp: did you mean `adam`?"),
        (|o| o.learning_rate = Some(-1.0), "the learning rate is -1, it must be a number greater than 0"),
        (|o| o.schedule = Some("cosin".into()), "there is no schedule `cosin`\nhelp: did you mean `cosine`?"),
        (|o| o.warm_up = Some(-1.0), "the warm-up is -1, it must be a number of at least 0"),
        (|o| o.batch_size = Some("some".into()), "--batch-size: `some` is not a number of rows, or full"),
        (|o| o.epochs = Some(0), "the number of epochs is 0, it must be a number greater than 0"),
        (|o| o.min_improvement = Some(f64::NAN), "the minimum improvement is NaN, it must be a number of at least 0"),
        (|o| o.time_budget = Some(-1.0), "--time-budget: `-1` is not a number of seconds"),
        (|o| o.stop_at = Some(f64::NAN), "--stop-at: `NaN` is not a number"),
        (|o| o.l1 = Some(-1.0), "the L1 penalty is -1, it must be a number of at least 0"),
        (|o| o.l2 = Some(-1.0), "the L2 penalty is -1, it must be a number of at least 0"),
        (|o| o.weight_decay = Some(-1.0), "the weight decay is -1, it must be a number of at least 0"),
        (|o| o.clip_norm = Some(0.0), "the clipping norm is 0, it must be a number greater than 0"),
        (|o| o.clip_value = Some(0.0), "the clipping value is 0, it must be a number greater than 0"),
        (
            |o| o.label_smoothing = Some(1.0),
            "loss `softmax_cross_entropy`: smoothing=1 must be at least 0 and less than 1",
        ),
        (|o| o.precision = Some("f16".into()), "--precision: `f16` is not f32 or f64"),
    ];
    let table = data("penguins.csv");
    for (set, message) in cases {
        let mut options = quick("species");
        set(&mut options);
        let refused = fit(&table, &options).map(|_| ()).expect_err(message);
        assert!(refused.to_string().contains(message), "{refused}\ninstead of\n{message}");
        let expected = if message.starts_with("no/file") { FitErrorKind::Io } else { FitErrorKind::Usage };
        assert_eq!(refused.kind(), expected, "{refused}");
    }
    let more: [(Set, &str); 4] = [
        (
            |o| o.class_weight = Some("Adele=2".into()),
            "--class-weight: there is no class `Adele`\nhelp: the classes are Adelie, Chinstrap, Gentoo",
        ),
        (|o| o.weight = Some("wight".into()), "there is no column \"wight\""),
        (
            |o| o.weight = Some("bill_length_mm".into()),
            "the weight `bill_length_mm` is NaN\nhelp: weights are numbers of at least 0",
        ),
        (|o| o.weight = Some("island".into()), "\"Torgersen\" is not a finite number"),
    ];
    for (set, message) in more {
        let mut options = quick("species");
        set(&mut options);
        let refused = fit(&table, &options).map(|_| ()).expect_err(message);
        assert!(refused.to_string().contains(message), "{refused}\ninstead of\n{message}");
    }
}

/// Each option set to something else than its default gives another model.
#[test]
fn every_option_has_an_effect() {
    type Set = fn(&mut FitOptions);
    let cases: [Set; 27] = [
        |o| o.types = vec!["flipper_length_mm=category".into()],
        |o| o.drop = vec!["island".into()],
        |o| o.inputs = vec!["ratio = bill_length_mm / bill_depth_mm".into()],
        |o| o.missing = vec!["MALE".into()],
        |o| o.scaling = Some("standard".into()),
        |o| o.max_levels = Some(1),
        |o| o.validation = Some("0.3".into()),
        |o| o.split = Some("random".into()),
        |o| o.hidden = Some("7".into()),
        |o| o.activation = Some("tanh".into()),
        |o| o.init = Some("lecun".into()),
        |o| o.dropout = Some(0.5),
        |o| o.loss = Some("softmax_cross_entropy(smoothing=0.2)".into()),
        |o| o.optimizer = Some("sgd".into()),
        |o| o.learning_rate = Some(0.5),
        |o| o.schedule = Some("constant".into()),
        |o| o.warm_up = Some(1.0),
        |o| o.batch_size = Some("full".into()),
        |o| o.epochs = Some(1),
        |o| o.time_budget = Some(0.0),
        |o| o.l1 = Some(0.1),
        |o| o.l2 = Some(0.1),
        |o| o.weight_decay = Some(0.9),
        |o| o.clip_norm = Some(1e-9),
        |o| o.clip_value = Some(1e-9),
        |o| o.label_smoothing = Some(0.5),
        |o| o.class_weight = Some("Adelie=9".into()),
    ];
    let table = data("penguins.csv");
    let plain = hash(&table, &quick("species"));
    for (index, set) in cases.into_iter().enumerate() {
        let mut options = quick("species");
        set(&mut options);
        assert_ne!(hash(&table, &options), plain, "case {index}");
    }
    let precise = FitOptions { precision: Some("f64".into()), ..quick("species") };
    assert_ne!(hash(&table, &precise), plain);
    let weighted = FitOptions { weight: Some("flipper_length_mm".into()), ..quick("species") };
    let refused = fit(&table, &weighted).map(|f| f.rows);
    assert!(matches!(refused, Err(FitError::RowWeight { .. })), "missing weights: {refused:?}");
    let stops = |set: Set| {
        let mut options = FitOptions { epochs: Some(60), ..quick("species") };
        set(&mut options);
        trained(&table, &options).report.stop.name()
    };
    assert_eq!(stops(|o| o.stop_at = Some(10.0)), "target");
    assert_eq!(stops(|o| (o.patience, o.min_improvement) = (Some(1), Some(9.0))), "patience");
    assert_eq!(stops(|o| (o.watch, o.stop_at) = (Some("accuracy".into()), Some(0.1))), "target");
    assert_eq!(stops(|o| o.time_budget = Some(0.0)), "time_budget");
}

#[test]
fn validation_rows_come_from_where_one_says() {
    let table = data("penguins.csv");
    let with = |validation: &str| FitOptions { validation: Some(validation.into()), ..quick("species") };
    let none = trained(&table, &with("none"));
    let all = table.rows();
    assert_eq!((none.rows, none.validation_metrics.is_none()), ((all, 0), true));
    let share = trained(&table, &with("0.25"));
    assert_eq!((share.rows.0 + share.rows.1, share.rows.1), (all, (all as f64 * 0.25).round() as usize));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/penguins.csv");
    let same = trained(&table, &with(&file.display().to_string()));
    assert_eq!(same.rows, (all, all));
    assert_eq!(same.validation_metrics.as_ref(), Some(&same.train_metrics));

    // What was judged at the end is what `evaluate` says of the same rows.
    assert_eq!(none.model.evaluate(&table, 2).unwrap().0, none.train_metrics);
    let energy = data("energy.csv");
    let numbers = trained(&energy, &FitOptions { target: "heating_load".into(), ..with("none") });
    assert_eq!(numbers.model.evaluate(&energy, 1).unwrap().0, numbers.train_metrics);
}

#[test]
fn splits_keep_order_and_groups() {
    let table = numbers(50, |i| i as f64 + 0.5);
    let ordered = FitOptions { split: Some("ordered".into()), ..quick("y") };
    let fitted = trained(&table, &ordered);
    let first: Vec<u32> = (0..40).collect();
    let last: Vec<u32> = (40..50).collect();
    assert_eq!(fitted.model.evaluate(&table.select_rows(&first), 1).unwrap().0, fitted.train_metrics);
    assert_eq!(Some(fitted.model.evaluate(&table.select_rows(&last), 1).unwrap().0), fitted.validation_metrics);

    let mut text = String::from("x,g,y\n");
    (0..50).for_each(|i| text += &format!("{}.5,group {},{i}.5\n", (i * 7) % 50, i / 10));
    let table = csv(&text).unwrap();
    let grouped = trained(&table, &FitOptions { split: Some("group=g".into()), ..quick("y") });
    assert_eq!((grouped.rows, &grouped.model.inputs.features[..]), ((40, 10), &["x".to_string()][..]));
    let group = |g: u32| table.select_rows(&(10 * g..10 * g + 10).collect::<Vec<_>>());
    let judged = (0..5).map(|g| Some(grouped.model.evaluate(&group(g), 1).unwrap().0));
    assert_eq!(judged.filter(|metrics| *metrics == grouped.validation_metrics).count(), 1);
}

#[test]
fn weights_count_rows() {
    // 30 rows of a and 10 of b; the balanced weights are 40/60 and 40/20.
    let mut text = String::from("x,one,two,y\n");
    (0..40).for_each(|i| text += &format!("{}.5,1,{},{}\n", (i * 7) % 40, 1 + i % 2, ["b", "a", "a", "a"][i % 4]));
    let table = csv(&text).unwrap();
    let options = FitOptions { validation: Some("none".into()), drop: vec!["one".into(), "two".into()], ..quick("y") };
    let with = |weights: &str| hash(&table, &FitOptions { class_weight: Some(weights.into()), ..options.clone() });
    assert_eq!(with("balanced"), with("a=0.6666666666666666,b=2"));
    assert_ne!(with("balanced"), hash(&table, &options));
    let weighted = |column: &str| hash(&table, &FitOptions { weight: Some(column.into()), ..options.clone() });
    assert_eq!(weighted("one"), hash(&table, &options));
    assert_ne!(weighted("two"), hash(&table, &options));
}

#[test]
fn label_smoothing_limits_certainty() {
    let table = points(8, |a, _| a > 0.0);
    let surest = |share| {
        let options = FitOptions {
            epochs: Some(40),
            learning_rate: Some(0.05),
            label_smoothing: Some(share),
            validation: Some("none".into()),
            ..quick("y")
        };
        let values = trained(&table, &options).model.predict(&table, 1).unwrap().values;
        values.into_iter().fold(0.0, f64::max)
    };
    assert!(surest(0.0) > 0.99);
    assert!(surest(0.4) < 0.9);
    let refused = fit(&numbers(20, |i| i as f64 + 0.5), &FitOptions { label_smoothing: Some(0.1), ..quick("y") });
    assert_eq!(refused.unwrap_err().to_string(), "--label-smoothing: `0.1` is not possible for a number");
}

#[test]
fn losses_of_numbers_do_what_they_say() {
    // Noise that no input explains.
    let noise = |i: usize| ((i * i * 31 + i * 17) % 101) as f64 / 10.0;
    let table = numbers(400, noise);
    let options = |loss: &str| FitOptions {
        loss: Some(loss.into()),
        validation: Some("none".into()),
        epochs: Some(30),
        learning_rate: Some(0.01),
        ..quick("y")
    };
    let predict = |loss: &str| trained(&table, &options(loss)).model.predict(&table, 1).unwrap().values;
    let below = |predicted: Vec<f64>| {
        let y = table.column("y").unwrap();
        let count = (0..400).filter(|&i| y.cells.text(i).parse::<f64>().unwrap() <= predicted[i]).count();
        count as f64 / 400.0
    };
    let covered = below(predict("quantile(level=0.9)"));
    assert!((covered - 0.9).abs() < 0.04, "{covered}");
    let covered = below(predict("absolute"));
    assert!((covered - 0.5).abs() < 0.06, "{covered}");
    let mean = |values: Vec<f64>| values.iter().sum::<f64>() / 400.0;
    let expected = mean((0..400).map(noise).collect());
    for loss in ["huber", "squared", "poisson"] {
        let found = predict(loss);
        assert!(loss != "poisson" || found.iter().all(|v| *v > 0.0));
        let found = mean(found);
        assert!((found - expected).abs() < 0.5, "{loss}: {found} instead of {expected}");
    }
    let refused = fit(&numbers(20, |i| i as f64 - 3.5), &options("poisson")).unwrap_err();
    let message = "t.csv, line 2: the target `y` is -3.5, the loss `poisson` needs a count of at least 0";
    assert_eq!((refused.to_string().as_str(), refused.kind()), (message, FitErrorKind::Data));
}

#[test]
fn hard_tables_give_an_error_or_a_model() {
    let refuse = |text: &str, message: &str| {
        let refused = fit(&csv(text).unwrap(), &quick("y")).map(|_| ()).expect_err(message);
        assert!(refused.to_string().contains(message), "{refused}\ninstead of\n{message}");
        assert_eq!(refused.kind(), FitErrorKind::Data);
    };
    refuse("x,y\n1,a\n2,a\n3,a\n", "\"y\" cannot be predicted: it is \"a\" in all rows");
    refuse("x,y\n1,7.5\n2,7.5\n3,7.5\n", "\"y\" cannot be predicted: it is \"7.5\" in all rows");
    refuse("x,y\n1,\n2,\n", "\"y\" cannot be predicted: all its cells are missing");
    refuse("x,y\n1,1.5\n", "\"y\" cannot be predicted");
    refuse("x,y\n1,1.5\n2,3.5\n", "t.csv: 2 row(s) with a target are too few to train and validate on");
    let two = FitOptions { validation: Some("none".into()), ..quick("y") };
    assert_eq!(trained(&csv("x,y\n1,1.5\n2,3.5\n").unwrap(), &two).rows, (2, 0));

    let gaps = csv("x,y\n1,1.5\n2,\n3,3.5\n4,NA\n5,2.5\n").unwrap();
    let fitted = trained(&gaps, &two);
    assert_eq!(fitted.rows, (3, 0));
    assert!(fitted.decisions.contains(&"left out: 2 rows without a target".to_string()));

    // Targets of any size; and a target that is constant where one learns is predicted.
    for unit in [1e9, 1e-9] {
        let table = numbers(60, |i| (i as f64 + 0.5) * unit);
        let options = FitOptions { epochs: Some(150), learning_rate: Some(0.03), ..quick("y") };
        let r2 = trained(&table, &options).train_metrics.get("r2").unwrap();
        assert!(r2 > 0.95, "{unit}: {r2}");
    }
    let step = csv(&format!(
        "x,y\n{}",
        (0..20).map(|i| format!("{},{}\n", i * i, if i < 16 { 7.5 } else { 9.5 })).collect::<String>()
    ));
    let options =
        FitOptions { split: Some("ordered".into()), epochs: Some(100), task: Some("regression".into()), ..quick("y") };
    let fitted = trained(&step.unwrap(), &options);
    assert!(fitted.train_metrics.get("rmse").unwrap() < 0.5, "{:?}", fitted.train_metrics);
}

#[test]
fn wide_and_infinite_tables() {
    let mut text: String = (0..1000).map(|i| format!("c{i},")).collect::<String>() + "y\n";
    for row in 0..50 {
        text += &(0..1000).map(|i| format!("{}.5,", (row * (i % 50 + 3)) % 53)).collect::<String>();
        text += &format!("{row}.5\n");
    }
    let fitted = trained(&csv(&text).unwrap(), &quick("y"));
    assert_eq!(fitted.model.inputs.features.len(), 1000);

    let text: String = (0..10_000).map(|i| format!("level{},{}.5\n", i % 5000, i % 7)).collect();
    let options = FitOptions { epochs: Some(1), ..quick("y") };
    let fitted = trained(&csv(&format!("c,y\n{text}")).unwrap(), &options);
    assert_eq!(fitted.model.inputs.features.len(), 65);

    let text: String =
        (0..30).map(|i| format!(",{},{i}.5\n", if i == 3 { "inf".into() } else { (i * i).to_string() })).collect();
    let fitted = trained(&csv(&format!("empty,x,y\n{text}")).unwrap(), &options);
    assert!(fitted.decisions.contains(&"`empty` is set aside: all 30 cells are missing".to_string()));
    assert!(
        fitted.decisions.iter().any(|d| d.contains("not numbers and count as missing; the first is \"inf\" in line 5"))
    );
}

#[test]
fn circles_need_hidden_neurons_or_squares() {
    let circles = points(16, |a, b| a * a + b * b < 0.6);
    let accuracy = |table: &Table, hidden: &str, inputs: &[&str]| {
        let options = FitOptions {
            hidden: Some(hidden.into()),
            inputs: inputs.iter().map(|t| t.to_string()).collect(),
            validation: Some("none".into()),
            epochs: Some(150),
            learning_rate: Some(0.03),
            dropout: Some(0.0),
            ..FitOptions::new("y")
        };
        trained(table, &options).train_metrics.get("accuracy").unwrap()
    };
    assert!(accuracy(&circles, "16", &[]) > 0.97);
    assert!(accuracy(&circles, "none", &[]) < 0.7);
    assert!(accuracy(&circles, "none", &["a = x1^2", "b = x2^2"]) > 0.97);
    let xor = points(12, |a, b| a * b > 0.0);
    assert!(accuracy(&xor, "16", &[]) > 0.97);
    assert!(accuracy(&xor, "none", &[]) < 0.7);
}

#[test]
fn a_batch_is_predicted_as_its_rows_are() {
    // Few rows, wide layers and narrow ones take different ways through the matrix product.
    for (name, target, hidden) in [
        ("penguins.csv", "species", "6"),
        ("penguins.csv", "species", "300,128"),
        ("energy.csv", "heating_load", "128"),
    ] {
        let table = data(name);
        let options = FitOptions { hidden: Some(hidden.into()), epochs: Some(1), ..FitOptions::new(target) };
        let model = trained(&table, &options).model;
        let batch = model.predict(&table, 2).unwrap().values;
        let rows = (0..table.rows() as u32).step_by(7);
        let width = batch.len() / table.rows();
        for row in rows {
            let alone = model.predict(&table.select_rows(&[row]), 1).unwrap().values;
            let at = row as usize * width;
            assert_eq!(alone, batch[at..at + width], "{name}, row {row}");
        }
        for rows in [2, 5, 16, 17, 40] {
            let first = model.predict(&table.head(rows), 1).unwrap().values;
            assert_eq!(first, batch[..rows * width], "{name}, {rows} rows");
        }
    }
}

/// L-BFGS wants the same loss at every step, so the default has no dropout for it.
#[test]
fn lbfgs_works_without_further_options() {
    let options = FitOptions { optimizer: Some("lbfgs".into()), hidden: Some("64".into()), ..quick("species") };
    assert_eq!(trained(&data("penguins.csv"), &options).resolved.dropout, Some(0.0));
    let stepped = FitOptions { learning_rate: Some(0.1), ..options };
    let error = fit(&data("penguins.csv"), &stepped).unwrap_err().to_string();
    assert!(error.starts_with("--learning-rate: `0.1` is not possible with lbfgs"), "{error}");
}
