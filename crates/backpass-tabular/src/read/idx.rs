//! The IDX format of MNIST, with the labels that lie beside the images.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::Source;
use crate::error::{Result, TableError};
use crate::table::{Cells, Column, Table};

/// The name of the column of labels.
pub(crate) const LABEL: &str = "label";

pub(super) fn read(source: Source<'_>, labels: Option<&Path>) -> Result<Table> {
    let path = source.path.map(Path::to_path_buf);
    let mut table = items(source)?;
    let found = labels.map(Path::to_path_buf).or_else(|| labels_beside(path.as_deref()?));
    let Some(labels) = found.filter(|_| table.columns[0].name != LABEL) else {
        return Ok(table);
    };
    let labels = items(Source::open(&labels)?)?;
    let rows = table.rows();
    match labels.columns.into_iter().next() {
        Some(column) if column.name == LABEL && column.cells.len() == rows => {
            table.columns.push(column);
            table.notes.push(format!("the labels come from {}", labels.name));
            Ok(table)
        }
        Some(column) if column.name == LABEL => Err(TableError::LabelCount {
            file: table.name,
            images: rows,
            labels_file: labels.name,
            labels: column.cells.len(),
        }),
        _ => Err(TableError::NotLabels { file: labels.name }),
    }
}

/// The table of one file: a row an item, a column a pixel, or a single column of labels.
fn items(source: Source<'_>) -> Result<Table> {
    let file = source.name;
    let mut data = io::Cursor::new(source.head).chain(source.rest);
    let mut read = |length: u64| {
        let mut bytes = Vec::new();
        match data.by_ref().take(length).read_to_end(&mut bytes) {
            Ok(_) => Ok(bytes),
            Err(source) => Err(TableError::Io { file: file.clone(), source }),
        }
    };
    let short = |expected: u64, found: u64| TableError::IdxLength { file: file.clone(), expected, found };

    let magic = read(4)?;
    let &[0, 0, code, dimensions] = &magic[..] else {
        return Err(TableError::NotIdx { file });
    };
    if code != 0x08 {
        return Err(TableError::IdxType { file, code });
    }
    if !(1..=3).contains(&dimensions) {
        return Err(TableError::IdxDimensions { file, dimensions: dimensions.into() });
    }
    let sizes = read(4 * u64::from(dimensions))?;
    let (sizes, rest) = sizes.as_chunks::<4>();
    if sizes.len() < dimensions.into() || !rest.is_empty() {
        return Err(short(4 + 4 * u64::from(dimensions), 4 + 4 * sizes.len() as u64));
    }
    let size = |at: usize| sizes.get(at).map_or(1, |&bytes| u64::from(u32::from_be_bytes(bytes)));
    let (rows, height, width) = (size(0), size(1), size(2));
    let pixels = height * width;
    if rows == 0 || pixels == 0 {
        return Err(TableError::Empty { file });
    }

    let expected = rows.saturating_mul(pixels);
    let mut columns: Vec<Vec<u8>> = Vec::new();
    for row in 0..rows {
        let item = read(pixels)?;
        if (item.len() as u64) < pixels {
            return Err(short(expected, row * pixels + item.len() as u64));
        }
        columns.resize_with(item.len(), Vec::new);
        for (column, pixel) in columns.iter_mut().zip(item) {
            column.push(pixel);
        }
    }
    if !read(1)?.is_empty() {
        return Err(short(expected, expected + 1));
    }

    let name = |at: u64| match dimensions {
        1 => LABEL.to_owned(),
        2 => format!("pixel_{at}"),
        _ => format!("pixel_{}_{}", at / width, at % width),
    };
    let columns = (0..).zip(columns);
    let columns = columns.map(|(at, cells)| Column { name: name(at), cells: Cells::Byte(cells.into()) });
    Ok(Table {
        columns: columns.collect(),
        image: (dimensions == 3).then_some((height as usize, width as usize)),
        name: file,
        ..Table::default()
    })
}

/// `train-labels-idx1-ubyte.gz` for `train-images-idx3-ubyte.gz`, in the usual spellings.
fn labels_beside(images: &Path) -> Option<PathBuf> {
    let name = images.file_name()?.to_str()?;
    let name = name.strip_suffix(".gz").unwrap_or(name);
    let labels = name.replace("images", "labels").replace("idx3", "idx1");
    if labels == name {
        return None;
    }
    let spellings = [labels.replace(".idx1", "-idx1"), labels.replace("-idx1", ".idx1"), labels];
    let candidates = spellings.iter().flat_map(|name| [name.clone(), format!("{name}.gz")]);
    candidates.map(|name| images.with_file_name(name)).find(|path| path.is_file())
}
