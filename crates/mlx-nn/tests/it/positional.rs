//! Positional encodings against Python's.

use mlx_core::{Array, Dtype};
use mlx_nn::{Alibi, Module, Rope, RopeScaling, SinusoidalOptions, SinusoidalPositionalEncoding};

use crate::layer_case::LayerCase;

fn sinusoidal(case: &LayerCase) -> mlx_nn::Result<SinusoidalPositionalEncoding> {
    let options = SinusoidalOptions {
        min_freq: case.float("min_freq"),
        max_freq: case.float("max_freq"),
        scale: case.optional_float("scale"),
        cos_first: case.flag("cos_first"),
        full_turns: case.flag("full_turns"),
    };
    SinusoidalPositionalEncoding::new(case.int("dims"), options)
}

/// The rotation of the first 6 features; what Python multiplies positions by, a linear scaling divides them by.
fn rope(case: &LayerCase) -> mlx_nn::Result<Rope> {
    let scaling = RopeScaling::Linear { factor: 1.0 / case.float("scale") };
    Rope::new(6, case.float("base"), Some(&scaling), case.flag("traditional"), 64)
}

#[test]
fn encodings_and_their_gradients_are_those_of_python() {
    for case in &LayerCase::all("positional") {
        match case.text("layer") {
            "SinusoidalPositionalEncoding" => {
                case.check(|_| sinusoidal(case), |layer, x| Ok(vec![layer.forward(&x[0])?]));
            }
            "ALiBi" => case.check(
                |_| Ok(Alibi),
                |layer, inputs| Ok(vec![layer.forward(&inputs[0], case.int("offset"), inputs.get(1))?]),
            ),
            "RoPE" => {
                case.check(|_| rope(case), |layer, x| Ok(vec![layer.forward(&x[0], case.int("offset"))?]))
            }
            unknown => panic!("{unknown} is not tested"),
        }
    }
}

#[test]
fn frequencies_are_no_parameters() {
    let layer = SinusoidalPositionalEncoding::new(8, SinusoidalOptions::default()).unwrap();
    assert!(layer.parameters().is_empty());
    let y = layer.forward(&Array::from([0, 1])).unwrap();
    assert_eq!((y.shape(), y.dtype()), (&[2, 8][..], Dtype::Float32));
    assert_eq!(y.index(0).unwrap().to_vec::<f32>().unwrap(), [0.0, 0.0, 0.0, 0.0, 0.5, 0.5, 0.5, 0.5]);
}

#[test]
fn biases_have_the_type_that_is_asked_for() {
    let biases = Alibi::biases(8, [2, 3], 1, Dtype::Float16).unwrap();
    assert_eq!((biases.shape(), biases.dtype()), (&[1, 8, 2, 3][..], Dtype::Float16));
    let first = biases.index((0, 0)).unwrap().astype(Dtype::Float32).unwrap().to_vec::<f32>().unwrap();
    assert_eq!(first, [-0.5, 0.0, -0.5, -1.0, -0.5, 0.0]);
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let error = |dims, options| SinusoidalPositionalEncoding::new(dims, options).unwrap_err().to_string();
    for dims in [0, -2, 5] {
        let expected = format!("dims: {dims} features cannot be pairs of sine and cosine");
        assert_eq!(error(dims, SinusoidalOptions::default()), expected);
    }
    let options = SinusoidalOptions { min_freq: 0.0, ..SinusoidalOptions::default() };
    assert_eq!(error(4, options), "min_freq: 0 is not a positive number");
    let options = SinusoidalOptions { max_freq: f32::INFINITY, ..SinusoidalOptions::default() };
    assert_eq!(error(4, options), "max_freq: inf is not a positive number");
    assert!(Alibi.forward(&Array::ones([2, 3], Dtype::Float32).unwrap(), 0, None).is_err());
    assert!(Alibi::biases(-1, [2, 3], 0, Dtype::Float32).is_err());
}
