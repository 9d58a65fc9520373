//! Rows that are rounded to bytes with a matrix of whole numbers: products of integers.
//!
//! Integers lie in the memory of floats as their bits.

mod product;

use crate::simd::Simd;

pub(super) use product::multiply;

/// Elements of a row with one scale: their products with digits of 4 bits add up to less than 16 bits hold.
const BLOCK: usize = 32;
/// Words of 4 bytes in a block.
const STEPS: usize = BLOCK / 4;

/// A block that is rounded.
struct Rounded {
    /// Words of 4 bytes, in the order in which codes come out of words: the lower digits of a word, then the upper ones.
    words: [f32; STEPS],
    /// What the bytes are multiplied by.
    scale: f32,
    /// The sum of what they then are.
    sum: f32,
}

impl Rounded {
    #[inline(always)]
    fn new<S: Simd, const BITS: usize>(s: S, x: &[f32]) -> Self {
        let mut greatest = s.splat(0.0);
        for x in x.chunks_exact(S::LANES) {
            let x = s.load(x);
            greatest = s.max(greatest, s.max(x, s.sub(s.splat(0.0), x)));
        }
        let greatest = s.greatest(greatest);
        let inverse = s.splat(if greatest > 0.0 { 127.0 / greatest } else { 0.0 });
        let mut numbers = [0.0; BLOCK];
        for (x, to) in x.chunks_exact(S::LANES).zip(numbers.chunks_exact_mut(S::LANES)) {
            s.store(to, s.from_bits(s.to_int(s.mul(s.load(x), inverse))));
        }
        let (mut words, mut sum) = ([0.0; STEPS], 0);
        for (step, to) in words.iter_mut().enumerate() {
            let mut word = 0;
            for byte in 0..4 {
                let place = if BITS == 4 { step / 2 * 8 + byte * 2 + step % 2 } else { step * 4 + byte };
                let number = numbers.get(place).map_or(0, |number| number.to_bits() as i32);
                sum += number;
                word |= (number as u32 & 0xff) << (8 * byte);
            }
            *to = f32::from_bits(word);
        }
        let scale = greatest / 127.0;
        Self { words, scale, sum: scale * sum as f32 }
    }
}
