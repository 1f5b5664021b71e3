//! "Did you mean": the known name nearest to a misspelt one.

/// The candidate nearest to `name`, if it is near enough to be a misspelling.
pub fn suggest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a String>) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (distance(&wanted, &candidate.to_lowercase()), candidate.as_str()))
        .filter(|(edits, _)| *edits <= 1 + wanted.chars().count() / 4)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// The Levenshtein distance: how many letters must be inserted, deleted or replaced.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

/// A `help:` line for an unknown name: the nearest one, or the list if it is short.
pub(crate) fn hint(name: &str, candidates: &[String]) -> String {
    match suggest(name, candidates) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_near_names_only() {
        let names = ["Survived", "Pclass", "Age"].map(String::from);
        assert_eq!(suggest("survived", &names), Some("Survived"));
        assert_eq!(suggest("Surviwed", &names), Some("Survived"));
        assert_eq!(suggest("Agge", &names), Some("Age"));
        assert_eq!(suggest("target", &names), None);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "ab"), 2);
    }
}
