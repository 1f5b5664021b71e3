//! A corpus of broken tables and runs, each with the fault that is to be named, and of healthy ones, of which nothing is to
//! be said.

mod common;

use std::collections::HashSet;
use std::path::Path;

use backpass_kernels::philox::Stream;
use backpass_tabular::doctor::{Fault, Finding, Proof, Severity, examine_model, examine_run, examine_table, prove};
use backpass_tabular::{Cells, Column, DataSet, FitOptions, Fitted, Model, ReadOptions, Table, fit, read};
use common::{csv, shared_table};

/// A table of so many rows; a row is made from random numbers and its number.
fn table(names: &str, rows: usize, mut row: impl FnMut(usize, &mut Stream) -> String) -> Table {
    let mut random = Stream::new(7, 0);
    let lines: Vec<String> = (0..rows).map(|at| row(at, &mut random)).collect();
    csv(&format!("{names}\n{}\n", lines.join("\n"))).unwrap()
}

/// Two numbers that tell two classes, `a` and `b`, apart but for some noise, with a further column.
fn clouds(name: &str, rows: usize, mut further: impl FnMut(usize, bool, &mut Stream) -> String) -> Table {
    table(&format!("x1,x2,{name},class"), rows, |at, random| {
        let (x1, x2) = (random.normal(), random.normal());
        let is_b = x1 + x2 + 0.5 * random.normal() > 0.0;
        let cell = further(at, is_b, random);
        format!("{x1:.4},{x2:.4},{cell},{}", if is_b { "b" } else { "a" })
    })
}

/// A number that follows smoothly from two others, with a further column.
fn waves(name: &str, rows: usize, mut further: impl FnMut(f64, &mut Stream) -> String) -> Table {
    table(&format!("x1,x2,{name},y"), rows, |_, random| {
        let (x1, x2) = (random.normal(), random.normal());
        let y = (2.0 * x1).sin() + x2 + 0.1 * random.normal();
        format!("{x1:.4},{x2:.4},{},{y:.4}", further(y, random))
    })
}

/// Options as the command line takes them: `name=value`, separated by spaces.
fn options(target: &str, text: &str) -> FitOptions {
    let mut options = FitOptions { preset: Some("fast".into()), ..FitOptions::new(target) };
    for (name, value) in text.split_whitespace().filter_map(|part| part.split_once('=')) {
        let text = Some(value.to_string());
        match name {
            "preset" => options.preset = text,
            "hidden" => options.hidden = text,
            "activation" => options.activation = text,
            "init" => options.init = text,
            "scaling" => options.scaling = text,
            "optimizer" => options.optimizer = text,
            "schedule" => options.schedule = text,
            "validation" => options.validation = text,
            "loss" => options.loss = text,
            "class_weight" => options.class_weight = text,
            "rate" => options.learning_rate = value.parse().ok(),
            "epochs" => options.epochs = value.parse().ok(),
            "patience" => options.patience = value.parse().ok(),
            "dropout" => options.dropout = value.parse().ok(),
            "ensemble" => options.ensemble = value.parse().ok(),
            "bag" => options.bag = value.parse().ok(),
            other => panic!("{other}"),
        }
    }
    options
}

fn names(findings: &[Finding]) -> Vec<&'static str> {
    findings.iter().map(|finding| finding.fault.name()).collect()
}

/// The finding of a fault, which must be the only one of its kind and not be hidden among others.
#[track_caller]
fn named(findings: &[Finding], fault: Fault) -> Finding {
    let found: Vec<&Finding> = findings.iter().filter(|finding| finding.fault == fault).collect();
    assert_eq!(found.len(), 1, "{} in {:?}", fault.name(), names(findings));
    assert!(findings.len() <= 3, "{} among {:?}", fault.name(), names(findings));
    assert!(found[0].evidence.chars().any(|c| c.is_ascii_digit()), "no number in {}", found[0].evidence);
    found[0].clone()
}

#[track_caller]
fn table_has(table: &Table, options: &FitOptions, fault: Fault) -> Finding {
    named(&examine_table(table, options).unwrap(), fault)
}

#[track_caller]
fn run_has(table: &Table, options: &FitOptions, fault: Fault) -> (Finding, Fitted) {
    let fitted = fit(table, options).unwrap();
    (named(&examine_run(table, &fitted).unwrap(), fault), fitted)
}

/// Whether the cure lowers the loss.
#[track_caller]
fn cured(table: &Table, (finding, fitted): &(Finding, Fitted), text: &str) {
    let change = finding.change.as_ref().expect("a cure");
    assert_eq!(change.text, text);
    let proof = prove(table, &fitted.model, change, 1, &mut |_| {}).unwrap();
    assert!(proof.helped(), "{text}: {proof:?}");
}

#[test]
fn columns_that_give_the_target_away() {
    let code = clouds("code", 200, |_, is_b, random| format!("{}", if is_b { 3.0 } else { 1.0 } + random.uniform()));
    let found = table_has(&code, &options("class", ""), Fault::Leak);
    assert_eq!((found.place.as_str(), found.severity), ("code", Severity::Serious));
    assert_eq!(found.change.unwrap().text, "--drop code");

    let level = clouds("state", 200, |at, is_b, _| match (is_b, at % 2) {
        (true, 0) => "won".into(),
        (true, _) => "draw".into(),
        _ => "lost".into(),
    });
    assert_eq!(table_has(&level, &options("class", "bag=3"), Fault::Leak).place, "state");

    let copy = waves("price", 300, |y, _| format!("{:.3}", 100.0 + 7.0 * y));
    assert_eq!(table_has(&copy, &options("y", ""), Fault::Leak).place, "price");

    let missing = clouds("paid", 300, |at, is_b, _| if is_b { format!("{}", at % 17) } else { String::new() });
    assert_eq!(table_has(&missing, &options("class", ""), Fault::Leak).place, "paid");
}

#[test]
fn a_leak_is_proved_by_leaving_it_out() {
    let table = clouds("code", 200, |_, is_b, _| if is_b { "3" } else { "1" }.into());
    let options = options("class", "hidden=8 epochs=20");
    let change = table_has(&table, &options, Fault::Leak).change.unwrap();
    let proof = prove(&table, &fit(&table, &options).unwrap().model, &change, 1, &mut |_| {}).unwrap();
    assert!(proof.after.unwrap() > 2.0 * proof.before.unwrap(), "{proof:?}");
}

#[test]
fn columns_that_name_rows_or_say_nothing() {
    let plain = options("class", "");
    let number = clouds("customer", 200, |at, _, _| format!("{}", 1000 + at * 37 % 211));
    let found = table_has(&number, &plain, Fault::IdColumn);
    assert_eq!((found.place.as_str(), found.severity), ("customer", Severity::Warning));

    let counter = clouds("row", 200, |at, _, _| at.to_string());
    assert_eq!(table_has(&counter, &plain, Fault::IdColumn).severity, Severity::Note);

    let code = clouds("ticket", 200, |at, _, _| format!("T{:05}", at * 7919 % 99991));
    assert_eq!(table_has(&code, &plain, Fault::IdColumn).place, "ticket");

    let constant = clouds("unit", 200, |_, _, _| "kg".into());
    assert_eq!(table_has(&constant, &plain, Fault::ConstantColumn).place, "unit");
}

/// Different whole numbers at random, as text.
fn given_out(seed: u64) -> impl FnMut() -> String {
    let (mut random, mut known) = (Stream::new(seed, 9), HashSet::new());
    move || loop {
        let number = 100_000 + random.below(900_000);
        if known.insert(number) {
            return number.to_string();
        }
    }
}

/// A table with a further column of such numbers.
fn with_uid(mut table: Table, seed: u64) -> Table {
    let mut next = given_out(seed);
    let cells = Cells::Text((0..table.rows()).map(|_| next()).collect());
    table.columns.push(Column { name: "uid".into(), cells });
    table
}

#[test]
fn numbers_that_are_given_out_at_random() {
    let is_found = |table: &Table, target: &str| {
        let findings = examine_table(table, &options(target, "")).unwrap();
        let found = |finding: &&Finding| finding.fault == Fault::IdColumn && finding.severity == Severity::Warning;
        findings.iter().filter(found).map(|finding| finding.place.clone()).collect::<Vec<_>>() == ["uid"]
    };
    for target in ["species", "body_mass_g"] {
        let found = (0..20).filter(|seed| is_found(&with_uid(data("penguins"), *seed), target)).count();
        assert!(found >= 18, "{target}: {found} of 20");
    }
    let found = table_has(&with_uid(data("penguins"), 1), &options("species", ""), Fault::IdColumn);
    assert!(found.evidence.contains("344 different whole numbers"), "{found:?}");

    // Different whole numbers that measure: of no relation but skewed or in regular steps; or of some relation.
    let mut uid = given_out(1);
    let silent = [
        clouds("price", 300, |_, _, random| format!("{:.0}", 1e9 * random.normal().exp())),
        clouds("area", 300, |_, _, random| format!("{:.0}", 1e8 * (20.0 + random.normal()))),
        clouds("time", 300, |at, _, _| format!("{}", 1_600_000_000 + 86_400 * at)),
        clouds("trend", 300, |_, is_b, _| match uid().parse::<u64>().unwrap() {
            number if is_b && number % 3 == 0 => format!("{}", number / 2 + 500_000),
            number => number.to_string(),
        }),
    ];
    for table in silent {
        assert_eq!(
            names(&examine_table(&table, &options("class", "")).unwrap()),
            [""; 0],
            "{:?}",
            table.columns[2].name
        );
    }
    let wave = table("x1,height,y", 300, |_, random| {
        let (x1, height) = (random.normal(), random.below(10_000_000));
        format!("{x1:.4},{height},{:.4}", x1 + (height as f64 / 1e6).sin() + 0.3 * random.normal())
    });
    assert_eq!(names(&examine_table(&wave, &options("y", "")).unwrap()), [""; 0]);
}

#[test]
fn a_number_that_names_the_row_hides_no_copies() {
    let penguins = data("penguins");
    let copies: Vec<u32> = (0..344).chain((0..200).map(|row| row * 7 % 344)).collect();
    let found = examine_table(&with_uid(penguins.select_rows(&copies), 3), &options("species", "")).unwrap();
    let (twice, id) = (named(&found, Fault::DuplicateRows), named(&found, Fault::IdColumn));
    assert!(twice.numbers["share"] > 0.3 && id.place == "uid", "{found:?}");
    let once = examine_table(&with_uid(penguins, 3), &options("species", "")).unwrap();
    assert_eq!(names(&once), ["id_column"]);
}

#[test]
fn rows_that_are_there_twice() {
    let mut last = String::new();
    let twice = table("x1,x2,class", 200, |at, random| {
        if at % 2 == 0 {
            let (x1, x2) = (random.normal(), random.normal());
            last = format!("{x1:.4},{x2:.4},{}", if x1 > 0.3 * x2 { "a" } else { "b" });
        }
        last.clone()
    });
    for how in ["", "bag=4"] {
        let found = table_has(&twice, &options("class", how), Fault::DuplicateRows);
        assert!(found.numbers["share"] > 0.5 && found.severity == Severity::Serious, "{found:?}");
    }
    // A text tells rows apart that are otherwise equal.
    let texts = table("x1,note,class", 200, |at, _| {
        let note = format!("the visitor came at {at} and stayed until {} without a word", at + 3);
        format!("{},{note},{}", (at / 2 * 37 % 97) as f64 / 7.0, if at / 2 % 2 == 0 { "a" } else { "b" })
    });
    assert_eq!(names(&examine_table(&texts, &options("class", "")).unwrap()), [""; 0]);
    // Few levels make equal rows by chance.
    let levels = table("a,b,c,class", 300, |_, random| {
        let level = |n: u64| ["u", "v", "w"][n as usize % 3];
        let (a, b, c) = (random.below(3), random.below(3), random.below(3));
        format!(
            "{},{},{},{}",
            level(a),
            level(b),
            level(c),
            if (a + b + c + random.below(3)) % 2 == 0 { "x" } else { "y" }
        )
    });
    assert_eq!(names(&examine_table(&levels, &options("class", "")).unwrap()), [""; 0]);
}

#[test]
fn targets_that_are_rare_or_extreme() {
    let rare = table("x1,x2,class", 1000, |_, random| {
        let (x1, x2) = (random.normal(), random.normal());
        format!("{x1:.4},{x2:.4},{}", if x1 + 0.2 * random.normal() > 2.0 { "fraud" } else { "fine" })
    });
    let found = table_has(&rare, &options("class", ""), Fault::ClassImbalance);
    assert!(found.evidence.contains("fraud") && found.numbers["share"] < 0.05, "{found:?}");
    for how in ["class_weight=balanced", "class_weight=fraud=20"] {
        healthy(&rare, &options("class", how));
    }

    let tail = table("x1,x2,y", 400, |_, random| {
        let (x1, x2) = (random.normal(), random.normal());
        format!("{x1:.4},{x2:.4},{:.3}", (4.0 * (x1 + 0.3 * random.normal())).exp())
    });
    assert_eq!(table_has(&tail, &options("y", ""), Fault::HeavyTail).place, "y");
}

#[test]
fn too_few_rows() {
    let few = clouds("x3", 40, |_, _, random| format!("{:.3}", random.normal()));
    assert!(table_has(&few, &options("class", ""), Fault::TooFewRows).evidence.contains("8 rows to validate on"));
    let heads: Vec<String> = (0..60).map(|at| format!("x{at}")).collect();
    let wide = table(&format!("{},y", heads.join(",")), 50, |_, random| {
        let cells: Vec<String> = (0..61).map(|_| format!("{:.3}", random.normal())).collect();
        cells.join(",")
    });
    assert!(table_has(&wide, &options("y", ""), Fault::TooFewRows).evidence.contains("60 features"));
}

#[test]
fn networks_that_start_badly() {
    let table = clouds("x3", 200, |_, _, random| format!("{:.3}", random.normal()));
    let of = |text: &str| options("class", text);
    let zeros = run_has(&table, &of("init=zeros hidden=16,16 epochs=10"), Fault::IdenticalUnits);
    assert_eq!(zeros.0.place, "hidden1, hidden2");
    cured(&table, &zeros, "--init he");
    // As parts of the best preset, in the members of a bag, and in members that share their weights.
    for how in ["bag=2", "bag=1 ensemble=3"] {
        let options = of(&format!("preset=best init=zeros hidden=8,8 epochs=4 {how}"));
        run_has(&table, &options, Fault::IdenticalUnits);
    }
    let large = run_has(&table, &of("init=normal(std=100) activation=tanh hidden=16 epochs=10"), Fault::SaturatedUnits);
    cured(&table, &large, "--init glorot_uniform");
    let sigmoid = "optimizer=sgd rate=0.1 activation=sigmoid hidden=8,8,8,8,8,8,8,8 epochs=5 dropout=0";
    cured(&table, &run_has(&table, &of(sigmoid), Fault::VanishingGradient), "--activation relu --init he");
    let deep = "init=normal(std=4) hidden=16,16,16,16,16,16 epochs=5 dropout=0";
    cured(&table, &run_has(&table, &of(deep), Fault::ExplodingGradient), "--init he");
    let start = run_has(&table, &of("init=normal(std=3) hidden=32,32 epochs=20"), Fault::LargeStart);
    cured(&table, &start, "--init he");
}

#[test]
fn inputs_that_are_not_scaled() {
    let table = clouds("salary", 200, |_, _, random| format!("{:.0}", 50_000.0 + 9_000.0 * random.normal()));
    let unscaled = run_has(&table, &options("class", "scaling=none hidden=16 epochs=20"), Fault::UnscaledInputs);
    assert_eq!(unscaled.0.place, "salary");
    cured(&table, &unscaled, "--scaling robust");
    let tanh = options("class", "scaling=none hidden=16 epochs=20 activation=tanh");
    cured(&table, &run_has(&table, &tanh, Fault::SaturatedUnits), "--scaling robust");
}

#[test]
fn learning_rates() {
    let clouds = clouds("x3", 300, |_, _, random| format!("{:.3}", random.normal()));
    let waves = waves("x3", 300, |_, random| format!("{:.3}", random.normal()));
    let dead = run_has(&clouds, &options("class", "rate=3 hidden=32,32 epochs=20"), Fault::DeadUnits);
    cured(&clouds, &dead, "--learning-rate 0.004");
    let high = run_has(&waves, &options("y", "rate=1 hidden=32,32 epochs=30"), Fault::LearningRateTooHigh);
    cured(&waves, &high, "--learning-rate 0.012");
    // The first epoch is harmless, and the jumps come later.
    let jumps = "preset=lecture rate=0.5 epochs=40";
    let (jumps, _) = run_has(&waves, &options("y", jumps), Fault::LearningRateTooHigh);
    assert!(jumps.numbers["first"] < 3.0 && jumps.numbers["jumps"] >= 3.0, "{jumps:?}");
    let best = "preset=best bag=1 rate=30 hidden=16,16 epochs=20";
    cured(
        &waves,
        &run_has(&waves, &options("y", best), Fault::LearningRateTooHigh),
        "--preset best --learning-rate 0.2",
    );
    let diverged = options("y", "optimizer=sgd rate=1000 hidden=16 epochs=20 schedule=constant");
    cured(&waves, &run_has(&waves, &diverged, Fault::Diverged), "--learning-rate 0.1");
    let low = run_has(&waves, &options("y", "rate=1e-6 hidden=32,32 epochs=20"), Fault::LearningRateTooLow);
    cured(&waves, &low, "--learning-rate 0.012");
    let sgd = options("class", "preset=lecture rate=1e-5 epochs=20");
    cured(&clouds, &run_has(&clouds, &sgd, Fault::LearningRateTooLow), "--preset lecture --learning-rate 0.1");
}

#[test]
fn runs_that_end_too_early_or_too_late() {
    let waves = waves("x3", 300, |_, random| format!("{:.3}", random.normal()));
    let early = run_has(&waves, &options("y", "epochs=3 hidden=32,32"), Fault::BestEpochAtEnd);
    cured(&waves, &early, "--epochs 12");

    let names: Vec<String> = (0..30).map(|at| format!("x{at}")).collect();
    let noisy = table(&format!("{},class", names.join(",")), 200, |_, random| {
        let x: Vec<f64> = (0..30).map(|_| random.normal()).collect();
        let class = if x[0] + x[1] + random.normal() > 0.0 { "a" } else { "b" };
        format!("{},{class}", x.iter().map(|v| format!("{v:.3}")).collect::<Vec<_>>().join(","))
    });
    let late = options("class", "hidden=64,64 dropout=0 epochs=30 patience=0");
    cured(&noisy, &run_has(&noisy, &late, Fault::Overfitting), "--l2 0.03");

    let nothing = table("x1,x2,y", 300, |_, random| {
        format!("{:.3},{:.3},{:.3}", random.normal(), random.normal(), random.normal())
    });
    run_has(&nothing, &options("y", "hidden=16 epochs=20"), Fault::LearntNothing);
}

/// Numbers of which a further one does not depend.
fn noise(seed: u64) -> Table {
    let mut noise = Stream::new(seed, 5);
    table("x1,x2,x3,x4,y", 300, |_, _| {
        let cells: Vec<String> = (0..5).map(|_| format!("{:.4}", noise.normal())).collect();
        cells.join(",")
    })
}

#[test]
fn the_best_of_many_epochs_is_no_evidence() {
    let is_found = |(seed, how)| {
        let (table, options) = (noise(seed), options("y", how));
        let found = examine_run(&table, &fit(&table, &options).unwrap()).unwrap();
        found.iter().any(|finding| finding.fault == Fault::LearntNothing)
    };
    let runs: Vec<(u64, &str)> = (0..10).flat_map(|seed| [(seed, "epochs=60"), (seed, "preset=lecture")]).collect();
    let found = runs.iter().filter(|run| is_found(**run)).count();
    assert!(found >= runs.len() - 2, "{found} of {}", runs.len());
}

#[test]
fn a_weak_relation_is_one() {
    let weak = table("x1,x2,y", 600, |_, random| {
        let (x1, x2) = (random.normal(), random.normal());
        format!("{x1:.4},{x2:.4},{:.4}", 0.7 * x1 + random.normal())
    });
    healthy(&weak, &options("y", "epochs=40"));
    for (name, target) in [("titanic.csv", "Survived"), ("wine_quality_red.csv", "quality"), ("titanic.csv", "Age")] {
        let Some(table) = shared_table(name) else { continue };
        let found = examine_run(&table, &fit(&table, &options(target, "")).unwrap()).unwrap();
        assert!(found.iter().all(|finding| finding.fault != Fault::LearntNothing), "{name}: {found:#?}");
    }
}

#[test]
fn a_cure_that_does_not_help_makes_the_finding_less_serious() {
    let table = clouds("x3", 200, |_, _, random| format!("{:.3}", random.normal()));
    let (found, _) = run_has(&table, &options("class", "init=zeros hidden=16 epochs=2"), Fault::IdenticalUnits);
    let proof = |after| Proof { epochs: 2, measure: "validation loss", before: Some(0.592), after: Some(after) };
    assert_eq!(found.clone().tried(&proof(0.5)), found);
    let doubtful = found.clone().tried(&proof(0.597));
    assert_eq!((found.severity, doubtful.severity), (Severity::Serious, Severity::Warning));
    assert!(doubtful.advice.ends_with("; but --init he does not help here"), "{}", doubtful.advice);
    assert_eq!(doubtful.clone().tried(&proof(0.597)).severity, Severity::Warning, "it has not been seen to");
    // What is given away is given away, and without it the loss is higher.
    let leak = Finding { fault: Fault::Leak, ..found.clone() };
    assert_eq!(leak.clone().tried(&proof(0.9)), leak);
}

/// Nothing is said of a table, nor of a run on it, nor of its model when it comes from a file.
#[track_caller]
fn healthy(table: &Table, options: &FitOptions) {
    let fitted = fit(table, options).unwrap();
    let mut found = examine_run(table, &fitted).unwrap();
    let stored = Model::from_bytes(Path::new("a file"), &fitted.model.to_bytes().unwrap()).unwrap();
    found.extend(examine_model(table, &stored).unwrap());
    assert!(found.is_empty(), "{} with {:?}: {found:#?}", table.name, options.preset);
}

fn data(name: &str) -> Table {
    read(format!("../../data/{name}.csv"), &ReadOptions::default()).unwrap()
}

#[test]
fn nothing_is_said_of_healthy_tables_and_runs() {
    for preset in ["fast", "best"] {
        let of = |target| options(target, &format!("preset={preset}"));
        healthy(&data("penguins"), &of("species"));
        healthy(&data("iris"), &of("species"));
        healthy(&waves("x3", 250, |_, random| format!("{:.3}", random.normal())), &of("y"));
        healthy(&DataSet::named("moons").unwrap().generate(200, 2, 0.1, 3).unwrap(), &of("class"));
    }
}

#[test]
fn nothing_is_said_of_other_healthy_runs() {
    healthy(&data("energy"), &options("heating_load", ""));
    healthy(&data("penguins"), &options("body_mass_g", ""));
    healthy(&data("penguins"), &options("body_mass_g", "preset=best bag=1"));
    healthy(&data("penguins"), &options("sex", "bag=3"));
    healthy(&data("iris"), &options("species", "preset=lecture"));
    healthy(&data("iris"), &options("petal_width", "validation=none"));
    for name in ["spiral", "circles", "xor"] {
        healthy(&DataSet::named(name).unwrap().generate(300, 2, 0.05, 3).unwrap(), &options("class", ""));
    }
    healthy(
        &waves("x3", 300, |_, random| format!("{:.3}", random.normal())),
        &options("y", "loss=huber activation=tanh"),
    );
}

#[test]
fn nothing_is_said_of_healthy_shared_tables() {
    let tables = [
        ("yacht.csv", "resid_resistance"),
        ("breast_cancer_wdbc.csv", "diagnosis"),
        ("auto_imports.csv", "price"),
        ("abalone.csv", "rings"),
    ];
    for (name, target) in tables {
        if let Some(table) = shared_table(name) {
            healthy(&table, &options(target, ""));
        }
    }
    // Known for its copies.
    if let Some(wine) = shared_table("wine_quality_red.csv") {
        table_has(&wine, &options("quality", ""), Fault::DuplicateRows);
    }
    if let Some(rare) = shared_table("mammography.csv") {
        table_has(&rare, &options("class", ""), Fault::ClassImbalance);
    }
    if let Some(digits) = shared_table("digits8x8.csv") {
        assert_eq!(table_has(&digits, &options("digit", ""), Fault::ConstantColumn).severity, Severity::Note);
    }
}
