//! Indexing, against Python's rules written out by hand.

use mlx_core::{Array, Index, Kind, NewAxis, Slice};

const LENGTHS: [i32; 3] = [3, 4, 5];

fn counted() -> Array {
    Array::arange(0..60).unwrap().reshape(LENGTHS).unwrap()
}

/// The places that Python's `range(*slice(start, stop, step).indices(length))` lists.
fn places(slice: Slice, length: i32) -> Vec<i64> {
    let (length, step) = (i64::from(length), i64::from(slice.step));
    let whole: Vec<i64> = if step > 0 { (0..length).collect() } else { (0..length).rev().collect() };
    let fixed = |bound: i32| if bound < 0 { i64::from(bound) + length } else { i64::from(bound) };
    let after_start = |at: i64| slice.start.map(fixed).is_none_or(|start| (at - start) * step.signum() >= 0);
    let before_stop = |at: i64| slice.stop.map(fixed).is_none_or(|stop| (stop - at) * step.signum() > 0);
    let between: Vec<i64> = whole.into_iter().filter(|&at| after_start(at) && before_stop(at)).collect();
    between.into_iter().step_by(usize::try_from(step.abs()).unwrap()).collect()
}

#[test]
fn every_slice_of_an_axis_is_pythons() {
    let bounds = [None, Some(0), Some(1), Some(3), Some(4), Some(9), Some(-1), Some(-4), Some(-5), Some(-9)];
    let bounds = || bounds.into_iter().chain([Some(i32::MAX), Some(i32::MIN)]);
    for step in [1, 2, 3, 7, i32::MAX, -1, -2, -3, -7, i32::MIN] {
        for (start, stop) in bounds().flat_map(|start| bounds().map(move |stop| (start, stop))) {
            let slice = Slice { start, stop, step };
            for length in [0, 1, 4] {
                let found = Array::arange(0..length).unwrap().index(slice).unwrap();
                let found: Vec<i64> = found.to_vec::<i32>().unwrap().into_iter().map(i64::from).collect();
                assert_eq!(found, places(slice, length), "{slice:?} of {length}");
            }
        }
    }
}

/// The elements of [`counted`] at these places of each axis.
fn picked(axes: [&[i32]; 3]) -> Vec<i32> {
    let [a, b, c] = axes;
    a.iter().flat_map(|i| b.iter().flat_map(move |j| c.iter().map(move |k| 20 * i + 5 * j + k))).collect()
}

#[track_caller]
fn assert_index(index: impl mlx_core::IntoIndices, shape: &[i32], axes: [&[i32]; 3]) {
    let part = counted().index(index).unwrap();
    assert_eq!((part.shape(), part.to_vec::<i32>().unwrap()), (shape, picked(axes)));
}

#[test]
fn ranges_integers_and_new_axes_mix() {
    let (i, j, k) = (&[0, 1, 2][..], &[0, 1, 2, 3][..], &[0, 1, 2, 3, 4][..]);
    assert_index(.., &[3, 4, 5], [i, j, k]);
    assert_index(-1, &[4, 5], [&[2], j, k]);
    assert_index((.., 1), &[3, 5], [i, &[1], k]);
    assert_index((1.., ..2, ..=2), &[2, 2, 3], [&[1, 2], &[0, 1], &[0, 1, 2]]);
    let to_the_end = std::ops::RangeInclusive::new(1, -1);
    assert_index((.., to_the_end, -2..), &[3, 3, 2], [i, &[1, 2, 3], &[3, 4]]);
    assert_index((..=-2, 0, NewAxis, -3), &[2, 1], [&[0, 1], &[0], &[2]]);
    assert_index((NewAxis, .., NewAxis), &[1, 3, 1, 4, 5], [i, j, k]);
    assert_index((Index::Ellipsis, -1), &[3, 4], [i, j, &[4]]);
    assert_index((2, Index::Ellipsis), &[4, 5], [&[2], j, k]);
    assert_index((0, 1, 2, Index::Ellipsis), &[], [&[0], &[1], &[2]]);
    assert_index((Slice::step_by(.., -1), 3, Slice::step_by(1.., 2)), &[3, 2], [&[2, 1, 0], &[3], &[1, 3]]);
    assert_index((1, 2..2), &[0, 5], [&[1], &[], k]);
}

#[test]
fn an_index_array_puts_its_axes_in_its_place() {
    let (i, j, k) = (&[0, 1, 2][..], &[0, 1, 2, 3][..], &[0, 1, 2, 3, 4][..]);
    let square = Array::from([[0, 3], [-1, -4]]);
    assert_index((.., &square), &[3, 2, 2, 5], [i, &[0, 3, 3, 0], k]);
    assert_index((0, &square), &[2, 2, 5], [&[0], &[0, 3, 3, 0], k]);
    assert_index((.., 2, &square), &[3, 2, 2], [i, &[2], &[0, 3, 4, 1]]);
    assert_index((1, &square, 2), &[2, 2], [&[1], &[0, 3, 3, 0], &[2]]);
    assert_index((.., .., &Array::from(-1)), &[3, 4], [i, j, &[4]]);
    assert_index((&Array::from([2, 0]), .., 3), &[2, 4], [&[2, 0], j, &[3]]);
    assert_index((NewAxis, &Array::from([1]), 3..), &[1, 1, 1, 5], [&[1], &[3], k]);
}

#[test]
fn an_index_array_is_clamped() {
    let far = Array::from([i32::MIN, -4, -3, 2, 3, i32::MAX]);
    assert_index((&far, 0, 0), &[6], [&[0, 0, 0, 2, 2, 2], &[0], &[0]]);
}

#[track_caller]
fn refused(index: impl mlx_core::IntoIndices) -> String {
    let error = counted().index(index).unwrap_err();
    assert_eq!((error.kind(), error.op()), (Kind::Index, "index"));
    error.message().to_owned()
}

#[test]
fn what_is_not_there_is_an_error() {
    assert_eq!(refused(3), "index 3 is outside an axis of length 3");
    assert_eq!(refused((0, -5)), "index -5 is outside an axis of length 4");
    assert_eq!(refused(i32::MIN), format!("index {} is outside an axis of length 3", i32::MIN));
    assert_eq!(refused((0, 0, 0, 0)), "4 entries and 0 ellipses for shape [3, 4, 5]");
    assert!(refused((Index::Ellipsis, Index::Ellipsis)).contains("2 ellipses"));
    assert_eq!(refused(Slice { start: None, stop: None, step: 0 }), "a slice has step 0");
}
