//! Assessments of trained models: they agree with the metrics of training, and see what the tables hide in them.

mod common;

use backpass_tabular::{
    Along, AssessOptions, Assessment, Cells, Column, Details, FitOptions, Fitted, Model, Table, compare, fit,
};

const OPTIONS: AssessOptions = AssessOptions { threads: 2, seed: 7, by_strangers: true };

/// Two columns of which the second tells nothing, a category that does, and what follows from them.
fn table(rows: usize, target: impl Fn(f64, usize) -> String) -> Table {
    let noise = |seed: usize| move |row: usize| ((row * 7919 + seed * 104_729) % 1009) as f64 / 1009.0;
    let (x, nothing) = (noise(1), noise(2));
    let level = |row: usize| row / 3 % 3;
    let cells = |of: &dyn Fn(usize) -> String| Cells::Text((0..rows).map(of).collect());
    let columns = [
        ("nothing", cells(&|row| nothing(row).to_string())),
        ("x", cells(&|row| x(row).to_string())),
        ("level", cells(&|row| ["low", "middle", "high"][level(row)].to_string())),
        ("y", cells(&|row| target(x(row), level(row)))),
    ];
    let columns = columns.map(|(name, cells)| Column { name: name.into(), cells });
    Table::new("known.csv", columns.into()).unwrap()
}

fn two_classes(rows: usize) -> Table {
    table(rows, |x, level| if x + 0.1 * level as f64 > 0.6 { "yes" } else { "no" }.to_string())
}

fn a_number(rows: usize) -> Table {
    table(rows, |x, level| (10.0 * x + level as f64).to_string())
}

fn trained(table: &Table, more: FitOptions) -> Fitted {
    let small = FitOptions { hidden: Some("16".into()), epochs: Some(40), ..FitOptions::new("y") };
    fit(table, &more.or(small)).unwrap()
}

fn assessed(fitted: &Fitted, table: &Table) -> Assessment {
    let rows: Vec<u32> = (0..table.rows() as u32).collect();
    fitted.model.assess(&table.identified(), &rows, &OPTIONS).unwrap()
}

#[test]
fn the_rows_held_out_are_those_of_training() {
    let split = |how: &str| FitOptions { split: Some(how.into()), ..FitOptions::default() };
    for (table, options) in [
        (two_classes(300), split("stratified")),
        (two_classes(300), split("random")),
        (two_classes(300), split("ordered")),
        (two_classes(300), split("group=level")),
        (a_number(300), FitOptions { seed: Some(3), ..FitOptions::default() }),
    ] {
        let fitted = trained(&table, options.clone());
        let rows = fitted.model.held_out(&table.identified()).unwrap().unwrap();
        assert_eq!(rows.len(), fitted.rows.1);
        let assessment = fitted.model.assess(&table.identified(), &rows, &OPTIONS).unwrap();
        for (name, value) in &fitted.validation_metrics.as_ref().unwrap().values {
            let found = assessment.metrics.iter().find(|judged| judged.name == *name).unwrap().value;
            assert!((found - value).abs() < 1e-6, "{options:?} {name}: {found}, not {value}");
        }
    }
}

#[test]
fn only_its_own_table_holds_rows_out() {
    let table = two_classes(300);
    let fitted = trained(&table, FitOptions::default());
    assert!(fitted.model.was_trained_on(&table.identified()));
    let renamed = Table { name: "elsewhere/other.csv".into(), ..table.clone() };
    assert!(fitted.model.was_trained_on(&renamed.identified()), "the file may be called anything");
    let backwards: Vec<u32> = (0..300).rev().collect();
    for unknown in [table.select_rows(&backwards), table.head(299)] {
        assert!(!fitted.model.was_trained_on(&unknown.identified()));
        assert_eq!(fitted.model.held_out(&unknown.identified()).unwrap(), None);
    }
    let none = trained(&table, FitOptions { validation: Some("none".into()), ..FitOptions::default() });
    assert!(none.model.was_trained_on(&table.identified()));
    assert_eq!(none.model.held_out(&table.identified()).unwrap(), None);
}

#[test]
fn the_rows_of_a_bag_are_judged_by_the_network_that_has_not_learnt_from_them() {
    // One row without a target, so that the rows of the table are not those of the training.
    let number = |x: f64, level: usize| if x < 1e-3 { String::new() } else { (10.0 * x + level as f64).to_string() };
    for table in [table(300, number), two_classes(300)] {
        let fitted = trained(&table, FitOptions { bag: Some(3), epochs: Some(20), ..FitOptions::default() });
        let rows = fitted.model.held_out(&table.identified()).unwrap().unwrap();
        assert_eq!(rows.len(), fitted.rows.0);
        let value = |options: &AssessOptions, name: &str| {
            let assessment = fitted.model.assess(&table.identified(), &rows, options).unwrap();
            assessment.metrics.iter().find(|judged| judged.name == name).unwrap().value
        };
        for (name, wanted) in &fitted.validation_metrics.as_ref().unwrap().values {
            let found = value(&OPTIONS, name);
            assert!((found - wanted).abs() < 1e-6, "{name}: {found}, not {wanted}");
            let by_all = value(&AssessOptions { by_strangers: false, ..OPTIONS }, name);
            let trained = fitted.train_metrics.get(name).unwrap();
            assert!((by_all - trained).abs() < 1e-6, "{name}: {by_all}, not {trained}");
        }
    }
}

#[test]
fn an_assessment_of_two_classes() {
    let table = two_classes(300);
    let fitted = trained(&table, FitOptions::default());
    let found = assessed(&fitted, &table);
    assert_eq!((found.rows, found.left_out, found.resamples), (300, 0, 1000));
    let (metrics, ..) = fitted.model.evaluate(&table, 1).unwrap();
    for judged in &found.metrics {
        assert_eq!(metrics.get(judged.name), Some(judged.value), "{}", judged.name);
        let interval = judged.interval.unwrap();
        assert!(interval.low <= judged.value && judged.value <= interval.high, "{judged:?}");
    }
    let Details::Classes(classes) = &found.details else { panic!("there are classes") };
    assert_eq!(Some(&classes.confusion), metrics.confusion.as_ref());
    assert_eq!(Some(classes.curves[0].area), metrics.get("roc_auc"));
    let names: Vec<&str> = found.importance.iter().map(|i| i.column.as_str()).collect();
    assert_eq!((names[0], names[2]), ("x", "nothing"));
    assert!(found.importance[2].mean < 0.1 * found.importance[0].mean, "{:?}", found.importance);
    let Along::Numbers(points) = &found.dependence[0].along else { panic!("x is a number") };
    let yes = &found.dependence[0].means[0];
    assert!(points.len() == yes.len() && yes[0] < 0.2 && yes[yes.len() - 1] > 0.8, "{yes:?}");
    // The first row of the file is row 1, and no row got less probability for its class than the worst.
    let predictions = fitted.model.predict(&table, 1).unwrap();
    let worst = &found.worst[0];
    let row: usize = worst.place.strip_prefix("row ").unwrap().parse().unwrap();
    let class = usize::from(worst.actual == "yes");
    assert_eq!(predictions.values[2 * (row - 1) + class], worst.wrong);
    assert!(found.worst.windows(2).all(|pair| pair[0].wrong <= pair[1].wrong));
    assert_eq!(worst.cells[0], table.column("x").unwrap().cells.text(row - 1));
}

#[test]
fn an_assessment_of_a_number() {
    let table = a_number(400);
    let fitted = trained(&table, FitOptions::default());
    let rows: Vec<u32> = (100..400).collect();
    let found = fitted.model.assess(&table.identified(), &rows, &OPTIONS).unwrap();
    assert_eq!(found.rows, 300);
    let Details::Numbers(all) = &found.details else { panic!("there are numbers") };
    let [numbers] = &all[..] else { panic!("there is one target") };
    assert_eq!(numbers.points.len(), 300);
    assert_eq!(numbers.points[0].0.to_string(), table.column("y").unwrap().cells.text(100));
    let mean = numbers.points.iter().map(|(truth, predicted)| predicted - truth).sum::<f64>() / 300.0;
    assert!((numbers.bias - mean).abs() < 1e-9);
    // y grows by about 10 along x, and by 2 along the levels.
    let along = |name: &str| found.dependence.iter().find(|d| d.column == name).unwrap();
    let (Along::Numbers(x), of_x) = (&along("x").along, &along("x").means[0]) else { panic!("x is a number") };
    let slope = (of_x[of_x.len() - 1] - of_x[0]) / (x[x.len() - 1] - x[0]);
    assert!((slope - 10.0).abs() < 2.0, "{slope}");
    let (Along::Levels(levels), means) = (&along("level").along, &along("level").means[0]) else {
        panic!("level is a category")
    };
    let at = |name: &str| means[levels.iter().position(|level| level == name).unwrap()];
    assert!((at("high") - at("low") - 2.0).abs() < 0.5, "{levels:?} {means:?}");
    assert!(found.worst[0].wrong.abs() >= found.worst[1].wrong.abs());
    for worst in &found.worst {
        let row: usize = worst.place.strip_prefix("row ").unwrap().parse().unwrap();
        assert_eq!(worst.actual, table.column("y").unwrap().cells.text(row - 1), "rows are those of the whole table");
    }
}

#[test]
fn threads_never_change_an_assessment_and_the_seed_does() {
    let table = two_classes(200);
    let fitted = trained(&table, FitOptions::default());
    let rows: Vec<u32> = (0..200).collect();
    let of = |threads, seed| {
        let found =
            fitted.model.assess(&table.identified(), &rows, &AssessOptions { threads, seed, ..OPTIONS }).unwrap();
        (found.metrics, found.importance, found.dependence, found.worst)
    };
    assert_eq!(of(1, 7), of(3, 7));
    assert_ne!(of(1, 7).0, of(1, 8).0);
}

#[test]
fn rows_without_a_target_are_left_out() {
    let mut table = two_classes(200);
    let fitted = trained(&table, FitOptions::default());
    let target = table.drop_column("y").unwrap();
    let cells =
        (0..200).map(|row| if row < 50 { String::new() } else { target.cells.text(row).into_owned() }).collect();
    table.columns.push(Column { name: "y".into(), cells: Cells::Text(cells) });
    let found = assessed(&fitted, &table);
    assert_eq!((found.rows, found.left_out), (150, 50));
    assert!(fitted.model.assess(&table.identified(), &[0, 1], &OPTIONS).is_err());
}

#[test]
fn without_a_mistake_the_rule_of_three_says_what_resampling_cannot() {
    let table = table(300, |_, level| ["a", "b", "c"][level].to_string());
    let found = assessed(&trained(&table, FitOptions::default()), &table);
    assert_eq!(found.metrics[0].value, 1.0);
    assert!(found.notes.iter().any(|note| note.contains("up to 1.0 %")), "{:?}", found.notes);
}

#[test]
fn models_are_compared_on_the_same_resamples() {
    let table = a_number(300);
    let wide = trained(&table, FitOptions::default()).model;
    let linear = FitOptions { hidden: Some("none".into()), epochs: Some(1), ..FitOptions::default() };
    let linear = trained(&table, linear).model;
    let rows: Vec<u32> = (0..300).collect();
    let models = [("linear".to_string(), linear), ("wide".to_string(), wide.clone()), ("again".to_string(), wide)];
    let found = compare(&models, &table.identified(), &rows, &OPTIONS).unwrap();
    let of = |model: &str, metric: &str| {
        found.differences.iter().find(|d| d.model == model && d.metric == metric).unwrap().clone()
    };
    // A lower error is better, as is a higher share explained.
    for metric in ["rmse", "r2"] {
        assert_eq!(of("wide", metric).better, Some(true));
        assert_eq!(of("wide", metric).interval, of("again", metric).interval);
    }
    let value = |at: usize| found.models[at].metrics[0].value;
    assert_eq!(of("wide", "rmse").value, value(1) - value(0));
    let turned = compare(&models[1..], &table.identified(), &rows, &OPTIONS).unwrap();
    for difference in &turned.differences {
        let bounds = difference.interval.unwrap();
        assert_eq!((difference.value, bounds.low, bounds.high, difference.better), (0.0, 0.0, 0.0, None));
    }
    let other = ("other".to_string(), trained(&two_classes(300), FitOptions::default()).model);
    let error = compare(&[models[0].clone(), other], &table.identified(), &rows, &OPTIONS).unwrap_err().to_string();
    assert!(error.contains("linear and other cannot be compared: their tasks are regression and binary"), "{error}");
}

#[test]
fn there_is_no_verdict_where_only_some_models_know_the_rows() {
    let table = a_number(300);
    let all_rows: Vec<u32> = (0..300).collect();
    let weak = FitOptions { hidden: Some("none".into()), epochs: Some(1), ..FitOptions::default() };
    let bag = ("bag".to_string(), trained(&table, FitOptions { bag: Some(3), ..weak.clone() }).model);
    let none = FitOptions { validation: Some("none".into()), ..FitOptions::default() };
    let all = ("all".to_string(), trained(&table, none).model);
    let other = ("other".to_string(), trained(&a_number(200), weak).model);
    let decided = |models: &[&(String, Model)], rows: &[u32], options: &AssessOptions| {
        let models: Vec<_> = models.iter().map(|model| (*model).clone()).collect();
        let found = compare(&models, &table.identified(), rows, options).unwrap();
        let any = found.differences.iter().any(|difference| difference.better.is_some());
        assert_ne!(any, found.undecided.is_some(), "{found:?}");
        (found.undecided.unwrap_or_default(), found.models.iter().map(|model| model.learnt).collect::<Vec<_>>())
    };
    let (why, learnt) = decided(&[&bag, &all], &all_rows, &OPTIONS);
    assert_eq!((why.as_str(), learnt), ("No verdict: learnt from these rows: all; not: bag.", vec![false, true]));
    // Judged as a whole, the bag has learnt from them too.
    let whole = AssessOptions { by_strangers: false, ..OPTIONS };
    assert_eq!(decided(&[&bag, &all], &all_rows, &whole), (String::new(), vec![true, true]));
    assert_eq!(decided(&[&bag, &other, &all], &all_rows, &OPTIONS).1, [false, false, true]);
    // Rows that are new to all must be enough.
    let new = [&other, &bag].map(|model| (model.0.clone(), model.1.clone()));
    let new: Vec<&(String, Model)> = new.iter().collect();
    assert_eq!(decided(&new, &all_rows, &OPTIONS).0, "");
    let (why, _) = decided(&new, &all_rows[..3], &OPTIONS);
    assert_eq!(why, "No verdict: 3 rows are too few to tell models apart; at least 20 are needed.");
}
