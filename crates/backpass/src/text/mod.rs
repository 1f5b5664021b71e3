//! The text form of graphs, printed and parsed: formulas such as `sigmoid(w1*x + w2*y + b)` and whole networks.
//!
//! ```text
//! program   := { statement (newline | ";") }               `#` begins a comment
//! statement := "input" NAME ":" SHAPE                      [batch, 4], [] for a single number
//!            | "parameter" NAME ":" SHAPE
//!            | ("network" | "layer" | "neuron" | "function") NAME "{" program "}"
//!            | NAME "=" expression                         the node gets the name, unless it is _1, _2, …
//!            | "output" NAME ["=" expression]
//!            | "update" NAME "=" expression                the value a parameter takes after the step
//!            | expression                                  the output `result`
//! ```
//!
//! Operators from weak to strong: `< <= > >= == !=` (not chained), `+ -`, `* / @` (matrix product), `-x`, `^` (from the
//! right: `-x^2` is `-(x^2)`), `x'` (transposed). A minus before a number that is not raised to a power belongs to the
//! number. Operands are numbers (`pi`, `tau`, `inf`, `nan` too), arrays `[[1, 2], [3, 4]]`, names, and calls
//! `sum(x, axis=0)` of [operators](crate::ops::table) and [composite functions](crate::composites::TABLE); `ln` is
//! `log`, `min` and `max` take any number of operands, and `sum`, `mean`, `max` and `log_sum_exp` without `axis` reduce
//! everything.
//!
//! Names are made of letters, digits, `_` and `.`; others stand in backquotes, in which a backslash precedes a backslash,
//! a backquote or `n` for a line break. Each name is defined once in the whole text, whatever its block, and definitions
//! may stand in any order. Where no definition has a name, it means the output of that name. A line may break inside
//! brackets. Brackets nest at most 200 deep, blocks 100; a value has at most 200 dimensions and 2^40 elements
//! for a row, and the first 100 errors are reported.

mod diagnostic;
mod lexer;
mod parser;
mod printer;
mod resolver;

pub use diagnostic::{ParseError, ParseErrors, Span};
pub use printer::{expression, operation};

use crate::builder::{Builder, Expr};
use crate::graph::Graph;
use crate::shape::Shape;
use parser::{Action, Content, Kind, Program};
use resolver::Resolver;

/// Reads a graph in which every name is declared.
pub fn parse(source: &str) -> Result<Graph, ParseErrors> {
    graph(source, None)
}

/// Reads a formula or program whose undeclared names become inputs, with the shapes given or else single numbers. What the
/// text declares keeps the shape declared there. Giving the shape of a name that is not used is a mistake.
pub fn parse_expression(source: &str, shapes: &[(&str, Shape)]) -> Result<Graph, ParseErrors> {
    graph(source, Some(shapes))
}

fn graph(source: &str, shapes: Option<&[(&str, Shape)]>) -> Result<Graph, ParseErrors> {
    let program = read(source)?;
    let builder = Builder::new();
    let mut resolver = Resolver::new(&builder, &program);
    resolver.free = shapes.map(|shapes| shapes.iter().cloned().collect());
    resolver.run();
    resolver.declare_results();
    if resolver.errors.is_empty() {
        let declared =
            program.statements.iter().filter(|s| matches!(s.content, Content::Input(_) | Content::Parameter(_)));
        let used: Vec<String> = declared.map(|s| s.name.clone()).chain(resolver.known.keys().cloned()).collect();
        for (name, _) in shapes.unwrap_or_default().iter().filter(|(name, _)| !used.iter().any(|u| u == name)) {
            let error = ParseError::new(everything(source), format!("`{name}` is given, but not used here"));
            resolver.errors.push(error.suggest(name, used.iter().map(String::as_str)));
        }
    }
    finish(source, resolver.errors)?;
    builder
        .finish()
        .map_err(|errors| ParseErrors::new(source, vec![ParseError::new(everything(source), errors.to_string())]))
}

/// Adds a formula to a graph under construction; `names` are the values it may use. After a mistake, nodes that nothing
/// uses may be left behind.
pub fn add_expression<'b>(
    builder: &'b Builder,
    source: &str,
    names: &[(&str, Expr<'b>)],
) -> Result<Expr<'b>, ParseErrors> {
    let program = read(source)?;
    let single = |span| ParseErrors::new(source, vec![ParseError::new(span, "a single expression is expected here")]);
    for (i, statement) in program.statements.iter().enumerate() {
        if i > 0 || !matches!(statement.content, Content::Expression(Kind::Result, _)) {
            return Err(single(statement.span));
        }
    }
    let mut resolver = Resolver::new(builder, &program);
    resolver.known = names.iter().map(|(name, value)| (name.to_string(), *value)).collect();
    resolver.run();
    let value = resolver.value(0);
    finish(source, resolver.errors)?;
    value.ok_or_else(|| single(everything(source)))
}

/// The names that a text uses and does not define, each once, in the order of their first use.
pub fn free_names(source: &str) -> Result<Vec<String>, ParseErrors> {
    let program = read(source)?;
    let defined = |name: &str| program.statements.iter().any(|statement| statement.name == name);
    let mut names = Vec::new();
    for statement in &program.statements {
        let Content::Expression(_, steps) = &statement.content else { continue };
        for step in steps {
            if let Action::Name(name) = &step.action
                && !defined(name)
                && !names.contains(name)
            {
                names.push(name.clone());
            }
        }
    }
    Ok(names)
}

fn read(source: &str) -> Result<Program, ParseErrors> {
    let mut program = parser::program(source);
    finish(source, std::mem::take(&mut program.errors))?;
    Ok(program)
}

fn finish(source: &str, mut errors: Vec<ParseError>) -> Result<(), ParseErrors> {
    errors.sort_by_key(|error| error.span.start);
    if errors.is_empty() { Ok(()) } else { Err(ParseErrors::new(source, errors)) }
}

/// What is wrong with a text as a whole.
pub(crate) fn refusal(source: &str, message: impl ToString) -> ParseErrors {
    ParseErrors::new(source, vec![ParseError::new(everything(source), message.to_string())])
}

fn everything(source: &str) -> Span {
    Span { start: 0, end: source.len(), line: 1, column: 1 }
}
