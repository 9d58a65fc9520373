//! Products with quantized matrices.

mod case;
mod each;
mod gathered;
mod halves;
mod rounded;

use half::{bf16, f16};
use mlx_cpu::quantized::{self, Coding, Quantized, Scales};
use mlx_cpu::{Level, Numbers, NumbersMut};

use super::random::Random;
use case::{CODINGS, Case, error};

#[test]
fn products_are_those_of_double_precision() {
    for coding in CODINGS {
        for (rows, columns) in [(1, 128), (17, 256), (40, 384), (3, 640)] {
            let case = Case::new(coding, [rows, columns]);
            for m in (1..=17).chain([33]) {
                let x = Random::new(m as u64).numbers(m * columns);
                let expected = case.expected(&x, true);
                for level in Level::available() {
                    let mut out = vec![f32::NAN; m * rows];
                    let (x, out_mut) = (Numbers::F32(&x), NumbersMut::F32(&mut out));
                    assert!(quantized::multiply(level, x, &case.matrix(), out_mut));
                    let error = error(&out, &expected);
                    assert!(error < 2e-6, "{level}, {coding:?}, {m} rows: {error:e}");
                }
            }
        }
    }
}

#[test]
fn products_with_the_matrix_as_it_stands_are_those_of_double_precision() {
    for coding in CODINGS {
        for (rows, columns) in [(1, 128), (17, 256), (300, 384)] {
            let case = Case::new(coding, [rows, columns]);
            for m in [1, 2, 7, 17] {
                let x = Random::new(m as u64).numbers(m * rows);
                let expected = case.expected(&x, false);
                for level in Level::available() {
                    let mut out = vec![f32::NAN; m * columns];
                    let (x, out_mut) = (Numbers::F32(&x), NumbersMut::F32(&mut out));
                    assert!(quantized::multiply_plain(level, x, &case.matrix(), out_mut));
                    let error = error(&out, &expected);
                    assert!(error < 2e-6, "{level}, {coding:?}, {m} rows: {error:e}");
                }
            }
        }
    }
}

#[test]
fn columns_need_not_fill_a_block() {
    for (coding, bits, group) in CODINGS {
        let case = Case::new((coding, bits, group), [5, 3 * group]);
        for m in [1, 3, 20] {
            let x = Random::new(m as u64).numbers(m * case.columns);
            for level in Level::available() {
                let mut out = vec![f32::NAN; m * 5];
                let (numbers, out_mut) = (Numbers::F32(&x), NumbersMut::F32(&mut out));
                assert!(quantized::multiply(level, numbers, &case.matrix(), out_mut));
                let error = error(&out, &case.expected(&x, true));
                assert!(error < 2e-6, "{level}, {coding:?}, {m} rows: {error:e}");
            }
        }
    }
}

#[test]
fn every_type_of_numbers_is_taken() {
    let mut case = Case::new((Coding::Affine(4), 4, 64), [24, 192]);
    for number in case.scales.iter_mut().chain(&mut case.biases) {
        *number = bf16::from_f32(f16::from_f32(*number).to_f32()).to_f32();
    }
    let x: Vec<_> = Random::new(3).numbers(20 * 192).iter().map(|&x| f16::from_f32(x)).collect();
    let wide: Vec<_> = x.iter().map(|x| x.to_f32()).collect();
    let scales: Vec<_> = case.scales.iter().map(|&x| bf16::from_f32(x)).collect();
    let biases: Vec<_> = case.biases.iter().map(|&x| bf16::from_f32(x)).collect();
    let (scales, biases) = (Scales::Numbers(Numbers::Bf16(&scales)), Some(Numbers::Bf16(&biases)));
    let matrix = Quantized::new(&case.words, scales, biases, 192, 64, Coding::Affine(4)).unwrap();
    for level in Level::available() {
        for m in [1, 20] {
            let mut out = vec![bf16::ZERO; m * 24];
            let x = Numbers::F16(&x[..m * 192]);
            assert!(quantized::multiply(level, x, &matrix, NumbersMut::Bf16(&mut out)));
            let found: Vec<_> = out.iter().map(|x| x.to_f32()).collect();
            let error = error(&found, &case.expected(&wide[..m * 192], true));
            assert!(error < 2e-3, "{level}: {error:e}");
        }
    }
}

#[test]
fn parts_that_do_not_fit_are_refused() {
    let case = Case::new((Coding::Affine(4), 4, 64), [2, 128]);
    let numbers = Numbers::F32(&case.scales);
    let new = |words, columns, group, bits| {
        Quantized::new(words, Scales::Numbers(numbers), Some(numbers), columns, group, Coding::Affine(bits))
    };
    assert!(new(&case.words, 128, 64, 4).is_some());
    assert!(new(&case.words[1..], 128, 64, 4).is_none());
    assert!(new(&case.words, 128, 32, 4).is_none());
    assert!(new(&case.words, 128, 64, 7).is_none());
    assert!(new(&case.words, 0, 64, 4).is_none());
    assert!(new(&case.words, 128, 0, 4).is_none());
    let bytes = Scales::E8m0(&[127; 8]);
    assert!(Quantized::new(&case.words, bytes, None, 128, 32, Coding::E2m1).is_some());
    assert!(Quantized::new(&case.words, bytes, Some(numbers), 128, 32, Coding::E2m1).is_none());
    assert!(Quantized::new(&case.words, bytes, None, 128, 16, Coding::E2m1).is_none());
    assert!(Quantized::new(&case.words, bytes, None, 128, 32, Coding::Affine(4)).is_none());
    let matrix = new(&case.words, 128, 64, 4).unwrap();
    let x = [0.0; 128];
    let mut out = [0.0; 3];
    assert!(!quantized::multiply(Level::best(), Numbers::F32(&x), &matrix, NumbersMut::F32(&mut out)));
    assert!(!quantized::multiply_plain(Level::best(), Numbers::F32(&x), &matrix, NumbersMut::F32(&mut out)));
}
