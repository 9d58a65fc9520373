//! Arrays out of fixtures, and results against them.

use std::path::{Path, PathBuf};

use mlx_core::{Array, Dtype};
use mlx_testkit::{Golden, Tolerance};

/// The path of a fixture of `package`.
pub(crate) fn golden(package: &str, file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(package).join("tests/golden").join(file)
}

/// The tensor `name` as an array of its own type.
pub(crate) fn array(golden: &Golden, name: &str) -> Array {
    let shape: Vec<_> = golden.shape(name).iter().map(|&length| length as i32).collect();
    match golden.tensor(name).dtype {
        "float32" => Array::from_slice(&golden.f32(name), shape),
        "int32" => Array::from_slice(&golden.i32(name), shape),
        "uint32" => Array::from_slice(&golden.u32(name), shape),
        "uint8" => Array::from_slice(&golden.u32(name), shape).and_then(|a| a.astype(Dtype::Uint8)),
        other => panic!("{name} has the type {other}"),
    }
    .unwrap()
}

/// Stops the test unless `actual` is the tensor `name`, up to float32 arithmetic.
#[track_caller]
pub(crate) fn assert_close(golden: &Golden, name: &str, actual: &Array) {
    let shape: Vec<_> = actual.shape().iter().map(|&length| length as usize).collect();
    let values = actual.astype(Dtype::Float32).unwrap().to_vec::<f32>().unwrap();
    golden.assert_close(name, &shape, &values, Tolerance::F32);
}
