//! Writing tables.

use std::io::Write;

use crate::error::{Result, TableError};
use crate::table::Table;

/// Writes a table as CSV with a header: commas, quotes where needed, missing cells empty.
pub fn write_csv(table: &Table, out: impl Write) -> Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    let mut write = || {
        writer.write_record(table.names())?;
        for row in 0..table.rows() {
            for column in &table.columns {
                writer.write_field(column.cells.text(row).as_bytes())?;
            }
            writer.write_record(None::<&[u8]>)?;
        }
        writer.flush().map_err(csv::Error::from)
    };
    write().map_err(|error| TableError::Io {
        file: table.name.clone(),
        source: match error.into_kind() {
            csv::ErrorKind::Io(source) => source,
            kind => std::io::Error::other(format!("{kind:?}")),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Cells, Column};

    #[test]
    fn quotes_where_needed() {
        let columns = vec![
            Column { name: "a,b".into(), cells: Cells::Text(["x", "\"y\"", ""].iter().collect()) },
            Column { name: "n".into(), cells: Cells::Number(vec![1.5, f64::NAN, 2.0].into()) },
        ];
        let mut out = Vec::new();
        write_csv(&Table::new("t", columns).unwrap(), &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "\"a,b\",n\nx,1.5\n\"\"\"y\"\"\",\n,2\n");
    }
}
