//! Whole numbers of a few bits in words of 32, the first in the lowest bits.

use mlx_core::{Array, Dtype, Result};

/// The numbers in `words` `[…, words]` of `uint32`: `[…, words · 32 / bits]`. They may cross words.
pub(super) fn unpack(words: &Array, bits: i32) -> Result<Array> {
    if 32 % bits == 0 {
        return unpack_in_order(words, &shifts(bits)?, bits);
    }
    let each = unpack_in_order(words, &shifts(1)?, 1)?.unflatten(-1, [-1, bits])?;
    (each << Array::arange(0..bits)?.astype(Dtype::Uint32)?)?.sum(-1)
}

/// The numbers in `words` at these places within a word.
pub(super) fn unpack_in_order(words: &Array, shifts: &Array, bits: i32) -> Result<Array> {
    let mask = u32::MAX >> (32 - bits.clamp(1, 32));
    let numbers = (words.expand_dims(-1)? >> shifts)?;
    (numbers & Array::from_slice(&[mask], [1])?)?.flatten(-2, -1)
}

/// The words of `numbers` `[…, n]` of `uint32`, where `bits` divides 32 and a word's count divides n.
pub(super) fn pack(numbers: &Array, bits: i32) -> Result<Array> {
    (numbers.unflatten(-1, [-1, 32 / bits])? << shifts(bits)?)?.sum(-1)
}

/// Where the numbers of a word begin, if `bits` divides 32.
fn shifts(bits: i32) -> Result<Array> {
    let places: Vec<u32> = (0_u32..32).step_by(bits.unsigned_abs().max(1) as usize).collect();
    Array::from_slice(&places, [32 / bits])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_divide_a_word_come_back() {
        for bits in [2, 4, 8] {
            let numbers: Vec<u32> = (0..64).map(|n| n * 7 % (1 << bits)).collect();
            let packed = pack(&Array::from_slice(&numbers, [2, 32]).unwrap(), bits).unwrap();
            assert_eq!(packed.shape(), [2, bits]);
            assert_eq!(unpack(&packed, bits).unwrap().to_vec::<u32>().unwrap(), numbers);
        }
    }

    #[test]
    fn numbers_of_three_bits_cross_words() {
        let numbers: Vec<u32> = (0..32).map(|n| n * 5 % 8).collect();
        let stream = numbers.iter().rev().fold(0_u128, |stream, &n| stream << 3 | u128::from(n));
        let words = [stream as u32, (stream >> 32) as u32, (stream >> 64) as u32];
        let unpacked = unpack(&Array::from_slice(&words, [1, 3]).unwrap(), 3).unwrap();
        assert_eq!(unpacked.to_vec::<u32>().unwrap(), numbers);
    }
}
