//! Reading arrays, whatever lies in memory.

use mlx_core::{Array, Dtype, Kind, NewAxis, Slice};

/// 0 to 23 as `[2, 3, 4]`.
fn counted() -> Array {
    Array::arange(0..24).unwrap().reshape([2, 3, 4]).unwrap()
}

#[test]
fn a_transposed_array_is_read_in_its_own_order() {
    let x = counted().transpose([2, 0, 1]).unwrap();
    let expected: Vec<i32> =
        (0..4).flat_map(|k| (0..2).flat_map(move |i| (0..3).map(move |j| 12 * i + 4 * j + k))).collect();
    assert_eq!((x.shape(), x.to_vec::<i32>().unwrap()), (&[4, 2, 3][..], expected));
}

#[test]
fn a_broadcast_array_is_read_whole() {
    let x = Array::from([[1], [2]]).broadcast_to([3, 2, 4]).unwrap();
    assert_eq!(x.to_vec::<i32>().unwrap(), [1, 1, 1, 1, 2, 2, 2, 2].repeat(3));
    assert_eq!(Array::from(7_u8).broadcast_to([100_000]).unwrap().to_vec::<u8>().unwrap(), [7; 100_000]);
}

#[test]
fn sliced_and_reversed_arrays_are_read_in_their_own_order() {
    let x = counted();
    let part = x.index((1, 1.., Slice::step_by(.., -2))).unwrap();
    assert_eq!(part.to_vec::<i32>().unwrap(), [19, 17, 23, 21]);
    let back = x.index((Slice::step_by(.., -1), Slice::step_by(.., -1), Slice::step_by(.., -1))).unwrap();
    assert_eq!(back.to_vec::<i32>().unwrap(), (0..24).rev().collect::<Vec<_>>());
}

#[test]
fn the_only_element_of_any_view_is_its_item() {
    let x = counted();
    assert_eq!(x.index((1, 2, 3)).unwrap().item::<i32>().unwrap(), 23);
    assert_eq!(x.t().unwrap().index((3, 2, 1, NewAxis)).unwrap().item::<i32>().unwrap(), 23);
    assert_eq!(x.index((1.., 2.., Slice::step_by(..1, -1))).unwrap().size(), 2);
    assert_eq!(
        x.index((1.., 1..2, Slice { start: Some(1), stop: Some(0), step: -1 }))
            .unwrap()
            .item::<i32>()
            .unwrap(),
        17
    );
    assert_eq!(Array::from(5).broadcast_to([1, 1, 1]).unwrap().item::<i32>().unwrap(), 5);
}

#[test]
fn more_or_less_than_one_element_is_no_item() {
    for x in [counted(), Array::zeros([0], Dtype::Int32).unwrap()] {
        let error = x.item::<i32>().unwrap_err();
        assert_eq!(error.kind(), Kind::Shape);
        assert_eq!(error.message(), format!("shape {:?} is not one element", x.shape()));
    }
}

#[test]
fn another_type_is_an_error_and_not_a_guess() {
    let errors = [
        counted().to_vec::<u32>().unwrap_err(),
        Array::from(1.0).item::<f64>().unwrap_err(),
        Array::from(true).to_vec::<u8>().unwrap_err(),
    ];
    for (error, op) in errors.iter().zip(["to_vec", "item", "to_vec"]) {
        assert_eq!((error.kind(), error.op()), (Kind::Dtype, op));
    }
    assert_eq!(errors[0].message(), "the array holds int32, not uint32: convert it with astype");
}

#[test]
fn dims_must_be_as_many_as_the_pattern() {
    let x = counted();
    let [a, b, c] = x.dims().unwrap();
    assert_eq!((a, b, c, x.dim(-1).unwrap(), x.dim(0).unwrap()), (2, 3, 4, 4, 2));
    assert_eq!(x.dims::<2>().unwrap_err().message(), "expected 2 axes, found shape [2, 3, 4]");
    for axis in [3, -4, i32::MAX, i32::MIN] {
        assert_eq!(x.dim(axis).unwrap_err().kind(), Kind::Shape, "{axis}");
    }
}

#[test]
fn bytes_read_as_truth_values_are_true_unless_zero() {
    let bytes = Array::from([0_u8, 1, 2, 255]);
    let truth = bytes.view(Dtype::Bool).unwrap();
    assert_eq!(truth.to_vec::<bool>().unwrap(), [false, true, true, true]);
    assert_eq!(truth.sum(..).unwrap().item::<i32>().unwrap(), 3);
    assert_eq!(truth.view(Dtype::Uint8).unwrap().to_vec::<u8>().unwrap(), [0, 1, 1, 1]);
    assert_eq!(Array::from([1_i32, 256]).view(Dtype::Bool).unwrap().shape(), [8]);
}

#[test]
fn a_wider_view_of_a_slice_at_an_odd_byte_is_read_right() {
    let bytes = Array::from_slice(&(0_u8..9).collect::<Vec<_>>(), [9]).unwrap();
    let words = bytes.index(1..).unwrap().view(Dtype::Uint32).unwrap();
    let expected = [u32::from_le_bytes([1, 2, 3, 4]), u32::from_le_bytes([5, 6, 7, 8])];
    assert_eq!(words.to_vec::<u32>().unwrap(), expected);
    assert_eq!((words + 1).unwrap().to_vec::<u32>().unwrap(), expected.map(|n| n + 1));
}

#[test]
fn a_view_that_no_whole_element_fills_is_refused() {
    assert!(Array::from([1_u8, 2, 3]).view(Dtype::Uint16).is_err());
    assert!(Array::from(1_u8).view(Dtype::Uint16).is_err());
    assert_eq!(Array::from(-1_i32).view(Dtype::Uint32).unwrap().item::<u32>().unwrap(), u32::MAX);
}

#[test]
fn printing_shows_the_values_and_debug_only_the_shape() {
    let x = Array::from([[1, 2], [3, 4]]);
    assert_eq!(format!("{x:?}"), "Array([2, 2], int32)");
    assert!(x.to_string().starts_with("array([[1, 2],"), "{x}");
}
