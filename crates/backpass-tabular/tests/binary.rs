//! Reading Parquet and IDX files.

mod common;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use backpass_tabular::{
    Cells, InferOptions, Kind, ReadOptions, Schema, Table, TableError, Target, Task, read, read_from,
};
use common::{cells, shared, shared_table};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int32Type, Int64Type};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

fn open(path: impl AsRef<Path>) -> Result<Table, TableError> {
    read(path, &ReadOptions::default())
}

/// Kinds and values must agree; only 32-bit floats are allowed to be rounded.
#[test]
fn parquet_equals_csv() {
    let pairs = [
        ("adult_train_dict_zstd", "adult_train", "income"),
        ("diamonds_f32_uncompressed_v2", "diamonds", "price"),
        ("penguins_snappy", "penguins", "species"),
        ("titanic_bool_nullable_gzip", "titanic", "Survived"),
    ];
    for (parquet, csv, target) in pairs {
        let Some(parquet) = shared_table(&format!("parquet/{parquet}.parquet")) else {
            return;
        };
        let Some(csv) = shared_table(&format!("{csv}.csv")) else {
            return;
        };
        let options = InferOptions { targets: vec![target.into()], ..InferOptions::default() };
        let [from_parquet, from_csv] = [&parquet, &csv].map(|table| Schema::infer(table, &options).unwrap());
        assert_eq!(
            Target::infer(&parquet, &from_parquet, target, None).unwrap(),
            Target::infer(&csv, &from_csv, target, None).unwrap()
        );
        for (a, b) in from_parquet.columns.iter().zip(&from_csv.columns) {
            assert_eq!((&a.name, &a.kind, a.missing, a.distinct), (&b.name, &b.kind, b.missing, b.distinct));
            if let Kind::Number { .. } = a.kind {
                // The schema of one file reads the other.
                let a = from_csv.to_numbers(&parquet, &a.name).unwrap();
                let b = from_parquet.to_numbers(&csv, &b.name).unwrap();
                let near = |(a, b): (&f64, &f64)| (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-7 * b.abs();
                assert!(a.iter().zip(&b).all(near));
            } else if let Kind::Category { levels } = &a.kind {
                assert_eq!(
                    from_csv.to_levels(&parquet, &a.name, levels).unwrap(),
                    from_parquet.to_levels(&csv, &b.name, levels).unwrap()
                );
            }
        }
    }
}

#[test]
fn parquet_is_read_from_a_stream_and_refused_when_cut() {
    let Some(path) = shared("parquet/penguins_snappy.parquet") else {
        return;
    };
    let data = fs::read(&path).unwrap();
    let stream = read_from("stream", &data[..], &ReadOptions::default()).unwrap();
    assert_eq!(cells(&stream), cells(&open(&path).unwrap()));
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(&data).unwrap();
    let packed = tempfile::NamedTempFile::new().unwrap();
    fs::write(packed.path(), packer.finish().unwrap()).unwrap();
    assert_eq!(cells(&open(packed.path()).unwrap()), cells(&stream));
    for end in (4..data.len()).step_by(97) {
        let cut = read_from("cut", &data[..end], &ReadOptions::default());
        assert!(matches!(cut, Err(TableError::Parquet { .. })), "{end} bytes");
    }
}

#[test]
fn damaged_parquet_never_panics() {
    let Some(path) = shared("parquet/penguins_snappy.parquet") else {
        return;
    };
    let data = fs::read(path).unwrap();
    for at in (0..data.len()).step_by(11) {
        let mut damaged = data.clone();
        damaged[at] ^= 0x81;
        let _ = read_from("damaged", &damaged[..], &ReadOptions::default());
    }
}

/// A Parquet file of one row group with types that the shared files do not have.
fn written(schema: &str, write: impl Fn(&mut SerializedFileWriter<&mut Vec<u8>>)) -> Vec<u8> {
    let mut data = Vec::new();
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let mut writer = SerializedFileWriter::new(&mut data, schema, Arc::default()).unwrap();
    write(&mut writer);
    writer.close().unwrap();
    data
}

#[test]
fn parquet_dates_decimals_and_nested_columns() {
    let schema = "message m {
        optional int32 day (DATE);
        required int64 time (TIMESTAMP(MILLIS, true));
        required int32 price (DECIMAL(9, 2));
        required binary wide (DECIMAL(20, 1));
        required int32 big (INTEGER(32, false));
        required double real;
        required group nested { required int64 inner; }
    }";
    let data = written(schema, |writer| {
        let mut group = writer.next_row_group().unwrap();
        macro_rules! column {
            ($kind:ty, $values:expr, $levels:expr) => {{
                let mut column = group.next_column().unwrap().unwrap();
                let levels: Option<&[i16]> = $levels;
                column.typed::<$kind>().write_batch($values, levels, None).unwrap();
                column.close().unwrap();
            }};
        }
        column!(Int32Type, &[19_782], Some(&[0, 1]));
        column!(Int64Type, &[0, 86_400_500], None);
        column!(Int32Type, &[12_345, -5], None);
        let wide = [vec![0xff, 0xf6], vec![1, 0]].map(ByteArray::from);
        column!(ByteArrayType, &wide, None);
        column!(Int32Type, &[-1, 7], None);
        column!(DoubleType, &[f64::INFINITY, 0.5], None);
        column!(Int64Type, &[1, 2], None);
        group.close().unwrap();
    });
    let table = read_from("t", &data[..], &ReadOptions::default()).unwrap();
    assert_eq!(
        cells(&table),
        [
            ["day", "time", "price", "wide", "big", "real"],
            ["", "1970-01-01T00:00:00Z", "123.45", "-1", "4294967295", "inf"],
            ["2024-02-29", "1970-01-02T00:00:00.5Z", "-0.05", "25.6", "7", "0.5"],
        ]
    );
    assert!(table.notes[0].ends_with("nested.inner"), "{:?}", table.notes);
    let schema = common::infer(&table);
    assert!(matches!(schema.column("time").unwrap().kind, Kind::Date { .. }));
    assert_eq!(schema.to_days(&table, "time").unwrap()[1], 1.0 + 0.5 / 86_400.0);
    let infinite = schema.column("real").unwrap().warning.as_deref();
    assert_eq!(infinite, Some("1 of 2 cells are not numbers and count as missing; the first is \"inf\" in row 1"));
    assert!(schema.to_numbers(&table, "real").unwrap()[0].is_nan());
}

#[test]
fn parquet_without_a_readable_column() {
    let data = written("message m { required group a { required int32 b; } }", |_| ());
    let error = read_from("t", &data[..], &ReadOptions::default()).unwrap_err();
    assert!(matches!(error, TableError::NoReadableColumn { columns, .. } if columns == ["a.b"]));
    let data = written("message m { required int32 b; }", |_| ());
    let error = read_from("t", &data[..], &ReadOptions::default()).unwrap_err();
    assert!(matches!(error, TableError::Empty { .. }));
}

#[test]
fn mnist() {
    let Some(table) = shared_table("images/mnist/t10k-images-idx3-ubyte.gz") else {
        return;
    };
    assert_eq!((table.rows(), table.columns.len()), (10_000, 785));
    assert_eq!(table.image, Some((28, 28)));
    assert_eq!(table.columns[29].name, "pixel_1_1");
    let Cells::Byte(labels) = &table.column("label").unwrap().cells else {
        panic!("labels are bytes");
    };
    assert_eq!(labels.iter().take(5).collect::<Vec<_>>(), [7, 2, 1, 0, 4]);
    let schema = common::infer(&table);
    let target = Target::infer(&table, &schema, "label", None).unwrap();
    let Task::Multiclass { classes } = &target.task else {
        panic!("ten classes");
    };
    assert_eq!(classes.join(""), "0123456789");
    assert_eq!(target.to_classes(&table, &schema).unwrap()[0], Some(7));
    assert_eq!(target.reason, "labels of images");
}

/// An IDX file of unsigned bytes.
fn idx(sizes: &[u32], data: &[u8]) -> Vec<u8> {
    let mut file = vec![0, 0, 8, sizes.len() as u8];
    file.extend(sizes.iter().flat_map(|size| size.to_be_bytes()));
    file.extend(data);
    file
}

#[test]
fn idx_shapes_and_labels() {
    let folder = tempfile::tempdir().unwrap();
    let images = folder.path().join("train-images.idx3-ubyte");
    fs::write(&images, idx(&[2, 2, 1], &[1, 2, 3, 4])).unwrap();
    assert_eq!(cells(&open(&images).unwrap()), [["pixel_0_0", "pixel_1_0"], ["1", "2"], ["3", "4"]]);

    let labels = folder.path().join("train-labels-idx1-ubyte.gz");
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(&idx(&[2], &[9, 8])).unwrap();
    fs::write(&labels, packer.finish().unwrap()).unwrap();
    let table = open(&images).unwrap();
    assert_eq!(cells(&table)[2], ["3", "4", "8"]);
    assert!(table.notes[0].contains("train-labels-idx1-ubyte.gz"));
    assert_eq!(cells(&open(&labels).unwrap()), [["label"], ["9"], ["8"]]);

    let other = folder.path().join("other");
    fs::write(&other, idx(&[3], &[1, 2, 3])).unwrap();
    let options = ReadOptions { labels: Some(other), ..ReadOptions::default() };
    let error = read(&images, &options).unwrap_err();
    assert!(matches!(error, TableError::LabelCount { images: 2, labels: 3, .. }));
    let options = ReadOptions { labels: Some(images.clone()), ..ReadOptions::default() };
    let error = read(&images, &options).unwrap_err();
    assert!(matches!(error, TableError::NotLabels { .. }));
    let error = common::csv_with("a\n1\n", &options).unwrap_err();
    assert!(matches!(error, TableError::LabelsWithoutImages { .. }));

    let flat = read_from("t", &idx(&[1, 2], &[5, 6])[..], &ReadOptions::default()).unwrap();
    assert_eq!(cells(&flat), [["pixel_0", "pixel_1"], ["5", "6"]]);
    assert_eq!(flat.image, None);
}

#[test]
fn bad_idx_files() {
    let bad = |data: &[u8]| read_from("t-ubyte", data, &ReadOptions::default()).unwrap_err();
    let whole = idx(&[2, 2, 2], &[0; 8]);
    for end in 4..whole.len() {
        assert!(matches!(bad(&whole[..end]), TableError::IdxLength { .. }), "{end}");
    }
    assert!(matches!(bad(&[&whole[..], &[0]].concat()), TableError::IdxLength { expected: 8, found: 9, .. }));
    assert!(matches!(bad(&idx(&[u32::MAX; 3], &[0; 8])), TableError::IdxLength { .. }));
    assert!(matches!(bad(&whole[..3]), TableError::NotIdx { .. }));
    assert!(matches!(bad(b"text"), TableError::NotIdx { .. }));
    assert!(matches!(bad(&idx(&[1; 4], &[0])), TableError::IdxDimensions { dimensions: 4, .. }));
    assert!(matches!(bad(&idx(&[0, 2], &[])), TableError::Empty { .. }));
    assert!(matches!(bad(&[0, 0, 0x0d, 1, 0, 0, 0, 0]), TableError::IdxType { code: 0x0d, .. }));
}
