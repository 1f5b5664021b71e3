//! What every verb does when all is well.

mod common;

use common::{Folder, SMALL, eight_columns, shared_data};

#[test]
fn train_says_what_it_decides_and_prints_only_results() {
    let folder = Folder::new();
    folder.ok("generate moons --rows 200 -o moons.csv");
    let run = folder.run(&format!("train moons.csv --target class -o m.backpass {SMALL}"));
    assert_eq!(run.code, Some(0), "{run:#?}");
    for part in ["moons.csv: 200 rows, 3 columns", "target `class`", "160 rows to train on", "stopped: ", "m.backpass"]
    {
        assert!(run.stderr.contains(part), "no {part:?} in\n{}", run.stderr);
    }
    assert!(!run.stderr.contains('\x1b') && !run.stderr.contains('\r'), "{:?}", run.stderr);
    let words: Vec<&str> = run.stdout.split_whitespace().collect();
    assert_eq!(words[..3], ["training", "validation", "accuracy"]);
    let run = folder.run(&format!("train moons.csv --target class -o q.backpass -q {SMALL}"));
    assert_eq!((run.stdout.split_whitespace().count(), run.stderr.as_str()), (words.len(), ""));
}

#[test]
fn json_is_one_document_and_threads_never_change_the_model() {
    let folder = Folder::new();
    folder.ok("generate spiral --classes 3 --rows 300 -o data.csv");
    let train = |more: &str| {
        folder.json(&format!("train data.csv --target class -o model.backpass --json --force {SMALL} {more}"))
    };
    let (one, two) = (train("--threads 1"), train("--threads 2"));
    assert_eq!(one["schema"], "backpass.train/1");
    assert_eq!(one["rows"], serde_json::json!({"train": 240, "validation": 60}));
    assert_eq!(one["model_hash"], two["model_hash"]);
    assert_eq!(one["metrics"], two["metrics"]);
    assert_ne!(one["model_hash"], train("--seed 1")["model_hash"]);
    assert_eq!(train("")["model_hash"], folder.json("inspect model.backpass --json")["model_hash"]);
}

#[test]
fn events_are_lines_with_a_schema() {
    let folder = Folder::new();
    folder.ok("generate moons --rows 200 -o data.csv");
    let lines = folder.ok(&format!("train data.csv --target class --events {SMALL}"));
    let lines: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (summary, epochs) = lines.split_last().unwrap();
    assert_eq!(epochs.len(), 20);
    for (index, event) in epochs.iter().enumerate() {
        assert_eq!((&event["schema"], &event["event"]), (&"backpass.event/1".into(), &"epoch".into()));
        assert_eq!(event["epoch"], index + 1);
        assert!(event["train_loss"].is_f64() && event["validation_loss"].is_f64(), "{event}");
        assert!(event["metrics"]["accuracy"].is_f64(), "{event}");
    }
    assert_eq!((&summary["schema"], &summary["epochs"]), (&"backpass.train/1".into(), &20.into()));
}

#[test]
fn a_configuration_makes_the_same_model_again() {
    let folder = Folder::new();
    folder.write("data.csv", folder.ok("generate clouds --rows 200").replace(',', ";"));
    let options = "--target class --delimiter ; --header yes --hidden 4,4 --activation tanh --epochs 10 --l2 0.001";
    let config = folder.ok(&format!("train data.csv {options} --print-config"));
    folder.write("run.toml", &config);
    assert!(!folder.path("model.backpass").exists());
    for line in ["hidden = \"4,4\"", "epochs = 10", "l2 = 0.001", "patience = ", "[reading]", "delimiter = \";\""] {
        assert!(config.contains(line), "no {line:?} in\n{config}");
    }
    assert_eq!(folder.ok("train data.csv --config run.toml --print-config"), config);
    let hash =
        |arguments: &str| folder.json(&format!("train data.csv --json --force {arguments}"))["model_hash"].clone();
    assert_eq!(hash(options), hash("--config run.toml"));
    assert_ne!(hash(options), hash("--config run.toml --seed 9"), "the command line goes first");
    folder.write("wrong.toml", "target = \"class\"\nhiden = \"4\"\n");
    folder.fails("train data.csv --config wrong.toml", 2, &["wrong.toml", "unknown field `hiden`", "`hidden`"]);
    folder.write("wrong.toml", "target = \"class\"\n\nepochs = \"many\"\n");
    folder.fails("train data.csv --config wrong.toml", 2, &["wrong.toml", "epochs"]);
    folder.fails("train data.csv --config none.toml", 6, &["none.toml"]);
}

#[test]
fn demands_decide_about_the_exit_code() {
    let folder = Folder::with_model();
    folder.ok("evaluate moons.backpass moons.csv --require accuracy=0.5 --require log_loss=5");
    let run = folder.run("evaluate moons.backpass moons.csv --require accuracy=1.5 --require log_loss=0");
    assert_eq!(run.code, Some(1), "{run:#?}");
    assert!(run.stderr.contains("at least 1.5 was demanded") && run.stderr.contains("at most 0 was demanded"));
    let run = folder.run(&format!("train moons.csv --target class -o model.backpass --require accuracy=1.5 {SMALL}"));
    assert_eq!(run.code, Some(1), "{run:#?}");
    assert!(folder.path("model.backpass").exists());
    folder.fails("evaluate moons.backpass moons.csv --require acuracy=1", 2, &["did you mean `accuracy`?"]);
    folder.fails("train moons.csv --target class --validation none --require accuracy=1", 2, &["--validation none"]);
    folder.fails("evaluate moons.backpass moons.csv --require rmse=1", 2, &["there is accuracy, balanced_accuracy"]);
    let other = format!("train moons.csv --target x1 -o other.backpass --require accuracy=0.5 {SMALL}");
    folder.fails(&other, 2, &["--require accuracy: this task has other metrics", "there is rmse, mae, r2, mape"]);
    assert!(!folder.path("other.backpass").exists(), "it is refused before training");
}

#[test]
fn training_without_validation_rows_says_so() {
    let folder = Folder::with_model();
    let run = folder.run(&format!("train moons.csv --target class --validation none {SMALL}"));
    assert_eq!(run.code, Some(0), "{run:#?}");
    assert!(run.stderr.contains("no validation rows"), "{}", run.stderr);
}

#[test]
fn evaluate_prints_metrics_and_the_confusion_matrix() {
    let folder = Folder::with_model();
    let text = folder.ok("evaluate moons.backpass moons.csv");
    assert!(text.contains("200 rows") && text.contains("accuracy") && text.contains("actual \\ predicted"), "{text}");
    let document = folder.json("evaluate moons.backpass moons.csv --json");
    assert_eq!((&document["schema"], &document["rows"]), (&"backpass.evaluate/1".into(), &200.into()));
    assert!(document["metrics"]["roc_auc"].as_f64().unwrap() > 0.8);
    folder.write("new.csv", "x1,x2,class\n0.5,,a\n1,1,\n");
    let document = folder.json("evaluate moons.backpass new.csv --json");
    assert_eq!((&document["rows"], &document["surprises"]["missing"]), (&1.into(), &serde_json::json!([["x2", 1]])));
    assert_eq!(document["notes"].as_array().unwrap().len(), 2);
}

#[test]
fn predict_keeps_the_order_of_rows() {
    let folder = Folder::with_model();
    let csv = std::fs::read_to_string(folder.path("moons.csv")).unwrap();
    let without_target: String = csv.lines().map(|line| format!("{}\n", line.rsplit_once(',').unwrap().0)).collect();
    let predictions = folder.ok("predict moons.backpass moons.csv");
    let lines: Vec<&str> = predictions.lines().collect();
    assert_eq!((lines.len(), lines[0]), (201, "prediction"));
    let right = csv.lines().zip(&lines).skip(1).filter(|(row, class)| row.ends_with(**class)).count();
    assert!(right > 150, "{right} of 200");
    let run = folder.run_with_input("predict moons.backpass -", without_target);
    assert_eq!((run.code, run.stdout, run.stderr.as_str()), (Some(0), predictions.clone(), ""));

    let with_probabilities = folder.ok("predict moons.backpass moons.csv --probabilities");
    assert!(with_probabilities.starts_with("prediction,p(a),p(b)\n"));
    let row: Vec<&str> = with_probabilities.lines().nth(1).unwrap().split(',').collect();
    let sum: f64 = row[1..].iter().map(|p| p.parse::<f64>().unwrap()).sum();
    assert!((sum - 1.0).abs() < 1e-9);

    assert_eq!(folder.ok("predict moons.backpass moons.csv -o p.csv"), "");
    assert_eq!(std::fs::read_to_string(folder.path("p.csv")).unwrap(), predictions);
    folder.fails("predict moons.backpass moons.csv -o p.csv", 2, &["p.csv exists already", "--force"]);
    folder.ok("predict moons.backpass moons.csv -o p.csv --force");
}

#[test]
fn numbers_are_predicted_in_their_shortest_form() {
    let folder = Folder::new();
    let rows: String = (0..100).map(|i| format!("{i},{}\n", f64::from(i) * 0.5)).collect();
    folder.write("line.csv", format!("x,y\n{rows}"));
    folder.ok(&format!("train line.csv --target y -o model.backpass --json {SMALL}"));
    let predictions = folder.ok("predict model.backpass line.csv --probabilities");
    let numbers: Vec<f64> = predictions.lines().skip(1).map(|line| line.parse().unwrap()).collect();
    let again: String = numbers.iter().map(|number| format!("{number}\n")).collect();
    assert_eq!(predictions, format!("prediction\n{again}"));
}

#[test]
fn inspect_writes_the_sum_of_parameters_and_the_equations() {
    let folder = Folder::new();
    folder.write("winds.csv", eight_columns());
    folder.ok("train winds.csv --target kind --hidden 9,9,9 --epochs 2 -o winds.backpass");
    let text = folder.ok("inspect winds.backpass");
    for part in [
        "multiclass of `kind` (east, north, south, west)",
        "81 + 90 + 90 + 40 = 301",
        "hidden1 = relu(x @ hidden1.W + hidden1.b)",
        "hidden2 = relu(hidden1 @ hidden2.W + hidden2.b)",
        "8 → 9",
        "stopped: all 2 epochs are done",
        "epochs = 2",
    ] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
    let document = folder.json("inspect winds.backpass --json");
    assert_eq!((&document["parameters"], &document["layers"][3]["parameters"]), (&301.into(), &40.into()));
    assert_eq!(document["columns"][8]["encoding"], "the target");
    assert_eq!(document["history"].as_array().unwrap().len(), 2);
    let graphs = folder.ok("inspect winds.backpass --graph");
    for part in ["# encoder", "# network", "# head", "parameter hidden3.W: [9, 9]", "output probabilities"] {
        assert!(graphs.contains(part), "no {part:?} in\n{graphs}");
    }
}

#[test]
fn generate_repeats_itself_and_feeds_train() {
    let folder = Folder::new();
    for set in ["clouds", "circles", "moons", "xor", "spiral"] {
        let csv = folder.ok(&format!("generate {set}"));
        assert_eq!((csv.lines().count(), csv.lines().next()), (401, Some("x1,x2,class")));
        assert_eq!(csv, folder.ok(&format!("generate {set} --seed 1")));
        assert_ne!(csv, folder.ok(&format!("generate {set} --seed 2")));
    }
    let accuracy = |set: &str| {
        let csv = folder.ok(&format!("generate {set}"));
        let run = folder.run_with_input("train - --target class --hidden none --json --force", csv);
        let summary: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        summary["metrics"]["validation"]["accuracy"].as_f64().unwrap()
    };
    assert!(accuracy("clouds") > 0.98, "one neuron separates clouds");
    assert!(accuracy("circles") < 0.75, "and no circles");
    folder.fails("generate moons --classes 3", 2, &["--classes"]);
    folder.fails("generate clouds --noise -1", 2, &[]);
    folder.fails("generate cloud", 2, &["clouds"]);
}

#[test]
fn penguins_from_csv_and_parquet() {
    let (Some(csv), Some(parquet)) = (shared_data("penguins.csv"), shared_data("parquet/penguins_snappy.parquet"))
    else {
        return;
    };
    let folder = Folder::new();
    for data in [csv, parquet] {
        let data = data.display();
        let summary = folder.json(&format!("train {data} --target species -o model.backpass --json --force"));
        assert!(summary["metrics"]["validation"]["accuracy"].as_f64().unwrap() > 0.95, "{summary}");
        let document = folder.json(&format!("evaluate model.backpass {data} --json"));
        assert!(document["metrics"]["accuracy"].as_f64().unwrap() > 0.95, "{document}");
        assert!(folder.ok("inspect model.backpass").contains("island"));
        assert_eq!(folder.ok(&format!("predict model.backpass {data}")).lines().count(), 345);
    }
}

#[test]
fn a_column_that_numbers_the_rows_is_no_input() {
    let folder = Folder::new();
    let csv = folder.ok("generate clouds --rows 100");
    let numbered = csv.lines().enumerate().map(|(row, line)| match row {
        0 => format!("id,{line}\n"),
        _ => format!("{row},{line}\n"),
    });
    folder.write("data.csv", numbered.collect::<String>());
    let run = folder.run(&format!("train data.csv --target class -o model.backpass {SMALL}"));
    assert!(run.stderr.contains("`id` is set aside"), "{}", run.stderr);
    assert_eq!(folder.json("inspect model.backpass --json")["features"], serde_json::json!(["x1", "x2"]));
}
