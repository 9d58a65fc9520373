//! What a kernel stands on, as the left side of a product: a row for each position.

#![expect(clippy::indexing_slicing, reason = "places that stand on the input are within it")]

use std::ops::Range;

use super::Shape;
use crate::numbers::{Float, widen};
use crate::product::Left;
use crate::simd::Simd;

/// Some channels of an input `[batch, height, width, channels]`.
pub(super) struct Windows<'a, T> {
    pub(super) elements: &'a [T],
    pub(super) shape: &'a Shape,
    /// The first channel.
    pub(super) first: usize,
    /// How many channels.
    pub(super) each: usize,
}

impl<T: Float> Left for Windows<'_, T> {
    // A row is made of runs of places of the kernel that stand beside each other in memory.
    #[inline(always)]
    fn write<S: Simd>(&self, s: S, row: usize, columns: Range<usize>, to: &mut [f32]) {
        let [down, across] = &self.shape.axes;
        let channels = self.shape.channels.input;
        let spot = Spot::new(self.shape, row);
        let beside = self.each == channels && across.dilation == 1;
        let together = if beside { across.kernel } else { 1 };
        let runs = across.kernel / together;
        let length = together * self.each;
        let (rows, places) = (down.inside(spot.row), across.inside(spot.column));
        let (mut at, mut to) = (columns.start, to);
        while at < columns.end {
            let (number, within) = (at / length, at % length);
            let count = (length - within).min(columns.end - at);
            let (run, behind) = to.split_at_mut(count);
            let (kernel_row, first) = (number / runs, number % runs * together);
            let low = places.start.clamp(first, first + together);
            let high = if rows.contains(&kernel_row) { places.end.clamp(low, first + together) } else { low };
            let start = ((low - first) * self.each).clamp(within, within + count);
            let end = ((high - first) * self.each).clamp(start, within + count);
            if start < end {
                let place = spot.pixel(kernel_row, low) * channels + self.first;
                let from = place + start - (low - first) * self.each;
                run[..start - within].fill(0.0);
                widen(s, &self.elements[from..from + end - start], &mut run[start - within..end - within]);
                run[end - within..].fill(0.0);
            } else {
                run.fill(0.0);
            }
            (at, to) = (at + count, behind);
        }
    }
}

/// A position of a kernel.
pub(super) struct Spot<'a> {
    shape: &'a Shape,
    /// Pixels before the image.
    before: usize,
    pub(super) row: usize,
    pub(super) column: usize,
}

impl<'a> Spot<'a> {
    /// Position `number` of all images.
    #[inline(always)]
    pub(super) fn new(shape: &'a Shape, number: usize) -> Self {
        let [rows, columns] = shape.positions;
        let image = number / (rows * columns);
        let before = image * shape.axes[0].length * shape.axes[1].length;
        Self { shape, before, row: number / columns % rows, column: number % columns }
    }

    /// The pixel under a place of the kernel that stands on the image.
    #[inline(always)]
    pub(super) fn pixel(&self, row: usize, column: usize) -> usize {
        let [down, across] = &self.shape.axes;
        self.before + down.place(self.row, row) * across.length + across.place(self.column, column)
    }
}
