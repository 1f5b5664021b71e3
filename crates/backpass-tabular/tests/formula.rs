//! Formulas in place of the network.

mod common;

use backpass_tabular::{FitError, FitOptions, Fitted, Model, ReadOptions, Table, fit, read};
use common::csv;
use serde_json::Value;
use std::path::Path;

fn options(target: &str, formula: &str, start: &[&str]) -> FitOptions {
    let start = start.iter().map(ToString::to_string).collect();
    FitOptions { formula: Some(formula.to_string()), start, ..FitOptions::new(target) }
}

fn message(table: &Table, options: &FitOptions) -> String {
    fit(table, options).map(|fitted| fitted.decisions).unwrap_err().to_string()
}

fn value(fitted: &Fitted, name: &str) -> f64 {
    fitted.model.manifest.coefficients.iter().find(|c| c.name == name).unwrap().value
}

/// The digits in which two numbers agree.
fn digits(found: f64, certified: f64) -> f64 {
    -((found - certified) / certified).abs().log10()
}

#[test]
fn certified_values_are_reached() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/nist");
    let problems: Value = serde_json::from_slice(&std::fs::read(folder.join("certified.json")).unwrap()).unwrap();
    let numbers = |value: &Value| value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect::<Vec<_>>();
    for problem in problems.as_array().unwrap() {
        let name = problem["name"].as_str().unwrap();
        let table = read(folder.join(format!("{name}.csv")), &ReadOptions::default()).unwrap();
        for start in problem["start"].as_array().unwrap() {
            let start: Vec<String> = (1..).zip(numbers(start)).map(|(i, v)| format!("b{i}={v:?}")).collect();
            let start: Vec<&str> = start.iter().map(String::as_str).collect();
            let fitted = fit(&table, &options("y", problem["formula"].as_str().unwrap(), &start)).unwrap();
            let (values, errors) = (numbers(&problem["value"]), numbers(&problem["standard_error"]));
            for (index, (certified, error)) in values.into_iter().zip(errors).enumerate() {
                let found = &fitted.model.manifest.coefficients[index];
                assert_eq!(found.name, format!("b{}", index + 1));
                assert!(digits(found.value, certified) > 7.0, "{name} {found:?} {certified} {}", fitted.report.stop);
                assert!(digits(found.standard_error.unwrap(), error) > 6.0, "{name} {found:?} {error}");
            }
            let squares = fitted.train_metrics.get("rmse").unwrap().powi(2) * table.rows() as f64;
            assert!(digits(squares, problem["residual_sum_of_squares"].as_f64().unwrap()) > 6.0, "{name} {squares}");
        }
    }
}

#[test]
fn a_model_of_a_formula_is_like_any_other() {
    let rows: String = (0..30).map(|i| format!("{i},{},k{i}\n", 5.0 - 2.0 * f64::from(i))).collect();
    let table = csv(&format!("time,level,id\n{rows},3,k\n")).unwrap();
    let fitted = fit(&table, &options("level", "a + b*time", &["b=-1"])).unwrap();
    assert!(fitted.decisions.iter().any(|d| d == "left out: 1 row with a missing cell in a column of the formula"));
    assert!(fitted.decisions.iter().any(|d| d == "starting at 1, because no --start is given: a"));
    assert!((value(&fitted, "a") - 5.0).abs() < 1e-12 && (value(&fitted, "b") + 2.0).abs() < 1e-12);
    let mut back = Model::from_bytes(Path::new("m"), &fitted.model.to_bytes().unwrap()).unwrap();
    assert_eq!(back.manifest, fitted.model.manifest);
    assert_eq!(back.hash(), fitted.model.hash());
    let new = csv("time\n0.5\n1e6\n").unwrap();
    let predictions = back.predict(&new, 1).unwrap().values;
    // In f64, from the raw column to the target's units.
    assert!((predictions[0] - 4.0).abs() < 1e-12 && (predictions[1] - (5.0 - 2e6)).abs() < 1e-8, "{predictions:?}");
    assert!(back.evaluate(&table.head(30), 1).unwrap().0.get("r2").unwrap() > 0.999_999);
    assert!(back.explain(&table, 0).is_ok());
    back.manifest.options.loss = None;
    let error = back.explain(&table, 0).unwrap_err();
    assert!(matches!(error, FitError::Model { .. }) && error.to_string().contains("name no loss"), "{error}");
}

#[test]
fn matrices_are_parameters_too() {
    let rows: String =
        (0..40).map(|i| (i % 7, i % 5)).map(|(u, v)| format!("{u},{v},{}\n", 3 * u - 2 * v + 1)).collect();
    let table = csv(&format!("u,v,z\n{rows}")).unwrap();
    let formula = "concat(u, v, axis=1) @ W + b";
    let mut options = options("z", formula, &["W=[[0], [0]]"]);
    options.task = Some("regression".to_string());
    let fitted = fit(&table, &options).unwrap();
    assert!((value(&fitted, "W[0,0]") - 3.0).abs() < 1e-9 && (value(&fitted, "W[1,0]") + 2.0).abs() < 1e-9);
    let held = fit(&table, &FitOptions { l2: Some(1.0), ..options }).unwrap();
    assert!(value(&held, "W[0,0]").abs() < 2.9 && held.report.history.last().unwrap().penalty > 0.0);
}

#[test]
fn two_classes_take_a_logit_or_a_sigmoid() {
    let rows: String = (0..60).map(|i| format!("{i},{}\n", if (i * 7) % 60 < i { "yes" } else { "no" })).collect();
    let table = csv(&format!("dose,answer\n{rows}")).unwrap();
    let fitted = |formula: &str| fit(&table, &options("answer", formula, &["w=0", "b=0"])).unwrap();
    let (logit, probability) = (fitted("w*dose + b"), fitted("sigmoid(w*dose + b)"));
    assert!(logit.decisions.iter().any(|d| d.contains("is the logit")), "{:?}", logit.decisions);
    assert!(probability.decisions.iter().any(|d| d.contains("is the probability")), "{:?}", probability.decisions);
    assert_eq!(value(&logit, "w").to_bits(), value(&probability, "w").to_bits());
    assert!(value(&logit, "w") > 0.0 && logit.model.manifest.coefficients.iter().all(|c| c.standard_error.is_some()));
}

#[test]
fn other_optimisers_and_losses_fit_too() {
    let rows: String = (0..50).map(|i| format!("{},{}\n", i, if i == 49 { 1000 } else { 2 * i + 3 })).collect();
    let table = csv(&format!("time,y\n{rows}")).unwrap();
    let with = |loss: &str, optimizer: Option<&str>| {
        let (loss, optimizer) = (Some(loss.to_string()), optimizer.map(String::from));
        fit(&table, &FitOptions { loss, optimizer, ..options("y", "a + b*time/50", &[]) }).unwrap()
    };
    let robust = with("huber", None);
    assert!((value(&robust, "b") / 50.0 - 2.0).abs() < 0.1, "{}", value(&robust, "b"));
    assert_eq!(with("absolute", None).resolved.optimizer.as_deref(), Some("lbfgs"));
    let slow = with("squared", Some("sgd"));
    assert_eq!((slow.resolved.learning_rate, slow.resolved.batch_size.as_deref()), (Some(0.1), Some("full")));
    assert!(slow.report.history[999].train_loss < slow.report.history[0].train_loss);
}

#[test]
fn what_cannot_be_fitted_is_named() {
    let table = csv("time,group,level\n1,a,2\n2,b,3\n3,a,5\n4,b,1.5\n").unwrap();
    let refused = |formula: &str, start: &[&str]| message(&table, &options("level", formula, start));
    assert!(refused("a*time + level", &[]).contains("`level` is the target"));
    assert!(refused("a*group", &[]).contains("the column `group` is a category, a formula takes numbers"));
    assert!(refused("a*time", &["a=1", "a=2"]).contains("--start a is given twice"));
    for name in ["numbers", "categories"] {
        let text = refused(&format!("{name}*time"), &[]);
        assert!(text.contains(&format!("no parameter can be called `{name}`")), "{text}");
    }
    assert!(refused("a*x", &[]).contains("there is no column `x`"));
    assert!(refused("a + b", &[]).contains("it has no column of the table"));
    assert!(refused("time + 1", &[]).contains("it has no parameter to train"));
    assert!(refused("a*time", &["c=1"]).contains("--start c: the parameters of the formula are a"));
    assert!(refused("a*time", &["a=one"]).contains("of the form name=number"));
    assert!(refused("a*time +", &[]).starts_with("--formula:\n"));
    assert!(refused("a*time", &["a=[1, 2]"]).contains("its value has shape [batch, 2]"));
    assert!(refused("a*mean(time)", &[]).contains("sums over rows"));
    assert!(refused("(a*target)*time", &[]).contains("training needs the name `target`"));
    let network = FitOptions { hidden: Some("8".to_string()), ..options("level", "a*time", &[]) };
    assert_eq!(message(&table, &network), "--hidden: `8` is not possible with --formula");
    let penalty = FitOptions { l2: Some(0.1), ..options("level", "a*time", &[]) };
    assert!(message(&table, &penalty).contains("penalties count the elements of matrices"));
    let error = fit(&table, &FitOptions { start: vec!["a=1".to_string()], ..FitOptions::new("level") }).unwrap_err();
    assert!(matches!(error, FitError::Choice { option: "--start", .. }));
}
