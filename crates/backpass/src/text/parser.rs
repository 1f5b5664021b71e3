//! From tokens to statements, whose expressions are lists of steps for a stack machine.
//!
//! An expression that is a list instead of a tree is run, searched and dropped without recursion, however deep it is.

use super::diagnostic::{MAX_ERRORS, ParseError, Span};
use super::lexer::{KEYWORDS, Token, is_label, tokens};
use crate::array::Array;
use crate::graph::ScopeKind;
use crate::ops::{self, Attribute, Op, Relation};
use crate::shape::{Dim, Shape};

/// How deep brackets may nest; the parser recurses once for each.
const MAX_DEPTH: usize = 200;
/// How deep scopes may nest.
const MAX_SCOPES: usize = 100;
/// The most numbers that a value may hold in one row of the batch; products of sizes stay far from overflow.
pub(super) const MAX_ELEMENTS: usize = 1 << 40;

/// What a call gives by name.
#[derive(Clone, Debug)]
pub(super) struct NamedValue {
    pub name: String,
    pub value: Attribute,
    pub span: Span,
}

/// What one step does with the stack of values.
#[derive(Clone, Debug)]
pub(super) enum Action {
    Constant(Array),
    Name(String),
    /// An infix, prefix or postfix operator; its operands lie on the stack.
    Operator(Op),
    Call { function: String, operands: usize, attributes: Vec<NamedValue> },
}

/// One step of an expression.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub action: Action,
    pub span: Span,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Definition,
    /// A definition called `_1`, `_2`, …, whose node stays without name.
    Label,
    Output,
    /// An expression without a name; it becomes the output `result`.
    Result,
    Update,
}

#[derive(Clone, Debug)]
pub(super) enum Content {
    Input(Shape),
    Parameter(Shape),
    Expression(Kind, Vec<Step>),
}

#[derive(Clone, Debug)]
pub(super) struct Statement {
    pub name: String,
    /// Where the name stands.
    pub span: Span,
    /// Index into [`Program::scopes`].
    pub scope: usize,
    pub content: Content,
}

/// A scope of the text; the first stands for what surrounds it.
#[derive(Clone, Debug)]
pub(super) struct TextScope {
    pub name: String,
    pub kind: ScopeKind,
    pub parent: usize,
}

#[derive(Debug)]
pub(super) struct Program {
    pub statements: Vec<Statement>,
    pub scopes: Vec<TextScope>,
    pub errors: Vec<ParseError>,
}

/// Reads as many statements as can be understood; each of the others leaves an error.
pub(super) fn program(source: &str) -> Program {
    let root = TextScope { name: String::new(), kind: ScopeKind::Network, parent: 0 };
    let mut parser = Parser {
        tokens: tokens(source),
        at: 0,
        brackets: 0,
        steps: Vec::new(),
        open: Vec::new(),
        program: Program { statements: Vec::new(), scopes: vec![root], errors: Vec::new() },
    };
    parser.run();
    parser.program
}

type Parsed<T> = Result<T, ParseError>;

struct Parser<'s> {
    tokens: Vec<(Token<'s>, Span)>,
    at: usize,
    /// Brackets open here; a newline counts only when there are none.
    brackets: usize,
    /// The expression being read.
    steps: Vec<Step>,
    /// The scopes open here with their places.
    open: Vec<(usize, Span)>,
    program: Program,
}

/// Binding strength of an infix operator and the operator.
fn infix(symbol: &str) -> Option<(u8, Op)> {
    Some(match symbol {
        "+" => (2, ops::Add.into()),
        "-" => (2, ops::Sub.into()),
        "*" => (3, ops::Mul.into()),
        "/" => (3, ops::Div.into()),
        "@" => (3, ops::Matmul::default().into()),
        _ => {
            let (relation, _) = Relation::ALL.into_iter().find(|(_, s)| *s == symbol)?;
            (COMPARISON, ops::Compare { relation }.into())
        }
    })
}

const COMPARISON: u8 = 1;

impl<'s> Parser<'s> {
    fn run(&mut self) {
        while self.program.errors.len() < MAX_ERRORS {
            match self.peek() {
                Token::End => break,
                Token::Newline | Token::Symbol(";") => self.at += 1,
                Token::Symbol("}") if !self.open.is_empty() => {
                    self.at += 1;
                    self.open.pop();
                }
                _ => {
                    if let Err(error) = self.statement() {
                        self.program.errors.push(error);
                        self.recover();
                    }
                }
            }
        }
        if let Some(&(scope, span)) = self.open.last().filter(|_| self.program.errors.is_empty()) {
            let name = &self.program.scopes[scope].name;
            self.program.errors.push(ParseError::new(span, format!("the block of `{name}` is never closed\nhelp: add `}}`")));
        }
    }

    /// Skips the rest of a line that was not understood, keeping count of the blocks in it.
    fn recover(&mut self) {
        self.brackets = 0;
        self.steps.clear();
        loop {
            match self.peek() {
                Token::Newline | Token::End => return,
                Token::Symbol("{") => self.open.push((self.scope(), self.span())),
                Token::Symbol("}") => drop(self.open.pop()),
                _ => {}
            }
            self.at += 1;
        }
    }

    fn scope(&self) -> usize {
        self.open.last().map_or(0, |(scope, _)| *scope)
    }

    fn peek(&mut self) -> &Token<'s> {
        while self.brackets > 0 && self.tokens[self.at].0 == Token::Newline {
            self.at += 1;
        }
        &self.tokens[self.at].0
    }

    /// The token after the next one.
    fn second(&self) -> &Token<'s> {
        &self.tokens[(self.at + 1).min(self.tokens.len() - 1)].0
    }

    fn span(&self) -> Span {
        self.tokens[self.at].1
    }

    fn eat(&mut self, symbol: &str) -> Option<Span> {
        let found = matches!(self.peek(), Token::Symbol(s) if *s == symbol).then(|| self.span());
        self.at += usize::from(found.is_some());
        found
    }

    fn expect(&mut self, symbol: &str) -> Parsed<Span> {
        self.eat(symbol).ok_or_else(|| self.unexpected(&format!("`{symbol}`")))
    }

    /// The error that something else stands where `expected` should.
    fn unexpected(&mut self, expected: &str) -> ParseError {
        let found = match self.peek() {
            Token::Wrong(error) => return error.clone(),
            Token::Name(name) => format!("`{name}`"),
            Token::Quoted(name) => format!("the name `{name}`"),
            Token::Number(_) => "a number".to_string(),
            Token::Key(key) => format!("the key {key:#x}"),
            Token::Symbol(symbol) => format!("`{symbol}`"),
            Token::Newline => "the end of the line".to_string(),
            Token::End => "the end of the text".to_string(),
        };
        ParseError::new(self.span(), format!("expected {expected}, found {found}"))
    }

    fn statement(&mut self) -> Parsed<()> {
        let start = self.span();
        let (name, span, content) = match self.keyword() {
            Some(word) => {
                if let Some(&(_, kind)) = ScopeKind::NAMES.iter().find(|(name, _)| *name == word) {
                    return self.block(kind, start);
                }
                let (name, span) = self.name(&format!("the name of the {word}"))?;
                let content = match word {
                    "input" => Content::Input(self.declared_shape()?),
                    "parameter" => Content::Parameter(self.declared_shape()?),
                    "output" if self.eat("=").is_none() => {
                        Content::Expression(Kind::Output, vec![Step { action: Action::Name(name.clone()), span }])
                    }
                    "output" => Content::Expression(Kind::Output, self.whole_expression()?),
                    _ => {
                        self.expect("=")?;
                        Content::Expression(Kind::Update, self.whole_expression()?)
                    }
                };
                (name, span, content)
            }
            None if *self.second() == Token::Symbol("=") => {
                let kind = match self.peek() {
                    Token::Name(name) if is_label(name) => Kind::Label,
                    _ => Kind::Definition,
                };
                let (name, span) = self.name("a name")?;
                self.expect("=")?;
                (name, span, Content::Expression(kind, self.whole_expression()?))
            }
            None => {
                let content = Content::Expression(Kind::Result, self.whole_expression()?);
                (RESULT.to_string(), start.to(self.tokens[self.at - 1].1), content)
            }
        };
        match self.peek() {
            Token::Newline | Token::End | Token::Symbol(";" | "}") => {}
            _ => return Err(self.unexpected("an operator or the end of the line")),
        }
        let scope = self.scope();
        self.program.statements.push(Statement { name, span, scope, content });
        Ok(())
    }

    /// Takes the keyword that begins a statement, if one does.
    fn keyword(&mut self) -> Option<&'static str> {
        let word = match self.peek() {
            Token::Name(name) => KEYWORDS.into_iter().find(|word| word == name)?,
            _ => return None,
        };
        self.at += 1;
        Some(word)
    }

    fn block(&mut self, kind: ScopeKind, start: Span) -> Parsed<()> {
        let (name, span) = self.name(&format!("the name of the {}", kind.name()))?;
        self.expect("{")?;
        if self.open.len() == MAX_SCOPES {
            return Err(ParseError::new(span, format!("blocks nest more than {MAX_SCOPES} deep")));
        }
        self.open.push((self.program.scopes.len(), start.to(span)));
        let parent = self.open.iter().rev().nth(1).map_or(0, |(scope, _)| *scope);
        self.program.scopes.push(TextScope { name, kind, parent });
        Ok(())
    }

    fn name(&mut self, expected: &str) -> Parsed<(String, Span)> {
        let name = match self.peek() {
            Token::Name(name) if KEYWORDS.contains(name) => return Err(self.reserved()),
            Token::Name(name) => name.to_string(),
            Token::Quoted(name) => name.clone(),
            _ => return Err(self.unexpected(expected)),
        };
        let span = self.span();
        self.at += 1;
        Ok((name, span))
    }

    fn reserved(&mut self) -> ParseError {
        self.unexpected("a name").help("a name that is also a keyword is written in backquotes")
    }

    fn declared_shape(&mut self) -> Parsed<Shape> {
        if self.eat(":").is_none() {
            return Err(self.unexpected("`:`").help("a shape follows: `[batch, 4]`, or `[]` for a single number"));
        }
        match self.list()? {
            (Attribute::Shape(shape), _) => Ok(shape),
            (_, span) => Err(ParseError::new(span, "a shape holds whole numbers, `batch` only first")),
        }
    }

    /// A list in square brackets: a shape when it holds whole numbers and `batch`, otherwise an array.
    fn list(&mut self) -> Parsed<(Attribute, Span)> {
        let start = self.span();
        let mut at = self.at + 1;
        let mut dims = Vec::new();
        // A shape is flat, so it is tried first and left as soon as something else turns up.
        todo!()
    }
}
