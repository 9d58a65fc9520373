//! Blocks picked and written at places, and what MLX would do to memory with bad ones.

use mlx_core::{Array, Dtype, Kind, Update};

const UPDATES: [Update; 5] = [Update::Set, Update::Add, Update::Multiply, Update::Maximum, Update::Minimum];

/// 0 to 11 in shape `[3, 4]`.
fn grid() -> Array {
    Array::arange(0..12).unwrap().reshape([3, 4]).unwrap()
}

fn ints(array: &Array) -> Vec<i32> {
    array.to_vec().unwrap()
}

#[test]
fn blocks_are_gathered_from_their_places() {
    let (rows, columns) = (Array::from([1, 0]), Array::from([[2], [0]]));
    let blocks = grid().gather([(0, &rows), (1, &columns)], [2, 2]).unwrap();
    assert_eq!(blocks.shape(), [2, 2, 2, 2]);
    assert_eq!(ints(&blocks), [6, 7, 10, 11, 2, 3, 6, 7, 4, 5, 8, 9, 0, 1, 4, 5]);
    let whole = grid().gather([(-1, &Array::from(1))], [3, 1]).unwrap();
    assert_eq!((whole.shape(), ints(&whole)), (&[3, 1][..], vec![1, 5, 9]));
    assert_eq!(ints(&grid().gather([], [1, 2]).unwrap()), [0, 1]);
}

#[test]
fn a_block_that_does_not_fit_is_moved() {
    let far = Array::from([i64::MIN, -4, -3, -1, 1, 2, i64::MAX]);
    let blocks = grid().gather([(0, &far)], [2, 1]).unwrap();
    assert_eq!(ints(&blocks.index((.., 0, 0)).unwrap()), [0, 0, 0, 4, 4, 4, 4]);
    let narrow = Array::from([0_u8, 200]);
    assert_eq!(ints(&grid().gather([(1, &narrow)], [1, 3]).unwrap()), [0, 1, 2, 1, 2, 3]);
    let written = Array::zeros([4], Dtype::Int32).unwrap();
    let pairs = Array::from([[1, 2], [3, 4]]);
    let written = written.scatter([(0, &Array::from([9, -9]))], &pairs, Update::Set).unwrap();
    assert_eq!(ints(&written), [3, 4, 1, 2]);
}

#[test]
fn a_block_larger_than_the_array_is_refused() {
    let places = Array::from([0]);
    for sizes in [&[4, 1][..], &[-1, 1], &[1, 5], &[1], &[1, 1, 1], &[]] {
        let error = grid().gather([(0, &places)], sizes).unwrap_err();
        assert_eq!((error.kind(), error.op()), (Kind::Shape, "gather"), "{sizes:?}");
    }
    let none = Array::zeros([0, 2], Dtype::Int32).unwrap();
    assert!(none.gather([(1, &places)], [65_536, 65_536]).is_err(), "a product that wraps to 0");
    for shape in [&[1, 4, 1][..], &[1, 1, 5], &[2, 1, 1], &[1, 1], &[1]] {
        let updates = Array::zeros(shape, Dtype::Int32).unwrap();
        assert!(grid().scatter([(0, &places)], &updates, Update::Set).is_err(), "{shape:?}");
    }
}

#[test]
fn each_update_does_what_it_says() {
    let (x, places) = (Array::from([5, 5, 5]), Array::from([0, 2, 0]));
    let updates = Array::from([[7], [3], [2]]);
    let results = UPDATES.map(|update| ints(&x.scatter([(0, &places)], &updates, update).unwrap()));
    assert_eq!(results[1..], [[14, 5, 8], [70, 5, 15], [7, 5, 5], [2, 5, 3]]);
    assert_eq!(results[0][1..], [5, 3]);
    let pairs = [(0, &places), (1, &places)];
    let square = Array::ones([3, 3], Dtype::Int32).unwrap();
    let updates = updates.reshape([3, 1, 1]).unwrap();
    let results = UPDATES.map(|update| ints(&square.scatter(pairs, &updates, update).unwrap()));
    assert_eq!(results[1], [10, 1, 1, 1, 1, 1, 1, 1, 4]);
    assert_eq!((results[2][0], results[3][0], results[4][0]), (14, 7, 1));
}

#[test]
fn places_to_write_are_clamped_whatever_their_type() {
    let x = Array::zeros([300, 1], Dtype::Int32).unwrap();
    let cases = [
        (Array::from([i32::MIN, -301, 300, i32::MAX]), [0, 0, 299, 299]),
        (Array::from([i64::MIN, -300, 299, i64::MAX]), [0, 0, 299, 299]),
        (Array::from_slice(&[i8::MIN, -1, 0, i8::MAX], [4]).unwrap(), [172, 299, 0, 127]),
        (Array::from_slice(&[i16::MIN, -1, 0, i16::MAX], [4]).unwrap(), [0, 299, 0, 299]),
        (Array::from([0_u8, 1, 128, 255]), [0, 1, 128, 255]),
        (Array::from_slice(&[0_u16, 1, 300, u16::MAX], [4]).unwrap(), [0, 1, 299, 299]),
        (Array::from([0_u32, 1, 1 << 31, u32::MAX]), [0, 1, 299, 299]),
        (Array::from_slice(&[0, 1, 1 << 63, u64::MAX], [4]).unwrap(), [0, 1, 299, 299]),
    ];
    for (places, expected) in cases {
        let mut counts = vec![0; 300];
        expected.iter().for_each(|&at: &usize| counts[at] += 1);
        let ones = Array::ones([4, 1, 1], Dtype::Int32).unwrap();
        let scattered = x.scatter([(0, &places)], &ones, Update::Add).unwrap();
        assert_eq!(ints(&scattered), counts, "scatter by {}", places.dtype());
        let along = x.scatter_add_axis(&places.reshape([4, 1]).unwrap(), 1, 0).unwrap();
        assert_eq!(ints(&along), counts, "scatter_add_axis by {}", places.dtype());
        let put = x.put_along_axis(&places.reshape([4, 1]).unwrap(), 1, 0).unwrap();
        let marks: Vec<i32> = counts.iter().map(|&count| count.min(1)).collect();
        assert_eq!(ints(&put), marks, "put_along_axis by {}", places.dtype());
    }
}

#[test]
fn what_is_no_whole_number_is_no_place_to_write() {
    let x = Array::zeros([3], Dtype::Float32).unwrap();
    for places in [Array::from([true]), Array::from([1.0])] {
        let updates = Array::from([[1.0]]);
        let errors = UPDATES.map(|update| x.scatter([(0, &places)], &updates, update).unwrap_err().kind());
        assert_eq!(errors, [Kind::Dtype; 5]);
        assert_eq!(x.gather([(0, &places)], [1]).unwrap_err().kind(), Kind::Dtype);
        assert_eq!(x.put_along_axis(&places, 1, 0).unwrap_err().op(), "put_along_axis");
        assert_eq!(x.scatter_add_axis(&places, 1, 0).unwrap_err().op(), "scatter_add_axis");
    }
}

#[test]
fn an_axis_comes_once_and_is_there() {
    let (places, updates) = (Array::from([0]), Array::from([1]).reshape([1, 1, 1]).unwrap());
    for axes in [[0, 0], [0, -2], [0, 2], [-3, 1], [i32::MIN, i32::MAX]] {
        let pairs = axes.map(|axis| (axis, &places));
        assert!(grid().gather(pairs, [1, 1]).is_err(), "{axes:?}");
        assert!(grid().scatter(pairs, &updates, Update::Add).is_err(), "{axes:?}");
    }
    let three = [0, 1, 2].map(|axis| (axis, &places));
    assert!(grid().gather(three, [1, 1]).is_err());
}

#[test]
fn an_axis_without_elements_has_no_place_to_write() {
    let none = Array::zeros([0, 2], Dtype::Int32).unwrap();
    let place = Array::from([[0, 0]]);
    assert_eq!(none.put_along_axis(&place, 1, 0).unwrap_err().kind(), Kind::Index);
    assert_eq!(none.scatter_add_axis(&place, 1, 0).unwrap_err().kind(), Kind::Index);
    let updates = Array::zeros([1, 1, 2], Dtype::Int32).unwrap();
    assert!(none.scatter([(0, &Array::from([0]))], &updates, Update::Set).is_err());
    let no_place = Array::zeros([0], Dtype::Int32).unwrap();
    let no_updates = Array::zeros([0, 1, 4], Dtype::Int32).unwrap();
    let same = grid().scatter([(0, &no_place)], &no_updates, Update::Add).unwrap();
    assert_eq!(ints(&same), (0..12).collect::<Vec<_>>());
}

#[test]
fn blocks_without_elements_change_nothing() {
    let place = Array::from([1]);
    for shape in [[1, 0, 4], [1, 1, 0], [1, 0, 0]] {
        let updates = Array::zeros(shape, Dtype::Int32).unwrap();
        for update in UPDATES {
            let same = grid().scatter([(0, &place)], &updates, update).unwrap();
            assert_eq!(ints(&same), (0..12).collect::<Vec<_>>(), "{shape:?}");
        }
        let nothing = grid().gather([(0, &place)], &shape[1..]).unwrap();
        assert_eq!((nothing.shape(), ints(&nothing)), (&shape[..], vec![]));
    }
}

#[test]
fn more_places_than_mlx_counts_are_refused() {
    let many = Array::from(0).broadcast_to([65_536, 65_536]).unwrap();
    let x = Array::from([1_u8, 2]);
    assert_eq!(x.take(&many, 0).unwrap_err().kind(), Kind::Shape);
    assert_eq!(x.index(&many).unwrap_err().kind(), Kind::Shape);
    assert_eq!(x.at(&many).set(1).unwrap_err().kind(), Kind::Shape);
    let (row, column) = (many.index((..1, ..)).unwrap(), many.index((.., ..1)).unwrap());
    let square = Array::zeros([2, 2], Dtype::Uint8).unwrap();
    assert_eq!(square.index((&row, &column)).unwrap_err().kind(), Kind::Shape);
    let long_rows = Array::from(1_u8).broadcast_to([2, 65_536, 65_536]).unwrap();
    assert_eq!(long_rows.take(&Array::from([0]), 0).unwrap_err().kind(), Kind::Shape);
    assert_eq!(long_rows.index([0]).unwrap_err().kind(), Kind::Shape);
    assert!(long_rows.index(0).is_ok());
}

#[test]
fn elements_are_put_along_an_axis() {
    let places = Array::from([[0], [3], [1]]);
    let put = grid().put_along_axis(&places, Array::from([[70], [80], [90]]), 1).unwrap();
    assert_eq!(ints(&put), [70, 1, 2, 3, 4, 5, 6, 80, 8, 90, 10, 11]);
    let down = grid().put_along_axis(&Array::from([[2, 0, 1, -1]]), 0, 0).unwrap();
    assert_eq!(ints(&down), [0, 0, 2, 3, 4, 5, 0, 7, 0, 9, 10, 0]);
    let sums = grid().scatter_add_axis(&Array::from([[0, 0], [1, 1], [2, 2]]), 10, -1).unwrap();
    assert_eq!(ints(&sums), [20, 1, 2, 3, 4, 25, 6, 7, 8, 9, 30, 11]);
    let wide = Array::from([[1, 2, 3]]).put_along_axis(&Array::from([[0], [2]]), 9, 1).unwrap();
    assert_eq!((wide.shape(), ints(&wide)), (&[2, 3][..], vec![9, 2, 3, 1, 2, 9]));
}

#[test]
fn elements_are_put_and_taken_in_a_line() {
    let places = Array::from([11, 0, -2]);
    assert_eq!(ints(&grid().take(&places, ..).unwrap()), [11, 0, 10]);
    assert_eq!(ints(&grid().take_along_axis(&places, ..).unwrap()), [11, 0, 10]);
    let put = grid().put_along_axis(&places, Array::from([-1, -2, -3]), ..).unwrap();
    assert_eq!((put.shape(), ints(&put)[9..].to_vec()), (&[3, 4][..], vec![9, -3, -1]));
    let sums = grid().scatter_add_axis(&Array::from([1, 1]), 5, ..).unwrap();
    assert_eq!((sums.shape(), ints(&sums)[..3].to_vec()), (&[3, 4][..], vec![0, 11, 2]));
    let single = Array::from(3);
    assert_eq!(single.take(&Array::from([0, 9]), ..).unwrap().to_vec::<i32>().unwrap(), [3, 3]);
    let put = single.put_along_axis(&Array::from([0]), 4, ..).unwrap();
    assert_eq!((put.shape(), put.item::<i32>().unwrap()), (&[][..], 4));
    assert!(grid().take(&places, [0, 1]).is_err(), "two axes");
}

#[test]
fn values_to_put_must_broadcast() {
    let places = Array::from([[0, 1, 2, 0]]);
    for shape in [&[3][..], &[2, 1, 4], &[2, 3]] {
        let values = Array::zeros(shape, Dtype::Int32).unwrap();
        assert!(grid().put_along_axis(&places, &values, 0).is_err(), "{shape:?}");
        assert!(grid().scatter_add_axis(&places, &values, 0).is_err(), "{shape:?}");
    }
    assert!(grid().put_along_axis(&Array::from([0]), 1, 0).is_err(), "another rank");
    for axis in [2, -3, i32::MAX, i32::MIN] {
        assert!(grid().put_along_axis(&places, 1, axis).is_err());
        assert!(grid().scatter_add_axis(&places, 1, axis).is_err());
    }
}

#[test]
fn complex_numbers_are_added_at_places() {
    let one = mlx_core::Complex64 { re: 1.0, im: 2.0 };
    let x = Array::zeros([2], Dtype::Complex64).unwrap();
    let sums = x.at([1, 1]).add(one).unwrap().to_vec::<mlx_core::Complex64>().unwrap();
    assert_eq!((sums[0].re, sums[1].re, sums[1].im), (0.0, 2.0, 4.0));
}
