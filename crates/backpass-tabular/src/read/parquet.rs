//! Parquet files with flat columns, read column by column without Arrow.

use std::io::Read;
use std::panic::catch_unwind;

use ::parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type};
use ::parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use ::parquet::data_type::DataType;
use ::parquet::errors::ParquetError;
use ::parquet::file::reader::{FileReader, SerializedFileReader};
use ::parquet::schema::types::ColumnDescriptor;
use bytes::Bytes;

use super::Source;
use crate::date::{iso_date, iso_timestamp};
use crate::error::{Result, TableError};
use crate::table::{Cells, Column, Table};
use crate::text_cells::Builder;

/// How many values are decoded at a time.
const BATCH: usize = 8192;

/// A Parquet file is read from its end and column by column, so all of it is taken into memory.
pub(super) fn read(mut source: Source<'_>) -> Result<Table> {
    let mut data = std::mem::take(&mut source.head);
    source.rest.read_to_end(&mut data).map_err(|error| source.failed(error))?;
    let file = source.name;
    // The parquet crate panics on some damaged files.
    catch_unwind(|| table(&file, data.into())).unwrap_or_else(|_| {
        let source = ParquetError::General("the data contradicts itself".into());
        Err(TableError::Parquet { file: file.clone(), source })
    })
}

fn table(file: &str, data: Bytes) -> Result<Table> {
    let damaged = |source| TableError::Parquet { file: file.into(), source };
    let reader = SerializedFileReader::new(data).map_err(damaged)?;
    let schema = reader.metadata().file_metadata().schema_descr_ptr();
    let mut columns = Vec::new();
    let mut skipped = Vec::new();
    for (at, descriptor) in schema.columns().iter().enumerate() {
        let name = descriptor.path().string();
        let Some(meaning) = Meaning::of(descriptor) else {
            skipped.push(name);
            continue;
        };
        let nullable = descriptor.max_def_level() > 0;
        let mut cells = meaning.no_cells();
        for group in 0..reader.num_row_groups() {
            let group = reader.get_row_group(group).map_err(damaged)?;
            let values = group.get_column_reader(at).map_err(damaged)?;
            append(&mut cells, values, nullable, &meaning).map_err(|failure| match failure {
                Failure::Parquet(source) => damaged(source),
                Failure::NotText => {
                    TableError::BinaryColumn { file: file.into(), column: name.clone(), row: cells.len() + 1 }
                }
                Failure::TooLarge => TableError::TooLarge { file: file.into(), column: name.clone() },
            })?;
        }
        columns.push(Column { name, cells: cells.finish() });
    }
    if columns.is_empty() {
        return Err(TableError::NoReadableColumn { file: file.into(), columns: skipped });
    }
    let unequal = |_| damaged(ParquetError::General("the columns differ in length".into()));
    let mut table = Table::new(file, columns).map_err(unequal)?;
    if table.rows() == 0 {
        return Err(TableError::Empty { file: file.into() });
    }
    if !skipped.is_empty() {
        table.notes.push(format!(
            "columns left out because they are nested or neither number, text nor date: {}",
            skipped.join(", ")
        ));
    }
    Ok(table)
}

/// What the values of a column say.
enum Meaning {
    /// A number, as an integer to be divided by a power of ten if that is not 1.
    Number { divisor: f64, unsigned: bool },
    /// Days since 1970.
    Date,
    /// A time since 1970 in units of so many nanoseconds.
    Timestamp { nanoseconds: i128 },
    /// UTF-8 text.
    Text,
}

impl Meaning {
    /// None for nested columns and for types that a table has no use for.
    fn of(column: &ColumnDescriptor) -> Option<Meaning> {
        if column.path().parts().len() > 1 || column.max_rep_level() > 0 {
            return None;
        }
        let converted = column.converted_type();
        let logical = column.logical_type_ref();
        let decimal = converted == ConvertedType::DECIMAL || matches!(logical, Some(LogicalType::Decimal(_)));
        let number = |unsigned| Meaning::Number {
            divisor: if decimal { 10f64.powi(column.type_scale()) } else { 1.0 },
            unsigned,
        };
        let unsigned = matches!(logical, Some(LogicalType::Integer(int)) if !int.is_signed)
            || matches!(converted, ConvertedType::UINT_32 | ConvertedType::UINT_64);
        match (column.physical_type(), logical, converted) {
            (Type::INT32, Some(LogicalType::Date), _) | (Type::INT32, _, ConvertedType::DATE) => Some(Meaning::Date),
            (Type::INT64, Some(LogicalType::Timestamp(timestamp)), _) => Some(Meaning::Timestamp {
                nanoseconds: match timestamp.unit {
                    TimeUnit::MILLIS => 1_000_000,
                    TimeUnit::MICROS => 1000,
                    TimeUnit::NANOS => 1,
                },
            }),
            (Type::INT64, _, ConvertedType::TIMESTAMP_MILLIS) => Some(Meaning::Timestamp { nanoseconds: 1_000_000 }),
            (Type::INT64, _, ConvertedType::TIMESTAMP_MICROS) => Some(Meaning::Timestamp { nanoseconds: 1000 }),
            (Type::INT96, ..) => Some(Meaning::Timestamp { nanoseconds: 1 }),
            (Type::BOOLEAN | Type::INT32 | Type::INT64 | Type::FLOAT | Type::DOUBLE, ..) => Some(number(unsigned)),
            (Type::BYTE_ARRAY | Type::FIXED_LEN_BYTE_ARRAY, ..) if decimal => Some(number(false)),
            (Type::BYTE_ARRAY, None, ConvertedType::NONE | ConvertedType::UTF8)
            | (Type::BYTE_ARRAY, None, ConvertedType::ENUM | ConvertedType::JSON)
            | (Type::BYTE_ARRAY, Some(LogicalType::String | LogicalType::Enum | LogicalType::Json), _) => {
                Some(Meaning::Text)
            }
            _ => None,
        }
    }

    fn no_cells(&self) -> Growing {
        match self {
            Meaning::Number { .. } => Growing::Number(Vec::new()),
            _ => Growing::Text(Builder::default()),
        }
    }
}

/// The cells of a column while they are read.
enum Growing {
    Number(Vec<f64>),
    Text(Builder),
}

impl Growing {
    fn len(&self) -> usize {
        match self {
            Growing::Number(numbers) => numbers.len(),
            Growing::Text(texts) => texts.len(),
        }
    }

    fn finish(self) -> Cells {
        match self {
            Growing::Number(numbers) => Cells::Number(numbers.into()),
            Growing::Text(texts) => Cells::Text(texts.finish()),
        }
    }
}

enum Failure {
    Parquet(ParquetError),
    NotText,
    TooLarge,
}

/// A value of any physical type.
enum Value<'a> {
    Integer(i128),
    Float(f64),
    Bytes(&'a [u8]),
}

fn append(cells: &mut Growing, reader: ColumnReader, nullable: bool, meaning: &Meaning) -> Result<(), Failure> {
    let unsigned = matches!(meaning, Meaning::Number { unsigned: true, .. });
    let push = |value: Option<Value<'_>>| push(cells, value, meaning);
    match reader {
        ColumnReader::BoolColumnReader(reader) => each(reader, nullable, |&value| Value::Integer(value.into()), push),
        ColumnReader::Int32ColumnReader(reader) => {
            let integer = |&value: &i32| if unsigned { (value as u32).into() } else { value.into() };
            each(reader, nullable, |value| Value::Integer(integer(value)), push)
        }
        ColumnReader::Int64ColumnReader(reader) => {
            let integer = |&value: &i64| if unsigned { (value as u64).into() } else { value.into() };
            each(reader, nullable, |value| Value::Integer(integer(value)), push)
        }
        ColumnReader::Int96ColumnReader(reader) => {
            each(reader, nullable, |value| Value::Integer(value.to_nanos().into()), push)
        }
        ColumnReader::FloatColumnReader(reader) => each(reader, nullable, |&value| Value::Float(value.into()), push),
        ColumnReader::DoubleColumnReader(reader) => each(reader, nullable, |&value| Value::Float(value), push),
        ColumnReader::ByteArrayColumnReader(reader) => {
            each(reader, nullable, |value| Value::Bytes(value.as_ref()), push)
        }
        ColumnReader::FixedLenByteArrayColumnReader(reader) => {
            each(reader, nullable, |value| Value::Bytes(value.as_ref()), push)
        }
    }
}

/// Calls `push` with every value of a column, with `None` for nulls.
fn each<T: DataType>(
    mut reader: ColumnReaderImpl<T>,
    nullable: bool,
    value: impl for<'v> Fn(&'v T::T) -> Value<'v>,
    mut push: impl FnMut(Option<Value<'_>>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut values = Vec::with_capacity(BATCH);
    let mut levels = Vec::with_capacity(BATCH);
    loop {
        values.clear();
        levels.clear();
        let (records, ..) =
            reader.read_records(BATCH, nullable.then_some(&mut levels), None, &mut values).map_err(Failure::Parquet)?;
        if records == 0 {
            return Ok(());
        }
        let mut present = values.iter();
        for row in 0..records {
            let is_null = levels.get(row) == Some(&0);
            push(if is_null { None } else { present.next().map(&value) })?;
        }
    }
}

fn push(cells: &mut Growing, value: Option<Value<'_>>, meaning: &Meaning) -> Result<(), Failure> {
    let text = match cells {
        Growing::Number(numbers) => {
            let divisor = match meaning {
                Meaning::Number { divisor, .. } => *divisor,
                _ => 1.0,
            };
            numbers.push(match value {
                None => f64::NAN,
                Some(Value::Float(number)) => number,
                Some(Value::Integer(integer)) => integer as f64 / divisor,
                Some(Value::Bytes(bytes)) => big_endian(bytes) / divisor,
            });
            return Ok(());
        }
        Growing::Text(text) => text,
    };
    let pushed = match (value, meaning) {
        (Some(Value::Bytes(bytes)), _) => text.push(std::str::from_utf8(bytes).map_err(|_| Failure::NotText)?),
        (Some(Value::Integer(days)), Meaning::Date) => text.push(&iso_date(days as i64)),
        (Some(Value::Integer(time)), Meaning::Timestamp { nanoseconds }) => {
            text.push(&iso_timestamp(time * nanoseconds))
        }
        _ => text.push(""),
    };
    if pushed { Ok(()) } else { Err(Failure::TooLarge) }
}

/// A signed integer, most significant byte first.
fn big_endian(bytes: &[u8]) -> f64 {
    let negative = bytes.first().is_some_and(|&byte| byte >= 0x80);
    let sign = if negative { -1i128 } else { 0 };
    bytes.iter().fold(sign, |value, &byte| (value << 8) | i128::from(byte)) as f64
}
