//! Columns that give the target away, name the rows, or say nothing.

use backpass_kernels::philox::Stream;

use crate::doctor::{Change, Fault, Finding, Rows, Severity, percent};
use crate::features::number_column;
use crate::fit_error::FitError;
use crate::options::FitOptions;
use crate::schema::{ColumnSchema, Kind, Level};
use crate::split::{Split, Strategy, folds};
use crate::table::Table;

/// Rows that relations are looked for in.
const MOST_ROWS: usize = 4000;

/// A column gives a class away if, with 95 % confidence, it leaves no more than this share of the errors that always
/// naming the most frequent class makes.
const ERRORS_LEFT: f64 = 0.05;

/// A column gives a number away if it leaves no more than this share of the variance: a correlation of 0.999.
const VARIANCE_LEFT: f64 = 0.002;

/// Measured integers are all different by chance less often than this, or they are no measurements.
const BY_CHANCE: f64 = 1e-6;

/// Rows from which on a lack of relation can be seen.
const ENOUGH: usize = 100;

/// The share of different values in a column that names the rows, some of which may be there twice.
const NEARLY_ALL: f64 = 0.95;

/// Between these lies the largest distance of uniform random numbers' distribution from a straight line, times the root of
/// their number, in 98.7 of 100 cases (Kolmogorov). Measured ones are rarely as even, those of regular steps more even.
const EVEN: std::ops::Range<f64> = 0.4..1.63;

/// Parts of the rows in the order of a column, few for a trend and more for other relations.
const PARTS: [usize; 2] = [3, 12];

/// How often targets are dealt out anew, and in how many of these cases they may differ as much between the parts without
/// any relation.
const DEALS: usize = 500;
const RELATED: usize = DEALS / 100;

/// Reasons that are told of columns set aside for the same fault.
const MOST_REASONS: usize = 5;

pub(super) fn check(rows: &Rows) -> Result<Vec<Finding>, FitError> {
    let mut findings = leaks(rows)?;
    for column in rows.columns() {
        findings.extend(identifier(rows, column)?);
    }
    findings.extend(set_aside(rows, Fault::IdColumn, &Kind::Identifier));
    findings.extend(set_aside(rows, Fault::ConstantColumn, &Kind::Constant));
    Ok(findings)
}

/// The columns of a kind that training does not use.
fn set_aside(rows: &Rows, fault: Fault, kind: &Kind) -> Option<Finding> {
    let columns: Vec<&ColumnSchema> = rows.columns().filter(|column| column.kind == *kind).collect();
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let mut reasons: Vec<&str> = columns.iter().map(|column| column.reason.as_str()).collect();
    reasons.dedup();
    let more = if reasons.len() > MOST_REASONS { "; …" } else { "" };
    reasons.truncate(MOST_REASONS);
    let evidence = format!("{} of {} columns: {}{more}", names.len(), rows.columns().count(), reasons.join("; "));
    let advice = "nothing: training sets them aside";
    let finding = Finding::new(fault, Severity::Note, &names.join(", "), evidence, advice);
    (!names.is_empty()).then(|| finding.numbers([("columns", names.len() as f64)]))
}

/// Whole numbers that are all different in a range where drawing them at random would make equal ones (the birthday
/// problem; unequal probabilities make equal ones likelier still); or nearly all different, spread as evenly as random
/// numbers that are given out, and of no relation to the target.
fn identifier(rows: &Rows, column: &ColumnSchema) -> Result<Option<Finding>, FitError> {
    let n = rows.all.rows() as f64;
    let lone = rows.inputs().count() < 2;
    if lone || !matches!(column.kind, Kind::Number { .. }) {
        return Ok(None);
    }
    let mut values = number_column(&rows.all, &rows.schema, &column.name)?;
    values.sort_unstable_by(f64::total_cmp);
    let (Some(first), Some(last)) = (values.first(), values.last()) else { return Ok(None) };
    let whole = values.iter().all(|v| v.fract() == 0.0);
    let distinct = 1.0 + values.windows(2).filter(|pair| pair[0] < pair[1]).count() as f64;
    let range = last - first + 1.0;
    let chance = (-n * (n - 1.0) / (2.0 * range)).exp();
    let too_different = distinct == n && chance <= BY_CHANCE;
    let given_out = || distinct >= NEARLY_ALL * n && EVEN.contains(&unevenness(&values));
    let related = if !whole || too_different { false } else { !given_out() || is_related(rows, column)? };
    if !whole || related {
        return Ok(None);
    }
    let unrelated = if too_different { "" } else { ", evenly spread and without relation to the target" };
    let evidence = format!("{n} rows hold {distinct} different whole numbers from {first} to {last}{unrelated}");
    let advice = format!("leave it out with --drop {} if it names the row", column.name);
    let finding = Finding::new(Fault::IdColumn, Severity::Warning, &column.name, evidence, advice);
    Ok(Some(finding.numbers([("distinct", distinct), ("range", range), ("chance", chance)])))
}

/// The largest distance of the distribution of ascending values from a straight line, times the root of their number.
fn unevenness(values: &[f64]) -> f64 {
    let (n, first, range) = (values.len() as f64, values[0], values[values.len() - 1] - values[0]);
    let distance = |(at, value): (usize, &f64)| {
        let share = (value - first) / range;
        (share - at as f64 / n).abs().max((share - (at + 1) as f64 / n).abs())
    };
    values.iter().enumerate().map(distance).fold(0.0, f64::max) * n.sqrt()
}

/// Whether a target differs between parts of the rows in a column's order more than one that is dealt out at random; also
/// where the rows are too few to tell.
fn is_related(rows: &Rows, column: &ColumnSchema) -> Result<bool, FitError> {
    let sample = &sample(rows);
    if sample.rows() < ENOUGH {
        return Ok(true);
    }
    let (values, _) = column_values(rows, sample, column)?;
    let mut order: Vec<u32> = (0..sample.rows() as u32).collect();
    order.sort_by(|a, b| values[*a as usize].total_cmp(&values[*b as usize]));
    let mut random = Stream::new(rows.options.seed.unwrap_or(0), 1);
    Ok(rows.targets(sample)?.iter().any(|(_, targets)| {
        let compared = if rows.target.is_number() { vec![ranks(targets)] } else { indicators(targets) };
        let seen = PARTS.map(|parts| between(&compared, &order, parts));
        let mut as_large = [0; PARTS.len()];
        let mut dealt = order.clone();
        for _ in 0..DEALS {
            random.shuffle(&mut dealt);
            for ((count, seen), parts) in as_large.iter_mut().zip(seen).zip(PARTS) {
                *count += usize::from(between(&compared, &dealt, parts) >= seen);
            }
        }
        as_large.iter().any(|count| *count < RELATED)
    }))
}

/// How much the means of values differ between parts of the rows, but for a constant.
fn between(compared: &[Vec<f64>], order: &[u32], parts: usize) -> f64 {
    let of_part = |part: &[u32]| {
        let square = |values: &Vec<f64>| part.iter().map(|row| values[*row as usize]).sum::<f64>().powi(2);
        compared.iter().map(square).sum::<f64>() / part.len() as f64
    };
    order.chunks(order.len().div_ceil(parts)).map(of_part).sum()
}

/// How many values are smaller, for each.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    values.iter().map(|value| sorted.partition_point(|other| other < value) as f64).collect()
}

/// For each class that occurs whether a row is of it, so scaled that their sum of squares is that of the χ² test.
fn indicators(classes: &[f64]) -> Vec<Vec<f64>> {
    let mut known = classes.to_vec();
    known.sort_unstable_by(f64::total_cmp);
    let of = |class: &[f64]| {
        let scale = (class.len() as f64).sqrt().recip();
        classes.iter().map(|other| if *other == class[0] { scale } else { 0.0 }).collect()
    };
    known.chunk_by(|a, b| a == b).map(of).collect()
}

/// Rows that are enough to look for relations, evenly spread.
fn sample(rows: &Rows) -> Table {
    let every = rows.all.rows().div_ceil(MOST_ROWS).max(1);
    rows.all.select_rows(&(0..rows.all.rows() as u32).step_by(every).collect::<Vec<_>>())
}

/// Columns that alone predict rows that were held out, in five folds. Of a single column nothing can be said: that it
/// predicts the target may be just what it is for.
fn leaks(rows: &Rows) -> Result<Vec<Finding>, FitError> {
    let sample = &sample(rows);
    let n = sample.rows();
    let mut random = Stream::new(rows.options.seed.unwrap_or(0), 0);
    if n < 10 || rows.inputs().count() < 2 {
        return Ok(Vec::new());
    }
    let folds = folds(n as u32, 5, Strategy::Random, &mut |below| random.below(below))?;
    let targets = rows.targets(sample)?;
    let is_class = !rows.target.is_number();
    let plain = |targets: &[f64]| match is_class {
        true => n as f64 - mode(&mut targets.to_vec()).1 as f64,
        false => {
            let mean = mean(targets);
            targets.iter().map(|y| (y - mean).powi(2)).sum()
        }
    };
    let mut findings = Vec::new();
    for column in rows.inputs() {
        let (values, ordered) = column_values(rows, sample, column)?;
        let find = |(name, targets): &(&str, Vec<f64>)| {
            let (left, plain) = (left_by(&values, ordered, targets, is_class, &folds), plain(targets));
            // The rule of three: what was seen so many times may be three more.
            let (gives_away, evidence) = if is_class {
                let right = n as f64 - left;
                (left + 3.0 <= ERRORS_LEFT * plain, format!("alone it names the class of {right} of {n} held-out rows"))
            } else {
                let share = percent(1.0 - left / plain);
                let of = if rows.target.columns.len() == 1 { String::new() } else { format!(" of `{name}`") };
                (
                    left <= VARIANCE_LEFT * plain,
                    format!("alone it explains {share} of the variance{of} of held-out rows"),
                )
            };
            let name = &column.name;
            let advice = format!("leave it out with --drop {name}, unless it is known before the target is");
            let finding = Finding::new(Fault::Leak, Severity::Serious, name, evidence, advice);
            gives_away.then(|| finding.numbers([("left", left), ("without", plain), ("rows", n as f64)]))
        };
        findings.extend(targets.iter().find_map(find));
    }
    // One alone would leave what the others give away.
    let leaks: Vec<String> = findings.iter().map(|finding| finding.place.clone()).collect();
    let text = leaks.iter().map(|name| format!("--drop {name}")).collect::<Vec<_>>().join(" ");
    let drop = rows.options.drop.iter().chain(&leaks).cloned().collect();
    let change = Change::new(&rows.options, text, FitOptions { drop, ..FitOptions::default() });
    let others = rows.inputs().count() > leaks.len();
    Ok(findings.into_iter().map(|f| if others { f.cured_by(change.clone()) } else { f }).collect())
}

/// What a column alone leaves of the errors, or of the squared ones, on the rows of each fold that it is not learnt from.
fn left_by(values: &[f64], ordered: bool, targets: &[f64], is_class: bool, folds: &[Split]) -> f64 {
    let of_fold = |fold: &Split| {
        let known = Known::of(&fold.train, values, targets, is_class);
        let left = |&row: &u32| {
            let (value, target) = (values[row as usize], targets[row as usize]);
            match is_class {
                true => f64::from(known.nearest(value, ordered) != target),
                false => (known.between(value, ordered) - target).powi(2),
            }
        };
        fold.validation.iter().map(left).sum::<f64>()
    };
    folds.iter().map(of_fold).sum()
}

/// A column's cells as numbers, NaN where missing, and whether their order means anything.
fn column_values(rows: &Rows, table: &Table, column: &ColumnSchema) -> Result<(Vec<f64>, bool), FitError> {
    let Kind::Category { levels } = &column.kind else {
        return Ok((number_column(table, &rows.schema, &column.name)?, true));
    };
    let levels = rows.schema.to_levels(table, &column.name, levels)?;
    let number = |level| if let Level::Known(level) = level { f64::from(level) } else { f64::NAN };
    Ok((levels.into_iter().map(number).collect(), false))
}

/// What is predicted for each value of a column: the mean of the targets, or the most frequent class. Missing cells are
/// the last value.
struct Known(Vec<(f64, f64)>);

impl Known {
    fn of(rows: &[u32], values: &[f64], targets: &[f64], is_class: bool) -> Known {
        let mut pairs: Vec<(f64, f64)> =
            rows.iter().map(|&row| (values[row as usize], targets[row as usize])).collect();
        pairs.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let equal = pairs.chunk_by(|a, b| a.0 == b.0 || a.0.is_nan() && b.0.is_nan());
        let predict = |equal: &[(f64, f64)]| {
            let mut targets: Vec<f64> = equal.iter().map(|pair| pair.1).collect();
            (equal[0].0, if is_class { mode(&mut targets).0 } else { mean(&targets) })
        };
        Known(equal.map(predict).collect())
    }

    /// The values at or below and at or above a value.
    fn around(&self, value: f64, ordered: bool) -> Option<[&(f64, f64); 2]> {
        let at = self.0.partition_point(|known| known.0.total_cmp(&value).is_lt());
        match self.0.get(at) {
            Some(known) if known.0 == value || known.0.is_nan() && value.is_nan() => Some([known, known]),
            _ if !ordered || value.is_nan() => None,
            above => {
                let above = above.filter(|known| !known.0.is_nan());
                let below = at.checked_sub(1).map(|below| &self.0[below]);
                Some([below.or(above)?, above.or(below)?])
            }
        }
    }

    /// What the nearest value predicts; NaN if none is near.
    fn nearest(&self, value: f64, ordered: bool) -> f64 {
        let around = self.around(value, ordered);
        around.map_or(f64::NAN, |[below, above]| if value - below.0 <= above.0 - value { below.1 } else { above.1 })
    }

    /// What the straight line between the neighbouring values predicts, or the mean of all.
    fn between(&self, value: f64, ordered: bool) -> f64 {
        match self.around(value, ordered) {
            Some([below, above]) if above.0 > below.0 => {
                below.1 + (above.1 - below.1) * (value - below.0) / (above.0 - below.0)
            }
            Some([below, _]) => below.1,
            None => mean(&self.0.iter().map(|known| known.1).collect::<Vec<_>>()),
        }
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// The most frequent value, the smallest of equals, and how often it occurs.
fn mode(values: &mut [f64]) -> (f64, usize) {
    values.sort_unstable_by(f64::total_cmp);
    let runs = values.chunk_by(|a, b| a == b).map(|run| (run[0], run.len()));
    runs.fold((f64::NAN, 0), |best, run| if run.1 > best.1 { run } else { best })
}
