//! Rows: too few, twice, of few classes, of extreme targets.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::doctor::{Fault, Finding, Rows, Severity, percent};
use crate::fit_error::FitError;
use crate::schema::{ColumnSchema, Kind};
use crate::table::Table;

/// Above this share of validation rows that training saw, what validation says is no longer about new rows.
const MOST_TWICE: f64 = 0.05;

/// Equal rows are no surprise where columns drawn independently make a share of at least a tenth of what was found.
const BY_CHANCE: f64 = 0.1;

/// A class is rare if it has less than this part of an even share of the rows.
const RARE: f64 = 0.2;

/// The target has a heavy tail if the hundredth of the rows farthest from its mean holds this share of its variance; of
/// normal numbers it holds 0.08.
const TAIL: f64 = 0.5;

/// With fewer rows the standard error of an accuracy reaches 11 %.
const FEWEST_VALIDATION: usize = 20;

/// `ids` are inputs that name the rows.
pub(super) fn check(rows: &Rows, ids: &[String]) -> Result<Vec<Finding>, FitError> {
    let targets = rows.targets(&rows.train)?;
    let alone = targets.first().and_then(|(_, targets)| imbalance(rows, targets));
    let tails = targets.iter().filter_map(|(name, targets)| heavy_tail(rows, name, targets));
    let found = twice(rows, ids)?.into_iter().chain(alone).chain(tails).chain(too_few(rows));
    Ok(found.collect())
}

/// Validation rows that equal a training row in all inputs but those that name it, all texts and the target.
fn twice(rows: &Rows, ids: &[String]) -> Result<Option<Finding>, FitError> {
    let Some(validation) = &rows.validation else { return Ok(None) };
    let is_said = |column: &&ColumnSchema| column.kind.is_input() || matches!(column.kind, Kind::Text);
    let compared = rows.columns().filter(is_said).filter(|column| !ids.contains(&column.name));
    let names: Vec<&str> =
        compared.map(|c| c.name.as_str()).chain(rows.target.columns.iter().map(String::as_str)).collect();
    let known: HashSet<u64> = hashes(&rows.train, &names)?.into_iter().collect();
    let all = validation.rows() as f64;
    let twice = hashes(validation, &names)?.iter().filter(|hash| known.contains(hash)).count() as f64;
    let mut chance = rows.train.rows() as f64;
    for name in &names {
        let mut counts: HashMap<u64, f64> = HashMap::new();
        hashes(&rows.all, &[name])?.into_iter().for_each(|hash| *counts.entry(hash).or_default() += 1.0);
        chance *= counts.values().map(|count| (count / rows.all.rows() as f64).powi(2)).sum::<f64>();
    }
    let share = twice / all;
    if twice < 2.0 || share < MOST_TWICE || chance > BY_CHANCE * share {
        return Ok(None);
    }
    let evidence = format!("{twice} of {all} validation rows ({}) are among the training rows", percent(share));
    let advice = "remove the copies, or keep rows of one origin together with --split group=COL";
    let finding = Finding::new(Fault::DuplicateRows, Severity::Serious, "", evidence, advice);
    Ok(Some(finding.numbers([("rows", twice), ("share", share), ("by_chance", chance)])))
}

/// A hash of the named cells of every row.
fn hashes(table: &Table, names: &[&str]) -> Result<Vec<u64>, FitError> {
    let mut hashers = vec![DefaultHasher::new(); table.rows()];
    for name in names {
        let cells = &table.column(name)?.cells;
        hashers.iter_mut().enumerate().for_each(|(row, hasher)| cells.text(row).trim().hash(hasher));
    }
    Ok(hashers.iter().map(Hasher::finish).collect())
}

fn imbalance(rows: &Rows, targets: &[f64]) -> Option<Finding> {
    let classes = rows.target.task.classes();
    let count = |class: usize| targets.iter().filter(|target| **target == class as f64).count();
    let counts: Vec<usize> = (0..classes.len()).map(count).collect();
    let rarest = (0..classes.len()).min_by_key(|&class| counts[class])?;
    let share = counts[rarest] as f64 / targets.len() as f64;
    if rows.options.class_weight.is_some() || share * classes.len() as f64 >= RARE {
        return None;
    }
    let most = counts.iter().copied().max().unwrap_or(0) as f64 / targets.len() as f64;
    let evidence = format!(
        "{} of {} training rows ({}) are of class {}; always naming the most frequent class has accuracy {most:.3}",
        counts[rarest],
        targets.len(),
        percent(share),
        classes[rarest],
    );
    let advice =
        "judge by balanced_accuracy or average_precision; --class-weight balanced if the rare class matters as much";
    let finding = Finding::new(Fault::ClassImbalance, Severity::Warning, &rows.target.name(), evidence, advice);
    Some(finding.numbers([("share", share), ("majority", most)]))
}

fn heavy_tail(rows: &Rows, name: &str, targets: &[f64]) -> Option<Finding> {
    let squared = rows.options.loss.as_deref() == Some("squared");
    if !rows.target.task.classes().is_empty() || !squared || targets.len() < 50 {
        return None;
    }
    let mean = targets.iter().sum::<f64>() / targets.len() as f64;
    let mut squares: Vec<f64> = targets.iter().map(|y| (y - mean).powi(2)).collect();
    squares.sort_unstable_by(|a, b| b.total_cmp(a));
    let few = targets.len().div_ceil(100);
    let share = squares[..few].iter().sum::<f64>() / squares.iter().sum::<f64>();
    if share <= TAIL {
        return None;
    }
    let evidence = format!("{few} of {} training rows hold {} of the target's variance", targets.len(), percent(share));
    let advice =
        "look at these rows; --loss huber if they are errors, the logarithm as target if sizes differ by factors";
    let finding = Finding::new(Fault::HeavyTail, Severity::Warning, name, evidence, advice);
    Some(finding.numbers([("rows", few as f64), ("share", share)]))
}

fn too_few(rows: &Rows) -> Option<Finding> {
    let levels = |kind: &Kind| if let Kind::Category { levels } = kind { levels.len() } else { 1 };
    let most = rows.options.max_levels.unwrap_or(usize::MAX);
    let features: usize = rows.inputs().map(|column| levels(&column.kind).min(most)).sum();
    let train = rows.train.rows();
    let (evidence, advice) = if train <= features {
        let evidence =
            format!("{train} rows to learn from, {features} features: even a straight line can pass through all");
        (evidence, "collect more rows, or leave out columns with --drop")
    } else if let Some(few) = rows.judged.filter(|n| *n < FEWEST_VALIDATION) {
        let error = percent(0.5 / (few as f64).sqrt());
        (
            format!("{few} rows to validate on: an accuracy has a standard error of up to {error}"),
            "collect more rows, or validate on more with --validation 0.4",
        )
    } else {
        return None;
    };
    let validation = rows.judged.unwrap_or(0) as f64;
    let finding = Finding::new(Fault::TooFewRows, Severity::Warning, "", evidence, advice);
    Some(finding.numbers([("train", train as f64), ("validation", validation), ("features", features as f64)]))
}
