//! Products of dense matrices.

use half::{bf16, f16};
use mlx_cpu::dense::{self, Batch, Order, Sizes, Then};
use mlx_cpu::gate::Activation;
use mlx_cpu::{Level, Numbers, NumbersMut};

use super::random::Random;

/// Where the element of a row and a column of the right side stands.
fn place(sizes: Sizes, row: usize, column: usize) -> usize {
    match sizes.order {
        Order::Plain => row * sizes.columns + column,
        Order::Transposed => column * sizes.depth + row,
    }
}

/// The greatest error of a product, in units of the magnitudes that its elements are made of.
fn error(sizes: Sizes, left: &[f32], right: &[f32], found: &[f32]) -> f64 {
    assert_eq!(found.len(), sizes.rows * sizes.columns);
    let mut greatest = 0.0_f64;
    for row in 0..sizes.rows {
        for column in 0..sizes.columns {
            let (mut sum, mut size) = (0.0, 1e-30);
            for at in 0..sizes.depth {
                let product =
                    f64::from(left[row * sizes.depth + at]) * f64::from(right[place(sizes, at, column)]);
                sum += product;
                size += product.abs();
            }
            let error = (f64::from(found[row * sizes.columns + column]) - sum).abs() / size;
            assert!(error.is_finite());
            greatest = greatest.max(error);
        }
    }
    greatest
}

#[test]
fn products_are_those_of_double_precision() {
    for level in Level::available() {
        for order in [Order::Plain, Order::Transposed] {
            for (depth, columns) in [(1, 1), (3, 40), (129, 17), (256, 33), (300, 130), (517, 5)] {
                for rows in (1..=17).chain([33, 100]) {
                    let sizes = Sizes { rows, depth, columns, order };
                    let mut random = Random::new((rows * depth) as u64);
                    let (left, right) = (random.numbers(rows * depth), random.numbers(depth * columns));
                    let mut out = vec![f32::NAN; rows * columns];
                    let (x, w) = (Numbers::F32(&left), Numbers::F32(&right));
                    assert!(dense::multiply(level, sizes, x, w, NumbersMut::F32(&mut out)));
                    let error = error(sizes, &left, &right, &out);
                    assert!(error < 5e-7, "{level}, {sizes:?}: {error:e}");
                }
            }
        }
    }
}

#[test]
fn more_rows_than_are_laid_out_at_a_time_are_multiplied() {
    let sizes = Sizes { rows: 1601, depth: 260, columns: 35, order: Order::Transposed };
    let mut random = Random::new(1);
    let (left, right) = (random.numbers(1601 * 260), random.numbers(260 * 35));
    for level in Level::available() {
        let mut out = vec![f32::NAN; 1601 * 35];
        let (x, w) = (Numbers::F32(&left), Numbers::F32(&right));
        assert!(dense::multiply(level, sizes, x, w, NumbersMut::F32(&mut out)));
        assert!(error(sizes, &left, &right, &out) < 5e-7, "{level}");
    }
}

#[test]
fn both_sides_may_be_of_any_type() {
    let columns = 19;
    let narrow = |x: f32| bf16::from_f32(f16::from_f32(x).to_f32()).to_f32();
    for level in Level::available() {
        for order in [Order::Plain, Order::Transposed] {
            for (rows, depth) in [(1, 77), (5, 77), (23, 77), (23, 78), (40, 600)] {
                let sizes = Sizes { rows, depth, columns, order };
                let mut random = Random::new(rows as u64);
                let left: Vec<_> = random.numbers(rows * depth).into_iter().map(narrow).collect();
                let right: Vec<_> = random.numbers(depth * columns).into_iter().map(narrow).collect();
                let halves = |all: &[f32]| all.iter().map(|&x| f16::from_f32(x)).collect::<Vec<_>>();
                let uppers = |all: &[f32]| all.iter().map(|&x| bf16::from_f32(x)).collect::<Vec<_>>();
                let (left_f16, left_bf16) = (halves(&left), uppers(&left));
                let (right_f16, right_bf16) = (halves(&right), uppers(&right));
                for x in [Numbers::F32(&left), Numbers::F16(&left_f16), Numbers::Bf16(&left_bf16)] {
                    for w in [Numbers::F32(&right), Numbers::F16(&right_f16), Numbers::Bf16(&right_bf16)] {
                        let mut out = vec![f32::NAN; rows * columns];
                        assert!(dense::multiply(level, sizes, x, w, NumbersMut::F32(&mut out)));
                        let exact = error(sizes, &left, &right, &out);
                        assert!(exact < 5e-7, "{level}, {sizes:?}: {exact:e}");
                    }
                }
                let mut out = vec![bf16::NAN; rows * columns];
                let (x, w) = (Numbers::F16(&left_f16), Numbers::Bf16(&right_bf16));
                assert!(dense::multiply(level, sizes, x, w, NumbersMut::Bf16(&mut out)));
                let found: Vec<_> = out.iter().map(|x| x.to_f32()).collect();
                let rounded = error(sizes, &left, &right, &found);
                assert!(rounded < 4e-3, "{level}, {sizes:?}: {rounded:e}");
            }
        }
    }
}

#[test]
fn a_layer_adds_its_bias_then_applies_its_function_then_adds_the_rest() {
    for (rows, depth, columns) in [(1, 5, 40), (8, 33, 17), (9, 64, 65), (800, 20, 33), (2, 0, 3)] {
        let sizes = Sizes { rows, depth, columns, order: Order::Transposed };
        let mut random = Random::new((rows + columns) as u64);
        let (left, right) = (random.numbers(rows * depth), random.numbers(depth * columns));
        let (bias, plus) = (random.numbers(columns), random.numbers(rows * columns));
        let then = Then {
            bias: Some(Numbers::F32(&bias)),
            activation: Some(Activation::SquaredRelu),
            plus: Some(Numbers::F32(&plus)),
        };
        for level in Level::available() {
            let mut out = vec![f32::NAN; rows * columns];
            let (x, w) = (Numbers::F32(&left), Numbers::F32(&right));
            assert!(dense::linear(level, sizes, x, w, then, NumbersMut::F32(&mut out)));
            for (at, (found, plus)) in out.iter().zip(&plus).enumerate() {
                let (row, column) = (at / columns, at % columns);
                let product = |at| f64::from(left[row * depth + at]) * f64::from(right[column * depth + at]);
                let sum = (0..depth).map(product).sum::<f64>() + f64::from(bias[column]);
                let error = (sum.max(0.0).powi(2) + f64::from(*plus) - f64::from(*found)).abs();
                assert!(error < 5e-5, "{level}, {sizes:?}, {at}: {error:e}");
            }
            let halves = vec![bf16::ONE; rows * columns];
            let then = Then { plus: Some(Numbers::Bf16(&halves)), ..then };
            assert!(!dense::linear(level, sizes, x, w, then, NumbersMut::F32(&mut out)));
        }
    }
}

#[test]
fn a_batch_is_multiplied_pair_by_pair() {
    let (depth, columns) = (37, 21);
    for level in Level::available() {
        for order in [Order::Plain, Order::Transposed] {
            for (rows, count, left_stride, right_stride) in
                [(3, 5, 3 * 37, 0), (11, 3, 0, 37 * 21), (2, 9, 100, 37 * 21 + 4), (13, 17, 13 * 37, 37 * 21)]
            {
                let sizes = Sizes { rows, depth, columns, order };
                let mut random = Random::new(count as u64);
                let left = random.numbers((count - 1) * left_stride + rows * depth);
                let right = random.numbers((count - 1) * right_stride + depth * columns);
                let mut out = vec![f32::NAN; count * rows * columns];
                let x = Batch { elements: Numbers::F32(&left), stride: left_stride };
                let w = Batch { elements: Numbers::F32(&right), stride: right_stride };
                assert!(dense::multiply_batch(level, sizes, x, w, NumbersMut::F32(&mut out)));
                for (number, out) in out.chunks(rows * columns).enumerate() {
                    let (left, right) = (&left[number * left_stride..], &right[number * right_stride..]);
                    let error = error(sizes, left, right, out);
                    assert!(error < 5e-7, "{level}, pair {number} of {sizes:?}: {error:e}");
                }
            }
        }
    }
}

#[test]
fn sizes_that_do_not_fit_are_refused() {
    let (left, right, mut out) = ([1.0; 6], [1.0; 12], [0.0; 8]);
    let sizes = Sizes { rows: 2, depth: 3, columns: 4, order: Order::Plain };
    let (x, w) = (Numbers::F32(&left), Numbers::F32(&right));
    let level = Level::best();
    assert!(dense::multiply(level, sizes, x, w, NumbersMut::F32(&mut out)));
    assert_eq!(out, [3.0; 8]);
    assert!(!dense::multiply(level, sizes, x, w, NumbersMut::F32(&mut out[..7])));
    assert!(!dense::multiply(level, sizes, x, Numbers::F32(&right[1..]), NumbersMut::F32(&mut out)));
    assert!(!dense::multiply(level, Sizes { rows: 3, ..sizes }, x, w, NumbersMut::F32(&mut out)));
    let batch = |elements, stride| Batch { elements, stride };
    let mut two = [0.0; 16];
    assert!(dense::multiply_batch(level, sizes, batch(x, 0), batch(w, 0), NumbersMut::F32(&mut two)));
    assert!(!dense::multiply_batch(level, sizes, batch(x, 1), batch(w, 0), NumbersMut::F32(&mut two)));
    assert!(!dense::multiply_batch(
        level,
        sizes,
        batch(x, usize::MAX),
        batch(w, 0),
        NumbersMut::F32(&mut two)
    ));
}

#[test]
fn no_depth_gives_zeros() {
    let mut out = [f32::NAN; 6];
    let sizes = Sizes { rows: 2, depth: 0, columns: 3, order: Order::Transposed };
    let none = Numbers::F32(&[]);
    assert!(dense::multiply(Level::best(), sizes, none, none, NumbersMut::F32(&mut out)));
    assert_eq!(out, [0.0; 6]);
}
