//! From characters to tokens.

use super::diagnostic::{ParseError, Span};

/// One word of the text form.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token<'s> {
    Name(&'s str),
    /// A name in backquotes.
    Quoted(String),
    Number(f64),
    Key(u64),
    Symbol(&'static str),
    Newline,
    End,
    /// Something that is no token; the parser reports it when it gets there.
    Wrong(ParseError),
}

/// Longer symbols before their beginnings.
const SYMBOLS: [&str; 23] = [
    "<=", ">=", "==", "!=", "<", ">", "=", "+", "-", "*", "/", "@", "^", "'", "(", ")", "[", "]", "{", "}", ",", ":",
    ";",
];

/// Names that stand for numbers.
const NUMBERS: [(&str, f64); 4] =
    [("pi", std::f64::consts::PI), ("tau", std::f64::consts::TAU), ("inf", f64::INFINITY), ("nan", f64::NAN)];

/// Words that begin a statement.
pub(super) const KEYWORDS: [&str; 8] =
    ["input", "parameter", "output", "update", "network", "layer", "neuron", "function"];

/// Whether `name` stands for itself without backquotes.
fn is_plain(name: &str) -> bool {
    let reserved = KEYWORDS.contains(&name) || NUMBERS.iter().any(|(n, _)| *n == name);
    name.starts_with(begins_name) && name.chars().all(continues_name) && !reserved && !is_label(name)
}

/// Whether `name` is `_1`, `_2`, …: a reference inside the text that gives its node no name.
pub(super) fn is_label(name: &str) -> bool {
    name.strip_prefix('_').is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

fn begins_name(c: char) -> bool {
    c == '_' || c.is_alphabetic()
}

/// A dot inside a name ties it to its layer: `hidden.weight`.
fn continues_name(c: char) -> bool {
    c == '_' || c == '.' || c.is_alphanumeric()
}

/// A name as the text form writes it, in backquotes when needed.
pub(super) fn quote(name: &str) -> String {
    if is_plain(name) {
        return name.to_string();
    }
    let escaped = name.replace('\\', "\\\\").replace('`', "\\`").replace('\n', "\\n");
    format!("`{escaped}`")
}

/// A number with the fewest digits that read back to the same bits.
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    if value.is_nan() {
        String::from(if value.is_sign_negative() { "-nan" } else { "nan" })
    } else if size == 0.0 || size.is_infinite() || (1e-5..1e17).contains(&size) {
        value.to_string()
    } else {
        format!("{value:e}")
    }
}

/// All tokens of `source` with their places; the last is [`Token::End`].
pub(super) fn tokens(source: &str) -> Vec<(Token<'_>, Span)> {
    // Some editors begin a file with a mark of its encoding.
    let at = if source.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut lexer = Lexer { source, at, line: 1, column: 1 };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blank();
        let before = Span { start: lexer.at, end: lexer.at, line: lexer.line, column: lexer.column };
        let token = lexer.token(before);
        let end = token == Token::End;
        tokens.push((token, Span { end: lexer.at, ..before }));
        if end {
            return tokens;
        }
    }
}

struct Lexer<'s> {
    source: &'s str,
    at: usize,
    line: u32,
    column: u32,
}

impl<'s> Lexer<'s> {
    fn rest(&self) -> &'s str {
        &self.source[self.at..]
    }

    /// Moves on by one character.
    fn bump(&mut self) -> Option<char> {
        let c = self.rest().chars().next()?;
        self.at += c.len_utf8();
        (self.line, self.column) = if c == '\n' { (self.line + 1, 1) } else { (self.line, self.column + 1) };
        Some(c)
    }

    /// Takes the characters for which `accept` holds.
    fn take(&mut self, accept: impl Fn(char) -> bool) -> &'s str {
        let rest = self.rest();
        let start = self.at;
        while self.rest().starts_with(&accept) {
            self.bump();
        }
        &rest[..self.at - start]
    }

    fn skip_blank(&mut self) {
        self.take(|c| c.is_whitespace() && c != '\n');
        if self.rest().starts_with('#') {
            self.take(|c| c != '\n');
        }
    }

    fn token(&mut self, start: Span) -> Token<'s> {
        let Some(first) = self.rest().chars().next() else { return Token::End };
        let mut following = self.rest().chars().skip(1);
        if first == '\n' {
            self.bump();
            return Token::Newline;
        }
        if begins_name(first) {
            let name = self.take(continues_name);
            return match NUMBERS.iter().find(|(n, _)| *n == name) {
                Some(&(_, value)) => Token::Number(value),
                None => Token::Name(name),
            };
        }
        if first.is_ascii_digit() || first == '.' && following.next().is_some_and(|c| c.is_ascii_digit()) {
            return self.number(start);
        }
        if first == '`' {
            return self.quoted(start);
        }
        if let Some(symbol) = SYMBOLS.into_iter().find(|s| self.rest().starts_with(s)) {
            for _ in symbol.chars() {
                self.bump();
            }
            return Token::Symbol(symbol);
        }
        self.bump();
        self.wrong(start, format!("`{}` has no meaning here", first.escape_debug()))
    }

    fn wrong(&self, start: Span, message: impl Into<String>) -> Token<'s> {
        Token::Wrong(ParseError::new(Span { end: self.at, ..start }, message))
    }

    fn number(&mut self, start: Span) -> Token<'s> {
        let rest = self.rest();
        if rest.starts_with("0x") {
            let digits = &self.take(char::is_alphanumeric)[2..];
            return match u64::from_str_radix(digits, 16) {
                Ok(key) => Token::Key(key),
                Err(_) => self.wrong(start, "a key is `0x` followed by 1 to 16 hexadecimal digits"),
            };
        }
        self.take(|c| c.is_ascii_digit());
        if self.rest().starts_with('.') {
            self.bump();
            self.take(|c| c.is_ascii_digit());
        }
        let exponent = self.rest().strip_prefix(['e', 'E']).map(|e| e.strip_prefix(['+', '-']).unwrap_or(e));
        if exponent.is_some_and(|digits| digits.starts_with(|c: char| c.is_ascii_digit())) {
            self.bump();
            self.bump();
            self.take(|c| c.is_ascii_digit());
        }
        let digits = &rest[..self.at - start.start];
        if self.rest().starts_with(continues_name) {
            self.take(continues_name);
            return self.wrong(start, "this is neither a number nor a name\nhelp: a product is written with `*`: 2*x");
        }
        match digits.parse::<f64>() {
            Ok(value) if value.is_finite() => Token::Number(value),
            _ => self.wrong(start, "this number is too large; the largest is about 1.8e308"),
        }
    }

    fn quoted(&mut self, start: Span) -> Token<'s> {
        let mut name = String::new();
        self.bump();
        while !self.rest().starts_with('\n') {
            match self.bump() {
                Some('`') => return Token::Quoted(name),
                Some('\\') => match self.bump() {
                    Some('n') => name.push('\n'),
                    Some(c @ ('\\' | '`')) => name.push(c),
                    _ => return self.wrong(start, "a backslash in a name stands before `\\`, a backquote or `n`"),
                },
                Some(c) => name.push(c),
                None => break,
            }
        }
        self.wrong(start, "this name has no closing backquote in its line")
    }
}
