//! `huber`.

use super::{Attributes, AttributeError, Choice, Expr, LossFunction, mean_of_outputs};

/// `r²/2` for `|r| ≤ δ`, else `δ(|r| - δ/2)`, mean over the outputs.
#[derive(Clone, Debug, PartialEq)]
pub struct Huber {
    /// Where it turns from squared to absolute.
    pub delta: f64,
}

impl Default for Huber {
    fn default() -> Self {
        Huber { delta: 1.0 }
    }
}

impl LossFunction for Huber {
    const CHOICE: Choice = Choice {
        name: "huber",
        summary: "squared near zero, absolute far away",
        formula: "|r| ≤ δ ? r²/2 : δ(|r| - δ/2)",
        source: "Huber 1964",
    };

    fn rows<'b>(&self, output: Expr<'b>, target: Expr<'b>) -> Expr<'b> {
        let distance = (output - target).abs();
        let inside = distance.minimum(self.delta);
        mean_of_outputs(inside * (distance - inside * 0.5))
    }

    fn parse(attributes: &mut Attributes) -> Result<Self, AttributeError> {
        Ok(Huber { delta: attributes.number("delta", 1.0)? })
    }

    fn parameters(&self) -> Vec<(&'static str, f64)> {
        vec![("delta", self.delta)]
    }
}
