//! `backpass check`.

use backpass::explain::{Explanation, Folding, Question};
use backpass::gradcheck::check_gradient;
use backpass::view::{Level, number};
use serde_json::json;

use crate::exit::{Exit, Failure};
use crate::output::{self, Talk, columns, nested, row};
use crate::subject::{Formula, Subject};
use crate::values::VALUES_HELP;

/// Check the gradient of a formula against differences: exit code 0 if they agree, 1 if not
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Check {
    /// A formula, a file with definitions, or - for standard input
    #[arg(value_name = "FORMULA|FILE", allow_hyphen_values = true)]
    subject: String,

    #[arg(value_name = "NAME=VALUE", help = VALUES_HELP)]
    values: Vec<String>,

    /// The definition that is the result; by default the last
    #[arg(long, value_name = "NAME")]
    of: Option<String>,

    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  backpass check \"sigmoid(w*x + b)\" x=1 w=0.5 b=0.1
  backpass check \"sum(tanh(X @ W))\" \"X=[[1,2]]\" \"W=[[1,2],[3,4]]\"";

/// Significant digits in remarks.
const DIGITS: usize = 4;
/// Elements of one name that the table lists.
const LISTED: usize = 16;

impl Check {
    pub fn run(self, _: &Talk) -> Result<(), Failure> {
        let Subject::Text(source) = Subject::new(&self.subject)? else {
            return Err(Failure::usage(
                "a model is not a formula\nhelp: backpass explain MODEL --data FILE shows its derivatives",
            ));
        };
        let mut formula = Formula::new(&source, &self.values, self.of.as_deref())?;
        if formula.graph.shape(formula.result).rank() > 0 {
            let builder = backpass::Builder::from_graph(formula.graph.clone());
            formula.result = builder.expr(formula.result).sum_all().id();
            formula.graph = builder.finish().map_err(Failure::usage)?;
        }
        let (graph, point) = (&formula.graph, formula.point()?);
        let variables: Vec<_> = formula.variables().collect();
        let report = check_gradient(graph, formula.result, &variables, &point).map_err(Failure::usage)?;
        let question = Question { result: formula.result, seed: None, variables: None };
        let explanation = Explanation::new(graph, &question, &point).map_err(Failure::usage)?;
        let notes: Vec<String> = explanation
            .view(&Folding::at(Level::Operator), DIGITS)
            .nodes
            .into_iter()
            .flat_map(|node| node.notes)
            .collect();
        if self.json {
            let variable = |v: &backpass::gradcheck::VariableCheck| {
                json!({
                    "name": v.name,
                    "automatic": nested(&v.automatic),
                    "differences": nested(&v.numeric),
                    "tolerance": nested(&v.tolerance),
                    "agrees": v.worst().is_none(),
                })
            };
            let variables: Vec<_> = report.variables.iter().map(variable).collect();
            output::json(
                &json!({ "schema": "backpass.check/1", "agrees": report.passed(), "variables": variables, "notes": notes }),
            )?;
        } else {
            let mut rows = vec![row("", ["chain rule", "differences", "apart", "allowed", ""])];
            for v in &report.variables {
                for i in 0..v.automatic.len().min(LISTED) {
                    let (a, n, t) = (v.automatic.data()[i], v.numeric.data()[i], v.tolerance.data()[i]);
                    let name = if v.automatic.len() == 1 { v.name.clone() } else { format!("{}[{i}]", v.name) };
                    let apart = (a - n).abs();
                    let verdict = if apart <= t { "agree" } else { "DIFFER" };
                    rows.push(row(&name, [&number(a, 8), &number(n, 8), &number(apart, 2), &number(t, 2), verdict]));
                }
                if v.automatic.len() > LISTED {
                    rows.push(row(&format!("{}: …and {} more", v.name, v.automatic.len() - LISTED), [""]));
                }
            }
            let value = explanation.value(explanation.result()).item().unwrap_or(f64::NAN);
            let verdict = match report.passed() {
                _ if !value.is_finite() => "There is nothing to compare: the value of the formula is not finite here.",
                true => "The derivatives by the chain rule agree with differences of values.",
                false => {
                    "They do NOT agree. Either the formula has a kink or jump near this point, or a rule is wrong."
                }
            };
            let notes: String = notes.iter().map(|note| format!("{note}\n")).collect();
            output::print(format!("{}\n{verdict}\n{notes}", columns(&rows, 1)))?;
        }
        if report.passed() { Ok(()) } else { Err(Failure::silent(Exit::Demand)) }
    }
}
