//! Convolutions.

use half::bf16;
use mlx_cpu::convolution::{self, Axis, Channels};
use mlx_cpu::{Level, Numbers, NumbersMut};

use super::random::Random;

fn axis(length: usize, kernel: usize) -> Axis {
    Axis { length, kernel, stride: 1, padding: [0; 2], dilation: 1 }
}

/// The place of the input under a place of the kernel.
fn place(axis: Axis, position: usize, kernel: usize) -> Option<usize> {
    let place = (position * axis.stride + kernel * axis.dilation).checked_sub(axis.padding[0])?;
    (place < axis.length).then_some(place)
}

/// The greatest error of a convolution, in units of the magnitudes that its elements are made of.
fn error(axes: [Axis; 2], channels: Channels, x: &[f32], w: &[f32], found: &[f32]) -> f64 {
    let [rows, columns] = axes.map(|axis| axis.positions().unwrap());
    let (each, of_group) = (channels.input / channels.groups, channels.output / channels.groups);
    let mut greatest = 0.0_f64;
    for (number, &found) in found.iter().enumerate() {
        let (output, position) = (number % channels.output, number / channels.output);
        let (column, row) = (position % columns, position / columns % rows);
        let image = position / columns / rows;
        let (mut sum, mut size) = (0.0, 1e-30);
        for kernel_row in 0..axes[0].kernel {
            for kernel_column in 0..axes[1].kernel {
                let places = (place(axes[0], row, kernel_row), place(axes[1], column, kernel_column));
                let (Some(y), Some(at)) = places else { continue };
                let pixel = (image * axes[0].length + y) * axes[1].length + at;
                let kernel = (output * axes[0].kernel + kernel_row) * axes[1].kernel + kernel_column;
                for channel in 0..each {
                    let x = x[pixel * channels.input + output / of_group * each + channel];
                    let product = f64::from(x) * f64::from(w[kernel * each + channel]);
                    sum += product;
                    size += product.abs();
                }
            }
        }
        let error = (f64::from(found) - sum).abs() / size;
        assert!(error.is_finite());
        greatest = greatest.max(error);
    }
    greatest
}

/// Checks a convolution of two inputs at every level.
fn check(axes: [Axis; 2], channels: Channels) {
    let mut random = Random::new(axes[1].kernel as u64);
    let [rows, columns] = axes.map(|axis| axis.positions().unwrap());
    let x = random.numbers(2 * axes[0].length * axes[1].length * channels.input);
    let kernel = axes[0].kernel * axes[1].kernel;
    let w = random.numbers(channels.output * kernel * channels.input / channels.groups);
    for level in Level::available() {
        let mut out = vec![f32::NAN; 2 * rows * columns * channels.output];
        let (x_of, w_of) = (Numbers::F32(&x), Numbers::F32(&w));
        assert!(convolution::conv2d(level, axes, channels, x_of, w_of, NumbersMut::F32(&mut out)));
        let error = error(axes, channels, &x, &w, &out);
        assert!(error < 5e-7, "{level}, {axes:?}, {channels:?}: {error:e}");
    }
}

#[test]
fn convolutions_are_those_of_double_precision() {
    for (input, output, groups) in [(3, 5, 1), (20, 17, 1), (6, 9, 3), (19, 19, 19), (4, 8, 4)] {
        let channels = Channels { input, output, groups };
        check([axis(1, 1), axis(23, 3)], channels);
        check([axis(9, 3), axis(8, 2)], channels);
        check([axis(9, 2), Axis { stride: 2, ..axis(11, 4) }], channels);
        check([Axis { padding: [1; 2], ..axis(7, 3) }, Axis { padding: [2, 0], ..axis(6, 3) }], channels);
        check(
            [Axis { dilation: 2, ..axis(9, 3) }, Axis { dilation: 3, padding: [3; 2], ..axis(8, 3) }],
            channels,
        );
        check([axis(1, 1), Axis { padding: [40, 3], stride: 3, dilation: 2, ..axis(5, 9) }], channels);
    }
}

#[test]
fn a_kernel_deeper_than_a_block_is_multiplied() {
    let channels = Channels { input: 70, output: 20, groups: 1 };
    check([Axis { padding: [1; 2], ..axis(6, 3) }, Axis { padding: [1; 2], ..axis(7, 3) }], channels);
    check([axis(1, 1), Axis { padding: [4; 2], ..axis(60, 9) }], channels);
}

#[test]
fn patches_of_an_image_are_those_of_double_precision() {
    let axis = Axis { stride: 14, ..axis(56, 14) };
    check([axis, axis], Channels { input: 3, output: 33, groups: 1 });
}

#[test]
fn every_type_of_numbers_is_taken() {
    let axes = [axis(1, 1), Axis { padding: [1; 2], ..axis(12, 3) }];
    for groups in [1, 8] {
        let channels = Channels { input: 8, output: 8, groups };
        let mut random = Random::new(7);
        let x: Vec<_> = random.numbers(12 * 8).into_iter().map(bf16::from_f32).collect();
        let w: Vec<_> = random.numbers(8 * 3 * 8 / groups).into_iter().map(bf16::from_f32).collect();
        let wide = |all: &[bf16]| all.iter().map(|x| x.to_f32()).collect::<Vec<_>>();
        for level in Level::available() {
            let mut out = vec![bf16::NAN; 12 * 8];
            let (x_of, w_of) = (Numbers::Bf16(&x), Numbers::Bf16(&w));
            let out_of = NumbersMut::Bf16(&mut out);
            assert!(convolution::conv1d(level, axes[1], channels, x_of, w_of, out_of));
            assert!(error(axes, channels, &wide(&x), &wide(&w), &wide(&out)) < 4e-3, "{level}");
        }
    }
}

#[test]
fn sizes_that_do_not_fit_are_refused() {
    let (x, w, mut out) = ([1.0; 10], [1.0; 12], [0.0; 6]);
    let mut fits = |axis, channels, count| {
        let out = NumbersMut::F32(&mut out[..count]);
        convolution::conv1d(Level::best(), axis, channels, Numbers::F32(&x), Numbers::F32(&w), out)
    };
    let channels = Channels { input: 2, output: 2, groups: 1 };
    assert!(fits(axis(5, 3), channels, 6));
    assert!(!fits(axis(5, 3), channels, 5));
    assert!(!fits(axis(4, 3), channels, 4));
    assert!(!fits(axis(5, 6), channels, 0));
    assert!(!fits(axis(5, 0), channels, 6));
    assert!(!fits(Axis { stride: 0, ..axis(5, 3) }, channels, 6));
    assert!(!fits(Axis { dilation: 0, ..axis(5, 3) }, channels, 6));
    assert!(!fits(axis(5, 3), Channels { groups: 0, ..channels }, 6));
    assert!(!fits(axis(5, 3), Channels { input: 2, output: 3, groups: 2 }, 6));
    assert!(!fits(Axis { padding: [usize::MAX; 2], ..axis(5, 3) }, channels, 6));
}
