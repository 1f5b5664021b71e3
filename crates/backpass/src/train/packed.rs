//! Inputs of many rows in little memory.

use backpass_kernels::Real;

/// Inputs of rows, of which only the numbers are kept as such. An input for each level of a category, and one for each
/// number that says whether it is missing, follow from the level and the gap, and come into being with a row.
#[derive(Clone, Debug)]
pub struct Packed<D = f32> {
    layout: Layout<D>,
    rows: usize,
    /// Rows of a block are 2 to the power of this.
    shift: u32,
    /// Numbers and codes row by row in blocks, which fit where smaller things have been.
    blocks: Vec<(Vec<D>, Vec<u32>)>,
}

/// What the inputs of a packed row are: first the numbers, then the gaps, then the levels.
#[derive(Clone, Debug, Default)]
pub struct Layout<D = f32> {
    /// The value of each number where it is missing.
    pub fills: Vec<D>,
    /// Numbers with a further input, which is 1 where they are missing, and else 0.
    pub gaps: Vec<usize>,
    /// Codes, 0 for none of the levels, and from 1 the levels.
    pub levels: Vec<LevelInputs>,
}

/// How a code becomes inputs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LevelInputs {
    /// An input for each of so many levels, which is 1 at that level and else 0.
    OneHot(usize),
    /// One input: -1 for the first level, 1 for the second, 0 for none.
    Signs,
    /// One input: the code.
    Code,
}

/// The most bytes of numbers in a block.
const BLOCK: usize = 1 << 16;

impl<D: Real> Layout<D> {
    /// The number of inputs of a row.
    pub fn inputs(&self) -> usize {
        let of = |levels: &LevelInputs| if let LevelInputs::OneHot(count) = levels { *count } else { 1 };
        self.fills.len() + self.gaps.len() + self.levels.iter().map(of).sum::<usize>()
    }
}

impl<D: Real> Packed<D> {
    /// No rows yet.
    pub fn new(layout: Layout<D>) -> Self {
        let bytes = (layout.fills.len() * size_of::<D>()).max(layout.levels.len() * size_of::<u32>()).max(1);
        let shift = (BLOCK / bytes).max(1).ilog2();
        Packed { layout, rows: 0, shift, blocks: Vec::new() }
    }

    /// What the inputs of a row are.
    pub fn layout(&self) -> &Layout<D> {
        &self.layout
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Appends `rows` rows: their numbers, NaN where missing, and their codes, each row by row.
    ///
    /// # Panics
    /// When there are more or fewer of them.
    pub fn push(&mut self, rows: usize, numbers: &[D], codes: &[u32]) {
        let (n, c) = (self.layout.fills.len(), self.layout.levels.len());
        assert_eq!((numbers.len(), codes.len()), (rows * n, rows * c), "numbers and codes of {rows} rows");
        let most = 1 << self.shift;
        for row in 0..rows {
            if self.rows.is_multiple_of(most) {
                // As a rule the rows at hand are a part of many more.
                self.blocks.push((Vec::with_capacity(most * n), Vec::with_capacity(most * c)));
            }
            if let Some((block_numbers, block_codes)) = self.blocks.last_mut() {
                block_numbers.extend_from_slice(&numbers[row * n..(row + 1) * n]);
                block_codes.extend_from_slice(&codes[row * c..(row + 1) * c]);
            }
            self.rows += 1;
        }
    }

    /// The numbers and the codes of a row.
    fn parts(&self, row: usize) -> (&[D], &[u32]) {
        let (n, c) = (self.layout.fills.len(), self.layout.levels.len());
        let (numbers, codes) = &self.blocks[row >> self.shift];
        let at = row & ((1 << self.shift) - 1);
        (&numbers[at * n..(at + 1) * n], &codes[at * c..(at + 1) * c])
    }

    /// The numbers of a row, NaN where missing.
    pub(crate) fn numbers(&self, row: usize) -> &[D] {
        self.parts(row).0
    }

    /// Writes all inputs of a row.
    pub(crate) fn unpack<T: Real>(&self, row: usize, target: &mut [T]) {
        let (numbers, codes) = self.parts(row);
        let (dense, rest) = target.split_at_mut(numbers.len());
        for ((t, v), fill) in dense.iter_mut().zip(numbers).zip(&self.layout.fills) {
            let v = v.to_f64();
            *t = T::from_f64(if v.is_nan() { fill.to_f64() } else { v });
        }
        let (gaps, mut rest) = rest.split_at_mut(self.layout.gaps.len());
        for (t, &number) in gaps.iter_mut().zip(&self.layout.gaps) {
            *t = T::from_f64(f64::from(u8::from(numbers[number].to_f64().is_nan())));
        }
        for (levels, &code) in self.layout.levels.iter().zip(codes) {
            let count = if let LevelInputs::OneHot(count) = *levels { count } else { 1 };
            let (inputs, after) = rest.split_at_mut(count);
            rest = after;
            match levels {
                LevelInputs::Signs => inputs[0] = T::from_f64([0.0, -1.0, 1.0][code.min(2) as usize]),
                LevelInputs::Code => inputs[0] = T::from_f64(code.into()),
                LevelInputs::OneHot(_) => {
                    inputs.fill(T::from_f64(0.0));
                    if let Some(place) = (code as usize).checked_sub(1).and_then(|level| inputs.get_mut(level)) {
                        *place = T::from_f64(1.0);
                    }
                }
            }
        }
    }

    /// One input of a row.
    pub(crate) fn value(&self, row: usize, input: usize) -> f64 {
        if let (Some(v), Some(fill)) = (self.parts(row).0.get(input), self.layout.fills.get(input)) {
            let v = v.to_f64();
            return if v.is_nan() { fill.to_f64() } else { v };
        }
        let mut all = vec![0.0; self.layout.inputs()];
        self.unpack(row, &mut all);
        all[input]
    }

    /// The first number that is infinite: its row, its place and itself.
    pub(crate) fn infinite(&self) -> Option<(usize, usize, f64)> {
        let n = self.layout.fills.len();
        for (block, (numbers, _)) in self.blocks.iter().enumerate() {
            if let Some(i) = numbers.iter().position(|v| v.to_f64().is_infinite()) {
                return Some(((block << self.shift) + i / n, i % n, numbers[i].to_f64()));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back() {
        let levels = vec![LevelInputs::OneHot(3), LevelInputs::Signs, LevelInputs::Code];
        let mut packed = Packed::new(Layout { fills: vec![0.5f32, -1.0], gaps: vec![1], levels });
        assert_eq!(packed.layout().inputs(), 8);
        for row in 0..20_000u32 {
            let gap = if row % 3 == 0 { f32::NAN } else { 7.0 };
            packed.push(1, &[row as f32, gap], &[row % 4, row % 3, row]);
        }
        assert!(packed.blocks.len() > 1);
        let row = |row: usize| {
            let mut inputs = [9.0f64; 8];
            packed.unpack(row, &mut inputs);
            (0..8).for_each(|input| assert_eq!(packed.value(row, input), inputs[input]));
            inputs
        };
        assert_eq!(row(0), [0.0, -1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(row(1), [1.0, 7.0, 0.0, 1.0, 0.0, 0.0, -1.0, 1.0]);
        assert_eq!(row(19_999), [19_999.0, 7.0, 0.0, 0.0, 0.0, 1.0, -1.0, 19_999.0]);
        packed.push(1, &[f32::INFINITY, 0.0], &[0, 0, 0]);
        assert_eq!(packed.infinite(), Some((20_000, 0, f64::INFINITY)));
    }
}
