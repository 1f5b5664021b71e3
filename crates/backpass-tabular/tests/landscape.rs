//! Models seen over the plane and the line of their inputs.

mod common;

use backpass_tabular::{Cells, Column, DataSet, FitOptions, Fitted, Table, fit};
use common::csv;

fn circles() -> Table {
    let set = DataSet::named("circles").unwrap();
    set.generate(200, 2, set.noise, 3).unwrap()
}

fn options(hidden: &str) -> FitOptions {
    FitOptions { hidden: Some(hidden.into()), epochs: Some(5), seed: Some(1), ..FitOptions::new("class") }
}

fn trained(table: &Table, options: &FitOptions) -> Fitted {
    fit(table, options).unwrap()
}

#[test]
fn a_map_is_what_the_model_predicts() {
    let table = circles();
    let model = trained(&table, &options("4,3")).model;
    let map = model.landscape(&table, 21, 100).unwrap();
    assert_eq!((map.inputs.clone(), map.target.as_str()), (["x1".to_string(), "x2".to_string()], "class"));
    assert_eq!((map.classes.len(), map.predictions.len(), map.points.len()), (2, 2, 200));
    // From 1 to 2 times as wide as tall, on points as dense as on what is shown.
    let grid = &map.predictions[0];
    let [width, height] = map.shown.map(|(low, high)| high - low);
    assert!(
        (grid.x.1 - grid.x.0 - 2.0 * height).abs() < 1e-9 && (grid.y.1 - grid.y.0 - width.max(height)).abs() < 1e-9
    );
    assert!((2..=22).contains(&(grid.columns / 2)) && grid.rows >= 21, "{} {}", grid.columns, grid.rows);
    let corner = map.predictions[0].point(20, 3);
    let number = |name: &str, value| Column { name: name.into(), cells: Cells::Number(vec![value].into()) };
    let row = Table::new("t", vec![number("x1", corner.0), number("x2", corner.1)]).unwrap();
    let predicted = model.predict(&row, 1).unwrap().values;
    assert_eq!([map.predictions[0].value(20, 3), map.predictions[1].value(20, 3)], predicted[..]);
    for (x, y, class) in &map.points {
        assert!(*x > map.predictions[0].x.0 && *y < map.predictions[0].y.1);
        assert!(*class == 0.0 || *class == 1.0);
    }
}

#[test]
fn neurons_are_what_the_network_computes() {
    let table = circles();
    let derived =
        FitOptions { inputs: vec!["r = x1^2 + x2^2".into()], activation: Some("tanh".into()), ..options("4,3") };
    let model = trained(&table, &derived).model;
    let map = model.landscape(&table, 15, 100).unwrap();
    let names: Vec<&str> = map.neurons.iter().map(|n| n.name.as_str()).collect();
    assert_eq!(names[..5], ["hidden1[0]", "hidden1[1]", "hidden1[2]", "hidden1[3]", "hidden2[0]"]);
    assert_eq!((names.len(), map.hidden.clone()), (7, vec![4, 3]));
    for neuron in &map.neurons {
        for (output, sum) in neuron.output.values.iter().zip(&neuron.sum.values) {
            assert!((output - sum.tanh()).abs() < 1e-12);
        }
    }
    // The first layer by hand, from the features that the model makes of the point.
    let (x1, x2) = map.predictions[0].point(4, 9);
    let point = csv(&format!("x1,x2\n{x1},{x2}\n")).unwrap();
    let (features, _) = model.features(&point).unwrap();
    let (w, b) = (model.network.weights["hidden1.W"].data(), model.network.weights["hidden1.b"].data());
    for unit in 0..4 {
        let sum = b[unit] + features.iter().enumerate().map(|(i, x)| f64::from(*x) * w[i * 4 + unit]).sum::<f64>();
        assert!((map.neurons[unit].sum.value(4, 9) - sum).abs() < 1e-6);
    }
    // The strongest ones by hand: the spread of each output over the data times the size of the weights it goes on with.
    let (features, _) = model.features(&table).unwrap();
    let weights = |name: &str| model.network.weights[name].data();
    let layer = |x: &[f64], w: &[f64], b: &[f64]| -> Vec<f64> {
        let sum = |unit: usize| b[unit] + x.iter().enumerate().map(|(i, x)| x * w[i * b.len() + unit]).sum::<f64>();
        (0..b.len()).map(|unit| sum(unit).tanh()).collect()
    };
    let rows: Vec<Vec<f64>> = features.chunks(3).map(|row| row.iter().map(|x| f64::from(*x)).collect()).collect();
    let first = |x: &Vec<f64>| layer(x, weights("hidden1.W"), weights("hidden1.b"));
    let both = |x: &Vec<f64>| [first(x), layer(&first(x), weights("hidden2.W"), weights("hidden2.b"))].concat();
    let outputs: Vec<Vec<f64>> = rows.iter().map(both).collect();
    for (index, neuron) in map.neurons.iter().enumerate() {
        let mean = outputs.iter().map(|row| row[index]).sum::<f64>() / rows.len() as f64;
        let variance = outputs.iter().map(|row| (row[index] - mean).powi(2)).sum::<f64>() / rows.len() as f64;
        let (next, unit) = if index < 4 { (weights("hidden2.W"), index) } else { (weights("output.W"), index - 4) };
        let width = next.len() / [4, 3][index / 4];
        let size = next[unit * width..(unit + 1) * width].iter().map(|w| w * w).sum::<f64>();
        assert!((neuron.strength - (variance * size).sqrt()).abs() < 1e-6, "{} {}", neuron.name, neuron.strength);
    }
    let mut strengths: Vec<f64> = map.neurons.iter().map(|neuron| neuron.strength).collect();
    strengths.sort_by(|a, b| b.total_cmp(a));
    let few = model.landscape(&table, 5, 2).unwrap();
    assert!(few.neurons.iter().all(|neuron| neuron.strength >= strengths[1]));
    assert!(map.bent.contains("derived"), "{}", map.bent);
    assert_eq!((few.neurons.len(), few.hidden), (2, vec![4, 3]));
    let none = trained(&table, &options("none")).model.landscape(&table, 5, 9).unwrap();
    assert!(none.neurons.is_empty());
}

#[test]
fn a_profile_follows_the_one_input() {
    let rows: String = (0..60).map(|i| format!("{}.25,{}\n", i, (i * i) % 37)).collect();
    let table = csv(&format!("x,y\n{rows}")).unwrap();
    let fitted = trained(&table, &FitOptions { target: "y".into(), ..options("5") });
    let profile = fitted.model.profile(&table, 50).unwrap();
    assert_eq!((profile.input.as_str(), profile.predictions.len(), profile.points.len()), ("x", 1, 60));
    let (x, y) = profile.predictions[0][49];
    let predicted = fitted.model.predict(&csv(&format!("x\n{x}\n")).unwrap(), 1).unwrap().values[0];
    assert!((predicted - y).abs() < 1e-9 * y.abs().max(1.0));
    assert!(x > 59.25);
    assert_eq!(profile.points[3], (3.25, 9.0));
    assert!(fitted.model.landscape(&table, 5, 0).is_err());
}

#[test]
fn other_models_are_refused_in_words() {
    let rows: String = (0..40).map(|i| format!("{i}.5,{},{}.25,{}\n", ["red", "blue"][i % 2], i % 9, i % 5)).collect();
    let table = csv(&format!("a,colour,b,y\n{rows}")).unwrap();
    let model = trained(&table, &FitOptions { target: "y".into(), ..options("3") }).model;
    let said = model.landscape(&table, 5, 0).unwrap_err().to_string();
    assert!(said.starts_with("the model reads `a`, `b`, `colour` (a category); a map needs two columns"), "{said}");
    assert!(model.profile(&table, 5).unwrap_err().to_string().contains("a curve needs one column"));
    let circles = circles();
    let model = trained(&circles, &options("2")).model;
    let empty = csv("x1,x2,class\nNA,NA,a\n").unwrap();
    assert!(model.landscape(&empty, 5, 0).unwrap_err().to_string().contains("no row has a value for `x1`"));
    assert!(model.landscape(&csv("x1\n1\n").unwrap(), 5, 0).unwrap_err().to_string().contains("x2"));
}
