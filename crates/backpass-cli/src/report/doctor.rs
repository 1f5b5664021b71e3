//! What the doctor says of a model and the table of its training.

use backpass_tabular::doctor::{Fault, Finding, Severity};
use maud::{Markup, html};

/// That there is something to see to, at the top of the page.
pub fn caution(findings: &[Finding]) -> Markup {
    let open: Vec<&str> = findings.iter().filter(|f| f.severity > Severity::Note).map(|f| f.fault.summary()).collect();
    html! {
        @if !open.is_empty() { p.caution { a href="#doctor" { "To see to" } ": " (open.join("; ")) "." } }
    }
}

/// The section; empty where the table of the training is not there.
pub fn section(findings: Option<&[Finding]>) -> Markup {
    let Some(findings) = findings else { return html! {} };
    html! {
        @if findings.is_empty() {
            p { "None of the " (Fault::ALL.len()) " faults that " code { "backpass doctor" } " knows was found." }
        }
        @for finding in findings {
            h3 {
                (finding.severity.name()) ": " (finding.fault.summary())
                @if !finding.place.is_empty() { " (" (finding.place) ")" }
            }
            p { "Seen: " (finding.evidence) "." }
            p { "To do: " (finding.advice) "." }
        }
        @if findings.iter().any(|finding| finding.change.is_some()) {
            p.quiet { code { "backpass doctor" } " tries the cures that are options, and says what became of them." }
        }
    }
}
