//! Fit and predict in ten lines; the README shows this program.

use backpass_tabular::{FitOptions, ReadOptions, fit, read};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let penguins = read("data/penguins.csv", &ReadOptions::default())?;
    let fitted = fit(&penguins, &FitOptions::new("species"))?;
    println!("accuracy {:?}", fitted.validation_metrics.and_then(|m| m.get("accuracy")));
    let predictions = fitted.model.predict(&penguins.head(3), 1)?;
    for row in 0..predictions.rows() {
        println!("{}", predictions.classes[predictions.class(row)]);
    }
    Ok(())
}
