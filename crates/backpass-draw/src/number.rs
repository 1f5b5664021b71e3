//! Numbers as pictures set them.

pub use backpass::view::{array_within as array, number, ordinal, shape};

/// Numbers as they are set in pictures: minus and infinity signs instead of `-` and `inf`.
pub fn typeset(text: &str) -> String {
    text.replace('-', "−").replace("inf", "∞")
}

/// The symbol of an operator as it is set in pictures: `×` for `*`, `−` for `-`; other labels as they are.
pub fn typeset_symbol(label: &str) -> String {
    match label {
        "*" => "×".into(),
        "-" => "−".into(),
        "/" => "÷".into(),
        label => label.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_use_real_minus_signs() {
        assert_eq!(typeset("[-1, -inf, 1e-5]"), "[−1, −∞, 1e−5]");
    }
}
