//! Pixels to draw on.

use std::fs::File;
use std::io::{BufWriter, Result};
use std::path::Path;

use crate::glyphs;

/// Red, green and blue.
pub(crate) type Color = [u8; 3];
/// A place, in pixels from the upper left corner.
pub(crate) type Point = (f32, f32);

/// An image that starts white.
pub(crate) struct Canvas {
    width: usize,
    pixels: Vec<Color>,
}

impl Canvas {
    pub(crate) fn new(width: usize, height: usize) -> Self {
        Self { width, pixels: vec![[255; 3]; width * height] }
    }

    /// A line through `points` of a thickness in pixels, with smooth edges.
    pub(crate) fn line(&mut self, points: &[Point], thickness: f32, color: Color) {
        let mut coverage = vec![0.0_f32; self.pixels.len()];
        for pair in points.windows(2) {
            if let &[from, to] = pair {
                self.cover(&mut coverage, from, to, thickness / 2.0);
            }
        }
        for (pixel, coverage) in self.pixels.iter_mut().zip(coverage) {
            *pixel = blend(*pixel, color, coverage);
        }
    }

    /// Marks how much of each pixel is within `radius` of the line.
    fn cover(&self, coverage: &mut [f32], from: Point, to: Point, radius: f32) {
        let reach = radius + 1.0;
        let columns = span(from.0.min(to.0) - reach, from.0.max(to.0) + reach, self.width);
        let height = self.pixels.len() / self.width;
        for y in span(from.1.min(to.1) - reach, from.1.max(to.1) + reach, height) {
            for x in columns.clone() {
                let covered = radius + 0.5 - distance((x as f32, y as f32), from, to);
                if let Some(most) = coverage.get_mut(y * self.width + x) {
                    *most = most.max(covered.clamp(0.0, 1.0));
                }
            }
        }
    }

    /// Text whose upper left corner is at `(x, y)`. What has no glyph is a space.
    pub(crate) fn text(&mut self, text: &str, (x, y): (usize, usize), color: Color) {
        for (at, letter) in text.chars().enumerate() {
            for (row, bits) in glyphs::of(letter).into_iter().enumerate() {
                for column in
                    (0..glyphs::WIDTH).filter(|column| bits & (1 << (glyphs::WIDTH - 1 - column)) != 0)
                {
                    self.set(x + at * glyphs::ADVANCE + column, y + row, color);
                }
            }
        }
    }

    fn set(&mut self, x: usize, y: usize, color: Color) {
        if x < self.width
            && let Some(pixel) = self.pixels.get_mut(y * self.width + x)
        {
            *pixel = color;
        }
    }

    /// Writes a PNG beside `path` and renames it.
    pub(crate) fn save(&self, path: &Path) -> Result<()> {
        let beside = path.with_extension("png.partial");
        let (width, height) = (self.width as u32, (self.pixels.len() / self.width) as u32);
        let mut encoder = png::Encoder::new(BufWriter::new(File::create(&beside)?), width, height);
        encoder.set_color(png::ColorType::Rgb);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(self.pixels.as_flattened())?;
        writer.finish()?;
        std::fs::rename(beside, path)
    }
}

/// The whole numbers from `low` to `high` that are below `end`.
fn span(low: f32, high: f32, end: usize) -> std::ops::Range<usize> {
    (low.max(0.0) as usize)..(high.max(0.0).ceil() as usize + 1).min(end)
}

fn blend(under: Color, over: Color, coverage: f32) -> Color {
    let [r, g, b] = over;
    let [ur, ug, ub] = under;
    [(ur, r), (ug, g), (ub, b)].map(|(under, over)| {
        (f32::from(under) + (f32::from(over) - f32::from(under)) * coverage).round() as u8
    })
}

/// How far `point` is from the line between `from` and `to`.
fn distance(point: Point, from: Point, to: Point) -> f32 {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let (px, py) = (point.0 - from.0, point.1 - from.1);
    let length = dx * dx + dy * dy;
    let along = if length == 0.0 { 0.0 } else { ((px * dx + py * dy) / length).clamp(0.0, 1.0) };
    (px - along * dx).hypot(py - along * dy)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLACK: Color = [0; 3];

    fn at(canvas: &Canvas, x: usize, y: usize) -> u8 {
        canvas.pixels[y * canvas.width + x][0]
    }

    #[test]
    fn a_line_is_dark_on_itself_and_white_beside() {
        let mut canvas = Canvas::new(20, 10);
        canvas.line(&[(2.0, 5.0), (17.0, 5.0)], 1.0, BLACK);
        assert_eq!([at(&canvas, 10, 5), at(&canvas, 10, 3), at(&canvas, 10, 7)], [0, 255, 255]);
        assert_eq!([at(&canvas, 0, 5), at(&canvas, 19, 5)], [255, 255]);
    }

    #[test]
    fn a_slope_has_smooth_edges() {
        let mut canvas = Canvas::new(20, 20);
        canvas.line(&[(0.0, 0.0), (19.0, 10.0)], 2.0, BLACK);
        assert!(canvas.pixels.iter().any(|&[r, ..]| (20..235).contains(&r)));
    }

    #[test]
    fn what_is_outside_is_not_drawn() {
        let mut canvas = Canvas::new(8, 8);
        canvas.line(&[(-50.0, -9.0), (90.0, -9.0)], 1.0, BLACK);
        canvas.text("88", (6, 4), BLACK);
        assert_eq!(canvas.pixels.len(), 64);
        assert!(at(&canvas, 0, 0) == 255 && at(&canvas, 0, 6) == 255);
    }

    #[test]
    fn a_saved_image_is_a_png_of_these_pixels() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image.png");
        let mut canvas = Canvas::new(9, 7);
        canvas.text("1", (0, 0), [10, 20, 30]);
        canvas.save(&path).unwrap();
        let mut reader =
            png::Decoder::new(std::io::BufReader::new(File::open(path).unwrap())).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((info.width, info.height), (9, 7));
        assert_eq!(pixels, canvas.pixels.as_flattened());
        assert!(canvas.pixels.contains(&[10, 20, 30]));
    }
}
