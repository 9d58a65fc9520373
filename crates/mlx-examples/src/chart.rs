//! Curves of numbers.

use std::io;
use std::path::Path;

use crate::canvas::{Canvas, Color, Point};
use crate::glyphs;

const WIDTH: usize = 720;
const HEIGHT: usize = 420;
const LEFT: usize = 64;
const RIGHT: usize = 16;
const TOP: usize = 32;
const BOTTOM: usize = 32;
/// How many lines of the grid there are about, each way.
const LINES: f64 = 6.0;

const INK: Color = [60, 60, 60];
const GRID: Color = [225, 225, 225];
const COLORS: [Color; 4] = [[31, 119, 180], [214, 39, 40], [44, 160, 44], [148, 103, 189]];

/// Curves over the same steps, to be drawn to a PNG.
///
/// ```
/// use mlx_examples::{Chart, sparkline};
///
/// let losses: Vec<f32> = (0..100).map(|step| (-0.05 * step as f32).exp()).collect();
/// println!("{}", sparkline(&losses, 20)); // █▇▆▅▅▄▄▃▃▃▂▂▂▂▂▁▁▁▁▁
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("loss.png");
/// Chart::new("digits").curve("loss", &losses).save(path)?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Chart {
    title: String,
    curves: Vec<(String, Vec<f32>)>,
}

/// Numbers on an axis, and the pixels between which they are drawn.
struct Axis {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Chart {
    /// A chart without curves.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), curves: Vec::new() }
    }

    /// With one more curve: a value for each step, of which those that are not finite are left out.
    #[must_use]
    pub fn curve(mut self, name: impl Into<String>, values: &[f32]) -> Self {
        self.curves.push((name.into(), values.to_vec()));
        self
    }

    /// Draws the chart to a PNG file.
    pub fn save(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let steps = self.curves.iter().map(|(_, values)| values.len()).max().unwrap_or(0);
        let values = || self.curves.iter().flat_map(|(_, values)| values).filter(|value| value.is_finite());
        let low = values().copied().fold(0.0, f32::min);
        let high = values().copied().fold(f32::MIN_POSITIVE, f32::max);
        let across = Axis::new([1.0, steps.max(2) as f64], [LEFT, WIDTH - RIGHT]);
        let upward = Axis::new([low, high].map(f64::from), [HEIGHT - BOTTOM, TOP]);

        let mut canvas = Canvas::new(WIDTH, HEIGHT);
        draw_grid(&mut canvas, &across, &upward);
        let mut place = LEFT;
        canvas.text(&self.title, (place, TOP / 2 - glyphs::HEIGHT / 2), INK);
        for ((name, values), color) in self.curves.iter().zip(COLORS.into_iter().cycle()) {
            let points = (1..).zip(values).filter(|(_, value)| value.is_finite());
            let points: Vec<Point> =
                points.map(|(step, &value)| (across.at(f64::from(step)), upward.at(value.into()))).collect();
            canvas.line(&points, 1.6, color);
            place += (self.title.len().max(name.len()) + 3) * glyphs::ADVANCE;
            canvas.text(name, (place, TOP / 2 - glyphs::HEIGHT / 2), color);
        }
        canvas.save(path.as_ref())
    }
}

fn draw_grid(canvas: &mut Canvas, across: &Axis, upward: &Axis) {
    for value in upward.ticks() {
        let y = upward.at(value);
        canvas.line(&[(across.from as f32, y), (across.to as f32, y)], 1.0, GRID);
        let label = label(value);
        let x = LEFT.saturating_sub((label.len() + 1) * glyphs::ADVANCE);
        canvas.text(&label, (x, y as usize - glyphs::HEIGHT / 2), INK);
    }
    for value in across.ticks() {
        let x = across.at(value);
        canvas.line(&[(x, upward.from as f32), (x, upward.to as f32)], 1.0, GRID);
        let label = label(value);
        let start = (x as usize).saturating_sub(label.len() * glyphs::ADVANCE / 2);
        canvas.text(&label, (start, HEIGHT - BOTTOM + glyphs::HEIGHT), INK);
    }
}

impl Axis {
    fn new([low, high]: [f64; 2], [from, to]: [usize; 2]) -> Self {
        Self { low, high, from: from as f64, to: to as f64 }
    }

    /// The pixel of a value.
    fn at(&self, value: f64) -> f32 {
        (self.from + (value - self.low) / (self.high - self.low) * (self.to - self.from)) as f32
    }

    /// Round values along the axis.
    fn ticks(&self) -> impl Iterator<Item = f64> {
        let rough = (self.high - self.low) / LINES;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0].map(|digit| digit * power).into_iter().find(|&step| step >= rough);
        let step = step.unwrap_or(10.0 * power);
        let (first, last) = ((self.low / step).ceil() as i64, (self.high / step).floor() as i64);
        (first..=last).map(move |count| count as f64 * step)
    }
}

/// A number in few letters.
fn label(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The values as a line of `width` blocks for a terminal, from the least to the greatest.
pub fn sparkline(values: &[f32], width: usize) -> String {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let width = width.clamp(1, values.len().max(1));
    let means: Vec<f32> = (0..width)
        .filter_map(|at| values.get(at * values.len() / width..(at + 1) * values.len() / width))
        .filter(|part| !part.is_empty())
        .map(|part| part.iter().sum::<f32>() / part.len() as f32)
        .collect();
    let finite = || means.iter().copied().filter(|mean| mean.is_finite());
    let (low, high) = (finite().fold(f32::MAX, f32::min), finite().fold(f32::MIN, f32::max));
    let block = |mean: &f32| {
        let height = (mean - low) / (high - low).max(f32::MIN_POSITIVE) * 8.0;
        if mean.is_finite() { BLOCKS.get((height as usize).min(7)).copied().unwrap_or(' ') } else { '?' }
    };
    means.iter().map(block).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_within_the_axis() {
        let ticks = |low, high| Axis::new([low, high], [0, 1]).ticks().collect::<Vec<_>>();
        assert_eq!(ticks(0.0, 2.4), [0.0, 0.5, 1.0, 1.5, 2.0]);
        assert_eq!(ticks(1.0, 1000.0), [200.0, 400.0, 600.0, 800.0, 1000.0]);
        assert_eq!(label(0.3), "0.3");
        assert_eq!(label(1000.0), "1000");
    }

    #[test]
    fn a_sparkline_goes_from_the_greatest_to_the_least() {
        assert_eq!(sparkline(&[8.0, 4.0, 2.0, 0.0], 4), "█▅▃▁");
        assert_eq!(sparkline(&[3.0; 100], 5), "▁▁▁▁▁");
        assert_eq!(sparkline(&[1.0, f32::NAN, 0.0], 3), "█?▁");
        assert_eq!(sparkline(&[], 5), "");
    }

    #[test]
    fn a_chart_of_anything_can_be_saved() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("chart.png");
        for values in [&[][..], &[1.0], &[f32::NAN, f32::INFINITY, 2.0], &[-3.0, 0.0, 5.0], &[0.0; 3]] {
            Chart::new("empty").curve("a", values).curve("b", &[1.0, 2.0]).save(&path).unwrap();
            assert!(path.metadata().unwrap().len() > 500);
        }
    }
}
