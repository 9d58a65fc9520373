//! Quantized matrices, and what they stand for.

use mlx_cpu::Numbers;
use mlx_cpu::quantized::{Coding, Quantized, Scales};

use crate::random::Random;

/// The codings, with the bits of a code and the groups that they are tested with.
pub(super) const CODINGS: [(Coding, usize, usize); 15] = [
    (Coding::Affine(2), 2, 32),
    (Coding::Affine(2), 2, 128),
    (Coding::Affine(3), 3, 32),
    (Coding::Affine(3), 3, 64),
    (Coding::Affine(4), 4, 32),
    (Coding::Affine(4), 4, 64),
    (Coding::Affine(4), 4, 128),
    (Coding::Affine(5), 5, 32),
    (Coding::Affine(5), 5, 64),
    (Coding::Affine(6), 6, 64),
    (Coding::Affine(8), 8, 32),
    (Coding::Affine(8), 8, 64),
    (Coding::E2m1, 4, 32),
    (Coding::E2m1, 4, 16),
    (Coding::E4m3, 8, 32),
];

/// The factor of scales in nvfp4.
const GLOBAL: f32 = 0.37;

/// A quantized matrix.
pub(super) struct Case {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) words: Vec<u32>,
    pub(super) scales: Vec<f32>,
    pub(super) biases: Vec<f32>,
    coding: Coding,
    bits: usize,
    group: usize,
    bytes: Vec<u8>,
}

impl Case {
    pub(super) fn new((coding, bits, group): (Coding, usize, usize), [rows, columns]: [usize; 2]) -> Self {
        let mut random = Random::new((bits * group + rows) as u64);
        let groups = rows * columns / group;
        let words = random.words(rows * columns * bits / 32);
        let (scales, biases) = (random.numbers(groups), random.numbers(groups));
        // Powers of two up to 256, or any float of 8 bits.
        let least = if group == 16 { 0 } else { 120 };
        let bytes =
            random.words(groups).into_iter().map(|word| least + (word % (256 - u32::from(least) * 2)) as u8);
        Self { rows, columns, words, scales, biases, coding, bits, group, bytes: bytes.collect() }
    }

    /// The matrix.
    pub(super) fn matrix(&self) -> Quantized<'_> {
        let (scales, biases) = match (self.coding, self.group) {
            (Coding::Affine(_), _) => {
                (Scales::Numbers(Numbers::F32(&self.scales)), Some(Numbers::F32(&self.biases)))
            }
            (_, 16) => (Scales::E4m3(&self.bytes, GLOBAL), None),
            _ => (Scales::E8m0(&self.bytes), None),
        };
        Quantized::new(&self.words, scales, biases, self.columns, self.group, self.coding).unwrap()
    }

    /// An element.
    pub(super) fn element(&self, row: usize, column: usize) -> f64 {
        let words = self.words.len() / self.rows;
        let code = code(&self.words[row * words..][..words], self.bits, column);
        let place = row * self.columns / self.group + column / self.group;
        match (self.coding, self.group) {
            (Coding::Affine(_), _) => {
                f64::from(code) * f64::from(self.scales[place]) + f64::from(self.biases[place])
            }
            (_, 16) => small(code, 2, 1) * (small(self.bytes[place].into(), 4, 3) * f64::from(GLOBAL)),
            (Coding::E2m1, _) => small(code, 2, 1) * (f64::from(self.bytes[place]) - 127.0).exp2(),
            _ => small(code, 4, 3) * (f64::from(self.bytes[place]) - 127.0).exp2(),
        }
    }

    /// The products with rows of `x`, and the sums of the magnitudes that they are made of: of `x · wᵀ`, or of `x · w`.
    pub(super) fn expected(&self, x: &[f32], transposed: bool) -> Vec<(f64, f64)> {
        let sizes = if transposed { [self.columns, self.rows] } else { [self.rows, self.columns] };
        let element = |at, column| {
            if transposed { self.element(column, at) } else { self.element(at, column) }
        };
        let columns: Vec<Vec<f64>> =
            (0..sizes[1]).map(|column| (0..sizes[0]).map(|at| element(at, column)).collect()).collect();
        let mut out = Vec::new();
        for x in x.chunks(sizes[0]) {
            for column in &columns {
                let mut sum = (0.0, 0.0);
                for (w, &x) in column.iter().zip(x) {
                    sum.0 += w * f64::from(x);
                    sum.1 += (w * f64::from(x)).abs();
                }
                out.push(sum);
            }
        }
        out
    }
}

/// Code number `at` of a row of words.
fn code(row: &[u32], bits: usize, at: usize) -> u32 {
    let (word, skip) = (at * bits / 32, at * bits % 32);
    let high = u64::from(row.get(word + 1).copied().unwrap_or(0)) << 32;
    ((high | u64::from(row[word])) >> skip) as u32 & ((1 << bits) - 1)
}

/// The float of a sign, some bits of exponent and some of fraction, all of which are numbers.
fn small(code: u32, exponent: u32, fraction: u32) -> f64 {
    let (sign, power) = (code >> (exponent + fraction), (code >> fraction) & ((1 << exponent) - 1));
    let part = f64::from(code & ((1 << fraction) - 1)) / f64::from(1 << fraction);
    let bias = (1 << (exponent - 1)) - 1;
    let size = if power == 0 { part * 2.0 } else { 1.0 + part };
    size * f64::from(power as i32 - bias).exp2() * if sign == 0 { 1.0 } else { -1.0 }
}

/// The greatest error, in units of the magnitudes that a product is made of.
pub(super) fn error(found: &[f32], expected: &[(f64, f64)]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let errors = found.iter().zip(expected).map(|(&found, (sum, size))| {
        if *size == 0.0 { f64::from(found).abs() } else { (f64::from(found) - sum).abs() / size }
    });
    errors.fold(0.0, |most, error| if most.is_nan() || error <= most { most } else { error })
}
