//! Convolutions of each channel with a kernel of its own.

#![expect(clippy::indexing_slicing, reason = "places that stand on the input are within it")]

use super::Shape;
use super::windows::Spot;
use crate::numbers::{Float, narrow};
use crate::scratch::Scratch;
use crate::simd::{Kernel, Simd};
use crate::{Level, pool, simd};

pub(super) fn convolve<T: Float, W: Float, U: Float>(
    level: Level,
    shape: &Shape,
    x: &[T],
    w: &[W],
    out: &mut [U],
) {
    let channels = shape.channels.output;
    let mut kernel = Scratch::new(w.len());
    for (channel, from) in w.chunks_exact(shape.kernel()).enumerate() {
        let to = kernel.iter_mut().skip(channel).step_by(channels);
        to.zip(from).for_each(|(to, from)| *to = from.to_f32());
    }
    simd::dispatch(level, Depthwise { shape, x, kernel: &kernel, out });
}

struct Depthwise<'a, T, U> {
    shape: &'a Shape,
    x: &'a [T],
    /// `[height, width, channels]`.
    kernel: &'a [f32],
    out: &'a mut [U],
}

/// Products of numbers that one thread takes at a time: some 10 µs.
const SMALL: usize = 100_000;

impl<T: Float, U: Float> Kernel for Depthwise<'_, T, U> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { shape, x, kernel, .. } = self;
        let grain = (SMALL / kernel.len()).max(1);
        pool::each_part(self.out, shape.channels.output, grain, |number, out| {
            s.enter(Position { shape, x, kernel, number, out });
        });
    }
}

struct Position<'a, T, U> {
    shape: &'a Shape,
    x: &'a [T],
    kernel: &'a [f32],
    number: usize,
    out: &'a mut [U],
}

impl<T: Float, U: Float> Kernel for Position<'_, T, U> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let [down, across] = &self.shape.axes;
        let channels = self.out.len();
        let spot = Spot::new(self.shape, self.number);
        let mut sums = Scratch::new(channels);
        sums.fill(0.0);
        for row in down.inside(spot.row) {
            for column in across.inside(spot.column) {
                let place = (row * across.kernel + column) * channels;
                let kernel = self.kernel[place..place + channels].chunks(S::LANES);
                let pixel = spot.pixel(row, column) * channels;
                let pixel = self.x[pixel..pixel + channels].chunks(S::LANES);
                for ((sum, x), w) in sums.chunks_mut(S::LANES).zip(pixel).zip(kernel) {
                    s.store(sum, s.mul_add(T::load(s, x), s.load(w), s.load(sum)));
                }
            }
        }
        narrow(s, &sums, self.out);
    }
}
