//! Properties of splits.

use backpass_tabular::{Split, Strategy, folds, holdout};
use proptest::prelude::*;

/// SplitMix64, reduced to integers below a bound.
fn random(mut seed: u64) -> impl FnMut(u64) -> u64 {
    move |below| {
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }
}

fn is_partition(split: &Split, rows: u32) -> bool {
    let mut all = [&split.train[..], &split.validation[..]].concat();
    all.sort_unstable();
    all == (0..rows).collect::<Vec<_>>()
}

fn is_disjoint(split: &Split, groups: &[u32]) -> bool {
    let group = |row: &u32| groups[*row as usize];
    let train: Vec<u32> = split.train.iter().map(group).collect();
    !split.validation.iter().any(|row| train.contains(&group(row)))
}

proptest! {
    #[test]
    fn holdouts(
        values in prop::collection::vec(0..5u32, 2..200),
        share in 0.01..0.99f64,
        seed in any::<u64>(),
    ) {
        let rows = values.len() as u32;
        let wanted = ((f64::from(rows) * share).round() as u32).clamp(1, rows - 1) as usize;
        for strategy in [Strategy::Random, Strategy::Ordered, Strategy::Stratified(&values)] {
            let split = holdout(rows, share, strategy, &mut random(seed)).unwrap();
            prop_assert!(is_partition(&split, rows));
            prop_assert_eq!(split.validation.len(), wanted);
            let again = holdout(rows, share, strategy, &mut random(seed)).unwrap();
            prop_assert_eq!(&again, &split);
            if let Strategy::Stratified(_) = strategy {
                for class in 0..5 {
                    let of_class = |row: &&u32| values[**row as usize] == class;
                    let all = values.iter().filter(|value| **value == class).count() as f64;
                    let held = split.validation.iter().filter(of_class).count() as f64;
                    prop_assert!((held - all * wanted as f64 / f64::from(rows)).abs() <= 1.0);
                }
            }
        }
        match holdout(rows, share, Strategy::Grouped(&values), &mut random(seed)) {
            Ok(split) => {
                prop_assert!(is_partition(&split, rows));
                prop_assert!(is_disjoint(&split, &values));
                prop_assert!(!split.validation.is_empty() && !split.train.is_empty());
            }
            Err(_) => prop_assert!(values.iter().all(|value| *value == values[0])),
        }
    }

    #[test]
    fn all_folds(
        values in prop::collection::vec(0..8u32, 10..120),
        parts in 2..6u32,
        seed in any::<u64>(),
    ) {
        let rows = values.len() as u32;
        for strategy in [Strategy::Random, Strategy::Stratified(&values), Strategy::Grouped(&values)] {
            let Ok(splits) = folds(rows, parts, strategy, &mut random(seed)) else {
                prop_assert!(matches!(strategy, Strategy::Grouped(_)));
                continue;
            };
            let judged: Vec<u32> = splits.iter().flat_map(|split| split.validation.clone()).collect();
            let judged = Split { validation: judged, ..Split::default() };
            prop_assert!(is_partition(&judged, rows));
            for split in &splits {
                prop_assert!(is_partition(split, rows));
                prop_assert!(!split.validation.is_empty());
                match strategy {
                    Strategy::Grouped(_) => prop_assert!(is_disjoint(split, &values)),
                    _ => prop_assert!(split.validation.len() as u32 - rows / parts <= 1),
                }
            }
        }
        let splits = folds(rows, parts, Strategy::Ordered, &mut random(seed)).unwrap();
        prop_assert_eq!(splits.len() as u32, parts);
        for split in splits {
            let end = split.train.len() as u32;
            prop_assert!(end > 0 && !split.validation.is_empty());
            prop_assert_eq!(split.train, (0..end).collect::<Vec<_>>());
            prop_assert_eq!(split.validation[0], end);
        }
    }
}

#[test]
fn impossible_splits_are_refused() {
    let mut random = random(1);
    for share in [0.0, 1.0, -1.0, f64::NAN] {
        assert!(holdout(10, share, Strategy::Random, &mut random).is_err());
    }
    assert!(holdout(1, 0.5, Strategy::Random, &mut random).is_err());
    assert!(holdout(3, 0.5, Strategy::Stratified(&[1]), &mut random).is_err());
    assert!(folds(3, 4, Strategy::Random, &mut random).is_err());
    assert!(folds(3, 1, Strategy::Random, &mut random).is_err());
    assert!(folds(4, 3, Strategy::Grouped(&[1, 1, 2, 2]), &mut random).is_err());
    assert!(folds(3, 3, Strategy::Ordered, &mut random).is_err());
}

#[test]
fn seeds_differ() {
    let split = |seed| holdout(100, 0.2, Strategy::Random, &mut random(seed)).unwrap();
    assert_ne!(split(1), split(2));
}
