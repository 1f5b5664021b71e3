//! [`Sheet`]: several charts side by side.

use super::chart::Chart;
use super::{PlotError, render};
use crate::Theme;

/// Several charts in a grid under one title.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sheet {
    /// What the whole shows.
    pub title: String,
    /// What else is to be said, in sentences.
    pub subtitle: String,
    /// The charts, row by row.
    pub charts: Vec<Chart>,
    /// How many charts stand side by side; at least 1.
    pub columns: usize,
}

impl Sheet {
    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.charts.len().div_ceil(self.columns.max(1))
    }

    /// A fitting size in pixels when each chart is to have `size`.
    pub fn size(&self, size: (u32, u32)) -> (u32, u32) {
        (size.0 * self.columns.max(1) as u32, size.1 * self.rows().max(1) as u32 + 60)
    }

    /// The sheet as an SVG document of `size` (width, height) in pixels.
    pub fn svg(&self, size: (u32, u32), theme: Theme) -> Result<String, PlotError> {
        render::document(size, theme, &self.title, &self.describe(), |canvas, area| render::sheet(self, canvas, area))
    }

    /// The text twin of the picture: what every chart shows, in sentences.
    pub fn describe(&self) -> String {
        let charts = self.charts.iter().map(Chart::describe);
        let own = [self.title.as_str(), self.subtitle.as_str()].into_iter().filter(|part| !part.is_empty());
        own.map(|part| format!("{}.", part.trim_end_matches('.'))).chain(charts).collect::<Vec<_>>().join("\n")
    }
}
