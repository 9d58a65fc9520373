//! Reading any array for a comparison.

use mlx_core::random::{Key, normal};
use mlx_core::{Array, Closeness, Device, Dtype};
use mlx_testkit::{Tolerance, assert_close};

/// The shape as golden data has it.
pub(crate) fn shape(array: &Array) -> Vec<usize> {
    array.shape().iter().map(|&length| usize::try_from(length).unwrap()).collect()
}

/// The values, widened.
pub(crate) fn values(array: &Array) -> Vec<f64> {
    match array.dtype() {
        Dtype::Int64 => array.to_vec::<i64>().unwrap().into_iter().map(|n| n as f64).collect(),
        Dtype::Uint64 => array.to_vec::<u64>().unwrap().into_iter().map(|n| n as f64).collect(),
        Dtype::Bool => array.to_vec::<bool>().unwrap().into_iter().map(|b| f64::from(u8::from(b))).collect(),
        Dtype::Uint8 => widen(&array.to_vec::<u8>().unwrap()),
        Dtype::Uint16 => widen(&array.to_vec::<u16>().unwrap()),
        Dtype::Uint32 => widen(&array.to_vec::<u32>().unwrap()),
        Dtype::Int8 => widen(&array.to_vec::<i8>().unwrap()),
        Dtype::Int16 => widen(&array.to_vec::<i16>().unwrap()),
        Dtype::Int32 => widen(&array.to_vec::<i32>().unwrap()),
        Dtype::Float16 => widen(&array.to_vec::<mlx_core::f16>().unwrap()),
        Dtype::Bfloat16 => widen(&array.to_vec::<mlx_core::bf16>().unwrap()),
        Dtype::Float32 => widen(&array.to_vec::<f32>().unwrap()),
        Dtype::Float64 => array.to_vec::<f64>().unwrap(),
        Dtype::Complex64 => panic!("a complex array has no real values"),
    }
}

fn widen<T: Copy + Into<f64>>(values: &[T]) -> Vec<f64> {
    values.iter().map(|&value| value.into()).collect()
}

/// The values of an array of `float32`.
#[track_caller]
pub(crate) fn floats(array: &Array) -> Vec<f32> {
    array.to_vec().unwrap()
}

/// The only value of an array of `float32`.
#[track_caller]
pub(crate) fn float(array: &Array) -> f32 {
    array.item().unwrap()
}

/// Ones of `float32`.
pub(crate) fn ones(shape: impl AsRef<[i32]>) -> Array {
    Array::ones(shape, Dtype::Float32).unwrap()
}

/// Normal numbers of `float32`, the same for the same seed.
pub(crate) fn random(shape: impl AsRef<[i32]>, seed: u64) -> Array {
    normal(shape, Dtype::Float32, &Key::new(seed).unwrap()).unwrap()
}

/// Holds that two arrays have one shape and, within the tolerance of `float32`, the same values.
#[track_caller]
pub(crate) fn assert_same(actual: &Array, expected: &Array) {
    assert_eq!(actual.shape(), expected.shape());
    assert_close(&values(actual), &values(expected), Tolerance::F32);
}

/// Runs a test that needs `float64`, which no GPU has.
pub(crate) fn on_cpu(test: impl FnOnce()) {
    let run = || {
        test();
        Ok(())
    };
    Device::Cpu.scope(run).unwrap();
}

/// Numbers no further apart than `atol` and this part of the other number.
pub(crate) fn near(rtol: f64, atol: f64) -> Closeness {
    Closeness { rtol, atol, equal_nan: false }
}
