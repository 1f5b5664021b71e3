//! The tables of `bench/quality/quality.toml` and their rows that training never sees.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// Where the tables lie; they are not part of the project.
pub const FOLDER: &str = "../shared/data";

/// The splits of a table that has none of its own.
const FIFTHS: usize = 5;

/// What is measured.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    #[serde(rename = "table")]
    pub tables: Vec<Table>,
    #[serde(rename = "candidate")]
    pub candidates: Vec<Candidate>,
}

/// Options that might be the defaults.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Candidate {
    pub name: String,
    pub options: String,
}

/// One table and what is demanded of the defaults on it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    pub name: String,
    /// By default the name and `.csv`.
    file: Option<String>,
    pub target: String,
    /// Whether the logarithm of the target is learnt and judged.
    #[serde(default)]
    logarithm: bool,
    pub metric: String,
    /// The class that probabilities are ranked for.
    pub positive: Option<String>,
    splits: String,
    /// The worst mean of the metric.
    pub demand: Option<f64>,
    /// The longest mean training, in seconds.
    pub seconds: Option<f64>,
    /// The worst value on the first split, where that is quick to measure.
    pub quick: Option<f64>,
    #[serde(default)]
    pub published: BTreeMap<String, f64>,
    #[serde(default = "yes")]
    pub peers: bool,
}

fn yes() -> bool {
    true
}

/// The files of one split.
pub struct Split {
    pub train: PathBuf,
    pub test: PathBuf,
}

impl Plan {
    pub fn read() -> Result<Plan> {
        let file = "bench/quality/quality.toml";
        toml::from_str(&std::fs::read_to_string(file)?).context(file)
    }
}

impl Table {
    /// Whether more of the metric is better.
    pub fn higher(&self) -> bool {
        self.metric != "rmse"
    }

    /// Whether a mean is no worse than a demand.
    pub fn meets(&self, value: f64, demand: f64) -> bool {
        if self.higher() { value >= demand } else { value <= demand }
    }

    /// How many splits there are.
    pub fn splits(&self) -> Result<usize> {
        match self.splits.as_str() {
            "fifths" => Ok(FIFTHS),
            "published" => {
                Ok(std::fs::read_dir(self.published_splits())?.filter(|f| f.as_ref().is_ok_and(is_split)).count())
            }
            _ => Ok(1),
        }
    }

    /// Writes the rows of one split to files of their own, unless they are files already.
    pub fn split(&self, index: usize, folder: &Path) -> Result<Split> {
        let file = Path::new(FOLDER).join(self.file.clone().unwrap_or_else(|| format!("{}.csv", self.name)));
        let rows = || Rows::read(&file, self.logarithm.then_some(self.target.as_str()));
        let held = match self.splits.as_str() {
            "fifths" => fifth(rows()?.records.len(), index as u64),
            "published" => {
                let text = std::fs::read_to_string(self.published_splits().join(format!("test_{index:02}.txt")))?;
                text.lines().map(|line| Ok(line.trim().parse()?)).collect::<Result<_>>()?
            }
            test => return Ok(Split { train: file, test: Path::new(FOLDER).join(test) }),
        };
        rows()?.write(&held, folder, &format!("{}.{index}", self.name))
    }

    /// Splits the training rows of a split again: what is chosen by them has not seen the test rows.
    pub fn split_again(&self, index: usize, folder: &Path) -> Result<Split> {
        let rows = Rows::read(&self.split(index, folder)?.train, None)?;
        let held = fifth(rows.records.len(), index as u64);
        rows.write(&held, folder, &format!("{}.{index}.again", self.name))
    }

    fn published_splits(&self) -> PathBuf {
        Path::new(FOLDER).join("splits").join(&self.name)
    }
}

fn is_split(file: &std::fs::DirEntry) -> bool {
    file.file_name().to_string_lossy().starts_with("test_")
}

/// A random fifth of so many rows.
fn fifth(rows: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..rows).collect();
    let mut state = 0x5155_414c_4954_5921u64.wrapping_add(seed);
    for i in (1..order.len()).rev() {
        // splitmix64
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        order.swap(i, ((z ^ (z >> 31)) % (i as u64 + 1)) as usize);
    }
    order.truncate(rows / 5);
    order
}

struct Rows {
    header: csv::StringRecord,
    records: Vec<csv::StringRecord>,
}

impl Rows {
    fn read(file: &Path, logarithm: Option<&str>) -> Result<Rows> {
        let mut reader = csv::Reader::from_path(file).with_context(|| file.display().to_string())?;
        let header = reader.headers()?.clone();
        let column = logarithm.and_then(|name| header.iter().position(|h| h == name));
        let cell = |(at, text): (usize, &str)| {
            Ok(if Some(at) == column { text.parse::<f64>()?.ln().to_string() } else { text.to_string() })
        };
        let records = reader.records().map(|record| record?.iter().enumerate().map(cell).collect());
        Ok(Rows { records: records.collect::<Result<_>>()?, header })
    }

    fn write(&self, held: &[usize], folder: &Path, name: &str) -> Result<Split> {
        let rows = self.records.len();
        ensure!(held.iter().all(|&row| row < rows), "{name}: a split names a row beyond the last of {rows}");
        let part = |part: &str, test: bool| -> Result<PathBuf> {
            let path = folder.join(format!("{name}.{part}.csv"));
            let mut writer = csv::Writer::from_path(&path)?;
            writer.write_record(&self.header)?;
            let mut in_test = vec![false; rows];
            held.iter().for_each(|&row| in_test[row] = true);
            for (record, _) in self.records.iter().zip(in_test).filter(|(_, held)| *held == test) {
                writer.write_record(record)?;
            }
            writer.flush()?;
            Ok(path)
        };
        Ok(Split { train: part("train", false)?, test: part("test", true)? })
    }
}
