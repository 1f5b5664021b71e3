//! The machine and the versions.

use std::collections::BTreeMap;
use std::process::Command;
use std::thread::available_parallelism;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::contestants::Places;
use crate::shell::output;

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Environment {
    pub date: String,
    /// The commit of backpass; `+` says that files differ from it.
    pub commit: String,
    pub processor: String,
    pub cores: usize,
    pub gibibytes: f64,
    pub kernel: String,
    /// Instruction set that backpass chose.
    pub instructions: String,
    /// Processes that waited for a core when the run began.
    pub load: String,
    /// By number of threads.
    pub limits: BTreeMap<usize, Limits>,
    pub versions: BTreeMap<String, String>,
}

/// What the machine can do at most, as `backpass bench` measures it.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub struct Limits {
    pub flops_per_second: f64,
    pub bytes_per_second: f64,
}

impl Environment {
    pub fn read(places: &Places) -> Result<Environment> {
        let file = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let field = |path: &str, name: &str| {
            let text = file(path);
            let line = text.lines().find(|line| line.starts_with(name)).and_then(|line| line.split_once(':'));
            line.map_or_else(|| "unknown".to_string(), |(_, value)| value.trim().to_string())
        };
        let memory = field("/proc/meminfo", "MemTotal");
        let kibibytes: f64 = memory.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0.0);
        let said =
            |program: &str, args: &[&str]| output(Command::new(program).args(args)).map(|s| s.trim().to_string());
        let changed = !said("git", &["status", "--porcelain"])?.is_empty();
        let commit = said("git", &["rev-parse", "--short", "HEAD"])? + if changed { "+" } else { "" };
        let mut versions = BTreeMap::from([("rustc".to_string(), said("rustc", &["--version"])?)]);
        versions.insert("python".to_string(), said(&places.python.display().to_string(), &["--version"])?);
        let pinned = file("bench/requirements.txt");
        let manifest: toml::Table = toml::from_str(&file("bench/peers/Cargo.toml"))?;
        let crates = manifest.get("dependencies").and_then(toml::Value::as_table).into_iter().flatten();
        let crates = crates.filter_map(|(name, value)| {
            let version = value.as_str().or_else(|| value.get("version")?.as_str())?;
            Some((name.clone(), version.strip_prefix('=')?.to_string()))
        });
        let packages = pinned.lines().filter_map(|line| line.split_once("=="));
        versions.extend(packages.map(|(name, version)| (name.to_string(), version.to_string())).chain(crates));
        let mut environment = Environment {
            date: said("date", &["-u", "+%F"])?,
            commit,
            processor: field("/proc/cpuinfo", "model name"),
            cores: available_parallelism()?.get(),
            gibibytes: (kibibytes / 1024.0 / 1024.0).round(),
            kernel: file("/proc/sys/kernel/osrelease").trim().to_string(),
            load: file("/proc/loadavg").split(' ').next().unwrap_or_default().to_string(),
            versions,
            ..Environment::default()
        };
        for threads in environment.thread_counts() {
            let mut bench = Command::new(&places.backpass);
            bench.args([
                "bench",
                "--layers",
                "2,8,1",
                "--batch",
                "10",
                "--predict",
                "1",
                "--seconds",
                "0.01",
                "--json",
            ]);
            let document: Value =
                serde_json::from_str(&output(bench.args(["--quiet", "--threads", &threads.to_string()]))?)?;
            let machine = &document["machine"];
            let number = |name: &str| machine[name].as_f64().unwrap_or(f64::NAN);
            environment.instructions = machine["instructions"].as_str().unwrap_or_default().to_string();
            let limits = Limits {
                flops_per_second: number("peak_flops_per_second"),
                bytes_per_second: number("copy_bytes_per_second"),
            };
            environment.limits.insert(threads, limits);
        }
        Ok(environment)
    }

    /// One thread, and all.
    pub fn thread_counts(&self) -> Vec<usize> {
        if self.cores > 1 { vec![1, self.cores] } else { vec![1] }
    }
}
