//! The cells of a text file in little memory, each with its exact text.
//!
//! A column is kept in chunks of rows. Numbers that fit are integers of 4 bytes with their decimals said once a chunk;
//! other numbers have 10 bytes; every other text is kept once a column and referred to by its number. Only texts that
//! hardly ever come twice are kept as they are.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;

use crate::decimal::Decimal;

/// The rows of a chunk.
pub(crate) const CHUNK_ROWS: usize = 1024;

/// Different texts of a column that are kept once in any case.
const MOST_TEXTS: usize = 1 << 16;

/// The largest number of a short chunk; what lies below its negative are texts.
const MOST_SHORT: i32 = 2_000_000_000;

/// Marks a text among long numbers.
const TEXT: u16 = u16::MAX;

/// Texts, one a row. Copies and selections of rows share the cells.
#[derive(Clone, Debug, Default)]
pub struct TextCells {
    store: Arc<Store>,
    rows: Option<Arc<[u32]>>,
}

/// A cell as it is kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cell<'a> {
    /// The value of a text that is a number in plain notation.
    Number(f64),
    /// One of the texts that the column keeps once, by its number.
    Known(u32, &'a str),
    /// Any other text.
    Text(&'a str),
}

#[derive(Clone, Debug, Default)]
struct Store {
    texts: Texts,
    chunks: Vec<Chunk>,
    len: usize,
}

#[derive(Clone, Debug)]
enum Chunk {
    /// All with `decimals`, or as many of them as `trimmed` says; below `-MOST_SHORT` the numbers of texts.
    Short {
        decimals: u8,
        trimmed: Option<u8>,
        numbers: Box<[i32]>,
    },
    /// Digits, and sign, decimals and exponent as [`pack`] puts them, or [`TEXT`].
    Long {
        digits: Box<[u64]>,
        forms: Box<[u16]>,
    },
    Texts(Texts),
    /// Given back to memory.
    Released,
}

/// Many short texts in one buffer.
#[derive(Clone, Debug, Default)]
struct Texts {
    text: String,
    ends: Vec<u32>,
}

impl Texts {
    /// False, with nothing appended, beyond 4 GiB.
    fn push(&mut self, text: &str) -> bool {
        let Ok(end) = u32::try_from(self.text.len() + text.len()) else {
            return false;
        };
        self.text.push_str(text);
        self.ends.push(end);
        true
    }

    fn get(&self, at: usize) -> &str {
        let start = at.checked_sub(1).and_then(|before| self.ends.get(before));
        let start = start.map_or(0, |&end| end as usize);
        self.ends.get(at).map_or("", |&end| &self.text[start..end as usize])
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.ends.len()).map(|at| self.get(at))
    }

    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }
}

impl TextCells {
    /// The number of cells.
    pub fn len(&self) -> usize {
        self.rows.as_ref().map_or(self.store.len, |rows| rows.len())
    }

    /// Whether there is no cell.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The text of a cell; empty beyond the last one.
    pub fn get(&self, row: usize) -> Cow<'_, str> {
        let Some(row) = self.source(row) else { return "".into() };
        let of = |decimal: Decimal| {
            let mut text = String::new();
            decimal.write(&mut text);
            text.into()
        };
        match &self.store.chunks[row / CHUNK_ROWS] {
            Chunk::Short { decimals, trimmed, numbers } => match numbers[row % CHUNK_ROWS] {
                number if number < -MOST_SHORT => self.store.texts.get(known(number) as usize).into(),
                number => {
                    let (digits, negative) = (u64::from(number.unsigned_abs()), number < 0);
                    let decimal = Decimal { digits, negative, decimals: *decimals, exponent: None };
                    of(trimmed.map_or(decimal, |least| decimal.trimmed(least)))
                }
            },
            Chunk::Long { digits, forms } => match (digits[row % CHUNK_ROWS], forms[row % CHUNK_ROWS]) {
                (code, TEXT) => self.store.texts.get(code as usize).into(),
                (digits, form) => of(unpack(digits, form)),
            },
            Chunk::Texts(texts) => texts.get(row % CHUNK_ROWS).into(),
            Chunk::Released => "".into(),
        }
    }

    /// All cells in order.
    pub fn iter(&self) -> impl Iterator<Item = Cow<'_, str>> {
        (0..self.len()).map(|row| self.get(row))
    }

    /// A cell as it is kept.
    pub(crate) fn cell(&self, row: usize) -> Cell<'_> {
        let Some(row) = self.source(row) else { return Cell::Text("") };
        match &self.store.chunks[row / CHUNK_ROWS] {
            Chunk::Short { decimals, numbers, .. } => match numbers[row % CHUNK_ROWS] {
                number if number < -MOST_SHORT => self.known(known(number)),
                number => {
                    let (digits, negative) = (u64::from(number.unsigned_abs()), number < 0);
                    Cell::Number(Decimal { digits, negative, decimals: *decimals, exponent: None }.value())
                }
            },
            Chunk::Long { digits, forms } => match (digits[row % CHUNK_ROWS], forms[row % CHUNK_ROWS]) {
                (code, TEXT) => self.known(code as u32),
                (digits, form) => Cell::Number(unpack(digits, form).value()),
            },
            Chunk::Texts(texts) => Cell::Text(texts.get(row % CHUNK_ROWS)),
            Chunk::Released => Cell::Text(""),
        }
    }

    /// How many texts are numbered in [`Cell::Known`].
    pub(crate) fn known_texts(&self) -> usize {
        self.store.texts.ends.len()
    }

    pub(crate) fn known_text(&self, code: u32) -> &str {
        self.store.texts.get(code as usize)
    }

    /// Whether a text that is no plain number may begin like this; if not, none of this column does.
    pub(crate) fn may_have(&self, begins: impl Fn(&str) -> bool) -> bool {
        let in_chunk = |chunk: &Chunk| matches!(chunk, Chunk::Texts(texts) if texts.iter().any(&begins));
        self.store.texts.iter().any(&begins) || self.store.chunks.iter().any(in_chunk)
    }

    /// Frees the memory of a chunk of rows, whose cells become empty, unless other copies have need of it.
    pub(crate) fn release(&mut self, chunk: usize) {
        if self.rows.is_none()
            && let Some(store) = Arc::get_mut(&mut self.store)
            && let Some(chunk) = store.chunks.get_mut(chunk)
        {
            *chunk = Chunk::Released;
        }
    }

    pub(crate) fn select(&self, selection: &mut Selection<'_>) -> TextCells {
        TextCells { store: Arc::clone(&self.store), rows: Some(selection.of(self.rows.as_ref())) }
    }

    fn known(&self, code: u32) -> Cell<'_> {
        Cell::Known(code, self.store.texts.get(code as usize))
    }

    /// The row of the store; none beyond the last one.
    fn source(&self, row: usize) -> Option<usize> {
        let row = match &self.rows {
            None => row,
            Some(rows) => *rows.get(row)? as usize,
        };
        (row < self.store.len).then_some(row)
    }
}

impl PartialEq for TextCells {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl Eq for TextCells {}

impl<S: AsRef<str>> FromIterator<S> for TextCells {
    /// Collects cells; those that make a chunk exceed 4 GiB become empty.
    fn from_iter<I: IntoIterator<Item = S>>(cells: I) -> Self {
        let mut collected = Builder::default();
        for cell in cells {
            let _ = collected.push(cell.as_ref()) || collected.push("");
        }
        collected.finish()
    }
}

/// Values, one a row. Copies and selections of rows share them.
#[derive(Clone, Debug, Default)]
pub struct Values<T> {
    values: Arc<Vec<T>>,
    rows: Option<Arc<[u32]>>,
}

impl<T: Copy> Values<T> {
    /// The number of values.
    pub fn len(&self) -> usize {
        self.rows.as_ref().map_or(self.values.len(), |rows| rows.len())
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A value; none beyond the last one.
    pub fn get(&self, row: usize) -> Option<T> {
        let row = match &self.rows {
            None => row,
            Some(rows) => *rows.get(row)? as usize,
        };
        self.values.get(row).copied()
    }

    /// All values in order.
    pub fn iter(&self) -> impl Iterator<Item = T> {
        (0..self.len()).filter_map(|row| self.get(row))
    }

    pub(crate) fn select(&self, selection: &mut Selection<'_>) -> Values<T> {
        Values { values: Arc::clone(&self.values), rows: Some(selection.of(self.rows.as_ref())) }
    }
}

impl<T> From<Vec<T>> for Values<T> {
    fn from(values: Vec<T>) -> Self {
        Values { values: Arc::new(values), rows: None }
    }
}

/// Numbers of chosen rows, which columns share.
type RowList = Arc<[u32]>;

/// Rows chosen from cells that may be chosen from others themselves; what many columns share is worked out once.
pub(crate) struct Selection<'a> {
    rows: &'a [u32],
    known: Vec<(Option<RowList>, RowList)>,
}

impl<'a> Selection<'a> {
    pub fn new(rows: &'a [u32]) -> Self {
        Selection { rows, known: Vec::new() }
    }

    /// The same rows as numbers of the rows that `before` was chosen from.
    pub fn of(&mut self, before: Option<&Arc<[u32]>>) -> Arc<[u32]> {
        let same = |(known, _): &&(Option<RowList>, RowList)| match (known, before) {
            (None, None) => true,
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            _ => false,
        };
        if let Some((_, found)) = self.known.iter().find(same) {
            return Arc::clone(found);
        }
        let found: Arc<[u32]> = match before {
            None => self.rows.into(),
            Some(before) => {
                self.rows.iter().map(|&row| before.get(row as usize).copied().unwrap_or(u32::MAX)).collect()
            }
        };
        self.known.push((before.cloned(), Arc::clone(&found)));
        found
    }
}

/// Takes the cells of a column one after the other.
#[derive(Default)]
pub(crate) struct Builder {
    store: Store,
    /// The cells of the chunk at hand.
    pending: Texts,
    decimals: Vec<Option<Decimal>>,
    /// Open addressing: the number of a text and 1, or 0. Twice as many places as texts at least.
    places: Vec<u32>,
}

impl Builder {
    /// Appends a cell. False, with nothing appended, if a chunk of cells would exceed 4 GiB.
    #[must_use]
    pub fn push(&mut self, cell: &str) -> bool {
        if !self.pending.push(cell) {
            return false;
        }
        self.store.len += 1;
        if self.pending.ends.len() == CHUNK_ROWS {
            self.end_chunk();
        }
        true
    }

    /// The number of cells so far.
    pub fn len(&self) -> usize {
        self.store.len
    }

    pub fn finish(mut self) -> TextCells {
        self.end_chunk();
        self.store.chunks.shrink_to_fit();
        self.store.texts.text.shrink_to_fit();
        self.store.texts.ends.shrink_to_fit();
        TextCells { store: Arc::new(self.store), rows: None }
    }

    fn end_chunk(&mut self) {
        if self.pending.ends.is_empty() {
            return;
        }
        let mut decimals = std::mem::take(&mut self.decimals);
        decimals.clear();
        decimals.extend(self.pending.iter().map(Decimal::read));
        let chunk = match self.codes(&decimals) {
            None => {
                let Texts { text, ends } = &self.pending;
                Chunk::Texts(Texts { text: text.as_str().into(), ends: ends.as_slice().into() })
            }
            Some(codes) => chunk(&decimals, &codes),
        };
        self.store.chunks.push(chunk);
        self.decimals = decimals;
        self.pending.clear();
    }

    /// The numbers of the texts in the chunk at hand, in order; none if they had better be kept as they are.
    fn codes(&mut self, decimals: &[Option<Decimal>]) -> Option<Vec<u32>> {
        let pending = std::mem::take(&mut self.pending);
        let texts = || pending.iter().zip(decimals).filter(|(_, decimal)| decimal.is_none()).map(|(text, _)| text);
        let many = self.store.texts.ends.len() > MOST_TEXTS;
        let worthwhile = !many || {
            let (new, all) =
                texts().fold((0, 0), |(new, all), text| (new + usize::from(self.find(text).is_err()), all + 1));
            2 * new <= all
        };
        let codes = if worthwhile { texts().map(|text| self.code(text)).collect() } else { None };
        self.pending = pending;
        codes
    }

    /// The number of a text, which may be new; none if there are too many.
    fn code(&mut self, text: &str) -> Option<u32> {
        if 2 * (self.store.texts.ends.len() + 1) > self.places.len() {
            self.places = vec![0; (2 * self.places.len()).max(16)];
            for code in 0..self.store.texts.ends.len() {
                if let Err(place) = self.find(self.store.texts.get(code)) {
                    self.places[place] = code as u32 + 1;
                }
            }
        }
        match self.find(text) {
            Ok(code) => Some(code),
            Err(place) => {
                let code = self.store.texts.ends.len();
                if code as i64 + i64::from(i32::MIN) >= i64::from(-MOST_SHORT) || !self.store.texts.push(text) {
                    return None;
                }
                self.places[place] = code as u32 + 1;
                Some(code as u32)
            }
        }
    }

    /// The number of a known text, or else where it would stand.
    fn find(&self, text: &str) -> Result<u32, usize> {
        let mut hasher = DefaultHasher::new();
        hasher.write(text.as_bytes());
        let mask = self.places.len() - 1;
        let mut place = hasher.finish() as usize & mask;
        loop {
            match self.places[place].checked_sub(1) {
                None => return Err(place),
                Some(code) if self.store.texts.get(code as usize) == text => return Ok(code),
                Some(_) => place = (place + 1) & mask,
            }
        }
    }
}

/// A chunk of numbers and, in between, texts by their numbers.
fn chunk(decimals: &[Option<Decimal>], codes: &[u32]) -> Chunk {
    let mut codes = codes.iter();
    let mut next = || codes.next().copied().unwrap_or(0);
    if let Some((most, trimmed)) = common_form(decimals) {
        let number = |decimal: &Option<Decimal>| match decimal {
            // Common form says that the digits are few.
            Some(decimal) => {
                let digits = decimal.with_decimals(most).map_or(0, |wider| wider.digits as i32);
                if decimal.negative { -digits } else { digits }
            }
            None => i32::MIN + next() as i32,
        };
        return Chunk::Short { decimals: most, trimmed, numbers: decimals.iter().map(number).collect() };
    }
    let part = |decimal: &Option<Decimal>| match decimal {
        Some(decimal) => (decimal.digits, pack(decimal)),
        None => (next().into(), TEXT),
    };
    let (digits, forms): (Vec<u64>, Vec<u16>) = decimals.iter().map(part).unzip();
    Chunk::Long { digits: digits.into(), forms: forms.into() }
}

/// The decimals of all numbers and, if zeros at their ends are left out, how many decimals stay; none if there is no
/// such form, or a number is too long for it.
fn common_form(decimals: &[Option<Decimal>]) -> Option<(u8, Option<u8>)> {
    let numbers = || decimals.iter().flatten();
    let most = numbers().map(|decimal| decimal.decimals).max().unwrap_or(0);
    let short = |decimal: &Decimal| {
        let fits = decimal.with_decimals(most).is_some_and(|wider| wider.digits <= MOST_SHORT as u64);
        fits && decimal.exponent.is_none() && !(decimal.negative && decimal.digits == 0)
    };
    if !numbers().all(short) {
        return None;
    }
    if numbers().all(|decimal| decimal.decimals == most) {
        return Some((most, None));
    }
    let trimmed = |least: u8| {
        let same = |decimal: &Decimal| decimal.decimals >= least && decimal.trimmed(least) == *decimal;
        numbers().all(same).then_some((most, Some(least)))
    };
    trimmed(0).or_else(|| trimmed(1))
}

fn known(number: i32) -> u32 {
    number.wrapping_sub(i32::MIN) as u32
}

/// The sign in bit 0, the decimals in bits 1 to 5, and from bit 6 the exponent and 100, or 0.
fn pack(decimal: &Decimal) -> u16 {
    let exponent = decimal.exponent.map_or(0, |exponent| (i16::from(exponent) + 100) as u16);
    u16::from(decimal.negative) | u16::from(decimal.decimals) << 1 | exponent << 6
}

fn unpack(digits: u64, form: u16) -> Decimal {
    let exponent = (form >> 6 != 0).then(|| ((form >> 6) as i16 - 100) as i8);
    Decimal { digits, negative: form & 1 == 1, decimals: (form >> 1 & 31) as u8, exponent }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kinds(cells: &TextCells) -> Vec<&'static str> {
        let kind = |chunk: &Chunk| match chunk {
            Chunk::Short { trimmed: None, .. } => "short",
            Chunk::Short { .. } => "trimmed",
            Chunk::Long { .. } => "long",
            Chunk::Texts(_) => "texts",
            Chunk::Released => "released",
        };
        cells.store.chunks.iter().map(kind).collect()
    }

    fn kept(texts: &[&str], kind: &str) {
        let cells: TextCells = texts.iter().collect();
        assert_eq!(cells.iter().collect::<Vec<_>>(), texts);
        assert_eq!(kinds(&cells), [kind], "{texts:?}");
        for (row, text) in texts.iter().enumerate() {
            match cells.cell(row) {
                Cell::Number(value) => assert_eq!(value.to_bits(), text.parse::<f64>().unwrap().to_bits()),
                Cell::Known(_, known) | Cell::Text(known) => assert_eq!(known, *text),
            }
        }
    }

    #[test]
    fn every_kind_of_column_keeps_its_texts() {
        kept(&["0.1250", "-3.0000", "", "-0.0000x", "NA", "17.5000"], "short");
        kept(&["1", "-2", "2000000000", "yes"], "short");
        kept(&["0.5", "12", "", "0.125"], "trimmed");
        kept(&["0.5", "12.0", "", "0.125"], "trimmed");
        kept(&["0.50", "12", ""], "long");
        kept(&["0.12345678901234567", "-0", "NA", "8.5e-05"], "long");
        kept(&["2000000001", "-2.0"], "long");
        kept(&["red", "", "007", "red", "1.", ".5", "+1", "zé"], "short");
    }

    #[test]
    fn rare_texts_are_kept_as_they_are() {
        let cells: TextCells = (0..MOST_TEXTS + 3 * CHUNK_ROWS).map(|row| format!("id {row}")).collect();
        assert_eq!(kinds(&cells).last(), Some(&"texts"));
        assert!(cells.known_texts() <= MOST_TEXTS + CHUNK_ROWS);
        assert!((0..cells.len()).all(|row| cells.get(row) == format!("id {row}")));
    }

    #[test]
    fn selections_of_selections_share_the_cells() {
        let cells: TextCells = (0..3000).map(|row| row.to_string()).collect();
        let rows: Vec<u32> = (0..3000).step_by(10).collect();
        let some = cells.select(&mut Selection::new(&rows));
        let few = some.select(&mut Selection::new(&[299, 1, 300]));
        assert_eq!(few.iter().collect::<Vec<_>>(), ["2990", "10", ""]);
        assert!(Arc::ptr_eq(&few.store, &cells.store));
        let mut selection = Selection::new(&[0]);
        assert!(Arc::ptr_eq(&selection.of(None), &selection.of(None)));
    }

    #[test]
    fn chunks_are_released_when_nobody_else_has_them() {
        let mut cells: TextCells = (0..3000).map(|row| row.to_string()).collect();
        let copy = cells.clone();
        cells.release(0);
        assert_eq!(cells.get(5), "5");
        drop(copy);
        cells.release(0);
        assert_eq!((cells.get(5).as_ref(), cells.get(CHUNK_ROWS).as_ref()), ("", "1024"));
        cells.release(9);
    }

    proptest! {
        #[test]
        fn any_texts_come_back(texts in prop::collection::vec("-?[0-9]{0,12}(\\.[0-9]{0,12})?|[ -~é]{0,5}", 0..40)) {
            let cells: TextCells = texts.iter().collect();
            prop_assert_eq!(cells.iter().collect::<Vec<_>>(), texts);
        }
    }
}
