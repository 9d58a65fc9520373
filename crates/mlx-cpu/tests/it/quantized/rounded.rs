//! Products with many rows, which are rounded to bytes. A few are rounded to 16 bits.

use mlx_cpu::quantized::{self, Coding, Precision};
use mlx_cpu::{Level, Numbers, NumbersMut};

use super::case::{CODINGS, Case, error};
use crate::random::Random;

/// Each element as a whole number times the 127th of the greatest in its block.
fn rounded(x: &[f32]) -> Vec<f32> {
    let block = |x: &[f32]| {
        let greatest = x.iter().fold(0.0_f64, |greatest, x| greatest.max(f64::from(x.abs())));
        let whole = move |&x: &f32| (f64::from(x) / greatest * 127.0).round() / 127.0 * greatest;
        x.iter().map(whole).map(|x| if x.is_nan() { 0.0 } else { x as f32 }).collect::<Vec<_>>()
    };
    x.chunks(32).flat_map(block).collect()
}

#[test]
fn products_are_those_of_rounded_rows() {
    for coding in CODINGS.into_iter().filter(|(coding, ..)| matches!(coding, Coding::Affine(4 | 8))) {
        for (rows, columns) in [(1, 128), (17, 256), (40, 640), (3, 384)] {
            let case = Case::new(coding, [rows, columns]);
            let matrix = case.matrix().with_precision(Precision::Int8);
            for m in [13, 18, 24, 33] {
                let mut x = Random::new(m as u64).numbers(m * columns);
                x[..40].fill(0.0);
                let (exact, expected) = (case.expected(&x, true), case.expected(&rounded(&x), true));
                for level in Level::available() {
                    let mut out = vec![f32::NAN; m * rows];
                    let (x, to) = (Numbers::F32(&x), NumbersMut::F32(&mut out));
                    assert!(quantized::multiply(level, x, &matrix, to));
                    let (group, whole) = (coding.2, error(&out, &exact));
                    if level == Level::Avx2 && coding.0 == Coding::Affine(8) && group >= 64 {
                        assert!(whole < 2e-5 && whole > 0.0, "{level}, {coding:?}, {m} rows: {whole:e}");
                        continue;
                    }
                    let error = error(&out, &expected);
                    // Where an element lies between two whole numbers, either may be chosen.
                    assert!(error < 2e-5, "{level}, {coding:?}, {m} rows: {error:e}");
                    assert!(whole < 4e-3 && whole > 1e-6, "{level}, {coding:?}, {m} rows: {whole:e}");
                }
            }
        }
    }
}

#[test]
fn the_greatest_numbers_do_not_overflow() {
    for (bits, group) in [(4, 64), (8, 128)] {
        let mut case = Case::new((Coding::Affine(bits), bits as usize, group), [16, 256]);
        case.words.fill(u32::MAX);
        for m in [2, 16] {
            let x: Vec<_> = (0..m * 256).map(|at| if at / 256 % 2 == 0 { 3.0 } else { -3.0 }).collect();
            let expected = case.expected(&x, true);
            for level in Level::available() {
                let mut out = vec![f32::NAN; m * 16];
                let matrix = case.matrix().with_precision(Precision::Int8);
                assert!(quantized::multiply(level, Numbers::F32(&x), &matrix, NumbersMut::F32(&mut out)));
                let error = error(&out, &expected);
                assert!(error < 2e-6, "{level}, {bits} bits: {error:e}");
            }
        }
    }
}

#[test]
fn a_few_rows_are_rounded_to_16_bits() {
    for (bits, group) in [(4, 64), (8, 32)] {
        let case = Case::new((Coding::Affine(bits), bits as usize, group), [9, 256]);
        for m in [1, 2, 7, 12] {
            let x = Random::new(m as u64).numbers(m * 256);
            for level in Level::available() {
                let mut out = vec![f32::NAN; m * 9];
                let matrix = case.matrix().with_precision(Precision::Int8);
                assert!(quantized::multiply(level, Numbers::F32(&x), &matrix, NumbersMut::F32(&mut out)));
                let error = error(&out, &case.expected(&x, true));
                assert!(error < 2e-5 && error > 0.0, "{level}, {bits} bits: {error:e}");
            }
        }
    }
}
