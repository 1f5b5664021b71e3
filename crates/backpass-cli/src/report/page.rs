//! The page: its frame, the order of its sections, and how numbers, tables and charts are set.

use std::fmt::Display;
use std::path::Path;

use backpass_draw::plot::Chart;
use backpass_draw::{Theme, html, number};
use backpass_tabular::Assessment;
use backpass_tabular::doctor::Finding;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{Report, doctor, sections};
use crate::exit::Failure;
use crate::output;

const STYLE: &str = include_str!("page.css");
/// Nothing is loaded from anywhere, and no script runs.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'";
/// The size of a chart in pixels, made for a narrow screen.
const SIZE: (u32, u32) = (380, 300);

/// The whole page.
pub fn page(report: &Report<'_>, assessment: &Assessment, findings: Option<&[Finding]>) -> Result<String, Failure> {
    let data = Path::new(&report.model.manifest.data);
    let data = data.file_name().map_or(report.model.manifest.data.as_str().into(), |name| name.to_string_lossy());
    let title = format!("{} from {data}", report.model.target.name());
    let sections = sections::all(report, assessment, findings)?;
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                title { (title) }
                style { (PreEscaped(html::colours())) (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { (title) }
                    (sections::summary(report, assessment))
                    (doctor::caution(findings.unwrap_or_default()))
                    nav aria-label="Contents" {
                        ul { @for (id, title, _) in &sections { li { a href={ "#" (id) } { (title) } } } }
                    }
                }
                main {
                    @for (id, title, body) in &sections {
                        section id=(id) {
                            h2 { (title) }
                            (body)
                        }
                    }
                }
            }
        }
    };
    Ok(page.into_string().chars().map(harmless).collect())
}

/// Names may hold anything: what neither HTML nor the order of the text around it would survive is marked as replaced.
fn harmless(c: char) -> char {
    let reorders = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let is_broken = c.is_control() && !matches!(c, '\n' | '\t') || matches!(c, '\u{fffe}' | '\u{ffff}');
    if reorders || is_broken { char::REPLACEMENT_CHARACTER } else { c }
}

/// A number for people.
pub fn set(value: f64) -> String {
    number::typeset(&output::number(value))
}

/// A share in per cent.
pub fn percent(share: f64) -> String {
    if share.is_nan() { "not defined".to_string() } else { format!("{:.1} %", 100.0 * share) }
}

/// Charts side by side, or below each other on a narrow screen.
pub fn charts(charts: &[Chart]) -> Result<Markup, Failure> {
    let drawn = charts.iter().map(|chart| chart.svg(SIZE, Theme::Auto).map_err(Failure::usage));
    let drawn = drawn.collect::<Result<Vec<_>, _>>()?;
    Ok(html! { div.charts { @for svg in &drawn { figure { (PreEscaped(svg)) } } } })
}

/// A table that scrolls by itself where the screen is narrow; its first `texts` columns are no numbers.
pub fn table<H: Display>(heads: &[H], texts: usize, rows: impl IntoIterator<Item = Vec<String>>) -> Markup {
    let class = |column: usize| (column >= texts).then_some("number");
    html! {
        div.wide {
            table {
                thead {
                    tr { @for (at, head) in heads.iter().enumerate() { th scope="col" class=[class(at)] { (head) } } }
                }
                tbody {
                    @for row in rows {
                        tr {
                            @for (at, cell) in row.iter().enumerate() { td class=[class(at).or(long(cell))] { (cell) } }
                        }
                    }
                }
            }
        }
    }
}

/// The class of a text that may take several lines.
fn long(text: &str) -> Option<&'static str> {
    (text.chars().count() > LONG).then_some("long")
}

/// Longer texts may take several lines.
const LONG: usize = 28;

/// A bar as long as its share of the longest one, in another colour below zero.
pub fn bar(value: f64, longest: f64) -> Markup {
    let share = if longest > 0.0 { 100.0 * (value.abs() / longest).min(1.0) } else { 0.0 };
    html! { td.bar { span.less[value < 0.0] style={ "width:" (format!("{share:.1}")) "%" } {} } }
}
