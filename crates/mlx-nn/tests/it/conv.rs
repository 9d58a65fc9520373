//! Convolutions against Python's.

use mlx_core::random::Key;
use mlx_core::{Array, Dtype};
use mlx_nn::{
    Conv, Conv1d, Conv2d, Conv3d, ConvTranspose, ConvTranspose1d, ConvTranspose2d, Module, Weights,
};

use crate::layer_case::{LayerCase, extents};

fn conv<const N: usize>(case: &LayerCase) -> mlx_core::Conv<N> {
    let [stride, padding, dilation] = ["stride", "padding", "dilation"].map(|key| case.ints(key));
    mlx_core::Conv { stride, padding, dilation, groups: case.int("groups") }
}

fn check_conv<const N: usize>(case: &LayerCase) {
    let (how, bias) = (conv::<N>(case), case.flag("bias"));
    case.check(
        |w| Conv::load(w, case.ints("channels"), case.ints("kernel"), how, bias),
        |layer, inputs| Ok(vec![layer.forward(&inputs[0])?]),
    );
}

macro_rules! check_transpose {
    ($case:ident, $axes:literal) => {{
        let mlx_core::Conv { stride, padding, dilation, groups } = conv($case);
        let output_padding = $case.ints("output_padding");
        let how = mlx_core::ConvTranspose { stride, padding, dilation, output_padding, groups };
        let (channels, bias) = ($case.ints("channels"), $case.flag("bias"));
        $case.check(
            |w| ConvTranspose::<$axes>::load(w, channels, $case.ints("kernel"), how, bias),
            |layer, inputs| Ok(vec![layer.forward(&inputs[0])?]),
        );
    }};
}

#[test]
fn convolutions_and_their_gradients_are_those_of_python() {
    for case in &LayerCase::all("conv") {
        match case.text("layer") {
            "Conv1d" => check_conv::<1>(case),
            "Conv2d" => check_conv::<2>(case),
            "Conv3d" => check_conv::<3>(case),
            "ConvTranspose1d" => check_transpose!(case, 1),
            "ConvTranspose2d" => check_transpose!(case, 2),
            "ConvTranspose3d" => check_transpose!(case, 3),
            unknown => panic!("{unknown} is not tested"),
        }
    }
}

fn fresh() -> Weights {
    Weights::init(Key::new(3).unwrap())
}

#[test]
fn a_fresh_convolution_has_weights_within_the_root_of_what_it_sees_and_no_bias() {
    let how = mlx_core::Conv { groups: 2, ..Default::default() };
    let layer = Conv2d::load(&fresh(), [64, 8], [3, 2], how, true).unwrap();
    let extents = extents(&layer.parameters());
    let limit = (1.0_f32 / (8.0 * 6.0)).sqrt();
    let (shape, low, high) = &extents["weight"];
    assert_eq!(shape, &[64, 3, 2, 4]);
    assert!(-limit <= *low && *low < -0.95 * limit && 0.95 * limit < *high && *high <= limit);
    assert_eq!(extents["bias"], (vec![64], 0.0, 0.0));
    let layer = ConvTranspose1d::load(&fresh(), [64, 8], [3], Default::default(), false).unwrap();
    assert_eq!(layer.parameters().names().collect::<Vec<_>>(), ["weight"]);
}

#[test]
fn channels_that_groups_do_not_divide_are_refused_by_name() {
    let how = |groups| mlx_core::Conv { groups, ..Default::default() };
    let refused =
        |channels, groups| Conv1d::load(&fresh(), channels, [3], how(groups), true).unwrap_err().to_string();
    let divided = "groups: 3 does not divide 4 channels in and 6 out, as it must do both";
    assert_eq!(refused([6, 4], 3), divided);
    assert_eq!(refused([4, 6], 0), "groups: 0 is not a positive number");
    assert_eq!(refused([0, 6], 1), "channels: 0 is not a positive number");
    let error = Conv3d::load(&fresh(), [1, 1], [1, -2, 1], Default::default(), true).unwrap_err();
    assert_eq!(error.to_string(), "kernel: -2 is not a positive number");
}

#[test]
fn an_input_of_other_channels_is_an_error_of_mlx() {
    let layer = ConvTranspose2d::load(&fresh(), [2, 3], [2, 2], Default::default(), true).unwrap();
    for shape in [&[1, 4, 4, 5][..], &[4, 4, 3], &[1, 0, 4, 3]] {
        assert!(layer.forward(&Array::ones(shape, Dtype::Float32).unwrap()).is_err(), "{shape:?}");
    }
}
