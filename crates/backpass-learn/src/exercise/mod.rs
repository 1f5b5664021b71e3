//! Exercises on the backward pass: a graph with numbers and gaps, a question, four answers, and what is wrong with three.
//!
//! | level | scalar | neuron | matrix | layer |
//! | --- | --- | --- | --- | --- |
//! | 1 | a chain of + − ×; every value is given | w·x + b, squared error | T = XY, ∂L/∂X | t = Wx + b |
//! | 2 | also maximum, relu or a square; some values are given | two inputs, relu | sizes differ, ∂L/∂Y, the array ∂T/∂X | relu; ∂L/∂x, ∂L/∂b |
//! | 3 | `x` is used twice; no value is given | three inputs | relu(XY) | relu; ∂L/∂W |
//! | 4 | sigmoid, tanh or exp, `x` used twice; rounded | sigmoid or tanh | tanh or sigmoid | tanh or sigmoid |
//! | 5 | an intermediate value is used twice as well | two neurons in a row | X is used twice | two layers |
//!
//! At levels 1 to 3 all numbers are whole eighths, so that one computes them by hand; at 4 and 5 of the scalar and neuron
//! kinds, and at 4 of the others, answers are rounded. The same kind, level and seed give the same exercise.

mod draft;
mod mark;
mod mistake;
mod words;

pub use mark::{AnswerError, Mark};
pub use mistake::{Mistake, Product, Sizes};
pub use words::Words;

use std::mem::discriminant;

use backpass::explain::{Explanation, Folding, Question};
use backpass::ops::Op;
use backpass::text::parse_expression;
use backpass::view::{GAP, Level, Pass, Role, Task, View, array_within, number};
use backpass::{Array, NodeId, Shape};

use draft::{Draft, Draw};
use words::Speaker;

/// Characters within which every matrix of an exercise is written in full.
const WHOLE: usize = 400;

/// What an exercise is about.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// A graph of single numbers.
    Scalar,
    /// One neuron with its loss.
    Neuron,
    /// Matrix products.
    Matrix,
    /// A fully connected layer.
    Layer,
}

impl Kind {
    /// All kinds with their names.
    pub const NAMES: [(&'static str, Kind); 4] =
        [("scalar", Kind::Scalar), ("neuron", Kind::Neuron), ("matrix", Kind::Matrix), ("layer", Kind::Layer)];

    /// The name.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }
}

/// The highest level.
pub const LEVELS: u8 = 5;

/// One of the answers to choose from.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The number or array; the sizes as a vector where sizes are asked for.
    pub value: Array,
    /// What leads to it; none for the right answer.
    pub mistake: Option<Mistake>,
}

/// An exercise.
#[derive(Clone, Debug)]
pub struct Exercise {
    kind: Kind,
    level: u8,
    seed: u64,
    draft: Draft,
    explanation: Explanation,
    asked: NodeId,
    end: NodeId,
    /// The computed nodes whose values are given.
    given: Vec<NodeId>,
    right: Array,
    known: Vec<Answer>,
    options: Vec<Answer>,
}

/// Why there is no exercise.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ExerciseError {
    /// A level that does not exist.
    #[error("there is no level {0}\nhelp: levels are 1 to {LEVELS}")]
    Level(u8),
    /// A seed whose drafts all have unwieldy numbers or too few wrong answers.
    #[error("none of {ATTEMPTS} drafts of seed {0} makes an exercise\nhelp: choose another seed")]
    Seed(u64),
}

/// The name of what follows the graph of arrays.
const LOSS: &str = "L";
/// Numbers of an exercise are not larger.
const LARGEST: f64 = 60.0;
/// Answers differ by at least this share of their largest element.
const APART: f64 = 0.05;
/// Drafts of one seed; a good one is among the first hundred.
const ATTEMPTS: u64 = 10_000;

impl Exercise {
    /// The exercise of a kind and level, 1 to 5, with a seed.
    pub fn new(kind: Kind, level: u8, seed: u64) -> Result<Exercise, ExerciseError> {
        if !(1..=LEVELS).contains(&level) {
            return Err(ExerciseError::Level(level));
        }
        let mut drafts = (0..ATTEMPTS).filter_map(|attempt| Exercise::attempt(kind, level, seed, attempt));
        drafts.next().ok_or(ExerciseError::Seed(seed))
    }

    /// Draws an exercise; none where its numbers are unwieldy or it has no three clearly different wrong answers.
    fn attempt(kind: Kind, level: u8, seed: u64, attempt: u64) -> Option<Exercise> {
        let mut draw = Draw::new(kind, level, seed, attempt);
        let draft = draft::draft(kind, level, &mut draw);
        let shapes: Vec<_> = draft.point.iter().map(|(name, a)| (name.as_str(), Shape::fixed(a.shape()))).collect();
        let graph = parse_expression(&source(&draft), &shapes).ok()?;
        let point: Vec<_> = draft.point.iter().map(|(name, a)| (name.as_str(), a)).collect();
        let question = Question { result: graph.outputs().first()?.1, seed: None, variables: None };
        let explanation = Explanation::new(&graph, &question, &point).ok()?;
        let graph = explanation.graph();
        let asked = graph.named(&draft.asked)?;
        let end = match draft.given {
            Some((name, _)) => graph.named(name)?,
            None => explanation.result(),
        };
        let given = graph.ids().filter(|_| level == 1 || (level == 2 && draw.once_in(2))).collect();
        let right = match draft.is_about_sizes {
            true => sizes(explanation.value(asked).shape(), explanation.value(end).shape()),
            false => explanation.gradient(asked)?.clone(),
        };
        let (known, options) = (Vec::new(), Vec::new());
        let mut exercise = Exercise { kind, level, seed, draft, explanation, asked, end, given, right, known, options };
        // That nothing comes back through relu and maximum is a lesson of its own, for those who know the rest.
        let is_dead = largest(&exercise.right) == 0.0;
        if !exercise.is_wieldy() || is_dead && (level < 4 || !draw.once_in(4)) {
            return None;
        }
        exercise.known = exercise.wrong_answers();
        let mut wrong = draw.shuffled(exercise.known.clone());
        // What a student is less likely to do comes last, and so does a second mistake of one sort.
        wrong.sort_by_key(|answer| matches!(answer.mistake, Some(Mistake::Added(_) | Mistake::OtherNode(_))));
        let sort = |answer: &Answer| answer.mistake.as_ref().map(discriminant);
        let is_second: Vec<bool> =
            (0..wrong.len()).map(|i| wrong[..i].iter().any(|other| sort(other) == sort(&wrong[i]))).collect();
        let (first, second): (Vec<_>, Vec<_>) = wrong.into_iter().zip(is_second).partition(|(_, second)| !second);
        let mut options: Vec<Answer> = first.into_iter().chain(second).map(|(answer, _)| answer).take(3).collect();
        if options.len() < 3 {
            return None;
        }
        options.push(Answer { value: exercise.right.clone(), mistake: None });
        exercise.options = draw.shuffled(options);
        Some(exercise)
    }

    /// Whether one computes with its numbers by hand, away from kinks.
    fn is_wieldy(&self) -> bool {
        let (graph, run) = (self.explanation.graph(), &self.explanation);
        let nodes: Vec<NodeId> =
            graph.ids().filter(|&id| id <= self.end && !matches!(graph.node(id).op, Op::Constant(_))).collect();
        let mut numbers = nodes.iter().flat_map(|&id| [Some(run.value(id)), run.gradient(id)]).flatten();
        let at_kink = |id: NodeId| {
            let args = &graph.node(id).args;
            match graph.node(id).op {
                Op::Relu(_) => run.value(args[0]).data().contains(&0.0),
                Op::Maximum(_) => run.value(args[0]).data() == run.value(args[1]).data(),
                _ => false,
            }
        };
        let least = if self.is_exact() { 0.0 } else { 0.02 };
        let largest = largest(&self.right);
        numbers.all(|array| self.is_readable(array))
            && !nodes.iter().any(|&id| at_kink(id))
            && (largest >= least || largest == 0.0)
            && (largest > 0.0 || self.right.shape().is_empty())
    }

    fn is_readable(&self, array: &Array) -> bool {
        let eighths = |v: f64| (v * 8.0).fract() == 0.0;
        array.data().iter().all(|&v| v.abs() <= LARGEST && (!self.is_exact() || eighths(v)))
    }

    /// Whether all numbers are written in full.
    pub fn is_exact(&self) -> bool {
        let curved =
            |id: NodeId| matches!(self.explanation.graph().node(id).op, Op::Sigmoid(_) | Op::Tanh(_) | Op::Exp(_));
        !self.explanation.graph().ids().any(curved)
    }

    /// Every wrong answer that a known mistake leads to, clearly different from the right one and from each other.
    fn wrong_answers(&self) -> Vec<Answer> {
        let mut answers: Vec<Answer> = Vec::new();
        let mistakes = match self.draft.is_about_sizes {
            true => [Sizes::OfOperand, Sizes::OfResult, Sizes::OfFactor].map(Mistake::Sizes).to_vec(),
            false => mistake::possible(&self.explanation, self.asked, self.end),
        };
        for mistake in mistakes {
            let value = match mistake {
                Mistake::Sizes(sizes) => self.wrong_sizes(sizes),
                _ => mistake.answer(&self.explanation, self.asked),
            };
            let Some(value) = value.filter(|value| self.is_readable(value) && differ(value, &self.right)) else {
                continue;
            };
            if answers.iter().all(|other| differ(&value, &other.value)) {
                answers.push(Answer { value, mistake: Some(mistake) });
            }
        }
        answers
    }

    fn wrong_sizes(&self, of: Sizes) -> Option<Array> {
        let shape = |id: NodeId| self.explanation.value(id).shape();
        let factor = self.explanation.graph().node(self.end).args.iter().find(|&&arg| arg != self.asked)?;
        Some(match of {
            Sizes::OfOperand => sizes(shape(self.asked), &[]),
            Sizes::OfResult => sizes(shape(self.end), &[]),
            Sizes::OfFactor => sizes(&shape(*factor).iter().rev().copied().collect::<Vec<_>>(), &[]),
        })
    }

    /// What it is about.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its level, 1 to 5.
    pub fn level(&self) -> u8 {
        self.level
    }

    /// Its seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The program in the expression language.
    pub fn program(&self) -> &str {
        &self.draft.program
    }

    /// The values of the inputs.
    pub fn point(&self) -> &[(String, Array)] {
        &self.draft.point
    }

    /// The input whose gradient is asked for.
    pub fn asked(&self) -> &str {
        &self.draft.asked
    }

    /// For arrays, the node whose gradient is given, and that gradient.
    pub fn upstream(&self) -> Option<(&str, &Array)> {
        self.draft.given.as_ref().map(|(name, gradient)| (*name, gradient))
    }

    /// The right answer.
    pub fn right(&self) -> &Array {
        &self.right
    }

    /// The answers to choose from, one of them right.
    pub fn options(&self) -> &[Answer] {
        &self.options
    }

    /// Whether the answer is a list of sizes.
    pub fn is_about_sizes(&self) -> bool {
        self.draft.is_about_sizes
    }

    /// All values and derivatives.
    pub fn explanation(&self) -> &Explanation {
        &self.explanation
    }

    /// Significant digits with which its numbers are written.
    pub fn digits(&self) -> usize {
        if self.is_exact() { 8 } else { 4 }
    }

    /// What is asked for: `∂l/∂x`.
    fn wanted(&self) -> String {
        self.speaker().gradient(self.asked)
    }

    /// The right answer in words: `∂l/∂x = -2.25`.
    pub fn answer(&self) -> String {
        match self.draft.is_about_sizes {
            true => format!("the sizes of ∂{}/∂{} are {}", self.end_name(), self.asked(), self.write(&self.right)),
            false => format!("{} = {}", self.wanted(), self.write(&self.right)),
        }
    }

    fn end_name(&self) -> &str {
        self.explanation.names().get(self.end)
    }

    /// What is to be done, in whole sentences.
    pub fn question(&self) -> String {
        let mut text = String::new();
        if let Some((name, _)) = &self.draft.given {
            text += &format!("{LOSS} is a number that depends on {name}");
            text += &match self.draft.is_about_sizes {
                true => ". ".to_string(),
                false => format!("; {} is given. ", self.speaker().gradient(self.end)),
            };
        }
        if self.draft.program.contains('@') {
            text += "@ is the matrix product. ";
        }
        if self.kind == Kind::Neuron {
            text += "target is the value that the neuron should give, and l is the squared error. ";
        }
        if self.draft.is_about_sizes {
            let (end, asked) = (self.end_name(), self.asked());
            return text
                + &format!(
                    "What are the sizes of the array ∂{end}/∂{asked} of all derivatives, those of {asked} first?"
                );
        }
        text += &format!("What is {}?", self.wanted());
        text + if self.is_exact() { "" } else { " Round to four significant digits." }
    }

    /// An answer as it is written: `-2.25`, `[[1, 2], [3, 4]]`, or sizes as `2×3`.
    pub fn write(&self, value: &Array) -> String {
        match self.draft.is_about_sizes {
            true => value.data().iter().map(|&size| number(size, 8)).collect::<Vec<_>>().join("×"),
            false => array_within(value, self.digits(), WHOLE),
        }
    }

    /// A mistake in words.
    pub fn words(&self, mistake: &Mistake) -> Words {
        self.speaker().words(mistake)
    }

    fn speaker(&self) -> Speaker<'_> {
        Speaker { explanation: &self.explanation, asked: self.asked, digits: self.digits() }
    }

    /// The question with the answers to choose from; on a blank sheet there are none.
    fn task(&self, blank: bool) -> Task {
        let options = self.options.iter().filter(|_| !blank).map(|option| self.write(&option.value));
        Task { question: self.question(), options: options.collect(), answer: None }
    }

    /// The graph with every number, the steps that lead to the answer, and the answer.
    pub fn solved(&self) -> View {
        let mut view = self.view();
        view.task = Some(Task { answer: Some(self.answer()), ..self.task(false) });
        let names: Vec<String> = view.nodes.iter().map(|node| node.name.clone()).collect();
        let on_path = self.on_path(&view);
        view.steps.retain(|step| {
            let is_loss = self.draft.given.is_some() && Some(step.node) == view.output;
            let is_given = self.draft.given.as_ref().is_some_and(|(name, _)| names[step.node] == *name);
            match step.pass {
                Pass::Forward => !is_loss && !view.nodes[step.node].formula.is_empty(),
                Pass::Backward => !is_loss && !is_given && on_path[step.node] && !self.draft.is_about_sizes,
            }
        });
        view
    }

    /// The local derivatives along the way back, one a line, where they are single numbers: `∂a/∂x = y = -1.5`.
    pub fn local_derivatives(&self) -> Vec<String> {
        let view = self.view();
        let on_path = self.on_path(&view);
        let edges = view.edges.iter().filter(|edge| on_path[edge.from] && view.nodes[edge.to].shape.is_empty());
        let line = |edge: &backpass::view::ViewEdge| {
            let local = number(edge.local.as_ref()?.item()?, self.digits());
            let (to, from) = (&view.nodes[edge.to].name, &view.nodes[edge.from].name);
            // The rule of a maximum also says what happens at a tie, where no exercise is.
            let formula = !edge.rule.contains("==") && edge.rule != local;
            Some(match formula {
                true => format!("∂{to}/∂{from} = {} = {local}", edge.rule),
                false => format!("∂{to}/∂{from} = {local}"),
            })
        };
        edges.filter_map(line).collect()
    }

    /// The graph with gaps: what is left to find is [`GAP`], and nothing in the view tells more. On a blank sheet that is
    /// everything but the inputs.
    pub fn sheet(&self, blank: bool) -> View {
        let mut view = self.view();
        view.task = Some(self.task(blank));
        view.steps.clear();
        let names = self.explanation.names();
        let gap = || Some(Array::scalar(GAP));
        let is_given = |name: &str| self.given.iter().any(|&id| names.get(id) == name);
        let output = view.output;
        for (index, node) in view.nodes.iter_mut().enumerate() {
            node.notes.clear();
            let is_leaf = matches!(node.role, Role::Input | Role::Parameter | Role::Constant);
            if !is_leaf && node.value.is_some() && (blank || !is_given(&node.name)) {
                node.value = gap();
            }
            let is_upstream = self.upstream().is_some_and(|(name, _)| name == node.name);
            let is_known =
                is_upstream || (Some(index) == output && (!blank && self.level < 3 || self.upstream().is_some()));
            if node.gradient.is_some() && node.role != Role::Constant && !is_known {
                node.gradient = gap();
            }
        }
        for edge in &mut view.edges {
            let from = &view.nodes[edge.from];
            edge.value = from.value.clone();
            edge.gradient =
                edge.gradient.take().and_then(|_| match Some(edge.to) == output && self.upstream().is_some() {
                    true => from.gradient.clone(),
                    false => gap(),
                });
            edge.local = None;
            edge.rule.clear();
        }
        view
    }

    fn view(&self) -> View {
        let folding = Folding { level: Level::Operator, fold: &[LOSS.to_string()], open: &[] };
        let mut view = self.explanation.view(&folding, self.digits());
        view.title = format!("Exercise {}, {} level {}", self.seed, self.kind.name(), self.level);
        if let (Some((name, _)), Some(output)) = (&self.draft.given, view.output) {
            // Any function with this gradient would do: it stands for itself.
            view.nodes[output].formula = format!("{LOSS}({name})");
            view.nodes[output].value = None;
        }
        // An exponent is fixed: there is no derivative with respect to it to be looked at.
        for edge in view.edges.iter_mut().filter(|edge| view.nodes[edge.from].role == Role::Constant) {
            (edge.rule, edge.local) = (String::new(), None);
        }
        view
    }

    /// Which nodes of a view lie on the way from the result back to what is asked for.
    fn on_path(&self, view: &View) -> Vec<bool> {
        let mut on_path: Vec<bool> = view.nodes.iter().map(|node| node.name == self.draft.asked).collect();
        for to in 0..view.nodes.len() {
            on_path[to] |= view.edges.iter().any(|edge| edge.to == to && on_path[edge.from]);
        }
        on_path
    }
}

/// The whole program: the draft, and for arrays a number that has the gradient that is given.
fn source(draft: &Draft) -> String {
    match &draft.given {
        Some((name, gradient)) => {
            format!("{}\nfunction {LOSS} {{ output {LOSS} = sum({name} * {gradient}) }}", draft.program)
        }
        None => draft.program.clone(),
    }
}

fn sizes(first: &[usize], second: &[usize]) -> Array {
    Array::vector(first.iter().chain(second).map(|&size| size as f64).collect::<Vec<_>>())
}

fn largest(array: &Array) -> f64 {
    array.data().iter().fold(0.0, |largest, v| largest.max(v.abs()))
}

/// The largest difference between two arrays of equal sizes.
fn distance(a: &Array, b: &Array) -> f64 {
    a.data().iter().zip(b.data()).fold(0.0, |largest, (a, b)| largest.max((a - b).abs()))
}

/// Whether two answers cannot be mistaken for each other.
fn differ(a: &Array, b: &Array) -> bool {
    a.shape() != b.shape() || distance(a, b) > APART * largest(a).max(largest(b))
}
