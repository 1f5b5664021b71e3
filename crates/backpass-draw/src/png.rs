//! SVG to PNG, with one embedded font, so that text looks the same everywhere.

use std::sync::{Arc, LazyLock};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{self, fontdb};

use crate::font;

/// Wider or higher pictures are refused: their pixels alone would take a gigabyte.
const LARGEST: f32 = 16_384.0;
/// The pixels of a picture whose size nobody asked for.
const AT_ONCE: f32 = 24e6;

/// Why a PNG cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PngError {
    /// The text is not an SVG picture.
    #[error("not an SVG picture: {0}\nhelp: pass the text that `svg` returns")]
    Svg(#[from] usvg::Error),
    /// The picture would have no pixels or far too many.
    #[error(
        "a PNG of {width}×{height} pixels cannot be made\nhelp: choose a width so that both sides lie between 1 and {LARGEST}"
    )]
    Size {
        /// Pixels across.
        width: f32,
        /// Pixels down.
        height: f32,
    },
    /// The encoder failed.
    #[error("the PNG cannot be encoded: {0}\nhelp: choose a smaller width")]
    Encode(String),
}

static FONTS: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
    let mut fonts = fontdb::Database::new();
    fonts.load_font_data(font::DEJAVU.to_vec());
    fonts.set_sans_serif_family("DejaVu Sans");
    Arc::new(fonts)
});

/// The picture in pixels: `width` pixels across where given, otherwise `scale` pixels for each unit of the SVG, or less if
/// that would be too large.
///
/// # Errors
/// When `svg` is not well-formed or the picture is too large.
pub fn png(svg: &str, width: Option<u32>, scale: f32) -> Result<Vec<u8>, PngError> {
    let options = usvg::Options { fontdb: FONTS.clone(), font_family: "DejaVu Sans".into(), ..Default::default() };
    let tree = usvg::Tree::from_str(svg, &options)?;
    // Without a width asked for, a large picture is made as large as programs open it at once.
    let (wide, high) = (tree.size().width(), tree.size().height());
    let largest = (LARGEST / wide.max(high)).min((AT_ONCE / (wide * high)).sqrt());
    let scale = width.map_or(if scale > largest { largest } else { scale }, |pixels| pixels as f32 / wide);
    let (width, height) = ((wide * scale).round(), (high * scale).round().max(1.0));
    let too_large = || PngError::Size { width, height };
    if !(1.0..=LARGEST).contains(&width) || height > LARGEST {
        return Err(too_large());
    }
    let mut pixels = Pixmap::new(width as u32, height as u32).ok_or_else(too_large)?;
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut pixels.as_mut());
    pixels.encode_png().map_err(|e| PngError::Encode(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOT: &str = r#"<svg xmlns="http://www.w3.org/2000/svg" width="20" height="10"><text y="9">x</text></svg>"#;

    #[test]
    fn pixels_follow_width_or_scale() {
        let size = |png: Vec<u8>| Pixmap::decode_png(&png).map(|p| (p.width(), p.height())).unwrap();
        assert_eq!(size(png(DOT, None, 2.0).unwrap()), (40, 20));
        assert_eq!(size(png(DOT, Some(100), 1.0).unwrap()), (100, 50));
    }

    #[test]
    fn text_is_drawn_in_the_embedded_font() {
        let pixels = Pixmap::decode_png(&png(DOT, None, 1.0).unwrap()).unwrap();
        assert!(pixels.pixels().iter().any(|p| p.alpha() > 0));
    }

    #[test]
    fn impossible_pictures_are_refused() {
        assert!(matches!(png("no picture", None, 1.0), Err(PngError::Svg(_))));
        assert!(matches!(png(DOT, Some(1_000_000), 1.0), Err(PngError::Size { .. })));
        assert!(matches!(png(DOT, None, 0.0), Err(PngError::Size { .. })));
        assert!(matches!(png(DOT, None, f32::NAN), Err(PngError::Size { .. })));
    }
}
