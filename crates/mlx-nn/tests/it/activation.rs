//! Activations and their layers against Python's.

use mlx_core::{Array, Dtype, Result, transform};
use mlx_nn::{
    Celu, Elu, Gelu, Glu, HardShrink, HardTanh, Hardswish, Identity, Layer, LeakyRelu, LogSigmoid,
    LogSoftmax, Mish, PRelu, Relu, Relu2, Relu6, Selu, Sigmoid, Silu, Softmax, Softmin, Softplus, Softshrink,
    Softsign, Step, Tanh, Weights, elu, glu, log_softmax, selu, swiglu,
};

use crate::layer_case::LayerCase;

/// The layer of a case, which calls the function.
fn layer(case: &LayerCase, w: &Weights) -> mlx_nn::Result<Box<dyn Layer>> {
    let settings = || case.floats("settings").into_iter().map(|value| value as f32).collect::<Vec<_>>();
    let (first, axis) = (|| settings()[0], || settings()[0] as i32);
    Ok(match case.text("op") {
        "celu" => Box::new(Celu { alpha: first() }),
        "elu" => Box::new(Elu { alpha: first() }),
        "gelu" => Box::new(Gelu::Exact),
        "gelu_approx" => Box::new(Gelu::Approx),
        "gelu_fast_approx" => Box::new(Gelu::Fast),
        "glu" => Box::new(Glu { axis: axis() }),
        "hard_shrink" => Box::new(HardShrink { lambda: first() }),
        "hard_tanh" => Box::new(HardTanh { min: first(), max: settings()[1] }),
        "hardswish" => Box::new(Hardswish),
        "leaky_relu" => Box::new(LeakyRelu { negative_slope: first() }),
        "log_sigmoid" => Box::new(LogSigmoid),
        "log_softmax" => Box::new(LogSoftmax { axis: axis() }),
        "mish" => Box::new(Mish),
        "prelu" => Box::new(PRelu::load(w, case.int("slopes"))?),
        "relu" => Box::new(Relu),
        "relu2" => Box::new(Relu2),
        "relu6" => Box::new(Relu6),
        "selu" => Box::new(Selu),
        "sigmoid" => Box::new(Sigmoid),
        "silu" => Box::new(Silu),
        "softmax" => Box::new(Softmax { axis: axis() }),
        "softmin" => Box::new(Softmin { axis: axis() }),
        "softplus" => Box::new(Softplus),
        "softshrink" => Box::new(Softshrink { lambda: first() }),
        "softsign" => Box::new(Softsign),
        "step" => Box::new(Step { threshold: first() }),
        "tanh" => Box::new(Tanh),
        unknown => panic!("{unknown} is not tested"),
    })
}

#[test]
fn activations_and_their_gradients_are_those_of_python() {
    for case in &LayerCase::all("activation") {
        case.check(|w| layer(case, w), |layer, x| Ok(vec![layer.forward(&x[0])?.astype(Dtype::Float32)?]));
    }
}

#[test]
fn layers_have_the_defaults_of_python() {
    assert_eq!((Celu::default().alpha, Elu::default().alpha), (1.0, 1.0));
    assert_eq!((HardShrink::default().lambda, Softshrink::default().lambda), (0.5, 0.5));
    assert_eq!(HardTanh::default(), HardTanh { min: -1.0, max: 1.0 });
    assert_eq!((LeakyRelu::default().negative_slope, Step::default().threshold), (0.01, 0.0));
    assert_eq!((Glu::default().axis, Softmax::default().axis), (-1, -1));
    assert_eq!((LogSoftmax::default().axis, Softmin::default().axis), (-1, -1));
    assert_eq!(Gelu::default(), Gelu::Exact);
    let slopes = PRelu::load(&Weights::init(mlx_core::random::Key::new(0).unwrap()), 2).unwrap();
    let y = slopes.forward(&Array::from([-1.0_f32, 2.0])).unwrap();
    assert_eq!(y.to_vec::<f32>().unwrap(), [-0.25, 2.0]);
}

#[test]
fn exponentials_that_are_not_taken_do_not_spoil_the_gradient() {
    let x = Array::from([-1e30_f32, 0.0, 100.0, 1e30]);
    let slopes = |f: fn(&Array) -> Result<Array>| {
        transform::grad(move |x: &Array| f(x)?.sum(..))(&x).unwrap().to_vec::<f32>().unwrap()
    };
    assert_eq!(slopes(|x| elu(x, 0.5)), [0.0, 0.5, 1.0, 1.0]);
    assert!(slopes(selu).iter().all(|slope| slope.is_finite()));
}

#[test]
fn the_logarithm_of_a_softmax_survives_a_large_offset() {
    let y = log_softmax(&Array::from([10_000.0_f32, 10_001.0]), 0).unwrap();
    let expected = [-1.313_261_7_f32, -0.313_261_7];
    mlx_testkit::assert_close(&y.to_vec::<f32>().unwrap(), &expected, mlx_testkit::Tolerance::F32);
}

#[test]
fn the_identity_gives_what_it_takes() {
    let x = Array::from([1.0_f32, -2.0]);
    assert!(Identity.forward(&x).unwrap().array_equal(&x, false).unwrap());
}

#[test]
fn an_odd_axis_has_no_halves() {
    let error = glu(&Array::zeros([2, 5], Dtype::Float32).unwrap(), 1).unwrap_err();
    assert!(error.message().contains("has an odd length"), "{error}");
    assert!(glu(&Array::zeros([2, 5], Dtype::Float32).unwrap(), 2).is_err());
}

#[test]
fn swiglu_gates_by_its_first_argument() {
    let y = swiglu(&Array::from([0.0_f32, 100.0]), &Array::from([3.0_f32, 5.0])).unwrap();
    assert_eq!(y.to_vec::<f32>().unwrap(), [0.0, 500.0]);
}
