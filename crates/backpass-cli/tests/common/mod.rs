//! What all tests of the program share.
#![allow(dead_code, reason = "no test uses all of it")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A folder of its own for a test, in which the program runs.
pub struct Folder(TempDir);

/// How a run of the program ended.
#[derive(Debug)]
pub struct Run {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Folder {
    pub fn new() -> Folder {
        Folder(TempDir::new().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    /// The names of all files.
    pub fn files(&self) -> Vec<String> {
        let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        let mut names: Vec<String> = std::fs::read_dir(self.0.path()).unwrap().map(name).collect();
        names.sort();
        names
    }

    /// The program with arguments separated by spaces.
    pub fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("backpass"));
        command.args(arguments.split_whitespace()).current_dir(self.0.path()).env_remove("NO_COLOR");
        command
    }

    pub fn run(&self, arguments: &str) -> Run {
        self.run_with_input(arguments, "")
    }

    pub fn run_with_input(&self, arguments: &str, input: impl Into<Vec<u8>>) -> Run {
        let mut command = assert_cmd::Command::from_std(self.command(arguments));
        let output = command.write_stdin(input).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Run { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Runs what must succeed and gives its standard output.
    #[track_caller]
    pub fn ok(&self, arguments: &str) -> String {
        let run = self.run(arguments);
        assert_eq!(run.code, Some(0), "{arguments}\n{run:#?}");
        run.stdout
    }

    /// Runs what must print one JSON document.
    #[track_caller]
    pub fn json(&self, arguments: &str) -> Value {
        serde_json::from_str(&self.ok(arguments)).unwrap()
    }

    /// Runs what must fail with a code, with every part in the message and nothing on standard output.
    #[track_caller]
    pub fn fails(&self, arguments: &str, code: i32, parts: &[&str]) {
        let run = self.run(arguments);
        assert_eq!(run.code, Some(code), "{arguments}\n{run:#?}");
        assert_eq!(run.stdout, "", "{arguments}");
        assert!(!run.stderr.contains("panicked"), "{arguments}\n{}", run.stderr);
        for part in parts {
            assert!(run.stderr.contains(part), "{arguments}: no {part:?} in\n{}", run.stderr);
        }
    }

    pub fn spawn(&self, arguments: &str) -> Child {
        let mut command = self.command(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// A data set of two moons and a small model of it.
    pub fn with_model() -> Folder {
        let folder = Folder::new();
        folder.ok("generate moons --rows 200 -o moons.csv");
        folder.ok(&format!("train moons.csv --target class -o moons.backpass {SMALL}"));
        folder
    }
}

/// Options for a network that is trained at once.
pub const SMALL: &str = "--hidden 8 --epochs 20 --learning-rate 0.03";

/// Real tables, which not every checkout has.
pub fn shared_data(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(name);
    if !path.exists() {
        eprintln!("skipped: {} is not there", path.display());
        return None;
    }
    path.canonicalize().ok()
}

/// A table of eight numbers and four classes that they decide.
pub fn eight_columns() -> String {
    let mut csv = "a,b,c,d,e,f,g,h,kind\n".to_string();
    for row in 0..200u32 {
        let cells: Vec<f64> =
            (0..8).map(|column| f64::from((row * 37 + column * 11 + row * column) % 100) / 10.0).collect();
        let class = ["north", "east", "south", "west"][usize::from(cells[0] > 5.0) * 2 + usize::from(cells[1] > 5.0)];
        csv += &cells.iter().map(f64::to_string).collect::<Vec<_>>().join(",");
        csv += &format!(",{class}\n");
    }
    csv
}
