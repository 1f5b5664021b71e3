//! The page: complete in itself, escaped, in step with the view.

use backpass_draw::{SvgOptions, Theme, html};
use serde_json::Value;

use crate::views;

/// What the script reads.
fn data(page: &str) -> Value {
    let begin = "<script id=\"data\" type=\"application/json\">";
    let text = page.split(begin).nth(1).unwrap().split("</script>").next().unwrap();
    serde_json::from_str(text).unwrap()
}

#[test]
fn nothing_is_loaded_from_elsewhere() {
    let page = html(&views::neuron(), &SvgOptions::default());
    for mark in [" src=", "@import", "url(", "<link", "fetch(", "import ", "eval(", "innerHTML", " onclick", " onload"]
    {
        assert!(!page.contains(mark), "{mark}");
    }
    let outside = page.match_indices("http").filter(|(at, _)| !page[*at..].starts_with("http-equiv"));
    let outside: Vec<&str> = outside.map(|(at, _)| &page[at..at + 20]).collect();
    assert_eq!(outside, ["http://www.w3.org/200"[..20].to_owned()]);
    assert!(page.contains("Content-Security-Policy\" content=\"default-src 'none';"));
}

#[test]
fn the_data_hold_every_step_and_when_each_number_appears() {
    let view = views::neuron();
    let data = data(&html(&view, &SvgOptions::default()));
    let steps = data["steps"].as_array().unwrap();
    assert_eq!(steps.len(), view.steps.len());
    for (json, step) in steps.iter().zip(&view.steps) {
        assert_eq!(json["text"], step.text.as_str());
        assert_eq!(json["node"], step.node);
        assert_eq!(json["edges"], serde_json::json!(step.edges));
    }
    assert_eq!((&steps[9]["heading"], &steps[10]["heading"]), (&"Forward pass".into(), &"Backward pass".into()));
    // v2 is computed at step 7; its derivatives flow on at step 15, and along its operand y at step 16.
    assert_eq!(data["nodes"][5], serde_json::json!({ "forward": 7, "local": 7, "backward": 15 }));
    assert_eq!(data["edges"][3], serde_json::json!({ "forward": 4, "local": 7, "backward": 16 }));
}

#[test]
fn every_id_that_the_script_asks_for_is_there_once() {
    let page = html(&views::neuron(), &SvgOptions::default());
    let script = page.rsplit("<script>").next().unwrap();
    let asked = script.split("byId(\"").skip(1).map(|rest| rest.split('"').next().unwrap());
    for id in asked.chain(["table", "steps", "picture", "first", "previous", "next", "last"]) {
        assert_eq!(page.matches(&format!(" id=\"{id}\"")).count(), 1, "{id}");
    }
    let (nodes, edges) = (views::neuron().nodes.len(), views::neuron().edges.len());
    for node in 0..nodes {
        assert!(page.contains(&format!("<tr data-node=\"{node}\">")));
        assert!(page.matches(&format!(" data-node=\"{node}\"")).count() >= 2);
    }
    assert!((0..edges).all(|edge| page.contains(&format!(" data-edge=\"{edge}\""))));
    assert!(page.contains("<a href=\"#step=7\">v2 = w2 * y = 0.25 * -2 = -0.5</a>"));
    assert!(page.contains("<ol start=\"11\">"));
}

#[test]
fn names_stay_text() {
    let view = views::hostile();
    let page = html(&view, &SvgOptions::default());
    assert_eq!(page.matches("<script").count(), 2);
    assert_eq!(page.matches("</script").count(), 2);
    assert!(!page.contains("<!-- é"));
    let data = data(&page);
    for (step, name) in data["steps"].as_array().unwrap().iter().zip(views::HOSTILE) {
        assert_eq!(step["text"], name);
    }
    assert!(page.contains("<th scope=\"row\">x_1 &amp; 50%</th>") && page.contains("a&quot;b\\c"));
}

#[test]
fn without_steps_there_is_nothing_to_walk_through() {
    let page = html(&views::matrices(), &SvgOptions::default());
    assert!(!page.contains("id=\"stepper\"") && !page.contains("<ol"));
    assert!(page.contains("∂L/∂X = ∂L/∂T @ Y'  (2×3 = 2×2 @ 2×3)"));
    assert!(page.contains("<li>R: relu is zero at 1 of 4 elements"));
    html(&Default::default(), &SvgOptions::default());
}

#[test]
fn light_and_dark_are_chosen_by_the_reader_unless_asked_for() {
    let root = |theme| {
        let page = html(&views::neuron(), &SvgOptions { theme, ..SvgOptions::default() });
        page.split("<head>").next().unwrap().to_owned()
    };
    assert!(!root(Theme::Auto).contains("data-theme"));
    assert!(root(Theme::Light).contains("data-theme=\"light\"") && root(Theme::Dark).contains("data-theme=\"dark\""));
}
