//! The text twins, word for word and at any width.

use backpass_draw::text::{Options, outline, steps, table};
use unicode_width::UnicodeWidthStr;

use crate::views::{self, assert_snapshot};

const TERMINAL: Options = Options { digits: 4, formulas: true, width: Some(80) };

#[test]
fn tables_are_as_written_down() {
    assert_snapshot("neuron.txt", &table(&views::neuron(), &TERMINAL));
    assert_snapshot("matrices.txt", &table(&views::matrices(), &TERMINAL));
    assert_snapshot("network.txt", &table(&views::network(), &TERMINAL));
    assert_snapshot("numbers.txt", &table(&views::neuron(), &Options { digits: 2, formulas: false, width: None }));
}

#[test]
fn steps_and_outlines_are_as_written_down() {
    assert_snapshot("steps.txt", &steps(&views::neuron(), &Options { width: Some(48), ..TERMINAL }));
    assert_snapshot("outline.txt", &outline(&views::network()));
    assert_snapshot("outline_of_operators.txt", &outline(&views::matrices()));
}

#[test]
fn a_width_is_kept_and_nothing_is_lost() {
    let words = |text: &str| {
        text.chars().filter(|c| !c.is_whitespace()).fold(std::collections::BTreeMap::new(), |mut n, c| {
            *n.entry(c).or_insert(0) += 1;
            n
        })
    };
    for view in [views::neuron(), views::matrices(), views::network(), views::hostile()] {
        for write in [table, steps] {
            let whole = write(&view, &Options { width: None, ..TERMINAL });
            for width in [60, 80, 200] {
                let text = write(&view, &Options { width: Some(width), ..TERMINAL });
                assert!(text.lines().skip(2).all(|line| line.width() <= width), "{width}:\n{text}");
                assert_eq!(words(&text), words(&whole), "{width}:\n{text}");
            }
            write(&view, &Options { width: Some(0), ..TERMINAL });
        }
    }
}

#[test]
fn names_cannot_move_the_cursor() {
    let view = views::hostile();
    for text in [table(&view, &TERMINAL), steps(&view, &TERMINAL), outline(&view)] {
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
    }
}

#[test]
fn operands_that_are_the_same_node_are_told_apart() {
    let mut view = views::neuron();
    view.edges[0].from = 1;
    let text = table(&view, &TERMINAL);
    assert!(text.contains("∂v1/∂x (operand 1) = x = 1") && text.contains("∂v1/∂x (operand 2) = w1 = 0.5"), "{text}");
}

#[test]
fn an_empty_view_is_an_empty_text() {
    let view = backpass::view::View::default();
    assert_eq!(steps(&view, &TERMINAL) + &outline(&view), "");
    assert_eq!(table(&view, &TERMINAL), "");
}

#[test]
fn what_is_differentiated_is_said() {
    let mut view = views::matrices();
    view.edges[0].rule = "∂loss/∂T @ Y'".into();
    view.of = "loss".into();
    let text = table(&view, &TERMINAL);
    assert!(text.contains("∂loss/∂X = ∂loss/∂T @ Y'") && !text.contains("∂L/∂node"), "{text}");
}

#[test]
fn nobody_differentiates_with_respect_to_constants() {
    let mut view = views::neuron();
    view.nodes[7].role = backpass::view::Role::Constant;
    let text = table(&view, &TERMINAL);
    assert!(text.contains("∂v4/∂v3 = 1") && !text.contains("∂v4/∂b"), "{text}");
}
