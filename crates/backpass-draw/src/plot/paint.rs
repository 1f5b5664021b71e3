//! Colours, each in a light and a dark form.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Write as _;

use plotters::style::RGBColor;

use crate::Theme;

/// One colour in both forms, `0xRRGGBB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Paint {
    light: u32,
    dark: u32,
}

const fn paint(light: u32, dark: u32) -> Paint {
    Paint { light, dark }
}

/// What lies behind everything.
pub(super) const BACKGROUND: Paint = paint(0xFFFFFF, 0x15181C);
/// Titles.
pub(super) const INK: Paint = paint(0x1A1A1A, 0xF0F0F0);
/// Everything that is read second.
pub(super) const MUTED: Paint = paint(0x5C5C5C, 0xA8ADB4);
/// The lines of an axis.
pub(super) const AXIS: Paint = paint(0x8A919A, 0x6D747F);
/// The lines behind the data.
pub(super) const GRID: Paint = paint(0xE6E8EB, 0x2A2F38);

/// Colours of series, after Okabe and Ito (2008), darkened on light and lightened on dark for contrast.
const SERIES: [Paint; 8] = [
    paint(0x0072B2, 0x56B4E9),
    paint(0xD55E00, 0xFF8A47),
    paint(0x008060, 0x2FCB9B),
    paint(0xA3478F, 0xE391CB),
    paint(0xA67200, 0xEDB52F),
    paint(0x4C5662, 0xBAC2CC),
    paint(0x3C8FC4, 0x9FD4F5),
    paint(0x7A3B10, 0xD9A27E),
];

/// The colour of series number `index`.
pub(super) fn series(index: usize) -> Paint {
    SERIES[index % SERIES.len()]
}

impl Paint {
    /// This colour thinned with the background: 0 gives the background, 1 the colour.
    pub fn tint(self, strength: f64) -> Paint {
        paint(mix(BACKGROUND.light, self.light, strength), mix(BACKGROUND.dark, self.dark, strength))
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
