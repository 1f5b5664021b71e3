//! Graphviz documents: their grammar, their content, their escapes.

use backpass_draw::{Direction, SvgOptions, Theme, dot};

use crate::views;

/// The tokens of a document: strings with their quotes, HTML-like labels with their angle brackets, words, signs.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            ' ' | '\n' => {
                rest = &rest[1..];
                continue;
            }
            '"' => {
                let mut escaped = false;
                let end = rest[1..].find(|c| {
                    let ends = c == '"' && !escaped;
                    escaped = c == '\\' && !escaped;
                    ends
                });
                end.expect("a string ends") + 2
            }
            '<' => {
                let mut depth = 0;
                let end = rest.find(|c| {
                    depth += i32::from(c == '<') - i32::from(c == '>');
                    depth == 0
                });
                end.expect("a label ends") + 1
            }
            '-' => 2,
            '{' | '}' | '[' | ']' | '=' | ',' | ';' => 1,
            _ => rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.').unwrap_or(rest.len()),
        };
        assert!(length > 0, "not a token: {rest}");
        tokens.push(rest[..length].to_owned());
        rest = &rest[length..];
    }
    tokens
}

/// Checks the statements of the grammar that are written, and gives the edges.
fn edges(text: &str) -> Vec<(String, String)> {
    let tokens = tokens(text);
    assert_eq!(tokens[..2], ["digraph", "{"]);
    let (mut at, mut depth, mut nodes, mut edges) = (2, 1, Vec::new(), Vec::new());
    let is_id = |token: &str| token.starts_with('"') || token.chars().all(|c| c.is_ascii_alphanumeric());
    while at < tokens.len() {
        let next = |ahead: usize| tokens.get(at + ahead).map_or("", String::as_str);
        match (next(0), next(1)) {
            ("subgraph", _) => {
                assert!(is_id(next(1)) && next(2) == "{");
                (at, depth) = (at + 3, depth + 1);
            }
            ("{", _) => (at, depth) = (at + 1, depth + 1),
            ("}", _) => (at, depth) = (at + 1, depth - 1),
            (";", _) => at += 1,
            (id, "=") => {
                assert!(is_id(id) && is_id(next(2)));
                at += 3;
            }
            (from, "->") => {
                assert!(nodes.contains(&from.to_owned()) && nodes.contains(&next(2).to_owned()));
                edges.push((from.to_owned(), next(2).to_owned()));
                at += 3;
            }
            (id, _) => {
                assert!(is_id(id), "{id}");
                nodes.push(id.to_owned());
                at += 1;
            }
        }
        if tokens.get(at).is_some_and(|token| token == "[") {
            loop {
                assert!(tokens[at + 2] == "=", "{:?}", &tokens[at..at + 5]);
                at += 4;
                match tokens[at].as_str() {
                    "," => {}
                    "]" => break,
                    other => panic!("{other} in a list of attributes"),
                }
            }
            at += 1;
        }
    }
    assert_eq!(depth, 0);
    edges
}

#[test]
fn the_grammar_is_kept_whatever_the_names() {
    for view in [views::neuron(), views::matrices(), views::network(), views::hostile(), Default::default()] {
        let id = |node: usize| format!("\"{}\"", view.nodes[node].id);
        let mut expected: Vec<_> = view.edges.iter().map(|edge| (id(edge.from), id(edge.to))).collect();
        let mut found = edges(&dot(&view, &SvgOptions::default()));
        expected.sort();
        found.sort();
        assert_eq!(found, expected);
    }
}

#[test]
fn numbers_of_both_passes_stand_on_the_edges() {
    let text =
        dot(&views::neuron(), &SvgOptions { theme: Theme::Dark, direction: Direction::Down, ..Default::default() });
    let line = text.lines().find(|line| line.contains(r#""y" -> "v2""#)).unwrap();
    let numbers =
        ["−2", "↑ 0.06234", "∂ 0.25"].map(|number| line.find(number).unwrap_or_else(|| panic!("{number}: {line}")));
    assert!(numbers.is_sorted(), "{line}");
    let result = text.lines().find(|line| line.trim_start().starts_with("\"L\" [")).unwrap();
    assert!(result.contains(">0.525<") && result.contains("↑ 1"), "{result}");
    assert!(text.contains("rankdir=TB") && text.contains("bgcolor=\"#15181c\""), "{text}");
}

#[test]
fn frames_are_clusters_and_negative_weights_are_dashed() {
    let view = views::network();
    let text = dot(&view, &SvgOptions::default());
    assert_eq!(text.matches("subgraph \"cluster_").count(), 2);
    assert_eq!(text.matches("rank=same").count(), 1);
    assert!(text.contains(r#"{ rank=same; "x1"; "x2" }"#), "{text}");
    for edge in &view.edges {
        let ends = format!("\"{}\" -> \"{}\"", view.nodes[edge.from].id, view.nodes[edge.to].id);
        let line = text.lines().find(|line| line.contains(&ends)).unwrap();
        assert_eq!(line.contains("style=dashed"), edge.weight.unwrap() < 0.0, "{line}");
    }
    let inside: Vec<&str> = text.split("subgraph").nth(1).unwrap().split("  }").next().unwrap().lines().collect();
    assert_eq!(inside.iter().filter(|line| line.contains("fillcolor")).count(), 3, "{inside:?}");
}

#[test]
fn quotes_and_backslashes_stay_what_they_are() {
    let text = dot(&views::hostile(), &SvgOptions::default());
    assert!(text.contains(r#"a\"b\\c x_1"#), "{text}");
}
