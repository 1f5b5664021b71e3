//! Numbers as people write them.

use serde::{Deserialize, Serialize};

/// How the numbers of a column are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notation {
    /// `1234.5`, `-1.2e3`.
    #[default]
    Plain,
    /// `1,234.5`: commas between groups of three digits.
    Grouped,
    /// `1.234,5`: a decimal comma, perhaps points between groups of three digits.
    DecimalComma,
}

/// The finite number that the text says, if it says one.
pub(crate) fn parse(text: &str, notation: Notation) -> Option<f64> {
    let text = text.trim();
    let number = match notation {
        Notation::Plain => text.parse().ok()?,
        Notation::Grouped => grouped(text)?,
        Notation::DecimalComma => grouped(&text.replace(',', "\0").replace('.', ",").replace('\0', "."))?,
    };
    f64::is_finite(number).then_some(number)
}

fn grouped(text: &str) -> Option<f64> {
    if !text.contains(',') {
        return text.parse().ok();
    }
    let unsigned = text.trim_start_matches(['+', '-']);
    let (integer, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let mut groups = integer.split(',');
    let first = groups.next()?;
    let digits = |group: &str| group.bytes().all(|byte| byte.is_ascii_digit());
    let regular = !fraction.contains(',')
        && (1..=3).contains(&first.len())
        && digits(first)
        && groups.all(|group| group.len() == 3 && digits(group));
    regular.then(|| text.replace(',', "").parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notations() {
        use Notation::*;
        let cases = [
            ("1234.5", [Some(1234.5), Some(1234.5), None]),
            ("-1.2e3", [Some(-1200.0), Some(-1200.0), None]),
            ("1,234", [None, Some(1234.0), Some(1.234)]),
            ("1,234.5", [None, Some(1234.5), None]),
            ("3,15", [None, None, Some(3.15)]),
            ("1.234,5", [None, None, Some(1234.5)]),
            ("-1.234.567", [None, None, Some(-1234567.0)]),
            ("12", [Some(12.0); 3]),
            (" 7 ", [Some(7.0); 3]),
            ("1,23,456", [None; 3]),
            ("inf", [None; 3]),
            ("NaN", [None; 3]),
            ("1e999", [None; 3]),
            ("", [None; 3]),
            ("--1,000", [None; 3]),
        ];
        for (text, expected) in cases {
            let parsed = [Plain, Grouped, DecimalComma].map(|notation| parse(text, notation));
            assert_eq!(parsed, expected, "{text:?}");
        }
    }
}
