//! "Did you mean" for column names.

use backpass::suggest::closest;

/// A `help:` line for an unknown name: the nearest one, or the list if it is short.
pub(crate) fn hint(name: &str, candidates: &[String]) -> String {
    match closest(name, candidates.iter().map(String::as_str)) {
        Some(near) => format!("\nhelp: did you mean {near:?}?"),
        None if candidates.len() <= 20 => format!("\nhelp: there is {}", candidates.join(", ")),
        None => format!(
            "\nhelp: there are {} columns, {} to {}",
            candidates.len(),
            candidates[0],
            candidates[candidates.len() - 1]
        ),
    }
}
