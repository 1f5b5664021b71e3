//! `input`.

use super::Shape;
use super::leaf::leaf_operator;

/// A value given anew at each run.
#[derive(Clone, PartialEq, Debug)]
pub struct Input {
    /// Its shape.
    pub shape: Shape,
}

leaf_operator!(Input, "input", "a value given at each run", batch: true);
