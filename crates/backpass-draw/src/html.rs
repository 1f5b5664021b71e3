//! A view as one page for a browser: the picture, a walk through its steps, and the text twin. The page needs nothing
//! but itself, and shows everything where scripts do not run.

use backpass::view::{Pass, View};
use serde_json::json;

use crate::number;
use crate::svg::{SvgOptions, escape, svg};
use crate::text;
use crate::theme::{self, Palette, Theme};

const STEPPER: &str = include_str!("../assets/stepper.js");
const STYLE: &str = include_str!("../assets/page.css");

/// Nothing is loaded from anywhere, and no script runs but the one in the page.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'";

/// The view as a page. The address `…#step=7` opens it at the seventh step of [`View::steps`].
pub fn html(view: &View, options: &SvgOptions) -> String {
    let title = if view.title.is_empty() { "backpass" } else { &view.title };
    let title = escape(title);
    // The page chooses between light and dark, not the picture in it.
    let theme = if options.theme == Theme::Auto { Theme::Light } else { options.theme };
    let graph = View { task: None, ..view.clone() };
    let picture = svg(&graph, &SvgOptions { theme, ..options.clone() });
    let root = match options.theme {
        Theme::Light => " data-theme=\"light\"",
        Theme::Dark => " data-theme=\"dark\"",
        Theme::Auto => "",
    };
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"{root}>\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n<title>{title}</title>\n\
         <style>\n{}{STYLE}</style>\n</head>\n<body>\n\
         <header><h1>{title}</h1><button id=\"theme\" type=\"button\" hidden>Dark page</button></header>\n\
         <main>\n{question}<figure id=\"picture\" tabindex=\"0\" role=\"region\" aria-label=\"Picture\">\n{picture}</figure>\n",
        colours(),
        question = view.task.iter().map(|task| format!("<p>{}</p>\n", escape(&task.question))).collect::<String>(),
    );
    page += &answers(view);
    if !view.steps.is_empty() {
        page += CONTROLS;
    }
    page += &table(view, options);
    page += &notes(view);
    page += &steps(view);
    // In a script element only `<` could end the data.
    let data = data(view).to_string().replace('<', "\\u003c");
    page += &format!("</main>\n<script id=\"data\" type=\"application/json\">{data}</script>\n");
    page + &format!("<script>\n{STEPPER}</script>\n</body>\n</html>\n")
}

/// Hidden until the script runs.
const CONTROLS: &str = r#"<section id="stepper" aria-label="Step by step" hidden>
<p id="pass-line"><span id="pass"></span> <span id="count"></span></p>
<p id="said" role="status"></p>
<input id="slider" type="range" min="0" max="0" step="1" aria-label="Step">
<div class="buttons">
<button id="first" type="button">First</button>
<button id="previous" type="button">Previous</button>
<button id="play" type="button">Play</button>
<button id="next" type="button">Next</button>
<button id="last" type="button">Last</button>
</div>
</section>
"#;

/// The rules that colour a page and the light pictures of views in it: light, or dark where the reader's system or the
/// attribute `data-theme` of the root says so, and never on paper. Texts and lines take `--page`, `--ink`, `--quiet`,
/// `--line`, `--frame`, `--forward`, `--backward` and `--current`.
pub fn colours() -> String {
    let variables = |palette: &Palette| {
        let current = palette.current();
        let named = [
            ("page", palette.page),
            ("ink", palette.ink),
            ("quiet", palette.quiet),
            ("line", palette.line),
            ("frame", palette.frame),
            ("forward", palette.forward),
            ("backward", palette.backward),
            ("current", current),
        ];
        named.map(|(name, colour)| format!("--{name}:{colour};")).concat()
    };
    let (light, dark) = (Palette::of(Theme::Light), Palette::of(Theme::Dark));
    let dark = format!("{}color-scheme:dark;{}", variables(dark), theme::css(Theme::Dark));
    format!(
        ":root{{{}color-scheme:light;{}}}\n@media screen{{:root[data-theme=\"dark\"]{{{dark}}}}}\n\
         @media screen and (prefers-color-scheme:dark){{:root:not([data-theme=\"light\"]){{{dark}}}}}\n",
        variables(light),
        theme::css(Theme::Light),
    )
}

fn table(view: &View, options: &SvgOptions) -> String {
    let options = text::Options { digits: options.digits, formulas: true, width: None };
    let heads = text::headings(view).map(|heading| format!("<th scope=\"col\">{}</th>", escape(&heading))).concat();
    let mut out = format!(
        "<section id=\"table\">\n<h2 id=\"table-title\">The same as a table</h2>\n\
         <div class=\"wide\" tabindex=\"0\" role=\"region\" aria-labelledby=\"table-title\">\n\
         <table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n"
    );
    for (index, row) in text::rows(view, &options).iter().enumerate() {
        let locals = row.locals.iter().map(|local| format!("<div>{}</div>", escape(local))).collect::<String>();
        out += &format!(
            "<tr data-node=\"{index}\"><th scope=\"row\">{}</th><td>{}</td><td><span class=\"forward\">{}</span></td>\
             <td><div class=\"local\">{locals}</div></td><td><span class=\"backward\">{}</span></td></tr>\n",
            escape(&row.name),
            escape(&row.computes),
            escape(&row.value),
            escape(&row.gradient)
        );
    }
    out + "</tbody>\n</table>\n</div>\n</section>\n"
}

/// The answers to choose from, and the right one where it is told.
fn answers(view: &View) -> String {
    let Some(task) = &view.task else { return String::new() };
    let typeset = |text: &String| escape(&number::typeset(text));
    let options: String = task.options.iter().map(|option| format!("<li>{}</li>\n", typeset(option))).collect();
    let options = if options.is_empty() { options } else { format!("<ol type=\"A\">\n{options}</ol>\n") };
    options + &task.answer.iter().map(|answer| format!("<p>Answer: {}</p>\n", typeset(answer))).collect::<String>()
}

fn notes(view: &View) -> String {
    let notes: String = text::notes(view).iter().map(|note| format!("<li>{}</li>\n", escape(note))).collect();
    if notes.is_empty() { notes } else { format!("<section>\n<h2>Notes</h2>\n<ul>\n{notes}</ul>\n</section>\n") }
}

/// All steps, each a link to itself.
fn steps(view: &View) -> String {
    if view.steps.is_empty() {
        return String::new();
    }
    let mut out = String::from("<details id=\"steps\">\n<summary>All steps</summary>\n");
    let mut pass = None;
    for (index, step) in view.steps.iter().enumerate() {
        let number = index + 1;
        if pass != Some(step.pass) {
            out += if pass.is_some() { "</ol>\n" } else { "" };
            out += &format!("<h2>{}</h2>\n<ol start=\"{number}\">\n", text::pass_name(step.pass));
            pass = Some(step.pass);
        }
        out += &format!("<li><a href=\"#step={number}\">{}</a></li>\n", escape(&step.text));
    }
    out + "</ol>\n</details>\n"
}

/// What the script needs: the steps, and for each number of a node and of an edge the step at which it appears.
fn data(view: &View) -> serde_json::Value {
    let steps = view.steps.iter().map(|step| {
        let pass = match step.pass {
            Pass::Forward => "forward",
            Pass::Backward => "backward",
        };
        let heading = text::pass_name(step.pass);
        json!({ "pass": pass, "heading": heading, "node": step.node, "edges": step.edges, "text": step.text })
    });
    let appears = |(forward, local, backward)| json!({ "forward": forward, "local": local, "backward": backward });
    let schedule = Schedule::new(view);
    json!({
        "steps": steps.collect::<Vec<_>>(),
        "nodes": (0..view.nodes.len()).map(|node| appears(schedule.node(node))).collect::<Vec<_>>(),
        "edges": (0..view.edges.len()).map(|edge| appears(schedule.edge(edge))).collect::<Vec<_>>(),
    })
}

/// When values and gradients are known: after how many steps.
struct Schedule<'a> {
    view: &'a View,
    values: Vec<usize>,
    gradients: Vec<usize>,
    flows: Vec<usize>,
}

impl<'a> Schedule<'a> {
    /// What no step computes is known from the beginning where it is a value, and at the end where it is a gradient.
    fn new(view: &'a View) -> Self {
        let end = view.steps.len();
        let mut schedule = Schedule {
            view,
            values: vec![0; view.nodes.len()],
            gradients: vec![end; view.nodes.len()],
            flows: vec![end; view.edges.len()],
        };
        for (index, step) in view.steps.iter().enumerate().rev() {
            match step.pass {
                Pass::Forward => schedule.values[step.node] = index + 1,
                Pass::Backward => {
                    schedule.gradients[step.node] = index + 1;
                    step.edges.iter().for_each(|&edge| schedule.flows[edge] = index + 1);
                }
            }
        }
        schedule
    }

    /// The steps of a node's value, local derivatives and gradient.
    fn node(&self, node: usize) -> (usize, usize, usize) {
        (self.values[node], self.values[node], self.gradients[node])
    }

    /// The steps of what flows forward along an edge, of its local derivative and of what flows backward.
    fn edge(&self, index: usize) -> (usize, usize, usize) {
        let edge = &self.view.edges[index];
        // A product with a weight belongs to the sum in the neuron.
        let forward = if edge.weight.is_some() { edge.to } else { edge.from };
        (self.values[forward], self.values[edge.to], self.flows[index])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{edge, node};
    use backpass::view::{Role, Step, ViewEdge};

    /// a → b → c, and b again into c with a weight.
    fn chain() -> View {
        let step = |pass, node, edges: &[usize]| Step { pass, node, edges: edges.into(), text: String::new() };
        View {
            nodes: ["a", "b", "c"].map(|name| node(name, name, Role::Neuron)).into(),
            edges: vec![edge(0, 1, 0), edge(1, 2, 0), ViewEdge { weight: Some(2.0), ..edge(1, 2, 1) }],
            output: Some(2),
            steps: vec![
                step(Pass::Forward, 1, &[0]),
                step(Pass::Forward, 2, &[1, 2]),
                step(Pass::Backward, 2, &[]),
                step(Pass::Backward, 1, &[1, 2]),
            ],
            ..View::default()
        }
    }

    #[test]
    fn numbers_appear_with_their_steps() {
        let view = chain();
        let schedule = Schedule::new(&view);
        // a is given, and its gradient is not a step of its own.
        assert_eq!((0..3).map(|node| schedule.node(node)).collect::<Vec<_>>(), [(0, 0, 4), (1, 1, 4), (2, 2, 3)]);
        assert_eq!((0..3).map(|edge| schedule.edge(edge)).collect::<Vec<_>>(), [(0, 1, 4), (1, 2, 4), (2, 2, 4)]);
    }
}
