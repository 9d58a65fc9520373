//! Comparisons and truth values of two arrays.

use mlx_core::{Array, Result};

fn truth(array: Result<Array>) -> Vec<bool> {
    array.unwrap().to_vec().unwrap()
}

#[test]
fn every_comparison_is_the_one_of_its_name() {
    let (a, b) = (Array::from([1.0, 2.0, 3.0, f32::NAN]), Array::from([2.0, 2.0, 2.0, 2.0]));
    assert_eq!(truth(a.less(&b)), [true, false, false, false]);
    assert_eq!(truth(a.less_equal(&b)), [true, true, false, false]);
    assert_eq!(truth(a.equal(&b)), [false, true, false, false]);
    assert_eq!(truth(a.not_equal(&b)), [true, false, true, true]);
    assert_eq!(truth(a.greater_equal(&b)), [false, true, true, false]);
    assert_eq!(truth(a.greater(&b)), [false, false, true, false]);
}

#[test]
fn truth_tables_hold() {
    let (a, b) = (Array::from([0, 0, 2, 2]), Array::from([0.0, 0.5, 0.0, 0.5]));
    assert_eq!(truth(a.logical_and(&b)), [false, false, false, true]);
    assert_eq!(truth(a.logical_or(&b)), [false, true, true, true]);
    assert_eq!(truth(a.logical_not()), [true, true, false, false]);
}

#[test]
fn the_loaded_library_is_the_pinned_one() {
    assert_eq!(mlx_core::version().unwrap(), "0.32.2");
}
