//! Gradients of convolutions, which are linear in either array, against what they do to each unit vector.

use mlx_core::random::{Key, normal};
use mlx_core::transform::grad;
use mlx_core::{Array, Conv, ConvGeneral, ConvTranspose, Device, Dtype, Result, einsum};
use mlx_testkit::{Tolerance, assert_close};

use crate::values::values;

fn random(shape: &[i32], seed: u64) -> Array {
    normal(shape, Dtype::Float32, &Key::new(seed).unwrap()).unwrap()
}

/// Small numbers from a seed.
struct Draws(u64);

impl Draws {
    fn below(&mut self, n: i32) -> i32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % n as u64) as i32
    }

    fn each<const N: usize>(&mut self, from: i32, to: i32) -> [i32; N] {
        [(); N].map(|()| from + self.below(to - from + 1))
    }
}

/// A convolution, and arrays for it.
struct Case<const N: usize> {
    conv: ConvGeneral<N>,
    input: Array,
    weight: Array,
}

impl<const N: usize> Case<N> {
    fn draw(seed: u64) -> Self {
        let mut draws = Draws(seed);
        let groups = if N < 3 { 1 + draws.below(2) } else { 1 };
        let conv = ConvGeneral {
            stride: draws.each(1, 3),
            padding_lo: draws.each(-1, 4),
            padding_hi: draws.each(-1, 4),
            kernel_dilation: draws.each(1, 2),
            input_dilation: draws.each(1, 3),
            groups,
            flip: draws.below(2) == 1,
        };
        let (lengths, kernel): ([i32; N], [i32; N]) = (draws.each(1, 5), draws.each(1, 3));
        let input = random(&[&[1], &lengths[..], &[2 * groups]].concat(), seed);
        let weight = random(&[&[2 * groups], &kernel[..], &[2]].concat(), seed + 1);
        Self { conv, input, weight }
    }

    /// The convolution of all vectors of a basis of the inputs, weighed by `by`.
    fn by_input(&self, by: &Array) -> Result<Array> {
        let n = self.input.size() as i32;
        let shape = [&[n], &self.input.shape()[1..]].concat();
        let basis = Array::identity(n, Dtype::Float32)?.reshape(shape)?;
        let all = basis.conv_general(&self.weight, self.conv)?;
        (&all * by)?.reshape([n, -1])?.sum(1)?.reshape(self.input.shape())
    }

    /// The same of a basis of one kernel for each group.
    fn by_weight(&self, by: &Array) -> Result<Array> {
        let (shape, groups) = (self.weight.shape(), self.conv.groups);
        let n = shape[1..].iter().product::<i32>();
        let basis = Array::identity(n, Dtype::Float32)?.reshape([&[n], &shape[1..]].concat())?;
        let basis = basis.tile([&[groups][..], &vec![1; N + 1]].concat())?;
        let all = self.input.conv_general(&basis, self.conv)?.reshape([-1, groups, n])?;
        einsum("pgo,pgj->goj", [&by.reshape([-1, groups, shape[0] / groups])?, &all])?.reshape(shape)
    }

    fn check(&self) {
        let Self { conv, input, weight } = self;
        // One that does not fit is refused.
        let Ok(out) = input.conv_general(weight, *conv) else { return };
        let by = random(out.shape(), 7);
        let value = |(x, w): &(Array, Array)| (x.conv_general(w, *conv)? * &by)?.sum(..);
        let (dx, dw) =
            grad(value)(&(input.clone(), weight.clone())).unwrap_or_else(|error| panic!("{conv:?}: {error}"));
        for (found, expected, of) in
            [(dx, self.by_input(&by).unwrap(), "input"), (dw, self.by_weight(&by).unwrap(), "weight")]
        {
            assert_eq!(found.shape(), expected.shape());
            for (a, b) in values(&found).into_iter().zip(values(&expected)) {
                assert!(
                    (a - b).abs() < 1e-4 * (1.0 + b.abs()),
                    "{of} {input:?} {weight:?} {conv:?}: {a}, not {b}"
                );
            }
        }
    }
}

fn on_cpu(run: impl Fn()) {
    Device::Cpu
        .scope(|| {
            run();
            Ok(())
        })
        .unwrap();
}

#[test]
fn gradients_of_one_axis_are_the_convolutions_of_units() {
    on_cpu(|| (0..500).for_each(|seed| Case::<1>::draw(seed).check()));
}

#[test]
fn gradients_of_two_axes_are_the_convolutions_of_units() {
    on_cpu(|| (0..300).for_each(|seed| Case::<2>::draw(seed).check()));
}

#[test]
fn gradients_of_three_axes_are_the_convolutions_of_units() {
    on_cpu(|| (0..60).for_each(|seed| Case::<3>::draw(seed).check()));
}

#[test]
fn padding_beyond_the_kernel_has_a_gradient() {
    let (x, w) = (random(&[2, 3, 2], 1), random(&[3, 2, 2], 2));
    let loss = |(x, w): &(Array, Array)| {
        x.conv1d(w, Conv { padding: [4], stride: [2], ..Conv::default() })?.square()?.sum(..)
    };
    let padded = |(x, w): &(Array, Array)| {
        x.pad([(1, 4, 4)], 0)?.conv1d(w, Conv { stride: [2], ..Conv::default() })?.square()?.sum(..)
    };
    let (found, expected) = (grad(loss)(&(x.clone(), w.clone())), grad(padded)(&(x, w)));
    let (found, expected) = (found.unwrap(), expected.unwrap());
    assert_close(&values(&found.0), &values(&expected.0), Tolerance::F32);
    assert_close(&values(&found.1), &values(&expected.1), Tolerance::F32);
}

#[test]
fn a_transpose_is_the_gradient_of_its_convolution() {
    let w = random(&[3, 3, 2], 2);
    for (stride, padding, dilation, output_padding, length) in
        [(1, 0, 1, 0, 6), (2, 1, 1, 1, 8), (3, 2, 2, 2, 10), (1, 3, 1, 0, 4)]
    {
        let conv = Conv { stride: [stride], padding: [padding], dilation: [dilation], groups: 1 };
        let x = random(&[1, length, 2], 3);
        let Ok(y) = x.conv1d(&w, conv) else { continue };
        let by = random(y.shape(), 4);
        let dx = grad(|x: &Array| (x.conv1d(&w, conv)? * &by)?.sum(..))(&x).unwrap();
        let transpose = ConvTranspose {
            stride: [stride],
            padding: [padding],
            dilation: [dilation],
            output_padding: [output_padding],
            groups: 1,
        };
        let back = by.conv_transpose1d(&w.swapaxes(0, 2).unwrap(), transpose).unwrap();
        let shared = back.dim(1).unwrap().min(length);
        let [found, expected] = [&dx, &back].map(|x| values(&x.index((.., ..shared)).unwrap()));
        assert_close(&found, &expected, Tolerance::F32);
    }
}
