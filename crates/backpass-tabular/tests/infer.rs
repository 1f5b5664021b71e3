//! Kinds of columns, their values, and tasks.

mod common;

use backpass_tabular::{
    DateFormat, InferOptions, Kind, KindName, Level, Notation, Schema, TableError, Target, Task, TaskName,
};
use common::{csv, infer, shared_table};

/// One letter a column: number, category, date, text, identifier, constant, or `-` if ignored.
fn kinds(schema: &Schema) -> String {
    let letter = |kind: &Kind| match kind {
        Kind::Number { .. } => 'n',
        Kind::Category { .. } => 'c',
        Kind::Date { .. } => 'd',
        Kind::Text => 't',
        Kind::Identifier => 'i',
        Kind::Constant => '0',
        Kind::Ignored => '-',
    };
    schema.columns.iter().map(|column| letter(&column.kind)).collect()
}

/// A column of these cells, called `x`, and its schema.
fn column(cells: &[&str]) -> (backpass_tabular::Table, Schema) {
    let quoted: Vec<String> = cells.iter().map(|cell| format!("\"{cell}\"")).collect();
    let table = common::csv_with(
        &format!("x\n{}\n", quoted.join("\n")),
        &backpass_tabular::ReadOptions { header: Some(true), ..Default::default() },
    )
    .unwrap();
    let schema = infer(&table);
    (table, schema)
}

fn options(overrides: &[(&str, KindName)], target: Option<&str>) -> InferOptions {
    InferOptions {
        overrides: overrides.iter().map(|(name, kind)| (name.to_string(), *kind)).collect(),
        targets: target.map(String::from).into_iter().collect(),
        ..InferOptions::default()
    }
}

#[test]
fn real_tables() {
    let tables = [
        ("titanic.csv", "innt cnnn inic"),
        ("adult_train.csv", "ncncn ccccc nnncc"),
        ("california_housing.csv", "nnnnn nnnnc"),
        ("auto_imports.csv", "nncccccccn nnnnccncnn nnnnnn"),
        ("diamonds.csv", "ncccn nnnnn"),
        ("penguins.csv", "ccnnnnc"),
        ("iris.csv", "nnnnc"),
        ("bank_marketing.csv", "nccccccccc nnnncnnnnn c"),
        ("mammography.csv", "nnnnnnc"),
        ("abalone.csv", "cnnnnnnnn"),
        ("nist/csv/BoxBOD.csv", "nn"),
    ];
    for (file, expected) in tables {
        if let Some(table) = shared_table(file) {
            assert_eq!(kinds(&infer(&table)), expected.replace(' ', ""), "{file}");
        }
    }
}

#[test]
fn real_targets() {
    let targets = [
        ("titanic.csv", "Survived", "0 1"),
        ("adult_train.csv", "income", "<=50K >50K"),
        ("digits8x8.csv", "digit", "0 1 2 3 4 5 6 7 8 9"),
        ("penguins.csv", "species", "Adelie Chinstrap Gentoo"),
        ("wine_quality_red.csv", "quality", ""),
        ("abalone.csv", "rings", ""),
        ("energy.csv", "heating_load", ""),
        ("diamonds.csv", "price", ""),
        ("nist/csv/ENSO.csv", "y", ""),
    ];
    for (file, name, classes) in targets {
        let Some(table) = shared_table(file) else {
            return;
        };
        let schema = Schema::infer(&table, &options(&[], Some(name))).unwrap();
        let target = Target::infer(&table, &schema, name, None).unwrap();
        assert_eq!(target.task.classes().join(" "), classes, "{file}");
        assert_eq!(target.present(&table, &schema).unwrap().len(), table.rows(), "{file}");
    }
}

#[test]
fn missing_cells_are_counted_and_nan() {
    let Some(table) = shared_table("auto_imports.csv") else {
        return;
    };
    let schema = infer(&table);
    let losses = schema.column("normalized_losses").unwrap();
    assert_eq!((losses.missing, losses.distinct), (37, 51));
    let numbers = schema.to_numbers(&table, "normalized_losses").unwrap();
    assert_eq!(numbers.iter().filter(|number| number.is_nan()).count(), 37);
    assert_eq!(numbers[3], 164.0);

    for marker in ["", "NA", "n/a", "NaN", "NULL", "none", "?", "-", "#N/A", " na "] {
        let (_, schema) = column(&["1", marker, "2.5"]);
        assert_eq!(schema.columns[0].missing, 1, "{marker:?}");
    }
    let table = csv("x,y\n1,a\n-99,b\n2,b\n").unwrap();
    let given = InferOptions { missing: vec!["-99".into()], ..InferOptions::default() };
    let schema = Schema::infer(&table, &given).unwrap();
    assert!(schema.to_numbers(&table, "x").unwrap()[1].is_nan());
    let cells = backpass_tabular::Cells::Number(vec![1.0, -99.0, 2.0].into());
    let column = backpass_tabular::Column { name: "x".into(), cells };
    let numbers = backpass_tabular::Table::new("numbers", vec![column]).unwrap();
    assert!(schema.to_numbers(&numbers, "x").unwrap()[1].is_nan());
    assert_eq!(Schema::infer(&numbers, &given).unwrap().columns[0].missing, 1);
}

#[test]
fn notations_of_numbers() {
    let cases: [(&[&str], Notation, f64); 4] = [
        (&["1.5", "1e3", "-2"], Notation::Plain, 1000.0),
        (&["999", "1,234.5", "12,345,678"], Notation::Grouped, 1234.5),
        (&["0,5", "1.234,5", "7"], Notation::DecimalComma, 1234.5),
        (&["1,234", "2,345", "3,456"], Notation::Grouped, 2345.0),
    ];
    for (cells, expected, second) in cases {
        let (table, schema) = column(cells);
        let Kind::Number { notation, .. } = schema.columns[0].kind else {
            panic!("{cells:?} are {:?}", schema.columns[0]);
        };
        assert_eq!(notation, expected);
        assert_eq!(schema.to_numbers(&table, "x").unwrap()[1], second);
    }
    let (_, commas) = column(&["0,5", "1.234,5"]);
    let (points, _) = column(&["0.5", "x"]);
    assert!(commas.to_numbers(&points, "x").is_err());
    let semicolons = csv("a;b\n1,234;x\n2,345;y\n3,456;x\n").unwrap();
    assert_eq!(infer(&semicolons).to_numbers(&semicolons, "a").unwrap()[0], 1.234);
}

#[test]
fn odd_cells_among_numbers_are_reported() {
    let numbers: Vec<String> = (0..200).map(|row| (row * row).to_string()).collect();
    let mut cells: Vec<&str> = numbers.iter().map(String::as_str).collect();
    cells[7] = "unknown";
    cells[9] = "unknown";
    let (table, schema) = column(&cells);
    let found = &schema.columns[0];
    let odd = vec!["unknown".to_owned()];
    let notation = Notation::Plain;
    assert_eq!(found.kind, Kind::Number { notation, odd });
    assert_eq!(found.missing, 2);
    assert_eq!(
        found.warning.as_deref(),
        Some("2 of 200 cells are not numbers and count as missing; the first is \"unknown\" in line 9")
    );
    assert!(schema.to_numbers(&table, "x").unwrap()[7].is_nan());

    cells[11] = "1O";
    let (_, schema) = column(&cells);
    let found = &schema.columns[0];
    assert!(!matches!(found.kind, Kind::Number { .. }), "{found:?}");
    assert_eq!(
        found.warning.as_deref(),
        Some("197 of 200 cells are numbers; the first that is not is \"unknown\" in line 9")
    );
}

#[test]
fn a_new_table_is_read_by_the_stored_schema() {
    let (_, schema) = column(&["1", "2", "4"]);
    let (bad, _) = column(&["1", "two"]);
    let stored = serde_json::to_string(&schema).unwrap();
    let schema: Schema = serde_json::from_str(&stored).unwrap();
    assert_eq!(
        schema.to_numbers(&bad, "x").unwrap_err().to_string(),
        "t.csv, line 3, column \"x\": \"two\" is not a finite number\n\
         help: if it stands for a missing value, add it to the missing markers; \
         if the column is not numeric, say that it is a category"
    );
    let (booleans, _) = column(&["true", "False", "?"]);
    let numbers = schema.to_numbers(&booleans, "x").unwrap();
    assert_eq!(numbers[..2], [1.0, 0.0]);
    assert!(matches!(schema.to_numbers(&csv("y\nz\n").unwrap(), "x"), Err(TableError::UnknownColumn { .. })));
}

#[test]
fn levels() {
    let (table, schema) = column(&["b", "c", " b ", "a", "c", "?"]);
    let Kind::Category { levels } = &schema.columns[0].kind else {
        panic!("{:?}", schema.columns[0]);
    };
    assert_eq!(levels, &["b", "c", "a"]);
    use Level::*;
    assert_eq!(
        schema.to_levels(&table, "x", levels).unwrap(),
        [Known(0), Known(1), Known(0), Known(2), Known(1), Missing]
    );
    let to = |levels: &[&str]| {
        let levels: Vec<String> = levels.iter().map(|level| level.to_string()).collect();
        let (table, schema) = column(&["1", "1.0", "true", "0", "False", "x"]);
        schema.to_levels(&table, "x", &levels).unwrap()
    };
    let spellings = [Known(1), Known(1), Known(1), Known(0), Known(0), Unseen];
    assert_eq!(to(&["0", "1"]), spellings);
    assert_eq!(to(&["False", "True"]), spellings);
    assert_eq!(to(&["no", "yes"]), [Unseen; 6]);
}

#[test]
fn dates() {
    let cases: [(&[&str], Option<DateFormat>, bool); 6] = [
        (&["2024-01-31", "2023-12-01 10:00", ""], Some(DateFormat::Iso), false),
        (&["31/01/2024", "01/02/2024"], Some(DateFormat::DayFirst), false),
        (&["01/31/2024", "01/02/2024"], Some(DateFormat::MonthFirst), false),
        (&["01/02/2024", "03/04/2024"], Some(DateFormat::MonthFirst), true),
        (&["01.02.2024", "03.04.2024"], Some(DateFormat::DayFirst), false),
        (&["31/01/2024", "01/31/2024"], None, false),
    ];
    for (cells, expected, warned) in cases {
        let (_, schema) = column(cells);
        let found = match schema.columns[0].kind {
            Kind::Date { format } => Some(format),
            _ => None,
        };
        assert_eq!(found, expected, "{cells:?}");
        assert_eq!(schema.columns[0].warning.is_some(), warned, "{cells:?}");
    }
    let (table, schema) = column(&["1970-01-02", "1970-01-01T12:00", "NA"]);
    let days = schema.to_days(&table, "x").unwrap();
    assert_eq!(days[..2], [1.0, 0.5]);
    assert!(days[2].is_nan());
    let (bad, _) = column(&["1970-01-02", "soon"]);
    let error = schema.to_days(&bad, "x").unwrap_err();
    assert!(error.to_string().contains("line 3"), "{error}");
}

#[test]
fn what_is_set_aside() {
    let mut text = String::from("id,code,zip,sentence,empty,same,x,flag\n");
    for row in 0..30 {
        text += &format!(
            "{},K-{row},{:05},this is the long sentence {row},NA,s,{},{}\n",
            row + 100,
            row % 3,
            row * row,
            row % 2 == 0
        );
    }
    let schema = infer(&csv(&text).unwrap());
    assert_eq!(kinds(&schema), "iict00nc");
    assert_eq!(schema.column("id").unwrap().reason, "every value is different and increases by 1: an identifier");
    assert_eq!(schema.column("empty").unwrap().reason, "all 30 cells are missing");
    assert_eq!(schema.column("same").unwrap().reason, "every cell is \"s\"");
}

#[test]
fn kinds_can_be_requested() {
    let table = csv("a,b,c,d,e\n1,5,2024-01-01,x,1\n2,6,2024-01-02,y,1\n").unwrap();
    use KindName::*;
    let requests = [("a", Category), ("b", Text), ("c", Date), ("d", Ignore), ("e", Number)];
    let schema = Schema::infer(&table, &options(&requests, None)).unwrap();
    assert_eq!(kinds(&schema), "ctd-n");
    let fails = |request| Schema::infer(&table, &options(&[request], None)).unwrap_err();
    assert!(matches!(fails(("d", Number)), TableError::NotNumber { .. }));
    assert!(matches!(fails(("d", Date)), TableError::NotDate { .. }));
    assert!(matches!(fails(("f", Date)), TableError::UnknownColumn { .. }));
}

/// The task for a target `y` of these cells.
fn task(cells: &[&str], wanted: Option<TaskName>) -> Result<Target, TableError> {
    let rows = cells.iter().enumerate();
    let rows: String = rows.map(|(row, cell)| format!("{},{cell}\n", row * row)).collect();
    let table = csv(&format!("x,y\n{rows}")).unwrap();
    let schema = Schema::infer(&table, &options(&[], Some("y"))).unwrap();
    Target::infer(&table, &schema, "y", wanted)
}

#[test]
fn tasks() {
    let classes = |cells: &[&str]| task(cells, None).unwrap().task.classes().join(" ");
    assert_eq!(classes(&["yes", "no", "", "yes"]), "no yes");
    assert_eq!(classes(&["2", "1", "2"]), "1 2");
    assert_eq!(classes(&["-1", "1.0", "?"]), "-1 1");
    assert_eq!(classes(&["0", "10", "9", "x"]), "0 10 9 x");
    assert_eq!(classes(&["10", "8", "9"].repeat(6)), "8 9 10");
    assert_eq!(classes(&["0", "1", "1", "2", "1", "1"].repeat(3)), "0 1 2");
    assert_eq!(classes(&["1", "2", "2", "3", "2", "2"].repeat(3)), "");
    assert_eq!(classes(&["1", "2", "3", "4"]), "");
    assert_eq!(classes(&["0.5", "1.5"]), "");

    let numbers: Vec<String> = (0..40).map(|row| row.to_string()).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    assert_eq!(task(&numbers, None).unwrap().task, Task::Regression);
    let classification = Some(TaskName::Classification);
    assert!(matches!(task(&numbers, classification), Err(TableError::TooManyClasses { distinct: 40, .. })));
    assert_eq!(task(&["3", "5", "4"], classification).unwrap().task.classes(), ["3", "4", "5"]);
    let regression = Some(TaskName::Regression);
    assert_eq!(task(&["0", "1"], regression).unwrap().task, Task::Regression);
    assert!(matches!(task(&["a", "b"], regression), Err(TableError::NotNumber { .. })));
    assert!(matches!(task(&["a", "", "a"], None), Err(TableError::SingleClass { value, .. }) if value == "a"));
    assert!(matches!(task(&["3", "3", "3"], None), Err(TableError::SingleClass { value, .. }) if value == "3"));
    assert!(matches!(task(&["", "?"], None), Err(TableError::TargetMissing { .. })));
    let dates = task(&["2024-01-01", "2024-01-02"], None);
    assert!(matches!(dates, Err(TableError::TargetKind { kind: "a date", .. })));
}

#[test]
fn classes_of_rows() {
    let train = csv("x,y\n1,b\n4,\n3,a\n").unwrap();
    let schema = Schema::infer(&train, &options(&[], Some("y"))).unwrap();
    let target = Target::infer(&train, &schema, "y", None).unwrap();
    assert_eq!(target.to_classes(&train, &schema).unwrap(), [Some(1), None, Some(0)]);
    assert_eq!(target.present(&train, &schema).unwrap(), [0, 2]);
    let new = csv("x,y\n1,c\n").unwrap();
    let error = target.to_classes(&new, &schema).unwrap_err();
    assert!(matches!(error, TableError::UnknownClass { classes: 2, .. }), "{error}");
    let stored = serde_json::to_string(&target).unwrap();
    assert_eq!(serde_json::from_str::<Target>(&stored).unwrap(), target);
}
