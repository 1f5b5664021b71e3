//! What is wrong with a text, and where.

use std::fmt;

use crate::suggest::closest;

/// Errors kept for one text; more would not be read.
pub(super) const MAX_ERRORS: usize = 100;
/// Characters of a source line that are shown around an error.
const WINDOW: usize = 100;
/// Characters of a message; a longer one repeats something endless from the text.
const LONGEST_MESSAGE: usize = 400;
/// Names longer than this get no suggestion: comparing them would take long, and they are no slips.
const LONGEST_NAME: usize = 100;
/// Names among which a suggestion is looked for.
const CANDIDATES: usize = 1000;

/// A piece of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// The line of the first byte, counted from 1.
    pub line: u32,
    /// The column of the first byte in characters, counted from 1.
    pub column: u32,
}

impl Span {
    /// From the start of `self` to the end of `last`.
    pub(super) fn to(self, last: Span) -> Span {
        Span { end: last.end, ..self }
    }
}

/// One mistake in a text.
#[derive(Clone, Debug, PartialEq)]
pub struct ParseError {
    /// Where.
    pub span: Span,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl ParseError {
    /// A message of which the part after `help: ` becomes the help.
    pub(super) fn new(span: Span, message: impl Into<String>) -> Self {
        let message = message.into();
        let (message, help) = match message.split_once("\nhelp: ") {
            Some((message, help)) => (message, Some(help.into())),
            None => (message.as_str(), None),
        };
        let cut = message.char_indices().nth(LONGEST_MESSAGE).map(|(at, _)| format!("{}…", &message[..at]));
        ParseError { span, message: cut.unwrap_or_else(|| message.into()), help }
    }

    pub(super) fn help(self, help: impl Into<String>) -> Self {
        ParseError { help: Some(help.into()), ..self }
    }

    /// Adds a suggestion when one of `candidates` looks like `name`.
    pub(super) fn suggest<'a>(self, name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Self {
        if name.len() > LONGEST_NAME {
            return self;
        }
        let usable = |c: &&str| c.len() <= LONGEST_NAME && *c != name;
        match closest(name, candidates.into_iter().filter(usable).take(CANDIDATES)) {
            Some(candidate) => self.help(format!("did you mean `{candidate}`?")),
            None => self,
        }
    }
}

/// The mistakes in a text, in the order in which they were found; at most the first hundred.
///
/// Displayed, each shows its place, the source line with the mistake underlined, and what to do about it.
#[derive(Clone, Debug, PartialEq)]
pub struct ParseErrors {
    source: String,
    errors: Vec<ParseError>,
}

impl ParseErrors {
    pub(super) fn new(source: &str, errors: Vec<ParseError>) -> Self {
        ParseErrors { source: source.to_string(), errors }
    }

    /// The mistakes.
    pub fn errors(&self) -> &[ParseError] {
        &self.errors
    }
}

impl std::error::Error for ParseErrors {}

impl fmt::Display for ParseErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, ParseError { span, message, help }) in self.errors.iter().enumerate() {
            f.write_str(if i == 0 { "" } else { "\n\n" })?;
            write!(f, "line {}, column {}: {message}", span.line, span.column)?;
            let (line, before, marked) = underline(&self.source, *span);
            write!(f, "\n  {line}\n  {}{}", " ".repeat(before), "^".repeat(marked))?;
            if let Some(help) = help {
                write!(f, "\nhelp: {help}")?;
            }
        }
        Ok(())
    }
}

/// The line of `span`, cropped around it, with the number of characters before the marked part and in it.
fn underline(source: &str, span: Span) -> (String, usize, usize) {
    let rest = source.get(span.start..).unwrap_or("");
    let column = span.column as usize - 1;
    // Counting from the span and not from the start of the text keeps a long text with many errors quick.
    let start = source[..source.len() - rest.len()].rfind('\n').map_or(0, |at| at + 1);
    let first = column.saturating_sub(WINDOW / 2);
    let line = source[start..].lines().next().unwrap_or("");
    let mut shown: String =
        line.chars().skip(first).take(WINDOW).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let marked =
        rest[..span.end.saturating_sub(span.start).min(rest.len())].lines().next().unwrap_or("").chars().count();
    let marked = marked.min(WINDOW + first - column).max(1);
    let mut before = column - first;
    if line.chars().nth(first + WINDOW).is_some() {
        shown.push('…');
    }
    if first > 0 {
        shown.insert(0, '…');
        before += 1;
    }
    (shown, before, marked)
}
