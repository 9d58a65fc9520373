//! Weights without a checkpoint, and initial values.

use mlx_core::random::Key;
use mlx_core::{Array, Dtype};
use mlx_nn::{Layer, Mlp, Module, Sequential, Weights, init};

fn weights(seed: u64) -> Weights {
    Weights::init(Key::new(seed).unwrap())
}

fn values(array: &Array) -> Vec<f32> {
    array.to_vec().unwrap()
}

fn weight(seed: u64, scope: &str) -> Vec<f32> {
    let linear = weights(seed).linear(scope, [4, 8]).unwrap();
    values(linear.parameters().get("weight").unwrap())
}

#[test]
fn a_parameter_depends_on_the_key_and_its_path_alone() {
    let w = weights(7);
    w.at("other").linear("x", [64, 64]).unwrap();
    let later = w.at("a").linear("b", [4, 8]).unwrap();
    assert_eq!(values(later.parameters().get("weight").unwrap()), weight(7, "a.b"));
    assert_ne!(weight(7, "a.b"), weight(7, "a.c"));
    assert_ne!(weight(7, "a.b"), weight(8, "a.b"));
}

#[test]
fn a_fresh_model_is_whole_and_has_the_shapes_of_a_checkpoint() {
    let mlp = weights(1).build(|w| Mlp::load(&w.at("mlp"), 8, 32, true)).unwrap();
    let shapes: Vec<_> =
        mlp.parameters().into_iter().map(|(path, array)| (path, array.shape().to_vec())).collect();
    assert_eq!(shapes.len(), 6);
    assert_eq!(shapes[3], ("gate_proj.weight".to_owned(), vec![32, 8]));
    assert_eq!(shapes[0], ("down_proj.bias".to_owned(), vec![8]));
}

#[test]
fn fresh_floats_have_the_type_that_is_asked_for() {
    let norm = weights(1).with_dtype(Some(Dtype::Bfloat16)).rms_norm("norm", 8, 1e-5).unwrap();
    assert_eq!(norm.parameters().get("weight").unwrap().dtype(), Dtype::Bfloat16);
}

#[test]
fn linear_layers_start_within_the_reciprocal_root_of_their_inputs() {
    let layer = weights(3).linear_with_bias("l", [256, 64], true).unwrap();
    for (path, array) in layer.parameters() {
        let values = values(&array);
        let largest = values.iter().fold(0.0, |a: f32, b| a.max(b.abs()));
        assert!(largest <= 0.125 && largest > 0.12, "{path}: {largest}");
    }
}

#[test]
fn embeddings_start_normal_and_norms_at_one() {
    let table = weights(3).embedding("e", [512, 64]).unwrap();
    let values_of_table = values(table.parameters().get("weight").unwrap());
    let square: f32 = values_of_table.iter().map(|x| x * x).sum::<f32>() / values_of_table.len() as f32;
    assert!((square.sqrt() - 0.125).abs() < 0.002, "{square}");
    assert!(values_of_table.iter().any(|x| x.abs() > 0.375));
    let norm = weights(3).rms_norm("n", 4, 1e-5).unwrap();
    assert_eq!(values(norm.parameters().get("weight").unwrap()), [1.0; 4]);
}

#[test]
fn what_has_no_initial_value_is_missing() {
    let error = weights(3).build(|w| w.array("table", [4])).unwrap_err();
    assert!(error.to_string().contains("missing: table"), "{error}");
}

#[test]
fn an_initial_value_of_another_shape_is_refused() {
    let scalar = |_: &[i32], _: &Key| init::constant([], 1.0, Dtype::Float32);
    let error = weights(3).at("layer").parameter("scale", [4], scalar).unwrap_err();
    assert_eq!(error.to_string(), "layer.scale: its initial value is [] float32, not of shape [4]");
}

#[test]
fn a_sequence_calls_its_layers_in_order() {
    let w = weights(5).at("layers");
    let (a, b) = (w.linear("0", [16, 8]).unwrap(), w.linear("1", [4, 16]).unwrap());
    let x = init::normal([2, 8], 0.0, 1.0, Dtype::Float32, &Key::new(2).unwrap()).unwrap();
    let expected = values(&b.forward(&a.forward(&x).unwrap()).unwrap());
    let boxes: Vec<Box<dyn Layer>> = vec![Box::new(a.clone()), Box::new(b.clone())];
    let tuple = Sequential::new((a, b));
    assert_eq!(values(&tuple.forward(&x).unwrap()), expected);
    assert_eq!(values(&Sequential::new(boxes).forward(&x).unwrap()), expected);
    let paths: Vec<_> = tuple.parameters().into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, ["layers.0.weight", "layers.1.weight"]);
}
