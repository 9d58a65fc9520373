//! Ordering: empty axes, numbers without an order, and places in what is sorted.

use mlx_core::{Array, Dtype, Kind, Side, Slice};

#[test]
fn an_axis_without_elements_is_sorted() {
    for (shape, axis) in [(&[0][..], 0), (&[0, 2], 0), (&[0, 2], 1), (&[2, 0], -1), (&[0, 0], 0)] {
        let none = Array::zeros(shape, Dtype::Float32).unwrap();
        let (sorted, places) = (none.sort(axis).unwrap(), none.argsort(axis).unwrap());
        assert_eq!((sorted.shape(), sorted.to_vec::<f32>().unwrap()), (shape, vec![]));
        assert_eq!((places.shape(), places.to_vec::<u32>().unwrap()), (shape, vec![]));
        assert_eq!(none.sort(..).unwrap().shape(), [0]);
        assert_eq!(none.argsort(..).unwrap().shape(), [0]);
    }
    let none = Array::zeros([0, 2], Dtype::Float32).unwrap();
    assert!(none.sort(2).is_err() && none.argsort(-3).is_err());
    assert_eq!(none.topk(0, 0).unwrap().shape(), [0, 2]);
    assert_eq!(none.topk(1, 1).unwrap().shape(), [0, 1]);
    assert_eq!(none.partition(1, 1).unwrap().shape(), [0, 2]);
    assert_eq!(none.argpartition(-1, 1).unwrap().dtype(), Dtype::Uint32);
}

#[test]
fn all_elements_are_sorted_in_a_line() {
    let x = Array::from([[3, 1], [2, 0]]);
    assert_eq!(x.sort(..).unwrap().to_vec::<i32>().unwrap(), [0, 1, 2, 3]);
    assert_eq!(x.argsort(..).unwrap().to_vec::<u32>().unwrap(), [3, 1, 2, 0]);
    assert_eq!(x.partition(0, ..).unwrap().to_vec::<i32>().unwrap()[0], 0);
    assert_eq!(x.argpartition(-1, ..).unwrap().to_vec::<u32>().unwrap()[3], 0);
    assert_eq!(x.topk(1, ..).unwrap().to_vec::<i32>().unwrap(), [3]);
    assert_eq!(Array::from(7).sort(..).unwrap().to_vec::<i32>().unwrap(), [7]);
    assert!(Array::from(7).sort(0).is_err() && x.sort([0, 1]).is_err());
}

#[test]
fn each_axis_is_sorted_by_itself() {
    let x = Array::from([[3, 1], [2, 0], [1, 5]]);
    assert_eq!(x.sort(0).unwrap().to_vec::<i32>().unwrap(), [1, 0, 2, 1, 3, 5]);
    assert_eq!(x.sort(-1).unwrap().to_vec::<i32>().unwrap(), [1, 3, 0, 2, 1, 5]);
    assert_eq!(x.argsort(0).unwrap().to_vec::<u32>().unwrap(), [2, 1, 1, 0, 0, 2]);
    assert_eq!(x.topk(2, 0).unwrap().sort(0).unwrap().to_vec::<i32>().unwrap(), [2, 1, 3, 5]);
}

#[test]
fn equal_elements_keep_their_order() {
    let x = Array::from([1, 0, 1, 0, 1, 0]);
    assert_eq!(x.argsort(0).unwrap().to_vec::<u32>().unwrap(), [1, 3, 5, 0, 2, 4]);
}

#[test]
fn a_partition_puts_the_kth_in_its_place() {
    let numbers: Vec<i32> = (0..97).map(|n| (n * 37) % 97).collect();
    let x = Array::from_slice(&numbers, [97]).unwrap();
    for (kth, place) in [(0, 0), (40, 40), (96, 96), (-1, 96), (-97, 0)] {
        let parted = x.partition(kth, 0).unwrap().to_vec::<i32>().unwrap();
        let places = x.argpartition(kth, 0).unwrap().to_vec::<u32>().unwrap();
        let named: Vec<i32> = places.iter().map(|&at| numbers[at as usize]).collect();
        for parted in [parted, named] {
            assert_eq!(parted[place], i32::try_from(place).unwrap());
            assert!(parted[..place].iter().all(|&n| n < parted[place]));
            assert!(parted[place + 1..].iter().all(|&n| n > parted[place]));
        }
    }
}

#[test]
fn a_kth_that_is_not_there_is_an_error() {
    let x = Array::from([[1, 2, 3]]);
    for kth in [3, -4, i32::MAX, i32::MIN] {
        assert!(x.partition(kth, 1).is_err() && x.argpartition(kth, 1).is_err(), "{kth}");
        assert!(x.partition(kth, ..).is_err() && x.argpartition(kth, ..).is_err(), "{kth}");
    }
    for k in [-1, 4, i32::MAX, i32::MIN] {
        assert!(x.topk(k, 1).is_err() && x.topk(k, ..).is_err(), "{k}");
    }
    assert_eq!(x.topk(0, 1).unwrap().shape(), [1, 0]);
    assert_eq!(x.topk(3, 1).unwrap().shape(), [1, 3]);
}

#[test]
fn repeated_and_reversed_arrays_are_sorted() {
    let rows = Array::from([3, 1, 2]).broadcast_to([4, 3]).unwrap();
    assert_eq!(rows.sort(0).unwrap().to_vec::<i32>().unwrap(), [3, 1, 2].repeat(4));
    assert_eq!(rows.sort(1).unwrap().to_vec::<i32>().unwrap(), [1, 2, 3].repeat(4));
    assert_eq!(rows.argsort(0).unwrap().to_vec::<u32>().unwrap()[3..6], [1, 1, 1]);
    let back = Array::arange(0..9).unwrap().index(Slice::step_by(.., -2)).unwrap();
    assert_eq!(back.sort(0).unwrap().to_vec::<i32>().unwrap(), [0, 2, 4, 6, 8]);
    assert_eq!(back.argsort(0).unwrap().to_vec::<u32>().unwrap(), [4, 3, 2, 1, 0]);
    assert_eq!(back.partition(2, 0).unwrap().to_vec::<i32>().unwrap()[2], 4);
}

#[test]
fn complex_numbers_without_an_order_stay_inside() {
    let number = |n: i32| mlx_core::Complex64 { re: [f32::NAN, 1.0, 2.0][n as usize % 3], im: n as f32 };
    let numbers: Vec<_> = (0..999).map(number).collect();
    let x = Array::from_slice(&numbers, [999]).unwrap();
    for places in [x.argsort(0), x.argpartition(500, 0)] {
        let mut places = places.unwrap().to_vec::<u32>().unwrap();
        places.sort_unstable();
        assert_eq!(places, (0..999).collect::<Vec<_>>());
    }
    assert_eq!(x.sort(0).unwrap().size() + x.partition(500, 0).unwrap().size(), 1998);
}

#[test]
fn more_rows_than_mlx_counts_are_refused() {
    let many = Array::from(1_u8).broadcast_to([65_536, 65_536, 1]).unwrap();
    assert_eq!(many.sort(-1).unwrap_err().kind(), Kind::Shape);
    assert_eq!(many.argpartition(0, -1).unwrap_err().kind(), Kind::Shape);
    assert!(many.sort(..).is_err());
}

#[test]
fn a_place_is_found_in_what_is_sorted() {
    let bounds = Array::from([1, 2, 2, 5]);
    let values = Array::from([[0, 2], [5, 6]]);
    let found = |side| bounds.searchsorted(&values, side).unwrap().to_vec::<u32>().unwrap();
    assert_eq!((found(Side::Left), found(Side::Right)), (vec![0, 1, 3, 4], vec![0, 3, 4, 4]));
    assert_eq!(bounds.searchsorted(&values, Side::default()).unwrap().shape(), [2, 2]);
    assert_eq!(bounds.searchsorted(2.5, Side::Left).unwrap().item::<u32>().unwrap(), 3);
    let nan = Array::from([1.0, f32::NAN]).searchsorted(f32::NAN, Side::Left).unwrap();
    assert_eq!(nan.item::<u32>().unwrap(), 1);
}

#[test]
fn any_sequence_can_be_searched() {
    let none = Array::zeros([0], Dtype::Float32).unwrap();
    assert_eq!(none.searchsorted(1.0, Side::Right).unwrap().item::<u32>().unwrap(), 0);
    assert_eq!(Array::from([1.0]).searchsorted(&none, Side::Left).unwrap().shape(), [0]);
    let jumbled = Array::from([f32::NAN, 3.0, -1.0, f32::INFINITY]);
    let places = jumbled.searchsorted(&jumbled, Side::Left).unwrap().to_vec::<u32>().unwrap();
    assert!(places.iter().all(|&place| place <= 4));
    let repeated = Array::from([3]).broadcast_to([5]).unwrap();
    assert_eq!(repeated.searchsorted(3, Side::Right).unwrap().item::<u32>().unwrap(), 5);
    let back = Array::from([5, 3, 1]).index(Slice::step_by(.., -1)).unwrap();
    assert_eq!(back.searchsorted(&back, Side::Left).unwrap().to_vec::<u32>().unwrap(), [0, 1, 2]);
    for shape in [&[][..], &[1, 2]] {
        assert!(Array::zeros(shape, Dtype::Int32).unwrap().searchsorted(1, Side::Left).is_err());
    }
}
