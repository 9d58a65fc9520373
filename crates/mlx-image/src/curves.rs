//! Floats in another size, by curves through those next to a place.
//!
//! Keys, "Cubic Convolution Interpolation for Digital Image Processing", with -0.75 for the slope and without regard to what
//! is farther away, as torch does it (`interpolate` with `bicubic`).

use crate::{Pixels, Size};

/// The four places around one on a line, and how much each of them counts.
type Taps = [(usize, f64); 4];

impl Pixels {
    /// These in another size.
    pub(crate) fn by_curves(&self, size: Size) -> Self {
        if size == self.size {
            return self.clone();
        }
        let across = 3 * self.size.width;
        let row = |at: usize| self.values.get(at * across..(at + 1) * across).unwrap_or_default();
        let columns: Vec<_> = (0..size.width).map(|at| taps(at, size.width, self.size.width)).collect();
        let mut values = Vec::with_capacity(3 * size.height * size.width);
        for at in 0..size.height {
            let rows = taps(at, size.height, self.size.height).map(|(at, share)| (row(at), share));
            let number = |at: usize| {
                let part = |(row, share): &(&[f32], f64)| {
                    share * f64::from(row.get(at).copied().unwrap_or_default())
                };
                rows.iter().map(part).sum::<f64>()
            };
            let line: Vec<_> = (0..across).map(number).collect();
            for column in &columns {
                let channel = |channel: usize| {
                    let part = |(at, share): &(usize, f64)| {
                        share * line.get(3 * at + channel).copied().unwrap_or_default()
                    };
                    column.iter().map(part).sum::<f64>() as f32
                };
                values.extend([0, 1, 2].map(channel));
            }
        }
        Self { size, values }
    }
}

/// What makes the place `at` of `count` of a line of `from`; what is beyond an edge is as the edge.
fn taps(at: usize, count: usize, from: usize) -> Taps {
    let place = (at as f64 + 0.5) * from as f64 / count.max(1) as f64 - 0.5;
    let (first, part) = (place.floor(), place - place.floor());
    let last = from.saturating_sub(1) as f64;
    [-1.0, 0.0, 1.0, 2.0].map(|tap: f64| ((first + tap).clamp(0.0, last) as usize, share((tap - part).abs())))
}

/// How much what is at a distance counts.
fn share(x: f64) -> f64 {
    const SLOPE: f64 = -0.75;
    if x <= 1.0 {
        ((SLOPE + 2.0) * x - (SLOPE + 3.0)) * x * x + 1.0
    } else {
        ((SLOPE * x - 5.0 * SLOPE) * x + 8.0 * SLOPE) * x - 4.0 * SLOPE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_odd_number_of_pixels_becomes_the_one_in_the_middle() {
        let values = (0..27).map(|value| value as f32).collect();
        let pixels = Pixels { size: Size::square(3), values };
        assert_eq!(pixels.by_curves(Size::square(1)).values, [12.0, 13.0, 14.0]);
    }

    #[test]
    fn an_even_number_becomes_a_curve_beyond_those_in_the_middle() {
        let values = [0.0, 1.0, 1.0, 0.0].iter().flat_map(|value| [*value; 3]).collect();
        let pixels = Pixels { size: Size { height: 1, width: 4 }, values };
        assert_eq!(pixels.by_curves(Size::square(1)).values, [1.1875; 3]);
    }
}
