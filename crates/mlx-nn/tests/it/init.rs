//! Initial values against Python's, and against what their distributions say.

use mlx_core::random::{self, Key};
use mlx_core::{Array, Dtype, Result};
use mlx_nn::init::{self, Fan};
use mlx_testkit::{Golden, cases};
use serde_json::Value;

use crate::fixture;

/// What a case of `init.json` draws, with the key that its seed leads to.
fn drawn(case: &Value, key: &Key) -> Result<Array> {
    let number = |name: &str| case[name].as_f64().unwrap() as f32;
    let shape: Vec<_> =
        case["shape"].as_array().unwrap().iter().map(|n| n.as_i64().unwrap() as i32).collect();
    let dtype = dtype(case["dtype"].as_str().unwrap());
    let fan = || if case["mode"] == "fan_in" { Fan::In } else { Fan::Out };
    match case["op"].as_str().unwrap() {
        "constant" => init::constant(shape, number("value"), dtype),
        "normal" => init::normal(shape, number("mean"), number("std"), dtype, key),
        "uniform" => init::uniform(shape, number("low"), number("high"), dtype, key),
        "glorot_normal" => init::glorot_normal(shape, number("gain"), dtype, key),
        "glorot_uniform" => init::glorot_uniform(shape, number("gain"), dtype, key),
        "he_normal" => init::he_normal(shape, fan(), number("gain"), dtype, key),
        "he_uniform" => init::he_uniform(shape, fan(), number("gain"), dtype, key),
        "orthogonal" => init::orthogonal(shape, number("gain"), dtype, key),
        "identity" => init::identity(shape, dtype),
        unknown => panic!("{unknown} is not tested"),
    }
}

fn dtype(name: &str) -> Dtype {
    Dtype::ALL.into_iter().find(|dtype| dtype.to_string() == name).unwrap()
}

#[test]
fn every_initialiser_draws_what_python_draws_from_the_same_seed() {
    let golden = Golden::open(fixture::golden("mlx-nn", "init.safetensors"));
    let mut compared = std::collections::BTreeSet::new();
    for case in cases(fixture::golden("mlx-nn", "init.json")) {
        random::seed(case["seed"].as_u64().unwrap());
        let array = drawn(&case, &random::key().unwrap()).unwrap();
        assert_eq!(array.dtype().to_string(), case["dtype"].as_str().unwrap());
        fixture::assert_close(&golden, case["output"].as_str().unwrap(), &array);
        compared.insert(case["op"].as_str().unwrap().to_owned());
    }
    assert_eq!(compared.len(), 9);
}

/// The mean, the standard deviation and the largest magnitude of what is drawn.
fn moments(array: Result<Array>) -> [f64; 3] {
    let values: Vec<f32> = array.unwrap().astype(Dtype::Float32).unwrap().to_vec().unwrap();
    let values: Vec<f64> = values.into_iter().map(f64::from).collect();
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
    [mean, variance.sqrt(), values.iter().fold(0.0, |a: f64, x| a.max(x.abs()))]
}

#[track_caller]
fn assert_near(found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance, "{found}, expected {expected}");
}

/// `[outputs, 3, 3, inputs]`: 65536 values, whose moments are within 2 % of the distribution's.
const SHAPE: [i32; 4] = [128, 4, 4, 32];
const FANS: [f64; 2] = [32.0 * 16.0, 128.0 * 16.0];

#[track_caller]
fn assert_normal(array: Result<Array>, mean: f64, std: f64) {
    let [found, spread, largest] = moments(array);
    assert_near(found, mean, 0.02 * std);
    assert_near(spread, std, 0.02 * std);
    assert!(largest > 3.0 * std, "{largest} is no tail");
}

#[track_caller]
fn assert_uniform(array: Result<Array>, limit: f64) {
    let [mean, spread, largest] = moments(array);
    assert_near(mean, 0.0, 0.02 * limit);
    assert_near(spread, limit / 3.0_f64.sqrt(), 0.02 * limit);
    assert!((0.99 * limit..1.005 * limit).contains(&largest), "{largest} of {limit}");
}

#[test]
fn distributions_have_their_moments_and_bounds() {
    let key = Key::new(11).unwrap();
    let [inputs, outputs] = FANS;
    for dtype in [Dtype::Float32, Dtype::Float16, Dtype::Bfloat16] {
        assert_normal(init::normal(SHAPE, 1.0, 0.5, dtype, &key), 1.0, 0.5);
        assert_uniform(init::uniform(SHAPE, -0.5, 0.5, dtype, &key), 0.5);
        assert_normal(
            init::glorot_normal(SHAPE, 2.0, dtype, &key),
            0.0,
            2.0 * (2.0 / (inputs + outputs)).sqrt(),
        );
        assert_uniform(
            init::glorot_uniform(SHAPE, 2.0, dtype, &key),
            2.0 * (6.0 / (inputs + outputs)).sqrt(),
        );
        for (fan, count) in [(Fan::In, inputs), (Fan::Out, outputs)] {
            assert_normal(init::he_normal(SHAPE, fan, 2.0, dtype, &key), 0.0, 2.0 / count.sqrt());
            assert_uniform(init::he_uniform(SHAPE, fan, 2.0, dtype, &key), 2.0 * (3.0 / count).sqrt());
        }
    }
}

#[test]
fn fewer_rows_or_columns_are_orthonormal() {
    for shape in [[16, 16], [8, 24], [24, 8]] {
        let q = init::orthogonal(shape, 3.0, Dtype::Float32, &Key::new(1).unwrap()).unwrap();
        let q = if shape[0] > shape[1] { q.t().unwrap() } else { q };
        let product = q.matmul(q.t().unwrap()).unwrap();
        let identity = (init::identity([product.shape()[0]; 2], Dtype::Float32).unwrap() * 9.0).unwrap();
        let difference = (product - identity).unwrap().abs().unwrap().max(..).unwrap();
        assert!(difference.item::<f32>().unwrap() < 1e-5, "{shape:?}");
    }
}

#[test]
fn a_sparse_matrix_has_as_many_zeros_in_each_row_in_other_places() {
    for (sparsity, zeros) in [(0.0, 0), (0.25, 10), (0.26, 11), (1.0, 40)] {
        let array =
            init::sparse([300, 40], sparsity, 1.0, 0.5, Dtype::Float32, &Key::new(3).unwrap()).unwrap();
        let values: Vec<f32> = array.to_vec().unwrap();
        let rows: Vec<_> = values.chunks(40).collect();
        assert!(rows.iter().all(|row| row.iter().filter(|&&x| x == 0.0).count() == zeros), "{sparsity}");
        let used: Vec<f32> = values.iter().copied().filter(|&x| x != 0.0).collect();
        if zeros == 10 {
            assert_ne!(rows[0].iter().position(|&x| x == 0.0), rows[1].iter().position(|&x| x == 0.0));
            let columns = (0..40).map(|at| rows.iter().filter(|row| row[at] == 0.0).count());
            assert!(columns.clone().min() > Some(40) && columns.max() < Some(110));
            let [mean, std, _] = moments(Ok(Array::from_slice(&used, [used.len() as i32]).unwrap()));
            assert_near(mean, 1.0, 0.02);
            assert_near(std, 0.5, 0.02);
        }
    }
}

#[test]
fn shapes_that_make_no_sense_are_refused() {
    let key = Key::new(1).unwrap();
    let message = |array: Result<Array>| array.unwrap_err().message().to_owned();
    assert_eq!(
        message(init::glorot_normal([4], 1.0, Dtype::Float32, &key)),
        "[4] has no inputs and outputs: it needs two axes"
    );
    assert_eq!(message(init::identity([2, 3], Dtype::Float32)), "[2, 3] is not a square matrix");
    assert_eq!(message(init::orthogonal([2, 3, 4], 1.0, Dtype::Float32, &key)), "[2, 3, 4] is not a matrix");
    assert_eq!(message(init::sparse([2], 0.5, 0.0, 1.0, Dtype::Float32, &key)), "[2] is not a matrix");
}
