//! Colours, each in a light and a dark form.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Write as _;

use plotters::style::RGBColor;

use crate::Theme;
use crate::theme::{DARK, LIGHT};

/// One colour in both forms, `0xRRGGBB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Paint {
    light: u32,
    dark: u32,
}

/// What lies behind everything.
pub(super) const BACKGROUND: Paint = paint(LIGHT.page, DARK.page);
/// Titles.
pub(super) const INK: Paint = paint(LIGHT.ink, DARK.ink);
/// Everything that is read second.
pub(super) const MUTED: Paint = paint(LIGHT.quiet, DARK.quiet);
/// The lines of an axis.
pub(super) const AXIS: Paint = paint(LIGHT.line, DARK.line);
/// The lines behind the data, as a share of those of an axis.
pub(super) const GRID: f64 = 0.15;

/// The colour of series number `index`.
pub(super) fn series(index: usize) -> Paint {
    paint(LIGHT.series[index % LIGHT.series.len()], DARK.series[index % DARK.series.len()])
}

/// A colour from its two forms `#rrggbb`.
const fn paint(light: &str, dark: &str) -> Paint {
    Paint { light: number(light), dark: number(dark) }
}

const fn number(colour: &str) -> u32 {
    match u32::from_str_radix(colour.split_at(1).1, 16) {
        Ok(number) => number,
        Err(_) => 0,
    }
}

impl Paint {
    /// This colour thinned with the background: 0 gives the background, 1 the colour.
    pub fn tint(self, strength: f64) -> Paint {
        let mixed = |page, colour| mix(page, colour, strength);
        Paint { light: mixed(BACKGROUND.light, self.light), dark: mixed(BACKGROUND.dark, self.dark) }
    }
}

fn mix(from: u32, to: u32, share: f64) -> u32 {
    [16, 8, 0].into_iter().fold(0, |colour, shift| {
        let channel = |of: u32| f64::from((of >> shift) & 0xFF);
        colour | ((channel(from) + share * (channel(to) - channel(from))).round() as u32) << shift
    })
}

/// Gives out colours for one picture and remembers them.
pub(super) struct Paints {
    theme: Theme,
    used: RefCell<BTreeSet<Paint>>,
}

impl Paints {
    pub fn new(theme: Theme) -> Self {
        Paints { theme, used: RefCell::default() }
    }

    /// The colour to draw with.
    pub fn colour(&self, paint: Paint) -> RGBColor {
        self.used.borrow_mut().insert(paint);
        let rgb = if self.theme == Theme::Dark { paint.dark } else { paint.light };
        RGBColor((rgb >> 16) as u8, (rgb >> 8) as u8, rgb as u8)
    }

    /// The style sheet that turns every colour given out into its dark form where the viewer prefers it.
    pub fn style(&self) -> String {
        if self.theme != Theme::Auto {
            return String::new();
        }
        let mut rules = String::new();
        for Paint { light, dark } in self.used.borrow().iter() {
            for property in ["fill", "stroke"] {
                let _ = write!(rules, ".plot [{property}=\"#{light:06X}\"]{{{property}:#{dark:06X}}}");
            }
        }
        format!("<style>@media (prefers-color-scheme:dark){{{rules}}}</style>\n")
    }
}
