//! Models of several networks: one is shown, and what it is to the whole is said.

mod common;

use common::{Folder, eight_columns};

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("winds.csv", eight_columns());
    folder.ok("train winds.csv --target kind --hidden 5 --epochs 4 --bag 3 -o bag.backpass");
    folder
}

const LINE: &str = "network 2 of 3; the prediction is the mean of all 3";

#[test]
fn inspect_shows_one_network_and_counts_all() {
    let folder = folder();
    let text = folder.ok("inspect bag.backpass");
    for part in [
        "network 1 of 3; the prediction is the mean of all 3",
        "= 69",
        "of all 3 networks: 207",
        "hidden1 = ",
        "3 networks, each validated on another third of the ",
    ] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
    assert!(!text.contains("member"), "{text}");
    let all = folder.ok("inspect bag.backpass --member all");
    assert!(all.contains("member3/hidden1") && all.contains("= 207") && !all.contains("network 1 of"), "{all}");
    let document = folder.json("inspect bag.backpass --json --member 2");
    assert_eq!(
        (&document["network"], &document["networks"], &document["parameters"]),
        (&2.into(), &3.into(), &207.into())
    );
    assert_eq!(document["layers"].as_array().unwrap().len(), 2);
    folder.fails("inspect bag.backpass --member 4", 2, &["no network 4", "3 networks"]);
    folder.fails("inspect bag.backpass --member 0", 2, &["--member"]);
}

#[test]
fn the_numbers_of_one_network_are_those_of_the_whole_model() {
    let folder = folder();
    let predicted = folder.ok("predict bag.backpass winds.csv --probabilities");
    let row: Vec<&str> = predicted.lines().nth(7).unwrap().split(',').collect();
    let best = row.iter().filter_map(|cell| cell.parse::<f64>().ok()).fold(0.0, f64::max);
    let explain = "explain bag.backpass --data winds.csv --row 7";
    let text = folder.ok(&format!("{explain} --member 2"));
    let prediction = format!("with probability {best:.4}");
    assert!(text.contains(&format!("This is {LINE}: ")) && text.contains(&prediction), "no {prediction} in\n{text}");
    assert!(text.contains("hidden1[0]") && !text.contains("member"), "{text}");
    let all = folder.json(&format!("{explain} --json --member all --level layer"));
    for member in [1, 3] {
        for level in ["neuron", "layer", "operator", "network"] {
            let one = folder.json(&format!("{explain} --json --member {member} --level {level}"));
            assert_eq!((&one["value"], &one["gradients"]), (&all["value"], &all["gradients"]), "{member}, {level}");
        }
    }
    // The others are one node each, and what they give is what their last layers give.
    let one = folder.json(&format!("{explain} --json --member 1 --level layer"));
    let named = |document: &serde_json::Value, id: &str| -> Vec<serde_json::Value> {
        let nodes = document["nodes"].as_array().unwrap().iter();
        nodes.filter(|node| node["name"] == id).map(|node| node["value"].clone()).collect()
    };
    let outputs = named(&all, "output");
    assert_eq!(outputs.len(), named(&one, "output").len() + 2 * (outputs.len() / 3), "{one}");
    for member in ["member2", "member3"] {
        let value = named(&one, member).into_iter().find(|value| !value.is_null()).unwrap();
        assert!(outputs.contains(&value), "{member}");
    }
    let focus = folder.ok(&format!("{explain} --member 3 --level operator --focus hidden1[2]"));
    assert!(focus.contains("hidden1[2]"), "{focus}");
    folder.fails("explain x^2 x=1 --member 1", 2, &["--member belongs to a model"]);
}

#[test]
fn pictures_say_which_network_they_show() {
    let folder = folder();
    for level in ["neuron", "layer", "operator"] {
        folder.ok(&format!("draw bag.backpass --member 2 --level {level} -o {level}.svg"));
        let picture = std::fs::read_to_string(folder.path(&format!("{level}.svg"))).unwrap();
        assert!(picture.contains(&format!("bag.backpass: {LINE}")), "{level}");
    }
    let outline = folder.ok("draw bag.backpass --level layer");
    assert!(outline.contains("member3  network") && outline.contains("member1 (network)"), "{outline}");
    folder.ok("generate moons --rows 120 -o moons.csv");
    folder.ok("train moons.csv --target class --preset best --epochs 2 --bag 2 -o best.backpass");
    let draw = "draw best.backpass --level neuron";
    folder.fails(draw, 2, &["its inputs are embedded (periodic", "--level layer", "--preset fast"]);
    folder.fails("explain best.backpass --data moons.csv --level neuron", 2, &["its activations are learnt"]);
    let text = folder.ok("inspect best.backpass");
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in ["2 → 6 cos", "2 → 8 clamp", "16 → 16 identity", "hidden1.z = ", "*(selu(hidden1.z) - hidden1.z)"]
    {
        assert!(words.contains(part), "no {part:?} in\n{text}");
    }
    let equations = text.lines().skip_while(|line| *line != "Equations").take_while(|line| !line.is_empty());
    equations.for_each(|line| assert!(line.chars().count() < 150, "{line}"));
    folder.ok("draw best.backpass -o best.svg");
    folder.ok("explain best.backpass --data moons.csv");
}
