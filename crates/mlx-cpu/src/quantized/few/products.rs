//! The products of rows with some rows of a matrix.

#![expect(clippy::indexing_slicing, reason = "within the memory that is lent for it")]

use std::array::from_fn;
use std::marker::PhantomData;
use std::ops::Range;

use super::factors::{Factors, LINES};
use super::line::Line;
use super::{TOGETHER, Terms, block};
use crate::quantized::Quantized;
use crate::scratch::Scratch;
use crate::simd::{Kernel, MOST_LANES, Simd};

/// Rows that are multiplied together.
pub(super) struct Tile<'a> {
    pub(super) elements: &'a [f32],
    pub(super) factors: &'a [f32],
    pub(super) sums: &'a [f32],
    pub(super) w: &'a Quantized<'a>,
}

/// Rows of the matrix, and room for what becomes of them.
pub(super) struct Lines<'a> {
    pub(super) tile: &'a Tile<'a>,
    pub(super) rows: Range<usize>,
    pub(super) products: &'a mut [f32],
}

/// The products of lines. A group is `WHOLE` if it is one block or several; else a block has several groups.
pub(super) struct Products<'a, T, const N: usize, const WHOLE: bool>(
    pub(super) Lines<'a>,
    pub(super) PhantomData<T>,
);

impl<T: Terms, const N: usize, const WHOLE: bool> Kernel for Products<'_, T, N, WHOLE> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Lines { tile, rows, products } = self.0;
        let (w, count, elements, all) = (tile.w, rows.len(), tile.elements, tile.w.words);
        let (words, groups) = (w.row(0).len(), w.columns / w.group);
        let padded = groups.next_multiple_of(S::LANES);
        let scaled = if T::SCALED { N } else { 1 };
        let spread = (block::<S, T>() / w.group).max(1);
        let power = (w.group / block::<S, T>()).max(1).trailing_zeros();
        let lanes: [u32; MOST_LANES] = from_fn(|lane| (lane * spread / S::LANES) as u32);
        let lanes = s.load_int(&lanes);
        let sizes = [groups, padded, scaled];
        let mut memory = Scratch::new(Factors::size(sizes));
        let mut factors = Factors::new(&mut memory, sizes);
        let mut totals = [0.0; LINES * TOGETHER * MOST_LANES];
        for at in (0..count).step_by(LINES) {
            let first = rows.start + at;
            let lines = first..rows.end.min(first + LINES);
            let used = lines.len();
            factors.read(s, w, lines);
            for row in 0..used {
                let mut sums = factors.scale::<S, N>(s, tile, [row * groups, scaled]);
                let words_of = (first + row) * words;
                let line = Line {
                    words: &all[words_of..words_of + words],
                    scales: factors.scaled,
                    stride: if T::SCALED { padded } else { 0 },
                    elements,
                };
                if WHOLE {
                    line.add_whole::<S, T, N>(s, power, &mut sums);
                } else {
                    line.add_parts::<S, T, N>(s, spread, lanes, &mut sums);
                }
                for (n, sums) in sums.into_iter().enumerate() {
                    let place = (n * LINES + row) * S::LANES;
                    s.store(&mut totals[place..place + S::LANES], sums);
                }
            }
            for n in 0..N {
                total(s, &totals[n * LINES * S::LANES..], &mut products[n * count + at..][..used]);
            }
        }
    }
}

/// The sums of the lanes of vectors.
#[inline(always)]
fn total<S: Simd>(s: S, vectors: &[f32], to: &mut [f32]) {
    for (to, vectors) in to.chunks_mut(4).zip(vectors.chunks_exact(4 * S::LANES)) {
        let sums = s.sums(from_fn(
            #[inline(always)]
            |at| s.load(&vectors[at * S::LANES..(at + 1) * S::LANES]),
        ));
        to.copy_from_slice(&sums[..to.len()]);
    }
}
