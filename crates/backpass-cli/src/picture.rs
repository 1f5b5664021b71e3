//! Pictures of views, in the form that the file's name asks for.

use std::io::IsTerminal;
use std::path::Path;

use backpass::view::View;
use backpass_draw::svg::{SvgOptions, svg};
use backpass_draw::theme::Theme;
use backpass_draw::{dot, html, png, tex, text};
use backpass_tabular::write_file;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::exit::{Exit, Failure};

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
    #[arg(long, value_name = "light|dark|auto", default_value = "auto", hide_possible_values = true, value_parser = theme())]
    pub theme: Theme,

    /// The width of a .png in pixels; by default twice the size of the drawing
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(16..=20_000))]
    pub width: Option<u32>,
}

/// The most nodes of a picture: laying out more takes long, and nobody could read it.
const MOST_NODES: usize = 1500;

fn theme() -> impl TypedValueParser<Value = Theme> {
    let names = Theme::NAMES.map(|(name, _)| name);
    let find = |name: String| Theme::NAMES.iter().find(|(n, _)| *n == name).map(|(_, theme)| *theme).ok_or("unknown");
    PossibleValuesParser::new(names).try_map(find)
}

impl Picture {
    /// Draws a view to the file, if one is asked for.
    pub fn draw(&self, view: &View, digits: usize) -> Result<(), Failure> {
        let Some(path) = &self.output else { return Ok(()) };
        if view.nodes.len() > MOST_NODES && extension(path) != "txt" {
            let nodes = view.nodes.len();
            let message = format!("a picture of {nodes} nodes is too large, at most {MOST_NODES} are drawn");
            return Err(Failure::new(
                Exit::Usage,
                format!("{message}\nhelp: fold it with --level layer, or write a .txt"),
            ));
        }
        let options = SvgOptions { digits, theme: self.theme, ..SvgOptions::default() };
        let words = text::Options { digits, ..text::Options::default() };
        match extension(path).as_str() {
            "html" | "htm" => self.write(path, html(view, &options).as_bytes()),
            "dot" | "gv" => self.write(path, dot(view, &options).as_bytes()),
            "tex" => self.write(path, tex(view, &options).as_bytes()),
            "txt" => self.write(
                path,
                if view.nodes.iter().all(|node| node.value.is_none()) {
                    text::outline(view)
                } else {
                    text::table(view, &words)
                }
                .as_bytes(),
            ),
            _ => self.vector(&svg(view, &options), "svg, .png, .html, .dot, .tex or .txt"),
        }
    }

    /// Writes an SVG to the file, as it is or as pixels.
    pub fn vector(&self, svg: &str, possible: &str) -> Result<(), Failure> {
        let Some(path) = &self.output else { return Ok(()) };
        match extension(path).as_str() {
            "svg" => self.write(path, svg.as_bytes()),
            "png" => {
                let pixels = png(svg, self.width, 2.0).map_err(|e| Failure::new(Exit::Internal, e.to_string()))?;
                self.write(path, &pixels)
            }
            _ => {
                let found = path.display();
                let message = format!("{found}: this ending says no kind of picture\nhelp: use .{possible}");
                Err(Failure::new(Exit::Usage, message))
            }
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
