//! Values given on the command line: `x=1`, `W=[[1, 2], [3, 4]]`, `t=pi/4`, `X=@file.npy`, `X=@file.csv`; or sizes: `X=2x3`.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use backpass::array::Array;
use backpass::interpret::constant;
use npyz::NpyFile;

use crate::exit::{Exit, Failure};

/// What an argument of values may be.
pub const VALUES_HELP: &str =
    "Values of the formula's names: x=1, W=[[1,2],[3,4]], X=@table.csv, X=@array.npy; or sizes alone: X=2x3";

/// What is known of a name.
pub enum Given {
    /// Its value.
    Value(Array),
    /// Its sizes alone.
    Sizes(Vec<usize>),
}

impl Given {
    pub fn sizes(&self) -> &[usize] {
        match self {
            Given::Value(value) => value.shape(),
            Given::Sizes(sizes) => sizes,
        }
    }

    pub fn value(&self) -> Option<&Array> {
        if let Given::Value(value) = self { Some(value) } else { None }
    }
}

/// A name with what is known of it.
pub fn named(text: &str) -> Result<(String, Given), Failure> {
    let (name, value) = text.split_once('=').ok_or_else(|| {
        Failure::usage(format!(
            "`{text}` is not a value\nhelp: write name=value, such as x=1, W=[[1,2],[3,4]] or X=@table.csv"
        ))
    })?;
    let name = name.trim().trim_matches('`');
    if name.is_empty() {
        return Err(Failure::usage(format!("`{text}` has no name before the equals sign")));
    }
    Ok((name.to_string(), given(name, value.trim())?))
}

fn given(name: &str, text: &str) -> Result<Given, Failure> {
    if let Some(path) = text.strip_prefix('@') {
        return file(Path::new(path)).map(Given::Value);
    }
    if let Ok(number) = text.parse::<f64>() {
        return Ok(Given::Value(Array::scalar(number)));
    }
    let sizes = text.split(['x', '×']).map(|size| size.trim().parse().ok());
    if let Some(sizes) = sizes.collect::<Option<Vec<usize>>>() {
        return Ok(Given::Sizes(sizes));
    }
    let help = "help: a value is a number (1.5, pi/4), an array ([[1,2],[3,4]]) or a file (@table.csv, @array.npy); \
                sizes alone are 2x3";
    let wrong = |errors| Failure::usage(format!("`{text}` is no value for `{name}`\n{errors}\n{help}"));
    constant(text).map(Given::Value).map_err(wrong)
}

/// Reads an array from a NumPy file, or a matrix from a file of numbers separated by commas.
fn file(path: &Path) -> Result<Array, Failure> {
    let bad = |reason: String| Failure::new(Exit::Data, format!("{}: {reason}", path.display()));
    let opened = File::open(path).map_err(|error| Failure::new(Exit::Io, format!("{}: {error}", path.display())))?;
    if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("npy")) {
        return npy(opened).map_err(bad);
    }
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).trim(csv::Trim::All).from_reader(BufReader::new(opened));
    let (mut data, mut rows) = (Vec::new(), 0);
    for record in reader.records() {
        let record = record.map_err(|error| bad(error.to_string()))?;
        let line = record.position().map_or(0, csv::Position::line);
        for (column, cell) in record.iter().enumerate() {
            let number = cell.parse::<f64>();
            data.push(number.map_err(|_| {
                bad(format!(
                    "line {line}, column {}: `{cell}` is not a number\nhelp: a file of values has no header",
                    column + 1
                ))
            })?);
        }
        rows += 1;
    }
    let sizes = [rows, data.len() / rows.max(1)];
    Array::new(&sizes, data).filter(|a| !a.is_empty()).ok_or_else(|| bad("there are no numbers in it".to_string()))
}

/// What to do about a file that is not whole.
const ANEW: &str = "help: write it anew with numpy.save";

fn npy(file: File) -> Result<Array, String> {
    let npy = NpyFile::new(BufReader::new(file)).map_err(|error| format!("this is no NumPy array: {error}\n{ANEW}"))?;
    let sizes: Vec<usize> = npy.shape().iter().map(|&size| size as usize).collect();
    let array = if npy.order() == npyz::Order::Fortran { Array::from_columns } else { Array::new };
    array(&sizes, numbers(npy)?).ok_or_else(|| format!("its sizes do not fit its elements\n{ANEW}"))
}

/// The elements as f64, whatever type of number they are.
fn numbers(npy: NpyFile<BufReader<File>>) -> Result<Vec<f64>, String> {
    macro_rules! read {
        ($npy:ident, $($kind:ty),*) => {{
            let mut rest = $npy;
            $(
                match rest.try_data::<$kind>() {
                    Ok(values) => return values.map(|v| v.map(|v| v as f64).map_err(|e| format!("its elements cannot be read: {e}\n{ANEW}"))).collect(),
                    Err(other) => rest = other,
                }
            )*
            Err(format!("its type {} is not a number\nhelp: save it with .astype(float)", rest.dtype().descr()))
        }};
    }
    read!(npy, f64, f32, i64, i32, i16, i8, u64, u32, u16, u8)
}
