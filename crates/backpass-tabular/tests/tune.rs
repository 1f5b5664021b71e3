//! The search for options.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use backpass_tabular::{FitOptions, ReadOptions, Search, Space, Table, Trial, TuneError, TuneOptions, fit, read, tune};

/// Half of the learning rates cannot learn anything in a few epochs.
const SPACE: &str = "learning_rate = { log = [1e-6, 0.1] }\nhidden = [\"4\", \"8\", \"16\"]";

fn penguins() -> Table {
    read("../../data/penguins.csv", &ReadOptions::default()).unwrap()
}

fn given() -> FitOptions {
    FitOptions { preset: Some("fast".to_string()), epochs: Some(8), ..FitOptions::new("species") }
}

fn how(trials: usize, journal: Option<&Path>) -> TuneOptions {
    let space = Space::parse(SPACE).unwrap();
    let journal = journal.map(Path::to_path_buf);
    TuneOptions { space, trials: Some(trials), rungs: 3, eta: 2, metric: None, journal, threads: 1 }
}

/// A search that is asked to stop after so many trainings, and those trainings.
fn search_until(how: &TuneOptions, most: usize) -> Result<(Search, Vec<Trial>), TuneError> {
    let (stop, mut seen) = (Arc::new(AtomicBool::new(most == 0)), Vec::new());
    let search = tune(&penguins(), &given(), how, &stop, &mut |trial| {
        seen.push(trial.clone());
        stop.store(seen.len() >= most, Ordering::Relaxed);
    })?;
    Ok((search, seen))
}

fn search(how: &TuneOptions) -> (Search, Vec<Trial>) {
    search_until(how, usize::MAX).unwrap()
}

/// What does not depend on the clock.
fn timeless(search: &Search) -> Search {
    let mut search = search.clone();
    search.trials.iter_mut().for_each(|trial| trial.seconds = 0.0);
    search
}

#[test]
fn the_better_half_goes_on_at_each_rung_with_twice_the_epochs() {
    let (found, seen) = search(&how(4, None));
    assert_eq!((found.finished, found.metric, &found.rungs[..]), (true, "log_loss", &[2, 4, 8][..]));
    let at = |rung: usize| -> Vec<&Trial> { seen.iter().filter(|trial| trial.rung == rung).collect() };
    // The options as given go on in any case.
    let given = |rung: usize| at(rung).into_iter().find(|trial| trial.trial == 0).unwrap();
    let others = |rung: usize| at(rung).iter().filter(|trial| trial.trial != 0).count();
    assert_eq!(others(1), 3);
    assert!((1..=2).contains(&others(2)) && others(3) <= 1 && given(3).epochs == 8);
    for rung in [1, 2] {
        let goes_on = |trial: &&&Trial| at(rung + 1).iter().any(|later| later.trial == trial.trial);
        let (stays, leaves): (Vec<&Trial>, Vec<&Trial>) =
            at(rung).iter().filter(|trial| trial.trial != 0).partition(|trial| goes_on(trial));
        let worst = stays.iter().map(|trial| trial.score.unwrap()).fold(0.0, f64::max);
        assert!(leaves.iter().all(|trial| trial.score.unwrap() >= worst), "rung {rung}");
    }
    assert!(seen.iter().all(|trial| trial.epochs == found.rungs[trial.rung - 1]));
    assert_eq!(found.trials.len(), 4);
    assert_eq!(found.trials[0].rung, 3);
}

#[test]
fn the_score_of_the_best_is_what_a_training_with_its_options_gives() {
    let (found, _) = search(&how(4, None));
    let best = found.best().unwrap();
    let fitted = fit(&penguins(), &found.best_options().unwrap()).unwrap();
    assert_eq!(fitted.validation_metrics.unwrap().get("log_loss"), best.score);
    // Trial 0 is the options as given.
    assert!(found.trials.iter().any(|trial| trial.trial == 0 && trial.options == FitOptions::default()));
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let one = timeless(&search(&how(5, None)).0);
    for threads in [2, 3] {
        assert_eq!(timeless(&search(&TuneOptions { threads, ..how(5, None) }).0), one, "{threads} threads");
    }
}

#[test]
fn a_search_goes_on_where_it_was_stopped_or_killed() {
    let (whole, all) = search(&how(6, None));
    let (whole, all) = (timeless(&whole), all.len());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let how = how(6, Some(&path));
    let (first, seen) = search_until(&how, 3).unwrap();
    let begun = seen.len();
    assert!(!first.finished && first.trials.len() >= 3 && begun >= 3);
    // A line that was not written to its end.
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, &text[..text.len() - 5]).unwrap();
    let (second, seen) = search(&how);
    assert_eq!(timeless(&second), whole);
    assert_eq!(seen.len(), all - (begun - 1));
    // And now everything is known.
    let (third, seen) = search_until(&how, 0).unwrap();
    assert_eq!((third, seen.len()), (second, 0));
    assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 1 + all);
}

#[test]
fn the_journal_of_another_search_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let how = how(1, Some(&path));
    search(&how);
    let before = std::fs::read(&path).unwrap();
    let refused = |how: &TuneOptions, table: &Table, given: &FitOptions, part: &str| {
        let error = tune(table, given, how, &Arc::new(AtomicBool::new(false)), &mut |_| {}).unwrap_err().to_string();
        assert!(error.contains(part) && error.contains("another search"), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), before);
    };
    refused(&how, &penguins().head(300), &given(), "the rows");
    refused(&how, &penguins(), &FitOptions { seed: Some(1), ..given() }, "the options");
    let space = Space::parse("dropout = [0.1]").unwrap();
    refused(&TuneOptions { space, ..how.clone() }, &penguins(), &given(), "the spaces");
    refused(&TuneOptions { rungs: 2, ..how.clone() }, &penguins(), &given(), "the rungs");
    refused(&TuneOptions { metric: Some("accuracy".to_string()), ..how.clone() }, &penguins(), &given(), "the metrics");
    // More trials are the same search.
    assert_eq!(search(&TuneOptions { trials: Some(2), ..how.clone() }).0.trials.len(), 2);
    std::fs::write(&path, "some notes").unwrap();
    assert!(matches!(search_until(&how, 9), Err(TuneError::Line { line: 1, .. })));
    assert_eq!(std::fs::read(&path).unwrap(), b"some notes");
}

#[test]
fn what_diverges_has_no_score_and_does_not_go_on() {
    let given = FitOptions { optimizer: Some("sgd".to_string()), loss: Some("squared".to_string()), ..given() };
    let given = FitOptions { target: "body_mass_g".to_string(), ..given };
    let space = Space::parse("learning_rate = [1e30]").unwrap();
    let how = TuneOptions { space, ..how(2, None) };
    let found = tune(&penguins(), &given, &how, &Arc::new(AtomicBool::new(false)), &mut |_| {}).unwrap();
    let last = found.trials.last().unwrap();
    assert_eq!((last.trial, last.rung, last.score), (1, 1, None));
    assert_eq!(found.best().unwrap().trial, 0);
}

#[test]
fn what_is_refused_is_recorded_and_the_search_goes_on() {
    // Each can be trained with, but L-BFGS not with dropout.
    let space = Space::parse("optimizer = [\"adam\", \"lbfgs\"]\ndropout = [0.0, 0.2]").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let how = TuneOptions { space, ..how(5, Some(&path)) };
    let (found, seen) = search(&how);
    let refused: Vec<&Trial> = found.trials.iter().filter(|trial| trial.refused.is_some()).collect();
    assert!(found.finished && refused.len() == 1 && found.trials.len() == 5, "{found:?}");
    assert!(refused[0].refused.as_ref().unwrap().contains("dropout changes it"));
    assert_eq!((refused[0].rung, refused[0].score), (1, None));
    assert_eq!((&refused[0].options.optimizer, refused[0].options.dropout), (&Some("lbfgs".to_string()), Some(0.2)));
    assert!(seen.iter().any(|trial| trial.rung == 3));
    let (again, seen) = search_until(&how, 0).unwrap();
    assert_eq!((again, seen.len()), (found, 0), "the journal knows it");
}

#[test]
fn what_cannot_be_trained_is_said_before_anything_is() {
    let mistakes = [
        ("activation = [\"relu\", \"reluu\"]", given(), "--activation reluu"),
        ("loss = [\"squared\"]", given(), "--loss squared"),
        (SPACE, FitOptions { validation: Some("none".to_string()), ..given() }, "--validation"),
        (SPACE, FitOptions { time_budget: Some(1.0), ..given() }, "--time-budget"),
    ];
    for (space, given, part) in mistakes {
        let how = TuneOptions { space: Space::parse(space).unwrap(), ..how(4, None) };
        let mut seen = 0;
        let result = tune(&penguins(), &given, &how, &Arc::new(AtomicBool::new(false)), &mut |_| seen += 1);
        let error = result.unwrap_err().to_string();
        assert!(error.contains(part) && seen == 0, "{error}");
    }
}

#[test]
fn all_trials_have_the_preset_of_the_options_given() {
    let given = FitOptions { preset: None, epochs: Some(1), bag: Some(2), ..given() };
    let space = Space::parse("hidden = [\"4\"]").unwrap();
    let how = TuneOptions { space, ..how(2, None) };
    let found = tune(&penguins(), &given, &how, &Arc::new(AtomicBool::new(false)), &mut |_| {}).unwrap();
    assert_eq!(found.given.preset.as_deref(), Some("best"));
    for trial in &found.trials {
        let fitted = fit(&penguins(), &trial.options.clone().or(found.given.clone())).unwrap();
        assert_eq!(fitted.resolved.preset.as_deref(), Some("best"));
        assert_eq!(fitted.validation_metrics.unwrap().get("log_loss"), trial.score);
    }
}
