//! The innermost loops where rows lie across lanes: a tile of sums that stays in registers.

#![expect(clippy::indexing_slicing, reason = "the callers' blocks are whole tiles")]

use std::array;

use crate::product::{Singles, Term};
use crate::simd::Simd;

/// Products of some vectors that are `width` apart, as many as a tile has, with the rows of a panel `[width, lanes]`.
#[inline(always)]
pub(super) fn products<S: Simd, T: Term>(
    s: S,
    vectors: &[f32],
    width: usize,
    panel: &[f32],
    out: &mut [f32],
) {
    match S::TILE {
        (12, 2) => products_sized::<S, T, 12, 2>(s, vectors, width, panel, out),
        (6, 2) => products_sized::<S, T, 6, 2>(s, vectors, width, panel, out),
        _ => products_sized::<S, T, 4, 1>(s, vectors, width, panel, out),
    }
}

#[inline(always)]
fn products_sized<S: Simd, T: Term, const ROWS: usize, const VECTORS: usize>(
    s: S,
    vectors: &[f32],
    width: usize,
    panel: &[f32],
    out: &mut [f32],
) {
    let rows: [&[f32]; ROWS] = array::from_fn(
        #[inline(always)]
        |row| &vectors[row * width..(row + 1) * width],
    );
    let mut tile = [[s.splat(0.0); VECTORS]; ROWS];
    for (at, panel) in panel.chunks_exact(VECTORS * S::LANES).take(width).enumerate() {
        let left = array::from_fn(
            #[inline(always)]
            |row| rows[row][at],
        );
        multiply::<S, T, ROWS, VECTORS>(s, &left, panel, &mut tile);
    }
    store(s, &tile, out);
}

/// Adds the products of columns of vectors that are `stride` apart, as many columns as a tile has, with weights
/// `[vectors, lanes]` to sums that are multiplied by `factors` before.
#[inline(always)]
pub(super) fn add<S: Simd>(
    s: S,
    vectors: &[f32],
    stride: usize,
    weights: &[f32],
    factors: &[f32],
    sums: &mut [f32],
) {
    match S::TILE {
        (12, 2) => add_sized::<S, 12, 2>(s, vectors, stride, weights, factors, sums),
        (6, 2) => add_sized::<S, 6, 2>(s, vectors, stride, weights, factors, sums),
        _ => add_sized::<S, 4, 1>(s, vectors, stride, weights, factors, sums),
    }
}

#[inline(always)]
fn add_sized<S: Simd, const ROWS: usize, const VECTORS: usize>(
    s: S,
    vectors: &[f32],
    stride: usize,
    weights: &[f32],
    factors: &[f32],
    sums: &mut [f32],
) {
    let mut tile = [[s.splat(0.0); VECTORS]; ROWS];
    for (tile, sums) in tile.iter_mut().zip(sums.chunks_exact(VECTORS * S::LANES)) {
        for v in 0..VECTORS {
            tile[v] = s.mul(s.load(&sums[v * S::LANES..]), s.load(&factors[v * S::LANES..]));
        }
    }
    for (vector, weights) in vectors.chunks(stride).zip(weights.chunks_exact(VECTORS * S::LANES)) {
        if let Some(left) = vector.first_chunk::<ROWS>() {
            multiply::<S, Singles, ROWS, VECTORS>(s, left, weights, &mut tile);
        }
    }
    store(s, &tile, sums);
}

#[inline(always)]
fn multiply<S: Simd, T: Term, const ROWS: usize, const VECTORS: usize>(
    s: S,
    left: &[f32; ROWS],
    right: &[f32],
    tile: &mut [[S::F; VECTORS]; ROWS],
) {
    let right: [S::F; VECTORS] = array::from_fn(
        #[inline(always)]
        |v| s.load(&right[v * S::LANES..(v + 1) * S::LANES]),
    );
    for row in 0..ROWS {
        let left = s.splat(left[row]);
        for v in 0..VECTORS {
            tile[row][v] = T::add(s, left, right[v], tile[row][v]);
        }
    }
}

#[inline(always)]
fn store<S: Simd, const ROWS: usize, const VECTORS: usize>(
    s: S,
    tile: &[[S::F; VECTORS]; ROWS],
    out: &mut [f32],
) {
    for (tile, out) in tile.iter().zip(out.chunks_exact_mut(VECTORS * S::LANES)) {
        for v in 0..VECTORS {
            s.store(&mut out[v * S::LANES..(v + 1) * S::LANES], tile[v]);
        }
    }
}
