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
    converted_each(level, x, vec![out], |x, outs| {
        if let Some(out) = outs.into_iter().next() {
            work(x, out);
        }
    });
}

/// Calls `work` with `x` as singles, and rounds what it wrote into each of `outs`.
pub(crate) fn converted_each(
    level: Level,
    x: Numbers<'_>,
    mut outs: Vec<NumbersMut<'_>>,
    work: impl FnOnce(&[f32], Vec<&mut [f32]>),
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
    let rounded = |out: &NumbersMut<'_>| if matches!(out, NumbersMut::F32(_)) { 0 } else { out.len() };
    let mut singles = Scratch::new(outs.iter().map(rounded).sum());
    let mut rest = &mut singles[..];
    let mut parts = |length| rest.split_off_mut(..length).unwrap_or_default();
    let written = |out| match out {
        &mut NumbersMut::F32(ref mut out) => &mut **out,
        out => parts(out.len()),
    };
    work(x, outs.iter_mut().map(written).collect());
    let mut rest = &singles[..];
    for out in outs {
        let singles = rest.split_off(..rounded(&out)).unwrap_or_default();
        if singles.is_empty() {
            continue;
        }
        with!(NumbersMut, out, |out| narrow_all(level, singles, out));
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
