//! Activations against the reference ops.

use mlx_core::{Array, Result};
use mlx_nn::{gelu, gelu_approx, silu, swiglu};
use mlx_testkit::{Golden, cases};

use crate::fixture;

#[test]
fn activations_agree_with_mlx() {
    let golden = Golden::open(fixture::golden("mlx-nn", "activation.safetensors"));
    let mut compared = Vec::new();
    for case in cases(fixture::golden("mlx-nn", "activation.json")) {
        let activation: fn(&Array) -> Result<Array> = match case["op"].as_str().unwrap() {
            "silu" => silu,
            "gelu" => gelu,
            "gelu_approx" => gelu_approx,
            unknown => panic!("{unknown} is not tested"),
        };
        let x = fixture::array(&golden, case["inputs"][0].as_str().unwrap());
        fixture::assert_close(&golden, case["output"].as_str().unwrap(), &activation(&x).unwrap());
        compared.push(case["op"].as_str().unwrap().to_owned());
    }
    assert_eq!(compared, ["silu", "gelu", "gelu_approx"]);
}

#[test]
fn swiglu_gates_by_its_first_argument() {
    let y = swiglu(&Array::from([0.0_f32, 100.0]), &Array::from([3.0_f32, 5.0])).unwrap();
    assert_eq!(y.to_vec::<f32>().unwrap(), [0.0, 500.0]);
}
