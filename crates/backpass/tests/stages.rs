//! The printable forms of all stages of a compilation, word for word: `tests/stages.txt`.

use backpass::compile::{CompileOptions, explain_stages};
use backpass::text::parse;

#[test]
fn every_stage_can_be_printed() {
    let text = include_str!("stages.txt");
    let (source, expected) = text.split_once("\n\n").unwrap();
    let found = explain_stages(&parse(source).unwrap(), &CompileOptions::rows(4)).unwrap();
    assert_eq!(found.trim_end(), expected.trim_end(), "\n{found}");
}
