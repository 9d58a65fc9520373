//! The K formats: blocks of 256 weights in groups of 16 or 32, with quantized scales.

use super::{Block, half};

/// Q2_K: 16 bytes of 4-bit scales and minimums, 64 of numbers, then both factors.
pub(super) fn q2(block: &[u8; 84]) -> Block<16, 256> {
    let (scales, rest) = split::<_, 16, 68>(block);
    let (qs, &[d0, d1, m0, m1]) = split::<_, 64, 4>(rest);
    let (d, min) = (half([d0, d1]), half([m0, m1]));
    Block {
        scales: scales.map(|byte| d * f32::from(byte & 0xf)),
        biases: scales.map(|byte| -(min * f32::from(byte >> 4))),
        q: crumbs(qs),
    }
}

/// Q3_K: 32 bytes of third bits, 64 of the lower two, 12 of 6-bit scales, then their factor.
pub(super) fn q3(block: &[u8; 110]) -> Block<16, 256> {
    let (third_bits, rest) = split::<_, 32, 78>(block);
    let (qs, rest) = split::<_, 64, 14>(rest);
    let (scales, &[d0, d1]) = split::<_, 12, 2>(rest);
    let d = half([d0, d1]);
    let scales = six_bit_scales(scales).map(|scale| d * (f32::from(scale) - 32.0));
    let mut q = crumbs(qs);
    add_bit_planes(&mut q, third_bits, 2);
    Block { scales, biases: scales.map(|scale| -4.0 * scale), q }
}

/// Q4_K: two factors, 12 bytes of 6-bit scales and minimums, 128 of numbers.
pub(super) fn q4(block: &[u8; 144]) -> Block<8, 256> {
    let (head, qs) = split::<_, 16, 128>(block);
    let (scales, biases) = scales_and_biases(head);
    Block { scales, biases, q: nibbles(qs) }
}

/// Q5_K: as Q4_K, with 32 bytes of fifth bits before the numbers.
pub(super) fn q5(block: &[u8; 176]) -> Block<8, 256> {
    let (head, rest) = split::<_, 16, 160>(block);
    let (fifth_bits, qs) = split::<_, 32, 128>(rest);
    let (scales, biases) = scales_and_biases(head);
    let mut q = nibbles(qs);
    add_bit_planes(&mut q, fifth_bits, 4);
    Block { scales, biases, q }
}

/// Q6_K: 128 bytes of lower nibbles, 64 of upper two bits, 16 signed scales, their factor.
pub(super) fn q6(block: &[u8; 210]) -> Block<16, 256> {
    let (low, rest) = split::<_, 128, 82>(block);
    let (high, rest) = split::<_, 64, 18>(rest);
    let (scales, &[d0, d1]) = split::<_, 16, 2>(rest);
    let d = half([d0, d1]);
    let scales = scales.map(|scale| d * f32::from(scale.cast_signed()));
    let mut q = crumbs(high).map(|high| high << 4);
    for (q, low) in q.as_chunks_mut::<128>().0.iter_mut().zip(low.as_chunks::<64>().0) {
        let (first, second) = q.split_at_mut(64);
        for ((first, second), byte) in first.iter_mut().zip(second).zip(low) {
            *first |= byte & 0xf;
            *second |= byte >> 4;
        }
    }
    Block { scales, biases: scales.map(|scale| -32.0 * scale), q }
}

/// Unpacks 2-bit numbers: each 32 bytes hold 128, the lowest bits of all bytes first.
fn crumbs(bytes: &[u8; 64]) -> [u8; 256] {
    let mut q = [0; 256];
    for (q, bytes) in q.as_chunks_mut::<128>().0.iter_mut().zip(bytes.as_chunks::<32>().0) {
        for (q, shift) in q.as_chunks_mut::<32>().0.iter_mut().zip([0, 2, 4, 6]) {
            q.iter_mut().zip(bytes).for_each(|(q, byte)| *q = byte >> shift & 3);
        }
    }
    q
}

/// Unpacks 4-bit numbers: each 32 bytes hold 64, the low nibbles of all bytes first.
fn nibbles(bytes: &[u8; 128]) -> [u8; 256] {
    let mut q = [0; 256];
    for (q, bytes) in q.as_chunks_mut::<64>().0.iter_mut().zip(bytes.as_chunks::<32>().0) {
        let (low, high) = q.split_at_mut(32);
        for ((low, high), byte) in low.iter_mut().zip(high).zip(bytes) {
            *low = byte & 0xf;
            *high = byte >> 4;
        }
    }
    q
}

/// Adds one more bit to each number: bit `i` of 32 bytes belongs to the `i`th run of 32.
fn add_bit_planes(q: &mut [u8; 256], planes: &[u8; 32], position: u8) {
    for (plane, q) in q.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        q.iter_mut().zip(planes).for_each(|(q, byte)| *q |= (byte >> plane & 1) << position);
    }
}

/// Q4_K's and Q5_K's scales and biases, from both factors and 8 pairs of 6-bit numbers.
///
/// The first four pairs lie in the low 6 bits of the first two words. The last four have their
/// low 4 bits in the third word and their high 2 bits in the top of the first two.
fn scales_and_biases(head: &[u8; 16]) -> ([f32; 8], [f32; 8]) {
    let (&[d0, d1, m0, m1], packed) = split::<_, 4, 12>(head);
    let (d, min) = (half([d0, d1]), half([m0, m1]));
    let [a, b, c] = words(packed);
    let scales = eight_bytes(a & 0x3f3f_3f3f, c & 0x0f0f_0f0f | a >> 2 & 0x3030_3030);
    let mins = eight_bytes(b & 0x3f3f_3f3f, c >> 4 & 0x0f0f_0f0f | b >> 2 & 0x3030_3030);
    (scales.map(|scale| d * f32::from(scale)), mins.map(|bias| -(min * f32::from(bias))))
}

/// Q3_K's 16 scales: low 4 bits in the nibbles of two words, high 2 bits in the third.
fn six_bit_scales(packed: &[u8; 12]) -> [u8; 16] {
    let [a, b, c] = words(packed);
    let high = |shift: u32| (c >> shift & 0x0303_0303) << 4;
    let low = |word: u32| word & 0x0f0f_0f0f;
    let words = [low(b >> 4) | high(6), low(a >> 4) | high(4), low(b) | high(2), low(a) | high(0)];
    words.into_iter().fold(0, |joined: u128, word| joined << 32 | u128::from(word)).to_le_bytes()
}

fn words(bytes: &[u8; 12]) -> [u32; 3] {
    let (a, rest) = split::<_, 4, 8>(bytes);
    let (b, c) = split::<_, 4, 4>(rest);
    [a, b, c].map(|word| u32::from_le_bytes(*word))
}

fn eight_bytes(low: u32, high: u32) -> [u8; 8] {
    (u64::from(high) << 32 | u64::from(low)).to_le_bytes()
}

#[expect(clippy::expect_used, reason = "the sizes are compared at compile time")]
fn split<const N: usize, const A: usize, const B: usize>(bytes: &[u8; N]) -> (&[u8; A], &[u8; B]) {
    const { assert!(A + B == N) };
    (bytes.first_chunk().expect("A <= N"), bytes.last_chunk().expect("B <= N"))
}
