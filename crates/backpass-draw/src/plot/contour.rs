//! Lines of equal value, by marching squares with linear interpolation (Lorensen and Cline 1987, in two dimensions).

use std::collections::{BTreeMap, BTreeSet};

use backpass::view::Grid;

/// A point of the plane.
pub type Point = (f64, f64);

/// The lines on which the grid's value is `level`, with larger values to the left. A line ends at the border of the grid
/// or beside a value that is not finite; others are closed: their last point is their first.
pub fn contours(grid: &Grid, level: f64) -> Vec<Vec<Point>> {
    March { grid, level, border: 0 }.lines()
}

/// The outlines of the regions in which the grid's value is at least `level`; holes run the other way round.
pub fn regions(grid: &Grid, level: f64) -> Vec<Vec<Point>> {
    let cell = |(low, high): (f64, f64), count: usize| (high - low) / (count - 1) as f64;
    let rings = March { grid, level, border: 1 }.lines();
    rings.iter().map(|ring| straightened(ring, (cell(grid.x, grid.columns), cell(grid.y, grid.rows)))).collect()
}

/// The same lines one after the other, with a gap before each but the first.
pub fn joined(lines: &[Vec<Point>]) -> Vec<Point> {
    lines.join(&(f64::NAN, f64::NAN))
}

/// One walk over the cells of a grid. A border of one further point all around, at the place of the outermost points but
/// below every level, closes all regions.
struct March<'a> {
    grid: &'a Grid,
    level: f64,
    border: usize,
}

/// The sides of a cell, counter-clockwise from below.
const BELOW: usize = 0;
const RIGHT: usize = 1;
const ABOVE: usize = 2;
const LEFT: usize = 3;

impl March<'_> {
    fn columns(&self) -> usize {
        self.grid.columns + 2 * self.border
    }

    fn value(&self, column: usize, row: usize) -> f64 {
        match (column.checked_sub(self.border), row.checked_sub(self.border)) {
            (Some(c), Some(r)) if c < self.grid.columns && r < self.grid.rows => self.grid.value(c, r),
            _ => f64::NEG_INFINITY,
        }
    }

    fn place(&self, column: usize, row: usize) -> Point {
        let inside = |at: usize, count: usize| at.saturating_sub(self.border).min(count - 1);
        self.grid.point(inside(column, self.grid.columns), inside(row, self.grid.rows))
    }

    /// Where the level lies between two neighbouring points.
    fn crossing(&self, a: (usize, usize), b: (usize, usize)) -> Point {
        let (from, to) = (self.value(a.0, a.1), self.value(b.0, b.1));
        let (start, end) = (self.place(a.0, a.1), self.place(b.0, b.1));
        let share = (self.level - from) / (to - from);
        let share = if share.is_finite() { share } else { 0.5 };
        (start.0 + share * (end.0 - start.0), start.1 + share * (end.1 - start.1))
    }

    /// The number of a cell's side, the same for both cells that share it, with its two ends.
    fn side(&self, column: usize, row: usize, side: usize) -> (usize, (usize, usize), (usize, usize)) {
        let number = |c: usize, r: usize, upright: usize| 2 * (r * self.columns() + c) + upright;
        match side {
            BELOW => (number(column, row, 0), (column, row), (column + 1, row)),
            RIGHT => (number(column + 1, row, 1), (column + 1, row), (column + 1, row + 1)),
            ABOVE => (number(column, row + 1, 0), (column, row + 1), (column + 1, row + 1)),
            _ => (number(column, row, 1), (column, row), (column, row + 1)),
        }
    }

    /// The pieces of line in a cell, from side to side.
    fn cell(&self, column: usize, row: usize) -> Vec<(usize, usize)> {
        let corners = [(0, 0), (1, 0), (1, 1), (0, 1)].map(|(c, r)| self.value(column + c, row + r));
        if corners.iter().any(|v| v.is_nan() || *v == f64::INFINITY) {
            return Vec::new();
        }
        let high = |corner: usize| corners[corner] >= self.level;
        let case = (0..4).filter(|&corner| high(corner)).map(|corner| 1 << corner).sum();
        let middle_high = || corners.iter().sum::<f64>() / 4.0 >= self.level;
        match case {
            1 => vec![(BELOW, LEFT)],
            2 => vec![(RIGHT, BELOW)],
            3 => vec![(RIGHT, LEFT)],
            4 => vec![(ABOVE, RIGHT)],
            5 if middle_high() => vec![(BELOW, RIGHT), (ABOVE, LEFT)],
            5 => vec![(BELOW, LEFT), (ABOVE, RIGHT)],
            6 => vec![(ABOVE, BELOW)],
            7 => vec![(ABOVE, LEFT)],
            8 => vec![(LEFT, ABOVE)],
            9 => vec![(BELOW, ABOVE)],
            10 if middle_high() => vec![(LEFT, BELOW), (RIGHT, ABOVE)],
            10 => vec![(RIGHT, BELOW), (LEFT, ABOVE)],
            11 => vec![(RIGHT, ABOVE)],
            12 => vec![(LEFT, RIGHT)],
            13 => vec![(BELOW, RIGHT)],
            14 => vec![(LEFT, BELOW)],
            _ => Vec::new(),
        }
    }

    fn lines(&self) -> Vec<Vec<Point>> {
        let grid = self.grid;
        if grid.columns < 2 || grid.rows < 2 || grid.values.len() != grid.columns * grid.rows {
            return Vec::new();
        }
        // The piece that leaves each side; every side has at most one, and one that arrives.
        let mut next: BTreeMap<usize, usize> = BTreeMap::new();
        let mut points: BTreeMap<usize, Point> = BTreeMap::new();
        for row in 0..grid.rows + 2 * self.border - 1 {
            for column in 0..self.columns() - 1 {
                for (from, to) in self.cell(column, row) {
                    let ends = [from, to].map(|side| self.side(column, row, side));
                    next.insert(ends[0].0, ends[1].0);
                    points.extend(ends.map(|(number, a, b)| (number, self.crossing(a, b))));
                }
            }
        }
        let mut lines = Vec::new();
        let arrived: BTreeSet<usize> = next.values().copied().collect();
        let open: Vec<usize> = next.keys().copied().filter(|side| !arrived.contains(side)).collect();
        let mut open = open.into_iter();
        while let Some(start) = open.next().or_else(|| next.keys().next().copied()) {
            let mut line = vec![points[&start]];
            let mut at = start;
            while let Some(to) = next.remove(&at) {
                line.push(points[&to]);
                at = to;
            }
            lines.push(line);
        }
        lines
    }
}

/// A closed line without the points that hardly bend it: those on one horizontal or vertical line with their neighbours,
/// and those within a fiftieth of a cell of a straight line across a few cells.
fn straightened(ring: &[Point], cell: (f64, f64)) -> Vec<Point> {
    let mut kept: Vec<Point> = Vec::with_capacity(ring.len());
    for &point in ring {
        if let [.., a, b] = kept[..] {
            let along = |p: Point| ((p.0 - a.0) / cell.0, (p.1 - a.1) / cell.1);
            let ((bx, by), (px, py)) = (along(b), along(point));
            let length = px.hypot(py);
            let on_border = bx == 0.0 && px == 0.0 || by == 0.0 && py == 0.0;
            if on_border || length < 3.0 && (bx * py - by * px).abs() < 0.02 * length {
                kept.pop();
            }
        }
        kept.push(point);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bowl(size: usize) -> Grid {
        Grid::from_fn((-2.0, 2.0), (-2.0, 2.0), size, size, |x, y| x * x + y * y)
    }

    /// The area inside a closed line, positive when it runs counter-clockwise.
    fn area(ring: &[Point]) -> f64 {
        ring.windows(2).map(|p| p[0].0 * p[1].1 - p[1].0 * p[0].1).sum::<f64>() / 2.0
    }

    #[test]
    fn the_contour_of_a_bowl_is_a_circle_of_the_right_radius() {
        let lines = contours(&bowl(81), 2.25);
        assert_eq!(lines.len(), 1);
        let ring = &lines[0];
        assert_eq!(ring.first(), ring.last());
        for (x, y) in ring {
            assert!((x.hypot(*y) - 1.5).abs() < 1e-3, "({x}, {y})");
        }
        // Larger values lie outside, to the left, so the circle runs clockwise.
        assert!((area(ring) + std::f64::consts::PI * 2.25).abs() < 0.02, "{}", area(ring));
    }

    #[test]
    fn a_straight_border_is_one_open_line() {
        let plane = Grid::from_fn((0.0, 4.0), (0.0, 2.0), 9, 5, |x, y| x + 2.0 * y - 3.0);
        let lines = contours(&plane, 0.0);
        assert_eq!(lines.len(), 1);
        assert!(lines[0].iter().all(|(x, y)| (x + 2.0 * y - 3.0).abs() < 1e-12));
        let (first, last) = (lines[0][0], lines[0][lines[0].len() - 1]);
        let length = (first.0 - last.0).hypot(first.1 - last.1);
        assert!((length - (9.0f64 + 2.25).sqrt()).abs() < 1e-12, "{length}");
    }

    #[test]
    fn regions_are_closed_and_have_the_right_areas() {
        let inside = |level: f64| regions(&bowl(161), level).iter().map(|ring| area(ring)).sum::<f64>();
        assert!((inside(2.25) - (16.0 - std::f64::consts::PI * 2.25)).abs() < 0.02, "{}", inside(2.25));
        assert_eq!(inside(-1.0), 16.0);
        assert_eq!(regions(&bowl(161), -1.0)[0].len(), 5);
        assert!(regions(&bowl(161), 9.0).is_empty());
        for ring in regions(&bowl(33), 5.0) {
            assert_eq!(ring.first(), ring.last());
        }
    }

    #[test]
    fn saddles_and_gaps_make_no_broken_lines() {
        let saddle = Grid::from_fn((-1.0, 1.0), (-1.0, 1.0), 2, 2, |x, y| x * y);
        assert_eq!(contours(&saddle, 0.1).len(), 2);
        let mut holed = bowl(41);
        holed.values[20 * 41 + 35] = f64::NAN;
        let lines = contours(&holed, 2.25);
        assert_eq!(lines.len(), 1);
        assert_ne!(lines[0].first(), lines[0].last());
        assert!(contours(&bowl(1), 0.0).is_empty());
        assert_eq!(joined(&[vec![(0.0, 0.0)], vec![(1.0, 1.0)]]).len(), 3);
    }
}
