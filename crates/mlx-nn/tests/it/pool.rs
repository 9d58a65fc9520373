//! Pooling against Python's.

use mlx_core::{Array, Dtype, transform};
use mlx_nn::{AvgPool, AvgPool1d, AvgPool2d, MaxPool, MaxPool1d, MaxPool2d, MaxPool3d, Window};

use crate::layer_case::LayerCase;

fn check<const N: usize>(case: &LayerCase) {
    let [kernel, stride, padding] = ["kernel", "stride", "padding"].map(|key| case.ints(key));
    let window = Window::<N> { kernel, stride, padding };
    if case.text("layer").starts_with("Max") {
        case.check(|_| MaxPool::new(window), |pool, x| Ok(vec![pool.forward(&x[0])?]));
    } else {
        case.check(|_| AvgPool::new(window), |pool, x| Ok(vec![pool.forward(&x[0])?]));
    }
}

#[test]
fn pools_and_their_gradients_are_those_of_python() {
    for case in &LayerCase::all("pool") {
        match case.text("layer") {
            "MaxPool1d" | "AvgPool1d" => check::<1>(case),
            "MaxPool2d" | "AvgPool2d" => check::<2>(case),
            "MaxPool3d" | "AvgPool3d" => check::<3>(case),
            unknown => panic!("{unknown} is not tested"),
        }
    }
}

fn ones(shape: &[i32]) -> Array {
    Array::ones(shape, Dtype::Float32).unwrap()
}

#[test]
fn a_number_is_a_window_of_that_size_along_each_axis() {
    let expected = Window { kernel: [3, 3], stride: [3, 3], padding: [0, 0] };
    assert_eq!(Window::from(3), expected);
    assert_eq!(Window::from([3, 3]), expected);
    assert_eq!(MaxPool3d::new(2).unwrap().forward(&ones(&[1, 4, 5, 6, 2])).unwrap().shape(), [1, 2, 2, 3, 2]);
}

#[test]
fn pools_go_over_a_batch_of_batches() {
    let x = Array::arange(0.0..48.0).unwrap().reshape([2, 2, 6, 2]).unwrap();
    for stride in [2, 3] {
        let pool = MaxPool1d::new(Window { stride: [stride], ..Window::from(2) }).unwrap();
        let forward = |x: &Array| pool.forward(x);
        let slope = transform::grad(|x: &Array| pool.forward(x)?.square()?.sum(..));
        let second = x.index(1).unwrap();
        let rows = transform::vmap(forward, 0, 0)(&x).unwrap().index(1).unwrap();
        assert!(rows.array_equal(&forward(&second).unwrap(), false).unwrap());
        let slopes_of_rows = transform::vmap(&slope, 0, 0)(&x).unwrap();
        let batch = transform::vmap(forward, 0, 0);
        let slopes_of_batch = transform::grad(move |x: &Array| batch(x)?.square()?.sum(..))(&x).unwrap();
        for slopes in [slopes_of_rows, slopes_of_batch] {
            assert!(slopes.index(1).unwrap().array_equal(&slope(&second).unwrap(), false).unwrap());
        }
    }
}

#[test]
fn the_gradient_of_a_compiled_pool_is_the_same() {
    let x = Array::arange(0.0..24.0).unwrap().reshape([2, 6, 2]).unwrap();
    for window in [Window::from(2), Window { stride: [1], ..Window::from(3) }] {
        let pool = AvgPool1d::new(window).unwrap();
        let slope = move |x: &Array| transform::grad(|x: &Array| pool.forward(x)?.square()?.sum(..))(x);
        let compiled = transform::compile(slope, transform::Shapes::Exact);
        let [first, second] = [(); 2].map(|()| compiled(&x).unwrap());
        assert!(first.allclose(slope(&x).unwrap(), Default::default()).unwrap());
        assert!(second.array_equal(&first, false).unwrap());
    }
}

#[test]
fn windows_that_make_no_sense_are_refused() {
    let error = |window: Window<2>| AvgPool2d::new(window).unwrap_err().to_string();
    assert_eq!(error([2, 0].into()), "kernel_size: [2, 0] has a length of less than 1");
    assert_eq!(error(Window { stride: [-1, 1], ..2.into() }), "stride: [-1, 1] has a length of less than 1");
    assert_eq!(
        error(Window { padding: [0, -1], ..2.into() }),
        "padding: [0, -1] has a length of less than 0"
    );
}

#[test]
fn inputs_that_do_not_fit_are_refused() {
    let pool = MaxPool2d::new(2).unwrap();
    for shape in [&[4, 4, 2][..], &[1, 1, 4, 4, 2], &[]] {
        let error = pool.forward(&ones(shape)).unwrap_err();
        assert!(error.message().contains("has not 2 axes between batch and channels"), "{error}");
    }
    let error = AvgPool1d::new(5).unwrap().forward(&ones(&[1, 4, 2])).unwrap_err();
    assert_eq!(error.message(), "a window of [5] is longer than the places of Array([1, 4, 2], float32)");
}

#[test]
fn nothing_pools_to_nothing() {
    let pool = MaxPool1d::new(Window { stride: [1], ..Window::from(2) }).unwrap();
    assert_eq!(pool.forward(&ones(&[0, 4, 2])).unwrap().shape(), [0, 3, 2]);
    assert_eq!(MaxPool1d::new(2).unwrap().forward(&ones(&[0, 4, 2])).unwrap().shape(), [0, 2, 2]);
}
