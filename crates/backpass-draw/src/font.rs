//! The font of all pictures, and how wide its text is.

use std::sync::LazyLock;

use ttf_parser::Face;

/// DejaVu Sans, reduced to the characters of pictures; see `fonts/README.md`.
pub const DEJAVU: &[u8] = include_bytes!("../fonts/DejaVuSans-subset.ttf");

/// The families to ask for: where the first is missing, another sans-serif font is narrower.
pub const FAMILY: &str = "'DejaVu Sans',system-ui,sans-serif";

/// How much wider bold text is than the same text in the embedded font.
pub const BOLD: f64 = 1.12;

static FACE: LazyLock<Option<Face<'static>>> = LazyLock::new(|| Face::parse(DEJAVU, 0).ok());

/// The width of a line of text at this size, in the size's unit. Unknown characters count as wide as they are high.
pub fn width(text: &str, size: f64) -> f64 {
    let Some(face) = FACE.as_ref() else { return text.chars().count() as f64 * size };
    let units = f64::from(face.units_per_em());
    let advance = |c| face.glyph_index(c).and_then(|glyph| face.glyph_hor_advance(glyph)).map_or(units, f64::from);
    text.chars().map(advance).sum::<f64>() * size / units
}

/// The text, or its beginning and an ellipsis, no wider than `room`.
pub fn shortened(text: &str, size: f64, room: f64) -> String {
    if width(text, size) <= room {
        return text.into();
    }
    let mut short = text.to_owned();
    while short.pop().is_some() {
        let candidate = format!("{}…", short.trim_end());
        if width(&candidate, size) <= room {
            return candidate;
        }
    }
    "…".into()
}

/// The text in lines that are no wider than `room`; words that are wider are shortened.
pub fn wrapped(text: &str, size: f64, room: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(&format!("{line} {word}"), size) <= room => *line = format!("{line} {word}"),
            _ => lines.push(shortened(word, size, room)),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_font_is_readable_and_has_the_signs_of_mathematics() {
        let face = FACE.as_ref().expect("the embedded font is valid");
        for c in "aZ09−×·∂∑√∞≤≥←→ᵀᵗ₀₉⁻²πσαΔ…∘⊙".chars() {
            assert!(face.glyph_index(c).is_some(), "{c} is missing");
        }
        assert!((width("0000", 10.0) - 25.4).abs() < 0.2);
    }

    #[test]
    fn long_text_is_shortened_to_its_room() {
        assert_eq!(shortened("tanh", 12.0, 100.0), "tanh");
        let short = shortened("a_very_long_name_of_a_parameter", 12.0, 80.0);
        assert!(short.ends_with('…') && short.len() > 6 && width(&short, 12.0) <= 80.0);
        assert_eq!(shortened("wide", 12.0, 0.0), "…");
        assert_eq!(wrapped("one  two three", 10.0, width("one two", 10.0)), ["one two", "three"]);
    }
}
