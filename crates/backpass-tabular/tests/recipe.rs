//! The parts of the preset `best`, and bags of networks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use backpass::train::Epoch;
use backpass_tabular::{FitOptions, Fitted, ReadOptions, Table, Watcher, prepare, read};

fn penguins() -> Table {
    read("../../data/penguins.csv", &ReadOptions::default()).unwrap()
}

fn energy() -> Table {
    read("../../data/energy.csv", &ReadOptions::default()).unwrap()
}

fn options(target: &str, preset: &str, epochs: usize) -> FitOptions {
    let preset = Some(preset.to_string());
    FitOptions { preset, epochs: Some(epochs), seed: Some(1), ..FitOptions::new(target) }
}

fn train(table: &Table, options: &FitOptions, threads: usize) -> Fitted {
    let watcher = Watcher { threads, interrupt: None, profile: false, observe: &mut |_| {} };
    prepare(table, options).unwrap().train(watcher).unwrap()
}

#[test]
fn the_recipe_learns_a_number_and_keeps_it_within_what_it_saw() {
    let table = energy();
    let fitted = train(&table, &options("heating_load", "best", 30), 1);
    let rmse = fitted.validation_metrics.as_ref().unwrap().get("rmse").unwrap();
    assert!(rmse < 2.0, "{rmse}");
    let graph = fitted.model.network.graph.to_string();
    for part in ["periodic.frequency", "piecewise.mix", "front_scale.s", "hidden1.a", "mish"] {
        assert!(graph.contains(part), "no {part}");
    }
    let values = fitted.model.predict(&table, 1).unwrap().values;
    assert!(values.iter().all(|v| (6.01..=43.1).contains(v)));
}

#[test]
fn a_bag_averages_its_members_and_does_not_depend_on_threads() {
    let table = penguins();
    let options = FitOptions { bag: Some(3), ..options("species", "best", 12) };
    let one = train(&table, &options, 1);
    let three = train(&table, &options, 3);
    assert_eq!(one.model.hash(), three.model.hash());
    assert!(one.model.to_bytes().unwrap() == three.model.to_bytes().unwrap(), "the history, too");
    // The layers of the first network stand for all.
    let seen: Vec<&str> = one.model.history[0].layers.iter().map(|layer| layer.name.as_str()).collect();
    assert_eq!(seen, ["periodic", "piecewise", "front_scale", "hidden1", "hidden2", "hidden3", "output"]);
    assert!(one.report.stages.iter().all(|(_, seconds)| *seconds > 0.0) && one.report.stages.len() == 5);
    // Every row is judged by the member that has not learnt from it.
    assert!(one.validation_metrics.as_ref().unwrap().get("accuracy").unwrap() > 0.95);
    assert_eq!(one.model.network.outputs(), 9);
    assert!(one.model.network.weights.contains_key("member3.output.W"));
    let predictions = one.model.predict(&table, 2).unwrap();
    let sums = predictions.values.chunks_exact(3).map(|p| p.iter().sum::<f64>());
    assert!(sums.fold(0.0, |worst: f64, sum| worst.max((sum - 1.0).abs())) < 1e-6);
}

/// A bag of three that is asked to stop in an epoch, counted over all networks.
fn stopped_in(table: &Table, epoch: usize) -> Fitted {
    const EPOCHS: usize = 2000;
    let flag = Arc::new(AtomicBool::new(epoch == 0));
    let given = FitOptions { bag: Some(3), hidden: Some("4".into()), ..options("species", "fast", EPOCHS) };
    let prepared = prepare(table, &FitOptions { patience: Some(0), batch_size: Some("full".into()), ..given }).unwrap();
    let mut observe = |e: &Epoch| flag.store(e.epoch >= epoch, Ordering::Relaxed);
    let interrupt = Some(Arc::clone(&flag));
    prepared.train(Watcher { threads: 1, interrupt, profile: false, observe: &mut observe }).unwrap()
}

#[test]
fn a_bag_that_is_stopped_keeps_the_networks_that_are_done() {
    let table = penguins();
    let fitted = stopped_in(&table, 2001);
    assert_eq!(fitted.report.stop.name(), "interrupted");
    let kept: Vec<usize> = fitted.model.manifest.bag.iter().map(|kept| kept.fold).collect();
    assert_eq!(kept, [0]);
    assert_eq!(fitted.model.networks(), 1);
    assert!(fitted.decisions.contains(&"training was stopped: 1 of 3 networks are kept".to_string()));
    assert!(fitted.validation_metrics.unwrap().get("accuracy").unwrap() > 0.9);
    // It has learnt from the rows of the other folds.
    let rows = fitted.model.held_out(&table.identified()).unwrap().unwrap();
    assert!((113..=116).contains(&rows.len()), "{}", rows.len());
    // If none is done, the one that has begun is all there is.
    let fitted = stopped_in(&table, 0);
    assert_eq!((fitted.model.networks(), fitted.model.manifest.bag[0].fold), (1, 0));
}

#[test]
fn the_time_of_a_bag_is_that_of_all_its_networks() {
    let given = FitOptions { bag: Some(3), hidden: Some("4".into()), ..options("species", "fast", 1_000_000) };
    let fitted = train(&penguins(), &FitOptions { patience: Some(0), time_budget: Some(0.2), ..given }, 1);
    assert_eq!(fitted.report.stop.to_string(), "the time budget of 0.2 s is used up");
    assert_eq!(fitted.model.networks(), 1);
}

#[test]
fn a_bag_of_plain_networks_predicts_numbers_and_two_classes() {
    let bag = Some(2);
    let energy = energy();
    let fitted = train(&energy, &FitOptions { bag, ..options("heating_load", "fast", 30) }, 2);
    assert!(fitted.validation_metrics.as_ref().unwrap().get("rmse").unwrap() < 3.0);
    let sexes = penguins();
    let fitted = train(&sexes, &FitOptions { bag, calibrate: Some(true), ..options("sex", "fast", 30) }, 1);
    assert!(fitted.validation_metrics.as_ref().unwrap().get("accuracy").unwrap() > 0.8);
    assert_eq!(fitted.model.predict(&sexes, 1).unwrap().values.len(), 2 * sexes.rows());
}

#[test]
fn a_bagged_model_is_saved_and_read_back() {
    let table = penguins();
    let fitted = train(&table, &FitOptions { bag: Some(2), ..options("species", "best", 4) }, 1);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bag.backpass");
    fitted.model.save(&path, false).unwrap();
    let read = backpass_tabular::Model::load(&path).unwrap();
    assert_eq!(read.hash(), fitted.model.hash());
    assert_eq!(read.predict(&table, 1).unwrap().values, fitted.model.predict(&table, 1).unwrap().values);
}
