//! Marking what a student answers.

use backpass::Array;
use backpass::interpret::constant;

use super::{Answer, Exercise, differ, distance, largest};

/// What an answer is worth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mark<'a> {
    /// It is right.
    Right,
    /// It is what a known mistake leads to.
    Known(&'a Answer),
    /// It is wrong, nobody knows how.
    Unknown,
}

/// Why an answer cannot be read.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("the answer {text:?} is neither a letter nor a number\nhelp: answer with A, B, C or D, or with {example}")]
pub struct AnswerError {
    text: String,
    example: &'static str,
}

impl Exercise {
    /// Reads an answer: the letter of an option, a number, an array `[[1, 2], [3, 4]]`, or sizes `2x3`.
    pub fn read(&self, text: &str) -> Result<Array, AnswerError> {
        // Pictures set a minus sign where a keyboard has a hyphen, and sheets put a bracket or slash after a letter.
        let plain = text.replace('−', "-");
        let text = plain.trim();
        let bare = text.trim_end_matches([')', '/', '.']);
        let letter = "ABCD".find(&bare.to_uppercase()).filter(|_| bare.len() == 1);
        let read = match letter {
            Some(index) => Some(self.options[index].value.clone()),
            None if self.is_about_sizes() && !text.starts_with('[') => read_sizes(text),
            None => read_value(text),
        };
        let example = match self.right.shape() {
            _ if self.is_about_sizes() => "sizes such as 2x3",
            [] => "a number such as -2.25",
            [_] => "a vector such as '[1, -2]'",
            _ => "a matrix such as '[[1, 2], [3, 4]]'",
        };
        read.ok_or_else(|| AnswerError { text: text.to_string(), example })
    }

    /// Marks an answer. Numbers may be rounded.
    pub fn mark(&self, answer: &Array) -> Mark<'_> {
        // Answers are further apart than twice this.
        let share = if self.is_exact() { 1e-3 } else { 2e-2 };
        let is = |value: &Array| {
            answer.shape() == value.shape() && distance(answer, value) <= share * largest(value).max(largest(answer))
        };
        match self.known.iter().find(|known| is(&known.value)) {
            _ if is(&self.right) => Mark::Right,
            Some(known) => Mark::Known(known),
            None => Mark::Unknown,
        }
    }

    /// What can be said of an answer that no known mistake leads to.
    pub fn remark(&self, answer: &Array) -> String {
        let sizes = |array: &Array| match array.shape() {
            [] => "a single number".to_string(),
            shape => format!("an array of {}", shape.iter().map(usize::to_string).collect::<Vec<_>>().join("×")),
        };
        if answer.shape() != self.right.shape() {
            let (found, wanted) = (sizes(answer), sizes(&self.right));
            return format!("This is {found}; the answer is {wanted}.");
        }
        if !self.is_about_sizes() && !differ(&answer.map(|v| -v), &self.right) {
            return "Look at the sign.".to_string();
        }
        "Write down every local derivative, then multiply along each path from the end back to the beginning."
            .to_string()
    }
}

fn read_sizes(text: &str) -> Option<Array> {
    let sizes: Option<Vec<f64>> =
        text.split(['x', '×', ',', '*']).map(|size| size.trim().parse::<u32>().ok().map(f64::from)).collect();
    sizes.map(Array::vector)
}

/// The value of a formula without names.
fn read_value(text: &str) -> Option<Array> {
    constant(text).ok().filter(|value| value.data().iter().all(|v| v.is_finite()))
}
