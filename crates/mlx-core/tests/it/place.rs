//! The line that errors of the numeric modules point at.

use mlx_core::random::{self, Key};
use mlx_core::{
    Array, BlockMasks, Conv, ConvGeneral, ConvTranspose, ConvolveMode, Dtype, Error, MatrixIndices,
    Quantization, QuantizationMode, Quantized, einsum, einsum_path, fast, fft, linalg,
};

#[track_caller]
fn assert_here(from: u32, to: u32, errors: Vec<Option<Error>>) {
    for (at, error) in errors.into_iter().enumerate() {
        let error = error.unwrap_or_else(|| panic!("case {at} did not fail"));
        let place = error.at();
        let here = place.file() == file!() && (from..=to).contains(&place.line());
        assert!(here, "case {at} points at {place}: {error}");
    }
}

#[test]
fn errors_of_products_point_at_the_caller() {
    let (x, y) = (Array::from([[1.0, 2.0, 3.0]]), Array::from([[1.0, 2.0]]));
    let index = Array::from([0.5]);
    let indices = MatrixIndices { rhs: Some(&index), ..MatrixIndices::default() };
    let whole = MatrixIndices { rhs: Some(&Array::from([0])), ..MatrixIndices::default() };
    let scheme = Quantization { mode: QuantizationMode::Mxfp4, bits: 4, group_size: 32 };
    let w = Quantized::of(&Array::ones([2, 32], Dtype::Float32).unwrap(), scheme).unwrap();
    let from = line!();
    let errors = vec![
        x.inner(&y).err(),
        x.kron(Array::zeros([0], Dtype::Float32)).err(),
        x.vecdot(&y, 1).err(),
        x.tensordot(&y, 1).err(),
        x.block_masked_mm(&y, 3, BlockMasks { out: Some(&x), ..BlockMasks::default() }).err(),
        x.segmented_mm(&y, &index).err(),
        x.gather_mm(&y, indices).err(),
        x.gather_mm(&y, whole).err(),
        x.hadamard_transform(None).err(),
        x.quantized_matmul(&w).err(),
        x.gather_qmm(&w, whole).err(),
        x.gather_qmm(&w, indices).err(),
        x.qqmm(&w, None).err(),
        x.gather_qqmm(&w, whole, None).err(),
        Quantized { biases: Some(x.clone()), ..w.clone() }.dequantize(None).err(),
        einsum("ij", [&x, &y]).err(),
        einsum_path("ij", [&x, &y]).err(),
        x.conv1d(&y, Conv::default()).err(),
        x.conv_transpose1d(&y, ConvTranspose::default()).err(),
        x.conv_general(&y, ConvGeneral::<1>::default()).err(),
        x.convolve(&y, ConvolveMode::Full).err(),
    ];
    assert_here(from, line!(), errors);
}

#[test]
fn errors_of_numeric_modules_point_at_the_caller() {
    let x = Array::from([[1.0, 2.0, 3.0]]);
    let (key, t) = (Key::new(0).unwrap(), linalg::Triangle::Lower);
    let from = line!();
    let errors = vec![
        linalg::inv(&x).err(),
        linalg::cholesky(&x, t).err(),
        linalg::cholesky_inv(&x, t).err(),
        linalg::cross(&x, &x, 0).err(),
        linalg::det(&x).err(),
        linalg::eig(&x).err(),
        linalg::eigh(&x, t).err(),
        linalg::lu(&Array::from([1.0])).err(),
        linalg::norm(&x, linalg::Order::Nuclear, 0).err(),
        linalg::matrix_norm(&x, 7.0).err(),
        linalg::solve(&x, &x).err(),
        linalg::svd(&Array::from([1.0])).err(),
        fft::fft(&x, 7).err(),
        fft::irfftn(&x, [3]).err(),
        fft::fftshift(&x, 4).err(),
        fft::fftfreq(0, 1.0).err(),
        random::bits([1], 3, &key).err(),
        random::randint([1], 0, 1, Dtype::Float32, &key).err(),
        random::multivariate_normal(&x, &x, [1], &key).err(),
        random::permutation(&x, 3, &key).err(),
        Key::from_array(x.clone()).err(),
        fast::cross_entropy(&x, &Array::from([0.5])).err(),
        fast::rope_dynamic(
            &x,
            fast::Rope { dims: 2, traditional: true, base: None, scale: 1.0, offset: 0, freqs: None },
            &Array::from(0),
        )
        .err(),
    ];
    assert_here(from, line!(), errors);
}
