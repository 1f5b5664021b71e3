//! The charts of a report.

use backpass::train::{Epoch, LayerState};
use backpass_draw::plot::{Axis, Chart, Series, Shape, Training, learning_curves};
use backpass_tabular::{Along, Assessment, ClassCurves, Classes, Dependence, Intervals, Model, Numbers, Target};

use crate::output::number;

/// More lines in a chart than these have no colour of their own.
const MOST_LINES: usize = 8;

/// The most characters of a name in a chart.
const LONGEST_NAME: usize = 40;
/// Fewer values of a column are single ones: each has a marker.
const FEW: usize = 13;

/// Losses by epoch, and the metric that was followed.
pub fn training(model: &Model) -> Vec<Chart> {
    let (history, kept) = (&model.history, model.kept_epochs());
    let parts = model.only_in_training();
    let mut losses = learning_curves(&[Training { name: "", history, kept: &kept, only_in_training: &parts }]);
    losses.title = "Loss by epoch".to_string();
    let metrics = history.first().map_or(&[][..], |epoch| &epoch.metrics);
    let followed = metrics.iter().enumerate().map(|(at, (name, _))| {
        let points: Vec<(f64, f64)> = history.iter().map(|e| (e.epoch as f64, e.metrics[at].1)).collect();
        let mut chart =
            Chart::new(format!("Validation {name} by epoch"), Axis::whole("epoch"), Axis::linear(name.as_str()));
        chart.marks.clone_from(&losses.marks);
        chart.with(Series::curve("", points))
    });
    let followed: Vec<Chart> = followed.collect();
    std::iter::once(losses).chain(followed).collect()
}

/// The size of weights, activations and gradients of each layer by epoch, on logarithmic axes where they differ much.
pub fn layers(model: &Model) -> Vec<Chart> {
    let seen: Vec<&Epoch> = model.history.iter().filter(|epoch| !epoch.layers.is_empty()).collect();
    let names: Vec<&str> = seen.first().map_or(Vec::new(), |e| e.layers.iter().map(|l| l.name.as_str()).collect());
    // The first, the last, and of deep networks some between them.
    let shown = names.len().min(MOST_LINES);
    let shown: Vec<usize> = (0..shown).map(|at| at * (names.len() - 1) / (shown - 1).max(1)).collect();
    let chart = |title: &str, what: &str, of: fn(&LayerState) -> f64| {
        let label = format!("{what} (root mean square)");
        let mut chart = Chart::new(title, Axis::whole("epoch"), Axis::linear(label.as_str()));
        if shown.len() < names.len() {
            chart.subtitle = format!("{} of {} layers.", shown.len(), names.len());
        }
        for (colour, &at) in shown.iter().enumerate() {
            let points: Vec<(f64, f64)> =
                seen.iter().filter_map(|e| Some((e.epoch as f64, of(e.layers.get(at)?)))).collect();
            chart.series.push(Series::line(names[at], points).coloured(colour));
        }
        chart.log_where_wide();
        chart
    };
    if names.is_empty() {
        return Vec::new();
    }
    vec![
        chart("Weights by layer", "weights", |layer| layer.weights),
        chart("Activations by layer", "activations", |layer| layer.activations),
        chart("Gradients by layer", "gradients", |layer| layer.gradients),
    ]
}

/// ROC, precision and recall, calibration.
pub fn classes(found: &Classes, target: &Target) -> Vec<Chart> {
    let names = target.task.classes();
    let curves = hardest(&found.curves);
    let about = match &curves[..] {
        [one] => format!("Rows of {} against the others.", clipped(&names[one.class])),
        _ if curves.len() < found.curves.len() => {
            format!("Each class against the others; the {MOST_LINES} with the least area of {}.", names.len())
        }
        _ => "Each class against the others.".to_string(),
    };
    let single = curves.len() == 1;
    let of = |title: &str, [x, y]: [&str; 2], points: fn(&ClassCurves) -> &Vec<(f64, f64)>| {
        let mut chart = Chart::new(title, unit(x), unit(y));
        chart.subtitle.clone_from(&about);
        for (colour, curve) in curves.iter().enumerate() {
            let name = if single { "" } else { names[curve.class].as_str() };
            chart.series.push(Series::curve(name, points(curve).clone()).coloured(colour));
        }
        chart
    };
    let mut roc = of("ROC curve", ["false positive rate", "true positive rate"], |c| &c.roc);
    roc.series.insert(0, diagonal(0.0, 1.0));
    let mut precision = of("Precision and recall", ["recall", "precision"], |c| &c.precision_recall);
    if let [one] = &curves[..] {
        let (p, r, _) = found.precision_recall(one.class);
        let about = match target.threshold {
            Some(threshold) => format!("The dot is the threshold, {}.", number(threshold)),
            None => "The dot is the threshold: 0.5, the more probable class.".to_string(),
        };
        for (chart, at) in [(&mut roc, (found.false_positive_rate(one.class), r)), (&mut precision, (r, p))] {
            chart.subtitle = format!("{} {about}", chart.subtitle);
            chart.series.push(Series::new("", Shape::Dots(vec![at])).coloured(1));
        }
    }
    vec![roc, precision, calibration(found, names)]
}

/// Those of the curves with the least area, as many as have a colour, in the order of the classes.
fn hardest(curves: &[ClassCurves]) -> Vec<&ClassCurves> {
    let mut chosen: Vec<&ClassCurves> = curves.iter().collect();
    chosen.sort_by(|a, b| a.area.total_cmp(&b.area));
    chosen.truncate(MOST_LINES);
    chosen.sort_by_key(|curve| curve.class);
    chosen
}

/// Predicted probabilities beside what happened.
fn calibration(found: &Classes, names: &[String]) -> Chart {
    let of = match names {
        [_, second] => format!("probability of {}", clipped(second)),
        _ => "probability of the predicted class".to_string(),
    };
    let mut chart = Chart::new("Calibration", unit(&format!("predicted {of}")), unit("share of rows where it is so"));
    chart.subtitle = "On the diagonal probabilities are what they say. Lines are 95 % intervals.".to_string();
    chart.series.push(diagonal(0.0, 1.0));
    for bin in &found.calibration {
        let (low, high) = bin.bounds;
        chart.series.push(Series::curve("", vec![(bin.predicted, low), (bin.predicted, high)]).coloured(0));
    }
    let points: Vec<(f64, f64)> = found.calibration.iter().map(|bin| (bin.predicted, bin.observed)).collect();
    chart.with(Series::new("", Shape::Dots(points)).coloured(0))
}

/// Predictions against the truth, errors against predictions, and how often which error occurs.
pub fn numbers(found: &Numbers, target: &str, rows: usize) -> Vec<Chart> {
    let target = clipped(target);
    let drawn = found.points.len();
    let some = if drawn < rows { format!("{drawn} of {rows} rows, drawn by chance.") } else { String::new() };
    let (low, high) =
        found.points.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), (truth, predicted)| {
            (low.min(*truth).min(*predicted), high.max(*truth).max(*predicted))
        });
    let mut against =
        Chart::new("Predicted against true", Axis::linear(format!("true {target}")), Axis::linear("predicted"))
            .with(diagonal(low, high))
            .with(Series::points("", found.points.clone()).coloured(0));
    against.subtitle.clone_from(&some);
    let errors: Vec<(f64, f64)> =
        found.points.iter().map(|(truth, predicted)| (*predicted, predicted - truth)).collect();
    let mut residuals =
        Chart::new("Errors", Axis::linear(format!("predicted {target}")), Axis::linear("predicted less true"))
            .with(Series::dashed("", vec![(low, 0.0), (high, 0.0)]).in_ink())
            .with(Series::points("", errors).coloured(0));
    residuals.subtitle = some;
    let steps = found.histogram.iter().flat_map(|&(from, to, rows)| [(from, 0.0, rows as f64), (to, 0.0, rows as f64)]);
    let mut histogram = Chart::new("How often which error", Axis::linear("predicted less true"), Axis::linear("rows"))
        .with(Series::new("", Shape::Band { edges: steps.collect(), strength: 0.6 }).coloured(0));
    if found.beyond > 0 {
        histogram.subtitle = format!("{} of {rows} rows lie beyond the ends.", found.beyond);
    }
    vec![against, residuals, histogram]
}

/// Rows in the order of their prediction with their intervals and what is true.
pub fn intervals(found: &Intervals, target: &str, rows: usize) -> Chart {
    let target = clipped(target);
    let ranked = || found.rows.iter().enumerate().map(|(rank, row)| ((rank + 1) as f64, *row));
    let truth = |inside: bool| -> Vec<(f64, f64)> {
        let holds = move |[_, low, high, truth]: [f64; 4]| (low <= truth && truth <= high) == inside;
        ranked().filter(|(_, row)| holds(*row)).map(|(rank, row)| (rank, row[3])).collect()
    };
    let edges: Vec<(f64, f64, f64)> = ranked().map(|(rank, row)| (rank, row[1], row[2])).collect();
    let predicted: Vec<(f64, f64)> = ranked().map(|(rank, row)| (rank, row[0])).collect();
    let mut chart =
        Chart::new("Intervals and truth", Axis::whole("rows in the order of their prediction"), Axis::linear(target))
            .with(Series::band("interval", edges).coloured(0))
            .with(Series::curve("predicted", predicted).coloured(0))
            .with(Series::points("true, inside", truth(true)).in_ink())
            .with(Series::points("true, outside", truth(false)).coloured(1));
    let drawn = found.rows.len();
    if drawn < rows {
        chart.subtitle = format!("{drawn} of {rows} rows, drawn by chance.");
    }
    chart
}

/// The mean prediction along each column of numbers; of several targets a chart for each.
pub fn dependence(model: &Model, assessment: &Assessment) -> Vec<Chart> {
    let most = (assessment.dependence.len() / model.target.columns.len()).max(2);
    assessment.dependence.iter().take(most).flat_map(|dependence| along(model, dependence)).collect()
}

fn along(model: &Model, dependence: &Dependence) -> Vec<Chart> {
    let Along::Numbers(points) = &dependence.along else { return Vec::new() };
    let is_date =
        model.schema.column(&dependence.column).is_ok_and(|c| matches!(c.kind, backpass_tabular::Kind::Date { .. }));
    let unit = if is_date { " (days since 1 January 1970)" } else { "" };
    let column = clipped(&dependence.column);
    let names = model.target.task.classes();
    let line = |name: &str, at: usize| {
        let points: Vec<(f64, f64)> = points.iter().copied().zip(dependence.means[at].iter().copied()).collect();
        if points.len() < FEW { Series::line(name, points) } else { Series::curve(name, points) }
    };
    let chart = |label: String| Chart::new(column.clone(), Axis::linear(column.clone() + unit), Axis::linear(label));
    if names.is_empty() {
        let of = |(at, target): (usize, &String)| chart(mean_of_number(target)).with(line("", at).coloured(0));
        return model.target.columns.iter().enumerate().map(of).collect();
    }
    let lines = varying(dependence).into_iter().enumerate().map(|(colour, at)| {
        let name = if names.len() > 2 { names[at].as_str() } else { "" };
        line(name, at).coloured(colour)
    });
    vec![lines.fold(chart(mean_of(model)), Chart::with)]
}

/// What the numbers of a dependence are.
pub fn mean_of(model: &Model) -> String {
    match model.target.task.classes() {
        [] => mean_of_number(&model.target.name()),
        [_, second] => format!("mean probability of {}", clipped(second)),
        _ => "mean probability".to_string(),
    }
}

fn mean_of_number(target: &str) -> String {
    format!("mean predicted {}", clipped(target))
}

/// The series of a dependence that vary most, as many as have a colour, in their order.
pub fn varying(dependence: &Dependence) -> Vec<usize> {
    let range = |series: &usize| {
        let values = &dependence.means[*series];
        let (low, high) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
        high - low
    };
    let mut chosen: Vec<usize> = (0..dependence.means.len()).collect();
    chosen.sort_by(|a, b| range(b).total_cmp(&range(a)));
    chosen.truncate(MOST_LINES);
    chosen.sort_unstable();
    chosen
}

/// A name that leaves room for the chart.
fn clipped(name: &str) -> String {
    match name.char_indices().nth(LONGEST_NAME) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_string(),
    }
}

/// An axis from 0 to 1.
fn unit(label: &str) -> Axis {
    Axis::linear(label).within(0.0, 1.0)
}

fn diagonal(low: f64, high: f64) -> Series {
    Series::dashed("", vec![(low, low), (high, high)]).in_ink()
}
