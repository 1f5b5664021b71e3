//! Plots of numbers: curves with their axes and names, maps with their borders, and sheets of both.
//!
//! Plain data goes in, SVG text comes out. [`Chart`] and [`Sheet`] draw anything; the functions beside them make the
//! charts of this project: an activation, learning curves, the border between classes, ranges under initialisations.

mod activation;
mod axis;
mod boundary;
mod chart;
pub mod contour;
mod history;
mod key;
mod paint;
mod ranges;
mod render;
mod shapes;
mod sheet;
mod surfaces;

use backpass::autodiff::DifferentiateError;
use backpass::interpret::InterpretError;

pub use activation::{activation, activations};
pub use axis::{Axis, Scale};
pub use boundary::{MOST_NEURONS, boundary, neurons, profile};
pub use chart::{Chart, Colour, Mark, Series, Shade, ShadeKey, Shape, Tint};
pub use history::{Training, learning_curves};
pub use ranges::init_ranges;
pub use sheet::Sheet;
pub use surfaces::surfaces;

/// Why a plot cannot be drawn.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PlotError {
    /// A picture too small for its titles, labels and axes.
    #[error("{width}×{height} pixels are too few for this plot\nhelp: give at least {least_width}×{least_height}")]
    TooSmall {
        /// Its width.
        width: u32,
        /// Its height.
        height: u32,
        /// The width that would do.
        least_width: u32,
        /// The height that would do.
        least_height: u32,
    },
    /// A picture whose coordinates no longer fit.
    #[error("{width}×{height} pixels are too many for a plot\nhelp: give at most {MOST_PIXELS} each way")]
    TooLarge {
        /// Its width.
        width: u32,
        /// Its height.
        height: u32,
    },
    /// A range from which no axis can be made.
    #[error(
        "the axis `{axis}` cannot run from {low} to {high}\n\
         help: give two different finite numbers, the smaller one first; both above 0 on a logarithmic axis"
    )]
    Range {
        /// The label of the axis.
        axis: String,
        /// Its lower end.
        low: f64,
        /// Its upper end.
        high: f64,
    },
    /// A derivative that the engine cannot build.
    #[error(transparent)]
    Differentiate(#[from] DifferentiateError),
    /// Values that the engine cannot compute.
    #[error(transparent)]
    Interpret(#[from] InterpretError),
    /// The plotting library refused.
    #[error("drawing failed: {0}")]
    Backend(String),
}

/// The largest width or height of a plot.
const MOST_PIXELS: u32 = 20_000;
