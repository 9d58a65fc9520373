//! Fourier transforms against the sum that defines them, and lengths that are none.

use std::f64::consts::TAU;

use mlx_core::fft::{self, Fft, FftN, Norm};
use mlx_core::random::{Key, normal};
use mlx_core::{Array, Complex64, Dtype, Result};
use mlx_testkit::{Tolerance, assert_close};

use crate::values::values;

fn random<const N: usize>(shape: [i32; N], dtype: Dtype) -> Array {
    normal(shape, dtype, &Key::new(5).unwrap()).unwrap()
}

#[track_caller]
fn assert_same(actual: Result<Array>, expected: &Array) {
    let actual = actual.unwrap();
    assert_eq!((actual.shape(), actual.dtype()), (expected.shape(), expected.dtype()));
    assert!(
        actual
            .allclose(expected, mlx_core::Closeness { rtol: 1e-4, atol: 1e-4, ..Default::default() })
            .unwrap(),
        "{actual} is not {expected}"
    );
}

/// Real and imaginary parts in turn.
fn parts(array: &Array) -> Vec<f64> {
    let complex = array.to_vec::<Complex64>().unwrap();
    complex.into_iter().flat_map(|z| [f64::from(z.re), f64::from(z.im)]).collect()
}

/// The sum that defines the transform.
fn slow(x: &[f64]) -> Vec<f64> {
    let n = x.len();
    let term = |k: usize, at: usize| -TAU * ((k * at) % n) as f64 / n as f64;
    let sum = |k: usize, f: fn(f64) -> f64| (0..n).map(|at| x[at] * f(term(k, at))).sum::<f64>();
    (0..n).flat_map(|k| [sum(k, f64::cos), sum(k, f64::sin)]).collect()
}

#[test]
fn a_transform_is_the_sum_that_defines_it() {
    for n in [1, 2, 3, 7, 8, 12, 31] {
        let x = random([n], Dtype::Float32);
        let expected = slow(&values(&x));
        assert_close(&parts(&fft::fft(&x, 0).unwrap()), &expected, Tolerance::F32);
        let half = parts(&fft::rfft(&x, -1).unwrap());
        assert_eq!(half.len(), 2 * (n as usize / 2 + 1));
        assert_close(&half, &expected[..half.len()], Tolerance::F32);
    }
}

#[test]
fn an_inverse_gives_the_array_back_whatever_the_norm() {
    let (x, z) = (random([3, 6, 4], Dtype::Float32), random([3, 6, 4], Dtype::Complex64));
    for norm in [Norm::Backward, Norm::Ortho, Norm::Forward] {
        let (one, many) = (Fft { norm, ..Fft::from(1) }, FftN { norm, ..FftN::from([0, 2]) });
        assert_same(fft::fft(&z, one).and_then(|y| fft::ifft(&y, one)), &z);
        assert_same(fft::rfft(&x, one).and_then(|y| fft::irfft(&y, one)), &x);
        assert_same(fft::fftn(&z, many.clone()).and_then(|y| fft::ifftn(&y, many.clone())), &z);
        assert_same(fft::rfftn(&x, many.clone()).and_then(|y| fft::irfftn(&y, many.clone())), &x);
        let all = FftN { norm, ..FftN::from(..) };
        assert_same(fft::fft2(&z, all.clone()).and_then(|y| fft::ifft2(&y, all.clone())), &z);
        assert_same(fft::rfft2(&x, all.clone()).and_then(|y| fft::irfft2(&y, all)), &x);
    }
}

#[test]
fn energy_is_kept_by_an_orthonormal_transform() {
    let z = random([64], Dtype::Complex64);
    let energy = |x: &Array| {
        values(&x.abs().unwrap().astype(Dtype::Float32).unwrap().square().unwrap().sum(..).unwrap())
    };
    let y = fft::fft(&z, Fft { norm: Norm::Ortho, ..Fft::from(0) }).unwrap();
    assert_close(&energy(&y), &energy(&z), Tolerance::F32);
    let unscaled: Vec<_> = energy(&fft::fft(&z, 0).unwrap()).iter().map(|e| e / 64.0).collect();
    assert_close(&unscaled, &energy(&z), Tolerance::F32);
}

#[test]
fn a_transform_of_several_axes_is_one_after_the_other() {
    let z = random([2, 3, 4], Dtype::Complex64);
    let expected = fft::fft(&fft::fft(&z, 1).unwrap(), 2).unwrap();
    assert_same(fft::fft2(&z, ..), &expected);
    assert_same(fft::fftn(&z, [2, 1]), &expected);
    assert_same(fft::fftn(&z, ..), &fft::fft(&expected, 0).unwrap());
}

#[test]
fn a_length_cuts_or_pads_first() {
    let x = Array::from([1.0, 2.0, 3.0]);
    let at = |n| Fft { n: Some(n), ..Fft::from(0) };
    assert_close(&parts(&fft::fft(&x, at(2)).unwrap()), &slow(&[1.0, 2.0]), Tolerance::F32);
    assert_close(&parts(&fft::fft(&x, at(5)).unwrap()), &slow(&[1.0, 2.0, 3.0, 0.0, 0.0]), Tolerance::F32);
    let y = fft::rfft(&x, 0).unwrap();
    assert_same(fft::irfft(&y, at(3)), &x);
    assert_eq!(fft::irfft(&y, 0).unwrap().shape(), [2]);
    let two = FftN { n: Some(vec![2, 5]), ..FftN::from([0, 1]) };
    assert_eq!(fft::rfftn(&random([3, 3], Dtype::Float32), two).unwrap().shape(), [2, 3]);
}

#[test]
fn lengths_and_axes_that_are_none_are_errors() {
    let x = random([3, 4], Dtype::Float32);
    for n in [0, -1, i32::MIN] {
        let one = Fft { n: Some(n), ..Fft::from(0) };
        assert!(fft::fft(&x, one).is_err() && fft::irfft(&x, one).is_err() && fft::rfft(&x, one).is_err());
        assert!(fft::fftn(&x, FftN { n: Some(vec![2, n]), ..FftN::from([0, 1]) }).is_err());
    }
    for axis in [2, -3, i32::MAX, i32::MIN] {
        assert!(fft::fft(&x, axis).is_err() && fft::rfft2(&x, [0, axis]).is_err());
        let named = Fft { n: Some(4), ..Fft::from(axis) };
        assert!(fft::fft(&x, named).is_err() && fft::irfft(&x, named).is_err());
        assert!(fft::fftshift(&x, axis).is_err() && fft::ifftshift(&x, axis).is_err());
    }
    assert!(fft::fftn(&x, [0, 0]).is_err() && fft::fftn(&x, [1, -1]).is_err());
    assert!(fft::fftn(&x, FftN { n: Some(vec![2]), ..FftN::from([0, 1]) }).is_err());
    assert_eq!(fft::fftn(&x, FftN { n: Some(vec![2, 2]), ..FftN::from(..) }).unwrap_err().op(), "fft.fftn");
    assert!(fft::fft2(&random([3], Dtype::Float32), ..).is_err());
    assert!(fft::fft(&Array::from(1.0), 0).is_err() && fft::fftn(&Array::from(1.0), ..).is_err());
    assert!(fft::irfft(&random([1], Dtype::Float32), 0).is_err(), "a length of 0");
}

#[test]
fn no_elements_pad_to_zeros_and_no_rows_stay_none() {
    let none = Array::zeros([0], Dtype::Float32).unwrap();
    assert!(fft::fft(&none, 0).is_err());
    assert_eq!(parts(&fft::fft(&none, Fft { n: Some(3), ..Fft::from(0) }).unwrap()), [0.0; 6]);
    let rows = fft::rfft(&Array::zeros([0, 4], Dtype::Float32).unwrap(), -1).unwrap();
    assert_eq!((rows.shape(), rows.size()), (&[0, 3][..], 0));
    rows.eval().unwrap();
}

#[test]
fn every_type_becomes_single_precision() {
    for dtype in [Dtype::Bool, Dtype::Int8, Dtype::Uint32, Dtype::Float16, Dtype::Bfloat16] {
        let x = Array::ones([4], dtype).unwrap();
        let y = fft::rfft(&x, 0).unwrap();
        assert_eq!((y.dtype(), parts(&y)), (Dtype::Complex64, vec![4.0, 0.0, 0.0, 0.0, 0.0, 0.0]));
        assert_eq!(fft::irfft(&y, 0).unwrap().dtype(), Dtype::Float32);
    }
}

#[test]
fn shifting_there_and_back_changes_nothing() {
    let x = Array::arange(0..15).unwrap().reshape([3, 5]).unwrap();
    let shifted = fft::fftshift(&x, 1).unwrap();
    assert_eq!(shifted.index(0).unwrap().to_vec::<i32>().unwrap(), [3, 4, 0, 1, 2]);
    let both = fft::ifftshift(&fft::fftshift(&x, ..).unwrap(), ..).unwrap();
    assert_eq!(both.to_vec::<i32>().unwrap(), x.to_vec::<i32>().unwrap());
    let none = Array::zeros([0, 3], Dtype::Float32).unwrap();
    assert!(fft::fftshift(&none, ..).unwrap().to_vec::<f32>().unwrap().is_empty());
}

#[test]
fn frequencies_are_whole_turns_by_time() {
    let spaced = |n: &[f64]| n.iter().map(|k| k / (n.len() as f64 * 0.5)).collect::<Vec<_>>();
    assert_close(&values(&fft::fftfreq(4, 0.5).unwrap()), &spaced(&[0.0, 1.0, -2.0, -1.0]), Tolerance::F32);
    assert_close(
        &values(&fft::fftfreq(5, 0.5).unwrap()),
        &spaced(&[0.0, 1.0, 2.0, -2.0, -1.0]),
        Tolerance::F32,
    );
    assert_close(&values(&fft::rfftfreq(5, 1.0).unwrap()), &[0.0, 0.2, 0.4], Tolerance::F32);
    for n in [0, -1, i32::MIN, i32::MAX] {
        assert!(fft::fftfreq(n, 1.0).is_err() && fft::rfftfreq(n, 1.0).is_err(), "{n}");
    }
    assert!(fft::fftfreq(4, 0.0).is_err() && fft::rfftfreq(4, 0.0).is_err());
}
