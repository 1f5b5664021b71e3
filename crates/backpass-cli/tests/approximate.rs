//! `backpass approximate` as a user runs it.

mod common;

use common::Folder;

/// Networks that are trained at once.
const QUICK: &str = "approximate sin(2*pi*x) --epsilon 0.1 --neurons 2 --threads 1";

#[test]
fn a_function_is_approximated_and_the_bound_explained() {
    let folder = Folder::new();
    let text = folder.ok(QUICK);
    let parts =
        ["sin(2*pi*x) on x in [0, 1], epsilon 0.1", "sigmoid steps", "ReLU pieces", "proven by interval", "1-2-1"];
    assert!(parts.iter().all(|part| text.contains(part)), "{text}");
    let run = folder.run(QUICK);
    assert!(run.stderr.contains("trained 1-1-1"), "{run:?}");
    assert_eq!(folder.run(&format!("{QUICK} --quiet")).stderr, "");
}

#[test]
fn the_document_holds_the_same_and_repeats() {
    let folder = Folder::new();
    let arguments = format!("{QUICK} --json --quiet");
    let document = folder.json(&arguments);
    assert_eq!(document["schema"], "backpass.approximate/1");
    assert_eq!(document["reached"], true);
    let constructed = document["constructed"].as_array().unwrap();
    assert_eq!(constructed.len(), 8);
    for made in constructed {
        let number = |value: &serde_json::Value| value.as_f64().unwrap();
        assert!(number(&made["measured"]["error"]) <= number(&made["bound"]), "{made}");
        assert!(number(&made["bound"]) < number(&made["epsilon"]), "{made}");
    }
    assert_eq!(document["trained"][1]["hidden"], serde_json::json!([2]));
    assert_eq!(folder.ok(&arguments), folder.ok(&arguments));
}

#[test]
fn formulas_pictures_and_two_inputs() {
    let folder = Folder::new();
    let text = folder.ok("approximate abs(x) --domain -1,1 --activation relu --neurons 0 --equations");
    assert!(text.contains("y = (") && text.contains("relu(1*x + 1)") && !text.contains("trained"), "{text}");
    folder.ok(&format!("{QUICK} -o errors.svg --fit fit.png"));
    let svg = std::fs::read_to_string(folder.path("errors.svg")).unwrap();
    assert!(svg.contains("sigmoid steps, bound") && svg.contains("hidden neurons"));
    assert!(std::fs::read(folder.path("fit.png")).unwrap().starts_with(b"\x89PNG"));
    let text = folder.ok("approximate x*y --domain x=0,1 --domain y=-1,1 --epsilon 0.2 --neurons 0");
    assert!(text.contains("ridge functions in place of the function"), "{text}");
}

#[test]
fn a_file_that_cannot_be_written_is_refused_before_training() {
    let folder = Folder::new();
    folder.write("old.svg", "");
    for (picture, part) in [
        ("-o a.html", "help: use .svg, .png"),
        ("--fit a.gif", "a.gif: this ending"),
        ("-o old.svg", "--force"),
        ("--fit old.svg", "--force"),
        ("-o a.svg --fit a.svg", "the same file"),
    ] {
        let run = folder.run(&format!("{QUICK} {picture}"));
        assert_eq!(run.code, Some(2), "{run:#?}");
        assert!(run.stderr.contains(part) && !run.stderr.contains("trained"), "{run:#?}");
    }
    // Higher than wide: the limit of the width is not enough.
    let tall = format!("{QUICK} --neurons 0 --fit a.png --width 16384").replace("--neurons 2 ", "");
    folder.fails(&tall, 2, &["cannot be made", "help: choose a width"]);
    assert_eq!(folder.files(), ["old.svg"]);
}

#[test]
fn functions_of_two_inputs_are_drawn_as_maps() {
    let folder = Folder::new();
    folder.ok("approximate x*y --epsilon 0.5 --neurons 1 --fit maps.svg");
    let svg = std::fs::read_to_string(folder.path("maps.svg")).unwrap();
    for part in ["sigmoid steps, ", "ReLU pieces, ", "trained 2-1-1", "network less function"] {
        assert!(svg.contains(part), "no {part:?}");
    }
}

#[test]
fn wrong_requests() {
    let folder = Folder::new();
    folder.fails("approximate sin(x --neurons 0", 2, &["line 1"]);
    folder.fails("approximate x --domain 1,0", 2, &["empty or unbounded", "help:"]);
    folder.fails("approximate x --domain z=0,1", 2, &["no input `z`"]);
    folder.fails("approximate x --epsilon 0", 2, &["epsilon is 0"]);
    folder.fails("approximate step(x-0.5)", 2, &["not continuous near x = 0.5", "help:"]);
    folder.fails("approximate 1/x", 2, &["inf at x = 0", "help:"]);
    let run = folder.run("approximate sin(100000*x) --epsilon 0.01 --neurons 0");
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.stderr.contains("is not reached") && run.stderr.contains("20000 neurons"), "{run:?}");
}
