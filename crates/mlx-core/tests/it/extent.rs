//! Arguments and shapes that MLX would let overflow, or read past the end for.

use mlx_core::{Array, Dtype, Kind, Result, Slice, concatenate, stack};

use crate::values::on_cpu;

fn one() -> Array {
    Array::from(1_u8)
}

#[test]
fn a_result_whose_bytes_do_not_fit_is_refused_when_it_is_built() {
    on_cpu(|| {
        let wide = one().broadcast_to([1 << 24, 1]).unwrap();
        let tall = one().broadcast_to([1, 1 << 22]).unwrap();
        let plane = (&wide + &tall).unwrap();
        assert_eq!((plane.size(), plane.nbytes()), (1 << 46, 1 << 46));
        let results = [
            plane.astype(Dtype::Float64),
            &plane + &one().broadcast_to([1 << 24, 1, 1]).unwrap(),
            one().broadcast_to([i32::MAX, i32::MAX, i32::MAX]),
            one().broadcast_to([i32::MAX, i32::MAX, 4]),
            Array::from(1_i64).broadcast_to([i32::MAX]).unwrap().view(Dtype::Uint8),
        ];
        for (at, result) in results.into_iter().enumerate() {
            assert_eq!(result.unwrap_err().kind(), Kind::Shape, "{at}");
        }
    });
}

#[test]
fn lengths_beyond_32_bits_are_refused() {
    let long = one().broadcast_to([i32::MAX]).unwrap();
    let results: Vec<Result<Array>> = vec![
        concatenate([&long, &long], 0),
        long.repeat(2, 0),
        long.pad([(0, 1, 0)], 0),
        long.pad([(0, i32::MAX, i32::MAX)], 0),
        stack([&long, &long], 1).and_then(|pair| pair.flatten(0, 1)),
        one().broadcast_to([65_536, 65_536]).unwrap().flatten(0, -1),
        one().broadcast_to([65_536, 65_536]).unwrap().reshape([-1]),
    ];
    for (at, result) in results.into_iter().enumerate() {
        assert!(result.is_err(), "{at}");
    }
}

#[test]
fn negative_lengths_are_refused() {
    let four = Array::from([1, 2, 3, 4]);
    assert!(four.reshape([-2, -2]).is_err());
    assert!(four.reshape([-1, -4]).is_err());
    assert!(four.reshape([-1, 0]).is_err());
    assert!(four.broadcast_to([-4]).is_err());
    assert!(four.repeat(-1, 0).is_err());
    assert!(Array::zeros([0], Dtype::Int32).unwrap().reshape([65_536, 65_536, 65_536, 65_536]).is_err());
    assert!(four.pad([(0, -1, 0)], 0).is_err());
    assert!(four.split(0, 0).is_err() && four.split(-1, 0).is_err() && four.split(3, 0).is_err());
}

#[test]
fn axes_that_are_not_there_are_refused() {
    let x = Array::from([[1.0, 2.0], [3.0, 4.0]]);
    for axis in [2, -3, 1000, i32::MAX, i32::MIN] {
        let results = [
            x.pad([(axis, 1, 1)], 0),
            x.sum(axis),
            x.sum([0, axis]),
            x.softmax(axis),
            x.cumsum(axis),
            x.argmax(axis),
            x.sort(axis),
            x.argpartition(0, axis),
            x.partition(0, axis),
            x.topk(1, axis),
            x.repeat(2, axis),
            x.swapaxes(0, axis),
            x.transpose([0, axis]),
            x.squeeze(axis),
            x.split(2, axis).map(|mut parts| parts.remove(0)),
            x.split_at([1], axis).map(|mut parts| parts.remove(0)),
            concatenate([&x, &x], axis),
        ];
        for (at, result) in results.into_iter().enumerate() {
            assert!(result.is_err(), "case {at}, axis {axis}");
        }
    }
    assert!(x.sum([0, 0]).is_err() && x.transpose([0]).is_err() && x.transpose([0, 0]).is_err());
    assert!(x.expand_dims([0, 0]).is_err() && x.expand_dims(4).is_err() && x.squeeze(0).is_err());
}

#[test]
fn padding_goes_to_the_axis_it_names() {
    let x = Array::from([[1, 2]]);
    assert_eq!(x.pad([(-1, 1, 2)], 7).unwrap().to_vec::<i32>().unwrap(), [7, 1, 2, 7, 7]);
    let below = x.pad([(0, 0, 1)], 0).unwrap();
    assert_eq!((below.shape(), below.to_vec::<i32>().unwrap()), (&[2, 2][..], vec![1, 2, 0, 0]));
}

#[test]
fn places_to_split_at_may_lie_anywhere() {
    let x = Array::arange(0..5).unwrap();
    for places in [vec![2, 4], vec![4, 2], vec![-2, 9], vec![i32::MIN, i32::MAX], vec![0; 12], vec![]] {
        let parts = x.split_at(&places, 0).unwrap();
        assert_eq!(parts.len(), places.len() + 1);
        let sizes = parts.iter().map(|part| part.to_vec::<i32>().unwrap().len()).sum::<usize>();
        assert!(sizes <= 10, "{places:?}");
    }
}

#[test]
fn diagonals_far_outside_keep_all_or_nothing() {
    let x = Array::ones([2, 3], Dtype::Int32).unwrap();
    for (diagonal, below, above) in [(i32::MAX, 6, 0), (i32::MIN, 0, 6), (3, 6, 0), (-2, 0, 6), (0, 3, 5)] {
        let sum = |part: Result<Array>| part.unwrap().sum(..).unwrap().item::<i32>().unwrap();
        assert_eq!((sum(x.tril(diagonal)), sum(x.triu(diagonal))), (below, above), "{diagonal}");
    }
    assert!(Array::from([1]).tril(0).is_err());
}

#[test]
fn an_update_must_fit() {
    let x = Array::zeros([2, 3], Dtype::Int32).unwrap();
    let one = Array::from([[1, 2]]);
    let updated = x.slice_update(&one, [1, 1]).unwrap();
    assert_eq!(updated.to_vec::<i32>().unwrap(), [0, 0, 0, 0, 1, 2]);
    for start in [&[1, 2][..], &[2, 0], &[-1, 0], &[0], &[0, 0, 0], &[i32::MAX, i32::MAX]] {
        assert_eq!(x.slice_update(&one, start).unwrap_err().kind(), Kind::Shape, "{start:?}");
    }
    assert!(x.slice_update(&Array::from([1, 2]), [0, 0]).is_err());
}

#[test]
fn the_greatest_of_nothing_is_an_error() {
    let none = Array::zeros([0, 2], Dtype::Float32).unwrap();
    assert!(none.max(0).is_err() && none.min(..).is_err() && none.argmax(0).is_err());
    assert!(none.topk(1, 0).is_err() && none.argpartition(0, 0).is_err());
    assert!(none.topk(-1, 1).is_err() && none.topk(3, 1).is_err() && none.partition(2, 1).is_err());
    assert_eq!(none.sum(..).unwrap().item::<f32>().unwrap(), 0.0);
    assert!(concatenate([], 0).is_err() && stack([], 0).is_err());
    assert!(Array::from(1.0).argmax(mlx_core::keep(..)).is_err());
}

#[test]
fn numbers_that_sort_has_no_order_for_go_last() {
    let x = Array::from([f32::NAN, 1.0, f32::NAN, -1.0]);
    assert_eq!(x.sort(0).unwrap().to_vec::<f32>().unwrap()[..2], [-1.0, 1.0]);
    assert_eq!(x.argsort(0).unwrap().to_vec::<u32>().unwrap()[..2], [3, 1]);
    let reversed = x.index(Slice::step_by(.., -1)).unwrap();
    assert_eq!(reversed.sort(0).unwrap().to_vec::<f32>().unwrap()[..2], [-1.0, 1.0]);
}

#[test]
fn whole_numbers_to_a_negative_power_are_zero() {
    let x = Array::from([2, 1, 0]);
    assert_eq!(x.power(-1).unwrap().to_vec::<i32>().unwrap(), [0, 0, 0]);
    assert_eq!(x.power(3).unwrap().to_vec::<i32>().unwrap(), [8, 1, 0]);
}
