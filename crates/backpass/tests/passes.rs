//! Every file in `tests/passes`: a graph, then `;; pass` lines, then the graph that they make of it.

use backpass::passes::PASSES;
use backpass::text::parse;

#[test]
fn passes_do_what_their_files_say() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/passes");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let (before, rest) = text.split_once(";; ").unwrap();
        let mut graph = parse(before).unwrap();
        let mut expected = String::new();
        for line in format!(";; {rest}").lines() {
            match line.strip_prefix(";; ") {
                Some(name) => {
                    let pass = PASSES.iter().find(|p| p.name == name).unwrap_or_else(|| panic!("no pass `{name}`"));
                    graph = (pass.run)(&graph);
                }
                None => expected += &format!("{line}\n"),
            }
        }
        assert_eq!(graph.to_string(), expected, "{}", path.display());
        seen += 1;
    }
    assert!(seen >= PASSES.len(), "each pass has a file");
}
