//! Signals, crashes, closed pipes and full disks.
#![cfg(unix)]

mod common;

use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use common::{Folder, SMALL};

const ENDLESS: &str = "train moons.csv --target class --epochs 1000000 --patience 0 --hidden 8 -o m.backpass";

fn send(signal: &str, child: &Child) {
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
}

/// Sends a signal while training is under way.
fn interrupted(folder: &Folder, signal: &str) -> (Option<i32>, String) {
    let mut child = folder.spawn(&format!("{ENDLESS} --events --force"));
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("\"epoch\":1"));
    send(signal, &child);
    let last = lines.map(Result::unwrap).last().unwrap();
    (child.wait().unwrap().code(), last)
}

#[test]
fn a_signal_ends_training_with_the_best_model_so_far() {
    let folder = Folder::new();
    folder.ok("generate moons --rows 200 -o moons.csv");
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let (found, last) = interrupted(&folder, signal);
        assert_eq!(found, Some(code));
        let summary: serde_json::Value = serde_json::from_str(&last).unwrap();
        assert_eq!(summary["stop_reason"], "interrupted");
        assert_eq!(folder.json("inspect m.backpass --json")["model_hash"], summary["model_hash"]);
        folder.ok("predict m.backpass moons.csv");
        std::fs::remove_file(folder.path("m.backpass")).unwrap();
    }
}

#[test]
fn a_kill_leaves_the_old_file_or_none() {
    let folder = Folder::new();
    folder.ok("generate moons --rows 200 -o moons.csv");
    // Much to write and little to train, so that some kills hit the writing.
    let train = "train moons.csv --target class --hidden 1500,1500 --epochs 1 --batch-size full -o m.backpass --force";
    let start = Instant::now();
    folder.ok(&format!("{train} --seed 1"));
    let whole = start.elapsed();
    for moment in 0..16 {
        if moment == 8 {
            std::fs::remove_file(folder.path("m.backpass")).ok();
        }
        let mut child = folder.spawn(&format!("{train} --seed {moment}"));
        sleep(whole * (moment % 8 + 2) / 10);
        child.kill().unwrap();
        child.wait().unwrap();
        let there = folder.path("m.backpass").exists();
        assert!(there || moment >= 8, "the old file is gone");
        if there {
            folder.ok("inspect m.backpass");
        }
        let known =
            |name: &String| ["moons.csv", "m.backpass"].contains(&name.as_str()) || name.starts_with(".backpass-");
        assert!(folder.files().iter().all(known), "{:?}", folder.files());
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let folder = Folder::with_model();
    folder.ok("generate moons --rows 20000 -o many.csv");
    for arguments in
        ["predict moons.backpass many.csv --probabilities", "generate moons --rows 100000", "completions zsh"]
    {
        let mut child = folder.spawn(arguments);
        let mut first = [0; 1];
        child.stdout.take().unwrap().read_exact(&mut first).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0), "{arguments}");
    }
}

#[test]
fn training_goes_on_when_nobody_listens() {
    let folder = Folder::new();
    folder.ok("generate moons --rows 200 -o moons.csv");
    let mut child = folder.spawn(&format!("train moons.csv --target class -o model.backpass {SMALL}"));
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    folder.ok("inspect model.backpass");
}

#[test]
fn a_full_disk_is_reported() {
    let folder = Folder::with_model();
    for arguments in ["predict moons.backpass moons.csv", "inspect moons.backpass", "generate moons", "man"] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let output = folder.command(arguments).stdout(full).stderr(Stdio::piped()).output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(6), "{arguments}: {message}");
        assert!(message.contains("No space left"), "{message}");
    }
    let disk = folder.path("disk");
    std::fs::create_dir(&disk).unwrap();
    let mount = ["-t", "tmpfs", "-o", "size=8k", "tmpfs"];
    let mounted = Command::new("mount").args(mount).arg(&disk).stderr(Stdio::null()).status();
    if !mounted.is_ok_and(|status| status.success()) {
        eprintln!("skipped: no disk can be mounted here");
        return;
    }
    let run = folder.run("train moons.csv --target class --hidden 100,100 --epochs 1 -o disk/m.backpass");
    let left = std::fs::read_dir(&disk).unwrap().count();
    assert!(Command::new("umount").arg(&disk).status().unwrap().success());
    assert_eq!((run.code, left), (Some(6), 0), "{run:#?}");
    assert!(run.stderr.contains("No space left"), "{run:#?}");
}

#[test]
fn a_second_signal_ends_the_program_at_once() {
    let folder = Folder::new();
    folder.ok("generate moons --rows 200 -o moons.csv");
    let mut child = folder.spawn(&format!("{ENDLESS} --events"));
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.next().unwrap().unwrap();
    // Either the first signal has already ended it, or the second one does.
    for _ in 0..2 {
        Command::new("kill").args(["-INT", &child.id().to_string()]).stderr(Stdio::null()).status().unwrap();
        sleep(Duration::from_millis(1));
    }
    lines.for_each(drop);
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn what_is_written_has_the_usual_permissions() {
    let folder = Folder::with_model();
    folder.write("plain", "");
    let mode = |name: &str| folder.path(name).metadata().unwrap().permissions().mode();
    assert_eq!(mode("moons.backpass"), mode("plain"));
}
