//! Splits rows into parts to learn from and parts to judge by.

use crate::error::{Result, TableError};

/// Two disjoint sets of rows, each in ascending order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// The rows to learn from.
    pub train: Vec<u32>,
    /// The rows to judge by.
    pub validation: Vec<u32>,
}

/// How rows are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy<'a> {
    /// By chance.
    Random,
    /// By chance, every class in proportion; the classes of the rows.
    Stratified(&'a [u32]),
    /// By chance, all rows of a group on the same side; the groups of the rows.
    Grouped(&'a [u32]),
    /// In order: what is learnt from always comes before what it is judged by.
    Ordered,
}

/// Sets a share of the `rows` aside for validation: at least one row and not all of them.
///
/// `random` returns a uniform integer below its argument.
pub fn holdout(rows: u32, share: f64, strategy: Strategy<'_>, random: &mut dyn FnMut(u64) -> u64) -> Result<Split> {
    if !(share > 0.0 && share < 1.0) {
        return Err(TableError::Share { share });
    }
    let too_few = |groups| TableError::TooFewToSplit { rows: rows as usize, groups, parts: 2 };
    if rows < 2 {
        return Err(too_few(rows as usize));
    }
    let wanted = ((f64::from(rows) * share).round() as u32).clamp(1, rows - 1);
    let validation: Vec<u32> = match strategy {
        Strategy::Ordered => (rows - wanted..rows).collect(),
        Strategy::Grouped(groups) => {
            let groups = shuffled_groups(rows, groups, random)?;
            // The first group stays for training; of the others those that bring the share closer.
            let others = &groups[1..];
            let smallest = others.iter().min_by_key(|group| group.len());
            let smallest = smallest.ok_or_else(|| too_few(groups.len()))?;
            let mut chosen: Vec<u32> = Vec::new();
            for group in others {
                if group.len() < 2 * (wanted as usize).saturating_sub(chosen.len()) {
                    chosen.extend(group);
                }
            }
            if chosen.is_empty() {
                chosen.clone_from(smallest);
            }
            chosen
        }
        Strategy::Random | Strategy::Stratified(_) => {
            // Every so many rows of a shuffled list, so of every stretch of equal classes.
            let order = shuffled_rows(rows, strategy, random)?;
            let chosen = |at: u64| at * u64::from(wanted) / u64::from(rows);
            (0..).zip(order).filter(|&(at, _)| chosen(at) != chosen(at + 1)).map(|(_, row)| row).collect()
        }
    };
    Ok(complement(rows, validation))
}

/// Splits the `rows` into `parts` so that every row is judged once by a network that has not
/// learnt from it. If the rows are [`Strategy::Ordered`], the first of `parts + 1` blocks is only
/// learnt from, and every other block is judged by what was learnt from all blocks before it.
pub fn folds(rows: u32, parts: u32, strategy: Strategy<'_>, random: &mut dyn FnMut(u64) -> u64) -> Result<Vec<Split>> {
    let too_few = |groups| TableError::TooFewToSplit { rows: rows as usize, groups, parts: parts as usize };
    if let Strategy::Ordered = strategy {
        if parts < 1 || rows <= parts {
            return Err(too_few(rows as usize));
        }
        let start = |block: u32| (u64::from(rows) * u64::from(block) / (u64::from(parts) + 1)) as u32;
        let split = |block| Split {
            train: (0..start(block)).collect(),
            validation: (start(block)..start(block + 1)).collect(),
        };
        return Ok((1..=parts).map(split).collect());
    }
    if parts < 2 || rows < parts {
        return Err(too_few(rows as usize));
    }
    let mut validations = vec![Vec::new(); parts as usize];
    if let Strategy::Grouped(groups) = strategy {
        let mut groups = shuffled_groups(rows, groups, random)?;
        if groups.len() < parts as usize {
            return Err(too_few(groups.len()));
        }
        groups.sort_by_key(|group| std::cmp::Reverse(group.len()));
        for group in groups {
            if let Some(smallest) = validations.iter_mut().min_by_key(|part| part.len()) {
                smallest.extend(group);
            }
        }
    } else {
        let order = shuffled_rows(rows, strategy, random)?;
        for (at, row) in order.into_iter().enumerate() {
            validations[at % parts as usize].push(row);
        }
    }
    Ok(validations.into_iter().map(|validation| complement(rows, validation)).collect())
}

/// The rows by chance, rows of equal class next to each other if the split is stratified.
fn shuffled_rows(rows: u32, strategy: Strategy<'_>, random: &mut dyn FnMut(u64) -> u64) -> Result<Vec<u32>> {
    let mut order: Vec<u32> = (0..rows).collect();
    shuffle(&mut order, random);
    if let Strategy::Stratified(classes) = strategy {
        check(rows, classes)?;
        order.sort_by_key(|&row| classes[row as usize]);
    }
    Ok(order)
}

/// The rows of every group, the groups by chance.
fn shuffled_groups(rows: u32, groups: &[u32], random: &mut dyn FnMut(u64) -> u64) -> Result<Vec<Vec<u32>>> {
    check(rows, groups)?;
    let mut order: Vec<u32> = (0..rows).collect();
    order.sort_by_key(|&row| groups[row as usize]);
    let same = |a: &u32, b: &u32| groups[*a as usize] == groups[*b as usize];
    let mut members: Vec<Vec<u32>> = order.chunk_by(same).map(<[u32]>::to_vec).collect();
    shuffle(&mut members, random);
    Ok(members)
}

fn check(rows: u32, values: &[u32]) -> Result<()> {
    if values.len() == rows as usize {
        return Ok(());
    }
    let what = "classes or groups to split by";
    Err(TableError::Length { what, found: values.len(), expected: rows as usize })
}

/// Fisher and Yates.
fn shuffle<T>(items: &mut [T], random: &mut dyn FnMut(u64) -> u64) {
    for end in (1..items.len()).rev() {
        let other = random(end as u64 + 1) as usize;
        items.swap(end, other.min(end));
    }
}

fn complement(rows: u32, mut validation: Vec<u32>) -> Split {
    validation.sort_unstable();
    let mut next = validation.iter().copied().peekable();
    let train = (0..rows).filter(|row| next.next_if_eq(row).is_none()).collect();
    Split { train, validation }
}
