//! Pictures: of views of graphs and networks, and plots.

pub mod dot;
pub mod font;
pub mod html;
mod layout;
pub mod number;
pub mod plot;
pub mod png;
mod repeat;
#[cfg(test)]
mod samples;
pub mod svg;
pub mod tex;
pub mod text;
pub mod theme;
mod tree;
mod worksheet;

pub use dot::dot;
pub use html::html;
pub use layout::Direction;
pub use png::png;
pub use repeat::repeat_given;
pub use svg::{SvgOptions, svg};
pub use tex::tex;
pub use theme::Theme;
