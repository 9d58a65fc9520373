//! Work on the rows of a matrix, each on its own.

use crate::simd::{Kernel, Simd};
use crate::{Level, pool, simd};

/// Something that writes each row of a matrix by itself.
pub(crate) trait Rows: Sync {
    /// What rows are made of.
    type Out: Send;

    /// Writes row `number`; always inlined.
    fn write<S: Simd>(&self, s: S, number: usize, out: &mut [Self::Out]);
}

/// Elements that a thread takes at a time.
const GRAIN: usize = 16 << 10;

/// Writes all rows of a matrix of `width` columns, on all threads. The last row may be shorter.
pub(crate) fn write<R: Rows>(level: Level, out: &mut [R::Out], width: usize, grain: usize, rows: &R) {
    simd::dispatch(level, All { out, width, grain, rows });
}

/// So many rows of this width are work for a while.
pub(crate) fn grain(width: usize) -> usize {
    (GRAIN / width.max(1)).max(1)
}

struct All<'a, R: Rows> {
    out: &'a mut [R::Out],
    width: usize,
    grain: usize,
    rows: &'a R,
}

impl<R: Rows> Kernel for All<'_, R> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { out, width, grain, rows } = self;
        pool::each_part(out, width * grain, 1, |number, out| {
            s.enter(Part { out, width, first: number * grain, rows });
        });
    }
}

struct Part<'a, R: Rows> {
    out: &'a mut [R::Out],
    width: usize,
    first: usize,
    rows: &'a R,
}

impl<R: Rows> Kernel for Part<'_, R> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for (at, out) in self.out.chunks_mut(self.width).enumerate() {
            self.rows.write(s, self.first + at, out);
        }
    }
}
