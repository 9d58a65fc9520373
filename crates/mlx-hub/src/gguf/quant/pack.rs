//! MLX's packing: numbers of a few bits as one little-endian bit stream in 32-bit words.

/// Packs numbers below `2^BITS`: each 32 of them fill `BITS` words.
pub(super) fn pack<const BITS: usize>(q: &[u8], words: &mut [u32]) {
    for (q, words) in q.as_chunks::<32>().0.iter().zip(words.as_chunks_mut::<BITS>().0) {
        pack_32(q, words);
    }
}

/// Each 8 numbers make `BITS` bytes of the stream, whatever `BITS` is.
fn pack_32<const BITS: usize>(q: &[u8; 32], words: &mut [u32; BITS]) {
    let (mut stream, mut filled) = (0u128, 0);
    let mut words = words.iter_mut();
    for q in q.as_chunks::<8>().0 {
        let eight = q.iter().rev().fold(0u64, |bits, &q| bits << BITS | u64::from(q));
        stream |= u128::from(eight) << filled;
        filled += 8 * BITS;
        while filled >= 32 {
            words.next().into_iter().for_each(|word| *word = stream as u32);
            stream >>= 32;
            filled -= 32;
        }
    }
}

/// Reads all numbers of a packed stream.
pub(in crate::gguf) fn unpack(words: &[u32], bits: u8) -> Vec<f32> {
    let mask = (1u64 << bits) - 1;
    let mut q = Vec::with_capacity(words.len() * 32 / usize::from(bits));
    let (mut stream, mut filled) = (0u64, 0);
    for &word in words {
        stream |= u64::from(word) << filled;
        filled += 32;
        while filled >= bits {
            q.push((stream & mask) as f32);
            stream >>= bits;
            filled -= bits;
        }
    }
    q
}

#[cfg(test)]
mod tests {
    use super::{pack, unpack};

    fn round_trip<const BITS: usize>() {
        let q: Vec<u8> = (0..64u32).map(|i| (i * 37 + 11) as u8 & ((1u16 << BITS) - 1) as u8).collect();
        let mut words = vec![0; 64 * BITS / 32];
        pack::<BITS>(&q, &mut words);
        assert_eq!(unpack(&words, BITS as u8), q.iter().map(|&q| f32::from(q)).collect::<Vec<_>>());
    }

    #[test]
    fn packed_numbers_come_back() {
        round_trip::<4>();
        round_trip::<5>();
        round_trip::<8>();
    }

    #[test]
    fn five_bit_numbers_cross_words() {
        let mut words = [0; 5];
        let q: [u8; 32] = std::array::from_fn(|i| if i == 6 { 0b10110 } else { 0 });
        pack::<5>(&q, &mut words);
        assert_eq!(words, [0b10 << 30, 0b101, 0, 0, 0]);
    }
}
