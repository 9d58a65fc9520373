//! Many rows that are rounded to whole numbers with a matrix of whole numbers: products of integers.
//!
//! Integers lie in the memory of floats as their bits.

mod bytes;
mod product;
mod shorts;

use crate::Level;
use crate::simd::Simd;

use super::Each;
use bytes::Bytes;
use shorts::Shorts;
pub(super) use shorts::round as round_shorts;

/// `x · wᵀ` for each of some matrices of 4 or 8 bits, and elements rounded to bytes.
pub(super) fn multiply_bytes<const BITS: usize>(level: Level, x: &[f32], each: Each<'_, '_>) {
    product::multiply::<Bytes<BITS>>(level, x, each);
}

/// `x · wᵀ` for each of some matrices of 4 or 8 bits, and elements rounded to 16 bits.
pub(super) fn multiply_shorts<const BITS: usize>(level: Level, x: &[f32], each: Each<'_, '_>) {
    product::multiply::<Shorts<BITS>>(level, x, each);
}

/// How elements are rounded, and multiplied with codes.
trait Rounding: Sync + 'static {
    /// Bits of a code.
    const BITS: usize;
    /// Elements in a lane.
    const EACH: usize;
    /// Parts of a code that are multiplied apart, each 16 times the one before.
    const DIGITS: usize;

    /// How many elements have one scale, where groups are of so many.
    fn block(group: usize) -> usize;

    /// Rounds a block to lanes. Returns what they are multiplied by, and the sum of what they then are.
    fn round<S: Simd>(s: S, x: &[f32], lanes: &mut [f32; MOST_STEPS]) -> [f32; 2];

    /// Calls `put` with the vectors that a word of each lane becomes, and their numbers within those of the block, of which
    /// it is word number `word`.
    fn unpack<S: Simd>(s: S, words: S::I, word: usize, put: impl FnMut(usize, S::I));

    /// Adds the products of codes and elements to sums.
    fn add<S: Simd>(s: S, sums: S::I, codes: S::I, x: S::I) -> S::I;

    /// The sums of a block as one integer a lane.
    fn total<S: Simd>(s: S, sums: S::I) -> S::I;
}

/// The most lanes that a block is rounded to.
const MOST_STEPS: usize = 64;
