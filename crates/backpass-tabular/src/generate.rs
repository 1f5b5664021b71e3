//! Data sets in the plane, drawn from a seed.

use std::f64::consts::{PI, TAU};

use backpass_kernels::philox::Stream;

use crate::fit_error::FitError;
use crate::table::{Cells, Column, Table};

/// Classes are named by letters.
const LETTERS: &str = "abcdefghijklmnopqrstuvwxyz";

/// A recipe for points of several classes.
#[derive(Clone, Copy, Debug)]
pub struct DataSet {
    /// Its name.
    pub name: &'static str,
    /// What it looks like, in one line.
    pub summary: &'static str,
    /// The standard deviation of what is added to both coordinates, unless another one is given.
    pub noise: f64,
    /// The most classes it can have.
    pub max_classes: usize,
    /// Where a point of a class lies before noise is added: (class, classes, random numbers).
    point: fn(usize, usize, &mut Stream) -> (f64, f64),
}

/// All data sets, the easiest first.
pub const DATA_SETS: &[DataSet] = &[
    DataSet {
        name: "clouds",
        summary: "round clouds side by side; one neuron separates two of them",
        noise: 0.5,
        max_classes: LETTERS.len(),
        point: |class, classes, _| polar(2.0, turn(class, classes)),
    },
    DataSet {
        name: "circles",
        summary: "rings around each other; no straight line separates them",
        noise: 0.05,
        max_classes: LETTERS.len(),
        point: |class, classes, random| polar((class + 1) as f64 / classes as f64, TAU * random.uniform()),
    },
    DataSet {
        name: "moons",
        summary: "two half moons that reach into each other",
        noise: 0.1,
        max_classes: 2,
        point: |class, _, random| {
            let (x1, x2) = polar(1.0, PI * random.uniform());
            if class == 0 { (x1, x2) } else { (1.0 - x1, 0.5 - x2) }
        },
    },
    DataSet {
        name: "xor",
        summary: "four squares like a chessboard; opposite ones are of one class",
        noise: 0.0,
        max_classes: 2,
        point: |class, _, random| {
            let side = 1.0 - 2.0 * random.below(2) as f64;
            let (x1, x2) = (side * random.uniform(), side * random.uniform());
            (x1, if class == 0 { x2 } else { -x2 })
        },
    },
    DataSet {
        name: "spiral",
        summary: "spiral arms wound into each other",
        noise: 0.02,
        max_classes: LETTERS.len(),
        point: |class, classes, random| {
            let along = random.uniform().sqrt();
            polar(along, 1.25 * TAU * along + turn(class, classes))
        },
    },
];

fn polar(radius: f64, angle: f64) -> (f64, f64) {
    (radius * angle.cos(), radius * angle.sin())
}

/// The angle of a class when all share the circle.
fn turn(class: usize, classes: usize) -> f64 {
    TAU * class as f64 / classes as f64
}

impl DataSet {
    /// The data set of that name.
    pub fn named(name: &str) -> Option<&'static DataSet> {
        DATA_SETS.iter().find(|set| set.name == name)
    }

    /// Draws a table with the columns `x1`, `x2` and `class`, its classes as equally frequent as can be.
    pub fn generate(&self, rows: usize, classes: usize, noise: f64, seed: u64) -> Result<Table, FitError> {
        if !(2..=self.max_classes).contains(&classes) {
            let expected = if self.max_classes == 2 { "2 for this data set" } else { "a number from 2 to 26" };
            return Err(FitError::choice("--classes", &classes.to_string(), expected));
        }
        if !(noise >= 0.0 && noise.is_finite()) {
            return Err(FitError::choice("--noise", &noise.to_string(), "a number of at least 0"));
        }
        let mut random = Stream::new(seed, 0);
        let mut order: Vec<u32> = (0..rows as u32).collect();
        random.shuffle(&mut order);
        let of_row: Vec<usize> = order.into_iter().map(|i| i as usize % classes).collect();
        // Four decimals keep files readable, and equal where libraries differ in the last bit of a cosine; no zero is -0.
        let round = |value: f64| (value * 1e4).round() / 1e4 + 0.0;
        let point = |&class: &usize| {
            let (x1, x2) = (self.point)(class, classes, &mut random);
            (round(x1 + noise * random.normal()), round(x2 + noise * random.normal()))
        };
        let (x1, x2): (Vec<f64>, Vec<f64>) = of_row.iter().map(point).unzip();
        let letters = of_row.iter().map(|&class| &LETTERS[class..=class]);
        let columns = [
            ("x1", Cells::Number(x1.into())),
            ("x2", Cells::Number(x2.into())),
            ("class", Cells::Text(letters.collect())),
        ];
        let columns = columns.map(|(name, cells)| Column { name: name.into(), cells });
        Ok(Table::new(self.name, columns.into())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::write_csv;

    #[test]
    fn classes_are_balanced_and_a_seed_repeats_itself() {
        for set in DATA_SETS {
            let draw = |classes, seed| set.generate(101, classes, set.noise, seed).unwrap();
            for classes in [2, set.max_classes] {
                let table = draw(classes, 1);
                let cells = &table.column("class").unwrap().cells;
                let count = |class| (0..101).filter(|&row| cells.text(row) == LETTERS[class..=class]).count();
                assert!((0..classes).all(|class| [101 / classes, 101 / classes + 1].contains(&count(class))));
            }
            let csv = |seed| {
                let mut out = Vec::new();
                write_csv(&draw(2, seed), &mut out).unwrap();
                String::from_utf8(out).unwrap()
            };
            assert_eq!(csv(1), csv(1));
            assert_ne!(csv(1), csv(2));
            assert!(csv(1).starts_with("x1,x2,class\n"));
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let moons = DataSet::named("moons").unwrap();
        assert!(moons.generate(10, 3, 0.1, 1).is_err());
        assert!(moons.generate(10, 2, f64::NAN, 1).is_err());
        assert_eq!(moons.generate(0, 2, 0.1, 1).unwrap().rows(), 0);
    }
}
