//! What plots show, as plain data: numbers over the plane, over a line, and from layer to layer.

/// Numbers at the points of a rectangular grid.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Grid {
    /// The first and the last column's coordinate.
    pub x: (f64, f64),
    /// The first and the last row's coordinate.
    pub y: (f64, f64),
    /// The number of points along `x`, at least 2.
    pub columns: usize,
    /// The number of points along `y`, at least 2.
    pub rows: usize,
    /// The numbers, row by row.
    pub values: Vec<f64>,
}

impl Grid {
    /// A grid with the value of `f(x, y)` at each point.
    pub fn from_fn(x: (f64, f64), y: (f64, f64), columns: usize, rows: usize, f: impl Fn(f64, f64) -> f64) -> Self {
        let mut grid = Grid { x, y, columns, rows, values: Vec::with_capacity(columns * rows) };
        for row in 0..rows {
            for column in 0..columns {
                let (x, y) = grid.point(column, row);
                grid.values.push(f(x, y));
            }
        }
        grid
    }

    /// Where the point of a column and a row lies.
    pub fn point(&self, column: usize, row: usize) -> (f64, f64) {
        let at = |(low, high): (f64, f64), index: usize, count: usize| {
            low + (high - low) * index as f64 / count.saturating_sub(1).max(1) as f64
        };
        (at(self.x, column, self.columns), at(self.y, row, self.rows))
    }

    /// The number at a column and a row; NaN outside the grid.
    pub fn value(&self, column: usize, row: usize) -> f64 {
        let inside = column < self.columns;
        self.values.get(row * self.columns + column).copied().filter(|_| inside).unwrap_or(f64::NAN)
    }

    /// The same grid with `f` of each number.
    pub fn map(&self, f: impl Fn(f64) -> f64) -> Self {
        Grid { values: self.values.iter().map(|&v| f(v)).collect(), ..*self }
    }
}

/// What a model of two numbers predicts over the plane of its inputs, and what each of its hidden neurons does there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Landscape {
    /// The names of the inputs: the horizontal and the vertical one.
    pub inputs: [String; 2],
    /// What is to be shown of each input: the data with some room around. Grids may reach further, to fill a picture.
    pub shown: [(f64, f64); 2],
    /// The name of what is predicted.
    pub target: String,
    /// The classes; none where a number is predicted.
    pub classes: Vec<String>,
    /// The probability of each class, or one grid of predictions.
    pub predictions: Vec<Grid>,
    /// The rows of the data: the two inputs, and the class's index or the number; NaN where it is missing.
    pub points: Vec<(f64, f64, f64)>,
    /// The hidden neurons, layer by layer; where there are many, the strongest of them.
    pub neurons: Vec<NeuronMap>,
    /// How many neurons each hidden layer has.
    pub hidden: Vec<usize>,
    /// Why neurons' lines are not straight in this plane, in a whole sentence; empty where they are.
    pub bent: String,
}

impl Landscape {
    /// Whether two ranges are so alike that a unit should be as long on both axes.
    pub fn alike(x: (f64, f64), y: (f64, f64)) -> bool {
        (0.5..=2.0).contains(&((x.1 - x.0) / (y.1 - y.0)))
    }
}

/// What one hidden neuron does over the plane of the inputs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NeuronMap {
    /// Its name: `hidden1[3]`, counted from 0.
    pub name: String,
    /// The index of its layer, from 0.
    pub layer: usize,
    /// What it gives on.
    pub output: Grid,
    /// Its weighted sum before the activation; its zero line is where the neuron switches.
    pub sum: Grid,
    /// How much it moves the next layer: the size of its outgoing weights times the spread of its output over the data.
    pub strength: f64,
}

/// What a model of one number predicts along the line of its input.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile {
    /// The name of the input.
    pub input: String,
    /// The name of what is predicted.
    pub target: String,
    /// The classes; none where a number is predicted.
    pub classes: Vec<String>,
    /// The probability of each class, or one curve of predictions, as points (input, prediction).
    pub predictions: Vec<Vec<(f64, f64)>>,
    /// The rows of the data: the input, and the class's index or the number; NaN where it is missing.
    pub points: Vec<(f64, f64)>,
}

/// What an initialisation makes of the values and gradients in a network that is not trained yet.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InitRanges {
    /// The initialisation.
    pub init: String,
    /// Layer by layer, from the input side.
    pub layers: Vec<LayerRange>,
}

/// How the values of one layer are spread over all its neurons and all rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LayerRange {
    /// The name of the layer.
    pub name: String,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation.
    pub std: f64,
    /// The values below which 5, 25, 50, 75 and 95 % of them lie.
    pub quantiles: [f64; 5],
    /// The share of them that is exactly zero.
    pub zeros: f64,
    /// The share of them where the activation's slope is less than a hundredth.
    pub flat: f64,
    /// The standard deviation of the derivative of the output with respect to them.
    pub gradient_std: f64,
    /// Whether all neurons of the layer give the same value on every row.
    pub identical: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_knows_its_points() {
        let grid = Grid::from_fn((-1.0, 1.0), (0.0, 4.0), 3, 5, |x, y| 10.0 * x + y);
        assert_eq!(grid.point(2, 4), (1.0, 4.0));
        assert_eq!((grid.value(0, 0), grid.value(1, 3), grid.value(2, 4)), (-10.0, 3.0, 14.0));
        assert!(grid.value(3, 0).is_nan() && grid.value(0, 5).is_nan());
        assert_eq!(grid.map(|v| -v).value(0, 1), 9.0);
    }
}
