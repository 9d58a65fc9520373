//! Convolutions against plain loops, and arguments that MLX would divide by or overflow with.

use mlx_core::{Array, Conv, ConvGeneral, ConvTranspose, ConvolveMode, Dtype, Kind, Result};
use mlx_testkit::{Tolerance, assert_close, relative_rms};

use crate::values::{random, values};

/// Two spatial axes, as the definition has it: a dilated and padded input, and a kernel that slides over it.
struct Loop {
    input: Vec<f64>,
    weight: Vec<f64>,
    shape: [i32; 4],
    kernel: [i32; 4],
}

impl Loop {
    fn new(input: &Array, weight: &Array) -> Self {
        let (shape, kernel) = (input.dims().unwrap(), weight.dims().unwrap());
        Self { input: values(input), weight: values(weight), shape, kernel }
    }

    /// The element of the dilated and padded input, in the places of the padded one.
    fn padded(&self, conv: &ConvGeneral<2>, at: [i32; 4]) -> f64 {
        let [batch, y, x, channel] = at;
        let mut place = batch;
        for (axis, place_in) in [y, x].into_iter().enumerate() {
            let inner = place_in - conv.padding_lo[axis];
            let index = inner.div_euclid(conv.input_dilation[axis]);
            let on = inner.rem_euclid(conv.input_dilation[axis]) == 0;
            let length = self.shape[axis + 1];
            if !on || index < 0 || index >= length + conv.padding_hi[axis].min(0) {
                return 0.0;
            }
            place = place * length + index;
        }
        self.input[(place * self.shape[3] + channel) as usize]
    }

    fn run(&self, conv: &ConvGeneral<2>, out: [i32; 4]) -> Vec<f64> {
        let [outs, height, width, channels] = self.kernel;
        let per_group = outs / conv.groups;
        let mut all = Vec::new();
        for at in 0..out.iter().product::<i32>() {
            let (o, at) = (at % out[3], at / out[3]);
            let (x, at) = (at % out[2], at / out[2]);
            let (y, batch) = (at % out[1], at / out[1]);
            let mut sum = 0.0;
            for k in 0..height * width * channels {
                let (c, k) = (k % channels, k / channels);
                let (kx, ky) = (k % width, k / width);
                let (wy, wx) = if conv.flip { (height - 1 - ky, width - 1 - kx) } else { (ky, kx) };
                let weight = self.weight[(((o * height + wy) * width + wx) * channels + c) as usize];
                let in_y = y * conv.stride[0] + ky * conv.kernel_dilation[0];
                let in_x = x * conv.stride[1] + kx * conv.kernel_dilation[1];
                sum += weight * self.padded(conv, [batch, in_y, in_x, o / per_group * channels + c]);
            }
            all.push(sum);
        }
        all
    }
}

#[track_caller]
fn assert_is_loop(actual: Result<Array>, input: &Array, weight: &Array, conv: &ConvGeneral<2>) {
    let actual = actual.unwrap();
    let expected = Loop::new(input, weight).run(conv, actual.dims().unwrap());
    assert_close(&values(&actual), &expected, Tolerance::F32);
}

#[test]
fn a_convolution_of_two_axes_is_the_loop() {
    let (x, w) = (random([2, 7, 6, 4], 8), random([6, 3, 2, 4], 8));
    for conv in [
        Conv::default(),
        Conv { stride: [2, 3], ..Conv::default() },
        Conv { padding: [1, 2], dilation: [2, 1], ..Conv::default() },
        Conv { stride: [1, 2], padding: [3, 0], dilation: [3, 4], ..Conv::default() },
    ] {
        assert_is_loop(x.conv2d(&w, conv), &x, &w, &conv.into());
    }
    let grouped = Conv { groups: 2, padding: [1, 1], ..Conv::default() };
    let w = random([6, 3, 2, 2], 8);
    assert_is_loop(x.conv2d(&w, grouped), &x, &w, &grouped.into());
}

#[test]
fn a_general_convolution_is_the_loop() {
    let (x, w) = (random([1, 5, 6, 2], 8), random([3, 2, 3, 2], 8));
    let plain = ConvGeneral::default();
    for conv in [
        ConvGeneral { flip: true, ..plain },
        ConvGeneral { padding_lo: [2, 0], padding_hi: [0, 3], ..plain },
        ConvGeneral { input_dilation: [2, 3], stride: [3, 1], padding_lo: [1, 1], flip: true, ..plain },
        ConvGeneral { padding_lo: [-1, 0], padding_hi: [1, -2], kernel_dilation: [2, 1], ..plain },
        ConvGeneral { padding_lo: [-2, -1], padding_hi: [-1, -2], ..plain },
    ] {
        assert_is_loop(x.conv_general(&w, conv), &x, &w, &conv);
    }
}

#[test]
fn one_and_three_axes_are_two_with_axes_of_length_1() {
    let (x, w) = (random([2, 9, 4], 8), random([6, 3, 2], 8));
    let one = Conv { stride: [2], padding: [1], dilation: [2], groups: 2 };
    let (wide, tall) = (x.expand_dims(1).unwrap(), w.expand_dims(1).unwrap());
    let two = Conv { stride: [1, 2], padding: [0, 1], dilation: [1, 2], groups: 2 };
    let flat = wide.conv2d(&tall, two).unwrap();
    assert_close(&values(&x.conv1d(&w, one).unwrap()), &values(&flat), Tolerance::F32);
    let (x, w) = (random([2, 1, 5, 6, 3], 8), random([4, 1, 2, 3, 3], 8));
    let three = Conv { stride: [1, 2, 1], padding: [0, 1, 1], ..Conv::default() };
    let two = Conv { stride: [2, 1], padding: [1, 1], ..Conv::default() };
    let flat = x.squeeze(1).unwrap().conv2d(&w.squeeze(1).unwrap(), two).unwrap();
    assert_close(&values(&x.conv3d(&w, three).unwrap()), &values(&flat), Tolerance::F32);
    let deep = random([1, 4, 4, 4, 2], 8).conv3d(&random([5, 2, 3, 1, 2], 8), Conv::default()).unwrap();
    assert_eq!(deep.shape(), [1, 3, 2, 4, 5]);
}

#[test]
fn a_transposed_convolution_is_the_adjoint() {
    // ⟨conv(x), y⟩ = ⟨x, convᵀ(y)⟩, with the weight's ends exchanged.
    let (stride, padding, dilation) = ([2, 1], [1, 0], [1, 2]);
    let (x, w) = (random([1, 7, 6, 3], 8), random([4, 3, 2, 3], 8));
    let y = x.conv2d(&w, Conv { stride, padding, dilation, groups: 1 }).unwrap();
    let cotangent = (&y * 0.5).unwrap();
    let back = w.transpose([3, 1, 2, 0]).unwrap();
    let conv = ConvTranspose { stride, padding, dilation, ..ConvTranspose::default() };
    let z = cotangent.conv_transpose2d(&back, conv).unwrap();
    assert_eq!(z.shape(), x.shape());
    let dot = |a: &Array, b: &Array| values(&(a * b).unwrap().sum(..).unwrap());
    assert_close(&dot(&y, &cotangent), &dot(&x, &z), Tolerance::F32);
}

#[test]
fn transposed_convolutions_agree_over_their_axes() {
    let (x, w) = (random([2, 4, 3], 8), random([5, 3, 3], 8));
    let one = ConvTranspose { stride: [2], padding: [1], output_padding: [1], ..ConvTranspose::default() };
    let y = x.conv_transpose1d(&w, one).unwrap();
    assert_eq!(y.shape(), [2, 8, 5]);
    let two =
        ConvTranspose { stride: [1, 2], padding: [0, 1], output_padding: [0, 1], ..ConvTranspose::default() };
    let (x, w) = (x.expand_dims(1).unwrap(), w.expand_dims(1).unwrap());
    assert_close(&values(&x.conv_transpose2d(&w, two).unwrap()), &values(&y), Tolerance::F32);
    let three = ConvTranspose {
        stride: [1, 1, 2],
        padding: [0, 0, 1],
        output_padding: [0, 0, 1],
        ..ConvTranspose::default()
    };
    let (x, w) = (x.expand_dims(1).unwrap(), w.expand_dims(1).unwrap());
    assert_close(&values(&x.conv_transpose3d(&w, three).unwrap()), &values(&y), Tolerance::F32);
}

#[test]
fn convolve_is_the_sum_over_pairs() {
    let (a, v) = (Array::from([1.0, 2.0, 3.0, 4.0]), Array::from([1.0, 0.5, -1.0]));
    let full = [1.0, 2.5, 3.0, 3.5, -1.0, -4.0];
    for (mode, expected) in [
        (ConvolveMode::Full, &full[..]),
        (ConvolveMode::Same, &full[1..5]),
        (ConvolveMode::Valid, &full[2..4]),
    ] {
        assert_eq!(values(&a.convolve(&v, mode).unwrap()), expected, "{mode:?}");
        assert_eq!(values(&v.convolve(&a, mode).unwrap()), expected, "{mode:?} exchanged");
    }
    let even = Array::from([1.0, 1.0]);
    assert_eq!(values(&a.convolve(&even, ConvolveMode::Same).unwrap()), [1.0, 3.0, 5.0, 7.0]);
    let none = Array::zeros([0], Dtype::Float32).unwrap();
    assert_eq!(a.convolve(&none, ConvolveMode::Full).unwrap_err().kind(), Kind::Shape);
    assert!(a.convolve(&Array::from(1.0), ConvolveMode::Full).is_err());
}

#[test]
fn more_padding_than_outputs_is_not_written() {
    let (x, w) = (random([2, 1, 2, 2], 8), random([3, 3, 3, 2], 8));
    for conv in [
        Conv { padding: [2, 2], dilation: [2, 2], ..Conv::default() },
        Conv { padding: [8, 1], dilation: [8, 1], ..Conv::default() },
        Conv { padding: [9, 9], dilation: [8, 8], stride: [2, 3], groups: 1 },
    ] {
        assert_is_loop(x.conv2d(&w, conv), &x, &w, &conv.into());
    }
    let before = ConvGeneral {
        padding_lo: [40, 0],
        padding_hi: [0, -1],
        kernel_dilation: [20, 1],
        ..ConvGeneral::default()
    };
    let w = random([3, 3, 1, 2], 8);
    assert_is_loop(x.conv_general(&w, before), &x, &w, &before);
    let spread = ConvTranspose { dilation: [3, 1], output_padding: [-2, 0], ..ConvTranspose::default() };
    let back = x.conv_transpose2d(&w, spread).unwrap();
    let general = ConvGeneral {
        padding_lo: [6, 0],
        padding_hi: [4, 0],
        kernel_dilation: [3, 1],
        flip: true,
        ..ConvGeneral::default()
    };
    assert_is_loop(Ok(back), &x, &w, &general);
}

#[test]
fn types_promote_and_whole_numbers_are_refused() {
    let (x, w) = (random([1, 4, 2], 8), random([3, 2, 2], 8));
    let half = x.astype(Dtype::Float16).unwrap();
    assert_eq!(
        half.conv1d(&w.astype(Dtype::Float16).unwrap(), Conv::default()).unwrap().dtype(),
        Dtype::Float16
    );
    assert_eq!(half.conv1d(&w, Conv::default()).unwrap().dtype(), Dtype::Float32);
    assert!(x.astype(Dtype::Int32).unwrap().conv1d(&w, Conv::default()).is_err());
}

#[test]
fn steps_that_go_nowhere_or_overflow_are_refused() {
    let (x, w) = (random([1, 5, 5, 2], 8), random([2, 2, 2, 2], 8));
    for step in [0, -1, i32::MIN, i32::MAX, 1 << 15] {
        for wrong in [
            ConvGeneral { stride: [1, step], ..ConvGeneral::default() },
            ConvGeneral { kernel_dilation: [step, 1], ..ConvGeneral::default() },
            ConvGeneral { input_dilation: [1, step], ..ConvGeneral::default() },
        ] {
            assert_eq!(x.conv_general(&w, wrong).unwrap_err().kind(), Kind::Shape, "{wrong:?}");
        }
        let conv = ConvTranspose { stride: [step, 1], ..ConvTranspose::default() };
        assert_eq!(x.conv_transpose2d(&w, conv).unwrap_err().op(), "conv_transpose2d");
    }
    for groups in [0, -1, -2, 3, i32::MIN, i32::MAX] {
        assert!(x.conv2d(&w, Conv { groups, ..Conv::default() }).is_err(), "{groups} groups");
    }
}

#[test]
fn paddings_that_leave_nothing_or_too_much_are_refused() {
    let (x, w) = (random([1, 5, 5, 2], 8), random([2, 2, 2, 2], 8));
    for padding in [-3, -5, i32::MIN, i32::MAX, 1 << 30] {
        let error = x.conv2d(&w, Conv { padding: [0, padding], ..Conv::default() }).unwrap_err();
        assert_eq!((error.kind(), error.op()), (Kind::Shape, "conv2d"), "{padding}");
    }
    assert!(x.conv2d(&w, Conv { padding: [-1, -1], ..Conv::default() }).is_ok());
    for output_padding in [-20, i32::MIN, i32::MAX] {
        let conv = ConvTranspose { output_padding: [output_padding, 0], ..ConvTranspose::default() };
        assert!(x.conv_transpose2d(&w, conv).is_err(), "{output_padding}");
    }
    assert!(x.conv2d(&random([2, 6, 1, 2], 8), Conv::default()).is_err(), "a kernel larger than its input");
}

#[test]
fn lengths_of_zero_are_refused_except_the_batch() {
    let zeros = |shape: [i32; 4]| Array::zeros(shape, Dtype::Float32).unwrap();
    let none = zeros([0, 5, 5, 2]).conv2d(&zeros([3, 2, 2, 2]), Conv::default()).unwrap();
    assert_eq!((none.shape(), values(&none)), (&[0, 4, 4, 3][..], vec![]));
    for (x, w) in [
        ([1, 5, 5, 0], [2, 2, 2, 0]),
        ([1, 0, 5, 2], [2, 1, 1, 2]),
        ([1, 5, 5, 2], [2, 0, 2, 2]),
        ([1, 5, 5, 2], [0, 2, 2, 2]),
    ] {
        let error = zeros(x).conv2d(&zeros(w), Conv::default()).unwrap_err();
        assert!(error.message().ends_with("has a length of 0"), "{error}");
    }
}

#[test]
fn arrays_of_another_rank_are_refused() {
    let (x, w) = (random([1, 5, 2], 8), random([2, 2, 2], 8));
    assert!(
        x.conv2d(&w, Conv::default()).is_err()
            && x.conv1d(&random([2, 2, 2, 2], 8), Conv::default()).is_err()
    );
    assert!(Array::from(1.0).conv1d(&w, Conv::default()).is_err());
    assert!(x.conv_general(&w, ConvGeneral::<2>::default()).is_err());
    assert!(random([1, 5, 3], 8).conv1d(&w, Conv::default()).is_err(), "other channels");
    assert!(x.conv_general(&w, ConvGeneral::<0>::default()).is_err());
}

/// The same along one axis, by the loop over two.
fn loop_of_one(x: &Array, w: &Array, conv: &ConvGeneral<1>, places: i32) -> Vec<f64> {
    let wide = |array: &Array| array.astype(Dtype::Float32).unwrap().expand_dims(1).unwrap();
    let ConvGeneral { stride, padding_lo, padding_hi, kernel_dilation, input_dilation, groups, flip } = *conv;
    let two = ConvGeneral {
        stride: [1, stride[0]],
        padding_lo: [0, padding_lo[0]],
        padding_hi: [0, padding_hi[0]],
        kernel_dilation: [1, kernel_dilation[0]],
        input_dilation: [1, input_dilation[0]],
        groups,
        flip,
    };
    Loop::new(&wide(x), &wide(w)).run(&two, [x.shape()[0], 1, places, w.shape()[0]])
}

#[test]
fn a_convolution_of_many_channels_is_the_loop_in_every_type() {
    let (x, w) = (random([2, 37, 33], 8), random([19, 5, 33], 8));
    let conv = Conv { stride: [2], padding: [3], dilation: [2], groups: 1 };
    for (dtype, bound) in [(Dtype::Float32, 1e-6), (Dtype::Float16, 1e-3), (Dtype::Bfloat16, 6e-3)] {
        let [x, w] = [&x, &w].map(|array| array.astype(dtype).unwrap());
        let y = x.conv1d(&w, conv).unwrap();
        assert_eq!(y.dtype(), dtype);
        let expected = loop_of_one(&x, &w, &conv.into(), y.shape()[1]);
        let error = relative_rms(&values(&y.astype(Dtype::Float32).unwrap()), &expected);
        assert!(error < bound, "{dtype:?}: {error}");
    }
    let half = w.astype(Dtype::Float16).unwrap();
    assert_eq!(x.conv1d(&half, conv).unwrap().dtype(), Dtype::Float32);
}

#[test]
fn a_transposed_convolution_of_one_axis_is_the_loop_for_every_stride() {
    let x = random([2, 5, 4], 8);
    for (stride, kernel, padding, output_padding) in [
        (1, 3, 1, 0),
        (2, 4, 1, 0),
        (2, 1, 0, 1),
        (3, 7, 2, 1),
        (4, 3, 0, 0),
        (5, 16, 6, 4),
        (3, 3, 2, 0),
        (8, 2, 0, 6),
    ] {
        for groups in [1, 2] {
            let w = random([6, kernel, 4 / groups], 8);
            let conv = ConvTranspose {
                stride: [stride],
                padding: [padding],
                output_padding: [output_padding],
                groups,
                ..ConvTranspose::default()
            };
            let y = x.conv_transpose1d(&w, conv).unwrap();
            let general = ConvGeneral {
                padding_lo: [kernel - 1 - padding],
                padding_hi: [kernel - 1 - padding + output_padding],
                input_dilation: [stride],
                groups,
                flip: true,
                ..ConvGeneral::default()
            };
            assert_eq!(y.shape()[1], (5 - 1) * stride - 2 * padding + kernel + output_padding, "{conv:?}");
            let expected = loop_of_one(&x, &w, &general, y.shape()[1]);
            assert_close(&values(&y), &expected, Tolerance::F32);
        }
    }
}

#[test]
fn an_input_that_is_dilated_far_beyond_its_kernel_is_the_loop() {
    let (x, w) = (random([1, 2, 3], 8), random([2, 2, 3], 8));
    let plain = ConvGeneral { input_dilation: [3], ..ConvGeneral::default() };
    for conv in [
        plain,
        ConvGeneral { padding_lo: [9], padding_hi: [11], ..plain },
        ConvGeneral { padding_hi: [20], flip: true, ..plain },
    ] {
        let y = x.conv_general(&w, conv).unwrap();
        assert_close(&values(&y), &loop_of_one(&x, &w, &conv, y.shape()[1]), Tolerance::F32);
    }
}
