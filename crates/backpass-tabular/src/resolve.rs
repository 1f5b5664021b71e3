//! What is chosen where nothing is said.

use backpass::optim::Optimizer;

use crate::options::{FitOptions, searches};
use crate::preset::Preset;
use crate::task::Task;

fn text(text: &str) -> Option<String> {
    Some(text.to_string())
}

impl FitOptions {
    /// Fills in everything that depends on the data: `rows` to train on, `features` after encoding.
    pub(crate) fn resolve(&self, task: &Task, rows: usize, features: usize) -> FitOptions {
        let classification = !matches!(task, Task::Regression);
        let small = rows < 5_000;
        let batch = match rows {
            0..=600 => 32,
            601..=3_000 => 64,
            3_001..=20_000 => 128,
            20_001..=100_000 => 256,
            _ => 512,
        };
        // Enough steps for the schedule to settle, however many rows there are; classes are learnt in fewer epochs.
        let steps: f64 = if small { 8_000.0 } else { 12_000.0 };
        let most = if classification && rows >= 20_000 { 20.0 } else { 400.0 };
        let epochs = (steps / (rows as f64 / batch as f64).ceil()).ceil().clamp(20.0, most) as usize;
        let width = if features >= 256 { 256 } else { 128 };
        let loss = match task {
            Task::Binary { .. } => "binary_cross_entropy",
            Task::Multiclass { .. } => "softmax_cross_entropy",
            Task::Regression => "squared",
        };
        let loss = match (task, self.interval) {
            (Task::Regression, Some(share)) => &format!("interval(share={share})"),
            _ => loss,
        };
        if self.formula.is_some() {
            return self.clone().or(self.formula_defaults(task, loss)).consistent(self);
        }
        // The narrower the network, the larger the steps it bears under Adam, and the less it can spare a neuron.
        let given = self.hidden.is_some().then(|| self.hidden_sizes().unwrap_or_default());
        let narrowest = given.map_or(width, |sizes| sizes.into_iter().min().unwrap_or(1));
        let steepness = if classification { 0.128 } else { 0.384 };
        let learning_rate = (steepness / narrowest as f64).clamp(1e-3, 3e-2);
        let defaults = FitOptions {
            scaling: text("robust"),
            max_levels: Some(64),
            // Of many rows a tenth says enough, and judging them each epoch costs little beside training.
            validation: text(if small { "0.2" } else { "0.1" }),
            split: text(if classification { "stratified" } else { "random" }),
            watch: text("loss"),
            hidden: Some(format!("{width},{width}")),
            activation: text(if classification { "relu" } else { "mish" }),
            dropout: Some(if classification && narrowest >= 32 { 0.1 } else { 0.0 }),
            loss: text(loss),
            optimizer: text("adamw(beta2=0.95)"),
            learning_rate: Some(learning_rate),
            schedule: text("cosine"),
            warm_up: Some(0.0),
            batch_size: Some(batch.to_string()),
            epochs: Some(epochs),
            patience: Some((epochs / 4).max(20)),
            min_improvement: Some(0.0),
            l1: Some(0.0),
            l2: Some(0.0),
            // A few rows are soon learnt by heart, and unlimited certainty comes with that.
            label_smoothing: match task {
                Task::Regression => None,
                Task::Binary { .. } if !small => Some(0.0),
                _ => Some(0.05),
            },
            calibrate: self.interval.map(|_| true),
            seed: Some(0),
            precision: text("f32"),
            ..FitOptions::default()
        };
        let name = Preset::chosen(self);
        let preset = FitOptions { preset: text(name), ..Preset::of(name).options(task, rows, features) };
        self.clone().or(preset).or(defaults).consistent(self)
    }

    /// What is chosen where nothing is said about the fit of a formula: all rows, exact steps, until it converges.
    fn formula_defaults(&self, task: &Task, loss: &str) -> FitOptions {
        let curved = |loss: &str| !loss.starts_with("absolute") && !loss.starts_with("quantile");
        let optimizer = if curved(self.loss.as_deref().unwrap_or(loss)) { "levenberg_marquardt" } else { "lbfgs" };
        FitOptions {
            scaling: text("none"),
            validation: text("none"),
            watch: text("loss"),
            loss: text(loss),
            optimizer: text(optimizer),
            schedule: text("constant"),
            warm_up: Some(0.0),
            batch_size: text("full"),
            epochs: Some(1000),
            patience: Some(0),
            min_improvement: Some(0.0),
            l1: Some(0.0),
            l2: Some(0.0),
            label_smoothing: (!matches!(task, Task::Regression)).then_some(0.0),
            seed: Some(0),
            precision: text("f64"),
            ..FitOptions::default()
        }
    }

    /// Sets the values that follow from another choice than the default one, where nothing is `given`.
    fn consistent(self, given: &FitOptions) -> FitOptions {
        let mut resolved = self;
        if let Ok(optimizer) = Optimizer::parse(resolved.optimizer.as_deref().unwrap_or_default()) {
            if given.learning_rate.is_none() && (given.optimizer.is_some() || given.formula.is_some()) {
                resolved.learning_rate = Some(optimizer.default_learning_rate());
            }
            resolved.weight_decay = resolved.weight_decay.or(Some(optimizer.default_weight_decay()));
            if searches(&optimizer) {
                resolved.dropout = given.dropout.or(given.formula.is_none().then_some(0.0));
                // Its steps are of the full batch and of a length that it searches.
                resolved.batch_size = given.batch_size.clone();
                resolved.learning_rate = given.learning_rate;
                resolved.schedule = given.schedule.clone();
                resolved.warm_up = given.warm_up;
                resolved.weight_decay = given.weight_decay;
            }
        }
        // Rows to validate on that are given are for one network.
        if given.bag.is_none() && given.validation.is_some() {
            resolved.bag = None;
        }
        // The networks of a bag validate on its folds.
        if resolved.bag.unwrap_or(1) > 1 && given.validation.is_none() && given.formula.is_none() {
            resolved.validation = None;
        }
        // The loss may say its smoothing itself.
        if given.label_smoothing.is_none() && given.loss.as_ref().is_some_and(|loss| loss.contains("smoothing")) {
            resolved.label_smoothing = None;
        }
        resolved
    }
}
