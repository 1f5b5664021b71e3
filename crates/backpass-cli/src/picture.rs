//! Pictures of views, in the form that the file's name asks for.

use std::io::IsTerminal;
use std::path::Path;

use backpass::view::View;
use backpass_draw::svg::{SvgOptions, svg};
use backpass_draw::theme::Theme;
use backpass_draw::{Direction, dot, html, png, repeat_given, tex, text};
use backpass_tabular::{check_writable, write_file};

use crate::choice::choice;
use crate::exit::Failure;

/// How pictures are made.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Picture")]
pub struct Picture {
    /// The file to draw to: .svg, .png, .html, .dot, .tex or .txt
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<std::path::PathBuf>,

    /// Replace the file if it is there already
    #[arg(long)]
    pub force: bool,

    /// The page it stands on; auto follows the reader's system
    #[arg(long, value_name = "light|dark|auto", default_value = "auto", hide_possible_values = true, value_parser = choice(&Theme::NAMES))]
    pub theme: Theme,

    /// Where values flow in the picture of a graph; by default to the right
    #[arg(long, value_name = "right|down", hide_possible_values = true, value_parser = choice(&Direction::NAMES))]
    pub direction: Option<Direction>,

    /// The width of a .png in pixels; by default twice the size of the drawing
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(16..=16_384))]
    pub width: Option<u32>,
}

/// The most nodes of a picture: laying out more takes long, and nobody could read it.
const MOST_NODES: usize = 1500;

/// The endings of files to which graphs are drawn.
pub const GRAPH: &[&str] = &["svg", "png", "html", "htm", "dot", "gv", "tex", "txt"];
/// The endings of files to which plots are drawn.
pub const PLOT: &[&str] = &["svg", "png"];

impl Picture {
    /// Refuses, before any work is done, a file that cannot be written in the end: one with another ending than these, or
    /// one that is there already.
    pub fn check(&self, endings: &[&str]) -> Result<(), Failure> {
        if self.direction.is_some() && endings != GRAPH {
            return Err(Failure::usage(
                "--direction belongs to the pictures of graphs\nhelp: leave it out, this is a plot",
            ));
        }
        let Some(path) = &self.output else { return Ok(()) };
        if !endings.contains(&extension(path).as_str()) {
            let (path, endings) = (path.display(), endings.join(", ."));
            return Err(Failure::usage(format!("{path}: this ending says no kind of picture\nhelp: use .{endings}")));
        }
        if self.width.is_some() && extension(path) != "png" {
            let message = "--width belongs to a .png: other pictures have no pixels";
            return Err(Failure::usage(format!("{message}\nhelp: leave it out, or name a .png")));
        }
        Ok(check_writable(path, self.force)?)
    }

    /// Draws a view to the file, if one is asked for; [`Picture::check`] with [`GRAPH`] comes first.
    pub fn draw(&self, view: &View, digits: usize) -> Result<(), Failure> {
        let Some(path) = &self.output else { return Ok(()) };
        if view.nodes.len() > MOST_NODES && extension(path) != "txt" {
            let nodes = view.nodes.len();
            let message = format!("a picture of {nodes} nodes is too large, at most {MOST_NODES} are drawn");
            return Err(Failure::usage(format!("{message}\nhelp: fold it with --level layer, or write a .txt")));
        }
        let options = SvgOptions { digits, theme: self.theme, direction: self.direction.unwrap_or_default() };
        let words = text::Options { digits, ..text::Options::default() };
        let drawn = repeat_given(view);
        match extension(path).as_str() {
            "html" | "htm" => self.write(path, html(view, &options).as_bytes()),
            "dot" | "gv" => self.write(path, dot(&drawn, &options).as_bytes()),
            "tex" => self.write(path, tex(&drawn, &options).as_bytes()),
            "txt" if view.nodes.iter().all(|node| node.value.is_none()) => {
                self.write(path, text::outline(view).as_bytes())
            }
            "txt" => self.write(path, text::table(view, &words).as_bytes()),
            _ => self.vector(&svg(&drawn, &options)),
        }
    }

    /// Writes an SVG to the file, as it is or as pixels; [`Picture::check`] comes first.
    pub fn vector(&self, svg: &str) -> Result<(), Failure> {
        let Some(path) = &self.output else { return Ok(()) };
        match extension(path).as_str() {
            "png" => self.write(path, &png(svg, self.width, 2.0).map_err(Failure::usage)?),
            _ => self.write(path, svg.as_bytes()),
        }
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), Failure> {
        Ok(write_file(path, bytes, self.force)?)
    }
}

fn extension(path: &Path) -> String {
    path.extension().map_or(String::new(), |e| e.to_string_lossy().to_lowercase())
}

/// How wide text may be: as wide as the terminal, or as it wants to be where there is none.
pub fn text_width() -> Option<usize> {
    if !std::io::stdout().is_terminal() {
        return None;
    }
    terminal_size::terminal_size().map(|(width, _)| usize::from(width.0))
}
