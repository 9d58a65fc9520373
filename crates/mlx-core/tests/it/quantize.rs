//! Quantized matrices, and parts that do not belong together.

use mlx_core::{Array, Dtype, Kind, Quantization, QuantizationMode, Quantized};
use mlx_testkit::{Tolerance, relative_rms};

use crate::values::{on_cpu, values};

fn matrix(rows: i32, columns: i32) -> Array {
    let key = mlx_core::random::Key::new(1).unwrap();
    mlx_core::random::normal([rows, columns], Dtype::Float32, &key).unwrap()
}

fn scheme(mode: QuantizationMode, bits: i32, group_size: i32) -> Quantization {
    Quantization { mode, bits, group_size }
}

#[test]
fn a_quantized_product_is_that_of_the_dequantized_matrix() {
    use QuantizationMode::{Affine, Mxfp4, Mxfp8, Nvfp4};
    let affine =
        [2, 3, 4, 5, 6, 8].into_iter().flat_map(|bits| [32, 64, 128].map(|g| scheme(Affine, bits, g)));
    for scheme in affine.chain([scheme(Mxfp4, 4, 32), scheme(Mxfp8, 8, 32), scheme(Nvfp4, 4, 16)]) {
        let (x, w) = (matrix(3, 128), Quantized::of(&matrix(8, 128), scheme).unwrap());
        let dense = w.dequantize(Some(Dtype::Float32)).unwrap();
        let expected = values(&x.matmul(dense.t()).unwrap());
        assert!(relative_rms(&values(&x.quantized_matmul(&w).unwrap()), &expected) < 1e-5, "{scheme}");
        let rows = w.take(&Array::from([7, 0])).unwrap().dequantize(Some(Dtype::Float32)).unwrap();
        let expected = dense.take(&Array::from([7, 0]), 0).unwrap();
        mlx_testkit::assert_close(&values(&rows), &values(&expected), Tolerance::EXACT);
    }
}

#[test]
fn a_scheme_without_a_kernel_is_refused() {
    for (bits, group) in [(0, 64), (-4, 64), (1, 64), (7, 64), (9, 64), (4, 0), (4, -64), (4, 16), (4, 1000)]
    {
        let scheme = Quantization::affine(bits, group);
        let error = Quantized::of(&matrix(2, 128), scheme).unwrap_err();
        assert_eq!(error.message(), format!("MLX does not know affine {bits}-bit, groups of {group}"));
        let parts = Quantized::of(&matrix(2, 128), Quantization::affine(4, 64)).unwrap();
        let parts = Quantized { scheme, ..parts };
        assert!(parts.dequantize(None).is_err() && matrix(2, 128).quantized_matmul(&parts).is_err());
    }
    assert!(Quantized::of(&matrix(2, 128), scheme(QuantizationMode::Mxfp4, 8, 32)).is_err());
}

#[test]
fn a_matrix_that_groups_do_not_fill_is_refused() {
    on_cpu(|| {
        let scheme = Quantization::affine(4, 64);
        assert!(Quantized::of(&matrix(2, 96), scheme).is_err());
        assert!(Quantized::of(&Array::zeros([128], Dtype::Float32).unwrap(), scheme).is_err());
        assert!(Quantized::of(&Array::zeros([2, 128], Dtype::Int32).unwrap(), scheme).is_err());
        let error = Quantized::of(&matrix(2, 128).astype(Dtype::Float64).unwrap(), scheme).unwrap_err();
        assert_eq!(error.kind(), Kind::Dtype);
    });
}

#[test]
fn parts_that_do_not_belong_together_are_refused() {
    on_cpu(|| {
        let whole = Quantized::of(&matrix(8, 128), Quantization::affine(4, 64)).unwrap();
        let other = Quantized::of(&matrix(4, 128), Quantization::affine(4, 64)).unwrap();
        let coarse = Quantized::of(&matrix(8, 128), Quantization::affine(4, 128)).unwrap();
        let one_axis = Quantized {
            weight: whole.weight.reshape([-1]).unwrap(),
            scales: whole.scales.reshape([-1]).unwrap(),
            biases: whole.biases.as_ref().map(|biases| biases.reshape([-1]).unwrap()),
            ..whole.clone()
        };
        let parts = [
            Quantized { scales: other.scales.clone(), ..whole.clone() },
            Quantized { biases: other.biases.clone(), ..whole.clone() },
            Quantized { biases: None, ..whole.clone() },
            Quantized { scales: coarse.scales.clone(), biases: coarse.biases.clone(), ..whole.clone() },
            Quantized { weight: whole.weight.view(Dtype::Int32).unwrap(), ..whole.clone() },
            Quantized { weight: whole.weight.index((.., ..15)).unwrap(), ..whole.clone() },
            Quantized { scales: whole.scales.index(0).unwrap(), ..whole.clone() },
            Quantized { scheme: scheme(QuantizationMode::Mxfp4, 4, 32), ..whole.clone() },
            one_axis,
        ];
        for (at, parts) in parts.iter().enumerate() {
            let error = parts.dequantize(None).unwrap_err();
            assert_eq!((error.kind(), error.op()), (Kind::Shape, "dequantize"), "{at}");
            assert_eq!(matrix(2, 128).quantized_matmul(parts).unwrap_err().op(), "quantized_matmul", "{at}");
        }
        assert!(matrix(2, 64).quantized_matmul(&whole).is_err());
        assert!(Array::from(1.0).quantized_matmul(&whole).is_err());
        let double = matrix(2, 128).astype(Dtype::Float64).unwrap();
        assert_eq!(double.quantized_matmul(&whole).unwrap_err().kind(), Kind::Dtype);
    });
}

#[test]
fn no_rows_times_a_quantized_matrix_are_no_rows() {
    let w = Quantized::of(&matrix(8, 128), Quantization::affine(4, 64)).unwrap();
    let none = Array::zeros([0, 128], Dtype::Float32).unwrap();
    let product = none.quantized_matmul(&w).unwrap();
    assert_eq!((product.shape(), product.to_vec::<f32>().unwrap()), (&[0, 8][..], vec![]));
}

#[test]
fn a_batch_of_quantized_matrices_broadcasts_as_matmul_does() {
    let batch = matrix(12, 64).reshape([3, 4, 64]).unwrap();
    let w = Quantized::of(&batch, Quantization::affine(8, 64)).unwrap();
    let dense = w.dequantize(None).unwrap().swapaxes(-1, -2).unwrap();
    for x in [matrix(2, 64), matrix(6, 64).reshape([3, 2, 64]).unwrap(), matrix(1, 64).index(0).unwrap()] {
        let (product, expected) = (x.quantized_matmul(&w).unwrap(), x.matmul(&dense).unwrap());
        assert_eq!(product.shape(), expected.shape());
        assert!(relative_rms(&values(&product), &values(&expected)) < 1e-5, "{x:?}");
    }
}
