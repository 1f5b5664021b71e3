//! What a model makes of changed columns: permutation importance and partial dependence.

use backpass::train::Predictor;
use backpass_kernels::Real;
use backpass_kernels::philox::Stream;
use serde::Serialize;

use crate::encode::{CHUNK, CategoryInput, Inputs, quantile};
use crate::features::Raw;
use crate::fit_error::FitError;
use crate::model::{Head, Model};
use crate::runner::Runner;
use crate::task::Target;

/// Key of the streams that permute columns.
const PERMUTE: u64 = 0x5045_524d;
/// Points along a column of numbers.
const POINTS: usize = 25;
/// Levels of a category that are tried.
const MOST_LEVELS: usize = 12;
/// The share of the rows beyond either end of what is shown of a column of numbers.
const TAIL: f64 = 0.02;

/// How much worse a model predicts when it can no longer use a column.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Importance {
    /// The column.
    pub column: String,
    /// By how much the error grows in the mean over the permutations.
    pub mean: f64,
    /// The standard deviation over the permutations; 0 for a single one.
    pub deviation: f64,
}

/// What a model predicts in the mean over the rows when all have the same value in a column.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Dependence {
    /// The column.
    pub column: String,
    /// The values tried.
    pub along: Along,
    /// The mean predictions at these values: for numbers one series for each target, without its bounds; for two classes
    /// that of the second; else one for each class.
    pub means: Vec<Vec<f64>>,
}

/// The values of a column that are tried.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Along {
    /// Numbers, or days since 1 January 1970.
    Numbers(Vec<f64>),
    /// Levels of a category.
    Levels(Vec<String>),
}

/// From raw columns of so many rows to predictions.
pub(crate) type Predict<'a> = dyn FnMut(&Raw, usize) -> Result<Vec<f64>, FitError> + 'a;

/// The whole way from raw columns to predictions, compiled once; of a bag each row may have the one network that predicts it.
pub(crate) fn predict<D: Real>(
    model: &Model,
    rows: usize,
    members: Option<Vec<Option<u32>>>,
    threads: usize,
) -> Result<Box<Predict<'_>>, FitError> {
    let mut encoder = Runner::new(&model.encoder, CHUNK.min(rows.max(1)))?;
    let mut network = Predictor::<D>::new(&model.network, threads)?;
    let mut head = Head::new(&model.head, &model.target, rows)?;
    Ok(Box::new(move |raw: &Raw, rows: usize| {
        let mut x: Vec<D> = Vec::with_capacity(rows * model.inputs.features.len());
        for start in (0..rows).step_by(encoder.max_rows()) {
            let some = start..rows.min(start + encoder.max_rows());
            let inputs = raw.rows(some.clone());
            let features = encoder.run(some.len(), &inputs.each_ref().map(|(name, v)| (*name, &v[..])), "features")?;
            x.extend(features.iter().map(|&v| D::from_f64(v)));
        }
        let mut outputs = network.predict(&x);
        model.keep_one(&mut outputs, members.as_deref());
        head.values(&outputs)
    }))
}

/// Columns, and what predicts from them.
pub(crate) struct Probe<'a> {
    pub raw: Raw,
    pub rows: usize,
    pub inputs: &'a Inputs,
    pub predict: Box<Predict<'a>>,
}

impl Probe<'_> {
    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.raw.numbers.len() + self.raw.codes.len()
    }

    /// Permutation importance (Breiman 2001; Fisher, Rudin and Dominici 2019) by an error of predictions, the most
    /// important column first. Columns that say the same share their importance, or hide it.
    pub fn importance(
        &mut self,
        repeats: usize,
        seed: u64,
        error: impl Fn(&[f64]) -> Result<f64, FitError>,
    ) -> Result<Vec<Importance>, FitError> {
        let before = error(&self.predicted()?)?;
        let mut all = Vec::with_capacity(self.columns());
        for column in 0..self.columns() {
            let mut grown = Vec::with_capacity(repeats);
            for repeat in 0..repeats {
                let mut order: Vec<u32> = (0..self.rows as u32).collect();
                Stream::new(seed ^ PERMUTE, (column * repeats + repeat) as u64).shuffle(&mut order);
                let permuted = order.iter().map(|&row| self.cells(column)[row as usize]).collect();
                grown.push(error(&self.predicted_with(column, permuted)?)? - before);
            }
            let n = repeats.max(1) as f64;
            let mean = grown.iter().sum::<f64>() / n;
            let squares: f64 = grown.iter().map(|v| (v - mean).powi(2)).sum();
            let deviation = (squares / (n - 1.0).max(1.0)).sqrt();
            all.push(Importance { column: self.name(column).to_string(), mean, deviation });
        }
        // Equally important columns stay in the order of the table.
        all.sort_by(|a, b| b.mean.total_cmp(&a.mean));
        Ok(all)
    }

    /// Partial dependence (Friedman 2001) of what is said of a target on a column.
    pub fn dependence(&mut self, name: &str, target: &Target) -> Result<Option<Dependence>, FitError> {
        let Some(column) = (0..self.columns()).find(|&column| self.name(column) == name) else { return Ok(None) };
        let (values, along) = self.values(column);
        let (width, each) = (target.width(), target.per_target());
        let shown = (usize::from(width == 2 && !target.is_number())..width).step_by(each);
        let mut means = vec![Vec::with_capacity(values.len()); shown.len()];
        for value in values {
            let predicted = self.predicted_with(column, vec![value; self.rows])?;
            for (series, output) in means.iter_mut().zip(shown.clone()) {
                series.push(predicted.iter().skip(output).step_by(width).sum::<f64>() / self.rows as f64);
            }
        }
        Ok(Some(Dependence { column: name.to_string(), along, means }))
    }

    /// The values to try in a column, as the encoder takes them and as people read them.
    fn values(&self, column: usize) -> (Vec<f64>, Along) {
        let Some(category) = column.checked_sub(self.raw.numbers.len()) else {
            let numbers = spread(self.cells(column));
            return (numbers.clone(), Along::Numbers(numbers));
        };
        let CategoryInput { levels, other, .. } = &self.inputs.categories[category];
        let mut levels: Vec<String> = levels.iter().take(MOST_LEVELS).cloned().collect();
        let mut codes: Vec<f64> = (0..levels.len()).map(|level| level as f64).collect();
        if *other {
            codes.push(self.inputs.categories[category].levels.len() as f64);
            levels.push("all others".to_string());
        }
        (codes, Along::Levels(levels))
    }

    fn name(&self, column: usize) -> &str {
        match column.checked_sub(self.inputs.numbers.len()) {
            None => &self.inputs.numbers[column],
            Some(category) => &self.inputs.categories[category].name,
        }
    }

    fn cells(&self, column: usize) -> &[f64] {
        let numbers = self.raw.numbers.len();
        if column < numbers { &self.raw.numbers[column] } else { &self.raw.codes[column - numbers] }
    }

    fn predicted(&mut self) -> Result<Vec<f64>, FitError> {
        (self.predict)(&self.raw, self.rows)
    }

    /// The predictions with other cells in one column, which gets its own back.
    fn predicted_with(&mut self, column: usize, mut cells: Vec<f64>) -> Result<Vec<f64>, FitError> {
        let numbers = self.raw.numbers.len();
        let mut swap = |raw: &mut Raw| match column.checked_sub(numbers) {
            None => std::mem::swap(&mut raw.numbers[column], &mut cells),
            Some(category) => std::mem::swap(&mut raw.codes[category], &mut cells),
        };
        swap(&mut self.raw);
        let predicted = (self.predict)(&self.raw, self.rows);
        swap(&mut self.raw);
        predicted
    }
}

/// The distinct numbers of a column if they are few, else evenly spaced ones between its tails.
fn spread(cells: &[f64]) -> Vec<f64> {
    let mut sorted: Vec<f64> = cells.iter().copied().filter(|v| v.is_finite()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let mut distinct = sorted.clone();
    distinct.dedup();
    if distinct.len() <= POINTS {
        return distinct;
    }
    let (low, high) = (quantile(&sorted, TAIL), quantile(&sorted, 1.0 - TAIL));
    let point = |at: usize| low + (high - low) * at as f64 / (POINTS - 1) as f64;
    let mut points: Vec<f64> = (0..POINTS).map(point).collect();
    points.dedup();
    points
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::Task;

    /// y = 3a + 0·b + 5 for the second level of c, which has the levels u and v and rarer ones.
    fn probe(inputs: &Inputs) -> Probe<'_> {
        let rows = 200;
        let column = |seed: u64| -> Vec<f64> {
            let mut random = Stream::new(seed, 0);
            (0..rows).map(|_| random.normal()).collect()
        };
        let codes = (0..rows).map(|row| (row % 3) as f64).collect();
        let predict = |raw: &Raw, rows: usize| {
            Ok((0..rows)
                .map(|row| 3.0 * raw.numbers[0][row] + if raw.codes[0][row] == 1.0 { 5.0 } else { 0.0 })
                .collect())
        };
        let raw = Raw { numbers: vec![column(1), column(2)], codes: vec![codes] };
        Probe { raw, rows, inputs, predict: Box::new(predict) }
    }

    fn inputs() -> Inputs {
        let levels = vec!["u".to_string(), "v".to_string()];
        let category = CategoryInput { name: "c".into(), levels, other: true, missing: false, embedded: false };
        Inputs { numbers: vec!["a".into(), "b".into()], categories: vec![category], derived: vec![], features: vec![] }
    }

    fn number() -> Target {
        let columns = vec!["y".to_string()];
        Target { columns, task: Task::Regression, reason: String::new(), threshold: None, interval: None }
    }

    /// A permuted column is independent of its own: the mean squared error is twice its variance times the slope squared.
    #[test]
    fn importance_of_a_known_function() {
        let inputs = inputs();
        let mut probe = probe(&inputs);
        let truth = probe.predicted().unwrap();
        let a = probe.raw.numbers[0].clone();
        let squared = |predicted: &[f64]| {
            Ok(predicted.iter().zip(&truth).map(|(p, t)| (p - t).powi(2)).sum::<f64>() / truth.len() as f64)
        };
        let found = probe.importance(20, 7, squared).unwrap();
        let variance = |values: &[f64]| {
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64
        };
        let of = |name: &str| found.iter().find(|i| i.column == name).unwrap();
        // The level v has 67 of the 200 rows.
        for (name, expected) in [("a", 2.0 * 9.0 * variance(&a)), ("c", 2.0 * 25.0 * 0.335 * 0.665)] {
            let Importance { mean, deviation, .. } = of(name);
            assert!((mean - expected).abs() < 3.0 * deviation / 20f64.sqrt(), "{name}: {mean}, not {expected}");
        }
        assert_eq!((of("b").mean, of("b").deviation), (0.0, 0.0));
        assert_eq!(found.iter().map(|i| i.column.as_str()).collect::<Vec<_>>(), ["a", "c", "b"]);
        assert_eq!(probe.predicted().unwrap(), truth, "the columns are as before");
        assert_eq!(found, probe.importance(20, 7, squared).unwrap());
    }

    #[test]
    fn dependence_on_a_known_function() {
        let inputs = inputs();
        let mut probe = probe(&inputs);
        let mean_a = probe.raw.numbers[0].iter().sum::<f64>() / 200.0;
        let jump = 5.0 * 67.0 / 200.0;
        let on_a = probe.dependence("a", &number()).unwrap().unwrap();
        let Along::Numbers(points) = &on_a.along else { panic!("a is a number") };
        assert_eq!(points.len(), POINTS);
        for (point, mean) in points.iter().zip(&on_a.means[0]) {
            assert!((mean - (3.0 * point + jump)).abs() < 1e-9);
        }
        let on_c = probe.dependence("c", &number()).unwrap().unwrap();
        assert_eq!(on_c.along, Along::Levels(vec!["u".into(), "v".into(), "all others".into()]));
        for (mean, expected) in on_c.means[0].iter().zip([0.0, 5.0, 0.0]) {
            assert!((mean - (3.0 * mean_a + expected)).abs() < 1e-9);
        }
        assert_eq!(probe.dependence("nobody", &number()).unwrap(), None);
    }

    #[test]
    fn few_distinct_numbers_are_tried_as_they_are() {
        assert_eq!(spread(&[1.0, 0.0, 1.0, f64::NAN]), [0.0, 1.0]);
        let many: Vec<f64> = (0..=100).map(f64::from).collect();
        let points = spread(&many);
        assert_eq!((points.len(), points[0], points[POINTS - 1]), (POINTS, 2.0, 98.0));
        assert!(spread(&[f64::NAN]).is_empty());
    }
}
