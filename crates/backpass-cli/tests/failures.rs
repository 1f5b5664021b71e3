//! Exact exit codes and messages that say what, where and what to do next.

mod common;

use std::io::Write;

use common::{Folder, SMALL, shared_data};
use flate2::Compression;
use flate2::write::GzEncoder;

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn bad_tables() {
    let folder = Folder::new();
    let good = folder.ok("generate moons");
    let gz = gzip(&good);
    folder.write("good.csv.gz", &gz);
    folder.ok(&format!("train good.csv.gz --target class -o good.backpass {SMALL}"));
    let rows = |row: &str, n: usize| format!("x,class\n{}", row.repeat(n));
    let tables: Vec<(&str, Vec<u8>, i32, &[&str])> = vec![
        ("empty.csv", vec![], 3, &["the file is empty"]),
        ("header.csv", b"x,class\n".to_vec(), 3, &["a header and no row below it", "help:"]),
        ("ragged.csv", b"x,class\n1,a\n2,b,3\n".to_vec(), 3, &["line 3", "3 cells where 2 are expected", "help:"]),
        ("quote.csv", b"x,class\n1,\"a\n2,b\n".to_vec(), 3, &["line 2", "never closed"]),
        ("binary.csv", b"x,class\n\0\x01\x02,a\n1,b\n".to_vec(), 3, &["line 2", "not a text file"]),
        ("latin.csv", b"x,class\n1,caf\xe9\n2,b\n".to_vec(), 3, &["line 2", "\"class\"", "not UTF-8"]),
        ("short.csv.gz", gz[..gz.len() / 2].to_vec(), 3, &["short.csv.gz"]),
        ("short.parquet", b"PAR1\x15\x04\x15".to_vec(), 3, &["short.parquet", "damaged"]),
        ("one.csv", b"x,class\n1,a\n".to_vec(), 3, &["\"class\" cannot be predicted"]),
        ("same.csv", rows("1,a\n2,a\n", 50).into_bytes(), 3, &["it is \"a\" in all rows"]),
        ("no_target.csv", rows("1,\n2,NA\n", 50).into_bytes(), 3, &["all its cells are missing"]),
        ("no_input.csv", rows(",a\nNA,b\n", 50).into_bytes(), 3, &["no column of", "can serve as input"]),
        ("few.csv", b"x,class\n1,a\n2,b\n".to_vec(), 3, &["too few"]),
    ];
    for (name, bytes, code, parts) in tables {
        folder.write(name, bytes);
        folder.fails(&format!("train {name} --target class -o model.backpass"), code, parts);
        if ["empty.csv", "header.csv", "short.csv.gz", "short.parquet"].contains(&name) {
            folder.fails(&format!("predict good.backpass {name}"), code, parts);
            folder.fails(&format!("evaluate good.backpass {name}"), code, parts);
        }
    }
    assert!(!folder.path("model.backpass").exists());
    // A column without values is only set aside.
    folder
        .write("partly.csv", rows("1,a\n2,b\n", 50).replace("x,", "x,y,").replace(",a", ",,a").replace(",b", ",NA,b"));
    let run = folder.run(&format!("train partly.csv --target class {SMALL}"));
    assert_eq!(run.code, Some(0), "{run:#?}");
    assert!(run.stderr.contains("`y` is set aside"), "{}", run.stderr);
}

#[test]
fn damaged_parquet_files_are_refused_in_silence() {
    let Some(path) = shared_data("parquet/penguins_snappy.parquet") else { return };
    let bytes = std::fs::read(path).unwrap();
    let folder = Folder::new();
    for part in 1..20 {
        let at = bytes.len() * part / 20;
        folder.write("cut.parquet", &bytes[..at]);
        folder.fails("train cut.parquet --target species --force", 3, &["cut.parquet"]);
        let mut flipped = bytes.clone();
        flipped[at..(at + 8).min(bytes.len())].iter_mut().for_each(|byte| *byte ^= 0x5a);
        folder.write("flipped.parquet", &flipped);
        let run = folder.run(&format!("train flipped.parquet --target species --force {SMALL}"));
        assert!([Some(0), Some(2), Some(3)].contains(&run.code), "{run:#?}");
        assert!(!run.stderr.contains("panicked") && !run.stderr.contains("internal"), "{run:#?}");
    }
}

#[test]
fn wrong_requests() {
    let folder = Folder::with_model();
    let train = "train moons.csv --target class";
    folder.fails("train moons.csv --target clas", 2, &["no column \"clas\"", "did you mean \"class\"?"]);
    folder.fails("train moons.csv", 2, &["which column", "x1, x2, class"]);
    folder.fails(&format!("{train} --drop x3"), 2, &["no column \"x3\"", "did you mean"]);
    folder.fails(&format!("{train} --activation rleu"), 2, &["did you mean `relu`?"]);
    folder.fails(&format!("{train} --hidden many"), 2, &["--hidden", "64,64"]);
    folder.fails(&format!("{train} --activtion relu"), 2, &["--activation"]);
    folder.fails(&format!("{train} --threads 0"), 2, &["--threads"]);
    folder.fails(&format!("{train} --json --events"), 2, &["--json", "--events"]);
    folder.fails(&format!("{train} --delimiter ab"), 2, &["--delimiter", "single"]);
    folder.fails("trian moons.csv", 2, &["train"]);
    folder.fails("", 2, &["Usage"]);
    folder.fails("train none.csv --target class", 6, &["none.csv: there is no such file", "name a table"]);
    folder.fails(&format!("{train} -o moons.backpass"), 2, &["moons.backpass exists already", "--force"]);
    folder.fails(&format!("{train} -o nowhere/m.backpass"), 6, &["nowhere"]);
    folder.fails("predict moons.backpass moons.csv -o nowhere/p.csv", 6, &["nowhere"]);
    folder.fails(&format!("{train} -o . --force"), 6, &["not a regular file"]);
    folder.fails("predict moons.backpass moons.csv -o /dev/null --force", 6, &["not a regular file"]);
}

#[test]
fn bad_models() {
    let folder = Folder::with_model();
    let good = std::fs::read(folder.path("moons.backpass")).unwrap();
    let mut newer = good.clone();
    let format = br#"\"format\":1,"#;
    let at = newer.windows(format.len()).position(|w| w == format).unwrap();
    newer[at + format.len() - 2] = b'9';
    let foreign =
        b"\x40\0\0\0\0\0\0\0{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}         \0\0\0\0";
    let noise: Vec<u8> = (0..5000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let mut models: Vec<(String, Vec<u8>, &[&str])> = vec![
        ("empty".into(), vec![], &["not a backpass model, or damaged", "help:"]),
        ("noise".into(), noise, &["not a backpass model, or damaged", "help:"]),
        ("foreign".into(), foreign.to_vec(), &["not a backpass model", "help:"]),
        ("newer".into(), newer, &["model format 9", "reads format 1"]),
    ];
    for part in 1..8 {
        models.push((format!("cut{part}"), good[..good.len() * part / 8].to_vec(), &["damaged"]));
    }
    for (name, bytes, parts) in models {
        folder.write(&name, bytes);
        folder.fails(&format!("inspect {name}"), 4, parts);
        folder.fails(&format!("predict {name} moons.csv"), 4, parts);
        folder.fails(&format!("evaluate {name} moons.csv"), 4, parts);
    }
    folder.fails("inspect none", 6, &["none"]);
    folder.fails("inspect moons.csv", 4, &["moons.csv"]);
}

#[test]
fn damage_anywhere_in_a_model_never_panics() {
    let folder = Folder::with_model();
    let good = std::fs::read(folder.path("moons.backpass")).unwrap();
    for at in (0..good.len()).step_by(good.len() / 60) {
        let mut bytes = good.clone();
        bytes[at] ^= 0x11;
        folder.write("damaged", bytes);
        let run = folder.run("predict damaged moons.csv");
        assert!([Some(0), Some(3), Some(4)].contains(&run.code), "byte {at}: {run:#?}");
        assert!(!run.stderr.contains("internal error"), "byte {at}: {run:#?}");
    }
}

#[test]
fn a_table_that_lacks_columns_of_the_model() {
    let folder = Folder::with_model();
    folder.write("other.csv", "X1,y\n0.1,a\n0.2,b\n");
    folder.fails("predict moons.backpass other.csv", 3, &["other.csv", "no column \"x1\"", "did you mean \"X1\"?"]);
    folder.fails("evaluate moons.backpass other.csv", 3, &["no column \"class\""]);
    folder.write("words.csv", "x1,x2,class\n0.1,zero,a\n");
    folder.fails(
        "predict moons.backpass words.csv",
        3,
        &["words.csv, line 2", "\"x2\"", "\"zero\" is not a finite number"],
    );
    folder.write("classes.csv", "x1,x2,class\n0.1,0.2,z\n");
    folder.fails("evaluate moons.backpass classes.csv", 3, &["classes.csv, line 2", "\"z\" is none of the 2 classes"]);
}

#[test]
fn divergence_names_the_place_and_writes_nothing() {
    let folder = Folder::with_model();
    let wild = "train moons.csv --target class -o model.backpass --optimizer sgd --learning-rate 1e30 --hidden 8";
    folder.fails(wild, 5, &["epoch 1, step", "first became", "no model is written", "help: lower the learning rate"]);
    assert_eq!(folder.files(), ["moons.backpass", "moons.csv"]);
}
