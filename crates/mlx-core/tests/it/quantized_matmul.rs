//! Products with quantized matrices against those of the dequantized, and indices outside a batch.

use mlx_core::fast::{self, Activation, GatedLayer};
use mlx_core::{
    Array, Dtype, GlobalScales, Kind, MatrixIndices, Precision, Quantization, QuantizationMode, Quantized,
    QuantizedFactor,
};
use mlx_testkit::{Tolerance, assert_close, relative_rms};

use crate::values::{on_cpu, random, values};

const NVFP4: Quantization = Quantization { mode: QuantizationMode::Nvfp4, bits: 4, group_size: 16 };

const SCHEMES: [Quantization; 4] = [
    Quantization::affine(4, 32),
    Quantization { mode: QuantizationMode::Mxfp4, bits: 4, group_size: 32 },
    Quantization { mode: QuantizationMode::Mxfp8, bits: 8, group_size: 32 },
    NVFP4,
];

fn quantized<const N: usize>(shape: [i32; N], scheme: Quantization) -> (Quantized, Array) {
    let w = Quantized::of(&random(shape, 2), scheme).unwrap();
    let dense = w.dequantize(Some(Dtype::Float32)).unwrap();
    (w, dense)
}

#[track_caller]
fn assert_same(actual: &Array, expected: &Array) {
    assert_eq!(actual.shape(), expected.shape());
    assert!(relative_rms(&values(actual), &values(expected)) < 1e-5);
}

#[test]
fn a_matrix_may_stand_as_it_is() {
    for scheme in SCHEMES {
        let (w, dense) = quantized([64, 96], scheme);
        let factor = QuantizedFactor { weight: &w, transpose: false };
        let x = random([2, 3, 64], 2);
        assert_same(&x.quantized_matmul(factor).unwrap(), &x.matmul(&dense).unwrap());
        let none = Array::zeros([0, 64], Dtype::Float32).unwrap();
        assert_eq!(none.quantized_matmul(factor).unwrap().shape(), [0, 96]);
        assert!(random([2, 96], 2).quantized_matmul(factor).is_err(), "{scheme}");
    }
}

#[test]
fn gathered_products_are_those_of_the_dequantized_matrices() {
    let (left, right) = (Array::from([[0, 5], [-1, 2]]), Array::from([3, -4]));
    for scheme in SCHEMES {
        let x = random([6, 2, 64], 2);
        for transpose in [true, false] {
            let shape = if transpose { [4, 32, 64] } else { [4, 64, 32] };
            let (w, dense) = quantized(shape, scheme);
            let dense = if transpose { dense.swapaxes(-1, -2).unwrap() } else { dense };
            let factor = QuantizedFactor { weight: &w, transpose };
            for indices in [
                MatrixIndices { lhs: Some(&left), rhs: Some(&right), sorted: false },
                MatrixIndices { lhs: Some(&Array::from([[5], [0]])), ..MatrixIndices::default() },
                MatrixIndices { rhs: Some(&Array::from([0, 0, 1, 1, 2, 3])), sorted: true, lhs: None },
            ] {
                let expected = x.gather_mm(&dense, indices).unwrap();
                assert_same(&x.gather_qmm(factor, indices).unwrap(), &expected);
            }
        }
    }
}

#[test]
fn indices_of_quantized_matrices_are_clamped() {
    let (x, (w, _)) = (random([3, 2, 64], 2), quantized([4, 8, 64], NVFP4));
    let zero = Array::from([0]);
    let gathered = |rhs: &Array| {
        x.gather_qmm(&w, MatrixIndices { lhs: Some(&zero), rhs: Some(rhs), sorted: false }).unwrap()
    };
    let near = gathered(&Array::from([0, 0, 3, 3]));
    assert_same(&gathered(&Array::from([i32::MIN, -5, 4, i32::MAX])), &near);
    assert_same(&gathered(&Array::from([u32::MAX])), &gathered(&Array::from([3])));
    let error =
        x.gather_qmm(&w, MatrixIndices { rhs: Some(&Array::from([0.5])), ..MatrixIndices::default() });
    assert_eq!((error.as_ref().unwrap_err().kind(), error.unwrap_err().op()), (Kind::Dtype, "gather_qmm"));
}

#[test]
fn parts_that_do_not_belong_together_are_not_gathered() {
    let (x, (w, _)) = (random([3, 2, 64], 2), quantized([4, 8, 64], Quantization::affine(4, 32)));
    let other = quantized([2, 8, 64], Quantization::affine(4, 32)).0;
    let index = Array::from([0]);
    let indices = MatrixIndices { rhs: Some(&index), ..MatrixIndices::default() };
    for parts in [
        Quantized { scales: other.scales.clone(), ..w.clone() },
        Quantized { biases: None, ..w.clone() },
        Quantized { scheme: NVFP4, ..w.clone() },
    ] {
        assert_eq!(x.gather_qmm(&parts, indices).unwrap_err().kind(), Kind::Shape);
        assert_eq!(x.qqmm(&parts, None).unwrap_err().kind(), Kind::Shape);
    }
    on_cpu(|| {
        let double = x.astype(Dtype::Float64).unwrap();
        assert_eq!(double.gather_qmm(&w, indices).unwrap_err().kind(), Kind::Dtype);
    });
    assert!(
        random([3, 2, 32], 2).gather_qmm(&w, indices).is_err()
            && random([64], 2).gather_qmm(&w, indices).is_err()
    );
}

#[test]
fn a_gather_without_elements_is_empty_or_zero() {
    let (w, _) = quantized([4, 8, 64], NVFP4);
    let index = Array::from([0, 3]);
    let zero = Array::from([0]);
    let indices = MatrixIndices { lhs: Some(&zero), rhs: Some(&index), sorted: false };
    let none = Array::zeros([1, 0, 64], Dtype::Float32).unwrap();
    assert_eq!(none.gather_qmm(&w, indices).unwrap().shape(), [2, 0, 8]);
    let no_batch = Array::zeros([0, 2, 64], Dtype::Float32).unwrap();
    assert_eq!(no_batch.gather_qmm(&w, indices).unwrap_err().kind(), Kind::Index);
    let empty = Array::zeros([0], Dtype::Int32).unwrap();
    let picked = MatrixIndices { lhs: Some(&empty), rhs: Some(&empty), sorted: true };
    let product = random([1, 2, 64], 2).gather_qmm(&w, picked).unwrap();
    assert_eq!((product.shape(), values(&product)), (&[0, 2, 8][..], vec![]));
}

#[test]
fn both_sides_may_be_quantized() {
    on_cpu(|| {
        for scheme in &SCHEMES[1..] {
            let (x, (w, dense)) = (random([3, 64], 2), quantized([8, 64], *scheme));
            let rounded = Quantized::of(&x, *scheme).unwrap().dequantize(Some(Dtype::Float32)).unwrap();
            let expected = rounded.matmul(dense.t()).unwrap();
            assert_same(&x.qqmm(&w, None).unwrap(), &expected);
            let row = x.index(0).unwrap();
            assert_same(&row.qqmm(&w, None).unwrap(), &expected.index(0).unwrap());
            let batch = x.reshape([3, 1, 64]).unwrap();
            assert_same(&batch.qqmm(&w, None).unwrap(), &expected.reshape([3, 1, 8]).unwrap());
        }
        let (w, _) = quantized([8, 64], SCHEMES[0]);
        assert!(random([3, 64], 2).qqmm(&w, None).is_err(), "affine");
    });
}

#[test]
fn chosen_matrices_may_be_quantized_on_both_sides() {
    on_cpu(|| {
        let (x, (w, dense)) = (random([3, 2, 64], 2), quantized([4, 8, 64], NVFP4));
        let rounded = Quantized::of(&x, NVFP4).unwrap().dequantize(Some(Dtype::Float32)).unwrap();
        let right = Array::from([3, 9, -9]);
        let indices = MatrixIndices { rhs: Some(&right), ..MatrixIndices::default() };
        let expected = rounded.gather_mm(&dense.swapaxes(-1, -2).unwrap(), indices).unwrap();
        assert_same(&x.gather_qqmm(&w, indices, None).unwrap(), &expected);
    });
}

#[test]
fn a_global_scale_is_taken_out_again() {
    on_cpu(|| {
        let (x, matrix) = (random([3, 64], 2), (random([8, 64], 2) * 1e-4).unwrap());
        let (x_scale, w_scale) = (x.abs().unwrap().max(..).unwrap(), matrix.abs().unwrap().max(..).unwrap());
        let w = Quantized::of_scaled(&matrix, &w_scale).unwrap();
        let dense = w.dequantize_scaled(&w_scale, Some(Dtype::Float32)).unwrap();
        assert!(relative_rms(&values(&dense), &values(&matrix)) < 0.12);
        let left = Quantized::of_scaled(&x, &x_scale).unwrap();
        let left = left.dequantize_scaled(&x_scale, Some(Dtype::Float32)).unwrap();
        let scales = Some(GlobalScales { x: &x_scale, w: &w_scale });
        assert_same(&x.qqmm(&w, scales).unwrap(), &left.matmul(dense.t()).unwrap());
        let other = quantized([8, 64], SCHEMES[1]).0;
        assert!(x.qqmm(&other, scales).is_err() && other.dequantize_scaled(&w_scale, None).is_err());
        for wrong in [Array::from([1.0, 2.0]), Array::from(1)] {
            assert!(
                Quantized::of_scaled(&matrix, &wrong).is_err() && w.dequantize_scaled(&wrong, None).is_err()
            );
            assert!(x.qqmm(&w, Some(GlobalScales { x: &x_scale, w: &wrong })).is_err());
        }
    });
}

#[test]
fn a_product_keeps_the_type_of_its_left_side() {
    for scheme in SCHEMES {
        let (w, dense) = quantized([2, 8, 64], scheme);
        let x = random([2, 3, 64], 2).astype(Dtype::Bfloat16).unwrap();
        let indices = MatrixIndices { rhs: Some(&Array::from([1, 0])), ..MatrixIndices::default() };
        let found = x.gather_qmm(&w, indices).unwrap();
        let wide =
            x.astype(Dtype::Float32).unwrap().gather_mm(&dense.swapaxes(-1, -2).unwrap(), indices).unwrap();
        assert_close(&values(&found.astype(Dtype::Float32).unwrap()), &values(&wide), Tolerance::BF16);
        if scheme.mode != QuantizationMode::Affine {
            assert_eq!(found.dtype(), Dtype::Bfloat16);
        }
    }
}

#[test]
fn products_with_several_matrices_are_those_with_each() {
    for scheme in SCHEMES {
        let matrices = [[32, 64], [96, 64], [32, 64]].map(|shape| quantized(shape, scheme));
        let all = matrices.each_ref().map(|(w, _)| w);
        let x = random([2, 3, 64], 2);
        let products = x.quantized_matmul_each(&all).unwrap();
        assert_eq!(products.len(), 3);
        for (product, (w, dense)) in products.iter().zip(&matrices) {
            assert_same(product, &x.matmul(dense.swapaxes(-1, -2).unwrap()).unwrap());
            assert_same(product, &x.quantized_matmul(w).unwrap());
        }
        let gradient = mlx_core::transform::grad(|x: &Array| {
            x.quantized_matmul_each(&all)?.iter().try_fold(Array::from(0.0), |sum, y| sum + y.sum(..)?)
        });
        let expected = matrices.iter().map(|(_, dense)| dense.sum(0).unwrap());
        let expected = expected.reduce(|sum, row| (sum + row).unwrap()).unwrap();
        assert_same(&gradient(&x).unwrap(), &expected.broadcast_to(x.shape()).unwrap());
        assert!(random([2, 96], 2).quantized_matmul_each(&all).is_err(), "{scheme}");
        assert!(x.quantized_matmul_each(&[]).unwrap().is_empty());
        let none = Array::zeros([0, 64], Dtype::Float32).unwrap();
        assert_eq!(none.quantized_matmul_each(&all).unwrap()[1].shape(), [0, 96]);
    }
}

#[test]
fn a_feed_forward_layer_is_its_three_products() {
    for (scheme, activation) in
        SCHEMES.into_iter().zip([Activation::Silu, Activation::GeluApprox].into_iter().cycle())
    {
        let matrices = [[96, 64], [96, 64], [64, 96]].map(|shape| quantized(shape, scheme).0);
        let [gate, up, down] = &matrices;
        let layer = GatedLayer { gate, up, down, activation };
        let apart = |x: &Array| {
            let between = fast::gated(activation, &x.quantized_matmul(gate)?, &x.quantized_matmul(up)?)?;
            between.quantized_matmul(down)
        };
        for shape in [&[64][..], &[2, 3, 64], &[40, 64]] {
            for dtype in [Dtype::Float32, Dtype::Bfloat16] {
                let x = random(shape, 2).astype(dtype).unwrap();
                let y = fast::feed_forward(&x, layer).unwrap();
                assert_eq!((y.shape(), y.dtype()), (apart(&x).unwrap().shape(), apart(&x).unwrap().dtype()));
                assert_same(&y, &apart(&x).unwrap());
            }
        }
        let x = random([3, 64], 2);
        let sum = |y: Array| y.sum(..);
        let found = mlx_core::transform::grad(|x: &Array| sum(fast::feed_forward(x, layer)?))(&x).unwrap();
        assert_same(&found, &mlx_core::transform::grad(|x: &Array| sum(apart(x)?))(&x).unwrap());
        assert!(fast::feed_forward(&random([2, 96], 2), layer).is_err());
        assert!(fast::feed_forward(&x, GatedLayer { down: up, ..layer }).is_err());
        assert_eq!(
            fast::feed_forward(&Array::zeros([0, 64], Dtype::Float32).unwrap(), layer).unwrap().shape(),
            [0, 64]
        );
    }
}

#[test]
fn activations_are_rounded_for_matrices_that_ask_for_it() {
    if mlx_core::cpu::level().is_none() {
        return;
    }
    on_cpu(|| {
        let x = random([40, 96], 2);
        for bits in [4, 8] {
            let [gate, up, down] = [(); 3].map(|()| quantized([96, 96], Quantization::affine(bits, 32)).0);
            let products = |precision| {
                let [gate, up, down] = [&gate, &up, &down].map(|w| Quantized { precision, ..w.clone() });
                let stack = Quantized {
                    weight: gate.weight.unflatten(0, [3, 32]).unwrap(),
                    scales: gate.scales.unflatten(0, [3, 32]).unwrap(),
                    biases: gate.biases.as_ref().map(|biases| biases.unflatten(0, [3, 32]).unwrap()),
                    ..gate.clone()
                };
                let layer = GatedLayer { gate: &gate, up: &up, down: &down, activation: Activation::Silu };
                let each = x.quantized_matmul_each(&[&gate, &up]).unwrap();
                let gathered = x.gather_qmm(&stack, MatrixIndices::default()).unwrap();
                let feed_forward = fast::feed_forward(&x, layer).unwrap();
                [x.quantized_matmul(&gate).unwrap(), gathered, feed_forward].into_iter().chain(each).collect()
            };
            let [exact, rounded]: [Vec<Array>; 2] = [Precision::Exact, Precision::Int8].map(products);
            for (exact, rounded) in exact.iter().zip(&rounded) {
                let error = relative_rms(&values(rounded), &values(exact));
                assert!((1e-4..0.02).contains(&error), "{bits} bits: {error}");
            }
        }
    });
}
