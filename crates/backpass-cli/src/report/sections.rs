//! The sections of a report.

use backpass::explain::{Folding, NeuronOptions, Source, neurons, structure};
use backpass::view::{Level, View};
use backpass_draw::svg::{SvgOptions, svg};
use backpass_draw::{Theme, number};
use backpass_tabular::doctor::Finding;
use backpass_tabular::metrics::metric_named;
use backpass_tabular::{Along, Assessment, Classes, Dependence, Details, Intervals, Judged, Model, Numbers, Target};
use maud::{Markup, PreEscaped, html};

use super::page::{bar, charts, percent, set, table};
use super::{Report, charts, doctor};
use crate::anatomy::{columns, layers, rows};
use crate::config::Config;
use crate::exit::Failure;
use crate::member::{Chosen, Member};
use crate::output::significant;
use crate::profile::duration;

/// A larger confusion matrix nobody would read.
const MOST_CLASSES: usize = 20;
/// Longer tables are folded or cut.
const MOST_ROWS: usize = 100;
const MOST_BARS: usize = 30;
/// Neurons drawn of a layer.
const UNITS: usize = 8;
/// A picture of more nodes is drawn with less detail.
const MOST_NODES: usize = 80;

/// Id, title and body of a section.
type Section = (&'static str, &'static str, Markup);

/// All sections in their order.
pub fn all(
    report: &Report<'_>,
    assessment: &Assessment,
    findings: Option<&[Finding]>,
) -> Result<Vec<Section>, Failure> {
    let Report { model, .. } = *report;
    let wrong = any_is_wrong(model, assessment);
    let mut sections = vec![
        ("quality", "How good it is", quality(report, assessment)?),
        ("columns", "What it looks at", looks_at(model, assessment)?),
        ("worst", if wrong { "Where it is most wrong" } else { "Where it is least sure" }, worst(model, assessment)),
        ("training", "Training", training(report)?),
        ("layers", "In the layers", in_layers(model)?),
        ("doctor", "What may be wrong", doctor::section(findings)),
        ("data", "What was read and decided", data(model)),
        ("network", "The network", network(model)?),
        ("again", "To do it again", again(model)?),
    ];
    sections.retain(|(.., body)| !body.0.is_empty());
    Ok(sections)
}

/// The most important in a few sentences.
pub fn summary(report: &Report<'_>, assessment: &Assessment) -> Markup {
    let model = report.model;
    let first = assessment.metrics.first();
    let classes = model.target.task.classes();
    html! {
        p.lead {
            @match classes.len() {
                0 => {
                    "A model that predicts "
                    @if model.target.columns.len() == 1 { "the number " } @else { "the numbers " }
                    strong { (model.target.name()) }
                    @if let Some(share) = model.target.interval {
                        ", with intervals that are to hold " (percent(share)) " of the rows"
                    }
                },
                n => { "A model that tells the " (n) " classes of " strong { (model.target.name()) } " apart" },
            }
            @if let Some(Judged { name, value, interval, .. }) = first {
                ": " (name) " " strong { (set(*value)) }
                @if let Some(i) = interval.filter(|i| i.low < i.high) {
                    ", 95 % interval from " (set(i.low)) " to " (set(i.high))
                }
            }
            "."
        }
        p { "Judged by " (assessment.rows) " " (report.rows.are) "." }
        @if let Some(caution) = report.rows.caution { p.caution { (caution) } }
    }
}

fn quality(report: &Report<'_>, assessment: &Assessment) -> Result<Markup, Failure> {
    let model = report.model;
    let bound = |bound: Option<f64>| bound.map_or("not defined".to_string(), set);
    let of = |judged: &Judged| {
        let meaning = meaning(judged.name, model.target.task.classes().len());
        let (low, high) = (judged.interval.map(|i| i.low), judged.interval.map(|i| i.high));
        [judged.title(), set(judged.value), bound(low), bound(high), meaning.to_string()]
    };
    let left_out =
        (assessment.left_out > 0).then(|| format!("rows without a target that are left out: {}", assessment.left_out));
    let notes: Vec<String> =
        assessment.surprises.notes().into_iter().chain(assessment.notes.clone()).chain(left_out).collect();
    let details = match &assessment.details {
        Details::Classes(found) => of_classes(found, &model.target)?,
        Details::Numbers(found) => {
            let each = found.iter().map(|found| of_numbers(found, model, assessment)).collect::<Result<Vec<_>, _>>()?;
            html! { @for each in &each { (each) } }
        }
    };
    Ok(html! {
        div.wide {
            table.metrics {
                thead {
                    tr {
                        th { "metric" } th.number { "value" } th.number { "from" } th.number { "to" } th { "what it is" }
                    }
                }
                tbody {
                    @for [name, value, low, high, meaning] in assessment.metrics.iter().map(of) {
                        tr {
                            th scope="row" { (name) }
                            td.number { strong { (value) } }
                            td.number { (low) }
                            td.number { (high) }
                            td.quiet.long { (meaning) }
                        }
                    }
                }
            }
        }
        p.quiet {
            "From and to: where 95 % of the values lie when the rows are drawn anew, with replacement, "
            (assessment.resamples) " times (percentile bootstrap). They say how far chance in these rows reaches, not "
            "how another training would turn out."
        }
        @if !notes.is_empty() { ul { @for note in &notes { li { (note) } } } }
        (details)
    })
}

/// What a metric says, for so many classes.
fn meaning(name: &str, classes: usize) -> &'static str {
    match (name, classes) {
        ("f1", 2) => "harmonic mean of precision and recall of the second class",
        ("f1", _) => "harmonic mean of precision and recall of a class; mean over the classes",
        ("roc_auc", 2) => "chance that a row of the second class gets more than one of the first",
        ("roc_auc", _) => "chance that a row of a class gets more than one of the others; mean over the classes",
        _ => metric_named(name).map_or("", |metric| metric.summary),
    }
}

fn of_classes(found: &Classes, target: &Target) -> Result<Markup, Failure> {
    let names = target.task.classes();
    let area = |class: usize| found.curves.iter().find(|curve| curve.class == class).map(|curve| curve.area);
    let rows = (0..names.len()).take(MOST_ROWS).map(|class| {
        let (precision, recall, actual) = found.precision_recall(class);
        let f1 = 2.0 * precision * recall / (precision + recall);
        let area = area(class).map_or(String::new(), set);
        vec![names[class].clone(), actual.to_string(), set(precision), set(recall), set(f1), area]
    });
    let per_class = table(&["class", "rows", "precision", "recall", "f1", "roc_auc"], 1, rows);
    Ok(html! {
        h3 { "Confusion matrix" }
        @if names.len() > MOST_CLASSES {
            p.quiet {
                (names.len()) " classes are too many for a matrix; " code { "backpass evaluate --json" } " prints it."
            }
        } @else {
            (confusion(found, names))
        }
        h3 { "Class by class" }
        (per_class)
        @if names.len() > MOST_ROWS { p.quiet { "The first " (MOST_ROWS) " of " (names.len()) " classes." } }
        h3 { "Over all thresholds" }
        (charts(&charts::classes(found, target))?)
    })
}

/// Actual classes downwards, predicted ones to the right, with a ground as strong as the share of the actual class.
fn confusion(found: &Classes, names: &[String]) -> Markup {
    let ground = |count: f64, row: &[f64]| {
        let share = (55.0 * count / row.iter().sum::<f64>().max(1.0)).round();
        format!("background:color-mix(in srgb,var(--forward) {share}%,var(--page))")
    };
    html! {
        div.wide {
            table.confusion {
                thead { tr { th { "actual \\ predicted" } @for name in names { th.number scope="col" { (name) } } } }
                tbody {
                    @for (name, row) in names.iter().zip(&found.confusion) {
                        tr {
                            th scope="row" { (name) }
                            @for count in row { td style=(ground(*count, row)) { (count) } }
                        }
                    }
                }
            }
        }
    }
}

fn of_numbers(found: &Numbers, model: &Model, assessment: &Assessment) -> Result<Markup, Failure> {
    let [half, ninety, almost] = found.absolute.map(set);
    let name = &found.target;
    let of = if model.target.columns.len() == 1 { String::new() } else { format!(" of {name}") };
    Ok(html! {
        h3 { "Errors" (of) }
        p {
            "Half of the predictions are at most " strong { (half) } " off, 90 % at most " (ninety) ", 99 % at most "
            (almost) ". The mean of prediction less truth is " (set(found.bias)) "."
        }
        (charts(&charts::numbers(found, name, assessment.rows))?)
        @if let Some(intervals) = &found.intervals {
            h3 { "Intervals" (of) }
            (of_intervals(intervals, model, name, assessment)?)
        }
    })
}

fn of_intervals(found: &Intervals, model: &Model, name: &str, assessment: &Assessment) -> Result<Markup, Failure> {
    let target = (model.target.columns.len() > 1).then_some(name);
    let of = |metric: &str| {
        let known = assessment.metrics.iter().find(|m| m.name == metric && m.target.as_deref() == target);
        known.map_or(f64::NAN, |judged| judged.value)
    };
    let (below, above) = found.outside;
    Ok(html! {
        p {
            "They are to hold " (percent(found.share)) " of the rows and hold " strong { (percent(of("coverage"))) } "; "
            (below) " rows lie below theirs, " (above) " above. Their mean width is " (set(of("width"))) "."
        }
        p.quiet {
            @if model.has_calibrated_intervals() {
                "They were calibrated on the rows that training held out, and on these rows the share holds for that "
                "reason alone; rows that training never had are the test. "
            } @else {
                "They are not calibrated. "
            }
            "The share is one of all rows: some kinds of rows may be held more often than others."
        }
        (charts(&[charts::intervals(found, name, assessment.rows)])?)
    })
}

fn looks_at(model: &Model, assessment: &Assessment) -> Result<Markup, Failure> {
    let longest = assessment.importance.iter().map(|i| i.mean.abs()).filter(|m| m.is_finite()).fold(0.0, f64::max);
    let (rows, repeats) = assessment.permuted;
    let all = assessment.importance.len();
    let levels = assessment.dependence.iter().filter_map(|dependence| of_levels(model, dependence));
    Ok(html! {
        h3 { "Permutation importance" }
        p.quiet {
            "By how much " (assessment.error) " grows when the cells of a column are shuffled among " (rows)
            @if rows < assessment.rows { " rows, drawn by chance," } @else { " rows," }
            " as the mean of " (repeats)
            @if repeats == 1 { " permutation. " } @else { " permutations, ± their standard deviation. " }
            "Columns that say the same share their importance. It is the model's, not nature's."
        }
        div.wide {
            table {
                thead {
                    tr { th { "column" } th {} th.number { "mean" } @if repeats > 1 { th.number { "±" } } }
                }
                tbody {
                    @for importance in assessment.importance.iter().take(MOST_BARS) {
                        tr {
                            th scope="row" { (importance.column) }
                            (bar(importance.mean, longest))
                            td.number { (set(importance.mean)) }
                            @if repeats > 1 { td.number { (set(importance.deviation)) } }
                        }
                    }
                }
            }
        }
        @if all > MOST_BARS { p.quiet { "The " (MOST_BARS) " most important of " (all) " columns." } }
        h3 { "Partial dependence" }
        p.quiet {
            "What the model predicts in the mean when all of " (assessment.averaged) " rows"
            @if assessment.averaged < assessment.rows { ", drawn by chance," }
            " have the same value in one column, for the most important columns. Of numbers the outermost 2 % of the "
            "rows at either end are left out, of categories all but the 12 most frequent levels."
        }
        (charts(&charts::dependence(model, assessment))?)
        @for levels in levels { (levels) }
    })
}

/// The mean prediction for each level of a category.
fn of_levels(model: &Model, dependence: &Dependence) -> Option<Markup> {
    let Along::Levels(levels) = &dependence.along else { return None };
    let classes = model.target.task.classes();
    let shown = charts::varying(dependence);
    let names = if classes.is_empty() { &model.target.columns } else { classes };
    let finite = dependence.means.iter().flatten().filter(|v| v.is_finite());
    let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(*v), high.max(*v)));
    // Bars of probabilities begin at 0; those of numbers a little below the least, since 0 may be far away.
    let base = if classes.is_empty() { low - 0.1 * (high - low) } else { 0.0 };
    let single = shown.len() == 1;
    Some(html! {
        h3 { (dependence.column) ": " (charts::mean_of(model)) }
        div.wide {
            table {
                @if !single {
                    thead {
                        tr {
                            th { (dependence.column) }
                            @for &series in &shown { th.number scope="col" { (names[series]) } }
                        }
                    }
                }
                tbody {
                    @for (at, level) in levels.iter().enumerate() {
                        tr {
                            th scope="row" { (level) }
                            @if single { (bar(dependence.means[0][at] - base, high - base)) }
                            @for &series in &shown { td.number { (set(dependence.means[series][at])) } }
                        }
                    }
                }
            }
        }
    })
}

/// Whether any of the rows that the model is worst at is wrong, and not merely less sure than the others.
fn any_is_wrong(model: &Model, assessment: &Assessment) -> bool {
    model.target.task.classes().is_empty() || assessment.worst.iter().any(|row| row.predicted != row.actual)
}

fn worst(model: &Model, assessment: &Assessment) -> Markup {
    let is_number = model.target.task.classes().is_empty();
    let wrong = match model.target.columns.len() {
        _ if !is_number => "probability of the actual class",
        1 => "prediction less truth",
        _ => "error in standard deviations",
    };
    let heads = ["row", "actual", "predicted", wrong].into_iter().chain(assessment.shown.iter().map(String::as_str));
    let heads: Vec<&str> = heads.collect();
    let rows = assessment.worst.iter().map(|row| {
        let predicted =
            if is_number { row.predicted.parse().map_or(row.predicted.clone(), set) } else { row.predicted.clone() };
        // The number of a line stays beside its word.
        let start = [row.place.replace(' ', "\u{a0}"), row.actual.clone(), predicted, set(row.wrong)];
        start.into_iter().chain(row.cells.clone()).collect()
    });
    html! {
        p.quiet {
            @if any_is_wrong(model, assessment) {
                "Look at these rows first: mistakes in the data gather here."
            } @else {
                "No row is put into a wrong class; of these the model is least sure."
            }
            " Shown are the most important columns."
        }
        (table(&heads, heads.len(), rows))
    }
}

fn training(report: &Report<'_>) -> Result<Markup, Failure> {
    let manifest = &report.model.manifest;
    let bag = report.model.networks();
    let kept: Vec<String> = report.model.kept_epochs().iter().map(usize::to_string).collect();
    let kept = kept.join(", ");
    let stages: Vec<(&str, f64)> = report.stages.iter().flat_map(|profile| profile.stages()).collect();
    let networks: Vec<(&str, f64)> = report.stages.iter().flat_map(|profile| profile.networks()).collect();
    Ok(html! {
        p {
            "Stopped: " (manifest.stop) ". "
            @if bag > 1 {
                "The curves are the means of " (bag) " networks, which kept their epochs " (kept) "."
            } @else {
                "Kept: epoch " (manifest.best_epoch) " of " (report.model.history.len()) "."
            }
        }
        (charts(&charts::training(report.model))?)
        @if !stages.is_empty() {
            h3 { "Where the time went" }
            (times(&stages))
        }
        @if !networks.is_empty() {
            p { "In " code { "train" } " the " (bag) " networks ran side by side; their times together:" }
            (times(&networks))
        }
    })
}

/// Stages with their times.
fn times(stages: &[(&str, f64)]) -> Markup {
    let all: f64 = stages.iter().map(|(_, seconds)| seconds).sum();
    let row = |(stage, seconds): &(&str, f64)| vec![stage.to_string(), duration(*seconds), percent(seconds / all)];
    table(&["stage", "time", "share"], 1, stages.iter().map(row))
}

/// What became of the layers; empty where nothing is known of them.
fn in_layers(model: &Model) -> Result<Markup, Failure> {
    let drawn = charts::layers(model);
    let Some(last) = model.history.iter().rfind(|epoch| !epoch.layers.is_empty()) else { return Ok(html! {}) };
    let idle = last.layers.iter().filter_map(|layer| Some((&layer.name, layer.idle.filter(|share| *share > 0.0)?)));
    let idle: Vec<String> = idle.map(|(name, share)| format!("{} of {name}", percent(share))).collect();
    let has_units = last.layers.iter().any(|layer| layer.idle.is_some());
    let bag = model.networks();
    Ok(html! {
        p.quiet {
            "Root mean squares on a few training rows, the same each time, without dropout; gradients are those of the "
            "mean loss with respect to the weights."
            @if bag > 1 { " Shown is network 1 of " (bag) "." }
        }
        p {
            "What to look for: lines that level off; weights or activations that keep growing point to a learning rate that "
            "is too high, and gradients that differ by powers of ten between layers to layers that hardly learn."
        }
        (charts(&drawn)?)
        @if has_units {
            p {
                "Units that give the same for every row or are saturated, after epoch " (last.epoch) ": "
                @if idle.is_empty() { "none." } @else { (idle.join(", ")) "." }
            }
        }
    })
}

fn data(model: &Model) -> Markup {
    let all = columns(model);
    let schema = |name: &str| model.schema.column(name).ok();
    let rows = all.iter().take(MOST_ROWS).map(|column| {
        let known = schema(column.name);
        let of = |value: &dyn Fn(&backpass_tabular::ColumnSchema) -> String| known.map_or(String::new(), value);
        let kind = column.kind.to_string();
        let start = [column.name.to_string(), kind, of(&|c| c.reason.clone()), column.encoding.clone()];
        let numbers = [of(&|c| c.missing.to_string()), of(&|c| c.distinct.to_string()), column.features.to_string()];
        start.into_iter().chain(numbers).collect()
    });
    let heads = ["column", "kind", "because", "becomes", "missing", "distinct", "inputs"];
    let (learnt, validated) = model.manifest.rows;
    html! {
        @if validated > 0 {
            p.quiet {
                "The missing cells of the columns it looks at are counted in the " (learnt) " rows trained on; kinds, and "
                "the reasons for them, come from the whole table."
            }
        }
        ul { @for decision in &model.manifest.decisions { li { (decision) } } }
        details open[all.len() <= MOST_BARS] {
            summary { "Columns" }
            (table(&heads, 4, rows))
            @if all.len() > MOST_ROWS { p.quiet { "The first " (MOST_ROWS) " of " (all.len()) " columns." } }
        }
    }
}

fn network(model: &Model) -> Result<Markup, Failure> {
    let member = Chosen::default().of(model)?;
    let (found, equations) = layers(model, member);
    let rows = found.iter().map(|layer| {
        let shape = format!("{} → {}", layer.inputs, layer.outputs);
        vec![layer.name.clone(), layer.activation.to_string(), shape, layer.parameters.to_string()]
    });
    let coefficients = model.manifest.coefficients.iter().map(|c| {
        let error = c.standard_error.map_or("not defined".to_string(), set);
        vec![c.name.clone(), number::typeset(&significant(c.value, 10)), error]
    });
    // The page chooses between light and dark, not the picture in it.
    let picture = svg(&view(model, member), &SvgOptions { theme: Theme::Light, ..SvgOptions::default() });
    Ok(html! {
        p {
            (model.network.parameter_count()) " parameters"
            @if let Some(member) = member { " in " (member.count) " networks" }
            "."
        }
        figure {
            div.network tabindex="0" role="group" aria-label="Picture of the network" { (PreEscaped(picture)) }
            @if let Some(member) = member { figcaption { (member.words()) "." } }
        }
        @if model.manifest.coefficients.is_empty() {
            (table(&["layer", "activation", "shape", "parameters"], 2, rows))
        } @else {
            (table(&["parameter", "value", "standard error"], 1, coefficients))
        }
        details {
            summary { "Equations" }
            pre { @for equation in &equations { (equation.name) " = " (number::typeset(&equation.formula)) "\n" } }
        }
    })
}

/// Neuron by neuron where the network is made of plain layers, else layer by layer, else as a whole; of several networks
/// one alone.
fn view(model: &Model, member: Option<Member>) -> View {
    let (inputs, outputs) = (model.input_names(), model.output_names());
    let within = member.map_or(String::new(), Member::scope);
    let options =
        NeuronOptions { units: UNITS, inputs: &inputs, outputs: &outputs, within: &within, ..NeuronOptions::default() };
    if let Ok(view) = neurons(Source::Graph(&model.network.graph, Some(&model.network.weights)), &options) {
        return View { title: String::new(), ..view };
    }
    let alone = member.and_then(|member| model.network.member(member.number - 1));
    let graph = alone.as_ref().map_or(&model.network.graph, |network| &network.graph);
    // Arrays of their own between the layers would make the picture twice as wide as a page.
    let layers: Vec<String> = graph.scopes().iter().skip(1).map(|scope| scope.name.clone()).collect();
    let by_layer = structure(graph, &Folding { fold: &layers, ..Folding::at(Level::Operator) });
    if by_layer.nodes.len() > MOST_NODES { structure(graph, &Folding::at(Level::Network)) } else { by_layer }
}

fn again(model: &Model) -> Result<Markup, Failure> {
    let manifest = &model.manifest;
    let config = Config { options: manifest.options.clone(), ..Config::default() }.to_toml()?;
    let facts = [
        ("program", format!("backpass {}", manifest.version)),
        ("data", manifest.data.clone()),
        ("SHA-256 of its cells", manifest.fingerprint.clone()),
        ("training", rows(manifest)),
        ("SHA-256 of the model", model.hash()),
    ];
    Ok(html! {
        div.wide {
            table { tbody { @for (name, value) in &facts { tr { th scope="row" { (name) } td { (value) } } } } }
        }
        p {
            "With these options in a file " code { "run.toml" } ", this command makes the same model again, bit for bit "
            "on the same kind of machine:"
        }
        pre { "backpass train " (manifest.data) " --config run.toml -o again.backpass" }
        pre { (config) }
    })
}
