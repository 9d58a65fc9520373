//! Rows written as columns.

#![expect(clippy::indexing_slicing, reason = "rows are as long as the first, and `to` has as many rows")]

use crate::numbers::Float;
use crate::simd::{MOST_LANES, Simd};

/// Writes rows of one length as the first `LANES` columns of `to`, whose rows are `width` floats.
///
/// Where a row of `to` is shorter than a vector, the next row covers what stands behind it.
#[inline(always)]
pub(super) fn transpose<'a, S: Simd, T: Float>(
    s: S,
    row: impl Fn(usize) -> &'a [T],
    width: usize,
    to: &mut [f32],
) {
    let mut rows = [row(0); MOST_LANES];
    for (lane, to) in rows.iter_mut().enumerate().take(S::LANES).skip(1) {
        *to = row(lane);
    }
    let length = rows[0].len();
    for first in (0..length).step_by(S::LANES) {
        let mut square = [s.splat(0.0); MOST_LANES];
        for (row, to) in rows.iter().zip(&mut square).take(S::LANES) {
            *to = T::load(s, &row[first..]);
        }
        let square = s.transpose(square);
        for (column, &v) in (first..length).zip(&square).take(S::LANES) {
            let to = &mut to[column * width..];
            let end = to.len().min(S::LANES);
            s.store(&mut to[..end], v);
        }
    }
}
