//! Ops that arrange elements anew: axes, empties, strides, and what is refused.

use mlx_core::transform::grad;
use mlx_core::{
    Array, Diagonal, Dtype, Indexing, Kind, PadMode, Result, Slice, broadcast_arrays, broadcast_shapes, keep,
    meshgrid,
};

fn whole(array: Result<Array>) -> Vec<i32> {
    array.unwrap().to_vec().unwrap()
}

fn none(shape: &[i32]) -> Array {
    Array::zeros(shape, Dtype::Int32).unwrap()
}

#[test]
fn new_axes_must_have_a_place() {
    let x = Array::from([1, 2]);
    assert_eq!(x.expand_dims([0, -1]).unwrap().shape(), [1, 2, 1]);
    assert_eq!(x.expand_dims([]).unwrap().shape(), [2]);
    assert_eq!(Array::from(1).expand_dims(0).unwrap().shape(), [1]);
    for axes in [mlx_core::Axes::from(..), keep(..), 2.into(), (-3).into(), [0, -3].into(), [1, 1].into()] {
        assert!(x.expand_dims(axes.clone()).is_err(), "{axes:?}");
    }
    assert_eq!(x.expand_dims(..).unwrap_err().message(), "`..` does not say where the new axes go");
}

#[test]
fn axes_to_flatten_must_be_there() {
    let x = none(&[2, 3, 4]);
    assert_eq!(x.flatten(0, -1).unwrap().shape(), [24]);
    assert_eq!(x.flatten(1, 2).unwrap().shape(), [2, 12]);
    assert_eq!(x.flatten(-3, -2).unwrap().shape(), [6, 4]);
    assert_eq!(x.flatten(1, 1).unwrap().shape(), [2, 3, 4]);
    for (start, end) in [(0, 3), (-4, 1), (3, 3), (2, 1), (0, i32::MAX), (i32::MIN, 0)] {
        assert!(x.flatten(start, end).is_err(), "{start} to {end}");
    }
    assert_eq!(Array::from(5).flatten(0, -1).unwrap().shape(), [1]);
    assert!(Array::from(5).flatten(0, 1).is_err() && Array::from(5).flatten(-2, -1).is_err());
}

#[test]
fn an_axis_unfolds_into_its_parts() {
    let x = none(&[2, 12]);
    assert_eq!(x.unflatten(1, [3, 4]).unwrap().shape(), [2, 3, 4]);
    assert_eq!(x.unflatten(-1, [-1, 6]).unwrap().shape(), [2, 2, 6]);
    assert_eq!(x.unflatten(0, [2, 1, 1]).unwrap().shape(), [2, 1, 1, 12]);
    assert_eq!(none(&[0]).unflatten(0, [0, 5]).unwrap().shape(), [0, 5]);
    assert_eq!(none(&[0]).unflatten(0, [-1, 5]).unwrap().shape(), [0, 5]);
}

#[test]
fn parts_that_an_axis_does_not_have_are_refused() {
    let four = none(&[4]);
    for parts in [&[3, -1][..], &[-1, -1], &[-2, -2], &[0, -1], &[0, 4], &[], &[5], &[8, -1], &[-3, -1]] {
        assert!(four.unflatten(0, parts).is_err(), "{parts:?}");
    }
    let nothing = none(&[0]);
    for parts in [&[0, -1][..], &[-1, 0], &[65536, 65536, 65536, 65536], &[i32::MAX, i32::MAX, 4], &[-5, 0]] {
        assert_eq!(nothing.unflatten(0, parts).unwrap_err().kind(), Kind::Shape, "{parts:?}");
    }
    assert!(four.unflatten(1, [2, 2]).is_err() && Array::from(1).unflatten(0, [1, 1]).is_err());
}

#[test]
fn small_arrays_grow_axes() {
    let shapes = |x: Array| {
        [x.atleast_1d(), x.atleast_2d(), x.atleast_3d()].map(|result| result.unwrap().shape().to_vec())
    };
    assert_eq!(shapes(Array::from(1)), [vec![1], vec![1, 1], vec![1, 1, 1]]);
    assert_eq!(shapes(none(&[5])), [vec![5], vec![1, 5], vec![1, 5, 1]]);
    assert_eq!(shapes(none(&[2, 5])), [vec![2, 5], vec![2, 5], vec![2, 5, 1]]);
    assert_eq!(shapes(none(&[0])), [vec![0], vec![1, 0], vec![1, 0, 1]]);
}

#[test]
fn a_moved_axis_leaves_the_others_in_order() {
    let x = none(&[2, 3, 4]);
    assert_eq!(x.moveaxis(0, -1).unwrap().shape(), [3, 4, 2]);
    assert_eq!(x.moveaxis(2, 0).unwrap().shape(), [4, 2, 3]);
    for (from, to) in [(3, 0), (0, 3), (-4, 0), (i32::MIN, i32::MAX)] {
        assert!(x.moveaxis(from, to).is_err() && x.swapaxes(from, to).is_err());
    }
    assert!(Array::from(1).moveaxis(0, 0).is_err());
}

#[test]
fn rolled_elements_come_back_at_the_front() {
    let x = Array::from([[1, 2, 3], [4, 5, 6]]);
    assert_eq!(whole(x.roll(1, 1)), [3, 1, 2, 6, 4, 5]);
    assert_eq!(whole(x.roll(-1, 0)), [4, 5, 6, 1, 2, 3]);
    assert_eq!(whole(x.roll(1, [0, 1])), [6, 4, 5, 3, 1, 2]);
    assert_eq!(whole(x.roll(1, ..)), [6, 1, 2, 3, 4, 5]);
    assert_eq!(whole(x.roll(1, [1, 1])), [2, 3, 1, 5, 6, 4]);
    assert_eq!(whole(x.roll(3, [])), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn a_roll_of_any_length_goes_round() {
    let x = Array::arange(0..7).unwrap();
    for shift in [0, 1, -1, 7, -7, 100, i32::MAX, i32::MIN, i32::MIN + 1] {
        let expected: Vec<_> = (0..7_i64).map(|at| (at - i64::from(shift)).rem_euclid(7) as i32).collect();
        assert_eq!(whole(x.roll(shift, 0)), expected, "{shift}");
        assert_eq!(whole(x.roll(shift, ..)), expected, "{shift}");
    }
    assert!(x.roll(1, 1).is_err() && x.roll(1, -2).is_err() && x.roll(1, i32::MIN).is_err());
    assert_eq!(none(&[0, 2]).roll(1, [0, 1]).unwrap().shape(), [0, 2]);
    assert_eq!(whole(Array::from(4).roll(3, ..)), [4]);
}

#[test]
fn flips_go_backwards_along_their_axes() {
    let x = Array::from([[1, 2], [3, 4]]);
    assert_eq!(whole(x.flip(..)), [4, 3, 2, 1]);
    assert_eq!(whole(x.flip(0)), [3, 4, 1, 2]);
    assert_eq!(whole(x.flip([-1])), [2, 1, 4, 3]);
    assert_eq!(none(&[0, 2]).flip(..).unwrap().shape(), [0, 2]);
    assert_eq!(whole(Array::from(1).flip(..)), [1]);
    assert!(x.flip(2).is_err() && Array::from(1).flip(0).is_err());
}

#[test]
fn tiles_repeat_the_whole() {
    let x = Array::from([[1, 2]]);
    assert_eq!(whole(x.tile([2, 2])), [1, 2, 1, 2, 1, 2, 1, 2]);
    assert_eq!(x.tile([3]).unwrap().shape(), [1, 6]);
    assert_eq!(x.tile([2, 1, 1]).unwrap().shape(), [2, 1, 2]);
    assert_eq!(x.tile([]).unwrap().shape(), [1, 2]);
    assert_eq!(x.tile([0, 4]).unwrap().shape(), [0, 8]);
    assert_eq!(Array::from(7).tile([2, 2]).unwrap().shape(), [2, 2]);
    for repetitions in
        [&[-1][..], &[i32::MAX], &[i32::MAX, i32::MAX], &[i32::MAX, i32::MAX, i32::MAX], &[-2, -2]]
    {
        assert!(x.tile(repetitions).is_err(), "{repetitions:?}");
    }
    assert!(
        none(&[0]).tile([-1]).is_err() && Array::from(1_u8).tile([i32::MAX, i32::MAX, i32::MAX]).is_err()
    );
}

#[test]
fn diagonals_are_made_and_read() {
    let x = Array::from([1, 2]);
    assert_eq!(whole(x.diag(0)), [1, 0, 0, 2]);
    assert_eq!(whole(x.diag(-1)), [0, 0, 0, 1, 0, 0, 0, 2, 0]);
    assert_eq!(whole(x.diag(1).unwrap().diag(1)), [1, 2]);
    assert_eq!(none(&[0]).diag(2).unwrap().shape(), [2, 2]);
    let cube = Array::arange(0..24).unwrap().reshape([2, 3, 4]).unwrap();
    assert_eq!(cube.diagonal(0).unwrap().shape(), [4, 2]);
    let inner = cube.diagonal(Diagonal { offset: 1, axes: [1, -1] });
    assert_eq!(whole(inner), [1, 6, 11, 13, 18, 23]);
    assert_eq!(whole(cube.trace(-1)), [12, 13, 14, 15]);
}

#[test]
fn diagonals_that_no_memory_holds_are_refused() {
    let x = Array::from([1, 2]);
    for far in [i32::MAX, i32::MIN, i32::MAX - 2, 1 << 24, -(1 << 24)] {
        assert_eq!(x.diag(far).unwrap_err().kind(), Kind::Shape, "{far}");
        let (matrix, length) = (none(&[2, 3]), |array: Result<Array>| array.unwrap().size());
        assert_eq!((length(matrix.diag(far)), length(matrix.diagonal(far))), (0, 0));
        assert_eq!(whole(matrix.trace(far)), [0]);
    }
    assert!(Array::from(1).diag(0).is_err() && none(&[1, 1, 1]).diag(0).is_err() && x.diagonal(0).is_err());
    for axes in [[0, 0], [0, -2], [2, 0], [0, i32::MIN]] {
        assert!(none(&[2, 2]).diagonal(Diagonal { offset: 0, axes }).is_err(), "{axes:?}");
        assert!(none(&[2, 2]).trace(Diagonal { offset: 0, axes }).is_err(), "{axes:?}");
    }
}

#[test]
fn strides_reach_what_is_there() {
    let x = Array::arange(0..6).unwrap();
    assert_eq!(whole(x.as_strided([4, 3], &[1, 1], 0)), [0, 1, 2, 1, 2, 3, 2, 3, 4, 3, 4, 5]);
    assert_eq!(whole(x.as_strided([3], &[-2], 5)), [5, 3, 1]);
    assert_eq!(whole(x.as_strided([2, 2], &[0, 0], 5)), [5; 4]);
    assert_eq!(whole(x.as_strided([], &[], 3)), [3]);
    assert_eq!(x.as_strided([0, 9], &[i64::MAX, i64::MIN], 6).unwrap().shape(), [0, 9]);
    let windows = x.as_strided([4, 3], &[1, 1], 0).unwrap();
    assert_eq!(whole((&windows + 1).unwrap().sum(1)), [6, 9, 12, 15]);
    assert_eq!(whole(-&windows)[..3], [0, -1, -2]);
}

#[test]
fn strides_read_the_row_major_order_of_any_layout() {
    let x = Array::arange(0..6).unwrap().reshape([2, 3]).unwrap();
    assert_eq!(whole(x.t().unwrap().as_strided([6], &[1], 0)), [0, 3, 1, 4, 2, 5]);
    let odd = Array::arange(0..6).unwrap().index(Slice::step_by(1.., 2)).unwrap();
    assert_eq!(whole(odd.as_strided([2], &[2], 0)), [1, 5]);
    let same = Array::from(7).broadcast_to([4]).unwrap();
    assert_eq!(whole(same.as_strided([2, 2], &[2, 1], 0)), [7; 4]);
    assert_eq!(whole(Array::from(7).as_strided([3], &[0], 0)), [7; 3]);
}

#[test]
fn strides_that_reach_outside_are_refused() {
    let x = Array::arange(0..6).unwrap();
    let cases: [(&[i32], &[i64], usize); 11] = [
        (&[7], &[1], 0),
        (&[2], &[6], 0),
        (&[1], &[1], 6),
        (&[3], &[-2], 3),
        (&[2], &[i64::MAX], 1),
        (&[2], &[i64::MIN], 1),
        (&[i32::MAX, i32::MAX], &[i64::MAX, i64::MAX], 0),
        (&[1], &[1], usize::MAX),
        (&[2], &[1, 1], 0),
        (&[-1], &[1], 0),
        (&[0], &[1], 7),
    ];
    for (shape, strides, offset) in cases {
        let error = x.as_strided(shape, strides, offset).unwrap_err();
        assert_eq!((error.kind(), error.op()), (Kind::Shape, "as_strided"), "{shape:?} {strides:?} {offset}");
    }
    assert!(x.as_strided([i32::MAX, i32::MAX], &[0, 0], 0).is_err(), "more bytes than addresses");
    assert!(none(&[0]).as_strided([1], &[1], 0).is_err());
}

#[test]
fn parts_of_nothing_are_not_without_number() {
    let nothing = none(&[0, 2]);
    assert_eq!(nothing.split(1, 0).unwrap().len(), 1);
    for parts in [2, 3, i32::MAX] {
        assert_eq!(nothing.split(parts, 0).unwrap_err().kind(), Kind::Shape);
    }
    assert_eq!(nothing.split(2, 1).unwrap()[1].shape(), [0, 1]);
    assert!(
        nothing.split(0, 0).is_err() && nothing.split(-1, 0).is_err() && Array::from(1).split(1, 0).is_err()
    );
}

#[test]
fn rows_come_one_after_the_other() {
    let x = Array::from([[1, 2], [3, 4], [5, 6]]);
    let rows: Vec<_> = x.unstack(0).unwrap().into_iter().map(|row| whole(Ok(row))).collect();
    assert_eq!(rows, [[1, 2], [3, 4], [5, 6]]);
    assert_eq!(whole(Ok(x.unstack(-1).unwrap().remove(1))), [2, 4, 6]);
    assert_eq!(none(&[0, 2]).unstack(0).unwrap().len(), 0);
    assert!(Array::from(1).unstack(0).is_err() && x.unstack(2).is_err());
}

#[test]
fn padding_repeats_the_edge_or_mirrors_it() {
    let x = Array::from([1, 2, 3]);
    assert_eq!(whole(x.pad([(0, 2, 1)], PadMode::Edge)), [1, 1, 1, 2, 3, 3]);
    assert_eq!(whole(x.pad([(0, 2, 1)], PadMode::Reflect)), [3, 2, 1, 2, 3, 2]);
    assert_eq!(whole(x.pad([(0, 2, 1)], PadMode::Symmetric)), [2, 1, 1, 2, 3, 3]);
    assert_eq!(whole(x.pad([(0, 5, 6)], PadMode::Reflect)), [2, 1, 2, 3, 2, 1, 2, 3, 2, 1, 2, 3, 2, 1]);
    assert_eq!(whole(Array::from([7]).pad([(0, 1, 2)], PadMode::Reflect)), [7; 4]);
}

#[test]
fn padding_goes_along_several_axes_at_once() {
    let x = Array::from([[1, 2], [3, 4]]);
    let padded = x.pad([(1, 1, 0), (0, 0, 1)], PadMode::Edge).unwrap();
    assert_eq!((padded.shape(), whole(Ok(padded.clone()))), (&[3, 3][..], vec![1, 1, 2, 3, 3, 4, 3, 3, 4]));
    assert_eq!(x.pad([(-1, 1, 2)], PadMode::Edge).unwrap().shape(), [2, 5]);
    assert_eq!(whole(x.pad([(0, 1, 0), (-1, 0, 1)], 9)), [9, 9, 9, 1, 2, 9, 3, 4, 9]);
    assert_eq!(whole(x.pad([], PadMode::Symmetric)), [1, 2, 3, 4]);
    assert_eq!(whole(Array::from(5).pad([], PadMode::Edge)), [5]);
}

#[test]
fn padding_needs_an_axis_of_its_own_and_something_to_repeat() {
    let x = Array::from([[1, 2], [3, 4]]);
    for widths in
        [&[(0, 1, 1), (-2, 1, 1)][..], &[(2, 1, 1)], &[(-3, 1, 1)], &[(0, -1, 1)], &[(0, 1, i32::MIN)]]
    {
        for mode in [0.into(), PadMode::Edge, PadMode::Reflect, PadMode::Symmetric] {
            assert_eq!(x.pad(widths, mode).unwrap_err().kind(), Kind::Shape, "{widths:?} {mode:?}");
        }
    }
    for mode in [PadMode::Edge, PadMode::Reflect, PadMode::Symmetric] {
        for width in [(0, 1, 0), (0, 0, 1), (0, i32::MAX, 0)] {
            assert!(none(&[0]).pad([width], mode).is_err(), "{mode:?} {width:?}");
        }
        assert_eq!(none(&[0, 2]).pad([(1, 1, 1)], mode).unwrap().shape(), [0, 4]);
        assert!(x.pad([(0, i32::MAX, i32::MAX)], mode).is_err());
    }
    assert!(Array::from([1]).pad([(0, i32::MAX - 1, 0)], PadMode::Reflect).is_err(), "one op an element");
    assert_eq!(none(&[0]).pad([(0, 1, 2)], 3).unwrap().shape(), [3]);
}

#[test]
fn shapes_go_together_or_do_not() {
    let join = |shapes: &[&[i32]]| broadcast_shapes(shapes.iter().copied());
    assert_eq!(join(&[&[2, 1], &[3], &[]]).unwrap(), [2, 3]);
    assert_eq!(join(&[&[3], &[4, 1, 1]]).unwrap(), [4, 1, 3]);
    assert_eq!(join(&[&[0, 1], &[1, 5]]).unwrap(), [0, 5]);
    assert_eq!(join(&[]).unwrap(), [0; 0]);
    assert!(join(&[&[2], &[3]]).is_err() && join(&[&[0], &[2]]).is_err() && join(&[&[1], &[-2]]).is_err());
    let error = join(&[&[5, 2], &[3]]).unwrap_err();
    assert_eq!(error.message(), "lengths 2 and 3 of shape [3] do not go together");
}

#[test]
fn arrays_take_their_common_shape() {
    let arrays = broadcast_arrays([&Array::from([[1], [2]]), &Array::from([3, 4]), &Array::from(5)]).unwrap();
    let all: Vec<_> = arrays.into_iter().map(|array| whole(Ok(array))).collect();
    assert_eq!(all, [[1, 1, 2, 2], [3, 4, 3, 4], [5, 5, 5, 5]]);
    assert!(broadcast_arrays([&Array::from([1, 2]), &Array::from([1, 2, 3])]).is_err());
    assert_eq!(broadcast_arrays([]).unwrap().len(), 0);
}

#[test]
fn a_grid_has_the_coordinates_of_its_places() {
    let (x, y) = (Array::from([1, 2]), Array::from([3, 4, 5]));
    let shapes = |sparse, indexing| {
        let grid = meshgrid([&x, &y], sparse, indexing).unwrap();
        grid.iter().map(|array| array.shape().to_vec()).collect::<Vec<_>>()
    };
    assert_eq!(shapes(false, Indexing::Xy), [[3, 2], [3, 2]]);
    assert_eq!(shapes(false, Indexing::Ij), [[2, 3], [2, 3]]);
    assert_eq!(shapes(true, Indexing::Xy), [[1, 2], [3, 1]]);
    assert_eq!(shapes(true, Indexing::Ij), [[2, 1], [1, 3]]);
    let grid = meshgrid([&x, &y], false, Indexing::Xy).unwrap();
    assert_eq!(whole(Ok(grid[1].clone())), [3, 3, 4, 4, 5, 5]);
    assert_eq!(meshgrid([], false, Indexing::Xy).unwrap().len(), 0);
    assert_eq!(meshgrid([&none(&[0]), &x], false, Indexing::Ij).unwrap()[1].shape(), [0, 2]);
}

#[test]
fn a_triangle_without_elements_takes_no_memory_however_long_its_side() {
    for shape in [[i32::MAX, 0], [0, i32::MAX]] {
        let triangle = Array::tri(shape, 0, Dtype::Float32).unwrap();
        assert!(triangle.to_vec::<f32>().unwrap().is_empty());
        assert_eq!(triangle.shape(), shape);
        for part in [triangle.tril(0), triangle.triu(0)] {
            assert_eq!(part.unwrap().to_vec::<f32>().unwrap().len(), 0);
        }
    }
}

#[test]
fn a_mirror_of_a_long_axis_is_not_made_before_it_is_needed() {
    let long = Array::zeros([1], Dtype::Uint8).unwrap().broadcast_to([1 << 30]).unwrap();
    let padded = long.pad([(0, 3, 5)], PadMode::Reflect).unwrap();
    assert_eq!(padded.shape(), [(1 << 30) + 8]);
    let error = long.pad([(0, 1 << 29, 1 << 30)], PadMode::Symmetric).unwrap_err();
    assert_eq!((error.kind(), error.op()), (Kind::Shape, "pad"));
    let none =
        Array::zeros([1 << 30, 0], Dtype::Uint8).unwrap().pad([(0, 1, 2)], PadMode::Symmetric).unwrap();
    none.eval().unwrap();
    assert_eq!(none.shape(), [(1 << 30) + 3, 0]);
}

#[test]
fn a_flip_of_one_place_passes_its_gradient_on() {
    let (x, by) = (Array::from([[1.0, 2.0, 3.0]]), Array::from([[4.0, 5.0, 6.0]]));
    for axes in [&[0][..], &[0, 1], &[-2]] {
        let slope = grad(|x: &Array| (x.flip(axes)? * &by)?.sum(..))(&x).unwrap();
        let expected = if axes.len() == 2 { [6.0, 5.0, 4.0] } else { [4.0, 5.0, 6.0] };
        assert_eq!(slope.to_vec::<f32>().unwrap(), expected, "{axes:?}");
    }
}
