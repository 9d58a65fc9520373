//! Parts of arrays changed, against what NumPy gives.

use mlx_core::{Array, Dtype, Index, Kind, NewAxis, Operand, Result, Slice, eval, memory};

use crate::values::on_cpu;

fn zeros() -> Array {
    Array::zeros([2, 3, 4], Dtype::Int32).unwrap()
}

/// The places of a result that are not zero, with what is there.
fn spots(result: Result<Array>) -> Vec<(usize, i32)> {
    let values = result.unwrap().to_vec::<i32>().unwrap();
    values.into_iter().enumerate().filter(|&(_, value)| value != 0).collect()
}

fn ints(result: Result<Array>) -> Vec<i32> {
    result.unwrap().to_vec().unwrap()
}

fn floats(result: Result<Array>) -> Vec<f32> {
    result.unwrap().to_vec().unwrap()
}

#[test]
fn ranges_and_integers_are_set() {
    let value = Array::from([[1, 2], [3, 4]]);
    let index = (1, Slice::step_by(.., 2), 1..3);
    assert_eq!(spots(zeros().at(index).set(&value)), [(13, 1), (14, 2), (21, 3), (22, 4)]);
    assert_eq!(spots(zeros().at((0, 0)).set(Array::from([9, 8, 7, 6]))), [(0, 9), (1, 8), (2, 7), (3, 6)]);
    assert_eq!(spots(zeros().at((-1, -1, -1)).set(5)), [(23, 5)]);
    assert_eq!(spots(zeros().at((Index::Ellipsis, 2, 1)).set(Array::from([1, 2]))), [(9, 1), (21, 2)]);
}

#[test]
fn a_range_that_goes_backwards_is_set_backwards() {
    let five = Array::zeros([5], Dtype::Int32).unwrap();
    let back = Slice::step_by(.., -2);
    assert_eq!(ints(five.at(back).set(Array::from([1, 2, 3]))), [3, 0, 2, 0, 1]);
    assert_eq!(ints(five.at(back).add(Array::from([1, 2, 3]))), [3, 0, 2, 0, 1]);
    let long = Array::arange(0..50).unwrap();
    let turned: Vec<i32> = (0..50).rev().collect();
    assert_eq!(ints(long.at(Slice::step_by(.., -1)).set(&long)), turned);
}

#[test]
fn index_arrays_side_by_side_are_set_in_their_place() {
    let value = Array::from([[1, 2], [3, 4]]);
    assert_eq!(spots(zeros().at((.., [0, 2], 1)).set(&value)), [(1, 1), (9, 2), (13, 3), (21, 4)]);
    assert_eq!(spots(zeros().at(([0, 1], [0, 2], [3, 1])).set(Array::from([1, 2]))), [(3, 1), (21, 2)]);
}

#[test]
fn index_arrays_with_something_between_them_are_set_first() {
    let value = Array::from([[1, 2, 3], [4, 5, 6]]);
    let expected = [(3, 1), (7, 2), (11, 3), (13, 4), (17, 5), (21, 6)];
    assert_eq!(spots(zeros().at(([0, 1], .., [3, 1])).set(&value)), expected);
}

#[test]
fn new_axes_of_the_part_are_axes_of_the_value() {
    let value = Array::from([[1], [2]]).reshape([2, 1, 1]).unwrap();
    assert_eq!(spots(zeros().at((.., NewAxis, 0, 0, NewAxis)).set(&value)), [(0, 1), (12, 2)]);
    assert_eq!(spots(zeros().at((0, [1, 2], NewAxis, 3)).set(Array::from([[7], [8]]))), [(7, 7), (11, 8)]);
}

#[test]
fn a_value_broadcasts_and_loses_leading_ones() {
    let x = Array::zeros([2, 3], Dtype::Int32).unwrap();
    assert_eq!(ints(x.at(..).set(Array::from([1, 2, 3]))), [1, 2, 3, 1, 2, 3]);
    assert_eq!(ints(x.at((.., 1..)).set(Array::from([[1], [2]]))), [0, 1, 1, 0, 2, 2]);
    let ones = Array::from([[1, 2, 3]]).reshape([1, 1, 1, 3]).unwrap();
    assert_eq!(ints(x.at(0).set(&ones)), [1, 2, 3, 0, 0, 0]);
    assert_eq!(ints(x.at([1, 0]).set(&ones)), [1, 2, 3, 1, 2, 3]);
    assert_eq!(ints(x.at((0, 0)).set(ones.index((.., .., .., ..1)).unwrap())), [1, 0, 0, 0, 0, 0]);
}

#[test]
fn a_value_that_does_not_broadcast_is_an_error() {
    let x = Array::zeros([2, 3], Dtype::Int32).unwrap();
    for value in [Array::from([1, 2]), Array::from([[1, 1, 1], [2, 2, 2]]), Array::from([1, 2, 3, 4])] {
        assert!(x.at(0).set(&value).is_err());
        assert!(x.at([0]).add(&value).is_err());
        assert!(x.at((0, [0, 1, 2])).maximum(&value).is_err());
    }
    assert!(x.at(2..).set(Array::from([1, 2])).is_err(), "an empty part");
    assert!(x.at(2..).set(Array::from([1, 2, 3])).is_ok());
}

#[test]
fn a_place_named_twice_gets_both() {
    let x = Array::from([1, 2, 3]);
    let twice = Array::from([0, 2, 0]);
    assert_eq!(ints(x.at(&twice).add(Array::from([10, 20, 30]))), [41, 2, 23]);
    assert_eq!(ints(x.at(&twice).subtract(1)), [-1, 2, 2]);
    assert_eq!(ints(x.at(&twice).multiply(3)), [9, 2, 9]);
    assert_eq!(ints(x.at(&twice).maximum(Array::from([5, 0, 7]))), [7, 2, 3]);
    assert_eq!(ints(x.at(&twice).minimum(Array::from([-5, 9, -7]))), [-7, 2, 3]);
    let halves = Array::from([8.0, 1.0]).at([0, 0, 1]).divide(2);
    assert_eq!(floats(halves), [2.0, 0.5]);
}

#[test]
fn rows_named_twice_get_both_beside_a_range() {
    let x = Array::zeros([2, 3, 4], Dtype::Int32).unwrap();
    let added = x.at(([0, 0, 1], .., 0)).add(Array::from([[1], [2], [3]]));
    assert_eq!(spots(added), [(0, 3), (4, 3), (8, 3), (12, 3), (16, 3), (20, 3)]);
    let part = x.at((1.., [1, 1], 2..)).add(Array::from([[1, 2], [3, 4]]));
    assert_eq!(spots(part), [(18, 4), (19, 6)]);
}

#[test]
fn ranges_are_changed_by_each_op() {
    let x = Array::from([8.0, 6.0, 4.0]);
    assert_eq!(floats(x.at(1..).add(1)), [8.0, 7.0, 5.0]);
    assert_eq!(floats(x.at(1..).subtract(1)), [8.0, 5.0, 3.0]);
    assert_eq!(floats(x.at(..2).multiply(0.5)), [4.0, 3.0, 4.0]);
    assert_eq!(floats(x.at(2).divide(4)), [8.0, 6.0, 1.0]);
    assert_eq!(floats(x.at(..).maximum(5)), [8.0, 6.0, 5.0]);
    assert_eq!(floats(x.at(..).minimum(5)), [5.0, 5.0, 4.0]);
    assert_eq!(floats(x.at(Index::Ellipsis).set(1)), [1.0, 1.0, 1.0]);
}

#[test]
fn the_value_takes_the_type_of_the_array() {
    let x = Array::from([1, 2, 3]);
    assert_eq!(ints(x.at(0).set(7.9)), [7, 2, 3]);
    let small = Array::from([1.0, 2.0]);
    let one = Array::from([1_u8]);
    assert_eq!(floats(small.at([1]).subtract(&one)), [1.0, 1.0], "not 2 + 255");
    let half = small.astype(Dtype::Bfloat16).unwrap().at(0).set(Array::from(3.0)).unwrap();
    assert_eq!(half.dtype(), Dtype::Bfloat16);
    let unsigned = Array::from([5_u8, 5]).at([0, 0]).subtract(1).unwrap();
    assert_eq!(unsigned.to_vec::<u8>().unwrap(), [3, 5]);
}

#[test]
fn whole_numbers_have_no_reciprocals() {
    for x in [Array::from([1, 2]), Array::from([1_u8, 2]), Array::from([true, false])] {
        for error in [x.at(0).divide(2).unwrap_err(), x.at([0]).divide(0).unwrap_err()] {
            assert_eq!((error.kind(), error.op()), (Kind::Dtype, "at.divide"));
        }
    }
}

#[test]
fn truth_values_are_set_and_added() {
    let x = Array::from([false, false, true]);
    assert_eq!(x.at([0, 0]).add(true).unwrap().to_vec::<bool>().unwrap(), [true, false, true]);
    assert_eq!(x.at(1..).set(true).unwrap().to_vec::<bool>().unwrap(), [false, true, true]);
}

#[test]
fn an_array_without_axes_is_set_as_a_whole() {
    let x = Array::from(3);
    assert_eq!(x.at(Index::Ellipsis).set(4).unwrap().item::<i32>().unwrap(), 4);
    assert_eq!(x.at(NewAxis).add(4).unwrap().item::<i32>().unwrap(), 7);
    assert_eq!(x.at(0).set(4).unwrap_err().kind(), Kind::Index);
}

#[test]
fn index_arrays_to_write_by_are_clamped() {
    let far = [i32::MIN, -5, 4, i32::MAX].map(i64::from);
    let narrow = [i8::MIN, -5, 4, i8::MAX];
    let four = Array::zeros([4], Dtype::Int32).unwrap();
    for places in [Array::from(far), Array::from_slice(&narrow, [4]).unwrap()] {
        assert_eq!(ints(four.at(&places).add(1)), [2, 0, 0, 2]);
        let pair = Array::zeros([4, 4], Dtype::Int32).unwrap();
        assert_eq!(spots(pair.at((&places, &places)).add(1)), [(0, 2), (15, 2)]);
    }
    assert_eq!(ints(four.at(Array::from_slice(&[u64::MAX], [1]).unwrap()).set(1)), [0, 0, 0, 1]);
    let wide = Array::zeros([300], Dtype::Int32).unwrap();
    assert_eq!(spots(wide.at(Array::from([255_u8])).set(1)), [(255, 1)]);
    assert_eq!(spots(wide.at(Array::from_slice(&[-128_i8], [1]).unwrap()).set(1)), [(172, 1)]);
}

#[test]
fn places_that_are_not_there_are_errors() {
    let x = zeros();
    let errors = [
        x.at(2).set(1).unwrap_err(),
        x.at((0, -4)).add(1).unwrap_err(),
        x.at([0, 2]).multiply(1).unwrap_err(),
        x.at((0, 0, 0, 0)).set(1).unwrap_err(),
        x.at(Slice::step_by(.., 0)).minimum(1).unwrap_err(),
    ];
    assert_eq!(errors.map(|error| error.kind()), [Kind::Index; 5]);
    let error = x.at(2).subtract(1).unwrap_err();
    assert_eq!((error.op(), error.message()), ("at.subtract", "index 2 is outside an axis of length 2"));
    assert_eq!(error.at().file(), file!());
}

#[test]
fn parts_without_elements_change_nothing() {
    let x = Array::from([[1, 2], [3, 4]]);
    assert_eq!(ints(x.at(2..).set(9)), [1, 2, 3, 4]);
    assert_eq!(ints(x.at(Vec::<i32>::new()).add(9)), [1, 2, 3, 4]);
    assert_eq!(ints(x.at((.., 1..1)).multiply(9)), [1, 2, 3, 4]);
    let none = Array::zeros([0, 3], Dtype::Int32).unwrap();
    assert_eq!(none.at((.., [1])).set(9).unwrap().shape(), [0, 3]);
    assert_eq!(none.at(Vec::<i32>::new()).set(9).unwrap().shape(), [0, 3]);
    assert!(none.at(Array::from([0])).set(9).is_err());
}

#[test]
fn a_mask_sets_what_it_covers() {
    let x = Array::arange(0..12).unwrap().reshape([3, 4]).unwrap();
    let rows = Array::from([true, false, true]);
    let fives = (x.clone() % 5).unwrap().equal(0).unwrap();
    assert_eq!(ints(x.at(&fives).set(-1)), [-1, 1, 2, 3, 4, -1, 6, 7, 8, 9, -1, 11]);
    assert_eq!(ints(x.at(&rows).set(-1)), [-1, -1, -1, -1, 4, 5, 6, 7, -1, -1, -1, -1]);
    assert_eq!(ints(x.at(&rows).set(Array::from([1, 2, 3, 4]))), [1, 2, 3, 4, 4, 5, 6, 7, 1, 2, 3, 4]);
    assert_eq!(ints(x.at(Array::from(true)).set(1)), [1; 12]);
    assert_eq!(ints(Array::from(1).at(Array::from(true)).set(2)), [2]);
    assert_eq!(ints(Array::from(1).at(Array::from(false)).set(2)), [1]);
}

#[test]
fn values_go_to_the_true_places_of_a_mask_in_order() {
    let x = Array::arange(0..12).unwrap().reshape([3, 4]).unwrap();
    let fives = (x.clone() % 5).unwrap().equal(0).unwrap();
    let in_order = x.at(&fives).set(Array::from([70, 80, 90]));
    assert_eq!(ints(in_order), [70, 1, 2, 3, 4, 80, 6, 7, 8, 9, 90, 11]);
    let rows = Array::from([true, false, true]);
    let in_order = x.at(&rows).set(Array::from([[1, 2, 3, 4], [5, 6, 7, 8]]));
    assert_eq!(ints(in_order), [1, 2, 3, 4, 4, 5, 6, 7, 5, 6, 7, 8]);
    let broadcast = x.at(&rows).add(Array::from([[100], [200]]));
    assert_eq!(ints(broadcast), [100, 101, 102, 103, 4, 5, 6, 7, 208, 209, 210, 211]);
}

#[test]
fn a_mask_works_with_each_op() {
    let x = Array::from([8.0, 6.0, 4.0]);
    let mask = Array::from([true, false, true]);
    let value = Array::from([2.0, 5.0]);
    assert_eq!(floats(x.at(&mask).add(&value)), [10.0, 6.0, 9.0]);
    assert_eq!(floats(x.at(&mask).subtract(&value)), [6.0, 6.0, -1.0]);
    assert_eq!(floats(x.at(&mask).multiply(&value)), [16.0, 6.0, 20.0]);
    assert_eq!(floats(x.at(&mask).divide(2)), [4.0, 6.0, 2.0]);
    assert_eq!(floats(x.at(&mask).maximum(&value)), [8.0, 6.0, 5.0]);
    assert_eq!(floats(x.at(&mask).minimum(&value)), [2.0, 6.0, 4.0]);
}

#[test]
fn too_few_values_for_a_mask_repeat_the_last() {
    let x = Array::zeros([5], Dtype::Int32).unwrap();
    let all = Array::ones([5], Dtype::Bool).unwrap();
    let few = x.at(&all).set(Array::from([1, 2])).unwrap();
    assert_eq!(few.to_vec::<i32>().unwrap(), [1, 2, 2, 2, 2]);
    assert_eq!(ints(few + 1), [2, 3, 3, 3, 3]);
    let many = x.at(Array::from([false, true, false, true, false])).set(Array::from([1, 2, 3, 4]));
    assert_eq!(ints(many), [0, 1, 0, 2, 0]);
}

#[test]
fn values_that_no_mask_could_take_are_an_error() {
    let x = Array::zeros([3, 2], Dtype::Int32).unwrap();
    let mask = Array::ones([3], Dtype::Bool).unwrap();
    let values = [
        Array::zeros([0, 2], Dtype::Int32).unwrap(),
        Array::zeros([4, 2], Dtype::Int32).unwrap(),
        Array::zeros([2, 3, 2], Dtype::Int32).unwrap(),
        Array::zeros([3], Dtype::Int32).unwrap(),
        Array::zeros([2, 3], Dtype::Int32).unwrap(),
    ];
    for value in values {
        assert!(x.at(&mask).set(&value).is_err(), "{:?}", value.shape());
        assert!(x.at(&mask).add(&value).is_err(), "{:?}", value.shape());
    }
}

#[test]
fn a_mask_of_another_shape_is_an_error() {
    let x = Array::zeros([3, 2], Dtype::Int32).unwrap();
    for shape in [&[2][..], &[4], &[3, 1], &[1, 2], &[3, 2, 1], &[0]] {
        let mask = Array::ones(shape, Dtype::Bool).unwrap();
        let error = x.at(&mask).set(1).unwrap_err();
        assert_eq!((error.kind(), error.op()), (Kind::Shape, "at.set"), "{shape:?}");
    }
    let mask = Array::from([true, false, true]);
    assert!(x.at((&mask, 0)).set(1).unwrap_err().message().contains("nonzero()"));
    let places = mask.nonzero().unwrap();
    assert_eq!(ints(x.at((&places[0], 0)).set(1)), [1, 0, 0, 0, 1, 0]);
}

#[test]
fn a_mask_over_nothing_changes_nothing() {
    for shape in [&[0][..], &[0, 2], &[3, 0]] {
        let x = Array::zeros(shape, Dtype::Float32).unwrap();
        let mask = Array::ones(&shape[..1], Dtype::Bool).unwrap();
        assert_eq!(x.at(&mask).set(1).unwrap().shape(), shape);
        assert_eq!(x.at(&mask).add(Array::zeros(shape, Dtype::Float32).unwrap()).unwrap().shape(), shape);
    }
}

/// The greatest memory during 20 changes of `x`, each computed before the next.
fn peak(mut x: Array, change: impl Fn(&Array, i32) -> Result<Array>) -> usize {
    eval([&x]).unwrap();
    memory::reset_peak().unwrap();
    for step in 0..20 {
        x = change(&x, step).unwrap();
        eval([&x]).unwrap();
    }
    memory::peak().unwrap()
}

#[test]
fn an_array_without_another_handle_is_changed_in_place() {
    on_cpu(|| {
        let cache = || Array::zeros([1, 2, 1024, 512], Dtype::Float32).unwrap();
        let token = Array::ones([1, 2, 1, 512], Dtype::Float32).unwrap();
        eval([&token]).unwrap();
        let bytes = cache().nbytes();
        let ranges = peak(cache(), |x, at| x.at((.., .., at..at + 1)).set(&token));
        assert!(ranges < bytes + bytes / 2, "{ranges}");
        let sums = peak(cache(), |x, at| x.at((.., .., at..at + 1)).add(&token));
        assert!(sums < bytes + bytes / 2, "{sums}");
        let flat = cache().reshape([2048, 512]).unwrap();
        let places = peak(flat, |x, at| x.at(Array::from([at, at + 1])).set(1));
        assert!(places < bytes + bytes / 2, "{places}");
    });
}

#[test]
fn the_array_that_was_changed_stays_as_it_was() {
    let x = Array::from([1, 2, 3]);
    eval([&x]).unwrap();
    let one = x.at(0).set(9).unwrap();
    let two = x.at([0]).set(8).unwrap();
    let three = x.at(1..).set(x.index(..2).unwrap()).unwrap();
    assert_eq!(x.to_vec::<i32>().unwrap(), [1, 2, 3]);
    assert_eq!(one.to_vec::<i32>().unwrap(), [9, 2, 3]);
    assert_eq!(two.to_vec::<i32>().unwrap(), [8, 2, 3]);
    assert_eq!(three.to_vec::<i32>().unwrap(), [1, 1, 2]);
}

#[test]
fn a_failed_value_is_the_error_of_the_change() {
    fn failed<'a>() -> impl Operand<'a> {
        Array::from([1, 2]).reshape([3])
    }
    let x = Array::from([1, 2]);
    assert_eq!(x.at(0).set(failed()).unwrap_err().op(), "reshape");
    assert_eq!(x.at(0).divide(1).unwrap_err().op(), "at.divide");
}
