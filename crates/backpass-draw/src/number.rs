//! Numbers as pictures set them.

pub use backpass::view::{array_within as array, number, shape};

/// Numbers as they are set in pictures: minus and infinity signs instead of `-` and `inf`.
pub fn typeset(text: &str) -> String {
    text.replace('-', "−").replace("inf", "∞")
}

/// The place of an operand in words: `1st`, `2nd`, … for 0, 1, ….
pub fn ordinal(index: usize) -> String {
    let number = index + 1;
    let ending = match (number % 10, number % 100) {
        (1, rest) if rest != 11 => "st",
        (2, rest) if rest != 12 => "nd",
        (3, rest) if rest != 13 => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
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
    fn operands_are_counted_in_words() {
        let places = [0, 1, 2, 3, 10, 11, 12, 20, 21, 22, 110].map(ordinal);
        let expected = ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "22nd", "23rd", "111th"];
        assert_eq!(places, expected);
    }

    #[test]
    fn pictures_use_real_minus_signs() {
        assert_eq!(typeset("[-1, -inf, 1e-5]"), "[−1, −∞, 1e−5]");
    }
}
