//! Numbers for people: a few significant digits, arrays shortened.

use crate::array::Array;

/// A number that is left for the reader to find, written `?`: a NaN with a payload, as R marks missing values.
pub const GAP: f64 = f64::from_bits(0x7ff8_0000_0000_07a2);

/// Characters of an array in a line of text.
const LINE: usize = 96;

/// A number with so many significant digits: `0.6225`, `-12`, `1.2e-5`, `NaN`, `inf`. Whole numbers below a million are
/// written in full; trailing zeros are not written.
pub fn number(value: f64, digits: usize) -> String {
    if value.to_bits() == GAP.to_bits() {
        return "?".into();
    }
    if !value.is_finite() {
        return value.to_string();
    }
    if value == 0.0 {
        return "0".into();
    }
    if value.fract() == 0.0 && value.abs() < 1e6 {
        return format!("{value:.0}");
    }
    let digits = digits.clamp(1, 17);
    // Rounding may carry into a further digit, so the exponent is read after it.
    let scientific = format!("{value:.*e}", digits - 1);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent = exponent.parse::<i32>().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        let decimals = (digits as i32 - 1 - exponent).max(0) as usize;
        return trimmed(&format!("{value:.decimals$}")).into();
    }
    format!("{}e{exponent}", trimmed(mantissa))
}

fn trimmed(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

/// An array in as many characters as a line of text allows, see [`array_within`].
pub fn array(array: &Array, digits: usize) -> String {
    array_within(array, digits, LINE)
}

/// An array: in full where that takes at most `longest` characters, otherwise `[0.1, -2.3, … 782 more]` with as many
/// items as fit, and at least one at each level; a matrix as an array of its rows.
pub fn array_within(array: &Array, digits: usize, longest: usize) -> String {
    let write = |most| {
        let mut out = String::new();
        write(&mut out, array.shape(), array.data(), digits, most);
        out
    };
    // With its separator an element takes at least three characters: what cannot fit is not even tried.
    let may_fit = |most: &usize| 3 * array.shape().iter().map(|size| size.min(most)).product::<usize>() <= longest;
    let largest = array.shape().iter().copied().max().unwrap_or(0).min(longest);
    let fits = |text: &String| text.chars().count() <= longest;
    (1..=largest).rev().filter(may_fit).map(write).find(fits).unwrap_or_else(|| write(1))
}

fn write(out: &mut String, shape: &[usize], data: &[f64], digits: usize, most: usize) {
    let Some((&items, inner)) = shape.split_first() else {
        out.push_str(&number(data.first().copied().unwrap_or(f64::NAN), digits));
        return;
    };
    let step = inner.iter().product::<usize>();
    let shown = items.min(most);
    out.push('[');
    for i in 0..shown {
        out.push_str(if i == 0 { "" } else { ", " });
        write(out, inner, &data[i * step..(i + 1) * step], digits, most);
    }
    if shown < items {
        out.push_str(&format!(", … {} more", items - shown));
    }
    out.push(']');
}

/// Sizes: `784×512`; empty for a single number.
pub fn shape(sizes: &[usize]) -> String {
    sizes.iter().map(usize::to_string).collect::<Vec<_>>().join("×")
}

/// A place in words: `1st`, `2nd`, … for 0, 1, ….
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

/// One of so many equal parts in words: `half`, `third`, `4th`, … for 2, 3, 4, ….
pub fn fraction(parts: usize) -> String {
    match parts {
        2 => "half".into(),
        3 => "third".into(),
        _ => ordinal(parts.saturating_sub(1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_significant_digits() {
        for (value, digits, text) in [
            (0.622_459, 4, "0.6225"),
            (0.5, 4, "0.5"),
            (-0.0, 4, "0"),
            (-12.0, 4, "-12"),
            (123_456.0, 4, "123456"),
            (1_234_567.0, 4, "1.235e6"),
            (1234.56, 3, "1235"),
            (99.996, 4, "100"),
            (999_999.9, 4, "1e6"),
            (0.000_123_45, 4, "0.0001234"),
            (0.000_012_3, 4, "1.23e-5"),
            (f64::NAN, 4, "NaN"),
            (f64::NEG_INFINITY, 4, "-inf"),
            (f64::MAX, 4, "1.798e308"),
            (0.1, 0, "0.1"),
        ] {
            assert_eq!(number(value, digits), text);
        }
    }

    #[test]
    fn places_and_parts_are_counted_in_words() {
        let places = [0, 1, 2, 3, 10, 11, 12, 20, 21, 22, 110].map(ordinal);
        let expected = ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "22nd", "23rd", "111th"];
        assert_eq!(places, expected);
        let parts = [2, 3, 4, 8, 11, 12, 13, 21, 22, 23].map(fraction);
        assert_eq!(parts, ["half", "third", "4th", "8th", "11th", "12th", "13th", "21st", "22nd", "23rd"]);
    }

    #[test]
    fn long_arrays_are_shortened_at_every_level() {
        assert_eq!(array_within(&Array::scalar(2.5), 4, 40), "2.5");
        assert_eq!(array_within(&Array::vector([1.0, -2.0]), 4, 40), "[1, -2]");
        assert_eq!(array_within(&Array::filled(&[784], 0.1), 4, 30), "[0.1, 0.1, 0.1, … 781 more]");
        assert_eq!(array_within(&Array::filled(&[784], 0.1), 4, 0), "[0.1, … 783 more]");
        assert_eq!(array_within(&Array::filled(&[2, 2], 1.0), 4, 40), "[[1, 1], [1, 1]]");
        assert_eq!(array_within(&Array::filled(&[2, 100], 1.0), 4, 40), "[[1, 1, … 98 more], [1, 1, … 98 more]]");
        assert_eq!(array_within(&Array::filled(&[0, 3], 1.0), 4, 40), "[]");
        assert_eq!(shape(&[784, 512]), "784×512");
    }
}
