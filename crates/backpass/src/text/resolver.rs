//! From statements to a graph: names, functions, shapes.

use std::collections::{BTreeMap, HashMap};

use super::diagnostic::{MAX_ERRORS, ParseError, Span};
use super::parser::{Action, Content, Kind, NamedValue, Program, RESULT, Statement, Step, check_size};
use crate::builder::{Builder, Expr};
use crate::composites;
use crate::graph::{Origin, ScopeId};
use crate::ops::{self, Attribute, AttributeError, Attributes, Category, Op};
use crate::shape::{Shape, ShapeError};

/// The names of a cycle that a message shows.
const MAX_CYCLE: usize = 10;
/// The names without shape that a message lists.
const MAX_NAMES: usize = 6;

/// What a statement has come to.
#[derive(Clone, Copy)]
enum State<'b> {
    Waiting,
    /// Its definitions are being built.
    Open,
    /// Its value, unless there was a mistake.
    Done(Option<Expr<'b>>),
}

/// Builds the statements of a program.
pub(super) struct Resolver<'p, 'b> {
    builder: &'b Builder,
    program: &'p Program,
    /// Values known from outside.
    pub known: BTreeMap<String, Expr<'b>>,
    /// Shapes of names that are neither known nor defined, which become inputs; without it they are mistakes.
    pub free: Option<BTreeMap<&'p str, Shape>>,
    /// Names that became single numbers because no shape is given for them.
    numbers: Vec<&'p str>,
    scopes: Vec<ScopeId>,
    definitions: HashMap<&'p str, usize>,
    outputs: HashMap<&'p str, usize>,
    states: Vec<State<'b>>,
    pub errors: Vec<ParseError>,
}

impl<'p, 'b> Resolver<'p, 'b> {
    pub fn new(builder: &'b Builder, program: &'p Program) -> Self {
        let mut scopes = vec![builder.current_scope()];
        for scope in &program.scopes[1..] {
            scopes.push(builder.scope_in(scopes[scope.parent], &scope.name, scope.kind));
        }
        Resolver {
            builder,
            program,
            known: BTreeMap::new(),
            free: None,
            numbers: Vec::new(),
            scopes,
            definitions: HashMap::new(),
            outputs: HashMap::new(),
            states: vec![State::Waiting; program.statements.len()],
            errors: Vec::new(),
        }
    }

    /// Builds everything that the statements define.
    pub fn run(&mut self) {
        self.declare();
        for index in 0..self.program.statements.len() {
            if self.errors.len() < MAX_ERRORS {
                self.resolve(index);
            }
        }
    }

    /// The value of a statement, unless there was a mistake.
    pub fn value(&self, statement: usize) -> Option<Expr<'b>> {
        if let Some(State::Done(value)) = self.states.get(statement) { *value } else { None }
    }

    /// Adds the outputs and updates among the statements to the graph.
    pub fn declare_results(&mut self) {
        for (index, statement) in self.program.statements.iter().enumerate() {
            match (&statement.content, self.value(index)) {
                (Content::Expression(Kind::Output | Kind::Result, _), Some(value)) => {
                    self.builder.output(&statement.name, value);
                }
                (Content::Expression(Kind::Update, _), Some(value)) => {
                    let declared = self.update(&statement.name, statement.span, value);
                    self.check(declared);
                }
                _ => {}
            }
        }
    }

    fn update(&self, name: &str, span: Span, value: Expr<'b>) -> Result<Option<()>, ParseError> {
        let is_parameter = |s: &Statement| matches!(s.content, Content::Parameter(_));
        let statements = &self.program.statements;
        let Some(index) = self.definitions.get(name).copied().filter(|&i| is_parameter(&statements[i])) else {
            let error = ParseError::new(span, format!("there is no parameter `{name}` to update"));
            return Err(error.suggest(name, statements.iter().filter(|s| is_parameter(s)).map(|s| s.name.as_str())));
        };
        let Some(parameter) = self.value(index) else { return Ok(None) };
        let (expected, found) = (parameter.shape(), value.shape());
        if expected != found {
            let message = format!("`{name}` has shape {expected}, the value after the step has shape {found}");
            return Err(ParseError::new(span, message));
        }
        self.builder.update(parameter, value);
        Ok(Some(()))
    }

    /// Files an error and gives the value otherwise.
    fn check<T>(&mut self, result: Result<Option<T>, ParseError>) -> Option<T> {
        result.unwrap_or_else(|error| {
            if self.errors.len() < MAX_ERRORS {
                self.errors.push(error);
            }
            None
        })
    }

    /// Enters all names, so that definitions may stand in any order.
    fn declare(&mut self) {
        let mut updates = HashMap::new();
        for (index, statement) in self.program.statements.iter().enumerate() {
            let (names, what) = match &statement.content {
                Content::Expression(Kind::Output | Kind::Result, _) => (&mut self.outputs, "the output "),
                Content::Expression(Kind::Update, _) => (&mut updates, "the update of "),
                _ => (&mut self.definitions, ""),
            };
            let Some(&first) = names.get(statement.name.as_str()) else {
                names.insert(&statement.name, index);
                continue;
            };
            let (name, first) = (&statement.name, &self.program.statements[first]);
            let lines = format!("in line {} and in line {}", first.span.line, statement.span.line);
            let message = format!("{what}`{name}` is defined twice: {lines}");
            let unnamed = matches!(statement.content, Content::Expression(Kind::Result, _));
            let error = ParseError::new(statement.span, message);
            let hint = format!("an expression without a name is the output `{RESULT}`; write `output name = …`");
            self.check::<()>(Err(if unnamed { error.help(hint) } else { error }));
        }
    }

    /// The statement that gives `name` its value when statement `user` uses it.
    fn definition(&self, user: usize, name: &str) -> Option<usize> {
        let output = || self.outputs.get(name).filter(|&&output| output != user);
        self.definitions.get(name).or_else(output).copied()
    }

    fn steps(&self, statement: usize) -> &'p [Step] {
        match &self.program.statements[statement].content {
            Content::Expression(_, steps) => steps,
            _ => &[],
        }
    }

    /// Builds a statement after everything that it uses. Chains of definitions may be long, so they wait on a list and
    /// not on the call stack.
    fn resolve(&mut self, statement: usize) {
        if !matches!(self.states[statement], State::Waiting) {
            return;
        }
        let mut waiting = vec![(statement, 0)];
        self.states[statement] = State::Open;
        while let Some((index, seen)) = waiting.pop() {
            let unfinished = self.steps(index).iter().enumerate().skip(seen).find_map(|(at, step)| {
                let Action::Name(name) = &step.action else { return None };
                let definition = self.definition(index, name)?;
                (!matches!(self.states[definition], State::Done(_))).then_some((at, step.span, definition))
            });
            match unfinished {
                None => {
                    let value = self.build(index);
                    self.states[index] = State::Done(value);
                }
                Some((at, _, definition)) if matches!(self.states[definition], State::Waiting) => {
                    self.states[definition] = State::Open;
                    waiting.extend([(index, at), (definition, 0)]);
                }
                Some((_, span, definition)) => {
                    let path = waiting.iter().map(|(i, _)| *i).chain([index]).skip_while(|i| *i != definition);
                    let error = self.cycle(path.collect(), span);
                    self.states[index] = State::Done(self.check(Err(error)));
                }
            }
        }
    }

    fn cycle(&self, path: Vec<usize>, span: Span) -> ParseError {
        let name = |i: &usize| self.program.statements[*i].name.as_str();
        let mut names: Vec<&str> = path.iter().take(MAX_CYCLE).map(name).collect();
        names.extend((path.len() > MAX_CYCLE).then_some("…"));
        names.extend(path.first().map(name));
        ParseError::new(span, format!("a value cannot depend on itself: {}", names.join(" -> ")))
    }

    fn build(&mut self, index: usize) -> Option<Expr<'b>> {
        let (builder, statement) = (self.builder, &self.program.statements[index]);
        let scope = self.scopes[statement.scope];
        match &statement.content {
            Content::Input(shape) => {
                Some(builder.stamped(scope, origin(statement.span), || builder.input(&statement.name, shape.clone())))
            }
            Content::Parameter(shape) => Some(
                builder.stamped(scope, origin(statement.span), || builder.parameter(&statement.name, shape.clone())),
            ),
            Content::Expression(kind, steps) => {
                let mut stack = Vec::new();
                for step in steps {
                    if self.errors.len() == MAX_ERRORS {
                        return None;
                    }
                    let value = self.step(index, scope, step, &mut stack);
                    let value = self.check(value);
                    stack.push(value);
                }
                let value = stack.pop().flatten()?;
                // A second name for a value, as in `y = x`, leaves the node its first.
                let unnamed = builder.with_graph(|g| g.node(value.id()).name.is_none());
                Some(if *kind == Kind::Definition && unnamed { value.named(&statement.name) } else { value })
            }
        }
    }

    /// Takes the operands of a step from the stack and computes its value, unless an operand is missing after a mistake.
    fn step(
        &mut self,
        user: usize,
        scope: ScopeId,
        step: &'p Step,
        stack: &mut Vec<Option<Expr<'b>>>,
    ) -> Result<Option<Expr<'b>>, ParseError> {
        let (builder, span) = (self.builder, step.span);
        let operands = match &step.action {
            Action::Name(name) => return self.name(user, name, span),
            Action::Constant(_) => 0,
            Action::Operator(Op::Neg(_) | Op::Transpose(_)) => 1,
            Action::Operator(_) => 2,
            Action::Call { operands, .. } => *operands,
        };
        let operands = stack.split_off(stack.len().saturating_sub(operands));
        let Some(operands) = operands.into_iter().collect::<Option<Vec<_>>>() else { return Ok(None) };
        if let (Action::Operator(Op::Transpose(_)), [matrix]) = (&step.action, &operands[..])
            && matrix.shape().rank() != 2
        {
            let error = ShapeError::Rank { op: "'", expected: 2, found: matrix.shape() };
            return Err(ParseError::new(span, error.to_string()));
        }
        let apply = || match &step.action {
            Action::Operator(op) => Ok(push(builder, op.clone(), &operands)),
            Action::Call { function, attributes, .. } => call(builder, function, &operands, attributes, span),
            Action::Constant(value) => Ok(builder.constant(value.clone())),
            Action::Name(name) => Err(unknown_function(name, span)),
        };
        let value = builder.catch(|| builder.stamped(scope, origin(span), apply)).map_err(|errors| {
            let error = ParseError::new(span, errors.first().map_or(String::new(), |e| e.source.to_string()));
            self.explain_numbers(error)
        })??;
        check_size(&value.shape(), span)?;
        Ok(Some(value))
    }

    /// Shapes that do not fit may come from names whose shapes nobody has given.
    fn explain_numbers(&self, error: ParseError) -> ParseError {
        match self.numbers[..] {
            [] => error,
            [name, ..] => {
                let names: Vec<String> = self.numbers.iter().take(MAX_NAMES).map(|n| format!("`{n}`")).collect();
                let names = names.join(", ");
                let count = if self.numbers.len() == 1 { "as a single number" } else { "as single numbers" };
                error.help(format!("{names} count {count}; sizes are given as in {name}=2x3, or by values"))
            }
        }
    }

    fn name(&mut self, user: usize, name: &'p str, span: Span) -> Result<Option<Expr<'b>>, ParseError> {
        if let Some(definition) = self.definition(user, name) {
            return Ok(self.value(definition));
        }
        if let Some(&value) = self.known.get(name) {
            return Ok(Some(value));
        }
        let unknown = ParseError::new(span, format!("unknown name `{name}`"));
        if functions().any(|function| function == name) {
            return Err(unknown.help(format!("`{name}` is a function; write {name}(…)")));
        }
        if let Some(shapes) = &self.free {
            let shape = shapes.get(name).cloned();
            self.numbers.extend(shape.is_none().then_some(name));
            let shape = shape.unwrap_or_default();
            let input = self.builder.stamped(self.scopes[0], origin(span), || self.builder.input(name, shape));
            self.known.insert(name.to_string(), input);
            return Ok(Some(input));
        }
        if name == "e" {
            return Err(unknown.help("Euler's number is exp(1)"));
        }
        let defined = self.program.statements.iter().map(|s| s.name.as_str());
        Err(unknown.suggest(name, defined.chain(self.known.keys().map(String::as_str))))
    }
}

fn origin(span: Span) -> Origin {
    Origin::Text { line: span.line, column: span.column }
}

/// The names that can be called.
pub(super) fn functions() -> impl Iterator<Item = &'static str> {
    let operators = ops::table().iter().filter(|e| instead(e.info.name).is_none()).map(|e| e.info.name);
    operators.chain(composites::TABLE.iter().map(|c| c.name)).chain(["ln", "min"])
}

/// What to write instead of calling an operator that has a form of its own.
fn instead(operator: &str) -> Option<&'static str> {
    match operator {
        "input" => Some("declare an input in a line of its own: input x: [batch, 4]"),
        "parameter" => Some("declare a parameter in a line of its own: parameter w: [4, 3]"),
        "constant" => Some("write the number or array itself"),
        "compare" => Some("write the comparison itself: a < b"),
        _ => None,
    }
}

fn unknown_function(name: &str, span: Span) -> ParseError {
    let unknown = ParseError::new(span, format!("unknown function `{name}`"));
    match instead(name) {
        Some(form) => unknown.help(form),
        None => unknown.suggest(name, functions()),
    }
}

/// Adds an operator. A plain matrix product takes vectors too, as [`Expr::matmul`] does.
fn push<'b>(builder: &'b Builder, op: Op, operands: &[Expr<'b>]) -> Expr<'b> {
    match (&op, operands) {
        (Op::Matmul(ops::Matmul { transpose_left: false, transpose_right: false }), &[a, b]) => a.matmul(b),
        _ => builder.push(op, operands),
    }
}

fn call<'b>(
    builder: &'b Builder,
    function: &str,
    operands: &[Expr<'b>],
    attributes: &[NamedValue],
    span: Span,
) -> Result<Expr<'b>, ParseError> {
    type Reduction<'b> = fn(Expr<'b>, usize) -> Expr<'b>;
    let reduction: Option<Reduction<'b>> = match function {
        "sum" => Some(Expr::sum),
        "mean" => Some(Expr::mean),
        "max" => Some(Expr::max),
        "log_sum_exp" => Some(Expr::log_sum_exp),
        _ => None,
    };
    match (function, operands, attributes) {
        ("max", [first, others @ ..], []) if !others.is_empty() => {
            return Ok(others.iter().fold(*first, |largest, x| largest.maximum(*x)));
        }
        ("min", [first, others @ ..], []) if !others.is_empty() => {
            return Ok(others.iter().fold(*first, |smallest, x| smallest.minimum(*x)));
        }
        ("min", ..) => {
            let error = ParseError::new(span, "`min` takes two or more operands and no attributes");
            return Err(error.help("the smallest element of x is -max(-x)"));
        }
        (_, [x], []) => {
            if let Some(reduce) = reduction {
                return Ok((0..x.shape().rank()).rev().fold(*x, reduce));
            }
        }
        _ => {}
    }
    let name = if function == "ln" { "log" } else { function };
    let pairs: Vec<(String, Attribute)> = attributes.iter().map(|a| (a.name.clone(), a.value.clone())).collect();
    let mut remaining = Attributes::new(pairs);
    let wrong = |error: AttributeError, known: &[&'static str]| attribute_error(error, attributes, known, span);
    if let Some(entry) = ops::find(name).filter(|e| e.info.category != Category::Leaf && instead(name).is_none()) {
        let samples = (entry.samples)();
        let known: Vec<&str> = samples.iter().flat_map(|s| s.op.attributes()).map(|(name, _)| name).collect();
        let op = (entry.parse)(&mut remaining).map_err(|e| wrong(e, &known))?;
        remaining.finish().map_err(|e| wrong(e, &known))?;
        return Ok(push(builder, op, operands));
    }
    let composite = composites::find(name).ok_or_else(|| unknown_function(name, span))?;
    let (op, expected, found) = (composite.name, composite.arity, operands.len());
    if expected != found {
        return Err(ParseError::new(span, ShapeError::Arity { op, expected, found }.to_string()));
    }
    let value = (composite.build)(operands, &mut remaining).map_err(|e| wrong(e, composite.attributes))?;
    remaining.finish().map_err(|e| wrong(e, composite.attributes))?;
    Ok(value)
}

/// An attribute error at the place of the attribute.
fn attribute_error(error: AttributeError, attributes: &[NamedValue], known: &[&'static str], call: Span) -> ParseError {
    let place = |name: &str| attributes.iter().find(|a| a.name == name).map_or(call, |a| a.span);
    let unknown = attributes.iter().find(|a| !known.contains(&a.name.as_str()));
    match (&error, unknown) {
        // What is missing may be there under a wrong name.
        (AttributeError::Missing { .. }, Some(NamedValue { name, .. })) => {
            attribute_error(AttributeError::Unknown { name: name.clone(), known: Vec::new() }, attributes, known, call)
        }
        (AttributeError::Missing { .. }, None) => ParseError::new(call, error.to_string()),
        (AttributeError::Wrong { name, .. }, _) => ParseError::new(place(name), error.to_string()),
        (AttributeError::Twice { name }, _) => ParseError::new(place(name), error.to_string()),
        (AttributeError::Unknown { name, .. }, _) => {
            ParseError::new(place(name), error.to_string()).suggest(name, known.iter().copied())
        }
    }
}
