//! Slices that begin where the device says.

use mlx_core::{Array, Dtype, Kind};

/// 0 to 99 in shape `[10, 10]`.
fn grid() -> Array {
    Array::arange(0..100).unwrap().reshape([10, 10]).unwrap()
}

fn ints(array: &Array) -> Vec<i32> {
    array.to_vec().unwrap()
}

#[test]
fn a_slice_begins_where_the_device_says() {
    let part = grid().slice_dynamic(&Array::from([2, 3]), [0, 1], [1, 4]).unwrap();
    assert_eq!((part.shape(), ints(&part)), (&[1, 4][..], vec![23, 24, 25, 26]));
    let swapped = grid().slice_dynamic(&Array::from([2, 3]), [1, 0], [2, 1]).unwrap();
    assert_eq!(ints(&swapped), [32, 42]);
    let column = grid().slice_dynamic(&Array::from(4), [-1], [10, 1]).unwrap();
    assert_eq!(ints(&column), (0..10).map(|row| 10 * row + 4).collect::<Vec<_>>());
    let none = Array::zeros([0], Dtype::Int32).unwrap();
    assert_eq!(ints(&grid().slice_dynamic(&none, [], [1, 2]).unwrap()), [0, 1]);
}

#[test]
fn a_beginning_is_clamped_so_that_the_slice_fits() {
    let x = Array::arange(0..10).unwrap();
    let cases: [(Array, i32); 12] = [
        (Array::from([8]), 7),
        (Array::from([i32::MAX]), 7),
        (Array::from([-1]), 7),
        (Array::from([-4]), 6),
        (Array::from([-11]), 0),
        (Array::from([i64::MIN]), 0),
        (Array::from([i64::MAX]), 7),
        (Array::from_slice(&[u64::MAX], [1]).unwrap(), 7),
        (Array::from_slice(&[1_u64 << 63], [1]).unwrap(), 7),
        (Array::from_slice(&[i8::MIN], [1]).unwrap(), 0),
        (Array::from([255_u8]), 7),
        (Array::from_slice(&[-3_i16], [1]).unwrap(), 7),
    ];
    for (start, first) in cases {
        let part = x.slice_dynamic(&start, [0], [3]).unwrap();
        assert_eq!(ints(&part), [first, first + 1, first + 2], "{start:?}");
        let marks = Array::from([-1, -1, -1]);
        let updated = ints(&x.slice_update_dynamic(&marks, &start, [0]).unwrap());
        assert_eq!(updated.iter().position(|&n| n == -1), usize::try_from(first).ok(), "{start:?}");
    }
}

#[test]
fn a_beginning_that_lies_in_pieces_is_read_right() {
    let repeated = Array::from([3]).broadcast_to([2]).unwrap();
    assert_eq!(ints(&grid().slice_dynamic(&repeated, [0, 1], [1, 1]).unwrap()), [33]);
    let stepped = Array::from([[3, 9], [4, 8]]).index((.., 0)).unwrap();
    assert_eq!(ints(&grid().slice_dynamic(&stepped, [0, 1], [1, 1]).unwrap()), [34]);
    let back = Array::from([5, 6]).index(mlx_core::Slice::step_by(.., -1)).unwrap();
    let one = Array::from([[-1]]);
    let updated = grid().slice_update_dynamic(&one, &back, [0, 1]).unwrap();
    assert_eq!(ints(&updated).iter().position(|&n| n == -1), Some(65));
}

#[test]
fn an_update_is_written_where_the_device_says() {
    let x = Array::zeros([2, 3], Dtype::Int32).unwrap();
    let at = Array::from([1, 1]);
    let updated = x.slice_update_dynamic(&Array::from([[7.0, 8.0]]), &at, [0, 1]).unwrap();
    assert_eq!(ints(&updated), [0, 0, 0, 0, 7, 8]);
    let row = x.slice_update_dynamic(&Array::from([7, 8]), &at, [0, 1]).unwrap();
    assert_eq!(ints(&row), [0, 0, 0, 0, 7, 8], "once along an axis that is named");
    let both = x.slice_update_dynamic(&Array::from([7, 8]), &Array::from(1), [1]).unwrap();
    assert_eq!(ints(&both), [0, 7, 8, 0, 7, 8], "over the whole of another");
}

#[test]
fn updates_that_do_not_fit_are_refused() {
    let x = Array::zeros([2, 3], Dtype::Int32).unwrap();
    for shape in [&[3, 1][..], &[1, 4], &[1, 1, 1], &[4]] {
        let update = Array::zeros(shape, Dtype::Int32).unwrap();
        let error = x.slice_update_dynamic(&update, &Array::from(0), [0]).unwrap_err();
        assert_eq!((error.kind(), error.op()), (Kind::Shape, "slice_update_dynamic"), "{shape:?}");
    }
    let none = Array::zeros([0, 3], Dtype::Int32).unwrap();
    assert_eq!(ints(&x.slice_update_dynamic(&none, &Array::from(1), [0]).unwrap()), [0; 6]);
    assert!(none.slice_update_dynamic(&Array::from([[1, 2, 3]]), &Array::from(0), [0]).is_err());
    assert_eq!(none.slice_update_dynamic(&none, &Array::from(5), [0]).unwrap().shape(), [0, 3]);
}

#[test]
fn sizes_that_do_not_fit_are_refused() {
    for sizes in [&[11, 1][..], &[-1, 1], &[1], &[1, 1, 1], &[i32::MAX, i32::MAX], &[i32::MIN, 0]] {
        let error = grid().slice_dynamic(&Array::from(0), [0], sizes).unwrap_err();
        assert_eq!((error.kind(), error.op()), (Kind::Shape, "slice_dynamic"), "{sizes:?}");
    }
    assert_eq!(grid().slice_dynamic(&Array::from(99), [0], [0, 10]).unwrap().shape(), [0, 10]);
}

#[test]
fn a_beginning_is_one_whole_number_for_each_axis() {
    let starts = [
        Array::from([0, 0]),
        Array::from([[0]]),
        Array::from(0.0),
        Array::from(true),
        Array::zeros([0], Dtype::Int32).unwrap(),
    ];
    for start in starts {
        assert_eq!(grid().slice_dynamic(&start, [0], [1, 1]).unwrap_err().kind(), Kind::Shape);
        let one = Array::from([[1]]);
        assert_eq!(grid().slice_update_dynamic(&one, &start, [0]).unwrap_err().kind(), Kind::Shape);
    }
    for axes in [[0, 0], [0, -2], [0, 2], [-3, 0], [i32::MAX, i32::MIN]] {
        let start = Array::from([0, 0]);
        assert!(grid().slice_dynamic(&start, axes, [1, 1]).is_err(), "{axes:?}");
        assert!(grid().slice_update_dynamic(&Array::from([[1]]), &start, axes).is_err(), "{axes:?}");
    }
}
