//! Bytes of a tensor to its elements, for each storage format.
//!
//! Every quantized format is decoded to the same form, `w = scale * q + bias` for a group of
//! weights, in 32-bit floats. Groups of 32 are what MLX's affine layout holds, so they stay
//! packed; groups of 16 (Q2_K, Q3_K, Q6_K) it does not know, so they become floats.
//! Layouts follow ggml's reference dequantization.

mod k;
mod legacy;
mod pack;

use half::{bf16, f16};
pub(super) use pack::unpack;

use super::format::Format;
use super::tensor::{Affine, Data, Floats};

/// One block of `WEIGHTS` numbers in `GROUPS` equal groups.
struct Block<const GROUPS: usize, const WEIGHTS: usize> {
    scales: [f32; GROUPS],
    biases: [f32; GROUPS],
    q: [u8; WEIGHTS],
}

/// Decodes whole blocks; the caller has checked that `bytes` holds nothing else.
pub(super) fn decode(format: Format, bytes: &[u8]) -> Data {
    match format {
        Format::F32 => Data::F32(numbers(bytes, f32::from_le_bytes)),
        Format::F16 => Data::F16(numbers(bytes, f16::from_le_bytes)),
        Format::BF16 => Data::Bf16(numbers(bytes, bf16::from_le_bytes)),
        Format::Q4_0 => affine::<4, _, _, _>(bytes, legacy::q4_0),
        Format::Q4_1 => affine::<4, _, _, _>(bytes, legacy::q4_1),
        Format::Q5_0 => affine::<5, _, _, _>(bytes, legacy::q5_0),
        Format::Q5_1 => affine::<5, _, _, _>(bytes, legacy::q5_1),
        Format::Q8_0 => affine::<8, _, _, _>(bytes, legacy::q8_0),
        Format::Q4_K => affine::<4, _, _, _>(bytes, k::q4),
        Format::Q5_K => affine::<5, _, _, _>(bytes, k::q5),
        Format::Q2_K => Data::F32(dequantize(bytes, k::q2)),
        Format::Q3_K => Data::F32(dequantize(bytes, k::q3)),
        Format::Q6_K => Data::F32(dequantize(bytes, k::q6)),
    }
}

fn numbers<T, const N: usize>(bytes: &[u8], from_bytes: fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks().0.iter().map(|bytes| from_bytes(*bytes)).collect()
}

fn affine<const BITS: usize, const BYTES: usize, const GROUPS: usize, const WEIGHTS: usize>(
    bytes: &[u8],
    block: impl Fn(&[u8; BYTES]) -> Block<GROUPS, WEIGHTS>,
) -> Data {
    let (blocks, _) = bytes.as_chunks::<BYTES>();
    let mut weight = vec![0; blocks.len() * WEIGHTS * BITS / 32];
    let mut scales = Vec::with_capacity(blocks.len() * GROUPS);
    let mut biases = Vec::with_capacity(blocks.len() * GROUPS);
    for (bytes, words) in blocks.iter().zip(weight.chunks_exact_mut(WEIGHTS * BITS / 32)) {
        let block = block(bytes);
        scales.extend(block.scales);
        biases.extend(block.biases);
        pack::pack::<BITS>(&block.q, words);
    }
    let (scales, biases) = Floats::narrow(scales, biases);
    Data::Affine(Affine { bits: BITS as u8, group_size: WEIGHTS / GROUPS, weight, scales, biases })
}

fn dequantize<const BYTES: usize, const GROUPS: usize, const WEIGHTS: usize>(
    bytes: &[u8],
    block: impl Fn(&[u8; BYTES]) -> Block<GROUPS, WEIGHTS>,
) -> Vec<f32> {
    let (blocks, _) = bytes.as_chunks::<BYTES>();
    let mut values = vec![0.0; blocks.len() * WEIGHTS];
    for (bytes, values) in blocks.iter().zip(values.as_chunks_mut::<WEIGHTS>().0) {
        let block = block(bytes);
        let groups = values.chunks_exact_mut(WEIGHTS / GROUPS).zip(block.q.chunks_exact(WEIGHTS / GROUPS));
        for ((values, q), (scale, bias)) in groups.zip(block.scales.iter().zip(block.biases)) {
            values.iter_mut().zip(q).for_each(|(value, &q)| *value = scale * f32::from(q) + bias);
        }
    }
    values
}

fn half(bytes: [u8; 2]) -> f32 {
    f16::from_le_bytes(bytes).to_f32()
}

#[cfg(test)]
mod tests {
    use super::super::format::Layout;
    use super::*;

    #[test]
    fn a_layout_is_what_decoding_gives() {
        let formats = (0..=30).filter_map(|code| Format::from_code(code).ok()).collect::<Vec<_>>();
        assert_eq!(formats.len(), 13);
        for format in formats {
            let (_, bytes) = format.block();
            let found = match decode(format, &vec![0; bytes as usize]) {
                Data::F32(_) => Layout::F32,
                Data::F16(_) => Layout::F16,
                Data::Bf16(_) => Layout::Bf16,
                Data::Affine(Affine { bits, group_size, .. }) => Layout::Affine { bits, group_size },
            };
            assert_eq!(found, format.layout(), "{format:?}");
        }
    }
}
