//! Ops see values, whatever the layout in memory.

use mlx_core::{Array, Dtype, Result, Slice, concatenate, eval};

fn whole(array: Result<Array>) -> Vec<i32> {
    array.unwrap().to_vec().unwrap()
}

/// `[[0, 1, 2], [3, 4, 5]]` in several layouts.
fn layouts() -> Vec<Array> {
    let plain = Array::arange(0..6).unwrap().reshape([2, 3]).unwrap();
    let columns = Array::from([[0, 3], [1, 4], [2, 5]]).t().unwrap();
    let backwards = plain.flip(..).unwrap().index((Slice::step_by(.., -1), Slice::step_by(.., -1))).unwrap();
    let part = Array::arange(0..40).unwrap().reshape([5, 8]).unwrap();
    let part = (part.index((1..3, 2..5)).unwrap() - Array::from([[10], [15]])).unwrap();
    let strided = Array::arange(0..12).unwrap().reshape([2, 6]).unwrap().index((.., Slice::step_by(.., 2)));
    let strided = strided.unwrap().floor_divide(2).unwrap();
    let windows = Array::arange(0..6).unwrap().as_strided([2, 3], &[3, 1], 0).unwrap();
    vec![plain, columns, backwards, part, strided, windows]
}

#[test]
fn reductions_and_scans_see_values() {
    for (at, x) in layouts().iter().enumerate() {
        assert_eq!(whole(x.sum(0)), [3, 5, 7], "{at}");
        assert_eq!(whole(x.sum(1)), [3, 12], "{at}");
        assert_eq!(whole(x.max([0, 1])), [5], "{at}");
        assert_eq!(whole(x.cumsum(0)), [0, 1, 2, 3, 5, 7], "{at}");
        assert_eq!(whole(x.cumsum(1)), [0, 1, 3, 3, 7, 12], "{at}");
        assert_eq!(whole(x.diff(1, 1)), [1, 1, 1, 1], "{at}");
        assert_eq!(whole(x.trace(1)), [1 + 5], "{at}");
    }
}

#[test]
fn arrangements_see_values() {
    for (at, x) in layouts().iter().enumerate() {
        assert_eq!(whole(x.flatten(0, 1)), [0, 1, 2, 3, 4, 5], "{at}");
        assert_eq!(whole(x.reshape([3, 2]).unwrap().t()), [0, 2, 4, 1, 3, 5], "{at}");
        assert_eq!(whole(x.roll(1, 1)), [2, 0, 1, 5, 3, 4], "{at}");
        assert_eq!(whole(x.flip(0)), [3, 4, 5, 0, 1, 2], "{at}");
        assert_eq!(whole(x.repeat(2, 0).unwrap().index((1..3, 0))), [0, 3], "{at}");
        assert_eq!(whole(concatenate([x, x], 1).unwrap().index(0)), [0, 1, 2, 0, 1, 2], "{at}");
        assert_eq!(whole(x.diagonal(0)), [0, 4], "{at}");
        assert_eq!(whole(Ok(x.unstack(1).unwrap().remove(2))), [2, 5], "{at}");
    }
}

#[test]
fn ops_of_two_layouts_see_values() {
    for x in layouts() {
        for y in layouts() {
            assert_eq!(whole(&x * &y), [0, 1, 4, 9, 16, 25]);
            assert_eq!(whole(&x << &y), [0, 2, 8, 24, 64, 160]);
            assert!(x.array_equal(&y, false).unwrap());
        }
    }
}

#[test]
fn bytes_are_those_of_the_row_major_order() {
    for x in layouts() {
        let bytes = x.view(Dtype::Uint8).unwrap();
        assert_eq!(bytes.shape(), [2, 12]);
        assert_eq!(bytes.sum(1).unwrap().to_vec::<u32>().unwrap(), [3, 12]);
    }
}

#[test]
fn a_long_chain_is_computed_and_dropped() {
    let mut x = Array::from([0.0]);
    for _ in 0..5_000 {
        x = (x + 1.0).unwrap();
    }
    assert_eq!(x.item::<f32>().unwrap(), 5_000.0);
    let mut never = Array::from([0.0]);
    for _ in 0..5_000 {
        never = (never + 1.0).unwrap();
    }
    drop(never);
}

#[test]
fn the_same_array_on_both_sides_is_not_overwritten() {
    let x = Array::from([1, 2, 3]);
    let doubled = (&x + &x).unwrap();
    let squared = (&doubled * &doubled).unwrap();
    eval([&doubled, &squared]).unwrap();
    assert_eq!(
        (whole(Ok(x)), whole(Ok(doubled)), whole(Ok(squared))),
        (vec![1, 2, 3], vec![2, 4, 6], vec![4, 16, 36])
    );
}

#[test]
fn overlapping_windows_are_not_overwritten() {
    let x = Array::arange(0..4).unwrap();
    let windows = x.as_strided([3, 2], &[1, 1], 0).unwrap();
    drop(x);
    let negative = (-windows).unwrap();
    assert_eq!(
        whole((&negative + &negative).and_then(|sum| sum.astype(Dtype::Int32))),
        [0, -2, -2, -4, -4, -6]
    );
    let again = Array::arange(0..4).unwrap().as_strided([3, 2], &[1, 1], 0).unwrap();
    assert_eq!(whole(again + 1), [1, 2, 2, 3, 3, 4]);
}
