//! `cargo xtask guide`: runs every command of the user guide and compares what it prints and draws with what the page shows.
//!
//! A block marked `sh` holds commands, and a block marked `text` right after it what they print. In it a line `…` stands
//! for any lines, and `…` inside a line for any text. A line `# exit 5` in a block of commands says that its last command
//! ends with that code. The commands of a page run in its order, in a folder of their own with a copy of `data/`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::shell::binary;

const FOLDER: &str = "guide";
const PICTURES: &str = "pictures";

/// Commands with what they must print.
struct Block {
    /// The line in the page at which the commands begin, from 1.
    line: usize,
    commands: String,
    exit: i32,
    /// Where nothing is shown, anything may be printed.
    output: Option<Vec<String>>,
}

/// Runs all pages; with `update`, pictures are written instead of compared.
pub fn run(update: bool) -> Result<()> {
    let binary = binary()?;
    let mut problems = Vec::new();
    for page in pages()? {
        let text = fs::read_to_string(&page)?;
        let before = problems.len();
        check(&page, &text, &binary, update, &mut problems).with_context(|| page.display().to_string())?;
        eprintln!("   {}: {}", page.display(), if problems.len() == before { "ok" } else { "different" });
    }
    ensure!(problems.is_empty(), "{}", problems.join("\n\n"));
    Ok(())
}

fn pages() -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(FOLDER).with_context(|| FOLDER.to_string())?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()?;
    let mut pages: Vec<PathBuf> = paths.into_iter().filter(|p| p.extension().is_some_and(|e| e == "md")).collect();
    pages.sort();
    Ok(pages)
}

fn check(page: &Path, text: &str, binary: &Path, update: bool, problems: &mut Vec<String>) -> Result<()> {
    let folder = std::env::temp_dir().join(format!("backpass-guide-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(folder.join(PICTURES))?;
    fs::create_dir(folder.join("data"))?;
    for entry in fs::read_dir("data")? {
        let entry = entry?;
        fs::copy(entry.path(), folder.join("data").join(entry.file_name()))?;
    }
    for block in blocks(text)? {
        let place = format!("{}:{}", page.display(), block.line);
        let (exit, output) = execute(&block.commands, &folder, binary)?;
        if exit != block.exit {
            problems.push(format!("{place}: exit code {exit} instead of {}\n{output}", block.exit));
            break;
        }
        let Some(expected) = block.output else { continue };
        let found: Vec<&str> = output.lines().map(str::trim_end).collect();
        let expected: Vec<&str> = expected.iter().map(|line| line.trim_end()).collect();
        let reached = matched(&expected, &found);
        if reached < expected.len() || !matches_all(&expected, &found) {
            let line = expected.get(reached).unwrap_or(&"(the end)");
            problems.push(format!("{place}: expected the line\n  {line}\nthe commands print\n{output}"));
        }
    }
    let trained = ["backpass train ", "backpass approximate "].iter().any(|command| text.contains(command));
    for name in pictures(text) {
        let (drawn, kept) = (folder.join(PICTURES).join(&name), Path::new(FOLDER).join(PICTURES).join(&name));
        let Ok(bytes) = fs::read(&drawn) else {
            problems.push(format!("{}: no command writes {PICTURES}/{name}", page.display()));
            continue;
        };
        if update {
            fs::create_dir_all(Path::new(FOLDER).join(PICTURES))?;
            fs::write(&kept, bytes)?;
        } else if !fs::read(&kept).is_ok_and(|kept| alike(&kept, &bytes, trained)) {
            let help = "look at what `cargo xtask guide --update` makes of it";
            problems.push(format!("{}: {PICTURES}/{name} is drawn differently now\nhelp: {help}", page.display()));
        }
    }
    fs::remove_dir_all(&folder)?;
    Ok(())
}

/// The exit code, and both streams in the order of writing.
fn execute(commands: &str, folder: &Path, binary: &Path) -> Result<(i32, String)> {
    let mut path = binary.parent().unwrap_or(Path::new(".")).as_os_str().to_owned();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let script = format!("exec 2>&1\nset -e\n{commands}");
    let mut command = Command::new("sh");
    command.args(["-c", &script]).current_dir(folder).env("PATH", path).env("NO_COLOR", "1");
    let output = command.output().context("cannot start sh")?;
    Ok((output.status.code().unwrap_or(-1), String::from_utf8(output.stdout)?))
}

/// The blocks of commands of a page.
fn blocks(text: &str) -> Result<Vec<Block>> {
    let lines: Vec<&str> = text.lines().collect();
    let mut blocks: Vec<Block> = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let (start, kind) = (at + 1, lines[at]);
        at += 1;
        let Some(kind) = kind.strip_prefix("```") else { continue };
        let Some(length) = lines[start..].iter().position(|line| *line == "```") else {
            bail!("line {start}: the block does not end");
        };
        let body = &lines[start..start + length];
        at = start + length + 1;
        match (kind, blocks.last_mut()) {
            ("sh", _) => {
                let exit = body.iter().find_map(|line| line.strip_prefix("# exit ")).unwrap_or("0");
                let exit = exit.trim().parse().with_context(|| format!("line {start}: `# exit {exit}`"))?;
                blocks.push(Block { line: start, commands: body.join("\n"), exit, output: None });
            }
            ("text", Some(last)) if follows(&lines, last.line, start) => {
                last.output = Some(body.iter().map(ToString::to_string).collect());
            }
            _ => {}
        }
    }
    Ok(blocks)
}

/// Whether nothing but empty lines lies between the commands that begin at one line and the block that begins at another.
fn follows(lines: &[&str], commands: usize, output: usize) -> bool {
    let Some(length) = lines[commands..].iter().position(|line| *line == "```") else { return false };
    lines[commands + length + 1..output - 1].iter().all(|line| line.is_empty())
}

/// Whether two pictures show the same. Trained weights may differ in their last bits between processors, and then so do
/// coordinates: there every word and the amount of what is drawn must agree, elsewhere every byte.
fn alike(kept: &[u8], drawn: &[u8], trained: bool) -> bool {
    let words = |svg: &[u8]| -> Vec<String> {
        let text = String::from_utf8_lossy(svg);
        let spoken = text.split('<').filter_map(|piece| piece.split_once('>')).map(|(_, spoken)| spoken.trim());
        let words = spoken.filter(|word| !word.is_empty() && !word.contains(|c: char| c.is_ascii_digit()));
        words.map(str::to_string).collect()
    };
    let close = kept.len().abs_diff(drawn.len()) * 10 <= kept.len();
    kept == drawn || trained && close && words(kept) == words(drawn)
}

/// The pictures that a page shows.
fn pictures(text: &str) -> Vec<String> {
    let start = format!("]({PICTURES}/");
    text.split(&start).skip(1).filter_map(|rest| rest.split(')').next()).map(str::to_string).collect()
}

/// Whether lines are as expected, where `…` stands for any lines.
fn matches_all(expected: &[&str], found: &[&str]) -> bool {
    match (expected, found) {
        ([], []) => true,
        (["…", rest @ ..], _) => (0..=found.len()).any(|skipped| matches_all(rest, &found[skipped..])),
        ([line, rest @ ..], [first, after @ ..]) => fits(line, first) && matches_all(rest, after),
        _ => false,
    }
}

/// How many of the expected lines can be found, one after the other.
fn matched(expected: &[&str], found: &[&str]) -> usize {
    (0..=expected.len())
        .rev()
        .find(|&n| {
            let mut start = expected[..n].to_vec();
            start.push("…");
            matches_all(&start, found)
        })
        .unwrap_or(0)
}

/// Whether a line is as expected, where `…` stands for any text.
fn fits(expected: &str, found: &str) -> bool {
    let Some((first, rest)) = expected.split_once('…') else { return expected == found };
    let Some(mut found) = found.strip_prefix(first) else { return false };
    let parts: Vec<&str> = rest.split('…').collect();
    let Some((last, middle)) = parts.split_last() else { return false };
    for part in middle {
        match found.split_once(part) {
            Some((_, after)) => found = after,
            None => return false,
        }
    }
    found.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_stand_for_text_and_for_lines() {
        assert!(fits("a … c", "a b c") && fits("…", "") && fits("loss … at epoch …", "loss 0.1 at epoch 7"));
        assert!(!fits("a … c", "a b d") && !fits("a", "ab"));
        assert!(matches_all(&["a", "…", "d"], &["a", "b", "c", "d"]) && matches_all(&["…"], &[]));
        assert!(!matches_all(&["a", "…", "d"], &["a", "b"]) && !matches_all(&["a"], &["a", "b"]));
        assert_eq!(matched(&["a", "x", "c"], &["a", "b", "c"]), 1);
    }

    #[test]
    fn blocks_have_their_commands_exit_code_and_output() {
        let page = "Text\n```sh\n# exit 5\nbackpass train\n```\n\n```text\ndiverged\n```\nmore\n```text\nother\n```\n";
        let blocks = blocks(page).unwrap();
        assert_eq!((blocks.len(), blocks[0].line, blocks[0].exit), (1, 2, 5));
        assert_eq!(blocks[0].output, Some(vec!["diverged".to_string()]));
        assert_eq!(pictures("![a](pictures/a.svg) and ![b](pictures/b.svg)"), ["a.svg", "b.svg"]);
    }
}
