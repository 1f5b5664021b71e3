//! What is decided about a table, in words.

use backpass::nn::Network;

use crate::calibrate::fewest;
use crate::encode::CategoryInput;
use crate::model::Model;
use crate::options::FitOptions;
use crate::outputs::{level, short};
use crate::schema::{Kind, Schema};
use crate::table::Table;
use crate::task::{Target, Task};

impl Model {
    /// What makes the training loss larger than the same loss on validation rows, where it is left out.
    pub fn only_in_training(&self) -> Vec<&'static str> {
        let options = &self.manifest.options;
        let in_loss = options.loss.as_ref().is_some_and(|loss| loss.contains("smoothing"));
        let parts = [
            (options.dropout.is_some_and(|share| share > 0.0), "dropout"),
            (in_loss || options.label_smoothing.is_some_and(|share| share > 0.0), "label smoothing"),
        ];
        parts.into_iter().filter(|(is_used, _)| *is_used).map(|(_, name)| name).collect()
    }
}

/// The target and why it is taken so.
pub(crate) fn describe_target(target: &Target) -> String {
    let what = match &target.task {
        Task::Binary { classes } | Task::Multiclass { classes } => {
            let shown: Vec<&str> = classes.iter().take(10).map(String::as_str).collect();
            let more = if classes.len() > 10 { ", …" } else { "" };
            format!("classification into {} classes ({}{more})", classes.len(), shown.join(", "))
        }
        Task::Regression => "regression".to_string(),
    };
    let names: Vec<String> = target.columns.iter().map(|name| format!("`{name}`")).collect();
    match &names[..] {
        [name] => format!("target {name}: {what}, because: {}", target.reason),
        _ => format!("targets {}: {what} of {} numbers, because: {}", names.join(", "), names.len(), target.reason),
    }
}

/// What intervals are made of, and which rows set them.
pub(crate) fn describe_interval(target: &Target, options: &FitOptions, judged: Option<&Table>) -> Option<String> {
    let share = target.interval?;
    let levels = target.levels().into_iter().map(|l| level(l).to_string()).collect::<Vec<_>>().join(", ");
    let calibration = match judged.map(Table::rows) {
        _ if options.calibrate != Some(true) => "not calibrated".to_string(),
        None => "not calibrated, because there are no validation rows".to_string(),
        Some(rows) if rows < fewest(share) => {
            let (fewest, rows) = (fewest(share), counted(rows, "row", "rows"));
            format!("wide enough for all {rows} validated on; to promise the share takes at least {fewest}")
        }
        Some(rows) => format!("calibrated on {}", counted(rows, "row validated on", "rows validated on")),
    };
    Some(format!("intervals for a share of {share}: the quantiles {levels}, {calibration}"))
}

/// What calibration did to the bounds of each target.
pub(crate) fn describe_margins(target: &Target, margins: &[f64]) -> String {
    let of = |(name, margin): (&String, &f64)| {
        let way = if *margin < 0.0 { "inwards" } else { "outwards" };
        format!("those of `{name}` {way} by {}", short(margin.abs()))
    };
    let moved: Vec<String> = target.columns.iter().zip(margins).map(of).collect();
    format!("calibration moved the bounds: {}", moved.join(", "))
}

/// One line for each column that is not used as it looks, and one for the rest.
pub(crate) fn describe_columns(schema: &Schema, left_out: &[&str], decisions: &mut Vec<String>) {
    let columns: Vec<_> = schema.columns.iter().filter(|c| !left_out.contains(&c.name.as_str())).collect();
    let count = |test: fn(&Kind) -> bool| columns.iter().filter(|c| test(&c.kind)).count();
    let kinds = [
        (count(|k| matches!(k, Kind::Number { .. })), "number", "numbers"),
        (count(|k| matches!(k, Kind::Category { .. })), "category", "categories"),
        (count(|k| matches!(k, Kind::Date { .. })), "date", "dates"),
    ];
    let there = kinds.iter().filter(|(n, ..)| *n > 0);
    let texts: Vec<String> = there.map(|&(n, one, many)| counted(n, one, many)).collect();
    decisions.push(format!("input columns: {}", texts.join(", ")));
    let constant = columns.iter().filter(|c| matches!(c.kind, Kind::Constant)).count();
    let many = constant > 8;
    for column in &columns {
        match column.kind {
            Kind::Constant if many => {}
            _ if !column.kind.is_input() => {
                decisions.push(format!("`{}` is set aside: {}", column.name, column.reason));
            }
            _ if column.missing > 0 => {
                decisions.push(format!(
                    "`{}`: {}, filled in and marked",
                    column.name,
                    counted(column.missing, "missing cell", "missing cells")
                ));
            }
            _ => {}
        }
        if let Some(warning) = &column.warning {
            decisions.push(format!("`{}`: {warning}", column.name));
        }
    }
    if many {
        decisions.push(format!("{constant} constant columns are set aside"));
    }
}

/// `1 row`, `2 rows`.
pub(crate) fn counted(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

/// The categories of which not every level gets an input.
pub(crate) fn describe_rare_levels(categories: &[CategoryInput], schema: &Schema, decisions: &mut Vec<String>) {
    for category in categories.iter().filter(|c| c.other) {
        let all = schema.column(&category.name).map_or(0, |column| column.distinct);
        let (name, own) = (&category.name, category.levels.len());
        decisions
            .push(format!("`{name}`: the {own} most frequent of {all} levels get an input each, the rest share one"));
    }
}

/// The network in words.
pub(crate) fn describe_network(model: &Model, options: &FitOptions) -> String {
    let inputs = &model.inputs;
    let columns = inputs.numbers.len() + inputs.categories.len() + inputs.derived.len();
    format!(
        "network {} with {} parameters, {} from {}",
        shape_text(&model.network, options),
        model.network.parameter_count(),
        counted(inputs.features.len(), "feature", "features"),
        counted(columns, "input", "inputs"),
    )
}

/// What keeps hidden layers from learning, in words: neurons that start alike, and steps.
pub(crate) fn obstacles(network: &Network) -> Vec<String> {
    let mut found = Vec::new();
    for (name, value) in &network.weights {
        let ([_, units], Some(layer)) = (value.shape(), name.strip_suffix(".W")) else { continue };
        let alike = value.data().chunks(*units).all(|row| row.iter().all(|w| *w == row[0]));
        if alike && *units > 1 && layer.starts_with("hidden") {
            found.push(format!("`{layer}`: its {units} neurons start alike and stay alike, as if they were one"));
        }
    }
    let graph = &network.graph;
    for id in graph.ids().filter(|id| graph.node(*id).op.info().name == "step") {
        let layer = graph.scope_path(graph.node(id).scope);
        found.push(format!("`{layer}`: the slope of a step is 0, so the weights up to there do not learn"));
    }
    found
}

/// `13-64-64-3`.
fn shape_text(network: &Network, options: &FitOptions) -> String {
    let hidden = options.hidden_sizes().unwrap_or_default();
    let sizes = std::iter::once(network.inputs()).chain(hidden).chain([network.outputs()]);
    sizes.map(|n| n.to_string()).collect::<Vec<_>>().join("-")
}
