//! Products with halves, whose elements become whole numbers where rows are few.

use half::{bf16, f16};
use mlx_cpu::quantized::{self, Coding};
use mlx_cpu::{Level, Numbers, NumbersMut};

use super::case::{CODINGS, Case, error};
use crate::random::Random;

/// The products with rows of `x`, which are halves already.
fn products(level: Level, case: &Case, x: &[f32], brain: bool) -> Vec<f32> {
    let mut out = vec![f32::NAN; x.len() / case.columns * case.rows];
    let (brains, halves): (Vec<_>, Vec<_>) = x.iter().map(|&x| (bf16::from_f32(x), f16::from_f32(x))).unzip();
    let x = if brain { Numbers::Bf16(&brains) } else { Numbers::F16(&halves) };
    assert!(quantized::multiply(level, x, &case.matrix(), NumbersMut::F32(&mut out)));
    out
}

fn rounded(x: f32, brain: bool) -> f32 {
    if brain { bf16::from_f32(x).to_f32() } else { f16::from_f32(x).to_f32() }
}

#[test]
fn products_are_those_of_double_precision() {
    for coding in CODINGS {
        let group = coding.2;
        for (rows, columns) in [(1, 128), (17, 256), (40, 384), (3, 640), (5, 3 * group)] {
            let case = Case::new(coding, [rows, columns]);
            for (m, brain) in (1..=13).flat_map(|m| [(m, false), (m, true)]) {
                let mut x = Random::new(m as u64).numbers(m * columns);
                x.iter_mut().for_each(|x| *x = rounded(*x, brain));
                // One is much greater than the others, and a group has none but zeros.
                x[0] *= 16.0;
                x[columns - group..columns].fill(0.0);
                let expected = case.expected(&x, true);
                for level in Level::available() {
                    let error = error(&products(level, &case, &x, brain), &expected);
                    assert!(error < 1e-4, "{level}, {coding:?}, {m} rows of {columns}: {error:e}");
                }
            }
        }
    }
}

#[test]
fn the_greatest_codes_and_elements_do_not_overflow() {
    for (bits, group) in [(2, 128), (4, 128), (6, 128), (8, 128)] {
        let mut case = Case::new((Coding::Affine(bits), bits as usize, group), [4, 256]);
        case.words.fill(u32::MAX);
        for m in [1, 5] {
            let x: Vec<_> = (0..m * 256).map(|at| if at / 256 % 2 == 0 { 3.0 } else { -3.0 }).collect();
            let expected = case.expected(&x, true);
            for level in Level::available() {
                let error = error(&products(level, &case, &x, true), &expected);
                assert!(error < 1e-6, "{level}, {bits} bits: {error:e}");
            }
        }
    }
}

#[test]
fn what_is_no_number_or_has_no_end_makes_none() {
    let case = Case::new((Coding::Affine(4), 4, 64), [3, 192]);
    for odd in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut x = vec![0.5; 3 * 192];
        x[192 + 70] = odd;
        for level in Level::available() {
            let found = products(level, &case, &x, true);
            assert!(found[..3].iter().chain(&found[6..]).all(|x| x.is_finite()), "{level}, {odd}");
            assert!(found[3..6].iter().all(|x| !x.is_finite()), "{level}, {odd}");
        }
    }
}

#[test]
fn the_smallest_elements_count_as_nothing() {
    let case = Case::new((Coding::Affine(8), 8, 32), [2, 64]);
    let mut x = vec![1e-35; 64];
    x[..32].fill(2.0);
    let expected = case.expected(&x, true);
    for level in Level::available() {
        assert!(error(&products(level, &case, &x, true), &expected) < 1e-6, "{level}");
    }
}
