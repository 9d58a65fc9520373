//! Kernels over singles for numbers of any type: what they read is widened first, and what they wrote is rounded after.

use crate::numbers::{Float, narrow, widen, with};
use crate::scratch::Scratch;
use crate::simd::{Kernel, Simd};
use crate::{Level, Numbers, NumbersMut, pool, simd};

/// Numbers that are converted at a time.
const PART: usize = 8192;

/// Calls `work` with `x` as singles, and rounds what it wrote into `out`.
pub(crate) fn converted(
    level: Level,
    x: Numbers<'_>,
    out: NumbersMut<'_>,
    work: impl FnOnce(&[f32], &mut [f32]),
) {
    let mut wide;
    let x = match x {
        Numbers::F32(x) => x,
        _ => {
            wide = Scratch::new(x.len());
            with!(Numbers, x, |x| widen_all(level, x, &mut wide));
            &wide
        }
    };
    match out {
        NumbersMut::F32(out) => work(x, out),
        _ => {
            let mut singles = Scratch::new(out.len());
            work(x, &mut singles);
            with!(NumbersMut, out, |out| narrow_all(level, &singles, out));
        }
    }
}

fn widen_all<T: Float>(level: Level, from: &[T], to: &mut [f32]) {
    pool::each_part(to, PART, 1, |number, to| {
        let from = from.get(number * PART..).unwrap_or_default();
        simd::dispatch(level, Widen { from, to });
    });
}

fn narrow_all<T: Float>(level: Level, from: &[f32], to: &mut [T]) {
    pool::each_part(to, PART, 1, |number, to| {
        let from = from.get(number * PART..).unwrap_or_default();
        simd::dispatch(level, Narrow { from, to });
    });
}

struct Widen<'a, T> {
    from: &'a [T],
    to: &'a mut [f32],
}

impl<T: Float> Kernel for Widen<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        widen(s, self.from, self.to);
    }
}

struct Narrow<'a, T> {
    from: &'a [f32],
    to: &'a mut [T],
}

impl<T: Float> Kernel for Narrow<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        narrow(s, self.from, self.to);
    }
}
