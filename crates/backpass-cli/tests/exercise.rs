//! `backpass exercise` as a student and a teacher use it.

mod common;

use common::Folder;

const SCALAR: &str = "exercise --seed 7 --level 3";

#[test]
fn a_task_shows_gaps_and_four_answers_but_no_solution() {
    let folder = Folder::new();
    let text = folder.ok(SCALAR);
    assert!(text.starts_with("exercise 7: backpass exercise --seed 7 --kind scalar --level 3\n"), "{text}");
    for part in ["output l = ", "What is ∂l/∂x?", "?", "  A/  ", "  B/  ", "  C/  ", "  D/  "] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
    assert!(!text.contains("Solution") && !text.contains("Backward"), "{text}");
    let solved = folder.ok(&format!("{SCALAR} --solution"));
    assert!(solved.starts_with(&text) && solved.contains("Backward pass") && solved.contains("/  right"), "{solved}");
    let blank = folder.ok(&format!("{SCALAR} --blank"));
    assert!(!blank.contains("A/"), "{blank}");
    let drawn = folder.ok("exercise");
    let call = drawn.lines().next().unwrap().split_once("backpass ").unwrap().1;
    assert_eq!(folder.ok(call), drawn);
}

#[test]
fn answers_are_marked() {
    let folder = Folder::new();
    for (kind, seed) in [("scalar", 3), ("neuron", 4), ("matrix", 5), ("layer", 6)] {
        let exercise = format!("exercise --kind {kind} --level 2 --seed {seed}");
        let document = folder.json(&format!("{exercise} --json"));
        for option in document["options"].as_array().unwrap() {
            let letter = option["letter"].as_str().unwrap();
            let run = folder.run(&format!("{exercise} --answer {letter}"));
            if option["right"] == true {
                assert_eq!(run.code, Some(0), "{run:#?}");
                assert!(run.stdout.starts_with("Right: ") && run.stdout.contains("Solution"), "{run:#?}");
            } else {
                assert_eq!(run.code, Some(1), "{run:#?}");
                assert!(run.stdout.contains(option["reason"].as_str().unwrap()), "{run:#?}");
                assert!(run.stdout.contains("hint: ") && !run.stdout.contains("Solution"), "{run:#?}");
            }
            let typed = option["text"].as_str().unwrap().replace(' ', "");
            assert_eq!(folder.run(&format!("{exercise} --answer {typed}")).code, run.code, "{exercise} {typed}");
        }
    }
    folder.fails(&format!("{SCALAR} --answer E"), 2, &["neither a letter nor a number", "help: "]);
    folder.fails(&format!("{SCALAR} --level 6"), 2, &[]);
    folder.fails(&format!("{SCALAR} --blank --answer A"), 2, &[]);
}

#[test]
fn pictures_and_documents_have_gaps() {
    let folder = Folder::new();
    let document = folder.json(&format!("{SCALAR} --json"));
    let nodes = document["nodes"].as_array().unwrap();
    assert!(nodes.iter().any(|node| node["value"] == "?"));
    assert!(nodes.iter().filter(|node| node["name"] != "2").all(|node| node["gradient"] == "?"));
    for ending in ["svg", "html", "txt", "tex", "dot"] {
        folder.ok(&format!("{SCALAR} -o sheet.{ending}"));
        let text = std::fs::read_to_string(folder.path(&format!("sheet.{ending}"))).unwrap();
        assert!(text.contains('?') && !text.contains("NaN"), "{ending}: {text}");
        let number = document["options"][3]["text"].as_str().unwrap();
        for part in ["Exercise 7, scalar level 3", "What is ", number.trim_start_matches('-')] {
            assert!(text.contains(part), "no {part:?} in {ending}: {text}");
        }
        assert!(!text.contains("Answer"), "{ending}: {text}");
        folder.ok(&format!("{SCALAR} --solution -o solved.{ending}"));
    }
    folder.ok(&format!("{SCALAR} -o sheet.png"));
    folder.fails(&format!("{SCALAR} --count 2 -o both.svg"), 2, &["a picture shows one exercise"]);
}

#[test]
fn a_sheet_has_consecutive_seeds() {
    let folder = Folder::new();
    let text = folder.ok("exercise --seed 10 --kind layer --count 3");
    for seed in 10..13 {
        assert!(text.contains(&folder.ok(&format!("exercise --seed {seed} --kind layer"))), "{seed}\n{text}");
    }
    assert_eq!(folder.json("exercise --seed 10 --count 2 --json").as_array().unwrap().len(), 2);
}
