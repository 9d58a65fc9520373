//! Rows written as columns.

#![expect(clippy::indexing_slicing, reason = "rows are as long as the first, and `to` has as many rows")]

use crate::numbers::Element;
use crate::simd::{MOST_LANES, Simd};

/// Writes rows of one length as the first `LANES` columns of `to`, whose rows are `width` floats.
///
/// Where a row of `to` is shorter than a vector, the next row covers what stands behind it.
#[inline(always)]
pub(crate) fn transpose<'a, S: Simd, T: Element>(
    s: S,
    row: impl Fn(usize) -> &'a [T],
    width: usize,
    to: &mut [f32],
) {
    let mut rows = [row(0); MOST_LANES];
    let length = rows[0].len();
    for (lane, to) in rows.iter_mut().enumerate().take(S::LANES).skip(1) {
        *to = &row(lane)[..length];
    }
    // From the first element of a square to the one after its last.
    let reach = (S::LANES - 1) * width + S::LANES;
    let mut first = 0;
    while first + S::LANES <= length && first * width + reach <= to.len() {
        let mut square = [s.splat(0.0); MOST_LANES];
        for (row, to) in rows.iter().zip(&mut square).take(S::LANES) {
            *to = T::load(s, &row[first..first + S::LANES]);
        }
        let square = s.transpose(square);
        let to = &mut to[first * width..first * width + reach];
        for (column, &v) in square.iter().enumerate().take(S::LANES) {
            s.store(&mut to[column * width..column * width + S::LANES], v);
        }
        first += S::LANES;
    }
    for column in first..length {
        for (row, to) in rows.iter().zip(&mut to[column * width..]).take(S::LANES) {
            *to = row[column].to_f32();
        }
    }
}
