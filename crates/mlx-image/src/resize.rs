//! Another size, with the same bytes as Pillow's `resize` gives.
//!
//! Rows are resized first, then columns, each rounded to 8 bits; sums are in fixed point. That is how Pillow does it up to
//! its version 12, which models were trained behind. Version 13 takes columns first for some sizes, which changes bytes by
//! a few levels.

use crate::filter::{FRACTION_BITS, Taps};
use crate::{Filter, Image, Result, Size};

impl Image {
    /// This image in another size. Where it becomes smaller it is smoothed, but by [`Filter::Nearest`].
    ///
    /// # Errors
    /// The size is 0 or more than [`MOST_PIXELS`](Self::MOST_PIXELS).
    pub fn resize(&self, to: Size, filter: Filter) -> Result<Self> {
        let (from, to) = (self.size(), to.check("resize")?);
        if filter == Filter::Nearest {
            return Self::new(to, self.nearest(to));
        }
        // As in Pillow, an image that is so tall and becomes lower is made lower first.
        if from.height > TALL * from.width && to.height < from.height {
            return self.resize_height(to.height, filter)?.resize_width(to.width, filter);
        }
        self.resize_width(to.width, filter)?.resize_height(to.height, filter)
    }

    fn resize_width(&self, width: usize, filter: Filter) -> Result<Self> {
        let from = self.size();
        if from.width == width {
            return Ok(self.clone());
        }
        let to = Size { height: from.height, width }.check("resize")?;
        Self::new(to, self.rows_resized(&filter.taps(from.width, width)))
    }

    fn resize_height(&self, height: usize, filter: Filter) -> Result<Self> {
        let from = self.size();
        if from.height == height {
            return Ok(self.clone());
        }
        let to = Size { height, width: from.width }.check("resize")?;
        Self::new(to, self.columns_resized(&filter.taps(from.height, height)))
    }

    fn nearest(&self, to: Size) -> Vec<u8> {
        let columns = nearest(self.size().width, to.width);
        let row = |at: usize| {
            let (pixels, _) = self.rows().nth(at).unwrap_or_default().as_chunks::<3>();
            columns.iter().flat_map(|&at| pixels.get(at).copied().unwrap_or_default()).collect::<Vec<_>>()
        };
        nearest(self.size().height, to.height).into_iter().flat_map(row).collect()
    }

    fn rows_resized(&self, columns: &[Taps]) -> Vec<u8> {
        let mut resized = Vec::with_capacity(3 * columns.len() * self.size().height);
        for row in self.rows() {
            let (pixels, _) = row.as_chunks::<3>();
            for Taps { first, weights } in columns {
                let mut sums = [HALF; 3];
                for (pixel, weight) in pixels.iter().skip(*first).zip(weights) {
                    add(&mut sums, pixel, *weight);
                }
                resized.extend(sums.map(rounded));
            }
        }
        resized
    }

    fn columns_resized(&self, rows: &[Taps]) -> Vec<u8> {
        let width = 3 * self.size().width;
        let mut resized = Vec::with_capacity(width * rows.len());
        let mut sums = vec![HALF; width];
        for Taps { first, weights } in rows {
            sums.fill(HALF);
            for (row, weight) in self.pixels().chunks_exact(width).skip(*first).zip(weights) {
                add(&mut sums, row, *weight);
            }
            resized.extend(sums.iter().copied().map(rounded));
        }
        resized
    }
}

/// How many times its width the height of a tall image is.
const TALL: usize = 100;

/// What makes rounding down round to the nearest.
const HALF: i32 = 1 << (FRACTION_BITS - 1);

/// Adds pixels of one weight. Sums fit: no filter's weights are more than 2 together, whatever their sign.
fn add(sums: &mut [i32], pixels: &[u8], weight: i32) {
    for (sum, &pixel) in sums.iter_mut().zip(pixels) {
        *sum = sum.wrapping_add(i32::from(pixel).wrapping_mul(weight));
    }
}

fn rounded(sum: i32) -> u8 {
    (sum >> FRACTION_BITS).clamp(0, 255) as u8
}

/// For each of `to` new pixels in a line the one of `from` that its middle lies in. Middles are added up, as Pillow does.
fn nearest(from: usize, to: usize) -> Vec<usize> {
    let step = from as f64 / to as f64;
    let middles = std::iter::successors(Some(step * 0.5), |middle| Some(middle + step));
    middles.take(to).map(|middle| (middle as usize).min(from - 1)).collect()
}
