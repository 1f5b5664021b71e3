//! What is wrong with an answer, in words.

use backpass::NodeId;
use backpass::explain::Explanation;
use backpass::ops::Op;
use backpass::view::array_within;

use super::WHOLE;
use super::mistake::{Mistake, Product, Sizes};

/// A mistake in words.
#[derive(Clone, Debug, PartialEq)]
pub struct Words {
    /// Its name.
    pub name: &'static str,
    /// Why the answer is wrong.
    pub reason: String,
    /// What to think about; it gives nothing away.
    pub hint: String,
}

/// The names of the nodes of one exercise.
pub struct Speaker<'a> {
    /// The numbers.
    pub explanation: &'a Explanation,
    /// The input whose gradient is asked for.
    pub asked: NodeId,
    /// Significant digits.
    pub digits: usize,
}

impl Speaker<'_> {
    fn name(&self, id: NodeId) -> &str {
        self.explanation.names().get(id)
    }

    /// `∂L/∂x`.
    pub fn gradient(&self, id: NodeId) -> String {
        format!("∂{}/∂{}", self.explanation.of(), self.name(id))
    }

    fn arg(&self, id: NodeId, operand: usize) -> &str {
        self.name(self.explanation.graph().node(id).args[operand])
    }

    fn formula(&self, id: NodeId) -> String {
        self.explanation.names().formula(self.explanation.graph(), id)
    }

    fn op(&self, id: NodeId) -> &'static str {
        self.explanation.graph().node(id).op.info().name
    }

    /// A mistake in words.
    pub fn words(&self, mistake: &Mistake) -> Words {
        let words = |name, reason: String, hint: String| Words { name, reason, hint };
        let gradient = |id| self.gradient(id);
        match *mistake {
            Mistake::OnePath { node, user, operand } => {
                let both = self.explanation.graph().node(user).args.iter().filter(|&&arg| arg == node).count() > 1;
                let way = match both {
                    true => format!("operand {} of {}", operand + 1, self.name(user)),
                    false => self.name(user).to_string(),
                };
                words(
                    "only one of several paths",
                    format!(
                        "{0} is used more than once. Only the part of {1} that comes back through {way} is taken; the parts of \
                         all paths must be added.",
                        self.name(node),
                        gradient(node)
                    ),
                    format!("How many times is {} used?", self.name(node)),
                )
            }
            Mistake::PathsMultiplied(node) => words(
                "paths multiplied",
                format!(
                    "The parts of {} that come back on different paths are multiplied; they must be added.",
                    gradient(node)
                ),
                "What is done with the gradients where several paths meet?".to_string(),
            ),
            Mistake::OwnFactor(node, operand) => words(
                "the wrong factor",
                format!(
                    "{} = {}: the way back to {2} leads over the other factor, {3}. Here the gradient is multiplied by {2} itself.",
                    self.name(node),
                    self.formula(node),
                    self.arg(node, operand),
                    self.arg(node, 1 - operand),
                ),
                "What remains of a product that is differentiated with respect to one factor?".to_string(),
            ),
            Mistake::LostSign(node) => words(
                "the sign of a difference lost",
                format!(
                    "{} = {} falls when {} rises, so its derivative with respect to {2} is -1. Here the sign is lost.",
                    self.name(node),
                    self.formula(node),
                    self.arg(node, 1)
                ),
                "Which operand of a difference changes the sign of the gradient?".to_string(),
            ),
            Mistake::LostFactor(node) => words(
                "the factor 2 of a square lost",
                format!(
                    "The derivative of {} is 2·{}. Here the factor 2 is missing.",
                    self.formula(node),
                    self.arg(node, 0)
                ),
                "What is the derivative of a square?".to_string(),
            ),
            Mistake::NoSlope(node) if matches!(self.explanation.graph().node(node).op, Op::Relu(_)) => words(
                "relu taken for the identity",
                format!(
                    "relu passes nothing back where its input is negative, and {} is {}. Here everything passes.",
                    self.arg(node, 0),
                    array_within(
                        self.explanation.value(self.explanation.graph().node(node).args[0]),
                        self.digits,
                        WHOLE
                    )
                ),
                "What is the slope of relu left of 0?".to_string(),
            ),
            Mistake::NoSlope(node) => words(
                "a local derivative left out",
                format!(
                    "At {} = {} the local derivative is left out: {} is passed back unchanged.",
                    self.name(node),
                    self.formula(node),
                    gradient(node)
                ),
                format!("Is every node on the way back accounted for, {} too?", self.name(node)),
            ),
            Mistake::ValueForSlope(node) => words(
                "the value in place of the derivative",
                format!(
                    "At {0} = {1} the gradient is multiplied by the value {0}, not by the derivative.",
                    self.name(node),
                    self.formula(node)
                ),
                format!("What is the derivative of {}?", self.formula(node)),
            ),
            Mistake::InputInSlope(node) => {
                let output = self.name(node);
                let (slope, of) = match self.explanation.graph().node(node).op {
                    Op::Sigmoid(_) => (format!("{output}·(1 - {output})"), "sigmoid"),
                    _ => (format!("1 - {output}²"), "tanh"),
                };
                words(
                    "the input in a formula for the output",
                    format!(
                        "The derivative of {of} is {slope}, from its output {output}. Here its input {} stands in that formula.",
                        self.arg(node, 0)
                    ),
                    format!("Which of the two numbers at {of} stands in the formula of its derivative?"),
                )
            }
            Mistake::BothOfMaximum(node) => words(
                "both operands of a maximum",
                format!(
                    "{} = {} depends on its larger operand alone; nothing flows back to the smaller one. Here the gradient flows to \
                     both.",
                    self.name(node),
                    self.formula(node)
                ),
                "How does a maximum change when its smaller operand moves a little?".to_string(),
            ),
            Mistake::SmallerOfMaximum(node) => words(
                "the smaller operand of a maximum",
                format!(
                    "{} = {} passes the gradient to its larger operand. Here the smaller one gets it.",
                    self.name(node),
                    self.formula(node)
                ),
                "Which operand of a maximum decides its value?".to_string(),
            ),
            Mistake::NothingAbove(node) => words(
                "the gradient from above left out",
                format!(
                    "At {0} only the local derivative is taken. It must be multiplied by {1}, which arrives there.",
                    self.name(node),
                    gradient(node)
                ),
                "The chain rule multiplies the local derivative by something. By what?".to_string(),
            ),
            Mistake::Added(node) => words(
                "the chain rule added",
                format!(
                    "At {} the local derivative and {} are added; the chain rule multiplies them.",
                    self.name(node),
                    gradient(node)
                ),
                "Does the chain rule add or multiply along a path?".to_string(),
            ),
            Mistake::OtherNode(node) => words(
                "the gradient of another node",
                format!("This is {}, not {}.", gradient(node), gradient(self.asked)),
                format!("How far back is {}?", self.name(self.asked)),
            ),
            Mistake::Product(node, product) => {
                let wrong = self.product(node, product);
                let right = self.product(node, product.right());
                let args = &self.explanation.graph().node(node).args;
                let which =
                    if args[0] == args[1] { format!(" as operand {}", product.operand + 1) } else { String::new() };
                words(
                    "the wrong matrix product",
                    format!(
                        "{} = {}: what flows back to {}{which} is {right}. Here it is {wrong}.",
                        self.name(node),
                        self.formula(node),
                        self.arg(node, product.operand)
                    ),
                    "Which factor is transposed, and on which side does it stand? Check the sizes, or a single element.".to_string(),
                )
            }
            Mistake::Elementwise(node, operand) => words(
                "element by element in place of a matrix product",
                format!(
                    "{} and {} are multiplied element by element; the way back through a matrix product is a matrix product.",
                    gradient(node),
                    self.arg(node, 1 - operand)
                ),
                format!("How does a single element of {} act on {}?", self.arg(node, operand), self.name(node)),
            ),
            Mistake::FullProduct(node) => words(
                "a matrix product in place of element by element",
                format!(
                    "{} acts on each element alone, so {} is multiplied by its derivative element by element (⊙). Here a matrix \
                     product is taken.",
                    self.op(node),
                    gradient(node)
                ),
                format!("On which elements of {} does one element of {} depend?", self.arg(node, 0), self.name(node)),
            ),
            Mistake::Transposed => words(
                "transposed",
                format!(
                    "This is {} transposed. A gradient has the sizes of what it belongs to, element for element.",
                    gradient(self.asked)
                ),
                format!("Which rows and columns does {} have?", self.name(self.asked)),
            ),
            Mistake::Sizes(sizes) => self.sizes(sizes),
        }
    }

    fn sizes(&self, sizes: Sizes) -> Words {
        let graph = self.explanation.graph();
        let asked = self.name(self.asked);
        let user = graph.ids().find(|&id| graph.node(id).args.contains(&self.asked)).unwrap_or(self.asked);
        let other = graph.node(user).args.iter().find(|&&arg| arg != self.asked).map_or("", |&arg| self.name(arg));
        let result = self.name(user);
        let (name, reason) = match sizes {
            Sizes::OfOperand => (
                "the sizes of the operand",
                format!(
                    "These are the sizes of {asked}, and so of the gradient of a single number. {result} has many elements."
                ),
            ),
            Sizes::OfResult => (
                "the sizes of the result",
                format!(
                    "These are the sizes of {result}. Each of its elements has a derivative for each element of {asked}."
                ),
            ),
            Sizes::OfFactor => (
                "the sizes of the factor",
                format!("{other}' is the factor by which the chain rule multiplies, not the array of all derivatives."),
            ),
        };
        Words { name, reason, hint: format!("How many derivatives does one element of {result} have?") }
    }

    /// A product of matrices as a formula.
    fn product(&self, node: NodeId, product: Product) -> String {
        let factor = format!("{}{}", self.arg(node, product.factor), if product.transposed { "'" } else { "" });
        match product.first {
            true => format!("{factor} @ {}", self.gradient(node)),
            false => format!("{} @ {factor}", self.gradient(node)),
        }
    }
}
