//! From the cells of a table to the inputs of a network, a few rows at a time.

use std::ops::Range;

use backpass::Graph;
use backpass::graph::NodeId;
use backpass::passes::part;
use backpass::train::{Layout, LevelInputs, Packed};
use backpass_kernels::Real;

use crate::encode::{CategoryInput, Inputs, Surprises};
use crate::fit_error::FitError;
use crate::readers::{LevelReader, NumberReader};
use crate::runner::Runner;
use crate::schema::{Kind, Level, Schema};
use crate::table::Table;
use crate::text_cells::CHUNK_ROWS;

/// Raw numbers that stay in cache on the way from their columns to features.
const NEAR: usize = 1 << 17;

/// A column of numbers or dates, NaN where missing.
pub(crate) fn number_column(table: &Table, schema: &Schema, name: &str) -> Result<Vec<f64>, FitError> {
    Ok(NumberReader::new(schema, name)?.read(table, 0..table.rows())?)
}

/// The raw inputs of a table, column by column.
pub(crate) struct Raw {
    pub numbers: Vec<Vec<f64>>,
    pub codes: Vec<Vec<f64>>,
}

impl Raw {
    /// The inputs `numbers` and `categories` of some rows, row by row.
    pub fn rows(&self, rows: Range<usize>) -> [(&'static str, Vec<f64>); 2] {
        [("numbers", by_row(&self.numbers, rows.clone())), ("categories", by_row(&self.codes, rows))]
    }
}

/// The values of columns in some rows, row by row.
fn by_row(columns: &[Vec<f64>], rows: Range<usize>) -> Vec<f64> {
    let mut values = vec![0.0; rows.len() * columns.len()];
    for (index, column) in columns.iter().enumerate() {
        let places = values.iter_mut().skip(index).step_by(columns.len());
        places.zip(&column[rows.clone()]).for_each(|(place, v)| *place = *v);
    }
    values
}

/// Turns the cells of a table's input columns into numbers.
pub(crate) fn raw(table: &Table, schema: &Schema, inputs: &Inputs, surprises: &mut Surprises) -> Result<Raw, FitError> {
    let mut reader = RawReader::new(schema, inputs)?;
    let raw = reader.read(table, || 0..table.rows())?;
    *surprises = reader.surprises;
    Ok(raw)
}

/// Reads the input columns of a table.
struct RawReader<'a> {
    /// With whether training saw gaps there.
    numbers: Vec<(&'a str, NumberReader<'a>, bool)>,
    categories: Vec<(&'a CategoryInput, LevelReader<'a>)>,
    surprises: Surprises,
}

impl<'a> RawReader<'a> {
    fn new(schema: &'a Schema, inputs: &'a Inputs) -> Result<Self, FitError> {
        let number = |name: &'a String| -> Result<_, FitError> {
            Ok((name.as_str(), NumberReader::new(schema, name)?, schema.column(name)?.missing > 0))
        };
        let category = |category: &'a CategoryInput| -> Result<_, FitError> {
            let levels = match &schema.column(&category.name)?.kind {
                Kind::Category { levels } => &levels[..],
                _ => &[],
            };
            Ok((category, LevelReader::new(schema, &category.name, levels)))
        };
        Ok(RawReader {
            numbers: inputs.numbers.iter().map(number).collect::<Result<_, _>>()?,
            categories: inputs.categories.iter().map(category).collect::<Result<_, _>>()?,
            surprises: Surprises::default(),
        })
    }

    /// The inputs in these rows of a table; always the same table.
    fn read<R: Iterator<Item = usize>>(&mut self, table: &Table, rows: impl Fn() -> R) -> Result<Raw, FitError> {
        let RawReader { numbers, categories, surprises } = self;
        let (mut raw_numbers, mut codes) = (Vec::with_capacity(numbers.len()), Vec::with_capacity(categories.len()));
        for (name, reader, gaps) in numbers {
            let column = reader.read(table, rows())?;
            if !*gaps {
                let count = column.iter().filter(|v| v.is_nan()).count();
                Surprises::add(&mut surprises.missing, name, count);
            }
            raw_numbers.push(column);
        }
        for (category, reader) in categories {
            let known = category.levels.len();
            let (mut unseen, mut missing) = (0, 0);
            let code = |level| match level {
                Level::Known(i) if (i as usize) < known => f64::from(i),
                Level::Known(_) => known as f64,
                Level::Missing if category.missing => (known + usize::from(category.other)) as f64,
                Level::Missing => {
                    missing += 1;
                    -1.0
                }
                Level::Unseen => {
                    unseen += 1;
                    if category.other { known as f64 } else { -1.0 }
                }
            };
            codes.push(reader.read(table, rows())?.into_iter().map(code).collect());
            Surprises::add(&mut surprises.unseen, &category.name, unseen);
            Surprises::add(&mut surprises.missing, &category.name, missing);
        }
        Ok(Raw { numbers: raw_numbers, codes })
    }
}

/// Some rows on their way.
struct Part<'a> {
    /// The first row, and how many there are.
    start: usize,
    rows: usize,
    /// Where a row of the part stands in the table.
    row: &'a dyn Fn(usize) -> usize,
    /// Row by row: numbers, codes, and what the graph gives.
    numbers: &'a [f64],
    codes: &'a [f64],
    values: &'a [f64],
}

/// The rows of a table that go through a graph, which may need its cells no longer.
enum Rows<'a> {
    Of(&'a Table),
    /// Those chosen, in ascending order, or all; what has been read is released.
    From(Table, Option<&'a [u32]>),
}

/// Calls `visit` with part after part of the rows and the row-major values of the graph's output.
fn run_parts(
    mut rows: Rows<'_>,
    schema: &Schema,
    inputs: &Inputs,
    graph: Option<(&Graph, &str)>,
    surprises: &mut Surprises,
    mut visit: impl FnMut(&Table, Part<'_>) -> Result<(), FitError>,
) -> Result<(), FitError> {
    let width = inputs.numbers.len().max(inputs.features.len()).max(1);
    let tile = (NEAR / width).clamp(64, CHUNK_ROWS);
    let mut runner = graph.map(|(graph, output)| Ok::<_, FitError>((Runner::new(graph, tile)?, output))).transpose()?;
    let mut reader = RawReader::new(schema, inputs)?;
    let all = match &rows {
        Rows::Of(table) => table.rows(),
        Rows::From(table, None) => table.rows(),
        Rows::From(_, Some(chosen)) => chosen.len(),
    };
    let mut start = 0;
    while start < all {
        // Chosen rows are taken as far as the chunk of the first of them goes.
        let (table, end) = match &rows {
            Rows::Of(table) => (*table, all.min(start + CHUNK_ROWS)),
            Rows::From(table, None) => (table, all.min(start + CHUNK_ROWS)),
            Rows::From(table, Some(chosen)) => {
                let chunk = chosen[start] as usize / CHUNK_ROWS;
                let within = chosen[start..].partition_point(|&row| row as usize / CHUNK_ROWS == chunk);
                (table, start + within.max(1))
            }
        };
        let source = |row: usize| match &rows {
            Rows::From(_, Some(chosen)) => chosen[row] as usize,
            _ => row,
        };
        let raw = reader.read(table, || (start..end).map(source))?;
        let of_chunk = source(start) / CHUNK_ROWS;
        for first in (0..end - start).step_by(tile) {
            let some = first..(end - start).min(first + tile);
            let [(_, numbers), (_, codes)] = raw.rows(some.clone());
            let given = [("numbers", &numbers[..]), ("categories", &codes[..])];
            let values = match &mut runner {
                Some((runner, output)) => runner.run(some.len(), &given, output)?,
                None => &[],
            };
            let (numbers, codes) = (&numbers[..], &codes[..]);
            let row = |row| source(start + first + row);
            visit(table, Part { start: start + first, rows: some.len(), row: &row, numbers, codes, values })?;
        }
        if let Rows::From(table, _) = &mut rows {
            table.release(of_chunk);
        }
        start = end;
    }
    *surprises = reader.surprises;
    Ok(())
}

/// The values of one derived input, all of them finite.
pub(crate) fn derived_column(
    table: &Table,
    schema: &Schema,
    inputs: &Inputs,
    graph: &Graph,
    index: usize,
    name: &str,
) -> Result<Vec<f64>, FitError> {
    let width = inputs.numbers.len() + inputs.derived.len();
    let mut column = Vec::with_capacity(table.rows());
    run_parts(Rows::Of(table), schema, inputs, Some((graph, "all")), &mut Surprises::default(), |table, part| {
        for (row, all) in part.values.chunks_exact(width).enumerate() {
            let value = all[inputs.numbers.len() + index];
            if !value.is_finite() {
                let (file, place) = (table.name.clone(), table.place(part.start + row).to_string());
                return Err(FitError::DerivedValue { file, place, name: name.to_string(), value });
            }
            column.push(value);
        }
        Ok(())
    })?;
    Ok(column)
}

/// Calls `visit` with the features of part after part of a table's rows, row by row.
pub(crate) fn visit_features<D: Real>(
    table: &Table,
    schema: &Schema,
    inputs: &Inputs,
    graph: &Graph,
    mut visit: impl FnMut(usize, &[D]) -> Result<(), FitError>,
) -> Result<Surprises, FitError> {
    let (mut surprises, mut features) = (Surprises::default(), Vec::new());
    run_parts(Rows::Of(table), schema, inputs, Some((graph, "features")), &mut surprises, |table, part| {
        finite::<D>(table, inputs, &part)?;
        features.clear();
        features.extend(part.values.iter().map(|&v| D::from_f64(v)));
        visit(part.start, &features)
    })?;
    Ok(surprises)
}

/// The features of every row of a table, row by row.
pub(crate) fn features<D: Real>(
    table: &Table,
    schema: &Schema,
    inputs: &Inputs,
    graph: &Graph,
) -> Result<(Vec<D>, Surprises), FitError> {
    let mut features = Vec::with_capacity(table.rows() * inputs.features.len());
    let surprises = visit_features(table, schema, inputs, graph, |_, values: &[D]| {
        features.extend_from_slice(values);
        Ok(())
    })?;
    Ok((features, surprises))
}

/// An error for the first feature that is no finite number of type `D`.
fn finite<D: Real>(table: &Table, inputs: &Inputs, part: &Part<'_>) -> Result<(), FitError> {
    let Some(bad) = part.values.iter().position(|v| !D::from_f64(*v).to_f64().is_finite()) else { return Ok(()) };
    let (width, value) = (part.values.len() / part.rows, part.values[bad]);
    let (file, place) = (table.name.clone(), table.place((part.row)(bad / width)).to_string());
    Err(FitError::DerivedValue { file, place, name: inputs.features[bad % width].clone(), value })
}

/// The features of the chosen rows of a table, given in ascending order, or of all. The cells are released as they are
/// read, unless somebody else has a copy of the table.
pub(crate) fn pack<D: Real>(
    mut table: Table,
    chosen: Option<&[u32]>,
    schema: &Schema,
    inputs: &Inputs,
    graph: &Graph,
) -> Result<Packed<D>, FitError> {
    let read = |name: &String| inputs.numbers.contains(name) || inputs.categories.iter().any(|c| c.name == *name);
    table.columns.retain(|column| read(&column.name));
    let (numbers, scaled) = (inputs.numbers.len(), inputs.numbers.len() + inputs.derived.len());
    let part = scaled_part(graph, scaled);
    let graph = (scaled > 0).then(|| part.as_ref().unwrap_or(graph));
    let mut packed = Packed::new(layout(schema, inputs, graph)?);
    let order = in_order(inputs);
    let (mut dense, mut codes): (Vec<D>, Vec<u32>) = (Vec::new(), Vec::new());
    let graph = graph.map(|graph| (graph, "features"));
    run_parts(Rows::From(table, chosen), schema, inputs, graph, &mut Surprises::default(), |table, part| {
        finite::<D>(table, inputs, &part)?;
        dense.clear();
        codes.clear();
        let width = part.values.len() / part.rows;
        for row in 0..part.rows {
            let raw = &part.numbers[row * numbers..(row + 1) * numbers];
            let first = dense.len();
            dense.extend(part.values[row * width..][..scaled].iter().map(|&v| D::from_f64(v)));
            let places = dense[first..].iter_mut().zip(raw).filter(|(_, raw)| raw.is_nan());
            places.for_each(|(place, _)| *place = D::from_f64(f64::NAN));
            let raw = &part.codes[row * order.len()..(row + 1) * order.len()];
            codes.extend(order.iter().map(|&category| (raw[category] + 1.0) as u32));
        }
        packed.push(part.rows, &dense, &codes);
        Ok(())
    })?;
    Ok(packed)
}

/// The categories in the order of their features: those with an input for each level, then those that are looked up.
fn in_order(inputs: &Inputs) -> Vec<usize> {
    let of = |embedded| (0..inputs.categories.len()).filter(move |&at| inputs.categories[at].embedded == embedded);
    of(false).chain(of(true)).collect()
}

/// How features follow from scaled numbers and codes: what the graph of `encode` does with them.
fn layout<D: Real>(schema: &Schema, inputs: &Inputs, graph: Option<&Graph>) -> Result<Layout<D>, FitError> {
    let scaled = inputs.numbers.len() + inputs.derived.len();
    let mut fills = Vec::new();
    if let Some(graph) = graph {
        let (gaps, codes) = (vec![f64::NAN; inputs.numbers.len()], vec![-1.0; inputs.categories.len()]);
        let mut runner = Runner::new(graph, 1)?;
        let filled = runner.run(1, &[("numbers", &gaps), ("categories", &codes)], "features")?;
        fills.extend(filled[..scaled].iter().map(|&v| D::from_f64(v)));
    }
    let mut gaps = Vec::new();
    for (at, name) in inputs.numbers.iter().enumerate() {
        if schema.column(name)?.missing > 0 {
            gaps.push(at);
        }
    }
    let levels = in_order(inputs).into_iter().map(|at| match &inputs.categories[at] {
        category if category.embedded => LevelInputs::Code,
        category if category.classes() == 2 => LevelInputs::Signs,
        category => LevelInputs::OneHot(category.classes()),
    });
    Ok(Layout { fills, gaps, levels: levels.collect() })
}

/// The part of an encoder that gives the scaled numbers, the first `count` features.
fn scaled_part(graph: &Graph, count: usize) -> Option<Graph> {
    let is_wide = |id: &NodeId| graph.shape(*id).extent().fixed == count;
    let features = graph.output("features")?;
    let scaled = Some(features).filter(is_wide).or(graph.node(features).args.first().copied().filter(is_wide))?;
    let (mut part, scaled) = part(graph, scaled);
    part.set_outputs(vec![("features".to_string(), scaled)]);
    Some(part)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use backpass::train::Dataset;

    use super::*;
    use crate::{FitOptions, ReadOptions, fit, read_from};

    #[test]
    fn packed_features_are_those_of_the_encoder() {
        let mut csv = "a,b,c,d,e,y\n".to_string();
        for row in 0..3000 {
            let gap = |every: usize, text: String| if row % every == 1 { String::new() } else { text };
            let (a, b) = (gap(7, format!("{}.5", row % 91)), (row * row % 877).to_string());
            let (c, d) = (gap(11, format!("c{}", row % 5)), ["on", "off"][row % 2]);
            csv += &format!("{a},{b},{c},{d},{},{}.25\n", gap(3, format!("e{}", row * row % 83)), row % 17);
        }
        let table = read_from("t", csv.as_bytes(), &ReadOptions::default()).unwrap();
        for embed in [false, true] {
            let options = FitOptions {
                hidden: Some("4".into()),
                epochs: Some(1),
                max_levels: Some(20),
                embed_categories: Some(embed),
                inputs: vec!["ab = a * b".to_string()],
                ..FitOptions::new("y")
            };
            let model = fit(&table, &options).unwrap().model;
            let rows: Vec<u32> = (0..3000).filter(|row| row % 9 != 4).collect();
            let (expected, _) = model.features(&table.select_rows(&rows)).unwrap();
            let pack = |table: &Table, chosen: Option<&[u32]>| -> Vec<f32> {
                let packed = pack(table.clone(), chosen, &model.schema, &model.inputs, &model.encoder).unwrap();
                let (count, inputs) = (packed.rows(), packed.layout().inputs());
                let data = Dataset::packed(Arc::new(packed), None, 1, vec![0.0; count]);
                let mut all = vec![9.0; count * inputs];
                data.copy_rows(0..count, &mut all);
                all
            };
            assert_eq!(pack(&table, Some(&rows)), expected);
            assert_eq!(pack(&table.select_rows(&rows), None), expected);
        }
    }
}
