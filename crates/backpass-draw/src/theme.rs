//! Colours: safe for colour-blind eyes (after Okabe and Ito), of enough contrast, on light and on dark pages.

use backpass::ScopeKind;
use backpass::ops::Category;
use backpass::view::Role;

use crate::layout::Style;

/// The page a picture stands on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Theme {
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
    /// As the reader's system is set; light where that is not known.
    #[default]
    Auto,
}

impl Theme {
    /// All themes with their names.
    pub const NAMES: [(&'static str, Theme); 3] =
        [("light", Theme::Light), ("dark", Theme::Dark), ("auto", Theme::Auto)];
}

/// The colours of nodes: nodes that do similar things share one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Tint {
    Plain,
    Sky,
    Orange,
    Green,
    Red,
    Blue,
    Purple,
    Yellow,
}

impl Tint {
    const ALL: [(Tint, &'static str); 8] = [
        (Tint::Plain, "plain"),
        (Tint::Sky, "sky"),
        (Tint::Orange, "orange"),
        (Tint::Green, "green"),
        (Tint::Red, "red"),
        (Tint::Blue, "blue"),
        (Tint::Purple, "purple"),
        (Tint::Yellow, "yellow"),
    ];

    /// The class in the style sheet.
    pub fn class(self) -> &'static str {
        Self::ALL.iter().find(|(tint, _)| *tint == self).map_or("", |(_, name)| name)
    }

    /// The colour of a role.
    pub fn of(role: Role) -> Tint {
        match role {
            Role::Input => Tint::Sky,
            Role::Parameter => Tint::Orange,
            Role::Constant | Role::More => Tint::Plain,
            Role::Operator(category) => match category {
                Category::Leaf | Category::Movement | Category::Index => Tint::Plain,
                Category::Arithmetic => Tint::Yellow,
                Category::Function | Category::Random => Tint::Green,
                Category::Activation => Tint::Red,
                Category::Matrix => Tint::Blue,
                Category::Reduction | Category::Logic => Tint::Purple,
            },
            Role::Neuron => Tint::Red,
            Role::Array => Tint::Sky,
            Role::Folded(ScopeKind::Network | ScopeKind::Layer) => Tint::Blue,
            Role::Folded(ScopeKind::Neuron) => Tint::Red,
            Role::Folded(ScopeKind::Function) => Tint::Green,
        }
    }
}

/// The colours on one kind of page.
pub(crate) struct Palette {
    pub page: &'static str,
    pub ink: &'static str,
    pub quiet: &'static str,
    pub line: &'static str,
    pub frame: &'static str,
    pub forward: &'static str,
    pub backward: &'static str,
    /// Lines of different things, after Okabe and Ito (2008), darkened on light and lightened on dark for contrast.
    pub series: [&'static str; 8],
    /// Fill and outline of each tint, in the order of [`Tint::ALL`].
    tints: [(&'static str, &'static str); 8],
}

pub(crate) const LIGHT: Palette = Palette {
    page: "#ffffff",
    ink: "#1a1a1a",
    quiet: "#5c5c5c",
    line: "#6b6b6b",
    frame: "#b5b5b5",
    forward: "#00609c",
    backward: "#b03a00",
    series: ["#0072b2", "#d55e00", "#008060", "#a3478f", "#a67200", "#4c5662", "#3c8fc4", "#7a3b10"],
    tints: [
        ("#f4f4f4", "#7a7a7a"),
        ("#e3f2fc", "#2b83b8"),
        ("#fdf0d8", "#b97800"),
        ("#dff3ec", "#00805c"),
        ("#fce6da", "#cc5500"),
        ("#dfeaf6", "#0065a0"),
        ("#f7e7f0", "#a94f82"),
        ("#faf6d0", "#8a7d00"),
    ],
};

pub(crate) const DARK: Palette = Palette {
    page: "#15181c",
    ink: "#f0f0f0",
    quiet: "#a8adb4",
    line: "#8f969e",
    frame: "#555c64",
    forward: "#7cc4f0",
    backward: "#f5a468",
    series: ["#56b4e9", "#f08a3c", "#2fcb9b", "#e391cb", "#edb52f", "#bac2cc", "#9fd4f5", "#d9a27e"],
    tints: [
        ("#2a2e33", "#8f969e"),
        ("#16364a", "#56b4e9"),
        ("#40300c", "#e69f00"),
        ("#0e3a2e", "#2cc295"),
        ("#472412", "#f0803c"),
        ("#122f4c", "#4f9fdc"),
        ("#40243a", "#d98bb6"),
        ("#38340e", "#d8cb3a"),
    ],
};

impl Palette {
    /// The palette of a theme; the light one where the reader's is not known.
    pub fn of(theme: Theme) -> &'static Palette {
        if theme == Theme::Dark { &DARK } else { &LIGHT }
    }

    /// The fill and the outline of a role.
    pub fn tint(&self, role: Role) -> (&'static str, &'static str) {
        self.tints[Tint::of(role) as usize]
    }

    /// The colour of positive weights.
    pub fn positive(&self) -> &'static str {
        self.series[0]
    }

    /// The colour of negative weights.
    pub fn negative(&self) -> &'static str {
        self.series[1]
    }

    /// The ground of what is spoken of just now.
    pub fn current(&self) -> &'static str {
        self.tints[Tint::Yellow as usize].0
    }

    /// The colour of a text.
    pub fn text(&self, style: Style) -> &'static str {
        match style {
            Style::Name => self.ink,
            Style::Forward => self.forward,
            Style::Backward => self.backward,
            Style::Local | Style::Quiet => self.quiet,
        }
    }

    /// The rules that set colours; the same selectors for every palette.
    fn rules(&self) -> String {
        let mut css = format!(
            ".bp .page,.bp .tip{{fill:{page}}}.bp text{{fill:{ink}}}.bp .quiet,.bp .local{{fill:{quiet}}}\
             .bp .forward{{fill:{forward}}}.bp .backward{{fill:{backward}}}.bp .halo{{stroke:{page}}}\
             .bp .edge{{color:{line}}}.bp .pos{{color:{positive}}}.bp .neg{{color:{negative}}}.bp .frame{{stroke:{frame}}}\
             .bp .mark{{fill:{negative}}}.bp .mark+text{{fill:{page}}}",
            page = self.page,
            ink = self.ink,
            quiet = self.quiet,
            forward = self.forward,
            backward = self.backward,
            line = self.line,
            positive = self.positive(),
            negative = self.negative(),
            frame = self.frame,
        );
        for ((_, name), (fill, outline)) in Tint::ALL.iter().zip(self.tints) {
            css.push_str(&format!(".bp .{name}{{fill:{fill};stroke:{outline}}}"));
        }
        css
    }
}

/// The style sheet of a picture.
pub(crate) fn css(theme: Theme) -> String {
    match theme {
        Theme::Light => LIGHT.rules(),
        Theme::Dark => DARK.rules(),
        Theme::Auto => format!("{}@media(prefers-color-scheme:dark){{{}}}", LIGHT.rules(), DARK.rules()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance as WCAG 2.2 defines it.
    fn luminance(colour: &str) -> f64 {
        let channel = |at: usize| {
            let c = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
            if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    fn contrast(a: &str, b: &str) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn text_and_lines_stand_out() {
        for palette in [LIGHT, DARK] {
            for text in [palette.ink, palette.quiet, palette.forward, palette.backward] {
                assert!(contrast(text, palette.page) >= 4.5, "{text} on {}", palette.page);
            }
            for line in palette.series.iter().chain([&palette.line]) {
                assert!(contrast(line, palette.page) >= 3.0, "{line} on {}", palette.page);
            }
            for (fill, outline) in palette.tints {
                for text in [palette.ink, palette.quiet, palette.forward] {
                    assert!(contrast(text, fill) >= 4.5, "{text} on {fill}");
                }
                assert!(contrast(outline, palette.page) >= 3.0, "{outline} on {}", palette.page);
            }
        }
    }
}
