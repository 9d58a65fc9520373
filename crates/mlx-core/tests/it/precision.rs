//! Doubles are computed as doubles, halves round as halves do.

use mlx_core::{Array, Dtype, Result, Scan, bf16, concatenate, f16, select, stack};

use crate::values::on_cpu;

fn double(values: &[f64]) -> Array {
    Array::from_slice(values, [values.len() as i32]).unwrap()
}

fn brain(values: &[f32]) -> Array {
    let values: Vec<_> = values.iter().map(|&value| bf16::from_f32(value)).collect();
    Array::from_slice(&values, [values.len() as i32]).unwrap()
}

#[track_caller]
fn assert_near(array: Result<Array>, expected: &[f64]) {
    let values = array.unwrap().to_vec::<f64>().unwrap();
    assert_eq!(values.len(), expected.len());
    for (value, wanted) in values.into_iter().zip(expected) {
        assert!((value - wanted).abs() <= 1e-13 * wanted.abs().max(1.0), "{value} and {wanted}");
    }
}

#[test]
fn functions_of_doubles_are_more_exact_than_singles() {
    on_cpu(|| {
        let numbers = [0.1, 0.3, 0.7];
        let x = double(&numbers);
        type Pair = (fn(&Array) -> Result<Array>, fn(f64) -> f64);
        let pairs: [Pair; 17] = [
            (Array::expm1, f64::exp_m1),
            (Array::log, f64::ln),
            (Array::log1p, f64::ln_1p),
            (Array::log2, f64::log2),
            (Array::log10, f64::log10),
            (Array::tan, f64::tan),
            (Array::arcsin, f64::asin),
            (Array::arccos, f64::acos),
            (Array::arctan, f64::atan),
            (Array::sinh, f64::sinh),
            (Array::cosh, f64::cosh),
            (Array::tanh, f64::tanh),
            (Array::arctanh, f64::atanh),
            (Array::sqrt, f64::sqrt),
            (Array::reciprocal, f64::recip),
            (Array::degrees, f64::to_degrees),
            (Array::square, |x| x * x),
        ];
        for (op, reference) in pairs {
            assert_near(op(&x), &numbers.map(reference));
        }
    });
}

#[test]
fn some_functions_of_doubles_are_as_exact_as_singles() {
    on_cpu(|| {
        let x = double(&[0.1]);
        let pairs = [
            (x.exp(), 0.1_f64.exp()),
            (x.sin(), 0.1_f64.sin()),
            (x.cos(), 0.1_f64.cos()),
            (x.erf(), 0.112_462_916_018_284_9),
            (x.sigmoid(), 1.0 / (1.0 + (-0.1_f64).exp())),
            (x.logaddexp(0.2_f64), (0.1_f64.exp() + 0.2_f64.exp()).ln()),
            (x.logsumexp(..), 0.1),
        ];
        for (at, (result, expected)) in pairs.into_iter().enumerate() {
            let value = result.unwrap().sum(..).unwrap().item::<f64>().unwrap();
            assert!((value - expected).abs() < 1e-7, "{at}: {value} and {expected}");
        }
    });
}

#[test]
fn arithmetic_of_doubles_keeps_every_digit() {
    on_cpu(|| {
        let (a, b) = (double(&[0.1, 1e16]), double(&[0.2, 1.0]));
        assert_near(&a + &b, &[0.1 + 0.2, 1e16 + 1.0]);
        assert_near(&a - &b, &[0.1 - 0.2, 1e16 - 1.0]);
        assert_near(&a * &b, &[0.1 * 0.2, 1e16]);
        assert_near(&a / &b, &[0.1 / 0.2, 1e16]);
        assert_near(&a % &b, &[0.1 % 0.2, 0.0]);
        assert_near(a.power(&b), &[0.1_f64.powf(0.2), 1e16]);
        assert_near(a.arctan2(&b), &[0.1_f64.atan2(0.2), 1e16_f64.atan2(1.0)]);
        assert_near(a.maximum(0.3_f64), &[0.3, 1e16]);
        assert_near(a.clip(0.15_f64..=0.3_f64), &[0.15, 0.3]);
    });
}

#[test]
fn totals_of_doubles_are_doubles() {
    on_cpu(|| {
        let small = double(&[1.0, 1e-12, 1e-12]);
        assert_near(small.sum(..), &[1.0 + 2e-12]);
        assert_near(small.mean(..), &[(1.0 + 2e-12) / 3.0]);
        assert_near(small.prod(..), &[1e-24]);
        assert_near(small.cumsum(0), &[1.0, 1.0 + 1e-12, 1.0 + 2e-12]);
        assert_near(small.cumprod(Scan { reverse: true, ..Scan::from(0) }), &[1e-24, 1e-24, 1e-12]);
        assert_near(small.median(..), &[1e-12]);
        assert_near(double(&[1.0, 1.0 + 1e-10]).var(.., 0), &[2.5e-21]);
        assert_near(double(&[0.5, 0.5]).softmax(0), &[0.5, 0.5]);
        assert_eq!(double(&[1.0, 1.0 + 1e-12]).argmax(..).unwrap().item::<u32>().unwrap(), 1);
    });
}

#[test]
fn doubles_go_through_shapes_and_products_unrounded() {
    on_cpu(|| {
        let x = double(&[0.1, 0.2]);
        assert_near(x.tile([2]), &[0.1, 0.2, 0.1, 0.2]);
        assert_near(x.pad([(0, 1, 0)], 0.3_f64), &[0.3, 0.1, 0.2]);
        assert_near(concatenate([&x, &x], 0), &[0.1, 0.2, 0.1, 0.2]);
        assert_near(stack([&x, &x], 1).unwrap().flatten(0, 1), &[0.1, 0.1, 0.2, 0.2]);
        assert_near(select(&Array::from([true, false]), &x, 0.7_f64), &[0.1, 0.7]);
        assert_near(x.diag(0).unwrap().diag(0), &[0.1, 0.2]);
        assert_near(x.roll(1, 0), &[0.2, 0.1]);
        let matrix = x.reshape([1, 2]).unwrap();
        assert_near(matrix.matmul(matrix.t().unwrap()).unwrap().flatten(0, 1), &[0.1 * 0.1 + 0.2 * 0.2]);
    });
}

#[test]
fn numbers_beside_doubles_are_doubles() {
    on_cpu(|| {
        let x = double(&[1.0]);
        for result in
            [&x + 1, &x * 0.1_f64, 0.1 - &x, x.full_like(0.1_f64), Array::full([1], 0.1, Dtype::Float64)]
        {
            assert_eq!(result.unwrap().dtype(), Dtype::Float64);
        }
        assert_near(&x * 0.1_f64, &[0.1]);
        assert_near(Array::full([1], 0.1_f64, Dtype::Float64), &[0.1]);
        assert_eq!((&x + &Array::from([1.0])).unwrap().dtype(), Dtype::Float64);
        assert_eq!((&x + &brain(&[1.0])).unwrap().dtype(), Dtype::Float64);
    });
}

#[test]
fn a_cast_from_double_rounds_once() {
    on_cpu(|| {
        let x = double(&[0.1, 1e300, 65519.9, 1e-50]);
        let single = x.astype(Dtype::Float32).unwrap().to_vec::<f32>().unwrap();
        assert_eq!(single, [0.1, f32::INFINITY, 65519.9, 0.0]);
        let half = x.astype(Dtype::Float16).unwrap().to_vec::<f16>().unwrap();
        assert_eq!((half[1], half[2]), (f16::INFINITY, f16::MAX));
    });
}

#[test]
fn brain_floats_round_after_each_op() {
    let (a, b) = (brain(&[1.0, 256.0, 3.0]), brain(&[0.001, 1.0, 7.0]));
    let of = |array: Result<Array>| array.unwrap().to_vec::<bf16>().unwrap();
    let rounded = |values: [f32; 3]| values.map(bf16::from_f32);
    assert_eq!(of(&a + &b), rounded([1.0, 256.0, 10.0]));
    assert_eq!(of(&a / &b)[2], bf16::from_f32(3.0 / 7.0));
    assert_eq!(of(&a * &b), rounded([0.001, 256.0, 21.0]));
    assert_eq!(of(a.exp())[2], bf16::from_f32(3.0_f32.exp()));
    assert_eq!(of(a.square()), rounded([1.0, 65536.0, 9.0]));
}

#[test]
fn brain_floats_stay_so_but_beside_other_floats() {
    let x = brain(&[1.0, 2.0]);
    for result in [
        &x + 1,
        &x * 2.0,
        1.0 - &x,
        x.sum(0),
        x.softmax(0),
        x.cumsum(0),
        x.max(..),
        x.astype(Dtype::Bfloat16),
    ] {
        assert_eq!(result.unwrap().dtype(), Dtype::Bfloat16);
    }
    assert_eq!((&x + &Array::from([1, 2])).unwrap().dtype(), Dtype::Bfloat16);
    for other in [Array::from([f16::ONE]), Array::from([1.0])] {
        assert_eq!((&x + &other).unwrap().dtype(), Dtype::Float32);
    }
}

#[test]
fn a_softmax_of_halves_is_summed_in_singles() {
    let ones = brain(&[1.0]).broadcast_to([1024]).unwrap();
    let singles = ones.astype(Dtype::Float32).unwrap();
    assert_eq!(singles.sum(..).unwrap().item::<f32>().unwrap(), 1024.0);
    let halves = ones.astype(Dtype::Float16).unwrap();
    assert_eq!(halves.softmax(0).unwrap().to_vec::<f16>().unwrap()[7], f16::from_f32(1.0 / 1024.0));
}

#[test]
fn the_ends_of_brain_floats_are_compared_rightly() {
    let x = Array::from([bf16::MAX, bf16::MIN, bf16::NAN, bf16::INFINITY, bf16::NEG_ZERO]);
    let truth = |array: Result<Array>| array.unwrap().to_vec::<bool>().unwrap();
    assert_eq!(truth(x.isnan()), [false, false, true, false, false]);
    assert_eq!(truth(x.isinf()), [false, false, false, true, false]);
    assert_eq!(truth(x.greater(0.0)), [true, false, false, true, false]);
    assert_eq!(truth(x.equal(0)), [false, false, false, false, true]);
    assert!(x.max(..).unwrap().item::<bf16>().unwrap().is_nan());
}
