//! Values given on the command line: `x=1`, `W=[[1, 2], [3, 4]]`, `t=pi/4`, `@file.npy`, `@file.csv`.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use backpass::array::Array;
use backpass::interpret::interpret;
use backpass::text::parse_expression;
use npyz::NpyFile;

use crate::exit::{Exit, Failure};

/// What an argument of values may be.
pub const VALUES_HELP: &str = "Values of the formula's names: x=1, W=[[1,2],[3,4]], X=@table.csv, X=@array.npy";

/// A name with its value.
pub fn named_value(text: &str) -> Result<(String, Array), Failure> {
    let (name, value) = text.split_once('=').ok_or_else(|| {
        Failure::usage(format!(
            "`{text}` is not a value\nhelp: write name=value, such as x=1, W=[[1,2],[3,4]] or X=@table.csv"
        ))
    })?;
    let name = name.trim().trim_matches('`');
    if name.is_empty() {
        return Err(Failure::usage(format!("`{text}` has no name before the equals sign")));
    }
    Ok((name.to_string(), array(name, value.trim())?))
}

fn array(name: &str, text: &str) -> Result<Array, Failure> {
    if let Some(path) = text.strip_prefix('@') {
        return file(Path::new(path));
    }
    if let Ok(number) = text.parse::<f64>() {
        return Ok(Array::scalar(number));
    }
    let wrong = |message: String| Failure::usage(format!("the value of `{name}`:\n{message}"));
    let graph = parse_expression(text, &[]).map_err(|errors| wrong(errors.to_string()))?;
    let trace = interpret(&graph, &[]).map_err(|error| wrong(error.to_string()))?;
    match graph.outputs() {
        [(_, id)] => Ok(trace.value(*id).clone()),
        _ => Err(wrong(format!("`{text}` is not a single value"))),
    }
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

fn npy(file: File) -> Result<Array, String> {
    let npy = NpyFile::new(BufReader::new(file)).map_err(|error| error.to_string())?;
    let sizes: Vec<usize> = npy.shape().iter().map(|&size| size as usize).collect();
    let is_columns = npy.order() == npyz::Order::Fortran && sizes.len() > 1;
    if is_columns {
        return Err("its elements are stored column by column\nhelp: save it with numpy.ascontiguousarray".to_string());
    }
    let data = numbers(npy)?;
    Array::new(&sizes, data).ok_or_else(|| "its sizes do not fit its elements".to_string())
}

/// The elements as f64, whatever type of number they are.
fn numbers(npy: NpyFile<BufReader<File>>) -> Result<Vec<f64>, String> {
    macro_rules! read {
        ($npy:ident, $($kind:ty),*) => {{
            let mut rest = $npy;
            $(
                match rest.try_data::<$kind>() {
                    Ok(values) => return values.map(|v| v.map(|v| v as f64).map_err(|e| e.to_string())).collect(),
                    Err(other) => rest = other,
                }
            )*
            Err(format!("its type {} is not a number\nhelp: save it with .astype(float)", rest.dtype().descr()))
        }};
    }
    read!(npy, f64, f32, i64, i32, i16, i8, u64, u32, u16, u8)
}
