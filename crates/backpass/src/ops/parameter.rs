//! `parameter`.

use super::Shape;
use super::leaf::leaf_operator;

/// A value that stays between runs and that training changes; it has no batch dimension.
#[derive(Clone, PartialEq, Debug)]
pub struct Parameter {
    /// Its shape.
    pub shape: Shape,
}

leaf_operator!(Parameter, "parameter", "a value that stays between runs and that training changes", batch: false);
