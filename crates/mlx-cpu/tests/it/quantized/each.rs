//! Products with several matrices at a time.

use half::bf16;
use mlx_cpu::quantized::{self, Coding, Precision};
use mlx_cpu::{Level, Numbers, NumbersMut};

use super::case::Case;
use crate::random::Random;

/// The products with each of the matrices, by one call or by as many as there are matrices.
fn products(level: Level, cases: &[Case], x: &[bf16], at_once: bool) -> Vec<Vec<bf16>> {
    let mut outs: Vec<_> =
        cases.iter().map(|case| vec![bf16::NAN; x.len() / case.columns * case.rows]).collect();
    let matrices: Vec<_> = cases.iter().map(Case::matrix).collect();
    if at_once {
        let outs = outs.iter_mut().map(|out| NumbersMut::Bf16(out)).collect();
        assert!(quantized::multiply_each(level, Numbers::Bf16(x), &matrices, outs));
    } else {
        for (w, out) in matrices.iter().zip(&mut outs) {
            assert!(quantized::multiply(level, Numbers::Bf16(x), w, NumbersMut::Bf16(out)));
        }
    }
    outs
}

#[test]
fn matrices_at_once_give_what_each_gives() {
    let four = (Coding::Affine(4), 4, 64);
    let alike = [four; 3].map(|coding| Case::new(coding, [70, 192]));
    let of_sizes = [1, 400, 33].map(|rows| Case::new(four, [rows, 192]));
    let others =
        [four, (Coding::Affine(4), 4, 32), (Coding::Affine(8), 8, 64)].map(|c| Case::new(c, [9, 192]));
    for cases in [&alike[..], &of_sizes, &others, &[]] {
        for m in [1, 3, 12, 20] {
            let x: Vec<_> =
                Random::new(m).numbers(m as usize * 192).into_iter().map(bf16::from_f32).collect();
            for level in Level::available() {
                assert_eq!(
                    products(level, cases, &x, true),
                    products(level, cases, &x, false),
                    "{level}, {m}"
                );
            }
        }
    }
}

#[test]
fn outputs_that_do_not_fit_are_refused() {
    let case = Case::new((Coding::Affine(4), 4, 64), [3, 64]);
    let x = [1.0; 64];
    let mut out = [0.0; 4];
    let mut refused = |lengths: &[usize]| {
        let matrices = [case.matrix(), case.matrix().with_precision(Precision::Int8)];
        let mut rest = &mut out[..];
        let outs =
            lengths.iter().map(|&length| NumbersMut::F32(rest.split_off_mut(..length).unwrap())).collect();
        !quantized::multiply_each(Level::best(), Numbers::F32(&x), &matrices, outs)
    };
    assert!(refused(&[3]));
    assert!(refused(&[3, 1]));
}

#[test]
fn a_row_without_end_leaves_the_one_before_alone() {
    for group in [32, 64] {
        let mut case = Case::new((Coding::Affine(4), 4, group), [20, 3 * group]);
        case.scales[3 * 7] = f32::NAN;
        case.biases[3 * 15] = f32::INFINITY;
        for m in [1, 2, 5] {
            let x: Vec<_> =
                Random::new(m).numbers(m as usize * case.columns).into_iter().map(bf16::from_f32).collect();
            for level in Level::available() {
                let mut out = vec![0.0; m as usize * 20];
                let to = NumbersMut::F32(&mut out);
                assert!(quantized::multiply(level, Numbers::Bf16(&x), &case.matrix(), to));
                for (at, out) in out.iter().enumerate() {
                    assert_eq!(
                        out.is_finite(),
                        at % 20 != 7 && at % 20 != 15,
                        "{level}, group of {group}, {m} rows: {at}"
                    );
                }
            }
        }
    }
}
