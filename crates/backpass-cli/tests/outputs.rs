//! Several targets at once, and intervals, on the command line.

mod common;

use common::{Folder, SMALL};

/// Two numbers that follow from two columns, and a text.
fn table() -> String {
    let mut csv = "a,b,sum,product,kind\n".to_string();
    for row in 0..200u32 {
        let (a, b) = (f64::from(row * 37 % 101) / 10.0, f64::from(row * 53 % 97) / 10.0);
        let noise = f64::from(row * 7919 % 1009) / 1009.0;
        csv += &format!("{a},{b},{},{},{}\n", a + b + noise, a * b, if row % 2 == 0 { "even" } else { "odd" });
    }
    csv
}

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("data.csv", table());
    folder
}

#[test]
fn each_number_is_predicted_in_a_column_of_its_own() {
    let folder = folder();
    let said = folder.run(&format!("train data.csv --target sum,product --drop kind -o two.backpass {SMALL}"));
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.stderr.contains("targets `sum`, `product`: regression of 2 numbers"), "{}", said.stderr);
    for part in ["rrmse ", "r2 ", "rmse of sum ", "mae of product ", "r2 of product "] {
        assert!(said.stdout.contains(part), "no {part:?} in\n{}", said.stdout);
    }
    let rows: Vec<String> = folder.ok("predict two.backpass data.csv").lines().map(String::from).collect();
    assert_eq!((rows.len(), rows[0].as_str()), (201, "sum,product"));
    folder.ok(&format!("train data.csv --target sum --interval 0.8 -o one.backpass {SMALL}"));
    let rows: Vec<String> = folder.ok("predict one.backpass data.csv").lines().map(String::from).collect();
    assert_eq!(rows[0], "sum,sum_low,sum_high");
    for row in &rows[1..] {
        let numbers: Vec<f64> = row.split(',').map(|cell| cell.parse().unwrap()).collect();
        assert!(numbers[1] <= numbers[0] && numbers[0] <= numbers[2], "{row}");
    }
    folder.ok(&format!("train data.csv --target sum -o plain.backpass {SMALL}"));
    assert!(folder.ok("predict plain.backpass data.csv").starts_with("prediction\n"));
}

#[test]
fn every_verb_knows_several_targets_and_intervals() {
    let folder = folder();
    let options = format!("--target sum,product --interval 0.9 --drop kind {SMALL}");
    let trained = folder.json(&format!("train data.csv -o two.backpass --json --report trained.html {options}"));
    let of = &trained["metrics"]["validation"]["targets"]["product"];
    for name in ["rmse", "mae", "r2", "coverage", "width", "interval_score"] {
        assert!(of[name].is_f64(), "{name} in {trained}");
    }
    let judged = folder.json("evaluate two.backpass data.csv --json");
    assert_eq!((&judged["target"], &judged["interval"]), (&"sum, product".into(), &0.9.into()));
    assert!(judged["metrics"]["coverage"].as_f64().unwrap() > 0.8, "{judged}");
    folder.ok("evaluate two.backpass data.csv --require coverage=0.5");
    let run = folder.run("evaluate two.backpass data.csv --require rmse=1");
    assert!(run.code == Some(2) && run.stderr.contains("there is rrmse, r2, mape, coverage"), "{run:?}");

    let inspected = folder.ok("inspect two.backpass");
    for part in ["regression of `sum, product`", "one of the targets", "interval = 0.9", "interval(share=0.9)"] {
        assert!(inspected.contains(part), "no {part:?} in\n{inspected}");
    }
    let page = std::fs::read_to_string(folder.path("trained.html")).unwrap();
    for part in ["the numbers <strong>sum, product", "coverage of product", "Intervals of sum", "Intervals and truth"] {
        assert!(page.contains(part), "no {part:?} in the report");
    }
    folder.ok(&format!("train data.csv --target sum,product -o other.backpass --drop kind {SMALL}"));
    let compared = folder.ok("compare two.backpass other.backpass data.csv");
    assert!(compared.contains("rmse of product") && !compared.contains("coverage"), "{compared}");
    let cv = folder.ok(&format!("cv data.csv --folds 3 {options}"));
    assert!(cv.contains("rrmse") && cv.contains("coverage of sum"), "{cv}");
    let explained = folder.ok("explain two.backpass --data data.csv --row 3 --jacobian");
    for part in ["∂product_high", "the derivative of each number predicted"] {
        assert!(explained.contains(part), "no {part:?} in\n{explained}");
    }
    folder.ok("explain two.backpass --data data.csv --row 3 --json");
    folder.fails("draw two.backpass --boundary data.csv -o map.svg", 2, &["predicts sum, sum_low", "shows one number"]);
    folder.ok(&format!("doctor data.csv --no-proof {options}"));
    let tuned = folder.json(
        "tune data.csv --target sum,product --interval 0.9 --drop kind --trials 3 --preset fast --epochs 4 --json",
    );
    assert_eq!(tuned["metric"], "rrmse", "{tuned}");
}

#[test]
fn what_cannot_be_is_refused() {
    let folder = folder();
    let fails = |arguments: &str, parts: &[&str]| folder.fails(&format!("train data.csv {arguments}"), 2, parts);
    fails("--target sum,produkt", &["there is no column \"produkt\"", "did you mean \"product\"?"]);
    fails("--target sum,kind", &["cannot be predicted together with others: it is a category"]);
    fails("--target sum,product --task classification", &["--task: `classification` is not possible"]);
    fails("--target sum,product --formula a*x", &["--formula: `a*x` is not possible for several targets"]);
    fails("--target kind --interval 0.9", &["--interval: `0.9` is not possible for classes"]);
    fails("--target sum --interval 90", &["--interval: `90` is not a share between 0 and 1"]);
    fails("--target sum --interval 0.9 --loss huber", &["--loss: `huber` is not possible with --interval"]);
    fails("--target sum --interval 0.9 --formula b*a+c", &["--interval: `0.9` is not possible with --formula"]);
    let config = folder.ok("train data.csv --target sum --interval 0.9 --print-config");
    for line in ["interval = 0.9", "loss = \"interval(share=0.9)\"", "calibrate = true"] {
        assert!(config.contains(line), "no {line:?} in\n{config}");
    }
    folder.write("run.toml", &config);
    assert_eq!(folder.ok("train data.csv --config run.toml --print-config"), config);
}
