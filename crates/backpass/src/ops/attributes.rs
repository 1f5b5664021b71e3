//! The parameters of operators as the text form writes them: `sum(x, axis=1)`.

use std::fmt;

use crate::array::Array;
use crate::shape::{Dim, Shape};

/// The value of one attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum Attribute {
    /// A number; integers are numbers without fraction.
    Number(f64),
    /// A shape such as `[batch, 4]` or a list of integers such as `[1, 0]`.
    Shape(Shape),
    /// A word: `true`, `false` or a name.
    Word(String),
    /// An array of numbers.
    Array(Array),
    /// A 64-bit key of the random generator, written `0x…`.
    Key(u64),
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Attribute::Number(v) => write!(f, "{v}"),
            Attribute::Shape(v) => write!(f, "{v}"),
            Attribute::Word(v) => f.write_str(v),
            Attribute::Array(v) => write!(f, "{v}"),
            Attribute::Key(v) => write!(f, "{v:#x}"),
        }
    }
}

/// What is wrong with the attributes of an operator.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AttributeError {
    /// A required attribute is not there.
    #[error("`{name}=…` is missing; it must be {expected}")]
    Missing {
        /// Its name.
        name: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// An attribute has a value of the wrong kind.
    #[error("`{name}={found}`: expected {expected}")]
    Wrong {
        /// Its name.
        name: &'static str,
        /// What it should be.
        expected: &'static str,
        /// What was given.
        found: String,
    },
    /// An attribute given twice.
    #[error("`{name}` is given twice")]
    Twice {
        /// Its name.
        name: String,
    },
    /// An attribute the operator does not have.
    #[error("there is no attribute `{name}` here{}", among(known))]
    Unknown {
        /// Its name.
        name: String,
        /// The attributes that there are.
        known: Vec<&'static str>,
    },
}

fn among(known: &[&str]) -> String {
    if known.is_empty() { String::new() } else { format!(", only {}", known.join(", ")) }
}

/// Named attributes on their way into an operator; each may be taken once.
#[derive(Default, Debug)]
pub struct Attributes {
    left: Vec<(String, Attribute)>,
    /// The names that were asked for.
    asked: Vec<&'static str>,
}

impl Attributes {
    /// Attributes as read.
    pub fn new(attributes: Vec<(String, Attribute)>) -> Self {
        Attributes { left: attributes, asked: Vec::new() }
    }

    /// Fails when an attribute has been left over.
    pub fn finish(self) -> Result<(), AttributeError> {
        match self.left.into_iter().next() {
            Some((name, _)) => Err(AttributeError::Unknown { name, known: self.asked }),
            None => Ok(()),
        }
    }

    fn take<T>(
        &mut self,
        name: &'static str,
        expected: &'static str,
        convert: impl FnOnce(&Attribute) -> Option<T>,
    ) -> Result<Option<T>, AttributeError> {
        if !self.asked.contains(&name) {
            self.asked.push(name);
        }
        let Some(at) = self.left.iter().position(|(n, _)| n == name) else {
            return Ok(None);
        };
        let (_, value) = self.left.remove(at);
        match convert(&value) {
            Some(v) => Ok(Some(v)),
            None => Err(AttributeError::Wrong { name, expected, found: value.to_string() }),
        }
    }

    /// A number, or `default`.
    pub fn number(&mut self, name: &'static str, default: f64) -> Result<f64, AttributeError> {
        let value = self.take(name, "a number", |a| if let Attribute::Number(v) = a { Some(*v) } else { None })?;
        Ok(value.unwrap_or(default))
    }

    /// A whole number ≥ 0.
    pub fn count(&mut self, name: &'static str) -> Result<usize, AttributeError> {
        const EXPECTED: &str = "a whole number of at least 0";
        let value = self.take(name, EXPECTED, |a| match a {
            Attribute::Number(v) if *v >= 0.0 && *v <= 1e15 && v.fract() == 0.0 => Some(*v as usize),
            _ => None,
        })?;
        value.ok_or(AttributeError::Missing { name, expected: EXPECTED })
    }

    /// `true` or `false`, by default false.
    pub fn flag(&mut self, name: &'static str) -> Result<bool, AttributeError> {
        let value = self.take(name, "`true` or `false`", |a| match a {
            Attribute::Word(w) if w == "true" => Some(true),
            Attribute::Word(w) if w == "false" => Some(false),
            _ => None,
        })?;
        Ok(value.unwrap_or(false))
    }

    /// A shape.
    pub fn shape(&mut self, name: &'static str) -> Result<Shape, AttributeError> {
        const EXPECTED: &str = "a shape such as [batch, 4]";
        let value = self.take(name, EXPECTED, |a| if let Attribute::Shape(s) = a { Some(s.clone()) } else { None })?;
        value.ok_or(AttributeError::Missing { name, expected: EXPECTED })
    }

    /// A list of whole numbers.
    pub fn counts(&mut self, name: &'static str) -> Result<Vec<usize>, AttributeError> {
        const EXPECTED: &str = "a list of whole numbers such as [1, 0]";
        let value = self.take(name, EXPECTED, |a| match a {
            Attribute::Shape(s) => {
                s.dims().iter().map(|d| if let Dim::Fixed(n) = d { Some(*n) } else { None }).collect()
            }
            _ => None,
        })?;
        value.ok_or(AttributeError::Missing { name, expected: EXPECTED })
    }

    /// A word.
    pub fn word(&mut self, name: &'static str, expected: &'static str) -> Result<String, AttributeError> {
        let value = self.take(name, expected, |a| if let Attribute::Word(w) = a { Some(w.clone()) } else { None })?;
        value.ok_or(AttributeError::Missing { name, expected })
    }

    /// An array or number.
    pub fn array(&mut self, name: &'static str) -> Result<Array, AttributeError> {
        const EXPECTED: &str = "a number or an array";
        let value = self.take(name, EXPECTED, |a| match a {
            Attribute::Array(v) => Some(v.clone()),
            Attribute::Number(v) => Some(Array::scalar(*v)),
            _ => None,
        })?;
        value.ok_or(AttributeError::Missing { name, expected: EXPECTED })
    }

    /// A key of the random generator.
    pub fn key(&mut self, name: &'static str) -> Result<u64, AttributeError> {
        const EXPECTED: &str = "a key such as 0x2a";
        let value = self.take(name, EXPECTED, |a| match a {
            Attribute::Key(v) => Some(*v),
            Attribute::Number(v) if *v >= 0.0 && v.fract() == 0.0 && *v < 9e15 => Some(*v as u64),
            _ => None,
        })?;
        value.ok_or(AttributeError::Missing { name, expected: EXPECTED })
    }
}
