//! Blocks of 32 weights with one scale: a half-float scale, perhaps a minimum, then the numbers.

use super::{Block, half};

type Block32 = Block<1, 32>;

pub(super) fn q4_0(block: &[u8; 18]) -> Block32 {
    let [d0, d1, qs @ ..] = *block;
    let scale = half([d0, d1]);
    Block { scales: [scale], biases: [-8.0 * scale], q: nibbles(qs) }
}

pub(super) fn q4_1(block: &[u8; 20]) -> Block32 {
    let [d0, d1, m0, m1, qs @ ..] = *block;
    Block { scales: [half([d0, d1])], biases: [half([m0, m1])], q: nibbles(qs) }
}

pub(super) fn q5_0(block: &[u8; 22]) -> Block32 {
    let [d0, d1, h0, h1, h2, h3, qs @ ..] = *block;
    let scale = half([d0, d1]);
    Block { scales: [scale], biases: [-16.0 * scale], q: with_fifth_bit(nibbles(qs), [h0, h1, h2, h3]) }
}

pub(super) fn q5_1(block: &[u8; 24]) -> Block32 {
    let [d0, d1, m0, m1, h0, h1, h2, h3, qs @ ..] = *block;
    let q = with_fifth_bit(nibbles(qs), [h0, h1, h2, h3]);
    Block { scales: [half([d0, d1])], biases: [half([m0, m1])], q }
}

pub(super) fn q8_0(block: &[u8; 34]) -> Block32 {
    let [d0, d1, qs @ ..] = *block;
    let scale = half([d0, d1]);
    // A signed byte plus 128 is that byte with its sign bit flipped.
    Block { scales: [scale], biases: [-128.0 * scale], q: qs.map(|q| q ^ 0x80) }
}

/// The low nibbles of all bytes, then the high ones.
fn nibbles(bytes: [u8; 16]) -> [u8; 32] {
    let mut q = [0; 32];
    let (low, high) = q.split_at_mut(16);
    for ((low, high), byte) in low.iter_mut().zip(high).zip(bytes) {
        *low = byte & 0xf;
        *high = byte >> 4;
    }
    q
}

/// Adds bit `i` of a 32-bit word to number `i`.
fn with_fifth_bit(mut q: [u8; 32], word: [u8; 4]) -> [u8; 32] {
    let word = u32::from_le_bytes(word);
    for (i, q) in q.iter_mut().enumerate() {
        *q |= ((word >> i & 1) as u8) << 4;
    }
    q
}
