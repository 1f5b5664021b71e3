//! Learning curves.

use backpass::train::Epoch;

use super::axis::Axis;
use super::chart::{Chart, Mark, Series};

/// The training of one model.
#[derive(Clone, Copy, Debug)]
pub struct Training<'a> {
    /// The name of the model; may be empty where there is only one.
    pub name: &'a str,
    /// Its epochs.
    pub history: &'a [Epoch],
    /// The epochs whose weights were kept, counted from 1: one, or one for each of several networks; none where that is not
    /// to be marked.
    pub kept: &'a [usize],
    /// What the training loss is measured with and the validation loss without, such as dropout.
    pub only_in_training: &'a [&'a str],
}

/// Losses epoch by epoch: training dashed, validation solid, one colour for each model. On a logarithmic axis where the
/// largest loss is more than fifty times the smallest.
pub fn learning_curves(trainings: &[Training<'_>]) -> Chart {
    let mut chart = Chart::new("Learning curves", Axis::whole("epoch"), Axis::linear("loss"));
    for (number, training) in trainings.iter().enumerate() {
        let called = |part: &str| {
            let part = if training.name.is_empty() { part.to_string() } else { format!("{}, {part}", training.name) };
            part.trim().to_string()
        };
        let points = |loss: &dyn Fn(&Epoch) -> Option<f64>| -> Vec<(f64, f64)> {
            training.history.iter().filter_map(|epoch| Some((epoch.epoch as f64, loss(epoch)?))).collect()
        };
        let validation = points(&|epoch| epoch.validation_loss);
        chart.series.push(Series::dashed(called("training"), points(&|epoch| Some(epoch.train_loss))).coloured(number));
        if !validation.is_empty() {
            chart.series.push(Series::curve(called("validation"), validation).coloured(number));
        }
        let mut kept = training.kept.to_vec();
        kept.sort_unstable();
        kept.dedup();
        // One label says it of all.
        if let (Some(first), Some(last)) = (kept.first(), kept.last()) {
            let label = if training.name.is_empty() { "kept".to_string() } else { format!("{} kept", training.name) };
            let epochs = if first == last { format!("epoch {last}") } else { format!("epochs {first} to {last}") };
            chart.marks.extend(kept.iter().map(|&epoch| Mark { x: epoch as f64, label: String::new() }));
            chart.marks.last_mut().into_iter().for_each(|mark| mark.label = format!("{label}: {epochs}"));
        }
    }
    let mut parts: Vec<&str> = trainings.iter().flat_map(|training| training.only_in_training).copied().collect();
    parts.sort_unstable();
    parts.dedup();
    if !parts.is_empty() && trainings.iter().any(|t| t.history.iter().any(|epoch| epoch.validation_loss.is_some())) {
        let parts = parts.join(" and ");
        chart.subtitle = format!(
            "The training loss is measured with {parts}, the validation loss without: it may be the smaller one."
        );
    }
    let positive = chart.series.iter().flat_map(Series::corners).all(|p| p.1.is_nan() || p.1 > 0.0);
    if positive {
        chart.log_where_wide();
    }
    chart
}

#[cfg(test)]
mod tests {
    use super::super::Scale;
    use super::*;

    fn epochs(losses: &[(f64, Option<f64>)]) -> Vec<Epoch> {
        let one = |(index, &(train_loss, validation_loss)): (usize, &(f64, Option<f64>))| Epoch {
            epoch: index + 1,
            train_loss,
            penalty: 0.0,
            validation_loss,
            metrics: Vec::new(),
            learning_rate: 0.1,
            seconds: 0.0,
            layers: Vec::new(),
        };
        losses.iter().enumerate().map(one).collect()
    }

    #[test]
    fn every_loss_of_every_model_is_there() {
        let (a, b) = (epochs(&[(3.0, Some(4.0)), (2.0, Some(3.5))]), epochs(&[(5.0, None), (1.0, None)]));
        let chart = learning_curves(&[
            Training { name: "wide", history: &a, kept: &[2], only_in_training: &["label smoothing"] },
            Training { name: "deep", history: &b, kept: &[], only_in_training: &["dropout", "label smoothing"] },
        ]);
        assert!(chart.subtitle.contains("with dropout and label smoothing, the"), "{}", chart.subtitle);
        let names: Vec<&str> = chart.series.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(names, ["wide, training", "wide, validation", "deep, training"]);
        assert_eq!(chart.series[1].corners(), [(1.0, 4.0), (2.0, 3.5)]);
        assert_eq!(chart.marks, [Mark { x: 2.0, label: "wide kept: epoch 2".into() }]);
        assert_eq!(chart.y.scale, Scale::Linear);
    }

    #[test]
    fn losses_over_decades_stand_on_a_logarithmic_axis() {
        let wide = epochs(&[(100.0, None), (1.0, None)]);
        let of = |history: &[Epoch]| {
            learning_curves(&[Training { name: "", history, kept: &[1], only_in_training: &["dropout"] }])
        };
        assert_eq!(of(&wide).y.scale, Scale::Log);
        assert_eq!(of(&wide).marks[0].label, "kept: epoch 1");
        assert_eq!(of(&wide).subtitle, "", "there is no validation loss");
        let several = [Training { name: "", history: &wide, kept: &[2, 1, 2], only_in_training: &[] }];
        let marks = learning_curves(&several).marks;
        assert_eq!(marks.iter().map(|mark| mark.label.as_str()).collect::<Vec<_>>(), ["", "kept: epochs 1 to 2"]);
        for odd in [epochs(&[(f64::NAN, Some(f64::INFINITY))]), Vec::new()] {
            assert!(of(&odd).svg((500, 300), crate::Theme::Auto).is_ok());
        }
    }
}
