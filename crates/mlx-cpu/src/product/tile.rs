//! The innermost loops of a product: a tile of sums that stays in registers.

use std::array;

use crate::simd::Simd;

/// Adds the product of a tile of the left side, column by column, and of rows of the right side to `sums`.
#[inline(always)]
pub(super) fn add<S: Simd>(s: S, left: &[f32], right: &[f32], sums: &mut [f32]) {
    match S::TILE {
        (12, 2) => add_sized::<S, 12, 2>(s, left, right, sums),
        (6, 2) => add_sized::<S, 6, 2>(s, left, right, sums),
        _ => add_sized::<S, 4, 1>(s, left, right, sums),
    }
}

#[inline(always)]
fn add_sized<S: Simd, const ROWS: usize, const VECTORS: usize>(
    s: S,
    left: &[f32],
    right: &[f32],
    sums: &mut [f32],
) {
    let width = VECTORS * S::LANES;
    let mut tile = [[s.splat(0.0); VECTORS]; ROWS];
    for (tile, sums) in tile.iter_mut().zip(sums.chunks_exact(width)) {
        *tile = array::from_fn(
            #[inline(always)]
            |v| s.load(&sums[v * S::LANES..]),
        );
    }
    for (left, right) in left.chunks_exact(ROWS).zip(right.chunks_exact(width)) {
        let right: [S::F; VECTORS] = array::from_fn(
            #[inline(always)]
            |v| s.load(&right[v * S::LANES..]),
        );
        for row in 0..ROWS {
            let left = s.splat(left[row]);
            for v in 0..VECTORS {
                tile[row][v] = s.mul_add(left, right[v], tile[row][v]);
            }
        }
    }
    for (tile, sums) in tile.iter().zip(sums.chunks_exact_mut(width)) {
        for v in 0..VECTORS {
            s.store(&mut sums[v * S::LANES..], tile[v]);
        }
    }
}
