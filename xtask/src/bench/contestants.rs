//! Processes that run cases: each takes its number of threads when it starts, then one JSON document a line on standard
//! input, and answers each with a line.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread::available_parallelism;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::section::{Request, Section};
use crate::shell::{self, python, run};

/// glibc's malloc keeps freed memory when told so; engines that allocate for every operator are far faster then.
const KEEP_MEMORY: &[(&str, &str)] =
    &[("MALLOC_MMAP_MAX_", "0"), ("MALLOC_TRIM_THRESHOLD_", "68719476736"), ("MALLOC_TOP_PAD_", "67108864")];

/// Programs and folders.
pub struct Places {
    /// Python in an environment of its own.
    pub python: PathBuf,
    /// The peers in Rust.
    peers: PathBuf,
    /// backpass as a contestant.
    contestant: PathBuf,
    /// The command line.
    pub backpass: PathBuf,
    /// Where everything goes that is not kept.
    pub folder: PathBuf,
    /// The four files of MNIST.
    pub mnist: PathBuf,
}

impl Places {
    /// Installs the peers in Python, and builds those in Rust and backpass.
    pub fn prepare(mnist: PathBuf) -> Result<Places> {
        let folder = shell::target().join("bench");
        std::fs::create_dir_all(folder.join("out"))?;
        std::fs::create_dir_all(folder.join("models"))?;
        let python = python(&folder.join("venv"), "bench/requirements.txt")?;
        eprintln!("building the peers in Rust and backpass");
        let target = folder.join("peers");
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--release", "--quiet", "--locked", "--manifest-path", "bench/peers/Cargo.toml"]);
        run(build.arg("--target-dir").arg(&target).env("RUSTFLAGS", "-C target-cpu=native"))?;
        shell::cargo(&["build", "--release", "--quiet", "--package", "backpass", "--example", "contestant"])?;
        Ok(Places {
            python,
            peers: target.join("release").join("peers"),
            contestant: shell::target().join("release").join("examples").join("contestant"),
            backpass: shell::binary()?,
            folder,
            mnist,
        })
    }

    /// A command line of `jobs`: words, some of which name a place.
    pub fn command(&self, line: &str) -> Command {
        let mut words = line.split_whitespace().map(|word| self.fill(word));
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words);
        command
    }

    /// A word with the places it names.
    pub fn fill(&self, word: &str) -> String {
        let out = self.folder.join("out");
        let places = [
            ("{python}", &self.python),
            ("{backpass}", &self.backpass),
            ("{mnist}", &self.mnist),
            ("{out}", &out),
            ("{scripts}", &PathBuf::from("bench/python")),
        ];
        places.iter().fold(word.to_string(), |word, (name, place)| word.replace(name, &place.display().to_string()))
    }
}

/// Writes the networks of a section's predictions as ONNX files.
pub fn write_models(section: &Section, places: &Places) -> Result<()> {
    let nets = section.case.iter().map(|case| &case.request).filter(|request| request.work == "inference");
    let sizes: BTreeSet<String> =
        nets.map(|r| r.layers.iter().map(usize::to_string).collect::<Vec<_>>().join("-")).collect();
    if sizes.is_empty() {
        return Ok(());
    }
    run(Command::new(&places.python).arg("bench/python/write_onnx.py").arg(places.folder.join("models")).args(sizes))
}

/// A process that waits for cases.
pub struct Contestant {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Contestant {
    pub fn start(name: &str, threads: usize, places: &Places) -> Result<Contestant> {
        let (program, words): (&PathBuf, &[&str]) = match name {
            "backpass" => (&places.contestant, &[]),
            "burn" => (&places.peers, &["burn"]),
            "candle" => (&places.peers, &["candle"]),
            "tract" => (&places.peers, &["tract"]),
            "CasADi" => (&places.python, &["bench/python/peer_casadi.py", "vm"]),
            "JAX jit" => (&places.python, &["bench/python/peer_jax.py", "jit"]),
            "JAX scan" => (&places.python, &["bench/python/peer_jax.py", "scan"]),
            "ONNX Runtime" => (&places.python, &["bench/python/peer_onnxruntime.py", "run"]),
            "PyTorch compile" => (&places.python, &["bench/python/peer_torch.py", "compile"]),
            "PyTorch eager" => (&places.python, &["bench/python/peer_torch.py", "eager"]),
            "scikit-learn" => (&places.python, &["bench/python/peer_sklearn.py", "fit"]),
            _ => bail!("there is no contestant `{name}`"),
        };
        // One thread means one core, also for engines that take what they find.
        let last = (available_parallelism()?.get() - 1).to_string();
        let mut command = if threads == 1 { Command::new("taskset") } else { Command::new(program) };
        if threads == 1 {
            command.args(["-c", &last]).arg(program);
        }
        command.args(words).arg(threads.to_string()).arg(places.folder.join("models"));
        command.env("RAYON_NUM_THREADS", threads.to_string()).env("OMP_NUM_THREADS", threads.to_string());
        command.env("TORCHINDUCTOR_CACHE_DIR", places.folder.join("inductor"));
        if program == &places.peers {
            command.envs(KEEP_MEMORY.iter().copied());
        }
        let log = std::fs::File::create(places.folder.join(format!("{name} {threads}.log")))?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
        let stdin = child.stdin.take().context("no standard input")?;
        let stdout = BufReader::new(child.stdout.take().context("no standard output")?);
        Ok(Contestant { child, stdin, stdout })
    }

    /// The seconds of one run.
    pub fn ask(&mut self, request: &Request, seconds: f64) -> Result<f64> {
        let mut line = json!(request);
        line["seconds"] = json!(seconds);
        writeln!(self.stdin, "{line}")?;
        let mut answer = String::new();
        self.stdout.read_line(&mut answer)?;
        if answer.is_empty() {
            bail!("it ended ({})", self.child.wait()?);
        }
        let answer: Value = serde_json::from_str(&answer).with_context(|| answer.trim().to_string())?;
        answer["seconds"].as_f64().with_context(|| answer["error"].as_str().unwrap_or("no answer").to_string())
    }
}

impl Drop for Contestant {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
