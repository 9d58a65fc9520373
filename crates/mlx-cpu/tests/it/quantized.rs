//! Products with quantized matrices.

use half::{bf16, f16};
use mlx_cpu::quantized::{self, Coding, Quantized, Scales};
use mlx_cpu::{Level, Numbers, NumbersMut};

use super::random::Random;

/// Code number `at` of a row of words.
fn code(row: &[u32], bits: usize, at: usize) -> u32 {
    let (word, skip) = (at * bits / 32, at * bits % 32);
    let high = u64::from(row.get(word + 1).copied().unwrap_or(0)) << 32;
    ((high | u64::from(row[word])) >> skip) as u32 & ((1 << bits) - 1)
}

struct Case {
    bits: usize,
    group: usize,
    rows: usize,
    columns: usize,
    words: Vec<u32>,
    scales: Vec<f32>,
    biases: Vec<f32>,
}

impl Case {
    fn new(bits: usize, group: usize, [rows, columns]: [usize; 2]) -> Self {
        let mut random = Random::new((bits * group + rows) as u64);
        let groups = rows * columns / group;
        let words = random.words(rows * columns / 32 * bits);
        let (scales, biases) = (random.numbers(groups), random.numbers(groups));
        Self { bits, group, rows, columns, words, scales, biases }
    }

    fn matrix<'a>(&'a self, scales: Numbers<'a>, biases: Numbers<'a>) -> Quantized<'a> {
        let (scales, coding) = (Scales::Numbers(scales), Coding::Affine(self.bits as u32));
        Quantized::new(&self.words, scales, Some(biases), self.columns, self.group, coding).unwrap()
    }

    /// The products with rows of `x`, and the sums of the magnitudes that they are made of.
    fn expected(&self, x: &[f32]) -> Vec<(f64, f64)> {
        let words = self.words.len() / self.rows;
        let mut out = Vec::new();
        for x in x.chunks(self.columns) {
            for row in 0..self.rows {
                let codes = &self.words[row * words..(row + 1) * words];
                let mut sum = (0.0, 0.0);
                for (at, &x) in x.iter().enumerate() {
                    let group = row * self.columns / self.group + at / self.group;
                    let w = f64::from(code(codes, self.bits, at)) * f64::from(self.scales[group])
                        + f64::from(self.biases[group]);
                    sum.0 += w * f64::from(x);
                    sum.1 += (w * f64::from(x)).abs();
                }
                out.push(sum);
            }
        }
        out
    }
}

/// The greatest error, in units of the magnitudes that a product is made of.
fn error(found: &[f32], expected: &[(f64, f64)]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let errors =
        found.iter().zip(expected).map(|(&found, (sum, size))| (f64::from(found) - sum).abs() / size);
    errors.fold(0.0, f64::max)
}

#[test]
fn products_are_those_of_double_precision() {
    for level in Level::available() {
        for (bits, group) in
            [(2, 32), (2, 128), (3, 64), (4, 32), (4, 64), (4, 128), (6, 64), (8, 32), (8, 64)]
        {
            for (rows, columns) in [(1, 128), (17, 256), (40, 384)] {
                let case = Case::new(bits, group, [rows, columns]);
                let matrix = case.matrix(Numbers::F32(&case.scales), Numbers::F32(&case.biases));
                for m in (1..=17).chain([33]) {
                    let x = Random::new(m as u64).numbers(m * columns);
                    let mut out = vec![f32::NAN; m * rows];
                    assert!(quantized::multiply(level, Numbers::F32(&x), &matrix, NumbersMut::F32(&mut out)));
                    let error = error(&out, &case.expected(&x));
                    assert!(error < 5e-7, "{level}, {bits} bits, groups of {group}, {m} rows: {error:e}");
                }
            }
        }
    }
}

#[test]
fn every_type_of_numbers_is_taken() {
    let mut case = Case::new(4, 64, [24, 192]);
    for number in case.scales.iter_mut().chain(&mut case.biases) {
        *number = bf16::from_f32(f16::from_f32(*number).to_f32()).to_f32();
    }
    let x: Vec<_> = Random::new(3).numbers(20 * 192).iter().map(|&x| f16::from_f32(x)).collect();
    let wide: Vec<_> = x.iter().map(|x| x.to_f32()).collect();
    let scales: Vec<_> = case.scales.iter().map(|&x| bf16::from_f32(x)).collect();
    let biases: Vec<_> = case.biases.iter().map(|&x| bf16::from_f32(x)).collect();
    let matrix = case.matrix(Numbers::Bf16(&scales), Numbers::Bf16(&biases));
    for level in Level::available() {
        for m in [1, 20] {
            let mut out = vec![bf16::ZERO; m * 24];
            let x = Numbers::F16(&x[..m * 192]);
            assert!(quantized::multiply(level, x, &matrix, NumbersMut::Bf16(&mut out)));
            let found: Vec<_> = out.iter().map(|x| x.to_f32()).collect();
            let error = error(&found, &case.expected(&wide[..m * 192]));
            assert!(error < 2e-3, "{level}: {error:e}");
        }
    }
}

#[test]
fn parts_that_do_not_fit_are_refused() {
    let case = Case::new(4, 64, [2, 128]);
    let numbers = Numbers::F32(&case.scales);
    let new = |words, columns, group, bits| {
        Quantized::new(words, Scales::Numbers(numbers), Some(numbers), columns, group, Coding::Affine(bits))
    };
    assert!(new(&case.words, 128, 64, 4).is_some());
    assert!(new(&case.words[1..], 128, 64, 4).is_none());
    assert!(new(&case.words, 128, 32, 4).is_none());
    assert!(new(&case.words, 128, 64, 5).is_none());
    assert!(new(&case.words, 0, 64, 4).is_none());
    let matrix = new(&case.words, 128, 64, 4).unwrap();
    let x = [0.0; 128];
    let mut out = [0.0; 3];
    assert!(!quantized::multiply(Level::best(), Numbers::F32(&x), &matrix, NumbersMut::F32(&mut out)));
}
