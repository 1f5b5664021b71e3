//! Metrics against values worked out by hand and against brute force.

use backpass_tabular::metrics::{METRICS, Metrics, classification, interval, metric_named, regression};
use proptest::prelude::*;

/// The probabilities of both classes from those of the second.
fn both(second: &[f64]) -> Vec<f64> {
    second.iter().flat_map(|&p| [1.0 - p, p]).collect()
}

fn assert_near(metrics: &Metrics, expected: &[(&str, f64)]) {
    let names: Vec<&str> = metrics.values.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, expected.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    for (name, value) in expected {
        let found = metrics.get(name).unwrap();
        assert!((found - value).abs() < 1e-12, "{name}: {found}, not {value}");
    }
}

#[test]
fn two_classes() {
    let targets = [0, 0, 1, 1, 1];
    let metrics = classification(&both(&[0.1, 0.4, 0.35, 0.8, 0.6]), 2, &targets, None).unwrap();
    let product: f64 = 0.9 * 0.6 * 0.35 * 0.8 * 0.6;
    assert_near(
        &metrics,
        &[
            ("accuracy", 0.8),
            ("balanced_accuracy", (1.0 + 2.0 / 3.0) / 2.0),
            ("log_loss", -product.ln() / 5.0),
            ("roc_auc", 5.0 / 6.0),
            ("average_precision", (1.0 + 1.0 + 0.75) / 3.0),
            ("f1", 0.8),
        ],
    );
    assert_eq!(metrics.confusion, Some(vec![vec![2.0, 0.0], vec![1.0, 2.0]]));
}

#[test]
fn three_classes_with_weights() {
    #[rustfmt::skip]
    let probabilities = [
        0.6, 0.3, 0.1,
        0.2, 0.5, 0.3,
        0.1, 0.3, 0.6,
        0.5, 0.3, 0.2,
    ];
    let metrics = classification(&probabilities, 3, &[0, 1, 2, 2], Some(&[1.0, 1.0, 2.0, 4.0])).unwrap();
    let loss = -(0.6f64.ln() + 0.5f64.ln() + 2.0 * 0.6f64.ln() + 4.0 * 0.2f64.ln()) / 8.0;
    assert_near(
        &metrics,
        &[
            ("accuracy", 0.5),
            ("balanced_accuracy", (1.0 + 1.0 + 1.0 / 3.0) / 3.0),
            ("log_loss", loss),
            // Class 2: of the weights 2 and 4, the 4 stands below the row of class 1.
            ("roc_auc", (1.0 + 1.0 + (2.0 * 2.0 + 4.0) / 12.0) / 3.0),
            ("f1", (2.0 / 6.0 + 1.0 + 4.0 / 8.0) / 3.0),
        ],
    );
}

#[test]
fn numbers() {
    let metrics = regression(&[2.0, 0.5, 5.0, 1.0], &[1.0, 0.5, 3.0, 0.0], None).unwrap();
    let variance: f64 = [1.0f64, 0.5, 3.0, 0.0].iter().map(|y| (y - 1.125).powi(2)).sum::<f64>() / 4.0;
    assert_near(
        &metrics,
        &[("rmse", 1.5f64.sqrt()), ("mae", 1.0), ("r2", 1.0 - 1.5 / variance), ("mape", (1.0 + 2.0 / 3.0) / 3.0)],
    );
    assert_eq!(metrics.notes, ["mape leaves out 1 of 4 rows, whose target is 0"]);
    let weighted = regression(&[2.0, 9.0], &[1.0, 0.0], Some(&[3.0, 0.0])).unwrap();
    assert_eq!(weighted.get("rmse"), Some(1.0));
}

#[test]
fn undefined_is_null() {
    let metrics = regression(&[f64::NAN], &[1.0], None).unwrap();
    let json = serde_json::to_string(&metrics).unwrap();
    assert_eq!(json, r#"{"rmse":null,"mae":null,"r2":null,"mape":null}"#);
    let diverged = classification(&[f64::NAN, f64::NAN], 2, &[0], None).unwrap();
    assert!(diverged.values.iter().all(|(_, value)| value.is_nan()));
    let one_sided = classification(&both(&[0.2, 0.0]), 2, &[0, 1], None).unwrap();
    assert!((one_sided.get("log_loss").unwrap() - (0.8f64 * 1e-15).ln() / -2.0).abs() < 1e-9);
    assert!(classification(&[], 2, &[], None).unwrap().get("accuracy").unwrap().is_nan());
    assert!(classification(&[], 0, &[], None).is_ok());
}

#[test]
fn wrong_lengths_are_refused() {
    assert!(classification(&[0.5], 2, &[0], None).is_err());
    assert!(classification(&[0.5, 0.5], 2, &[2], None).is_err());
    assert!(classification(&[0.5, 0.5], 2, &[1], Some(&[])).is_err());
    assert!(regression(&[1.0], &[], None).is_err());
}

/// Widths 2, 2, 4 and weights 1, 2, 1; the second target lies 3 below, the third on its bound.
#[test]
fn intervals_with_weights() {
    let (low, high) = ([0.0, 1.0, -2.0], [2.0, 3.0, 2.0]);
    let judged = |weights| interval((&low, &high), &[1.5, -2.0, 2.0], weights, 0.8).unwrap();
    assert_near(
        &judged(None),
        &[("coverage", 2.0 / 3.0), ("width", 8.0 / 3.0), ("interval_score", (8.0 + 30.0) / 3.0)],
    );
    let weights: &[f64] = &[1.0, 2.0, 1.0];
    assert_near(&judged(Some(weights)), &[("coverage", 0.5), ("width", 2.5), ("interval_score", (10.0 + 60.0) / 4.0)]);
    assert!(interval((&low, &high[..2]), &[1.5, -2.0, 2.0], None, 0.8).is_err());
}

#[test]
fn every_metric_is_described_once_and_in_order() {
    let mut names: Vec<&str> = Vec::new();
    names.extend(classification(&both(&[0.1]), 2, &[0], None).unwrap().values.iter().map(|v| v.0));
    names.extend(regression(&[], &[], None).unwrap().values.iter().map(|v| v.0));
    names.extend(interval((&[], &[]), &[], None, 0.9).unwrap().values.iter().map(|v| v.0));
    // Of several targets alone.
    names.push("rrmse");
    assert_eq!(names, METRICS.iter().map(|metric| metric.name).collect::<Vec<_>>());
    assert!(metric_named("rmse").is_some() && metric_named("loss").is_none());
}

proptest! {
    /// Few distinct scores, so that ties are common.
    #[test]
    fn area_by_brute_force(
        rows in prop::collection::vec((0..6u8, any::<bool>(), 1..4u8), 2..60),
    ) {
        let scores: Vec<f64> = rows.iter().map(|row| f64::from(row.0) / 5.0).collect();
        let targets: Vec<u32> = rows.iter().map(|row| row.1.into()).collect();
        let weights: Vec<f64> = rows.iter().map(|row| row.2.into()).collect();
        let (mut right, mut pairs) = (0.0, 0.0);
        for positive in rows.iter().filter(|row| row.1) {
            for negative in rows.iter().filter(|row| !row.1) {
                let weight = f64::from(positive.2) * f64::from(negative.2);
                pairs += weight;
                right += weight * match positive.0.cmp(&negative.0) {
                    std::cmp::Ordering::Greater => 1.0,
                    std::cmp::Ordering::Equal => 0.5,
                    std::cmp::Ordering::Less => 0.0,
                };
            }
        }
        let metrics = classification(&both(&scores), 2, &targets, Some(&weights)).unwrap();
        let area = metrics.get("roc_auc").unwrap();
        let expected = right / pairs;
        prop_assert!((area - expected).abs() < 1e-12 || (area.is_nan() && expected.is_nan()));
    }
}
