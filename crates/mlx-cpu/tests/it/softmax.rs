//! Exponentials that sum to one.

use mlx_cpu::softmax::softmax;
use mlx_cpu::{Level, Numbers, NumbersMut};

use super::float::{Floats, TYPES, assert_near};
use super::random::Random;

#[test]
fn shares_are_those_of_double_precision() {
    for of in TYPES {
        for (rows, width) in [(1, 1), (17, 3), (2, 8), (9, 31), (33, 257), (2, 5000), (1, 40_000)] {
            let x: Vec<_> =
                Random::new(width as u64).numbers(rows * width).iter().map(|x| x * 9.0 - 20.0).collect();
            let x = Floats::new(of, &x);
            let mut expected = Vec::new();
            for row in x.doubles().chunks(width) {
                let most = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let total: f64 = row.iter().map(|x| (x - most).exp()).sum();
                expected.extend(row.iter().map(|x| (x - most).exp() / total));
            }
            for level in Level::available() {
                let mut out = Floats::unwritten(of, rows * width);
                assert!(softmax(level, x.get(), width, out.get_mut()));
                // Differences of up to 18 are rounded.
                assert_near(of, &out, &expected, f64::abs, 24.0);
            }
        }
    }
}

#[test]
fn masked_numbers_have_no_share_and_masked_rows_give_none() {
    const OUT: f32 = f32::NEG_INFINITY;
    let rows = [
        [OUT, 1.0, OUT, 1.0, OUT, OUT, OUT, OUT, OUT],
        [OUT; 9],
        [f32::INFINITY, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        [0.0, 0.0, f32::NAN, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        [-9e30, -9e30, -8e30, -9e30, -9e30, -9e30, -9e30, -9e30, -9e30],
    ];
    for level in Level::available() {
        let mut out = [[0.0; 9]; 5];
        let x = Numbers::F32(rows.as_flattened());
        assert!(softmax(level, x, 9, NumbersMut::F32(out.as_flattened_mut())));
        assert_eq!(out[0], [0.0, 0.5, 0.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0]);
        assert!(out[1..4].as_flattened().iter().all(|x| x.is_nan()), "{out:?}");
        assert_eq!(out[4], [0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    }
}

#[test]
fn sizes_that_do_not_fit_are_refused() {
    let x = Numbers::F32(&[0.0; 6]);
    let mut out = [0.0; 6];
    assert!(softmax(Level::best(), x, 3, NumbersMut::F32(&mut out)));
    assert!(!softmax(Level::best(), x, 4, NumbersMut::F32(&mut out)));
    assert!(!softmax(Level::best(), x, 0, NumbersMut::F32(&mut out)));
    assert!(!softmax(Level::best(), x, 3, NumbersMut::F32(&mut out[..3])));
}
