//! Indices outside an axis are clamped, whatever their type.

use mlx_core::{Array, Dtype, Kind};

/// 0 to `length - 1` along the first axis of `[length, 2]`.
fn rows(length: i32) -> Array {
    Array::arange(0..length).unwrap().reshape([-1, 1]).unwrap().broadcast_to([length, 2]).unwrap()
}

/// The rows that `take` and `take_along_axis` pick, which must be the same.
#[track_caller]
fn taken(length: i32, indices: &Array) -> Vec<i32> {
    let rows = rows(length);
    let taken = rows.take(indices, 0).unwrap().index((.., 0)).unwrap().to_vec().unwrap();
    let along = rows.take_along_axis(&indices.reshape([-1, 1]).unwrap(), 0).unwrap();
    assert_eq!(along.index((.., 1)).unwrap().to_vec::<i32>().unwrap(), taken);
    taken
}

#[test]
fn signed_indices_are_clamped_at_both_ends() {
    let far = [i32::MIN, -7, -6, -5, -1, 0, 4, 5, i32::MAX];
    let expected = [0, 0, 0, 0, 4, 0, 4, 4, 4];
    assert_eq!(taken(5, &Array::from(far)), expected);
    assert_eq!(taken(5, &Array::from(far.map(i64::from))), expected);
    assert_eq!(taken(5, &Array::from([i64::MIN, i64::MAX])), [0, 4]);
    assert_eq!(taken(5, &Array::from_slice(&[i16::MIN, -5, i16::MAX], [3]).unwrap()), [0, 0, 4]);
}

#[test]
fn unsigned_indices_are_clamped_at_the_end() {
    assert_eq!(taken(5, &Array::from([0_u32, 4, 5, u32::MAX])), [0, 4, 4, 4]);
    assert_eq!(taken(5, &Array::from_slice(&[0_u64, 5, u64::MAX], [3]).unwrap()), [0, 4, 4]);
    assert_eq!(taken(1, &Array::from([0_u8, 255])), [0, 0]);
}

#[test]
fn indices_of_a_type_that_does_not_reach_the_end_stay() {
    for length in [127, 128, 129, 200, 255, 256, 257, 300, 384, 70_000] {
        let all = [0_u8, 1, 127, 128, 254, 255];
        let expected = all.map(|at| i32::from(at).min(length - 1));
        assert_eq!(taken(length, &Array::from(all)), expected, "uint8 in {length}");
        let all = [i8::MIN, -127, -1, 0, 1, i8::MAX];
        let expected =
            all.map(i32::from).map(|at| if at < 0 { (at + length).max(0) } else { at.min(length - 1) });
        assert_eq!(taken(length, &Array::from_slice(&all, [6]).unwrap()), expected, "int8 in {length}");
    }
    let all = Array::from_slice(&[0_u16, u16::MAX], [2]).unwrap();
    assert_eq!(taken(70_000, &all), [0, 65_535]);
}

#[test]
fn an_axis_without_elements_gives_none() {
    for axis in [0, 1] {
        let x = Array::zeros([0, 0], Dtype::Float32).unwrap();
        for result in [x.take(&Array::from([0]), axis), x.take_along_axis(&Array::from([[0]]), axis)] {
            let error = result.unwrap_err();
            assert_eq!(error.kind(), Kind::Index);
            assert_eq!(error.message(), "there is no element to pick on an axis of length 0");
        }
    }
}

#[test]
fn no_indices_pick_nothing_even_from_nothing() {
    let none = Array::zeros([0], Dtype::Int32).unwrap();
    assert_eq!(Array::zeros([0, 3], Dtype::Float32).unwrap().take(&none, 0).unwrap().shape(), [0, 3]);
    assert_eq!(rows(4).take(&none, 1).unwrap().shape(), [4, 0]);
    let picked = Array::zeros([3, 0], Dtype::Float32).unwrap().take(&Array::from([1, 2]), 0).unwrap();
    assert_eq!((picked.shape(), picked.to_vec::<f32>().unwrap()), (&[2, 0][..], vec![]));
}

#[test]
fn what_is_no_whole_number_is_no_index() {
    for (indices, name) in [(Array::from([true]), "bool"), (Array::from([1.0]), "float32")] {
        let error = rows(3).take(&indices, 0).unwrap_err();
        assert_eq!((error.kind(), error.op()), (Kind::Dtype, "take"));
        assert_eq!(error.message(), format!("indices are whole numbers, not {name}"));
        let indices = indices.reshape([1, 1]).unwrap();
        assert_eq!(rows(3).take_along_axis(&indices, 0).unwrap_err().op(), "take_along_axis");
    }
}

#[test]
fn an_axis_that_is_not_there_is_an_error() {
    for axis in [2, -3, i32::MAX, i32::MIN] {
        assert!(rows(3).take(&Array::from([0]), axis).is_err());
        assert!(rows(3).take_along_axis(&Array::from([[0]]), axis).is_err());
    }
    assert!(Array::from(1.0).take(&Array::from(0), 0).is_err());
    assert!(rows(3).take_along_axis(&Array::from([0]), 0).is_err(), "another rank");
}
