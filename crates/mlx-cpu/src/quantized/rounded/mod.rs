//! Many rows in short numbers, rounded where they have to be, with the codes of a matrix as they are: products of short
//! numbers.
//!
//! They lie in the memory of floats as bits.

mod bytes;
mod halves;
mod product;
mod shorts;

use crate::simd::Simd;
use crate::{Level, Numbers};

use super::Each;
use super::code::Code;
use bytes::Bytes;
use halves::Halves;
use shorts::Shorts;
pub(super) use shorts::round as round_shorts;

/// `x · wᵀ` for each of some matrices of 4 or 8 bits, and elements rounded to bytes.
pub(super) fn multiply_bytes<const BITS: usize>(level: Level, x: Numbers<'_>, each: Each<'_, '_>) {
    product::multiply::<Bytes<BITS>>(level, x, each);
}

/// `x · wᵀ` for each of some matrices of 4 or 8 bits, and elements rounded to 16 bits.
pub(super) fn multiply_shorts<const BITS: usize>(level: Level, x: Numbers<'_>, each: Each<'_, '_>) {
    product::multiply::<Shorts<BITS>>(level, x, each);
}

/// `x · wᵀ` for each of some matrices, and elements that are `bfloat16`, whatever they are stored as. Nothing is rounded.
pub(super) fn multiply_halves<C: Code>(level: Level, x: Numbers<'_>, each: Each<'_, '_>) {
    product::multiply::<Halves<C>>(level, x, each);
}

/// How elements are rounded, and multiplied with codes.
trait Rounding: Sync + 'static {
    /// How the matrix is stored.
    type Code: Code;
    /// Elements in a lane.
    const EACH: usize;
    /// Whether blocks have scales.
    const SCALED: bool = true;

    /// Parts of a code that are multiplied apart, each 16 times the one before.
    fn digits<S: Simd>() -> usize;

    /// How many elements have one scale, where groups are of so many.
    fn block(group: usize) -> usize;

    /// Rounds a block to lanes. Returns what they are multiplied by, and the sum of what they then are.
    fn round<S: Simd>(s: S, x: &[f32], lanes: &mut [f32; MOST_STEPS]) -> [f32; 2];

    /// Calls `put` with the vectors that a unit of codes of each lane becomes, and their numbers within those of the block, of
    /// which it is unit number `unit`.
    fn unpack<S: Simd>(s: S, units: S::I, unit: usize, put: impl FnMut(usize, S::I));

    /// Adds the products of codes and elements to sums.
    fn add<S: Simd>(s: S, sums: S::I, codes: S::I, x: S::I) -> S::I;

    /// The sums of a block as one float a lane.
    fn total<S: Simd>(s: S, sums: S::I) -> S::F;
}

/// The most lanes that a block is rounded to.
const MOST_STEPS: usize = 64;
