//! Indexing, against Python's rules written out by hand.

use mlx_core::{Array, Dtype, Index, Kind, NewAxis, Slice};

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

/// 0 to 23 in shape `[2, 3, 4]`.
fn cube() -> Array {
    Array::arange(0..24).unwrap().reshape([2, 3, 4]).unwrap()
}

#[track_caller]
fn assert_part(index: impl mlx_core::IntoIndices, shape: &[i32], values: &[i32]) {
    let part = cube().index(index).unwrap();
    assert_eq!((part.shape(), part.to_vec::<i32>().unwrap()), (shape, values.to_vec()));
}

#[test]
fn index_arrays_side_by_side_stay_in_their_place() {
    assert_part(([1, 0], [2, 1]), &[2, 4], &[20, 21, 22, 23, 4, 5, 6, 7]);
    assert_part((.., [1, 0], [2, 1]), &[2, 2], &[6, 1, 18, 13]);
    assert_part(([0, 1], [0, 2], [3, 1]), &[2], &[3, 21]);
    assert_part((1, [2, 0], NewAxis, ..2), &[2, 1, 2], &[20, 21, 12, 13]);
    assert_part((.., 1.., [0, 0, 3]), &[2, 2, 3], &[4, 4, 7, 8, 8, 11, 16, 16, 19, 20, 20, 23]);
}

#[test]
fn index_arrays_with_something_between_them_come_first() {
    assert_part(([1, 0], .., [2, 1]), &[2, 3], &[14, 18, 22, 1, 5, 9]);
    assert_part((0, .., [1, 0]), &[2, 3], &[1, 5, 9, 0, 4, 8]);
    assert_part((.., [0, 2], NewAxis, [3, 1]), &[2, 2, 1], &[3, 15, 9, 21]);
    assert_part((&Array::from([[1], [0]]), .., 0), &[2, 1, 3], &[12, 16, 20, 0, 4, 8]);
    assert_part((NewAxis, [1], Slice::step_by(.., -2), -1), &[1, 1, 2], &[23, 15]);
}

#[test]
fn an_ellipsis_for_no_axis_stands_between_index_arrays() {
    assert_part((.., [0, 2], Index::Ellipsis, [3, 1]), &[2, 2], &[3, 15, 9, 21]);
    assert_part((.., [0, 2], [3, 1]), &[2, 2], &[3, 9, 15, 21]);
}

#[test]
fn index_arrays_broadcast_together() {
    let (row, column) = (Array::from([1, 0]), Array::from([[2], [0]]));
    let expected = [20, 21, 22, 23, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3];
    assert_part((&row, &column), &[2, 2, 4], &expected);
    assert_part((.., &Array::from(1), [1, 2]), &[2, 2], &[5, 6, 17, 18]);
    assert_part((Index::Ellipsis, &Array::from([[1]]), ..), &[2, 1, 1, 4], &[4, 5, 6, 7, 16, 17, 18, 19]);
    assert_eq!(
        cube().index(([0, 1], [0, 1, 2])).unwrap_err().message(),
        "an index array of shape [3] does not broadcast with the others"
    );
}

#[test]
fn index_arrays_of_several_types_go_together() {
    let wide = Array::from_slice(&[u64::MAX, 0], [2]).unwrap();
    let narrow = Array::from_slice(&[-1_i8, 1], [2]).unwrap();
    assert_part((&wide, &narrow, 0), &[2], &[20, 4]);
    assert_part((&Array::from([1_u8, 200]), &wide, &narrow), &[2], &[23, 13]);
}

#[test]
fn a_place_of_a_list_that_is_not_there_is_an_error() {
    assert_eq!(refused((.., [0, 4])), "index 4 is outside an axis of length 4");
    assert_eq!(refused([-4]), "index -4 is outside an axis of length 3");
    assert_eq!(refused(vec![i32::MAX]), "index 2147483647 is outside an axis of length 3");
    assert_eq!(refused((.., &[i32::MIN][..])), "index -2147483648 is outside an axis of length 4");
}

#[test]
fn lists_of_nothing_pick_nothing() {
    assert_part((.., Vec::<i32>::new()), &[2, 0, 4], &[]);
    let none = Array::zeros([0, 3], Dtype::Float32).unwrap();
    assert_eq!(none.index(Vec::<i32>::new()).unwrap().shape(), [0, 3]);
    assert_eq!(none.index((.., [2, 0])).unwrap().shape(), [0, 2]);
    assert_eq!(none.index(Array::from([0])).unwrap_err().kind(), Kind::Index);
}

#[test]
fn an_index_of_eight_entries_or_a_list_of_them_is_read() {
    let x = Array::arange(0..256).unwrap().reshape([2; 8]).unwrap();
    assert_eq!(x.index((1, 0, 1, 0, 1, 0, 1, 0)).unwrap().item::<i32>().unwrap(), 0b1010_1010);
    assert_eq!(x.index((1, 1, 1, 1, 1, 1, 0)).unwrap().to_vec::<i32>().unwrap(), [252, 253]);
    let entries = vec![Index::At(1); 8];
    assert_eq!(x.index(&entries[..]).unwrap().item::<i32>().unwrap(), 255);
    assert_eq!(x.index(Vec::<Index>::new()).unwrap().shape(), [2; 8]);
}

#[test]
fn a_mask_is_read_by_the_places_that_it_computes() {
    let x = cube();
    let mask = (x.clone() % 5).unwrap().equal(0).unwrap();
    assert!(x.index(&mask).unwrap_err().message().contains("nonzero()"));
    assert!(x.index((0, &mask)).unwrap_err().message().contains("nonzero()"));
    let places = mask.nonzero().unwrap();
    assert_eq!(places.iter().map(Array::dtype).collect::<Vec<_>>(), [Dtype::Int32; 3]);
    assert_eq!(x.index(places).unwrap().to_vec::<i32>().unwrap(), [0, 5, 10, 15, 20]);
    let rows = Array::from([false, true]).nonzero().unwrap();
    assert_eq!(x.index((&rows[0], .., 0)).unwrap().to_vec::<i32>().unwrap(), [12, 16, 20]);
}

#[test]
fn places_that_are_not_zero_are_listed_in_order() {
    let places = Array::from([[0.0, -0.5, f32::NAN], [0.0, 0.0, 3.0]]).nonzero().unwrap();
    let lists: Vec<_> = places.iter().map(|list| list.to_vec::<i32>().unwrap()).collect();
    assert_eq!(lists, [[0, 0, 1], [1, 2, 2]]);
    let none = Array::zeros([2, 0], Dtype::Int32).unwrap().nonzero().unwrap();
    assert_eq!(none.iter().map(Array::size).collect::<Vec<_>>(), [0, 0]);
    assert_eq!(Array::from(1).nonzero().unwrap_err().kind(), Kind::Shape);
}

#[test]
fn what_is_no_whole_number_is_no_index_array() {
    let error = cube().index((.., &Array::from([0.5]))).unwrap_err();
    assert_eq!((error.kind(), error.message()), (Kind::Dtype, "indices are whole numbers, not float32"));
}

#[test]
fn an_array_without_axes_has_no_places() {
    let x = Array::from(7);
    assert_eq!(x.index(0).unwrap_err().kind(), Kind::Index);
    assert_eq!(x.index([0]).unwrap_err().kind(), Kind::Index);
    assert_eq!(x.index((NewAxis, Index::Ellipsis, NewAxis)).unwrap().shape(), [1, 1]);
}

#[test]
fn an_array_is_gone_over_part_by_part() {
    let rows = |array: &Array| -> Vec<Vec<i32>> {
        array.iter().unwrap().map(|row| row.unwrap().to_vec().unwrap()).collect()
    };
    assert_eq!(rows(&Array::from([[1, 2], [3, 4], [5, 6]])), [[1, 2], [3, 4], [5, 6]]);
    assert_eq!(rows(&Array::zeros([0, 3], Dtype::Int32).unwrap()), Vec::<Vec<i32>>::new());
    let x = Array::from([1, 2, 3]);
    let mut both = x.iter().unwrap();
    assert_eq!(both.len(), 3);
    assert_eq!(both.next_back().unwrap().unwrap().item::<i32>().unwrap(), 3);
    assert_eq!(both.next().unwrap().unwrap().ndim(), 0);
    assert_eq!((both.len(), both.count()), (1, 1));
    assert_eq!(Array::from(1).iter().unwrap_err().op(), "iter");
}
