//! From tokens to statements, whose expressions are lists of steps for a stack machine.
//!
//! An expression that is a list instead of a tree is run, searched and dropped without recursion, however deep it is.

use super::diagnostic::{MAX_ERRORS, ParseError, Span};
use super::lexer::{KEYWORDS, Token, is_label, tokens};
use super::resolver::functions;
use crate::array::Array;
use crate::graph::ScopeKind;
use crate::ops::{self, Attribute, Op, Relation};
use crate::shape::{Dim, Shape};

/// What an expression without a name is called.
pub(super) const RESULT: &str = "result";
/// How deep brackets may nest, and with them arrays; the parser recurses once for each.
const MAX_DEPTH: usize = 200;
/// How deep scopes may nest.
const MAX_SCOPES: usize = 100;
/// The most numbers that a value may hold in one row of the batch, so that counting them never overflows.
const MAX_ELEMENTS: usize = 1 << 40;

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
    Call {
        function: String,
        operands: usize,
        attributes: Vec<NamedValue>,
    },
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

/// Binding strength of comparisons, the weakest.
const COMPARISON: u8 = 1;

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

impl<'s> Parser<'s> {
    fn run(&mut self) {
        while self.program.errors.len() < MAX_ERRORS {
            match self.peek() {
                Token::End => break,
                Token::Newline | Token::Symbol(";") => self.at += 1,
                Token::Symbol("}") => {
                    if self.open.pop().is_none() {
                        self.program.errors.push(ParseError::new(self.span(), "this `}` closes no block"));
                    }
                    self.at += 1;
                }
                _ => {
                    if let Err(error) = self.statement() {
                        self.program.errors.push(error);
                        self.recover();
                    }
                }
            }
        }
        let Program { scopes, errors, .. } = &mut self.program;
        if let Some(&(scope, span)) = self.open.last().filter(|_| errors.is_empty()) {
            let message = format!("the block of `{}` is never closed", scopes[scope].name);
            errors.push(ParseError::new(span, message).help("add `}`"));
        }
    }

    /// Skips the rest of a line that was not understood, keeping count of the blocks in it.
    fn recover(&mut self) {
        self.brackets = 0;
        self.steps.clear();
        loop {
            match self.peek() {
                Token::Newline | Token::End | Token::Symbol(";") => return,
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
    fn second(&mut self) -> &Token<'s> {
        self.peek();
        let counts = |token: &Token| self.brackets == 0 || *token != Token::Newline;
        self.tokens[self.at..].iter().map(|(token, _)| token).filter(|t| counts(t)).nth(1).unwrap_or(&Token::End)
    }

    fn span(&self) -> Span {
        self.tokens[self.at].1
    }

    /// From `start` to the last token taken.
    fn since(&self, start: Span) -> Span {
        start.to(self.tokens[self.at.saturating_sub(1)].1)
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
                (RESULT.to_string(), self.since(start), content)
            }
        };
        match self.peek() {
            Token::Newline | Token::End | Token::Symbol(";" | "}") => {}
            _ => return Err(self.unfinished()),
        }
        let scope = self.scope();
        self.program.statements.push(Statement { name, span, scope, content });
        Ok(())
    }

    /// The error that a statement goes on after its end.
    fn unfinished(&mut self) -> ParseError {
        let error = self.unexpected("an operator or the end of the line");
        match self.tokens[self.at.saturating_sub(1)].0 {
            Token::Name(name) if functions().any(|f| f == name) => {
                error.help(format!("`{name}` is a function; write {name}(…)"))
            }
            _ => error,
        }
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
        if self.open.len() >= MAX_SCOPES {
            return Err(ParseError::new(span, format!("blocks nest more than {MAX_SCOPES} deep")));
        }
        self.expect("{")?;
        let parent = self.scope();
        self.open.push((self.program.scopes.len(), start.to(span)));
        self.program.scopes.push(TextScope { name, kind, parent });
        Ok(())
    }

    fn name(&mut self, expected: &str) -> Parsed<(String, Span)> {
        let name = match self.peek() {
            Token::Name(name) if KEYWORDS.contains(name) => {
                return Err(self.unexpected("a name").help("a name that is also a keyword is written in backquotes"));
            }
            Token::Name(name) => name.to_string(),
            Token::Quoted(name) => name.clone(),
            _ => return Err(self.unexpected(expected)),
        };
        let span = self.span();
        self.at += 1;
        Ok((name, span))
    }

    fn declared_shape(&mut self) -> Parsed<Shape> {
        if self.eat(":").is_none() {
            return Err(self.unexpected("`:`").help("a shape follows: `[batch, 4]`, or `[]` for a single number"));
        }
        self.shape()
    }

    /// Items between brackets with commas between them; a last comma does no harm.
    fn list(&mut self, [open, close]: [&'static str; 2], mut item: impl FnMut(&mut Self) -> Parsed<()>) -> Parsed<()> {
        let start = self.open_bracket(open)?;
        while self.eat(close).is_none() {
            item(self)?;
            if self.eat(",").is_none() && *self.peek() != Token::Symbol(close) {
                return Err(self.unclosed(start, &format!("`,` or `{close}`")));
            }
        }
        self.brackets -= 1;
        Ok(())
    }

    fn open_bracket(&mut self, open: &str) -> Parsed<Span> {
        let start = self.expect(open)?;
        self.brackets += 1;
        if self.brackets > MAX_DEPTH {
            let error = ParseError::new(start, format!("brackets nest more than {MAX_DEPTH} deep"));
            return Err(error.help("give inner parts a name in a line before"));
        }
        Ok(start)
    }

    /// The error that the bracket opened at `start` has not been closed here.
    fn unclosed(&mut self, start: Span, expected: &str) -> ParseError {
        if *self.peek() == Token::End {
            return ParseError::new(start, "this bracket is never closed");
        }
        let error = self.unexpected(expected);
        if error.span.line == start.line {
            return error;
        }
        error.help(format!("the bracket was opened in line {}, column {}", start.line, start.column))
    }

    fn shape(&mut self) -> Parsed<Shape> {
        let start = self.span();
        let mut dims = Vec::new();
        self.list(["[", "]"], |parser| {
            dims.push(match *parser.peek() {
                Token::Name("batch") => Dim::Batch,
                Token::Number(n) if n >= 0.0 && n.fract() == 0.0 => Dim::Fixed(n as usize),
                _ => return Err(parser.unexpected("a whole number or `batch`")),
            });
            parser.at += 1;
            Ok(())
        })?;
        let span = self.since(start);
        let shape = Shape::new(dims).ok_or_else(|| ParseError::new(span, "`batch` can only stand first in a shape"))?;
        check_size(&shape, span)?;
        Ok(shape)
    }

    /// An array literal: nested lists of numbers of equal lengths.
    fn array(&mut self) -> Parsed<Array> {
        let start = self.span();
        let mut data = Vec::new();
        let sizes = self.rows(&mut data)?;
        Array::new(&sizes, data).ok_or_else(|| ParseError::new(start, "this array is too large"))
    }

    /// Reads one number or list into `data` and returns its sizes.
    fn rows(&mut self, data: &mut Vec<f64>) -> Parsed<Vec<usize>> {
        if *self.peek() != Token::Symbol("[") {
            let number = self.signed_number()?;
            data.push(number);
            return Ok(Vec::new());
        }
        let (mut count, mut sizes) = (0, None);
        self.list(["[", "]"], |parser| {
            let start = parser.span();
            let row = parser.rows(data)?;
            count += 1;
            if *sizes.get_or_insert_with(|| row.clone()) == row {
                return Ok(());
            }
            Err(ParseError::new(parser.since(start), "the rows of an array have equal sizes"))
        })?;
        Ok([vec![count], sizes.unwrap_or_default()].concat())
    }

    fn signed_number(&mut self) -> Parsed<f64> {
        let negative = self.eat("-").is_some();
        let Token::Number(value) = *self.peek() else {
            return Err(self.unexpected("a number").help("an array holds numbers only; `concat` joins other values"));
        };
        self.at += 1;
        Ok(if negative { -value } else { value })
    }

    fn whole_expression(&mut self) -> Parsed<Vec<Step>> {
        self.expression(0)?;
        Ok(std::mem::take(&mut self.steps))
    }

    /// Operands joined by infix operators that bind at least as strongly as `weakest`.
    fn expression(&mut self, weakest: u8) -> Parsed<()> {
        self.unary()?;
        let mut compared = false;
        while let Token::Symbol(symbol) = *self.peek() {
            let Some((strength, op)) = infix(symbol).filter(|(strength, _)| *strength >= weakest) else { break };
            let span = self.span();
            if strength == COMPARISON && std::mem::replace(&mut compared, true) {
                let error = ParseError::new(span, "comparisons cannot be chained");
                return Err(error.help("use brackets, or multiply: (a < b) * (b < c)"));
            }
            self.at += 1;
            self.expression(strength + 1)?;
            self.steps.push(Step { action: Action::Operator(op), span });
        }
        Ok(())
    }

    /// Minus signs and powers: both work on everything to their right, so they wait until the last operand is read.
    fn unary(&mut self) -> Parsed<()> {
        let mut waiting = Vec::new();
        loop {
            let mut minus = None;
            while let Some(span) = self.eat("-") {
                waiting
                    .extend(minus.replace(span).map(|span| Step { action: Action::Operator(ops::Neg.into()), span }));
            }
            if let (Some(minus), &Token::Number(value)) = (minus, self.peek())
                && !matches!(self.second(), Token::Symbol("^" | "'"))
            {
                let span = minus.to(self.span());
                self.steps.push(Step { action: Action::Constant((-value).into()), span });
                self.at += 1;
                break;
            }
            waiting.extend(minus.map(|span| Step { action: Action::Operator(ops::Neg.into()), span }));
            self.postfix()?;
            let Some(span) = self.eat("^") else { break };
            waiting.push(Step { action: Action::Operator(ops::Pow.into()), span });
        }
        self.steps.extend(waiting.into_iter().rev());
        Ok(())
    }

    fn postfix(&mut self) -> Parsed<()> {
        self.operand()?;
        while let Some(span) = self.eat("'") {
            self.steps.push(Step { action: Action::Operator(ops::Transpose { axes: vec![1, 0] }.into()), span });
        }
        Ok(())
    }

    fn operand(&mut self) -> Parsed<()> {
        let start = self.span();
        let action = match self.peek().clone() {
            Token::Number(value) => {
                self.at += 1;
                Action::Constant(value.into())
            }
            Token::Name(name) if *self.second() == Token::Symbol("(") => {
                self.at += 1;
                return self.call(name, start);
            }
            Token::Name(_) | Token::Quoted(_) => Action::Name(self.name("a value")?.0),
            Token::Symbol("[") => Action::Constant(self.array()?),
            Token::Symbol("(") => {
                self.open_bracket("(")?;
                self.expression(0)?;
                if self.eat(")").is_none() {
                    return Err(self.unclosed(start, "an operator or `)`"));
                }
                self.brackets -= 1;
                return Ok(());
            }
            _ => return Err(self.unexpected("a value")),
        };
        self.steps.push(Step { action, span: self.since(start) });
        Ok(())
    }

    fn call(&mut self, function: &str, span: Span) -> Parsed<()> {
        let mut operands = 0;
        let mut attributes: Vec<NamedValue> = Vec::new();
        self.list(["(", ")"], |parser| {
            if *parser.second() != Token::Symbol("=") {
                operands += 1;
                return parser.expression(0);
            }
            let start = parser.span();
            let (name, _) = parser.name("the name of an attribute")?;
            parser.expect("=")?;
            let value = parser.attribute()?;
            let span = parser.since(start);
            if attributes.iter().any(|a| a.name == name) {
                return Err(ParseError::new(span, format!("`{name}` is given twice")));
            }
            attributes.push(NamedValue { name, value, span });
            Ok(())
        })?;
        let action = Action::Call { function: function.to_string(), operands, attributes };
        self.steps.push(Step { action, span });
        Ok(())
    }

    fn attribute(&mut self) -> Parsed<Attribute> {
        let value = match *self.peek() {
            Token::Symbol("[") => return self.shape().map(Attribute::Shape),
            Token::Symbol("-") | Token::Number(_) => return self.signed_number().map(Attribute::Number),
            Token::Name(word) => Attribute::Word(word.to_string()),
            Token::Key(key) => Attribute::Key(key),
            _ => return Err(self.unexpected("a number, a word, a key or a list")),
        };
        self.at += 1;
        Ok(value)
    }
}

/// Refuses a shape with more elements than can be counted safely, or more dimensions than an array can be written with.
pub(super) fn check_size(shape: &Shape, span: Span) -> Result<(), ParseError> {
    if shape.rank() > MAX_DEPTH {
        let message = format!("a value with {} dimensions is too large; at most {MAX_DEPTH}", shape.rank());
        return Err(ParseError::new(span, message));
    }
    let sizes = shape.dims().iter().map(|d| if let Dim::Fixed(n) = d { *n } else { 1 });
    let size = sizes.filter(|n| *n > 0).try_fold(1usize, |product, n| product.checked_mul(n));
    match size {
        Some(size) if size <= MAX_ELEMENTS => Ok(()),
        _ => Err(ParseError::new(span, format!("a value of shape {shape} is too large"))),
    }
}
