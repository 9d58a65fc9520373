//! Random matrices of which layers make numbers that stay finite, in the forms of MLX and of GGUF.
//!
//! Both forms hold the very same numbers.

/// Numbers that share a scale in MLX's form.
pub const GROUP: usize = 64;
/// Numbers that share a scale in GGUF's form.
const BLOCK: usize = 32;

/// Random bits, by splitmix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014).
pub struct Bits(u64);

impl Bits {
    /// The same bits for the same seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// A matrix of 4 bits a number, which stand for `scale * (bits - 8)`.
pub struct Quantized {
    /// MLX's words: eight numbers each, the first in the lowest bits.
    pub words: Vec<u8>,
    /// One bfloat16 for each group.
    pub scales: Vec<u8>,
    /// One bfloat16 for each group, -8 times its scale.
    pub biases: Vec<u8>,
    /// GGUF's blocks Q4_0.
    pub blocks: Vec<u8>,
}

/// Numbers so small that sums over `columns` of them, each times a number around one, are around one.
pub fn quantized(rows: usize, columns: usize, bits: &mut Bits) -> Quantized {
    let groups = rows * columns / GROUP;
    let mut matrix = Quantized {
        words: Vec::with_capacity(groups * GROUP / 2),
        scales: Vec::with_capacity(groups * 2),
        biases: Vec::with_capacity(groups * 2),
        blocks: Vec::with_capacity(groups * GROUP / BLOCK * 18),
    };
    // The numbers are 4.6 scales from zero on average, and a scale is 1.5 powers of two.
    let exponent = halvings(4.6 * 1.5, columns);
    for _ in 0..groups {
        let fraction = (bits.next() >> 57) as u16;
        // Eight is three more powers of two.
        let (scale, bias) = ((127 - exponent) << 7 | fraction, 1 << 15 | (130 - exponent) << 7 | fraction);
        let half = (15 - exponent) << 10 | fraction << 3;
        matrix.scales.extend_from_slice(&scale.to_le_bytes());
        matrix.biases.extend_from_slice(&bias.to_le_bytes());
        for _ in 0..GROUP / BLOCK {
            let (first, second) = (bits.next(), bits.next());
            matrix.words.extend_from_slice(&first.to_le_bytes());
            matrix.words.extend_from_slice(&second.to_le_bytes());
            matrix.blocks.extend_from_slice(&half.to_le_bytes());
            matrix.blocks.extend_from_slice(&block(first, second).to_le_bytes());
        }
    }
    matrix
}

/// The first and the second half of 32 numbers of 4 bits, side by side in each byte.
fn block(first: u64, second: u64) -> u128 {
    const LOW: u64 = 0x0f0f_0f0f_0f0f_0f0f;
    let even = (first & LOW) | (second & LOW) << 4;
    let odd = (first >> 4 & LOW) | (second & !LOW);
    spread(even) | spread(odd) << 8
}

/// Every byte with an empty one behind it.
fn spread(bytes: u64) -> u128 {
    let pieces = u128::from(bytes);
    let pieces = (pieces | pieces << 32) & 0x0000_0000_ffff_ffff_0000_0000_ffff_ffff;
    let pieces = (pieces | pieces << 16) & 0x0000_ffff_0000_ffff_0000_ffff_0000_ffff;
    (pieces | pieces << 8) & 0x00ff_00ff_00ff_00ff_00ff_00ff_00ff_00ff
}

/// The same in bfloat16, which both forms store alike.
pub fn bfloat16(rows: usize, columns: usize, bits: &mut Bits) -> Vec<u8> {
    let exponent = u64::from(127 - halvings(1.5, columns)) << 7;
    let mut matrix = Vec::with_capacity(rows * columns * 2);
    for _ in 0..rows * columns / 4 {
        // Sign and fraction are random in each of the four.
        let four = (bits.next() & 0x807f_807f_807f_807f) | (exponent * 0x0001_0001_0001_0001);
        matrix.extend_from_slice(&four.to_le_bytes());
    }
    matrix
}

/// The same in float32, which both forms store alike, too.
pub fn float32(rows: usize, columns: usize, bits: &mut Bits) -> Vec<u8> {
    let exponent = u64::from(127 - halvings(1.5, columns)) << 23;
    let mut matrix = Vec::with_capacity(rows * columns * 4);
    for _ in 0..rows * columns / 2 {
        let two = (bits.next() & 0x807f_ffff_807f_ffff) | (exponent * 0x0000_0001_0000_0001);
        matrix.extend_from_slice(&two.to_le_bytes());
    }
    matrix
}

/// How often to halve numbers of this size so that the sum over `columns` of them is around one.
fn halvings(size: f64, columns: usize) -> u16 {
    // Between the smallest normal float16 and one.
    (size * (columns as f64).sqrt()).log2().round().clamp(0.0, 14.0) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bfloat(bytes: &[u8]) -> f32 {
        f32::from_bits(u32::from(u16::from_le_bytes([bytes[0], bytes[1]])) << 16)
    }

    fn float(bytes: &[u8]) -> f32 {
        f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
    }

    fn half(bytes: &[u8]) -> f32 {
        let bits = u16::from_le_bytes([bytes[0], bytes[1]]);
        let (exponent, fraction) = (i32::from(bits >> 10 & 31), f32::from(bits & 1023));
        (1.0 + fraction / 1024.0) * 2.0_f32.powi(exponent - 15)
    }

    fn in_mlx(matrix: &Quantized) -> Vec<f32> {
        let number = |at: usize| {
            let (scale, bias) =
                (bfloat(&matrix.scales[at / GROUP * 2..]), bfloat(&matrix.biases[at / GROUP * 2..]));
            scale * f32::from(matrix.words[at / 2] >> (at % 2 * 4) & 15) + bias
        };
        (0..matrix.words.len() * 2).map(number).collect()
    }

    fn in_gguf(matrix: &Quantized) -> Vec<f32> {
        let mut numbers = Vec::new();
        for block in matrix.blocks.chunks(18) {
            let scale = half(block);
            numbers.extend(block[2..].iter().map(|byte| scale * (f32::from(byte & 15) - 8.0)));
            numbers.extend(block[2..].iter().map(|byte| scale * (f32::from(byte >> 4) - 8.0)));
        }
        numbers
    }

    #[test]
    fn both_forms_hold_the_same_numbers() {
        let matrix = quantized(5, 192, &mut Bits::new(1));
        let numbers = in_mlx(&matrix);
        assert_eq!(numbers.len(), 5 * 192);
        assert_eq!(numbers, in_gguf(&matrix));
    }

    #[test]
    fn sums_over_a_row_are_around_one() {
        for columns in [1024, 6144] {
            let mut bits = Bits::new(2);
            let halves: Vec<_> = bfloat16(8, columns, &mut bits).chunks(2).map(bfloat).collect();
            let floats: Vec<_> = float32(8, columns, &mut bits).chunks(4).map(float).collect();
            for numbers in [in_mlx(&quantized(8, columns, &mut bits)), halves, floats] {
                assert_eq!(numbers.len(), 8 * columns);
                let square = numbers.iter().map(|x| x * x).sum::<f32>() / 8.0;
                assert!((0.3..3.0).contains(&square), "{columns}: {square}");
                let mean = numbers.iter().sum::<f32>() / numbers.len() as f32;
                assert!(mean.abs() < 0.2 * (square / columns as f32).sqrt(), "{columns}: {mean}");
            }
        }
    }
}
