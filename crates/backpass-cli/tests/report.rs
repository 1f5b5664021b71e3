//! Reports and comparisons.

mod common;

use common::{Folder, SMALL, eight_columns};

/// The page, if it is well formed: every element that is opened is closed, in order.
fn page(folder: &Folder, name: &str) -> String {
    let page = std::fs::read_to_string(folder.path(name)).unwrap();
    let mut open: Vec<&str> = Vec::new();
    let mut rest = page.strip_prefix("<!DOCTYPE html>").unwrap();
    while let Some((before, after)) = rest.split_once('<') {
        assert!(!before.contains('>') || open.last() == Some(&"style"), "a stray > in {before:?}");
        let (tag, after) = after.split_once('>').unwrap();
        let name = tag.split_whitespace().next().unwrap().trim_end_matches('/');
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "closed after {before:?}"),
            None if tag.ends_with('/') || name == "meta" => {}
            None => open.push(name),
        }
        rest = after;
    }
    assert!(open.is_empty() && rest.trim().is_empty(), "{open:?} {rest:?}");
    page
}

fn needs_only_itself(page: &str) {
    for mark in [" src=", "@import", "url(", "<link", "<script", "onclick", "onload", "javascript:"] {
        assert!(!page.contains(mark), "{mark}");
    }
    let names = ["http-equiv", "http://www.w3.org/2000/svg"];
    let outside = page.match_indices("http").filter(|(at, _)| !names.iter().any(|name| page[*at..].starts_with(name)));
    assert_eq!(outside.count(), 0);
    assert!(page.contains("Content-Security-Policy\" content=\"default-src 'none';"));
}

fn holds(page: &str, parts: &[&str]) {
    for part in parts {
        assert!(page.contains(part), "no {part:?}");
    }
}

#[test]
fn a_report_on_two_classes_is_the_same_every_time() {
    let folder = Folder::with_model();
    let run = folder.run("report moons.backpass moons.csv");
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), ""), "{run:#?}");
    assert!(run.stderr.contains("40 of the 200 rows of moons.csv: those held out from training"), "{}", run.stderr);
    let first = page(&folder, "report.html");
    needs_only_itself(&first);
    let accuracy = folder.json("inspect moons.backpass --json")["manifest"]["best_epoch"].to_string();
    holds(
        &first,
        &[
            "class from moons.csv",
            "Judged by 40 of the 200 rows",
            "Confusion matrix",
            "ROC curve",
            "Precision and recall",
            "Calibration",
            "Permutation importance",
            "Partial dependence",
            "Where it is most wrong",
            &format!("Kept: epoch {accuracy} of 20"),
            "hidden1[0]",
            "learning_rate = 0.03",
        ],
    );
    assert!(!first.contains("Where the time went"), "a model knows no times");
    folder.fails("report moons.backpass moons.csv", 2, &["report.html exists already", "--force"]);
    folder.ok("report moons.backpass moons.csv --force --threads 1");
    assert!(first == page(&folder, "report.html"), "another page of the same model and rows");
    folder.ok("report moons.backpass moons.csv --all-rows -o all.html");
    holds(&page(&folder, "all.html"), &["Judged by 200 rows of moons.csv, which were trained on", "on new ones"]);
}

#[test]
fn training_writes_a_report_on_the_rows_that_it_validated_on() {
    let folder = Folder::new();
    folder.ok("generate moons --rows 200 -o moons.csv");
    folder.ok("generate moons --rows 90 --seed 9 -o other.csv");
    let train = format!("train moons.csv --target class {SMALL} --force --report page.html");
    let document = folder.json(&format!("{train} --json"));
    let first = page(&folder, "page.html");
    holds(&first, &["Judged by 40 of the 200 rows of moons.csv", "Where the time went"]);
    for stage in ["read", "encode", "compile", "gather batches", "steps", "evaluation", "layers", "metrics"] {
        holds(&first, &[&format!("<td>{stage}</td>")]);
    }
    holds(&first, &["Weights by layer", "Activations by layer", "Gradients by layer", "What to look for"]);
    let moments = document["layers"].as_array().unwrap();
    assert_eq!((&moments[0]["epoch"], &moments.last().unwrap()["epoch"]), (&1.into(), &20.into()));
    let layer = &moments[0]["layers"][0];
    assert_eq!(layer["name"], "hidden1");
    for value in ["weights", "activations", "gradients"] {
        assert!(layer[value].as_f64().unwrap() > 0.0, "{value}: {layer}");
    }
    let accuracy = document["metrics"]["validation"]["accuracy"].as_f64().unwrap();
    holds(&first, &[&format!("<strong>{accuracy:.4}")]);
    folder.ok(&format!("{train} --validation other.csv"));
    holds(&page(&folder, "page.html"), &["Judged by 90 rows of other.csv, on which training validated"]);
    folder.ok(&format!("{train} --validation none"));
    holds(&page(&folder, "page.html"), &["Judged by 200 rows of moons.csv, which were trained on"]);
    folder.fails(&format!("train moons.csv --target class {SMALL} --report page.html"), 2, &["page.html", "--force"]);
}

#[test]
fn several_classes_and_several_networks() {
    let folder = Folder::new();
    folder.write("winds.csv", eight_columns());
    folder.ok("train winds.csv --target kind --hidden 9 --epochs 5 --bag 3 -o winds.backpass --report report.html");
    let page = page(&folder, "report.html");
    needs_only_itself(&page);
    holds(
        &page,
        &[
            "Each class against the others.",
            "means of 3 networks",
            "Shown is network 1 of 3",
            "network 1 of 3; the prediction is the mean of all 3.",
            "of a class; mean over the classes",
            "each validated on another third of the ",
            "the 3 networks ran side by side",
            "<td>gather batches</td>",
            "north",
            "log_loss grows when",
        ],
    );
    assert!(page.contains("kept: epoch"), "each network kept its own");
    assert!(page.contains("hidden1[0]") && !page.contains("member2"), "one of the networks, neuron by neuron");
}

#[test]
fn numbers_and_formulas() {
    let folder = Folder::new();
    let rows: String = (0..120).map(|i| format!("{i},{}\n", 3.0 * f64::from(i % 50) + f64::from(i % 3))).collect();
    folder.write("line.csv", format!("x,y\n{rows}"));
    folder.ok(&format!("train line.csv --target y --report net.html {SMALL}"));
    let net = page(&folder, "net.html");
    needs_only_itself(&net);
    holds(&net, &["Predicted against true", "Half of the predictions are at most", "How often which error", "rmse"]);
    assert!(!net.contains("Confusion matrix"));
    folder.ok("train line.csv --target y --formula a*x+b --report formula.html");
    holds(&page(&folder, "formula.html"), &["standard error", "a*x+b", "which were trained on"]);
    assert!(!page(&folder, "formula.html").contains("In the layers"));
}

#[test]
fn hostile_names_stay_text() {
    let folder = Folder::new();
    let names = ["<script>alert(1)</script>", "a\"\"b'c&d", "]]>--><b>x", "</style><svg/onload=1>"];
    let header = names.map(|name| format!("\"{name}\"")).join(",");
    let levels = ["<img src=x onerror=1>", "\u{202e}rev", "&amp;"];
    let row = |i: usize| {
        let class = if i * 7 % 40 > 18 { "</td><script>1" } else { "\u{7}no & 'way'" };
        format!("{}.5,{},{}.25,{class}\n", i * 7 % 40, levels[i % 3], i * 11 % 30)
    };
    folder.write("hostile.csv", format!("{header}\n{}", (0..160).map(row).collect::<String>()));
    folder.write("run.toml", "target = \"</style><svg/onload=1>\"\n");
    folder.ok(&format!("train hostile.csv --config run.toml --report page.html {SMALL}"));
    let page = page(&folder, "page.html");
    for bad in ["<script", "<img", "<b>", "<svg/", "\u{202e}", "\u{7}"] {
        assert!(!page.contains(bad), "{bad:?}");
    }
    holds(&page, &["&lt;script&gt;alert(1)&lt;/script&gt;", "&lt;img src=x onerror=1&gt;", "&amp;amp;", "\u{fffd}rev"]);
}

#[test]
fn long_names_leave_room_for_the_charts() {
    let folder = Folder::new();
    let name = |end: &str| format!("{} {end}", "very long ".repeat(60));
    let row =
        |i: usize| format!("{}.5,{},{}\n", i * 7 % 40, name(["u", "v"][i % 2]), name(["yes", "no"][i * 7 % 40 / 20]));
    folder.write("long.csv", format!("{},{},kind\n{}", name("x"), name("c"), (0..120).map(row).collect::<String>()));
    folder.ok(&format!("train long.csv --target kind --report page.html {SMALL}"));
    holds(&page(&folder, "page.html"), &["very long very long very long very long …"]);
}

#[test]
fn a_table_that_does_not_fit_is_refused() {
    let folder = Folder::with_model();
    folder.write("other.csv", "a,b\n1,2\n");
    folder.fails("report moons.backpass other.csv", 3, &["other.csv"]);
    folder.write("empty.csv", "x1,x2,class\n1,2,\n3,4,\n");
    folder.fails("report moons.backpass empty.csv", 3, &["empty.csv"]);
    assert!(!folder.path("report.html").exists());
}

#[test]
fn models_are_compared_with_the_first() {
    let folder = Folder::with_model();
    folder.ok("train moons.csv --target class --hidden none --epochs 1 -o line.backpass");
    let text = folder.ok("compare line.backpass moons.backpass moons.csv");
    for part in ["line", "moons less line, with 95 % intervals from 1000 resamples", "log_loss", "better"] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
    let document = folder.json("compare line.backpass moons.backpass moons.csv --json");
    assert_eq!((&document["schema"], &document["rows"]), (&"backpass.compare/1".into(), &40.into()));
    assert_eq!(document["models"][1]["name"], "moons");
    let difference = &document["differences"][2];
    assert_eq!((&difference["metric"], &difference["better"]), (&"log_loss".into(), &true.into()));
    assert!(difference["interval"]["high"].as_f64().unwrap() < 0.0);
    assert_eq!(folder.json("compare line.backpass moons.backpass moons.csv --json --all-rows")["rows"], 200);
    folder.fails("compare moons.backpass moons.csv", 2, &["MODEL"]);
}

#[test]
fn models_without_common_rows_are_not_compared() {
    let folder = Folder::new();
    let all = "generate clouds --rows 10 -o few.csv";
    folder.ok(all);
    let train = |seed: u32| {
        let model = format!("m{seed}.backpass");
        folder.ok(&format!("train few.csv --target class --epochs 1 --hidden 2 --seed {seed} -o {model}"));
        model
    };
    // Two of ten rows each: among so many seeds some have none in common.
    let models: Vec<String> = (0..8).map(train).collect();
    folder.fails(&format!("compare {} few.csv", models.join(" ")), 2, &["held out from the training of every model"]);
    folder.ok(&format!("compare {} few.csv --all-rows", models.join(" ")));
}
