//! Reductions and scans: axes, empty arrays, and what is refused.

use mlx_core::{Array, Axes, Complex64, Dtype, Result, Scan, keep};
use mlx_testkit::relative_rms;

use crate::values::{random, values};

fn none(shape: &[i32]) -> Array {
    Array::zeros(shape, Dtype::Float32).unwrap()
}

fn of(array: Result<Array>) -> Vec<f64> {
    values(&array.unwrap())
}

#[test]
fn axes_go_or_stay() {
    let x = Array::ones([2, 3, 4], Dtype::Float32).unwrap();
    let cases: [(Axes, &[i32]); 7] = [
        (0.into(), &[3, 4]),
        ((-1).into(), &[2, 3]),
        ([0, 2].into(), &[3]),
        ([-1, 0].into(), &[3]),
        (keep([0, 2]), &[1, 3, 1]),
        (keep(..), &[1, 1, 1]),
        ((..).into(), &[]),
    ];
    for (axes, shape) in cases {
        let again = || axes.clone();
        let results = [
            x.sum(again()),
            x.mean(again()),
            x.median(again()),
            x.std(again(), 0),
            x.count_nonzero(again()),
            x.all(again()),
            x.logsumexp(again()),
        ];
        for (at, result) in results.into_iter().enumerate() {
            assert_eq!(result.unwrap().shape(), shape, "{at}: {axes:?}");
        }
    }
}

#[test]
fn no_axes_change_nothing_but_the_type() {
    let x = Array::from([[2, 0], [1, 3]]);
    assert_eq!(of(x.sum([])), [2.0, 0.0, 1.0, 3.0]);
    assert_eq!(of(x.var([], 0)), [0.0; 4]);
    assert!(x.median([]).is_err());
}

#[test]
fn axes_that_are_not_there_or_come_twice_are_refused() {
    let x = Array::from([[1.0, 2.0]]);
    for axes in
        [Axes::from(2), Axes::from([-3]), Axes::from([0, 0]), Axes::from([1, -1]), Axes::from(i32::MIN)]
    {
        let again = || axes.clone();
        let results = [x.sum(again()), x.median(again()), x.max(again()), x.prod(again()), x.any(again())];
        assert!(results.iter().all(Result::is_err), "{axes:?}");
        if again().ne(&Axes::from([0, 0])) && again().ne(&Axes::from([1, -1])) {
            assert!(
                x.mean(again()).is_err() && x.std(again(), 0).is_err() && x.count_nonzero(again()).is_err()
            );
            assert!(x.number_of_elements(again(), Dtype::Int32).is_err());
        }
    }
    assert!(
        Array::from(1.0).sum(0).is_err() && Array::from(1.0).number_of_elements(0, Dtype::Int32).is_err()
    );
}

#[test]
fn nothing_sums_to_zero_and_multiplies_to_one() {
    for x in [none(&[0, 3]), none(&[3, 0]).t().unwrap(), none(&[0, 1, 3]).squeeze(1).unwrap()] {
        assert_eq!((of(x.sum(0)), of(x.prod(0))), (vec![0.0; 3], vec![1.0; 3]));
        assert_eq!((of(x.all(0)), of(x.any(0))), (vec![1.0; 3], vec![0.0; 3]));
        assert_eq!(of(x.count_nonzero(0)), [0.0; 3]);
        assert!(of(x.mean(0)).iter().chain(&of(x.std(0, 0))).all(|mean| mean.is_nan()));
        assert_eq!(x.sum(1).unwrap().shape(), [0]);
        assert!(x.max(0).is_err() && x.median(0).is_err() && x.logsumexp(0).is_err() && x.argmin(0).is_err());
        assert_eq!(of(x.median(1)), [0.0; 0]);
    }
}

#[test]
fn an_empty_diagonal_sums_to_zero() {
    let x = Array::ones([2, 1, 3], Dtype::Float32).unwrap();
    for _ in 0..50 {
        assert_eq!(of(x.trace(i32::MAX)), [0.0; 3]);
        assert_eq!(of(x.diagonal(5).unwrap().sum(-1)), [0.0; 3]);
    }
}

#[test]
fn a_median_is_in_the_middle_and_shows_nan() {
    assert_eq!(of(Array::from([3, 1, 2]).median(..)), [2.0]);
    assert_eq!(of(Array::from([4, 1, 2, 3]).median(..)), [2.5]);
    assert_eq!(of(Array::from([[1.0, 5.0], [3.0, 7.0]]).median(0)), [2.0, 6.0]);
    assert!(of(Array::from([1.0, f32::NAN, 2.0]).median(..))[0].is_nan());
    assert_eq!(of(Array::from(7).median(..)), [7.0]);
}

#[test]
fn a_deviation_is_the_root_of_the_variance() {
    let x = Array::from([1.0, 2.0, 4.0]);
    let (std, var) =
        (x.std(.., 1).unwrap().item::<f32>().unwrap(), x.var(.., 1).unwrap().item::<f32>().unwrap());
    assert!((std * std - var).abs() < 1e-6 && (var - 7.0 / 3.0).abs() < 1e-6);
    assert_eq!(of(x.std(.., 3)), [f64::INFINITY], "no degree of freedom is left");
    let complex = Array::from([Complex64 { re: 0.0, im: 1.0 }, Complex64 { re: 0.0, im: -1.0 }]);
    assert_eq!(of(complex.std(.., 0)), [1.0]);
}

#[test]
fn elements_are_counted() {
    let x = Array::zeros([2, 3, 0], Dtype::Bool).unwrap();
    assert_eq!(of(x.number_of_elements([0, 1], Dtype::Int32)), [6.0]);
    assert_eq!(of(x.number_of_elements(.., Dtype::Float16)), [0.0]);
    assert_eq!(of(Array::from(3).number_of_elements(.., Dtype::Int8)), [1.0]);
    let long = Array::from(0).broadcast_to([300]).unwrap();
    assert!(long.number_of_elements(0, Dtype::Uint8).is_err());
    assert_eq!(of(Array::from([f32::NAN, 0.0, -0.0]).count_nonzero(..)), [1.0]);
}

#[test]
fn scans_go_both_ways_with_and_without_the_element() {
    let x = Array::from([3, 1, 2]);
    let scan = |reverse, inclusive| Scan { axis: 0, reverse, inclusive };
    assert_eq!(of(x.cummax(0)), [3.0, 3.0, 3.0]);
    assert_eq!(of(x.cummin(scan(true, true))), [1.0, 1.0, 2.0]);
    assert_eq!(of(x.cumprod(scan(false, false))), [1.0, 3.0, 3.0]);
    assert_eq!(of(x.cumprod(scan(true, false))), [2.0, 2.0, 1.0]);
    assert_eq!(of(x.cummax(scan(false, false)))[0], f64::from(i32::MIN));
    assert_eq!(of(Array::from([1.0, 2.0]).logcumsumexp(scan(false, false)))[0], f64::NEG_INFINITY);
}

#[test]
fn scans_of_nothing_are_nothing() {
    for x in [none(&[0]), none(&[0, 3]), none(&[3, 0]), none(&[0, 0]), none(&[2, 0]).t().unwrap()] {
        for axis in 0..x.ndim() as i32 {
            for result in
                [x.cumsum(axis), x.cumprod(axis), x.cummax(axis), x.cummin(axis), x.logcumsumexp(axis)]
            {
                let result = result.unwrap();
                assert_eq!((result.shape(), result.to_vec::<f32>().unwrap()), (x.shape(), vec![]));
            }
            assert_eq!(of(x.diff(1, axis)), [0.0; 0]);
        }
    }
    let truth = Array::zeros([0], Dtype::Bool).unwrap();
    assert_eq!(truth.cumsum(0).unwrap().dtype(), Dtype::Int32);
}

#[test]
fn scans_need_an_axis_that_is_there() {
    for (x, axis) in
        [(Array::from(1), 0), (Array::from([1]), 1), (none(&[0]), -2), (Array::from([1]), i32::MIN)]
    {
        let results = [x.cumsum(axis), x.cumprod(axis), x.cummax(axis), x.cummin(axis), x.diff(1, axis)];
        assert!(results.iter().all(Result::is_err), "{axis}");
    }
}

#[test]
fn differences_end_when_nothing_is_left() {
    let x = Array::from([1, 2, 4, 8]);
    assert_eq!(of(x.diff(1, 0)), [1.0, 2.0, 4.0]);
    assert_eq!(of(x.diff(3, -1)), [1.0]);
    assert_eq!(of(x.diff(0, 0)), [1.0, 2.0, 4.0, 8.0]);
    for times in [4, 5, i32::MAX] {
        assert_eq!(of(x.diff(times, 0)), [0.0; 0]);
    }
    assert!(x.diff(-1, 0).is_err());
    assert_eq!(of(Array::from([[1, 5], [2, 9]]).diff(1, 0)), [1.0, 4.0]);
    assert_eq!(of(Array::from([3_u8, 1]).diff(1, 0)), [254.0], "bytes wrap");
}

#[test]
fn whole_numbers_have_a_softmax_along_any_axis() {
    let x = Array::from([[1, 1], [1, 1]]);
    for axes in [Axes::from(0), Axes::from(1)] {
        assert_eq!(of(x.softmax(axes)), [0.5; 4]);
    }
    assert_eq!(of(x.softmax(..)), [0.25; 4]);
    assert_eq!(of(none(&[2, 0]).softmax(1)), [0.0; 0]);
}

#[test]
fn sums_of_short_types_do_not_wrap() {
    let bytes = Array::full([4], 200, Dtype::Uint8).unwrap();
    assert_eq!(of(bytes.sum(..)), [800.0]);
    assert_eq!(of(Array::from([true, true]).sum(..)), [2.0]);
    assert_eq!(of(bytes.cumsum(0)), [200.0, 144.0, 88.0, 32.0], "a scan keeps the type");
}

#[test]
fn what_stands_for_a_row_is_the_same_along_any_axis() {
    let x = random([3, 5, 70], 4);
    for dtype in [Dtype::Float32, Dtype::Float16, Dtype::Bfloat16] {
        let x = x.astype(dtype).unwrap();
        let aside = x.swapaxes(-1, 0).unwrap();
        assert_eq!(
            values(&x.argmax(-1).unwrap()),
            values(&aside.argmax(0).unwrap().transpose([1, 0]).unwrap())
        );
        assert_eq!(values(&x.max(2).unwrap()), values(&aside.max(0).unwrap().transpose([1, 0]).unwrap()));
        let (last, wide) = (x.logsumexp(keep(-1)).unwrap(), x.astype(Dtype::Float32).unwrap());
        assert_eq!((last.shape(), last.dtype()), (&[3, 5, 1][..], dtype));
        let expected = wide.exp().unwrap().sum(keep(-1)).unwrap().log().unwrap();
        let bound = if dtype == Dtype::Float32 { 1e-6 } else { 1e-2 };
        assert!(relative_rms(&values(&last), &values(&expected)) < bound);
    }
    let gap = Array::from([1.0, f32::NAN, 2.0]);
    assert!(values(&gap.max(-1).unwrap())[0].is_nan() && values(&gap.argmax(-1).unwrap()) == [2.0]);
    let slope =
        mlx_core::transform::grad(|x: &Array| x.max(-1)?.sum(..))(&Array::from([[1.0, 3.0, 2.0]])).unwrap();
    assert_eq!(values(&slope), [0.0, 1.0, 0.0]);
}
